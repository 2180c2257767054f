/** The categories of reasons in order of precedence, for headings. */

import type { Category } from './entry.ts';

export const CATEGORIES: Readonly<Record<Category, { title: string; about: string }>> = {
  access: {
    title: 'Access and request',
    about: 'The request never reaches the policy. Nothing is decided or stored, and there is no message id.',
  },
  account: { title: 'Account', about: 'They stop every recipient of a message alike.' },
  sender: { title: 'Sender', about: 'They are about the From address, its domain, the identity and the provider.' },
  content: { title: 'Content', about: 'They are about the template and the finished content.' },
  recipient: { title: 'Recipient', about: 'They stop one recipient; the others of the message go their way.' },
  limit: { title: 'Limits and reputation', about: 'Waiting is enough, and a refusal adds nothing to any count.' },
  hold: { title: 'Holds and slots', about: 'The message is accepted with 202 and waits. None of them is an error.' },
  platform: { title: 'Platform', about: "They are the gateway's own. Repeat with the same Idempotency-Key." },
};

/** Who can clear a reason, in words. */
export const CLEARERS = {
  time: 'Waiting is enough.',
  caller: 'You can, by changing the request.',
  tenant: "The tenant's own admin.",
  operator: 'The operator, who runs Postern.',
  recipient: 'Only the recipient, by their own action.',
  never: 'Nobody; only an entry made in error is removed.',
} as const;
