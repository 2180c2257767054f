/**
 * Mail that came in: kept, and what it proves applied, in one transaction.
 *
 * Invariants: the same mail to the same address is taken once; nothing is applied for a recipient that the proven message did not have;
 * a mail is kept whether it changes something or not. A space keeps a bounded number and size, and loses its oldest.
 */
import { newId } from '../../base/ids.ts';
import {
  type InboundEffect,
  type InboundJudgement,
  judgeInbound,
  type KeptFor,
  REPORTS_WITHIN_MS,
} from '../../core/inbound.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { InboundAnswer, InboundApplied, InboundMail } from '../port/inbound.ts';
import { unusedBlobs } from './blob-use.ts';
import { prepared } from './database.ts';
import { about, applyProven, findMessageRecipients, findRecipient } from './proven-returns.ts';
import { publicId } from './row-id.ts';
import type { Space } from './spaces.ts';
import type { MessageRow, RecipientRow } from './stored.ts';
import { noteThread, setArchived, threadIdOf } from './thread-rows.ts';
import type { WriterState } from './writer-state.ts';

const MOST_ROWS = 10_000;
const MOST_BYTES = 512 * 1024 * 1024;
/** Shown of what a report says. */
const MOST_REPORTED = 20;
const MOST_REPORT_ID = 255;

type Proven = { message: MessageRow; rows: RecipientRow[] };

export function takeInbound(state: WriterState, mail: InboundMail): InboundAnswer {
  state.flushRows();
  const found = findProven(state, mail);
  if (found === null) return { outcome: 'not_found' };
  const space = state.spaces.get(found.message.space);
  const known = prepared(state.db, 'SELECT id FROM inbound WHERE space = ? AND digest = ?').get(space.no, mail.digest);
  if (known !== undefined) return { outcome: 'known', id: String(known['id']) };
  const judged = judge(state, space, mail, found);
  if (judged.effects.some((effect) => isOnTheWire(found.rows[effect.recipient]!, effect))) return { outcome: 'later' };
  const id = newId('inb');
  const { applied, why } = applyAll(state, found, mail, judged, id);
  store(state, space, found, mail, { id, applied, why, recipient: recipientOf(found, judged) });
  return { outcome: 'taken', id, applied, why, unused: keepBounded(state, space) };
}

function findProven(state: WriterState, { tenantNo, named }: InboundMail): Proven | null {
  if ('messageId' in named) return findMessageRecipients(state, tenantNo, named.messageId);
  const found = findRecipient(state, tenantNo, named.recipientId);
  return found === null ? null : { message: found.message, rows: [found.row] };
}

function judge(
  state: WriterState,
  space: Space,
  { read, proof, mailFrom }: InboundMail,
  { rows }: Proven,
): InboundJudgement {
  if (read === null) return { effects: [], why: 'unreadable' };
  const isNullSender = mailFrom === null ? read.isFromNobody : mailFrom === '';
  const judged = judgeInbound(
    proof,
    isNullSender,
    read,
    rows.map((row) => ({ key: row.key ?? row.email })),
  );
  const now = space.now(state.realNow);
  const inTime = judged.effects.filter(
    ({ kind, recipient }) => !DELIVERY.has(kind) || now - rows[recipient]!.depart_at <= REPORTS_WITHIN_MS,
  );
  if (inTime.length === 0 && judged.effects.length > 0) return { effects: [], why: 'too_late' };
  return { ...judged, effects: inTime };
}

const DELIVERY: ReadonlySet<string> = new Set(['bounce', 'delayed', 'delivered']);

/** The answer to its final dot is not stored yet, and what follows the delivery must follow it. */
function isOnTheWire(row: RecipientRow, { kind }: InboundEffect): boolean {
  return DELIVERY.has(kind) && RECIPIENT_STATES[row.state] === 'sending';
}

/** Whom a mail is shown with: the one it is about. */
function recipientOf({ rows }: Proven, { effects }: InboundJudgement): RecipientRow | null {
  const first = effects[0];
  if (first !== undefined) return rows[first.recipient]!;
  return rows.length === 1 ? rows[0]! : null;
}

function applyAll(
  state: WriterState,
  { message, rows }: Proven,
  mail: InboundMail,
  { effects, why }: InboundJudgement,
  id: string,
): { applied: InboundApplied[]; why: KeptFor | null } {
  const applied: InboundApplied[] = [];
  let reason = why;
  for (const effect of effects) {
    const found = { message, row: rows[effect.recipient]! };
    const isLetter = LETTERS.has(effect.kind);
    const answer = applyProven(
      state,
      found,
      {
        ...effect,
        at: null,
        channel: mail.channel,
        reportId: (mail.read?.messageId ?? mail.digest).slice(0, MOST_REPORT_ID),
        detail: isLetter
          ? null
          : {
              reply: effect.said,
              status: effect.status,
              reportingMta: mail.read?.reportingMta ?? null,
              form: mail.read?.form ?? null,
            },
      },
      { inbound_id: id, ...(isLetter ? letterOf(mail, message) : {}) },
    );
    if (answer.outcome === 'applied' && answer.event !== null) {
      applied.push({ kind: effect.kind, recipientId: about(found).recipientId, event: answer.event });
    } else reason = answer.outcome === 'conflict' ? 'not_left' : 'known';
    state.flushRows();
  }
  return { applied, why: applied.length > 0 ? null : reason };
}

const LETTERS: ReadonlySet<string> = new Set(['reply', 'auto_reply', 'unsubscribe']);

function letterOf({ read }: InboundMail, message: MessageRow): Record<string, unknown> {
  const from = read?.from?.email ?? null;
  return { thread_id: threadIdOf(message), reply_from: from, subject: read?.subject ?? '' };
}

type Outcome = { id: string; applied: InboundApplied[]; why: KeptFor | null; recipient: RecipientRow | null };

function store(
  state: WriterState,
  space: Space,
  { message }: Proven,
  mail: InboundMail,
  { id, applied, why, recipient }: Outcome,
): void {
  const { read, raw } = mail;
  const isLetter = read !== null && read.form === null;
  const root = isLetter ? noteThread(state, space.no, threadIdOf(message)) : null;
  // Conversations that were put aside come back with an answer.
  if (root !== null && applied.some(({ kind }) => kind === 'reply')) {
    setArchived(state, root, false, space.now(state.realNow));
  }
  const row = {
    id,
    space: space.no,
    at: space.now(state.realNow),
    received_at: state.realNow,
    channel: mail.channel,
    proof: mail.proof,
    digest: mail.digest,
    kind: kindOf(mail, applied),
    form: read?.form ?? null,
    outcome: applied.length > 0 ? 'applied' : 'kept',
    why,
    message: message.id,
    message_id: publicId('msg', message.id, message.nonce),
    recipient: recipient?.id ?? null,
    recipient_id: recipient === null ? null : publicId('rcp', recipient.id, message.nonce),
    recipient_key: recipient === null ? null : (recipient.key ?? recipient.email),
    root,
    mail_from: mail.mailFrom,
    rcpt_to: mail.rcptTo,
    from_email: read?.from?.email ?? null,
    from_key: read?.from?.key ?? null,
    from_name: read?.from?.name ?? null,
    subject: read?.subject ?? '',
    own_id: read?.messageId ?? null,
    text: isLetter ? read.text : null,
    details: JSON.stringify({
      reporting_mta: read?.reportingMta ?? null,
      reported: (read?.recipients ?? []).slice(0, MOST_REPORTED).map((one) => ({
        email: one.key,
        class: one.class,
        status: one.status,
        action: one.action,
        said: one.said,
      })),
      applied: applied.map(({ kind, recipientId, event }) => ({
        kind,
        recipient_id: recipientId,
        event_id: event.id,
        seq: event.seq,
        type: event.type,
      })),
    }),
    size: mail.size,
    raw: 'inline' in raw ? raw.inline : null,
    blob: 'blob' in raw ? raw.blob : null,
  };
  const holding = heldBy(state, space);
  const names = Object.keys(row);
  prepared(state.db, `INSERT INTO inbound (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`).run(
    ...Object.values(row),
  );
  holding.count += 1;
  holding.bytes += mail.size;
}

/** A letter is called what it counted as: what a program wrote may look like a person's. */
function kindOf({ read }: InboundMail, applied: readonly InboundApplied[]): string {
  if (read === null) return 'unreadable';
  const counted = read.form === null ? applied[0]?.kind : undefined;
  return counted !== undefined && LETTERS.has(counted) ? counted : read.kind;
}

type Held = { count: number; bytes: number };

/** What a space holds; it lives as long as what else is known of the space, so that it is read anew after a failed commit. */
const held = new WeakMap<Space, Held>();

function heldBy(state: WriterState, space: Space): Held {
  let known = held.get(space);
  if (known === undefined) {
    const row = prepared(
      state.db,
      'SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM inbound WHERE space = ?',
    ).get(space.no) as Held;
    known = { count: row.count, bytes: row.bytes };
    held.set(space, known);
  }
  return known;
}

function keepBounded(state: WriterState, space: Space): string[] {
  const holding = heldBy(state, space);
  const gone: InboundPlace[] = [];
  while (holding.count > MOST_ROWS || (holding.bytes > MOST_BYTES && holding.count > 1)) {
    const oldest = prepared(
      state.db,
      'SELECT no, space, size, blob FROM inbound WHERE space = ? ORDER BY no LIMIT 1',
    ).get(space.no) as InboundPlace | undefined;
    if (oldest === undefined) break;
    prepared(state.db, 'DELETE FROM inbound WHERE no = ?').run(oldest.no);
    holding.count -= 1;
    holding.bytes -= oldest.size;
    gone.push(oldest);
  }
  return unusedBlobs(
    state,
    gone.flatMap(({ blob }) => blob ?? []),
  );
}

export type InboundPlace = { no: number; space: number; size: number; blob: string | null };

/** Removes mail whatever its number; answers with the blobs that only it held. */
export function dropInbound(state: WriterState, gone: readonly InboundPlace[]): string[] {
  const statement = prepared(state.db, 'DELETE FROM inbound WHERE no = ?');
  for (const { no, space } of gone) {
    statement.run(no);
    held.delete(state.spaces.get(space));
  }
  return unusedBlobs(
    state,
    gone.flatMap(({ blob }) => blob ?? []),
  );
}
