/** `postern secrets`: a new master secret for an installation, with a running gateway or without. */
import { ask } from './ask.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { failed, print, readOptions, usage } from './options.ts';

const HELP = `Usage: postern secrets rotate [--stdin] [--json]

Makes a new master secret, and seals every stored credential and key anew under it, all at once: with the gateway that
runs on the data folder, or on the folder itself where none does. Stopped at any point, nothing is lost. What was signed
with the old secret (return paths, Message-IDs, links for unsubscribing) goes on being believed.

Where the secret is a file of the data folder, that is all. Where it comes from POSTERN_SECRET the new one is shown once:
put it there before the next start. With --stdin the new secret is read from standard input: at least 32 characters.
`;

type Output = {
  version: number;
  resealed: number;
  unreadable: number;
  secret: string | null;
  source: 'file' | 'environment';
};

export async function secretsCommand(args: string[]): Promise<number> {
  const given = readOptions(args, { stdin: { type: 'boolean' } }, HELP);
  if (typeof given === 'number') return given;
  const { values, positionals } = given;
  if (positionals[0] !== 'rotate' || positionals.length > 1) return usage('say rotate.', HELP);
  const secret = values['stdin'] === true ? await readLine() : null;
  if (secret === '') return failed('standard input held no secret.', EXIT_FAILED);
  const reply = await ask({ command: 'secrets.rotate', secret });
  return typeof reply === 'number' ? reply : print(reply, values['json'] === true, told);
}

async function readLine(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8').trim();
}

function told({ version, resealed, unreadable, secret, source }: Output): string {
  const lines = [
    `Master secret ${version} is in force; ${resealed} stored ${resealed === 1 ? 'value is' : 'values are'} sealed under it.`,
  ];
  if (unreadable > 0) lines.push(`${unreadable} could not be opened with any known secret and stay as they are.`);
  if (secret !== null)
    lines.push(`Put it into POSTERN_SECRET before the next start; it is shown this once:\n${secret}`);
  else if (source === 'environment') lines.push('Put it into POSTERN_SECRET before the next start.');
  return lines.join('\n');
}
