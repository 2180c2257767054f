/**
 * Brings a connection to the point where mail can be handed over: TCP, TLS, greeting, EHLO, STARTTLS, AUTH.
 *
 * Invariant: where TLS is required nothing but EHLO and STARTTLS is said before the handshake has succeeded and the
 * certificate is verified. What the peer offered in plain text is forgotten at the change to TLS (RFC 3207 §4.2).
 * All outcomes here are `not_taken`: the next hop has not been asked about any recipient yet.
 *
 * Deliberately absent: CHUNKING (BDAT LAST cannot hold back a final dot).
 */
import { connect, type Socket } from 'node:net';
import type { DeliveryResult, RemoteReply, Stage } from '../transports/transport.ts';
import { authenticate } from './auth.ts';
import { type Answer, Link } from './link.ts';
import { type Offers, readOffers } from './offers.ts';
import { cleanText, type Reply, toRemoteReply } from './reply-parser.ts';
import type { SmtpSettings } from './settings.ts';
import type { TlsSeen } from './tls-words.ts';

export type Session = {
  link: Link;
  offers: Offers;
  /** Null: in plain text. */
  tls: TlsSeen | null;
  /** Why the session is in plain text although TLS was tried; null: it was not, or it is not in plain text. */
  tlsFailure: string | null;
  openedAt: number;
  /** Deliveries tried on it. */
  deliveries: number;
  /** A transaction is open: RSET must come before the next MAIL. */
  isDirty: boolean;
};

export type NotTaken = Extract<DeliveryResult, { outcome: 'not_taken' }>;

type Failure = { failed: NotTaken; isHandshake: boolean };

export const isPositive = (answer: Answer): answer is Reply & { fault: null } =>
  answer.code !== null && answer.fault === null && answer.code >= 200 && answer.code < 300;

/** `what` is the end of the link, a reason of our own, or a reply, which may be the wrong one at this place. */
export function notTaken(stage: Stage, what: Answer | string): NotTaken {
  return { outcome: 'not_taken', stage, reply: typeof what === 'string' ? ownWords(what) : replyOf(what) };
}

const ownWords = (text: string): RemoteReply => ({ code: null, enhanced: null, text: cleanText(text) });

function replyOf(answer: Answer): RemoteReply {
  if (answer.code === null) return ownWords(answer.why);
  const reply = toRemoteReply(answer);
  if (answer.fault === 'malformed') return ownWords(`not an SMTP reply: ${reply.text}`);
  return answer.code >= 400 ? reply : ownWords(`a reply out of place: ${answer.code} ${reply.text}`);
}

/**
 * Opens a session. `onLink` hears of every link the moment it exists, so that its owner can end it at any time. Where TLS
 * is only opportunistic and the handshake fails, one more connection is made in plain text (RFC 7435 §3), unless there is
 * a password to lose.
 */
export async function openSession(
  settings: SmtpSettings,
  onLink: (link: Link) => void,
  signal: AbortSignal = NEVER,
): Promise<Session | NotTaken> {
  const first = await attempt(settings, settings.tlsMode !== 'never', onLink, signal);
  if (!('failed' in first)) return first;
  const mayGoPlain = first.isHandshake && settings.tlsMode === 'opportunistic' && settings.credentials === null;
  if (!mayGoPlain) return first.failed;
  const second = await attempt(settings, false, onLink, signal);
  return 'failed' in second ? second.failed : { ...second, tlsFailure: first.failed.reply.text };
}

const NEVER = new AbortController().signal;

async function dial(settings: SmtpSettings, signal: AbortSignal): Promise<Socket | string> {
  const { host, port, connect: dialler, timeouts } = settings;
  if (dialler === null) return connect({ host, port });
  const giveUp = new AbortController();
  const abort = (): void => giveUp.abort();
  const timer = setTimeout(abort, timeouts.connectMs);
  signal.addEventListener('abort', abort);
  const given = new Promise<string>((resolve) => {
    giveUp.signal.addEventListener('abort', () => resolve(signal.aborted ? 'given up' : 'no connection in time'));
  });
  if (signal.aborted) abort();
  const dialled = (async () => {
    const socket = await dialler(host, port, giveUp.signal);
    if (giveUp.signal.aborted) socket.destroy();
    return socket;
  })().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  const result = await Promise.race([given, dialled]);
  clearTimeout(timer);
  signal.removeEventListener('abort', abort);
  return result;
}

async function attempt(
  settings: SmtpSettings,
  mayTls: boolean,
  onLink: (link: Link) => void,
  signal: AbortSignal,
): Promise<Session | Failure> {
  const socket = await dial(settings, signal);
  if (typeof socket === 'string') return { failed: notTaken('connect', socket), isHandshake: false };
  const link = new Link(socket);
  onLink(link);
  const opened = await greet(link, settings, mayTls);
  if ('failed' in opened) link.fail('the session could not be opened');
  return opened;
}

const fail = (stage: Stage, what: Answer | string): Failure => ({ failed: notTaken(stage, what), isHandshake: false });

async function greet(link: Link, settings: SmtpSettings, mayTls: boolean): Promise<Session | Failure> {
  const { timeouts, tlsMode } = settings;
  const unconnected = await link.connected(timeouts.connectMs);
  if (unconnected !== null) return fail('connect', unconnected);
  if (tlsMode === 'implicit') {
    const untrusted = await link.secure(settings.tls, timeouts.tlsMs);
    if (untrusted !== null) return fail('tls', untrusted);
  }
  const banner = await link.answer(timeouts.greetingMs);
  if (!isPositive(banner)) return fail('banner', banner);
  let offers = await hello(link, settings);
  if ('failed' in offers) return offers;
  if (tlsMode === 'required' || (tlsMode === 'opportunistic' && mayTls && offers.hasStartTls)) {
    const upgraded = await startTls(link, settings, offers);
    if (upgraded !== null && 'failed' in upgraded) return upgraded;
    offers = upgraded ?? offers;
  }
  if (settings.credentials !== null) {
    const answer = await authenticate(link, settings.credentials, offers, timeouts.commandMs);
    if (typeof answer === 'string' || !isPositive(answer)) return fail('auth', answer);
  }
  const { tls } = link;
  return { link, offers, tls, tlsFailure: null, openedAt: performance.now(), deliveries: 0, isDirty: false };
}

async function hello(link: Link, settings: SmtpSettings): Promise<Offers | Failure> {
  const { commandMs } = settings.timeouts;
  const ehlo = await link.ask(`EHLO ${settings.ehloName}\r\n`, commandMs);
  if (isPositive(ehlo)) return readOffers(ehlo);
  const knowsNoEhlo = ehlo.code === 500 || ehlo.code === 502; // RFC 5321 §3.2
  if (!knowsNoEhlo) return fail('ehlo', ehlo);
  const helo = await link.ask(`HELO ${settings.ehloName}\r\n`, commandMs);
  return isPositive(helo) ? readOffers({ ...helo, lines: [] }) : fail('ehlo', helo);
}

/** The offers made under TLS; null to go on in plain text, which only opportunistic TLS does. */
async function startTls(link: Link, settings: SmtpSettings, offers: Offers): Promise<Offers | Failure | null> {
  const { timeouts, tlsMode } = settings;
  if (!offers.hasStartTls) return fail('tls', 'TLS is required and the next hop does not offer STARTTLS');
  const ready = await link.askLast('STARTTLS\r\n', timeouts.commandMs);
  if (!isPositive(ready)) {
    const mayGoOn = tlsMode === 'opportunistic' && ready.code !== null && ready.code !== 421 && ready.fault === null;
    return mayGoOn ? null : fail('tls', ready);
  }
  const untrusted = await link.secure(settings.tls, timeouts.tlsMs);
  if (untrusted !== null) return { failed: notTaken('tls', untrusted), isHandshake: true };
  return hello(link, settings);
}
