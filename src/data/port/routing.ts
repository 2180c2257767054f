/** The way a recipient takes out, and ways that are closed for a time. */
import type { ProviderKind } from '../../policy/pool.ts';
import type { RouteWhy } from '../../policy/route.ts';

export type Route = {
  provider: {
    /** 0: the gateway's own. */
    no: number;
    id: string;
    name: string;
    kind: ProviderKind | 'default';
    /** Grows with every change of its settings. */
    version: number;
  };
  /** Null: the implied one. */
  mailbox: {
    no: number;
    id: string;
    address: string;
    /** Grows with every change of its settings. */
    version?: number;
  } | null;
  why: RouteWhy[];
};

/** A way that takes nothing for a time: a provider, a mailbox, or either of them for one destination (a recipient's domain). */
export type ClosedRoute = {
  provider: number | null;
  mailbox: number | null;
  destination: string | null;
  /** Real time, in milliseconds. */
  until: number;
  /** In words, for people. */
  cause: string;
};

export type RouteName = Pick<ClosedRoute, 'provider' | 'mailbox' | 'destination'>;

export interface RoutingWrites {
  /** Closes a way, or gives a closed one another end. Kept in memory: a start opens all. */
  closeRoute(route: ClosedRoute): Promise<null>;
  /** Opens it before its time: what waits for it alone is due at once. */
  openRoute(route: RouteName): Promise<null>;
}
