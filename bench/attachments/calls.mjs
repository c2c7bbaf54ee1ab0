// Our calls, and that they did what they say: whatever is measured goes through here.
import { createHash } from 'node:crypto';
import { must } from '../support/answer.mjs';

const DOCUMENT = { title: 'Bench', kind: 'attachment' };

/** A document whose attachment's bytes go to the store; its text. `contents` is a stream of the file, else its path is given. */
export async function createStored(agent, { file, name, sha256 }, contents) {
  const attachments = contents ? { path: name, contents } : file;
  const text = await agent.createDocument(DOCUMENT, { attachments });
  const { jacsFiles, jacsFilesStored } = JSON.parse(text);
  must(jacsFiles.length === 1 && jacsFiles[0].sha256 === sha256, 'the document has another hash');
  must(jacsFilesStored.join() === sha256, 'the bytes are not stored');
  return text;
}

/** A document with the bytes in it, not saved; its text. */
export function createEmbedded(agent, attachments) {
  return agent.createDocument(DOCUMENT, { noSave: true, attachments, embed: true });
}

/** Reads an attachment to its end, which comes only when the hash was right. */
export async function readAll(agent, text, { name, size }) {
  let bytes = 0;
  for await (const chunk of agent.readAttachment(text, name)) bytes += chunk.length;
  must(bytes === size, `${bytes} bytes instead of ${size}`);
}

/** Another reader that does as much: any stream of bytes, hashed in JavaScript. */
export async function readHashed(stream, { sha256 }) {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  must(hash.digest('hex') === sha256, 'other bytes were read');
}
