/** Providers and mailboxes of a tenant, made directly in a store. */
import { newId } from '../../src/base/ids.ts';
import type { MailboxFields, ManagedMailbox, ManagedProvider, ProviderFields } from '../../src/data/port/senders.ts';
import type { Principal, Store } from '../../src/data/store.ts';

export const OPERATOR = { name: 'test', id: 'operator', mayApprove: true, mayOperate: true };

export async function newProvider(
  store: Store,
  { tenantNo, mode }: Principal,
  name: string,
  changes: Partial<ProviderFields> = {},
): Promise<ManagedProvider> {
  const url = `smtp://${name}.example:25`;
  const fields: ProviderFields = {
    ...{ name, kind: 'smtp', url, endpoint: url, sealed: null, ehloName: null, weight: 1, priority: 0, caps: {} },
    ...changes,
  };
  const made = await store.createProvider({ tenantNo, mode, id: newId('prv'), fields, note: null, actor: OPERATOR });
  if (made.outcome !== 'done') throw new Error(`no provider was made: ${made.outcome}`);
  return made.provider;
}

export async function newMailbox(
  store: Store,
  { tenantNo, mode }: Principal,
  address: string,
  changes: Partial<MailboxFields> & Pick<MailboxFields, 'provider'>,
): Promise<ManagedMailbox> {
  const fields: MailboxFields = {
    ...{ address, key: address, identity: null, dailyCap: null, warmup: null, sealed: null, imap: null },
    ...changes,
  };
  const made = await store.createMailbox({ tenantNo, mode, id: newId('mbx'), fields, note: null, actor: OPERATOR });
  if (made.outcome !== 'done') throw new Error(`no mailbox was made: ${made.outcome}`);
  return made.mailbox;
}

/** Switches a provider on or off; `default` is the gateway's own. */
export async function turn(store: Store, { tenantNo, mode }: Principal, id: string, on: boolean): Promise<void> {
  const made = await store.turnProvider({ tenantNo, mode, id, on, note: 'a test', actor: OPERATOR });
  if (made.outcome !== 'done') throw new Error(`nothing was turned: ${made.outcome}`);
}

export async function pause(store: Store, { tenantNo, mode }: Principal, id: string): Promise<void> {
  await store.pauseMailbox({ tenantNo, mode, id, note: 'a test', actor: OPERATOR });
}

export async function resume(store: Store, { tenantNo, mode }: Principal, id: string): Promise<void> {
  await store.resumeMailbox({ tenantNo, mode, id, note: 'a test', actor: OPERATOR });
}
