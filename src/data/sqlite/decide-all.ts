/**
 * The decision on every recipient of a send, one after another on the same ledger, so that the second sees the first; what is
 * accepted counts at once, in the limits and in the account's risk. A check counts on copies, and leaves nothing behind.
 */
import { decide } from '../../policy/decide.ts';
import type { Limit, Policy } from '../../policy/document.ts';
import type { Facts } from '../../policy/facts.ts';
import type { ApprovalAsked } from '../../policy/facts-approval.ts';
import { isQuarantined } from '../../policy/facts-quarantine.ts';
import { riskRecipient, riskSend } from '../../policy/facts-risk.ts';
import { type Change, type Counted, countDeparture } from '../../policy/ledger.ts';
import { look } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import { observeAccepted, observeRefused, type RiskStep } from '../../policy/risk/observe.ts';
import { limitScope } from '../../policy/rules/limit-finding.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import { decideBeside } from '../../policy/shadow.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { RiskStanding } from '../port/quarantine.ts';
import type { AdmitRequest, LimitStanding } from '../store.ts';
import { askedOfSend } from './approval-rows.ts';
import { Assumed } from './assumed.ts';
import { standingLimits } from './headroom.ts';
import { announceLimit, announceWay, crossesLine } from './limit-events.ts';
import { enterByScore } from './quarantine.ts';
import { riskIn, riskStanding, shownSignal } from './risk-shown.ts';
import { chosenIn, onItsWay, spendOn } from './routes.ts';
import { countShadow } from './shadows.ts';
import { CREDITS, type Space, type SpaceShadow, STORAGE } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const NO_CHANGES: readonly Change[] = [];

export type Decided = {
  recipient: SendRecipient;
  facts: Facts;
  verdict: Verdict;
  /** Where a departure lies ahead: its limits as they stand on the clock, the whole message counted. */
  standing: LimitStanding[] | null;
  /** What the space's draft would have decided; null where it has none. */
  shadow: Verdict | null;
};

export function decideAll(
  state: WriterState,
  space: Space,
  send: Send,
  request: AdmitRequest,
  now: number,
  duplicate: Facts['duplicate'],
  approval: ApprovalAsked | null,
  /** What the send makes of the account's risk; null: it only looks, and changes nothing. */
  risen: RiskStep | null,
  /** While it only looks: what is counted, to be taken back by whoever gave it, together with the risk. Null: by this look. */
  ahead: Assumed | null = null,
): Decided[] {
  const { policy } = space;
  const counted: Counted = new Map();
  const assumed = risen === null ? (ahead ?? new Assumed()) : null;
  if (assumed !== null) assumed.spread(space.sight?.spread ?? null);
  if (risen === null && ahead === null) space.assumeRisk();
  const beside = space.shadow === null || risen === null ? null : besideOf(space, space.shadow, request, now);
  const decided: Decided[] = [];
  let stored = false;
  for (const recipient of request.recipients) {
    // The content is stored once, whatever the number of recipients.
    const sized = stored ? { ...send, contentSize: 0 } : send;
    const isFirst = !stored;
    const looked = { view: space, policy, send: sized, recipient, now, counted, duplicate, approval, isFirst };
    const facts = look(looked);
    const verdict = decide(send, recipient, facts, policy);
    // Nothing of it is to be stored, and nothing has been counted: several are looked at before they get here.
    if (risen !== null && isWholeAlone(request) && verdict.verdict === 'block') {
      return [{ recipient, facts, verdict, standing: null, shadow: null }];
    }
    const shadow = beside === null ? null : decideBeside({ ...looked, ...beside });
    decided.push({ recipient, facts, verdict, standing: null, shadow: shadow?.verdict ?? null });
    if (shadow !== null) countShadow(state, shadow, verdict, now);
    observeRisk(state, space, send, recipient, facts, verdict, isFirst, risen);
    if (verdict.verdict === 'block') continue;
    // What is held takes its places when it is released.
    const isHeld = verdict.verdict === 'hold';
    const own = adapted(policy, adaptingIn(facts));
    const { departAt } = verdict;
    const routed = facts.pool === null ? recipient : onItsWay(recipient, facts);
    const changes = isHeld ? NO_CHANGES : countDeparture(space, own, send, routed, departAt, facts.now, counted);
    if (!isHeld && facts.pool !== null) spendOn(space, chosenIn(facts));
    const size = stored ? 0 : send.contentSize;
    stored = true;
    if (assumed === null) count(state, space, own, send, recipient, facts, changes, size);
    else assume(assumed, space, facts, changes, size);
    const chosen = isHeld || assumed !== null || facts.pool === null ? null : chosenIn(facts);
    if (chosen !== null) announceWay(state, space, send, { ...chosen, at: departAt, now: facts.now });
  }
  if (ahead === null) {
    assumed?.takeBack();
    space.takeBackRisk();
  }
  const isAhead = (send.sendAt ?? 0) > now || decided.some(({ verdict }) => verdict.verdict === 'schedule');
  if (isAhead) for (const one of decided) one.standing = standingLimits(space, send, one.recipient, one.facts, now);
  return decided;
}

/** One recipient, that is stored only where it is not blocked. */
export function isWholeAlone({ wholeOnly, recipients }: Pick<AdmitRequest, 'wholeOnly' | 'recipients'>): boolean {
  return wholeOnly === true && recipients.length === 1;
}

/** What a draft decides by, where that is not the ledger: its policy, and the approval that it asks for. */
function besideOf(space: Space, { policy }: SpaceShadow, { agent, expiresAt }: AdmitRequest, now: number) {
  return { policy, approval: askedOfSend(space, { agent, expiresAt, isStored: false }, now, policy) };
}

/** Counts the decision in the account's risk, before the recipient counts for its contact. */
function observeRisk(
  state: WriterState,
  space: Space,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  verdict: Verdict,
  isFirst: boolean,
  risen: RiskStep | null,
): void {
  const { now, risk, simulated, quarantine } = facts;
  const isAccepted = verdict.verdict !== 'block';
  // A refusal that was asked for, or that the account's own state makes, says nothing of the account.
  if (!isAccepted && (simulated !== null || isQuarantined(quarantine))) return;
  if (isAccepted) {
    const known = riskRecipient(recipient, space.contact(recipient.key));
    const step = { send: riskSend(send, isFirst), recipient: known, facts: risk, now };
    if (risen === null) observeAccepted(space.risk, step.send, known, risk, now);
    else {
      const { elevated, quarantine: isDue } = state.risks.accepted(space.no, space.risk, step);
      risen.elevated ||= elevated;
      risen.quarantine ||= isDue && space.policy.document.quarantine.mode === 'enforce';
    }
  } else if (risen === null) observeRefused(space.risk, recipient, now);
  else state.risks.refused(space.no, space.risk, recipient, now);
}

/** The score with this message, or without it where nothing of it was accepted. */
export function riskShown(space: Space, decided: readonly Decided[], now: number): RiskStanding {
  const last = decided.findLast(({ verdict }) => verdict.verdict !== 'block');
  return last === undefined ? riskStanding(space, now) : riskIn(last.facts);
}

/** The score has risen past the warning level, or to the threshold: told, and in the second case no further send goes out. */
export function raise(
  state: WriterState,
  space: Space,
  decided: readonly Decided[],
  risen: RiskStep,
  now: number,
): void {
  const risk = decided.findLast(({ facts }) => facts.risk !== null)?.facts.risk;
  if (risk == null) return;
  const score = Math.floor(risk.score / 1000);
  const threshold = Math.floor(risk.threshold / 1000);
  const signals = risk.signals.filter(({ contribution }) => contribution > 0).map(shownSignal);
  if (risen.elevated) {
    const warnAt = Math.floor(risk.warnAt / 1000);
    state.emit(space, 'account.risk_elevated', now, null, {
      score,
      level: risk.level,
      warn_at: warnAt,
      threshold,
      signals,
    });
  }
  if (risen.quarantine) enterByScore(state, space, { score, threshold, signals, now });
}

/** A check counts as a send would, so that its second recipient sees the first, and takes it all back. */
function assume(assumed: Assumed, space: Space, facts: Facts, changes: readonly Change[], size: number): void {
  for (const change of changes) assumed.count(change, Math.floor(facts.now / 1000));
  if (facts.account.credits !== null) assumed.gauge(space.tenantEntry(), CREDITS, -1);
  assumed.gauge(space.tenantEntry(), STORAGE, size);
}

function count(
  state: WriterState,
  space: Space,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  changes: readonly Change[],
  size: number,
): void {
  const second = Math.floor(facts.now / 1000);
  for (const change of changes) state.ledger.apply(change, second);
  if (facts.account.credits !== null) state.ledger.addGauge(space.tenantEntry(), CREDITS, -1);
  state.ledger.addGauge(space.tenantEntry(), STORAGE, size);
  if (changes.length === 0) return;
  const split = policy.messageLimits.length;
  for (let i = 0; i < facts.limits.length; i += 1) {
    const limit = i < split ? policy.messageLimits[i]! : policy.recipientLimits[i - split]!;
    const fact = facts.limits[i]!;
    if (fact.units > 0 && limit.window.kind !== 'rate' && crossesLine(fact.used + 1, limit.max))
      announce(state, space, limit, policy, send, recipient, facts, fact.used);
  }
}

/** Events when a limit crosses four fifths and when it is full. */
function announce(
  state: WriterState,
  space: Space,
  limit: Limit,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  before: number,
): void {
  const scope = limitScope(limit, send, recipient);
  announceLimit(state, space, { limit, scope, used: before + 1, at: facts.now, policyVersion: policy.version });
}
