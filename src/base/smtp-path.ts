/**
 * The argument of MAIL and RCPT (RFC 5321 §4.1.2): a path in angle brackets, and parameters. A quoted local part may hold anything,
 * brackets and blanks too. Whether the path is an address that mail can go to is for its reader to say.
 */
export type PathCommand = {
  /** Without brackets and source route; empty: the null path. */
  address: string;
  /** By their name in capitals; true: without a value. */
  args: Record<string, string | true> | false;
  /** The name of a parameter that stands twice. */
  duplicate?: string;
};

/** `verb`: `mail from` or `rcpt to`. False: it does not read so. In one pass. */
export function readPath(verb: string, line: string): PathCommand | false {
  const colon = line.indexOf(':');
  if (colon === -1 || line.slice(0, colon).trim().toLowerCase() !== verb) return false;
  const text = line.slice(colon + 1).trim();
  const end = endOfPath(text);
  if (end === -1 || hasControl(text)) return false;
  const parameters = text.slice(end + 1);
  if (parameters !== '' && !/^[ \t]/.test(parameters)) return false;
  const address = withoutRoute(text.slice(1, end));
  if (address !== '' && !isNamed(address, verb)) return false;
  return { address, ...argsIn(parameters) };
}

/** Where the bracket closes that opens the text; -1: nowhere, or a blank or another bracket stands before. */
function endOfPath(text: string): number {
  if (text[0] !== '<') return -1;
  let isQuoted = false;
  for (let at = 1; at < text.length; at += 1) {
    const character = text[at]!;
    if (isQuoted && character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === '>') return at;
    else if (character === '<' || character === ' ' || character === '\t') return -1;
  }
  return -1;
}

/** A route is taken and passed over (§4.1.1.3, appendix C). */
function withoutRoute(path: string): string {
  const colon = path.indexOf(':');
  if (path[0] !== '@' || colon === -1) return path;
  const isRoute = path
    .slice(0, colon)
    .split(',')
    .every((hop) => /^@[^\s@"]+$/.test(hop));
  return isRoute ? path.slice(colon + 1) : path;
}

/** A local part and a domain; `postmaster` alone may stand without one, to be told by name why it is refused. */
function isNamed(address: string, verb: string): boolean {
  const at = address.lastIndexOf('@');
  if (at > 0) return at < address.length - 1;
  return verb === 'rcpt to' && !address.includes('@');
}

function argsIn(parameters: string): Pick<PathCommand, 'args' | 'duplicate'> {
  const args: Record<string, string | true> = Object.create(null);
  let duplicate: string | undefined;
  for (const parameter of parameters.split(/[ \t]+/)) {
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    const name = (equals === -1 ? parameter : parameter.slice(0, equals)).toUpperCase();
    if (name in args) duplicate = name;
    args[name] = equals === -1 ? true : parameter.slice(equals + 1) || true;
  }
  const found = Object.keys(args).length === 0 ? (false as const) : args;
  return duplicate === undefined ? { args: found } : { args: found, duplicate };
}

/** Control characters, and those that show nothing and deceive whoever reads a log. */
function hasControl(text: string): boolean {
  return /[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b\u2060\ufeff]/.test(text);
}
