/** How long a message waits for its delivery where nobody said: three days from its last departure. */
export const DEFAULT_EXPIRY_MS = 3 * 86_400_000;
