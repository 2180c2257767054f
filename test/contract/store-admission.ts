/** Admission: what is decided, stored and told, and what of it tenants see of each other. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { StoreFault } from '../../src/data/store.ts';
import { codes, decided, newIdentity, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import type { Opened } from './store.ts';

export function admissionContract(opened: () => Opened): void {
  it('accepts a submission, and the message can be read with its recipients, sizes and verdict', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store);
    const meta = JSON.stringify({ tags: ['quote'] });
    const answer = decided(
      await store.admit(submission(principal, { to: ['Bob@example.com', 'eve@example.com'], meta, subject: 'Quote' })),
    );
    assert.equal(answer.outcome, 'admitted');
    assert.match(answer.messageId, /^msg_[0-9a-z]{26}$/);
    assert.equal(answer.createdAt, clock.now);
    const message = await store.message({ ...principal, id: answer.messageId });
    assert.equal(message?.subject, 'Quote');
    assert.deepEqual(message?.meta, { tags: ['quote'] });
    assert.deepEqual(message?.from, { email: `${principal.tenantId}@postern.localhost`, name: null });
    assert.equal(message?.hasContent, true);
    assert.equal(message?.expiresAt, clock.now + 3 * 86_400_000);
    assert.deepEqual(
      message?.recipients.map(({ id, email, state, attempts }) => ({ id, email, state, attempts })),
      answer.recipients.map(({ id, email }) => ({ id, email, state: 'accepted', attempts: 0 })),
    );
  });

  it('keeps a refusal with its verdict, and without its content', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { tenant: { standing: 'suspended' } });
    const answer = decided(await store.admit(submission(principal)));
    assert.equal(answer.outcome, 'refused');
    assert.deepEqual(codes(answer), ['account_suspended']);
    const message = await store.message({ ...principal, id: answer.messageId });
    assert.equal(message?.hasContent, false);
    assert.equal(message?.recipients[0]?.state, 'blocked');
    assert.deepEqual(message?.recipients[0]?.verdict.reasons, answer.recipients[0]?.reasons);
    assert.match(message?.contentHash ?? '', /^[0-9a-f]{64}$/);
  });

  it('keeps every reason of a refusal, the primary one first', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, {
      tenant: { standing: 'subscription_expired', billing: 'credits', credits: 0 },
      policy: { limits: [{ name: 'none', scope: 'tenant', window: 'calendar_day', max: 0 }] },
    });
    const answer = await store.admit(submission(principal));
    assert.deepEqual(codes(answer), ['subscription_expired', 'insufficient_credits', 'daily_quota_exceeded']);
  });

  it('decides on each recipient by itself, and the second sees the first', async () => {
    const { store } = opened();
    const policy = { limits: [{ name: 'day', scope: 'tenant' as const, window: 'calendar_day', max: 2 }] };
    const principal = await newPrincipal(store, { policy });
    const to = ['a@example.com', 'b@example.com', 'c@example.com'];
    const answer = decided(await store.admit(submission(principal, { to })));
    assert.equal(answer.outcome, 'admitted');
    assert.deepEqual(
      answer.recipients.map(({ verdict }) => verdict),
      ['accept', 'accept', 'block'],
    );
    const message = await store.message({ ...principal, id: answer.messageId });
    assert.deepEqual(
      message?.recipients.map(({ state }) => state),
      ['accepted', 'accepted', 'blocked'],
    );
  });

  it('checks as it would admit, recipient after recipient, and changes nothing', async () => {
    const { store } = opened();
    const policy = {
      limits: [
        { name: 'day', scope: 'tenant' as const, window: 'calendar_day', max: 2 },
        { name: 'rate', scope: 'tenant' as const, window: 'rate', max: 10 },
      ],
    };
    const principal = await newPrincipal(store, { policy, tenant: { billing: 'credits', credits: 9 } });
    const request = submission(principal, { to: ['a@example.com', 'b@example.com', 'c@example.com'] });
    const first = await store.check(request);
    const second = await store.check(request);
    assert.ok(first.outcome === 'checked' && second.outcome === 'checked');
    assert.deepEqual(first.recipients, second.recipients);
    const real = decided(await store.admit(request));
    assert.deepEqual(
      first.recipients.map(({ verdict, reasons, limits }) => ({ verdict, reasons, limits })),
      real.recipients.map(({ verdict, reasons, limits }) => ({ verdict, reasons, limits })),
    );
    assert.deepEqual(
      real.recipients.map(({ verdict }) => verdict),
      ['accept', 'accept', 'block'],
    );
  });

  it('takes the same octets attached twice', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const blob = { sha256: 'a'.repeat(64), size: 10 };
    const answer = await store.admit(submission(principal, { blobs: [blob, blob] }));
    assert.equal(answer.outcome, 'admitted');
  });

  it('answers an unknown identity as invalid and stores nothing', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const answer = await store.admit(submission(principal, { identity: 'nobody' }));
    assert.ok(answer.outcome === 'invalid');
    assert.equal(answer.param, 'identity');
    assert.deepEqual(opened().events(principal), []);
  });

  it('takes a sender from the only active identity, or from the one that owns the address', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const alice = await newIdentity(store, principal, 'alice');
    const byDefault = decided(await store.admit(submission(principal)));
    assert.equal(byDefault.scopes.identity, alice);
    await newIdentity(store, principal, 'bo');
    const undecided = decided(await store.admit(submission(principal)));
    assert.equal(undecided.scopes.identity, null);
    const from = { email: 'alice@acme.example', name: null };
    const byAddress = decided(await store.admit(submission(principal, { from })));
    assert.equal(byAddress.scopes.identity, alice);
  });

  it('numbers the events of each space from 1 without gaps, whatever is sent at once', async () => {
    const { store } = opened();
    const one = await newPrincipal(store);
    const other = await newPrincipal(store, { tenant: { standing: 'paused' } });
    const test = { ...one, mode: 'test' as const };
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        store.admit(submission([one, other, test][i % 3]!, { to: [`p${i}@example.com`], subject: `no. ${i}` })),
      ),
    );
    for (const space of [one, other, test]) {
      const events = opened().events(space);
      assert.equal(events.length, 20);
      assert.deepEqual(
        events.map(({ seq }) => seq),
        events.map((_, i) => i + 1),
      );
      const type = space === other ? 'message.blocked' : 'message.accepted';
      assert.ok(events.every((event) => event.type === type));
    }
  });

  it('folds identical refusals of a minute into one message with a count', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { tenant: { standing: 'suspended' } });
    const send = async (subject: string, body: string): Promise<string> =>
      decided(await store.admit(submission(principal, { subject, body }))).messageId;
    const first = await send('a', 'same');
    assert.equal(await send('a', 'same'), first);
    assert.equal(await send('a', 'same'), first);
    assert.notEqual(await send('b', 'other'), first);
    assert.equal((await store.message({ ...principal, id: first }))?.repeats, 2);
    assert.equal(opened().events(principal).length, 2);
    clock.advance(61_000);
    assert.notEqual(await send('a', 'same'), first);
  });

  it('gives equal documents in force one version, and every verdict names the one it was made under', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const limits = (max: number) => ({
      limits: [{ name: 'day', scope: 'tenant' as const, window: 'calendar_day', max }],
    });
    const first = await putPolicy(store, principal, limits(5));
    const answered = decided(await store.admit(submission(principal)));
    assert.equal(answered.policyVersion, first);
    const second = await putPolicy(store, principal, limits(1));
    assert.notEqual(second, first);
    assert.equal(decided(await store.admit(submission(principal))).policyVersion, second);
    assert.equal(await putPolicy(store, principal, limits(5)), first);
    assert.equal((await store.policyVersion({ version: first }))?.document.limits[0]?.max, 5);
    assert.equal(await store.policyVersion({ version: 999_999 }), null);
  });

  it('keeps tenants and modes apart: counters, messages, keys', async () => {
    const { store } = opened();
    const policy = { limits: [{ name: 'day', scope: 'tenant' as const, window: 'calendar_day', max: 1 }] };
    const one = await newPrincipal(store, { policy });
    const other = await newPrincipal(store, { policy });
    const idempotency = { key: 'shared', fingerprint: 'f' };
    const mine = decided(await store.admit(submission(one, { idempotency })));
    const theirs = decided(await store.admit(submission(other, { idempotency })));
    assert.equal(theirs.outcome, 'admitted');
    assert.equal(await store.message({ ...other, id: mine.messageId }), null);
    assert.equal(await store.message({ ...one, mode: 'test', id: mine.messageId }), null);
    assert.notEqual(await store.message({ ...one, id: mine.messageId }), null);
    assert.equal(decided(await store.admit(submission({ ...one, mode: 'test' }))).outcome, 'admitted');
    assert.deepEqual(codes(await store.admit(submission(one, { subject: 'x' }))), ['daily_quota_exceeded']);
  });

  it('finds no message by an id that was never given', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const { messageId } = decided(await store.admit(submission(principal)));
    const last = messageId.at(-1) === '0' ? '1' : '0';
    for (const id of [messageId.slice(0, -1) + last, 'msg_00000000000000000000000000', '', 'msg_', `${messageId}0`]) {
      assert.equal(await store.message({ ...principal, id }), null);
    }
  });

  it('fails one faulty call alone and keeps the rest of its group', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const nobody = { ...principal, tenantNo: 999_999 };
    const results = await Promise.allSettled([
      store.admit(submission(principal, { subject: 'before' })),
      store.admit(submission(nobody)),
      store.admit(submission(principal, { subject: 'after' })),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.ok(!(results[1] as PromiseRejectedResult).reason.message.includes('unavailable'));
    const { reason } = results[1] as PromiseRejectedResult;
    assert.ok(reason instanceof StoreFault && reason.kind === 'undecided');
    assert.deepEqual(
      opened()
        .events(principal)
        .map(({ seq }) => seq),
      [1, 2],
    );
  });
}
