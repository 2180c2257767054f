/** Durability: what was answered is there after a crash, counters and keys included. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Principal } from '../../src/data/store.ts';
import { codes, decided, newPrincipal, submission } from '../harness/submissions.ts';
import type { Opened } from './store.ts';

const POLICY = {
  cooldown: { seconds: 10 },
  limits: [
    { name: 'day', scope: 'tenant' as const, window: 'rolling_24h', max: 1000 },
    { name: 'messages', scope: 'tenant' as const, window: 'calendar_month', unit: 'message' as const, max: 1000 },
    { name: 'rate', scope: 'installation' as const, window: 'rate', max: 100, burst: 500 },
    { name: 'person', scope: 'recipient' as const, window: 'rolling_7d', max: 50 },
    { name: 'domain', scope: 'recipient_domain' as const, window: 'calendar_day', max: 900 },
  ],
};

export function durabilityContract(opened: () => Opened): void {
  const snapshot = async (principal: Principal, people: readonly string[]) => {
    const { store } = opened();
    const headroom = [];
    for (const key of people) {
      headroom.push(await store.headroom({ principal, identity: null, recipient: { key, domain: 'example.com' } }));
    }
    const checked = await store.check(submission(principal, { to: [...people] }));
    if (checked.outcome !== 'checked') throw new Error(checked.outcome);
    return {
      headroom,
      verdicts: checked.recipients.map(({ verdict, reasons, limits }) => ({ verdict, reasons, limits })),
    };
  };

  it('remembers counters, contacts, suppressions and credits over a crash exactly', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: POLICY, tenant: { billing: 'credits', credits: 500 } });
    const people = Array.from({ length: 20 }, (_, i) => `p${i}@example.com`);
    for (let i = 0; i < 100; i += 1) {
      clock.advance(i % 7 === 0 ? 61_000 : 11_000);
      const to = [people[i % 20]!, people[(i * 7 + 1) % 20]!];
      await store.admit(
        submission(principal, { to, body: `${i}`, sendAt: i % 9 === 0 ? clock.now + 3_600_000 : null }),
      );
    }
    const [claimed] = await store.claim({ most: 1, live: true });
    const { recipient, token } = claimed!;
    const report = { provider: 'test', mailbox: null, reply: '550', class: null };
    await store.settle({ recipient, token, attempt: report, outcome: 'bounced', hard: true, suppress: true });
    const before = await snapshot(principal, people);
    await opened().crash();
    await opened().reopen();
    assert.deepEqual(await snapshot(principal, people), before);
    assert.ok(before.verdicts.some(({ reasons }) => reasons.some(({ code }) => code === 'suppressed')));
    await opened().reopen();
    assert.deepEqual(await snapshot(principal, people), before);
  });

  it('has every message it answered for, once, although it crashed while more were coming', async () => {
    const { clock } = opened();
    const principal = await newPrincipal(opened().store);
    const acknowledged = new Map<string, string>();
    for (let round = 0; round < 4; round += 1) {
      const sends = Array.from({ length: 80 }, async (_, i) => {
        const key = `${round}.${i}`;
        const idempotency = { key, fingerprint: key };
        const to = [`p${i}@example.com`];
        const answer = await opened().store.admit(submission(principal, { to, body: key, idempotency }));
        acknowledged.set(key, decided(answer).messageId);
      });
      const settled = Promise.allSettled(sends);
      await sends[0];
      await opened().crash();
      await settled;
      await opened().reopen();
      clock.advance(1000);
      for (const [key, id] of acknowledged) {
        const message = await opened().store.message({ ...principal, id });
        assert.equal(message?.recipients.length, 1, key);
      }
      for (let i = 0; i < 80; i += 1) {
        const key = `${round}.${i}`;
        const idempotency = { key, fingerprint: key };
        const answer = decided(
          await opened().store.admit(submission(principal, { to: [`p${i}@example.com`], body: key, idempotency })),
        );
        const known = acknowledged.get(key);
        if (known !== undefined) assert.deepEqual([answer.outcome, answer.messageId], ['replayed', known]);
        acknowledged.set(key, answer.messageId);
      }
    }
    assert.equal(new Set(acknowledged.values()).size, 320);
    const events = opened().events(principal);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      Array.from({ length: 320 }, (_, i) => i + 1),
    );
  });

  it('gives what was on its way when it crashed to the next worker at once', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store);
    const marked = decided(await store.admit(submission(principal, { kind: 'marketing', body: 'marked' })));
    const claimedOnly = decided(await store.admit(submission(principal, { to: ['eve@example.com'], body: 'claimed' })));
    const claimed = await store.claim({ most: 100, live: true });
    const dot = claimed.find(({ messageId }) => messageId === marked.messageId)!;
    assert.equal(await store.mark(dot), true);
    await opened().crash();
    await opened().reopen();
    const again = await opened().store.claim({ most: 100, live: true });
    assert.ok(again.some(({ messageId, attempt }) => messageId === claimedOnly.messageId && attempt === 2));
    assert.ok(!again.some(({ messageId }) => messageId === marked.messageId));
    const message = await opened().store.message({ ...principal, id: marked.messageId });
    assert.equal(message?.recipients[0]?.state, 'uncertain');
  });

  it('bridges a clock that stands a little behind after a restart', async () => {
    const { store, clock } = opened();
    const policy = { limits: [{ name: 'minute', scope: 'tenant' as const, window: 'rolling_60s', max: 1 }] };
    const principal = await newPrincipal(store, { policy });
    await store.admit(submission(principal));
    const sentAt = clock.now;
    await opened().crash();
    clock.advance(-30_000);
    await opened().reopen();
    const answer = decided(await opened().store.admit(submission(principal, { body: 'b' })));
    assert.deepEqual(codes(answer), ['hourly_quota_exceeded']);
    assert.equal(answer.createdAt, sentAt);
    clock.advance(30_000);
  });
}
