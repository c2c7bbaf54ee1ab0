// Plain files, as JavaScript writes them: the floor below a store.
import fs from 'node:fs';
import path from 'node:path';
import { inFlight } from './measure.mjs';

/** Writes each text to a file of its own in `directory`, so many at a time. */
export function writeFiles(directory, texts, concurrency, options) {
  const named = texts.map((text, number) => ({ text, file: path.join(directory, `${number}.json`) }));
  return inFlight(named, concurrency, ({ file, text }) => fs.promises.writeFile(file, text, options))();
}
