/**
 * Copies of the data folder as a kill would leave it (between any two groups, and with the end of the log torn off) are opened
 * and their counters compared with a recount from the rows they hold.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { after, it } from 'node:test';
import fc from 'fast-check';
import { openWriter } from '../../src/data/sqlite/database.ts';
import { LedgerCache } from '../../src/data/sqlite/ledger-cache.ts';
import { CREDITS, spaceOf } from '../../src/data/sqlite/spaces.ts';
import type { Principal } from '../../src/data/store.ts';
import type { Series } from '../../src/policy/series.ts';
import { entriesOf } from '../harness/series.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { newPrincipal, submission } from '../harness/submissions.ts';

const BOUNDS = { entries: 20, cycleDirty: 6, slice: 2, cycleOctets: 2000 };
const CREDITS_GIVEN = 10_000;
const copy = mkdtempSync(join(tmpdir(), 'postern-copy-'));
after(() => rmSync(copy, { recursive: true, force: true }));

/** What stands once a store is open (its tables) was flushed before anything was admitted: no tear reaches it. */
let opening = 0;

/** Copies what a kill at this moment leaves; `torn` octets of the log's end did not reach the disk. */
function openCopy(directory: string, torn: number): DatabaseSync {
  copyFileSync(join(directory, 'postern.db'), join(copy, 'postern.db'));
  const log = readFileSync(join(directory, 'postern.db-wal'));
  writeFileSync(join(copy, 'postern.db-wal'), log.subarray(0, Math.max(opening, log.length - torn)));
  rmSync(join(copy, 'postern.db-shm'), { force: true });
  return openWriter(copy);
}

type Counted = { total: Map<number, number>; people: Map<string, Map<number, number>>; accepted: number };

function recount(db: DatabaseSync, space: number): Counted {
  const counted: Counted = { total: new Map(), people: new Map(), accepted: 0 };
  const rows = db.prepare('SELECT email, key, depart_at FROM recipient WHERE space = ? AND due IS NOT NULL').all(space);
  for (const row of rows) {
    const second = Math.floor(Number(row['depart_at']) / 1000);
    const key = String(row['key'] ?? row['email']);
    const person = counted.people.get(key) ?? new Map<number, number>();
    for (const map of [counted.total, person]) map.set(second, (map.get(second) ?? 0) + 1);
    counted.people.set(key, person);
    counted.accepted += 1;
  }
  return counted;
}

function same(series: Series | null, wanted: Map<number, number>, what: string): void {
  const sorted = [...wanted].sort((a, b) => a[0] - b[0]);
  assert.deepEqual(series === null ? [] : entriesOf(series), sorted, what);
}

function compareCopy(directory: string, principal: Principal, torn: number): number {
  const db = openCopy(directory, torn);
  try {
    const { integrity_check: whole } = db.prepare('PRAGMA integrity_check').get() as { integrity_check: string };
    assert.equal(whole, 'ok');
    const space = spaceOf(principal.tenantNo, principal.mode);
    const ledger = new LedgerCache(db, BOUNDS);
    const counted = recount(db, space);
    const tenant = ledger.entry(space, '#tenant');
    same(tenant.recipient, counted.total, 'the tenant');
    const credits = tenant.gauges?.get(CREDITS) ?? 0;
    if (counted.accepted > 0) assert.equal(credits, CREDITS_GIVEN - counted.accepted);
    for (const [key, seconds] of counted.people) same(ledger.entry(space, key).recipient, seconds, key);
    const hours = db.prepare('SELECT count(*) AS n FROM event WHERE space = ? AND type IN (0, 1)').get(space);
    assert.equal(Number(hours?.['n']), counted.accepted);
    return counted.accepted;
  } finally {
    db.close();
  }
}

async function run(
  opened: OpenedStore,
  sends: readonly (readonly number[])[],
  tears: readonly number[],
): Promise<void> {
  const { store, clock } = opened;
  const principal = await newPrincipal(store, {
    tenant: { billing: 'credits', credits: CREDITS_GIVEN },
    policy: { limits: [{ name: 'day', scope: 'tenant', window: 'rolling_24h', max: 100_000 }] },
  });
  let accepted = 0;
  for (const [i, group] of sends.entries()) {
    clock.advance(700);
    await Promise.all(
      group.map((person, n) => {
        const to = [`p${person}@example.com`, `q${(person * 7) % 40}@example.com`];
        return store.admit(submission(principal, { to, body: `${i}.${n}` }));
      }),
    );
    accepted += group.length * 2;
    assert.equal(compareCopy(opened.directory, principal, 0), accepted, 'all that was acknowledged is there');
    const torn = tears[i % tears.length]!;
    assert.ok(compareCopy(opened.directory, principal, torn) <= accepted);
  }
}

it('finds counters equal to a recount of the rows wherever it is killed', { timeout: 120_000 }, async () => {
  const opened = await openTestStore({ ledger: BOUNDS });
  opening = statSync(join(opened.directory, 'postern.db-wal')).size;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 8 }), { minLength: 5, maxLength: 25 }),
        fc.array(fc.nat({ max: 200_000 }), { minLength: 1, maxLength: 9 }),
        (sends, tears) => run(opened, sends, tears),
      ),
      { numRuns: Number(process.env['MODEL_RUNS'] ?? 8) },
    );
  } finally {
    await opened.close();
  }
});
