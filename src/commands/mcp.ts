/**
 * `postern mcp`: the tools for agents over standard input and output, carried to a running gateway over HTTP.
 *
 * It decides nothing and keeps nothing: what comes in on a line goes to `/mcp` as it is, and the answer goes out on a line. Standard
 * output holds the protocol alone. Where the gateway cannot be asked, a call of a tool gets a result that says so, since a model
 * reads results. Deliberately absent: the protocol's package, whose reader copies all it has with every chunk of a long line.
 */
import { eachLine } from '../base/lines.ts';
import type { ProblemBody } from '../core/explain.ts';
import { CLEARERS } from '../core/reasons.ts';
import { EXIT_DONE } from './exit-codes.ts';
import { readOptions, usage } from './options.ts';

const DEFAULT_URL = 'http://127.0.0.1:8480';

const HELP = `Usage: postern mcp [--url URL] [--key KEY] [--agent NAME]

Speaks the Model Context Protocol on standard input and output, for programs that start their tools as a process. It needs a running
gateway and a key of it, with the scopes send, read and manage as far as the tools are to be used.

  --url URL      the gateway; default POSTERN_URL, else ${DEFAULT_URL}
  --key KEY      an API key; default POSTERN_KEY, which other users of the machine cannot see
  --agent NAME   the agent that acts, where the key belongs to none; default POSTERN_AGENT
`;

/** The longest line that is read: a message with attachments, of which the gateway takes 25 MB. */
const MOST_BYTES = 40 * 1024 * 1024;
/** So long a stop by a signal waits for answers. */
const STOP_WITHIN_MS = 5000;
const SERVER_FAULT = -32_000;
const ACCEPT = 'application/json, text/event-stream';
const KEY = /^[\x21-\x7e]{1,300}$/;
const AGENT = /^[\x20-\x7e\x80-\xff]{1,255}$/;

export async function mcpCommand(args: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const given = readOptions(args, { url: text, key: text, agent: text }, HELP);
  if (typeof given === 'number') return given;
  const { values, positionals } = given;
  if (positionals.length > 0) return usage(`there is nothing called "${positionals[0]}" to give here.`, HELP);
  const key = optionOf(values['key'], 'POSTERN_KEY');
  if (key === undefined) return usage('give an API key in POSTERN_KEY or with --key.', HELP);
  if (!KEY.test(key)) return usage('the key holds characters that no key has.', HELP);
  const base = optionOf(values['url'], 'POSTERN_URL') ?? DEFAULT_URL;
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    return usage(`--url is no address of a gateway, such as ${DEFAULT_URL}.`, HELP);
  }
  const agent = optionOf(values['agent'], 'POSTERN_AGENT');
  if (agent !== undefined && !AGENT.test(agent)) return usage('--agent holds characters that no header has.', HELP);
  await carry(new Remote(base, key, agent));
  return EXIT_DONE;
}

function optionOf(value: string | boolean | string[] | undefined, variable: string): string | undefined {
  return (typeof value === 'string' ? value : process.env[variable]) || undefined;
}

/** Until standard input ends and the last answer is out, or nobody reads answers any more, or a signal comes. */
async function carry(remote: Remote): Promise<void> {
  const running = new Set<Promise<void>>();
  const take = ({ bytes }: { bytes: Uint8Array | null }): boolean => {
    const answered = answer(remote, bytes).finally(() => running.delete(answered));
    running.add(answered);
    return true;
  };
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  const unread = new Promise<void>((resolve) => process.stdout.once('error', () => resolve()));
  const ended = eachLine(process.stdin, MOST_BYTES, take).then(() => Promise.all(running));
  const tooLate = stopped.then(() => new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS)));
  await Promise.race([ended, unread, stopped.then(() => Promise.race([Promise.all(running), tooLate]))]);
}

async function answer(remote: Remote, line: Uint8Array | null): Promise<void> {
  if (line === null) {
    complain(`a line was not read: it is longer than ${MOST_BYTES} octets`);
    return;
  }
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
  if (text.trim() === '') return;
  const message = parsed(text);
  if (typeof message !== 'object' || message === null) {
    complain('a line was not read: it is no JSON object');
    return;
  }
  const said = await remote.ask(text, Array.isArray(message) ? message : [message]);
  if (said !== null) process.stdout.write(`${said}\n`);
}

function complain(message: string): void {
  process.stderr.write(`postern mcp: ${message}\n`);
}

type Message = { id?: unknown; method?: unknown };
type Answer = { id?: unknown; result?: { protocolVersion?: unknown }; error?: unknown };
type Problem = Pick<ProblemBody, 'code' | 'detail' | 'fix' | 'retryable' | 'retry_at' | 'clears'>;
type Asked = { text: string; answer: Answer | Answer[] } | { problem: Problem } | null;

/** The model that reads this sets no header. */
const KEY_HELP = {
  fix: 'Ask the person who set up this tool to put a valid key of this gateway into POSTERN_KEY.',
  clears: { by: ['tenant' as const], at: null },
};

class Remote {
  private readonly url: string;
  private readonly headers: Record<string, string>;

  constructor(base: string, key: string, agent: string | undefined) {
    const path = base.replace(/\/+$/, '');
    this.url = path.endsWith('/mcp') ? path : `${path}/mcp`;
    this.headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: ACCEPT };
    if (agent !== undefined) this.headers['x-agent-id'] = agent;
  }

  /** The line that answers `text`, which holds these messages; null where nothing is to be said. */
  async ask(text: string, messages: readonly unknown[]): Promise<string | null> {
    const asked = await this.post(text);
    if (asked === null) return null;
    const requests = messages.filter(isRequest);
    if ('problem' in asked) {
      complain(`${asked.problem.code}: ${asked.problem.detail}`);
      return lineOf(requests.map((request) => problemAnswer(request, asked.problem)));
    }
    const { answer: given } = asked;
    // An error of the whole request names none, and whoever asked would wait.
    const isNobodys = !Array.isArray(given) && given.error !== undefined && given.id == null;
    if (isNobodys && requests.length > 0) return lineOf(requests.map(({ id }) => ({ ...given, id })));
    return asked.text;
  }

  private async post(body: string): Promise<Asked> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url, { method: 'POST', headers: this.headers, body, redirect: 'error' });
      text = await response.text();
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      const why = (cause as { code?: string }).code ?? (cause as Error).message;
      const fix = 'Have the gateway started, or --url corrected. Repeating a send with the same arguments sends once.';
      return unavailable(`Postern at ${this.url} cannot be reached (${why}).`, fix);
    }
    if (response.status === 202) return null;
    const read = parsed(text);
    if (isAnswer(read)) {
      this.remember(read);
      return { text, answer: read };
    }
    if (isProblem(read)) return { problem: read.code === 'authentication_required' ? { ...read, ...KEY_HELP } : read };
    const detail = `${this.url} answered ${response.status}, and not as Postern does.`;
    return unavailable(detail, 'Have --url corrected: it is the address of the gateway.');
  }

  /** The version of the protocol that was agreed on goes with every later request. */
  private remember(answer: Answer | Answer[]): void {
    const version = Array.isArray(answer) ? undefined : answer.result?.protocolVersion;
    if (typeof version === 'string') this.headers['mcp-protocol-version'] = version;
  }
}

function unavailable(detail: string, fix: string): { problem: Problem } {
  const clears = { by: ['operator' as const], at: null };
  return { problem: { code: 'service_unavailable', detail, fix, retryable: true, retry_at: null, clears } };
}

function lineOf(answers: readonly object[]): string | null {
  if (answers.length === 0) return null;
  return JSON.stringify(answers.length === 1 ? answers[0] : answers);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isAnswer(value: unknown): value is Answer | Answer[] {
  return typeof value === 'object' && value !== null && (Array.isArray(value) || 'jsonrpc' in value);
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value && 'clears' in value;
}

function isRequest(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { id, method } = value as Message;
  return id !== undefined && typeof method === 'string';
}

function problemAnswer({ id, method }: Message, problem: Problem): object {
  const { code, detail, fix, retryable, retry_at: retryAt, clears } = problem;
  const when = retryAt === null ? '' : ` Do not retry before ${retryAt}.`;
  const later = retryable && retryAt === null ? ' It may succeed later: wait a minute or more between tries.' : '';
  const who = ` Who can clear it: ${clears.by.map((one) => CLEARERS[one]).join(' ')}`;
  const text = `Refused: ${code}. ${detail} What to do: ${fix}${when}${later}${who}`;
  if (method !== 'tools/call') {
    return { jsonrpc: '2.0', id, error: { code: SERVER_FAULT, message: text, data: problem } };
  }
  const result = { content: [{ type: 'text', text }], structuredContent: problem, isError: true };
  return { jsonrpc: '2.0', id, result };
}
