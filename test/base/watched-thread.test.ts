import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WatchedThread } from '../../src/base/watched-thread.ts';

/** Answers with the question and the number of the thread; hangs, or dies, where it is asked to. */
const SCRIPT = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads';
    parentPort.on('message', ({ id, question }) => {
      while (question === 'hang');
      if (question === 'die') throw new Error('asked to');
      parentPort.postMessage({ id, answer: question + ' ' + threadId });
    });
  `)}`,
);

const wordOf = (answer: string | null): string | null => answer?.split(' ')[0] ?? null;

for (const isAhead of [false, true]) {
  const how = isAhead ? 'sent ahead' : 'sent one by one';
  test(`questions ${how} are answered in turn, and one that hangs or kills costs no other its answer`, async (t) => {
    const thread = new WatchedThread<string, string>(SCRIPT, 1000, () => isAhead);
    t.after(() => thread.close());
    const asked = ['one', 'hang', 'two', 'three', 'die', 'four'];
    const answers = await Promise.all(asked.map((question) => thread.ask(question)));
    assert.deepEqual(answers.map(wordOf), ['one', null, 'two', 'three', null, 'four']);
  });
}

test('a question that is not small waits for those before it, and holds those behind it', async (t) => {
  const order: string[] = [];
  const thread = new WatchedThread<string, string>(SCRIPT, 10_000, (question) => question !== 'large');
  t.after(() => thread.close());
  const asked = ['one', 'large', 'two'];
  await Promise.all(asked.map((question) => thread.ask(question).then((answer) => order.push(wordOf(answer)!))));
  assert.deepEqual(order, asked);
});

test('a thread that is closed answers nothing more', async () => {
  const thread = new WatchedThread<string, string>(SCRIPT, 10_000, () => true);
  const asked = [thread.ask('hang'), thread.ask('one')];
  await thread.close();
  assert.deepEqual(await Promise.all([...asked, thread.ask('two')]), [null, null, null]);
});

test('a thread that was asked something large is let go once it is idle, and one that was not is kept', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const thread = new WatchedThread<string, string>(SCRIPT, 60_000, (question) => question !== 'large');
  t.after(() => thread.close());
  const ask = async (question: string): Promise<number> => Number((await thread.ask(question))!.split(' ')[1]);
  const first = await ask('one');
  t.mock.timers.tick(50_000);
  assert.equal(await ask('large'), first);
  t.mock.timers.tick(4999);
  assert.equal(await ask('two'), first);
  t.mock.timers.tick(5000);
  const second = await ask('three');
  assert.notEqual(second, first);
  t.mock.timers.tick(50_000);
  assert.equal(await ask('four'), second);
});
