import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inHours, leave, mail } from '../harness/by-hand.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('files and stored content', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());
  const onDisk = (bytes: string): boolean => {
    const name = createHash('sha256').update(bytes).digest('hex');
    return existsSync(join(gateway.directory, 'blobs', name.slice(0, 2), name));
  };
  const upload = async (
    bytes: string,
    headers: Record<string, string> = {},
    query = '',
  ): Promise<Pick<Answer, 'status' | 'body'>> => {
    const response = await fetch(`${gateway.url}/v1/attachments${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.testKey}`, ...headers },
      body: bytes,
    });
    return { status: response.status, body: await response.json() };
  };
  const free = (id: string) => gateway.fetchJson('DELETE', `/v1/messages/${id}/content`);
  const attached = (to: string, id: string, more: object = {}) =>
    gateway.fetchJson('POST', '/v1/messages', mail(to, { attachments: [{ attachment_id: id }], ...more }));

  test('an upload keeps its name and type, and is attached by its id', async () => {
    const headers = {
      'content-type': 'application/pdf',
      'content-disposition': `attachment; filename="x.pdf"; filename*=UTF-8''%C3%BCbersicht.pdf`,
    };
    const { status, body } = await upload('first file', headers);
    assert.equal(status, 201);
    assert.match(body.id, /^att_/);
    assert.equal(body.filename, 'übersicht.pdf');
    assert.equal(body.content_type, 'application/pdf');
    assert.equal(body.size, 10);
    const left = Date.parse(body.expires_at) - Date.now();
    assert.ok(left > 23.9 * 3_600_000 && left <= 24 * 3_600_000);
    const { status: sent, body: message } = await attached('a@one.example', body.id);
    assert.equal(sent, 202);
    assert.match(message.id, /^msg_/);
    const foreign = await gateway.fetchJson(
      'POST',
      '/v1/messages',
      mail('a@one.example', { attachments: [{ attachment_id: body.id }] }),
      { key: gateway.liveKey },
    );
    assert.equal(foreign.status, 422, 'the other mode has no such upload');
  });

  test('any type is bytes, also JSON; a name in the query comes first', async () => {
    const json = await upload('{"not": "read"', { 'content-type': 'application/json' }, '?filename=../data.json');
    assert.equal(json.status, 201);
    assert.equal(json.body.filename, 'data.json');
    assert.equal(json.body.content_type, 'application/json');
    const form = await upload('x', { 'content-type': 'application/x-www-form-urlencoded' });
    assert.equal(form.body.content_type, 'application/octet-stream');
    assert.equal(form.body.filename, 'attachment');
  });

  test('programs and nothing at all are refused', async () => {
    const named = await upload('x', {}, '?filename=setup.exe');
    assert.equal(named.body.code, 'attachment_rejected');
    const typed = await upload('x', { 'content-type': 'application/x-msdownload' });
    assert.equal(typed.body.code, 'attachment_rejected');
    const bytes = await upload('\u007fELF\u0002\u0001\u0001\u0000more');
    assert.equal(bytes.body.code, 'attachment_rejected');
    assert.equal((await upload('')).body.code, 'validation_failed');
  });

  test('content goes when it is freed, and not before everything has left', async () => {
    const large = 'body '.repeat(20_000);
    const { body: message } = await gateway.fetchJson('POST', '/v1/messages', mail('b@one.example', { text: large }));
    assert.equal((await free(message.id)).body.code, 'state_conflict');
    await leave(gateway);
    const { status, body } = await free(message.id);
    assert.equal(status, 200);
    assert.equal(body.content.stored, false);
    assert.equal(body.subject, 'Your quote');
    assert.equal(body.events.length, 3);
    assert.equal((await free(message.id)).status, 200, 'again: as it is');
    assert.equal((await free('msg_nonsense')).status, 404);
  });

  test('a file stays on the disk as long as one message or upload holds it', async () => {
    const bytes = 'shared by two';
    const inline = { attachments: [{ filename: 'a.txt', content: Buffer.from(bytes).toString('base64') }] };
    const one = await gateway.fetchJson('POST', '/v1/messages', mail('c@one.example', inline));
    const two = await gateway.fetchJson('POST', '/v1/messages', mail('d@one.example', inline));
    await leave(gateway);
    await free(one.body.id);
    assert.equal(onDisk(bytes), true);
    await free(two.body.id);
    assert.equal(onDisk(bytes), false);
  });

  test('what is refused leaves no file behind', async () => {
    const bytes = 'never sent';
    const inline = { attachments: [{ filename: 'a.txt', content: Buffer.from(bytes).toString('base64') }] };
    const refused = await gateway.fetchJson(
      'POST',
      '/v1/messages',
      mail('blocked+suppressed@simulator.postern.test', inline),
    );
    assert.equal(refused.status, 422);
    assert.equal(onDisk(bytes), false);
    const kept = await gateway.fetchJson(
      'POST',
      '/v1/messages',
      mail('e@one.example', { ...inline, send_at: inHours(1) }),
    );
    assert.equal(kept.status, 202);
    assert.equal(onDisk(bytes), true);
  });
});
