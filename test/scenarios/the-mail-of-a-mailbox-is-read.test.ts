import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type ImapServer, startImapServer } from '../harness/imap-server.ts';
import { type Call, eventsOf, makeTenant, type TestTenant, trustTraffic } from '../harness/tenants.ts';

const TIMES = { firstPauseMs: 20, lastPauseMs: 100, pollMs: 50, idleMs: 60_000, copyMs: 20 };
const tlsFile = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');

type Sent = { id: string; email: string; messageId: string };

describe('a mailbox with IMAP', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let call: Call;
  let imap: ImapServer;
  let mailbox: string;
  let count = 0;

  before(async () => {
    imap = await startImapServer();
    gateway = await startTestGateway(
      { POSTERN_PROVIDER_ALLOW: '127.0.0.0/8' },
      { imap: { times: TIMES, lookAfterEventMs: 0, ca: tlsFile('localhost-cert.pem') } },
    );
    tenant = await makeTenant(gateway, {}, 'live');
    await trustTraffic(gateway, tenant.id, 'live');
    call = tenant.person.call;
    mailbox = await mailboxAt(imap.url);
    await imap.seen(/^IDLE/);
  });
  after(async () => {
    await gateway.stop();
    await imap.stop();
  });

  const mailboxAt = async (url: string, more: object = {}, by: Call = call): Promise<string> => {
    count += 1;
    const body = { address: `alice${count}@example.com`, provider: 'default', imap: { url, ...more } };
    const made = await by('POST', '/v1/mailboxes', body);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.ok(!JSON.stringify(made.body).includes('secret'));
    return made.body.id;
  };
  const send = async (more: object = {}): Promise<Sent> => {
    count += 1;
    const email = `person${count}@example.com`;
    const { body } = await call('POST', '/v1/messages', { to: email, subject: 'Hi', text: `Number ${count}`, ...more });
    assert.ok(body.id?.startsWith('msg_'), JSON.stringify(body));
    await messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'live', id: body.id }, 'message.delivered');
    const found = (await call('GET', `/v1/sink?recipient=${email}`)).body.data[0];
    const raw = await fetch(`${gateway.url}/v1/sink/${found.id}/raw`, {
      headers: { authorization: `Bearer ${tenant.person.key}` },
    });
    const messageId = /^Message-ID:\s*(<[^>]+>)/im.exec(await raw.text())![1]!;
    return { id: body.id, email, messageId };
  };
  const reply = ({ email, messageId }: Sent, more = ''): string =>
    `From: ${email}\nTo: alice@example.com\nSubject: Re: Hi\nMessage-ID: <${crypto.randomUUID()}@example.com>\nIn-Reply-To: ${messageId}\n${more}\nThank you.\n`;
  const bounce = ({ email, messageId }: Sent): string =>
    `Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: alice@example.com\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt could not be delivered.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; ${email}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\n\n--b\nContent-Type: message/rfc822\n\nMessage-ID: ${messageId}\nSubject: Hi\n\nHi\n--b--\n`;
  const told = (sent: Sent, type: 'message.replied' | 'message.bounced' | 'message.auto_replied') =>
    messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'live', id: sent.id }, type);
  const countOf = async (type: string): Promise<number> =>
    (await eventsOf(gateway, tenant.no, 'live')).filter((one) => one.type === type).length;
  /** What is told about the reading of a mailbox once it is in this state. */
  const reading = async (id: string, state: string, by: Call = call) => {
    for (;;) {
      const { body } = await by('GET', `/v1/mailboxes/${id}`);
      if (body.imap.state === state) return body.imap;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  test('is watched, and a reply in it is a reply, once', async () => {
    const sent = await send();
    imap.deliver(reply(sent));
    await told(sent, 'message.replied');
    const shown = await reading(mailbox, 'watching');
    assert.equal(shown.error, null);
    assert.ok(shown.last_seen_at !== null);
    assert.equal((await call('GET', `/v1/contacts/${sent.email}`)).body.last_reply_at !== null, true);
    assert.equal(await countOf('message.replied'), 1);
  });

  test('gives bounces and notes of absence what they are due', async () => {
    const [gone, away] = [await send(), await send()];
    imap.deliver(bounce(gone));
    await told(gone, 'message.bounced');
    assert.equal((await call('GET', `/v1/suppressions/check?email=${gone.email}`)).body.suppressed, true);
    imap.deliver(reply(away, 'Auto-Submitted: auto-replied\n'));
    await told(away, 'message.auto_replied');
    assert.equal((await call('GET', `/v1/contacts/${away.email}`)).body.last_reply_at, null);
  });

  test('changes nothing for mail that proves nothing, or that is about another tenant', async () => {
    const other = await makeTenant(gateway, {}, 'live');
    await trustTraffic(gateway, other.id, 'live');
    const sent = await send();
    const before = (await eventsOf(gateway, tenant.no, 'live')).length;
    const forged = { ...sent, messageId: sent.messageId.replace(/^<./, '<z') };
    imap.deliver(bounce(forged));
    imap.deliver(reply(forged));
    imap.deliver(bounce({ ...sent, email: 'victim@example.com' }));
    imap.deliver(reply({ ...sent, email: 'stranger@elsewhere.example' }));
    imap.deliver('no mail at all');
    imap.deliver('');
    imap.deliver(`Subject: ${'x'.repeat(300_000)}`);
    const last = await send();
    imap.deliver(reply(last));
    await told(last, 'message.replied');
    const events = (await eventsOf(gateway, tenant.no, 'live')).slice(before);
    const about = events.filter(({ data }) => data['message_id'] !== last.id);
    assert.deepEqual(about, []);
    assert.equal((await call('GET', '/v1/suppressions/check?email=victim@example.com')).body.suppressed, false);
  });

  test('stays as it was: nothing is marked, moved or removed', () => {
    const { mails } = imap.folders.get('INBOX')!;
    assert.ok(mails.length > 5);
    assert.ok(mails.every(({ flags }) => flags.length === 0));
    const writing = imap.commands.filter((one) =>
      /^(?:UID )?(?:SELECT|STORE|COPY|MOVE|EXPUNGE|APPEND|DELETE|CREATE)/i.test(one),
    );
    assert.deepEqual(writing, []);
  });

  test('goes on where it was when the connection ends, and reads nothing twice', async () => {
    const [one, two] = [await send(), await send()];
    const replies = await countOf('message.replied');
    imap.drop();
    imap.deliver(reply(one));
    await told(one, 'message.replied');
    const fetched = imap.commands.filter((text) => /^UID FETCH/i.test(text)).length;
    imap.drop();
    imap.deliver(reply(two));
    await told(two, 'message.replied');
    assert.equal(imap.commands.filter((text) => /^UID FETCH/i.test(text)).length, fetched + 1);
    assert.equal(await countOf('message.replied'), replies + 2);
  });

  test('has its mail looked at anew when its UIDs are, without a second effect', async () => {
    const replies = await countOf('message.replied');
    const bounces = await countOf('message.bounced');
    imap.renumber(99);
    imap.drop();
    const sent = await send();
    imap.deliver(reply(sent));
    await told(sent, 'message.replied');
    assert.equal(await countOf('message.replied'), replies + 1);
    assert.equal(await countOf('message.bounced'), bounces);
  });

  test('says what is wrong while it cannot be read, and is read again by itself', async () => {
    imap.password = 'changed';
    imap.drop();
    const failing = await reading(mailbox, 'failing');
    assert.match(failing.error, /refuses the user or password/);
    imap.password = 'secret';
    await reading(mailbox, 'watching');
  });

  test('makes replies visible once it was looked into, and as long as it is', async () => {
    const fresh = await makeTenant(gateway, {}, 'live');
    const isVisible = async (): Promise<boolean> => (await fresh.person.call('GET', '/v1/risk')).body.replies_visible;
    const nowhere = await mailboxAt('imap://alice:secret@127.0.0.1:1', {}, fresh.person.call);
    await reading(nowhere, 'failing', fresh.person.call);
    assert.equal(await isVisible(), false);
    const read = await mailboxAt(imap.url, {}, fresh.person.call);
    await reading(read, 'watching', fresh.person.call);
    assert.equal(await isVisible(), true);
    assert.equal((await fresh.person.call('PATCH', `/v1/mailboxes/${read}`, { imap: null })).status, 200);
    assert.equal(await isVisible(), false);
  });

  test('is asked from time to time where the server has no IDLE', async () => {
    const plain = await startImapServer();
    plain.hasIdle = false;
    const id = await mailboxAt(plain.url);
    await plain.seen(/^NOOP/, 2);
    const sent = await send();
    plain.deliver(reply(sent));
    await told(sent, 'message.replied');
    assert.equal((await call('DELETE', `/v1/mailboxes/${id}`)).status, 200);
    await plain.stop();
  });

  test('is reached through TLS with a certificate that proves its host', async () => {
    const good = await startImapServer({
      tls: { key: tlsFile('localhost-key.pem'), cert: tlsFile('localhost-cert.pem') },
    });
    const bad = await startImapServer({
      tls: { key: tlsFile('elsewhere-key.pem'), cert: tlsFile('elsewhere-cert.pem') },
    });
    const [one, two] = [await mailboxAt(good.url), await mailboxAt(bad.url)];
    await reading(one, 'watching');
    const failing = await reading(two, 'failing');
    assert.ok(!bad.commands.includes('LOGIN'), 'no password was told');
    assert.match(failing.error, /certificate/i);
    for (const id of [one, two]) await call('DELETE', `/v1/mailboxes/${id}`);
    await Promise.all([good.stop(), bad.stop()]);
  });

  test('gets a copy of what was sent, once a message, where that is wanted', async () => {
    const server = await startImapServer();
    const address = 'sender@example.com';
    const made = await call('POST', '/v1/mailboxes', {
      ...{ address, provider: 'default', imap: { url: server.url, append_to_sent: true } },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const identity = await call('POST', '/v1/identities', {
      handle: 'sender',
      from: address,
      mailboxes: [made.body.id],
    });
    assert.equal(identity.status, 201, JSON.stringify(identity.body));
    await server.seen(/^IDLE/);
    const first = await send({ identity: 'sender' });
    await server.seen(/^APPEND/);
    server.drop();
    const second = await send({ identity: 'sender' });
    await server.seen(/^APPEND/, 2);
    const many = ['one@example.com', 'two@example.com', 'three@example.com'];
    await call('POST', '/v1/messages', { to: many, subject: 'To many', text: 'Hello', identity: 'sender' });
    await server.seen(/^APPEND/, 3);
    const third = await send({ identity: 'sender' });
    await server.seen(/^APPEND/, 4);
    const copies = server.folders.get('Sent')!.mails.map(({ raw }) => raw.toString());
    assert.equal(copies.length, 4, 'one of the message to three');
    for (const [i, sent] of [first, second, null, third].entries()) {
      if (sent !== null) assert.ok(copies[i]!.includes(sent.messageId), `copy ${i}`);
    }
    assert.match(copies[2]!, /^Subject: To many\r$/m);
    server.folders.delete('Sent');
    server.drop();
    await send({ identity: 'sender' });
    const last = await send();
    server.deliver(reply(last));
    await told(last, 'message.replied');
    for (let error = ''; !error.includes('copies cannot be put into the folder'); ) {
      error = (await reading(made.body.id, 'watching')).error ?? '';
    }
    await call('DELETE', `/v1/mailboxes/${made.body.id}`);
    await server.stop();
  });
});

test('a mailbox at an address that tenants may not reach is not connected to', async () => {
  const imap = await startImapServer();
  const gateway = await startTestGateway({}, { imap: { times: TIMES, lookAfterEventMs: 0 } });
  const tenant = await makeTenant(gateway, {}, 'live');
  const body = { address: 'alice@example.com', provider: 'default', imap: { url: imap.url } };
  const made = await tenant.person.call('POST', '/v1/mailboxes', body);
  if (made.status === 201) {
    for (;;) {
      const { body: shown } = await tenant.person.call('GET', `/v1/mailboxes/${made.body.id}`);
      if (shown.imap.state !== 'failing') continue;
      assert.match(shown.imap.error, /this machine itself/);
      break;
    }
  } else assert.equal(made.status, 422);
  assert.deepEqual(imap.commands, []);
  await gateway.stop();
  await imap.stop();
});
