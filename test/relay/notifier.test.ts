import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DueNotice, NoticeEnd } from '../../src/data/port/notices.ts';
import { composeMessage } from '../../src/relay/compose.ts';
import { noticeMail } from '../../src/relay/notice-mail.ts';
import { Notifier } from '../../src/relay/notifier.ts';
import { replies } from '../../src/relay/replies.ts';
import type { Delivery, DeliveryResult } from '../../src/relay/transports/transport.ts';
import { until } from '../harness/until.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const reply = (code: number, text: string) => ({ code, enhanced: null, text });

function due(more: Partial<DueNotice> = {}): DueNotice {
  return {
    copy: 1,
    attempt: 1,
    id: 'ntc_1',
    tenantName: 'Acme',
    tenantId: 'ten_1',
    mode: 'live',
    kind: 'quarantine',
    texts: [{ subject: 'Sending is blocked', lines: ['First paragraph.', 'Second.'] }],
    createdAt: NOW,
    email: 'dana@acme.example',
    now: NOW,
    ...more,
  };
}

/** What became of one notice whose next hop answers so. */
async function endOf(result: DeliveryResult | Error, notice = due()): Promise<{ end: NoticeEnd; sent: Delivery[] }> {
  const sent: Delivery[] = [];
  let end: NoticeEnd | null = null;
  let given: DueNotice[] = [notice];
  const notifier = new Notifier({
    store: {
      onNotices: () => undefined,
      takeNotices: async () => ({ due: given.splice(0), nextInMs: null }),
      settleNotice: async (settled) => {
        end = settled.end;
        return true;
      },
      captureNotice: async () => true,
    },
    composer: { compose: async ({ message }) => composeMessage(message) },
    domain: 'gateway.example',
    keysFor: async () => [],
    outbound: {
      async deliver(delivery) {
        sent.push(delivery);
        if (result instanceof Error) throw result;
        return result;
      },
    },
    rules: replies(),
    log: { error: () => undefined, warn: () => undefined, info: () => undefined },
  });
  notifier.start();
  await until(() => end !== null, 2000, 'the end of the notice');
  notifier.stop();
  await notifier.settled();
  given = [];
  return { end: end!, sent };
}

describe('the notifier', () => {
  it('is done when the next hop has taken a notice', async () => {
    const { end, sent } = await endOf({ outcome: 'taken', reply: reply(250, 'ok') });
    assert.equal(end.outcome, 'sent');
    assert.deepEqual([sent[0]?.from, sent[0]?.to], ['postern@gateway.example', 'dana@acme.example']);
  });

  it('tries again after a passing no, an unknown end and a fault of its own', async () => {
    const passing: (DeliveryResult | Error)[] = [
      { outcome: 'deferred', stage: 'rcpt', reply: reply(451, 'try later') },
      { outcome: 'not_taken', stage: 'connect', reply: { code: null, enhanced: null, text: 'no connection' } },
      { outcome: 'uncertain', reply: { code: null, enhanced: null, text: 'the link broke' } },
      new Error('a fault'),
    ];
    for (const result of passing) {
      const { end } = await endOf(result);
      assert.ok(end.outcome === 'again' && end.at > NOW, JSON.stringify(end));
    }
  });

  it('gives up on a no for good, and after three days', async () => {
    const refused = await endOf({ outcome: 'refused', stage: 'rcpt', reply: reply(550, '5.1.1 no such user') });
    assert.equal(refused.end.outcome, 'failed');
    const late = due({ now: NOW + 4 * 86_400_000, attempt: 20 });
    const deferred = await endOf({ outcome: 'deferred', stage: 'rcpt', reply: reply(451, 'try later') }, late);
    assert.equal(deferred.end.outcome, 'failed');
  });

  it('sends nothing of test mode out', async () => {
    const { end, sent } = await endOf({ outcome: 'taken', reply: reply(250, 'ok') }, due({ mode: 'test' }));
    assert.deepEqual([end.outcome, sent.length], ['sent', 0]);
  });
});

describe('the mail of a notice', () => {
  const textOf = (notice: DueNotice): string => noticeMail(notice, { domain: 'gateway.example' }).text!;

  it('says what, for which account and when, in lines that every reader shows', () => {
    const long = `word `.repeat(100).trim();
    const text = textOf(due({ texts: [{ subject: 'A', lines: [long] }] }));
    assert.ok(
      text.split('\n').every((line) => line.length <= 78),
      text,
    );
    assert.match(text, /Account: {2}Acme \(ten_1\), live mode/);
    assert.match(text, /2026-11-22 12:00 UTC/);
  });

  it('is one mail for many texts, each under its heading', () => {
    const texts = [1, 2, 3].map((n) => ({ subject: `Message ${n} waits`, lines: [`Look at ${n}.`] }));
    const mail = noticeMail(due({ texts }), { domain: 'gateway.example' });
    assert.equal(mail.subject, '[Acme] Message 1 waits and 2 more');
    for (const { subject } of texts) assert.ok(mail.text?.includes(`${subject}\n---`), subject);
  });

  it('asks for no answer by a machine, has the same id on every try, and no line end in its subject', () => {
    const mail = noticeMail(due({ tenantName: 'Evil\r\nBcc: x@y.example' }), { domain: 'gateway.example' });
    assert.deepEqual(mail.headers[0], ['Auto-Submitted', 'auto-generated']);
    assert.equal(mail.messageId, noticeMail(due({ attempt: 7 }), { domain: 'gateway.example' }).messageId);
    const octets = Buffer.from(composeMessage(mail).bytes).toString();
    assert.ok(!/^Bcc:/im.test(octets.slice(0, octets.indexOf('\r\n\r\n'))));
  });
});
