/**
 * AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN as mail servers have it, and XOAUTH2 as Google and Microsoft have it.
 *
 * Invariant: no secret is sent that the next hop has no offered mechanism for.
 * Deliberately absent: CRAM-MD5 and SCRAM; where the link is encrypted no secret is safer for them.
 */
import type { Answer, Link } from './link.ts';
import type { Offers } from './offers.ts';
import type { SmtpCredentials } from './settings.ts';

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const isContinue = (answer: Answer): boolean => answer.code === 334 && answer.fault === null;

const NAMES = { plain: 'PLAIN', login: 'LOGIN', xoauth2: 'XOAUTH2' } as const;

/** The last reply, or in words why nothing was said. */
export async function authenticate(
  link: Link,
  credentials: SmtpCredentials,
  offers: Offers,
  commandMs: number,
): Promise<Answer | string> {
  const { user, pass, mechanism } = credentials;
  const wanted = mechanism === null ? (['plain', 'login'] as const) : ([mechanism] as const);
  const chosen = wanted.find((name) => offers.authMechanisms.includes(NAMES[name]));
  if (chosen === undefined) return lacking(wanted, offers);
  if (chosen === 'xoauth2') return xoauth2(link, credentials, commandMs);
  // PLAIN carries everything in the command; a server that asks all the same gets it then.
  const secrets = chosen === 'plain' ? [base64(`\0${user}\0${pass}`)] : [base64(user), base64(pass)];
  let answer = await link.ask(chosen === 'plain' ? `AUTH PLAIN ${secrets[0]}\r\n` : 'AUTH LOGIN\r\n', commandMs);
  for (const secret of secrets) {
    if (!isContinue(answer)) break;
    answer = await link.ask(`${secret}\r\n`, commandMs);
  }
  return answer;
}

function lacking(wanted: readonly (keyof typeof NAMES)[], { authMechanisms }: Offers): string {
  const names = wanted.map((name) => `AUTH ${NAMES[name]}`);
  const lacks = names.length === 1 ? `does not offer ${names[0]}` : `offers neither ${names.join(' nor ')}`;
  const known = authMechanisms.slice(0, 10).join(', ');
  return `the next hop ${lacks}${known === '' ? '' : `, but ${known}`}`;
}

/** A "no" comes as a 334 with the reason in JSON, and its real reply behind an empty line. */
async function xoauth2(
  link: Link,
  { user, pass, tokens }: SmtpCredentials,
  commandMs: number,
): Promise<Answer | string> {
  const taken = tokens === null ? { token: pass } : await tokens.take();
  if ('why' in taken) return taken.why;
  const secret = base64(`user=${user}\x01auth=Bearer ${taken.token}\x01\x01`);
  let answer = await link.ask(`AUTH XOAUTH2 ${secret}\r\n`, commandMs);
  if (isContinue(answer)) answer = await link.ask('\r\n', commandMs);
  if (answer.code !== null && answer.code >= 500) tokens?.drop();
  return answer;
}
