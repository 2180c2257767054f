/** Policies of MTA-STS in the store: they outlast a restart, and room is made by those that are over. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { KeptStsPolicy } from '../../src/data/port/sts-policies.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';

let opened: OpenedStore;
before(async () => {
  opened = await openTestStore();
});
after(() => opened.close());

function policy(domain: string, change: Partial<KeptStsPolicy> = {}): KeptStsPolicy {
  const { now } = opened.clock;
  const mx = ['mail.example.com', '*.example.net'];
  return { domain, id: 'a', mode: 'enforce', mx, maxAgeMs: 1000, fetchedAt: now, until: now + 1000, ...change };
}

test('a policy is found as it was kept, the newest of a domain alone', async () => {
  const { store } = opened;
  assert.equal(await store.stsPolicy({ domain: 'example.com' }), null);
  await store.keepStsPolicy(policy('example.com'));
  await store.keepStsPolicy(policy('example.com', { id: 'b', mode: 'testing' }));
  assert.deepEqual(
    await store.stsPolicy({ domain: 'example.com' }),
    policy('example.com', { id: 'b', mode: 'testing' }),
  );
});

test('those that are over are gone when another is kept', async () => {
  const { store, clock } = opened;
  await store.keepStsPolicy(policy('short.example'));
  await store.keepStsPolicy(policy('long.example', { until: clock.now + 9000 }));
  clock.advance(2000);
  await store.keepStsPolicy(policy('other.example'));
  assert.equal(await store.stsPolicy({ domain: 'short.example' }), null);
  assert.notEqual(await store.stsPolicy({ domain: 'long.example' }), null);
});
