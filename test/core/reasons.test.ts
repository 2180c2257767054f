import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BOUNCE_CLASSES,
  CATEGORIES,
  isReasonCode,
  OUTCOMES,
  precedence,
  REASON_CODES,
  REASONS,
  RETIRED,
  type ReasonEntry,
  WARNING_CODES,
  WARNINGS,
} from '../../src/core/reasons.ts';
import { EXAMPLE_NOW_MS, simulatedReason, simulatedWarning } from '../../src/core/simulator.ts';
import { TEXTS } from '../../src/core/texts.ts';

/** The contract, in order of precedence: code, HTTP status, retryable, who clears it. */
const CONTRACT: readonly [code: string, http: number | null, retryable: boolean, clearsBy: string][] = [
  ['authentication_required', 401, false, 'caller'],
  ['insufficient_permissions', 403, false, 'tenant'],
  ['human_decision_required', 403, false, 'tenant'],
  ['malformed_request', 400, false, 'caller'],
  ['unsupported_media_type', 415, false, 'caller'],
  ['method_not_allowed', 405, false, 'caller'],
  ['request_timeout', 408, true, 'time'],
  ['validation_failed', 422, false, 'caller'],
  ['attachment_rejected', 422, false, 'caller'],
  ['payload_too_large', 413, false, 'caller'],
  ['batch_too_large', 422, false, 'caller'],
  ['not_found', 404, false, 'caller'],
  ['cursor_expired', 410, false, 'caller'],
  ['state_conflict', 409, false, 'caller'],
  ['idempotency_key_invalid', 400, false, 'caller'],
  ['idempotency_key_reused', 409, false, 'caller'],
  ['idempotency_in_progress', 409, true, 'time'],
  ['request_rate_exceeded', 429, true, 'time'],
  ['account_quarantined', 403, false, 'operator'],
  ['account_suspended', 403, false, 'operator'],
  ['account_paused', 403, false, 'tenant'],
  ['trial_not_activated', 402, false, 'tenant'],
  ['trial_expired', 402, false, 'tenant'],
  ['subscription_expired', 402, false, 'tenant'],
  ['insufficient_credits', 402, false, 'tenant'],
  ['storage_limit_exceeded', 403, false, 'tenant'],
  ['sender_not_authorized', 403, false, 'tenant'],
  ['domain_not_verified', 403, false, 'tenant'],
  ['identity_inactive', 409, true, 'time tenant'],
  ['identity_suspended', 403, false, 'operator'],
  ['no_active_provider', 503, false, 'tenant'],
  ['template_not_found', 422, false, 'caller'],
  ['template_not_approved', 403, false, 'tenant'],
  ['template_lint_failed', 422, false, 'caller'],
  ['template_render_failed', 422, false, 'caller'],
  ['content_rejected', 422, false, 'caller'],
  ['canary_leaked', 422, false, 'caller'],
  ['invalid_recipient', 422, false, 'caller'],
  ['do_not_contact', 422, false, 'never'],
  ['suppressed', 422, false, 'tenant'],
  ['consent_missing', 422, false, 'caller'],
  ['disengaged', 422, false, 'recipient'],
  ['active_opportunity', 409, false, 'tenant'],
  ['thread_taken_over', 409, false, 'tenant'],
  ['lease_conflict', 409, true, 'time'],
  ['duplicate', 409, false, 'caller'],
  ['cooldown', 429, true, 'time'],
  ['recipient_frequency_exceeded', 429, true, 'time'],
  ['send_rate_exceeded', 429, true, 'time'],
  ['hourly_quota_exceeded', 429, true, 'time'],
  ['daily_quota_exceeded', 429, true, 'time'],
  ['monthly_quota_exceeded', 429, true, 'time'],
  ['identity_cap_exceeded', 429, true, 'time'],
  ['mailboxes_exhausted', 429, true, 'time'],
  ['recipient_domain_throttled', 429, true, 'time'],
  ['warmup_limit_exceeded', 429, true, 'time'],
  ['risk_budget_exceeded', 429, true, 'time'],
  ['negative_signal_budget_exceeded', 429, true, 'time'],
  ['approval_required', null, false, 'tenant'],
  ['content_review_required', null, false, 'tenant'],
  ['waiting_for_slot', null, false, 'time'],
  ['quarantine_hold', null, false, 'operator'],
  ['policy_unavailable', 503, true, 'time'],
  ['service_unavailable', 503, true, 'time'],
  ['internal_error', 500, true, 'operator'],
];

const ENTRIES: readonly ReasonEntry[] = REASON_CODES.map((code) => REASONS[code]);

test('the catalogue holds every reason of the contract in its order, with its status, retry and clearers, and no other', () => {
  const catalogue = Object.entries<ReasonEntry>(REASONS).map(([key, entry]) => [
    key,
    entry.http,
    entry.retryable,
    entry.clearsBy.join(' '),
  ]);
  assert.deepEqual(catalogue, CONTRACT);
});

test('the number of reasons, warnings and outcomes changes only together with this line', () => {
  assert.deepEqual([REASON_CODES.length, WARNING_CODES.length, Object.keys(OUTCOMES).length], [65, 9, 14]);
});

test('warnings, outcomes and the named bounce classes are those of the contract', () => {
  const warnings =
    'quarantine_approaching limit_approaching content_warning template_warning unreachable_replies disengaging role_account disposable_address possible_typo';
  const outcomes =
    'sent delivered deferred bounced complained replied auto_replied unsubscribed opened clicked failed expired cancelled uncertain';
  assert.deepEqual([...WARNING_CODES], warnings.split(' '));
  assert.deepEqual(Object.keys(OUTCOMES), outcomes.split(' '));
  const named = 'unknown_user mailbox_full domain_not_found policy_block reputation_block rate_limited content_block';
  for (const code of [...named.split(' '), 'auth_failure', 'infrastructure']) assert.ok(code in BOUNCE_CLASSES, code);
});

test('an entry is filed under its own code', () => {
  for (const table of [REASONS, WARNINGS, OUTCOMES, BOUNCE_CLASSES]) {
    for (const [key, entry] of Object.entries(table)) assert.equal(entry.code, key);
  }
});

test('precedence is the place in the catalogue', () => {
  assert.equal(precedence('authentication_required'), 0);
  assert.equal(precedence('internal_error'), 64);
  assert.ok(precedence('account_quarantined') < precedence('do_not_contact'));
  assert.ok(precedence('do_not_contact') < precedence('suppressed'));
});

test('categories stand in one stretch each, in the order of their headings', () => {
  const stretches = ENTRIES.map(({ category }) => category).filter((category, at, all) => category !== all[at - 1]);
  assert.deepEqual(stretches, Object.keys(CATEGORIES));
});

test('a retired code is no reason and no warning, and names of objects are no codes', () => {
  for (const code of RETIRED) assert.ok(!isReasonCode(code) && !(code in WARNINGS), code);
  for (const code of ['constructor', '__proto__', 'toString', '']) assert.equal(isReasonCode(code), false);
  assert.ok(WARNING_CODES.every((code) => !isReasonCode(code)));
});

test('what is worth a retry has a 4yz reply, other refusals a 5yz one, holds 250, and the enhanced code agrees', () => {
  for (const entry of ENTRIES) {
    const replies = [entry.smtp, ...Object.values(entry.smtpCases?.replies ?? {})];
    for (const smtp of replies) {
      assert.ok(smtp, entry.code);
      const wanted = entry.http === null ? 2 : entry.retryable ? 4 : 5;
      assert.equal(Math.floor(smtp.reply / 100), wanted, entry.code);
      assert.match(smtp.enhanced, /^[245]\.[0-7]\.\d{1,2}$/, entry.code);
      assert.equal(smtp.enhanced[0], String(wanted), entry.code);
    }
  }
});

test('a limit answers 451 or 452 on SMTP', () => {
  const limits = ENTRIES.filter(({ category }) => category === 'limit');
  assert.ok(limits.every(({ smtp }) => smtp?.reply === 451 || smtp?.reply === 452));
});

/** Placeholders outside brackets, and all of them. */
function placeholders(template: string): { outside: string[]; all: string[] } {
  const found = (text: string) => [...text.matchAll(/\{([^}]*)\}/g)].map((match) => match[1]!);
  return { outside: found(template.replace(/\[[^\]]*\]/g, '')), all: found(template) };
}

const SPECIAL = ['clears_at', 'time'];

function assertTemplate(template: string, known: readonly string[], where: string): void {
  const { outside, all } = placeholders(template);
  assert.deepEqual(outside, [], `${where}: a placeholder must stand in brackets`);
  assert.match(template.replace(/\[[^[\]]*\]/g, ''), /^[^[\]|]*$/, `${where}: brackets must pair and not nest`);
  for (const placeholder of all) {
    const [field, noun] = placeholder.split(':');
    assert.ok(known.includes(field!), `${where}: {${field}} is not in the evidence`);
    assert.ok(noun === undefined || Object.hasOwn(TEXTS['en']!.nouns, noun), `${where}: {${placeholder}} has no noun`);
  }
}

test('placeholders of every text are in brackets and name evidence that the entry declares, in every language', () => {
  for (const [locale, texts] of Object.entries(TEXTS)) {
    for (const code of REASON_CODES) {
      const text = texts.reasons[code];
      const fields = Object.keys(REASONS[code].evidence);
      assertTemplate(text.detail, [...fields, ...SPECIAL], `${locale} ${code} detail`);
      assertTemplate(text.customerMessage, ['time', 'limit', 'used', 'window', 'unit'], `${locale} ${code} customer`);
      for (const field of Object.keys(text.words ?? {}))
        assert.ok(fields.includes(field), `${locale} ${code} ${field}`);
    }
    for (const code of WARNING_CODES) {
      assertTemplate(texts.warnings[code].detail, Object.keys(WARNINGS[code].evidence), `${locale} ${code}`);
    }
  }
});

test('every entry has all its texts: a fix of one sentence, an explanation of two to five', () => {
  const sentences = (text: string) => text.split(/[.!?](?: |$)/).filter((part) => part !== '').length;
  for (const entry of [...ENTRIES, ...WARNING_CODES.map((code) => WARNINGS[code])]) {
    assert.match(entry.title, /^[A-Z].*[^.]$/, entry.code);
    assert.match(entry.fix, /^[A-Z].*\.$/, entry.code);
    assert.equal(sentences(entry.fix), 1, `${entry.code}: ${entry.fix}`);
    const count = sentences(entry.explanation);
    assert.ok(count >= 2 && count <= 5, `${entry.code}: ${count} sentences`);
    assert.match(entry.explanation, /^[A-Z].*\.$/, entry.code);
  }
  for (const entry of ENTRIES) {
    assert.match(entry.clearsAt, /\.$/, entry.code);
    for (const one of Object.values(entry.cases ?? {})) assert.match(one.fix, /^[A-Z].*\.$/, entry.code);
  }
});

test('the customer is never told codes, fields or routes', () => {
  for (const { code, customerMessage } of ENTRIES) {
    assert.doesNotMatch(customerMessage.replace(/[[{][^\]}]*[\]}]/g, ''), /[`_/]|HTTP|API|JSON|key/i, code);
  }
});

test('an example has evidence that its entry declares, and a time to clear where waiting alone is enough', () => {
  for (const code of REASON_CODES) {
    const example = simulatedReason(code, EXAMPLE_NOW_MS);
    const declared = Object.keys(REASONS[code].evidence);
    for (const field of Object.keys(example.evidence)) assert.ok(declared.includes(field), `${code}: ${field}`);
    const by = example.clearsBy ?? REASONS[code].clearsBy;
    const hasTime = example.clearsAt !== null && example.clearsAt > EXAMPLE_NOW_MS;
    if (by.join() === 'time' && code !== 'request_timeout') assert.ok(hasTime, code);
  }
  for (const code of WARNING_CODES) {
    const declared = Object.keys(WARNINGS[code].evidence);
    const example = simulatedWarning(code, EXAMPLE_NOW_MS);
    assert.ok(
      Object.keys(example.evidence).every((field) => declared.includes(field)),
      code,
    );
  }
});
