/**
 * The body of a 202 as JSON text, the same as `JSON.stringify` makes of `acceptedBody`. Every accept writes one, mostly of
 * limits: put together from its known fields it takes a quarter of the time.
 */
import { messageStatus, type RecipientState } from '../core/states.ts';
import { formatTime } from '../core/time.ts';
import type { Admission, LimitState, RecipientVerdict } from '../data/store.ts';

/** What the text needs beside the admission: parts that other answers have too. */
export type AcceptedParts = {
  limits: readonly LimitState[];
  recipients: readonly {
    status: RecipientState;
    limits: readonly LimitState[];
    reasons: object[];
    warnings: object[];
  }[];
  warnings: object[];
  retryAt: number | null;
};

export function acceptedText(admission: Admission, parts: AcceptedParts): string {
  const { risk } = admission;
  const status = messageStatus(parts.recipients.map((one) => one.status));
  let recipients = '';
  parts.recipients.forEach((part, i) => {
    recipients += `${i === 0 ? '' : ','}${recipientText(admission.recipients[i]!, part)}`;
  });
  return `{"id":"${admission.messageId}","status":"${status}","created_at":${timeText(admission.createdAt)},"recipients":[${recipients}],"warnings":${listText(parts.warnings)},"limits":${limitsText(parts.limits)},"risk":{"score":${risk.score},"level":"${risk.level}","threshold":${risk.threshold}},"retry_at":${timeText(parts.retryAt)},"request_id":${quoted(admission.requestId)}}`;
}

function recipientText(one: RecipientVerdict, part: AcceptedParts['recipients'][number]): string {
  const id = one.id === null ? 'null' : quoted(one.id);
  const scheduledAt = timeText(one.verdict === 'schedule' ? one.departAt : null);
  return `{"id":${id},"email":${quoted(one.email)},"status":"${part.status}","scheduled_at":${scheduledAt},"possible_duplicate":false,"reasons":${listText(part.reasons)},"warnings":${listText(part.warnings)},"limits":${limitsText(part.limits)}}`;
}

function limitsText(limits: readonly LimitState[]): string {
  let text = '[';
  for (let i = 0; i < limits.length; i += 1) {
    const state = limits[i]!;
    const { before, after } = frameOf(state);
    const end = state.fullLimit === undefined ? '}' : `,"full_limit":${state.fullLimit}}`;
    text += `${i === 0 ? '' : ','}${before}${quoted(state.scope.id)}${after}${state.used},"remaining":${state.remaining},"resets_at":${timeText(state.resetsAt)}${end}`;
  }
  return `${text}]`;
}

/** What of a limit's text is the same in each answer: before the scope's id, and between that and the numbers. */
type LimitFrame = { kind: string; unit: string; window: string; limit: number; before: string; after: string };

/** Frames last written, by the limit's name. */
const frames = new Map<string, LimitFrame>();
const MOST_FRAMES = 1000;

function frameOf({ name, scope: { kind }, unit, window, limit }: LimitState): LimitFrame {
  const known = frames.get(name);
  if (known?.limit === limit && known.window === window && known.kind === kind && known.unit === unit) return known;
  const before = `{"name":${quoted(name)},"scope":{"kind":"${kind}","id":`;
  const after = `},"unit":"${unit}","window":${quoted(window)},"limit":${limit},"used":`;
  const made = { kind, unit, window, limit, before, after };
  if (frames.size >= MOST_FRAMES) frames.clear();
  frames.set(name, made);
  return made;
}

function listText(list: readonly object[]): string {
  return list.length === 0 ? '[]' : JSON.stringify(list);
}

function timeText(at: number | null): string {
  return at === null ? 'null' : `"${formatTime(at)}"`;
}

/** A string in JSON. Most are plain ASCII, in which nothing is escaped. */
function quoted(text: string): string {
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return JSON.stringify(text);
  }
  return `"${text}"`;
}
