/**
 * Warnings: the send goes through, and the answer says what is coming. Codes of warnings and reasons share one name
 * space and one set of pages.
 */

import { type ExampleContext, exampleId, nextUtcDay, type Scope } from './entry.ts';

export type WarningText = {
  title: string;
  /** A concrete sentence made from the evidence, in the notation of `entry.ts`. */
  detail: string;
  /** One imperative sentence. */
  fix: string;
  words?: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

export type WarningEntry = WarningText & {
  code: string;
  explanation: string;
  /** Evidence field → what it holds; in answers these stand beside `code`. */
  evidence: Readonly<Record<string, string>>;
  example: (at: ExampleContext) => { scope: Scope | null; evidence: Record<string, unknown> };
};

export const WARNINGS = {
  quarantine_approaching: {
    code: 'quarantine_approaching',
    title: 'Quarantine is near',
    detail:
      'The risk score is[ {score} of {threshold}| high][; the signals: {signals}][; it would fall by: {falls_by}].',
    fix: 'Slow down and look at the signals before the score reaches the threshold.',
    explanation:
      'The risk score has passed its warning level. At the threshold the account comes into quarantine and nothing more is sent until a review. The signals say what raised the score, and `falls_by` what would bring it down. `GET /v1/risk` shows it at any time.',
    evidence: {
      score: 'the score now',
      threshold: 'the score at which quarantine begins',
      level: '`elevated`, or `high` from half way to the threshold',
      replies_visible: 'whether a reply could be seen; if not, silence weighs half',
      signals: 'the signals that make it up, the greatest first',
      falls_by: 'what would bring it down',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      evidence: {
        score: 72,
        threshold: 100,
        level: 'elevated',
        replies_visible: true,
        signals: [
          {
            name: 'recipient_repeats',
            value: 9,
            weight: 60,
            threshold: 3,
            window: 'decaying_1h',
            trend: 'rising',
            contribution: 40,
          },
        ],
        falls_by: ['no message for an hour to the person written to most, or a reply from them'],
      },
    }),
  },
  limit_approaching: {
    code: 'limit_approaching',
    title: 'A limit is near',
    detail:
      '[{used} of {limit} {unit} used in {window}|A limit is 80 % used][ ("{limit_name}")][; it grows again at {resets_at}].',
    fix: 'Slow down, or send with `"on_limit": "defer"` so that nothing is refused when the limit is reached.',
    explanation:
      'At least 80 % of a limit are used. At 100 % sends are refused, or deferred if you asked for it. The headers of every response show what is left.',
    evidence: {
      limit_name: 'the name of the limit',
      unit: '`message` or `recipient`',
      window: 'its window',
      limit: 'the most units in the window',
      used: 'units counted in it',
      remaining: 'units left',
      resets_at: 'when the remaining number next grows',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      evidence: {
        limit_name: 'daily',
        unit: 'recipient',
        window: 'calendar_day',
        limit: 500,
        used: 412,
        remaining: 88,
        resets_at: nextUtcDay(now),
      },
    }),
  },
  content_warning: {
    code: 'content_warning',
    title: 'Doubtful content',
    detail: 'The content has traits that receivers dislike[: {found}][ (score {score}, threshold {threshold})].',
    fix: 'Look at what was found and change it before the next send.',
    explanation:
      'Something in the content is often found in spam, but not enough to refuse it. Receivers may sort the message into the spam folder. The evidence names each finding.',
    evidence: {
      found: 'what was found: each with its name, where it stands (`subject`, `text`, `html`) and its weight',
      score: 'the content score',
      threshold: 'the score at which content is rejected',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      evidence: { found: [{ name: 'link_shortener', where: 'text', weight: 3 }], score: 3, threshold: 10 },
    }),
  },
  template_warning: {
    code: 'template_warning',
    title: 'Doubtful template',
    detail: 'The check of the template[ "{template}"][ in version {version}] found something[: {findings}].',
    fix: 'Correct the findings in the next version of the template.',
    explanation:
      'The template breaks a rule that the policy treats as a warning. The message goes out. `POST /v1/templates/{id}/lint` lists the findings with their places.',
    evidence: { template: 'the slug of the template', version: 'its version', findings: 'the rules it breaks' },
    example: () => ({
      scope: { kind: 'template', id: exampleId('tpl') },
      evidence: { template: 'quote-ready', version: 3, findings: ['spam_phrase'] },
    }),
  },
  unreachable_replies: {
    code: 'unreachable_replies',
    title: 'Replies cannot be seen',
    detail:
      'There is no way by which Postern could see a reply to this message[: {unanswered:message} to this person in a row without one].',
    fix: 'Let replies come through Postern, or report them with `POST /v1/returns`.',
    explanation:
      'Replies to this message go to a place Postern does not see. A person who answers then looks like one who stays silent. Because of that, silence weighs only half in the risk score. Cooldowns and streaks are not reset by replies that nobody reports.',
    evidence: { unanswered: 'messages to this person since the last sign of life that was seen' },
    example: ({ tenant }) => ({ scope: tenant, evidence: { unanswered: 3 } }),
  },
  disengaging: {
    code: 'disengaging',
    title: 'Recipient is losing interest',
    detail:
      '[{sends:message} without a sign of life|The recipient has shown no sign of life for some time][; the policy stops after {after_sends}].',
    fix: 'Write less often to this person, or ask whether they still want to hear from you.',
    explanation:
      'This person has not reacted to several messages. If that goes on, they count as disengaged and sends to them are refused. A reply or a click starts the count anew.',
    evidence: {
      sends: 'messages since the last sign of life',
      after_sends: 'how many the policy allows',
    },
    example: ({ recipient }) => ({ scope: recipient, evidence: { sends: 9, after_sends: 12 } }),
  },
  role_account: {
    code: 'role_account',
    title: 'Role account',
    detail: '[{address} belongs|The address belongs] to a role, not to a person[ ("{role}")].',
    fix: "Write to a person's own address where you can.",
    explanation:
      'Addresses such as `postmaster`, `abuse` or `info` are read by several people or by nobody. They complain more often and cannot give personal consent. The policy can refuse them, for marketing or for everything.',
    evidence: { address: 'the address', role: 'the role its local part names' },
    example: ({ recipient }) => ({
      scope: recipient,
      evidence: { address: 'postmaster@example.com', role: 'postmaster' },
    }),
  },
  disposable_address: {
    code: 'disposable_address',
    title: 'Disposable address',
    detail: '[{domain} gives|The domain of this address gives] out disposable addresses.',
    fix: 'Ask for a lasting address if the message matters.',
    explanation:
      'The address is at a provider of throw-away addresses. It may stop working within minutes and the message may be read by others. Do not send anything confidential to it.',
    evidence: { address: 'the address', domain: 'its domain' },
    example: ({ recipient }) => ({
      scope: recipient,
      evidence: { address: 'bob@disposable.example', domain: 'disposable.example' },
    }),
  },
  possible_typo: {
    code: 'possible_typo',
    title: 'Possible typing error',
    detail: '[{address} may be|The address may be] a typing error[ for {suggestion}].',
    fix: 'Ask the person to check the address.',
    explanation:
      'The domain is very close to that of a well-known provider and may be a slip of the keyboard. The message goes out as addressed. A wrong address bounces, or reaches a stranger.',
    evidence: { address: 'the address', suggestion: 'what may have been meant' },
    example: ({ recipient }) => ({
      scope: recipient,
      evidence: { address: 'bob@gmial.example', suggestion: 'bob@gmail.example' },
    }),
  },
} as const satisfies Record<string, WarningEntry>;

export type WarningCode = keyof typeof WARNINGS;

export const WARNING_CODES = Object.keys(WARNINGS) as readonly WarningCode[];
