import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { idOfShort, idOfUuid, messageIdIn, requestOf, shortOf, uuidOf } from '../../src/base/id-forms.ts';
import { encodeTypeId, newId } from '../../src/base/ids.ts';

test('an id of a message comes back from each of its forms, in any letter case of a UUID', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      bytes[6] = 0x70 | (bytes[6]! & 15);
      bytes[8] = 0x80 | (bytes[8]! & 63);
      const id = encodeTypeId('msg', bytes);
      assert.match(shortOf(id), /^eml_[0-9a-z]{24}$/);
      for (const form of [id, uuidOf('msg', id), uuidOf('msg', id).toUpperCase(), shortOf(id), requestOf(id)]) {
        assert.equal(messageIdIn(form), id);
      }
    }),
  );
});

test('what is no form of an id stays what it is', () => {
  for (const text of ['', 'msg_1', 'eml_1', `eml_${'z'.repeat(24)}`, `eml_${'A'.repeat(24)}`, 'rcp_x', '<a@b>']) {
    assert.equal(messageIdIn(text), text);
    assert.equal(idOfShort(text), null);
  }
});

test('the id of something else is not taken for that of a message', () => {
  const id = newId('rcp');
  assert.equal(idOfUuid('msg', id), null);
  assert.throws(() => uuidOf('msg', id), RangeError);
});
