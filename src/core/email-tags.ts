/** Names of what a provider's own events carry back to us. */

/** Its value is the token of the return path: it names the recipient and cannot be forged. */
export const RECIPIENT_TAG = 'postern-recipient';
