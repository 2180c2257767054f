/** The next hop of the benches: the SMTP sink in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type SinkProcess = { port: number; stop: () => void };

export async function startSinkProcess(): Promise<SinkProcess> {
  const path = new URL('../../test/harness/smtp-sink.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [first] = await once(createInterface(child.stdout), 'line');
  const { listening } = JSON.parse(String(first)) as { listening: number };
  return { port: listening, stop: () => child.kill('SIGTERM') };
}
