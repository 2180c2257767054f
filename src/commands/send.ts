/** `postern send` and `postern check`: a message from the command line, without a key. */
import { readFileSync } from 'node:fs';
import type { Mode } from '../core/message.ts';
import { ask } from './ask.ts';
import { EXIT_USAGE } from './exit-codes.ts';
import { failed, print, readOptions, usage } from './options.ts';

const OPTIONS = `  --to ADDRESS          a recipient; may be repeated
  --cc, --bcc ADDRESS   the same
  --from ADDRESS        the sender
  --subject TEXT
  --text TEXT           the body; - reads it from standard input
  --html TEXT
  --identity HANDLE
  --file PATH           the whole body as in POST /v1/messages, as JSON; - for standard input
  --mode live|test      default live
  --tenant ten_…        default the first tenant
  --json                the answer as JSON
`;

const SEND_HELP = `Usage: postern send --to ADDRESS --subject TEXT --text TEXT [OPTIONS]

Submits a message to the gateway of this data folder. Exit code 3 when the policy refuses it.

${OPTIONS}  --idempotency-key KEY a repeat with the same key sends once
`;

const CHECK_HELP = `Usage: postern check --to ADDRESS --subject TEXT --text TEXT [OPTIONS]

The verdict that the same send would get now; nothing is consumed. Exit code 3 when every recipient would be refused.

${OPTIONS}`;

const TEXT = { type: 'string' } as const;
const LIST = { type: 'string', multiple: true } as const;
const FIELDS = {
  to: LIST,
  cc: LIST,
  bcc: LIST,
  from: TEXT,
  subject: TEXT,
  text: TEXT,
  html: TEXT,
  identity: TEXT,
  file: TEXT,
  mode: TEXT,
  tenant: TEXT,
};

export function sendCommand(args: string[]): Promise<number> {
  return submit('send', args, SEND_HELP);
}

export function checkCommand(args: string[]): Promise<number> {
  return submit('check', args, CHECK_HELP);
}

async function submit(command: 'send' | 'check', args: string[], help: string): Promise<number> {
  const given = readOptions(args, { ...FIELDS, 'idempotency-key': TEXT }, help);
  if (typeof given === 'number') return given;
  const { values } = given;
  const mode = values['mode'] ?? 'live';
  if (mode !== 'live' && mode !== 'test') return usage('--mode must be live or test.', help);
  const body = bodyOf(values);
  if ('problem' in body) return failed(body.problem, EXIT_USAGE);
  const reply = await ask({
    command,
    tenant: typeof values['tenant'] === 'string' ? values['tenant'] : null,
    mode: mode as Mode,
    body: body.value,
    idempotencyKey: typeof values['idempotency-key'] === 'string' ? values['idempotency-key'] : null,
  });
  if (typeof reply === 'number') return reply;
  return print(reply, values['json'] === true, command === 'send' ? sentText : checkedText);
}

type Values = Record<string, string | boolean | string[] | undefined>;

function bodyOf(values: Values): { value: unknown } | { problem: string } {
  if (typeof values['file'] === 'string') {
    try {
      return { value: JSON.parse(readFileSync(values['file'] === '-' ? 0 : values['file'], 'utf8')) };
    } catch (error) {
      return { problem: `--file cannot be read as JSON: ${(error as Error).message}` };
    }
  }
  const body: Record<string, unknown> = {};
  for (const name of ['to', 'cc', 'bcc', 'from', 'subject', 'text', 'html', 'identity']) {
    if (values[name] !== undefined) body[name] = values[name];
  }
  if (body['text'] === '-') body['text'] = readFileSync(0, 'utf8');
  return { value: body };
}

type Sent = {
  id: string;
  status: string;
  recipients: { email: string; status: string; reasons: { code: string; detail: string }[] }[];
};

function sentText({ id, status, recipients }: Sent): string {
  const lines = recipients.map(
    ({ email, status: state, reasons }) =>
      `  ${email}  ${state}${reasons.map((reason) => `  ${reason.code}: ${reason.detail}`).join('')}`,
  );
  return [`${id}  ${status}`, ...lines].join('\n');
}

type Checked = {
  verdict: string;
  recipients: { email: string; verdict: string; reasons: { code: string; detail: string }[] }[];
};

function checkedText({ verdict, recipients }: Checked): string {
  const lines = recipients.map(
    (one) =>
      `  ${one.email}  ${one.verdict}${one.reasons.map((reason) => `  ${reason.code}: ${reason.detail}`).join('')}`,
  );
  return [verdict, ...lines].join('\n');
}
