/** Lists of addresses in one text, as some systems take them: `Ann <ann@one.example>, "Bell, Ben" <ben@two.example>`. */

/**
 * Split at the commas that stand outside quoted strings, comments and angle brackets (RFC 5322 §3.4); linear in its length. Empty
 * elements are left out; whether an element is an address is not judged.
 */
export function splitAddresses(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let comments = 0;
  let isQuoted = false;
  let isAngled = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (char === '\\' && (isQuoted || comments > 0)) i += 1;
    else if (isQuoted) isQuoted = char !== '"';
    else if (char === '"' && comments === 0) isQuoted = true;
    else if (char === '(') comments += 1;
    else if (char === ')' && comments > 0) comments -= 1;
    else if (comments > 0) continue;
    else if (char === '<') isAngled = true;
    else if (char === '>') isAngled = false;
    else if (char === ',' && !isAngled) {
      found.push(text.slice(start, i));
      start = i + 1;
    }
  }
  found.push(text.slice(start));
  return found.map((one) => one.trim()).filter((one) => one !== '');
}
