/** Processes of a bench: start one, wait for its first message, measure its memory and processor time. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { LoadInput, LoadResult } from './load.ts';
import type { SmtpLoadInput, SmtpLoadResult } from './smtp-load.ts';

export function startScript(path: string, args: string[] = [], environment: Record<string, string> = {}): ChildProcess {
  return fork(new URL(path, import.meta.url), args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

export function firstMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', (code) => reject(new Error(`a bench process ended with ${code}`)));
  });
}

export function load(input: LoadInput): Promise<LoadResult> {
  return answerOf('./load.ts', input);
}

export function smtpLoad(input: SmtpLoadInput): Promise<SmtpLoadResult> {
  return answerOf('./smtp-load.ts', input);
}

async function answerOf<Result>(script: string, input: LoadInput | SmtpLoadInput): Promise<Result> {
  const child = startScript(script);
  child.send(input);
  const result = await firstMessage<Result>(child);
  child.kill();
  return result;
}

/** `smtpPort` is 0 where SMTP is off. */
export type RunningGateway = { child: ChildProcess; port: number; smtpPort: number; stop: () => Promise<void> };

/** A gateway as a user starts it; resolves once it listens. */
export function startGatewayProcess(environment: Record<string, string>): Promise<RunningGateway> {
  const child = spawn(new URL('../../bin/postern', import.meta.url).pathname, ['serve'], {
    env: { ...process.env, POSTERN_PORT: '0', POSTERN_SMTP_PORT: 'off', POSTERN_INBOUND_PORT: 'off', ...environment },
    stdio: ['ignore', 'pipe', environment['BENCH_QUIET'] === '1' ? 'ignore' : 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const line = text.split('\n').find((one) => one.includes('"listening"'));
      if (line === undefined) return;
      const { http, smtp } = JSON.parse(line) as { http: string; smtp: string | null };
      resolve({
        child,
        port: Number(new URL(http).port),
        smtpPort: smtp === null ? 0 : Number(new URL(`smtp://${smtp}`).port),
        stop: () =>
          new Promise((done) => {
            child.once('exit', () => done());
            child.kill('SIGTERM');
          }),
      });
    });
  });
}

/** Resident memory now and at its peak, in MB (Linux). */
export function memoryOf(pid: number): { residentMb: number; peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kb = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { residentMb: kb('VmRSS') / 1024, peakMb: kb('VmHWM') / 1024 };
}

/** Octets written to the disk by a process, and its flushes as far as the kernel tells (Linux). */
export function writtenBy(pid: number): number {
  return Number(/write_bytes: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}

/** Processor seconds a process has used, all threads (Linux). */
export function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
