/**
 * What an SMTP transport can be told, and what holds where it is told nothing.
 *
 * Invariant: where there is a password TLS is required, unless it was said otherwise or the host is this machine; where TLS is
 * required the certificate is verified. Deliberately absent: reading addresses (smtp-url.ts).
 */
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import type { AccessTokens } from './access-token.ts';

/**
 * Opens a connection, or gives one that is connecting; `signal` aborts when nobody waits for it any more. A rejection counts
 * as "no connection", never as a fault.
 */
export type Dial = (host: string, port: number, signal: AbortSignal) => Socket | Promise<Socket>;

/**
 * `mechanism` null: PLAIN where it is offered, else LOGIN. With XOAUTH2 `pass` is the access token, or, where there are `tokens`,
 * what they are fetched with.
 */
export type SmtpCredentials = {
  user: string;
  pass: string;
  mechanism: AuthMechanism | null;
  tokens: AccessTokens | null;
};

export const AUTH_MECHANISMS = ['plain', 'login', 'xoauth2'] as const;
export type AuthMechanism = (typeof AUTH_MECHANISMS)[number];

/** All in milliseconds; RFC 5321 §4.5.3.2 gives the minimum for those marked with their number. */
export type SmtpTimeouts = {
  /** Until TCP is established. */
  connectMs: number;
  /** Until a TLS handshake is done. */
  tlsMs: number;
  /** Until the greeting (.1). */
  greetingMs: number;
  /** Until the reply to EHLO, STARTTLS, AUTH, MAIL (.2), RCPT (.3) and RSET. */
  commandMs: number;
  /** Until the reply to DATA (.4). */
  dataMs: number;
  /** Until the system has taken one block of the body (.5). */
  blockMs: number;
  /** Until the reply to the final dot (.6). */
  dotMs: number;
  /** How long a kept connection may wait for its next delivery. */
  idleMs: number;
  /** How long the peer may take to close after QUIT. */
  quitMs: number;
};

export type SmtpOptions = {
  host: string;
  port: number;
  /** TLS from the first octet (RFC 8314 §3.3). Implies that certificates are verified. */
  secure?: boolean;
  /**
   * Nothing is sent before STARTTLS has succeeded and the certificate is verified. By default true where there is a
   * password, the host is not this machine, and `opportunisticTls` has not been set to false.
   */
  requireTls?: boolean;
  /** STARTTLS where it is offered, with any certificate; plain where it is not. Default true. */
  opportunisticTls?: boolean;
  user?: string;
  pass?: string;
  /** The one way of AUTH that may be used. Default: PLAIN, or LOGIN where that is not offered. */
  auth?: AuthMechanism;
  /** Where access tokens are fetched; `pass` is then the refresh token, behind the client's secret and a blank if it has one. */
  grant?: { tokenUrl: string; clientId: string; scope: string | null };
  /** What fetches them. */
  tokens?: AccessTokens;
  /** The name in EHLO. Default: this machine's name where it has a dot, else the literal [127.0.0.1]. */
  ehloName?: string;
  tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'minVersion' | 'servername' | 'rejectUnauthorized'>;
  /** Default 8. */
  maxConnections?: number;
  /** After so many deliveries a connection is given up, since many hosts end it then anyway. Default 100. */
  deliveriesPerConnection?: number;
  timeouts?: Partial<SmtpTimeouts>;
  /** Another dialler, for example one that checks addresses before it connects. */
  connect?: Dial;
};

export type SmtpSettings = {
  host: string;
  port: number;
  tlsMode: 'implicit' | 'required' | 'opportunistic' | 'never';
  tls: ConnectionOptions;
  credentials: SmtpCredentials | null;
  ehloName: string;
  maxConnections: number;
  deliveriesPerConnection: number;
  timeouts: SmtpTimeouts;
  connect: Dial | null;
};

const MINUTE = 60_000;

const DEFAULT_TIMEOUTS: SmtpTimeouts = {
  connectMs: 30_000,
  tlsMs: MINUTE,
  greetingMs: 5 * MINUTE,
  commandMs: 5 * MINUTE,
  dataMs: 2 * MINUTE,
  blockMs: 3 * MINUTE,
  dotMs: 10 * MINUTE,
  idleMs: 30_000,
  quitMs: 2000,
};

/** Letters, digits, hyphens and dots, or an address literal (RFC 5321 §4.1.1.1, §4.1.3): nothing that ends a command. */
export function isEhloName(name: string): boolean {
  return (
    name.length <= 255 &&
    (/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name) || /^\[[A-Za-z0-9.:]+\]$/.test(name))
  );
}

function ownName(): string {
  const name = hostname();
  return name.includes('.') && isEhloName(name) ? name : '[127.0.0.1]';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function tlsModeOf(options: SmtpOptions): SmtpSettings['tlsMode'] {
  if (options.secure) return 'implicit';
  const isRequiredByDefault =
    options.user !== undefined && options.opportunisticTls !== false && !isLoopback(options.host);
  if (options.requireTls ?? isRequiredByDefault) return 'required';
  return options.opportunisticTls === false ? 'never' : 'opportunistic';
}

/** Fills in the defaults. Throws on options that could never work. */
export function smtpSettings(options: SmtpOptions): SmtpSettings {
  const {
    host,
    port,
    user,
    pass = '',
    ehloName = ownName(),
    maxConnections = 8,
    deliveriesPerConnection = 100,
  } = options;
  if (!isEhloName(ehloName)) throw new RangeError('ehloName is neither a host name nor an address literal');
  // NUL parts the fields of PLAIN (RFC 4616), U+0001 those of XOAUTH2.
  if (`${user ?? ''}${pass}`.includes('\0')) throw new RangeError('user and pass must not hold NUL (RFC 4616)');
  if (options.auth === 'xoauth2' && `${user ?? ''}${pass}`.includes('\x01')) {
    throw new RangeError('user and token must not hold U+0001');
  }
  if (!(maxConnections >= 1)) throw new RangeError('maxConnections must be at least 1');
  const tlsMode = tlsModeOf(options);
  const isAddress = host.includes(':') || /^[\d.]+$/.test(host);
  return {
    host,
    port,
    tlsMode,
    tls: {
      host,
      servername: isAddress ? '' : host,
      rejectUnauthorized: tlsMode === 'implicit' || tlsMode === 'required',
      ...options.tls,
    },
    credentials:
      user === undefined ? null : { user, pass, mechanism: options.auth ?? null, tokens: options.tokens ?? null },
    ehloName,
    maxConnections,
    deliveriesPerConnection,
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    connect: options.connect ?? null,
  };
}
