/** What the end of a delivery says, of the recipient and of the way it took. Pure. */
import type { Bounce } from '../core/bounce.ts';
import type { ProviderKind } from '../policy/pool.ts';
import type { BreakerCause } from './breakers.ts';
import { type Blame, blameOf, classify, isAboutSignIn, type ReplyRules } from './classify.ts';
import type { ShapeEnd, ShapeKind } from './shapes.ts';
import type { DeliveryResult, Stage } from './transports/transport.ts';

/** A definite "no", and whom it is to be laid on. */
export type Judgement = { bounce: Bounce; blame: Blame };

/** Null where there was no "no": taken, stopped, or unknown. */
export function judge(result: DeliveryResult, kind: ProviderKind, rules: ReplyRules): Judgement | null {
  if (result.outcome === 'taken' || result.outcome === 'stopped' || result.outcome === 'uncertain') return null;
  const { reply, stage } = result;
  const said = blameOf(reply, stage, rules);
  const isOurs = said === 'peer' || said === 'account' || said === 'fit';
  // What goes to the recipients' own hosts talks to nobody else: another way would meet the same ones.
  const blame = kind === 'direct' && isOurs ? 'beyond' : said;
  return { bounce: classify(reply, stage, rules), blame };
}

/** Which breaker hears of a failure, and as what. */
export type BreakerTeaching = { of: 'provider' | 'credentials' | 'mailbox' | 'pair'; cause: BreakerCause };

export type Teaching = {
  shape: ShapeEnd;
  failure: BreakerTeaching | null;
  /** The provider answered, whatever it said: it can be reached. */
  isAlive: boolean;
  /** The destination took something from this mailbox, or judged it by itself: it is not closed to it. */
  isOpen: boolean;
};

const NOTHING: Teaching = { shape: 'neither', failure: null, isAlive: false, isOpen: false };
const SESSION: readonly Stage[] = ['connect', 'banner', 'ehlo', 'tls', 'auth'];
const PRESSING: readonly Bounce['class'][] = ['rate_limited', 'reputation_block', 'infrastructure'];

/** What the way is to learn from a delivery. */
export function teachingOf(result: DeliveryResult | null, judgement: Judgement | null): Teaching {
  if (result === null || result.outcome === 'stopped') return NOTHING;
  if (result.outcome === 'taken') return { shape: 'taken', failure: null, isAlive: true, isOpen: true };
  // A peer that goes silent behind dots takes mail that nobody knows of: it is left alone before it takes more.
  if (result.outcome === 'uncertain') return { ...NOTHING, failure: { of: 'provider', cause: 'unreachable' } };
  const { bounce, blame } = judgement!;
  const isLimited = bounce.class === 'rate_limited';
  const slowed = (kind: ShapeKind): ShapeEnd => ({ slowed: kind });
  switch (blame) {
    case 'peer': {
      const isDown = SESSION.includes(result.stage) || result.reply.code === 421 || result.reply.code === null;
      if (isLimited) {
        return { ...NOTHING, shape: slowed('provider'), failure: { of: 'provider', cause: 'throttled' } };
      }
      return isDown
        ? { ...NOTHING, failure: { of: 'provider', cause: 'unreachable' } }
        : { ...NOTHING, shape: slowed('provider'), isAlive: true };
    }
    case 'account':
      if (isLimited)
        return { ...NOTHING, shape: slowed('mailbox'), failure: { of: 'credentials', cause: 'throttled' } };
      if (isAboutSignIn(result.reply.code, result.stage)) {
        // RFC 4954 §6: 454 is a passing trouble of the server.
        const cause = result.reply.code === null || result.reply.code < 500 ? 'unreachable' : 'refused';
        return { ...NOTHING, failure: { of: 'credentials', cause } };
      }
      // One sender that it does not take says nothing of the others that share a provider.
      return { ...NOTHING, failure: { of: 'mailbox', cause: 'beyond' }, isAlive: true };
    case 'beyond': {
      const isPressing = PRESSING.includes(bounce.class);
      const failure = isPressing ? ({ of: 'pair', cause: 'beyond' } as const) : null;
      return { shape: isPressing ? slowed('destination') : 'neither', failure, isAlive: true, isOpen: false };
    }
    default:
      return { shape: 'neither', failure: null, isAlive: true, isOpen: bounce.class !== 'greylisted' };
  }
}
