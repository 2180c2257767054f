import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blockedExtensions } from '../../src/intake/blocked-extensions.ts';
import { readFilename } from '../../src/intake/filename.ts';

function vectors(name: string): string {
  return readFileSync(new URL(`../fixtures/vectors/${name}`, import.meta.url), 'utf8').trimEnd();
}

/** The file name, or the code of the refusal. */
function outcome(name: string): string {
  const reading = readFilename(name);
  return reading.ok ? reading.filename : reading.code;
}

describe('readFilename', () => {
  it('answers every hostile name as it must', () => {
    const expected: Readonly<Record<string, string>> = {
      '../../etc/passwd': 'passwd',
      'C:\\x.txt': 'x.txt',
      '\\\\host\\share\\x': 'x',
      '....//....//x': 'x',
      'x\0.txt': 'invalid_parameter',
      '.htaccess': '.htaccess',
      '': 'attachment',
      '..': 'attachment',
      'a.exe ': 'attachment_rejected',
      'a.exе': 'attachment_rejected',
      'а.ｅｘｅ': 'attachment_rejected',
      'résumé.pdf': 'résumé.pdf',
      'a.zip holding b.js': 'attachment_rejected',
      'a.iso': 'attachment_rejected',
      'a.lnk': 'attachment_rejected',
      'a.html': 'a.html',
      'a.svg': 'a.svg',
      'winmail.dat': 'winmail.dat',
    };
    for (const line of vectors('filenames.jsonl').split('\n')) {
      const { name, expect } = JSON.parse(line) as { name: string; expect: string };
      if (expect.startsWith('cut to')) {
        const cut = outcome(name);
        assert.equal(Buffer.byteLength(cut), 255);
        assert.ok(cut.endsWith('.txt'));
      } else {
        assert.equal(outcome(name), expected[name], JSON.stringify(name));
      }
    }
  });

  it('blocks every ending of the list, in any case, last of several, and before dots and blanks', () => {
    const listed = vectors('blocked-extensions.txt').split('\n');
    assert.deepEqual([...blockedExtensions].sort(), listed.map((ending) => ending.toLowerCase()).sort());
    for (const ending of listed) {
      const disguises = [
        ending,
        ending.toUpperCase(),
        `pdf.${ending}`,
        `${ending}. . `,
        `${ending}:x`,
        `pdf:a.${ending}`,
        `${ending}\u3000`,
      ];
      for (const disguise of disguises) assert.equal(outcome(`a.${disguise}`), 'attachment_rejected', disguise);
    }
  });

  it('sees through what hides an ending', () => {
    const hidden = [
      'a.e\u00adxe',
      'a.ex\u200de',
      'a.exe::$DATA',
      'a．exe',
      'a.ｅｘｅ．',
      'x/a.exe',
      'a.txt.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}',
      'a.e x e',
    ];
    for (const name of hidden) assert.equal(outcome(name), 'attachment_rejected', JSON.stringify(name));
  });

  it('lets ordinary names be, and names whose stem alone is foreign', () => {
    for (const name of [
      'Angebot 2026-11.pdf',
      'Отчёт.docx',
      '見積書.pdf',
      'exe',
      'readme',
      'setup.exe.txt',
      'a.tar.gz',
      '👩\u200d🚀.png',
      '.env',
    ]) {
      assert.equal(outcome(name), name);
    }
  });

  it('refuses controls, direction marks and names without end', () => {
    for (const name of ['a\nb.pdf', 'a\u202efdp.exe', 'a\u0085', 'a\u200b.pdf', 'a\ud800.pdf', 'x'.repeat(4097)]) {
      assert.equal(outcome(name), 'invalid_parameter', JSON.stringify(name.slice(0, 20)));
    }
  });

  it('leaves no dots before the ending where a name is cut', () => {
    assert.equal(outcome(`${'x'.repeat(240)}${'. '.repeat(30)}y.txt`), `${'x'.repeat(240)}.txt`);
    assert.equal(outcome(`${'ü'.repeat(200)}.${'y'.repeat(100)}`), 'ü'.repeat(127));
  });

  it('never answers with a path, a control, or more than 255 octets, and reads its own answer as itself', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('/', '\\', '.', '..', ' ', ':', '.pdf', 'ü'.repeat(200), '／'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const reading = readFilename(pieces.join(''));
        if (!reading.ok) return;
        assert.doesNotMatch(reading.filename, /[/\\\0-\x1f]/);
        assert.ok(Buffer.byteLength(reading.filename) <= 255 && reading.filename !== '');
        assert.ok(reading.filename.isWellFormed());
        assert.equal(outcome(reading.filename), reading.filename);
      }),
      { numRuns: 2000 },
    );
  });
});
