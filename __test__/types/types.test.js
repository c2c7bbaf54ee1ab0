'use strict';
// The types: what must compile does, what must not does not, and the three faces (index.d.ts, native.d.ts, index.js) agree.

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const library = require('../..');
const native = require('../../native.js');
const { root } = require('../support/addon.js');
const { newAgent } = require('../support/agents.js');

jest.setTimeout(120_000); // the compiler reads all of @types/node

const fixture = (name) => path.join(__dirname, 'fixtures', name);

const STRICT = {
  strict: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  noEmit: true,
  types: ['node'],
};
const RESOLUTIONS = {
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler },
};

/** What the compiler says of files, as `name:line message`. */
function diagnose(files, options) {
  const program = ts.createProgram(files, { ...STRICT, ...options });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (!file) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    return `${path.basename(file.fileName)}:${line + 1} ${message}`;
  });
}

describe.each(Object.entries(RESOLUTIONS))('moduleResolution %s', (_, resolution) => {
  test('what must compile does', () => {
    expect(diagnose([fixture('accepted.ts')], resolution)).toEqual([]);
  });
});

test('what must not compile does not: every expected error is one', () => {
  expect(fs.readFileSync(fixture('refused.ts'), 'utf8').match(/@ts-expect-error/g).length).toBeGreaterThan(55);
  expect(diagnose([fixture('refused.ts')], RESOLUTIONS.bundler)).toEqual([]);
});

test('index.d.ts and native.d.ts compile by themselves', () => {
  const files = ['index.d.ts', 'native.d.ts'].map((name) => path.join(root, name));
  expect(diagnose(files, { ...RESOLUTIONS.node16, skipLibCheck: false })).toEqual([]);
});

describe('the faces agree', () => {
  // By the listing class, or by the identity that is read at once.
  const ONLY_PUBLIC = [
    'agentDocument',
    'algorithm',
    'id',
    'listAgents',
    'listDocuments',
    'publicKey',
    'readAttachment',
    'version',
  ];
  const ONLY_NATIVE = ['identity'];

  let checker;
  let members;
  let nativeMembers;
  let statics;
  beforeAll(() => {
    const files = ['index.d.ts', 'native.d.ts'].map((name) => path.join(root, name));
    const program = ts.createProgram(files, { ...STRICT, ...RESOLUTIONS.node16 });
    checker = program.getTypeChecker();
    const classIn = (file, name) => {
      const source = program.getSourceFile(file);
      const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
      return exported.find((symbol) => symbol.name === name);
    };
    const namesOf = (symbols) => symbols.map(({ name }) => name).filter((name) => name !== 'prototype');
    const [agent, nativeAgent] = [classIn(files[0], 'Agent'), classIn(files[1], 'NativeAgent')];
    members = new Map(
      checker
        .getDeclaredTypeOfSymbol(agent)
        .getProperties()
        .map((one) => [one.name, one]),
    );
    nativeMembers = new Map(
      checker
        .getDeclaredTypeOfSymbol(nativeAgent)
        .getProperties()
        .map((one) => [one.name, one]),
    );
    statics = namesOf(checker.getTypeOfSymbol(agent).getProperties());
  });

  /** The type that a method resolves to, or gives when it is synchronous, for each of its forms. */
  function results(symbol) {
    const signatures = checker.getTypeOfSymbol(symbol).getCallSignatures();
    return signatures.map((signature) => {
      const type = signature.getReturnType();
      const promised = checker.getPromisedTypeOfPromise?.(type) ?? checker.getAwaitedType(type);
      return { type, promised, isPromise: type.symbol?.name === 'Promise' };
    });
  }

  const sorted = (names) => [...names].sort();

  test('the methods of index.d.ts are those of native.d.ts, but for the exceptions', () => {
    // importArchive has both forms.
    const publicNames = [...new Set([...members.keys(), ...statics])].filter((name) => !ONLY_PUBLIC.includes(name));
    const nativeStatics = statics.filter((name) => typeof native.NativeAgent[name] === 'function');
    const nativeNames = [...new Set([...nativeMembers.keys(), ...nativeStatics])].filter(
      (name) => !ONLY_NATIVE.includes(name),
    );
    expect(sorted(publicNames)).toEqual(sorted(nativeNames));
    for (const name of ONLY_PUBLIC) expect([...members.keys()]).toContain(name);
    for (const name of ONLY_NATIVE) expect([...nativeMembers.keys()]).toContain(name);
  });

  test('index.js has the methods that index.d.ts declares', () => {
    const own = (object) => Object.getOwnPropertyNames(object);
    const runtime = own(library.Agent.prototype).filter((name) => name !== 'constructor');
    expect(sorted(runtime)).toEqual(sorted(members.keys()));
    const staticNames = own(library.Agent).filter((name) => !['length', 'name', 'prototype'].includes(name));
    expect(sorted(staticNames)).toEqual(sorted(statics));
    expect(sorted(Object.keys(library))).toEqual(['Agent', 'JacsAgent', 'JacsError']);
  });

  test('the addon has the methods that native.d.ts declares', () => {
    const runtime = Object.getOwnPropertyNames(native.NativeAgent.prototype).filter((name) => name !== 'constructor');
    expect(sorted(runtime)).toEqual(sorted(nativeMembers.keys()));
  });

  test('the twins are five, and only they are synchronous', () => {
    const twins = ['createDocument', 'getDocument', 'load', 'updateDocument', 'verifyDocument'].map(
      (name) => `${name}Sync`,
    );
    const methods = [...members].filter(([, symbol]) => symbol.flags & ts.SymbolFlags.Method);
    expect(sorted(methods.map(([name]) => name).filter((name) => name.endsWith('Sync')))).toEqual(twins);
    for (const [name, symbol] of methods) {
      const forms = results(symbol).map(
        ({ type, isPromise }) => isPromise || ['AsyncIterable', 'ReadableStream'].includes(type.symbol?.name),
      );
      // That one asks nobody and has no other form.
      const isSync = name.endsWith('Sync') || name === 'dnsRecord';
      expect({ name, forms }).toEqual({ name, forms: forms.map(() => !isSync) });
    }
  });

  test('what native code resolves to is the public result, as text where it is an object, or a failure', () => {
    const crosses = { string: 'string', 'string[]': 'string[]', boolean: 'boolean', void: 'undefined' };
    const shared = [...members].filter(([name]) => nativeMembers.has(name));
    expect(shared.length).toBeGreaterThan(15);
    for (const [name, symbol] of shared) {
      const [form] = results(symbol).map(({ type, promised, isPromise }) =>
        checker.typeToString(isPromise ? promised : type),
      );
      const [raw] = results(nativeMembers.get(name)).map(({ type, promised, isPromise }) =>
        isPromise ? promised : type,
      );
      const parts = raw.types.map((part) => checker.typeToString(part)).filter((part) => part !== 'Failure');
      const given = parts.join('|').replace(/^(true\|false|false\|true)$/, 'boolean');
      expect({ name, given }).toEqual({ name, given: crosses[form] ?? 'string' });
    }
  });
});

describe('every declared option is known to native code', () => {
  const KEY = 'f47ac10b-58cc-4372-a567-0e02b2c3d479:f47ac10b-58cc-4372-a567-0e02b2c3d479';
  // Taken off in index.js.
  const NOT_NATIVE = ['env', 'onFinding', 'onProgress', 'signal'];

  const CALLS = {
    CreateAgentOptions: (_, options) => library.Agent.create(options),
    LoadOptions: (_, options) => new library.Agent().load('/no/such/file', options),
    CreateOptions: (agent, options) => agent.createDocument({}, options),
    UpdateOptions: (agent, options) => agent.updateDocument(KEY, {}, options),
    BatchOptions: (agent, options) => agent.createDocuments([{}], options),
    VerifyOptions: (agent, options) => agent.verifyDocument({}, options),
    GetOptions: (agent, options) => agent.getDocument(KEY, options),
    ReadAttachmentOptions: (agent, options) => agent.readAttachment(KEY, 'a.txt', options).getReader().read(),
    SaveAttachmentsOptions: (agent, options) => agent.saveAttachments(KEY, 'folder', options),
    MigrateOptions: (_, options) => library.Agent.migrate(options),
    ExportOptions: (agent, options) => agent.exportArchive('x.tar.gz', options),
    ImportOptions: (agent, options) => agent.importArchive('x.tar.gz', options),
    ImportIntoOptions: (_, options) => library.Agent.importArchive('/no/such/file', 'x.tar.gz', options),
    BundleOptions: (agent, options) => agent.exportBundle('x.tar.gz', options),
    VerifyBundleOptions: (_, options) => library.Agent.verifyBundle('x.tar.gz', options),
    MirrorOptions: (agent, options) => agent.mirror('/no/such/file', options),
    CheckOptions: (agent, options) => agent.check(options),
    RotateOptions: (agent, options) => agent.rotateKeys(options),
    PresignOptions: (agent, options) => agent.presign(KEY, options),
    DnsRecordOptions: async (agent, options) => agent.dnsRecord(options),
    ListOptions: (agent, options) => agent.listDocuments(options)[Symbol.asyncIterator]().next(),
  };

  let agent;
  let declared;
  beforeAll(async () => {
    ({ agent } = await newAgent());
    const file = path.join(root, 'index.d.ts');
    const program = ts.createProgram([file], { ...STRICT, ...RESOLUTIONS.node16 });
    const checker = program.getTypeChecker();
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
    const optionsOf = (symbol) => checker.getDeclaredTypeOfSymbol(symbol).getProperties();
    declared = new Map(exported.map((symbol) => [symbol.name, () => optionsOf(symbol).map(({ name }) => name)]));
  });

  test.each(Object.entries(CALLS))('%s', async (name, call) => {
    const options = declared
      .get(name)()
      .filter((option) => !NOT_NATIVE.includes(option));
    expect(options.length).toBeGreaterThan(1);
    for (const option of options) {
      // A name that is one letter off is refused, and the message names the nearest that native code knows.
      const error = await call(agent, { [`${option}_`]: 1 }).catch((reason) => reason);
      expect(error).toMatchObject({ code: 'JACS_INPUT' });
      expect(error.message).toMatch(new RegExp(`\\b${option}\\b`));
    }
  });

  test('the interfaces are all there are', () => {
    // No call takes that one by itself: others extend it.
    const names = [...declared.keys()].filter((name) => name.endsWith('Options') && name !== 'TransferOptions');
    expect(names.sort()).toEqual(Object.keys(CALLS).sort());
  });
});
