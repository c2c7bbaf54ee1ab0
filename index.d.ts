/// <reference types="node" />

/** What went wrong, as a stable code. Compare `code`, never messages. */
export type JacsErrorCode =
  | 'JACS_CONFIG'
  | 'JACS_INPUT'
  | 'JACS_SCHEMA'
  | 'JACS_NOT_FOUND'
  | 'JACS_CONFLICT'
  | 'JACS_HASH'
  | 'JACS_SIGNATURE'
  | 'JACS_UNTRUSTED'
  | 'JACS_KEY'
  | 'JACS_PASSWORD'
  | 'JACS_ATTACHMENT'
  | 'JACS_PERMISSION'
  | 'JACS_UNSUPPORTED'
  | 'JACS_UNAVAILABLE'
  | 'JACS_ABORTED'
  | 'JACS_INTERNAL';

/** Every rejection of this package. `cause` holds the error below it, where there is one. */
export class JacsError extends Error {
  readonly name: 'JacsError';
  readonly code: JacsErrorCode;
  /** The same call may succeed later. */
  readonly retryable: boolean;
  /** `id:version` or `id` of the document that the error is about. */
  readonly key?: string;
  /** Local path that the error is about. */
  readonly path?: string;
  /** The signed document, when it was signed and could not be stored: `saveDocument(err.document)` tries again. */
  readonly document?: string;
  /** `JACS_CONFLICT` of an update: the key of the newest version, and those of all heads. */
  readonly current?: string;
  readonly heads?: string[];
  /** `createDocuments`: what was made, by position, and what was not. */
  readonly documents?: (string | null)[];
  readonly failures?: { index: number; code: JacsErrorCode; message: string; key?: string; document?: string }[];
}

/** `ring-Ed25519` (RFC 8032), or `pq2025`: ML-DSA-87 (FIPS 204), safe against quantum computers, signatures of 4.6 KB. */
export type Algorithm = 'ring-Ed25519' | 'pq2025';
/** Why a key is believed to be the signer's, strongest first. `storage` means: its agent document lies beside the documents. */
export type KeySource = 'self' | 'pinned' | 'dns' | 'registry' | 'storage';
export type Environment = Record<string, string | undefined>;
/** Keys of `jacs.config.json`; the README has the table. Relative paths mean the working directory. Unknown keys are `JACS_CONFIG`. */
export interface Config {
  [key: `jacs_${string}` | `aws_${string}`]: unknown;
}

export interface CreateAgentOptions {
  /** Where the configuration is written, default `./jacs.config.json`. One that names no agent gives the settings and gets the agent. */
  configPath?: string;
  dataDirectory?: string;
  keyDirectory?: string;
  /** `fs` (default), `aws`, `hai` or `memory`; `jacs_default_storage` of the configuration. */
  storage?: string;
  algorithm?: Algorithm;
  /** Of the private key: at least 8 characters of two kinds. Default: `JACS_PRIVATE_KEY_PASSWORD`, then the file `JACS_PASSWORD_FILE`. */
  password?: string;
  name?: string;
  description?: string;
  agentType?: 'human' | 'human-org' | 'hybrid' | 'ai';
  domain?: string;
  /** Read instead of `process.env`. */
  env?: Environment;
}
export interface LoadOptions {
  password?: string;
  /** Needs no private key and no password; writes are `JACS_PERMISSION`, but for the trust store. */ readOnly?: boolean;
  /** Asks neither the registry nor DNS for keys, whatever is configured; the storage is asked. Where DNS must confirm (`jacs_dns_required`), signers are `JACS_UNTRUSTED`. */
  offline?: boolean;
  env?: Environment;
}
export interface RotateOptions {
  /** Of the present private key; default as in `load`. */
  password?: string;
  /** Of the new key and of the old one that is kept; default the present one. */
  newPassword?: string;
  /** Default: that of the present key. */
  algorithm?: Algorithm;
  reason?: 'scheduled' | 'compromised';
  env?: Environment;
}
export interface TrustedAgent {
  agentId: string;
  /** When it was trusted or blocked. */
  since: string;
  blocked: boolean;
  algorithm?: Algorithm;
  /** SHA-256 of the raw public key, hex. */
  keySha256?: string;
}
/** `domain`: default that of the agent document, else of the configuration. `format`: a line of a zone file (default), or JSON that `aws route53 change-resource-record-sets` takes. */
export interface DnsRecordOptions {
  domain?: string;
  format?: 'zone' | 'route53';
}
export interface PresignOptions {
  /** From 1 to 604800, seven days, which is what AWS allows. */
  expiresInSeconds: number;
  /** Of a stored attachment of the document: the URL then gives its bytes. */
  path?: string;
}
export interface Progress {
  done: number;
  total?: number;
  bytes: number;
  totalBytes?: number;
  failed: number;
}

/** A file or a folder by its path; with `contents` a name, relative, for bytes or a stream (web, Node, any async iterable of bytes). */
export interface AttachmentInput {
  path: string;
  contents?: Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Default: found by content, then by the name's extension. */
  mimetype?: string;
}
export type Attachments = string | AttachmentInput | (string | AttachmentInput)[];

export interface CreateOptions {
  /** A local file's path, a built-in `https://hai.ai/schemas/...` URL, the schema's text or the schema. Nothing is ever fetched. */
  schema?: string | object;
  /** Also write the signed document to this local path, 0600, never over a file unless `overwrite`. */
  filename?: string;
  overwrite?: boolean;
  /** Touch no backend and write no file. */
  noSave?: boolean;
  /** Files, folders, bytes or streams that belong to the document. */
  attachments?: Attachments;
  /** `true`: the bytes go into the document. `false`: only path and hash. Default: the bytes go to the store, once, and path and hash into the document. */
  embed?: boolean | null;
  /** `jacs`: embedded files in the form of `jacs` (gzip, hash of the base64 text), which it accepts. Default `plain`. */
  attachmentForm?: 'plain' | 'jacs';
  /** Store input of the migration recipe although other versions of its id are stored. */
  resign?: boolean;
  signal?: AbortSignal;
  /** Told while attachments are read and stored: `done` and `total` count files, `bytes` and `totalBytes` theirs. */
  onProgress?: (progress: Progress) => void;
}
/** `merges`: keys of other heads of the same document, which the update closes. */
export interface UpdateOptions extends Omit<CreateOptions, 'resign'> {
  merges?: string[];
}
/** `concurrency`: documents stored at the same time, default 64. */
export interface BatchOptions {
  schema?: string | object;
  noSave?: boolean;
  concurrency?: number;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
export interface VerifyOptions {
  /** Agent ids of which one must have signed, else `JACS_UNTRUSTED`. */
  signedBy?: string | string[];
  /** The weakest key source that counts; never weaker than `jacs_minimum_trust`. */
  minimumTrust?: KeySource;
  /** Accept `jacsAgreement` and `jacsRegistration`, which other implementations never sign. */
  allowUnsigned?: boolean;
  /** Read every attachment, wherever it is, and compare its hash. Default: embedded ones only; of stored ones, that they are there. */
  contents?: boolean;
  /** Where attachments that are only referenced lie; default the working directory. */
  baseDirectory?: string;
  signal?: AbortSignal;
}
/** `baseDirectory`: of attachments that are only referenced. The document is verified first, with the other options. */
export type ReadAttachmentOptions = Omit<VerifyOptions, 'contents'>;
export interface SaveAttachmentsOptions extends ReadAttachmentOptions {
  /** Replace files that stand there; else `JACS_CONFLICT`, and nothing is written. */
  overwrite?: boolean;
  onProgress?: (progress: Progress) => void;
}
export interface GetOptions extends Omit<VerifyOptions, 'contents' | 'baseDirectory'> {
  /** `hash`: only that the bytes are what was written; says nothing about the signer, so demands on it are then `JACS_INPUT`. */
  verify?: 'full' | 'hash';
  /** `error`: reject with `JACS_CONFLICT` when a document has several heads. */
  onFork?: 'winner' | 'error';
  /** `false`: every byte is read from the store and verified anew. Default `true`: what was verified less than `jacs_cache_ttl_ms` ago may come from memory. */
  cache?: boolean;
}
/** `after`: a document id; `since`: RFC 3339. `type` and `agentId` read and verify each document, the rest is from the listing alone. */
export interface ListOptions {
  allVersions?: boolean;
  after?: string;
  limit?: number;
  since?: string;
  type?: string;
  agentId?: string;
  signal?: AbortSignal;
}
export interface DocumentEntry {
  key: string;
  id: string;
  version: string;
  bytes?: number;
  modified?: string;
}
export type AgentEntry = DocumentEntry;
/** `accepted`: the version counts for the newest and the heads; `why` says what is against it. `future`: its time lies ahead of the clock. */
export interface VersionEntry {
  key: string;
  version: string;
  previous?: string;
  date: string;
  agentId: string;
  head: boolean;
  accepted: boolean;
  why?: string;
  future?: boolean;
}
export interface VerificationReport {
  valid: boolean;
  /** Of the first check that failed. */
  code?: JacsErrorCode;
  checks: { name: string; ok: boolean; detail?: string }[];
  key?: string;
  agentId?: string;
  agentVersion?: string;
  algorithm?: string;
  keySource?: KeySource;
  /** SHA-256 of the raw public key, hex. */
  keySha256?: string;
  /** With `dns`: whose record it is. The signer names it, so compare it with the one that you expect. */
  domain?: string;
  tried: { source: string; result: string }[];
  unsigned: string[];
  /** The signer's own claim; a signature proves no time. */
  signedAt?: string;
  heads?: string[];
  attachments: {
    path: string;
    sha256: string;
    where: 'document' | 'store' | 'reference';
    present: boolean;
    ok?: boolean;
  }[];
}
/** `chain`: how a version hangs on the one it replaces: by hash, only by name (other implementations), not stored, or with another hash. */
export interface HistoryEntry extends VersionEntry {
  valid: boolean;
  code?: JacsErrorCode;
  keySource?: KeySource;
  chain: 'first' | 'linked' | 'named' | 'missing' | 'broken';
}
/** `valid`: every version that counts verified, and its chain leads to the first. `gaps`: versions that are named and not stored. */
export interface HistoryReport {
  id: string;
  valid: boolean;
  owner?: string;
  versions: HistoryEntry[];
  heads: string[];
  gaps: string[];
}
/** `documents`: `id` for its newest version, or `id:version`. */
export interface BundleOptions {
  documents: string[];
  /** Every version of each document. */
  allVersions?: boolean;
  /** Replace the file; else `JACS_CONFLICT`. */
  overwrite?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
export interface VerifyBundleOptions extends Omit<VerifyOptions, 'contents' | 'baseDirectory'> {
  /**
   * Whose agent, trust store and limits count: a configuration of the recipient. Without it keys are believed as `storage` at most.
   * Where it has `jacs_dns_required` or `jacs_dns_strict`, only the agent's own key and pinned ones do: DNS is not asked.
   */
  config?: string | Config;
  env?: Environment;
}
/**
 * What the maker of a bundle says it was told about a signer's key, and by whom. Reported, never believed. `publicKey`: base64 of the
 * raw bytes, where no agent document in the bundle carries the key.
 */
export interface BundleEvidence {
  source: KeySource;
  keySha256: string;
  algorithm: Algorithm;
  publicKey?: string;
  /** RFC 3339. */
  resolvedAt: string;
  tried: { source: string; result: string }[];
}
/** `bundledBy`: the agent that made and signed the bundle. */
export interface BundledReport extends VerificationReport {
  bundledBy: string;
  evidence?: BundleEvidence;
}
/**
 * What a transfer or a check has to say of one object. `damage`: it is not what it was, or not what it should be; `note`: worth knowing.
 * `kind`: see docs/check.md and docs/migrate.md. `path`: of the object below the data directory, or in the archive.
 */
export interface Finding {
  kind: string;
  code: JacsErrorCode;
  key?: string;
  path?: string;
  message: string;
  severity: 'damage' | 'note';
  /** `check` with `repairFrom`: whether the object was brought back. */
  repaired?: boolean;
}
/** `concurrency`: objects under way at the same time, default 64. `done`, `total` and `failed` of its progress count objects; `total` comes late. */
export interface TransferOptions {
  concurrency?: number;
  /** Only say what would be done. */
  dryRun?: boolean;
  /** Put into the report a document, signed by the agent and not stored, that says what was transferred. */
  sign?: boolean;
  onFinding?: (finding: Finding) => void;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
/** The environment gives credentials and the password only: its settings would override both configurations. */
export interface MigrateOptions extends TransferOptions {
  from: string | Config;
  to: string | Config;
  /** After all is copied: a successor of the same content, signed by the agent of `to`, for each document whose newest version it did not sign. */
  resign?: boolean;
  /** Of the private key of `to`, for `resign` and `sign`. */
  password?: string;
  /** Copy documents whose hash or signature fails, too; they are reported all the same. */
  keepInvalid?: boolean;
  /** A local file that says what is done: a call with the same one goes on there. Removed when all is done. */
  checkpoint?: string;
  env?: Environment;
}
/** `deep`: read and compare what both sides have. Default: equal names are equal objects, since none ever changes. */
export interface MirrorOptions extends TransferOptions {
  deep?: boolean;
  /** Remove from the mirror what is not in the store any more. Default: it is kept. */
  removeMissing?: boolean;
  keepInvalid?: boolean;
  checkpoint?: string;
}
/** `overwrite`: replace the file. `keepInvalid`: also what is not what its hash says. */
export interface ExportOptions extends TransferOptions {
  overwrite?: boolean;
  keepInvalid?: boolean;
}
export interface ImportOptions extends TransferOptions {
  /** Whose documents come in: of agents that the store knows, or of any in the archive. Default: `any` into an empty store, else `known`. */
  agents?: 'known' | 'any';
  /** Limits on the archive, else `JACS_INPUT`, and nothing was stored: entries (default 10,000,000), unpacked bytes (1 TiB), and unpacked bytes for each packed one (200). */
  maxEntries?: number;
  maxBytes?: number;
  maxRatio?: number;
}
/** `password`: of the private key, for `sign`. The environment gives credentials and the password only. */
export interface ImportIntoOptions extends ImportOptions {
  password?: string;
  env?: Environment;
}
/**
 * `copied`: objects that the target has now and had not; `same`: that it had; `conflicts`: that have other bytes there (never overwritten);
 * `failed`: that are not there. All but the first two are among `failures` (at most 10,000), beside notes.
 */
export interface TransferReport {
  copied: number;
  same: number;
  conflicts: number;
  failed: number;
  /** `mirror` with `removeMissing`. */
  removed: number;
  /** `migrate` with `resign`: successors that were made. */
  resigned: number;
  /** Of what was copied. */
  bytes: number;
  failures: Finding[];
  createOnce: 'atomic' | 'checked' | 'none';
  /**
   * RFC 6962 Merkle tree hashes, hex, over `path NUL sha256` (sha256 in hex) of every object of the source, sorted by path, and over those of
   * them that the target has, with what it has: equal when everything is there, byte for byte. Absent when not all of the source could be
   * read, after a dry run, and of a `mirror` without `deep`.
   */
  root?: { from: string; to: string };
  /** With `sign`. */
  signed?: string;
  /** `importArchive`: agents in the archive that the store did not know. */
  newAgents?: string[];
}
export interface CheckOptions {
  /** Only versions made at or after this time (RFC 3339), and the attachments that they name. */
  since?: string;
  /** Only this share of the documents, chosen at random anew each time: 0.05 is 5 %. */
  sample?: number;
  /** A local file that says what is checked already: a call with the same one goes on there. Removed when all is checked. */
  resume?: string;
  /** A mirror: damaged and missing objects are fetched from there, whole, and verified; what they replace goes to `quarantine`. */
  repairFrom?: string | Config;
  /** A local directory, default `./jacs_quarantine`. */
  quarantine?: string;
  /** Findings in the report, default 10,000; `onFinding` hears of all. */
  maxFindings?: number;
  onFinding?: (finding: Finding) => void;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
/** `damaged`: objects with a finding that is damage; `complete`: every object was looked at (never with `since` or `sample`). */
export interface CheckReport {
  scanned: number;
  bytes: number;
  damaged: number;
  repaired: number;
  findings: Finding[];
  complete: boolean;
  /** The file to go on from, when objects could not be looked at. */
  resume?: string;
}
export interface Diagnosis {
  ok: boolean;
  settings: { key: string; value: string; source: 'object' | 'environment' | 'file' | 'default' }[];
  agent: { id: string; version: string; algorithm: string; keySha256: string; readOnly: boolean };
  /** Who is asked for keys, in order; `registry`: its URL, where it is one of them; `dns`: whether domains' records are looked up. `offline`: neither is asked. */
  keys: { resolution: ('local' | 'storage' | 'registry' | 'dns')[]; registry?: string; dns: boolean; offline: boolean };
  storage: {
    scheme: string;
    root?: string;
    /** On a server that was not shown anything yet: `checked`. */
    createOnce: 'atomic' | 'checked' | 'none';
    durability?: 'full' | 'none';
    writable?: boolean;
    /** On fs: whether a new file needs no temporary name; whether updates by several processes exclude each other. */
    unnamedFiles?: boolean;
    locks?: boolean;
    /** On a server: its address, and what the credentials allow; a member is absent where it was not tried. */
    endpoint?: string;
    permissions?: { list?: boolean; write?: boolean; read?: boolean; remove?: boolean };
    /** On S3: whether the bucket keeps what is removed, and the encryption that the server names. */
    versioning?: boolean;
    encryption?: string;
    listingSorted?: boolean;
    /** The server's clock minus this machine's. */
    clockSkewSeconds?: number;
    /** On WebDAV: whether uploads that broke off can be seen. */
    partialUploads?: boolean;
  };
  /** Verified documents in memory, in bytes with their overhead; reads that found one there, and that did not. */
  cache: { hits: number; misses: number; entries: number; bytes: number; maxBytes: number };
  /** What is wrong; `ok` is true when nothing is. */
  warnings: string[];
  /** What could be better. */
  advice: string[];
}

/**
 * An agent: keys, and a store of signed documents. One instance serves concurrent calls. Texts go in as text or plain objects; documents
 * come out as text, exactly the stored bytes. Any call may reject with `JACS_INPUT` (an argument), `JACS_CONFIG` (not loaded, or closed),
 * `JACS_UNAVAILABLE` and `JACS_PERMISSION` (the storage), `JACS_ABORTED` (your signal).
 * @example
 * const agent = await Agent.create({ password: process.env.PASSWORD });
 * const text = await agent.createDocument({ title: 'My document' });
 */
export class Agent {
  /** An agent without keys: call `load` next. Calls made while it loads wait for it. */
  constructor();
  /**
   * Makes keys, an agent document and a configuration file; a crashed call is finished by calling again.
   * Rejects: `JACS_CONFLICT` over existing keys or a configuration that names an agent (nothing is written), `JACS_PASSWORD`, `JACS_CONFIG`.
   */
  static create(options?: CreateAgentOptions): Promise<Agent>;
  /**
   * Loads keys and agent document; opens no socket. Resolves to the agent document.
   * Rejects: `JACS_CONFIG` (also for a second load), `JACS_KEY`, `JACS_PASSWORD`, `JACS_NOT_FOUND`.
   */
  load(config: string | Config, options?: LoadOptions): Promise<string>;
  loadSync(config: string | Config, options?: LoadOptions): string;
  /** Waits for what is under way, forgets the key. Later calls are `JACS_CONFIG`. */
  close(): Promise<void>;
  /** The loaded agent; before that, reading one throws `JACS_CONFIG`. `publicKey`: raw bytes. `agentDocument`: what others hand to `trustAgent`. */
  readonly id: string;
  readonly version: string;
  readonly algorithm: Algorithm;
  readonly publicKey: Buffer;
  readonly agentDocument: string;

  /**
   * Signs a new document and stores it: the promise resolves when it is on the disk, or when the server acknowledged it.
   * Rejects: `JACS_INPUT` (not I-JSON, over a limit, system fields, already signed), `JACS_SCHEMA`, `JACS_CONFLICT` (`filename` exists);
   * after signing with `err.key` and `err.document`.
   */
  createDocument(
    json: string | object,
    schema?: string | null,
    filename?: string | null,
    noSave?: boolean | null,
    attachments?: Attachments | null,
    embed?: boolean | null,
  ): Promise<string>;
  createDocument(json: string | object, options: CreateOptions): Promise<string>;
  createDocumentSync(
    json: string | object,
    schema?: string | null,
    filename?: string | null,
    noSave?: boolean | null,
    attachments?: Attachments | null,
    embed?: boolean | null,
  ): string;
  createDocumentSync(json: string | object, options: CreateOptions): string;
  /** Many documents, signed on all cores. Stores what it can and rejects with `err.documents` and `err.failures` when some failed. */
  createDocuments(all: (string | object)[], options?: BatchOptions): Promise<string[]>;
  /**
   * Reads a verified document: `id:version`, or the newest by `id`.
   * Rejects: `JACS_NOT_FOUND`, `JACS_HASH`, `JACS_SIGNATURE`, `JACS_KEY`, `JACS_UNTRUSTED`, `JACS_CONFLICT` (several originals, or `onFork`).
   */
  getDocument(key: string, options?: GetOptions): Promise<string>;
  getDocumentSync(key: string, options?: GetOptions): string;
  /**
   * Replaces the newest version by a new one: the author's fields as a whole. `key` is `id:version`, or `id` when `json` carries `jacsVersion`.
   * Rejects: `JACS_CONFLICT` with `err.current` and `err.heads` when the version is not the newest; `JACS_INPUT` for level `raw`.
   */
  updateDocument(
    key: string,
    json: string | object,
    attachments?: Attachments | null,
    embed?: boolean | null,
  ): Promise<string>;
  updateDocument(key: string, json: string | object, options: UpdateOptions): Promise<string>;
  updateDocumentSync(
    key: string,
    json: string | object,
    attachments?: Attachments | null,
    embed?: boolean | null,
  ): string;
  updateDocumentSync(key: string, json: string | object, options: UpdateOptions): string;
  /** Stores an already signed document after verifying it, in canonical form; the stored text. The same bytes again are success. */
  saveDocument(signed: string): Promise<string>;
  /** Removes a version, or with `allVersions` a document, oldest version first. Leaves no mark: a removal is no proof of absence. */
  removeDocument(key: string, options?: { allVersions?: boolean }): Promise<void>;
  /** One entry a document, its newest version; ascending ids; in pages, constant memory. */
  listDocuments(options?: ListOptions): AsyncIterable<DocumentEntry>;
  listAgents(options?: { signal?: AbortSignal }): AsyncIterable<AgentEntry>;
  /** All versions of a document, oldest first, those that do not count included. */
  versions(id: string): Promise<VersionEntry[]>;
  /** `true` when every check held, `false` when one failed; rejects when no verdict was possible. */
  verifyDocument(json: string | object, options?: VerifyOptions): Promise<boolean>;
  verifyDocumentSync(json: string | object, options?: VerifyOptions): boolean;
  /** As `verifyDocument`, and rejects with the code of the first check that failed. */
  assertDocument(json: string | object, options?: VerifyOptions): Promise<VerificationReport>;
  /**
   * The report for a text or a key, valid or not. A valid signature proves the key, not the time. What is no JSON object is taken
   * for a key: pass texts of strangers to `assertDocument`.
   */
  inspectDocument(jsonOrKey: string, options?: VerifyOptions): Promise<VerificationReport>;
  /**
   * The bytes of one attachment. Act on nothing before the stream ended: its hash is known to be right only then; where it is not, and
   * where bytes are missing, the stream fails and never ends. `path` is that of `jacsFiles`. There are no parts of a file: they could not be verified.
   * Fails with `JACS_NOT_FOUND` (no such attachment), `JACS_ATTACHMENT` (missing, cut short or altered), and as `assertDocument`.
   */
  readAttachment(jsonOrKey: string, path: string, options?: ReadAttachmentOptions): ReadableStream<Uint8Array>;
  /**
   * Writes all attachments below a directory, which is made when only it is missing: 0600, each verified before it gets its name, none
   * outside the directory, whatever the document says. Resolves to their absolute paths.
   * Rejects: `JACS_CONFLICT` (a file stands there), `JACS_ATTACHMENT` (a path leads outside, bytes missing or altered), and as `assertDocument`.
   */
  saveAttachments(jsonOrKey: string, directory: string, options?: SaveAttachmentsOptions): Promise<string[]>;
  /**
   * Copies a whole store into another, bytes unchanged: agents, files, documents and what came meanwhile; each is verified before it is copied
   * and read back after it. Can be stopped at any point and called again; nothing is ever overwritten. Both configurations' agents are needed
   * only for `resign` and `sign` (that of `to`). Resolves also when objects failed: look at the report.
   * Rejects: `JACS_CONFIG` (source is target), `JACS_UNAVAILABLE` (a storage cannot be asked at all), `JACS_INPUT` (a checkpoint of another migration), `JACS_PASSWORD`.
   */
  static migrate(options: MigrateOptions): Promise<TransferReport>;
  /**
   * Writes the whole store to a `.tar.gz` whose `jacs_data` folder, unpacked, is a data directory. Rejects: `JACS_CONFLICT` (the file exists),
   * `JACS_NOT_FOUND` (the data directory does not exist: a disk that is not mounted is no backup).
   */
  exportArchive(file: string, options?: ExportOptions): Promise<TransferReport>;
  /**
   * Brings the documents of a `.tar.gz` into the store: one of `exportArchive`, of `tar -czf` of a data directory, or of `jacs`'s layout. Each is
   * verified; nothing is replaced; keys, configurations and whatever is not a document, an agent or an attachment stay outside.
   * The static form needs no loaded agent: it restores into the storage of a configuration.
   * Rejects: `JACS_INPUT` (no such archive, or over a limit: nothing was stored).
   */
  importArchive(file: string, options?: ImportOptions): Promise<TransferReport>;
  static importArchive(config: string | Config, file: string, options?: ImportIntoOptions): Promise<TransferReport>;
  /**
   * Writes chosen documents with their stored attachments, the agents that signed them and what is known of their keys into one file,
   * signed by this agent, for somebody without a network or this store; see docs/bundles.md. Rejects: `JACS_CONFLICT` (the file exists),
   * `JACS_NOT_FOUND`, `JACS_ATTACHMENT`, `JACS_PERMISSION` (loaded read-only), `JACS_INPUT` (over a limit), and as `getDocument`: what does
   * not verify is not handed on.
   */
  exportBundle(file: string, options: BundleOptions): Promise<TransferReport>;
  /**
   * Verifies a bundle with no network and no store; a report for each chosen document, in their order, with the contents of stored
   * attachments compared. Who signed is believed as far as the bundle's agents go (`storage`), or by the agent and the trust store of
   * `config`. Rejects: `JACS_INPUT` (no such bundle, or over a limit), `JACS_HASH` (something is missing, altered or was added),
   * `JACS_SIGNATURE`, `JACS_KEY`, `JACS_UNTRUSTED` (not made by who it says, or that agent is blocked), `JACS_UNSUPPORTED` (of a later form).
   */
  static verifyBundle(file: string, options?: VerifyBundleOptions): Promise<BundledReport[]>;
  /** Copies to another storage what is not there yet; `jacs_data_directory` of `to` and its credentials matter, not its agent. Rejects: as `migrate`. */
  mirror(to: string | Config, options?: MirrorOptions): Promise<TransferReport>;
  /**
   * Looks at every object of the store: names, hashes, signatures, version chains, attachments, permissions. Resolves whatever it finds; with
   * `repairFrom` damage is repaired. Rejects: `JACS_NOT_FOUND` (the data directory does not exist).
   */
  check(options?: CheckOptions): Promise<CheckReport>;
  /** Every version of a document with signer and chain hash. */
  verifyHistory(id: string, options?: VerifyOptions): Promise<HistoryReport>;
  /**
   * Configuration with sources, keys, permissions and abilities of the backend. On a server its abilities are found by writing one
   * object and removing it; `probe: false` writes nothing (default when loaded read-only).
   */
  doctor(options?: { probe?: boolean }): Promise<Diagnosis>;
  /** Encrypts the private key file anew. Rejects: `JACS_PASSWORD` when `password` is wrong or `newPassword` weak. */
  changePassword(options: { password: string; newPassword: string }): Promise<void>;
  /**
   * Pins the key of an agent: only that key, and those that rotation proofs lead to from it, are believed to be the agent's from now on,
   * whatever the storage says. Also ends a block. Kept under the key directory.
   * Rejects: `JACS_INPUT` (not an agent's own document), `JACS_KEY` (it carries no key), `JACS_HASH`, `JACS_SIGNATURE`,
   * `JACS_CONFLICT` (another key is pinned, and no proof leads from that to this one).
   */
  trustAgent(agentJson: string | object): Promise<void>;
  /** Blocks an agent: what it signed is `JACS_UNTRUSTED` until it is trusted again. `forget` only removes its entry. */
  untrustAgent(id: string, options?: { forget?: boolean }): Promise<void>;
  /** The entries of the trust store, by id. */
  trustedAgents(): Promise<TrustedAgent[]>;
  /**
   * Makes a new key, and a new version of the agent document with the proof by the old key. The old key is kept, encrypted and marked
   * `.retired`; what it signs from now on is not valid, and after `compromised` what it signed before counts only where later
   * versions by the new key name it: `updateDocument` of just the version that you know to be yours speaks for it and all before it. Other processes get `JACS_KEY` at their next save; so may calls of this one that are under way.
   * Rejects: `JACS_PASSWORD`, `JACS_KEY` (another process replaced the keys), `JACS_UNAVAILABLE` (the keys are replaced, and the new
   * agent document could not be stored yet: the next save stores it).
   */
  rotateKeys(options?: RotateOptions): Promise<void>;
  /**
   * The TXT record that says in DNS which key is this agent's, to be published below its domain. Other agents of the domain have
   * records at the same name; the form for Route 53 replaces all of them.
   * Throws: `JACS_INPUT` (no domain, or no valid one).
   */
  dnsRecord(options?: DnsRecordOptions): string;
  /**
   * A URL that gives one document, or one stored attachment of it, to whoever has it, for a time and without credentials. `aws` only.
   * With an id it is for what is the newest version now. It ends early with the credentials that signed it, and cannot be taken back.
   * Rejects: `JACS_UNSUPPORTED` (another storage), `JACS_INPUT` (also: an attachment that is embedded or only referenced),
   * `JACS_ATTACHMENT` (it is not in the store), and as `getDocument` without its cache: what does not verify is not handed on.
   */
  presign(key: string, options: PresignOptions): Promise<string>;
  /** Writes a new version of the agent document, by the same key, unless it says all of it already; that document. An empty `domain` removes it; a configuration file that names the domain follows. */
  updateAgent(changes: { name?: string; description?: string; domain?: string }): Promise<string>;
}
/** The same class under the name that the ecosystem's documentation uses. */
export { Agent as JacsAgent };
