import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { deliverMail } from '../harness/smtp-talk.ts';
import { asOperator, makeTenant, type TestTenant } from '../harness/tenants.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
type Body = any;

type Sent = { id: string; email: string; recipientId: string; path: string; messageId: string; raw: string };

/** What a server returns of the message, as far as a report needs it. */
const returned = ({ messageId, email }: Pick<Sent, 'messageId' | 'email'>): string =>
  `Message-ID: ${messageId}\nTo: ${email}\nSubject: Your quote\n`;

const dsn = (
  about: Pick<Sent, 'messageId' | 'email'>,
  fields: string,
  named = about.email,
): string => `From: Mail Delivery System <MAILER-DAEMON@mx.rcpt.example>
To: <sender>
Subject: Delivery Status Notification
Message-ID: <${Math.random()}@mx.rcpt.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your mail could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.rcpt.example

Final-Recipient: rfc822; ${named}
${fields}

--b
Content-Type: text/rfc822-headers

${returned(about)}
--b--
`;

const FAILED = 'Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown';

const arf = (
  about: Pick<Sent, 'messageId' | 'email'>,
  type = 'abuse',
  named = about.email,
): string => `From: fbl@isp.example
Subject: complaint
Message-ID: <${Math.random()}@isp.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is a report of abuse.
--b
Content-Type: message/feedback-report

Feedback-Type: ${type}
User-Agent: isp/1
Version: 1
Original-Rcpt-To: <${named}>
--b
Content-Type: message/rfc822

${returned(about)}
Hello
--b--
`;

const reply = (about: Sent, from = about.email, more = ''): string => `From: Bob <${from}>
To: help@acme.example
Subject: Re: Your quote
Message-ID: <${Math.random()}@rcpt.example>
In-Reply-To: ${about.messageId}
${more}
Yes, please.
`;

describe('what comes back by SMTP', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let port: number;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_INBOUND_PORT: '0' });
    tenant = await makeTenant(gateway);
    port = Number(gateway.gateway.listening.inbound!.split(':')[1]);
    await putPolicy();
  });
  after(() => gateway.stop());
  const call = (method: string, path: string, body?: unknown) => tenant.agent.call(method, path, body);

  /** What many bounces do to an account is told elsewhere. */
  const putPolicy = (more: PolicyDocument = {}) =>
    gateway.gateway.store.putPolicy({
      ...{ owner: 'operator', tenantNo: tenant.no, mode: 'test', author: 'test', note: null },
      document: { quarantine: { mode: 'off' }, risk_budget: { min_sample: 1_000_000 }, ...more },
    });

  let count = 0;
  const sent = async (more: object = {}, to?: string): Promise<Sent> => {
    count += 1;
    const email = to ?? `bob${count}@rcpt${count}.example`;
    const { status, body } = await call('POST', '/v1/messages', {
      to: email,
      subject: 'Your quote',
      text: 'Here.',
      ...more,
    });
    assert.equal(status, 202, JSON.stringify(body));
    await messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'test', id: body.id }, 'message.delivered');
    const captured = (await call('GET', `/v1/sink?recipient=${email}`)).body.data[0];
    const raw = await fetch(`${gateway.url}/v1/sink/${captured.id}/raw`, {
      headers: { authorization: `Bearer ${tenant.agent.key}` },
    });
    const octets = await raw.text();
    const messageId = /^Message-ID: (<[^>]+>)/m.exec(octets)![1]!;
    const recipientId = body.recipients[0].id;
    return { id: body.id, email, recipientId, path: captured.envelope.from, messageId, raw: octets };
  };
  const eventsOf = async (id: string): Promise<Body[]> => (await call('GET', `/v1/messages/${id}`)).body.events;
  const typesOf = async (id: string) => (await eventsOf(id)).map(({ type }) => type);
  const isSuppressed = async (email: string) =>
    (await call('POST', '/v1/messages', { to: email, subject: 'Again', text: 'Again.' })).body.code === 'suppressed';
  const rawOf = async (id: string): Promise<Buffer> => {
    const headers = { authorization: `Bearer ${tenant.agent.key}` };
    return Buffer.from(await (await fetch(`${gateway.url}/v1/inbound/${id}/raw`, { headers })).arrayBuffer());
  };
  const newest = async (): Promise<Body> => (await call('GET', '/v1/inbound?limit=1')).body.data[0];
  const deliver = (to: string, data: string, from = '') => deliverMail(port, { from, to, data });
  /** Everything of the account that a mail could change. */
  const standing = async (id: string) => ({
    types: await typesOf(id),
    suppressions: (await call('GET', '/v1/suppressions?limit=200')).body.data.length,
    contacts: (await call('GET', '/v1/contacts?limit=200')).body.data,
    risk: (await call('GET', '/v1/risk')).body.score,
  });

  test('a bounce closes the recipient anew, and suppresses the address for good', async () => {
    const message = await sent();
    assert.match(message.path, /^b\+[a-z2-7]{48}@bounces\./);
    assert.match(await deliver(message.path, dsn(message, FAILED)), /^250 /);
    const body = (await call('GET', `/v1/messages/${message.id}`)).body;
    assert.equal(body.status, 'bounced');
    const { data } = body.events.at(-1);
    assert.equal(data.after_delivered, true);
    assert.equal(data.class, 'unknown_user');
    assert.equal(data.kind, 'hard');
    assert.deepEqual([data.status, data.enhanced_status], ['bounced', '5.1.1']);
    assert.match(data.reply, /User unknown/);
    assert.equal(data.reporting_mta, 'mx.rcpt.example');
    assert.equal(data.channel, 'smtp');
    const { outcome } = body.recipients[0];
    assert.deepEqual([outcome.class, outcome.kind, outcome.after_delivered], ['unknown_user', 'hard', true]);
    assert.equal(outcome.reply, data.reply);
    assert.ok(await isSuppressed(message.email));
    const inbound = await newest();
    assert.equal(inbound.outcome, 'applied');
    assert.equal(inbound.kind, 'bounce');
    assert.equal(inbound.id, data.inbound_id);
    assert.equal(inbound.recipient_id, message.recipientId);
    const raw = await fetch(`${gateway.url}/v1/inbound/${inbound.id}/raw`, {
      headers: { authorization: `Bearer ${tenant.agent.key}` },
    });
    assert.equal(raw.headers.get('content-type'), 'message/rfc822');
    assert.match(await raw.text(), /^Final-Recipient: rfc822; bob/m);
  });

  test('a report that comes twice, or about the same bounce, changes nothing more', async () => {
    const message = await sent();
    const report = dsn(message, FAILED);
    await deliver(message.path, report);
    const before = await standing(message.id);
    assert.match(await deliver(message.path, report), /^250 /);
    assert.match(await deliver(message.path, dsn(message, FAILED)), /^250 /);
    assert.deepEqual(await standing(message.id), before);
    assert.equal((await newest()).why, 'known');
  });

  test('a mailbox that is full, and a refusal for policy, suppress nobody', async () => {
    for (const said of [
      '5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 Mailbox full',
      '5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 blocked',
    ]) {
      const message = await sent();
      await deliver(message.path, dsn(message, `Action: failed\nStatus: ${said}`));
      assert.ok((await typesOf(message.id)).includes('message.bounced'));
      assert.ok(!(await isSuppressed(message.email)), said);
    }
  });

  test('a delay, and a report of what was passed on, are kept and change nothing', async () => {
    for (const fields of [
      'Action: delayed\nStatus: 4.4.1',
      'Action: relayed\nStatus: 2.0.0',
      'Action: expanded\nStatus: 2.0.0',
    ]) {
      const message = await sent();
      const before = await standing(message.id);
      assert.match(await deliver(message.path, dsn(message, fields)), /^250 /);
      assert.deepEqual(await standing(message.id), before, fields);
      assert.equal((await newest()).outcome, 'kept');
    }
  });

  test('a bounce in free words is read too', async () => {
    const message = await sent();
    const text = `From: MAILER-DAEMON@mx.rcpt.example\nSubject: Undelivered Mail Returned to Sender\n\nI'm sorry, your message could not be delivered.\n\n<${message.email}>: host mx.rcpt.example said: 550 5.1.1 User unknown (in reply to RCPT TO command)\n`;
    await deliver(message.path, text);
    assert.ok(await isSuppressed(message.email));
    assert.equal((await newest()).form, 'free_form');
  });

  test('a complaint suppresses, and one that blacks out the address too', async () => {
    for (const named of [undefined, 'redacted@isp.example']) {
      const message = await sent();
      assert.match(await deliver(message.path, arf(message, 'abuse', named), 'fbl@isp.example'), /^250 /);
      assert.deepEqual((await typesOf(message.id)).slice(-1), ['message.complained']);
      const { body } = await call('GET', `/v1/suppressions?email=${message.email}`);
      assert.equal(body.data[0].reason, 'complaint');
      assert.ok(await isSuppressed(message.email));
    }
  });

  for (const type of ['not-spam', 'auth-failure', 'virus']) {
    test(`a feedback report of the type ${type} changes nothing`, async () => {
      const message = await sent();
      const before = await standing(message.id);
      assert.match(await deliver(message.path, arf(message, type), 'fbl@isp.example'), /^250 /);
      assert.deepEqual(await standing(message.id), before);
      assert.equal((await newest()).why, 'without_effect');
    });
  }

  test('a reply resets the streak, and lets the next send pass', async () => {
    await putPolicy({
      limits: [{ name: 'to_one', scope: 'recipient', window: 'rolling_24h', max: 1, reset_on_reply: true }],
    });
    const message = await sent();
    const again = () => call('POST', '/v1/messages', { to: message.email, subject: 'Again', text: 'Again.' });
    assert.equal((await again()).body.code, 'recipient_frequency_exceeded');
    assert.match(await deliver(message.path, reply(message), message.email), /^250 /);
    assert.deepEqual((await typesOf(message.id)).slice(-1), ['message.replied']);
    const { body } = await call('GET', `/v1/contacts/${message.email}`);
    assert.ok(body.last_reply_at !== null);
    assert.equal((await again()).status, 202);
    const inbound = await newest();
    assert.equal(inbound.kind, 'reply');
    assert.match(inbound.text, /Yes, please/);
    assert.equal(inbound.thread_id, `thr_${message.id.slice(4)}`);
    await putPolicy();
  });

  test('a reply from another address of the house counts, and one from elsewhere is kept', async () => {
    const message = await sent();
    await deliver(message.path, reply(message, message.email.replace(/^[^@]+/, 'sales')), 'x@y.example');
    assert.ok((await typesOf(message.id)).includes('message.replied'));
    const other = await sent();
    const before = await standing(other.id);
    assert.match(await deliver(other.path, reply(other, 'carl@elsewhere.example'), 'carl@elsewhere.example'), /^250 /);
    assert.deepEqual(await standing(other.id), before);
    assert.equal((await newest()).why, 'from_another');
  });

  test('notes of people who are away are told, and are no replies', async () => {
    const message = await sent();
    const note = reply(message, message.email, 'Auto-Submitted: auto-replied');
    for (const from of ['', message.email]) assert.match(await deliver(message.path, note, from), /^250 /);
    const types = await typesOf(message.id);
    assert.equal(types.filter((type) => type === 'message.auto_replied').length, 1);
    assert.ok(!types.includes('message.replied'));
    assert.equal((await call('GET', `/v1/contacts/${message.email}`)).body.last_reply_at, null);
    assert.ok(!(await isSuppressed(message.email)));
  });

  test('a forged, foreign or unknown address is refused in the session, and nothing is kept', async () => {
    const message = await sent();
    const before = await standing(message.id);
    const known = (await newest())?.id;
    const flip = (at: number) => {
      const c = message.path[at]!;
      return message.path.slice(0, at) + (c === 'a' ? 'b' : 'a') + message.path.slice(at + 1);
    };
    const domain = message.path.slice(message.path.indexOf('@'));
    for (const to of [
      flip(2),
      flip(20),
      flip(40),
      flip(49),
      message.path.replace('b+', 'r+'),
      message.path.replace('b+', 'u+'),
      message.path.replace('b+', ''),
      message.path.replace('@bounces.', '@'),
      `b+${'a'.repeat(48)}${domain}`,
      `b+guess${domain}`,
      'postmaster@elsewhere.example',
      message.email,
    ]) {
      assert.match(await deliver(to, dsn(message, FAILED)), /^550 5\.1\.1 /, to);
    }
    assert.deepEqual(await standing(message.id), before);
    assert.equal((await newest())?.id, known);
  });

  test('a report from somebody, or about somebody else, changes nothing', async () => {
    const message = await sent();
    const before = await standing(message.id);
    await deliver(message.path, dsn(message, FAILED), 'mallory@evil.example');
    assert.equal((await newest()).why, 'sender_not_null');
    await deliver(message.path, dsn(message, FAILED, 'victim@elsewhere.example'));
    assert.equal((await newest()).why, 'names_another');
    await deliver(message.path, arf(message, 'abuse', 'victim@elsewhere.example'), 'fbl@isp.example');
    assert.equal((await newest()).why, 'names_another');
    assert.deepEqual(await standing(message.id), before);
  });

  test('mail to the address for unsubscribing unsubscribes, and a program there does not', async () => {
    const message = await sent({ kind: 'marketing' });
    const header = /^List-Unsubscribe:((?:.*\r\n)(?:[ \t].*\r\n)*)/m
      .exec(message.raw)![1]!
      .replaceAll(/\r\n[ \t]/g, '');
    const [, link, address] = /<(https?:[^>]+)>\s*,\s*<mailto:([^?>]+)\?subject=unsubscribe>/.exec(header)!;
    assert.ok(link!.startsWith(gateway.url));
    const letter = (more = '') =>
      `From: ${message.email}\nSubject: unsubscribe\nMessage-ID: <${Math.random()}@x>\n${more}\n\n`;
    await deliver(address!, letter('Auto-Submitted: auto-replied'), message.email);
    assert.equal((await newest()).why, 'automatic');
    await deliver(address!, dsn(message, FAILED));
    assert.ok(!(await isSuppressed(message.email)));
    assert.match(await deliver(address!, letter(), message.email), /^250 /);
    assert.deepEqual((await typesOf(message.id)).slice(-1), ['message.unsubscribed']);
    assert.ok(await isSuppressed(message.email));
    const events = await typesOf(message.id);
    await deliver(address!, letter(), message.email);
    assert.deepEqual(await typesOf(message.id), events);
  });

  test('where the policy asks for it, answers to Reply-To count, and the sender is still answered', async () => {
    assert.equal((await call('PUT', '/v1/policy', { tracking: { reply: true } })).status, 200);
    const message = await sent({ reply_to: 'help@acme.example' });
    const header = /^Reply-To:((?:.*\r\n)(?:[ \t].*\r\n)*)/m.exec(message.raw)![1]!.replaceAll(/\r\n[ \t]/g, ' ');
    assert.match(header, /help@acme\.example/);
    const address = /r\+[a-z2-7]{48}@bounces\.[a-z.]+/.exec(header)![0];
    const letter = `From: ${message.email}\nSubject: Re: Your quote\nMessage-ID: <1@x>\n\nThank you\n`;
    assert.match(await deliver(address, dsn(message, FAILED)), /^250 /);
    assert.equal((await newest()).why, 'wrong_address');
    assert.match(await deliver(address, letter, message.email), /^250 /);
    assert.deepEqual((await typesOf(message.id)).slice(-1), ['message.replied']);
  });

  test('what a person wrote is given out with what is known of them, and goes with them, large letters too', async () => {
    const message = await sent();
    assert.match(await deliver(message.path, reply(message), message.email), /^250 /);
    const large = `${reply(message)}${'It is long.\n'.repeat(7000)}`;
    assert.match(await deliver(message.path, large, message.email), /^250 /);
    const { data } = (await call('GET', `/v1/inbound?recipient=${message.email.toUpperCase()}`)).body;
    assert.equal(data.length, 2);
    const { letters } = (await call('GET', `/v1/contacts/${message.email}/export`)).body;
    assert.deepEqual(
      letters.map(({ id, text }: Body) => [id, text.startsWith('Yes, please.')]),
      data.map(({ id }: Body) => [id, true]),
    );
    const blob = createHash('sha256')
      .update(await rawOf(data[0].id))
      .digest('hex');
    const path = join(gateway.directory, 'blobs', blob.slice(0, 2), blob);
    assert.ok(existsSync(path));
    const erased = await tenant.person.call('POST', `/v1/contacts/${message.email}/erase`, { note: 'asked' });
    assert.equal(erased.status, 200, JSON.stringify(erased.body));
    assert.deepEqual((await call('GET', `/v1/inbound?recipient=${message.email}`)).body.data, []);
    assert.ok(!existsSync(path));
  });

  test('nothing of it is another account’s', async () => {
    const stranger = await makeTenant(gateway);
    const { id } = await newest();
    assert.deepEqual((await stranger.agent.call('GET', '/v1/inbound')).body.data, []);
    assert.equal((await stranger.agent.call('GET', `/v1/inbound/${id}`)).status, 404);
    assert.equal((await stranger.agent.call('GET', `/v1/inbound/${id}/raw`)).status, 404);
  });
});

test('what is written to the postmaster is kept for the operator, and for nobody else', async (t) => {
  const gateway = await startTestGateway({ POSTERN_INBOUND_PORT: '0', POSTERN_DOMAIN: 'gateway.example' });
  t.after(() => gateway.stop());
  const { agent } = await makeTenant(gateway);
  const operator = asOperator(gateway);
  const port = Number(gateway.gateway.listening.inbound!.split(':')[1]);
  const letter = (subject: string) => `From: Ann <ann@isp.example>\nSubject: ${subject}\n\nPlease look.\n`;
  const write = (to: string, subject = to) => deliverMail(port, { from: 'ann@isp.example', to, data: letter(subject) });
  assert.match(await write('postmaster@bounces.acme.example'), /^550 /);
  assert.equal((await agent.call('POST', '/v1/domains', { domain: 'acme.example' })).status, 201);
  const taken = ['postmaster', 'PostMaster@gateway.example', 'abuse@bounces.gateway.example'];
  for (const to of [...taken, 'postmaster@bounces.acme.example']) assert.match(await write(to), /^250 /, to);
  assert.match(await write('postmaster', 'postmaster'), /^250 /, 'the same once more');
  for (const to of ['postmaster@acme.example', 'postmaster@elsewhere.example', 'root@gateway.example']) {
    assert.match(await write(to), /^550 5\.1\.1 /, to);
  }
  const { data } = (await operator('GET', '/v1/operator-mail')).body;
  assert.deepEqual(
    data.map(({ envelope }: Body) => envelope.to),
    ['postmaster@bounces.acme.example', ...taken.reverse()],
  );
  const [{ id, from, text }] = data;
  assert.deepEqual([from, text.trim()], [{ email: 'ann@isp.example', name: 'Ann' }, 'Please look.']);
  const raw = await fetch(`${gateway.url}/v1/operator-mail/${id}/raw`, {
    headers: { authorization: `Bearer ${gateway.operatorKey}` },
  });
  assert.equal((await raw.text()).trim(), letter('postmaster@bounces.acme.example').trim().replaceAll('\n', '\r\n'));
  assert.equal((await agent.call('GET', '/v1/operator-mail')).status, 403);
  assert.deepEqual((await agent.call('GET', '/v1/inbound')).body.data, []);
  assert.equal((await operator('DELETE', `/v1/operator-mail/${id}`)).status, 200);
  assert.equal((await operator('GET', `/v1/operator-mail/${id}`)).status, 404);
});

test('an address in Reply-To is no way for replies where nothing listens', async (t) => {
  for (const [port, isVisible] of [
    ['off', false],
    ['0', true],
  ] as const) {
    const gateway = await startTestGateway({ POSTERN_INBOUND_PORT: port });
    t.after(() => gateway.stop());
    const { agent } = await makeTenant(gateway);
    const mail = { to: 'bob@rcpt.example', subject: 'Hello', text: 'Hello.' };
    assert.equal((await agent.call('PUT', '/v1/policy', { tracking: { reply: true } })).status, 200);
    await agent.call('POST', '/v1/messages', mail);
    const { id } = (await agent.call('POST', '/v1/messages', mail)).body;
    const [recipient] = (await agent.call('GET', `/v1/messages/${id}/verdict`)).body.recipients;
    assert.equal(recipient.facts.risk.replies_visible, isVisible, port);
    assert.equal((await agent.call('GET', '/v1/risk')).body.replies_visible, isVisible);
  }
});
