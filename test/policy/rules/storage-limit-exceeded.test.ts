import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storageLimitExceeded } from '../../../src/policy/rules/storage-limit-exceeded.ts';
import { factsOf, findings, HOUR, NOW, told, unknownEvidence } from '../deciding.ts';

const account = { storageUsed: 8000, storageLimit: 10_000, storageFreesAt: NOW + HOUR };

test('content that would pass the limit is refused until enough is freed', () => {
  const [found] = findings(storageLimitExceeded, factsOf({ account, contentSize: 2001 }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'storage_limit_exceeded',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: NOW + HOUR,
    evidence: { used_bytes: 8000, limit_bytes: 10_000, needed_bytes: 2001, frees_at: NOW + HOUR },
  });
  assert.deepEqual(unknownEvidence('storage_limit_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    '8 kB of 10 kB of storage are used; this message needs 2 kB; enough is freed at 2026-04-27T09:12:00.000Z.',
  );
});

test('content that fills the storage to the byte passes, and so does any where there is no limit', () => {
  assert.deepEqual(findings(storageLimitExceeded, factsOf({ account, contentSize: 2000 })), []);
  const unlimited = { ...account, storageLimit: null };
  assert.deepEqual(findings(storageLimitExceeded, factsOf({ account: unlimited, contentSize: 1e9 })), []);
});
