import type { Context, Liquid } from 'liquidjs';

/** A filter as the library calls it. */
export type Filter = (this: { context: Context }, value: unknown, ...args: unknown[]) => unknown;

export function filterOf(liquid: Liquid, name: string): Filter {
  return liquid.filters[name] as unknown as Filter;
}
