/**
 * What a decision knows of the content: what the scan of text and structure found, and how heavy it weighs. Absent where nothing
 * was found.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';

/** From this weight on content is refused. */
export const REJECTS_AT = 10;
/** From this weight on it is suspicious: a warning, or a review where the policy wants one. */
export const SUSPICIOUS_AT = 3;

export type ContentFinding = {
  /** In snake_case, as evidence names it. */
  name: string;
  /** `subject`, `text`, `html` or `headers`. */
  where: string;
  weight: number;
};

export type CanaryFact = { label: string; part: string };

export type ContentFacts = {
  /** The sum of the weights. */
  score: number;
  /** The heaviest first. */
  findings: readonly ContentFinding[];
  canary: CanaryFact | null;
} | null;

export function packContent(w: PackWriter, facts: ContentFacts): void {
  if (facts === null) {
    w.byte(0);
    return;
  }
  w.byte(facts.canary === null ? 1 : 2);
  w.uint(facts.score);
  w.uint(facts.findings.length);
  for (const { name, where, weight } of facts.findings) {
    w.text(name);
    w.text(where);
    w.uint(weight);
  }
  if (facts.canary === null) return;
  w.text(facts.canary.label);
  w.text(facts.canary.part);
}

export function unpackContent(r: PackReader): ContentFacts {
  const kind = r.byte();
  if (kind === 0) return null;
  const score = r.uint();
  const findings: ContentFinding[] = [];
  for (let n = r.uint(); n > 0; n -= 1) findings.push({ name: r.text(), where: r.text(), weight: r.uint() });
  return { score, findings, canary: kind === 2 ? { label: r.text(), part: r.text() } : null };
}
