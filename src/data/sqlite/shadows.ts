/**
 * Shadow policies: the draft of a space, and the differences between its verdicts and the real ones. Only a space that has a
 * draft pays for it.
 */
import type { Mode } from '../../core/message.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { isDifferent, type ShadowDecision } from '../../policy/shadow.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { ShadowState, ShadowsWrites } from '../port/shadows.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import type { Entry } from './ledger-entry.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const MOST_DIFFERENCES = 10_000;
/** Differences above the bound that may gather before the oldest are taken away. */
const SLACK = 500;
const KEY = '#shadow';
const DECIDED = 'decided';
const DIFFERING = 'differing';

type Row = { document: string; author: string; note: string | null; since: number };

/** What the draft's own rates count with a send that leaves now. */
export function countShadow(state: WriterState, shadow: ShadowDecision, verdict: Verdict, now: number): void {
  if (verdict.verdict !== 'accept') return;
  for (const change of shadow.rates) state.ledger.apply(change, Math.floor(now / 1000));
}

export type Compared = { email: string; verdict: Verdict; shadow: Verdict };

export function noteCompared(
  state: WriterState,
  space: Space,
  messageId: string,
  compared: readonly Compared[],
  now: number,
): void {
  const entry = entryOf(state, space.no);
  state.ledger.addGauge(entry, DECIDED, compared.length);
  const different = compared.filter(({ verdict, shadow }) => isDifferent(verdict, shadow));
  state.ledger.addGauge(entry, DIFFERING, different.length);
  const insert = prepared(
    state.db,
    `INSERT INTO shadow_difference (space, at, message, email, policy, shadow, decided, shadowed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const { email, verdict, shadow } of different) {
    const versions = [space.policy.version, space.shadow!.policy.version];
    insert.run(space.no, now, messageId, email, ...versions, written(verdict), written(shadow));
  }
  if (different.length > 0 && (entry.gauges?.get(DIFFERING) ?? 0) % SLACK < different.length) trim(state, space.no);
}

function written({ verdict, reasons }: Verdict): string {
  return JSON.stringify({ verdict, reasons });
}

function trim(state: WriterState, space: number): void {
  prepared(
    state.db,
    `DELETE FROM shadow_difference WHERE space = ?1 AND no <=
       (SELECT no FROM shadow_difference WHERE space = ?1 ORDER BY no DESC LIMIT 1 OFFSET ?2)`,
  ).run(space, MOST_DIFFERENCES);
}

function entryOf(state: WriterState, space: number): Entry {
  return state.ledger.entry(space, KEY);
}

function stateOfShadow(state: WriterState, no: number): ShadowState | null {
  const row = prepared(state.db, 'SELECT document, author, note, since FROM shadow_policy WHERE space = ?').get(no) as
    | Row
    | undefined;
  const { shadow } = state.spaces.get(no);
  if (row === undefined || shadow === null) return null;
  const { gauges } = entryOf(state, no);
  return {
    document: JSON.parse(row.document) as PolicyDocument,
    author: row.author,
    note: row.note,
    since: row.since,
    policyVersion: shadow.policy.version,
    result: shadow.policy.document,
    decided: gauges?.get(DECIDED) ?? 0,
    differing: gauges?.get(DIFFERING) ?? 0,
  };
}

/** Forgets what a draft has found. */
function forgetFindings(state: WriterState, no: number): void {
  prepared(state.db, 'DELETE FROM shadow_difference WHERE space = ?').run(no);
  const entry = entryOf(state, no);
  for (const name of [DECIDED, DIFFERING]) state.ledger.addGauge(entry, name, -(entry.gauges?.get(name) ?? 0));
}

function reread(state: WriterState, no: number): void {
  state.flushRows();
  state.spaces.forget(no);
}

const placeOf = ({ tenantNo, mode }: { tenantNo: number; mode: Mode }): number => spaceOf(tenantNo, mode);

export const SHADOW_WRITES: WriteCalls<ShadowsWrites> = {
  putShadow(state, { tenantNo, mode, document, note, actor }) {
    const no = spaceOf(tenantNo, mode);
    const before = stateOfShadow(state, no);
    forgetFindings(state, no);
    const since = state.spaces.get(no).now(state.realNow);
    prepared(
      state.db,
      'INSERT OR REPLACE INTO shadow_policy (space, document, author, note, since) VALUES (?, ?, ?, ?, ?)',
    ).run(no, JSON.stringify(document), actor.name, note, since);
    reread(state, no);
    const change = { action: 'policy.shadow_put', note, before: before?.document ?? null, after: document };
    audit(state, { tenantNo, mode, ...by(actor), ...change });
    return stateOfShadow(state, no)!;
  },
  shadowState: (state, place) => stateOfShadow(state, placeOf(place)),
  deleteShadow(state, { tenantNo, mode, actor }) {
    const no = spaceOf(tenantNo, mode);
    const before = stateOfShadow(state, no);
    if (before === null) return false;
    forgetFindings(state, no);
    prepared(state.db, 'DELETE FROM shadow_policy WHERE space = ?').run(no);
    reread(state, no);
    audit(state, { tenantNo, mode, ...by(actor), action: 'policy.shadow_removed', before: before.document });
    return true;
  },
};
