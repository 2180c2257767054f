/** Mounts the management API: one file a resource. */
import type { FastifyInstance } from 'fastify';
import { accountRoutes } from './account.ts';
import { agentRoutes } from './agents.ts';
import { approvalRoutes } from './approvals.ts';
import { appRoutes } from './apps.ts';
import { auditRoutes } from './audit.ts';
import { canaryRoutes } from './canaries.ts';
import { contactRoutes } from './contacts.ts';
import type { AdminDeps } from './deps.ts';
import { identityRoutes } from './identities.ts';
import { incidentRoutes } from './incidents.ts';
import { installationRoutes } from './installations.ts';
import { keyRoutes } from './keys.ts';
import { leaseRoutes } from './leases.ts';
import { limitRoutes } from './limits.ts';
import { mailboxHealthRoutes } from './mailbox-health.ts';
import { mailboxRoutes } from './mailboxes.ts';
import { meRoutes } from './me.ts';
import { noticeRoutes } from './notices.ts';
import { operatorPolicyRoutes } from './operator-policies.ts';
import { planRoutes } from './plans.ts';
import { platformRoutes } from './platform.ts';
import { policyRoutes } from './policies.ts';
import { providerTlsRoutes } from './provider-tls.ts';
import { providerRoutes } from './providers.ts';
import { quarantineReviewRoutes } from './quarantines.ts';
import { riskRoutes } from './risk.ts';
import { shadowPolicyRoutes } from './shadow-policy.ts';
import { suppressionCsvRoutes } from './suppression-csv.ts';
import { suppressionRoutes } from './suppressions.ts';
import { templateRoutes } from './templates.ts';
import { tenantKeyRoutes } from './tenant-keys.ts';
import { tenantRoutes } from './tenants.ts';
import { uncertainRoutes } from './uncertain.ts';
import { usageRoutes } from './usage.ts';

const RESOURCES = [
  meRoutes,
  accountRoutes,
  keyRoutes,
  policyRoutes,
  shadowPolicyRoutes,
  limitRoutes,
  riskRoutes,
  identityRoutes,
  providerRoutes,
  providerTlsRoutes,
  mailboxRoutes,
  mailboxHealthRoutes,
  suppressionRoutes,
  suppressionCsvRoutes,
  contactRoutes,
  leaseRoutes,
  agentRoutes,
  approvalRoutes,
  uncertainRoutes,
  canaryRoutes,
  templateRoutes,
  usageRoutes,
  auditRoutes,
  noticeRoutes,
  incidentRoutes,
  platformRoutes,
  installationRoutes,
  tenantRoutes,
  tenantKeyRoutes,
  operatorPolicyRoutes,
  planRoutes,
  quarantineReviewRoutes,
  appRoutes,
];

export function adminRoutes(server: FastifyInstance, deps: AdminDeps): void {
  for (const mount of RESOURCES) mount(server, deps);
}
