/**
 * The Model Context Protocol over streamable HTTP, without sessions: each request has a server of its own that is gone with its
 * answer, so that nothing is kept for those who never come back. Answers are plain JSON; the gateway asks its clients nothing.
 */
import { readFileSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  type ListToolsResult,
} from '@modelcontextprotocol/sdk/types.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { agentOf } from '../../http/actor.ts';
import type { Calls } from './calls.ts';
import { instructionsFor } from './instructions.ts';
import { readyMessages } from './messages.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export async function answerMcp(calls: Calls, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const ready = readyMessages(request.body);
  if (!ready.ok) {
    const error = { code: ErrorCode.InvalidRequest, message: ready.message };
    return reply.code(400).send({ jsonrpc: '2.0', error, id: null });
  }
  const instructions = instructionsFor(request.caller!, agentOf(request), calls.needs);
  const server = new Server(
    { name: 'postern', title: 'Postern', version: PACKAGE.version },
    { capabilities: { tools: {} }, instructions },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: calls.listed }) as ListToolsResult);
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { requestId }) => {
    const { name, arguments: args = {} } = params;
    if (!calls.has(name)) throw noTool(calls, name);
    return (await calls.call(name, ready.broken.has(requestId) ? null : args, request, reply)) as CallToolResult;
  });
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  });
  await server.connect(transport);
  try {
    const answer = await transport.handleRequest(webRequest(request), { parsedBody: ready.body });
    reply.code(answer.status);
    const type = answer.headers.get('content-type');
    if (type !== null) reply.type(type);
    return reply.send(answer.body === null ? undefined : await answer.text());
  } finally {
    await server.close();
  }
}

function noTool(calls: Calls, name: string): Error {
  const names = calls.listed.map((tool) => tool.name).join(', ');
  const message = `There is no tool ${JSON.stringify(name.slice(0, 100))}. There are ${names}; what only a person may do, no tool does.`;
  return Object.assign(new Error(message), { code: ErrorCode.InvalidParams });
}

const READ_HEADERS = ['accept', 'content-type', 'mcp-protocol-version'];

/** What the protocol reads of a request; its body is read already. */
function webRequest(request: FastifyRequest): Request {
  const headers = new Headers();
  for (const name of READ_HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  return new Request('http://localhost/mcp', { method: 'POST', headers });
}
