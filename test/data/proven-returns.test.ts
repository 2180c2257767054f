import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BOUNCE_CLASS_NAMES, type BounceClass } from '../../src/core/bounce.ts';
import type { ProvenReturn, ReturnAnswer } from '../../src/data/port/returns.ts';
import { leave, mail, setPolicy, tenantNoOf } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Sent = { id: string; recipients: { id: string }[] };

describe('what comes back with proof', () => {
  let gateway: TestGateway;
  let tenantNo: number;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    tenantNo = await tenantNoOf(gateway);
    // Nothing here is about what many bounces do to the account.
    await setPolicy(gateway, { quarantine: { mode: 'off' }, risk_budget: { min_sample: 1_000_000 } });
  });
  after(() => gateway.stop());
  const send = (to: string) => gateway.fetchJson('POST', '/v1/messages', mail(to));
  const sent = async (to: string, how: 'sent' | 'delivered' = 'delivered'): Promise<Sent> => {
    const { body } = await send(to);
    await leave(gateway, { outcome: how });
    return body;
  };
  const proven = (recipient: string, change: Partial<ProvenReturn>): Promise<ReturnAnswer> =>
    gateway.gateway.store.provenReturn({
      tenantNo,
      recipient: { id: recipient },
      kind: 'bounce',
      class: 'unknown_user',
      hard: null,
      suppress: null,
      at: null,
      channel: 'ses',
      reportId: 'report-1',
      detail: null,
      ...change,
    });
  const eventsOf = async (id: string) => (await gateway.fetchJson('GET', `/v1/messages/${id}`)).body.events;
  const typesOf = async (id: string): Promise<string[]> =>
    (await eventsOf(id)).map(({ type }: { type: string }) => type);

  for (const bounceClass of BOUNCE_CLASS_NAMES) {
    test(`a bounce of the class ${bounceClass} suppresses only where the address is at fault`, async () => {
      const email = `x@${bounceClass.replaceAll('_', '-')}.example`;
      const message = await sent(email);
      const detail = { reply: '550 no', status: null, reportingMta: 'mx.example', form: 'dsn' };
      const answer = await proven(message.recipients[0]!.id, { class: bounceClass, detail });
      assert.equal(answer.outcome, 'applied');
      const isSuppressed = (await send(email)).body.code === 'suppressed';
      assert.equal(isSuppressed, ['unknown_user', 'domain_not_found', 'mailbox_disabled'].includes(bounceClass));
      const { data } = (await eventsOf(message.id)).at(-1);
      assert.equal(data.class, bounceClass);
      assert.equal(data.after_delivered, true);
      assert.equal(data.reply, '550 no');
      assert.equal(data.reporting_mta, 'mx.example');
      assert.equal(data.channel, 'ses');
    });
  }

  test('a mailbox that was switched off is suppressed for a time, an unknown user for good', async () => {
    const endOf = async (email: string, bounceClass: BounceClass): Promise<string | null> => {
      const { recipients } = await sent(email);
      await proven(recipients[0]!.id, { class: bounceClass });
      const { body } = await gateway.fetchJson('GET', `/v1/suppressions?email=${email}`);
      return body.data[0].expires_at;
    };
    assert.equal(await endOf('gone@ends.example', 'unknown_user'), null);
    const days = (Date.parse((await endOf('off@ends.example', 'mailbox_disabled'))!) - Date.now()) / 86_400_000;
    assert.ok(days > 89 && days <= 90, String(days));
  });

  for (const status of ['4.1.1', '5.7.1']) {
    test(`a bounce with the status ${status} suppresses nobody, whatever its class`, async () => {
      const email = `x@status-${status.replaceAll('.', '')}.example`;
      const { recipients } = await sent(email);
      const detail = { reply: null, status, reportingMta: null, form: 'dsn' };
      const answer = await proven(recipients[0]!.id, { suppress: true, hard: true, detail });
      assert.equal(answer.outcome, 'applied');
      assert.equal((await send(email)).status, 202);
    });
  }

  test('the same report twice changes nothing, of whatever kind it is', async () => {
    const kinds = ['bounce', 'complaint', 'unsubscribe', 'reply', 'auto_reply', 'delivered'] as const;
    for (const kind of kinds) {
      const message = await sent(
        `${kind.replace('_', '-')}@twice.example`,
        kind === 'delivered' ? 'sent' : 'delivered',
      );
      const first = await proven(message.recipients[0]!.id, { kind, class: 'unknown' });
      assert.equal(first.outcome, 'applied', kind);
      const types = await typesOf(message.id);
      const again = await proven(message.recipients[0]!.id, { kind, class: 'unknown' });
      assert.equal(again.outcome, 'known', kind);
      assert.deepEqual(await typesOf(message.id), types, kind);
    }
  });

  test('a second reply is another one, and a second complaint is not', async () => {
    const message = await sent('two@replies.example');
    const { id } = message.recipients[0]!;
    for (const kind of ['reply', 'complaint'] as const) {
      await proven(id, { kind, reportId: 'a' });
      await proven(id, { kind, reportId: 'b' });
    }
    const types = await typesOf(message.id);
    assert.equal(types.filter((type) => type === 'message.replied').length, 2);
    assert.equal(types.filter((type) => type === 'message.complained').length, 1);
  });

  test('an automatic answer changes neither the contact nor a suppression', async () => {
    const message = await sent('away@auto.example');
    await proven(message.recipients[0]!.id, { kind: 'auto_reply' });
    assert.equal((await typesOf(message.id)).at(-1), 'message.auto_replied');
    const { body } = await gateway.fetchJson('GET', '/v1/contacts/away@auto.example');
    assert.equal(body.last_reply_at, null);
    assert.equal((await send('away@auto.example')).status, 202);
  });

  test("it is found by its message and address, and another tenant's is nobody's", async () => {
    const message = await sent('b@named.example');
    const recipient = { messageId: message.id, email: { key: 'b@named.example' } };
    const foreign = await proven('', { recipient, tenantNo: tenantNo + 1 });
    assert.equal(foreign.outcome, 'not_found');
    const other = await proven('', { recipient: { ...recipient, email: { key: 'c@named.example' } } });
    assert.equal(other.outcome, 'not_found');
    assert.equal((await proven('', { recipient })).outcome, 'applied');
  });
});
