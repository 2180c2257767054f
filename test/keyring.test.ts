import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openCredentials, sealCredentials } from '../src/base/credentials.ts';
import type { Secrets } from '../src/base/secrets.ts';
import { openTokens } from '../src/base/tokens.ts';
import { SEALED_PLACES } from '../src/data/sqlite/sealed-rows.ts';
import type { Store } from '../src/data/store.ts';
import { type Keyring, openKeyring } from '../src/keyring.ts';
import { newPrincipal } from './harness/submissions.ts';
import { TestWriter } from './harness/writer.ts';

const LOG = { warn: () => undefined };
const ACTOR = { name: 'test', id: 'operator', mayApprove: true, mayOperate: true };
const CREDENTIALS = { user: 'alice', pass: 'correct horse' };
const NAMED = { id: new Uint8Array(16).fill(7), tenant: 3 };

test('every sealed column of the schema is one that a change of the secret knows', () => {
  const schema = readFileSync(new URL('../src/data/sqlite/schema.sql', import.meta.url), 'utf8');
  const found: string[] = [];
  for (const [, table, columns] of schema.matchAll(/CREATE TABLE (\w+) \(([^;]*)\)/g)) {
    for (const [, column] of columns!.matchAll(/^ {2}(\w*sealed) BLOB/gm)) found.push(`${table}.${column}`);
  }
  const known = Object.values(SEALED_PLACES).map(({ table, column }) => `${table}.${column}`);
  assert.deepEqual(known.sort(), found.sort());
});

describe('a change of the master secret', () => {
  let writer: TestWriter;
  let store: Store;
  let directory: string;
  let providerNo: number;

  beforeEach(async () => {
    writer = new TestWriter();
    store = writer.store;
    directory = mkdtempSync(join(tmpdir(), 'postern-secrets-'));
  });
  afterEach(() => {
    writer.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const file = () => readFileSync(join(directory, 'master.secret'), 'utf8').trim();

  async function open(given: string | null = null, through: Store = store): Promise<Keyring> {
    const keyring = await openKeyring(directory, given, through, LOG);
    if ('error' in keyring) throw new Error(keyring.error);
    return keyring;
  }

  /** Sealed values of three kinds. */
  async function fill(secrets: Secrets): Promise<void> {
    const { tenantNo } = await newPrincipal(store);
    const made = await store.createProvider({
      ...{ tenantNo, mode: 'live', id: 'prv_1', note: null, actor: ACTOR },
      fields: {
        ...{ name: 'a', kind: 'smtp', url: 'smtp://host', endpoint: 'smtp://host', ehloName: null },
        ...{ weight: 1, priority: 0, caps: {}, sealed: sealCredentials(secrets, CREDENTIALS, 'provider/prv_1') },
      },
    });
    providerNo = made.outcome === 'done' ? made.provider.no : 0;
    const imap = { url: 'imaps://host', appendToSent: false };
    await store.createMailbox({
      ...{ tenantNo, mode: 'live', id: 'mbx_1', note: null, actor: ACTOR },
      fields: {
        ...{ address: 'a@b.example', key: 'a@b.example', provider: 'a', identity: null, dailyCap: null, warmup: null },
        sealed: sealCredentials(secrets, CREDENTIALS, 'mailbox/mbx_1'),
        imap: { ...imap, sealed: sealCredentials(secrets, CREDENTIALS, 'mailbox/mbx_1/imap') },
      },
    });
    const key = Buffer.from(secrets.seal(Buffer.from('a private key'), 'dkim:b.example'));
    await store.putSetting({ name: 'dkim:b.example', value: key.toString('base64') });
  }

  async function assertAllOpen(secrets: Secrets, version?: number): Promise<void> {
    const rows = await store.sealedRows(null);
    assert.equal(rows.length, 4);
    for (const { sealed, context } of rows) {
      assert.notEqual(secrets.open(sealed, context), null, context);
      if (version !== undefined) assert.equal(sealed[0], version, context);
    }
    const settings = await store.providerSettings({ no: providerNo });
    assert.deepEqual(openCredentials(secrets, settings!.sealed!, 'provider/prv_1'), CREDENTIALS);
  }

  test('seals everything anew, and what was signed before is believed on', async () => {
    const keyring = await open();
    await fill(keyring.secrets);
    const tokens = openTokens(keyring.secrets);
    const old = { secret: file(), path: tokens.makeReturnPath(NAMED, 'x.example') };
    const rotated = await keyring.rotate(null);
    assert.deepEqual(rotated, {
      ...{ ok: true, version: 2, resealed: 4, unreadable: 0, secret: null, source: 'file' },
    });
    assert.notEqual(file(), old.secret);
    await assertAllOpen(keyring.secrets, 2);
    assert.notEqual(tokens.makeReturnPath(NAMED, 'x.example'), old.path, 'new tokens are of the new secret at once');
    assert.deepEqual(tokens.parseReturnPath(old.path)?.tenant, 3);
    const { secrets } = await open();
    await assertAllOpen(secrets, 2);
    assert.deepEqual(openTokens(secrets).parseReturnPath(old.path)?.tenant, 3);
    assert.deepEqual(openTokens(secrets).makeReturnPath(NAMED, 'x.example'), tokens.makeReturnPath(NAMED, 'x.example'));
    writeFileSync(join(directory, 'master.secret'), old.secret);
    const refused = await openKeyring(directory, null, store, LOG);
    assert.ok('error' in refused && /newer/.test(refused.error), 'the old secret opens the new one no longer');
  });

  test('many times over, every secret that ever was goes on being believed', async () => {
    let keyring = await open();
    await fill(keyring.secrets);
    const paths: string[] = [];
    for (let i = 0; i < 5; i++) {
      paths.push(openTokens(keyring.secrets).makeReturnPath(NAMED, 'x.example'));
      assert.equal((await keyring.rotate(null)).ok, true);
      if (i % 2 === 0) keyring = await open();
    }
    await assertAllOpen(keyring.secrets, 6);
    const tokens = openTokens((await open()).secrets);
    for (const path of paths) assert.equal(tokens.parseReturnPath(path)?.tenant, 3);
  });

  test('stopped before any step, or right after it, leaves everything to be opened and is ended by the next start', async () => {
    for (let stopAt = 0; ; stopAt++) {
      for (const isDone of [false, true]) {
        writer.close();
        writer = new TestWriter();
        store = writer.store;
        rmSync(directory, { recursive: true, force: true });
        const { secrets } = await open();
        await fill(secrets);
        const path = openTokens(secrets).makeReturnPath(NAMED, 'x.example');
        let calls = -1;
        const dying = new Proxy(store, {
          get: (target, name) => async (input: unknown) => {
            calls += 1;
            if (calls === stopAt && !isDone) throw new Error('the process ends');
            const answer = await (target as unknown as Record<string | symbol, (input: unknown) => unknown>)[name]!(
              input,
            );
            if (calls === stopAt) throw new Error('the process ends');
            return answer;
          },
        });
        const ended = await open(null, dying)
          .then((keyring) => keyring.rotate(null))
          .catch(() => null);
        const again = await open();
        await assertAllOpen(again.secrets, again.secrets.version);
        assert.equal(openTokens(again.secrets).parseReturnPath(path)?.tenant, 3);
        const last = await open();
        assert.equal(last.secrets.version, again.secrets.version);
        if (ended !== null) {
          assert.ok(stopAt > 5, 'the change has more steps than that');
          return;
        }
      }
    }
  });

  test('a secret from the environment: the new one is told once, and both start the gateway until the new one did', async () => {
    const old = 'o'.repeat(40);
    const keyring = await open(old);
    await fill(keyring.secrets);
    const rotated = await keyring.rotate(null);
    assert.ok(rotated.ok && rotated.secret !== null && rotated.secret.length >= 32 && rotated.source === 'environment');
    await assertAllOpen((await open(old)).secrets, 2);
    const twice = await open(old);
    const second = await twice.rotate(null);
    const third = await twice.rotate(null);
    assert.ok(second.ok && third.ok);
    await assertAllOpen((await open(old)).secrets, 4);
    await assertAllOpen((await open(third.secret)).secrets, 4);
    for (const replaced of [old, rotated.secret, second.secret]) {
      const refused = await openKeyring(directory, replaced, store, LOG);
      assert.ok('error' in refused && /POSTERN_SECRET/.test(refused.error));
    }
    const given = await (await open(third.secret)).rotate('n'.repeat(40));
    assert.deepEqual(given, {
      ...{ ok: true, version: 5, resealed: 4, unreadable: 0, secret: null, source: 'environment' },
    });
    await assertAllOpen((await open('n'.repeat(40))).secrets, 5);
    for (const bad of ['short', old, rotated.secret]) {
      assert.equal((await (await open('n'.repeat(40))).rotate(bad)).ok, false, bad);
    }
    assert.ok(!writer.rows('SELECT value FROM setting').some(({ value }) => String(value).includes(rotated.secret!)));
  });

  test('what changes meanwhile is not lost, and what nobody can open is counted and left alone', async () => {
    const keyring = await open();
    await fill(keyring.secrets);
    await store.putSetting({ name: 'dkim:lost.example', value: Buffer.alloc(60, 9).toString('base64') });
    let isFirst = true;
    const busy = new Proxy(store, {
      get: (target, name) => async (input: unknown) => {
        if (name === 'reseal' && isFirst) {
          isFirst = false;
          const key = Buffer.from(keyring.secrets.seal(Buffer.from('a newer key'), 'dkim:b.example'));
          await store.putSetting({ name: 'dkim:b.example', value: key.toString('base64') });
        }
        return (target as unknown as Record<string | symbol, (input: unknown) => unknown>)[name]!(input);
      },
    });
    const other = await open(null, busy);
    const rotated = await other.rotate(null);
    assert.ok(rotated.ok && rotated.unreadable === 1);
    const value = await store.setting({ name: 'dkim:b.example' });
    const plain = other.secrets.open(Buffer.from(value!, 'base64'), 'dkim:b.example');
    assert.equal(Buffer.from(plain!).toString(), 'a newer key');
    assert.equal(await store.setting({ name: 'dkim:lost.example' }), Buffer.alloc(60, 9).toString('base64'));
  });
});
