/** What a peer asks for, sealed for the row it belongs to. */
import type { Secrets } from './secrets.ts';

export type Credentials = { user: string; pass: string };

/** `context` names the row: `provider/<id>`, `mailbox/<id>`, `mailbox/<id>/imap`. */
export function sealCredentials(secrets: Secrets, { user, pass }: Credentials, context: string): Uint8Array {
  return secrets.seal(Buffer.from(JSON.stringify({ user, pass })), context);
}

/** Null where they cannot be opened: sealed under a secret that is gone, or for another row. */
export function openCredentials(secrets: Secrets, sealed: Uint8Array, context: string): Credentials | null {
  const plain = secrets.open(sealed, context);
  return plain === null ? null : (JSON.parse(Buffer.from(plain).toString('utf8')) as Credentials);
}
