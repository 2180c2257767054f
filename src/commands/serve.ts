/** `postern serve`: starts the gateway, reads its certificate anew on SIGHUP, and stops it on SIGTERM or SIGINT. */
import { flushCompileCache } from 'node:module';
import { readSettings } from '../config/settings.ts';
import { startGateway } from '../main.ts';
import { EXIT_DONE, EXIT_FAILED } from './exit-codes.ts';
import { failed, readOptions } from './options.ts';

const HELP = `Usage: postern serve

Starts the gateway. Settings come from POSTERN_… variables (docs/reference/config.md). One line of JSON on standard output says
when all ports are open; SIGTERM or SIGINT stops it within POSTERN_GRACE seconds; SIGHUP makes it
read POSTERN_TLS_CERT and POSTERN_TLS_KEY anew, where they are set, and else stops it.
`;

export async function serveCommand(args: string[]): Promise<number> {
  const given = readOptions(args, {}, HELP);
  if (typeof given === 'number') return given;
  const read = readSettings(process.env);
  if (!read.ok) return failed(read.message, EXIT_FAILED);
  const started = await startGateway(read.settings);
  if (!started.ok) return failed(started.message, EXIT_FAILED);
  const { gateway } = started;
  // Before the line that says it listens: whoever reads it may stop it at once.
  const told = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    process.on('SIGHUP', () => {
      if (read.settings.tlsCert === null) resolve();
      else gateway.renewCertificate();
    });
  });
  if (gateway.welcome !== null) process.stderr.write(gateway.welcome);
  process.stdout.write(`${JSON.stringify({ msg: 'listening', ...gateway.listening })}\n`);
  // Not at the end alone, which a crash leaves out: the next start is to be quick above all then.
  flushCompileCache();
  await told;
  // Whatever still hangs then was promised to nobody: what is stored is stored, and the rest is tried again at the next start.
  const graceIsOver = new Promise<void>((resolve) => setTimeout(resolve, read.settings.graceMs).unref());
  await Promise.race([gateway.stop(), graceIsOver]);
  return EXIT_DONE;
}
