import assert from 'node:assert/strict';
import { get, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, type TestTenant, trustTraffic } from '../harness/tenants.ts';

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const HTML =
  '<p>Hi <a href="https://shop.example/one?a=1&amp;b=2">one</a> <a href="https://shop.example/two">two</a> <a href="https://shop.example/three">three</a> <a data-postern-track="off" href="https://shop.example/plain">plain</a> <a href="mailto:a@b.example">write</a></p>';

type Visited = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };
type Sent = { id: string; email: string; html: string; raw: string; picture: string; links: string[] };

describe('openings and clicks', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let call: Call;
  let count = 0;

  before(async () => {
    gateway = await startTestGateway();
    tenant = await makeTenant(gateway);
    call = tenant.agent.call;
    await trustTraffic(gateway, tenant.id);
    await track(tenant, { open: true, click: true });
    assert.equal((await call('POST', '/v1/test/clock', { now: '2030-01-01T00:00:00Z' })).status, 200);
  });
  after(() => gateway.stop());

  const track = async ({ id }: TestTenant, tracking: object): Promise<void> => {
    const policy = { quarantine: { mode: 'off' }, tracking, disengaged: { after_sends: 2, days: 30 } };
    const set = await asOperator(gateway)('PUT', `/v1/tenants/${id}/policy`, policy, { 'X-Mode': 'test' });
    assert.equal(set.status, 200, JSON.stringify(set.body));
  };
  const post = (to: string | string[], more: object = {}, by = tenant) => {
    count += 1;
    return by.agent.call('POST', '/v1/messages', {
      to,
      subject: `Number ${count}`,
      html: HTML,
      text: 'https://shop.example/one',
      ...more,
    });
  };
  const sent = async (email: string, more: object = {}, by = tenant): Promise<Sent> => {
    const { body } = await post(email, more, by);
    assert.ok(body.id?.startsWith('msg_'), JSON.stringify(body));
    await messageAfter(gateway.gateway.store, { tenantNo: by.no, mode: 'test', id: body.id }, 'message.delivered');
    const found = (await by.agent.call('GET', `/v1/sink?recipient=${email}`)).body.data[0];
    const raw = await fetch(`${gateway.url}/v1/sink/${found.id}/raw`, {
      headers: { authorization: `Bearer ${by.agent.key}` },
    });
    const html: string = found.html ?? '';
    return {
      id: body.id,
      email,
      html,
      raw: await raw.text(),
      picture: /<img src="([^"]+\/t\/o\/[^"]+)"/.exec(html)?.[1] ?? '',
      links: [...html.matchAll(/href="([^"]+\/t\/c\/[^"]+)"/g)].map(([, url]) => url!),
    };
  };
  const visit = (url: string, agent: string | null = BROWSER, method = 'GET', more: Record<string, string> = {}) =>
    new Promise<Visited>((resolve, reject) => {
      const headers = { ...(agent === null ? {} : { 'user-agent': agent }), ...more };
      const asked = (method === 'GET' ? get : request)(url, { method, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
        );
      }).on('error', reject);
      asked.end();
    });
  const told = async (message: Sent, type: 'message.opened' | 'message.clicked', many = 1) => {
    const name = { tenantNo: tenant.no, mode: 'test', id: message.id } as const;
    for (;;) {
      await messageAfter(gateway.gateway.store, name, type);
      const timeline = await gateway.gateway.store.messageTimeline(name);
      const events = timeline!.events.filter((one) => one.type === type).map(({ data }) => data);
      if (events.length >= many) return events;
    }
  };
  const seen = async ({ id }: Sent) => (await call('GET', `/v1/messages/${id}/engagement`)).body.data[0];

  test('are counted by a picture and by links of the HTML alone, each recipient by their own', async () => {
    const ann = await sent('ann@example.com');
    const bob = await sent('bob@example.com');
    assert.equal(ann.links.length, 3);
    assert.notEqual(ann.picture, bob.picture);
    assert.ok(ann.picture.startsWith(`${gateway.url}/t/o/`));
    assert.ok(ann.html.includes('href="https://shop.example/plain"'));
    assert.ok(ann.html.includes('href="mailto:a@b.example"'));
    assert.match(ann.raw, /https:\/\/shop\.example\/one\r?\n/, 'the text stays as it was');
  });

  test('are not counted where the policy does not say so', async () => {
    const other = await makeTenant(gateway);
    const plain = await sent('ann@example.com', {}, other);
    assert.equal(plain.picture, '');
    assert.equal(plain.links.length, 0);
    await track(other, { open: false, click: true });
    const clicks = await sent('ann@example.com', {}, other);
    assert.equal(clicks.picture, '');
    assert.equal(clicks.links.length, 3);
  });

  test('lead on to what stood in the mail, without cookies, and tell of a person once', async () => {
    const ann = await sent('click@example.com');
    const first = await visit(ann.links[0]!);
    assert.equal(first.status, 302);
    assert.equal(first.headers['location'], 'https://shop.example/one?a=1&b=2');
    assert.equal(first.headers['set-cookie'], undefined);
    assert.match(String(first.headers['cache-control']), /no-store/);
    await visit(ann.links[0]!);
    const events = await told(ann, 'message.clicked');
    assert.deepEqual(
      events.map(({ machine, why, url, channel }) => ({ machine, why, url, channel })),
      [{ machine: false, why: null, url: 'https://shop.example/one?a=1&b=2', channel: 'link' }],
    );
    const picture = await visit(
      ann.picture,
      'Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)',
    );
    assert.equal(picture.status, 200);
    assert.equal(picture.headers['content-type'], 'image/gif');
    assert.equal(picture.body.subarray(0, 6).toString(), 'GIF89a');
    const [opened] = await told(ann, 'message.opened');
    assert.equal(opened!['machine'], false);
    assert.equal(opened!['proxy'], 'gmail_proxy');
  });

  test('of machines are told apart from those of people, and both are told once', async () => {
    const ann = await sent('machine@example.com');
    await visit(ann.picture, 'Mozilla/5.0');
    await visit(ann.picture, null);
    await visit(ann.picture, BROWSER, 'HEAD');
    await visit(ann.picture, BROWSER, 'GET', { 'sec-purpose': 'prefetch' });
    await told(ann, 'message.opened');
    await visit(ann.picture, BROWSER);
    const events = await told(ann, 'message.opened', 2);
    assert.deepEqual(
      events.map(({ machine }) => machine),
      [true, false],
    );
    assert.deepEqual((await seen(ann)).opened.machines, 4);
    assert.deepEqual((await seen(ann)).opened.people, 1);
  });

  test('of many links at once are those of a machine, whatever it calls itself', async () => {
    const ann = await sent('burst@example.com');
    await Promise.all(ann.links.map((url) => visit(url)));
    const [event] = await told(ann, 'message.clicked');
    assert.equal(event!['machine'], true);
    assert.equal(event!['why'], 'burst');
  });

  test('just after the delivery are those of a machine, on a clock that runs', async () => {
    const other = await makeTenant(gateway);
    await track(other, { open: true, click: true });
    const mail = await sent('soon@example.com', {}, other);
    await visit(mail.picture);
    const name = { tenantNo: other.no, mode: 'test', id: mail.id } as const;
    await messageAfter(gateway.gateway.store, name, 'message.opened');
    const timeline = await gateway.gateway.store.messageTimeline(name);
    const opened = timeline!.events.find(({ type }) => type === 'message.opened');
    assert.equal(opened?.data['why'], 'soon');
  });

  test('of a person are a sign of life; those of a machine are none, and neither is a reply', async () => {
    const silent = async (email: string): Promise<boolean> => (await post(email)).body.code === 'disengaged';
    const [ann, bob] = [await sent('life@example.com'), await sent('silent@example.com')];
    await sent('life@example.com');
    await sent('silent@example.com');
    await call('POST', '/v1/test/clock', { advance: 'PT1H' });
    await visit(bob.picture, 'Mozilla/5.0');
    await told(bob, 'message.opened');
    await visit(ann.picture);
    await told(ann, 'message.opened');
    assert.equal(await silent('silent@example.com'), true);
    assert.equal(await silent('life@example.com'), false);
    const contact = (await call('GET', '/v1/contacts/life@example.com')).body;
    assert.equal(contact.last_reply_at, null);
    assert.ok(contact.last_engaged_at !== null);
    assert.equal((await call('GET', '/v1/contacts/silent@example.com')).body.last_engaged_at, null);
  });

  test('cannot be made up, and lead nowhere but where the mail did', async () => {
    const ann = await sent('forged@example.com');
    const [one, two] = ann.links.map((url) => url.slice(url.lastIndexOf('/') + 1));
    const [token, target] = one!.split('.');
    const evil = Buffer.from('https://evil.example/').toString('base64url');
    const picture = ann.picture.slice(ann.picture.lastIndexOf('/') + 1, -4);
    for (const forged of [
      `${token}.${evil}`,
      `${token}.${two!.split('.')[1]}`,
      `${token}`,
      `${token}.`,
      `${token}.${target}a`,
      `${picture}.${target}`,
      `${picture}.${evil}`,
      `${picture}.`,
      `.${evil}`,
      'a'.repeat(48),
      'x'.repeat(1900),
      '%2e%2e%2f',
    ]) {
      const answer = await visit(`${gateway.url}/t/c/${forged}`);
      assert.equal(answer.status, 404, forged);
      assert.equal(answer.headers['location'], undefined);
    }
    for (const forged of [token, picture.slice(1), `${picture}a`, 'x'.repeat(48)]) {
      assert.equal((await visit(`${gateway.url}/t/o/${forged}.gif`)).status, 404, forged);
    }
    assert.equal(await seen(ann), undefined);
    const other = await makeTenant(gateway);
    assert.equal((await other.agent.call('GET', `/v1/messages/${ann.id}/engagement`)).status, 404);
  });

  test('are gone with the test data', async () => {
    const ann = await sent('reset@example.com');
    await visit(ann.picture);
    await told(ann, 'message.opened');
    assert.equal((await call('POST', '/v1/test/reset')).status, 200);
    assert.equal((await visit(ann.picture)).status, 200);
    assert.equal((await call('GET', `/v1/messages/${ann.id}/engagement`)).status, 404);
  });
});
