/** The writer's calls on a database of their own, in this thread, at times of the test's choosing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { newId } from '../../src/base/ids.ts';
import { EVENT_TYPES } from '../../src/core/events.ts';
import type { Mode } from '../../src/core/message.ts';
import { RECIPIENT_STATES } from '../../src/core/states.ts';
import { admit } from '../../src/data/sqlite/admit.ts';
import { migrate, openWriter } from '../../src/data/sqlite/database.ts';
import { claim, mark } from '../../src/data/sqlite/dispatch.ts';
import { settle } from '../../src/data/sqlite/settle.ts';
import { createTenant } from '../../src/data/sqlite/tenants.ts';
import { type WriterOptions, WriterState } from '../../src/data/sqlite/writer-state.ts';
import type { AdmitRequest, Claimed, Principal, Settlement } from '../../src/data/store.ts';

/** What of a settlement a test has to say. */
export type Ending = Settlement extends infer One
  ? One extends Settlement
    ? Omit<One, 'recipient' | 'token' | 'attempt'>
    : never
  : never;

export const START = Date.UTC(2026, 10, 2, 12);

export type Queue = {
  state: WriterState;
  /** Runs calls as one group at this time. */
  at<T>(now: number, calls: (state: WriterState) => T): T;
  tenant(name: string, mode?: Mode): Principal;
  send(principal: Principal, now: number, change?: Partial<AdmitRequest> & { to?: string[] }): string;
  claim(now: number, most?: number): Claimed[];
  mark(now: number, claimed: Claimed): boolean;
  settle(now: number, claimed: Claimed, ending: Ending): boolean;
  row(claimed: Pick<Claimed, 'recipient'>): {
    state: string;
    due: number | null;
    attempts: number;
    possibleDuplicate: boolean;
  };
  /** Types of all events of a recipient in their order, after its acceptance. */
  events(claimed: Pick<Claimed, 'recipient'>): string[];
};

export function openQueue(t: TestContext, options: Partial<WriterOptions> = {}): Queue {
  const directory = mkdtempSync(join(tmpdir(), 'postern-queue-'));
  const db = openWriter(directory);
  migrate(db, directory, START);
  const state = new WriterState(db, { directory, domain: 'gateway.example', ...options });
  t.after(() => {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const at: Queue['at'] = (now, calls) => {
    db.exec('BEGIN IMMEDIATE');
    state.startGroup(now);
    try {
      state.begin();
      const result = calls(state);
      state.endGroup();
      db.exec('COMMIT');
      state.afterCommit();
      return result;
    } catch (error) {
      db.exec('ROLLBACK');
      state.recover();
      throw error;
    }
  };
  return {
    state,
    at,
    tenant: (name, mode = 'live') => at(START, () => principalOf(state, name, mode)),
    send: (principal, now, change) =>
      at(now, () => {
        const answer = admit(state, request(principal, change ?? {}));
        if (answer.outcome !== 'admitted') throw new Error(`not admitted: ${JSON.stringify(answer)}`);
        return answer.messageId;
      }),
    claim: (now, most = 64) => at(now, () => claim(state, { most, live: true })),
    mark: (now, { recipient, token }) => at(now, () => mark(state, { recipient, token })),
    settle: (now, { recipient, token }, ending) =>
      at(now, () => settle(state, { recipient, token, attempt: REPORT, ...ending } as Settlement)),
    row({ recipient }) {
      const row = db
        .prepare('SELECT state, due, attempts, possible_duplicate FROM recipient WHERE id = ?')
        .get(recipient);
      const { state: number, due, attempts, possible_duplicate } = row as Record<string, number>;
      return {
        state: RECIPIENT_STATES[number!]!,
        due: due ?? null,
        attempts: attempts!,
        possibleDuplicate: possible_duplicate === 1,
      };
    },
    events({ recipient }) {
      const rows = db.prepare('SELECT type FROM event WHERE recipient = ? AND type > 1 ORDER BY seq').all(recipient);
      return (rows as { type: number }[]).map(({ type }) => EVENT_TYPES[type]!);
    },
  };
}

const REPORT = { provider: 'default', mailbox: null, reply: '250 ok', class: null };

function principalOf(state: WriterState, name: string, mode: Mode): Principal {
  const { no, id } = createTenant(state, {
    id: newId('ten'),
    installationId: newId('ins'),
    name,
    standing: 'active',
    trialEndsAt: null,
    plan: null,
    billing: 'none',
    credits: null,
    trust: 'established',
    locale: null,
    notify: [],
    actor: 'test',
  });
  const installation = state.db.prepare('SELECT no, id FROM installation WHERE tenant = ?').get(no) as {
    no: number;
    id: string;
  };
  return {
    tenantNo: no,
    tenantId: id,
    mode,
    installationNo: installation.no,
    installationId: installation.id,
    appId: 'app_00000000000000000000000001',
    keyNo: 1,
  };
}

function request(principal: Principal, change: Partial<AdmitRequest> & { to?: string[] }): AdmitRequest {
  const { to = ['bob@example.com'], ...rest } = change;
  return {
    principal,
    requestId: 'req_test',
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    expiresAt: null,
    agent: null,
    identity: null,
    from: null,
    subject: 'Hello',
    meta: null,
    recipients: to.map((email) => ({
      kind: 'to',
      email,
      name: null,
      key: email,
      domain: email.slice(email.lastIndexOf('@') + 1),
      undeliverable: null,
      simulated: null,
    })),
    body: '{"subject":"Hello","text":"x"}',
    bodyBytes: 30,
    bodyBlob: null,
    blobs: [],
    idempotency: null,
    dedupe: null,
    contentHash: null,
    ...rest,
  };
}
