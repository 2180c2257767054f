import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dispositionFilename } from '../../src/intake/disposition.ts';

describe('the file name in a Content-Disposition', () => {
  const cases: [string | undefined, string | null][] = [
    [undefined, null],
    ['attachment', null],
    ['attachment; filename=q.pdf', 'q.pdf'],
    ['attachment; filename="a \\"b\\"; c.pdf"; x=1', 'a "b"; c.pdf'],
    ["attachment; filename=plain.pdf; filename*=UTF-8''%E2%82%AC.pdf", '€.pdf'],
    ["attachment; filename*=ISO-8859-1''%A4.pdf; filename=plain.pdf", 'plain.pdf'],
    ["attachment; filename*=UTF-8''%E2%82.pdf; filename=plain.pdf", 'plain.pdf'],
    [`attachment; filename="${Buffer.from('ü.pdf').toString('latin1')}"`, 'ü.pdf'],
    ['attachment; filename="never closed', 'never closed'],
  ];
  for (const [header, name] of cases) {
    test(`of ${header ?? 'nothing'} is ${name ?? 'none'}`, () => assert.equal(dispositionFilename(header), name));
  }

  test('is read from anything without a throw', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        const name = dispositionFilename(`attachment; filename=${text}`);
        assert.ok(name === null || typeof name === 'string');
      }),
    );
  });

  test('takes time in proportion to its length', () => {
    const long = `attachment${'; filename="'.repeat(200_000)}`;
    const started = performance.now();
    dispositionFilename(long);
    assert.ok(performance.now() - started < 2000);
  });
});
