/** Quarantines as the tenant and the operator see them. */
import Type from 'typebox';
import { formatTime } from '../core/time.ts';
import type { Appeal, Quarantine, SampleMessage } from '../data/port/quarantine.ts';
import { SIGNAL } from './risk.ts';
import { orNull, timeOrNull } from './shapes.ts';

const TIME_OR_NULL = (description: string) => orNull(Type.String(), { description });

const EVIDENCE = Type.Object(
  {
    set_by: Type.String({ description: '`score` or `operator`.' }),
    score: Type.Integer(),
    threshold: Type.Integer(),
    signals: Type.Array(SIGNAL),
    figures: Type.Object({
      account_age_days: Type.Integer(),
      accepted_last_hour: Type.Integer(),
      accepted_last_day: Type.Integer(),
      refused_last_day: Type.Integer(),
      waiting: Type.Integer({ description: 'Recipients that had not left and were held at once.' }),
    }),
    sample_message_ids: Type.Array(Type.String()),
  },
  { description: 'What was known when it began; it does not change any more.' },
);

export const APPEAL = Type.Object({
  id: Type.String(),
  quarantine_id: Type.String(),
  state: Type.String({ description: '`open`, `released` or `upheld`.' }),
  filed_at: Type.String(),
  filed_by: Type.String({ description: 'The name of the key.' }),
  statement: Type.String(),
  message_id: orNull(Type.String()),
  account: Type.Object({ id: Type.String(), name: Type.String(), mode: Type.String() }),
  since: Type.String({ description: 'When the quarantine began.' }),
  last_refused_message_id: orNull(Type.String()),
  content_hash: orNull(Type.String(), { description: 'SHA-256 of the content of the last refused message.' }),
});

const DECISION = orNull(
  Type.Object({
    outcome: Type.String({ description: '`released` or `upheld`.' }),
    at: Type.String(),
    by: Type.String(),
    note: orNull(Type.String()),
  }),
  { description: 'The last decision on it.' },
);

const PROBATION = orNull(
  Type.Object({
    factor: Type.Number({ description: 'The share of its limits that the account began with.' }),
    since: Type.String(),
    until: Type.String({ description: 'When the limits are whole again; they grow in a line.' }),
    daily_baseline: orNull(Type.Integer(), {
      description: 'Recipients a day that count as a whole limit, where the policy sets none for the account.',
    }),
  }),
);

const HELD = Type.Object({
  waiting: Type.Integer({ description: 'Recipients accepted before it that are held.' }),
  decided: orNull(Type.String(), { description: '`send` or `drop`, since the release.' }),
});

/** What the tenant sees. */
export const OWN_QUARANTINE = Type.Object({
  id: orNull(Type.String()),
  state: Type.Enum(['none', 'active', 'under_review', 'probation']),
  upheld: Type.Boolean({ description: 'The operator has looked at it, and it stays.' }),
  since: TIME_OR_NULL('When it began.'),
  evidence: orNull(EVIDENCE),
  note: orNull(Type.String(), { description: 'What the operator said when he set it.' }),
  release_at: TIME_OR_NULL('When it ends by itself; null: when it is released.'),
  decision: DECISION,
  probation: PROBATION,
  held: HELD,
  appeal: orNull(APPEAL, { description: 'The newest one.' }),
});

export const QUARANTINE = Type.Object({
  ...OWN_QUARANTINE.properties,
  id: Type.String(),
  state: Type.Enum(['active', 'under_review', 'probation', 'released']),
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  mode: Type.String(),
  score: Type.Integer({ description: 'At the entry.' }),
  threshold: Type.Integer(),
});

export const WHOLE_QUARANTINE = Type.Object({
  ...QUARANTINE.properties,
  sample_messages: Type.Array(
    Type.Object({
      id: Type.String(),
      created_at: Type.String(),
      from: Type.String(),
      subject: Type.String(),
      recipients: Type.Array(Type.Object({ email: Type.String(), status: Type.String() })),
      excerpt: orNull(Type.String(), { description: 'The beginning of its text, while the content is stored.' }),
    }),
    { description: 'The last messages accepted before it, newest first.' },
  ),
});

const NONE = {
  id: null,
  state: 'none',
  upheld: false,
  since: null,
  evidence: null,
  note: null,
  release_at: null,
  decision: null,
  probation: null,
  held: { waiting: 0, decided: null },
  appeal: null,
};

export function ownQuarantineBody(quarantine: Quarantine | null): object {
  if (quarantine === null) return NONE;
  const { state, setBy, score, threshold, evidence, decision, probation, appeal } = quarantine;
  return {
    id: quarantine.id,
    // One that was upheld stops the account as before; `upheld` says that it has been looked at.
    state: state === 'upheld' ? 'active' : state,
    upheld: decision?.outcome === 'upheld',
    since: formatTime(quarantine.since),
    evidence: { set_by: setBy, score, threshold, ...evidence },
    note: quarantine.note,
    release_at: timeOrNull(quarantine.releaseAt),
    decision: decision === null ? null : { ...decision, at: formatTime(decision.at) },
    probation:
      probation === null
        ? null
        : {
            factor: probation.factor,
            since: formatTime(probation.since),
            until: formatTime(probation.until),
            daily_baseline: probation.baseline,
          },
    held: quarantine.held,
    appeal: appeal === null ? null : appealBody(quarantine, appeal),
  };
}

export function quarantineBody(quarantine: Quarantine): object {
  const { tenantId, tenantName, mode, score, threshold } = quarantine;
  const tenant = { id: tenantId, name: tenantName };
  return { ...ownQuarantineBody(quarantine), tenant, mode, score, threshold };
}

export function wholeQuarantineBody(quarantine: Quarantine, samples: readonly SampleMessage[]): object {
  return {
    ...quarantineBody(quarantine),
    sample_messages: samples.map(({ id, createdAt, from, subject, recipients, excerpt }) => ({
      id,
      created_at: formatTime(createdAt),
      from,
      subject,
      recipients: recipients.map(({ email, state }) => ({ email, status: state })),
      excerpt,
    })),
  };
}

export function appealBody(quarantine: Quarantine, appeal: Appeal): object {
  return {
    id: appeal.id,
    quarantine_id: quarantine.id,
    state: appeal.state,
    filed_at: formatTime(appeal.at),
    filed_by: appeal.filedBy,
    statement: appeal.statement,
    message_id: appeal.messageId,
    account: { id: quarantine.tenantId, name: quarantine.tenantName, mode: quarantine.mode },
    since: formatTime(quarantine.since),
    last_refused_message_id: appeal.refusedId,
    content_hash: appeal.contentHash,
  };
}
