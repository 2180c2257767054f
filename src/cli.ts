/**
 * The command: `postern serve | migrate | send | check | keys | secrets | mcp | simulate | bounce | doctor`.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused by the policy. With `--json` standard output carries one
 * JSON value and nothing else.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { EXIT_USAGE } from './commands/exit-codes.ts';

/**
 * What was stripped of its types and compiled is kept beside the packages, for all threads: the next start takes a quarter of
 * the time. Where it cannot be written nothing is kept. Each command is loaded by itself, so that what it needs comes from there.
 */
const KEPT_CODE = '../node_modules/.cache/postern';

const HELP = `postern: a self-hosted e-mail sending gateway

Usage: postern COMMAND [OPTIONS]

  serve       start the gateway (settings come from POSTERN_… variables)
  migrate     bring the data folder to this version's schema and stop
  send        send a message through this gateway, without a key
  check       the verdict a send would get; nothing is consumed
  keys        create, list and revoke API keys
  secrets     put a new master secret in the place of the current one
  mcp         the tools for agents, over standard input and output
  simulate    run a file of past traffic through a policy
  bounce      classify mail that came back
  doctor      look at everything around the gateway that mail depends on

postern COMMAND --help explains each. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 refused by the policy.
`;

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = {
  serve: async (args) => (await import('./commands/serve.ts')).serveCommand(args),
  migrate: async (args) => (await import('./commands/migrate.ts')).migrateCommand(args),
  send: async (args) => (await import('./commands/send.ts')).sendCommand(args),
  check: async (args) => (await import('./commands/send.ts')).checkCommand(args),
  keys: async (args) => (await import('./commands/keys.ts')).keysCommand(args),
  secrets: async (args) => (await import('./commands/secrets.ts')).secretsCommand(args),
  mcp: async (args) => (await import('./commands/mcp.ts')).mcpCommand(args),
  simulate: async (args) => (await import('./commands/simulate.ts')).simulateCommand(args),
  bounce: async (args) => (await import('./commands/bounce.ts')).bounceCommand(args),
  doctor: async (args) => (await import('./commands/doctor.ts')).doctorCommand(args),
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

process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL(KEPT_CODE, import.meta.url));
enableCompileCache(process.env['NODE_COMPILE_CACHE']);
process.exit(await run(process.argv.slice(2)));
