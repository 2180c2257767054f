/** Where these stand in an address the load puts a person, and that person's domain. */
export const PERSON_MARK = '&&&&&';
export const DOMAIN_MARK = '~~~';
