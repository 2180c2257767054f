import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { migrations } from '../../src/data/sqlite/database.ts';
import { KeyIndex } from '../../src/data/sqlite/key-index.ts';

const PARTS = 256;

it('finds every key after a failure that followed the end of one run and the beginning of the next', () => {
  const db = new DatabaseSync(':memory:');
  for (const { sql } of migrations()) db.exec(sql);
  const index = new KeyIndex(db, { keys: 2, generations: 1 });
  const hashes = [11, 12, 13, 14, 15, 16];
  for (const [i, hash] of hashes.entries()) index.add(hash, i + 1);
  for (let part = 1; part < PARTS; part += 1) {
    index.endGroup();
    index.committed();
  }
  // Calls of one group, each in a transaction of its own, of which the last fails.
  index.endGroup();
  index.endGroup();
  index.undo();
  const found = () => hashes.map((hash) => index.find(hash));
  const ids = hashes.map((_, i) => [i + 1]);
  assert.deepEqual(found(), ids);
  for (let group = 0; group < 3 * PARTS; group += 1) {
    index.endGroup();
    index.committed();
  }
  assert.deepEqual(found(), ids);
  db.close();
});
