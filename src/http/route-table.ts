/**
 * Which methods each path takes, collected as routes are made: for the `Allow` of a 405. And the schema of each, for doors that
 * offer routes under other names.
 */
import type { FastifyInstance, FastifySchema } from 'fastify';
import type { KeyScope } from '../data/store.ts';

export type RouteEntry = { schema: FastifySchema; scopes: readonly KeyScope[] };
type Entry = { method: string; url: string; segments: string[] } & RouteEntry;

export class RouteTable {
  private readonly entries: Entry[] = [];

  /** To be called before any route is made. */
  constructor(server: FastifyInstance) {
    server.addHook('onRoute', ({ method, url, schema = {}, config }) => {
      const scopes = config?.scopes ?? [];
      for (const one of Array.isArray(method) ? method : [method]) {
        this.entries.push({ method: one, url, segments: segmentsOf(url), schema, scopes });
      }
    });
  }

  /** The route as it was made: its path with its parameters. */
  find(method: string, url: string): RouteEntry | undefined {
    return this.entries.find((entry) => entry.method === method && entry.url === url);
  }

  /** The methods by which a path is served, in alphabetical order; none where nothing is there. A wildcard serves no path of its own. */
  methodsFor(path: string): string[] {
    const wanted = segmentsOf(path);
    const methods = new Set<string>();
    for (const { method, segments } of this.entries) if (fits(segments, wanted)) methods.add(method);
    return [...methods].sort();
  }
}

/** A slash at the end makes no difference, as in the router. */
function segmentsOf(path: string): string[] {
  const segments = path.split('/').slice(1);
  if (segments.length > 1 && segments.at(-1) === '') segments.pop();
  return segments;
}

function fits(pattern: readonly string[], wanted: readonly string[]): boolean {
  for (const [i, segment] of pattern.entries()) {
    const given = wanted[i];
    if (given === undefined || (segment.startsWith(':') ? given === '' : segment !== given)) return false;
  }
  return pattern.length === wanted.length;
}
