/** `postern bounce classify`: what mail that came back says, read from files, without a gateway and without a data folder. */
import { closeSync, openSync, readSync } from 'node:fs';
import { classify } from '../relay/classify.ts';
import { replies } from '../relay/replies.ts';
import { classifyReturn, type Inbound, type ReadBounce } from '../returns/classify-return.ts';
import { forms } from '../returns/forms.ts';
import { EXIT_DONE, EXIT_FAILED } from './exit-codes.ts';
import { readOptions, usage } from './options.ts';

const HELP = `Usage: postern bounce classify [--json] FILE...

Says of each file, which holds one mail as it came, whether it is a bounce, a delay, a complaint or something else, about whom,
and whether the address would be suppressed for good. Nothing is changed and no gateway is needed.

  --json   one line of JSON for each file, in their order:
           {"file","kind","recipients":[{"email","class","status","action","hard","suppress"}]}

Exit codes: 0 done, 1 a file cannot be read, 2 wrong usage.
`;

/** More of a mail is not looked at. */
const MAX_BYTES = 2 * 1024 * 1024;

type Outcome = { file: string; result: Inbound } | { file: string; error: string };

export async function bounceCommand(args: string[]): Promise<number> {
  const given = readOptions(args, {}, HELP);
  if (typeof given === 'number') return given;
  const [action, ...files] = given.positionals;
  if (action !== 'classify') return usage('the word after bounce must be classify.', HELP);
  if (files.length === 0) return usage('name at least one file.', HELP);
  const table = replies();
  const readBounce: ReadBounce = (reply, stage) => classify(reply, stage, table);
  const knowledge = { readBounce, forms: forms() };
  const isJson = given.values['json'] === true;
  let code = EXIT_DONE;
  for (const file of files) {
    const outcome = classifyFile(file, (octets) => classifyReturn(octets, knowledge));
    if ('error' in outcome) {
      process.stderr.write(`postern: ${file} cannot be read: ${outcome.error}\n`);
      code = EXIT_FAILED;
    }
    process.stdout.write(isJson ? `${JSON.stringify(bodyOf(outcome))}\n` : textOf(outcome));
  }
  return code;
}

function classifyFile(file: string, classifyOctets: (octets: Uint8Array) => Inbound): Outcome {
  let octets: Uint8Array;
  try {
    octets = readBeginning(file);
  } catch (error) {
    return { file, error: error instanceof Error ? error.message : String(error) };
  }
  return { file, result: classifyOctets(octets) };
}

function readBeginning(file: string): Uint8Array {
  const descriptor = openSync(file, 'r');
  try {
    const chunks: Uint8Array[] = [];
    let left = MAX_BYTES;
    while (left > 0) {
      const chunk = new Uint8Array(Math.min(left, 64 * 1024));
      const read = readSync(descriptor, chunk);
      if (read === 0) break;
      chunks.push(chunk.subarray(0, read));
      left -= read;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(descriptor);
  }
}

/** A file that cannot be read keeps its line, so that lines and files go together. */
function bodyOf(outcome: Outcome): object {
  if ('error' in outcome) return { file: outcome.file, kind: null, recipients: [], error: outcome.error };
  const { kind, recipients } = outcome.result;
  return { file: outcome.file, kind, recipients };
}

function textOf(outcome: Outcome): string {
  if ('error' in outcome) return `${outcome.file}: cannot be read\n`;
  const { kind, recipients } = outcome.result;
  const lines = recipients.map((one) => {
    const said = [one.action, one.class, one.status, one.hard ? 'hard' : null].filter((word) => word !== null);
    return `  ${one.email}: ${[...said, one.suppress ? 'suppress' : 'keep'].join(', ')}`;
  });
  return `${[`${outcome.file}: ${kind}`, ...lines].join('\n')}\n`;
}
