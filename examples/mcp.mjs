/**
 * An agent at the tools of the Model Context Protocol, with the protocol's own client: asked twice to send the same thing it sends it
 * once; at the limit it is told when to come back, comes back then, and is let through.
 *
 *   npm start            # in one terminal
 *   node examples/mcp.mjs
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ask, openAccount, say } from './exchange.mjs';

const limits = [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', unit: 'recipient', max: 1 }];
const { key } = await openAccount('Agents', { policy: { limits } });
await ask(key, 'POST', '/v1/test/clock', { now: '2027-03-01T09:00:00Z' });

const url = new URL('/mcp', process.env.POSTERN_URL ?? 'http://127.0.0.1:8480');
const headers = { Authorization: `Bearer ${key}`, 'X-Agent-Id': 'outreach-1' };
const client = new Client({ name: 'example', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));

/** Calls a tool and prints what a model would read. */
async function call(name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  console.log(`\n${name} ${JSON.stringify(args)}\n${result.isError ? '(isError) ' : ''}${result.content[0].text}`);
  return result.structuredContent;
}

say('The tools.');
const { tools } = await client.listTools();
for (const { name, title } of tools) console.log(`${name}: ${title}`);

say('The same message, twice: the second call is told of the first.');
const quote = { to: 'kim@buyer.example', subject: 'Your quote', text: 'Here it is.' };
const first = await call('send_message', quote);
const second = await call('send_message', quote);
console.log(`\nOne message: ${first.id === second.id}`);

say('Another message, over the limit: when to come back.');
const other = { to: 'lee@buyer.example', subject: 'Your quote', text: 'Here it is.' };
const refused = await call('send_message', other);

say(`At ${refused.retry_at} the same call goes through.`);
await ask(key, 'POST', '/v1/test/clock', { now: refused.retry_at });
await call('send_message', other);

say('A contact is leased, and another agent is kept out.');
const lease = await call('acquire_lease', { contact: 'max@buyer.example', ttl_seconds: 600 });
await call('check_send', { to: 'max@buyer.example', subject: 'Hello', text: 'Hello', agent: 'support-2' });
await call('release_lease', { lease_id: lease.id });

say('What a person must decide stays with a person.');
await call('suppress', { email: 'max@buyer.example', reason: 'manual_dnc', note: 'asked by phone' });
await call('send_message', { to: 'max@buyer.example', subject: 'Hello', text: 'Hello' });
await client.close();
