/**
 * Molted's eighteen reasons, each by its cause, in its words: what was sent, why it is blocked, which rule failed in the trace, and
 * when it clears. At the end all at once: the first that fails is the one of its policy page.
 *
 *   npm start            # in one terminal
 *   node examples/molted.mjs
 */
import { ask, asOperator, openAccount, say } from './exchange.mjs';

const SEND = '/compat/molted/v1/agent/request-send';
const seen = new Set();
let sends = 0;

const send = (account, more = {}, headers = {}) => {
  sends += 1;
  const body = {
    tenantId: account.id,
    recipientEmail: 'bob@example.com',
    templateId: '_default',
    dedupeKey: `example-${sends}`,
    payload: { subject: 'Your quote', text: 'Dear Bob, here is your quote.' },
    ...more,
  };
  return { body, answer: ask(account.key, 'POST', SEND, body, headers) };
};

/** Prints a send and what became of it; `all`: every rule that failed. */
async function tell({ body, answer }, { all = false } = {}) {
  const { status, body: became } = await answer;
  console.log(`\nPOST ${SEND}\n${JSON.stringify(body)}`);
  const { requestId, reason, suppressionReason, originalRequestId, approvalId, cooldownExpiresAt, policyTrace } =
    became;
  const top = {
    requestId,
    status: became.status,
    reason,
    suppressionReason,
    originalRequestId,
    approvalId,
    cooldownExpiresAt,
  };
  console.log(`-> ${status} ${JSON.stringify(top)}`);
  const failed = policyTrace.auditEvents.filter(({ passed }) => !passed);
  for (const { rule, code, detail, clears } of all ? failed : failed.slice(0, 1)) {
    console.log(`   ${rule} (${code}): ${detail}`);
    console.log(`   clears: ${clears.at ?? `by ${clears.by.join(' or ')}`}`);
  }
  console.log(
    `   decision ${JSON.stringify(policyTrace.decision)}, ${policyTrace.auditEvents.length} rules in the trace`,
  );
  if (became.status === 'blocked') seen.add(reason);
  return became;
}

const manage = async (account, method, path, body, headers) => {
  const answer = await ask(account.key, method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};
const standing = (account, state) => asOperator('PATCH', `/v1/tenants/${account.id}`, { standing: state });
const clock = (account, body) => manage(account, 'POST', '/v1/test/clock?wait=10', body);
const limited = (name, scope, window) =>
  openAccount(name, { policy: { limits: [{ name, scope, window, max: 1 }], quarantine: { mode: 'off' } } });

say('A send that passes: every rule stands in the trace.');
const first = await openAccount('Agent');
await tell(send(first, { dedupeKey: 'quote-42' }));

say('duplicate: the key was accepted before.');
await tell(send(first, { dedupeKey: 'quote-42' }));

say('tenant_paused: the account is paused.');
await manage(first, 'POST', '/v1/account/pause', { note: 'holidays' });
await tell(send(first));

say('trial_not_activated and subscription_expired: the standing of the account.');
const billed = await openAccount('Billed');
for (const state of ['trial_not_activated', 'subscription_expired']) {
  await standing(billed, state);
  await tell(send(billed));
}

say('template_not_approved and template_lint_failed: a draft, and a phrase of spam in a subject.');
const templates = await openAccount('Templates', { policy: { templates: { require_approval: true } } });
const template = { kind: 'transactional', text: 'Dear {{ name }}.', variables: ['name'] };
await manage(templates, 'POST', '/v1/templates', { ...template, slug: 'hello', subject: 'Hello' });
await tell(send(templates, { templateId: 'hello', payload: { name: 'Bob' } }));
const loud = await openAccount('Loud');
const subject = 'Act now: a 100% free, risk-free offer';
await manage(loud, 'POST', '/v1/templates', { ...template, slug: 'loud', subject });
await tell(send(loud, { templateId: 'loud', payload: { name: 'Bob' } }));

say('suppressed, dnc, active_opportunity, lease_conflict: the recipient.');
const contacts = await openAccount('Contacts');
await manage(contacts, 'POST', '/v1/suppressions', { email: 'gone@example.com', reason: 'hard_bounce' });
await tell(send(contacts, { recipientEmail: 'gone@example.com' }));
await manage(contacts, 'PUT', '/v1/contacts/never@example.com', { do_not_contact: true });
await tell(send(contacts, { recipientEmail: 'never@example.com' }));
await manage(contacts, 'PUT', '/v1/contacts/deal@example.com', { opportunity: true });
await tell(send(contacts, { recipientEmail: 'deal@example.com' }));
await manage(contacts, 'POST', '/v1/leases', { contact: 'leased@example.com', agent: 'outreach-1', ttl_seconds: 600 });
await tell(send(contacts, { recipientEmail: 'leased@example.com' }, { 'X-Agent-Id': 'support-2' }));

say('cooldown: until when, at the top and in the trace.');
const cool = await openAccount('Cooldown', { policy: { cooldown: { per: 'recipient', seconds: 600 } } });
await send(cool).answer;
await tell(send(cool));

say('budget_exceeded, monthly_budget_exceeded, rate_limited: budgets of the account, and every other limit.');
for (const [name, scope, window] of [
  ['daily', 'tenant', 'calendar_day'],
  ['monthly', 'tenant', 'calendar_month'],
  ['to_one_person', 'recipient', 'rolling_24h'],
]) {
  const account = await limited(name, scope, window);
  await send(account).answer;
  await tell(send(account));
}

say('risk_budget_exceeded and negative_signal_budget_exceeded: what came back.');
const risky = await openAccount('Bounces', { policy: { risk_budget: { min_sample: 2, max_bounce_rate: 0.2 } } });
for (const name of ['a', 'b', 'c']) {
  await send(risky, { recipientEmail: `${name}@example.com` }).answer;
  await clock(risky, { advance: 'PT1M' });
}
await manage(risky, 'POST', '/v1/returns', { kind: 'bounce', email: 'a@example.com', class: 'unknown_user' });
await tell(send(risky));
const signals = await openAccount('Signals', { policy: { negative_signals: { window: 'rolling_24h', max: 1 } } });
await send(signals, { recipientEmail: 'a@example.com' }).answer;
await clock(signals, { advance: 'PT1M' });
await manage(signals, 'POST', '/v1/returns', { kind: 'complaint', email: 'a@example.com' });
await tell(send(signals));

say('no_verified_domain: the sender of a mailbox has a domain that nobody has verified.');
const senders = await openAccount('Senders', { policy: { senders: { require_verified_domain: 'always' } } });
await manage(senders, 'POST', '/v1/identities', { handle: 'alice', from: 'alice@unknown.example' });
await tell(send(senders, { mailboxId: 'alice' }));

say('storage_limit_exceeded: the store is full.');
await asOperator('PUT', '/v1/plans/molted-small', { storage_bytes: 3000 });
const small = await openAccount('Storage', { plan: 'molted-small' });
const long = { payload: { subject: 'Long', text: 'A sentence that takes room. '.repeat(80) } };
await send(small, long).answer;
await tell(send(small, { ...long, recipientEmail: 'eve@example.com' }));

say('Held for a person: pending_approval.');
const held = await openAccount('Held', { policy: { approvals: { mode: 'all' } } });
await tell(send(held));

say('All at once: the order of the policy page decides which one is told, and the trace has them all.');
const all = await openAccount('All', {
  billing: 'credits',
  credits: 1,
  policy: {
    limits: [{ name: 'daily', scope: 'tenant', window: 'calendar_day', max: 1 }],
    cooldown: { per: 'recipient', seconds: 600 },
  },
});
await send(all, { dedupeKey: 'same' }).answer;
// It has left before the contact changes: else it would be stopped on its way, and give its places back.
await clock(all, { advance: 'PT1M' });
await manage(all, 'PUT', '/v1/contacts/bob@example.com', { opportunity: true });
await tell(send(all, { dedupeKey: 'same' }), { all: true });

say(`${seen.size} of Molted's 18 reasons were seen.`);
process.exitCode = seen.size === 18 ? 0 : 1;
