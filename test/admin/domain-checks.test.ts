import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainChecks, nextLookAt } from '../../src/admin/domain-checks.ts';
import type { DomainDns } from '../../src/admin/domain-look.ts';
import type { RecordFinding } from '../../src/core/sender-records.ts';
import type { DomainToCheck } from '../../src/data/port/domains.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.UTC(2026, 10, 22);

const domainAt = (no: number, changes: Partial<DomainToCheck> = {}): DomainToCheck => ({
  no,
  id: `dom_${no}`,
  name: `d${no}.example`,
  selector: 'one',
  token: 'token',
  state: 'pending',
  problem: null,
  keys: [
    {
      algorithm: 'rsa',
      selector: 'one',
      publicKey: 'MIIB',
      state: 'signing',
      generation: 1,
      createdAt: NOW,
      retiresAt: null,
    },
  ],
  findings: {},
  verifiedAt: null,
  failingSince: null,
  blocksAt: null,
  checkedAt: null,
  nextCheckAt: NOW,
  awaitedSince: NOW,
  createdAt: NOW,
  updatedAt: NOW,
  tenantNo: 1,
  mode: 'live',
  tenantId: 'ten_1',
  ...changes,
});
const finding = (state: RecordFinding['state']): RecordFinding => ({ state, found: null, problem: null });
const findings = (ownership: RecordFinding['state'], dkim: RecordFinding['state']) => ({
  ownership: finding(ownership),
  'dkim:one': finding(dkim),
});

/** The pause lies within a tenth of this. */
function pauses(domain: DomainToCheck, found: Record<string, RecordFinding>, now: number, expected: number): void {
  const pause = nextLookAt(domain, found, now) - now;
  assert.ok(Math.abs(pause - expected) <= expected / 10, `${pause} is not about ${expected}`);
}

test('records that are awaited are looked at often first and rarely then, verified ones about every six hours', () => {
  const missing = findings('missing', 'found');
  for (const [age, pause] of [
    [0, MINUTE],
    [14 * MINUTE, MINUTE],
    [HOUR, 5 * MINUTE],
    [12 * HOUR, 30 * MINUTE],
    [100 * HOUR, 6 * HOUR],
    [1000 * HOUR, 24 * HOUR],
  ] as const) {
    pauses(domainAt(1), missing, NOW + age, pause);
  }
  pauses(domainAt(1), findings('found', 'found'), NOW, 6 * HOUR);
  pauses(domainAt(1, { state: 'failing' }), missing, NOW + 1000 * HOUR, 30 * MINUTE);
  pauses(domainAt(1, { state: 'verified' }), findings('unanswered', 'found'), NOW, 10 * MINUTE);
  const { keys } = domainAt(1);
  const announced = { ...keys[0]!, selector: 'one-2', state: 'announced' } as const;
  pauses(domainAt(1, { state: 'verified', keys: [...keys, announced] }), findings('found', 'found'), NOW, MINUTE);
});

/** A DNS whose answers wait until they are let go. */
function slowDns(): { dns: DomainDns; asked: Set<string>; answer: () => void } {
  const asked = new Set<string>();
  let answer = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const none = async (name: string): Promise<{ outcome: 'none' }> => {
    const domain = /d\d+\.example$/.exec(name)?.[0];
    if (domain !== undefined) asked.add(domain);
    if (name !== 'bounces.gateway.example') await gate;
    return { outcome: 'none' };
  };
  return { dns: { txt: none, mx: none, cname: none }, asked, answer };
}

test('one tenant’s silent domains leave room for another’s, and who asks twice is answered by one look', async () => {
  const recorded: number[] = [];
  const store = {
    domainToCheck: async ({ no }: { no: number }) => domainAt(no),
    domainsDue: async () => ({ due: [], nextAt: null }),
    recordDomainCheck: async ({ no }: { no: number }) => {
      recorded.push(no);
      return { outcome: 'done', domain: domainAt(no), changed: true } as const;
    },
  };
  const { dns, asked, answer } = slowDns();
  const changed: number[] = [];
  const checks = new DomainChecks({
    ...{ store, dns, gateway: 'gateway.example', log: { warn: () => undefined } },
    onChange: (tenantNo) => changed.push(tenantNo),
  });
  const looks = [1, 2, 3, 4, 5].map((no) => checks.look({ no, tenantNo: 1 }));
  looks.push(checks.look({ no: 1, tenantNo: 1 }), checks.look({ no: 9, tenantNo: 2 }));
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  assert.deepEqual([...asked].sort(), ['d1.example', 'd2.example', 'd9.example']);
  answer();
  assert.deepEqual(
    (await Promise.all(looks)).map((domain) => domain?.no),
    [1, 2, 3, 4, 5, 1, 9],
  );
  assert.deepEqual(recorded.sort(), [1, 2, 3, 4, 5, 9]);
  assert.equal(changed.length, 6);
});

test('who asks while a look is under way is answered by one that began after that', async () => {
  let asked = 0;
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const begun = Promise.withResolvers<void>();
  const store = {
    async domainToCheck({ no }: { no: number }) {
      const gate = gates[asked]!;
      asked += 1;
      begun.resolve();
      await gate.promise;
      return domainAt(no, { token: `look ${asked}` });
    },
    domainsDue: async () => ({ due: [], nextAt: null }),
    recordDomainCheck: async () =>
      ({ outcome: 'done', domain: domainAt(1, { token: `look ${asked}` }), changed: false }) as const,
  };
  const { dns, answer } = slowDns();
  answer();
  const checks = new DomainChecks({
    ...{ store, dns, gateway: 'gateway.example', log: { warn: () => undefined } },
    onChange: () => undefined,
  });
  const first = checks.look({ no: 1, tenantNo: 1 });
  await begun.promise;
  const later = [checks.look({ no: 1, tenantNo: 1 }), checks.look({ no: 1, tenantNo: 1 })];
  gates[0]!.resolve();
  assert.equal((await first)?.token, 'look 1');
  gates[1]!.resolve();
  assert.deepEqual(
    (await Promise.all(later)).map((domain) => domain?.token),
    ['look 2', 'look 2'],
  );
  assert.equal(asked, 2);
});

test('after a stop nothing is asked and nothing is stored', async () => {
  const { dns, answer } = slowDns();
  const recorded: number[] = [];
  const store = {
    domainToCheck: async ({ no }: { no: number }) => domainAt(no),
    domainsDue: async () => ({ due: [{ no: 1, tenantNo: 1 }], nextAt: null }),
    recordDomainCheck: async ({ no }: { no: number }) => {
      recorded.push(no);
      return { outcome: 'missing' } as const;
    },
  };
  const checks = new DomainChecks({
    ...{ store, dns, gateway: 'gateway.example', log: { warn: () => undefined } },
    onChange: () => undefined,
  });
  const look = checks.look({ no: 1, tenantNo: 1 });
  await Promise.resolve();
  checks.stop();
  answer();
  assert.equal(await look, null);
  assert.equal(await checks.look({ no: 2, tenantNo: 1 }), null);
  assert.deepEqual(recorded, []);
});

test('what is due is looked at from the start', async () => {
  const { dns, answer } = slowDns();
  answer();
  const rounds = [
    [
      { no: 1, tenantNo: 1 },
      { no: 2, tenantNo: 2 },
    ],
    [],
  ];
  const both = Promise.withResolvers<void>();
  const recorded: number[] = [];
  const store = {
    domainToCheck: async ({ no }: { no: number }) => domainAt(no),
    domainsDue: async () => ({ due: rounds.shift() ?? [], nextAt: null }),
    recordDomainCheck: async ({ no }: { no: number }) => {
      if (recorded.push(no) === 2) both.resolve();
      return { outcome: 'missing' } as const;
    },
  };
  const checks = new DomainChecks({
    ...{ store, dns, gateway: 'gateway.example', log: { warn: () => undefined } },
    onChange: () => undefined,
  });
  checks.start();
  await both.promise;
  checks.stop();
  assert.deepEqual(recorded.sort(), [1, 2]);
});
