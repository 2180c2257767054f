/** Every write of the port by name. Each runs inside a group's transaction and never waits. */
import type { StoreWrites } from '../store.ts';
import { ACCOUNT_WRITES } from './accounts.ts';
import { admit, check } from './admit.ts';
import { admitAll } from './admit-all.ts';
import { APPROVAL_WRITES } from './approvals.ts';
import { putUpload, unusedBlobs } from './blob-use.ts';
import type { WriteCalls } from './calls.ts';
import { CANARY_WRITES } from './canaries.ts';
import { capture } from './captures.ts';
import { CATALOG_WRITES } from './catalog.ts';
import { cancelMessage, lookAgain, removeContent, rescheduleMessage } from './changes.ts';
import { ROUTING_WRITES } from './closed-routes.ts';
import { CONTACT_WRITES } from './contacts.ts';
import { claim, dueIn, mark, renew } from './dispatch.ts';
import { DOMAIN_WRITES } from './domains.ts';
import { noteEngagement } from './engagement.ts';
import { ERASURE_WRITES } from './erasure.ts';
import { headroom } from './headroom.ts';
import { IDENTITY_WRITES } from './identities.ts';
import { noteImap } from './imap.ts';
import { takeInbound } from './inbound.ts';
import { INCIDENT_WRITES } from './incidents.ts';
import { KEY_WRITES } from './keys.ts';
import { LEASE_WRITES } from './leases.ts';
import { MAILBOX_WRITES } from './mailboxes.ts';
import { NOTICE_WRITES } from './notices.ts';
import { OPERATOR_MAIL_WRITES } from './operator-mail.ts';
import { planView } from './plan-view.ts';
import { PLATFORM_WRITES } from './platform.ts';
import { POLICY_WRITES } from './policies.ts';
import { provenReturn } from './proven-returns.ts';
import { PROVIDER_WRITES } from './providers.ts';
import { QUARANTINE_WRITES } from './quarantine-calls.ts';
import { replaceHeld } from './replace-held.ts';
import { RETURN_HOOK_WRITES } from './return-hooks.ts';
import { reportReturn, simulateReturn } from './returns.ts';
import { SEALED_WRITES } from './sealed-rows.ts';
import { settle } from './settle.ts';
import { SHADOW_WRITES } from './shadows.ts';
import { awaitReply } from './silences.ts';
import { SIMULATION_WRITES } from './simulations.ts';
import { STS_POLICIES_WRITES } from './sts-policies.ts';
import { importSuppressions } from './suppression-import.ts';
import { sweep } from './sweeps.ts';
import { TEMPLATE_WRITES } from './templates.ts';
import { createKey, createTenant, revokeKey } from './tenants.ts';
import { endTestClock, moveTestClock, resetTestData } from './test-clock.ts';
import { archiveThread, nameThreads } from './threads.ts';
import { UNCERTAIN_WRITES } from './uncertain.ts';
import { unsubscribe } from './unsubscribes.ts';
import { WEBHOOK_WRITES } from './webhooks.ts';

/** Calls that decide by the clock: refused while it cannot be believed. */
export const DECIDING_CALLS: ReadonlySet<string> = new Set([
  'admit',
  'admitAll',
  'check',
  'planView',
  'claim',
  'rescheduleMessage',
  'lookAgain',
  'decideApproval',
  'replaceHeld',
]);

/** Calls that the platform's pause refuses. */
export const SENDING_CALLS: ReadonlySet<string> = new Set(['admit', 'admitAll', 'check']);

/** Calls that take on nothing new: what they record has happened already, so they run on a full disk too. */
export const RECORDING_CALLS: ReadonlySet<string> = new Set([
  'settle',
  'renew',
  'capture',
  'settleNotice',
  'check',
  'planView',
  'headroom',
  'dueIn',
  'poolHeadroom',
  'closeRoute',
  'openRoute',
  'progressWebhook',
  'noteWebhookTest',
  'sweep',
]);

export const WRITER_CALLS: WriteCalls<StoreWrites> = {
  admit,
  admitAll,
  check,
  planView,
  headroom,
  claim,
  renew,
  mark,
  settle,
  capture,
  simulateReturn,
  dueIn,
  createTenant,
  createKey,
  ...IDENTITY_WRITES,
  ...UNCERTAIN_WRITES,
  ...CONTACT_WRITES,
  ...DOMAIN_WRITES,
  revokeKey,
  cancelMessage,
  rescheduleMessage,
  removeContent,
  lookAgain,
  putUpload,
  importSuppressions,
  sweep,
  moveTestClock,
  endTestClock,
  resetTestData,
  reportReturn,
  provenReturn,
  takeInbound,
  archiveThread,
  nameThreads,
  awaitReply,
  unsubscribe,
  unusedBlobs: (state, { sha256s }) => unusedBlobs(state, sha256s),
  ...ACCOUNT_WRITES,
  ...CATALOG_WRITES,
  ...KEY_WRITES,
  ...LEASE_WRITES,
  ...NOTICE_WRITES,
  ...OPERATOR_MAIL_WRITES,
  ...STS_POLICIES_WRITES,
  ...ERASURE_WRITES,
  ...PLATFORM_WRITES,
  ...INCIDENT_WRITES,
  ...POLICY_WRITES,
  ...ROUTING_WRITES,
  ...SEALED_WRITES,
  ...PROVIDER_WRITES,
  ...MAILBOX_WRITES,
  ...SHADOW_WRITES,
  ...SIMULATION_WRITES,
  ...APPROVAL_WRITES,
  ...CANARY_WRITES,
  replaceHeld,
  ...TEMPLATE_WRITES,
  ...QUARANTINE_WRITES,
  ...RETURN_HOOK_WRITES,
  ...WEBHOOK_WRITES,
  noteEngagement,
  noteImap,
  putSetting(state, { name, value }) {
    state.db.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)').run(name, value);
    return null;
  },
};
