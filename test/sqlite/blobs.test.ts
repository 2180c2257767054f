import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { fileBlobs } from '../../src/data/blobs.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-blobs-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const blobs = fileBlobs(join(directory, 'blobs'));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pathOf = (name: string): string => join(directory, 'blobs', name.slice(0, 2), name);

function blob(text: string): { name: string; bytes: Buffer } {
  const bytes = Buffer.from(text);
  return { name: sha256(bytes), bytes };
}

it('stores a blob once, whoever puts it at the same time, and leaves nothing beside it', async () => {
  const { name, bytes } = blob('one');
  await Promise.all(Array.from({ length: 20 }, () => blobs.put(name, bytes)));
  assert.deepEqual(await blobs.get(name), bytes);
  assert.deepEqual(readdirSync(join(directory, 'blobs', name.slice(0, 2))), [name]);
});

it('takes a blob for gone when a bit of it flipped', async () => {
  const { name, bytes } = blob('flip');
  await blobs.put(name, bytes);
  writeFileSync(pathOf(name), 'flop');
  assert.equal(await blobs.get(name), null);
});

it('puts a blob although a process of the same number left its half here', async () => {
  const { name, bytes } = blob('half');
  mkdirSync(join(directory, 'blobs', name.slice(0, 2)), { recursive: true });
  for (let i = 1; i < 5; i += 1) writeFileSync(`${pathOf(name)}.${process.pid}.${i}`, '');
  await blobs.put(name, bytes);
  assert.deepEqual(await blobs.get(name), bytes);
});

it('never removes a blob that a message on its way names', async () => {
  const { name, bytes } = blob('race');
  await blobs.put(name, bytes);
  // Held: not even asked.
  const release = blobs.hold([name]);
  await blobs.removeUnused([name], () => assert.fail('a held blob was asked for'));
  release();
  // Put again while the question is out: the put waits, and finds or makes the blob.
  let put: Promise<void> = Promise.resolve();
  await blobs.removeUnused([name], async (names) => {
    put = blobs.put(name, bytes);
    return names;
  });
  await put;
  assert.deepEqual(await blobs.get(name), bytes);
  // Named by a row by the time of the question.
  await blobs.removeUnused([name], async () => []);
  assert.deepEqual(await blobs.get(name), bytes);
  await blobs.removeUnused([name], async (names) => names);
  assert.equal(await blobs.get(name), null);
  await blobs.removeUnused([name], async (names) => names);
});

it('lists what has lain for an hour, and removes halves as old', async () => {
  const old = blob('old');
  const fresh = blob('fresh');
  await blobs.put(old.name, old.bytes);
  await blobs.put(fresh.name, fresh.bytes);
  const half = `${pathOf(old.name)}.01234567-89ab-4def-8123-456789abcdef`;
  writeFileSync(half, '');
  const hoursAgo = (Date.now() - 2 * 3_600_000) / 1000;
  for (const path of [half, pathOf(old.name)]) utimesSync(path, hoursAgo, hoursAgo);
  const part = (name: string): number => Number.parseInt(name.slice(0, 2), 16);
  assert.deepEqual(await blobs.settled(part(old.name)), [old.name]);
  assert.ok(!(await blobs.settled(part(fresh.name))).includes(fresh.name));
  assert.ok(!readdirSync(join(directory, 'blobs', old.name.slice(0, 2))).some((name) => name.includes('.')));
  assert.deepEqual(await fileBlobs(join(directory, 'nowhere')).settled(3), []);
});
