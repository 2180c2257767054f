/**
 * Simulations: past traffic run through a draft policy. Traffic is what is stored, or a file that comes with the request; a
 * large one comes as `application/x-ndjson` and goes to the disk as it comes.
 */
import { createReadStream, existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { parseJson } from '../base/json.ts';
import type { Issue } from '../core/explain.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { SimulationRow } from '../data/port/simulations.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { validatePolicy } from '../policy/validate.ts';
import type { Simulations } from '../simulate/simulations.ts';
import { actorOf, conflict, notFound, principalOf } from './answers.ts';
import { ID_PARAMS, listOf, listQuery, pageBody, pagingOf, timeOrNull } from './shapes.ts';
import { NEW_SIMULATION, SIMULATION, SIMULATION_RESULT } from './simulation-schemas.ts';

export type SimulationDeps = { store: Store; problems: Problems; simulations: Simulations };

const READ = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const CHANGE = { config: { scopes: ['manage', 'approve'] } } as const;
const TAGS = ['Simulations'];
const LINES = 'application/x-ndjson';
const MAX_TEXT_BYTES = 20 * 1024 * 1024;
const MAX_STREAM_BYTES = 2 * 1024 * 1024 * 1024;

/** In a context of its own, since a body of lines is a stream here. */
export function simulationRoutes(server: FastifyInstance, deps: SimulationDeps): void {
  server.register(async (own) => {
    own.addContentTypeParser(LINES, (_request, payload, done) => done(null, payload));
    createRoute(own, deps);
    lookupRoutes(own, deps);
    endRoutes(own, deps);
  });
}

function isLines(request: FastifyRequest): boolean {
  return request.headers['content-type']?.toLowerCase().startsWith(LINES) === true;
}

function createRoute(server: FastifyInstance, deps: SimulationDeps): void {
  const query = Type.Object({
    policy: Type.Optional(Type.String({ description: 'The draft as JSON, where the body is the traffic.' })),
    on_error: NEW_SIMULATION.properties.on_error,
  });
  server.post(
    '/v1/simulations',
    {
      validatorCompiler: () => () => true,
      config: { ...CHANGE.config, streamsBody: isLines },
      schema: {
        summary: 'Run past traffic through a draft',
        description:
          'One runs at a time, the others wait. Results are kept for a week. Lines of traffic stand in order of time; accounts in them are new on their first line.',
        tags: TAGS,
        consumes: ['application/json', LINES],
        querystring: query,
        body: NEW_SIMULATION,
        response: { 201: SIMULATION },
      },
    },
    (request, reply) => create(request, reply, deps),
  );
}

type Wanted = {
  draft: PolicyDocument;
  onError: 'stop' | 'skip';
  history: { since: number | null; until: number | null } | null;
  traffic: Readable | string | null;
};

async function create(request: FastifyRequest, reply: FastifyReply, deps: SimulationDeps): Promise<FastifyReply> {
  const { problems, simulations } = deps;
  const issues: Issue[] = [];
  const wanted = isLines(request) ? readQuery(request, issues) : readBody(request.body, issues);
  if (issues.length > 0) return problems.invalid(request, reply, issues);
  const { draft, onError, history, traffic } = wanted;
  const maxBytes = typeof traffic === 'string' ? MAX_TEXT_BYTES : MAX_STREAM_BYTES;
  const kept = traffic === null ? null : await simulations.keepTraffic(traffic, maxBytes);
  if (traffic !== null && kept === null) {
    const detail = `The traffic has more than ${maxBytes / 1024 / 1024} MB.`;
    return problems.refuse(request, reply, 'payload_too_large', { detail, param: 'traffic' });
  }
  const { tenantNo, mode } = principalOf(request);
  const source = kept === null ? { kind: 'history' as const, ...history! } : { kind: 'traffic' as const, ...kept };
  const row = await simulations.submit({ tenantNo, mode, draft, onError, source, author: actorOf(request).name });
  if (row !== null) return reply.code(201).send(simulationBody(row, simulations));
  const evidence = { resource: 'simulation', id: '', state: 'queued', action: 'simulation.create' };
  return conflict(request, reply, problems, evidence, 'Five simulations wait or run already: wait, or delete one.');
}

function readQuery(request: FastifyRequest, issues: Issue[]): Wanted {
  const { policy, on_error: onError, ...strange } = request.query as Record<string, string | undefined>;
  for (const param of Object.keys(strange)) issues.push(unknown(param));
  const json = parseJson(Buffer.from(policy ?? '{}'));
  if (!json.ok) issues.push(invalid('policy', `It is not JSON: ${json.message}`));
  return {
    draft: json.ok ? readDraft(json.value, issues) : {},
    onError: readOnError(onError, issues),
    history: null,
    traffic: request.body as Readable,
  };
}

function readBody(body: unknown, issues: Issue[]): Wanted {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (!isObject) issues.push(invalid('', 'The body must be a JSON object.'));
  const { policy, history, traffic, on_error: onError, ...strange } = (isObject ? body : {}) as Record<string, unknown>;
  for (const param of Object.keys(strange)) issues.push(unknown(param.slice(0, 64)));
  if (history === undefined && traffic === undefined) {
    issues.push({
      code: 'missing_parameter',
      param: 'history',
      message: 'Name the "history" to run, or give "traffic".',
    });
  }
  if (history !== undefined && traffic !== undefined) {
    issues.push({ code: 'mutually_exclusive', param: 'traffic', message: 'It goes without "history".' });
  }
  if (policy === undefined) {
    issues.push({ code: 'missing_parameter', param: 'policy', message: '`{}` is what is in force.' });
  }
  if (traffic !== undefined && typeof traffic !== 'string') issues.push(invalid('traffic', 'It must be a string.'));
  return {
    draft: policy === undefined ? {} : readDraft(policy, issues),
    onError: readOnError(onError, issues),
    history: traffic === undefined ? readHistory(history, issues) : null,
    traffic: typeof traffic === 'string' ? traffic : null,
  };
}

function invalid(param: string, message: string): Issue {
  return { code: 'invalid_parameter', param, message };
}

function unknown(param: string): Issue {
  return { code: 'unknown_parameter', param, message: 'There is no such parameter.' };
}

function readDraft(value: unknown, issues: Issue[]): PolicyDocument {
  const reading = validatePolicy(value);
  if (reading.ok) return reading.document;
  for (const { code, param, message } of reading.errors) {
    issues.push({ code, message, param: param === '' ? 'policy' : `policy.${param}` });
  }
  return {};
}

function readOnError(value: unknown, issues: Issue[]): 'stop' | 'skip' {
  if (value === undefined || value === 'stop' || value === 'skip') return value ?? 'stop';
  issues.push(invalid('on_error', 'It must be "stop" or "skip".'));
  return 'stop';
}

function readHistory(value: unknown, issues: Issue[]): Wanted['history'] {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) {
    if (value !== undefined) issues.push(invalid('history', 'It must be an object.'));
    return null;
  }
  const { since, until, ...strange } = value as Record<string, unknown>;
  for (const param of Object.keys(strange)) issues.push(unknown(`history.${param.slice(0, 64)}`));
  const timeAt = (time: unknown, param: string): number | null => {
    if (time === undefined || time === null) return null;
    const ms = typeof time === 'string' ? parseTime(time) : null;
    if (ms === null) issues.push(invalid(param, 'It must be a time as RFC 3339 has it.'));
    return ms;
  };
  const read = { since: timeAt(since, 'history.since'), until: timeAt(until, 'history.until') };
  if (read.since !== null && read.until !== null && read.until <= read.since) {
    issues.push(invalid('history.until', 'It must lie after "since".'));
  }
  return read;
}

function lookupRoutes(server: FastifyInstance, { store, problems, simulations }: SimulationDeps): void {
  server.get(
    '/v1/simulations',
    {
      ...READ,
      schema: {
        summary: 'Simulations, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(SIMULATION, 'Simulations') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const page = await store.simulations({ tenantNo, mode, ...pagingOf(request) });
      return pageBody(page, (row) => simulationBody(row, simulations));
    },
  );

  server.get(
    '/v1/simulations/:id',
    {
      ...READ,
      schema: {
        summary: 'A simulation and what it came to',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: SIMULATION_RESULT },
      },
    },
    async (request, reply) => {
      const row = await find(request, store);
      return row === null ? missing(request, reply, problems) : wholeBody(row, simulations);
    },
  );

  server.get(
    '/v1/simulations/:id/results',
    {
      ...READ,
      schema: {
        summary: 'The results, one line of JSON a send',
        description: '`was` is what it is compared with, `changed` whether verdict or reasons differ from it.',
        tags: TAGS,
        params: ID_PARAMS,
        produces: [LINES],
        response: { 200: Type.String() },
      },
    },
    async (request, reply) => {
      const row = await find(request, store);
      if (row === null) return missing(request, reply, problems);
      const path = simulations.resultsPath(row.id);
      if (row.status === 'queued' || row.status === 'running' || !existsSync(path)) {
        const evidence = { resource: 'simulation', id: row.id, state: row.status, action: 'simulation.results' };
        return conflict(request, reply, problems, evidence, 'It has no results yet.');
      }
      return reply.type(LINES).send(createReadStream(path));
    },
  );
}

function endRoutes(server: FastifyInstance, { problems, simulations }: SimulationDeps): void {
  server.delete(
    '/v1/simulations/:id',
    {
      ...CHANGE,
      schema: {
        summary: 'Remove a simulation',
        description: 'One that runs is ended. Its results go with it.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: Type.Object({ removed: Type.Boolean() }) },
      },
    },
    async (request, reply) => {
      const { tenantNo, mode } = principalOf(request);
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const removed = await simulations.remove({ tenantNo, mode, id });
      return removed ? { removed } : missing(request, reply, problems);
    },
  );
}

function find(request: FastifyRequest, store: Store): Promise<SimulationRow | null> {
  const { tenantNo, mode } = principalOf(request);
  const { id } = request.params as Static<typeof ID_PARAMS>;
  return store.simulation({ tenantNo, mode, id });
}

function missing(request: FastifyRequest, reply: FastifyReply, problems: Problems): FastifyReply {
  const { id } = request.params as Static<typeof ID_PARAMS>;
  return notFound(request, reply, problems, 'simulation', id);
}

function simulationBody(row: SimulationRow, simulations: Simulations): Static<typeof SIMULATION> {
  const { source } = row;
  return {
    id: row.id,
    status: row.status,
    progress: simulations.progressOf(row),
    policy: row.draft,
    source:
      source.kind === 'traffic'
        ? { traffic: { bytes: source.bytes } }
        : { history: { since: formatTime(source.since), until: formatTime(source.until) } },
    on_error: row.onError,
    author: row.author,
    created_at: formatTime(row.createdAt),
    started_at: timeOrNull(row.startedAt),
    finished_at: timeOrNull(row.finishedAt),
    error: row.error,
  };
}

const NOTHING_YET = {
  totals: null,
  changed: null,
  days: null,
  tenants: null,
  skipped: null,
  results_truncated: null,
};

function wholeBody(row: SimulationRow, simulations: Simulations): object {
  return { ...simulationBody(row, simulations), ...NOTHING_YET, ...row.summary };
}
