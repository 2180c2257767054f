/**
 * Verdicts as a recipient's row keeps them. The first one never changes, since a repeated key is answered from it; what was
 * decided later (at departure, by a new time) stands beside it. A plain accept is not stored: it follows from the facts.
 */
import type { DecidedReason, DecidedWarning, Verdict } from '../../policy/verdict.ts';
import type { LaterVerdict, LimitStanding } from '../store.ts';

type VerdictText = { v: Verdict['verdict']; d: number; r: readonly DecidedReason[]; w: readonly DecidedWarning[] };

type StoredText = VerdictText & {
  /** Limits as they stood on the clock after the message: `[used, resetsAt]`. */
  n?: [used: number, resetsAt: number | null][];
  /** On a message's first recipient: where its unit `message` counts, once it was moved. */
  c?: number;
  /** The policy it was decided under, where that is not the message's. */
  p?: number;
  l?: VerdictText & { at: number; by: LaterVerdict['cause']; p: number };
};

export type StoredVerdicts = {
  first: Verdict;
  later: LaterVerdict | null;
  standing: LimitStanding[] | null;
  countedAt: number | null;
  /** Null: the message's. */
  policyVersion: number | null;
};

type Row = { verdict: string | null; depart_at: number };

function textOf(verdict: Verdict): VerdictText {
  return { v: verdict.verdict, d: verdict.departAt, r: verdict.reasons, w: verdict.warnings };
}

function verdictOfText(text: VerdictText): Verdict {
  return { verdict: text.v, departAt: text.d, reasons: text.r, warnings: text.w };
}

/** Null for a plain accept. `policyVersion`: where it is not the message's, of a recipient that came later. */
export function storedVerdict(
  verdict: Verdict,
  standing: readonly LimitStanding[] | null = null,
  policyVersion: number | null = null,
): string | null {
  const isPlain = verdict.verdict === 'accept' && verdict.warnings.length === 0;
  if (isPlain && standing === null && policyVersion === null) return null;
  const text: StoredText = textOf(verdict);
  if (policyVersion !== null) text.p = policyVersion;
  if (standing !== null) text.n = standing.map(({ used, resetsAt }) => [used, resetsAt]);
  return JSON.stringify(text);
}

function read(row: Row): StoredText {
  if (row.verdict === null) return { v: 'accept', d: row.depart_at, r: [], w: [] };
  return JSON.parse(row.verdict) as StoredText;
}

export function verdictsOf(row: Row): StoredVerdicts {
  const text = read(row);
  return {
    first: verdictOfText(text),
    later:
      text.l === undefined
        ? null
        : { ...verdictOfText(text.l), at: text.l.at, cause: text.l.by, policyVersion: text.l.p },
    standing: text.n?.map(([used, resetsAt]) => ({ used, resetsAt })) ?? null,
    countedAt: text.c ?? null,
    policyVersion: text.p ?? null,
  };
}

/** The row's text with a later decision, which replaces an earlier later one. */
export function withLater(row: Row, later: LaterVerdict): string {
  const { at, cause, policyVersion } = later;
  return JSON.stringify({
    ...read(row),
    l: { ...textOf(later), at, by: cause, p: policyVersion },
  } satisfies StoredText);
}

export function withCountedAt(row: Row, at: number): string {
  return JSON.stringify({ ...read(row), c: at } satisfies StoredText);
}
