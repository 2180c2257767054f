/**
 * Composing and signing in threads of their own, so that neither the octets of a 25 MB attachment nor thousands of small
 * messages hold up HTTP and SMTP.
 *
 * What holds: each `compose` is answered once; at most `maxWaiting` messages and `maxWaitingBytes` octets are under way, more is
 * refused at once; when a thread dies, what was under way in it is rejected and the next message starts another thread, so
 * that nothing restarts in a loop by itself. Octets are moved between threads, not copied.
 *
 * Absent on purpose: trying again (a message that brings a thread down would do so each time; its attempts are counted
 * elsewhere), and a heap limit for the threads: V8 ends the whole process where one is reached in a single step.
 */

import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { ComposedMessage, OutgoingMessage } from './compose.ts';
import { ComposeFault } from './compose-fault.ts';
import type { DkimKey } from './dkim.ts';

export type ComposeRequest = {
  /**
   * The octets of its attachments are handed over: where a `Uint8Array` covers its whole `ArrayBuffer`, that is moved to the
   * thread and is empty afterwards.
   */
  message: OutgoingMessage;
  possibleDuplicate?: boolean;
  /** A signature for each, the first one uppermost. The key objects are to be kept: each new one crosses to a thread and stays. */
  dkim?: readonly DkimKey[];
};

export type Composer = {
  /**
   * Rejects with a ComposeFault for a message that cannot be put on the wire, a ComposerBusy above the bounds, and a plain Error
   * when its thread died or the composer is closed.
   */
  compose(request: ComposeRequest): Promise<ComposedMessage>;
  /** Waits for what is under way, then ends the threads. */
  close(): Promise<void>;
};

export type ComposerOptions = {
  /**
   * Default 1. Two cores, 2 kB of text and HTML, 64 under way: 10 k messages a second, 2.8 k with RSA-2048 (two thirds of it in
   * libuv's pool), 5 k with Ed25519, and the caller's thread 0.1 to 0.2 busy. On the caller's own thread it is 11 to 15 k, 3.3 k and
   * 6 to 8 k, and that thread does nothing else.
   */
  threads?: number;
  maxWaiting?: number;
  /** A single message may be larger; it then waits alone. */
  maxWaitingBytes?: number;
  /** What the threads run, where it is not compose-worker beside this file. */
  script?: URL;
};

export class ComposerBusy extends Error {
  override readonly name = 'ComposerBusy';
}

/** A key crosses to a thread once and is named by its number from then on: cloning one takes longer than composing. */
export type WorkerRequest = {
  id: number;
  request: Pick<ComposeRequest, 'message' | 'possibleDuplicate'>;
  signers: { domain: string; selector: string; key: number }[];
  newKeys: [number: number, key: KeyObject][];
};
export type WorkerAnswer =
  | { id: number; composed: ComposedMessage }
  | { id: number; fault: { field: string; problem: string } | { error: unknown } };

type Waiting = {
  resolve: (composed: ComposedMessage) => void;
  reject: (reason: unknown) => void;
  bytes: number;
};

type Thread = {
  worker: Worker | null;
  waiting: Map<number, Waiting>;
  outbox: WorkerRequest[];
  /** The numbers of keys that the thread has. */
  keys: WeakMap<KeyObject, number>;
};

/** Beside this file and of the same kind: .ts as it stands in the repository, .js as it is published. */
const SCRIPT = new URL(import.meta.url.replace(/composer(\.[jt]s)$/, 'compose-worker$1'));

export function startComposer(options: ComposerOptions = {}): Composer {
  const { threads: count = 1, maxWaiting = 1000, maxWaitingBytes = 64 * 1024 * 1024, script = SCRIPT } = options;
  const threads: Thread[] = Array.from({ length: count }, () => ({
    worker: null,
    waiting: new Map(),
    outbox: [],
    keys: new WeakMap(),
  }));
  let lastId = 0;
  let lastKey = 0;
  let waitingCount = 0;
  let waitingBytes = 0;
  let whenIdle: (() => void) | null = null;
  let isClosed = false;

  function settle(thread: Thread, id: number): Waiting | undefined {
    const waiting = thread.waiting.get(id);
    if (waiting === undefined) return undefined;
    thread.waiting.delete(id);
    waitingCount--;
    waitingBytes -= waiting.bytes;
    if (waitingCount === 0) whenIdle?.();
    return waiting;
  }

  function take(thread: Thread, answer: WorkerAnswer): void {
    const waiting = settle(thread, answer.id);
    if ('composed' in answer) waiting?.resolve(answer.composed);
    else if ('field' in answer.fault) waiting?.reject(new ComposeFault(answer.fault.field, answer.fault.problem));
    else waiting?.reject(answer.fault.error);
  }

  function rejectAll(thread: Thread, ids: Iterable<number>, reason: unknown): void {
    for (const id of [...ids]) settle(thread, id)?.reject(reason);
  }

  function startThread(thread: Thread): Worker {
    const worker = new Worker(script);
    let cause: unknown;
    worker.on('message', (answers: WorkerAnswer[]) => {
      for (const answer of answers) take(thread, answer);
    });
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => {
      thread.worker = null;
      thread.keys = new WeakMap();
      thread.outbox = [];
      rejectAll(thread, thread.waiting.keys(), new Error('the composing thread died', { cause }));
    });
    return worker;
  }

  function requestTo(
    thread: Thread,
    id: number,
    { message, possibleDuplicate, dkim = [] }: ComposeRequest,
  ): WorkerRequest {
    const newKeys: WorkerRequest['newKeys'] = [];
    const signers = dkim.map(({ domain, selector, privateKey }) => {
      let key = thread.keys.get(privateKey);
      if (key === undefined) {
        key = ++lastKey;
        thread.keys.set(privateKey, key);
        newKeys.push([key, privateKey]);
      }
      return { domain, selector, key };
    });
    return { id, request: { message, possibleDuplicate }, signers, newKeys };
  }

  function flush(thread: Thread): void {
    const requests = thread.outbox;
    thread.outbox = [];
    if (requests.length === 0) return;
    thread.worker ??= startThread(thread);
    const attachments = requests.flatMap(({ request }) => request.message.attachments.map(({ bytes }) => bytes));
    try {
      thread.worker.postMessage(requests, transferables(attachments));
    } catch (error) {
      const ids = requests.map(({ id }) => id);
      rejectAll(thread, ids, error); // octets that were handed over before
      thread.keys = new WeakMap(); // new keys did not arrive either
    }
  }

  return {
    compose(request) {
      if (isClosed) return Promise.reject(new Error('the composer is closed'));
      const bytes = sizeOf(request.message);
      if (waitingCount >= maxWaiting || (waitingCount > 0 && waitingBytes + bytes > maxWaitingBytes)) {
        return Promise.reject(new ComposerBusy(`${waitingCount} messages are being composed`));
      }
      const emptied = request.message.attachments.findIndex((attachment) => isHandedOver(attachment.bytes));
      if (emptied >= 0) return Promise.reject(new ComposeFault(`attachments[${emptied}]`, 'was handed over before'));
      const thread = threads.reduce((least, other) => (other.waiting.size < least.waiting.size ? other : least));
      return new Promise((resolve, reject) => {
        const id = ++lastId;
        thread.waiting.set(id, { resolve, reject, bytes });
        waitingCount++;
        waitingBytes += bytes;
        // One post for all that is asked for in this turn.
        if (thread.outbox.push(requestTo(thread, id, request)) === 1) queueMicrotask(() => flush(thread));
      });
    },
    async close() {
      isClosed = true;
      if (waitingCount > 0) {
        await new Promise<void>((resolve) => {
          whenIdle = resolve;
        });
      }
      await Promise.all(threads.map((thread) => thread.worker?.terminate()));
    },
  };
}

/** The memory behind these octets as far as it is theirs alone and can be moved to another thread. */
export function transferables(all: readonly Uint8Array[]): ArrayBuffer[] {
  const whole = new Set<ArrayBuffer>();
  for (const { buffer, byteLength } of all) {
    if (buffer instanceof ArrayBuffer && byteLength > 0 && buffer.byteLength === byteLength) whole.add(buffer);
  }
  return [...whole];
}

function isHandedOver({ buffer }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.detached;
}

function sizeOf({ text, html, attachments }: OutgoingMessage): number {
  const texts = (text?.length ?? 0) + (html?.length ?? 0);
  return attachments.reduce((sum, { bytes }) => sum + bytes.length, texts);
}
