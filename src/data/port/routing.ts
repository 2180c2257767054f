/** The way a recipient takes out, and ways that are closed for a time. */
import type { LimitState } from '../../policy/headroom.ts';
import type { ProviderKind } from '../../policy/pool.ts';
import type { RouteWhy } from '../../policy/route.ts';
import type { Space } from './space.ts';

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
    version: number;
  } | null;
  why: RouteWhy[];
};

/** As a stored recipient shows it. */
export type StoredRoute = {
  provider: { id: string; name: string };
  mailbox: { id: string; address: string } | null;
  why: readonly RouteWhy[];
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

/** A warm-up towards one family of destinations, on the day that it is. */
export type RampState = { family: string; day: number; places: number; used: number; stands: boolean };

export type WayHeadroom = {
  no: number;
  limits: LimitState[];
  /** What closes it now for all destinations. */
  closed: { until: number; cause: string } | null;
};

/** What each mailbox and provider can still carry; empty for a tenant that has none of its own. */
export type PoolHeadroom = {
  now: number;
  providers: WayHeadroom[];
  mailboxes: (WayHeadroom & { ramps: RampState[] })[];
};

export interface RoutingWrites {
  /** As the writer's memory has it now, of these mailboxes alone where some are named. */
  poolHeadroom(input: Space & { mailboxes?: readonly number[] }): Promise<PoolHeadroom>;
  /** Closes a way, or gives a closed one another end. Kept in memory: a start opens all. */
  closeRoute(route: ClosedRoute): Promise<null>;
  /** Opens it before its time: what waits for it alone is due at once. */
  openRoute(route: RouteName): Promise<null>;
}
