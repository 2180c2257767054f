/** Transports that are opened when mail goes their way, and closed when their settings change or nobody uses them. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Route } from '../../src/data/port/routing.ts';
import type { MailboxSettings, ProviderSettings } from '../../src/data/port/senders.ts';
import { type BookSettings, TransportBook } from '../../src/relay/transport-book.ts';

type Opened = BookSettings & { isClosed: boolean };

function bookOf(t: TestContext) {
  const providers = new Map<number, ProviderSettings>();
  const mailboxes = new Map<number, MailboxSettings>();
  const opened: Opened[] = [];
  let reads = 0;
  const book = new TransportBook({
    store: {
      async providerSettings({ no }) {
        reads += 1;
        return providers.get(no) ?? null;
      },
      async mailboxSettings({ no }) {
        reads += 1;
        return mailboxes.get(no) ?? null;
      },
    },
    open(settings) {
      if (settings.url === 'smtp://wrong') return { error: 'this cannot be used' };
      const one = { ...settings, isClosed: false };
      opened.push(one);
      return {
        transport: {
          deliver: async () => ({ outcome: 'stopped' }),
          close: async () => {
            one.isClosed = true;
          },
        },
      };
    },
    openSealed: (sealed, context) => {
      const text = Buffer.from(sealed).toString();
      return text === 'foreign' ? null : { user: text, pass: context };
    },
  });
  t.after(() => book.close(0));
  const provide = (no: number, change: Partial<ProviderSettings> = {}): void => {
    const before = providers.get(no) ?? {
      id: `prv_${no}`,
      kind: 'smtp',
      url: `smtp://h${no}`,
      sealed: null,
      ehloName: null,
    };
    providers.set(no, { version: 1, ...before, ...change } as ProviderSettings);
  };
  const box = (no: number, change: Partial<MailboxSettings> = {}): void => {
    const before = {
      id: `mbx_${no}`,
      address: `m${no}@acme.example`,
      provider: 1,
      imap: null,
      sealed: null,
      version: 1,
    };
    mailboxes.set(no, { ...before, ...mailboxes.get(no), ...change });
  };
  return { book, opened, provide, box, providers, reads: () => reads };
}

const way = (provider: number, version = 1, mailbox: { no: number; version: number } | null = null): Route => ({
  provider: { no: provider, id: `prv_${provider}`, name: 'p', kind: 'smtp', version },
  mailbox: mailbox === null ? null : { id: `mbx_${mailbox.no}`, address: `m${mailbox.no}@acme.example`, ...mailbox },
  why: ['only'],
});

async function taken(book: TransportBook, route: Route) {
  const leaf = await book.take(route);
  assert.ok(typeof leaf === 'object' && 'transport' in leaf, JSON.stringify(leaf));
  return leaf;
}

test('a transport is opened once, for the first mail, and used by all', async (t) => {
  const { book, opened, provide, reads } = bookOf(t);
  provide(1);
  const [first, second] = await Promise.all([taken(book, way(1)), taken(book, way(1))]);
  assert.equal(opened.length, 1);
  assert.equal(first.transport, second.transport);
  const before = reads();
  // At once, and without a look at the settings.
  assert.ok(!(book.take(way(1)) instanceof Promise));
  assert.equal(reads(), before);
});

test('new settings get a new transport, and the old one is closed when its last delivery has ended', async (t) => {
  const { book, opened, provide } = bookOf(t);
  provide(1);
  const old = await taken(book, way(1));
  provide(1, { url: 'smtp://elsewhere', version: 2 });
  const fresh = await taken(book, way(1, 2));
  assert.notEqual(fresh.transport, old.transport);
  assert.deepEqual(
    opened.map(({ url, isClosed }) => [url, isClosed]),
    [
      ['smtp://h1', false],
      ['smtp://elsewhere', false],
    ],
  );
  old.release();
  old.release();
  assert.deepEqual(
    opened.map(({ isClosed }) => isClosed),
    [true, false],
  );
  // A claim made before the change goes by the settings that stand.
  assert.equal((await taken(book, way(1, 1))).transport, fresh.transport);
});

test('mailboxes share the transport of their provider, but for those with credentials of their own', async (t) => {
  const { book, opened, provide, box } = bookOf(t);
  provide(1, { sealed: Buffer.from('shared') });
  box(1);
  box(2);
  box(3, { sealed: Buffer.from('own') });
  const leaves = [];
  for (const no of [1, 2, 3]) leaves.push(await taken(book, way(1, 1, { no, version: 1 })));
  assert.deepEqual(
    leaves.map(({ isOwn }) => isOwn),
    [false, false, true],
  );
  assert.deepEqual(
    opened.map(({ credentials }) => credentials),
    [
      { user: 'shared', pass: 'provider/prv_1' },
      { user: 'own', pass: 'mailbox/mbx_3' },
    ],
  );
});

test('changed credentials of a mailbox are used from its next mail on', async (t) => {
  const { book, opened, provide, box } = bookOf(t);
  provide(1);
  box(3, { sealed: Buffer.from('old') });
  (await taken(book, way(1, 1, { no: 3, version: 1 }))).release();
  box(3, { sealed: Buffer.from('new'), version: 2 });
  await taken(book, way(1, 1, { no: 3, version: 2 }));
  assert.deepEqual(
    opened.map(({ credentials, isClosed }) => [credentials?.user, isClosed]),
    [
      ['old', true],
      ['new', false],
    ],
  );
});

test('what cannot be opened is said, and what is gone is gone', async (t) => {
  const { book, provide } = bookOf(t);
  provide(1, { url: 'smtp://wrong' });
  provide(2, { sealed: Buffer.from('foreign') });
  assert.deepEqual(await book.take(way(1)), { error: 'this cannot be used' });
  assert.match(String(Reflect.get(Object(await book.take(way(2))), 'error')), /credentials cannot be opened/);
  assert.equal(await book.take(way(3)), 'gone');
});

test('after the end nothing is opened any more and everything is closed', async (t) => {
  const { book, opened, provide } = bookOf(t);
  provide(1);
  await taken(book, way(1));
  await book.close(0);
  assert.deepEqual(
    opened.map(({ isClosed }) => isClosed),
    [true],
  );
  assert.equal(await book.take(way(1)), 'gone');
});
