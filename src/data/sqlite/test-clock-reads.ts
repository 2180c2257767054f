/** Where the test clock stands, and what is still on its way. */
import type { DatabaseSync } from 'node:sqlite';
import { stateNumber } from '../../core/states.ts';
import type { TestClock } from '../port/test-clock.ts';
import { CLAIM_MS } from './dispatch.ts';
import { frozenIn } from './space-clock.ts';
import { REAL_TIME, spaceOf } from './spaces.ts';

const MOST_COUNTED = 10_000;

export function testClock(db: DatabaseSync, input: { tenantNo: number }): TestClock {
  const space = spaceOf(input.tenantNo, 'test');
  const frozenAt = frozenIn(db, space);
  const now = frozenAt ?? Date.now();
  const due = count(db, 'due <= ?', [space, now]);
  const flying =
    frozenAt === null
      ? count(db, 'due > ? AND due <= ? AND state = ?', [space, now, now + CLAIM_MS, stateNumber('sending')])
      : count(db, 'due >= ?', [space, REAL_TIME]);
  return { now, frozen: frozenAt !== null, due: Math.min(MOST_COUNTED, due + flying) };
}

function count(db: DatabaseSync, where: string, values: number[]): number {
  const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM recipient WHERE space = ? AND due >= 0 AND ${where} LIMIT ${MOST_COUNTED})`;
  return (db.prepare(sql).get(...values) as { n: number }).n;
}
