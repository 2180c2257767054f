import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '../../src/base/ids.ts';
import { type NewNotice, notify } from '../../src/data/sqlite/notices.ts';
import { spaceOf } from '../../src/data/sqlite/spaces.ts';
import { TestWriter } from '../harness/writer.ts';

const HOUR = 3_600_000;

describe('notices', () => {
  const writer = new TestWriter({ operatorEmail: 'ops@gateway.example' });
  const { store } = writer;
  let tenantNo = 0;
  let tenants = 0;

  before(() => makeTenant());
  after(() => writer.close());

  async function makeTenant(notify: string[] = ['dana@acme.example', 'Ops@Gateway.example']): Promise<void> {
    tenants += 1;
    const made = await store.createTenant({
      id: newId('ten'),
      installationId: newId('ins'),
      name: `acme ${tenants}`,
      standing: 'active',
      trialEndsAt: null,
      plan: null,
      billing: 'none',
      credits: null,
      trust: 'new',
      locale: null,
      notify,
      actor: 'a test',
    });
    tenantNo = made.no;
  }

  function tell(notice: Partial<NewNotice> = {}, lost = false): void {
    writer.group((state) => {
      const space = state.spaces.get(spaceOf(tenantNo, 'live'));
      notify(state, space, { kind: 'quarantine', subject: 'Sending is blocked', lines: ['Look at it.'], ...notice });
    }, lost);
  }

  const listed = async () => (await store.notices({ tenantNo, mode: 'live', limit: 50, cursor: null })).rows;

  it('goes to the people of the tenant and to the operator, each address once', async () => {
    tell();
    const [notice] = await listed();
    assert.equal(notice?.kind, 'quarantine');
    assert.deepEqual(
      notice?.copies.map(({ email, state }) => [email, state]),
      [
        ['dana@acme.example', 'waiting'],
        ['ops@gateway.example', 'waiting'],
      ],
    );
  });

  it('tells one occasion once, whatever its words', async () => {
    await makeTenant();
    tell({ occasion: 'qtn_1', lines: ['First.'] });
    tell({ occasion: 'qtn_1', lines: ['Again.'] });
    tell({ occasion: 'qtn_2' });
    assert.equal((await listed()).length, 2);
  });

  it('is queued with the change it tells of, or not at all', async () => {
    await makeTenant();
    tell({}, true);
    assert.equal((await listed()).length, 0);
    tell();
    assert.equal((await listed()).length, 1, 'the occasion of the undone one was not kept either');
  });

  it('gives a copy to one worker at a time, and again when that one says nothing', async () => {
    await makeTenant(['eve@acme.example']);
    await drain();
    tell();
    const first = await store.takeNotices({ most: 10 });
    assert.equal(first.due.length, 2);
    assert.equal((await store.takeNotices({ most: 10 })).due.length, 0);
    writer.now += 120_000;
    const second = await store.takeNotices({ most: 10 });
    assert.equal(second.due.length, 2);
    const [lost, kept] = [first.due[0]!, second.due[0]!];
    assert.equal(lost.copy, kept.copy);
    const end = { outcome: 'sent', reply: '250 ok' } as const;
    assert.equal(await store.settleNotice({ copy: lost.copy, attempt: lost.attempt, end }), false);
    assert.equal(await store.settleNotice({ copy: kept.copy, attempt: kept.attempt, end }), true);
    assert.equal((await listed())[0]?.copies.filter(({ state }) => state === 'sent').length, 1);
  });

  it('tries again at the time that was set', async () => {
    await drain();
    await makeTenant([]);
    tell();
    const { due } = await store.takeNotices({ most: 1 });
    const [{ copy, attempt }] = due as [(typeof due)[0]];
    await store.settleNotice({
      copy,
      attempt,
      end: { outcome: 'again', at: writer.now + 60_000, reply: '451 later' },
    });
    const quiet = await store.takeNotices({ most: 1 });
    assert.deepEqual(quiet, { due: [], nextInMs: 60_000 });
    writer.now += 60_000;
    assert.equal((await store.takeNotices({ most: 1 })).due.length, 1);
  });

  it('gathers what comes faster than twelve an hour of a kind into one later mail', async () => {
    await drain();
    await makeTenant([]);
    for (let n = 1; n <= 70; n += 1) tell({ kind: 'approval', occasion: `apr_${n}`, subject: `Message ${n} waits` });
    tell({ kind: 'quarantine', occasion: 'qtn_9' });
    const rows = await listed();
    assert.equal(rows.length, 14);
    const digest = rows.find(({ texts }) => texts.length > 1);
    assert.equal(digest?.texts.length, 51);
    assert.equal(digest?.texts[0]?.subject, 'Message 13 waits');
    assert.equal(digest?.texts[50]?.subject, '8 more of the same kind');
    assert.equal((await store.takeNotices({ most: 100 })).due.length, 13, 'another kind does not wait for it');
    writer.now += HOUR;
    const later = await store.takeNotices({ most: 100 });
    assert.ok(later.due.some(({ texts }) => texts.length === 51));
  });

  it('is forgotten after its time', async () => {
    assert.ok((await listed()).length > 0);
    writer.now += 91 * 24 * HOUR;
    writer.sweep('records');
    assert.equal((await listed()).length, 0);
    assert.equal(writer.rows('SELECT * FROM notice_copy').length, 0);
    assert.equal(writer.rows('SELECT * FROM notice_occasion').length, 0);
  });

  async function drain(): Promise<void> {
    for (;;) {
      const { due } = await store.takeNotices({ most: 100 });
      if (due.length === 0) return;
      for (const { copy, attempt } of due)
        await store.settleNotice({ copy, attempt, end: { outcome: 'sent', reply: '' } });
    }
  }
});
