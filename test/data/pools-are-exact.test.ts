/**
 * Counting on ways out, whatever happens: after any series of sends, cancels, new times, pauses, claims, failures and moves of the
 * clock no mailbox's day and no provider's window holds more than its cap, past or ahead, and each counter says what the rows say.
 * `MODEL_RUNS` sets how many series are tried.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { ManagedMailbox } from '../../src/data/port/senders.ts';
import type { Principal } from '../../src/data/store.ts';
import { newMailbox, newProvider, pause, resume, turn } from '../harness/pools.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { decided, newIdentity, newPrincipal, submission } from '../harness/submissions.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 10);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SPANS = [0, 1, 900, 61_000, HOUR, 5 * HOUR + 1, DAY, DAY + 17];
const PEOPLE = ['a@one.example', 'b@gmail.com', 'c@gmail.com', 'd@two.example', 'e@outlook.com'];

type Step =
  | { kind: 'send'; to: string[]; defer: boolean; ahead: number | null; marketing: boolean }
  | { kind: 'cancel' | 'again'; which: number }
  | { kind: 'pause' | 'resume' | 'cut'; which: number }
  | { kind: 'turn'; name: string; on: boolean }
  | { kind: 'advance'; ms: number }
  | { kind: 'depart'; most: number; outcome: 'delivered' | 'deferred' | 'elsewhere' | 'uncertain' }
  | { kind: 'crash' };

const which = fc.integer({ min: 0, max: 30 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      to: fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 3 }),
      defer: fc.boolean(),
      ahead: fc.option(fc.constantFrom(...SPANS), { freq: 2 }),
      marketing: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'again' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('turn' as const), name: fc.constantFrom('one', 'two'), on: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(...SPANS) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('depart' as const),
      most: fc.integer({ min: 1, max: 6 }),
      outcome: fc.constantFrom('delivered' as const, 'deferred' as const, 'elsewhere' as const, 'uncertain' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
);

let opened: OpenedStore;
before(async () => {
  opened = await openTestStore({ ledger: { entries: 24, packed: 5, cycleDirty: 5, slice: 2 } });
});
after(() => opened.close());

type Counted = { mailbox: number | null; provider: number; at: number };

class Run {
  readonly principal: Principal;
  readonly boxes: ManagedMailbox[] = [];
  private readonly messages: string[] = [];
  private n = 0;

  private constructor(principal: Principal) {
    this.principal = principal;
  }

  static async start(): Promise<Run> {
    const { store } = opened;
    const policy = {
      senders: { require_verified_domain: 'never' as const },
      limits: [{ name: 'all', scope: 'tenant' as const, window: 'rolling_1h', max: 9 }],
    };
    const run = new Run(await newPrincipal(store, { policy }));
    await newIdentity(store, run.principal, 'alice');
    await newProvider(store, run.principal, 'one', { weight: 2, caps: { hour: 5 } });
    await newProvider(store, run.principal, 'two', { caps: { day: 7 } });
    const warmup = { start: 2, factorPercent: 150, everyDays: 1, days: 4 };
    for (const [name, provider, dailyCap, ramp] of [
      ['a', 'one', 3, null],
      ['b', 'one', 4, warmup],
      ['c', 'two', null, null],
    ] as const) {
      const given = { provider, identity: 'alice', dailyCap, warmup: ramp };
      run.boxes.push(await newMailbox(store, run.principal, `${name}@s.example`, given));
    }
    return run;
  }

  async take(one: Step): Promise<void> {
    const { store, clock } = opened;
    const { principal } = this;
    if (one.kind === 'send') await this.send(one);
    else if (one.kind === 'advance') clock.advance(one.ms);
    else if (one.kind === 'depart') await this.depart(one);
    else if (one.kind === 'crash') {
      await opened.crash();
      await opened.reopen();
    } else if (one.kind === 'turn') {
      await turn(store, principal, one.name, one.on).catch(() => undefined);
    } else if (one.kind === 'pause' || one.kind === 'resume') {
      const box = this.boxes[one.which % this.boxes.length]!;
      await (one.kind === 'pause' ? pause : resume)(store, principal, box.id);
    } else if (one.kind === 'cut') {
      const provider = (one.which % 2) + this.boxes[0]!.provider;
      await store.closeRoute({ provider, mailbox: null, destination: null, until: clock.now + 90_000, cause: 'x' });
    } else if (this.messages.length > 0) {
      const id = this.messages[one.which % this.messages.length]!;
      if (one.kind === 'cancel') await store.cancelMessage({ ...principal, id });
      else await store.rescheduleMessage({ ...principal, id, sendAt: clock.now + (one.which % 3) * 7 * HOUR });
    }
  }

  private async send({ to, defer, ahead, marketing }: Extract<Step, { kind: 'send' }>): Promise<void> {
    this.n += 1;
    const answer = decided(
      await opened.store.admit(
        submission(this.principal, {
          ...{ to, identity: 'alice', onLimit: defer ? 'defer' : 'reject', body: `{"text":"${this.n}"}` },
          ...{
            sendAt: ahead === null ? null : opened.clock.now + ahead,
            kind: marketing ? 'marketing' : 'transactional',
          },
        }),
      ),
    );
    if (answer.outcome === 'admitted') this.messages.push(answer.messageId);
  }

  private async depart({ most, outcome }: Extract<Step, { kind: 'depart' }>): Promise<void> {
    const { store, clock } = opened;
    for (const { recipient, token } of await store.claim({ most, live: true })) {
      const attempt = { provider: 'x', mailbox: null, reply: '250 ok', class: null };
      const claim = { recipient, token, attempt };
      const nextAttemptAt = clock.now + 60_000;
      if (!(await store.mark({ recipient, token }))) continue;
      if (outcome === 'delivered') await store.settle({ ...claim, outcome });
      else if (outcome === 'elsewhere') await store.settle({ ...claim, outcome, nextAttemptAt, otherwise: 'deferred' });
      else await store.settle({ ...claim, outcome, nextAttemptAt });
    }
  }

  /** Every recipient that counts on a way, as its row says. */
  private counted(): Counted[] {
    const db = new DatabaseSync(join(opened.directory, 'postern.db'), { readOnly: true });
    try {
      const rows = db
        .prepare(
          `SELECT mailbox, provider, coalesce(routed_at, depart_at) AS at FROM recipient
           WHERE space = ? AND provider IS NOT NULL`,
        )
        .all(this.principal.tenantNo * 2);
      return rows as unknown as Counted[];
    } finally {
      db.close();
    }
  }

  /** No day and no window holds more than its cap, wherever it lies. */
  check(): void {
    const counted = this.counted();
    for (const { no, dailyCap } of this.boxes) {
      const days = new Map<number, number>();
      for (const { mailbox, at } of counted) {
        if (mailbox === no) days.set(Math.floor(at / DAY), (days.get(Math.floor(at / DAY)) ?? 0) + 1);
      }
      for (const n of days.values()) assert.ok(dailyCap === null || n <= dailyCap, `${n} in a day of mailbox ${no}`);
    }
    const [one, two] = [this.boxes[0]!.provider, this.boxes[2]!.provider];
    for (const [no, span, most] of [
      [one, HOUR, 5],
      [two, DAY, 7],
    ] as const) {
      const times = counted.filter(({ provider }) => provider === no).map(({ at }) => Math.floor(at / 1000));
      for (const end of times) {
        const n = times.filter((at) => at <= end && at > end - span / 1000).length;
        assert.ok(n <= most, `${n} in a window of provider ${no}`);
      }
    }
  }

  /** The counters say what the rows say. */
  async compare(): Promise<void> {
    const counted = this.counted();
    const { mailboxes, providers, now } = await opened.store.poolHeadroom(this.principal);
    for (const { no, limits } of mailboxes) {
      const daily = limits.find(({ name }) => name === 'mailbox_daily');
      if (daily === undefined) continue;
      const today = counted.filter(
        ({ mailbox, at }) => mailbox === no && Math.floor(at / DAY) === Math.floor(now / DAY),
      );
      assert.equal(daily.used, today.length, `mailbox ${no}`);
    }
    for (const { no, limits } of providers) {
      for (const { windowSeconds, used } of limits) {
        const second = Math.floor(now / 1000);
        const inside = counted.filter(({ provider, at }) => {
          const then = Math.floor(at / 1000);
          return provider === no && then <= second && then > second - windowSeconds;
        });
        assert.equal(used, inside.length, `provider ${no}`);
      }
    }
  }
}

test('no cap of a mailbox or a provider is ever exceeded, and every counter says what the rows say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 45 }), async (steps) => {
      const run = await Run.start();
      for (const one of steps) {
        await run.take(one);
        run.check();
        await run.compare();
      }
    }),
    { numRuns: RUNS },
  );
});
