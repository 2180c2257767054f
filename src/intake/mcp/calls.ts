/**
 * A call of a tool, carried to its route and back: the same server answers it as it answers HTTP, with the caller's key, address,
 * language and request id. A refusal is a result that says so, never a fault of the protocol.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, InjectOptions } from 'fastify';
import type { ProblemBody } from '../../core/explain.ts';
import type { ReasonCode } from '../../core/reasons.ts';
import { formatTime } from '../../core/time.ts';
import { type KeyScope, StoreFault } from '../../data/store.ts';
import { setHeadroom } from '../../http/headroom-headers.ts';
import { programsScopes } from '../../http/inner.ts';
import { type Refusal, refusal } from '../../http/problems.ts';
import type { RouteTable } from '../../http/route-table.ts';
import type { Log } from '../../http/server.ts';
import { unserved } from '../../http/unserved.ts';
import { type IntakeDoor, submitInput } from '../door.ts';
import { type Headroom, headroomOf, headroomText, refusalText } from '../reply-words.ts';
import type { Body } from './answer-texts.ts';
import { type Input, inputOf } from './input-schema.ts';
import { type OutputSchema, outputOf } from './output-schema.ts';
import { repeatKey } from './repeat-key.ts';
import { TOOLS, type Tool } from './tools.ts';

export type CallResult = {
  content: { type: 'text'; text: string }[];
  structuredContent: Body;
  isError?: boolean;
};

export type ListedTool = {
  name: string;
  title: string;
  description: string;
  inputSchema: Input['schema'];
  outputSchema: OutputSchema;
  annotations: Tool['hints'];
};

/** What says who asks and in which language, from where. */
const CARRIED = ['authorization', 'x-tenant', 'x-mode', 'x-agent-id', 'accept-language', 'x-forwarded-for'] as const;
/** The headroom of a call is that of the whole answer. */
const HEADROOM = [
  'x-risk-level',
  'ratelimit-policy',
  'ratelimit',
  'x-quota-limit',
  'x-quota-remaining',
  'x-quota-reset',
];

/** Also those of other faces. Dots alone would name another path. */
const IS_ID = /^(?!\.{1,2}$).{1,300}$/su;

const UNKNOWN = 'It is not known whether it was done. The same call may be made again: a send goes out once.';
/** Unless the policy says otherwise. */
const KEPT_SECONDS = 86_400;

const NO_ARGUMENTS = {
  code: 'invalid_parameter',
  param: 'arguments',
  message: 'The arguments of a tool are one object, with a member for each.',
};

type Key = { text: string; isMade: boolean; keptMs: number };
type Issue = { code: string; param: string; message: string };

export class Calls {
  readonly listed: ListedTool[];
  /** Of the scopes each has, a key must have one. */
  readonly needs: { name: string; needs: readonly KeyScope[] }[] = [];
  private readonly tools = new Map<string, { tool: Tool; input: Input }>();
  private readonly server: FastifyInstance;
  private readonly door: IntakeDoor & { log: Log };

  /** To be made once every route is. */
  constructor(server: FastifyInstance, door: IntakeDoor & { log: Log }, routes: RouteTable) {
    this.server = server;
    this.door = door;
    this.listed = TOOLS.map((tool) => {
      const route = routes.find(tool.method, tool.url);
      if (route === undefined) throw new Error(`the tool ${tool.name} has no route`);
      const input = inputOf(route, tool.shaping);
      this.tools.set(tool.name, { tool, input });
      const { name, title, hints } = tool;
      const needs = programsScopes(route.scopes);
      this.needs.push({ name, needs });
      return {
        name,
        title,
        description: `${tool.description} Needs a key with ${needs.join(' or ')}.`,
        inputSchema: input.schema,
        outputSchema: outputOf(route, tool.sends === true),
        annotations: { title, ...hints },
      };
    });
  }

  has(name: string): boolean {
    return this.tools.has(name);
  }

  /**
   * `args`: null where they are no object. A fault too is a result: the model reads that it may ask again, and nothing of what went
   * wrong.
   */
  async call(name: string, args: Body | null, request: FastifyRequest, reply: FastifyReply): Promise<CallResult> {
    const { tool, input } = this.tools.get(name)!;
    try {
      if (args === null) return await this.invalid(tool, request, reply, [NO_ARGUMENTS]);
      return await this.carry(tool, input, args, request, reply);
    } catch (error) {
      const isFault = error instanceof StoreFault;
      if (!isFault || error.kind !== 'paused') {
        const told = (error as Error).stack ?? String(error);
        this.door.log.error({ request_id: request.id, error: told }, 'a call of a tool failed');
      }
      const { code, refusal: why } = isFault
        ? unserved(error)
        : { code: 'internal_error' as const, refusal: { evidence: { reference: request.id } } };
      return this.refuse(tool, request, code, why);
    }
  }

  private async carry(
    tool: Tool,
    input: Input,
    args: Body,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<CallResult> {
    const key = tool.sends === true ? await this.keyOf(args, input, request) : null;
    if (key !== null && 'code' in key) return this.invalid(tool, request, reply, [key]);
    const asked = this.requestOf(tool, input, args, key, request);
    if ('code' in asked) return this.invalid(tool, request, reply, [asked]);
    const answer = await this.server.inject(asked);
    for (const header of HEADROOM) {
      const value = answer.headers[header];
      if (value !== undefined) reply.header(header, value);
    }
    const headroom = headroomOf(answer.headers);
    if (headroom !== null) request.headroomSet = true;
    const body = answer.json() as Body;
    const more = { ...(key === null ? {} : { idempotency_key: key.text }), headroom };
    if (answer.statusCode >= 400) {
      const problem = body as ProblemBody & Body;
      return refused(tool, key?.isMade === true ? ownWords(problem) : problem, more);
    }
    const until = key === null ? null : formatTime(Date.parse(String(body['created_at'])) + key.keptMs);
    const isReplayed = answer.headers['idempotent-replayed'] === 'true';
    const shown = tool.show?.(body, args) ?? body;
    const lines = tool.tell({ body, isReplayed, key: key === null ? null : { ...key, until: until! } });
    if (headroom !== null) lines.push(headroomText(headroom));
    const sent = key === null ? {} : { replayed: isReplayed, idempotency_key_until: until };
    return result(lines.join('\n'), { ...shown, ...sent, ...more });
  }

  private requestOf(
    tool: Tool,
    { places, defaults }: Input,
    args: Body,
    key: Key | null,
    request: FastifyRequest,
  ): (InjectOptions & { url: string }) | Issue {
    let path = tool.url;
    const query = new URLSearchParams();
    const body: [string, unknown][] = [];
    const { own = {}, passedOver = [] } = tool.shaping;
    const given: Body = { ...args };
    for (const [name, value] of Object.entries(defaults)) given[name] ??= value;
    if (own['full'] !== undefined && args['full'] != null && typeof args['full'] !== 'boolean') {
      return { code: 'invalid_parameter', param: 'full', message: 'It must be true or false.' };
    }
    for (const name of [...Object.keys(own), ...passedOver]) delete given[name];
    for (const [name, value] of Object.entries(given)) {
      // What no field is called the route refuses, by its name.
      const { place, name: field } = places.get(name) ?? { place: tool.method === 'GET' ? 'query' : 'body', name };
      if (place === 'body') body.push([field, value]);
      else if (place === 'query' && value != null) query.set(field, textOf(value));
    }
    for (const [name, { place, name: field }] of places) {
      if (place !== 'params') continue;
      const value = args[name];
      if (typeof value !== 'string' || !IS_ID.test(value)) {
        const code = value == null ? 'missing_parameter' : 'invalid_parameter';
        return { code, param: name, message: 'It must be an id.' };
      }
      path = path.replace(`:${field}`, encodeURIComponent(value));
    }
    const search = query.size === 0 ? '' : `?${query}`;
    const payload = tool.method === 'GET' ? undefined : JSON.stringify(Object.fromEntries(body));
    return {
      method: tool.method,
      url: `${path}${search}`,
      headers: headersOf(request, key, payload),
      remoteAddress: request.raw.socket.remoteAddress,
      ...(payload === undefined ? {} : { payload }),
    };
  }

  /** Null where the message cannot be read: its refusal says why. */
  private async keyOf(args: Body, { places }: Input, request: FastifyRequest): Promise<Key | Issue | null> {
    const { idempotency_key: named, again } = args;
    if (again != null && typeof again !== 'boolean' && (typeof again !== 'string' || again === '')) {
      return { code: 'invalid_parameter', param: 'again', message: 'It must be true, or a word for this repeat.' };
    }
    const isAgain = again != null && again !== false;
    if (named != null) {
      if (isAgain) {
        const message = 'Give "idempotency_key" or "again", not both.';
        return { code: 'mutually_exclusive', param: 'again', message };
      }
      // One that cannot be a key is refused by the route.
      return { text: textOf(named), isMade: false, keptMs: await this.keptMs(request) };
    }
    const body = Object.fromEntries(Object.entries(args).filter(([name]) => places.has(name)));
    const submission = await this.door.intake.canonical(submitInput(request, body, null));
    if (submission === null) return null;
    const text = repeatKey(submission, isAgain ? String(again) : null);
    return { text, isMade: true, keptMs: await this.keptMs(request) };
  }

  /** For how long the key of a send that is taken on answers. */
  private async keptMs(request: FastifyRequest): Promise<number> {
    const { tenantNo, mode } = request.caller!.principal!;
    const { inForce } = await this.door.store.policyState({ owner: 'tenant', tenantNo, mode });
    const { idempotency_seconds: seconds = KEPT_SECONDS } = inForce.document.retention as {
      idempotency_seconds?: number;
    };
    return seconds * 1000;
  }

  /** What no route was asked for. */
  private async invalid(
    tool: Tool,
    request: FastifyRequest,
    reply: FastifyReply,
    errors: readonly Issue[],
  ): Promise<CallResult> {
    const principal = request.caller!.principal!;
    const { limits, now, risk } = await this.door.store.headroom({ principal, identity: null, recipient: null });
    setHeadroom(reply, limits, now, risk);
    request.headroomSet = true;
    return this.refuse(tool, request, 'validation_failed', { errors }, headroomOf(reply.getHeaders()));
  }

  private refuse(
    tool: Tool,
    request: FastifyRequest,
    code: ReasonCode,
    more: Refusal,
    headroom: Headroom | null = null,
  ): CallResult {
    const problem = this.door.problems.body(request, refusal(code, more)) as ProblemBody & Body;
    return refused(tool, problem, headroom === null ? {} : { headroom });
  }
}

/** Of a key that the caller has not made itself. */
function ownWords(problem: ProblemBody & Body): ProblemBody & Body {
  if (problem.code !== 'idempotency_key_reused') return problem;
  const first = problem.reasons[0]?.evidence['original_message_id'];
  const detail = `This message was sent already, as ${String(first)}: what it says, from whom and to whom is the same. Only white space, names beside addresses, times, labels or the lease token differ.`;
  const fix = 'Take it as sent. Only if it is meant to go out once more, call again with `again: true`.';
  return { ...problem, detail, fix };
}

function headersOf(request: FastifyRequest, key: Key | null, payload: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': request.id };
  for (const name of CARRIED) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  if (payload !== undefined) headers['content-type'] = 'application/json';
  if (key !== null) headers['idempotency-key'] = key.text;
  return headers;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function refused(tool: Tool, problem: ProblemBody & Body, more: Body): CallResult {
  const { headroom } = more;
  const isOpen = problem.code === 'internal_error' || problem.code === 'idempotency_in_progress';
  const lines = [refusalText(problem, isOpen ? UNKNOWN : tool.nothingDone)];
  if (headroom != null) lines.push(headroomText(headroom as Headroom));
  return { ...result(lines.join('\n'), { ...problem, ...more }), isError: true };
}

/** In words, and once more whole for clients that show a model nothing else. */
function result(text: string, structured: Body): CallResult {
  return {
    content: [
      { type: 'text', text },
      { type: 'text', text: JSON.stringify(structured) },
    ],
    structuredContent: structured,
  };
}
