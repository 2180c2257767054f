/** What the store rejects with when it cannot serve at all; whatever a caller can cause is an answer. */

/** `paused`: nothing ails it, the operator has stopped sending. `undecided`: what one decision needs could not be read. */
export type StoreFaultKind = 'full' | 'unavailable' | 'clock' | 'paused' | 'undecided';

export class StoreFault extends Error {
  readonly kind: StoreFaultKind;

  constructor(kind: StoreFaultKind, message: string) {
    super(message);
    this.name = 'StoreFault';
    this.kind = kind;
  }
}
