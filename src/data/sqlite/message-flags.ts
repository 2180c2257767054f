/** Bits of a message's `flags`. */
export const FLAG_MARKETING = 1;
export const FLAG_DEFER = 2;
