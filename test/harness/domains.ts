/** Sender domains for tests: added over HTTP, published in a test's DNS as they are shown. */
import assert from 'node:assert/strict';
import type { DnsRecords, TestDns } from './dns.ts';
import type { TestGateway } from './gateway.ts';

export type ShownRecord = {
  type: string;
  name: string;
  host: string;
  value: string;
  purpose: string;
  required: boolean;
  state: string;
  found: string | null;
  problem: string | null;
  keep_until: string | null;
};
export type ShownKey = { selector: string; algorithm: string; state: string; retires_at: string | null };
export type ShownDomain = {
  id: string;
  domain: string;
  state: string;
  problem: string | null;
  blocks_at: string | null;
  records: ShownRecord[];
  keys: ShownKey[];
};

export type Domains = {
  add(domain: string, more?: object): Promise<ShownDomain>;
  verify(id: string): Promise<ShownDomain>;
  rotate(id: string): Promise<ShownDomain>;
  /** Added, published and verified. */
  verified(dns: TestDns, domain: string): Promise<ShownDomain>;
};

export function domainsOf(gate: TestGateway, key: string): Domains {
  const call = async (status: number, method: string, path: string, body?: unknown): Promise<ShownDomain> => {
    const answer = await gate.fetchJson(method, path, body, { key });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    return answer.body;
  };
  const add: Domains['add'] = (domain, more = {}) => call(201, 'POST', '/v1/domains', { domain, ...more });
  const verify: Domains['verify'] = (id) => call(200, 'POST', `/v1/domains/${id}/verify`);
  return {
    add,
    verify,
    rotate: (id) => call(200, 'POST', `/v1/domains/${id}/rotate-keys`),
    async verified(dns, domain) {
      const { id, records } = await add(domain);
      dns.setAll(zoneOf(records));
      const looked = await verify(id);
      assert.equal(looked.state, 'verified', JSON.stringify(looked.records, null, 1));
      return looked;
    },
  };
}

/** What each name holds once these records are published as they are shown. */
export function zoneOf(records: readonly ShownRecord[]): Record<string, DnsRecords> {
  const zone: Record<string, DnsRecords> = {};
  for (const { name, type, value } of records) {
    zone[name] ??= {};
    if (type === 'TXT') zone[name].TXT = [...(zone[name].TXT ?? []), value];
    else zone[name].MX = [value.split(' ')[1]!];
  }
  return zone;
}

export function recordOf({ records }: ShownDomain, purpose: string): ShownRecord {
  return records.find((record) => record.purpose === purpose)!;
}
