/**
 * What the official packages say that answers hold, against what they hold: the tables here are whole by the packages' own types, and
 * real answers are laid beside them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Models, ServerClient } from 'postmark';
import { type GetEmailResponseSuccess, type ListEmail, Resend, type Suppression } from 'resend';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';

type Form = 'text' | 'text?' | 'texts' | 'texts?' | 'number' | 'flag' | 'time' | 'time?' | 'object' | 'list' | 'absent';
type Table<T> = Record<keyof Required<T> & string, Form>;

const isTime = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value)) && value.includes('T');
const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string');

const HOLDS: Record<Form, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  'text?': (value) => value === null || typeof value === 'string',
  texts: isTexts,
  'texts?': (value) => value === null || isTexts(value),
  number: (value) => typeof value === 'number',
  flag: (value) => typeof value === 'boolean',
  time: isTime,
  'time?': (value) => value === null || isTime(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  list: Array.isArray,
  absent: (value) => value === undefined,
};

function matches<T>(answer: unknown, table: Table<T>): void {
  const fields = answer as Record<string, unknown>;
  for (const [name, form] of Object.entries<Form>(table)) {
    assert.ok(HOLDS[form](fields[name]), `${name} is ${JSON.stringify(fields[name])}, not ${form}`);
  }
  assert.deepEqual(
    Object.keys(fields).filter((name) => !(name in table)),
    [],
  );
}

const LISTED: Table<ListEmail> = {
  ...{ id: 'text', message_id: 'text', to: 'texts', from: 'text', created_at: 'time', subject: 'text' },
  ...{ bcc: 'texts?', cc: 'texts?', reply_to: 'texts?', last_event: 'text', scheduled_at: 'time?', topic_id: 'absent' },
};
const EMAIL: Table<GetEmailResponseSuccess> = { ...LISTED, object: 'text', html: 'text?', text: 'text?', tags: 'list' };
const SUPPRESSION: Table<Suppression> = {
  ...{ object: 'text', id: 'text', email: 'text', origin: 'text', source_id: 'text?', created_at: 'time' },
};
const { object: _object, ...ENTRY } = SUPPRESSION;

/** All that Resend's clients know of how far an email has come. */
const LAST_EVENTS = {
  ...{ bounced: true, canceled: true, clicked: true, complained: true, delivered: true, delivery_delayed: true },
  ...{ failed: true, opened: true, queued: true, scheduled: true, sent: true, suppressed: true },
} satisfies Record<GetEmailResponseSuccess['last_event'], true>;

const SENT: Table<Models.MessageSendingResponse> = {
  ...{
    To: 'text',
    Cc: 'text',
    Bcc: 'absent',
    SubmittedAt: 'time',
    MessageID: 'text',
    ErrorCode: 'number',
    Message: 'text',
  },
};
const OUTBOUND: Table<Models.OutboundMessage> = {
  ...{ MessageID: 'text', Tag: 'text', To: 'list', Cc: 'list', Bcc: 'list', Recipients: 'texts', ReceivedAt: 'time' },
  ...{ From: 'text', Subject: 'text', Attachments: 'texts', Status: 'text', TrackOpens: 'flag', TrackLinks: 'text' },
  ...{ Metadata: 'object', MessageStream: 'text', Sandboxed: 'flag' },
};
const DETAILS: Table<Models.OutboundMessageDetails> = {
  ...OUTBOUND,
  ...{ TextBody: 'text', HtmlBody: 'text', Body: 'text', MessageEvents: 'list' },
};
const DUMPED: Table<Models.Suppression> = {
  ...{ EmailAddress: 'text', SuppressionReason: 'text', Origin: 'text', CreatedAt: 'time' },
};

describe('the shapes of answers', () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  test('are those that the resend package declares', async () => {
    const resend = new Resend(gateway.testKey, { baseUrl: `${gateway.url}/compat/resend` });
    const mail = { from: 'Acme <hello@acme.example>', to: 'bob@example.com', subject: 'Hello', html: '<p>Word</p>' };
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
    for (const more of [
      { scheduledAt, replyTo: 'help@acme.example' },
      { to: 'blocked+suppressed@simulator.postern.test' },
      {},
    ]) {
      const { data } = await resend.emails.send({ ...mail, ...more });
      const email = data === null ? null : (await resend.emails.get(data.id)).data;
      if (email !== null) matches(email, EMAIL);
    }
    const { data: emails } = await resend.emails.list();
    assert.equal(emails!.data.length, 3);
    for (const email of emails!.data) {
      matches(email, LISTED);
      assert.ok(email.last_event in LAST_EVENTS, email.last_event);
      assert.match(email.message_id, /^<[^<>@]+@[^<>@]+>$/);
    }
    const { data: added } = await resend.suppressions.add({ email: 'hal@example.com' });
    matches((await resend.suppressions.get(added!.id)).data, SUPPRESSION);
    matches((await resend.suppressions.list()).data!.data[0], ENTRY);
  });

  test('are those that the postmark package declares', async () => {
    const requestHost = `${new URL(gateway.url).host}/compat/postmark`;
    const client = new ServerClient(gateway.testKey, { requestHost, useHttps: false });
    const mail = {
      From: 'hello@acme.example',
      To: 'eve@example.com',
      Cc: 'cat@example.com',
      Subject: 'Hello',
      TextBody: 'Word',
    };
    const sent = await client.sendEmail(mail);
    matches(sent, SENT);
    matches((await client.getOutboundMessages()).Messages[0], OUTBOUND);
    matches(await client.getOutboundMessageDetails(sent.MessageID), DETAILS);
    await client.createSuppressions('outbound', { Suppressions: [{ EmailAddress: 'ida@example.com' }] });
    matches((await client.getSuppressions('outbound')).Suppressions[0], DUMPED);
  });

  test('ids of each face are known to the API of its own, and the other way round', async () => {
    const resend = new Resend(gateway.testKey, { baseUrl: `${gateway.url}/compat/resend` });
    const { data } = await resend.emails.send({
      from: 'a@acme.example',
      to: 'fay@example.com',
      subject: 's',
      text: 't',
    });
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${data!.id}`);
    assert.equal(body.recipients[0].email, 'fay@example.com');
    assert.equal((await resend.emails.get(body.id)).data!.id, data!.id);
    const requestHost = `${new URL(gateway.url).host}/compat/postmark`;
    const client = new ServerClient(gateway.testKey, { requestHost, useHttps: false });
    assert.equal((await client.getOutboundMessageDetails(body.id)).MessageID, data!.id);
  });
});
