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
  const { recipients, limits, warnings, retryAt } = parts;
  const { risk } = admission;
  let told = '';
  for (let i = 0; i < recipients.length; i += 1) {
    told += `${i === 0 ? '' : ','}${recipientText(admission.recipients[i]!, recipients[i]!)}`;
  }
  return `{"id":"${admission.messageId}","status":"${messageStatus(recipients.map(({ status }) => status))}","created_at":"${formatTime(admission.createdAt)}","recipients":[${told}],"warnings":${listText(warnings)},"limits":${limitsText(limits)},"risk":{"score":${risk.score},"level":"${risk.level}","threshold":${risk.threshold}},"retry_at":${timeText(retryAt)},"request_id":${quoted(admission.requestId)}}`;
}

function recipientText(one: RecipientVerdict, part: AcceptedParts['recipients'][number]): string {
  const id = one.id === null ? 'null' : `"${one.id}"`;
  const scheduledAt = timeText(one.verdict === 'schedule' ? one.departAt : null);
  return `{"id":${id},"email":${quoted(one.email)},"status":"${part.status}","scheduled_at":${scheduledAt},"possible_duplicate":false,"reasons":${listText(part.reasons)},"warnings":${listText(part.warnings)},"limits":${limitsText(part.limits)}}`;
}

function listText(list: readonly object[]): string {
  return list.length === 0 ? '[]' : JSON.stringify(list);
}

function limitsText(limits: readonly LimitState[]): string {
  let text = '[';
  for (let i = 0; i < limits.length; i += 1) text += i === 0 ? limitText(limits[i]!) : `,${limitText(limits[i]!)}`;
  return `${text}]`;
}

function limitText(state: LimitState): string {
  const { scope, fullLimit } = state;
  const full = fullLimit === undefined ? '' : `,"full_limit":${fullLimit}`;
  return `{"name":${quoted(state.name)},"scope":{"kind":"${scope.kind}","id":${quoted(scope.id)}},"unit":"${state.unit}","window":${quoted(state.window)},"limit":${state.limit},"used":${state.used},"remaining":${state.remaining},"resets_at":${timeText(state.resetsAt)}${full}}`;
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
