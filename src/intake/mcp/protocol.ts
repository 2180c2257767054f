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
import type { Calls } from './calls.ts';
import { readyMessages } from './messages.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const INSTRUCTIONS = `Postern sends e-mail and decides on every send. Each result says what is left of the limits ("Headroom").
A refusal is a result with isError: its \`code\` says why, \`fix\` what to do, \`retry_at\` when the same call may succeed (null: waiting does not help) and \`clears.by\` who can clear it. Follow it: do not retry earlier, do not vary a message to get around a refusal, and turn to the person named where only a person can help.
Repeating send_message with the same message is safe and sends once. When in doubt whether something was sent, call it again or use search_messages.
Before writing to a contact that other agents may write to, acquire a lease and release it afterwards.
What is held waits for a person's approval. No tool approves, and none lifts a suppression or loosens a limit.`;

export async function answerMcp(calls: Calls, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const ready = readyMessages(request.body);
  if (!ready.ok) {
    const error = { code: ErrorCode.InvalidRequest, message: ready.message };
    return reply.code(400).send({ jsonrpc: '2.0', error, id: null });
  }
  const server = new Server(
    { name: 'postern', title: 'Postern', version: PACKAGE.version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: calls.listed }) as ListToolsResult);
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { requestId }) => {
    const { name, arguments: args = {} } = params;
    if (!calls.has(name)) throw noTool(calls, name);
    if (ready.broken.has(requestId)) return calls.refuseArguments(name, request) as CallToolResult;
    return (await calls.call(name, args, request, reply)) as CallToolResult;
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
