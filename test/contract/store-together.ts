/** Several submissions that are admitted together: all of them or none. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AdmitAllAnswer, AdmitAnswer, StaleCanaries } from '../../src/data/store.ts';
import { codes, newPrincipal, submission } from '../harness/submissions.ts';
import type { Opened } from './store.ts';

const THREE_A_DAY = { limits: [{ name: 'day', scope: 'tenant' as const, window: 'calendar_day', max: 3 }] };

function refused(answer: AdmitAllAnswer | StaleCanaries): { at: number; answer: AdmitAnswer } {
  assert.equal(answer.outcome, 'refused');
  return answer as AdmitAllAnswer & { outcome: 'refused' };
}

function admitted(answer: AdmitAllAnswer | StaleCanaries): AdmitAnswer[] {
  assert.equal(answer.outcome, 'admitted', JSON.stringify(answer));
  return (answer as AdmitAllAnswer & { outcome: 'admitted' }).answers;
}

const idsOf = (answers: readonly AdmitAnswer[]) =>
  answers.map((answer) => ('messageId' in answer ? answer.messageId : ''));

export function togetherContract(opened: () => Opened): void {
  const keyed = (key: string, i: number, fingerprint = `${key} ${i}`) => ({
    to: [`b${i}@example.com`],
    idempotency: { key: `${key}:${i}`, fingerprint },
  });

  it('is refused whole where one is one too many, consumes nothing, and says which and why', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { policy: THREE_A_DAY });
    const requests = (count: number) =>
      Array.from({ length: count }, (_, i) => submission(principal, { to: [`a${i}@example.com`] }));
    const events = opened().events(principal).length;
    const over = refused(await store.admitAll(requests(4)));
    assert.equal(over.at, 3);
    assert.deepEqual(codes(over.answer), ['daily_quota_exceeded']);
    assert.equal(opened().events(principal).length, events);
    const answers = admitted(await store.admitAll(requests(3)));
    assert.deepEqual(
      answers.map(({ outcome }) => outcome),
      ['admitted', 'admitted', 'admitted'],
    );
    assert.equal(refused(await store.admitAll(requests(1))).at, 0);
  });

  it('answers the same batch again, though its limit is used up by now', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { policy: THREE_A_DAY });
    const batch = [0, 1, 2].map((i) => submission(principal, keyed('k', i)));
    const first = admitted(await store.admitAll(batch));
    const second = admitted(await store.admitAll(batch));
    assert.deepEqual(
      second.map(({ outcome }) => outcome),
      ['replayed', 'replayed', 'replayed'],
    );
    assert.deepEqual(idsOf(second), idsOf(first));
  });

  it('is another batch under the same key where one has changed or was added', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store);
    admitted(await store.admitAll([0, 1].map((i) => submission(principal, keyed('k', i)))));
    const changed = refused(
      await store.admitAll([submission(principal, keyed('k', 0)), submission(principal, keyed('k', 1, 'another'))]),
    );
    assert.equal(changed.at, 1);
    assert.equal(changed.answer.outcome, 'key_reused');
    const added = refused(await store.admitAll([0, 1, 2].map((i) => submission(principal, keyed('k', i)))));
    assert.equal(added.at, 2);
    assert.ok(added.answer.outcome === 'key_reused' && added.answer.until > clock.now);
  });

  it('stays stored when the process ends', async () => {
    const principal = await newPrincipal(opened().store);
    const ids = idsOf(admitted(await opened().store.admitAll([0, 1].map((i) => submission(principal, keyed('k', i))))));
    await opened().crash();
    await opened().reopen();
    for (const id of ids) assert.ok(await opened().store.message({ ...principal, id }));
  });
}
