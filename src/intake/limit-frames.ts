/**
 * What of a policy's limits is the same in every answer, as text that is made once: answers to sends consist of limits mostly, and of
 * each only its numbers and the id of its scope change.
 */
import type { Admission } from '../data/store.ts';
import { isQuota, policyPart, statePart } from '../http/headroom-headers.ts';
import type { Limit, Policy } from '../policy/document.ts';
import { limitState } from '../policy/headroom.ts';

export type LimitFrame = {
  limit: Limit;
  /** The most that it lets through. */
  most: number;
  /** Its JSON before the id of its scope, between that and the numbers, and behind them. */
  before: string;
  between: string;
  behind: string;
  /** Its member of `RateLimit-Policy`, and the beginning of that of `RateLimit`. */
  policyPart: string;
  statePart: string;
  /** `X-Quota-*` may tell of it. */
  isQuota: boolean;
};

export type LimitFrames = {
  message: readonly LimitFrame[];
  recipient: readonly LimitFrame[];
  /** Whether no text of them holds anything but ASCII. */
  isAscii: boolean;
  /** `RateLimit-Policy` without an identity and an agent, with the one, the other and both. */
  policies: (string | undefined)[];
};

const made = new WeakMap<Policy, LimitFrames>();
const ASCII = /^[\0-\x7f]*$/;

export function framesOf(policy: Policy): LimitFrames {
  let frames = made.get(policy);
  if (frames === undefined) {
    const message = policy.messageLimits.map(frameOf);
    const recipient = policy.recipientLimits.map(frameOf);
    const isAscii = [...message, ...recipient].every(({ before, between }) => ASCII.test(before + between));
    frames = { message, recipient, isAscii, policies: [] };
    made.set(policy, frames);
  }
  return frames;
}

/** `RateLimit-Policy` of a message's limits: those of an identity or an agent are shown where it has one. */
export function policiesOf(frames: LimitFrames, { identity, agent }: Admission['scopes']): string {
  const which = (identity === null ? 0 : 1) + (agent === null ? 0 : 2);
  let text = frames.policies[which];
  if (text === undefined) {
    text = frames.message
      .filter(
        ({ limit: { scope } }) => (scope !== 'identity' || identity !== null) && (scope !== 'agent' || agent !== null),
      )
      .map(({ policyPart: part }) => part)
      .join(', ');
    frames.policies[which] = text;
  }
  return text;
}

function frameOf(limit: Limit): LimitFrame {
  const state = limitState(limit, { kind: limit.scope, id: '' }, { used: 0, resetsAt: null });
  const { name, scope, unit, window, limit: most, fullLimit } = state;
  return {
    limit,
    most,
    before: `{"name":${JSON.stringify(name)},"scope":{"kind":"${scope.kind}","id":`,
    between: `},"unit":"${unit}","window":${JSON.stringify(window)},"limit":${most},"used":`,
    behind: fullLimit === undefined ? '}' : `,"full_limit":${fullLimit}}`,
    policyPart: policyPart(state),
    statePart: statePart(state),
    isQuota: isQuota(state),
  };
}
