import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Call, eventsOf, makeTenant, type TestTenant } from '../harness/tenants.ts';

const NEWS = {
  slug: 'news',
  kind: 'marketing',
  subject: 'News',
  html: '<p>News</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p><address>Acme, 1 Main Street, Springfield</address>',
  text: 'News\n\nUnsubscribe: {{ unsubscribe_url }}\nAcme, 1 Main Street, Springfield',
};
const ONE_CLICK = { 'content-type': 'application/x-www-form-urlencoded' };

describe('a recipient of marketing mail', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let call: Call;
  before(async () => {
    gateway = await startTestGateway();
    tenant = await makeTenant(gateway);
    call = tenant.agent.call;
    assert.equal((await call('POST', '/v1/templates', NEWS)).status, 201);
  });
  after(() => gateway.stop());

  /** The message as each recipient got it, octet by octet. */
  const sent = async (to: string[], body: object): Promise<string[]> => {
    const { body: answer } = await call('POST', '/v1/messages', { to, ...body });
    assert.match(String(answer.id), /^msg_/, JSON.stringify(answer));
    const name = { tenantNo: tenant.no, mode: 'test', id: answer.id } as const;
    for (;;) {
      const message = await messageAfter(gateway.gateway.store, name, 'message.delivered');
      if (message.recipients.every(({ state }) => state === 'delivered')) break;
    }
    return Promise.all(
      to.map(async (email) => {
        const { id } = (await call('GET', `/v1/sink?recipient=${email}`)).body.data[0];
        const raw = await fetch(`${gateway.url}/v1/sink/${id}/raw`, {
          headers: { authorization: `Bearer ${tenant.agent.key}` },
        });
        return raw.text();
      }),
    );
  };
  const linkOf = (raw: string): string => {
    const found = /^List-Unsubscribe:\s*<([^>]+)>/m.exec(raw.replaceAll(/\r\n[ \t]+/g, ' '));
    assert.ok(found, raw);
    return found[1]!;
  };
  const post = (link: string, body = 'List-Unsubscribe=One-Click') =>
    fetch(link, { method: 'POST', headers: ONE_CLICK, body });
  const unsubscribed = async () =>
    (await eventsOf(gateway, tenant.no)).filter(({ type }) => type === 'message.unsubscribed').length;

  test('gets a link of their own, in the signed header and in the body', async () => {
    const [bob, eve] = await sent(['bob@example.com', 'eve@example.com'], { template: { id: 'news' } });
    const links = [linkOf(bob!), linkOf(eve!)];
    assert.notEqual(links[0], links[1]);
    for (const [raw, link] of [
      [bob!, links[0]!],
      [eve!, links[1]!],
    ] as const) {
      assert.ok(link.startsWith(`${gateway.url}/u/`));
      assert.match(raw, /^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m);
      const signature = /^DKIM-Signature:[\s\S]*?\r\n(?![ \t])/m.exec(raw)?.[0].replaceAll(/\s/g, '') ?? '';
      assert.match(signature, /:List-Unsubscribe:List-Unsubscribe-Post[:;]/i);
      const body = raw.replaceAll('=\r\n', '');
      assert.equal(body.split(link.replaceAll('=', '=3D')).length - 1, 3, 'once in the header, twice in the body');
      assert.ok(!raw.includes('postern.invalid'));
    }
  });

  test('is not unsubscribed by a program that looks at the link', async () => {
    const [raw] = await sent(['look@example.com'], { template: { id: 'news' } });
    const page = await fetch(linkOf(raw!));
    assert.equal(page.status, 200);
    const text = await page.text();
    assert.match(text, /<form method="post">/);
    assert.ok(!text.includes('look@example.com'));
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal((await fetch(linkOf(raw!), { method: 'HEAD' })).status, 200);
    assert.equal((await call('GET', '/v1/suppressions/check?email=look@example.com')).body.suppressed, false);
  });

  test('is unsubscribed by one click, once, whichever way and however often it is made', async () => {
    const [raw] = await sent(['tim@example.com'], { template: { id: 'news' } });
    const link = linkOf(raw!);
    const before = await unsubscribed();
    const form = new FormData();
    form.set('List-Unsubscribe', 'One-Click');
    const answers = await Promise.all([
      post(link),
      post(link, ''),
      fetch(link, { method: 'POST' }),
      fetch(link, { method: 'POST', body: form }),
      post(link.replace(/[^/]+$/, (token) => token.toUpperCase())),
    ]);
    for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
    assert.equal(await unsubscribed(), before + 1);
    const refused = await call('POST', '/v1/messages', { to: 'tim@example.com', template: { id: 'news' } });
    assert.equal(refused.body.code, 'suppressed');
    assert.equal(refused.body.reasons[0].evidence.suppression_reason, 'unsubscribe');
    const others = await call('POST', '/v1/messages/check', { to: 'bob@example.com', template: { id: 'news' } });
    assert.equal(others.body.verdict, 'accept');
  });

  test('cannot be unsubscribed by anybody who guesses or changes a link', async () => {
    const [raw] = await sent(['ann@example.com'], { template: { id: 'news' } });
    const link = linkOf(raw!);
    const last = link.at(-1) === 'a' ? 'b' : 'a';
    const forged = [link.slice(0, -1) + last, `${link}a`, link.slice(0, -1), `${gateway.url}/u/${'a'.repeat(48)}`];
    for (const url of forged) {
      assert.equal((await post(url)).status, 404, url);
      assert.equal((await fetch(url)).status, 404, url);
    }
    assert.equal((await post(link, 'x'.repeat(20_000))).status, 413);
    assert.equal((await call('GET', '/v1/suppressions/check?email=ann@example.com')).body.suppressed, false);
  });

  test('finds the header on marketing mail without a template as well, and not on other mail', async () => {
    const plain = { subject: 'News', text: 'News' };
    const [marketing] = await sent(['kim@example.com'], { ...plain, kind: 'marketing' });
    assert.ok(linkOf(marketing!));
    const [receipt] = await sent(['lee@example.com'], plain);
    assert.ok(!/^List-Unsubscribe/m.test(receipt!));
  });
});
