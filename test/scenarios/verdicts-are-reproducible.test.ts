import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { PackWriter } from '../../src/core/pack.ts';
import { parsePublicId } from '../../src/data/sqlite/row-id.ts';
import { packFacts, unpackFacts } from '../../src/policy/facts.ts';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { decideAllAgain, mixedLoad } from '../harness/mixed-load.ts';
import { send } from '../harness/test-mode.ts';

describe('a stored verdict', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());

  test('comes out the same to the byte from its facts, policy and engine, after a load of every kind', async () => {
    await mixedLoad(gateway, 600);
    const { verdicts, codes, differing } = await decideAllAgain(gateway, 700);
    assert.deepEqual(differing, []);
    assert.ok(verdicts >= 600);
    const seen = [...codes].sort();
    assert.ok(seen.length >= 18, `only ${seen.join(', ')}`);
    assert.ok(seen.includes('daily_quota_exceeded') && seen.includes('send_rate_exceeded'), seen.join(', '));
  });

  test('of an older engine is shown as it was stored, and marked with that engine', async () => {
    await gateway.fetchJson('DELETE', '/v1/test/clock');
    await gateway.fetchJson('POST', '/v1/suppressions', { email: 'old@example.com', reason: 'hard_bounce' });
    const refused = await send(gateway, mail('old@example.com'));
    const id = refused.body.message_id;
    const { row } = parsePublicId('msg', id)!;
    const db = new DatabaseSync(join(gateway.directory, 'postern.db'));
    const stored = db.prepare('SELECT facts FROM recipient WHERE id = ?').get(row);
    const facts = { ...unpackFacts(stored!['facts'] as Uint8Array), engine: 1 };
    db.prepare('UPDATE recipient SET facts = ? WHERE id = ?').run(packFacts(facts, new PackWriter()), row);
    db.close();
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${id}/verdict`);
    assert.equal(body.engine, 1);
    assert.equal(body.reproduced, null);
    assert.deepEqual(body.recipients[0].trace, []);
    assert.equal(body.recipients[0].reasons[0].code, 'suppressed');
    assert.equal(body.recipients[0].facts.engine, 1);
  });
});
