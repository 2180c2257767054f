/** From a delivery's result to the settlement of its recipient. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settlement } from '../../src/data/store.ts';
import { judge } from '../../src/relay/judgement.ts';
import { replies } from '../../src/relay/replies.ts';
import { replyText, settlementOf } from '../../src/relay/settlement.ts';
import type { DeliveryResult, Stage } from '../../src/relay/transports/transport.ts';

const NOW = Date.UTC(2026, 10, 2);

type Change = { isStopping?: boolean; attempt?: number; kind?: 'smtp' | 'direct' };

function settle(result: DeliveryResult, change: Change = {}): Settlement {
  const { isStopping = false, attempt = 1, kind = 'smtp' } = change;
  const claimed = { recipient: 7, token: 3, attempt };
  const way = { provider: 'default', mailbox: null, why: null };
  const judgement = judge(result, kind, replies());
  return settlementOf({ claimed, now: NOW, way, result, judgement, isStopping, random01: 0.5 });
}

const said = (code: number | null, enhanced: string | null, text: string) => ({ code, enhanced, text });
const no = (
  outcome: 'refused' | 'deferred' | 'not_taken',
  stage: Stage,
  code: number | null,
  enhanced: string | null,
  text: string,
) => ({ outcome, stage, reply: said(code, enhanced, text) }) as const;

test('what the next hop took is delivered, with its words', () => {
  assert.deepEqual(settle({ outcome: 'taken', reply: said(250, '2.0.0', 'queued as 1') }), {
    recipient: 7,
    token: 3,
    attempt: { provider: 'default', mailbox: null, reply: '250 2.0.0 queued as 1', class: null },
    outcome: 'delivered',
  });
});

test('an unknown user is a hard bounce that suppresses', () => {
  const settled = settle(no('refused', 'rcpt', 550, '5.1.1', 'User unknown'));
  assert.deepEqual(
    { outcome: settled.outcome, hard: Reflect.get(settled, 'hard'), suppress: Reflect.get(settled, 'suppress') },
    { outcome: 'bounced', hard: true, suppress: true },
  );
  assert.equal(settled.attempt?.class, 'unknown_user');
});

test('a refusal for reputation or content bounces and suppresses nobody', () => {
  for (const text of ['Blocked by Spamhaus', 'Message content rejected']) {
    const settled = settle(no('refused', 'dot', 554, '5.7.1', text));
    assert.equal(settled.outcome, 'bounced', text);
    assert.equal(Reflect.get(settled, 'suppress'), false, text);
  }
});

test('a temporary no is tried again later', () => {
  const settled = settle(no('deferred', 'rcpt', 450, '4.2.0', 'Mailbox busy, try again later'));
  assert.equal(settled.outcome, 'deferred');
  assert.ok(Reflect.get(settled, 'nextAttemptAt') > NOW);
});

test('waits grow from attempt to attempt', () => {
  const at = (attempt: number): number =>
    Reflect.get(settle(no('deferred', 'rcpt', 451, '4.3.0', 'Try again'), { attempt }), 'nextAttemptAt');
  assert.ok(at(2) > at(1));
  assert.ok(at(3) > at(2));
});

test('what is the fault of the way itself is tried another way, else later, and bounces nobody', () => {
  const ours = [
    no('not_taken', 'connect', null, null, 'connect ECONNREFUSED'),
    no('not_taken', 'tls', null, null, 'self-signed certificate'),
    no('not_taken', 'auth', 535, '5.7.8', 'Authentication credentials invalid'),
    no('refused', 'auth', 535, '5.7.8', 'Authentication credentials invalid'),
    no('not_taken', 'banner', 554, null, 'No SMTP service here'),
  ];
  for (const result of ours) {
    const settled = settle(result);
    assert.equal(settled.outcome, 'elsewhere', result.reply.text);
    assert.equal(Reflect.get(settled, 'otherwise'), 'deferred', result.reply.text);
    assert.ok(Reflect.get(settled, 'nextAttemptAt') > NOW);
  }
});

test('what the next hop cannot carry fails before anybody judged the recipient', () => {
  const settled = settle(no('refused', 'mail', null, '5.6.7', 'an address needs SMTPUTF8'));
  assert.equal(settled.outcome, 'elsewhere');
  assert.equal(Reflect.get(settled, 'otherwise'), 'failed');
});

test('a provider that refuses its customer is left for another one, and where there is none that is final', () => {
  for (const [stage, text] of [
    ['mail', 'Sender denied'],
    ['rcpt', 'Relay access denied'],
  ] as const) {
    const settled = settle(no('refused', stage, 554, '5.7.1', text));
    assert.equal(settled.outcome, 'elsewhere', text);
    assert.equal(Reflect.get(settled, 'otherwise'), 'bounced', text);
  }
});

test('what the recipients own hosts say is said to every way', () => {
  for (const result of [
    no('not_taken', 'connect', null, null, 'connect ECONNREFUSED'),
    no('deferred', 'banner', 421, null, 'Too busy'),
    no('deferred', 'mail', 451, '4.7.1', 'Rate limited'),
  ]) {
    assert.equal(settle(result, { kind: 'direct' }).outcome, 'deferred', result.reply.text);
  }
});

test('another way is never tried where the answer to the dot is unknown', () => {
  const lost: DeliveryResult = { outcome: 'uncertain', reply: said(null, null, 'the connection was closed') };
  for (const kind of ['smtp', 'direct'] as const) assert.equal(settle(lost, { kind }).outcome, 'uncertain');
});

test('an answer that never came is uncertain, also while stopping', () => {
  const lost: DeliveryResult = { outcome: 'uncertain', reply: said(null, null, 'the connection was closed') };
  assert.equal(settle(lost).outcome, 'uncertain');
  assert.equal(settle(lost, { isStopping: true }).outcome, 'uncertain');
});

test('what a stop kept from its dot goes back untried; a judgement that came before counts', () => {
  assert.equal(settle({ outcome: 'stopped' }).outcome, 'released');
  const cut = no('not_taken', 'body', null, null, 'the transport is closed');
  assert.deepEqual(settle(cut, { isStopping: true }), {
    recipient: 7,
    token: 3,
    attempt: null,
    outcome: 'released',
    at: NOW,
  });
  const judged = settle(no('refused', 'rcpt', 550, '5.1.1', 'User unknown'), { isStopping: true });
  assert.equal(judged.outcome, 'bounced');
});

test('a reply is one line of what it has', () => {
  assert.equal(replyText(said(550, '5.1.1', 'No such user')), '550 5.1.1 No such user');
  assert.equal(replyText(said(null, null, 'no answer in time')), 'no answer in time');
});
