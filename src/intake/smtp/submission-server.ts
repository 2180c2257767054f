/**
 * SMTP submission (RFC 6409): another door of the same road. It answers each RCPT with what is known of the recipient without the
 * content, and the data with the decision on all of them together, in the catalogue's words.
 *
 * What holds: nothing is taken from whom no key stands behind, and nothing but loopback in the clear. 250 after the data means that
 * the message is on the disk, whole; where one of its recipients would be blocked nothing is stored. A fault of ours is a 4xx, so
 * that the client keeps the mail. Deadlines, caps and the strict reading of lines are those of smtp-sessions.ts.
 *
 * Deliberately absent: relaying for others, notifications of non-delivery (the client hears of everything in the session, and of what
 * comes later by events), and octets kept as they came: a mail is read and written anew (submission-of-mail.ts).
 */
import type { SMTPServerAddress, SMTPServerAuthentication, SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { readAddress } from '../../base/address.ts';
import { newId } from '../../base/ids.ts';
import { countedNetwork, isLoopback } from '../../base/network.ts';
import {
  NO_ROOM,
  Refusal,
  receivedIn,
  type SessionLimits,
  type SmtpConnection,
  SmtpSessions,
} from '../../base/smtp-sessions.ts';
import { WatchedThread } from '../../base/watched-thread.ts';
import type { DecidedReason } from '../../core/explain.ts';
import type { Address } from '../../core/message.ts';
import { REASONS } from '../../core/reasons.ts';
import type { RecipientVerdict } from '../../data/store.ts';
import type { RequestRates } from '../../http/request-rates.ts';
import { type IntakeDoor, isIdempotencyKey } from '../door.ts';
import type { SubmitInput } from '../submit-input.ts';
import { DataRoom } from './data-room.ts';
import { type Login, type LoginParts, Logins } from './logins.ts';
import type { MailReading } from './mail.ts';
import { Replies } from './replies.ts';
import { submissionOfMail } from './submission-of-mail.ts';

export type SubmissionLimits = SessionLimits & { recipients: number };

const LIMITS: SubmissionLimits = {
  connections: 500,
  connectionsPerAddress: 50,
  recipients: 100,
  bytes: 25 * 1024 * 1024,
  // To log in, and then for each mail.
  sessionMs: 15 * 60_000,
  // RFC 5321 §4.5.3.2.7 asks for five minutes.
  commandMs: 5 * 60_000,
  dataMs: 10 * 60_000,
};
/** AUTH says who wrote to the client (RFC 4954 §5), and is nothing to us. */
const MAIL_PARAMETERS = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'AUTH']);
const RCPT_PARAMETERS: ReadonlySet<string> = new Set();
const MOST_RECEIVED = 50;
const READ_WITHIN_MS = 15_000;
/** Mails up to this size are read one behind the other without a pause. */
const SMALL_BYTES = 64 * 1024;
const LATER = '4.3.0 This cannot be taken now, please try again later';

export type SubmissionLog = { error(fields: object, message: string): void };

export type SubmissionParts = Pick<LoginParts, 'authenticator'> & {
  host: string;
  port: number;
  /** The name in the greeting. */
  name: string;
  tls: { certificate: string; key: string };
  door: Pick<IntakeDoor, 'intake' | 'problems' | 'store'>;
  rates: Pick<RequestRates, 'take'>;
  /** Whether this gateway has made a Message-ID. */
  isOwnId: (messageId: string) => boolean;
  log: SubmissionLog;
  limits?: Partial<SubmissionLimits>;
  /** How often deadlines are looked at. */
  lookEveryMs?: number;
  /** Whether a client is on this machine, by its address; for tests. */
  isNear?: (address: string) => boolean;
};

export type SubmissionServer = {
  /** `host:port` as it is bound. */
  address: string;
  port: number;
  renewCertificate(tls: SubmissionParts['tls']): void;
  close(): Promise<void>;
};

type Transaction = {
  login: Login;
  mailFrom: string;
  recipients: Address[];
  /** In octets, as the client has told it (RFC 1870); 0: it has not. */
  size: number;
};

export async function startSubmission(parts: SubmissionParts): Promise<SubmissionServer> {
  const server = new Submissions(parts);
  const bound = await server.sessions.listen(parts, ({ message }) =>
    parts.log.error({ error: message }, 'the submission listener failed'),
  );
  return {
    ...bound,
    renewCertificate: (tls) => server.sessions.renewCertificate(tls),
    async close() {
      await server.sessions.close();
      await server.reader.close();
    },
  };
}

class Submissions {
  readonly sessions: SmtpSessions;
  readonly reader = new WatchedThread<Uint8Array, MailReading>(
    new URL('./mail-thread.ts', import.meta.url),
    READ_WITHIN_MS,
    ({ length }) => length <= SMALL_BYTES,
  );
  readonly #parts: SubmissionParts;
  readonly #limits: SubmissionLimits;
  readonly #replies: Replies;
  readonly #logins: Logins;
  readonly #room = new DataRoom();
  /** By the envelope, which every RSET, EHLO and end of data makes anew. */
  readonly #transactions = new WeakMap<object, Transaction>();

  constructor(parts: SubmissionParts) {
    const { door, authenticator } = parts;
    this.#parts = parts;
    this.#limits = { ...LIMITS, ...parts.limits };
    this.#replies = new Replies(() => door.problems.textsIn('en'));
    this.#logins = new Logins({ authenticator, store: door.store, replies: this.#replies });
    const isSafe = (connection: SmtpConnection): boolean =>
      connection.secure || (parts.isNear ?? isLoopback)(connection.remoteAddress);
    this.sessions = new SmtpSessions({
      name: parts.name,
      tls: parts.tls,
      limits: this.#limits,
      ...(parts.lookEveryMs === undefined ? {} : { lookEveryMs: parts.lookEveryMs }),
      options: {
        authMethods: ['PLAIN', 'LOGIN'],
        // Whether it is insecure is asked for below: it is not on loopback.
        allowInsecureAuth: true,
        hideENHANCEDSTATUSCODES: false,
        heloResponse: '%s',
        authRequiredMessage: '5.7.0 Log in first: AUTH with the user postern and a key',
        onAuth: (auth, session, done) =>
          void this.#onAuth(auth, session).then((login) =>
            login instanceof Refusal ? done(login) : done(null, { user: login }),
          ),
        onMailFrom: (path, session, done) => void this.#onMail(path, session).then(done),
        onRcptTo: (path, session, done) => void this.#onRcpt(path, session).then(done),
        onData: (stream, session, done) =>
          void this.#onData(stream, session).then((said) => (said instanceof Refusal ? done(said) : done(null, said))),
      },
      // A key in the clear is a key lost.
      mayLogIn: isSafe,
    });
  }

  async #onAuth(
    { username, password }: SMTPServerAuthentication,
    session: SMTPServerSession,
  ): Promise<Login | Refusal> {
    try {
      const login = await this.#logins.login(username ?? '', password ?? '', session.remoteAddress);
      if (!(login instanceof Refusal)) this.sessions.renew(session);
      return login;
    } catch (fault) {
      return this.#later(fault, 'a login cannot be looked at');
    }
  }

  async #onMail({ address, args }: SMTPServerAddress, session: SMTPServerSession): Promise<Refusal | null> {
    const unknown = unknownOf(args, MAIL_PARAMETERS);
    if (unknown !== null) return unknown;
    const size = args ? Number(args['SIZE'] ?? 0) : 0;
    try {
      const known = session.user as Login | undefined;
      const login = known === undefined ? null : await this.#logins.renewed(known, session.remoteAddress);
      if (login === null) {
        delete session.user;
        return new Refusal(530, '5.7.0 The key does not hold any more: log in again');
      }
      const { principal, caller } = login;
      if (!this.#room.hasRoomFor(principal.tenantNo, size)) return new Refusal(452, NO_ROOM);
      const network = countedNetwork(session.remoteAddress);
      const { refusal } = await this.#parts.rates.take({ principal, keyId: caller.keyId, network }, Date.now());
      if (refusal !== null) return this.#replies.ofReason(refusal);
      // Where it cannot be read it is nobody's address: mail from a machine of its own has such.
      const sender = readAddress(address);
      this.sessions.renew(session);
      const mailFrom = sender.ok ? address : '';
      this.#transactions.set(session.envelope, { login, mailFrom, recipients: [], size });
      return null;
    } catch (fault) {
      return this.#later(fault, 'a mail cannot be begun');
    }
  }

  async #onRcpt({ address: given, args }: SMTPServerAddress, session: SMTPServerSession): Promise<Refusal | null> {
    const unknown = unknownOf(args, RCPT_PARAMETERS);
    if (unknown !== null) return unknown;
    const transaction = this.#transactions.get(session.envelope);
    if (transaction === undefined) return new Refusal(503, '5.5.1 MAIL comes first');
    if (transaction.recipients.length >= this.#limits.recipients) {
      return new Refusal(452, `4.5.3 A mail has at most ${this.#limits.recipients} recipients`);
    }
    const reading = readAddress(onTheWire(given));
    if (!reading.ok || given.includes('\ufffd')) {
      const evidence = { address: given.slice(0, 254), problem: problemOf(given) };
      return this.#replies.ofCode('invalid_recipient', evidence);
    }
    const { address } = reading;
    if (!isAscii(address.email) && !(session.envelope as { smtpUtf8?: boolean }).smtpUtf8) {
      return new Refusal(553, '5.6.7 An address beyond ASCII needs SMTPUTF8');
    }
    if (transaction.recipients.some(({ key }) => key === address.key)) return null;
    try {
      const refusal = await this.#refusalOf(transaction, address);
      if (refusal === null) transaction.recipients.push(address);
      return refusal;
    } catch (fault) {
      return this.#later(fault, 'a recipient cannot be looked at');
    }
  }

  /** What is known of it without the content, the recipients before it counted; nothing is consumed. */
  async #refusalOf(transaction: Transaction, address: Address): Promise<Refusal | null> {
    const checked = await this.#checked(transaction, [...transaction.recipients, address]);
    if (checked instanceof Refusal) return checked;
    const reason = checked.at(-1)!.reasons.find(isKnownEarly);
    return reason === undefined ? null : this.#replies.ofReason(reason as DecidedReason);
  }

  /** Whether one of them would be refused at RCPT now. */
  async #isToldAtRcpt(transaction: Transaction): Promise<boolean> {
    const checked = await this.#checked(transaction, transaction.recipients);
    return checked instanceof Refusal || checked.some(({ reasons }) => reasons.some(isKnownEarly));
  }

  async #checked(
    { login, mailFrom }: Transaction,
    recipients: readonly Address[],
  ): Promise<Refusal | readonly Pick<RecipientVerdict, 'reasons'>[]> {
    const to = recipients.map(({ email }) => email);
    const from = mailFrom === '' ? null : mailFrom;
    const body = { from, identity: login.identity, to, subject: '-', text: '' };
    const checked = await this.#parts.door.intake.check({
      ...inputOf(login),
      ...{ body, idempotencyKey: null, untraced: true },
    });
    if (checked.outcome !== 'answer') return this.#replies.ofUndecided(checked);
    const { answer } = checked;
    if (answer.outcome === 'invalid') {
      return this.#replies.ofIssues('validation_failed', [{ code: 'invalid_parameter', ...answer }]);
    }
    return answer.recipients;
  }

  async #onData(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Refusal | string> {
    const transaction = this.#transactions.get(session.envelope);
    if (transaction === undefined) return new Refusal(503, '5.5.1 MAIL comes first');
    const holding = this.#room.enter(transaction.login.principal.tenantNo);
    try {
      if (!holding.expect(transaction.size)) return new Refusal(452, NO_ROOM);
      const octets = await this.sessions.read(stream, session, (bytes) => holding.add(bytes));
      if (octets instanceof Refusal) return octets;
      return await this.#submit(octets, transaction, session.remoteAddress);
    } catch (fault) {
      return this.#later(fault, 'a mail cannot be taken');
    } finally {
      holding.leave();
      this.sessions.renew(session);
    }
  }

  async #submit(octets: Uint8Array, transaction: Transaction, from: string): Promise<Refusal | string> {
    if (receivedIn(octets) > MOST_RECEIVED) return new Refusal(554, '5.4.6 Too many hops, this mail goes in circles');
    const reading = await this.reader.ask(octets);
    if (reading === null) return new Refusal(451, '4.3.0 The mail cannot be read now, please try again later');
    if (!reading.ok) return new Refusal(554, `5.6.0 The mail cannot be read: ${reading.why}`);
    const { mail } = reading;
    if (mail.messageId !== null && this.#parts.isOwnId(mail.messageId)) {
      return new Refusal(554, '5.4.6 This mail has left here before and goes in circles');
    }
    const { recipients, mailFrom } = transaction;
    const login = await this.#logins.renewed(transaction.login, from);
    if (login === null) return new Refusal(530, '5.7.0 The key does not hold any more: log in again');
    const read = submissionOfMail(mail, { mailFrom, recipients, identity: login.identity });
    if (!read.ok) {
      if ('sender' in read) return new Refusal(550, `5.7.1 The sender is refused: ${read.sender}`);
      return this.#replies.ofIssues('validation_failed', read.errors);
    }
    const { body, shown, idempotencyKey } = read;
    if (idempotencyKey !== null && !isIdempotencyKey(idempotencyKey)) {
      return this.#replies.ofCode('idempotency_key_invalid');
    }
    const input: SubmitInput = { ...inputOf(login), body, idempotencyKey, wholeOnly: true };
    const submitted = await this.#parts.door.intake.submit(shown === null ? input : { ...input, shown });
    const isRefused = submitted.outcome === 'answer' && submitted.answer.outcome === 'refused';
    return this.#replies.ofSubmitted(submitted, isRefused && (await this.#isToldAtRcpt(transaction)));
  }

  #later(fault: unknown, message: string): Refusal {
    const refusal = this.#replies.ofFault(fault);
    if (refusal !== null) return refusal;
    const isGone = fault instanceof Error && 'code' in fault && fault.code === 'ECONNECTION';
    if (!isGone) this.#parts.log.error({ error: String(fault) }, message);
    return new Refusal(451, LATER);
  }
}

function inputOf({ caller, principal }: Login): Omit<SubmitInput, 'body' | 'idempotencyKey'> {
  return {
    principal,
    requestId: newId('req'),
    agent: caller.agent,
    isAgentBound: caller.agent !== null,
    identities: caller.identities,
  };
}

/**
 * Whether a reason holds whatever the content is. Who may be in From is asked of the mail's own; the envelope's sender is held to the
 * domain alone, since bounces go to addresses that nobody sends from.
 */
function isKnownEarly({ code }: Pick<DecidedReason, 'code'>): boolean {
  return REASONS[code].http !== null && REASONS[code].category !== 'content' && code !== 'sender_not_authorized';
}

/** RFC 5321 §4.1.1.11: what is not done must not be promised by silence. */
function unknownOf(args: SMTPServerAddress['args'], known: ReadonlySet<string>): Refusal | null {
  const unknown = Object.keys(args || {}).find((name) => !known.has(name));
  return unknown === undefined ? null : new Refusal(555, `5.5.4 The parameter ${unknown.slice(0, 40)} is not offered`);
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

/** A domain beyond ASCII is sent as one that goes everywhere. */
function onTheWire(given: string): string {
  if (isAscii(given)) return given;
  const reading = readAddress(given);
  return reading.ok ? `${given.slice(0, given.lastIndexOf('@'))}@${reading.address.domain}` : given;
}

function problemOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  if (domain.startsWith('[')) return 'ip_literal';
  return domain.includes('.') ? 'syntax' : 'no_dot';
}
