/** Claimed recipients made up for tests of the relay alone, and a store that hands them out. */
import { newId } from '../../src/base/ids.ts';
import { openSecrets } from '../../src/base/secrets.ts';
import { openTokens } from '../../src/base/tokens.ts';
import { contentText } from '../../src/core/content-text.ts';
import type { Submission } from '../../src/core/message.ts';
import type { Blobs } from '../../src/data/blobs.ts';
import type { Claimed, Settlement } from '../../src/data/store.ts';

export const tokens = openTokens(openSecrets([{ version: 1, secret: 'a secret for tests' }]));

export function submission(change: Partial<Submission> = {}): Submission {
  const bob = { email: 'bob@example.com', name: null, key: 'bob@example.com', domain: 'example.com' };
  return {
    from: null,
    to: [bob],
    cc: [],
    bcc: [],
    replyTo: [],
    subject: 'Hello',
    text: 'It works.',
    html: null,
    template: null,
    attachments: [],
    headers: [],
    tags: [],
    metadata: [],
    kind: 'transactional',
    identity: null,
    threadId: null,
    inReplyTo: null,
    references: [],
    agent: null,
    leaseToken: null,
    purpose: null,
    dedupeKey: null,
    onDuplicate: 'replay',
    sendAt: null,
    onLimit: 'reject',
    expiresAt: null,
    ...change,
  };
}

let last = 0;

export function claimedOne(change: Partial<Claimed> & { submission?: Partial<Submission> } = {}): Claimed {
  const { submission: said, ...rest } = change;
  const inline = Buffer.from(contentText(submission(said)));
  const recipient = ++last;
  return {
    recipient,
    recipientId: newId('rcp'),
    message: recipient,
    messageId: newId('msg'),
    tenantNo: 1,
    tenantId: 'ten_test',
    mode: 'live',
    token: 1,
    attempt: 1,
    now: Date.UTC(2026, 10, 2),
    createdAt: Date.UTC(2026, 10, 2),
    expiresAt: Date.UTC(2026, 10, 5),
    kind: 'transactional',
    email: 'bob@example.com',
    from: { email: 'alice@sender.example', name: 'Alice' },
    content: { inline },
    size: inline.length,
    possibleDuplicate: false,
    tracksReplies: false,
    route: {
      provider: { no: 0, id: 'default', name: 'default', kind: 'default', version: 0 },
      mailbox: null,
      why: ['only'],
    },
    ...rest,
  };
}

export function memoryBlobs(stored: Record<string, Uint8Array> = {}): Blobs {
  const blobs = new Map(Object.entries(stored));
  return {
    put: async (sha256, bytes) => void blobs.set(sha256, bytes),
    get: async (sha256) => blobs.get(sha256) ?? null,
    hold: () => () => undefined,
    removeUnused: async (names, unused) => {
      for (const name of await unused([...names])) blobs.delete(name);
    },
    settled: async () => [],
  };
}

/** A store of claims in memory. `due` is handed out as room is asked for; a test waits for settlements by count. */
export class ClaimStore {
  readonly settled: Settlement[] = [];
  readonly returned: { recipient: number; kind: string }[] = [];
  readonly asked: { most: number; live: boolean }[] = [];
  #due: Claimed[];
  #listeners: (() => void)[] = [];
  #waiting: { count: number; resolve: () => void }[] = [];
  /** What a call does before it answers: a test's faults and delays. */
  before: Partial<Record<'claim' | 'mark' | 'settle', () => Promise<void>>> = {};
  mayGo = true;

  constructor(due: Claimed[]) {
    this.#due = due;
  }

  onDue = (listener: () => void): void => {
    this.#listeners.push(listener);
  };

  add(...due: Claimed[]): void {
    this.#due.push(...due);
    for (const tell of this.#listeners) tell();
  }

  dueIn = async (): Promise<number | null> => {
    if (this.#due.length === 0) return null;
    this.add();
    return 0;
  };

  claim = async (input: { most: number; live: boolean }): Promise<Claimed[]> => {
    this.asked.push(input);
    await this.before.claim?.();
    const fits = (claimed: Claimed): boolean => input.live || claimed.mode === 'test';
    const taken = this.#due.filter(fits).slice(0, input.most);
    this.#due = this.#due.filter((claimed) => !taken.includes(claimed));
    if (this.#due.length > 0) queueMicrotask(() => this.add());
    return taken;
  };

  mark = async (): Promise<boolean> => {
    await this.before.mark?.();
    return this.mayGo;
  };

  renew = async (): Promise<number[]> => [];

  settle = async (settlement: Settlement): Promise<boolean> => {
    await this.before.settle?.();
    this.settled.push(settlement);
    for (const { count, resolve } of this.#waiting) if (this.settled.length >= count) resolve();
    return true;
  };

  simulateReturn = async (input: { recipient: number; kind: string }): Promise<boolean> => {
    this.returned.push(input);
    return true;
  };

  /** Resolves when so many settlements were made. */
  settlements(count: number): Promise<void> {
    if (this.settled.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}
