/**
 * The store's routing against the plain ledger's: after any series of sends, cancels, moves of the clock and crashes both choose the
 * same way for the next recipient, at the same time, for the same reasons, to the byte.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import type { ManagedMailbox } from '../../src/data/port/senders.ts';
import { compilePolicy, type EffectiveDocument, POLICY_DEFAULTS } from '../../src/policy/document.ts';
import { effectiveDocument } from '../../src/policy/resolve.ts';
import { emptySpread } from '../../src/policy/spread.ts';
import { canonicalVerdict } from '../../src/policy/verdict.ts';
import { waysOf } from '../../src/policy/ways.ts';
import { PlainLedger } from '../harness/plain-ledger.ts';
import { newMailbox, newProvider } from '../harness/pools.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { decided, newIdentity, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import { mailbox, poolOf } from '../policy/pools.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 8);
const HOUR = 3_600_000;
const PEOPLE = ['a@one.example', 'b@gmail.com', 'c@gmail.com', 'd@two.example', 'e@outlook.com', 'f@outlook.com'];
const DOCUMENT = {
  senders: { require_verified_domain: 'never' as const },
  limits: [
    { name: 'each', scope: 'mailbox' as const, window: 'rolling_2h', max: 4 },
    { name: 'all', scope: 'tenant' as const, window: 'rolling_1h', max: 9 },
  ],
};

const step = fc.oneof(
  fc.record({
    kind: fc.constant('send' as const),
    to: fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 3 }),
    defer: fc.boolean(),
    ahead: fc.option(fc.constantFrom(1000, HOUR, 20 * HOUR), { freq: 2 }),
    marketing: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('cancel' as const), which: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 999, 60_000, HOUR, 13 * HOUR) }),
  fc.constant({ kind: 'crash' as const }),
);

let opened: OpenedStore;
before(async () => {
  opened = await openTestStore({ ledger: { entries: 16, packed: 5, cycleDirty: 5, slice: 2 } });
});
after(() => opened.close());

it('chooses as the plain ledger does after any series of steps', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const { store, clock } = opened;
      const principal = await newPrincipal(store);
      const version = await putPolicy(store, principal, DOCUMENT);
      const document = effectiveDocument(
        POLICY_DEFAULTS as EffectiveDocument,
        [{ quarantine: { mode: 'off' } }, DOCUMENT],
        {},
      );
      const policy = compilePolicy(version, document);
      const identity = await newIdentity(store, principal, 'alice');
      const one = await newProvider(store, principal, 'one', { weight: 2, caps: { hour: 6 } });
      const two = await newProvider(store, principal, 'two', { priority: 0, caps: { day: 20 } });
      const warmup = { start: 2, factorPercent: 150, everyDays: 1, days: 4 };
      const boxes: ManagedMailbox[] = [];
      for (const [name, provider, dailyCap, ramp] of [
        ['a', 'one', 5, null],
        ['b', 'one', 6, warmup],
        ['c', 'two', null, null],
      ] as const) {
        const given = { provider, identity: 'alice', dailyCap, warmup: ramp };
        boxes.push(await newMailbox(store, principal, `${name}@s.example`, given));
      }
      const ledger = new PlainLedger({
        ...{ standing: 'active', standingBy: 'operator', standingSince: 0, trialEndsAt: null },
        ...{ credits: null, storageUsed: 0, storageLimit: null, storageFreesAt: null },
      });
      ledger.identityState = 'active';
      ledger.identityHandle = 'alice';
      const pool = poolOf(
        [one, two],
        boxes.map((box) => mailbox(box.no, { ...box, identity: 1 })),
      );
      ledger.sight = { ways: waysOf(pool, 1), spread: emptySpread() };
      const sent: { id: string; message: PlainLedger['queue'][number]['message'] }[] = [];
      for (const [n, taken] of steps.entries()) {
        if (taken.kind === 'advance') clock.advance(taken.ms);
        else if (taken.kind === 'crash') {
          await opened.crash();
          await opened.reopen();
          // The spread is not kept beyond the process.
          ledger.sight = { ways: ledger.sight.ways, spread: emptySpread() };
        } else if (taken.kind === 'cancel') {
          const found = sent[taken.which];
          if (found === undefined) continue;
          const done = await opened.store.cancelMessage({ ...principal, id: found.id });
          if (done.outcome === 'done')
            for (const each of found.message.recipients) ledger.end(each, 'cancelled', clock.now);
        } else {
          const kind = taken.marketing ? ('marketing' as const) : ('transactional' as const);
          const sendAt = taken.ahead === null ? null : clock.now + taken.ahead;
          const onLimit = taken.defer ? ('defer' as const) : ('reject' as const);
          const request = submission(principal, {
            ...{ to: taken.to, identity: 'alice', kind, sendAt, onLimit, body: `{"text":"${n}"}` },
          });
          const answer = decided(await opened.store.admit(request));
          const before = ledger.queue.length;
          const decisions = ledger.admit(
            {
              ...{ kind, sendAt, onLimit, contentSize: 0 },
              scopes: {
                ...{ tenant: principal.tenantId, app: principal.appId, installation: principal.installationId },
                ...{ identity, agent: null },
              },
            },
            request.recipients.map(({ key, domain }) => ({ key, domain, undeliverable: null, simulated: null })),
            policy,
            clock.now,
            Number.POSITIVE_INFINITY,
          );
          assert.deepEqual(
            answer.recipients.map((each) => canonicalVerdict(each)),
            decisions.map(({ verdict }) => canonicalVerdict(verdict)),
          );
          const stored = (await opened.store.message({ ...principal, id: answer.messageId }))!;
          const ways = stored.recipients.map(({ route }) => route?.mailbox?.id ?? null);
          const chosen = decisions.map(({ facts, verdict }) => {
            const no = verdict.verdict === 'block' ? null : (facts.pool?.routing?.chosen?.mailbox ?? null);
            return boxes.find((box) => box.no === no)?.id ?? null;
          });
          assert.deepEqual(ways, chosen);
          if (answer.outcome === 'admitted')
            sent.push({ id: answer.messageId, message: ledger.queue[before]!.message });
        }
      }
    }),
    { numRuns: RUNS },
  );
});
