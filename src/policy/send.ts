/** What a decision knows of a message and of one recipient, beside the facts. Plain data; stored with the message. */
import type { MessageKind } from '../core/message.ts';
import type { ContentFacts } from './facts-content.ts';
import type { TemplateFacts } from './facts-template.ts';
import type { ContentFeatures } from './risk/features.ts';

export type Send = {
  kind: MessageKind;
  onLimit: 'reject' | 'defer';
  /** The departure asked for, in milliseconds, or null for now. */
  sendAt: number | null;
  /** Ids of the scopes that the whole message has; null where it has none. */
  scopes: {
    tenant: string;
    app: string;
    installation: string;
    identity: string | null;
    agent: string | null;
  };
  /** Its From address, the domain in lower-case A-labels; absent where nobody asks who sends. */
  from?: { email: string; domain: string; name: string | null };
  /** Handles or ids of the identities that the key is bound to; absent: all. */
  identities?: readonly string[];
  /** Octets of content that are stored when the message is accepted. */
  contentSize: number;
  /** The token of the lease under which the message is sent, where one was given. */
  leaseToken?: string | null;
  /** What the scan of the content found; absent where nothing did. */
  findings?: ContentFacts;
  /** Slug of the template that the message was made from. */
  template?: string | null;
  /** What is known of that template when the message is decided on; absent also where that is over. */
  templateFacts?: TemplateFacts | null;
  /** What the risk score sees of the content; absent where the content is not looked at again. */
  content?: ContentFeatures;
};

/** What an address tells by itself; null where that is nothing. */
export type AddressTraits = {
  /** The role that the local part names, or null. */
  role: string | null;
  /** Its domain gives out addresses to be thrown away. */
  isDisposable: boolean;
  /** The address that may have been meant, or null. */
  suggestion: string | null;
};

export type SendRecipient = {
  /** The key of its address (`Address.key`). */
  key: string;
  domain: string;
  /** Why no mail can reach it whatever the ledger says, or null. */
  undeliverable: string | null;
  /** The reason that a simulator address asks for, or null. */
  simulated: string | null;
  traits?: AddressTraits | null;
  /** The way on which it counts; absent or null: on none. */
  route?: RecipientRoute | null;
  /** It counts in the gaps that its sender keeps between first contacts. */
  isPaced?: boolean;
};

/** By numbers: a mailbox (null: the implied one) on a provider (0: the gateway's own). */
export type RecipientRoute = {
  provider: number;
  mailbox: number | null;
  /** When it counts there, in milliseconds, where that is not its departure. */
  at: number | null;
};

/** The time that it asks for, in milliseconds: that which is past is now. */
export function departureAskedFor(send: Send, now: number): number {
  return send.sendAt !== null && send.sendAt > now ? send.sendAt : now;
}
