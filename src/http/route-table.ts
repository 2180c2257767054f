/** Which methods each path takes, collected as routes are made: for the `Allow` of a 405. */
import type { FastifyInstance } from 'fastify';

type Entry = { method: string; segments: string[] };

export class RouteTable {
  private readonly entries: Entry[] = [];

  /** To be called before any route is made. */
  constructor(server: FastifyInstance) {
    server.addHook('onRoute', ({ method, url }) => {
      for (const one of Array.isArray(method) ? method : [method]) {
        this.entries.push({ method: one, segments: segmentsOf(url) });
      }
    });
  }

  /** The methods by which a path is served, in alphabetical order; none where nothing is there. */
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
    if (segment === '*') return true;
    const given = wanted[i];
    if (given === undefined || (segment.startsWith(':') ? given === '' : segment !== given)) return false;
  }
  return pattern.length === wanted.length;
}
