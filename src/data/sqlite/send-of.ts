/** From a request to the send that rules decide on: who sends it, and what of it they look at. */
import { withSender } from '../../policy/risk/features.ts';
import type { Send } from '../../policy/send.ts';
import type { AdmitRequest, IdentityRow } from '../store.ts';
import type { Space } from './spaces.ts';
import { senderOf } from './stored.ts';
import { templateFacts } from './templates.ts';
import type { WriterState } from './writer-state.ts';

export type Sender = { identity: IdentityRow | null; from: { email: string; name: string | null } };

export function resolveSender(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
): Sender | { param: string; message: string } {
  const named = identityNamed(request);
  if (named !== null) {
    const identity = space.identities.get(named);
    if (identity !== undefined) return { identity, from: request.from ?? senderOfIdentity(identity) };
    return {
      param: 'identity',
      message: `No identity has the handle "${named}": create it first, or leave the field out.`,
    };
  }
  if (request.from !== null) return { identity: space.senders.identityAt(request.from.email), from: request.from };
  const { installationNo } = request.principal;
  const ofInstallation = state.defaultFrom(installationNo);
  if (ofInstallation !== null) {
    return { identity: space.senders.identityAt(ofInstallation), from: { email: ofInstallation, name: null } };
  }
  const identity = onlyActive(space);
  if (identity !== null) return { identity, from: senderOfIdentity(identity) };
  return { identity, from: { email: state.defaultSender(space.tenant.id, installationNo), name: null } };
}

/** The one that was asked for; a key that is bound to a single one asks for it where it names no sender at all. */
function identityNamed({ identity, identities, from }: AdmitRequest): string | null {
  return identity ?? (from === null && identities?.length === 1 ? identities[0]! : null);
}

function senderOfIdentity({ fromEmail, fromName }: IdentityRow): Sender['from'] {
  return { email: fromEmail, name: fromName };
}

function onlyActive(space: Space): IdentityRow | null {
  let found: IdentityRow | null = null;
  for (const identity of space.identities.values()) {
    if (identity.state !== 'active' || identity === found) continue;
    if (found !== null) return null;
    found = identity;
  }
  return found;
}

export function sendOf(state: WriterState, space: Space, request: AdmitRequest, { identity, from }: Sender): Send {
  space.identity = identity;
  const send: Send = {
    kind: request.kind,
    onLimit: request.onLimit,
    sendAt: request.sendAt,
    scopes: {
      tenant: request.principal.tenantId,
      app: request.principal.appId,
      installation: request.principal.installationId,
      identity: identity?.id ?? null,
      agent: space.leases.nameOf(request.agent),
    },
    contentSize: contentSize(request),
    findings: request.findings,
    leaseToken: request.leaseToken ?? null,
    template: request.template?.found?.slug ?? null,
    templateFacts: templateFacts(state, space, request.template ?? null),
    from: senderOf(from),
  };
  if (request.identities !== undefined) send.identities = request.identities;
  if (request.content !== undefined) send.content = withSender(request.content, from);
  return send;
}

export function contentSize(request: AdmitRequest): number {
  let size = request.bodyBytes;
  for (const blob of request.blobs) size += blob.size;
  return size;
}
