/** A session with the default next hop as a delivery would have it, without a message: whether mail could leave. */
import { openSession } from './smtp/session.ts';
import { smtpSettings } from './smtp/settings.ts';
import { parseSmtpUrl } from './smtp/smtp-url.ts';
import type { Stage } from './transports/transport.ts';

const QUIT_MS = 1000;

export type Probe =
  /** It took us; `maxBytes` 0 or null: it names no largest message. */
  | { outcome: 'taken'; where: string; maxBytes: number | null; hasSmtpUtf8: boolean }
  | { outcome: 'not_taken'; where: string; stage: Stage; reply: string }
  /** The address cannot be used; the sentence never repeats a password. */
  | { outcome: 'unreadable'; error: string };

export async function probeNextHop(url: string, domain: string): Promise<Probe> {
  const parsed = parseSmtpUrl(url);
  if ('error' in parsed) return { outcome: 'unreadable', error: parsed.error };
  const where = `${parsed.options.host}:${parsed.options.port}`;
  const session = await openSession(smtpSettings({ ehloName: domain, ...parsed.options }), () => undefined);
  if ('outcome' in session) {
    const { stage, reply } = session;
    const said = [reply.code, reply.text].filter((part) => part !== null).join(' ');
    return { outcome: 'not_taken', where, stage, reply: said };
  }
  session.link.quit(QUIT_MS);
  const { maxBytes, hasSmtpUtf8 } = session.offers;
  return { outcome: 'taken', where, maxBytes, hasSmtpUtf8 };
}
