/** Reads `smtp://` and `smtps://` addresses of a next hop. */
import { domainToASCII } from 'node:url';
import { AUTH_MECHANISMS, isEhloName, type SmtpOptions } from './settings.ts';

const TLS_MODES = ['required', 'opportunistic', 'never'];

/** The options, or what is wrong in a sentence for the operator; it never repeats the password. */
export type SmtpUrl = { options: SmtpOptions } | { error: string };

/**
 * `smtp://user:pass@host:port` (port 587 with a user, else 25) or `smtps://…` (TLS from the first octet, port 465).
 * Parameters: `tls=required|opportunistic|never` (smtp only), `verify=no` (take any certificate), `auth=plain|login|xoauth2` (with the
 * last one the password is the access token, or with `token_url=`, `client_id=` and perhaps `scope=` what it is fetched with), `name=` (for EHLO),
 * `connections=` (at most 1,000).
 */
export function parseSmtpUrl(text: string): SmtpUrl {
  if (!URL.canParse(text))
    return { error: 'The SMTP address is not a URL; write smtp://user:pass@host:port, with %40 for @ and %2F for /.' };
  const url = new URL(text);
  const isSecure = url.protocol === 'smtps:';
  if (!isSecure && url.protocol !== 'smtp:') return { error: 'The SMTP address must begin with smtp:// or smtps://.' };
  const host = hostOf(url.hostname);
  if (host === '') return { error: 'The SMTP address names no host.' };
  if (url.pathname.replace('/', '') !== '' || url.hash !== '') {
    return {
      error: 'Nothing may follow the host and port but parameters; write %2F for / and %23 for # in a password.',
    };
  }
  const user = decode(url.username);
  const pass = decode(url.password);
  if (user === null || pass === null) return { error: 'User or password hold a % that is no escape; write %25 for %.' };
  if (user === '' && pass !== '') return { error: 'The SMTP address has a password but no user.' };
  const options: SmtpOptions = { host, port: Number(url.port) || (isSecure ? 465 : user === '' ? 25 : 587) };
  if (isSecure) options.secure = true;
  if (user !== '') Object.assign(options, { user, pass });
  for (const [name, value] of url.searchParams) {
    const error = readParameter(options, name, value);
    if (error !== null) return { error };
  }
  const error = grantError(options);
  return error === null ? { options } : { error };
}

function grantError({ grant, auth, user = '', pass = '' }: SmtpOptions): string | null {
  if (auth === 'xoauth2' && `${user}${pass}`.includes('\x01')) return 'User or token hold a control character.';
  if (grant === undefined) return null;
  if (auth !== 'xoauth2') return 'The parameters token_url, client_id and scope are for auth=xoauth2.';
  return grant.tokenUrl === '' || grant.clientId === '' ? 'The parameters token_url and client_id go together.' : null;
}

/** A bracketed address without its brackets, a name as A-label; empty where it is neither. */
function hostOf(hostname: string): string {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  return domainToASCII(decode(hostname) ?? '');
}

function decode(text: string): string | null {
  try {
    const plain = decodeURIComponent(text);
    return plain.includes('\0') ? null : plain;
  } catch {
    return null;
  }
}

function readParameter(options: SmtpOptions, name: string, value: string): string | null {
  if (name === 'tls') {
    if (options.secure) return 'The parameter tls is for smtp:// only; smtps:// always has TLS.';
    if (!TLS_MODES.includes(value)) return 'The parameter tls must be required, opportunistic or never.';
    options.requireTls = value === 'required';
    options.opportunisticTls = value !== 'never';
    return null;
  }
  if (name === 'verify') {
    if (value !== 'yes' && value !== 'no') return 'The parameter verify must be yes or no.';
    options.tls = { rejectUnauthorized: value === 'yes' };
    return null;
  }
  if (name === 'auth') {
    const mechanism = AUTH_MECHANISMS.find((known) => known === value);
    if (mechanism === undefined) return 'The parameter auth must be plain, login or xoauth2.';
    options.auth = mechanism;
    return null;
  }
  if (name === 'token_url' || name === 'client_id' || name === 'scope') return readGrant(options, name, value);
  if (name === 'name') {
    options.ehloName = value;
    return isEhloName(value) ? null : 'The parameter name must be a host name or an address literal.';
  }
  if (name === 'connections') {
    options.maxConnections = /^\d{1,4}$/.test(value) ? Number(value) : 0;
    return options.maxConnections >= 1 && options.maxConnections <= 1000
      ? null
      : 'The parameter connections must be a number from 1 to 1000.';
  }
  return 'The SMTP address has an unknown parameter; known are tls, verify, auth, token_url, client_id, scope, name and connections.';
}

function readGrant(options: SmtpOptions, name: 'token_url' | 'client_id' | 'scope', value: string): string | null {
  const grant = options.grant ?? { tokenUrl: '', clientId: '', scope: null };
  options.grant = grant;
  if (value === '' || value.length > 2000) return `The parameter ${name} is empty or too long.`;
  if (name === 'client_id') grant.clientId = value;
  if (name === 'scope') grant.scope = value;
  if (name !== 'token_url') return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url?.protocol !== 'https:' || url.username !== '') return 'The parameter token_url must begin with https://.';
  grant.tokenUrl = url.href;
  return null;
}
