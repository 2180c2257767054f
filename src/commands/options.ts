/** Reading options and printing results, the same for every command. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { ControlReply } from '../control.ts';
import { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE } from './exit-codes.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

export type Given = { values: Record<string, string | boolean | string[] | undefined>; positionals: string[] };

/** The options, or the exit code after help or a complaint was printed. */
export function readOptions(args: string[], options: Options, help: string): Given | number {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { ...options, help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } },
      allowPositionals: true,
    });
    if (values['help'] === true) {
      process.stdout.write(help);
      return EXIT_DONE;
    }
    return { values: values as Given['values'], positionals };
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error), help);
  }
}

export function usage(message: string, help: string): number {
  process.stderr.write(`postern: ${message}\n\n${help}`);
  return EXIT_USAGE;
}

export function failed(message: string, code: number): number {
  process.stderr.write(`postern: ${message}\n`);
  return code;
}

/** Prints a reply: as JSON, or as `text` puts it. */
export function print(reply: ControlReply, json: boolean, text: (output: never) => string): number {
  if (json)
    process.stdout.write(`${JSON.stringify(reply.ok ? reply.output : (reply.output ?? { error: reply.message }))}\n`);
  else if (reply.ok) process.stdout.write(`${text(reply.output as never)}\n`);
  else process.stderr.write(`postern: ${reply.message}\n`);
  if (reply.ok) return EXIT_DONE;
  return reply.cause === 'refused' ? EXIT_REFUSED : EXIT_USAGE;
}
