import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DecidedReason,
  explainReason,
  explainWarning,
  problem,
  retryAt,
  smtpCodes,
  smtpText,
} from '../../src/core/explain.ts';
import { REASON_CODES, REASONS, WARNING_CODES } from '../../src/core/reasons.ts';
import { EXAMPLE_NOW_MS, simulatedReason, simulatedWarning } from '../../src/core/simulator.ts';

const OPTIONS = { docsBase: 'http://127.0.0.1:8480/docs/reasons/' };
const NOW = EXAMPLE_NOW_MS;

function decided(code: DecidedReason['code'], parts: Partial<DecidedReason> = {}): DecidedReason {
  return { code, scope: null, clearsAt: null, evidence: {}, ...parts };
}

function assertWhole(text: string, where: string): void {
  assert.match(text, /^\S.*[.!?]$/, where);
  assert.doesNotMatch(text, /undefined|null|NaN|\[object|[{}[\]|]| {2}| [.,;:]|\(\)/, `${where}: ${text}`);
}

test('every reason has a whole detail and customer message, with its example, with no evidence and with unknown time', () => {
  for (const code of REASON_CODES) {
    const example = simulatedReason(code, NOW);
    const cases = [example, { ...example, clearsAt: null }, decided(code), decided(code, { clearsAt: NOW })];
    for (const [index, reason] of cases.entries()) {
      const explained = explainReason(reason, OPTIONS);
      const detail = explained.detail.replace('`to[0].email`', '`to`');
      assertWhole(detail, `${code} detail ${index}`);
      assertWhole(explained.customer_message, `${code} customer ${index}`);
    }
  }
});

test('every warning has a whole detail, with its example and with no evidence', () => {
  for (const code of WARNING_CODES) {
    for (const warning of [simulatedWarning(code, NOW), { code, evidence: {} }]) {
      assertWhole(explainWarning(warning, OPTIONS).detail, code);
    }
  }
});

test('with each field of evidence missing alone the detail is still whole', () => {
  for (const code of REASON_CODES) {
    const example = simulatedReason(code, NOW);
    for (const field of Object.keys(example.evidence)) {
      const { [field]: _, ...evidence } = example.evidence;
      const detail = explainReason({ ...example, evidence }, OPTIONS).detail.replace('`to[0].email`', '`to`');
      assertWhole(detail, `${code} without ${field}`);
    }
  }
});

test('the detail says the numbers', () => {
  const details = (code: DecidedReason['code']) => explainReason(simulatedReason(code, NOW), OPTIONS).detail;
  assert.equal(
    details('daily_quota_exceeded'),
    '500 of 500 recipients used in the last 24 hours; there is room for 1 more at 2026-04-27T08:59:00.000Z.',
  );
  assert.equal(details('suppressed'), 'The address is suppressed: hard bounce on 2026-04-07T08:12:00.000Z.');
  assert.equal(
    details('risk_budget_exceeded'),
    'The bounce rate of 11.2 % is above the maximum of 8 % in the last 24 hours (250 messages).',
  );
});

test('an explained reason has the shape of the contract', () => {
  const scope = { kind: 'tenant', id: 'ten_1' };
  const evidence = { last_sent_at: NOW - 1_000, seconds: 60, per: 'recipient' };
  assert.deepEqual(explainReason({ code: 'cooldown', scope, clearsAt: NOW + 59_000, evidence }, OPTIONS), {
    code: 'cooldown',
    category: 'recipient',
    title: 'Cooldown',
    detail:
      'The last message to this recipient left at 2026-04-27T08:11:59.000Z; the policy asks for 1 minute between two messages to one recipient.',
    fix: 'Send at `clears.at` or later, for example with `send_at`.',
    doc_url: 'http://127.0.0.1:8480/docs/reasons/cooldown',
    customer_message:
      'This person was written to a short while ago. You can write again at 08:13 UTC on 27 April 2026.',
    retryable: true,
    clears: { by: ['time'], at: '2026-04-27T08:12:59.000Z' },
    scope,
    evidence: { last_sent_at: '2026-04-27T08:11:59.000Z', seconds: 60, per: 'recipient' },
  });
});

test('who clears it may differ from the entry, and the fix then fits', () => {
  const complaint = explainReason(decided('suppressed', { clearsBy: ['never'] }), OPTIONS);
  assert.deepEqual(complaint.clears, { by: ['never'], at: null });
  assert.match(complaint.fix, /^Do not write to this address again/);
  const paused = explainReason(decided('account_paused', { clearsBy: ['operator'] }), OPTIONS);
  assert.match(paused.fix, /operator/);
  assert.equal(explainReason(decided('suppressed'), OPTIONS).fix, REASONS.suppressed.fix);
});

test('an unknown language falls back to English, and a tag is no path into objects', () => {
  const english = explainReason(decided('cooldown'), OPTIONS);
  for (const locale of ['en-NZ', 'EN', 'xx', '', '__proto__', 'constructor', `${'a-'.repeat(50_000)}`]) {
    assert.deepEqual(explainReason(decided('cooldown'), { ...OPTIONS, locale }), english);
  }
});

test('whatever stands in the evidence, explaining neither throws nor breaks the line', () => {
  const fields = [...new Set(REASON_CODES.flatMap((code) => Object.keys(REASONS[code].evidence)))];
  const evidence = fc.dictionary(fc.oneof(fc.constantFrom(...fields), fc.string()), fc.anything(), { maxKeys: 12 });
  const clearsAt = fc.option(fc.oneof(fc.double(), fc.integer()));
  fc.assert(
    fc.property(fc.constantFrom(...REASON_CODES), evidence, clearsAt, (code, evidence, clearsAt) => {
      const explained = explainReason({ code, scope: null, clearsAt, evidence }, OPTIONS);
      for (const text of [explained.detail, explained.customer_message]) {
        assert.ok(text.length > 0 && text.length < 5_000);
        assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }
      assert.match(smtpText({ code, scope: null, clearsAt, evidence }, OPTIONS), /^[\x20-\x7e]{1,480}$/);
    }),
    { numRuns: 500 },
  );
});

test('the time to retry is the latest of all, and none as soon as one has none', () => {
  const at = (clearsAt: number | null) => ({ clearsAt });
  assert.equal(retryAt([]), null);
  assert.equal(retryAt([at(5)]), 5);
  assert.equal(retryAt([at(5), at(9), at(7)]), 9);
  assert.equal(retryAt([at(5), at(null), at(7)]), null);
  assert.equal(retryAt([at(0)]), 0);
});

test('a problem has exactly the members of the contract, in their order', () => {
  const body = problem(
    { reasons: [simulatedReason('account_quarantined', NOW)], messageId: 'msg_1', requestId: 'req_1' },
    OPTIONS,
  );
  assert.deepEqual(
    Object.keys(body).join(' '),
    'type title status code detail fix customer_message retryable retry_at clears param reasons recipients limits risk message_id request_id',
  );
  const { reasons, detail, customer_message, fix, ...rest } = body;
  assert.deepEqual(rest, {
    type: 'http://127.0.0.1:8480/docs/reasons/account_quarantined',
    title: 'Account in quarantine',
    status: 403,
    code: 'account_quarantined',
    retryable: false,
    retry_at: null,
    clears: { by: ['operator'], at: null },
    param: null,
    recipients: [],
    limits: [],
    risk: null,
    message_id: 'msg_1',
    request_id: 'req_1',
  });
  assert.deepEqual(
    [reasons[0]!.detail, reasons[0]!.customer_message, reasons[0]!.fix],
    [detail, customer_message, fix],
  );
});

test('a problem reports all reasons, speaks of the first and is retryable only when all are', () => {
  const cooldown = decided('cooldown', { clearsAt: NOW + 5_000 });
  const daily = decided('daily_quota_exceeded', { clearsAt: NOW + 9_000 });
  const ids = { messageId: 'msg_1', requestId: 'req_1' };
  const both = problem({ reasons: [cooldown, daily], ...ids }, OPTIONS);
  assert.equal(both.code, 'cooldown');
  assert.equal(both.status, 429);
  assert.equal(both.retryable, true);
  assert.equal(both.retry_at, '2026-04-27T08:12:09.000Z');
  assert.equal(both.clears.at, '2026-04-27T08:12:05.000Z');
  assert.deepEqual(
    both.reasons.map(({ code }) => code),
    ['cooldown', 'daily_quota_exceeded'],
  );
  const mixed = problem({ reasons: [decided('suppressed'), daily], ...ids }, OPTIONS);
  assert.deepEqual([mixed.status, mixed.retryable, mixed.retry_at], [422, false, null]);
});

test('a problem takes the status, time, field, sentence and headroom that the caller knows better', () => {
  const body = problem(
    {
      reasons: [decided('cooldown', { clearsAt: NOW })],
      status: 422,
      retryAt: null,
      param: 'to[1]',
      detail: 'Said better.',
      recipients: [{ id: 'rcp_1' }],
      limits: [{ name: 'daily' }],
      risk: { score: 3 },
      messageId: null,
      requestId: 'req_1',
    },
    OPTIONS,
  );
  const { status, retry_at, param, detail, recipients, limits, risk, message_id } = body;
  assert.deepEqual(
    { status, retry_at, param, detail, recipients, limits, risk, message_id },
    {
      status: 422,
      retry_at: null,
      param: 'to[1]',
      detail: 'Said better.',
      recipients: [{ id: 'rcp_1' }],
      limits: [{ name: 'daily' }],
      risk: { score: 3 },
      message_id: null,
    },
  );
});

test('a failed validation lists every issue, counts them and names the first', () => {
  const errors = [
    { code: 'invalid_parameter', param: 'to.email', message: 'is not an e-mail address' },
    { code: 'missing_parameter', param: 'subject', message: 'is missing' },
  ];
  const reasons = [decided('validation_failed')];
  const body = problem({ reasons, errors, messageId: null, requestId: 'req_1' }, OPTIONS);
  assert.deepEqual(body.errors, errors);
  assert.equal(body.param, 'to.email');
  assert.equal(body.detail, '2 problems in the request; the first: `to.email`: is not an e-mail address.');
  assert.equal(body.reasons[0]!.evidence['issues'], 2);
});

test('a hold is never what a problem is about', () => {
  const hold = decided('approval_required', { clearsAt: NOW });
  const ids = { messageId: null, requestId: 'req_1' };
  const body = problem({ reasons: [hold, decided('service_unavailable', { clearsAt: NOW })], ...ids }, OPTIONS);
  assert.deepEqual([body.code, body.status, body.reasons.length], ['service_unavailable', 503, 2]);
  assert.throws(() => problem({ reasons: [hold], ...ids }, OPTIONS), RangeError);
  assert.throws(() => problem({ reasons: [], ...ids }, OPTIONS), RangeError);
});

test('a warning carries its evidence beside its code, and cannot be renamed by it', () => {
  const warning = explainWarning(
    { code: 'limit_approaching', evidence: { used: 4, limit: 5, resets_at: NOW, code: 'x', fix: 'y' } },
    OPTIONS,
  );
  assert.equal(warning.code, 'limit_approaching');
  assert.notEqual(warning.fix, 'y');
  assert.deepEqual([warning['used'], warning['resets_at']], [4, '2026-04-27T08:12:00.000Z']);
  assert.equal(warning.doc_url, 'http://127.0.0.1:8480/docs/reasons/limit_approaching');
});

test('an SMTP reply names the code, the detail and the page on one line of ASCII', () => {
  const reason = decided('suppressed', { evidence: { suppression_reason: 'hard_bounce', since: NOW } });
  assert.equal(
    smtpText(reason, { ...OPTIONS, locale: 'de' }),
    'suppressed: The recipient is suppressed: hard bounce on 2026-04-27T08:12:00.000Z; see http://127.0.0.1:8480/docs/reasons/suppressed',
  );
  const long = decided('account_suspended', { evidence: { note: `${'é'.repeat(190)}\r\n250 ok` } });
  assert.match(
    smtpText(long, { docsBase: `http://${'h'.repeat(300)}/` }),
    /^[\x20-\x7e]+; see http:\/\/h+\/account_suspended$/,
  );
});

test('a domain without mail has its own SMTP codes', () => {
  const codes = (problem: unknown) => smtpCodes(decided('invalid_recipient', { evidence: { problem } }));
  assert.deepEqual(codes('null_mx'), { reply: 556, enhanced: '5.1.10' });
  assert.deepEqual(codes('no_such_domain'), { reply: 550, enhanced: '5.1.2' });
  for (const other of ['syntax', 'constructor', undefined, 7]) {
    assert.deepEqual(codes(other), { reply: 550, enhanced: '5.1.3' });
  }
});
