/** The command as a user runs it: `bin/postern` in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const POSTERN = fileURLToPath(new URL('../../bin/postern', import.meta.url));

export type CommandResult = { code: number | null; out: string; error: string };

function environmentOf(directory: string, more: Record<string, string>): NodeJS.ProcessEnv {
  return {
    ...process.env,
    POSTERN_DATA_DIR: directory,
    POSTERN_PORT: '0',
    POSTERN_SMTP_PORT: 'off',
    POSTERN_INBOUND_PORT: 'off',
    ...more,
  };
}

export function runCommand(
  directory: string,
  args: string[],
  more: Record<string, string> = {},
  input = '',
): Promise<CommandResult> {
  const child = spawn(POSTERN, args, { env: environmentOf(directory, more), stdio: 'pipe' });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    error += chunk;
  });
  child.stdin.end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, error })));
}

export type Serving = {
  child: ChildProcess;
  listening: { http: string; smtp: string | null; inbound: string | null };
  /** Standard error, once it holds the text. */
  said: (text: string) => Promise<string>;
  /** Resolves with the exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>;
};

/** `postern serve`, once it listens. */
export function startServing(directory: string, more: Record<string, string> = {}): Promise<Serving> {
  const child = spawn(POSTERN, ['serve'], { env: environmentOf(directory, more), stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let error = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stderr.on('data', (chunk) => {
    error += chunk;
  });
  return new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`postern serve ended with ${code}: ${error}`)));
    child.stdout.on('data', (chunk) => {
      out += chunk;
      const line = out.split('\n').find((one) => one.startsWith('{"msg":"listening"'));
      if (line === undefined) return;
      const { msg: _msg, ...listening } = JSON.parse(line) as Serving['listening'] & { msg: string };
      resolve({
        child,
        listening,
        said: (text) =>
          new Promise((found) => {
            const look = (): void => {
              if (!error.includes(text)) return;
              child.stderr.off('data', look);
              found(error);
            };
            child.stderr.on('data', look);
            look();
          }),
        stop(signal = 'SIGTERM') {
          child.kill(signal);
          return ended;
        },
      });
    });
  });
}
