/** The command: `postern serve | …`. */
import { readSettings } from './config/settings.ts';
import { startGateway } from './main.ts';

async function serve(): Promise<number> {
  const read = readSettings(process.env);
  if (!read.ok) return fail(read.message);
  const started = await startGateway(read.settings);
  if (!started.ok) return fail(started.message);
  const { gateway } = started;
  if (gateway.welcome !== null) process.stderr.write(gateway.welcome);
  process.stdout.write(`${JSON.stringify({ msg: 'listening', ...gateway.listening })}\n`);
  return new Promise((resolve) => {
    const stop = (): void => {
      gateway.stop().then(() => resolve(0));
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });
}

function fail(message: string): number {
  process.stderr.write(`postern: ${message}\n`);
  return 1;
}

process.exit(await serve());
