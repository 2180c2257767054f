/** Runs in a thread of its own: parses captured mail. Whatever it is given, it answers; how long it may take, others watch. */
import { parentPort } from 'node:worker_threads';
import PostalMime, { type Email } from 'postal-mime';
import { MOST_BODY_LENGTH, MOST_HEADERS, MOST_PARTS, type ReadMail, UNREADABLE } from './mail.ts';

const OPTIONS = { maxNestingDepth: 20, maxHeadersSize: 262_144, maxRfc822NestingDepth: 0 };

parentPort!.on('message', async ({ id, question: raw }: { id: number; question: Uint8Array }) => {
  let mail: ReadMail = UNREADABLE;
  try {
    mail = mailOf(await PostalMime.parse(raw, OPTIONS));
  } catch {
    // Beyond the bounds above: shown raw.
  }
  parentPort!.postMessage({ id, answer: mail });
});

function mailOf(email: Email): ReadMail {
  const { text, html, headers, attachments } = email;
  const isLong =
    (text?.length ?? 0) > MOST_BODY_LENGTH ||
    (html?.length ?? 0) > MOST_BODY_LENGTH ||
    headers.length > MOST_HEADERS ||
    attachments.length > MOST_PARTS;
  return {
    subject: email.subject ?? null,
    from: fromOf(email),
    text: bodyOf(text),
    html: bodyOf(html),
    headers: headers.slice(0, MOST_HEADERS).map(({ originalKey, value }) => [originalKey, value]),
    attachments: attachments.slice(0, MOST_PARTS).map(({ filename, mimeType, content, contentId }) => ({
      filename,
      contentType: mimeType,
      size: typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength,
      contentId: contentId === undefined ? null : contentId.replace(/^<|>$/g, ''),
    })),
    incomplete: isLong ? 'too_long' : null,
  };
}

function fromOf({ from }: Email): ReadMail['from'] {
  if (from === undefined) return null;
  return { name: from.name, address: from.group === undefined ? from.address : '' };
}

/** Without the line end that the transport adds. */
function bodyOf(body: string | undefined): string | null {
  if (body === undefined) return null;
  return (body.endsWith('\n') ? body.slice(0, -1) : body).slice(0, MOST_BODY_LENGTH);
}
