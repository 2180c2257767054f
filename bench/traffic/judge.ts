/**
 * The yardstick of the risk score: replays accounts with known labels under the default policy, and counts who was warned and
 * stopped, and when.
 *
 * A legitimate account is never quarantined, at most 2 % of its sends (or one) carry a warning, 99 % are accepted. A bad one is
 * stopped before 15 % of its bad messages (or 25, whichever is more) are out, and at least one warning and two more accepted
 * sends lie before.
 */
import { compilePolicy, type EffectiveDocument, POLICY_DEFAULTS } from '../../src/policy/document.ts';
import { newReplay, type ReplayResult, type TrafficLine } from '../../src/policy/replay.ts';

export type Label = {
  kind: 'legit' | 'suspicious' | 'abuse' /** Milliseconds: when a taken-over one turned. */;
  from?: number;
};

export type Judgement = {
  account: string;
  label: Label['kind'];
  sends: number;
  /** Bad messages in all, and those of them that were accepted. */
  bad: number;
  out: number;
  accepted: number;
  warned: number;
  /** Place of the first warning and of the first refusal by quarantine among the sends (of the bad ones, for a bad account). */
  warnedAt: number | null;
  stoppedAt: number | null;
  highest: number;
  faults: string[];
};

const WARNING = 'quarantine_approaching';
export const DEFAULT_POLICY = compilePolicy(1, POLICY_DEFAULTS as EffectiveDocument);

/** Replays traffic in order of time and judges each account. */
export function judge(
  lines: Iterable<TrafficLine>,
  labels: ReadonlyMap<string, Label>,
  policy = DEFAULT_POLICY,
): Judgement[] {
  const replay = newReplay(() => policy);
  const results = new Map<string, ReplayResult[]>();
  for (const line of lines) {
    const result = replay.fold(line);
    if (result === null) continue;
    const known = results.get(result.tenant);
    if (known === undefined) results.set(result.tenant, [result]);
    else known.push(result);
  }
  return [...results].map(([account, sends]) => judgeOne(account, labels.get(account) ?? { kind: 'legit' }, sends));
}

const isOut = (result: ReplayResult): boolean => result.verdict !== 'block';
/** A bad account may meet the budget of bad signs before its quarantine: that stops it too. */
const STOPS = ['account_quarantined', 'risk_budget_exceeded', 'negative_signal_budget_exceeded'];
const isStopped = (result: ReplayResult): boolean => result.reasons.some((code) => STOPS.includes(code));

function judgeOne(account: string, label: Label, sends: readonly ReplayResult[]): Judgement {
  const judged = label.kind === 'legit' ? sends : sends.filter(({ at }) => at >= (label.from ?? 0));
  const place = (found: number): number | null => (found < 0 ? null : found + 1);
  const one: Judgement = {
    account,
    label: label.kind,
    sends: sends.length,
    bad: label.kind === 'legit' ? 0 : judged.length,
    out: judged.filter(isOut).length,
    accepted: sends.filter(isOut).length,
    warned: sends.filter(({ warnings }) => warnings.includes(WARNING)).length,
    warnedAt: place(judged.findIndex(({ warnings }) => warnings.includes(WARNING))),
    stoppedAt: place(judged.findIndex(isStopped)),
    highest: sends.reduce((most, { risk }) => Math.max(most, risk.score), 0),
    faults: [],
  };
  one.faults = label.kind === 'legit' ? legitFaults(one) : badFaults(one, sends);
  return one;
}

function legitFaults(one: Judgement): string[] {
  const faults: string[] = [];
  if (one.stoppedAt !== null) faults.push('quarantined');
  if (one.warned > Math.max(1, Math.floor(one.sends * 0.02))) faults.push('warned too often');
  if (one.accepted < one.sends * 0.99) faults.push('refused too often');
  return faults;
}

function badFaults(one: Judgement, sends: readonly ReplayResult[]): string[] {
  const faults: string[] = [];
  if (one.stoppedAt === null) faults.push('never stopped');
  if (one.out > Math.max(25, one.bad * 0.15)) faults.push('stopped too late');
  // A budget of bad signs stops without a warning; a quarantine does not.
  const stop = sends.findIndex(isStopped);
  const first = stop >= 0 && sends[stop]!.reasons.includes(STOPS[0]!) ? stop : -1;
  const warned = sends.findIndex(({ warnings }) => warnings.includes(WARNING));
  const between = sends.slice(warned + 1, first).filter(isOut).length;
  if (first >= 0 && (warned < 0 || warned > first || between < 2)) faults.push('not warned before');
  return faults;
}

/** One line a judgement, for people. */
export function describe(one: Judgement): string {
  const { account, label, sends, bad, out, accepted, warned, warnedAt, stoppedAt, highest, faults } = one;
  const what = label === 'legit' ? `${accepted}/${sends} accepted, ${warned} warned` : `${out}/${bad} bad out`;
  const when = `warned at ${warnedAt ?? '-'}, stopped at ${stoppedAt ?? '-'}, highest ${highest}`;
  return `${faults.length === 0 ? 'ok  ' : 'BAD '} ${account.padEnd(26)} ${label.padEnd(10)} ${what}; ${when} ${faults.join(', ')}`;
}
