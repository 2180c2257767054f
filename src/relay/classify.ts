/**
 * From a reply to its class: whose fault a failure is, and whether another try or another address would help.
 *
 * The knowledge is data (replies.toml); this file is only the way of reading it. Pure: no input, no clock, no state.
 *
 * Text is compared word by word, not as a string: case, punctuation, apostrophes and addresses are taken away first, so
 * that "<a@b>: User unknown" and "user_unknown" hold the same two words. Every look is a plain search, so the time is
 * linear in the text whatever the text is.
 *
 * Deliberately absent: what a DSN or a free-form bounce is made of (returns), and what follows from a class (the
 * dispatcher retries, the store suppresses).
 */
import type { Bounce, BounceClass, BounceFault, RetryPace } from '../core/bounce.ts';
import type { RemoteReply, Stage } from './transports/transport.ts';

/**
 * Whom a failure is to be laid on, as far as another way out is concerned: the host we talk to, what we are to it, or what it
 * lacks for this one message (another provider may do better); or what lies behind it, the recipient, or the message.
 */
export const BLAMES = ['peer', 'account', 'fit', 'beyond', 'recipient', 'message'] as const;

export type Blame = (typeof BLAMES)[number];

/** One line of the table; every condition that is there must hold, and the first rule that holds decides. */
export type ReplyRule = {
  class: BounceClass;
  /** Enhanced codes without their class digit ("1.1" is 4.1.1 and 5.1.1), or with it; "7.*" is 4.7.x and 5.7.x. */
  enhanced: string[] | null;
  codes: number[] | null;
  /** True: the reply has no code, and no enhanced code that says anything. */
  isBare: boolean;
  stages: Stage[] | null;
  /** At least one of these phrases, as normalised by `wordsOf`. */
  any: string[] | null;
  /** All of these. */
  all: string[] | null;
  /** None of these. */
  none: string[] | null;
  /** Overrides of what the class says. */
  hard: boolean | null;
  suppress: boolean | null;
  fault: BounceFault | null;
  retry: RetryPace | null;
  blames: Blame | null;
  /** Replies that this rule, and no earlier one, must take; read as `parseReplyLine` reads. */
  examples: string[];
};

/** What a class means where its rule says nothing else. */
export type ClassMeaning = { hard: boolean; suppress: boolean; fault: BounceFault; retry: RetryPace; blames: Blame };

export type ReplyRules = { classes: Record<BounceClass, ClassMeaning>; rules: ReplyRule[] };

const SESSION_STAGES: Stage[] = ['connect', 'banner', 'ehlo', 'tls', 'auth'];

/** A bounce of 100 kB says what it has to say at its beginning. */
const MAX_CHARS = 10_000;

/**
 * The words of a text between single blanks, with one at each end: lower case, apostrophes closed up, addresses and
 * punctuation gone, letters of every script kept. " 550 user unknown " finds " user unknown ".
 */
export function wordsOf(text: string): string {
  const words: string[] = [];
  for (const token of text
    .slice(0, MAX_CHARS)
    .toLowerCase()
    .replace(/['’`]/g, '')
    .split(/[\s<>()[\]"]+/)) {
    if (token.includes('@')) continue;
    for (const word of token.split(/[^\p{L}\p{N}\p{M}]+/u)) if (word !== '') words.push(word);
  }
  return ` ${words.join(' ')} `;
}

/** The enhanced code given, or, where it is missing or says nothing ("5.0.0"), one inside the text: "(#5.1.1)", "said: 550 5.1.1". */
function preciseEnhanced({ enhanced, text }: RemoteReply): string | null {
  if (enhanced !== null && !enhanced.endsWith('.0.0')) return enhanced;
  const found = /(?:^|[\s(#:-])([45]\.[0-7]\.\d{1,3})(?=$|[\s):;,.-])/u.exec(text.slice(0, MAX_CHARS))?.[1];
  return found ?? enhanced;
}

/**
 * `stage` is where in the session the reply came, or null where that is not known, as in most bounces. A reply without
 * any code counts as permanent: whoever asks has no other reason to.
 */
export function classify(reply: RemoteReply, stage: Stage | null, table: ReplyRules): Bounce {
  const enhanced = preciseEnhanced(reply);
  const isPermanent = isPermanentReply(reply.code, enhanced);
  const rule = ruleFor(reply, enhanced, stage, table);
  const bounceClass = rule?.class ?? 'unknown';
  const meaning = table.classes[bounceClass];
  const hard = isPermanent && (rule?.hard ?? meaning.hard);
  return {
    class: bounceClass,
    hard,
    suppress: hard && (rule?.suppress ?? meaning.suppress),
    fault: rule?.fault ?? meaning.fault,
    retry: isRefusal(reply.code, enhanced, stage) ? 'none' : (rule?.retry ?? meaning.retry),
  };
}

/**
 * Whom a "no" of our own session is to be laid on. Before RCPT the peer knows no recipient: what it says then is about itself or
 * about us. 421 ends the session, whatever else it says (RFC 5321 §3.8).
 */
export function blameOf(reply: RemoteReply, stage: Stage, table: ReplyRules): Blame {
  const rule = ruleFor(reply, preciseEnhanced(reply), stage, table);
  const bounceClass = rule?.class ?? 'unknown';
  const blames = rule?.blames ?? table.classes[bounceClass].blames;
  if (blames === 'account' || blames === 'fit') return blames;
  // Without a code nobody said it: the link broke.
  if (SESSION_STAGES.includes(stage) || reply.code === 421 || reply.code === null) return 'peer';
  // 450 is about the mailbox (RFC 5321 §4.2.3), whatever words go with it; so are the subjects 1 and 2 of RFC 3463 §3.1.
  const isOfMailbox = reply.code === 450 || /^4\.[12]\./.test(preciseEnhanced(reply) ?? '');
  if (stage !== 'mail') return blames === 'peer' && isOfMailbox ? 'recipient' : blames;
  if (bounceClass === 'message_too_large') return 'fit';
  return blames === 'peer' || blames === 'message' ? blames : 'account';
}

function ruleFor(
  reply: RemoteReply,
  enhanced: string | null,
  stage: Stage | null,
  { rules }: ReplyRules,
): ReplyRule | undefined {
  const words = wordsOf(reply.text);
  return rules.find((each) => holds(each, reply.code, enhanced, stage, words));
}

function isPermanentReply(code: number | null, enhanced: string | null): boolean {
  return !(code !== null && code < 500) && !enhanced?.startsWith('4');
}

/** Replies of RFC 4954 §6: about the sign-in alone, also where MAIL is the first command that asks for one. */
const SIGN_IN_CODES = [530, 534, 535, 538];

export function isAboutSignIn(code: number | null, stage: Stage | null): boolean {
  return stage === 'auth' || (stage === 'mail' && code !== null && SIGN_IN_CODES.includes(code));
}

/** A permanent "no" to this message. Before MAIL nothing was said about it, so another session may do better. */
function isRefusal(code: number | null, enhanced: string | null, stage: Stage | null): boolean {
  if (stage !== null && (SESSION_STAGES.includes(stage) || isAboutSignIn(code, stage))) return false;
  return code === null ? enhanced !== null && !enhanced.startsWith('4') : code >= 500;
}

function holds(
  rule: ReplyRule,
  code: number | null,
  enhanced: string | null,
  stage: Stage | null,
  words: string,
): boolean {
  if (rule.codes !== null && (code === null || !rule.codes.includes(code))) return false;
  if (rule.isBare && (code !== null || (enhanced !== null && !enhanced.endsWith('.0.0')))) return false;
  if (rule.stages !== null && (stage === null || !rule.stages.includes(stage))) return false;
  if (rule.enhanced !== null && !rule.enhanced.some((pattern) => fits(pattern, enhanced))) return false;
  if (rule.any !== null && !rule.any.some((phrase) => words.includes(phrase))) return false;
  if (rule.all !== null && !rule.all.every((phrase) => words.includes(phrase))) return false;
  return rule.none === null || !rule.none.some((phrase) => words.includes(phrase));
}

function fits(pattern: string, enhanced: string | null): boolean {
  if (enhanced === null) return false;
  return pattern === enhanced || pattern === enhanced.slice(2) || pattern === `${enhanced[2]}.*`;
}
