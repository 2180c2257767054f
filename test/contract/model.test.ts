/**
 * The store against the plain ledger: after any series of submissions, clock moves, departures, bounces, changed policies,
 * crashes and restarts both say the same of the next one, to the byte. And the oracle that needs no model: no window of any
 * limit, past or future, holds more than its maximum. `MODEL_RUNS` sets how many series are tried.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import type { Principal, RecipientVerdict } from '../../src/data/store.ts';
import {
  compilePolicy,
  type EffectiveDocument,
  type LimitDocument,
  POLICY_DEFAULTS,
  type Policy,
  type PolicyDocument,
} from '../../src/policy/document.ts';
import { effectiveDocument } from '../../src/policy/resolve.ts';
import type { Send } from '../../src/policy/send.ts';
import { canonicalVerdict, type Verdict } from '../../src/policy/verdict.ts';
import { type Decision, PlainLedger } from '../harness/plain-ledger.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { newIdentity, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import { overfullWindows } from './windows-oracle.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 16);
const PEOPLE = ['a@one.example', 'b@one.example', 'c@two.example', 'd@two.example', 'e@three.example'];
const NOBODY = 1_000_000;

/** So that every policy of the pool keeps the same history, whichever is in force when. */
const ANCHORS: LimitDocument[] = (
  ['tenant', 'app', 'identity', 'agent', 'recipient', 'recipient_domain'] as const
).flatMap((scope) =>
  (['recipient', 'message'] as const).map((unit) => ({
    name: `anchor_${scope}_${unit}`,
    scope,
    unit,
    window: 'rolling_40d',
    max: NOBODY,
  })),
);

const POOL: PolicyDocument[] = [
  {},
  {
    limits: [
      { name: 'minute', scope: 'tenant', window: 'rolling_60s', max: 3 },
      { name: 'person', scope: 'recipient', window: 'rolling_1h', max: 2 },
    ],
  },
  {
    limits: [
      { name: 'hour', scope: 'tenant', window: 'calendar_hour', unit: 'message', max: 4 },
      { name: 'domain', scope: 'recipient_domain', window: 'calendar_day', max: 6 },
      { name: 'domain_messages', scope: 'recipient_domain', window: 'rolling_2h', unit: 'message', max: 3 },
    ],
  },
  {
    cooldown: { seconds: 30 },
    limits: [
      { name: 'rate', scope: 'tenant', window: 'rate', max: 2, burst: 3 },
      { name: 'two_days', scope: 'tenant', window: 'rolling_2d', max: 10 },
    ],
  },
  {
    limits: [
      { name: 'identity', scope: 'identity', window: 'calendar_day', max: 5 },
      { name: 'agent', scope: 'agent', window: 'rolling_1h', max: 2 },
      { name: 'month', scope: 'app', window: 'calendar_month', max: 12 },
    ],
  },
].map((document) => ({ ...document, limits: [...(document.limits ?? []), ...ANCHORS] }) as PolicyDocument);

const SPANS = [0, 1, 400, 999, 1000, 17_500, 60_000, 61_000, 1_800_000, 3_600_000, 7_200_123, 86_400_000, 90_061_001];

type Step =
  | {
      kind: 'admit';
      to: string[];
      defer: boolean;
      ahead: number | null;
      lives: number | null;
      agent: string | null;
      key: number | null;
    }
  | { kind: 'advance'; ms: number }
  | { kind: 'policy'; which: number }
  | { kind: 'depart'; most: number; bounce: boolean }
  | { kind: 'crash' }
  | { kind: 'restart' };

const admitStep = fc.record({
  kind: fc.constant('admit' as const),
  to: fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 4 }),
  defer: fc.boolean(),
  ahead: fc.option(fc.constantFrom(...SPANS), { freq: 2 }),
  lives: fc.option(fc.constantFrom(...SPANS), { freq: 2 }),
  agent: fc.option(fc.constantFrom('scout', 'writer'), { freq: 1 }),
  key: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 1 }),
});
const advanceStep = fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(...SPANS) });
const departStep = fc.record({
  kind: fc.constant('depart' as const),
  most: fc.integer({ min: 1, max: 8 }),
  bounce: fc.boolean(),
});
const policyStep = fc.record({
  kind: fc.constant('policy' as const),
  which: fc.integer({ min: 0, max: POOL.length - 1 }),
});
const endStep = fc.constantFrom<Step>({ kind: 'crash' }, { kind: 'restart' });

let opened: OpenedStore;
before(async () => {
  // Small bounds: rows lag, are rewritten, spilled and evicted within a few steps.
  opened = await openTestStore({
    ledger: { entries: 16, packed: 5, cycleDirty: 5, slice: 2 },
    keys: { keys: 16, generations: 1 },
  });
});
after(() => opened.close());

class Run {
  readonly principal: Principal;
  readonly ledger: PlainLedger;
  readonly ids: string[] = [];
  private readonly identity: string;
  private readonly keys = new Map<number, { print: string; until: number; answer: string }>();
  private policy: Policy;

  private constructor(principal: Principal, identity: string, policy: Policy) {
    this.principal = principal;
    this.identity = identity;
    this.policy = policy;
    this.ledger = new PlainLedger({
      standing: 'active',
      standingBy: 'operator',
      standingSince: 0,
      trialEndsAt: null,
      credits: 60,
      storageUsed: 0,
      storageLimit: null,
      storageFreesAt: null,
    });
    this.ledger.identityState = 'active';
    this.ledger.identityHandle = 'alice';
  }

  static async start(which: number): Promise<Run> {
    const { store } = opened;
    const principal = await newPrincipal(store, { tenant: { billing: 'credits', credits: 60 } });
    const identity = await newIdentity(store, principal, 'alice');
    const run = new Run(principal, identity, compiled(0, which));
    await run.change(which);
    return run;
  }

  private async change(which: number): Promise<void> {
    const version = await putPolicy(opened.store, this.principal, POOL[which]!);
    this.policy = compiled(version, which);
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'admit') await this.admit(step);
    else if (step.kind === 'advance') opened.clock.advance(step.ms);
    else if (step.kind === 'policy') await this.change(step.which);
    else if (step.kind === 'depart') await this.depart(step.most, step.bounce);
    else {
      if (step.kind === 'crash') await opened.crash();
      await opened.reopen();
    }
    await this.compareHeadroom();
  }

  private async admit(step: Extract<Step, { kind: 'admit' }>): Promise<void> {
    const { now } = opened.clock;
    const { key, ...content } = step;
    const print = JSON.stringify(content);
    const sendAt = step.ahead === null ? null : now + step.ahead;
    const expiresAt = step.lives === null ? null : Math.max(now, sendAt ?? now) + step.lives + 1;
    const request = submission(this.principal, {
      ...{ to: step.to, onLimit: step.defer ? 'defer' : 'reject', agent: step.agent, sendAt, expiresAt },
      idempotency: key === null ? null : { key: String(key), fingerprint: print },
      body: print,
    });
    const used = key === null ? undefined : this.keys.get(key);
    const answer = await opened.store.admit(request);
    if (used !== undefined && used.until > now) {
      const same = used.print === print;
      assert.equal(answer.outcome, same ? 'replayed' : 'key_reused');
      if (same && 'recipients' in answer) assert.equal(canonicalAll(answer.recipients), used.answer);
      return;
    }
    assert.ok('recipients' in answer, answer.outcome);
    const send: Send = {
      kind: 'transactional',
      onLimit: request.onLimit,
      sendAt,
      scopes: {
        tenant: this.principal.tenantId,
        app: this.principal.appId,
        installation: this.principal.installationId,
        identity: this.identity,
        agent: step.agent,
      },
      contentSize: request.bodyBytes,
    };
    const decisions = this.ledger.admit(send, request.recipients, this.policy, now, 0);
    const departures = decisions.map(({ verdict }) => (verdict.verdict === 'block' ? now : verdict.departAt));
    const expires = expiresAt ?? Math.max(now, ...departures) + 3 * 86_400_000;
    for (const { message } of this.ledger.queue.slice(-4)) if (message.expiresAt === 0) message.expiresAt = expires;
    this.compare(answer.recipients, decisions);
    if (answer.outcome !== 'admitted') return;
    this.ids.push(answer.messageId);
    if (key !== null) this.keys.set(key, { print, until: now + 86_400_000, answer: canonicalAll(answer.recipients) });
  }

  private compare(got: readonly RecipientVerdict[], wanted: readonly Decision[]): void {
    assert.deepEqual(
      got.map((one) => canonical(one)),
      wanted.map(({ verdict }) => canonical(verdict)),
    );
    assert.deepEqual(
      got.map(({ limits }) => limits),
      wanted.map(({ facts }) => facts.limits),
    );
  }

  /** What is due leaves, one at a time, and is delivered or bounces for good. */
  private async depart(most: number, bounce: boolean): Promise<void> {
    const { now } = opened.clock;
    for (let i = 0; i < most; i += 1) {
      const wanted = this.ledger.nextDue(now);
      const waits = wanted === null ? false : this.ledger.claim(wanted, this.policy, now);
      const claimed = await opened.store.claim({ most: 1, live: true });
      assert.deepEqual(
        claimed.map(({ email }) => email),
        waits ? [wanted!.recipient.key] : [],
      );
      const [one] = claimed;
      if (one === undefined) continue;
      const attempt = { provider: 'test', mailbox: null, reply: 'ok', class: null };
      const { recipient, token } = one;
      const bounces = bounce && i === 0;
      await opened.store.settle(
        bounces
          ? { recipient, token, attempt, outcome: 'bounced', hard: true, suppress: true }
          : { recipient, token, attempt, outcome: 'delivered' },
      );
      wanted!.state = 'left';
      if (bounces) this.ledger.suppress(wanted!.recipient.key, now);
    }
  }

  private async compareHeadroom(): Promise<void> {
    const { principal, ledger } = this;
    const key = PEOPLE[2]!;
    const recipient = { key, domain: 'two.example' };
    const [{ limits }, checked] = await Promise.all([
      opened.store.headroom({ principal, identity: this.identity, recipient }),
      opened.store.check(submission(principal, { to: [key] })),
    ]);
    const trial = new Map(limits.map(({ name, used }) => [name, used]));
    assert.ok(checked.outcome === 'checked');
    const { messageLimits, recipientLimits } = this.policy;
    [...messageLimits, ...recipientLimits].forEach(({ name, scope }, i) => {
      if (scope !== 'agent') assert.equal(trial.get(name), checked.recipients[0]?.limits[i]?.used, name);
    });
    const credits = checked.recipients[0]?.reasons.some(({ code }) => code === 'insufficient_credits');
    assert.equal(credits, ledger.account.credits! <= 0);
  }

  /** Nothing that waits here may be handed out in the next run. */
  async finish(): Promise<void> {
    for (let i = 0; i < 400; i += 1) {
      const wait = await opened.store.dueIn(null);
      if (wait === null) return;
      opened.clock.advance(wait);
      for (const { recipient, token } of await opened.store.claim({ most: 100, live: true })) {
        await opened.store.settle({ recipient, token, attempt: null, outcome: 'failed' });
      }
    }
    throw new Error('the queue did not empty');
  }
}

function compiled(version: number, which: number): Policy {
  const document = effectiveDocument(POLICY_DEFAULTS as EffectiveDocument, [POOL[which]!], {});
  return compilePolicy(version, document);
}

/** The model does not know the ids that the store gives. */
function canonical(verdict: Pick<Verdict, 'verdict' | 'departAt' | 'reasons' | 'warnings'>): string {
  return canonicalVerdict(verdict).replaceAll(/sup_[0-9a-z]{26}/g, 'sup');
}

function canonicalAll(recipients: readonly RecipientVerdict[]): string {
  return JSON.stringify(recipients.map((one) => canonical(one)));
}

it('agrees with the plain ledger after any series of steps', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: POOL.length - 1 }),
      fc.array(
        fc.oneof(
          { weight: 8, arbitrary: admitStep },
          { weight: 4, arbitrary: advanceStep },
          { weight: 3, arbitrary: departStep },
          { weight: 1, arbitrary: policyStep },
          { weight: 1, arbitrary: endStep },
        ),
        { minLength: 10, maxLength: 40 },
      ),
      async (which, steps) => {
        const run = await Run.start(which);
        try {
          for (const step of steps) await run.take(step);
        } finally {
          await run.finish();
        }
      },
    ),
    { numRuns: RUNS, interruptAfterTimeLimit: 120_000 },
  );
});

it('never lets a window of a limit, past or future, hold more than its maximum', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: POOL.length - 1 }),
      fc.array(
        fc.oneof(
          { weight: 10, arbitrary: admitStep },
          { weight: 3, arbitrary: advanceStep },
          { weight: 2, arbitrary: departStep },
          { weight: 1, arbitrary: endStep },
        ),
        { minLength: 20, maxLength: 80 },
      ),
      async (which, steps) => {
        const run = await Run.start(which);
        try {
          for (const step of steps) await run.take(step);
          const messages = await Promise.all(run.ids.map((id) => opened.store.message({ ...run.principal, id })));
          assert.deepEqual(overfullWindows(POOL[which]!.limits!, messages), []);
        } finally {
          await run.finish();
        }
      },
    ),
    { numRuns: Math.ceil(RUNS / 2), interruptAfterTimeLimit: 120_000 },
  );
});
