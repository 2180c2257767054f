/** The part of the port about hooks: addresses at which other programs tell, signed, what came back. */
import type { Mode } from '../../core/message.ts';
import type { Actor } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { ReturnAnswer, ReturnInput } from './returns.ts';
import type { Space } from './space.ts';

export type ReturnHookRow = {
  id: string;
  name: string;
  createdAt: number;
  createdBy: string;
  /** When a call with a good signature last came, or null. */
  usedAt: number | null;
};

/** What a call is checked with. */
export type ReturnHookKey = {
  no: number;
  tenantNo: number;
  mode: Mode;
  /** Sealed in the context `return-hook/<id>`. */
  sealed: Uint8Array;
};

export type HookedReturn = Pick<ReturnInput, 'kind' | 'messageId' | 'email' | 'at' | 'class'>;

export interface ReturnHooksWrites {
  /** `full`: there are as many as there may be. */
  createReturnHook(
    input: Space & { id: string; name: string; sealed: Uint8Array; actor: Actor },
  ): Promise<{ outcome: 'done'; hook: ReturnHookRow } | { outcome: 'full' }>;
  /** The hook that is gone, or null where there was none. */
  deleteReturnHook(input: Space & { id: string; actor: Actor }): Promise<ReturnHookRow | null>;
  /**
   * All of one call or nothing. Null: a call with this name came before, and nothing was done.
   * `forgetBefore`: names that came before this time can come no more, since their calls would be too old.
   */
  reportHooked(
    input: Space & { hook: number; name: string; forgetBefore: number; returns: HookedReturn[] },
  ): Promise<ReturnAnswer[] | null>;
}

export interface ReturnHooksReads {
  /** Newest first. */
  returnHooks(input: Space & Paging): Promise<Page<ReturnHookRow>>;
  returnHook(input: Space & { id: string }): Promise<ReturnHookRow | null>;
  /** By its id alone, whoever it belongs to. */
  returnHookKey(input: { id: string }): Promise<ReturnHookKey | null>;
}
