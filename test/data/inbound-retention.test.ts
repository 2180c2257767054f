import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { InboundMail } from '../../src/data/port/inbound.ts';
import { leave, mail, tenantNoOf } from '../harness/by-hand.ts';
import { startTestGateway } from '../harness/gateway.ts';

const DAY_MS = 86_400_000;

test('mail that came in goes with its time, and with the test data', async (t) => {
  const gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  t.after(() => gateway.stop());
  const { store } = gateway.gateway;
  const tenantNo = await tenantNoOf(gateway);
  const { body } = await gateway.fetchJson('POST', '/v1/messages', mail('bob@rcpt.example'));
  await leave(gateway);
  const take = (digest: string) =>
    store.takeInbound({
      ...{ tenantNo, proof: 'return_path', named: { recipientId: body.recipients[0].id }, channel: 'smtp' },
      ...{
        mailFrom: '',
        rcptTo: 'b+x@bounces.example',
        digest,
        size: 5,
        raw: { inline: Buffer.from('hello') },
        read: null,
      },
    } as InboundMail);
  for (const digest of ['a', 'b', 'c']) assert.equal((await take(digest)).outcome, 'taken');
  assert.equal((await take('a')).outcome, 'known');
  const list = async (): Promise<{ why: string }[]> => (await gateway.fetchJson('GET', '/v1/inbound')).body.data;
  assert.deepEqual(
    (await list()).map(({ why }) => why),
    ['unreadable', 'unreadable', 'unreadable'],
  );
  assert.equal((await store.sweep({ kind: 'inbound' })).count, 0);
  const db = new DatabaseSync(join(gateway.directory, 'postern.db'));
  db.prepare("UPDATE inbound SET received_at = ? WHERE digest IN ('a', 'b')").run(Date.now() - 91 * DAY_MS);
  db.close();
  assert.equal((await store.sweep({ kind: 'inbound' })).count, 2);
  assert.equal((await list()).length, 1);
  assert.equal((await gateway.fetchJson('POST', '/v1/test/reset')).status, 200);
  assert.deepEqual(await list(), []);
});
