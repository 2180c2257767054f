import type { ManagedIdentity } from '../../../data/port/identities.ts';
import type { IntakeDoor } from '../../door.ts';

/** As whom a request acts, and through which door. */
export type SentAs = { door: IntakeDoor; identity: ManagedIdentity };
