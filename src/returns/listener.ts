/**
 * The SMTP listener for what comes back (RFC 5321): it takes mail for addresses that this gateway has signed and for its postmaster,
 * and for nobody else.
 *
 * What holds: everything else is refused in the session, and no notification is ever sent, so that nobody gets backscatter. 250 after
 * the data means that the mail is on the disk. Deadlines, caps and the strict reading of lines are those of smtp-sessions.ts.
 *
 * Deliberately absent: authentication, relaying, and what a mail means (inbox.ts).
 */
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { Refusal, receivedIn, type SessionLimits, type SmtpConnection, SmtpSessions } from '../base/smtp-sessions.ts';
import type { InboundAnswer } from '../data/port/inbound.ts';
import { StoreFault } from '../data/store.ts';
import type { Arrived, Inbox } from './inbox.ts';
import { MOST_OPERATOR_BYTES, type Postmaster } from './postmaster.ts';

export type ListenerLimits = SessionLimits & { recipients: number };

const LIMITS: ListenerLimits = {
  connections: 800,
  connectionsPerAddress: 40,
  recipients: 20,
  bytes: 25 * 1024 * 1024,
  sessionMs: 30 * 60_000,
  // RFC 5321 §4.5.3.2.7 asks for five minutes.
  commandMs: 5 * 60_000,
  dataMs: 10 * 60_000,
};
const MOST_RECEIVED = 50;
const MOST_REFUSED = 20;
const MOST_BYTES_IN_FLIGHT = 128 * 1024 * 1024;

export type ListenerLog = { error(fields: object, message: string): void; warn(fields: object, message: string): void };

export type ListenerParts = {
  host: string;
  port: number;
  /** The name in the greeting. */
  name: string;
  tls: { certificate: string; key: string };
  inbox: Inbox;
  postmaster: Postmaster;
  log: ListenerLog;
  limits?: Partial<ListenerLimits>;
  /** How often deadlines are looked at. */
  lookEveryMs?: number;
};

export type Listener = {
  /** `host:port` as it is bound. */
  address: string;
  port: number;
  renewCertificate(tls: ListenerParts['tls']): void;
  close(): Promise<void>;
};

const NOBODY = '5.1.1 There is no such address here';
const TOO_LARGE = `5.3.4 The operator takes at most ${MOST_OPERATOR_BYTES} octets`;
const LATER = '4.3.0 This cannot be taken now, please try again later';

export async function startListener(parts: ListenerParts): Promise<Listener> {
  const { sessions } = new Taking(parts);
  const bound = await sessions.listen(parts, ({ message }) =>
    parts.log.error({ error: message }, 'the inbound listener failed'),
  );
  return { ...bound, renewCertificate: (tls) => sessions.renewCertificate(tls), close: () => sessions.close() };
}

class Taking {
  readonly sessions: SmtpSessions;
  readonly #parts: ListenerParts;
  readonly #limits: ListenerLimits;
  /** How many addresses a connection has asked for in vain. */
  readonly #refused = new WeakMap<SmtpConnection, number>();
  #bytesInFlight = 0;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#limits = { ...LIMITS, ...parts.limits };
    this.sessions = new SmtpSessions({
      name: parts.name,
      tls: parts.tls,
      limits: this.#limits,
      ...(parts.lookEveryMs === undefined ? {} : { lookEveryMs: parts.lookEveryMs }),
      options: {
        disabledCommands: ['AUTH'],
        authOptional: true,
        onRcptTo: ({ address }, session, done) => void this.#onRcpt(address, session).then(done),
        onData: (stream, session, done) => void this.#onData(stream, session).then(done),
      },
    });
  }

  async #onRcpt(address: string, session: SMTPServerSession): Promise<Error | null> {
    if (session.envelope.rcptTo.length >= this.#limits.recipients) return new Refusal(452, '4.5.3 Too many recipients');
    const target = this.#parts.inbox.targetOf(address);
    try {
      if (target === null ? await this.#parts.postmaster.takes(address) : await this.#parts.inbox.exists(target))
        return null;
    } catch (fault) {
      return this.#laterFor(fault);
    }
    const connection = this.sessions.connectionOf(session);
    if (connection !== null) {
      const refused = (this.#refused.get(connection) ?? 0) + 1;
      this.#refused.set(connection, refused);
      if (refused >= MOST_REFUSED) {
        this.sessions.end(connection, 421, '4.7.0 Too many unknown addresses, closing the connection');
      }
    }
    return new Refusal(550, NOBODY);
  }

  async #onData(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Error | null> {
    const { mailFrom, rcptTo } = session.envelope;
    const addresses = rcptTo.map(({ address }) => address);
    let held = 0;
    const hold = (bytes: number): boolean => {
      if (this.#bytesInFlight + bytes > MOST_BYTES_IN_FLIGHT) return false;
      this.#bytesInFlight += bytes;
      held += bytes;
      return true;
    };
    try {
      const data = await this.sessions.read(stream, session, hold);
      if (data instanceof Refusal) return data;
      return await this.#take(data, mailFrom === false ? '' : mailFrom.address, addresses);
    } catch (fault) {
      return this.#laterFor(fault);
    } finally {
      this.#bytesInFlight -= held;
    }
  }

  /** All or none: a mail that one of its addresses cannot take now is sent again, and the others know it then. */
  async #take(octets: Uint8Array, mailFrom: string, addresses: readonly string[]): Promise<Error | null> {
    if (receivedIn(octets) > MOST_RECEIVED) return new Refusal(554, '5.4.6 Too many hops, this mail goes in circles');
    const targets = addresses.map((address) => ({ address, target: this.#parts.inbox.targetOf(address) }));
    if (octets.length > MOST_OPERATOR_BYTES && targets.some(({ target }) => target === null)) {
      return new Refusal(552, TOO_LARGE);
    }
    let answer: InboundAnswer['outcome'] = 'not_found';
    for (const { address, target } of targets) {
      const arrived = { octets, channel: 'smtp', mailFrom, rcptTo: address } as const;
      const outcome =
        target === null ? await this.#keep(arrived) : (await this.#parts.inbox.take(target, arrived)).outcome;
      if (outcome === 'later') return new Refusal(451, LATER);
      if (outcome !== 'not_found') answer = outcome;
    }
    return answer === 'not_found' ? new Refusal(550, NOBODY) : null;
  }

  async #keep(arrived: Arrived): Promise<'taken'> {
    const id = await this.#parts.postmaster.keep(arrived);
    this.#parts.log.warn({ id, to: arrived.rcptTo }, 'somebody wrote to the operator: see /v1/operator-mail');
    return 'taken';
  }

  #laterFor(fault: unknown): Refusal {
    if (fault instanceof StoreFault) {
      return fault.kind === 'full'
        ? new Refusal(452, '4.3.1 There is no room now, please try again later')
        : new Refusal(451, LATER);
    }
    this.#parts.log.error({ error: String(fault) }, 'a mail that came in cannot be taken');
    const isDisk = fault instanceof Error && 'code' in fault && (fault.code === 'ENOSPC' || fault.code === 'EDQUOT');
    return new Refusal(isDisk ? 452 : 451, isDisk ? '4.3.1 There is no room now, please try again later' : LATER);
  }
}
