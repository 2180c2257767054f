/**
 * The conversation of a send: the one it names, or that of a message it answers. Only a send that names or answers something asks
 * for it; all others begin one of their own, which costs nothing.
 */
import type { Submission } from '../core/message.ts';
import type { ThreadFound } from '../data/port/threads.ts';
import type { Principal, Store } from '../data/store.ts';

/** How msg-ids of ours are made and known. */
export type MessageIds = {
  /** The id of the message of this tenant that a msg-id names; null where it is not ours, or another's. */
  read(messageId: string, tenantNo: number): string | null;
  make(messageId: string, tenantNo: number): string;
};

/** Whether it names a conversation, or a message that it answers. */
export function namesThread({ threadId, inReplyTo, references }: Submission): boolean {
  return threadId !== null || inReplyTo !== null || references.length > 0;
}

export class Threads {
  readonly #store: Pick<Store, 'threadFor'>;
  readonly #ids: MessageIds | null;

  constructor(store: Pick<Store, 'threadFor'>, ids: MessageIds | null) {
    this.#store = store;
    this.#ids = ids;
  }

  /**
   * The submission with its conversation, and with what it answers where it names a conversation alone. `unknown`: it names one that
   * is not there.
   */
  async join(principal: Principal, submission: Submission): Promise<Submission | 'unknown'> {
    const { threadId, inReplyTo, references } = submission;
    if (!namesThread(submission)) return submission;
    const { tenantNo, mode } = principal;
    // What it answers comes first, then the newest of what came before.
    const answered = [...(inReplyTo === null ? [] : [inReplyTo]), ...references.toReversed()];
    const own = answered.map((id) => this.#ids?.read(id, tenantNo) ?? null);
    const found = await this.#store.threadFor({
      ...{ tenantNo, mode, threadId },
      messageIds: own.filter((id) => id !== null),
      foreignIds: answered.filter((_id, i) => own[i] === null),
    });
    if (found === 'unknown') return 'unknown';
    if (found === null) return submission;
    const isAlone = inReplyTo === null && references.length === 0;
    return { ...submission, threadId: found.threadId, ...(isAlone ? this.#answering(found, tenantNo) : {}) };
  }

  /** RFC 5322 §3.6.4: what is answered, and the chain as far as it is needed to find the beginning. */
  #answering({ first, last, answered }: ThreadFound, tenantNo: number): Partial<Submission> {
    const ids = this.#ids;
    if (ids === null) return {};
    const made = [...new Set([first, last])].filter((id) => id !== '').map((id) => ids.make(id, tenantNo));
    const chain = answered === null ? made : [...made, answered];
    return { inReplyTo: chain.at(-1) ?? null, references: chain };
  }
}
