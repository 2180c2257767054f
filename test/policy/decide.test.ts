import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlainLedger } from '../../bench/rig/plain-ledger.ts';
import { explainReason, retryAt } from '../../src/core/explain.ts';
import { PackWriter } from '../../src/core/pack.ts';
import { isReasonCode, precedence, type ReasonCode } from '../../src/core/reasons.ts';
import { decide, trace } from '../../src/policy/decide.ts';
import type { Limit, LimitDocument } from '../../src/policy/document.ts';
import { packFacts, unpackFacts } from '../../src/policy/facts.ts';
import type { ScopeState } from '../../src/policy/ledger.ts';
import { look } from '../../src/policy/look.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import { addUnits, emptySeries, type Series } from '../../src/policy/series.ts';
import { SUPPRESSION_REASONS } from '../../src/policy/suppression.ts';
import { canonicalVerdict } from '../../src/policy/verdict.ts';
import { entriesOf } from '../harness/series.ts';
import {
  DAY,
  FREE,
  factsOf,
  HOUR,
  NOW,
  policyOf,
  recipientOf,
  sendOf,
  sendOn,
  told,
  unknownEvidence,
} from './deciding.ts';
import { holds } from './departures.ts';

test('rules are asked in the order of precedence, warnings last', () => {
  const blocking = RULES.map(([name]) => name).filter(isReasonCode);
  const sorted = [...blocking].sort((a, b) => precedence(a) - precedence(b));
  assert.deepEqual(blocking, sorted);
  assert.deepEqual(RULES.map(([name]) => name).slice(0, blocking.length), blocking);
});

test('nothing in the way is an accept without a word', () => {
  assert.deepEqual(decide(sendOf(), recipientOf(), factsOf(), policyOf()), {
    verdict: 'accept',
    departAt: NOW,
    reasons: [],
    warnings: [],
  });
});

test('all reasons are kept, the first of the catalogue is the primary one, and warnings are left out', () => {
  const policy = policyOf(
    [
      { name: 'day', scope: 'tenant', window: 'calendar_day', max: 10 },
      { name: 'near', scope: 'app', window: 'calendar_day', max: 10 },
      { name: 'person', scope: 'recipient', window: 'rolling_1h', max: 1 },
    ],
    { cooldown: { per: 'recipient', seconds: 3600 } },
  );
  const facts = factsOf({
    account: { standing: 'suspended', credits: 0 },
    doNotContactSince: NOW - DAY,
    suppressions: [
      { id: 'sup_1', reason: 'complaint', domain: false, since: 1, expiresAt: null },
      { id: 'sup_2', reason: 'hard_bounce', domain: true, since: 1, expiresAt: NOW + DAY },
    ],
    lastSentAt: NOW - 1000,
    limits: [
      { used: 10, resetsAt: NOW / 1000 + 60, freeAt: NOW / 1000 + 60, units: 1 },
      { used: 9, resetsAt: NOW / 1000 + 60, freeAt: 0, units: 1 },
      { used: 1, resetsAt: NOW / 1000 + 9, freeAt: NOW / 1000 + 9, units: 1 },
    ],
  });
  const verdict = decide(sendOf({ onLimit: 'defer' }), recipientOf(), facts, policy);
  assert.equal(verdict.verdict, 'block');
  const codes = verdict.reasons.map((reason) => reason.code);
  assert.deepEqual(codes, [
    'account_suspended',
    'insufficient_credits',
    'do_not_contact',
    'suppressed',
    'suppressed',
    'cooldown',
    'recipient_frequency_exceeded',
    'daily_quota_exceeded',
  ]);
  assert.deepEqual(
    codes,
    [...codes].sort((a, b) => precedence(a) - precedence(b)),
  );
  assert.deepEqual(verdict.warnings, []);
});

test('a time to try again exists only when every reason has one, and is the latest', () => {
  const policy = policyOf([{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 10 }], {
    cooldown: { per: 'recipient', seconds: 3600 },
  });
  const full = { used: 10, resetsAt: NOW / 1000 + 60, freeAt: NOW / 1000 + 60, units: 1 };
  const both = decide(sendOf(), recipientOf(), factsOf({ lastSentAt: NOW - 1000, limits: [full] }), policy);
  assert.equal(retryAt(both.reasons), NOW - 1000 + HOUR);
  const never = decide(sendOf(), recipientOf(), factsOf({ doNotContactSince: 1, limits: [full] }), policy);
  assert.equal(retryAt(never.reasons), null);
  const expiring = factsOf({
    suppressions: [{ id: 'sup_1', reason: 'hard_bounce', domain: false, since: 1, expiresAt: NOW + DAY }],
    limits: [full],
  });
  assert.equal(retryAt(decide(sendOf(), recipientOf(), expiring, policy).reasons), NOW + DAY);
});

test('a send for later waits for its time', () => {
  const facts = factsOf({ departAt: NOW + HOUR });
  const verdict = decide(sendOf({ sendAt: NOW + HOUR }), recipientOf(), facts, policyOf());
  assert.equal(verdict.verdict, 'schedule');
  assert.equal(verdict.departAt, NOW + HOUR);
  assert.deepEqual(verdict.reasons, [
    {
      code: 'waiting_for_slot',
      scope: null,
      clearsAt: NOW + HOUR,
      evidence: { cause: 'send_at', departs_at: NOW + HOUR },
    },
  ]);
});

test('what only limits stop waits where the caller asked for it, and says for which', () => {
  const policy = policyOf([
    { name: 'hour', scope: 'tenant', window: 'rolling_1h', max: 1 },
    { name: 'day', scope: 'tenant', window: 'rolling_24h', max: 1 },
  ]);
  const second = NOW / 1000;
  const facts = factsOf({
    place: NOW + DAY,
    limits: [
      { used: 1, resetsAt: second + 60, freeAt: second + 3600, units: 1 },
      { used: 1, resetsAt: second + 60, freeAt: second + 86_400, units: 1 },
    ],
  });
  const verdict = decide(sendOf({ onLimit: 'defer' }), recipientOf(), facts, policy);
  assert.equal(verdict.verdict, 'schedule');
  assert.equal(verdict.departAt, NOW + DAY);
  const [reason] = verdict.reasons;
  assert.deepEqual(reason?.evidence, {
    cause: 'quota',
    limit_name: 'day',
    waits_for: ['hour', 'day'],
    departs_at: NOW + DAY,
  });
  assert.deepEqual(unknownEvidence('waiting_for_slot', reason!.evidence), []);
  assert.equal(
    explainReason(reason!, { docsBase: '/' }).detail,
    'The message waits until 2026-04-28T08:12:00.000Z for the earliest place that a limit frees ("day").',
  );
  assert.equal(decide(sendOf(), recipientOf(), facts, policy).verdict, 'block');
  const suppressed = { ...facts, doNotContactSince: NOW };
  assert.equal(decide(sendOf({ onLimit: 'defer' }), recipientOf(), suppressed, policy).verdict, 'block');
});

test('a simulator address is refused for the reason it names, whatever else holds, and the trace says so', () => {
  const recipient = recipientOf('blocked+suppressed@simulator.postern.test', { simulated: 'suppressed' });
  const facts = factsOf({ simulated: 'suppressed', account: { standing: 'suspended' } });
  const verdict = decide(sendOf(), recipient, facts, policyOf());
  assert.equal(verdict.verdict, 'block');
  assert.deepEqual(
    verdict.reasons.map((reason) => [reason.code, reason.scope]),
    [['suppressed', { kind: 'recipient', id: recipient.key }]],
  );
  const lines = trace(sendOf(), recipient, facts, policyOf());
  assert.deepEqual(
    lines.map((line) => [line.outcome, line.code]),
    [['block', 'suppressed']],
  );
});

test('the trace has every rule once, in order, with what it found', () => {
  const facts = factsOf({ account: { standing: 'suspended' }, doNotContactSince: NOW });
  const lines = trace(sendOf(), recipientOf(), facts, policyOf());
  assert.deepEqual(
    lines.map((line) => line.rule),
    RULES.map(([name]) => name),
  );
  assert.deepEqual(
    lines.filter((line) => line.outcome !== 'pass').map((line) => [line.code, line.outcome]),
    [
      ['account_suspended', 'block'],
      ['do_not_contact', 'block'],
    ],
  );
});

const limitName = fc.constantFrom('a', 'b', 'c');
const anyLimit: fc.Arbitrary<LimitDocument> = fc.record({
  name: limitName,
  scope: fc.constantFrom('tenant', 'app', 'installation', 'identity', 'agent', 'recipient', 'recipient_domain'),
  window: fc.constantFrom('rolling_5s', 'rolling_10m', 'rolling_48h', 'calendar_hour', 'calendar_day', 'rate'),
  per: fc.constantFrom('second', 'minute'),
  unit: fc.constantFrom('message', 'recipient'),
  max: fc.integer({ min: 1, max: 4 }),
  reset_on_reply: fc.boolean(),
});

const anySend = fc.record({
  to: fc.constantFrom('bob@example.com', 'eve@example.com', 'dan@other.example'),
  onLimit: fc.constantFrom('reject', 'defer'),
  wait: fc.constantFrom(0, 0, 0, 1, 700, 1000, 61_000, 3_600_000),
  later: fc.constantFrom(null, null, 1500, 7_200_000),
  agent: fc.constantFrom(null, 'outreach'),
  hasIdentity: fc.boolean(),
  simulated: fc.constantFrom(null, null, null, null, 'daily_quota_exceeded'),
});

test('a verdict is made again from packed facts, to the byte', () => {
  const writer = new PackWriter();
  fc.assert(
    fc.property(
      fc.array(anyLimit, { maxLength: 6 }),
      fc.array(anySend, { minLength: 1, maxLength: 25 }),
      fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
      fc.constantFrom(0, 2, 100_000),
      fc.subarray([...SUPPRESSION_REASONS]),
      (limits, sends, cap, cooldown, reasons) => {
        const policy = policyOf(limits, { cooldown: { per: 'recipient', seconds: cooldown } });
        const ledger = new PlainLedger();
        ledger.identityCap = cap;
        ledger.contact('dan@other.example').suppressions = reasons.map((reason, i) => ({
          id: `sup_${i}`,
          reason,
          domain: false,
          since: NOW,
          expiresAt: i % 2 === 0 ? null : NOW + 5000 * i,
        }));
        let now = NOW + 123;
        for (const { to, onLimit, wait, later, agent, hasIdentity, simulated } of sends) {
          now += wait;
          const sendAt = later === null ? null : now + later;
          const send = sendOf({ onLimit, sendAt, scopes: { agent, identity: hasIdentity ? 'idn_1' : null } });
          const recipient = recipientOf(to, { simulated });
          const { facts, verdict } = sendOn(ledger, policy, send, recipient, now);
          const again = decide(send, recipient, unpackFacts(packFacts(facts, writer)), policy);
          assert.equal(canonicalVerdict(again), canonicalVerdict(verdict));
          for (const reason of verdict.reasons) {
            if (simulated === null) assert.deepEqual(unknownEvidence(reason.code, reason.evidence), []);
            assert.doesNotMatch(explainReason(reason, { docsBase: '/' }).detail, /undefined|null|NaN|[[\]{}]/);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('no window of any limit ever holds more than its maximum, whoever waits and whoever does not', () => {
  const counted = anyLimit.filter((limit) => limit.window !== 'rate' && limit.window !== 'rolling_48h');
  fc.assert(
    fc.property(
      fc.array(counted, { minLength: 1, maxLength: 4 }),
      fc.array(fc.tuple(anySend, fc.integer({ min: 1, max: 3 })), { maxLength: 20 }),
      (limits, sends) => {
        const named = limits.map((limit, i) => ({ ...limit, name: `limit${i}`, reset_on_reply: false }));
        const policy = policyOf(named);
        const ledger = new PlainLedger();
        const people = ['bob@example.com', 'eve@example.com', 'dan@other.example'];
        let now = NOW;
        for (const [{ onLimit, wait, later, agent, hasIdentity }, count] of sends) {
          now += wait;
          const sendAt = later === null ? null : now + later;
          const send = sendOf({ onLimit, sendAt, scopes: { agent, identity: hasIdentity ? 'idn_1' : null } });
          const message = new Map();
          for (const to of people.slice(0, count)) sendOn(ledger, policy, send, recipientOf(to), now, message);
        }
        for (const limit of [...policy.messageLimits, ...policy.recipientLimits]) {
          const keys = { recipient: people, recipient_domain: ['example.com', 'other.example'] } as const;
          const ids = { tenant: 'ten_1', app: 'app_1', installation: 'ins_1', identity: 'idn_1', agent: 'outreach' };
          const states =
            limit.scope === 'recipient'
              ? keys.recipient.map((key) => ledger.contact(key))
              : limit.scope === 'recipient_domain'
                ? keys.recipient_domain.map((domain) => ledger.domain(domain))
                : [ledger.scope(limit.scope, ids[limit.scope as keyof typeof ids])];
          for (const state of states) assertHolds(state[limit.unit], limit);
        }
      },
    ),
    { numRuns: 300 },
  );
});

function assertHolds(series: Series | null, limit: Limit): void {
  if (series === null || limit.window.kind === 'rate') return;
  const departures = entriesOf(series).map(([second, units]) => ({ second, units }));
  assert.ok(holds(departures, limit.window, limit.max), `${limit.name} (${limit.windowName}, ${limit.unit}) overflows`);
}

test('a thousand that wait behind a hundred a day leave over ten days at times of their own', () => {
  for (const window of ['rolling_24h', 'calendar_day']) {
    const policy = policyOf([{ name: 'daily', scope: 'tenant', window, max: 100 }]);
    const ledger = new PlainLedger();
    const times: number[] = [];
    for (let i = 0; i < 1000; i += 1) {
      const { verdict } = sendOn(
        ledger,
        policy,
        sendOf({ onLimit: 'defer' }),
        recipientOf(`p${i}@example.com`),
        NOW + i,
      );
      assert.notEqual(verdict.verdict, 'block');
      times.push(verdict.departAt);
    }
    assert.equal(new Set(times).size, 1000, 'all differ');
    assertHolds(ledger.scope('tenant', 'ten_1').recipient, policy.messageLimits[0]!);
    const days = new Set(times.map((at) => Math.floor((at - (window === 'rolling_24h' ? NOW : 0)) / DAY)));
    assert.equal(days.size, 10, 'ten days');
    const sorted = [...times].sort((a, b) => a - b);
    assert.deepEqual(times, sorted, 'first come, first served');
  }
});

test('more than a thousand places in one second go on in the next', () => {
  const policy = policyOf([{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 1500 }]);
  const ledger = new PlainLedger();
  const times: number[] = [];
  for (let i = 0; i < 3000; i += 1) {
    times.push(
      sendOn(ledger, policy, sendOf({ onLimit: 'defer' }), recipientOf(`p${i}@x.example`), NOW).verdict.departAt,
    );
  }
  assert.equal(new Set(times.slice(1500)).size, 1500);
  assertHolds(ledger.scope('tenant', 'ten_1').recipient, policy.messageLimits[0]!);
});

test('a place is one in every limit at once', () => {
  const policy = policyOf([
    { name: 'hour', scope: 'tenant', window: 'calendar_hour', max: 2 },
    { name: 'person', scope: 'recipient', window: 'rolling_2h', max: 1 },
  ]);
  const ledger = new PlainLedger();
  const send = sendOf({ onLimit: 'defer' });
  const at = (to: string): string =>
    new Date(sendOn(ledger, policy, send, recipientOf(to), NOW).verdict.departAt).toISOString();
  assert.equal(at('bob@example.com'), '2026-04-27T08:12:00.000Z');
  assert.equal(at('bob@example.com'), '2026-04-27T10:12:00.000Z');
  assert.equal(at('eve@example.com'), '2026-04-27T08:12:00.000Z');
  assert.equal(at('dan@example.com'), '2026-04-27T09:00:00.000Z');
  assert.equal(at('fay@example.com'), '2026-04-27T09:00:00.001Z');
  assert.equal(at('gus@example.com'), '2026-04-27T10:00:00.000Z');
  // Ten o'clock has gus and bob by now.
  assert.equal(at('eve@example.com'), '2026-04-27T11:00:00.000Z');
});

test('a place keeps the cooldown from what was reserved before it', () => {
  const policy = policyOf([{ name: 'hour', scope: 'tenant', window: 'calendar_hour', max: 1 }], {
    cooldown: { per: 'recipient', seconds: 5400 },
  });
  const ledger = new PlainLedger();
  const send = sendOf({ onLimit: 'defer' });
  sendOn(ledger, policy, send, recipientOf('eve@example.com'), NOW);
  const first = sendOn(ledger, policy, send, recipientOf(), NOW).verdict.departAt;
  const second = sendOn(ledger, policy, send, recipientOf(), NOW).verdict.departAt;
  assert.equal(new Date(first).toISOString(), '2026-04-27T09:00:00.000Z');
  assert.equal(new Date(second).toISOString(), '2026-04-27T10:30:00.000Z');
});

test('a message counts once however many recipients it has, at its first departure', () => {
  const policy = policyOf([{ name: 'messages', scope: 'tenant', window: 'calendar_hour', unit: 'message', max: 1 }]);
  const ledger = new PlainLedger();
  const message = new Map();
  for (const to of ['bob@example.com', 'eve@example.com', 'dan@example.com']) {
    assert.equal(sendOn(ledger, policy, sendOf(), recipientOf(to), NOW, message).verdict.verdict, 'accept');
  }
  assert.deepEqual(ledger.scope('tenant', 'ten_1').message?.cumulative, [1]);
  assert.equal(sendOn(ledger, policy, sendOf(), recipientOf(), NOW).verdict.verdict, 'block');
});

test('where one recipient of a message must wait for a full message limit, so must the others', () => {
  const policy = policyOf([{ name: 'messages', scope: 'tenant', window: 'calendar_hour', unit: 'message', max: 1 }]);
  const ledger = new PlainLedger();
  sendOn(ledger, policy, sendOf(), recipientOf(), NOW);
  const message = new Map();
  const send = sendOf({ onLimit: 'defer' });
  const times = ['bob@example.com', 'eve@example.com'].map(
    (to) => sendOn(ledger, policy, send, recipientOf(to), NOW, message).verdict.departAt,
  );
  for (const time of times) assert.equal(Math.floor(time / HOUR), Math.floor(NOW / HOUR) + 1);
});

test('where one recipient waits for a limit of its own, the message counts when the first one leaves', () => {
  const policy = policyOf([
    { name: 'messages', scope: 'tenant', window: 'calendar_hour', unit: 'message', max: 2 },
    { name: 'person', scope: 'recipient', window: 'rolling_24h', max: 1 },
  ]);
  const ledger = new PlainLedger();
  const send = sendOf({ onLimit: 'defer' });
  sendOn(ledger, policy, send, recipientOf(), NOW);
  const message = new Map();
  assert.equal(sendOn(ledger, policy, send, recipientOf(), NOW, message).verdict.departAt, NOW + DAY);
  assert.equal(sendOn(ledger, policy, send, recipientOf('eve@example.com'), NOW, message).verdict.verdict, 'accept');
  assert.deepEqual(entriesOf(ledger.scope('tenant', 'ten_1').message!), [[NOW / 1000, 2]]);
});

test("an identity's own cap is one more daily limit, and only where the message has an identity", () => {
  const ledger = new PlainLedger();
  ledger.identityCap = 2;
  const policy = policyOf([{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 100 }]);
  const people = ['a@x.example', 'b@x.example', 'c@x.example'];
  const verdicts = people.map((to) => sendOn(ledger, policy, sendOf(), recipientOf(to), NOW).verdict);
  assert.deepEqual(
    verdicts.map((verdict) => verdict.verdict),
    ['accept', 'accept', 'block'],
  );
  const [reason] = verdicts[2]!.reasons;
  assert.equal(reason?.code, 'identity_cap_exceeded');
  assert.equal(reason?.clearsAt, Date.UTC(2026, 3, 28));
  assert.deepEqual(reason?.scope, { kind: 'identity', id: 'idn_1' });
  assert.equal(
    told({ outcome: 'block', ...reason! }),
    'Identity alice: 2 of 2 recipients used in the current UTC day; there is room for 1 more at 2026-04-28T00:00:00.000Z.',
  );
  const without = sendOn(ledger, policy, sendOf({ scopes: { identity: null } }), recipientOf(), NOW);
  assert.equal(without.verdict.verdict, 'accept');
  assert.equal(without.facts.limits.length, 1);
});

test('a limit of a scope that the message lacks does not stop it', () => {
  const policy = policyOf([{ name: 'agent', scope: 'agent', window: 'calendar_day', max: 1 }]);
  const ledger = new PlainLedger();
  const agent = sendOf({ scopes: { agent: 'outreach' } });
  assert.equal(sendOn(ledger, policy, agent, recipientOf(), NOW).verdict.verdict, 'accept');
  assert.equal(sendOn(ledger, policy, agent, recipientOf(), NOW).verdict.verdict, 'block');
  assert.equal(sendOn(ledger, policy, sendOf(), recipientOf(), NOW).verdict.verdict, 'accept');
});

test("a reply starts one person's count anew where the limit says so, and nobody else's", () => {
  const policy = policyOf([
    { name: 'person', scope: 'recipient', window: 'rolling_24h', max: 1, reset_on_reply: true },
    { name: 'tenant', scope: 'tenant', window: 'rolling_24h', max: 2, reset_on_reply: true },
  ]);
  const ledger = new PlainLedger();
  const codes = (to: string, now: number): ReasonCode[] =>
    sendOn(ledger, policy, sendOf(), recipientOf(to), now).verdict.reasons.map((reason) => reason.code);
  assert.deepEqual(codes('bob@example.com', NOW), []);
  assert.deepEqual(codes('bob@example.com', NOW + 5000), ['recipient_frequency_exceeded']);
  ledger.contact('bob@example.com').lastReplyAt = NOW + 6000;
  assert.deepEqual(codes('bob@example.com', NOW + 7000), []);
  assert.deepEqual(codes('bob@example.com', NOW + 8000), ['recipient_frequency_exceeded', 'daily_quota_exceeded']);
});

test('a suppression that ends before the departure does not stop it', () => {
  const ledger = new PlainLedger();
  ledger.contact('bob@example.com').suppressions = [
    { id: 'sup_1', reason: 'hard_bounce', domain: false, since: 1, expiresAt: NOW + HOUR },
  ];
  const verdictAt = (sendAt: number): string =>
    sendOn(ledger, policyOf(), sendOf({ sendAt }), recipientOf(), NOW).verdict.verdict;
  assert.equal(verdictAt(NOW + HOUR - 1), 'block');
  assert.equal(verdictAt(NOW + HOUR), 'schedule');
});

test('a rate is not reserved ahead: what waits takes the first free second', () => {
  const policy = policyOf([{ name: 'rate', scope: 'installation', window: 'rate', max: 2, burst: 2 }]);
  const ledger = new PlainLedger();
  const send = sendOf({ onLimit: 'defer' });
  const verdicts = Array.from({ length: 4 }, () => sendOn(ledger, policy, send, recipientOf(), NOW + 1).verdict);
  assert.deepEqual(
    verdicts.map((verdict) => [verdict.verdict, verdict.departAt - NOW]),
    [
      ['accept', 1],
      ['accept', 1],
      ['schedule', 1000],
      ['schedule', 1000],
    ],
  );
  const later = sendOn(ledger, policy, sendOf({ sendAt: NOW + 1 + HOUR }), recipientOf(), NOW + 1);
  assert.equal(later.verdict.verdict, 'schedule');
  assert.equal(later.verdict.departAt, NOW + 1 + HOUR);
});

test('looking consumes nothing', () => {
  const policy = policyOf([{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 1 }]);
  const ledger = new PlainLedger();
  const input = {
    view: ledger,
    policy,
    send: sendOf(),
    recipient: recipientOf(),
    now: NOW,
    counted: new Map(),
    duplicate: null,
  };
  const first = look(input);
  for (let i = 0; i < 5; i += 1) assert.deepEqual(look(input), first);
  assert.deepEqual(first.limits, [FREE]);
});

function addUnitsTo(state: ScopeState, second: number): void {
  state.recipient ??= emptySeries();
  addUnits(state.recipient, second, 1);
}

test('limits that free places in turn end a search in bounded time', () => {
  const policy = policyOf([
    { name: 'a', scope: 'tenant', window: 'rolling_2s', max: 1 },
    { name: 'b', scope: 'app', window: 'rolling_2s', max: 1 },
  ]);
  const ledger = new PlainLedger();
  const start = NOW / 1000;
  for (let i = 0; i < 20_000; i += 4) {
    addUnitsTo(ledger.scope('tenant', 'ten_1'), start + i);
    addUnitsTo(ledger.scope('app', 'app_1'), start + i + 2);
  }
  const started = process.hrtime.bigint();
  const { verdict } = sendOn(ledger, policy, sendOf({ onLimit: 'defer' }), recipientOf(), NOW);
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 500);
  assert.ok(verdict.verdict === 'block' || verdict.departAt >= NOW + 19_000_000);
});
