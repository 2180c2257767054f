/**
 * One delivery on an open session: MAIL, RCPT, DATA, the body, the look before the dot, the dot.
 *
 * Invariants:
 * - The final dot is written only after DATA was accepted, the whole body has left for the system, `beforeDot` said yes
 *   and the peer has said nothing in between.
 * - Before the dot is written every outcome is certain; after it only a complete reply is, and all else is `uncertain`.
 * - `beforeDot` is called at most once, only with the last block of the body, and has settled before a result is given.
 */
import { failpoint, reachFailpoint } from '../../base/failpoint.ts';
import { asciiAddress } from '../transports/ascii-address.ts';
import type { Delivery, DeliveryResult, RemoteReply, Stage } from '../transports/transport.ts';
import { BLOCK_BYTES, dotStuffed, needsOf } from './content.ts';
import type { Answer } from './link.ts';
import { cleanText, type Reply, toRemoteReply } from './reply-parser.ts';
import { isPositive, notTaken, type Session } from './session.ts';
import type { SmtpTimeouts } from './settings.ts';

/** `stale`: a kept connection turned out dead at its first command; nothing has been sent. */
export type Sent = DeliveryResult | 'stale';

/** Checked by the transport: line ends (assertLineEnds) and addresses (assertPath). */
export async function send(session: Session, delivery: Delivery, timeouts: SmtpTimeouts): Promise<Sent> {
  const content = Buffer.from(delivery.content.buffer, delivery.content.byteOffset, delivery.content.byteLength);
  const to = asciiAddress(delivery.to) ?? delivery.to;
  const mail = mailLine(session, { ...delivery, to }, content);
  if (typeof mail !== 'string') return mail;
  const isKept = session.deliveries++ > 0;
  const refused = await openTransaction(session, mail, `RCPT TO:<${to}>\r\n`, isKept, timeouts);
  if (refused !== null) return refused;
  if (failpoint.armed !== null) await reachFailpoint('after-mail');
  const stop = await sendBody(session, delivery, content, timeouts);
  return stop ?? sendDot(session, timeouts);
}

/** Makes the session ready for another delivery; false where that cannot be. May wait for replies still owed. */
export async function recover(session: Session, timeouts: SmtpTimeouts): Promise<boolean> {
  const { link } = session;
  while (link.pending > 0 && link.trouble === null) {
    const answer = await link.answer(timeouts.commandMs);
    // DATA was accepted although the recipient was not: a lone dot would hand over an empty message.
    if (answer.code === null || answer.fault !== null || (answer.code >= 300 && answer.code < 400)) return false;
  }
  if (session.isDirty && link.trouble === null) {
    if (!isPositive(await link.ask('RSET\r\n', timeouts.commandMs))) return false;
    session.isDirty = false;
  }
  return link.trouble === null;
}

const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);

function unfit(enhanced: string, text: string): DeliveryResult {
  return { outcome: 'refused', stage: 'mail', reply: { code: null, enhanced, text } };
}

/** The MAIL command, or the refusal where the next hop lacks what this message needs. */
function mailLine(session: Session, delivery: Delivery, content: Buffer): string | DeliveryResult {
  const { hasSmtpUtf8, hasEightBitMime, maxBytes } = session.offers;
  const { isEightBit, hasUtf8Headers } = needsOf(content);
  const needsUtf8 = hasUtf8Headers || !isAscii(delivery.from) || !isAscii(delivery.to);
  if (needsUtf8 && !hasSmtpUtf8) {
    return unfit('5.6.7', 'an address or a header needs SMTPUTF8, which the next hop does not offer');
  }
  // RFC 6531 §3.1 obliges whoever offers SMTPUTF8 to take 8BITMIME.
  if (isEightBit && !hasEightBitMime && !hasSmtpUtf8) {
    return unfit('5.6.3', 'the content has 8-bit octets and the next hop does not offer 8BITMIME');
  }
  if (maxBytes !== null && maxBytes > 0 && content.length > maxBytes) {
    return unfit('5.3.4', `the message has ${content.length} octets and the next hop takes ${maxBytes}`);
  }
  const size = maxBytes === null ? '' : ` SIZE=${content.length}`;
  return `MAIL FROM:<${delivery.from}>${size}${isEightBit ? ' BODY=8BITMIME' : ''}${needsUtf8 ? ' SMTPUTF8' : ''}\r\n`;
}

/** Null when the peer waits for the body. */
async function openTransaction(
  session: Session,
  mail: string,
  rcpt: string,
  isKept: boolean,
  timeouts: SmtpTimeouts,
): Promise<Sent | null> {
  const { link, offers } = session;
  session.isDirty = true;
  if (offers.isPipelining) link.send(`${mail}${rcpt}DATA\r\n`, 3);
  else link.send(mail, 1);
  const mailed = await link.answer(timeouts.commandMs);
  if (isKept && (mailed.code === null || mailed.code === 421)) return 'stale';
  if (!isPositive(mailed)) return no(session, 'mail', mailed);
  if (!offers.isPipelining) link.send(rcpt, 1);
  const named = await link.answer(timeouts.commandMs);
  if (!isPositive(named)) return no(session, 'rcpt', named);
  if (!offers.isPipelining) link.send('DATA\r\n', 1);
  const ready = await link.answer(timeouts.dataMs);
  const mayGoOn = ready.code !== null && ready.fault === null && ready.code >= 300 && ready.code < 400;
  return mayGoOn ? null : no(session, 'data', ready);
}

/** What a reply other than the hoped-for one means before the dot; ends links that are out of step or closing. */
function no(session: Session, stage: Stage, answer: Answer): DeliveryResult {
  const isJudgement = answer.code !== null && answer.fault !== 'malformed' && answer.code >= 400;
  if (!isJudgement || answer.fault !== null || answer.code === 421) session.link.fail('the session ended');
  if (!isJudgement) return notTaken(stage, answer);
  return { outcome: answer.code < 500 ? 'deferred' : 'refused', stage, reply: toRemoteReply(answer) };
}

type Look = { mayGo: boolean } | { fault: unknown };

/** Settles to a value at once, so that a rejection is never without a listener while the body is on its way. */
async function look(delivery: Delivery): Promise<Look> {
  try {
    return { mayGo: await delivery.beforeDot() };
  } catch (fault) {
    return { fault };
  }
}

/** Null when the whole body has gone and the dot may follow. */
async function sendBody(
  session: Session,
  delivery: Delivery,
  content: Buffer,
  timeouts: SmtpTimeouts,
): Promise<DeliveryResult | null> {
  const { link } = session;
  let looking: Promise<Look> | null = null;
  let isFlushed = true;
  for (let start = 0; start < content.length && isFlushed; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, content.length);
    const flushing = link.flush(dotStuffed(content, start, end), timeouts.blockMs);
    if (end === content.length) looking = look(delivery);
    isFlushed = await flushing;
    if (failpoint.armed !== null && end < content.length) await reachFailpoint('mid-body');
  }
  const seen = await looking;
  if (seen !== null && 'fault' in seen) {
    link.fail('the look before the dot failed');
    throw seen.fault;
  }
  if (seen !== null && !seen.mayGo) {
    link.fail('stopped before the dot');
    return { outcome: 'stopped' };
  }
  const { trouble } = link;
  if (trouble === null) return null;
  link.fail('the session ended');
  return no(session, 'body', trouble);
}

async function sendDot(session: Session, timeouts: SmtpTimeouts): Promise<DeliveryResult> {
  const { link } = session;
  link.isDotOut = true;
  if (failpoint.armed !== null) await reachFailpoint('before-dot');
  const answering = link.ask('.\r\n', timeouts.dotMs);
  if (failpoint.armed !== null) await reachFailpoint('after-dot');
  const answer = await answering;
  link.isDotOut = false;
  session.isDirty = false;
  const isClear = answer.code !== null && isFinal(answer.code);
  if (!isClear || answer.fault !== null || answer.code === 421) link.fail('the session ended');
  if (!isClear) return { outcome: 'uncertain', reply: remoteOf(answer) };
  if (answer.code < 300) return { outcome: 'taken', reply: toRemoteReply(answer) };
  return { outcome: answer.code < 500 ? 'deferred' : 'refused', stage: 'dot', reply: toRemoteReply(answer) };
}

/** 3yz asks for more, and 0 stands for what is no reply: neither says what became of the message. */
const isFinal = (code: Reply['code']): boolean => (code >= 200 && code < 300) || code >= 400;

function remoteOf(answer: Answer): RemoteReply {
  return answer.code === null ? { code: null, enhanced: null, text: cleanText(answer.why) } : toRemoteReply(answer);
}
