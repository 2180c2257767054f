import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseJson } from '../../src/base/json.ts';
import { isWithinCharacters } from '../../src/base/text.ts';
import { readFilename } from '../../src/intake/filename.ts';
import { body, errorsOf, read, submissionOf } from './bodies.ts';

const strings = JSON.parse(readFileSync(new URL('../fixtures/strings/blns.json', import.meta.url), 'utf8')) as string[];

describe('the big list of naughty strings', () => {
  it('comes back equal from tags and metadata, through JSON', () => {
    let count = 0;
    for (const text of strings) {
      const fits = isWithinCharacters(text, 64);
      const fields = { tags: isWithinCharacters(text, 128) ? [text] : [], metadata: { [fits ? text : 'k']: text } };
      const parsed = parseJson(Buffer.from(JSON.stringify(fields)));
      assert.ok(parsed.ok);
      const submission = submissionOf(parsed.value as Record<string, unknown>);
      assert.deepEqual(submission.tags, fields.tags);
      assert.deepEqual(submission.metadata, [[fits ? text : 'k', text]]);
      assert.deepEqual({ ...fields.metadata }, Object.fromEntries(submission.metadata));
      count++;
    }
    assert.ok(count > 400);
  });

  it('comes back equal from text and HTML', () => {
    for (const text of strings) {
      const submission = submissionOf({ text, html: text });
      assert.equal(submission.text, text);
      assert.equal(submission.html, text);
    }
  });

  it('is taken as a subject and a name as it is, or refused by naming the field', () => {
    let taken = 0;
    for (const text of strings) {
      const reading = read({ subject: text, to: { email: 'a@b.example', name: text } });
      if (reading.ok) {
        assert.equal(reading.submission.subject, text);
        assert.equal(reading.submission.to[0]!.name, text.trim() === '' ? null : text);
        taken++;
      } else {
        for (const { param } of reading.errors) assert.ok(param === 'subject' || param === 'to[0].name', param);
        assert.ok(text === '' || /[\p{Cc}\p{Bidi_Control}\u200b\u2060\ufeff]/u.test(text), JSON.stringify(text));
      }
    }
    assert.ok(taken > 400, String(taken));
  });

  it('is never an address, and as a file name is safe or refused', () => {
    for (const text of strings) {
      assert.equal(errorsOf(body({ to: text })).length, 1, text);
      const reading = readFilename(text);
      if (reading.ok) assert.doesNotMatch(reading.filename, /[/\\\0-\x1f]/);
    }
  });
});
