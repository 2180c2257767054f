/** The official client of the Model Context Protocol, at a gateway. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

export type ToolResult = {
  isError: boolean;
  /** What is said in words. */
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  body: any;
};

export type Agent = {
  client: Client;
  call(name: string, args?: Record<string, unknown>): Promise<ToolResult>;
  close(): Promise<void>;
};

export function connectAgent(url: string, key: string, headers: Record<string, string> = {}): Promise<Agent> {
  const sent = { authorization: `Bearer ${key}`, ...headers };
  return connectOver(new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit: { headers: sent } }));
}

export async function connectOver(transport: Transport): Promise<Agent> {
  const client = new Client({ name: 'test-agent', version: '1.0.0' });
  await client.connect(transport);
  // A client that knows the tools holds every answer against their schemas.
  await client.listTools();
  return {
    client,
    async call(name, args = {}) {
      const result = await client.callTool({ name, arguments: args });
      const [words] = result.content as { type: string; text: string }[];
      return { isError: result.isError === true, text: words!.text, body: result.structuredContent };
    },
    close: () => client.close(),
  };
}
