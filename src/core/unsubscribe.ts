/**
 * The place of a recipient's own link for unsubscribing in content that all recipients of a message share. It is an address that
 * leads nowhere (RFC 2606 §2), so that what was never composed harms nobody.
 */
export const UNSUBSCRIBE_HOST = 'unsubscribe.postern.invalid';
export const UNSUBSCRIBE_PLACEHOLDER = `https://${UNSUBSCRIBE_HOST}/u`;
