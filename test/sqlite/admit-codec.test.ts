import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flattenRequest, readRequest } from '../../src/data/sqlite/admit-codec.ts';
import type { AdmitRequest } from '../../src/data/store.ts';
import { featuresOf } from '../../src/policy/risk/features.ts';

const request: AdmitRequest = {
  principal: {
    tenantNo: 1,
    tenantId: 'ten_1',
    mode: 'live',
    installationNo: 1,
    installationId: 'ins_1',
    appId: 'app_1',
    keyNo: 1,
  },
  requestId: 'req_1',
  kind: 'transactional',
  onLimit: 'reject',
  sendAt: null,
  expiresAt: null,
  agent: null,
  identity: null,
  from: { email: 'a@shop.example', name: null },
  subject: 'Your quote',
  meta: null,
  recipients: [
    {
      kind: 'to',
      email: 'Bob@x.example',
      name: 'Bob',
      key: 'bob@x.example',
      domain: 'x.example',
      undeliverable: null,
      simulated: null,
      traits: null,
    },
  ],
  body: '{}',
  bodyBytes: 2,
  bodyBlob: null,
  blobs: [],
  idempotency: null,
  dedupe: null,
  contentHash: null,
  leaseToken: null,
  template: null,
};

test('what the risk score sees of the content crosses the threads as it was', () => {
  const content = featuresOf({
    from: { email: 'a@shop.example', name: 'Reply to help@other.example' },
    replyTo: [],
    subject: 'Your quote',
    text: null,
    html: '<p>Look at <a href="https://one.example/x">https://two.example</a> and <a href="http://three.example">this</a></p>',
    inReplyTo: '<x@y>',
    attachments: [{ filename: 'a.zip', contentType: 'application/zip' }],
  });
  assert.equal(content.hosts.length, 2);
  const read = readRequest(flattenRequest({ ...request, content }));
  assert.deepEqual(read.content, content);
  assert.equal(read.subject, request.subject);
});

test('a request without features comes back without them', () => {
  assert.equal(readRequest(flattenRequest(request)).content, undefined);
});

test('that all recipients are wanted or none crosses the threads', () => {
  assert.equal(readRequest(flattenRequest({ ...request, wholeOnly: true })).wholeOnly, true);
  assert.equal(readRequest(flattenRequest(request)).wholeOnly, undefined);
});
