/**
 * Headers as other systems' clients give them. What has a field of its own here goes there; what Postern or the servers on the way
 * write themselves is left out, as it is from mail that comes by SMTP.
 */
import { isOwnedHeader, MailHeaders } from '../headers.ts';
import { messageIdsIn, ORIGINAL_ID } from '../message-ids.ts';
import { splitAddresses } from './address-list.ts';

/** Who sends what to whom is said in fields alone: where a header says it too, one of them is wrong, and the header is refused. */
const REFUSED: ReadonlySet<string> = new Set(['from', 'sender', 'to', 'cc', 'bcc', 'subject']);

/** Puts `given` into the fields of a submission. */
export function placeHeaders(
  body: Record<string, unknown>,
  given: readonly (readonly [name: string, value: unknown])[],
): void {
  const kept: (readonly [string, string])[] = [];
  for (const [name, value] of given) {
    const lower = name.toLowerCase();
    const text = typeof value === 'string' ? value : null;
    if (lower === 'in-reply-to') body['in_reply_to'] ??= messageIdsIn(text)[0];
    else if (lower === 'references') body['references'] ??= messageIdsIn(text);
    else if (lower === 'reply-to') body['reply_to'] ??= splitAddresses(text ?? '');
    else if (lower === 'message-id') kept.push(...messageIdsIn(text).map((id) => [ORIGINAL_ID, id] as const));
    else if (!isOwnedHeader(name) || REFUSED.has(lower)) kept.push([name, value as string]);
  }
  if (kept.length > 0) body['headers'] = new MailHeaders(kept);
}
