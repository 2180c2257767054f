/** Policies of MTA-STS: a row for each domain that has one, written when it is fetched. */
import type { DatabaseSync } from 'node:sqlite';
import type { KeptStsPolicy } from '../port/sts-policies.ts';
import { prepared } from './database.ts';
import type { WriterState } from './writer-state.ts';

const MOST = 50_000;

export const STS_POLICIES_WRITES = {
  keepStsPolicy({ db, realNow }: WriterState, policy: KeptStsPolicy): null {
    const { domain, id, mode, mx, maxAgeMs, fetchedAt, until } = policy;
    prepared(
      db,
      'INSERT OR REPLACE INTO sts_policy (domain, id, mode, mx, max_age_ms, fetched_at, until) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ).run(domain, id, mode, JSON.stringify(mx), maxAgeMs, fetchedAt, until);
    prepared(db, 'DELETE FROM sts_policy WHERE until <= ?').run(realNow);
    const { n } = prepared(db, 'SELECT count(*) AS n FROM sts_policy').get() as { n: number };
    if (n > MOST) {
      prepared(db, 'DELETE FROM sts_policy WHERE domain IN (SELECT domain FROM sts_policy ORDER BY until LIMIT ?)').run(
        n - MOST,
      );
    }
    return null;
  },
};

export const STS_POLICIES_READS = {
  stsPolicy(db: DatabaseSync, { domain }: { domain: string }): KeptStsPolicy | null {
    const row = prepared(db, 'SELECT * FROM sts_policy WHERE domain = ?').get(domain);
    if (row === undefined) return null;
    return {
      domain,
      id: String(row['id']),
      mode: row['mode'] as KeptStsPolicy['mode'],
      mx: JSON.parse(String(row['mx'])) as string[],
      maxAgeMs: Number(row['max_age_ms']),
      fetchedAt: Number(row['fetched_at']),
      until: Number(row['until']),
    };
  },
};
