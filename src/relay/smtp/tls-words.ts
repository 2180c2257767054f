/** What a TLS connection came to, in words for whoever runs the next hop or this gateway. */
import type { TLSSocket } from 'node:tls';

/** A TLS connection as it is. */
export type TlsSeen = {
  /** For example "TLSv1.3". */
  protocol: string;
  /** Its IANA name, for example "TLS_AES_256_GCM_SHA384". */
  cipher: string;
  /** Why the certificate proves nothing; null: it is valid for the host. */
  untrusted: string | null;
};

const WORDS: Record<string, (host: string) => string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: (host) => `the certificate of ${host} is self-signed`,
  SELF_SIGNED_CERT_IN_CHAIN: (host) => `the certificate of ${host} comes from an authority that is not trusted here`,
  UNABLE_TO_GET_ISSUER_CERT: (host) => `the certificate of ${host} comes from an authority that is not trusted here`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (host) =>
    `the certificate of ${host} comes from an authority that is not trusted here`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: (host) =>
    `the certificate of ${host} cannot be verified: the server does not send the certificates between it and its authority, or the authority is not trusted here`,
  CERT_HAS_EXPIRED: (host) => `the certificate of ${host} has expired`,
  CERT_NOT_YET_VALID: (host) => `the certificate of ${host} is not valid yet`,
  CERT_REVOKED: (host) => `the certificate of ${host} was revoked`,
  ERR_TLS_CERT_ALTNAME_INVALID: (host) => `the certificate is for other names than ${host}`,
  ERR_SSL_WRONG_VERSION_NUMBER: (host) => `${host} does not speak TLS at this port from the first octet`,
  EPROTO: (host) => `${host} does not speak TLS at this port from the first octet`,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: (host) => `${host} does not speak TLS at this port from the first octet`,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: (host) => `${host} and this gateway share no version of TLS`,
  ERR_SSL_UNSUPPORTED_PROTOCOL: (host) => `${host} and this gateway share no version of TLS`,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: (host) => `${host} and this gateway share no version of TLS`,
};

type Fault = Error & { code?: string };

/** `error.code` where it is one of ours to explain, else the error's own words. */
export function tlsFault(error: Fault, host: string): string {
  const words = WORDS[error.code ?? '']?.(host);
  return words ?? (error.message || error.code || error.name);
}

export function tlsSeen(socket: TLSSocket, host: string): TlsSeen {
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    untrusted: socket.authorized ? null : untrustedWords(socket.authorizationError as unknown, host),
  };
}

/** Node gives the error, its code, or its message, as it finds it. */
function untrustedWords(error: unknown, host: string): string {
  if (error instanceof Error) return tlsFault(error, host);
  const text = String(error ?? 'the certificate was not checked');
  return WORDS[text]?.(host) ?? text;
}
