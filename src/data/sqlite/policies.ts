/** Policy documents: new versions, and what is in force with them. */
import type { Mode } from '../../core/message.ts';
import { type EffectiveDocument, POLICY_DEFAULTS, type PolicyDocument } from '../../policy/document.ts';
import { effectiveDocument, loosened } from '../../policy/resolve.ts';
import type { Actor, Refused } from '../port/management.ts';
import type { PoliciesWrites, PolicyPlace, PolicyState } from '../port/policies.ts';
import type { PolicyInForce, PolicyOwner, PolicyVersionRow } from '../store.ts';
import { audit } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import type { Row } from './rows.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Defaults stand at the numbers of a tenant that does not exist. */
export function placeOf(place: PolicyPlace): number {
  return place.owner === 'default' ? spaceOf(0, place.mode) : spaceOf(place.tenantNo, place.mode);
}

export function policyVersionOf(row: Row): PolicyVersionRow {
  return {
    owner: row['owner'] as PolicyOwner,
    version: row['version'] as number,
    document: JSON.parse(row['document'] as string) as PolicyDocument,
    author: row['author'] as string,
    note: row['note'] as string | null,
    createdAt: row['created_at'] as number,
  };
}

function newestVersion(state: WriterState, owner: PolicyOwner, space: number): PolicyVersionRow | null {
  const row = state.db
    .prepare('SELECT * FROM policy_document WHERE owner = ? AND space = ? ORDER BY version DESC LIMIT 1')
    .get(owner, space);
  return row === undefined ? null : policyVersionOf(row);
}

function inForce(state: WriterState, place: PolicyPlace): PolicyInForce {
  if (place.tenantNo > 0) {
    const { policy } = state.spaces.get(spaceOf(place.tenantNo, place.mode));
    return { version: policy.version, document: policy.document };
  }
  const document = effectiveDocument(
    POLICY_DEFAULTS as EffectiveDocument,
    [state.spaces.newest('default', placeOf(place))],
    {},
  );
  return { version: 0, document };
}

/**
 * After a change of what is inherited: reads the spaces it may touch anew, and tells those in which another policy is in
 * force. A space that nobody has used since the start is read when it is first used.
 */
export function renewPolicies(
  state: WriterState,
  isTouched: (space: Space) => boolean,
  data: Record<string, unknown>,
): void {
  const before = [...state.spaces.all()].filter(isTouched).map(({ no, policy }) => ({ no, version: policy.version }));
  state.flushRows();
  for (const { no } of before) state.spaces.forget(no);
  for (const { no, version } of before) {
    const space = state.spaces.get(no);
    if (space.policy.version === version) continue;
    state.emit(space, 'policy.changed', space.now(state.realNow), null, {
      ...data,
      policy_version: space.policy.version,
    });
  }
}

type PutPolicy = Parameters<PoliciesWrites['putPolicy']>[0];

/** Stores a new version of a policy document; what is in force changes with the same group. */
export function putPolicy(state: WriterState, input: PutPolicy): { version: number; inForce: PolicyInForce } {
  const modes: Mode[] = input.mode === null ? ['live', 'test'] : [input.mode];
  const versions = modes.map((mode) => putVersion(state, input, { ...input, mode }));
  const place = { ...input, mode: modes[0]! };
  return { version: versions[0]!, inForce: inForce(state, place) };
}

function putVersion(state: WriterState, input: PutPolicy, place: PolicyPlace): number {
  const space = placeOf(place);
  const previous = newestVersion(state, input.owner, space);
  const version = (previous?.version ?? 0) + 1;
  state.db
    .prepare(
      'INSERT INTO policy_document (owner, space, version, document, author, note, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    .run(input.owner, space, version, JSON.stringify(input.document), input.author, input.note, state.realNow);
  const data = { owner: input.owner, version, author: input.author, note: input.note };
  if (input.owner === 'default') renewPolicies(state, ({ no }) => no % 2 === space % 2, data);
  else {
    state.flushRows();
    state.spaces.forget(space);
    const read = state.spaces.get(space);
    const full = { ...data, policy_version: read.policy.version };
    state.emit(read, 'policy.changed', read.now(state.realNow), null, full);
  }
  audit(state, {
    tenantNo: input.owner === 'default' ? null : input.tenantNo,
    mode: place.mode,
    actor: input.author,
    actorId: input.authorId,
    action: 'policy.changed',
    target: `${input.owner}:${version}`,
    note: input.note,
    before: previous?.document ?? {},
    after: input.document,
  });
  return version;
}

export const POLICY_WRITES: WriteCalls<PoliciesWrites> = {
  putPolicy,

  policyState(state, place): PolicyState {
    return { own: newestVersion(state, place.owner, placeOf(place)), inForce: inForce(state, place) };
  },
  putOwnPolicy(state, { tenantNo, mode, document, note, actor }) {
    const place = { owner: 'tenant', tenantNo, mode } as const;
    const previous = newestVersion(state, 'tenant', placeOf(place));
    const refused = refuseLoosening(loosened(previous?.document ?? {}, document), note, actor);
    if (refused !== null) return refused;
    putPolicy(state, { ...place, document, note, author: actor.name, authorId: actor.id });
    return { outcome: 'stored', ...POLICY_WRITES.policyState(state, place) };
  },
};

/** A change that loosens something needs a person, who says why. Null: it may be made. */
export function refuseLoosening(loosens: string[], note: string | null, actor: Actor): Refused | null {
  if (loosens.length === 0 || (actor.mayApprove && note !== null)) return null;
  return { outcome: 'human_decision_required', needs: actor.mayApprove ? null : 'approve', loosens };
}
