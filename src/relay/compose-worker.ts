/** The thread of the composer (composer.ts): composes and signs what comes in, answers in bunches, keeps nothing. */

import { parentPort } from 'node:worker_threads';
import { composeMessage, markPossibleDuplicate } from './compose.ts';
import { ComposeFault } from './compose-fault.ts';
import { type ComposeRequest, transferables, type WorkerAnswer, type WorkerRequest } from './composer.ts';
import { withDkim } from './dkim.ts';

const port = parentPort!;
let answers: WorkerAnswer[] = [];

port.on('message', (requests: WorkerRequest[]) => {
  for (const { id, request } of requests) {
    prepare(request).then(
      (composed) => answer({ id, composed }),
      (error: unknown) =>
        answer({
          id,
          fault: error instanceof ComposeFault ? { field: error.field, problem: error.problem } : { error },
        }),
    );
  }
});

async function prepare({ message, possibleDuplicate, dkim = [] }: ComposeRequest) {
  const { bytes, needsSmtpUtf8 } = composeMessage(message);
  const unsigned = possibleDuplicate ? markPossibleDuplicate(bytes) : bytes;
  return { bytes: dkim.length > 0 ? await withDkim(unsigned, dkim) : unsigned, needsSmtpUtf8 };
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
