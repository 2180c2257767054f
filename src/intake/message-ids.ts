/** Message-IDs in the text of a header (RFC 5322 §3.6.4). */

/** Where a client's own Message-ID goes on, since an answer must name one that this gateway has signed. */
export const ORIGINAL_ID = 'X-Original-Message-ID';

const IN_BRACKETS = /<[^<>\s]{1,900}>/g;
const MESSAGE_ID = /^<[!#-'*+\--:=?A-Z[\]^-~]+@[!#-'*+\--:=?A-Z[\]^-~]+>$/;
const MOST = 100;

/** The last hundred of them. What is no Message-ID is left out: nothing can be found by it. */
export function messageIdsIn(text: string | null): string[] {
  const found = (text ?? '').slice(0, 100_000).match(IN_BRACKETS) ?? [];
  return found.filter((id) => MESSAGE_ID.test(id)).slice(-MOST);
}
