import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  flattenAnswer,
  flattenRequest,
  ReceivedPrincipals,
  readAnswer,
  readRequest,
  SentPrincipals,
} from '../../src/data/sqlite/admit-codec.ts';
import type { AdmitAnswer, AdmitRecipient, AdmitRequest, StaleCanaries } from '../../src/data/store.ts';
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

/** What arrives of it on the other side. */
function crossed(sent: AdmitRequest): AdmitRequest {
  return readRequest(structuredClone(flattenRequest(sent, new SentPrincipals())), new ReceivedPrincipals());
}

function answered(answer: AdmitAnswer | StaleCanaries, asked: AdmitRequest): unknown {
  return readAnswer(structuredClone(flattenAnswer(answer, asked)), asked);
}

const ABSENT = {
  content: undefined,
  findings: null,
  canaries: null,
  identities: undefined,
  wholeOnly: undefined,
};

test('a request with next to nothing crosses the threads as it was', () => {
  assert.deepEqual(crossed(request), { ...ABSENT, ...request });
});

test('a request with everything crosses the threads as it was', () => {
  const carol: AdmitRecipient = {
    kind: 'bcc',
    email: 'Carol@y.example',
    name: null,
    key: 'carol@y.example',
    domain: 'y.example',
    undeliverable: 'simulator',
    simulated: 'mailbox_full',
    traits: { role: 'support', isDisposable: true, suggestion: 'carol@z.example' },
  };
  const dora = { ...carol, kind: 'cc' as const, traits: { role: null, isDisposable: false, suggestion: null } };
  const whole: AdmitRequest = {
    ...request,
    kind: 'marketing',
    onLimit: 'defer',
    sendAt: 1_795_374_525_051,
    expiresAt: 1_795_374_999_999,
    agent: 'agt_1',
    identity: 'alice',
    from: { email: 'a@shop.example', name: 'Zoë' },
    subject: '',
    meta: '{"tags":["a"]}',
    recipients: [carol, ...request.recipients, dora],
    body: '',
    bodyBytes: 90_000,
    bodyBlob: { sha256: 'a'.repeat(64), size: 90_000 },
    blobs: [
      { sha256: 'b'.repeat(64), size: 0 },
      { sha256: 'c'.repeat(64), size: 12 },
    ],
    idempotency: { key: '', fingerprint: 'd'.repeat(64) },
    dedupe: { key: 'order-1', fingerprint: 'e'.repeat(64), block: true },
    contentHash: 'f'.repeat(64),
    leaseToken: 'lease',
    template: { found: null } as unknown as NonNullable<AdmitRequest['template']>,
    findings: { score: 3, findings: [] } as unknown as NonNullable<AdmitRequest['findings']>,
    canaries: 'version 1',
    identities: ['alice', 'bob'],
    wholeOnly: true,
  };
  assert.deepEqual(crossed(whole), { ...ABSENT, ...whole });
});

test('a principal that was sent before is known by its place, and a forgotten one is sent again', () => {
  const [sent, received] = [new SentPrincipals(), new ReceivedPrincipals()];
  const requests = Array.from({ length: 3000 }, (_, keyNo) => ({
    ...request,
    principal: { ...request.principal, keyNo, tenantId: `ten_${keyNo}` },
  }));
  for (const one of [...requests, ...requests.slice(0, 10), ...requests.slice(-10)]) {
    assert.deepEqual(readRequest(flattenRequest(one, sent), received).principal, one.principal);
  }
  const [known, forgotten] = [flattenRequest(requests[2999]!, sent), flattenRequest(requests[500]!, sent)];
  assert.ok(known.length < forgotten.length);
  assert.equal(flattenRequest(requests[500]!, sent).length, known.length);
});

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
  const read = crossed({ ...request, content });
  assert.deepEqual(read.content, content);
  assert.equal(read.subject, request.subject);
});

const admitted: AdmitAnswer = {
  outcome: 'admitted',
  messageId: 'msg_1',
  createdAt: 1_795_374_525_051,
  requestId: 'req_1',
  policyVersion: 2,
  engine: 4,
  scopes: { tenant: 'ten_1', app: 'app_1', installation: 'ins_1', identity: null, agent: null },
  identityCap: null,
  probation: null,
  warmup: null,
  risk: { score: 0, level: 'normal', threshold: 100 },
  recipients: [
    {
      id: 'rcp_1',
      email: 'Bob@x.example',
      key: 'bob@x.example',
      verdict: 'accept',
      departAt: 1_795_374_525_051,
      reasons: [],
      warnings: [],
      limits: [
        { used: 8, resetsAt: 1_795_377_600, freeAt: 0, units: 1 },
        { used: 0, resetsAt: null, freeAt: 0, units: 1 },
        { used: 3, resetsAt: 1_795_377_600, freeAt: null, units: 1 },
        { used: 3, resetsAt: 1_795_377_600, freeAt: 0, units: 0 },
      ],
      standing: null,
    },
  ],
};

test('an answer that tells nothing of the request but what was asked crosses the threads as it was', () => {
  assert.deepEqual(answered(admitted, request), admitted);
});

test('an answer to another request, with everything, crosses the threads as it was', () => {
  const one = admitted.recipients[0]!;
  const limits = Array.from({ length: 40 }, (_, i) => ({ used: i, resetsAt: i, freeAt: i % 3, units: i % 2 }));
  const replayed: AdmitAnswer = {
    ...admitted,
    outcome: 'replayed',
    by: 'dedupe',
    requestId: 'req_0',
    scopes: { tenant: 'ten_2', app: 'app_2', installation: 'ins_2', identity: 'idn_1', agent: 'robot' },
    identityCap: 0,
    probation: { state: 'probation', since: 1, until: 2, share: 0.5, baseline: null },
    warmup: { day: 1, places: 0 },
    risk: { score: 120, level: 'high', threshold: 100 },
    recipients: [
      { ...one, id: null, email: 'x@x.example', key: 'y@x.example', verdict: 'block', departAt: 0, limits },
      { ...one, standing: [{ used: 1, resetsAt: null }] },
      { ...one, email: 'z@x.example', standing: [], limits: [] },
    ],
  } as AdmitAnswer;
  assert.deepEqual(answered(replayed, request), replayed);
});

for (const answer of [
  { outcome: 'key_reused', firstUsedAt: 1, until: 2, messageId: 'msg_1' },
  { outcome: 'invalid', param: 'from', message: 'There is no such identity.' },
  { outcome: 'canaries', known: null },
] as const) {
  test(`the answer ${answer.outcome} crosses the threads as it was`, () => {
    assert.deepEqual(answered(answer, request), answer);
  });
}
