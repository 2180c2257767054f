/**
 * What a simulation comes to: totals by verdict, reason and warning, a series by day, the first warning and the first block
 * of each account, and the sends whose verdict changed, with examples. Bounded, however many lines there were.
 */
import { formatTime } from '../core/time.ts';

/** One send as it came out: a line of the results. Times are milliseconds. */
export type SimulatedSend = {
  id: string;
  at: number;
  tenant: string;
  verdict: string;
  reasons: string[];
  warnings: string[];
  risk: { score: number; level: string } | null;
  /** What it is compared with; null where there is nothing to compare. */
  was: { verdict: string; reasons: string[] } | null;
  isChanged: boolean;
  /** Where it went to several. */
  recipients: SimulatedRecipient[] | null;
};

export type SimulatedRecipient = {
  email: string;
  verdict: string;
  reasons: string[];
  was: { verdict: string; reasons: string[] } | null;
};

const MOST_DAYS = 4000;
const MOST_TENANTS = 1000;
const MOST_EXAMPLES = 100;
const MOST_EXAMPLES_A_KIND = 5;
const MOST_FAULTS = 100;

type Counts = Record<string, number>;
type Day = { sends: number; changed: number; verdicts: Counts; warned: number };
type First = { id: string; at: string; codes: string[] };
type Account = { sends: number; blocked: number; warned: number; firstWarning: First | null; firstBlock: First | null };
type ChangeKind = { from: string; to: string; added: string[]; removed: string[]; count: number };
export type LineFault = { line: number; message: string };

export type SummaryBody = {
  totals: {
    lines: number;
    sends: number;
    first_at: string | null;
    last_at: string | null;
    verdicts: Counts;
    reasons: Counts;
    warnings: Counts;
  };
  changed: { count: number; kinds: ChangeKind[]; examples: object[] };
  days: { day: string; sends: number; verdicts: Counts; warned: number; changed: number }[];
  tenants: {
    tenant: string;
    sends: number;
    blocked: number;
    warned: number;
    first_warning: First | null;
    first_block: First | null;
  }[];
  skipped: { count: number; lines: LineFault[] };
};

export class Summary {
  private sends = 0;
  private firstAt: number | null = null;
  private lastAt: number | null = null;
  private readonly verdicts: Counts = {};
  private readonly reasons: Counts = {};
  private readonly warnings: Counts = {};
  private changedCount = 0;
  private readonly kinds = new Map<string, ChangeKind>();
  private readonly examples: object[] = [];
  private readonly days = new Map<string, Day>();
  private readonly tenants = new Map<string, Account>();
  private skippedCount = 0;
  private readonly faults: LineFault[] = [];
  private dayOf = { at: -1, name: '' };

  add(send: SimulatedSend): void {
    this.sends += 1;
    this.firstAt ??= send.at;
    this.lastAt = send.at;
    const { verdict, reasons, warnings } = send;
    increase(this.verdicts, verdict);
    for (const code of reasons) increase(this.reasons, code);
    for (const code of warnings) increase(this.warnings, code);
    this.addDay(send);
    this.addTenant(send);
    if (send.isChanged) this.addChange(send);
  }

  skip(fault: LineFault): void {
    this.skippedCount += 1;
    if (this.faults.length < MOST_FAULTS) this.faults.push(fault);
  }

  private addDay(send: SimulatedSend): void {
    const number = Math.floor(send.at / 86_400_000);
    if (number !== this.dayOf.at) this.dayOf = { at: number, name: formatTime(send.at).slice(0, 10) };
    let day = this.days.get(this.dayOf.name);
    if (day === undefined) {
      if (this.days.size >= MOST_DAYS) return;
      day = { sends: 0, changed: 0, verdicts: {}, warned: 0 };
      this.days.set(this.dayOf.name, day);
    }
    day.sends += 1;
    increase(day.verdicts, send.verdict);
    if (send.warnings.length > 0) day.warned += 1;
    if (send.isChanged) day.changed += 1;
  }

  private addTenant(send: SimulatedSend): void {
    let account = this.tenants.get(send.tenant);
    if (account === undefined) {
      if (this.tenants.size >= MOST_TENANTS) return;
      account = { sends: 0, blocked: 0, warned: 0, firstWarning: null, firstBlock: null };
      this.tenants.set(send.tenant, account);
    }
    account.sends += 1;
    if (send.warnings.length > 0) {
      account.warned += 1;
      account.firstWarning ??= { id: send.id, at: formatTime(send.at), codes: send.warnings };
    }
    if (send.verdict === 'block' || send.verdict === 'partial') {
      account.blocked += 1;
      account.firstBlock ??= { id: send.id, at: formatTime(send.at), codes: send.reasons };
    }
  }

  private addChange(send: SimulatedSend): void {
    const was = send.was!;
    this.changedCount += 1;
    const added = send.reasons.filter((code) => !was.reasons.includes(code));
    const removed = was.reasons.filter((code) => !send.reasons.includes(code));
    const name = [was.verdict, send.verdict, added.join(), removed.join()].join(' ');
    let kind = this.kinds.get(name);
    if (kind === undefined) {
      kind = { from: was.verdict, to: send.verdict, added, removed, count: 0 };
      this.kinds.set(name, kind);
    }
    kind.count += 1;
    if (kind.count > MOST_EXAMPLES_A_KIND || this.examples.length >= MOST_EXAMPLES) return;
    this.examples.push(resultBody(send));
  }

  body(lines: number): SummaryBody {
    const { firstAt, lastAt } = this;
    return {
      totals: {
        lines,
        sends: this.sends,
        first_at: firstAt === null ? null : formatTime(firstAt),
        last_at: lastAt === null ? null : formatTime(lastAt),
        verdicts: this.verdicts,
        reasons: byCount(this.reasons),
        warnings: byCount(this.warnings),
      },
      changed: {
        count: this.changedCount,
        kinds: [...this.kinds.values()].sort((a, b) => b.count - a.count),
        examples: this.examples,
      },
      days: [...this.days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, one]) => ({ day, ...one })),
      tenants: [...this.tenants].map(([tenant, { firstWarning, firstBlock, ...counts }]) => ({
        tenant,
        ...counts,
        first_warning: firstWarning,
        first_block: firstBlock,
      })),
      skipped: { count: this.skippedCount, lines: this.faults },
    };
  }
}

function increase(counts: Counts, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function byCount(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}

/** A line of the results. */
export function resultBody(send: SimulatedSend): object {
  const { id, at, tenant, verdict, reasons, warnings, risk, was, isChanged, recipients } = send;
  return {
    id,
    at: formatTime(at),
    tenant,
    verdict,
    reasons,
    warnings,
    risk,
    ...(was === null ? {} : { was, changed: isChanged }),
    ...(recipients === null ? {} : { recipients }),
  };
}
