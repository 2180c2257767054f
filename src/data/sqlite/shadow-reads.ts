/** Where a draft would have decided otherwise, newest first. */
import type { DatabaseSync } from 'node:sqlite';
import type { ShadowDifference, ShadowsReads } from '../port/shadows.ts';
import type { Page } from '../store.ts';
import { prepared } from './database.ts';
import { spaceOf } from './spaces.ts';

type Row = {
  no: number;
  at: number;
  message: string;
  email: string;
  policy: number;
  shadow: number;
  decided: string;
  shadowed: string;
};

function shadowDifferences(
  db: DatabaseSync,
  { tenantNo, mode, limit, cursor }: Parameters<ShadowsReads['shadowDifferences']>[0],
): Page<ShadowDifference> {
  const before = cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor);
  const rows = prepared(db, 'SELECT * FROM shadow_difference WHERE space = ? AND no < ? ORDER BY no DESC LIMIT ?').all(
    spaceOf(tenantNo, mode),
    before,
    limit + 1,
  ) as unknown as Row[];
  const shown = rows.slice(0, limit);
  return { rows: shown.map(differenceOf), next: rows.length > limit ? String(shown.at(-1)!.no) : null };
}

function differenceOf(row: Row): ShadowDifference {
  return {
    at: row.at,
    messageId: row.message,
    email: row.email,
    policyVersion: row.policy,
    shadowVersion: row.shadow,
    decided: JSON.parse(row.decided) as ShadowDifference['decided'],
    shadow: JSON.parse(row.shadowed) as ShadowDifference['shadow'],
  };
}

export const SHADOW_READS = { shadowDifferences };
