/**
 * Sender domains: the writes of their management, and what becomes of them when their records were looked at.
 *
 * Invariants: of one name at most one tenant (in a mode) holds a verified domain: the first, as long as its ownership record
 * stands. A look that nobody answered changes no state. A verified domain becomes `failing` when a required record is gone, and
 * goes on for `GRACE_MS`. A key signs once its record was found; the one before it stays listed for `RETIRING_MS` and its
 * private part is gone at once.
 */
import { dkimKey, type RecordFinding, settledState } from '../../core/sender-records.ts';
import { formatTime } from '../../core/time.ts';
import type {
  CheckedDomain,
  DomainAnswer,
  DomainKey,
  DomainsWrites,
  ManagedDomain,
  NewDomainKey,
} from '../port/domains.ts';
import type { Actor } from '../port/management.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { domainOf, findingOf, requiredOf } from './domain-rows.ts';
import { notify } from './notices.ts';
import type { Row } from './rows.ts';
import { modeOf, type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const HOUR_MS = 3_600_000;
/** From the look that missed a required record to the first send that is refused for it. */
const GRACE_MS = 72 * HOUR_MS;
/** Mail is deferred for three days and read later still; a record is worth nothing to it when it is gone. */
const RETIRING_MS = 7 * 24 * HOUR_MS;
const MOST_DOMAINS = 500;
const SOON_MS = 60_000;
const HELD_PROBLEM =
  'Another account of this gateway verified this domain first, and keeps it as long as its own ownership record stands: remove that record.';

function find(state: WriterState, space: number, id: string): ManagedDomain | null {
  const row = state.db.prepare('SELECT * FROM domain WHERE space = ? AND (id = ? OR name = ?)').get(space, id, id);
  return row === undefined ? null : domainOf(state.db, row);
}

function reread(state: WriterState, no: number): { domain: ManagedDomain; space: number } | null {
  const row = state.db.prepare('SELECT * FROM domain WHERE no = ?').get(no);
  return row === undefined ? null : { domain: domainOf(state.db, row), space: row['space'] as number };
}

/** Selectors of one generation: the first has the plain one. One that is in use already is passed over. */
function insertKeys(
  state: WriterState,
  domain: number,
  base: string,
  input: { generation: number; keys: readonly NewDomainKey[]; as: DomainKey['state']; now: number },
): void {
  const { generation, keys, as, now } = input;
  const isUsed = state.db.prepare('SELECT 1 FROM domain_key WHERE domain = ? AND selector = ?');
  const insert = state.db.prepare(
    `INSERT INTO domain_key (domain, generation, algorithm, selector, public_key, sealed, state, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const { algorithm, publicKey, sealed } of keys) {
    for (let n = generation; ; n += 1) {
      const selector = selectorOf(base, n, algorithm);
      if (isUsed.get(domain, selector) !== undefined) continue;
      insert.run(domain, generation, algorithm, selector, publicKey, sealed, as, now);
      break;
    }
  }
}

function selectorOf(base: string, generation: number, algorithm: NewDomainKey['algorithm']): string {
  const named = generation === 1 ? base : `${base}-${generation}`;
  return algorithm === 'rsa' ? named : `${named}-ed`;
}

type Told = 'domain.created' | 'domain.verified' | 'domain.failing' | 'domain.key_rotated' | 'domain.deleted';

function tell(state: WriterState, space: Space, type: Told, domain: ManagedDomain, more: Record<string, unknown> = {}) {
  const data = { domain_id: domain.id, domain: domain.name, state: domain.state, ...more };
  state.emit(space, type, space.now(state.realNow), null, data);
}

/** What the audit log keeps of a domain: nothing secret. */
const auditedOf = ({ name, state, selector, keys }: ManagedDomain) => ({
  domain: name,
  state,
  selector,
  selectors: keys.map((key) => key.selector),
});

function record(
  state: WriterState,
  space: Space,
  actor: Actor,
  action: string,
  change: { before?: ManagedDomain; after?: ManagedDomain },
): void {
  const { before, after } = change;
  audit(state, {
    tenantNo: space.tenant.no,
    mode: modeOf(space.no),
    ...by(actor),
    action,
    target: (after ?? before)!.id,
    before: before === undefined ? undefined : auditedOf(before),
    after: after === undefined ? undefined : auditedOf(after),
  });
}

/** What decisions read of the space is read anew. */
function forget(state: WriterState, no: number): Space {
  state.flushRows();
  state.spaces.forget(no);
  return state.spaces.get(no);
}

export const DOMAIN_WRITES: WriteCalls<DomainsWrites> = {
  createDomain(state, { tenantNo, mode, id, name, selector, token, keys, actor }): DomainAnswer {
    const no = spaceOf(tenantNo, mode);
    if (find(state, no, name) !== null) return { outcome: 'taken' };
    const { count } = state.db.prepare('SELECT count(*) AS count FROM domain WHERE space = ?').get(no) as Row;
    if ((count as number) >= MOST_DOMAINS) return { outcome: 'too_many', most: MOST_DOMAINS };
    const now = state.spaces.get(no).now(state.realNow);
    const { lastInsertRowid } = state.db
      .prepare(
        `INSERT INTO domain (id, space, name, selector, token, state, generation, results, next_check_at, awaited_since,
           created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, 'pending', 1, '{}', ?, ?, ?, ?)`,
      )
      .run(id, no, name, selector, token, state.realNow + SOON_MS, state.realNow, now, now);
    insertKeys(state, Number(lastInsertRowid), selector, { generation: 1, keys, as: 'signing', now });
    const domain = find(state, no, id)!;
    const space = forget(state, no);
    tell(state, space, 'domain.created', domain);
    record(state, space, actor, 'domain.created', { after: domain });
    return { outcome: 'done', domain };
  },

  changeDomain(state, { tenantNo, mode, id, selector, actor }): DomainAnswer {
    const no = spaceOf(tenantNo, mode);
    const before = find(state, no, id);
    if (before === null) return { outcome: 'missing' };
    const now = state.spaces.get(no).now(state.realNow);
    state.db.prepare('UPDATE domain SET selector = ?, updated_at = ? WHERE no = ?').run(selector, now, before.no);
    if (before.state === 'pending') {
      const rename = state.db.prepare('UPDATE domain_key SET selector = ? WHERE domain = ? AND selector = ?');
      for (const key of before.keys) {
        rename.run(selectorOf(selector, key.generation, key.algorithm), before.no, key.selector);
      }
    }
    const domain = find(state, no, before.id)!;
    record(state, forget(state, no), actor, 'domain.changed', { before, after: domain });
    return { outcome: 'done', domain };
  },

  deleteDomain(state, { tenantNo, mode, id, actor }): DomainAnswer {
    const no = spaceOf(tenantNo, mode);
    const domain = find(state, no, id);
    if (domain === null) return { outcome: 'missing' };
    state.db.prepare('DELETE FROM domain_key WHERE domain = ?').run(domain.no);
    state.db.prepare('DELETE FROM domain WHERE no = ?').run(domain.no);
    const space = forget(state, no);
    tell(state, space, 'domain.deleted', domain);
    record(state, space, actor, 'domain.deleted', { before: domain });
    return { outcome: 'done', domain };
  },

  rotateDomainKeys(state, { tenantNo, mode, id, after, keys, actor }): DomainAnswer {
    const no = spaceOf(tenantNo, mode);
    const before = find(state, no, id);
    if (before === null) return { outcome: 'missing' };
    const isPending = before.state === 'pending';
    const isRotating = before.keys.some((key) => key.state === 'announced') || generationOf(state, before.no) !== after;
    if (isRotating) return { outcome: 'rotating' };
    const now = state.spaces.get(no).now(state.realNow);
    // What was never verified has signed nothing: nothing has to overlap.
    if (isPending) state.db.prepare('DELETE FROM domain_key WHERE domain = ?').run(before.no);
    const as = isPending ? 'signing' : 'announced';
    insertKeys(state, before.no, before.selector, { generation: after + 1, keys, as, now });
    state.db
      .prepare('UPDATE domain SET generation = ?, next_check_at = ?, awaited_since = ?, updated_at = ? WHERE no = ?')
      .run(after + 1, state.realNow + SOON_MS, state.realNow, now, before.no);
    const domain = find(state, no, before.id)!;
    const space = forget(state, no);
    const made = domain.keys.filter(({ generation }) => generation === after + 1).map(({ selector }) => selector);
    tell(state, space, 'domain.key_rotated', domain, { phase: isPending ? 'replaced' : 'announced', selectors: made });
    record(state, space, actor, 'domain.keys_rotated', { before, after: domain });
    return { outcome: 'done', domain };
  },

  recordDomainCheck(state, { no, findings, nextCheckAt }): CheckedDomain {
    const read = reread(state, no);
    if (read === null) return { outcome: 'missing' };
    const { domain: before, space: spaceNo } = read;
    const space = state.spaces.get(spaceNo);
    const now = space.now(state.realNow);
    const kept = mergedFindings(before, findings);
    const update = state.db.prepare('UPDATE domain SET results = ?, checked_at = ?, next_check_at = ? WHERE no = ?');
    update.run(JSON.stringify(kept), state.realNow, nextCheckAt, no);
    const switched = switchKeys(state, { ...before, findings: kept }, now);
    const looked = reread(state, no)!.domain;
    const holder = settle(state, looked, spaceNo, now);
    const domain = reread(state, no)!.domain;
    if (hasOtherMeaning(before, domain)) {
      const fresh = forget(state, spaceNo);
      if (domain.state !== before.state) tellState(state, fresh, domain);
      if (switched.length > 0)
        tell(state, fresh, 'domain.key_rotated', domain, { phase: 'switched', selectors: switched });
    }
    if (holder !== null) return { outcome: 'held', holder, domain };
    return {
      outcome: 'done',
      domain,
      changed: JSON.stringify(kept) !== JSON.stringify(before.findings) || domain.state !== before.state,
    };
  },
};

function generationOf(state: WriterState, no: number): number {
  const row = state.db.prepare('SELECT generation FROM domain WHERE no = ?').get(no) as { generation: number };
  return row.generation;
}

/** Only of records that the domain still has; where nobody answered, with what the last answer said. */
function mergedFindings(
  domain: ManagedDomain,
  found: Readonly<Record<string, RecordFinding>>,
): Record<string, RecordFinding> {
  const known = new Set([
    'ownership',
    'return_path',
    'spf',
    'dmarc',
    ...domain.keys.map(({ selector }) => dkimKey(selector)),
  ]);
  const merged: Record<string, RecordFinding> = {};
  for (const [key, finding] of Object.entries({ ...domain.findings, ...found })) {
    if (!known.has(key)) continue;
    merged[key] =
      finding.state === 'unanswered' ? { ...finding, before: settledState(findingOf(domain, key)) } : finding;
  }
  return merged;
}

/** Announced keys whose record is found take over, and those whose time is over go. Answers with the selectors that sign anew. */
function switchKeys(state: WriterState, domain: ManagedDomain, now: number): string[] {
  const { db } = state;
  db.prepare("DELETE FROM domain_key WHERE domain = ? AND state = 'retiring' AND retires_at <= ?").run(domain.no, now);
  const switched: string[] = [];
  for (const key of domain.keys) {
    if (key.state !== 'announced' || findingOf(domain, dkimKey(key.selector)).state !== 'found') continue;
    db.prepare(
      `UPDATE domain_key SET state = 'retiring', retires_at = ?, sealed = NULL
       WHERE domain = ? AND algorithm = ? AND state = 'signing'`,
    ).run(now + RETIRING_MS, domain.no, key.algorithm);
    db.prepare("UPDATE domain_key SET state = 'signing' WHERE domain = ? AND selector = ?").run(
      domain.no,
      key.selector,
    );
    switched.push(key.selector);
  }
  return switched;
}

/** What the look makes of the domain's state. Answers with the domain of another account that stands in the way, or null. */
function settle(state: WriterState, domain: ManagedDomain, space: number, now: number): number | null {
  const { db } = state;
  const states = requiredOf(domain).map(({ key }) => findingOf(domain, key).state);
  if (states.every((one) => one === 'found')) {
    if (domain.state === 'verified') return null;
    const holder = holderOf(state, domain, space);
    if (holder !== null) {
      db.prepare('UPDATE domain SET problem = ? WHERE no = ?').run(HELD_PROBLEM, domain.no);
      return holder;
    }
    db.prepare(
      `UPDATE domain SET state = 'verified', problem = NULL, verified_at = ?, failing_since = NULL, blocks_at = NULL,
         updated_at = ? WHERE no = ?`,
    ).run(now, now, domain.no);
    overtake(state, domain, space);
  } else if (domain.state === 'verified' && states.some((one) => one === 'missing' || one === 'mismatch')) {
    db.prepare(
      "UPDATE domain SET state = 'failing', failing_since = ?, blocks_at = ?, updated_at = ? WHERE no = ?",
    ).run(now, now + GRACE_MS, now, domain.no);
  }
  return null;
}

/** Other tenants' rows of the same name and mode that were verified once. */
function othersOf(state: WriterState, { no, name }: ManagedDomain, space: number): { no: number; space: number }[] {
  const rows = state.db
    .prepare("SELECT no, space FROM domain WHERE name = ? AND no <> ? AND state <> 'pending' AND space % 2 = ?")
    .all(name, no, space % 2);
  return rows as { no: number; space: number }[];
}

function holderOf(state: WriterState, domain: ManagedDomain, space: number): number | null {
  for (const { no } of othersOf(state, domain, space)) {
    const other = reread(state, no)!.domain;
    const ownership = settledState(findingOf(other, 'ownership'));
    if (other.state === 'verified' || ownership === 'found') return no;
  }
  return null;
}

/** The others' grace is over: the domain has another owner now. */
function overtake(state: WriterState, domain: ManagedDomain, space: number): void {
  for (const other of othersOf(state, domain, space)) {
    const now = state.spaces.get(other.space).now(state.realNow);
    state.db
      .prepare('UPDATE domain SET blocks_at = ?, problem = ?, updated_at = ? WHERE no = ?')
      .run(now, 'Another account of this gateway has verified this domain since.', now, other.no);
    const fresh = forget(state, other.space);
    tellState(state, fresh, reread(state, other.no)!.domain);
  }
}

/** Whether decisions or signatures see the domain differently. */
function hasOtherMeaning(before: ManagedDomain, after: ManagedDomain): boolean {
  return meaningOf(before) !== meaningOf(after);
}

function meaningOf(domain: ManagedDomain): string {
  const { state, blocksAt, keys } = domain;
  const missing = requiredOf(domain).map(({ key }) => settledState(findingOf(domain, key)));
  return JSON.stringify([state, blocksAt, missing, keys.map((key) => [key.selector, key.state])]);
}

function tellState(state: WriterState, space: Space, domain: ManagedDomain): void {
  if (domain.state === 'verified') tell(state, space, 'domain.verified', domain);
  else if (domain.state === 'failing') tellFailing(state, space, domain);
  audit(state, {
    tenantNo: space.tenant.no,
    mode: modeOf(space.no),
    actor: 'domain check',
    action: `domain.${domain.state}`,
    target: domain.id,
  });
}

function tellFailing(state: WriterState, space: Space, domain: ManagedDomain): void {
  const lost = requiredOf(domain).filter(({ key }) => settledState(findingOf(domain, key)) !== 'found');
  const blocksAt = formatTime(domain.blocksAt ?? 0);
  tell(state, space, 'domain.failing', domain, {
    missing: lost.map(({ label }) => `${label}.${domain.name} TXT`),
    blocks_at: blocksAt,
  });
  const problems = lost.map(({ key }) => findingOf(domain, key).problem);
  notify(state, space, {
    kind: 'domain',
    subject: `Records of the sender domain ${domain.name} are gone`,
    lines: [
      ...(domain.problem === null ? [] : [domain.problem]),
      ...problems.flatMap((problem) => (problem === null ? [] : [problem])),
      `Mail from it goes on until ${blocksAt}; then it is refused where a verified domain is asked for.`,
      `See GET /v1/domains/${domain.name} for what to publish.`,
    ],
    occasion: `${domain.id} ${domain.blocksAt}`,
  });
}
