/** The words for why mail did not arrive: what a reply or a bounce said, whose fault that is, and whether to try again. */
import { BOUNCE_CLASSES, type BounceClass } from './reasons/outcomes.ts';

export type { BounceClass } from './reasons/outcomes.ts';

/** Every class of the catalogue: the reader of bounces, delivery and reports share this one list. */
export const BOUNCE_CLASS_NAMES = Object.keys(BOUNCE_CLASSES) as readonly BounceClass[];

/** Who would have to change something: the addressee, who runs their mail, who runs this gateway, or its code. */
export const BOUNCE_FAULTS = ['recipient', 'receiver', 'operator', 'gateway'] as const;

export type BounceFault = (typeof BOUNCE_FAULTS)[number];

/** How soon a temporary failure is worth another try; see backoff.ts. */
export const RETRY_PACES = ['normal', 'slow', 'greylist', 'none'] as const;

export type RetryPace = (typeof RETRY_PACES)[number];

export type Bounce = {
  class: BounceClass;
  /** Sending to this address again is useless. */
  hard: boolean;
  /** Hard, and surely the recipient's own fault: the only thing that may suppress an address. */
  suppress: boolean;
  fault: BounceFault;
  retry: RetryPace;
};
