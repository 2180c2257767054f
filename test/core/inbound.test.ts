import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgeInbound, type ProofKind, type ReadInbound, type ReportedRecipient } from '../../src/core/inbound.ts';

const BOB = { key: 'bob@rcpt.example' };
const EVE = { key: 'eve@rcpt.example' };
const ANN = { key: 'ann@other.example' };

function mail(change: Partial<ReadInbound> = {}): ReadInbound {
  return {
    kind: 'reply',
    form: null,
    recipients: [],
    reportingMta: null,
    from: { email: 'bob@rcpt.example', key: 'bob@rcpt.example', name: null },
    subject: 'Re: x',
    messageId: '<1@rcpt.example>',
    answers: [],
    returns: [],
    isAutomatic: false,
    isFromNobody: null,
    text: 'Yes.',
    ...change,
  };
}

const from = (key: string) => ({ from: { email: key, key, name: null } });

function report(change: Partial<ReportedRecipient> = {}, more: Partial<ReadInbound> = {}): ReadInbound {
  const one: ReportedRecipient = {
    key: BOB.key,
    alias: null,
    class: 'unknown_user',
    status: '5.1.1',
    action: 'failed',
    hard: true,
    suppress: true,
    said: '550 no',
    ...change,
  };
  return mail({ kind: 'bounce', form: 'dsn', recipients: [one], ...more });
}

const PROOFS: ProofKind[] = ['return_path', 'reply_address', 'unsubscribe_address', 'message_id'];

/** What was decided, short. */
function outcome(proof: ProofKind, isNull: boolean | null, read: ReadInbound, recipients: { key: string }[] = [BOB]) {
  const { effects, why } = judgeInbound(proof, isNull, read, recipients);
  return why ?? effects.map(({ recipient, kind }) => `${kind} ${recipient}`).join(', ');
}

describe('a mail with proof', () => {
  test('that reports a failure counts for whom it names, by either address', () => {
    assert.equal(outcome('return_path', true, report()), 'bounce 0');
    assert.equal(outcome('return_path', true, report({ key: 'b@forwarded.example', alias: BOB.key })), 'bounce 0');
    assert.equal(outcome('return_path', true, report({ key: 'bob' })), 'bounce 0');
    assert.equal(outcome('message_id', null, report({ key: EVE.key }), [BOB, EVE]), 'bounce 1');
  });

  test('that reports of somebody else, or comes from somebody, counts for nobody', () => {
    assert.equal(outcome('return_path', true, report({ key: EVE.key })), 'names_another');
    assert.equal(outcome('return_path', true, report({ key: 'robert' })), 'names_another');
    assert.equal(outcome('return_path', false, report()), 'sender_not_null');
    assert.equal(outcome('message_id', false, report()), 'sender_not_null');
  });

  test('that reports a failure and names nobody suppresses nobody', () => {
    const { effects } = judgeInbound('return_path', true, mail({ kind: 'bounce', form: 'free_form' }), [BOB]);
    assert.equal(effects[0]!.kind, 'bounce');
    assert.equal(effects[0]!.suppress, false);
    assert.equal(effects[0]!.class, 'unknown');
    assert.equal(
      outcome('message_id', true, mail({ kind: 'bounce', form: 'free_form' }), [BOB, EVE]),
      'without_effect',
    );
  });

  test('that tells of other things than a failure changes what these are', () => {
    assert.equal(outcome('return_path', true, report({ action: 'delayed' })), 'delayed 0');
    assert.equal(outcome('return_path', true, report({ action: 'delivered' })), 'delivered 0');
    for (const action of ['relayed', 'expanded', null] as const) {
      assert.equal(outcome('return_path', true, report({ action })), 'without_effect', String(action));
    }
  });

  test('that complains counts for whom it names, or for the one it can be about', () => {
    const complaint = (keys: string[]) =>
      mail({ kind: 'complaint', form: 'arf', recipients: keys.map((key) => report({ key }).recipients[0]!) });
    assert.equal(outcome('return_path', false, complaint([BOB.key])), 'complaint 0');
    assert.equal(outcome('return_path', true, complaint([])), 'complaint 0');
    assert.equal(outcome('return_path', true, complaint(['redacted@isp.example'])), 'complaint 0');
    assert.equal(outcome('return_path', true, complaint([EVE.key])), 'names_another');
    assert.equal(outcome('message_id', null, complaint([]), [BOB, EVE]), 'names_another');
    for (const kind of ['not_spam', 'auth_report', 'other'] as const) {
      assert.equal(outcome('return_path', true, mail({ kind, form: 'arf' })), 'without_effect');
    }
  });

  test('that answers counts for its writer', () => {
    assert.equal(outcome('return_path', false, mail()), 'reply 0');
    assert.equal(outcome('return_path', false, mail({ kind: 'other' })), 'reply 0');
    assert.equal(outcome('reply_address', false, mail(from(EVE.key)), [BOB, EVE]), 'reply 1');
    assert.equal(outcome('message_id', null, mail(from('sales@other.example')), [BOB, ANN]), 'reply 1');
    assert.equal(outcome('message_id', null, mail(from('sales@rcpt.example')), [BOB, EVE]), 'from_another');
    assert.equal(outcome('return_path', false, mail(from('x@elsewhere.example'))), 'from_another');
    assert.equal(outcome('return_path', false, mail({ from: null })), 'from_another');
  });

  test('that a program wrote is never a reply', () => {
    assert.equal(outcome('return_path', true, mail()), 'auto_reply 0');
    assert.equal(outcome('return_path', false, mail({ isAutomatic: true })), 'auto_reply 0');
    assert.equal(
      outcome('return_path', false, mail({ kind: 'auto_reply', ...from('x@elsewhere.example') })),
      'auto_reply 0',
    );
    assert.equal(outcome('reply_address', false, mail({ isAutomatic: true, ...from('x@y.example') })), 'from_another');
    assert.equal(outcome('return_path', true, mail({ kind: 'other' })), 'without_effect');
  });

  test('to the address for unsubscribing does that, whoever writes, unless a program does', () => {
    assert.equal(outcome('unsubscribe_address', false, mail(from('x@y.example'))), 'unsubscribe 0');
    assert.equal(outcome('unsubscribe_address', false, mail({ kind: 'other', from: null })), 'unsubscribe 0');
    for (const read of [mail({ isAutomatic: true }), mail({ kind: 'auto_reply' }), report()]) {
      assert.equal(outcome('unsubscribe_address', false, read), 'automatic');
    }
    assert.equal(outcome('unsubscribe_address', true, mail()), 'automatic');
  });

  test('changes at most what its proof allows', () => {
    const reads = [mail(), report(), mail({ kind: 'unsubscribe' }), mail({ kind: 'complaint', form: 'arf' })];
    for (const proof of PROOFS) {
      for (const read of reads) {
        for (const isNull of [true, false, null]) {
          for (const { kind } of judgeInbound(proof, isNull, read, [BOB]).effects) {
            if (proof === 'unsubscribe_address') assert.equal(kind, 'unsubscribe');
            if (proof === 'reply_address') assert.ok(['reply', 'auto_reply', 'unsubscribe'].includes(kind));
            if (kind === 'bounce') assert.notEqual(isNull, false);
          }
        }
      }
    }
  });

  test('at an address for replies reports nothing', () => {
    assert.equal(outcome('reply_address', true, report()), 'wrong_address');
    assert.equal(outcome('reply_address', false, mail({ kind: 'complaint', form: 'arf' })), 'wrong_address');
  });
});
