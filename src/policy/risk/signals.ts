/**
 * The signals of the risk score: what each measures, from where on it counts, and how much. An operator tunes weights and
 * thresholds by name in the policy (`quarantine.signals`).
 *
 * A signal adds nothing up to `from`, its whole weight at `to`, and beyond that up to `most` times its weight. Signals in favour have
 * a negative weight. `docs/risk.md` says why the numbers are what they are.
 */
export type Unit = 'sends' | 'percent' | 'times';

export type Signal = {
  name: string;
  unit: Unit;
  /** How it forgets. */
  window: string;
  /** Points at `to`. */
  weight: number;
  from: number;
  to: number;
  /** Greatest multiple of the weight. */
  most: number;
  /** What would bring it down. */
  falls: string;
};

const signal = <Name extends string>(
  name: Name,
  unit: Unit,
  window: string,
  [weight, from, to, most]: readonly [number, number, number, number],
  falls: string,
): Signal & { name: Name } => ({ name, unit, window, weight, from, to, most, falls });

const QUARTER = 'decaying_15m';
const HOUR = 'decaying_1h';
const QUARTER_DAY = 'decaying_6h';
const DAY = 'decaying_24h';
const MONTH = 'decaying_30d';

/** In the order of the packed form: append only. */
export const SIGNALS = [
  signal(
    'recipient_repeats',
    'sends',
    HOUR,
    [60, 3, 12, 2],
    'no message for an hour to the person written to most, or a reply from them',
  ),
  signal(
    'repeated_content',
    'sends',
    HOUR,
    [40, 3, 10, 1],
    'no more near-identical messages to the same person for an hour',
  ),
  signal('short_content', 'sends', HOUR, [20, 2, 7, 1], 'messages that say more than a few words'),
  signal('gibberish', 'sends', HOUR, [40, 2, 12, 1], 'messages of real words; tests belong into test mode'),
  signal('similar_content', 'percent', DAY, [8, 50, 90, 1], 'content that differs from message to message'),
  signal('burst', 'times', QUARTER, [15, 1, 3, 1], 'spreading the same messages over more time'),
  signal(
    'new_recipients',
    'percent',
    DAY,
    [12, 50, 90, 1],
    'writing to people who were written to before, answered or consented',
  ),
  signal('new_account', 'percent', MONTH, [15, 0, 100, 1], 'days of ordinary sending'),
  signal('foreign_links', 'percent', DAY, [20, 20, 70, 1], "links to the sender's own domain"),
  signal('suspicious_phrases', 'percent', DAY, [25, 8, 40, 1], 'wording without the phrases of fraud and bulk mail'),
  signal(
    'unsolicited_bulk',
    'sends',
    HOUR,
    [35, 5, 22, 1.5],
    'consent of the people who get promotional messages of one wording',
  ),
  signal('unusual_content', 'sends', HOUR, [25, 6, 20, 1], 'an hour without a new kind of message to new people'),
  signal('bounces', 'percent', DAY, [60, 3, 7, 2], 'removing addresses that do not exist'),
  signal('unknown_users', 'percent', DAY, [30, 5, 20, 1], 'writing only to addresses that people gave you'),
  signal('complaints', 'percent', DAY, [50, 0.3, 1.5, 2], 'writing only to people who expect it'),
  signal('unsubscribes', 'percent', DAY, [15, 2, 8, 1], 'writing less often to people who do not want it'),
  signal('deceptive_links', 'percent', DAY, [30, 10, 50, 1], 'links that show where they lead'),
  signal('sender_mismatch', 'percent', DAY, [10, 30, 80, 1], "Reply-To and display name of the sender's own domain"),
  signal('unusual_attachments', 'percent', DAY, [15, 20, 70, 1], 'attachments of the kinds sent before'),
  signal('likeness', 'percent', DAY, [30, 20, 80, 1], 'traffic of its own'),
  signal('refused_attempts', 'sends', HOUR, [8, 5, 30, 1], 'no more attempts against a recipient that is refused'),
  signal(
    'personal_repeats',
    'sends',
    QUARTER_DAY,
    [60, 15, 35, 2],
    'no message for hours to the person written to most, or a reply from them',
  ),
  signal('changing_links', 'percent', DAY, [25, 15, 50, 1], 'links that lead to the same few hosts'),
  signal('empty_content', 'percent', DAY, [20, 40, 90, 1], 'messages that say why they were sent'),
  signal('good_history', 'percent', MONTH, [-20, 0, 100, 1], ''),
  signal('replies', 'percent', DAY, [-15, 5, 40, 1], ''),
  signal('familiar_recipients', 'percent', DAY, [-10, 40, 90, 1], ''),
] as const satisfies readonly Signal[];

export type SignalName = (typeof SIGNALS)[number]['name'];
export const SIGNAL_NAMES: readonly string[] = SIGNALS.map(({ name }) => name);
/** Place of each signal in arrays of values. */
export const SIGNAL_AT = Object.fromEntries(SIGNALS.map(({ name }, i) => [name, i])) as Record<SignalName, number>;

export function signalAt(name: string): number {
  return SIGNAL_AT[name as SignalName];
}
