/** What a server said, found inside a text: the reply code, the enhanced code, and where in the session it was said. Pure. */

/** The reply codes, enhanced code and words of one answer. */
export type QuotedReply = { code: number | null; enhanced: string | null; text: string };

/** Stages of a session as far as reports name them. */
export type QuotedStage = 'connect' | 'ehlo' | 'mail' | 'rcpt' | 'dot';

const MAX_CHARS = 10_000;

const CODE = /(?:^|[\s(:;,'"<#>=-])([45]\d\d)(?=[\s,:;#)'"<-]|$)/;
const CODE_WITH_ENHANCED = /(?:^|[\s(:;,'"<#>=-])([45]\d\d)[\s,:#(-]{1,4}[45]\.[0-7]\.\d{1,3}(?!\d|\.\d)/;
const ENHANCED = /(?<![\d.])([45]\.[0-7]\.\d{1,3})(?!\d|\.\d)/g;

/** Reads the first reply in the text; one that has both codes is believed before one that has only three digits. */
export function readReply(text: string): QuotedReply {
  const from = text.slice(0, MAX_CHARS);
  const code = (CODE_WITH_ENHANCED.exec(from) ?? CODE.exec(from))?.[1];
  return { code: code === undefined ? null : Number(code), enhanced: enhancedIn(from), text: from };
}

/** The first enhanced code that says something ("x.0.0" says nothing), or else the first. */
export function enhancedIn(text: string): string | null {
  let first: string | null = null;
  for (const match of text.slice(0, MAX_CHARS).matchAll(ENHANCED)) {
    const found = match[1] ?? null;
    first ??= found;
    if (found !== null && !found.endsWith('.0.0')) return found;
  }
  return first;
}

/** Words that name the command which was answered, the surest first. */
const STAGES: readonly [QuotedStage, RegExp][] = [
  [
    'rcpt',
    /(?:reply|response) to (?:the )?rcpt|after rcpt|(?:did not|didn't) like our rcpt|\[rcpt_to\]|\(state 14\)|_after_rcpt/,
  ],
  [
    'dot',
    /(?:reply|response) to (?:the )?(?:end of )?data|after (?:end of )?data|end of data|our final data|\[data\]|after dot|\(state 1[5-8]\)/,
  ],
  [
    'mail',
    /(?:reply|response) to (?:the )?mail|after mail from|like our mail|\[mail_from\]|\(state 13\)|sender was rejected/,
  ],
  ['ehlo', /(?:reply|response) to (?:the )?[eh][eh]lo|after [eh][eh]lo|after initial connection|like our [eh][eh]lo/],
  ['rcpt', />>> ?rcpt to:|rcpt to (?:response|command)|smtp:rcpt|rcpt:/],
  ['dot', />>> ?data\b|>>> ?\. /],
  ['mail', />>> ?mail from:/],
];

/** Where the reply was given, or null where the text does not say. */
export function stageIn(text: string): QuotedStage | null {
  const lower = text
    .slice(0, MAX_CHARS)
    .toLowerCase()
    .replace(/\s{1,20}/g, ' ');
  for (const [stage, words] of STAGES) if (words.test(lower)) return stage;
  return null;
}

/**
 * Whether a whole reply, as a Diagnostic-Code has it, answers RCPT by its form: "550 <a@b>: User unknown" names whom it was asked about;
 * after the dot the same servers leave the address out.
 */
export function namesRecipient(reply: string): boolean {
  return /^\s{0,9}550:? <[^<>@\s]{1,64}@[^<>\s]{1,253}>: user unknown/i.test(reply);
}

/**
 * The answers that a sendmail-like transcript shows ("<<< 550 …"), the first refusal with the command before it; null where there is
 * none. A "RCPT first" after it is only its echo.
 */
export function transcriptReply(text: string): { reply: string; stage: QuotedStage | null } | null {
  let stage: QuotedStage | null = null;
  for (const raw of text.slice(0, MAX_CHARS * 2).split('\n')) {
    const line = raw.trim();
    const command = /^>>> ?([A-Za-z.]{1,10})/.exec(line)?.[1]?.toLowerCase();
    if (command !== undefined) {
      stage = stageOfCommand(command);
      continue;
    }
    const reply = /^<<< ?(.{0,1000})$/.exec(line)?.[1];
    if (reply !== undefined && /^[45]\d\d/.test(reply)) return { reply, stage };
  }
  return null;
}

function stageOfCommand(command: string): QuotedStage | null {
  if (command.startsWith('rcpt')) return 'rcpt';
  if (command.startsWith('mail')) return 'mail';
  if (command.startsWith('data') || command.startsWith('.')) return 'dot';
  return command.endsWith('lo') ? 'ehlo' : null;
}
