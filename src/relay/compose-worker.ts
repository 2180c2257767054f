/** The thread of the composer (composer.ts): composes and signs what comes in, answers in bunches, keeps nothing. */

import type { KeyObject } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { type ComposedMessage, composeMessage, markPossibleDuplicate } from './compose.ts';
import { ComposeFault } from './compose-fault.ts';
import { transferables, type WorkerAnswer, type WorkerRequest } from './composer.ts';
import { withDkim } from './dkim.ts';
import { senderProblem } from './final-sender.ts';

const port = parentPort!;
let answers: WorkerAnswer[] = [];
const keys = new Map<number, KeyObject>();

port.on('message', (requests: WorkerRequest[]) => {
  for (const { id, request, signers, newKeys } of requests) {
    for (const [number, key] of newKeys) keys.set(number, key);
    prepare(request, signers).then(
      (composed) => answer({ id, composed }),
      (error: unknown) =>
        answer({
          id,
          fault: error instanceof ComposeFault ? { field: error.field, problem: error.problem } : { error },
        }),
    );
  }
});

async function prepare(
  { message, possibleDuplicate }: WorkerRequest['request'],
  signers: WorkerRequest['signers'],
): Promise<ComposedMessage> {
  const { bytes, needsSmtpUtf8 } = composeMessage(message);
  const unsigned = possibleDuplicate ? markPossibleDuplicate(bytes) : bytes;
  const dkim = signers.map(({ domain, selector, key }) => ({ domain, selector, privateKey: keys.get(key)! }));
  const final = signers.length === 0 ? unsigned : await withDkim(unsigned, dkim);
  const problem = senderProblem(final, message.from.email);
  if (problem !== null) throw new ComposeFault('message', problem);
  return { bytes: final, needsSmtpUtf8 };
}

/** One post for all that became ready in this turn: a post costs more than a short message's composing. */
function answer(one: WorkerAnswer): void {
  if (answers.length === 0) setImmediate(flush);
  answers.push(one);
}

function flush(): void {
  const ready = answers;
  answers = [];
  port.postMessage(ready, transferables(ready.flatMap((one) => ('composed' in one ? [one.composed.bytes] : []))));
}

flushCompileCache();
