/** What the routes of the management API work with. */
import type { Blobs } from '../data/blobs.ts';
import type { Store } from '../data/store.ts';
import type { Authenticator } from '../http/authenticate.ts';
import type { Problems } from '../http/problems.ts';
import type { ProviderTools } from './provider-tools.ts';

export type AdminDeps = {
  store: Store;
  blobs: Blobs;
  problems: Problems;
  authenticator: Authenticator;
  providers: ProviderTools;
};
