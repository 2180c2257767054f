/** Idempotency and dedupe keys: one message a key, the same answer each time, and free again when their time is over. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { codes, decided, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import type { Opened } from './store.ts';

const DAY_MS = 86_400_000;

export function keyContract(opened: () => Opened): void {
  it('replays the same key and content with the identical answer, and stores nothing again', async () => {
    const { store, clock } = opened();
    const policy = {
      limits: [
        { name: 'day', scope: 'tenant' as const, window: 'rolling_24h', max: 10 },
        { name: 'person', scope: 'recipient' as const, window: 'rolling_1h', max: 1 },
      ],
    };
    const principal = await newPrincipal(store, { policy });
    await store.admit(submission(principal, { to: ['busy@example.com'], subject: 'before' }));
    const to = ['bob@example.com', 'busy@example.com'];
    const idempotency = { key: 'k-1', fingerprint: 'content' };
    const first = decided(await store.admit(submission(principal, { to, idempotency })));
    assert.equal(first.outcome, 'admitted');
    clock.advance(5000);
    const again = decided(await store.admit(submission(principal, { to, idempotency })));
    assert.ok(again.outcome === 'replayed' && again.by === 'idempotency');
    const { outcome: _a, ...answer } = first;
    const { outcome: _b, by: _c, ...replayed } = again;
    assert.deepEqual(replayed, answer);
    const accepted = opened()
      .events(principal)
      .filter(({ type }) => type === 'message.accepted');
    assert.equal(accepted.length, 2);
  });

  it('refuses the same key with other content, and says when the key was used and until when it is kept', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store);
    const use = (fingerprint: string) => store.admit(submission(principal, { idempotency: { key: 'k', fingerprint } }));
    const first = decided(await use('one'));
    const usedAt = clock.now;
    clock.advance(1000);
    assert.deepEqual(await use('two'), {
      outcome: 'key_reused',
      firstUsedAt: usedAt,
      until: usedAt + DAY_MS,
      messageId: first.messageId,
    });
  });

  it('frees a key at the end of its retention, not a second before', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store);
    const use = () => store.admit(submission(principal, { idempotency: { key: 'k', fingerprint: 'f' } }));
    const first = decided(await use());
    clock.advance(DAY_MS - 1000);
    assert.equal(decided(await use()).outcome, 'replayed');
    clock.advance(1000);
    const later = decided(await use());
    assert.equal(later.outcome, 'admitted');
    assert.notEqual(later.messageId, first.messageId);
    assert.equal(decided(await use()).messageId, later.messageId);
  });

  it('keeps keys as long as the policy says', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: { retention: { idempotency_seconds: 3600 } } });
    const use = () => store.admit(submission(principal, { idempotency: { key: 'k', fingerprint: 'f' } }));
    await use();
    clock.advance(3_599_000);
    assert.equal(decided(await use()).outcome, 'replayed');
    clock.advance(1000);
    assert.equal(decided(await use()).outcome, 'admitted');
  });

  it('leaves the key of a refusal free', async () => {
    const { store } = opened();
    const policy = { limits: [{ name: 'day', scope: 'tenant' as const, window: 'calendar_day', max: 0 }] };
    const principal = await newPrincipal(store, { policy });
    const use = (fingerprint: string) =>
      store.admit(submission(principal, { subject: fingerprint, idempotency: { key: 'k', fingerprint } }));
    assert.equal(decided(await use('one')).outcome, 'refused');
    await putPolicy(store, principal, {});
    assert.equal(decided(await use('two')).outcome, 'admitted');
  });

  it('makes one message of a hundred requests with one key at once', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        store.admit(submission(principal, { idempotency: { key: 'once', fingerprint: 'f' } })),
      ),
    );
    assert.equal(new Set(answers.map((answer) => decided(answer).messageId)).size, 1);
    assert.equal(answers.filter(({ outcome }) => outcome === 'admitted').length, 1);
    assert.equal(opened().events(principal).length, 1);
  });

  it('keeps keys of installations, tenants and modes apart', async () => {
    const { store } = opened();
    const one = await newPrincipal(store);
    const other = await newPrincipal(store);
    const idempotency = { key: 'shared', fingerprint: 'f' };
    for (const principal of [
      one,
      other,
      { ...one, mode: 'test' as const },
      { ...one, installationId: 'ins_00000000000000000000000001' },
    ]) {
      assert.equal(decided(await store.admit(submission(principal, { idempotency }))).outcome, 'admitted');
      assert.equal(decided(await store.admit(submission(principal, { idempotency }))).outcome, 'replayed');
    }
  });

  it('gives the original of a dedupe key back, and calls other content a duplicate', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store);
    const use = (fingerprint: string, block = false) =>
      store.admit(submission(principal, { subject: fingerprint, dedupe: { key: 'quote-42', fingerprint, block } }));
    const first = decided(await use('one'));
    const again = decided(await use('one'));
    assert.ok(again.outcome === 'replayed' && again.by === 'dedupe');
    assert.equal(again.messageId, first.messageId);
    const other = decided(await use('two'));
    assert.deepEqual(codes(other), ['duplicate']);
    assert.equal(other.recipients[0]?.reasons[0]?.evidence['original_message_id'] ?? first.messageId, first.messageId);
    assert.deepEqual(codes(await use('one', true)), ['duplicate']);
    clock.advance(30 * DAY_MS - 1000);
    assert.deepEqual(codes(await use('two')), ['duplicate']);
    clock.advance(1000);
    assert.equal(decided(await use('two')).outcome, 'admitted');
  });

  it('uses a dedupe key up only by an acceptance', async () => {
    const { store } = opened();
    const policy = { limits: [{ name: 'day', scope: 'tenant' as const, window: 'calendar_day', max: 0 }] };
    const principal = await newPrincipal(store, { policy });
    const use = () => store.admit(submission(principal, { dedupe: { key: 'k', fingerprint: 'f', block: true } }));
    assert.deepEqual(codes(await use()), ['daily_quota_exceeded']);
    await putPolicy(store, principal, {});
    assert.equal(decided(await use()).outcome, 'admitted');
    assert.deepEqual(codes(await use()), ['duplicate']);
  });
}
