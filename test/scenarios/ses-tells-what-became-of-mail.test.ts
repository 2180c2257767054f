import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { decodeTypeId, newId } from '../../src/base/ids.ts';
import { openSecrets } from '../../src/base/secrets.ts';
import { openTokens, type Tokens } from '../../src/base/tokens.ts';
import { RECIPIENT_TAG } from '../../src/core/email-tags.ts';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { CERTIFICATE_URL, fakeSns, snsMessage, TOPIC } from '../harness/sns.ts';
import { eventsOf, makeTenant, type TestTenant, trustTraffic } from '../harness/tenants.ts';

type Sent = { id: string; rcp: string; email: string };

describe('events of Amazon SES', () => {
  const sns = fakeSns();
  let gateway: TestGateway;
  let tenant: TestTenant;
  let other: TestTenant;
  let tokens: Tokens;
  let url: string;
  let count = 0;
  let whole: (url: string) => ReturnType<typeof sns.answer>;

  before(async () => {
    gateway = await startTestGateway({}, { fetch: (to) => sns.fetch(to) });
    tenant = await makeTenant(gateway);
    other = await makeTenant(gateway);
    for (const { id } of [tenant, other]) await trustTraffic(gateway, id);
    const secret = readFileSync(join(gateway.directory, 'master.secret'), 'utf8').trim();
    tokens = openTokens(openSecrets([{ version: 1, secret }]));
    const made = await tenant.person.call('POST', '/v1/providers', {
      name: 'ses',
      url: `ses://AKIAEXAMPLE:secret@eu-west-1?topic=${TOPIC}`,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    url = `${gateway.url}/v1/returns/ses/${made.body.id}`;
    whole = sns.answer;
  });
  after(() => gateway.stop());
  beforeEach(() => {
    sns.answer = whole;
    sns.fetched.length = 0;
  });

  const send = async (from: TestTenant = tenant): Promise<Sent> => {
    count += 1;
    const email = `person${count}@example.com`;
    const { body } = await from.agent.call('POST', '/v1/messages', {
      to: email,
      subject: 'Hi',
      text: `Number ${count}`,
    });
    const name = { tenantNo: from.no, mode: 'test', id: body.id } as const;
    await messageAfter(gateway.gateway.store, name, 'message.delivered');
    return { id: body.id, rcp: body.recipients[0].id, email };
  };
  const tagOf = (sent: Sent, from: TestTenant = tenant): string =>
    tokens.makeReturnPath({ id: decodeTypeId('rcp', sent.rcp)!, tenant: from.no }, 'x.example').slice(2, 50);
  const event = (type: string, sent: Sent, detail: object, more: object = {}): object => ({
    eventType: type,
    mail: {
      messageId: `ses-${sent.rcp}`,
      timestamp: new Date().toISOString(),
      destination: [sent.email],
      tags: { [RECIPIENT_TAG]: [tagOf(sent)] },
      ...more,
    },
    [type.toLowerCase()]: detail,
  });
  const bounce = (sent: Sent, more: object = {}, detail: object = {}): object =>
    event(
      'Bounce',
      sent,
      {
        bounceType: 'Permanent',
        bounceSubType: 'General',
        timestamp: new Date().toISOString(),
        bouncedRecipients: [
          {
            emailAddress: sent.email,
            status: '5.1.1',
            diagnosticCode: 'smtp; 550 5.1.1 user unknown',
            action: 'failed',
          },
        ],
        ...detail,
      },
      more,
    );
  const post = async (body: unknown, to = url): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(to, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const outcome = async (body: unknown): Promise<unknown> => {
    const answer = await post(body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body['outcome'];
  };
  const statusOf = async (sent: Sent): Promise<string> =>
    (await tenant.agent.call('GET', `/v1/messages/${sent.id}`)).body.recipients[0].status;
  const isSuppressed = async ({ email }: Sent): Promise<boolean> =>
    (await tenant.agent.call('GET', `/v1/suppressions/check?email=${email}`)).body.suppressed;
  const countOf = async (type: string): Promise<number> =>
    (await eventsOf(gateway, tenant.no)).filter((one) => one.type === type).length;

  for (const version of ['1', '2']) {
    test(`a bounce that is signed with version ${version} closes its recipient, once, and suppresses the address`, async () => {
      const sent = await send();
      const before = await countOf('message.bounced');
      const posted = snsMessage(bounce(sent), { SignatureVersion: version });
      assert.equal(await outcome(posted), 'applied');
      assert.equal(await outcome(posted), 'known', 'the same notification again');
      assert.equal(await outcome(snsMessage(bounce(sent))), 'known', 'the same bounce by another road');
      assert.equal(await statusOf(sent), 'bounced');
      assert.equal(await isSuppressed(sent), true);
      assert.equal(await countOf('message.bounced'), before + 1);
    });
  }

  test('a bounce that SES calls transient closes the recipient and suppresses nobody, whatever code it quotes', async () => {
    const sent = await send();
    assert.equal(await outcome(snsMessage(bounce(sent, {}, { bounceType: 'Transient' }))), 'applied');
    assert.equal(await statusOf(sent), 'bounced');
    assert.equal(await isSuppressed(sent), false);
  });

  test('an address that is only on a list of SES is not suppressed here, and one that SES knows not to exist is', async () => {
    const listed = await send();
    const named = [{ emailAddress: listed.email, status: '5.1.1' }];
    const detail = { bounceSubType: 'OnAccountSuppressionList', bouncedRecipients: named };
    assert.equal(await outcome(snsMessage(bounce(listed, {}, detail))), 'applied');
    assert.equal(await isSuppressed(listed), false);
    const gone = await send();
    const without = { bounceSubType: 'NoEmail', bouncedRecipients: [{ emailAddress: gone.email }] };
    assert.equal(await outcome(snsMessage(bounce(gone, {}, without))), 'applied');
    assert.equal(await isSuppressed(gone), true);
  });

  test('a delivery after the bounce, and a bounce after the delivery, end the same way', async () => {
    const sent = await send();
    const delivery = (): object =>
      event('Delivery', sent, { timestamp: new Date().toISOString(), recipients: [sent.email] });
    assert.equal(await outcome(snsMessage(delivery())), 'known');
    assert.equal(await outcome(snsMessage(bounce(sent))), 'applied');
    assert.equal(await outcome(snsMessage(delivery())), 'known');
    assert.equal(await statusOf(sent), 'bounced');
  });

  test('a complaint suppresses once; one that says that it is no spam does not', async () => {
    const sent = await send();
    const complaint = (more: object = {}): object =>
      event('Complaint', sent, { complainedRecipients: [{ emailAddress: sent.email }], feedbackId: 'f', ...more });
    assert.equal(await outcome(snsMessage(complaint({ complaintFeedbackType: 'not-spam' }))), 'ignored');
    assert.equal(await isSuppressed(sent), false);
    const before = await countOf('message.complained');
    assert.equal(await outcome(snsMessage(complaint())), 'applied');
    assert.equal(await outcome(snsMessage(complaint())), 'known');
    assert.equal(await isSuppressed(sent), true);
    assert.equal(await countOf('message.complained'), before + 1);
  });

  test('an older notice of an identity, which has no tags, is proven by the Message-ID that we made', async () => {
    const sent = await send();
    const messageId = tokens.makeMessageId(
      { id: decodeTypeId('msg', sent.id)!, tenant: tenant.no },
      'postern.localhost',
    );
    const notice = {
      notificationType: 'Bounce',
      mail: { destination: [sent.email], headers: [{ name: 'Message-ID', value: messageId }] },
      bounce: { bounceType: 'Permanent', bounceSubType: 'NoEmail', bouncedRecipients: [{ emailAddress: sent.email }] },
    };
    assert.equal(await outcome(snsMessage(notice)), 'applied');
    assert.equal(await statusOf(sent), 'bounced');
  });

  test('what SES tells of a person who wants nothing more counts as an unsubscribe', async () => {
    const sent = await send();
    const preferences = (unsubscribeAll: boolean): object =>
      event('Subscription', sent, { contactList: 'all', newTopicPreferences: { unsubscribeAll } });
    assert.equal(await outcome(snsMessage(preferences(false))), 'ignored');
    assert.equal(await outcome(snsMessage(preferences(true))), 'applied');
    assert.equal(await isSuppressed(sent), true);
  });

  test('a Send event settles an attempt whose answer never came, and nothing else', async () => {
    const call = tenant.agent.call;
    const body = { to: 'uncertain@simulator.postern.test', subject: 'Hi', text: 'News', kind: 'marketing' };
    const made = await call('POST', '/v1/messages', body);
    const name = { tenantNo: tenant.no, mode: 'test', id: made.body.id } as const;
    await messageAfter(gateway.gateway.store, name, 'message.uncertain');
    const sent = { id: made.body.id, rcp: made.body.recipients[0].id, email: body.to };
    const forged = event('Send', sent, {}, { tags: { [RECIPIENT_TAG]: ['x'.repeat(48)] } });
    assert.equal(await outcome(snsMessage(forged)), 'ignored');
    assert.equal(await statusOf(sent), 'uncertain');
    assert.equal(await outcome(snsMessage(event('Send', sent, {}))), 'applied');
    assert.equal(await statusOf(sent), 'sent');
    assert.equal(await outcome(snsMessage(event('Send', sent, {}))), 'ignored');
    const delivery = event('Delivery', sent, { timestamp: new Date().toISOString(), recipients: [sent.email] });
    assert.equal(await outcome(snsMessage(delivery)), 'applied');
    assert.equal(await statusOf(sent), 'delivered');
    assert.equal(await outcome(snsMessage(event('Send', sent, {}))), 'ignored');
    assert.equal(await statusOf(sent), 'delivered');
  });

  test('an opening that SES saw is told apart from those of machines', async () => {
    const sent = await send();
    const open = (userAgent: string): object =>
      event('Open', sent, { timestamp: new Date().toISOString(), userAgent, ipAddress: '192.0.2.1' });
    assert.equal(await outcome(snsMessage(open('Mozilla/5.0'))), 'applied');
    const [told] = (await eventsOf(gateway, tenant.no)).filter(({ type }) => type === 'message.opened');
    assert.equal(told!.data['machine'], true);
    assert.equal(told!.data['why'], 'apple_privacy');
    assert.equal(told!.data['channel'], 'ses');
  });

  test('an event proves nothing without our tag, with a changed one, for another address, or of another tenant', async () => {
    const sent = await send();
    const foreign = await send(other);
    const tag = tagOf(sent);
    const forged = tag.slice(0, -1) + (tag.endsWith('a') ? 'b' : 'a');
    const before = (await eventsOf(gateway, tenant.no)).length;
    for (const tags of [
      {},
      { [RECIPIENT_TAG]: [forged] },
      { [RECIPIENT_TAG]: ['x'.repeat(500)] },
      { [RECIPIENT_TAG]: 'no' },
      null,
    ]) {
      assert.equal(await outcome(snsMessage(bounce(sent, { tags }))), 'ignored', JSON.stringify(tags));
    }
    const victim = { ...sent, email: 'victim@example.com' };
    assert.equal(await outcome(snsMessage(bounce(victim))), 'ignored');
    const stolen = { tags: { [RECIPIENT_TAG]: [tagOf(foreign, other)] } };
    assert.equal(await outcome(snsMessage(bounce(foreign, stolen))), 'ignored');
    const messageId = tokens.makeMessageId(
      { id: decodeTypeId('msg', foreign.id)!, tenant: other.no },
      'postern.localhost',
    );
    assert.equal(await outcome(snsMessage(bounce(foreign, { tags: {}, commonHeaders: { messageId } }))), 'ignored');
    assert.equal((await eventsOf(gateway, tenant.no)).length, before);
    assert.equal(await statusOf(sent), 'delivered');
    assert.equal(await isSuppressed(victim), false);
  });

  test('nothing is believed that SNS has not signed, or not lately, or not for this topic', async () => {
    const sent = await send();
    const genuine = snsMessage(bounce(sent));
    const hour = 3_600_000;
    const lies: [string, Record<string, unknown>][] = [
      ['another signature', { ...genuine, Signature: Buffer.alloc(256, 7).toString('base64') }],
      ['a changed message', { ...genuine, Message: JSON.stringify(bounce({ ...sent, email: 'x@example.com' })) }],
      ['a changed time', { ...genuine, Timestamp: new Date(Date.now() - 1000).toISOString() }],
      ['another topic', snsMessage(bounce(sent), { TopicArn: `${TOPIC}2` })],
      ['a topic of another account', snsMessage(bounce(sent), { TopicArn: TOPIC.replace('1234', '4321') })],
      ['too old', snsMessage(bounce(sent), { Timestamp: new Date(Date.now() - hour - 5000).toISOString() })],
      ['from tomorrow', snsMessage(bounce(sent), { Timestamp: new Date(Date.now() + 24 * hour).toISOString() })],
      ['no version', snsMessage(bounce(sent), {}, { SignatureVersion: '3' })],
    ];
    for (const [what, body] of lies) {
      const { status } = await post(body);
      assert.ok(status === 401 || status === 400, `${what}: ${status}`);
    }
    const key = createPrivateKey(readFileSync(new URL('../fixtures/tls/localhost-key.pem', import.meta.url)));
    const foreignKey = { ...genuine, Signature: sign('sha256', Buffer.from('x'), key).toString('base64') };
    assert.equal((await post(foreignKey)).status, 401);
    assert.equal(await statusOf(sent), 'delivered');
    assert.equal(await outcome(genuine), 'applied');
  });

  test('a certificate is fetched from SNS of the region of the topic alone, and once', async () => {
    const sent = await send();
    const vectors = readFileSync(new URL('../fixtures/vectors/ssrf.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    const named = vectors.map((line) => String(JSON.parse(line).url));
    assert.ok(named.length > 40);
    const host = 'sns.eu-west-1.amazonaws.com';
    const crafted = [
      `http://${host}/a.pem`,
      `https://${host}:8443/a.pem`,
      `https://${host}.evil.example/a.pem`,
      `https://evil.example/${host}/a.pem`,
      `https://${host}@evil.example/a.pem`,
      `https://evil.example#@${host}/a.pem`,
      `https://evil.example\\@${host}/a.pem`,
      `https://SNS.eu-west-1.amazonaws.com/a.pem`,
      `https://sns.eu-west-2.amazonaws.com/a.pem`,
      `https://${host}/a.pem?x=.pem`,
      `https://${host}/a.pem#x`,
      `https://${host}/a.txt`,
      `https://${host}/../a.pem`,
      `https://${host}/%2e%2e/a.pem`,
      `https://${host}./a.pem`,
      `https://sns.eu-west-1.amazonaws.com.cn/a.pem`,
      `https://s3.eu-west-1.amazonaws.com/a.pem`,
      ` https://${host}/a.pem`,
      `https://${host}/a\n.pem`,
    ];
    for (const SigningCertURL of [...named, ...crafted]) {
      const { status } = await post(snsMessage(bounce(sent), { SigningCertURL }));
      assert.equal(status, 401, SigningCertURL);
    }
    const asked = sns.fetched.filter((one) => one !== `https://${host}/a.pem`);
    assert.deepEqual(asked, [], 'nothing else was fetched');
    sns.fetched.length = 0;
    const SigningCertURL = `https://${host}/once.pem`;
    for (let i = 0; i < 3; i++) await post(snsMessage('hello', { SigningCertURL }));
    assert.deepEqual(sns.fetched, [SigningCertURL]);
  });

  test('a certificate that cannot be fetched now is asked for again, and SNS is told to come again', async () => {
    const sent = await send();
    const SigningCertURL = CERTIFICATE_URL.replace('0a1b2c', 'fresh');
    const posted = snsMessage(bounce(sent), { SigningCertURL });
    sns.answer = () => ({ outcome: 'failed', why: 'no connection' });
    const answer = await post(posted);
    assert.equal(answer.status, 503);
    assert.equal(await statusOf(sent), 'delivered');
    sns.answer = whole;
    assert.equal(await outcome(posted), 'applied');
  });

  test('a subscription is confirmed at SNS alone, for this topic and by its own token', async () => {
    const start = 'https://sns.eu-west-1.amazonaws.com/';
    const query = `?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=abc`;
    const confirmation = (SubscribeURL: string): object =>
      snsMessage('confirm', { Type: 'SubscriptionConfirmation', Token: 'abc', SubscribeURL });
    const vectors = readFileSync(new URL('../fixtures/vectors/ssrf.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    const bad = [
      ...vectors.map((line) => String(JSON.parse(line).url) + query),
      `https://sns.eu-west-1.amazonaws.com.evil.example/${query}`,
      `https://sns.us-east-1.amazonaws.com/${query}`,
      `${start}${query.replace('abc', 'abd')}`,
      `${start}${query.replace('postern', 'other')}`,
      `${start}${query.replace('ConfirmSubscription', 'DeleteTopic')}`,
      `${start}${query}&Action=DeleteTopic`,
      `${start}x/${query}`,
    ];
    for (const SubscribeURL of bad) {
      assert.equal(await outcome(confirmation(SubscribeURL)), 'ignored', SubscribeURL);
    }
    assert.deepEqual(
      sns.fetched.filter((one) => !one.endsWith('.pem')),
      [],
    );
    assert.equal(await outcome(confirmation(start + query)), 'confirmed');
    assert.ok(sns.fetched.includes(start + query));
    const unsubscribed = { Type: 'UnsubscribeConfirmation', Token: 'abc', SubscribeURL: start + query };
    sns.fetched.length = 0;
    assert.equal(await outcome(snsMessage('gone', unsubscribed)), 'ignored');
    assert.deepEqual(sns.fetched, []);
  });

  test('what is no message of SNS, too large, or for nobody is refused', async () => {
    for (const body of [
      '',
      'hello',
      '[]',
      '{"Type":"Notification"}',
      '{"Type":"Notification","Type":"x"}',
      'null',
      '{',
    ]) {
      assert.equal((await post(body)).status, 400, body);
    }
    assert.equal((await post('x'.repeat(1_100_000))).status, 413);
    assert.equal((await post(snsMessage('hi'), url.replace(/[^/]+$/, 'default'))).status, 404);
    assert.equal((await post(snsMessage('hi'), url.replace(/[^/]+$/, newId('prv')))).status, 404);
    assert.equal(
      await outcome(snsMessage('Successfully validated SNS topic for Amazon SES event publishing.')),
      'ignored',
    );
    for (const odd of [
      '{}',
      '[1]',
      '{"eventType":"Bounce"}',
      '{"eventType":"Bounce","mail":{},"bounce":7}',
      '{"eventType":"__proto__","mail":{}}',
    ]) {
      assert.equal(await outcome(snsMessage(odd)), 'ignored', odd);
    }
  });
});
