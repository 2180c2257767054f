/**
 * Answers in words that a model, or a person at a terminal, can act on: what happened, what to do, when, and who else can. They say
 * what the body of the answer says, and no more.
 */
import type { ExplainedReason, ProblemBody } from '../core/explain.ts';
import { CLEARERS, type Clearer } from '../core/reasons.ts';

export type Headroom = {
  limits: { name: string; limit: number; remaining: number; window_seconds: number; resets_in_seconds: number }[];
  /** Of the limits that are a quota, the one with the smallest remaining share. */
  quota: { limit: number; remaining: number; resets_at: string } | null;
  risk_level: string | null;
};

const WHO: Record<Clearer, string> = {
  ...CLEARERS,
  caller: 'You can, by changing the call.',
  tenant: "The tenant's own admin, a person: ask them.",
  operator: "The operator, who runs Postern: ask the tenant's admin to turn to them.",
};

type Cleared = Pick<ExplainedReason, 'retryable' | 'clears'> & { retry_at?: string | null };

/** Whether and when to try again. */
export function whenToRetry({ retryable, clears, retry_at: retryAt = clears.at }: Cleared): string {
  if (retryAt !== null && retryable) return `Do not retry before ${retryAt}.`;
  if (retryAt !== null) return `Do not repeat the call unchanged before ${retryAt}: it clears then.`;
  if (retryable) return 'It may succeed later: wait a minute or more between tries, and do not loop.';
  if (clears.by.includes('caller')) return 'Do not repeat the call unchanged: correct it first.';
  if (clears.by.includes('never')) return 'Do not retry: this will not change.';
  return 'Do not retry: waiting does not clear it.';
}

export function whoClears({ clears }: Pick<Cleared, 'clears'>): string {
  return `Who can clear it: ${clears.by.map((one) => WHO[one]).join(' ')}`;
}

export type Reason = Pick<ExplainedReason, 'code' | 'detail' | 'fix' | 'retryable' | 'clears'>;

/** A reason in one line. */
export function reasonLine(reason: Reason): string {
  return `${reason.code}: ${reason.detail} ${reason.fix} ${whenToRetry(reason)} ${whoClears(reason)}`;
}

export function refusalText(problem: ProblemBody, nothingDone: string): string {
  const { code, title, detail, fix, reasons, errors = [], recipients, message_id: messageId } = problem;
  const lines = [
    `Refused: ${code} (${title}). ${detail}`,
    nothingDone,
    `What to do: ${fix}`,
    whenToRetry(problem),
    whoClears(problem),
  ];
  for (const { code: issue, param, message } of errors) lines.push(`- ${param ?? 'the call'}: ${message} (${issue})`);
  if (reasons.length > 1) {
    lines.push('Further reasons, each of which must clear as well:');
    for (const reason of reasons.slice(1)) lines.push(`- ${reasonLine(reason)}`);
  }
  if (recipients.length > 1) lines.push('By recipient:', ...recipientLines(recipients as RecipientBody[]));
  if (messageId !== null) lines.push(`Recorded as ${messageId}: explain_message tells what it was decided on.`);
  return lines.join('\n');
}

export type RecipientBody = {
  email: string;
  status?: string;
  verdict?: string;
  scheduled_at?: string | null;
  reasons: Reason[];
  warnings: { code: string; detail: string; fix: string }[];
};

export function recipientLines(recipients: readonly RecipientBody[]): string[] {
  return recipients.flatMap(({ email, status, verdict, scheduled_at: at, reasons, warnings }) => [
    `- ${email}: ${status ?? verdict}${at == null ? '' : ` for ${at}`}`,
    ...reasons.map((reason) => `  - ${reasonLine(reason)}`),
    ...warnings.map((warning) => `  - warning ${warningLine(warning)}`),
  ]);
}

export function warningLine({ code, detail, fix }: { code: string; detail: string; fix: string }): string {
  return `${code}: ${detail} ${fix}`;
}

export function headroomText({ limits, risk_level: risk }: Headroom): string {
  const left = limits.map(
    ({ name, limit, remaining, resets_in_seconds: seconds }) =>
      `${name} ${remaining} of ${limit}${seconds > 0 ? ` (more in ${seconds} s)` : ''}`,
  );
  const parts = [left.length === 0 ? 'no limits apply' : left.join(', ')];
  if (risk !== null) parts.push(`risk ${risk}`);
  return `Headroom: ${parts.join('; ')}.`;
}

type Headers = Readonly<Record<string, string | number | string[] | undefined>>;

const POLICY = /"([^"]*)";q=(\d+);w=(\d+)/g;
const STATE = /"([^"]*)";r=(\d+);t=(\d+)/g;

/** The headroom that an answer's headers carry; null where they carry none. */
export function headroomOf(headers: Headers): Headroom | null {
  const risk = headers['x-risk-level'];
  if (risk === undefined) return null;
  const states = [...String(headers['ratelimit'] ?? '').matchAll(STATE)];
  const limits = [...String(headers['ratelimit-policy'] ?? '').matchAll(POLICY)].map(([, name, limit, window], i) => ({
    name: name!,
    limit: Number(limit),
    remaining: Number(states[i]?.[2] ?? 0),
    window_seconds: Number(window),
    resets_in_seconds: Number(states[i]?.[3] ?? 0),
  }));
  const most = headers['x-quota-limit'];
  const quota =
    most === undefined
      ? null
      : {
          limit: Number(most),
          remaining: Number(headers['x-quota-remaining']),
          resets_at: String(headers['x-quota-reset']),
        };
  return { limits, quota, risk_level: String(risk) };
}
