/** The way a claimed recipient takes out. */
import type { Route } from '../port/routing.ts';

/** Of tenants that have no providers or mailboxes of their own. */
export const DEFAULT_ROUTE: Route = {
  provider: { no: 0, id: 'default', name: 'default', kind: 'default', version: 0 },
  mailbox: null,
  why: ['only'],
};
