/** The way of a recipient in rows, counters and spread: taken at acceptance, given back, and shown. */
import type { Facts } from '../../policy/facts.ts';
import type { ChosenFacts } from '../../policy/facts-pool.ts';
import { countRoute } from '../../policy/ledger.ts';
import type { RouteWhy } from '../../policy/route.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import { spend } from '../../policy/spread.ts';
import type { Way } from '../../policy/ways.ts';
import type { Route } from '../port/routing.ts';
import { prepared } from './database.ts';
import { pinName } from './routing.ts';
import type { Space } from './spaces.ts';
import type { RecipientRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** Of tenants that have no providers or mailboxes of their own. */
export const DEFAULT_ROUTE: Route = {
  provider: { no: 0, id: 'default', name: 'default', kind: 'default', version: 0 },
  mailbox: null,
  why: ['only'],
};

export function routeOf({ provider, mailbox }: Way, why: readonly RouteWhy[]): Route {
  const { no, id, name, kind, version } = provider;
  return {
    provider: { no, id, name, kind, version },
    mailbox:
      mailbox === null ? null : { no: mailbox.no, id: mailbox.id, address: mailbox.address, version: mailbox.version },
    why: [...why],
  };
}

/** The way that a decision chose, or null. */
export function chosenIn(facts: Facts): ChosenFacts | null {
  return facts.pool?.routing?.chosen ?? null;
}

/** The recipient as it counts after a decision: on the way that was chosen, and on none where there is no choice. */
export function onItsWay(recipient: SendRecipient, facts: Facts): SendRecipient {
  const chosen = chosenIn(facts);
  const isPaced = facts.pool?.pace != null;
  if (chosen === null) return { ...recipient, route: null, isPaced };
  return { ...recipient, route: { provider: chosen.provider, mailbox: chosen.mailbox, at: null }, isPaced };
}

/** Moves the spread on by one recipient. */
export function spendOn(space: Space, chosen: ChosenFacts | null): void {
  const { sight } = space;
  const way = chosen === null ? undefined : sight?.ways.find(({ provider }) => provider.no === chosen.provider);
  if (way !== undefined) spend(sight!.spread, way.provider);
}

/**
 * After a choice is counted: the contact is pinned to its mailbox where it was pinned to none, or to one that does not stand any
 * more, which is told.
 */
export function pinTo(
  state: WriterState,
  space: Space,
  about: { key: string; recipient: number; chosen: ChosenFacts | null; now: number },
): void {
  const { key, recipient, chosen, now } = about;
  const { identity } = space;
  if (chosen === null || chosen.mailbox === null || identity === null) return;
  const pinned = space.pin(key);
  if (pinned === chosen.mailbox || (pinned !== null && chosen.replaces === null)) return;
  state.ledger.addGauge(state.ledger.entry(space.no, key), pinName(identity.no), chosen.mailbox - (pinned ?? 0));
  if (pinned === null) return;
  const named = (no: number): { mailbox_id: string; address: string } | null => {
    const found = prepared(state.db, 'SELECT id, address FROM mailbox WHERE no = ?').get(no);
    return found === undefined ? null : { mailbox_id: String(found['id']), address: String(found['address']) };
  };
  state.emit(space, 'mailbox.replaced', now, recipient, {
    identity: identity.handle,
    from: named(pinned),
    to: named(chosen.mailbox),
  });
}

/** Writes down on which way a stored recipient counts now; null: on none. */
export function storeRoute(
  state: WriterState,
  row: RecipientRow,
  route: { provider: number; mailbox: number | null; at: number | null } | null,
): void {
  if (route === null && row.provider === null && row.waits === null) return;
  row.provider = route?.provider ?? null;
  row.mailbox = route?.mailbox ?? null;
  row.routed_at = route?.at ?? null;
  row.waits = null;
  prepared(state.db, 'UPDATE recipient SET provider = ?, mailbox = ?, routed_at = ?, waits = NULL WHERE id = ?').run(
    row.provider,
    row.mailbox,
    row.routed_at,
    row.id,
  );
}

/** The same after a decision that was counted: the row, the spread, and the contact's pin. */
export function takeRoute(state: WriterState, space: Space, row: RecipientRow, facts: Facts, now: number): void {
  const chosen = chosenIn(facts);
  storeRoute(state, row, chosen === null ? null : { provider: chosen.provider, mailbox: chosen.mailbox, at: null });
  spendOn(space, chosen);
  pinTo(state, space, { key: row.key ?? row.email, recipient: row.id, chosen, now });
}

/** Gives back the place of a recipient on its way, and nothing else. */
export function leaveRoute(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  { send, recipient }: { send: Send; recipient: SendRecipient },
): void {
  if (row.provider === null) return;
  for (const change of countRoute(space, space.policy, send, recipient, row.depart_at, -1)) {
    state.ledger.apply(change, Math.floor(space.lastNow / 1000));
  }
  storeRoute(state, row, null);
}
