/** Whom 12m's routes act as: every one of them names an identity, which was looked for. */
import type { ManagedIdentity } from '../../../data/port/identities.ts';
import type { IntakeDoor } from '../../door.ts';

export type SentAs = { door: IntakeDoor; identity: ManagedIdentity };
