/**
 * All mailboxes whose mail is read, each in a session of its own.
 *
 * What holds: a session's settings are those of its mailbox, since a change of them begins another one; no more than `most` are
 * connected at a time, and where there are more they take turns.
 */
import type { ReadMailbox } from '../../data/port/imap.ts';
import type { Store } from '../../data/store.ts';
import { ImapSession, type SessionParts } from './session.ts';

export type WatchParts = SessionParts & {
  store: Pick<Store, 'noteImap' | 'readMailboxes' | 'onEvents'>;
  /** How often changed mailboxes are looked for where nothing happens, and where something does. */
  lookEveryMs: number;
  lookAfterEventMs: number;
  most: number;
};

export type ImapWatch = { stop(): Promise<void> };

const TURN_MS = 2 * 60_000;

export function watchMailboxes(parts: WatchParts): ImapWatch {
  const sessions = new Map<number, ImapSession>();
  const ending = new Set<Promise<void>>();
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let turn = 0;
  let turnedAt = performance.now();

  const end = (session: ImapSession): void => {
    sessions.delete(session.mailbox.no);
    const ended: Promise<void> = session.stop().finally(() => ending.delete(ended));
    ending.add(ended);
  };
  /** Which of them are connected now: all, or the next ones in turn. */
  const chosen = (all: ReadMailbox[]): ReadMailbox[] => {
    if (all.length <= parts.most) return all;
    if (performance.now() - turnedAt > TURN_MS) {
      turnedAt = performance.now();
      turn += parts.most;
    }
    return Array.from({ length: parts.most }, (_, i) => all[(turn + i) % all.length]!);
  };
  const look = async (): Promise<void> => {
    const wanted = new Map(chosen(await parts.store.readMailboxes({})).map((mailbox) => [mailbox.no, mailbox]));
    if (isStopped) return;
    for (const session of [...sessions.values()]) {
      const { no, version } = session.mailbox;
      if (wanted.get(no)?.version !== version) end(session);
    }
    for (const mailbox of wanted.values()) {
      if (!sessions.has(mailbox.no)) sessions.set(mailbox.no, new ImapSession(mailbox, parts));
    }
  };
  /** Sooner than planned, never later. */
  const plan = (ms: number): void => {
    const at = performance.now() + ms;
    if (isStopped || at >= dueAt) return;
    clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(run, ms);
    timer.unref();
  };
  const run = async (): Promise<void> => {
    try {
      await look();
    } catch (fault) {
      if (!isStopped) parts.log.warn({ error: String(fault) }, 'the mailboxes to read cannot be looked up now');
    }
    dueAt = Number.POSITIVE_INFINITY;
    plan(parts.lookEveryMs);
  };
  parts.store.onEvents(() => {
    for (const session of sessions.values()) session.wake();
    plan(parts.lookAfterEventMs);
  });
  plan(0);
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      for (const session of [...sessions.values()]) end(session);
      await Promise.all(ending);
    },
  };
}
