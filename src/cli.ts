/**
 * The command: `postern serve | migrate | send | check | keys | simulate | doctor`.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused by the policy. With `--json` standard output carries one
 * JSON value and nothing else.
 */

import { doctorCommand } from './commands/doctor.ts';
import { EXIT_USAGE } from './commands/exit-codes.ts';
import { keysCommand } from './commands/keys.ts';
import { migrateCommand } from './commands/migrate.ts';
import { checkCommand, sendCommand } from './commands/send.ts';
import { serveCommand } from './commands/serve.ts';
import { simulateCommand } from './commands/simulate.ts';

const HELP = `postern: a self-hosted e-mail sending gateway

Usage: postern COMMAND [OPTIONS]

  serve       start the gateway (settings come from POSTERN_… variables)
  migrate     bring the data folder to this version's schema and stop
  send        send a message through this gateway, without a key
  check       the verdict a send would get; nothing is consumed
  keys        create, list and revoke API keys
  simulate    run a file of past traffic through a policy
  doctor      look at everything around the gateway that mail depends on

postern COMMAND --help explains each. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused by the policy.
`;

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = {
  serve: serveCommand,
  migrate: migrateCommand,
  send: sendCommand,
  check: checkCommand,
  keys: keysCommand,
  simulate: simulateCommand,
  doctor: doctorCommand,
};

async function run(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return name === undefined ? EXIT_USAGE : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command(rest);
  process.stderr.write(`postern: there is no command "${name}".\n\n${HELP}`);
  return EXIT_USAGE;
}

process.exit(await run(process.argv.slice(2)));
