import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leavesMachine } from '../../src/base/leaves-machine.ts';

test('mail stays on the machine in the sink and at a host on loopback alone', () => {
  const staying = [
    'sink:',
    'smtp://127.0.0.1:2500',
    'smtp://user:pass@127.9.9.9:25',
    'smtps://localhost:465',
    'smtp://mail.localhost',
    'smtp://[::1]:25',
    'smtp://[::ffff:127.0.0.1]:25',
    'ses://eu-west-1?endpoint=http://127.0.0.1:4566',
  ];
  const leaving = [
    'direct:',
    'smtp://relay.example:587',
    'smtp://10.0.0.1',
    'smtp://127.0.0.1.example',
    'smtp://[2001:db8::1]',
    'ses://eu-west-1',
    'ses://eu-west-1?endpoint=https://ses.example',
    'not a url',
  ];
  assert.deepEqual(staying.filter(leavesMachine), []);
  assert.deepEqual(
    leaving.filter((url) => !leavesMachine(url)),
    [],
  );
});
