/** A sender domain as answers show it: what is to be published, what was found there, and which keys sign. */
import Type, { type Static } from 'typebox';
import { RECORD_PURPOSES, RECORD_STATES, type SenderRecord, senderRecords, UNCHECKED } from '../core/sender-records.ts';
import { formatTime } from '../core/time.ts';
import { DOMAIN_STATES, type ManagedDomain } from '../data/port/domains.ts';
import { orNull, timeOrNull } from './shapes.ts';

const RECORD = Type.Object({
  type: Type.String(),
  name: Type.String({ description: 'The whole name.' }),
  host: Type.String({ description: 'The name without the domain, as many DNS panels ask for it.' }),
  value: Type.String(),
  purpose: Type.Enum([...RECORD_PURPOSES]),
  required: Type.Boolean({ description: 'Whether the domain is verified only with it.' }),
  state: Type.Enum([...RECORD_STATES], {
    description: '`unanswered`: the DNS gave no answer at the last look, which is never taken for missing.',
  }),
  found: orNull(Type.String(), { description: 'What stands there.' }),
  problem: orNull(Type.String(), { description: 'What is wrong, in a sentence.' }),
  keep_until: orNull(Type.String(), { description: 'Of a key that no longer signs: when its record may go.' }),
});
const KEY = Type.Object({
  selector: Type.String(),
  algorithm: Type.String(),
  state: Type.String({
    description: '`announced`: signs once its record is found; `signing`; `retiring`: listed until its record may go.',
  }),
  created_at: Type.String(),
  retires_at: orNull(Type.String()),
});
export const DOMAIN = Type.Object({
  id: Type.String(),
  domain: Type.String({ description: 'In A-labels.' }),
  selector: Type.String(),
  state: Type.Enum([...DOMAIN_STATES], {
    description: '`failing`: it was verified and a required record is gone; sends go on until `blocks_at`.',
  }),
  problem: orNull(Type.String(), { description: 'Why it is not verified although its records stand.' }),
  verified_at: orNull(Type.String()),
  failing_since: orNull(Type.String()),
  blocks_at: orNull(Type.String()),
  checked_at: orNull(Type.String()),
  next_check_at: Type.String(),
  created_at: Type.String(),
  updated_at: Type.String(),
  records: Type.Array(RECORD),
  keys: Type.Array(KEY),
});

export function domainBody(
  domain: ManagedDomain,
  { gateway, bounceHost }: { gateway: string; bounceHost: string },
): Static<typeof DOMAIN> {
  const { name, token, keys } = domain;
  const records = senderRecords({ domain: name, token, keys, gateway, bounceHost });
  return {
    id: domain.id,
    domain: name,
    selector: domain.selector,
    state: domain.state,
    problem: domain.problem,
    verified_at: timeOrNull(domain.verifiedAt),
    failing_since: timeOrNull(domain.failingSince),
    blocks_at: timeOrNull(domain.blocksAt),
    checked_at: timeOrNull(domain.checkedAt),
    next_check_at: formatTime(domain.nextCheckAt),
    created_at: formatTime(domain.createdAt),
    updated_at: formatTime(domain.updatedAt),
    records: records.map((record) => recordBody(record, domain)),
    keys: keys.map((key) => ({
      selector: key.selector,
      algorithm: key.algorithm,
      state: key.state,
      created_at: formatTime(key.createdAt),
      retires_at: timeOrNull(key.retiresAt),
    })),
  };
}

function recordBody(record: SenderRecord, domain: ManagedDomain): Static<typeof RECORD> {
  const { state, found, problem } = domain.findings[record.key] ?? UNCHECKED;
  const key = domain.keys.find(({ selector }) => record.key === `dkim:${selector}`);
  return {
    type: record.type,
    name: record.name,
    host: record.name.slice(0, -domain.name.length - 1),
    value: record.value,
    purpose: record.purpose,
    required: record.isRequired,
    state,
    found,
    problem,
    keep_until: timeOrNull(key?.retiresAt ?? null),
  };
}
