/**
 * `postern mcp`: the tools for agents over standard input and output, carried to a running gateway over HTTP.
 *
 * It decides nothing and keeps nothing: what comes in on a line goes to `/mcp`, and the answer goes out on a line. Standard output holds
 * the protocol alone. Where the gateway cannot be asked, a call of a tool gets a result that says so, since a model reads results.
 */
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
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

/** The longest line that is read: a message with attachments. */
const MOST_BYTES = 40 * 1024 * 1024;
const SERVER_FAULT = -32_000;
const ACCEPT = 'application/json, text/event-stream';
const KEY = /^[\x21-\x7e]{1,300}$/;

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
  await carry(new Remote(base, key, agent));
  return EXIT_DONE;
}

function optionOf(value: string | boolean | string[] | undefined, variable: string): string | undefined {
  return (typeof value === 'string' ? value : process.env[variable]) || undefined;
}

/** Until standard input ends and the last answer is out. */
async function carry(remote: Remote): Promise<void> {
  const here = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: MOST_BYTES });
  const running = new Set<Promise<void>>();
  let isTooLong = false;
  await new Promise<void>((resolve) => {
    here.onmessage = (message) => {
      const answered = remote.ask(message).then(async (answers) => {
        for (const answer of answers) await here.send(answer);
      });
      running.add(answered);
      answered.finally(() => running.delete(answered));
    };
    here.onerror = (error) => {
      isTooLong ||= /maximum size/.test(error.message);
      process.stderr.write(`postern mcp: a line was not read: ${error.message}\n`);
      if (isTooLong) resolve();
    };
    process.stdin.once('end', resolve);
    process.stdin.once('close', resolve);
    here.start();
  });
  await Promise.all(running);
}

type Problem = { code: string; detail: string; fix?: string; retry_at?: string | null };

class Remote {
  private readonly url: string;
  private readonly headers: Record<string, string>;

  constructor(base: string, key: string, agent: string | undefined) {
    const path = base.replace(/\/+$/, '');
    this.url = path.endsWith('/mcp') ? path : `${path}/mcp`;
    this.headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: ACCEPT };
    if (agent !== undefined) this.headers['x-agent-id'] = agent;
  }

  /** What is to be said to a message: nothing to a notification. */
  async ask(message: JSONRPCMessage): Promise<JSONRPCMessage[]> {
    const problem = await this.post(message);
    if (Array.isArray(problem)) return problem;
    process.stderr.write(`postern mcp: ${problem.code}: ${problem.detail}\n`);
    return 'method' in message && 'id' in message ? [answerOf(message, problem)] : [];
  }

  private async post(message: JSONRPCMessage): Promise<JSONRPCMessage[] | Problem> {
    let response: Response;
    let text: string;
    try {
      const body = JSON.stringify(message);
      response = await fetch(this.url, { method: 'POST', headers: this.headers, body, redirect: 'error' });
      text = await response.text();
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      const why = (cause as { code?: string }).code ?? (cause as Error).message;
      return {
        code: 'service_unavailable',
        detail: `Postern at ${this.url} cannot be reached (${why}).`,
        fix: 'Have the gateway started, or --url corrected. Repeating a send with the same arguments sends once.',
      };
    }
    if (response.status === 202) return [];
    const read = parsed(text);
    if (isRpc(read)) {
      this.remember(read);
      return [read];
    }
    if (isProblem(read)) return read;
    return { code: 'service_unavailable', detail: `${this.url} answered ${response.status}, and not as Postern does.` };
  }

  /** The version of the protocol that was agreed on goes with every later request. */
  private remember(answer: JSONRPCMessage): void {
    const result = 'result' in answer ? (answer.result as { protocolVersion?: unknown }) : {};
    if (typeof result.protocolVersion === 'string') this.headers['mcp-protocol-version'] = result.protocolVersion;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRpc(value: unknown): value is JSONRPCMessage {
  return typeof value === 'object' && value !== null && 'jsonrpc' in value;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value;
}

function answerOf(request: { id: string | number; method: string }, problem: Problem): JSONRPCMessage {
  const { id, method } = request;
  const { code, detail, fix, retry_at: retryAt } = problem;
  const when = retryAt == null ? '' : ` Do not retry before ${retryAt}.`;
  const text = `Refused: ${code}. ${detail}${fix === undefined ? '' : ` What to do: ${fix}`}${when}`;
  if (method !== 'tools/call')
    return { jsonrpc: '2.0', id, error: { code: SERVER_FAULT, message: text, data: problem } };
  return {
    jsonrpc: '2.0',
    id,
    result: { content: [{ type: 'text', text }], structuredContent: problem, isError: true },
  };
}
