/** A session with a next hop as a delivery would have it, without a message: whether mail could leave. */
import type { Link } from './smtp/link.ts';
import { openSession } from './smtp/session.ts';
import { type SmtpTimeouts, smtpSettings } from './smtp/settings.ts';
import { smtpOptionsOf, type TransportParts, type TransportSettings } from './transports/open-transport.ts';
import type { Stage } from './transports/transport.ts';

const QUIT_MS = 1000;
/** Somebody waits for the answer. */
const MOST_MS = 25_000;
const TIMEOUTS: Partial<SmtpTimeouts> = { connectMs: 10_000, tlsMs: 10_000, greetingMs: 15_000, commandMs: 15_000 };

export type Probe =
  /** It took us; `maxBytes` 0 or null: it names no largest message. */
  | { outcome: 'taken'; where: string; maxBytes: number | null; hasSmtpUtf8: boolean }
  | { outcome: 'not_taken'; where: string; stage: Stage; reply: string }
  /** The address cannot be used; the sentence never repeats a password. */
  | { outcome: 'unreadable'; error: string };

export async function probeTransport(settings: TransportSettings, parts: TransportParts): Promise<Probe> {
  switch (settings.kind) {
    case 'smtp':
      return probeSmtp(settings, parts);
    default:
      return { outcome: 'unreadable', error: `There is no transport for ${settings.kind} yet.` };
  }
}

async function probeSmtp(settings: TransportSettings, parts: TransportParts): Promise<Probe> {
  const read = smtpOptionsOf(settings, { ...parts, timeouts: { ...TIMEOUTS, ...parts.timeouts } });
  if ('error' in read) return { outcome: 'unreadable', error: read.error };
  const where = `${read.options.host}:${read.options.port}`;
  const late = AbortSignal.timeout(MOST_MS);
  const onLink = (link: Link): void => late.addEventListener('abort', () => link.fail('no answer in time'));
  const session = await openSession(smtpSettings(read.options), onLink, late);
  if ('outcome' in session) {
    const { stage, reply } = session;
    const said = [reply.code, reply.text].filter((part) => part !== null).join(' ');
    return { outcome: 'not_taken', where, stage, reply: said };
  }
  session.link.quit(QUIT_MS);
  const { maxBytes, hasSmtpUtf8 } = session.offers;
  return { outcome: 'taken', where, maxBytes, hasSmtpUtf8 };
}

/** What a probe came to, for whoever set the provider up. */
export function probeWords(probe: Probe): { ok: boolean; detail: string } {
  if (probe.outcome === 'unreadable') return { ok: false, detail: probe.error };
  const { where } = probe;
  if (probe.outcome === 'not_taken') {
    return { ok: false, detail: `${where} does not take us (${STAGE_WORDS[probe.stage]}): ${probe.reply}` };
  }
  const { maxBytes, hasSmtpUtf8 } = probe;
  const size = maxBytes === null || maxBytes === 0 ? '' : `, messages up to ${Math.floor(maxBytes / 1e6)} MB`;
  return { ok: true, detail: `${where} takes us${size}${hasSmtpUtf8 ? ', addresses in any script' : ''}.` };
}

const STAGE_WORDS: Record<Stage, string> = {
  lookup: 'looking it up',
  connect: 'connecting',
  banner: 'its greeting',
  ehlo: 'EHLO',
  tls: 'TLS',
  auth: 'signing in',
  mail: 'MAIL',
  rcpt: 'RCPT',
  data: 'DATA',
  body: 'the message',
  dot: 'the end of the message',
};
