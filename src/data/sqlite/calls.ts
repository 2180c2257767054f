/** The promises of the port as the threads behind it keep them: plain functions of one argument, which never wait. */
import type { DatabaseSync } from 'node:sqlite';
import type { WriterState } from './writer-state.ts';

type Promises<Port> = { [Call in keyof Port]: (input: never) => Promise<unknown> };

/** In the writer's thread, within a group's transaction. */
export type WriteCalls<Port extends Promises<Port>> = {
  [Call in keyof Port]: (state: WriterState, input: Parameters<Port[Call]>[0]) => Awaited<ReturnType<Port[Call]>>;
};

/** In the reader's thread, on a read-only connection. */
export type ReadCalls<Port extends Promises<Port>> = {
  [Call in keyof Port]: (db: DatabaseSync, input: Parameters<Port[Call]>[0]) => Awaited<ReturnType<Port[Call]>>;
};
