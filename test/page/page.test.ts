import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { openBrowser } from '../harness/browser.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { send, setPolicy } from '../harness/test-mode.ts';

const WITHIN_MS = 20_000;
let gateway: TestGateway;
let browser: Browser | { missing: string };
let context: BrowserContext;
let page: Page;

before(async () => {
  browser = await openBrowser();
  if ('missing' in browser) return;
  gateway = await startTestGateway();
  context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
});
after(async () => {
  if ('missing' in browser) return;
  await browser.close();
  await gateway.stop();
});

/** A server that must not be asked for anything. */
async function listen(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  server.on('connection', () => asked.push('a connection'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // It never outlives its test, whatever still holds a connection.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked };
}

/** A test that needs the browser; without one it is skipped, and says why. */
function inBrowser(name: string, run: () => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (context) => {
    if ('missing' in browser) return context.skip(browser.missing);
    return run();
  });
}

const text = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? '';

async function signIn(key: string): Promise<void> {
  await page.goto(`${gateway.url}/`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

inBrowser('a wrong key is refused in words, and shows nothing', async () => {
  await signIn('pst_test_wrong');
  assert.match(await text(page.getByRole('alert')), /not known/);
  assert.equal(await page.getByLabel('API key').inputValue(), '');
  assert.equal(await page.getByRole('heading', { name: 'Captured mail' }).count(), 0);
});

inBrowser('whoever signs in sees headroom, verdicts and captured mail, and reads a message', async () => {
  await setPolicy(gateway, {
    limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 40 }],
    cooldown: { seconds: 600 },
  });
  await send(gateway, {
    to: 'dora@bücher.example',
    subject: 'Your quote',
    text: 'Hello Dora',
    html: '<p>Hello <b>Dora</b></p>',
  });
  assert.equal((await send(gateway, { to: 'dora@bücher.example' })).status, 429);
  await captured(gateway, 1);
  await signIn(gateway.testKey);
  assert.match(await text(page.locator('.limit')), /39\s+left[\s\S]*1 of 40 recipients used in any 24 hours/);
  const refusal = page.locator('.rows li', { hasText: 'blocked' });
  assert.match(await text(refusal), /dora@xn--bcher-kva\.example[\s\S]*Cooldown[\s\S]*Clears at 20/);
  assert.equal(await refusal.getByRole('link').getAttribute('href'), '/docs/reasons/cooldown');
  await page.getByRole('link', { name: 'Your quote' }).click();
  await page.getByRole('heading', { name: 'Your quote' }).waitFor();
  assert.match(await text(page.locator('.envelope')), /dora@xn--bcher-kva\.example/);
  assert.equal(await text(page.locator('pre.text')), 'Hello Dora');
  assert.equal(await text(page.frameLocator('.preview').locator('b')), 'Dora');
});

inBrowser(
  'a raised score and a quarantine stand before all else, with what to do, and a verdict is listed once',
  async () => {
    const { liveKey: key, operatorKey } = gateway;
    for (let n = 1; n <= 9; n += 1)
      await send(gateway, { to: 'eve@example.com', subject: `Again ${n}`, text: 'Hi.' }, { key });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(key);
    assert.match(
      await text(page.locator('.notice')),
      /Quarantine is near: the risk score is \d+; at 100 sending stops/,
    );
    const later = {
      to: 'later@example.com',
      subject: 'Later',
      send_at: new Date(Date.now() + 3_600_000).toISOString(),
    };
    assert.equal((await send(gateway, later, { key })).status, 202);
    const note = '<b>Stop</b>, please';
    const path = `/v1/tenants/${gateway.tenantId}/quarantine`;
    assert.equal((await gateway.fetchJson('POST', path, { note }, { key: operatorKey })).status, 201);
    await page.reload();
    assert.equal(await page.locator('.notice').count(), 0);
    assert.match(
      await text(page.locator('.trouble')),
      /In quarantine since .* by the operator[\s\S]*<b>Stop<\/b>, please[\s\S]*appeals/,
    );
    assert.equal(await page.locator('.rows li', { hasText: 'later@example.com' }).count(), 1);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(gateway.testKey);
  },
);

inBrowser('markup in a subject, a name, an address, a header, a text or a file name is shown, not run', async () => {
  const hit = (n: number) => `<script>top.hit=${n}</script><img src=x onerror="top.hit=${n}">`;
  await send(gateway, {
    from: { email: 'mallory@acme.example', name: hit(1) },
    to: { email: '"<svg/onload=top.hit=7>"@evil.example', name: hit(2) },
    subject: hit(3),
    headers: { 'X-Evil': hit(4) },
    text: `</pre>${hit(5)}`,
    tags: [hit(6)],
    attachments: [{ filename: `"><svg onload=top.hit=8>.txt`, content: 'aGVsbG8=' }],
  });
  const [mail] = await captured(gateway, 1, { recipient: '"<svg/onload=top.hit=7>"@evil.example' });
  for (const path of ['/', '/page/mail', '/page/verdicts', `/page/mail/${mail.id}`]) {
    await page.goto(gateway.url + path);
    assert.equal(await page.evaluate('window.hit'), undefined, path);
    assert.equal(await page.locator('main script, main img, main svg[onload]').count(), 0, path);
  }
  assert.equal(await text(page.getByRole('heading', { level: 1 })), hit(3));
  assert.equal(await text(page.locator('pre.text')), `</pre>${hit(5)}`);
});

inBrowser('the HTML of a message runs nothing, loads nothing and reaches nothing around it', async () => {
  const elsewhere = await listen();
  // The checks of content refuse such a mail today: the page has to stand by itself.
  await send(gateway, { to: 'html@example.com', subject: 'Hostile HTML', text: 'Harmless.' });
  const html = `<script>top.hit=1;document.body.textContent='ran'</script><p id="shown">shown</p>
<img src="${elsewhere.url}/image" onerror="document.body.textContent='ran'"><svg onload="document.body.textContent='ran'"></svg>
<link rel="stylesheet" href="${elsewhere.url}/style"><style>@import url(${elsewhere.url}/import); body{background:url(${elsewhere.url}/background)}</style>
<meta http-equiv="refresh" content="0;url=${elsewhere.url}/refresh"><iframe src="${elsewhere.url}/frame"></iframe>
<iframe srcdoc="<script>top.hit=2</script>"></iframe><object data="${elsewhere.url}/object"></object>
<form action="${elsewhere.url}/form" method="post"><button id="press">Press</button></form>
<a id="top" target="_top" href="${elsewhere.url}/top">away</a><a id="run" href="javascript:top.hit=3">run</a><base href="${elsewhere.url}/base/">`;
  const [mail] = await captured(gateway, 1, { recipient: 'html@example.com' });
  replaceMail(gateway, mail.id, html);
  const url = `${gateway.url}/page/mail/${mail.id}`;
  await page.goto(url, { waitUntil: 'load' });
  const inside = page.frameLocator('.preview');
  await inside.locator('#shown').waitFor();
  for (const id of ['#press', '#top', '#run']) await inside.locator(id).click();
  assert.equal(await text(inside.locator('#shown')), 'shown');
  assert.equal(page.url(), url);
  assert.equal(await page.evaluate('window.hit'), undefined);
  // Opened by itself, outside the frame, it has no more rights.
  await page.goto(`${url}/preview`);
  assert.equal(await text(page.locator('#shown')), 'shown');
  assert.deepEqual(elsewhere.asked, [], 'nothing was asked for elsewhere');
});

inBrowser('signing out ends the session', async () => {
  await page.goto(`${gateway.url}/`);
  const [cookie] = await context.cookies();
  assert.equal(cookie?.httpOnly, true);
  assert.equal(cookie?.sameSite, 'Strict');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  assert.deepEqual(await context.cookies(), []);
  await context.addCookies([{ ...cookie! }]);
  await page.goto(`${gateway.url}/`);
  assert.equal(await page.getByLabel('API key').count(), 1, 'the old cookie opens nothing');
});

/** Puts HTML where a captured mail was, as an older version may have let it in. */
function replaceMail({ directory }: TestGateway, id: string, html: string): void {
  const db = new DatabaseSync(join(directory, 'postern.db'));
  const raw = `Subject: Hostile HTML\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${html.replaceAll('\n', '\r\n')}\r\n`;
  db.prepare('UPDATE capture SET raw = ? WHERE id = ?').run(Buffer.from(raw), id);
  db.close();
}
