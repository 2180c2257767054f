import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Principal, Store } from '../../src/data/store.ts';
import { RequestRates } from '../../src/http/request-rates.ts';
import type { LimitDocument } from '../../src/policy/document.ts';

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

function withLimits(limits: LimitDocument[]) {
  let reads = 0;
  let given = limits;
  const policyState = async () => {
    reads += 1;
    return { own: null, inForce: { version: 1, document: { request_rate: given } } };
  };
  const rates = new RequestRates({ policyState } as unknown as Pick<Store, 'policyState'>);
  const change = (next: LimitDocument[]) => {
    given = next;
  };
  return { rates, change, reads: () => reads };
}

describe('limits on requests', () => {
  it('let through so many in any window, and count no refused one', async () => {
    const { rates } = withLimits([{ name: 'calls', scope: 'tenant', window: 'rolling_60s', max: 3 }]);
    for (let n = 0; n < 3; n += 1) assert.equal(await rates.take(principal(), NOW + n * 1000), null);
    for (let n = 0; n < 50; n += 1) {
      const refused = await rates.take(principal(), NOW + 5000);
      assert.equal(refused?.code, 'request_rate_exceeded');
      assert.equal(refused?.clearsAt, NOW + 60_000);
      assert.deepEqual(refused?.scope, { kind: 'tenant', id: 'ten_1' });
      assert.equal(refused?.evidence['used'], 3);
    }
    assert.equal(await rates.take(principal(), NOW + 60_000), null);
    assert.equal((await rates.take(principal(), NOW + 60_000))?.clearsAt, NOW + 61_000);
  });

  it('let a burst through and then one after another', async () => {
    const { rates } = withLimits([
      { name: 'calls', scope: 'installation', window: 'rate', per: 'second', max: 10, burst: 2 },
    ]);
    assert.equal(await rates.take(principal(), NOW), null);
    assert.equal(await rates.take(principal(), NOW), null);
    assert.equal((await rates.take(principal(), NOW))?.clearsAt, NOW + 100);
    assert.equal(await rates.take(principal(), NOW + 100), null);
  });

  it('end with the hour where the window is one of the calendar', async () => {
    const { rates } = withLimits([{ name: 'calls', scope: 'tenant', window: 'calendar_hour', max: 1 }]);
    assert.equal(await rates.take(principal(), NOW + 1000), null);
    assert.equal((await rates.take(principal(), NOW + 2000))?.clearsAt, NOW + 3_600_000);
    assert.equal(await rates.take(principal(), NOW + 3_600_000), null);
  });

  it('count each scope by itself, live and test apart', async () => {
    const { rates } = withLimits([
      { name: 'app', scope: 'app', window: 'rolling_60s', max: 2 },
      { name: 'installation', scope: 'installation', window: 'rolling_60s', max: 1 },
    ]);
    assert.equal(await rates.take(principal(), NOW), null);
    assert.equal((await rates.take(principal(), NOW))?.evidence['limit_name'], 'installation');
    const other = principal({ installationId: 'ins_2' });
    assert.equal(await rates.take(other, NOW), null);
    const third = await rates.take(principal({ installationId: 'ins_3' }), NOW);
    assert.deepEqual([third?.evidence['limit_name'], third?.scope?.kind], ['app', 'app']);
    assert.equal(await rates.take(principal({ tenantNo: 2, tenantId: 'ten_2', installationId: 'ins_4' }), NOW), null);
    assert.equal(await rates.take(principal({ mode: 'test' }), NOW), null);
  });

  it('are read once for an account, and anew when told or after a minute', async () => {
    const { rates, change, reads } = withLimits([]);
    await Promise.all([1, 2, 3].map(() => rates.take(principal(), NOW)));
    assert.equal(rates.take(principal(), NOW + 1000), null, 'without waiting');
    assert.equal(reads(), 1);
    change([{ name: 'none', scope: 'tenant', window: 'rolling_60s', max: 1 }]);
    rates.forget();
    assert.equal(await rates.take(principal(), NOW + 2000), null);
    assert.notEqual(await rates.take(principal(), NOW + 2000), null);
    assert.equal(reads(), 2);
    assert.notEqual(rates.take(principal(), NOW + 61_900), null, 'what is known holds until the new is there');
    await Promise.resolve();
    assert.equal(reads(), 2);
  });

  it('pass on a fault of the store, and ask again next time', async () => {
    let isUp = false;
    const policyState = async () => {
      if (!isUp) throw new Error('down');
      return { own: null, inForce: { version: 1, document: { request_rate: [] } } };
    };
    const rates = new RequestRates({ policyState } as unknown as Pick<Store, 'policyState'>);
    await assert.rejects(async () => rates.take(principal(), NOW), /down/);
    isUp = true;
    assert.equal(await rates.take(principal(), NOW), null);
  });
});
