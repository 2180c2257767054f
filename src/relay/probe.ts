/** A session with a next hop as a delivery would have it, without a message: whether mail could leave. */
import { mailHostsOf } from './direct/mail-hosts.ts';
import type { Link } from './smtp/link.ts';
import { openSession } from './smtp/session.ts';
import { type SmtpOptions, type SmtpTimeouts, smtpSettings } from './smtp/settings.ts';
import { directHop } from './transports/direct.ts';
import {
  directOf,
  sesOf,
  smtpOptionsOf,
  type TransportParts,
  type TransportSettings,
} from './transports/open-transport.ts';
import { lookAtAccount } from './transports/ses.ts';
import type { Stage } from './transports/transport.ts';

const QUIT_MS = 1000;
/** Somebody who takes mail for certain, and from whom nothing but a greeting is wanted. */
const FAR_DOMAIN = 'gmail.com';
/** Somebody waits for the answer. */
const MOST_MS = 25_000;
const TIMEOUTS: Partial<SmtpTimeouts> = { connectMs: 10_000, tlsMs: 10_000, greetingMs: 15_000, commandMs: 15_000 };

export type Probe =
  /** It took us; `maxBytes` 0 or null: it names no largest message. */
  | { outcome: 'taken'; where: string; maxBytes: number | null; hasSmtpUtf8: boolean; note?: string }
  | { outcome: 'not_taken'; where: string; stage: Stage; reply: string }
  /** The address cannot be used; the sentence never repeats a password. */
  | { outcome: 'unreadable'; error: string };

export async function probeTransport(settings: TransportSettings, parts: TransportParts): Promise<Probe> {
  const bounded = { ...parts, timeouts: { ...TIMEOUTS, ...parts.timeouts } };
  switch (settings.kind) {
    case 'smtp':
      return probeSmtp(settings, bounded);
    case 'direct':
      return probeDirect(settings, bounded);
    case 'ses':
      return probeSes(settings, bounded);
    case 'sink':
      return { outcome: 'taken', where: 'The sink', maxBytes: null, hasSmtpUtf8: true, note: 'mail stays here' };
  }
}

async function probeSmtp(settings: TransportSettings, parts: TransportParts): Promise<Probe> {
  const read = smtpOptionsOf(settings, parts);
  return 'error' in read ? { outcome: 'unreadable', error: read.error } : meet(read.options);
}

/** There is no one next hop: whether names are resolved here, and somebody's mail hosts can be reached from here. */
async function probeDirect(settings: TransportSettings, parts: TransportParts): Promise<Probe> {
  const read = directOf(settings, parts);
  if ('error' in read) return { outcome: 'unreadable', error: read.error };
  const domain = parts.probeDomain ?? FAR_DOMAIN;
  const found = await mailHostsOf(domain, parts.dns);
  if (found.outcome !== 'hosts') return { outcome: 'not_taken', where: domain, stage: 'lookup', reply: found.why };
  return meet({ host: found.groups[0]![0]!, ...directHop(read.options, read.parts) });
}

async function meet(options: SmtpOptions): Promise<Probe> {
  const where = `${options.host}:${options.port}`;
  const late = AbortSignal.timeout(MOST_MS);
  const onLink = (link: Link): void => late.addEventListener('abort', () => link.fail('no answer in time'));
  const session = await openSession(smtpSettings(options), onLink, late);
  if ('outcome' in session) {
    const { stage, reply } = session;
    const said = [reply.code, reply.text].filter((part) => part !== null).join(' ');
    return { outcome: 'not_taken', where, stage, reply: said };
  }
  session.link.quit(QUIT_MS);
  const { maxBytes, hasSmtpUtf8 } = session.offers;
  return { outcome: 'taken', where, maxBytes, hasSmtpUtf8 };
}

async function probeSes(settings: TransportSettings, parts: TransportParts): Promise<Probe> {
  const read = sesOf(settings, parts);
  if ('error' in read) return { outcome: 'unreadable', error: read.error };
  const where = `SES in ${read.options.region}`;
  const seen = await lookAtAccount(read.options, read.parts, MOST_MS);
  if ('note' in seen) {
    return {
      outcome: 'taken',
      where,
      maxBytes: null,
      hasSmtpUtf8: false,
      ...(seen.note === null ? {} : { note: seen.note }),
    };
  }
  return { outcome: 'not_taken', where, stage: seen.stage, reply: seen.why };
}

/** What a probe came to, for whoever set the provider up. */
export function probeWords(probe: Probe): { ok: boolean; detail: string } {
  if (probe.outcome === 'unreadable') return { ok: false, detail: probe.error };
  const { where } = probe;
  if (probe.outcome === 'not_taken') {
    return { ok: false, detail: `${where} does not take us (${STAGE_WORDS[probe.stage]}): ${probe.reply}` };
  }
  const { maxBytes, hasSmtpUtf8, note } = probe;
  const size = maxBytes === null || maxBytes === 0 ? '' : `, messages up to ${Math.floor(maxBytes / 1e6)} MB`;
  const scripts = hasSmtpUtf8 ? ', addresses in any script' : '';
  return { ok: true, detail: `${where} takes us${size}${scripts}${note === undefined ? '' : `: ${note}`}.` };
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
