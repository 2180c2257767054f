/** The thread that reads mail that came in: the readers of `returns`, with the table by which delivery reads replies. */
import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type { ReadInbound } from './core/inbound.ts';
import { classify } from './relay/classify.ts';
import { replies } from './relay/replies.ts';
import { forms } from './returns/forms.ts';
import { readInbound } from './returns/read-inbound.ts';

const table = replies();
const knowledge = {
  readBounce: (reply: Parameters<typeof classify>[0], stage: Parameters<typeof classify>[1]) =>
    classify(reply, stage, table),
  forms: forms(),
};

parentPort!.on('message', ({ id, question }: { id: number; question: Uint8Array }) => {
  let answer: ReadInbound | null = null;
  try {
    answer = readInbound(question, knowledge);
  } catch {
    // Kept unread: a mail that its reader cannot take must not stop the next one.
  }
  parentPort!.postMessage({ id, answer });
});

flushCompileCache();
