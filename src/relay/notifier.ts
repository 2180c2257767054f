/**
 * The notifier: carries notices to people, over the gateway's own provider, beside all queues, limits and policies.
 *
 * What holds: it waits for the store's word and asks for nothing while idle; a copy is taken, carried and settled, and one that
 * ended without a word is given out again, so that each is delivered at least once or given up after three days; in test mode,
 * and where mail stays on this machine, it goes to the sink. A fault here never harms a delivery of a tenant's.
 */
import { nextAttemptAt } from '../core/backoff.ts';
import type { DueNotice, NoticeEnd } from '../data/port/notices.ts';
import type { Store } from '../data/store.ts';
import { classify, type ReplyRules } from './classify.ts';
import type { Composer } from './composer.ts';
import type { DkimKey } from './dkim.ts';
import { NOTICE_SENDER, noticeMail } from './notice-mail.ts';
import type { RelayLog } from './relay-log.ts';
import { replyText } from './settlement.ts';
import type { Carrier, DeliveryResult } from './transports/transport.ts';

export type NotifierParts = {
  store: Pick<Store, 'takeNotices' | 'settleNotice' | 'captureNotice' | 'onNotices'>;
  composer: Pick<Composer, 'compose'>;
  domain: string;
  /** The gateway's keys. */
  keysFor: () => Promise<readonly DkimKey[]>;
  /** Null: mail stays in the sink. */
  outbound: Carrier | null;
  rules: ReplyRules;
  log: RelayLog;
};

const AT_ONCE = 8;
const GIVEN_UP_AFTER_MS = 3 * 86_400_000;
const LONGEST_WAIT_MS = 60_000;
const FAULT_PAUSE_MS = 5000;

export class Notifier {
  readonly #parts: NotifierParts;
  #running: Promise<void> | null = null;
  #isWoken = false;
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.store.onNotices(() => this.#wake());
    this.#wake();
  }

  stop(): void {
    this.#isStopping = true;
    clearTimeout(this.#timer);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #wake(): void {
    this.#isWoken = true;
    if (this.#running !== null || this.#isStopping) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    let waitMs: number | null = 0;
    while ((waitMs === 0 || this.#isWoken) && !this.#isStopping) {
      this.#isWoken = false;
      try {
        const { due, nextInMs } = await this.#parts.store.takeNotices({ most: AT_ONCE });
        await Promise.all(due.map((notice) => this.#carry(notice)));
        waitMs = due.length === AT_ONCE ? 0 : nextInMs;
      } catch (fault) {
        this.#parts.log.warn({ error: String(fault) }, 'notices cannot be delivered now');
        waitMs = FAULT_PAUSE_MS;
      }
    }
    if (waitMs === null || this.#isStopping) return;
    this.#timer = setTimeout(() => this.#wake(), Math.min(waitMs, LONGEST_WAIT_MS)).unref();
  }

  async #carry(notice: DueNotice): Promise<void> {
    const { copy, attempt } = notice;
    await this.#parts.store.settleNotice({ copy, attempt, end: await this.#attempt(notice) });
  }

  async #attempt(notice: DueNotice): Promise<NoticeEnd> {
    const { composer, domain, keysFor } = this.#parts;
    try {
      const { bytes } = await composer.compose({
        message: noticeMail(notice, { domain }),
        dkim: await keysFor(),
      });
      const carrier = notice.mode === 'live' ? (this.#parts.outbound ?? this.#sink(notice)) : this.#sink(notice);
      const result = await carrier.deliver({
        from: `${NOTICE_SENDER}@${domain}`,
        to: notice.email,
        content: bytes,
        // Twice is better than not at all: nothing is marked, and an unknown end is tried again.
        beforeDot: async () => !this.#isStopping,
      });
      return this.#endOf(notice, result);
    } catch (fault) {
      this.#parts.log.error({ notice: notice.id, error: String(fault) }, 'a notice failed here');
      return this.#later(notice, 'the gateway failed over this notice');
    }
  }

  #sink({ copy, attempt }: DueNotice): Carrier {
    return {
      deliver: async ({ from, to, content }) => {
        const isKept = await this.#parts.store.captureNotice({ copy, attempt, from, to, raw: content });
        const reply = { code: 250, enhanced: '2.0.0', text: 'kept in the sink' };
        return isKept ? { outcome: 'taken', reply } : { outcome: 'stopped' };
      },
    };
  }

  #endOf(notice: DueNotice, result: DeliveryResult): NoticeEnd {
    if (result.outcome === 'stopped') return { outcome: 'again', at: notice.now, reply: 'the gateway stopped' };
    const reply = replyText(result.reply);
    if (result.outcome === 'taken') return { outcome: 'sent', reply };
    if (result.outcome === 'uncertain') return this.#later(notice, reply);
    const { retry } = classify(result.reply, result.stage, this.#parts.rules);
    return result.outcome === 'refused' && retry === 'none' ? { outcome: 'failed', reply } : this.#later(notice, reply);
  }

  #later({ attempt, createdAt, now }: DueNotice, reply: string): NoticeEnd {
    if (now - createdAt > GIVEN_UP_AFTER_MS) return { outcome: 'failed', reply };
    return { outcome: 'again', at: nextAttemptAt({ attempt, retry: 'normal', now, random01: Math.random() }), reply };
  }
}
