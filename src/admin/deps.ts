/** What the routes of the management API work with. */
import type { Store } from '../data/store.ts';
import type { Authenticator } from '../http/authenticate.ts';
import type { Problems } from '../http/problems.ts';

export type AdminDeps = { store: Store; problems: Problems; authenticator: Authenticator };
