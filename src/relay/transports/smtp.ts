/** The SMTP transport: mail for everybody goes to one next hop, over a pool of kept connections. */
import { SmtpPool } from '../smtp/pool.ts';
import { type NotTaken, openSession, type Session } from '../smtp/session.ts';
import { type SmtpOptions, smtpSettings } from '../smtp/settings.ts';
import type { Transport } from './transport.ts';

/** `onOpened` hears what came of every connection. */
export type SmtpParts = { onOpened?: (host: string, opened: Session | NotTaken) => void };

/** A transport to one next hop. Throws on options that could never work; opens nothing yet. */
export function smtpTransport(options: SmtpOptions, { onOpened }: SmtpParts = {}): Transport {
  const settings = smtpSettings(options);
  const { maxConnections, deliveriesPerConnection, timeouts } = settings;
  return new SmtpPool({
    maxConnections,
    deliveriesPerConnection,
    timeouts,
    async open(onLink, signal) {
      const opened = await openSession(settings, onLink, signal);
      onOpened?.(settings.host, opened);
      return opened;
    },
  });
}
