/**
 * The next hop behind simulator addresses (test mode): each answers as a real one would that comes to this outcome, so
 * that everything behind the answer is the real thing. What is taken is kept in the sink.
 */
import { parseSimulatorAddress, SIMULATOR_DOMAIN, type SimulatedOutcome } from '../../core/simulator.ts';
import type { Carrier, Delivery, DeliveryResult } from './transport.ts';

const ANSWERS: Partial<Record<SimulatedOutcome, DeliveryResult>> = {
  bounced: {
    outcome: 'refused',
    stage: 'rcpt',
    reply: { code: 550, enhanced: '5.1.1', text: 'No such user here (simulated)' },
  },
  'bounced-soft': {
    outcome: 'refused',
    stage: 'rcpt',
    reply: { code: 552, enhanced: '5.2.2', text: 'The mailbox is full (simulated)' },
  },
  deferred: {
    outcome: 'deferred',
    stage: 'rcpt',
    reply: { code: 451, enhanced: '4.3.0', text: 'Temporary failure, try again later (simulated)' },
  },
};

const NO_ANSWER: DeliveryResult = {
  outcome: 'uncertain',
  reply: { code: null, enhanced: null, text: 'the connection broke behind the final dot (simulated)' },
};

/** The outcome that an address stands for; null for any other address. */
export function simulatedOutcome(email: string): SimulatedOutcome | null {
  const at = email.lastIndexOf('@');
  if (email.slice(at + 1).toLowerCase() !== SIMULATOR_DOMAIN) return null;
  const meaning = parseSimulatorAddress(email.slice(0, at));
  return meaning?.kind === 'outcome' ? meaning.outcome : null;
}

/** `isSecondCopy`: what `uncertain` gets after its answer was lost once, which it then takes. */
export function simulatorFor(outcome: SimulatedOutcome, isSecondCopy: boolean, sink: Carrier): Carrier {
  return {
    async deliver(delivery: Delivery) {
      const answer = ANSWERS[outcome];
      if (answer !== undefined) return answer;
      if (outcome !== 'uncertain' || isSecondCopy) return sink.deliver(delivery);
      return (await delivery.beforeDot()) ? NO_ANSWER : { outcome: 'stopped' };
    },
  };
}
