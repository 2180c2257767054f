import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedNetwork, isLoopback, networkOf } from '../../src/base/network.ts';

test('an IPv4 address is one client, and so is a /64 of IPv6', () => {
  assert.equal(networkOf('203.0.113.7'), '203.0.113.7');
  assert.equal(networkOf('::ffff:203.0.113.7'), '203.0.113.7');
  assert.equal(networkOf('::ffff:cb00:7107'), '203.0.113.7');
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(networkOf('2001:0DB8:0001:0002::9'), networkOf('2001:db8:1:2:ffff::'));
  assert.notEqual(networkOf('2001:db8:1:3::1'), networkOf('2001:db8:1:2::1'));
  assert.equal(networkOf('fe80::1%eth0'), 'fe80::/64');
});

test('what is no address stands for itself, cut', () => {
  assert.equal(networkOf(''), '');
  assert.equal(networkOf('unknown'), 'unknown');
  assert.equal(networkOf('203.0.113.7:4711'), '203.0.113.7:4711');
  assert.equal(networkOf(`:${'x'.repeat(9000)}`).length, 45);
});

test('this machine itself tells nobody apart', () => {
  for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1']) {
    assert.equal(isLoopback(address), true, address);
    assert.equal(countedNetwork(address), null, address);
  }
  for (const address of ['10.0.0.1', '::2', '2001:db8::1']) assert.notEqual(countedNetwork(address), null, address);
});
