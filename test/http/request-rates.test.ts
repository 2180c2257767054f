import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Principal, Store } from '../../src/data/store.ts';
import { type Asker, type Counted, compileRequestLimit, RequestRates } from '../../src/http/request-rates.ts';
import type { LimitDocument, RequestScope } from '../../src/policy/document.ts';

type Given = LimitDocument<RequestScope>;

const NOW = Date.UTC(2026, 10, 22, 12);
const principal = (more: Partial<Principal> = {}): Principal => ({
  tenantNo: 1,
  tenantId: 'ten_1',
  mode: 'live',
  installationNo: 1,
  installationId: 'ins_1',
  appId: 'app_1',
  keyNo: 1,
  ...more,
});

const asker = (whose: Principal, more: Partial<Asker> = {}): Asker => ({
  principal: whose,
  keyId: 'key_1',
  network: null,
  ...more,
});

function withLimits(limits: Given[]) {
  let reads = 0;
  let given = limits;
  const policyState = async () => {
    reads += 1;
    return { own: null, inForce: { version: 1, document: { request_rate: given } } };
  };
  const rates = new RequestRates({ policyState } as unknown as Pick<Store, 'policyState'>);
  /** The refusal, if any; at once where the limits are known. */
  const take = (whose: Principal, now: number, more: Partial<Asker> = {}) => {
    const refusalOf = ({ refusal }: Counted) => refusal;
    const counted = rates.take(asker(whose, more), now);
    return counted instanceof Promise ? counted.then(refusalOf) : refusalOf(counted);
  };
  const change = (next: Given[]) => {
    given = next;
  };
  return { rates, take, change, reads: () => reads };
}

describe('limits on requests', () => {
  it('let through so many in any window, and count no refused one', async () => {
    const { take } = withLimits([{ name: 'calls', scope: 'tenant', window: 'rolling_60s', max: 3 }]);
    for (let n = 0; n < 3; n += 1) assert.equal(await take(principal(), NOW + n * 1000), null);
    for (let n = 0; n < 50; n += 1) {
      const refused = await take(principal(), NOW + 5000);
      assert.equal(refused?.code, 'request_rate_exceeded');
      assert.equal(refused?.clearsAt, NOW + 60_000);
      assert.deepEqual(refused?.scope, { kind: 'tenant', id: 'ten_1' });
      assert.equal(refused?.evidence['used'], 3);
    }
    assert.equal(await take(principal(), NOW + 60_000), null);
    assert.equal((await take(principal(), NOW + 60_000))?.clearsAt, NOW + 61_000);
  });

  it('let a burst through and then one after another', async () => {
    const { take } = withLimits([
      { name: 'calls', scope: 'installation', window: 'rate', per: 'second', max: 10, burst: 2 },
    ]);
    assert.equal(await take(principal(), NOW), null);
    assert.equal(await take(principal(), NOW), null);
    assert.equal((await take(principal(), NOW))?.clearsAt, NOW + 100);
    assert.equal(await take(principal(), NOW + 100), null);
  });

  it('end with the hour where the window is one of the calendar', async () => {
    const { take } = withLimits([{ name: 'calls', scope: 'tenant', window: 'calendar_hour', max: 1 }]);
    assert.equal(await take(principal(), NOW + 1000), null);
    assert.equal((await take(principal(), NOW + 2000))?.clearsAt, NOW + 3_600_000);
    assert.equal(await take(principal(), NOW + 3_600_000), null);
  });

  it('count each scope by itself, live and test apart', async () => {
    const { take } = withLimits([
      { name: 'app', scope: 'app', window: 'rolling_60s', max: 2 },
      { name: 'installation', scope: 'installation', window: 'rolling_60s', max: 1 },
    ]);
    assert.equal(await take(principal(), NOW), null);
    assert.equal((await take(principal(), NOW))?.evidence['limit_name'], 'installation');
    const other = principal({ installationId: 'ins_2' });
    assert.equal(await take(other, NOW), null);
    const third = await take(principal({ installationId: 'ins_3' }), NOW);
    assert.deepEqual([third?.evidence['limit_name'], third?.scope?.kind], ['app', 'app']);
    assert.equal(await take(principal({ tenantNo: 2, tenantId: 'ten_2', installationId: 'ins_4' }), NOW), null);
    assert.equal(await take(principal({ mode: 'test' }), NOW), null);
  });

  it('are read once for an account, and anew when told or after a minute', async () => {
    const { rates, take, change, reads } = withLimits([]);
    await Promise.all([1, 2, 3].map(() => take(principal(), NOW)));
    assert.equal(take(principal(), NOW + 1000), null, 'without waiting');
    assert.equal(reads(), 1);
    change([{ name: 'none', scope: 'tenant', window: 'rolling_60s', max: 1 }]);
    rates.forget();
    assert.equal(await take(principal(), NOW + 2000), null);
    assert.notEqual(await take(principal(), NOW + 2000), null);
    assert.equal(reads(), 2);
    assert.notEqual(take(principal(), NOW + 61_900), null, 'what is known holds until the new is there');
    await Promise.resolve();
    assert.equal(reads(), 2);
  });

  it('count each key by itself, and each address where addresses tell clients apart', async () => {
    const { take } = withLimits([
      { name: 'key', scope: 'key', window: 'rolling_60s', max: 2 },
      { name: 'address', scope: 'address', window: 'rate', per: 'minute', max: 60, burst: 1 },
    ]);
    const here = { network: '203.0.113.7' };
    assert.equal(await take(principal(), NOW, here), null);
    const refused = await take(principal(), NOW, here);
    assert.deepEqual([refused?.scope, refused?.clearsAt], [{ kind: 'address', id: '203.0.113.7' }, NOW + 1000]);
    assert.equal(await take(principal(), NOW, { network: '203.0.113.8' }), null);
    const full = await take(principal(), NOW, { network: '203.0.113.9' });
    assert.deepEqual(full?.scope, { kind: 'key', id: 'key_1' });
    assert.equal(await take(principal(), NOW, { keyId: 'key_2', network: null }), null);
    assert.equal(await take(principal(), NOW, { keyId: 'key_2', network: null }), null, 'no address, no limit of it');
    const other = principal({ tenantNo: 2, tenantId: 'ten_2' });
    assert.equal(await take(other, NOW, { keyId: 'key_3', ...here }), null, 'each account counts for itself');
  });

  it('of a route stand beside those of the policy, under the same name too', async () => {
    const { rates } = withLimits([{ name: 'calls', scope: 'key', window: 'rolling_60s', max: 9 }]);
    const own = [compileRequestLimit({ name: 'calls', scope: 'key', window: 'rolling_60s', max: 2 })];
    const remaining = async () => {
      const { refusal, limits } = await rates.take(asker(principal()), NOW, own);
      return [refusal === null, ...limits.map((limit) => limit.remaining)];
    };
    assert.deepEqual(await remaining(), [true, 8, 1]);
    assert.deepEqual(await remaining(), [true, 7, 0]);
    assert.deepEqual(await remaining(), [false, 7, 0], 'what one refuses no other counts');
    const { refusal, limits } = await rates.take(asker(principal()), NOW);
    assert.equal(refusal, null);
    assert.deepEqual(limits, [
      {
        ...{ name: 'calls', scope: { kind: 'key', id: 'key_1' }, unit: 'request', window: 'rolling_60s', limit: 9 },
        ...{ used: 3, remaining: 6, resetsAt: NOW + 60_000, windowSeconds: 60, rate: false },
      },
    ]);
  });

  it('let through at the very second that they name, however their window is', async () => {
    const windows = ['rate', 'rolling_7s', 'rolling_60s', 'calendar_hour'];
    for (const window of windows) {
      const { take } = withLimits([{ name: 'calls', scope: 'key', window, max: 7 }]);
      for (let now = NOW + 123; now < NOW + 20_000; now += 370) {
        const refused = await take(principal(), now);
        if (refused === null) continue;
        const { clearsAt } = refused;
        const retryAfterMs = Math.max(1, Math.ceil((clearsAt! - now) / 1000)) * 1000;
        assert.notEqual(await take(principal(), clearsAt! - 1), null, `${window}: no sooner`);
        assert.equal(await take(principal(), now + retryAfterMs), null, `${window}: who waits as told passes`);
        now += retryAfterMs;
      }
    }
  });

  it('keep nobody waiting for longer than a burst takes where the clock was set back', async () => {
    const { take } = withLimits([{ name: 'calls', scope: 'key', window: 'rate', per: 'second', max: 1, burst: 5 }]);
    for (let n = 0; n < 5; n += 1) assert.equal(await take(principal(), NOW), null);
    const back = NOW - 3_600_000;
    assert.equal((await take(principal(), back))?.clearsAt, back + 1000);
    assert.equal(await take(principal(), back + 1000), null);
  });

  it('hold a bounded number of addresses, which push out nobody else', async () => {
    const { rates, take } = withLimits([
      { name: 'key', scope: 'key', window: 'calendar_day', max: 150_000 },
      { name: 'address', scope: 'address', window: 'rolling_60s', max: 1 },
    ]);
    for (let n = 0; n < 60_000; n += 1) await take(principal(), NOW, { network: `2001:db8:${n.toString(16)}::/64` });
    assert.ok(rates.size <= 50_001, String(rates.size));
    const { limits } = await rates.take(asker(principal()), NOW);
    assert.deepEqual(
      limits.map(({ name, used }) => [name, used]),
      [['key', 60_001]],
    );
  });

  it('pass on a fault of the store, and ask again next time', async () => {
    let isUp = false;
    const policyState = async () => {
      if (!isUp) throw new Error('down');
      return { own: null, inForce: { version: 1, document: { request_rate: [] } } };
    };
    const rates = new RequestRates({ policyState } as unknown as Pick<Store, 'policyState'>);
    await assert.rejects(async () => rates.take(asker(principal()), NOW), /down/);
    isUp = true;
    assert.equal((await rates.take(asker(principal()), NOW)).refusal, null);
  });
});
