/** The door for agents: `/mcp`. The protocol and its packages are loaded when somebody first comes. */
import type { FastifyInstance } from 'fastify';
import type { RouteTable } from '../../http/route-table.ts';
import type { Log } from '../../http/server.ts';
import type { IntakeDoor } from '../door.ts';
import { Calls } from './calls.ts';

export type McpDoor = IntakeDoor & { routes: RouteTable; publicUrl: () => string; log: Log };

export function mcpRoutes(server: FastifyInstance, door: McpDoor): void {
  let calls: Calls;
  // A tool without its route stops the start.
  server.addHook('onReady', async () => {
    calls = new Calls(server, door, door.routes);
  });
  server.post(
    '/mcp',
    {
      config: { scopes: ['send', 'read', 'manage'], uncounted: true, flawsRead: true },
      schema: { hide: true },
      onRequest(request, reply, done) {
        const { origin, host } = request.headers;
        if (origin === undefined || isOwn(origin, host, door.publicUrl())) done();
        else {
          const detail = `Pages of ${origin.slice(0, 200)} may not use this gateway from a browser.`;
          const fix = 'Call from a program, which sends no Origin header, or from the address of the gateway itself.';
          door.problems.refuse(request, reply, 'insufficient_permissions', { detail, fix, param: 'Origin' });
        }
      },
    },
    async (request, reply) => {
      const { answerMcp } = await import('./protocol.ts');
      return answerMcp(calls, request, reply);
    },
  );
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Whether a page is the gateway's own, so that a foreign one cannot reach it by a name that it points here. The names of this
 * machine are one; on it a forwarded port is the gateway's too, where the page came by that port.
 */
function isOwn(origin: string, host: string | undefined, publicUrl: string): boolean {
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  const own = new URL(publicUrl);
  const isLocal = LOOPBACK.has(page.hostname);
  if (isLocal && page.host === host) return true;
  const isNamed = page.hostname === own.hostname || (isLocal && LOOPBACK.has(own.hostname));
  return isNamed && page.protocol === own.protocol && page.port === own.port;
}
