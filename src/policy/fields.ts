/**
 * The fields of a policy document as a table: what each may hold. The reader of documents (validate.ts) and the JSON Schema
 * (schema.ts) both follow it, so that neither knows a field that the other lacks. In which direction a field is stricter
 * stands in resolve.ts.
 */
import { LINT_LEVELS, LINT_NAMES } from '../core/lints.ts';
import { LIMIT_SCOPES, REQUEST_SCOPES } from './document.ts';
import { SIGNAL_NAMES } from './risk/signals.ts';

export type Field = { describe: string } & (
  | { kind: 'word'; words: readonly string[] }
  | { kind: 'flag' }
  /** `orNull`: null stands for "none". */
  | { kind: 'integer'; min: number; max: number; orNull?: boolean }
  | { kind: 'ratio' }
  /** A rolling or calendar window. */
  | { kind: 'window' }
  /** ISO 8601, without years and months: their length depends on where they begin. */
  | { kind: 'duration'; minMs: number; maxMs: number; orNull?: boolean }
  | { kind: 'texts'; most: number; maxLength: number; email?: boolean }
  | { kind: 'object'; fields: Fields }
  /** Members with names of their own. */
  /** `names`: those there are; absent: any. */
  | { kind: 'named'; most: number; of: Field; names?: readonly string[] }
  | { kind: 'limits'; counts: 'sends' | 'requests' }
);
export type Fields = Readonly<Record<string, Field>>;

export const NAME = /^[a-z][a-z0-9_]{0,63}$/;
export const MOST_LIMITS = 100;
const MOST_UNITS = 1_000_000_000;
/** Names under which limits that no policy lists stand beside the others, and whose they are. */
export const OWN_LIMIT_NAMES: Readonly<Record<string, string>> = {
  identity_cap: "an identity's own daily cap",
  warmup_places: 'the places of a warm-up',
};

const DAY_MS = 86_400_000;
const MOST_SCORE = 1_000_000;

const word = (words: readonly string[], describe: string): Field => ({ kind: 'word', words, describe });
const flag = (describe: string): Field => ({ kind: 'flag', describe });
const object = (fields: Fields, describe: string): Field => ({ kind: 'object', fields, describe });
const window: Field = { kind: 'window', describe: 'The window in which it is counted.' };

/** Members of a limit on sends. `window` and `per` are read together with the rest. */
const SEND_LIMIT_FIELDS: Fields = {
  name: { kind: 'word', words: [], describe: 'Unique in its list; answers and headers show it.' },
  scope: word(LIMIT_SCOPES, 'Whose sends are counted together.'),
  window: {
    kind: 'window',
    describe: '`rate`, `rolling_<n><s|m|h|d>`, `calendar_hour`, `calendar_day` or `calendar_month` (UTC).',
  },
  per: word(['second', 'minute'], 'With the window `rate` alone: the time in which `max` units may go.'),
  unit: word(['recipient', 'message'], 'What is counted; `recipient` unless said.'),
  max: { kind: 'integer', min: 0, max: MOST_UNITS, describe: 'The most units in a window; at least 1 for `rate`.' },
  burst: {
    kind: 'integer',
    min: 1,
    max: MOST_UNITS,
    describe: 'With the window `rate` alone: units that may go at once; `max` unless said.',
  },
  reset_on_reply: flag('With the scope `recipient` alone: a reply of theirs begins the count anew.'),
};

const REQUESTS_COUNTED_TOGETHER =
  'Whose requests are counted together. `address`: what comes from one address, of IPv6 from one /64, unless that is this machine itself.';

function requestLimitFields(): Fields {
  const { unit: _unit, reset_on_reply: _reset, ...fields } = SEND_LIMIT_FIELDS;
  return { ...fields, scope: word(REQUEST_SCOPES, REQUESTS_COUNTED_TOGETHER) };
}

export const LIMIT_FIELDS: Readonly<Record<'sends' | 'requests', Fields>> = {
  sends: SEND_LIMIT_FIELDS,
  requests: requestLimitFields(),
};
/** Of addresses there may be any number: what is kept of each is small. */
export const LONGEST_ADDRESS_WINDOW_SECONDS = 60;

export const POLICY_FIELDS: Fields = {
  limits: { kind: 'limits', counts: 'sends', describe: 'Limits on what is sent; matched by name.' },
  request_rate: { kind: 'limits', counts: 'requests', describe: 'Limits on API requests; matched by name.' },
  cooldown: object(
    {
      per: word(['recipient', 'recipient_and_template'], 'Between which sends the time must pass.'),
      seconds: {
        kind: 'integer',
        min: 0,
        max: 366 * 86_400,
        describe: 'Time between two sends to one person; 0: none.',
      },
    },
    'The least time between two sends to one person.',
  ),
  templates: object(
    {
      require_approval: flag('Only approved versions of templates are sent.'),
      lint: {
        kind: 'named',
        most: 100,
        of: word(LINT_LEVELS, 'What a finding of this lint does.'),
        names: LINT_NAMES,
        describe: 'Lints by name; one that is not named keeps its own level.',
      },
    },
    'Templates.',
  ),
  consent: object(
    {
      marketing: word(
        ['off', 'recorded', 'required'],
        '`recorded`: a recorded refusal or unsubscribe blocks; `required`: an opt-in is needed.',
      ),
    },
    'Consent to marketing.',
  ),
  role_accounts: word(['allow', 'marketing', 'block'], 'Addresses such as postmaster@: which kinds of mail they get.'),
  opportunity: object({ block: flag('An open opportunity blocks sends.') }, 'Contacts with an open opportunity.'),
  leases: object({ enforce: flag('A lease on a contact keeps other agents out.') }, 'Leases on contacts.'),
  approvals: object(
    {
      mode: word(['none', 'first_contact', 'all'], 'Which messages wait for a person.'),
      expires_after: {
        kind: 'duration',
        minMs: 60_000,
        maxMs: 30 * DAY_MS,
        describe: 'After this time without a decision a held message is rejected.',
      },
    },
    'Approval by a person before sending.',
  ),
  risk_budget: object(
    {
      window,
      min_sample: { kind: 'integer', min: 1, max: MOST_SCORE, describe: 'Sends before the rates are looked at.' },
      max_bounce_rate: { kind: 'ratio', describe: 'Hard bounces per send, 0 to 1.' },
      max_complaint_rate: { kind: 'ratio', describe: 'Complaints per send, 0 to 1.' },
    },
    'Rates of bounces and complaints above which sending stops.',
  ),
  negative_signals: object(
    {
      window,
      max: { kind: 'integer', min: 1, max: MOST_SCORE, describe: 'Bounces, complaints and unsubscribes in a window.' },
    },
    'The number of bad signs above which sending stops.',
  ),
  quarantine: object(
    {
      mode: word(['off', 'warn', 'enforce'], 'What the risk score does.'),
      warn_at: { kind: 'integer', min: 1, max: MOST_SCORE, describe: 'Score from which answers warn.' },
      threshold: { kind: 'integer', min: 1, max: MOST_SCORE, describe: 'Score at which the account is quarantined.' },
      release_after: {
        kind: 'duration',
        minMs: 60_000,
        maxMs: 366 * DAY_MS,
        orNull: true,
        describe: 'After this time a quarantine ends by itself; null: only a review ends it.',
      },
      signals: {
        kind: 'named',
        most: 100,
        of: object(
          {
            weight: {
              kind: 'integer',
              min: 0,
              max: MOST_SCORE,
              describe: 'Points it adds to the score at most or, in favour, takes off it.',
            },
            threshold: {
              kind: 'integer',
              min: 0,
              max: MOST_SCORE,
              describe: 'The value from which on it counts, in its unit.',
            },
          },
          'One signal.',
        ),
        names: SIGNAL_NAMES,
        describe: 'Weights and thresholds of signals that differ from the built-in ones (docs/risk.md).',
      },
    },
    'Quarantine by risk score.',
  ),
  senders: object(
    {
      require_verified_domain: word(
        ['never', 'auto', 'always'],
        '`auto` requires one as soon as mail can leave the machine.',
      ),
    },
    'Sender addresses.',
  ),
  uncertain: object(
    {
      transactional: word(['resend', 'hold'], 'When nobody knows whether a copy was taken.'),
      marketing: word(['resend', 'hold'], 'The same for marketing.'),
    },
    'Messages whose last attempt ended between the final dot and its answer.',
  ),
  disengaged: object(
    {
      after_sends: {
        kind: 'integer',
        min: 1,
        max: MOST_SCORE,
        orNull: true,
        describe:
          'Sends to one person without a sign of life (a reply, a sign-up) after which the next is refused; null: never.',
      },
      days: { kind: 'integer', min: 1, max: 3650, describe: 'A sign of life counts for so many days.' },
    },
    'People who no longer react.',
  ),
  tracking: object(
    {
      open: flag('Count openings.'),
      click: flag('Count clicks.'),
      reply: flag('Add a signed address to Reply-To, so that answers are seen here.'),
    },
    'Tracking.',
  ),
  notify: {
    kind: 'texts',
    most: 20,
    maxLength: 254,
    email: true,
    describe: 'Addresses that are told of quarantines, appeals and waiting approvals.',
  },
  content: object(
    {
      canaries: { kind: 'texts', most: 100, maxLength: 200, describe: 'Markers that must never stand in a message.' },
      review: word(['never', 'suspicious', 'always'], 'Which content waits for a person.'),
    },
    'Content.',
  ),
  warmup: object(
    {
      scope: word(['identity', 'tenant'], 'Whose first day begins it; `identity` unless said.'),
      start: {
        kind: 'integer',
        min: 1,
        max: MOST_UNITS,
        describe: 'Recipients on the first UTC day; absent: no warm-up.',
      },
      factor_percent: {
        kind: 'integer',
        min: 100,
        max: 1000,
        describe: "A step's places in per cent of the step before; 150 unless said.",
      },
      every_days: { kind: 'integer', min: 1, max: 90, describe: 'Days a step lasts; 1 unless said.' },
      days: { kind: 'integer', min: 1, max: 366, describe: 'Days until the warm-up is over; 14 unless said.' },
    },
    'Places a day of a new sender, which grow step by step.',
  ),
  retention: object(
    {
      idempotency_seconds: {
        kind: 'integer',
        min: 3600,
        max: 30 * 86_400,
        describe: 'How long an idempotency key answers with what it got first: 1 h to 30 d.',
      },
    },
    'How long things are kept.',
  ),
};
