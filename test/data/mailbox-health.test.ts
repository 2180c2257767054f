import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { noteOutcome, noteWayFault, reviewHealth } from '../../src/data/sqlite/mailbox-health.ts';
import { spaceOf } from '../../src/data/sqlite/spaces.ts';
import { EXCLUDED_BELOW, type HealthOutcome } from '../../src/policy/health.ts';
import { newPrincipal } from '../harness/submissions.ts';
import { TestWriter } from '../harness/writer.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ACTOR = { name: 'test', id: 'operator', mayApprove: true, mayOperate: true };

describe('the health of a mailbox in the store', () => {
  let writer: TestWriter;
  let tenantNo: number;
  let space: number;
  let mailboxNo: number;

  beforeEach(async () => {
    writer = new TestWriter();
    ({ tenantNo } = await newPrincipal(writer.store));
    space = spaceOf(tenantNo, 'live');
    mailboxNo = await makeMailbox('alice@acme.example');
  });
  afterEach(() => writer.close());

  async function makeMailbox(address: string): Promise<number> {
    const fields = { address, key: address, provider: 'default', identity: null, dailyCap: null };
    const made = await writer.store.createMailbox({
      ...{ tenantNo, mode: 'live', id: `mbx_${address}_${writer.now}`, note: null, actor: ACTOR },
      fields: { ...fields, warmup: null, sealed: null, imap: null },
    });
    assert.equal(made.outcome, 'done');
    return made.outcome === 'done' ? made.mailbox.no : 0;
  }

  function happen(outcome: HealthOutcome, times: number, lost = false): void {
    writer.group((state) => {
      const known = state.spaces.get(space);
      for (let i = 0; i < times; i++) noteOutcome(state, known, mailboxNo, outcome, null, known.now(state.realNow));
    }, lost);
  }

  const inPool = () => writer.state.spaces.get(space).pool!.mailboxes.get(mailboxNo)!;
  const inRow = () => writer.rows('SELECT health, excluded_since FROM mailbox WHERE no = ?', mailboxNo)[0]!;

  function told(): unknown[] {
    const rows = writer.rows(
      "SELECT data FROM event WHERE space = ? AND data LIKE '%previous_level%' ORDER BY id",
      space,
    );
    return rows.map(({ data }) => {
      const { level, previous_level, health } = JSON.parse(data as string);
      return [previous_level, level, health];
    });
  }

  test('is left out below the line, and its events tell each line that is crossed', () => {
    happen('delivered', 50);
    assert.deepEqual([inPool().health, inRow()['health'], told()], [100, 100, []]);
    happen('bounced', 40);
    assert.ok(inPool().health < EXCLUDED_BELOW);
    assert.deepEqual([inPool().excludedSince, inRow()['excluded_since']], [writer.now, writer.now]);
    assert.equal(inRow()['health'], inPool().health);
    const [weak, excluded, ...more] = told() as [string, string, number][];
    assert.deepEqual([weak!.slice(0, 2), excluded!.slice(0, 2), more], [['good', 'weak'], ['weak', 'excluded'], []]);
  });

  test('hears of a way that failed only what is about the mailbox: signing in, and being held back', () => {
    const counted = (): unknown => {
      const all = 'auth_failed + deferred + bounced + delivered + complained';
      const [row] = writer.rows(
        `SELECT sum(auth_failed) AS auth, sum(deferred) AS held, sum(${all}) AS n FROM mailbox_hour`,
      );
      return [row!['auth'], row!['held'], row!['n']];
    };
    const fail = (bounceClass: string | null): void =>
      writer.group((state) => {
        const known = state.spaces.get(space);
        noteWayFault(state, known, mailboxNo, bounceClass, known.now(state.realNow));
      });
    fail('auth_failure');
    assert.deepEqual(counted(), [1, 0, 1]);
    fail('rate_limited');
    assert.deepEqual(counted(), [1, 1, 2]);
    for (const bounceClass of ['connection_failed', 'mailbox_full', null]) fail(bounceClass);
    assert.deepEqual(counted(), [1, 1, 2]);
  });

  test('is back by itself once its bad signs have aged, without any traffic', () => {
    happen('bounced', 60);
    const { recoversAt } = inPool();
    assert.ok(recoversAt !== null && recoversAt > writer.now);
    writer.now = recoversAt - 3 * HOUR;
    writer.sweep('mailboxes');
    assert.notEqual(inPool().excludedSince, null, 'not too soon');
    writer.state.spaces.get(space).isPoolNew = false;
    writer.now = recoversAt + HOUR;
    writer.sweep('mailboxes');
    assert.deepEqual([inPool().excludedSince, inPool().recoversAt, inRow()['excluded_since']], [null, null, null]);
    assert.deepEqual((told().at(-1) as string[]).slice(0, 2), ['excluded', 'weak']);
    assert.equal(writer.state.spaces.get(space).isPoolNew, true, 'what waits for it is looked at anew');
  });

  test('is looked at only when one may be back, and is found again after a start', () => {
    happen('bounced', 60);
    const { recoversAt, health } = inPool();
    assert.ok(writer.state.spaces.get(space).nextRecovery <= recoversAt!);
    writer.restart();
    assert.equal(inPool().health, health);
    writer.group((state) => reviewHealth(state, state.spaces.get(space), writer.now));
    assert.deepEqual([inPool().recoversAt, writer.state.spaces.get(space).nextRecovery], [recoversAt, recoversAt]);
  });

  test('a group that is undone leaves nothing behind', () => {
    happen('delivered', 30);
    const before = writer.rows('SELECT * FROM mailbox_health');
    happen('bounced', 60, true);
    assert.deepEqual([inPool().health, inPool().excludedSince], [100, null]);
    happen('delivered', 1);
    assert.equal(inPool().health, 100);
    assert.deepEqual(told(), []);
    assert.equal(before.length, 1);
  });

  test('a space without mailboxes is not troubled, nor is the implied one counted', async () => {
    const other = await newPrincipal(writer.store);
    writer.group((state) => {
      const known = state.spaces.get(spaceOf(other.tenantNo, 'live'));
      assert.equal(known.pool, null);
      noteOutcome(state, known, null, 'bounced', null, writer.now);
      noteOutcome(state, known, mailboxNo, 'bounced', null, writer.now);
    });
    assert.deepEqual(writer.rows('SELECT * FROM mailbox_health'), []);
  });

  test('its history is kept by the hour, for thirty days', async () => {
    happen('delivered', 3);
    happen('deferred', 2);
    writer.now += HOUR;
    happen('delivered', 1);
    const where = { tenantNo, mode: 'live', no: mailboxNo } as const;
    writer.now += 29 * DAY;
    happen('complained', 1);
    const rows = writer.rows('SELECT hour, delivered, deferred, complained FROM mailbox_hour ORDER BY hour');
    assert.deepEqual(
      rows.map(({ delivered, deferred, complained }) => [delivered, deferred, complained]),
      [
        [3, 2, 0],
        [1, 0, 0],
        [0, 0, 1],
      ],
    );
    writer.now += DAY + 2 * HOUR;
    happen('delivered', 1);
    assert.equal(writer.rows('SELECT hour FROM mailbox_hour').length, 2);
    assert.ok((await writer.store.mailboxHealth(where)).hours.length <= 2);
  });

  test('made anew, an address keeps its health', async () => {
    happen('bounced', 60);
    const { id } = inPool();
    writer.now += 1000;
    const gone = await writer.store.deleteMailbox({ tenantNo, mode: 'live', id, note: null, actor: ACTOR });
    assert.equal(gone.outcome, 'done');
    mailboxNo = await makeMailbox('alice@acme.example');
    assert.ok(inPool().health < EXCLUDED_BELOW);
    assert.notEqual(inPool().excludedSince, null);
    happen('delivered', 1);
    assert.notEqual(inPool().excludedSince, null);
  });
});
