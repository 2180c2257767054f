/** Policies of MTA-STS: how they are read, and how long they stand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer } from '../../src/base/dns.ts';
import type { Fetched } from '../../src/base/guarded-fetch.ts';
import type { KeptStsPolicy } from '../../src/data/port/sts-policies.ts';
import {
  isNamed,
  parseStsPolicy,
  parseStsRecord,
  type StsParts,
  StsPolicies,
  type StsShelf,
} from '../../src/relay/direct/mta-sts.ts';

const POLICY = 'version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n';

test('reads the example of RFC 8461', () => {
  assert.deepEqual(parseStsPolicy(POLICY), {
    mode: 'enforce',
    mx: ['mail.example.com', '*.example.net'],
    maxAgeMs: 604_800_000,
  });
});

for (const [why, text] of [
  ['no version', 'mode: enforce\nmx: a.example\nmax_age: 1\n'],
  ['another version', 'version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n'],
  ['no mode', 'version: STSv1\nmx: a.example\nmax_age: 1\n'],
  ['no hosts', 'version: STSv1\nmode: enforce\nmax_age: 1\n'],
  ['no age', 'version: STSv1\nmode: enforce\nmx: a.example\n'],
  ['a negative age', 'version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n'],
  ['a page', '<html><body>Not found</body></html>'],
  ['nothing', ''],
] as const) {
  test(`takes ${why} for no policy`, () => assert.equal(parseStsPolicy(text), null));
}

test('an age is cut at what the protocol allows, unknown fields are passed over, and "none" needs no hosts', () => {
  const policy = parseStsPolicy('version: STSv1\nmode: none\nextra: 1\nmax_age: 9999999999\n');
  assert.deepEqual(policy, { mode: 'none', mx: [], maxAgeMs: 31_557_600_000 });
});

test('the id stands in the one record that is of this kind', () => {
  assert.equal(parseStsRecord(['v=STSv1; id=20160831085700Z;']), '20160831085700Z');
  assert.equal(parseStsRecord(['v=spf1 -all', 'v=STSv1;id=a1']), 'a1');
  assert.equal(parseStsRecord(['v=STSv1; id=a', 'v=STSv1; id=b']), null);
  assert.equal(parseStsRecord(['v=STSv10; id=a']), null);
  assert.equal(parseStsRecord(['v=STSv1; id=a-b']), null);
  assert.equal(parseStsRecord(['v=STSv1;']), null);
  assert.equal(parseStsRecord([]), null);
});

test('a star stands for one label', () => {
  const policy = parseStsPolicy(POLICY)!;
  assert.equal(isNamed(policy, 'mail.example.com'), true);
  assert.equal(isNamed(policy, 'a.mail.example.com'), false);
  assert.equal(isNamed(policy, 'a.example.net'), true);
  assert.equal(isNamed(policy, 'a.b.example.net'), false);
  assert.equal(isNamed(policy, 'example.net'), false);
});

/** A world in which the record and the page can be changed, and time be moved. */
function world() {
  const state = {
    now: 0,
    record: { outcome: 'found', records: ['v=STSv1; id=a;'] } as DnsAnswer<string>,
    page: { outcome: 'answered', status: 200, body: Buffer.from(POLICY) } as Fetched,
    fetched: [] as string[],
  };
  const rows = new Map<string, KeptStsPolicy>();
  const shelf: StsShelf = {
    stsPolicy: async ({ domain }) => rows.get(domain) ?? null,
    keepStsPolicy: async (policy) => {
      rows.set(policy.domain, policy);
      return null;
    },
  };
  const parts: StsParts = {
    dns: { txt: async () => state.record },
    fetch: async (url) => {
      state.fetched.push(url.href);
      return state.page;
    },
    port: 443,
    shelf: () => shelf,
    now: () => state.now,
  };
  let policies = new StsPolicies(parts);
  return {
    state,
    rows,
    mode: async () => (await policies.policyOf('example.com'))?.mode ?? null,
    restart: () => {
      policies = new StsPolicies(parts);
    },
  };
}

const HOUR = 3_600_000;

test('a policy is fetched once, and again when its id changes', async () => {
  const { state, mode } = world();
  assert.equal(await mode(), 'enforce');
  assert.equal(await mode(), 'enforce');
  assert.deepEqual(state.fetched, ['https://mta-sts.example.com/.well-known/mta-sts.txt']);
  state.record = { outcome: 'found', records: ['v=STSv1; id=b;'] };
  state.page = {
    outcome: 'answered',
    status: 200,
    body: Buffer.from('version: STSv1\nmode: testing\nmx: a.example.com\nmax_age: 86400\n'),
  };
  assert.equal(await mode(), 'testing');
  assert.equal(state.fetched.length, 2);
});

test('a policy stands to its end although record, name server or page are gone', async () => {
  const { state, mode } = world();
  await mode();
  state.record = { outcome: 'nxdomain' };
  assert.equal(await mode(), 'enforce');
  state.record = { outcome: 'failed', message: 'SERVFAIL' };
  assert.equal(await mode(), 'enforce');
  state.record = { outcome: 'found', records: ['v=STSv1; id=b;'] };
  state.page = { outcome: 'failed', why: 'no' };
  assert.equal(await mode(), 'enforce');
  state.now += 170 * HOUR;
  assert.equal(await mode(), null);
});

for (const [what, page] of [
  ['a redirect', { outcome: 'answered', status: 302, body: Buffer.from(POLICY) }],
  ['an error page', { outcome: 'answered', status: 404, body: Buffer.from('no') }],
  ['something else', { outcome: 'answered', status: 200, body: Buffer.from('<html>') }],
  ['a refused address', { outcome: 'refused', why: 'private' }],
] as const) {
  test(`${what} is no policy, and is not asked for again at once`, async () => {
    const { state, mode } = world();
    state.page = page;
    assert.equal(await mode(), null);
    assert.equal(await mode(), null);
    assert.equal(state.fetched.length, 1);
    state.now += HOUR;
    state.page = { outcome: 'answered', status: 200, body: Buffer.from(POLICY) };
    assert.equal(await mode(), 'enforce');
  });
}

test('a restart forgets no policy, whatever the DNS says by then', async () => {
  const { state, mode, restart } = world();
  assert.equal(await mode(), 'enforce');
  restart();
  state.record = { outcome: 'nxdomain' };
  assert.equal(await mode(), 'enforce');
  restart();
  state.now += 170 * HOUR;
  assert.equal(await mode(), null);
});

test('a policy is fetched anew each day, and stands where it cannot be', async () => {
  const { state, mode, rows } = world();
  await mode();
  const ends = rows.get('example.com')!.until;
  state.now += 25 * HOUR;
  assert.equal(await mode(), 'enforce');
  assert.equal(state.fetched.length, 2);
  assert.equal(rows.get('example.com')!.until, ends + 25 * HOUR);
  state.now += 25 * HOUR;
  state.page = { outcome: 'failed', why: 'no' };
  assert.equal(await mode(), 'enforce');
  assert.equal(await mode(), 'enforce');
  assert.equal(state.fetched.length, 3);
});
