/** The composer's thread with a weakness: the subject "die" brings it down. */

import { parentPort } from 'node:worker_threads';
import type { WorkerRequest } from '../../src/relay/composer.ts';

parentPort!.on('message', (requests: WorkerRequest[]) => {
  if (requests.some(({ request }) => request.message.subject === 'die')) throw new Error('died');
});

await import('../../src/relay/compose-worker.ts');
