/**
 * Pure decisions a second on one core: look, decide and apply for sends to 100,000 contacts under a policy of eight limits
 * with all rules and the risk score, on a ledger in plain maps. No store, no HTTP; times are processor time of the thread. `--seconds N` a round (default 3), `--rounds N` (default 3), `--contacts N`.
 *
 * Exits 1 below the bar. The best round counts, since anything else on the machine only slows one down.
 */
import { parseArgs } from 'node:util';
import { decide } from '../src/policy/decide.ts';
import { compilePolicy, type EffectiveDocument, POLICY_DEFAULTS, withIdentityCap } from '../src/policy/document.ts';
import { riskRecipient, riskSend } from '../src/policy/facts-risk.ts';
import { applyChange, type Counted, countDeparture } from '../src/policy/ledger.ts';
import { look } from '../src/policy/look.ts';
import { featuresOf } from '../src/policy/risk/features.ts';
import { observeAccepted } from '../src/policy/risk/observe.ts';
import { newRisk } from '../src/policy/risk/state.ts';
import type { Send, SendRecipient } from '../src/policy/send.ts';
import { PlainLedger } from './rig/plain-ledger.ts';
import { EIGHT_LIMITS } from './rig/tenants.ts';
import { Chance } from './traffic/chance.ts';
import { prose } from './traffic/wording.ts';

const BAR_A_SECOND = 50_000;
const GOAL_A_SECOND = 100_000;
const BATCH = 256;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    contacts: { type: 'string', default: '100000' },
  },
});
const roundMs = Number(values.seconds) * 1000;
const document = { ...POLICY_DEFAULTS, limits: EIGHT_LIMITS } as EffectiveDocument;
const policy = compilePolicy(1, document);
const recipients: SendRecipient[] = Array.from({ length: Number(values.contacts) }, (_, i) => ({
  key: `person${i}@mail${i % 300}.example`,
  domain: `mail${i % 300}.example`,
  undeliverable: null,
  simulated: null,
}));
const send: Send = {
  kind: 'transactional',
  onLimit: 'reject',
  sendAt: null,
  scopes: { tenant: 'ten_1', app: 'app_1', installation: 'ins_1', identity: 'idn_1', agent: null },
  contentSize: 2000,
};
/** As many wordings as a busy tenant has: each send takes the next. */
const contents = Array.from({ length: 40 }, (_, i) =>
  featuresOf({
    from: { email: 'office@acme.example', name: null },
    replyTo: [],
    subject: prose(new Chance(i), 1),
    text: prose(new Chance(i), 12),
    html: null,
    inReplyTo: null,
    attachments: [],
  }),
);
const sends = contents.map((content) => ({ ...send, content }));

type Figures = { decisions: number; lookMs: number; decideMs: number; applyMs: number; refused: number };

const ledger = new PlainLedger();
ledger.risk = newRisk('established', Date.UTC(2026, 3, 27));
ledger.identityCap = 1_000_000_000;
const capped = withIdentityCap(policy, ledger.identityCap);
/** The ledger's clock: 20,000 sends a second, so that series grow as they do in a busy tenant. */
let now = Date.UTC(2026, 3, 27, 8, 12);
let next = 0;

/** Milliseconds of processor time of this thread: what else runs on the machine does not count. */
function clockMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Runs for a time; each step of a batch is timed as a whole, since a clock read costs as much as a step. */
function round(forMs: number): Figures {
  const figures: Figures = { decisions: 0, lookMs: 0, decideMs: 0, applyMs: 0, refused: 0 };
  const end = clockMs() + forMs;
  while (clockMs() < end) {
    const batch = Array.from({ length: BATCH }, () => recipients[(next++ * 7919) % recipients.length]!);
    now += BATCH / 20;
    const counted: Counted[] = batch.map(() => new Map());
    const began = clockMs();
    const facts = batch.map((recipient, i) =>
      look({
        view: ledger,
        policy,
        send: sends[i % sends.length]!,
        recipient,
        now,
        counted: counted[i]!,
        duplicate: null,
      }),
    );
    const looked = clockMs();
    const verdicts = batch.map((recipient, i) => decide(send, recipient, facts[i]!, policy));
    const decided = clockMs();
    for (let i = 0; i < BATCH; i += 1) {
      const one = sends[i % sends.length]!;
      const known = riskRecipient(batch[i]!, ledger.contact(batch[i]!.key));
      observeAccepted(ledger.risk!, riskSend(one, true), known, facts[i]!.risk, now);
      const changes = countDeparture(ledger, capped, send, batch[i]!, verdicts[i]!.departAt, now, counted[i]!);
      for (const change of changes) applyChange(change, Math.floor(now / 1000));
    }
    figures.applyMs += clockMs() - decided;
    figures.lookMs += looked - began;
    figures.decideMs += decided - looked;
    figures.decisions += BATCH;
    for (const verdict of verdicts) if (verdict.verdict !== 'accept') figures.refused += 1;
  }
  return figures;
}

round(roundMs);
const rounds = Array.from({ length: Number(values.rounds) }, () => round(roundMs));
const micros = (ms: number, { decisions }: Figures): string => ((ms * 1000) / decisions).toFixed(2);
const pace = (one: Figures): number => (one.decisions * 1000) / (one.lookMs + one.decideMs);
for (const one of rounds) {
  console.log(
    `look ${micros(one.lookMs, one)} µs, decide ${micros(one.decideMs, one)} µs, apply ${micros(one.applyMs, one)} µs; ` +
      `${Math.round(pace(one))} decisions/s (look and decide), ${Math.round((one.decisions * 1000) / (one.lookMs + one.decideMs + one.applyMs))} with apply; ${one.refused} not accepted of ${one.decisions}`,
  );
}
const best = Math.max(...rounds.map(pace));
console.log(
  `best round: ${Math.round(best)} decisions/s on one core; the bar is ${BAR_A_SECOND}, the goal ${GOAL_A_SECOND}`,
);
if (best < BAR_A_SECOND || rounds.some((one) => one.refused > 0)) process.exitCode = 1;
