import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EIGHT_LIMITS } from '../../bench/rig/tenants.ts';
import { LINT_NAMES } from '../../src/core/lints.ts';
import { PackWriter } from '../../src/core/pack.ts';
import { IDENTITY_STATES, SETTERS, STANDINGS } from '../../src/policy/account.ts';
import { type Facts, packFacts, unpackFacts } from '../../src/policy/facts.ts';
import { APPROVAL_MODES, APPROVAL_SOURCES } from '../../src/policy/facts-approval.ts';
import { CONSENT_FACTS } from '../../src/policy/facts-contact.ts';
import { LEASE_PROBLEMS } from '../../src/policy/facts-lease.ts';
import {
  chosenAtOnce,
  MOST_CANDIDATES,
  type NearFacts,
  PACE_CAUSES,
  type PoolFacts,
  type RoutingFacts,
} from '../../src/policy/facts-pool.ts';
import { QUARANTINED, type QuarantineFacts } from '../../src/policy/facts-quarantine.ts';
import { SENDER_CAUSES, type SenderFacts, UNVERIFIED_STATES } from '../../src/policy/facts-sender.ts';
import {
  RENDER_PROBLEMS,
  TEMPLATE_PARTS,
  TEMPLATE_STATES,
  type TemplateFacts,
} from '../../src/policy/facts-template.ts';
import { RISK_LEVELS, type RiskFacts, TRENDS } from '../../src/policy/risk/score.ts';
import { SIGNALS } from '../../src/policy/risk/signals.ts';
import { ROUTE_WHYS } from '../../src/policy/route.ts';
import { SUPPRESSION_REASONS } from '../../src/policy/suppression.ts';
import { FREE, factsOf, NOW } from './deciding.ts';

const time = fc.integer({ min: 0, max: 4e12 });
const amount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 });
const perhaps = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });

const texts = fc.array(text, { maxLength: 3 });
const sender: fc.Arbitrary<SenderFacts> = fc
  .record({
    refused: perhaps(fc.record({ cause: fc.constantFrom(...SENDER_CAUSES), address: text, allowed: texts })),
    domain: perhaps(fc.record({ id: text, name: text, state: fc.constantFrom(...UNVERIFIED_STATES), missing: texts })),
  })
  .filter(({ refused, domain }) => refused !== null || domain !== null);

const points = fc.integer({ min: 0, max: 1e9 });
const anyRisk: fc.Arbitrary<RiskFacts> = fc.record({
  score: points,
  level: fc.constantFrom(...RISK_LEVELS),
  warnAt: points,
  threshold: points,
  repliesVisible: fc.boolean(),
  signals: fc.array(
    fc
      .record({
        signal: fc.constantFrom(...SIGNALS),
        value: points,
        weight: fc.integer({ min: -100, max: 1e6 }),
        threshold: fc.integer({ min: 0, max: 1e6 }),
        trend: fc.constantFrom(...TRENDS),
        contribution: fc.integer({ min: -1e6, max: 1e9 }),
      })
      .map(({ signal: { name, window }, ...rest }) => ({ name, window, ...rest })),
    { maxLength: 8 },
  ),
});
const thousandths = fc.integer({ min: -1e9, max: 1e9 }).map((n) => n / 1000);
const anyQuarantine: fc.Arbitrary<QuarantineFacts> = fc.oneof(
  fc.constant(null),
  fc.record({
    state: fc.constant('probation' as const),
    since: amount,
    until: time,
    share: fc.integer({ min: 1, max: 99 }),
    baseline: perhaps(amount),
  }),
  fc.record({
    state: fc.constantFrom(...QUARANTINED),
    since: time,
    byOperator: fc.boolean(),
    score: amount,
    threshold: amount,
    signals: fc.array(
      fc.record({ name: text, value: thousandths, threshold: thousandths, contribution: thousandths }),
      { maxLength: 4 },
    ),
    releaseAt: perhaps(time),
    note: fc.oneof(fc.constant(''), text),
  }),
);
const mark = fc.record({ since: time, note: perhaps(text) });
const sentTemplate: fc.Arbitrary<TemplateFacts> = fc.record({
  asked: text,
  askedVersion: perhaps(amount),
  found: perhaps(fc.record({ id: text, slug: text, version: amount, state: fc.constantFrom(...TEMPLATE_STATES) })),
  overrides: fc.boolean(),
  lints: fc.subarray([...LINT_NAMES]),
  failure: perhaps(
    fc.record({
      problem: fc.constantFrom(...RENDER_PROBLEMS),
      part: perhaps(fc.constantFrom(...TEMPLATE_PARTS)),
      variable: perhaps(text),
      line: perhaps(amount),
      column: perhaps(amount),
      message: text,
    }),
  ),
});
const template = fc
  .tuple(sentTemplate, fc.boolean())
  .map(([facts, isStrict]): TemplateFacts => (isStrict ? { ...facts, refusesSpamPhrases: true } : facts));

const whys = fc.subarray([...ROUTE_WHYS]);
const chosen = fc.record({ provider: amount, mailbox: perhaps(amount), why: whys, replaces: perhaps(amount) });
const near: fc.Arbitrary<NearFacts> = fc.record({
  scope: fc.constantFrom('mailbox' as const, 'provider' as const),
  ...{ id: text, name: text, window: text, limit: amount, used: amount, resetsAt: time },
});
const routing: fc.Arbitrary<RoutingFacts> = fc.oneof(
  fc
    .record({ chosen, near: perhaps(near), ways: amount, isOwn: fc.boolean() })
    .map(({ chosen, near, ...rest }) => chosenAtOnce(chosen, rest, near)),
  fc.record({
    chosen: perhaps(chosen),
    near: fc.constant(null),
    cause: fc.constantFrom('provider' as const, 'health' as const, 'cap' as const, 'warmup' as const),
    freeAt: perhaps(time),
    ways: amount,
    isOwn: fc.boolean(),
    capped: amount,
    warming: amount,
    unhealthy: amount,
    paused: amount,
    inactive: amount,
    isOperators: fc.boolean(),
    candidates: fc.array(
      fc.record({
        name: text,
        obstacle: fc.constantFrom('paused' as const, 'unhealthy' as const, 'cap' as const, 'warmup' as const, null),
        until: perhaps(time),
        health: perhaps(fc.integer({ min: 0, max: 100 })),
        since: perhaps(time),
      }),
      { maxLength: MOST_CANDIDATES },
    ),
    ramp: perhaps(fc.record({ id: text, address: text, day: amount, places: amount, used: amount })),
    lacking: perhaps(amount),
  }),
);
const pool: fc.Arbitrary<PoolFacts> = fc.record({
  routing: perhaps(routing),
  alternatives: fc.array(text, { maxLength: 5 }),
  readyAt: perhaps(time),
  pace: perhaps(fc.record({ cause: fc.constantFrom(...PACE_CAUSES), at: time })),
});

export const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    engine: fc.integer({ min: 1, max: 300 }),
    now: time,
    ahead: fc.integer({ min: 0, max: 4e10 }),
    account: fc.record({
      standing: fc.constantFrom(...STANDINGS),
      standingBy: fc.constantFrom(...SETTERS),
      standingSince: time,
      trialEndsAt: perhaps(time),
      credits: perhaps(amount),
      storageUsed: amount,
      storageLimit: perhaps(amount),
      storageFreesAt: perhaps(time),
    }),
    identityState: perhaps(fc.constantFrom(...IDENTITY_STATES)),
    identityHandle: perhaps(text),
    identityCap: perhaps(amount),
    contentSize: amount,
    doNotContactSince: perhaps(time),
    suppressions: fc.array(
      fc.record({
        id: text,
        reason: fc.constantFrom(...SUPPRESSION_REASONS),
        domain: fc.boolean(),
        since: time,
        expiresAt: perhaps(time),
      }),
      { maxLength: 4 },
    ),
    lastSentAt: perhaps(time),
    duplicate: perhaps(fc.record({ messageId: text, at: time, until: time })),
    undeliverable: perhaps(text),
    simulated: perhaps(text),
    template: perhaps(template),
    pool: perhaps(pool),
    sender: perhaps(sender),
    limits: fc.array(
      fc.record({
        used: amount,
        resetsAt: perhaps(time),
        freeAt: perhaps(time),
        units: fc.integer({ min: 0, max: 1 }),
      }),
      { maxLength: 12 },
    ),
    place: perhaps(time),
    risk: perhaps(anyRisk),
    quarantine: anyQuarantine,
    contact: perhaps(
      fc.record({
        consent: fc.constantFrom(...CONSENT_FACTS),
        consentSince: perhaps(time),
        opportunity: perhaps(mark),
        takenOver: perhaps(mark),
        role: perhaps(text),
        isDisposable: fc.boolean(),
        suggestion: perhaps(text),
        unanswered: amount,
        lastEngagedAt: perhaps(time),
        areRepliesVisible: fc.boolean(),
      }),
    ),
    lease: perhaps(
      fc.record({
        id: perhaps(text),
        heldBy: perhaps(text),
        expiresAt: perhaps(time),
        problem: perhaps(fc.constantFrom(...LEASE_PROBLEMS)),
      }),
    ),
    budget: perhaps(
      fc.record({
        sent: amount,
        bounces: amount,
        complaints: amount,
        bouncesClearAt: perhaps(time),
        complaintsClearAt: perhaps(time),
        signals: amount,
        signalBounces: amount,
        signalComplaints: amount,
        signalsClearAt: perhaps(time),
      }),
    ),
    warmup: perhaps(fc.record({ day: fc.integer({ min: 1, max: 366 }), places: amount })),
    approval: perhaps(
      fc.record({
        mode: fc.constantFrom(...APPROVAL_MODES),
        by: fc.constantFrom(...APPROVAL_SOURCES),
        isGranted: fc.boolean(),
        isFirstContact: fc.boolean(),
        id: text,
        deadline: time,
      }),
    ),
    content: perhaps(
      fc.record({
        score: fc.integer({ min: 0, max: 1000 }),
        findings: fc.array(fc.record({ name: text, where: text, weight: fc.integer({ min: 0, max: 100 }) }), {
          maxLength: 6,
        }),
        canary: perhaps(fc.record({ label: text, part: text })),
      }),
    ),
  })
  .map(({ ahead, ...facts }) => structuredClone({ ...facts, departAt: facts.now + ahead }));

test('facts come back from their packed form as they were', () => {
  const writer = new PackWriter();
  fc.assert(
    fc.property(anyFacts, (facts) => {
      assert.deepEqual(unpackFacts(packFacts(facts, writer)), facts);
    }),
  );
});

test('facts packed one after another by one writer do not share bytes', () => {
  const writer = new PackWriter();
  const one = packFacts(factsOf({ contentSize: 1 }), writer);
  const two = packFacts(factsOf({ contentSize: 2 }), writer);
  assert.equal(unpackFacts(one).contentSize, 1);
  assert.equal(unpackFacts(two).contentSize, 2);
});

test('facts for a policy of eight limits take less than 600 bytes, full limits and suppressions included', () => {
  const facts = factsOf({
    departAt: NOW + 86_400_000,
    account: { credits: 1e9, storageUsed: 1e12, storageLimit: 2e12, storageFreesAt: NOW, trialEndsAt: NOW },
    identityHandle: 'a-handle-of-a-fair-length',
    identityCap: 150,
    doNotContactSince: NOW,
    suppressions: SUPPRESSION_REASONS.map((reason) => ({
      id: 'sup_01jb2m3n4p5q6r7s8t9v0w1x2y',
      reason,
      domain: false,
      since: NOW,
      expiresAt: NOW,
    })),
    lastSentAt: NOW,
    duplicate: { messageId: 'msg_01jb2m3n4p5q6r7s8t9v0w1x2y', at: NOW, until: NOW },
    limits: [...EIGHT_LIMITS, null].map(() => ({ used: 1e9, resetsAt: NOW, freeAt: NOW, units: 1 })),
    place: NOW,
  });
  const crowded = packFacts(facts, new PackWriter()).length;
  assert.ok(crowded < 600, `${crowded} bytes`);
  const plain = packFacts(factsOf({ limits: EIGHT_LIMITS.map(() => FREE) }), new PackWriter()).length;
  assert.ok(plain < 120, `${plain} bytes`);
});

test('a layout that this engine does not know is a fault, not a guess', () => {
  const bytes = packFacts(factsOf(), new PackWriter());
  bytes[0] = 99;
  assert.throws(() => unpackFacts(bytes), /layout 99/);
  assert.throws(() => unpackFacts(packFacts(factsOf(), new PackWriter()).subarray(0, 5)), /end too early/);
});
