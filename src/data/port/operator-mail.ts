/** The part of the port that keeps mail for whoever runs the gateway (postmaster@, abuse@), which belongs to no tenant. */
import type { Page, Paging } from './page.ts';

export type NewOperatorMail = {
  /** Envelope sender: '' is the null sender. */
  mailFrom: string;
  rcptTo: string;
  from: { email: string; name: string | null } | null;
  subject: string;
  /** What a person reads, cut; null: nothing could be read. */
  text: string | null;
  /** Of octets and address: the same mail is kept once. */
  digest: string;
  raw: Uint8Array;
};

/** `receivedAt` in milliseconds, `size` in octets. */
export type OperatorMailRow = Omit<NewOperatorMail, 'raw' | 'digest'> & {
  id: string;
  receivedAt: number;
  size: number;
};

export interface OperatorMailWrites {
  /** Keeps it; the oldest make room. Answers with its id, also where it was kept before. */
  keepOperatorMail(mail: NewOperatorMail): Promise<string>;
  /** False: there is no such mail. */
  removeOperatorMail(input: { id: string }): Promise<boolean>;
}

export interface OperatorMailReads {
  /** Newest first. */
  operatorMail(input: Paging): Promise<Page<OperatorMailRow>>;
  operatorMailById(input: { id: string }): Promise<OperatorMailRow | null>;
  operatorMailRaw(input: { id: string }): Promise<Uint8Array | null>;
  /** Whether any tenant has this sender domain, whatever its state. */
  isSenderDomain(input: { name: string }): Promise<boolean>;
}
