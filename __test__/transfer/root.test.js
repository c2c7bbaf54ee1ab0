'use strict';
// The root of a report: the Merkle tree hash of RFC 6962 over `path NUL sha256`, computed here without the package.

const fs = require('node:fs');
const { newAgent } = require('../support/agents.js');
const { emptyPlace, migrate, objectsOf, putFile, range, rootOf, treeHash } = require('../support/transfer.js');

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

// The reference tree of Certificate Transparency.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = {
  0: EMPTY,
  1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  3: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  4: 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  5: '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  6: '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  7: 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
};

test.each(Object.entries(ROOTS))('the tree of these tests, of %s known leaves', (count, root) => {
  expect(treeHash(LEAVES.slice(0, Number(count)).map((leaf) => Buffer.from(leaf, 'hex')))).toBe(root);
});

test('of an empty store', async () => {
  const from = emptyPlace();
  fs.mkdirSync(from, { mode: 0o700 });
  const report = await migrate(from, emptyPlace());
  expect(report).toMatchObject({ copied: 0, same: 0, conflicts: 0, failed: 0, bytes: 0, failures: [] });
  expect(report.root).toEqual({ from: EMPTY, to: EMPTY });
});

test('of stores of every shape of tree', async () => {
  for (const count of [...range(18), 31, 32, 33].slice(1)) {
    const from = emptyPlace();
    for (const n of range(count)) putFile(from, Buffer.from(`file ${n}`));
    const { root, copied } = await migrate(from, emptyPlace());
    const expected = rootOf(objectsOf(from));
    expect([count, copied, root]).toEqual([count, count, { from: expected, to: expected }]);
  }
});

test('sorts agents, documents and files by their paths, however they come', async () => {
  const { agent, data } = await newAgent();
  for (const n of range(5)) {
    await agent.createDocument({ n }, { attachments: { path: 'file', contents: Buffer.from(`${n}`) } });
  }
  const expected = rootOf(objectsOf(data));
  for (const concurrency of [1, 64]) {
    expect((await migrate(data, emptyPlace(), { concurrency })).root).toEqual({ from: expected, to: expected });
  }
});
