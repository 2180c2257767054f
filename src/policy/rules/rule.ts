/** The shape of a rule: one pure function, one file. It looks at the facts and answers with what it found; nothing is a pass. */
import type { Policy } from '../document.ts';
import type { Facts } from '../facts.ts';
import type { Send, SendRecipient } from '../send.ts';
import type { Finding } from '../verdict.ts';

export type Rule = (send: Send, recipient: SendRecipient, facts: Facts, policy: Policy) => readonly Finding[];

/** What a rule answers when it finds nothing. */
export const PASS: readonly Finding[] = [];
