import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TypeID } from 'typeid-js';
import { decodeTypeId, encodeTypeId, newId, newUuid } from '../../src/base/ids.ts';

const sixteenBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

function hex(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

describe('TypeIDs', () => {
  it('come back as the bytes that went in', () => {
    fc.assert(
      fc.property(sixteenBytes, (bytes) => {
        assert.deepEqual(decodeTypeId('msg', encodeTypeId('msg', bytes)), bytes);
      }),
    );
  });

  it('are spelt as the specification has them', () => {
    const spelt = [
      ['00000000-0000-0000-0000-000000000000', '00000000000000000000000000'],
      ['00000000-0000-0000-0000-000000000001', '00000000000000000000000001'],
      ['00000000-0000-0000-0000-000000000020', '00000000000000000000000010'],
      ['ffffffff-ffff-ffff-ffff-ffffffffffff', '7zzzzzzzzzzzzzzzzzzzzzzzzz'],
      ['0110c853-1d09-52d8-d73e-1194e95b5f19', '0123456789abcdefghjkmnpqrs'],
    ] as const;
    for (const [uuid, text] of spelt) assert.equal(encodeTypeId('x', hex(uuid)), `x_${text}`);
  });

  it('are read and written as another implementation does', () => {
    fc.assert(
      fc.property(sixteenBytes, (bytes) => {
        bytes[6] = (bytes[6]! & 0x0f) | 0x70;
        bytes[8] = (bytes[8]! & 0x3f) | 0x80;
        const id = encodeTypeId('msg', bytes);
        assert.deepEqual(hex(TypeID.fromString(id).toUUID()), Buffer.from(bytes));
      }),
    );
  });

  it('are read strictly', () => {
    const id = newId('msg');
    const wrong = [
      id.toUpperCase(),
      id.slice(0, -1),
      `${id}0`,
      id.replace('msg_', 'rcp_'),
      id.replace('msg_', 'msg-'),
      id.replace('msg_', ''),
      `msg_8${id.slice(5)}`,
      `${id.slice(0, -1)}i`,
      `${id.slice(0, -1)}u`,
      `${id.slice(0, -1)}é`,
      `${id.slice(0, -1)}\u0661`,
      '',
    ];
    for (const text of wrong) assert.equal(decodeTypeId('msg', text), null, text);
  });

  it('refuse to be made of anything but sixteen bytes', () => {
    assert.throws(() => encodeTypeId('msg', new Uint8Array(15)), RangeError);
  });
});

describe('newId', () => {
  it('makes strictly increasing UUIDs of version 7 that carry the time', () => {
    const before = Date.now();
    let last = '';
    for (let count = 0; count < 20_000; count++) {
      const id = newId('evt');
      assert.ok(id > last);
      last = id;
    }
    const bytes = newUuid();
    assert.equal(bytes[6]! >> 4, 7);
    assert.equal(bytes[8]! >> 6, 2);
    const ms = Buffer.from(bytes).readUIntBE(0, 6);
    assert.ok(ms >= before && ms <= Date.now() + 10);
  });

  it('goes on increasing when one millisecond has more ids than the count has room for', (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    let last = newUuid();
    for (let count = 0; count < 10_000; count++) {
      const uuid = newUuid();
      assert.equal(uuid[6]! >> 4, 7);
      assert.ok(Buffer.compare(uuid, last) > 0);
      last = uuid;
    }
  });

  it('goes on increasing when the clock steps back', (context) => {
    const first = newId('evt');
    context.mock.timers.enable({ apis: ['Date'], now: 1000 });
    const second = newId('evt');
    assert.ok(second > first);
  });
});
