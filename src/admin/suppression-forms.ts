/**
 * The CSV forms in which suppressions come: Postern's own, and those that the big providers export. Pure.
 *
 * A form is known by the names of its columns, whatever their order, letters and punctuation. What a line cannot say (a list of
 * unsubscribes names no reason in any line) follows from the form, or is asked of the caller. Nothing here ever shortens or lifts
 * a suppression; a line that would be over already is left out.
 */
import { readAddress } from '../base/address.ts';
import { readDomain } from '../base/domain.ts';
import { parseTime } from '../core/time.ts';
import type { ImportedSuppression } from '../data/port/suppression-import.ts';
import { SUPPRESSION_REASONS, type SuppressionReason } from '../policy/suppression.ts';

export const FORMS = ['postern', 'sendgrid', 'mailgun', 'postmark', 'ses', 'mailchimp', 'list'] as const;
export type FormName = (typeof FORMS)[number];

/** Where a form has what; -1 where it has no such column. */
export type Form = {
  name: FormName;
  email: number;
  domain: number;
  reason: number;
  /** The reason of every line where no column tells it, or null. */
  meaning: SuppressionReason | null;
  since: number;
  expiresAt: number;
  note: number;
  /** The status of a bounce: one that passes is no reason to suppress. */
  status: number;
};

export type LineProblem = { column: string; message: string };
export type ReadLine = { suppression: ImportedSuppression } | { skipped: string } | { problem: LineProblem };

const MOST_NOTE = 1000;

/** A column's name without what differs between exports: `Email Address` is `emailaddress`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}

type Recognised = Partial<Record<'email' | 'domain' | 'reason' | 'since' | 'expiresAt' | 'note' | 'status', string>> & {
  name: FormName;
  meaning?: SuppressionReason;
  /** Columns that must all be there. */
  needs: readonly string[];
};

/** In order: a form whose columns are among another's comes after it. */
const RECOGNISED: readonly Recognised[] = [
  {
    name: 'postmark',
    needs: ['emailaddress', 'suppressionreason'],
    email: 'emailaddress',
    reason: 'suppressionreason',
    since: 'createdat',
    note: 'origin',
  },
  {
    name: 'ses',
    needs: ['emailaddress', 'reason', 'lastupdatetime'],
    email: 'emailaddress',
    reason: 'reason',
    since: 'lastupdatetime',
  },
  {
    name: 'mailchimp',
    needs: ['emailaddress', 'unsubtime'],
    email: 'emailaddress',
    meaning: 'unsubscribe',
    since: 'unsubtime',
    note: 'unsubreason',
  },
  {
    name: 'mailchimp',
    needs: ['emailaddress', 'cleantime'],
    email: 'emailaddress',
    meaning: 'hard_bounce',
    since: 'cleantime',
    note: 'cleancampaigntitle',
  },
  { name: 'mailchimp', needs: ['emailaddress'], email: 'emailaddress' },
  {
    name: 'sendgrid',
    needs: ['status', 'reason', 'email', 'created'],
    email: 'email',
    meaning: 'hard_bounce',
    since: 'created',
    note: 'reason',
    status: 'status',
  },
  {
    name: 'sendgrid',
    needs: ['reason', 'email', 'created'],
    email: 'email',
    meaning: 'hard_bounce',
    since: 'created',
    note: 'reason',
  },
  { name: 'sendgrid', needs: ['email', 'ip', 'created'], email: 'email', meaning: 'complaint', since: 'created' },
  { name: 'sendgrid', needs: ['email', 'created'], email: 'email', since: 'created' },
  {
    name: 'mailgun',
    needs: ['address', 'code', 'error'],
    email: 'address',
    meaning: 'hard_bounce',
    since: 'createdat',
    note: 'error',
    status: 'code',
  },
  { name: 'mailgun', needs: ['address', 'tags'], email: 'address', meaning: 'unsubscribe', since: 'createdat' },
  { name: 'mailgun', needs: ['address'], email: 'address', since: 'createdat' },
  {
    name: 'postern',
    needs: ['email'],
    email: 'email',
    domain: 'domain',
    reason: 'reason',
    since: 'since',
    expiresAt: 'expiresat',
    note: 'note',
  },
  {
    name: 'postern',
    needs: ['domain'],
    domain: 'domain',
    reason: 'reason',
    since: 'since',
    expiresAt: 'expiresat',
    note: 'note',
  },
];

const COLUMNS = ['email', 'domain', 'reason', 'since', 'expiresAt', 'note', 'status'] as const;

/** The form whose header this is; `list` where it is no header but an address by itself; null: unknown. */
export function formOf(cells: readonly string[]): Form | null {
  const names = cells.map(plain);
  const found = RECOGNISED.find(({ needs }) => needs.every((name) => names.includes(name)));
  if (found === undefined) return cells.length === 1 && readAddress(cells[0]!.trim()).ok ? LIST : null;
  const at = (name: string | undefined): number => (name === undefined ? -1 : names.indexOf(name));
  const columns = Object.fromEntries(COLUMNS.map((column) => [column, at(found[column])])) as Record<
    (typeof COLUMNS)[number],
    number
  >;
  return { name: found.name, meaning: found.meaning ?? null, ...columns };
}

/** One address a line, and no header. */
const LIST: Form = {
  name: 'list',
  email: 0,
  domain: -1,
  reason: -1,
  meaning: null,
  since: -1,
  expiresAt: -1,
  note: -1,
  status: -1,
};

/** Whether lines of this form may leave their reason open, so that the caller has to say it. */
export function namesReason(form: Form): boolean {
  return form.reason !== -1 || form.meaning !== null;
}

const WORDS: Record<string, SuppressionReason> = {
  bounce: 'hard_bounce',
  bounced: 'hard_bounce',
  hardbounce: 'hard_bounce',
  hardbounced: 'hard_bounce',
  invalid: 'hard_bounce',
  cleaned: 'hard_bounce',
  complaint: 'complaint',
  complained: 'complaint',
  spam: 'complaint',
  spamcomplaint: 'complaint',
  spamreport: 'complaint',
  abuse: 'complaint',
  unsubscribe: 'unsubscribe',
  unsubscribed: 'unsubscribe',
  optout: 'unsubscribe',
  optedout: 'unsubscribe',
  manual: 'manual_dnc',
  manualsuppression: 'manual_dnc',
  donotcontact: 'manual_dnc',
  legal: 'legal_request',
};

function reasonOf(text: string): SuppressionReason | null {
  const word = plain(text);
  return SUPPRESSION_REASONS.find((reason) => plain(reason) === word) ?? WORDS[word] ?? null;
}

/** What an export put in front of a cell so that no spreadsheet runs it. */
export function unguarded(cell: string): string {
  return /^'[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell;
}

/** `reason`: of lines that name none. `now`: milliseconds; a beginning in the future is one now. */
export function readLine(
  form: Form,
  cells: readonly string[],
  reason: SuppressionReason | null,
  now: number,
): ReadLine {
  const cell = (at: number): string => (at === -1 ? '' : unguarded(cells[at] ?? '').trim());
  if (isPassing(cell(form.status))) return { skipped: 'it bounced for a cause that passes' };
  const target = targetOf(cell(form.email), cell(form.domain));
  if ('problem' in target) return target;
  const named = cell(form.reason);
  const meant = named === '' ? (form.meaning ?? reason) : reasonOf(named);
  if (meant === null) {
    const message =
      named === '' ? 'Nothing says why it is suppressed.' : `"${named.slice(0, 60)}" is no reason that is known.`;
    return { problem: { column: 'reason', message } };
  }
  const expiresAt = cell(form.expiresAt) === '' ? null : timeOf(cell(form.expiresAt));
  if (expiresAt === undefined) return { problem: { column: 'expires_at', message: 'It is no time.' } };
  if (expiresAt !== null && expiresAt <= now) return { skipped: 'it has ended' };
  const since = timeOf(cell(form.since)) ?? null;
  const note = cell(form.note)
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .toWellFormed()
    .slice(0, MOST_NOTE);
  return {
    suppression: {
      ...target,
      reason: meant,
      expiresAt,
      note: note === '' ? null : note,
      since: since === null || since > now ? null : since,
    },
  };
}

/** RFC 3463 §3.1 and RFC 5321 §4.2.1: what begins with 4 passes. */
function isPassing(status: string): boolean {
  return /^4(?:\.|[0-9]{2}\b)/.test(status);
}

type Target = { kind: 'address' | 'domain'; key: string };

function targetOf(email: string, domain: string): Target | { problem: LineProblem } {
  if (email !== '') {
    const reading = readAddress(email);
    return reading.ok
      ? { kind: 'address', key: reading.address.key }
      : { problem: { column: 'email', message: reading.message } };
  }
  if (domain === '') return { problem: { column: 'email', message: 'There is no address.' } };
  const reading = readDomain(domain);
  return reading.ok
    ? { kind: 'domain', key: reading.domain }
    : { problem: { column: 'domain', message: reading.message } };
}

/** RFC 3339, with a blank for the T and without a zone as most exports have it; or Unix seconds. Undefined: none of it. */
function timeOf(text: string): number | undefined {
  if (/^[0-9]{9,10}$/.test(text)) return Number(text) * 1000;
  const zoned = /(?:Z|[+-][0-9]{2}:?[0-9]{2}|UTC|GMT)$/i.test(text) ? text : `${text}Z`;
  const rfc3339 = zoned
    .replace(/^([0-9-]{10}) /, '$1T')
    .replace(/ ?(?:UTC|GMT)$/i, 'Z')
    .replace(/ (?=[+-])/, '');
  return parseTime(rfc3339) ?? parseTime(rfc3339.replace(/([+-][0-9]{2})([0-9]{2})$/, '$1:$2')) ?? parseMailTime(text);
}

/** As Mailgun writes them: `Tue, 03 Mar 2026 10:00:00 UTC`. */
function parseMailTime(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} (?:UTC|GMT|[+-][0-9]{4})$/.test(text))
    return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
