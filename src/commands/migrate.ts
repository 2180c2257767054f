/** `postern migrate`: brings the data folder to this version's schema and stops. */
import { resolve } from 'node:path';
import { readSettings } from '../config/settings.ts';
import { migrateData } from '../main.ts';
import { EXIT_DONE, EXIT_FAILED } from './exit-codes.ts';
import { failed, readOptions } from './options.ts';

const HELP = `Usage: postern migrate [--json]

Brings the data folder (POSTERN_DATA_DIR) to this version's schema and stops. An older database is copied beside itself first.
The gateway must not be running on it; \`postern serve\` does the same by itself when it starts.
`;

export async function migrateCommand(args: string[]): Promise<number> {
  const given = readOptions(args, {}, HELP);
  if (typeof given === 'number') return given;
  const read = readSettings(process.env);
  if (!read.ok) return failed(read.message, EXIT_FAILED);
  const result = await migrateData(read.settings);
  if (!result.ok) return failed(result.message, EXIT_FAILED);
  const { applied, schema } = result;
  const text =
    applied.length === 0
      ? `Nothing to do: the schema is at ${schema}.`
      : `Applied ${applied.join(', ')}: the schema is at ${schema}.`;
  const output =
    given.values['json'] === true
      ? JSON.stringify({ directory: resolve(read.settings.dataDir), applied, schema })
      : text;
  process.stdout.write(`${output}\n`);
  return EXIT_DONE;
}
