/** Every read of the port by name: on a read-only connection in a thread of its own, so that no page stalls an accept. */
import type { StoreReads } from '../store.ts';
import { APPROVAL_READS } from './approvals-reads.ts';
import type { ReadCalls } from './calls.ts';
import { CANARY_READS } from './canaries.ts';
import { captureReads } from './capture-reads.ts';
import { CONTACT_READS } from './contacts-reads.ts';
import { DOMAIN_READS } from './domains-reads.ts';
import { ENGAGEMENT_READS } from './engagement.ts';
import { ERASURE_READS } from './erasure.ts';
import { EVENTS_READS } from './events-reads.ts';
import { FEEDBACK_READS } from './feedback-reads.ts';
import { HISTORY_READS } from './history-reads.ts';
import { IMAP_READS } from './imap.ts';
import { INBOUND_READS } from './inbound-reads.ts';
import { INCIDENT_READS } from './incidents.ts';
import { LEASE_READS } from './leases-reads.ts';
import { MANAGEMENT_READS } from './management-reads.ts';
import { MESSAGES_READS } from './messages-reads.ts';
import { NOTICE_READS } from './notices-reads.ts';
import { OPERATOR_MAIL_READS } from './operator-mail.ts';
import { QUARANTINE_READS } from './quarantine-reads.ts';
import { QUEUE_READS } from './queue-reads.ts';
import { RETURN_HOOK_READS } from './return-hooks.ts';
import { SEALED_READS } from './sealed-rows.ts';
import { SENDERS_READS } from './senders-reads.ts';
import { SHADOW_READS } from './shadow-reads.ts';
import { SIMULATION_READS } from './simulation-reads.ts';
import { STS_POLICIES_READS } from './sts-policies.ts';
import { TEMPLATE_READS } from './templates-reads.ts';
import { testClock } from './test-clock-reads.ts';
import { THREAD_READS } from './threads-reads.ts';
import { UNCERTAIN_READS } from './uncertain.ts';
import { WEBHOOKS_READS } from './webhooks-reads.ts';

export const READER_CALLS: ReadCalls<StoreReads> = {
  ...captureReads,
  ...MESSAGES_READS,
  ...APPROVAL_READS,
  ...UNCERTAIN_READS,
  ...CANARY_READS,
  ...EVENTS_READS,
  testClock,
  ...QUARANTINE_READS,
  ...RETURN_HOOK_READS,
  ...QUEUE_READS,
  ...MANAGEMENT_READS,
  ...CONTACT_READS,
  ...DOMAIN_READS,
  ...LEASE_READS,
  ...NOTICE_READS,
  ...ERASURE_READS,
  ...INCIDENT_READS,
  ...SEALED_READS,
  ...SENDERS_READS,
  ...SHADOW_READS,
  ...ENGAGEMENT_READS,
  ...FEEDBACK_READS,
  ...HISTORY_READS,
  ...IMAP_READS,
  ...SIMULATION_READS,
  ...TEMPLATE_READS,
  ...INBOUND_READS,
  ...OPERATOR_MAIL_READS,
  ...STS_POLICIES_READS,
  ...THREAD_READS,
  ...WEBHOOKS_READS,
  setting(db, { name }) {
    const row = db.prepare('SELECT value FROM setting WHERE name = ?').get(name) as { value: string } | undefined;
    return row?.value ?? null;
  },
};
