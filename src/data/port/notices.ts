/** The part of the port that tells people: notices queued with the change they tell of, and their delivery. */
import type { Mode } from '../../core/message.ts';
import type { Page, Paging } from './page.ts';

/** What one occasion has to say. */
export type NoticeText = {
  /** One line, without an end mark. */
  subject: string;
  /** Paragraphs in order. */
  lines: string[];
};

export type NoticeCopyState = 'waiting' | 'sent' | 'failed';

/** One addressee of a notice. */
export type NoticeCopy = {
  email: string;
  state: NoticeCopyState;
  attempts: number;
  /** Milliseconds; null once it was sent or given up. */
  nextAttemptAt: number | null;
  /** The last answer, or null before the first. */
  reply: string | null;
};

export type NoticeRow = {
  no: number;
  id: string;
  tenantId: string;
  mode: Mode;
  kind: string;
  /** Several where they came too fast for a mail each. */
  texts: NoticeText[];
  createdAt: number;
  copies: NoticeCopy[];
};

/** A copy to deliver now: nobody else is given it for two minutes. */
export type DueNotice = {
  copy: number;
  /** Fencing token. */
  attempt: number;
  id: string;
  tenantName: string;
  tenantId: string;
  mode: Mode;
  kind: string;
  texts: NoticeText[];
  createdAt: number;
  email: string;
  /** Milliseconds of the store's clock. */
  now: number;
};

export type NoticeEnd =
  | { outcome: 'sent'; reply: string }
  | { outcome: 'failed'; reply: string }
  | { outcome: 'again'; at: number; reply: string };

export interface NoticesWrites {
  /** Copies that are due, and the milliseconds until the next one is: null when none waits. */
  takeNotices(input: { most: number }): Promise<{ due: DueNotice[]; nextInMs: number | null }>;
  /** False where the copy was taken by somebody else meanwhile. */
  settleNotice(input: { copy: number; attempt: number; end: NoticeEnd }): Promise<boolean>;
  /** Keeps the mail of a notice that leaves nowhere in the sink of its tenant and mode. */
  captureNotice(input: { copy: number; attempt: number; from: string; to: string; raw: Uint8Array }): Promise<boolean>;
}

export interface NoticesReads {
  /** Newest first. `tenantNo` null: of all tenants. */
  notices(input: Paging & { tenantNo: number | null; mode: Mode | null }): Promise<Page<NoticeRow>>;
  noticeById(input: { id: string }): Promise<NoticeRow | null>;
}
