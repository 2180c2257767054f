-- Generated: the tables after migration 1. Changes go into a new migration.

CREATE TABLE agent (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  name TEXT NOT NULL,
  heartbeat_seconds INTEGER,
  approvals TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  removed_at INTEGER
);

CREATE UNIQUE INDEX agent_name ON agent (space, name) WHERE removed_at IS NULL;

CREATE TABLE api_key (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant INTEGER,
  mode TEXT NOT NULL,
  prefix TEXT NOT NULL UNIQUE,
  hash BLOB NOT NULL,
  scopes TEXT NOT NULL,
  name TEXT,
  installation INTEGER,
  expires_at INTEGER,
  allow_ips TEXT,
  identities TEXT,
  agent TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at INTEGER
);

CREATE INDEX api_key_tenant ON api_key (tenant);

CREATE TABLE app (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE TABLE appeal (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  quarantine INTEGER NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  filed_by TEXT NOT NULL,
  statement TEXT NOT NULL,
  message_id TEXT,
  refused_id TEXT,
  content_hash TEXT
);

CREATE INDEX appeal_quarantine ON appeal (quarantine, no);

CREATE TABLE approval (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  message INTEGER NOT NULL,
  state TEXT NOT NULL,
  reasons TEXT NOT NULL,
  recipients TEXT NOT NULL,
  hash TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  decided_at INTEGER,
  decided_by TEXT,
  decided_by_id TEXT,
  note TEXT
);

CREATE UNIQUE INDEX approval_message ON approval (message) WHERE state <> 'void';

CREATE INDEX approval_pending ON approval (space, expires_at) WHERE state = 'pending';

CREATE INDEX approval_space ON approval (space, no);

CREATE TABLE archive (
  week TEXT PRIMARY KEY,
  file TEXT NOT NULL,
  first_message INTEGER NOT NULL,
  last_message INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE TABLE attachment (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  size INTEGER NOT NULL,
  filename TEXT,
  content_type TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);

CREATE INDEX attachment_sha256 ON attachment (sha256);

CREATE TABLE audit (
  no INTEGER PRIMARY KEY,
  tenant INTEGER,
  mode TEXT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  actor_id TEXT,
  agent TEXT,
  action TEXT NOT NULL,
  target TEXT,
  note TEXT,
  before TEXT,
  after TEXT
);

CREATE INDEX audit_tenant ON audit (tenant, no);

CREATE TABLE blob_use (
  message INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (message, sha256)
) WITHOUT ROWID;

CREATE INDEX blob_use_blob ON blob_use (sha256);

CREATE TABLE canary (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  label TEXT NOT NULL,
  marker TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  UNIQUE (space, label)
);

CREATE TABLE capture (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  recipient INTEGER NOT NULL,
  mail_from TEXT NOT NULL,
  rcpt_to TEXT NOT NULL,
  rcpt_key TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  raw BLOB NOT NULL
);

CREATE INDEX capture_space ON capture (space, no);

CREATE TABLE default_provider_off (
  space INTEGER PRIMARY KEY,
  note TEXT,
  off_by TEXT NOT NULL,
  since INTEGER NOT NULL
);

CREATE TABLE domain (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  name TEXT NOT NULL,
  selector TEXT NOT NULL,
  token TEXT NOT NULL,
  state TEXT NOT NULL,
  -- Why it is not verified though its records stand.
  problem TEXT,
  generation INTEGER NOT NULL,
  results TEXT NOT NULL,
  verified_at INTEGER,
  failing_since INTEGER,
  blocks_at INTEGER,
  checked_at INTEGER,
  -- On real time, whatever the clock of the space says: the DNS knows no other.
  next_check_at INTEGER NOT NULL,
  -- Since when records are awaited, on real time too.
  awaited_since INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE INDEX domain_due ON domain (next_check_at);

CREATE INDEX domain_holder ON domain (name);

CREATE UNIQUE INDEX domain_name ON domain (space, name);

CREATE TABLE domain_key (
  no INTEGER PRIMARY KEY,
  domain INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  algorithm TEXT NOT NULL,
  selector TEXT NOT NULL,
  public_key TEXT NOT NULL,
  sealed BLOB,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  retires_at INTEGER
);

CREATE UNIQUE INDEX domain_key_selector ON domain_key (domain, selector);

CREATE TABLE effective_policy (
  no INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE TABLE engagement (
  recipient INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  opened INTEGER NOT NULL DEFAULT 0,
  opened_machine INTEGER NOT NULL DEFAULT 0,
  clicked INTEGER NOT NULL DEFAULT 0,
  clicked_machine INTEGER NOT NULL DEFAULT 0,
  first_opened INTEGER,
  first_clicked INTEGER,
  last INTEGER NOT NULL
);

CREATE INDEX engagement_space ON engagement (space);

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  type INTEGER NOT NULL,
  at INTEGER NOT NULL,
  recipient INTEGER,
  data TEXT,
  -- Rows back to the event before it in its space, and to the one whose number lacks the lowest bit of its own.
  back INTEGER,
  leap INTEGER
);

CREATE INDEX event_recipient ON event (recipient) WHERE recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL);

CREATE TABLE event_head (
  space INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  event INTEGER NOT NULL,
  floor INTEGER NOT NULL DEFAULT 0,
  emptied INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE identity (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  handle TEXT NOT NULL,
  from_email TEXT NOT NULL,
  from_name TEXT,
  tier TEXT,
  daily_cap INTEGER,
  -- Which of its messages wait for a person.
  approvals TEXT NOT NULL DEFAULT 'none',
  state TEXT NOT NULL,
  state_note TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  -- When first contacts may leave, and how far apart, as JSON; when one that is being set up should be ready.
  working_hours TEXT,
  drip TEXT,
  ready_at INTEGER
);

CREATE UNIQUE INDEX identity_handle ON identity (space, handle) WHERE deleted_at IS NULL;

CREATE TABLE imap_place (
  mailbox INTEGER PRIMARY KEY,
  state TEXT NOT NULL,
  since INTEGER NOT NULL,
  error TEXT,
  seen_at INTEGER,
  url TEXT,
  uid_validity TEXT,
  uid INTEGER,
  -- Up to which event copies of what was sent were put into its folder.
  copied_seq INTEGER
);

CREATE TABLE inbound (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  channel TEXT NOT NULL,
  proof TEXT NOT NULL,
  digest TEXT NOT NULL,
  kind TEXT NOT NULL,
  form TEXT,
  outcome TEXT NOT NULL,
  why TEXT,
  message INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  recipient INTEGER,
  recipient_id TEXT,
  recipient_key TEXT,
  root INTEGER,
  mail_from TEXT,
  rcpt_to TEXT,
  from_email TEXT,
  from_key TEXT,
  from_name TEXT,
  subject TEXT NOT NULL,
  own_id TEXT,
  text TEXT,
  details TEXT NOT NULL,
  size INTEGER NOT NULL,
  raw BLOB,
  blob TEXT
);

CREATE INDEX inbound_blob ON inbound (blob) WHERE blob IS NOT NULL;

CREATE UNIQUE INDEX inbound_digest ON inbound (space, digest);

CREATE INDEX inbound_own_id ON inbound (space, own_id) WHERE own_id IS NOT NULL;

CREATE INDEX inbound_root ON inbound (root, no) WHERE root IS NOT NULL;

CREATE INDEX inbound_space ON inbound (space, no);

CREATE TABLE incident (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant INTEGER NOT NULL,
  note TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  opened_by TEXT NOT NULL,
  closed_at INTEGER,
  closed_by TEXT,
  closing_note TEXT,
  replaced TEXT
);

CREATE INDEX incident_tenant ON incident (tenant, no);

CREATE TABLE installation (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant INTEGER NOT NULL,
  app INTEGER NOT NULL,
  name TEXT NOT NULL,
  default_from TEXT,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant, app)
);

CREATE TABLE journal (
  lsn INTEGER PRIMARY KEY,
  changes BLOB NOT NULL
);

CREATE TABLE key_bloom (
  run INTEGER PRIMARY KEY,
  bits BLOB NOT NULL
);

CREATE TABLE key_run (
  run INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (run, hash, id)
) WITHOUT ROWID;

CREATE TABLE lease (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  contact TEXT NOT NULL,
  agent TEXT NOT NULL,
  token TEXT NOT NULL,
  purpose TEXT,
  acquired_at INTEGER NOT NULL,
  acquired_by TEXT NOT NULL,
  ttl_ms INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  ending TEXT
);

CREATE UNIQUE INDEX lease_open ON lease (space, contact) WHERE ended_at IS NULL;

CREATE INDEX lease_space ON lease (space, no);

CREATE TABLE ledger (
  hash INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  key TEXT NOT NULL,
  lsn INTEGER NOT NULL,
  state BLOB NOT NULL
);

CREATE INDEX ledger_space ON ledger (space);

CREATE TABLE mailbox (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  address TEXT NOT NULL,
  address_key TEXT NOT NULL,
  provider INTEGER NOT NULL,
  identity INTEGER,
  daily_cap INTEGER,
  warmup TEXT,
  state TEXT NOT NULL,
  state_note TEXT,
  paused_by TEXT,
  sealed BLOB,
  imap_url TEXT,
  imap_append INTEGER NOT NULL DEFAULT 0,
  imap_sealed BLOB,
  health INTEGER NOT NULL DEFAULT 100,
  excluded_since INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
);

CREATE UNIQUE INDEX mailbox_address ON mailbox (space, address_key) WHERE deleted_at IS NULL;

CREATE INDEX mailbox_excluded ON mailbox (space) WHERE excluded_since IS NOT NULL;

CREATE INDEX mailbox_identity ON mailbox (identity) WHERE deleted_at IS NULL;

CREATE INDEX mailbox_provider ON mailbox (provider) WHERE deleted_at IS NULL;

CREATE INDEX mailbox_read ON mailbox (no) WHERE imap_url IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE mailbox_health (
  mailbox INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  state TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE mailbox_hour (
  mailbox INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  deferred INTEGER NOT NULL,
  bounced INTEGER NOT NULL,
  complained INTEGER NOT NULL,
  auth_failed INTEGER NOT NULL,
  score INTEGER NOT NULL,
  PRIMARY KEY (mailbox, hour)
) WITHOUT ROWID;

CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  nonce INTEGER NOT NULL,
  space INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  installation INTEGER NOT NULL,
  identity INTEGER,
  policy INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  send_at INTEGER,
  expires_at INTEGER NOT NULL,
  agent TEXT,
  from_email TEXT NOT NULL,
  from_name TEXT,
  subject TEXT NOT NULL,
  meta TEXT,
  request_id TEXT NOT NULL,
  -- The number of the event by which its first recipient was decided.
  seq INTEGER NOT NULL,
  content_hash TEXT,
  size INTEGER NOT NULL,
  repeats INTEGER NOT NULL DEFAULT 0,
  body_form INTEGER NOT NULL,
  body BLOB
);

CREATE TABLE notice (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  kind TEXT NOT NULL,
  texts TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due INTEGER NOT NULL
);

CREATE INDEX notice_space ON notice (space, kind, due);

CREATE TABLE notice_copy (
  no INTEGER PRIMARY KEY,
  notice INTEGER NOT NULL,
  email TEXT NOT NULL,
  state TEXT NOT NULL,
  due INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  reply TEXT
);

CREATE INDEX notice_copy_due ON notice_copy (due) WHERE due IS NOT NULL;

CREATE INDEX notice_copy_notice ON notice_copy (notice);

CREATE TABLE notice_occasion (
  no INTEGER PRIMARY KEY,
  occasion TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL
);

CREATE TABLE operator_mail (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  mail_from TEXT NOT NULL,
  rcpt_to TEXT NOT NULL,
  from_email TEXT,
  from_name TEXT,
  subject TEXT NOT NULL,
  text TEXT,
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  raw BLOB NOT NULL
);

CREATE UNIQUE INDEX operator_mail_digest ON operator_mail (digest);

CREATE UNIQUE INDEX operator_mail_id ON operator_mail (id);

CREATE TABLE plan (
  name TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE TABLE policy_document (
  no INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  space INTEGER NOT NULL,
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  note TEXT,
  created_at INTEGER NOT NULL,
  UNIQUE (owner, space, version)
);

CREATE TABLE provider (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  url TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  sealed BLOB,
  ehlo_name TEXT,
  weight INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  caps TEXT NOT NULL,
  state TEXT NOT NULL,
  state_note TEXT,
  -- Who turned it off: tenant, person (of the tenant) or operator.
  off_by TEXT,
  tested_at INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
);

CREATE INDEX provider_failing ON provider (tested_at) WHERE state = 'error' AND deleted_at IS NULL;

CREATE UNIQUE INDEX provider_name ON provider (space, name) WHERE deleted_at IS NULL;

CREATE TABLE quarantine (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  state TEXT NOT NULL,
  since INTEGER NOT NULL,
  set_by TEXT NOT NULL,
  score INTEGER NOT NULL,
  threshold INTEGER NOT NULL,
  evidence TEXT NOT NULL,
  note TEXT,
  release_at INTEGER,
  decided_at INTEGER,
  decided_by TEXT,
  decision_note TEXT,
  -- What becomes of the mail that it held: send or drop; null until the release.
  held TEXT,
  -- More to do for a sweep: 1 to hold what waits, 2 to send or drop what is held; 0 nothing.
  work INTEGER NOT NULL DEFAULT 0,
  factor INTEGER,
  probation_since INTEGER,
  probation_until INTEGER,
  baseline INTEGER
);

CREATE UNIQUE INDEX quarantine_open ON quarantine (space) WHERE state <> 'released';

CREATE INDEX quarantine_space ON quarantine (space, no);

CREATE INDEX quarantine_work ON quarantine (no) WHERE work > 0;

CREATE TABLE quarantine_hold (
  recipient INTEGER PRIMARY KEY,
  quarantine INTEGER NOT NULL
);

CREATE INDEX quarantine_hold_quarantine ON quarantine_hold (quarantine);

CREATE TABLE recalled (
  message INTEGER PRIMARY KEY,
  at INTEGER NOT NULL
);

CREATE TABLE recipient (
  id INTEGER PRIMARY KEY,
  message INTEGER NOT NULL,
  space INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  email TEXT NOT NULL,
  key TEXT,
  name TEXT,
  state INTEGER NOT NULL,
  due INTEGER,
  depart_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  claim INTEGER NOT NULL DEFAULT 0,
  dot INTEGER NOT NULL DEFAULT 0,
  deaths INTEGER NOT NULL DEFAULT 0,
  possible_duplicate INTEGER NOT NULL DEFAULT 0,
  closed_at INTEGER,
  facts BLOB,
  verdict TEXT,
  -- The way out that it counts on: a mailbox (null: the implied one) and a provider (null: it counts on none).
  mailbox INTEGER,
  provider INTEGER,
  -- When it counts there, where that is not `depart_at`.
  routed_at INTEGER,
  -- What it waits for that is no slot of its own, as JSON, or null.
  waits TEXT
);

CREATE INDEX recipient_due ON recipient (space, due) WHERE due >= 0;

CREATE INDEX recipient_fresh ON recipient (id, space) WHERE due < 0;

CREATE INDEX recipient_uncertain ON recipient (space, id) WHERE state = 12;

CREATE TABLE return_hook (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  name TEXT NOT NULL,
  sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  used_at INTEGER
);

CREATE INDEX return_hook_space ON return_hook (space, no);

CREATE TABLE return_hook_call (
  hook INTEGER NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (hook, name)
) WITHOUT ROWID;

CREATE TABLE risk (
  space INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  state BLOB NOT NULL
);

CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE shadow_difference (
  no INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  at INTEGER NOT NULL,
  message TEXT NOT NULL,
  email TEXT NOT NULL,
  policy INTEGER NOT NULL,
  shadow INTEGER NOT NULL,
  decided TEXT NOT NULL,
  shadowed TEXT NOT NULL
);

CREATE INDEX shadow_difference_space ON shadow_difference (space, no);

CREATE TABLE shadow_policy (
  space INTEGER PRIMARY KEY,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  note TEXT,
  since INTEGER NOT NULL
);

CREATE TABLE silence (
  root INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  space INTEGER NOT NULL,
  message INTEGER NOT NULL,
  wait_ms INTEGER NOT NULL,
  due_at INTEGER
);

CREATE INDEX silence_due ON silence (space, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE simulation (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  status TEXT NOT NULL,
  draft TEXT NOT NULL,
  document TEXT NOT NULL,
  in_force TEXT NOT NULL,
  source TEXT NOT NULL,
  on_error TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  summary TEXT,
  error TEXT
);

CREATE INDEX simulation_space ON simulation (space, no);

CREATE TABLE sts_policy (
  domain TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  mode TEXT NOT NULL,
  mx TEXT NOT NULL,
  max_age_ms INTEGER NOT NULL,
  fetched_at INTEGER NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX sts_policy_until ON sts_policy (until);

CREATE TABLE suppression (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  expires_at INTEGER,
  note TEXT,
  source TEXT NOT NULL,
  message TEXT
);

CREATE UNIQUE INDEX suppression_key ON suppression (space, key, kind, reason);

CREATE INDEX suppression_space ON suppression (space, no);

CREATE TABLE tally (
  space INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  code TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (space, hour, code)
) WITHOUT ROWID;

CREATE TABLE template (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  slug TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
);

CREATE UNIQUE INDEX template_slug ON template (space, slug) WHERE deleted_at IS NULL;

CREATE TABLE template_version (
  no INTEGER PRIMARY KEY,
  template INTEGER NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  html TEXT,
  text TEXT,
  variables TEXT NOT NULL,
  state TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  submitted_at INTEGER,
  decided_at INTEGER,
  decided_by TEXT,
  note TEXT,
  UNIQUE (template, version)
);

CREATE TABLE tenant (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  standing TEXT NOT NULL,
  standing_by TEXT NOT NULL,
  standing_since INTEGER NOT NULL,
  standing_note TEXT,
  -- What a pause by the tenant interrupted, and whether a person's key paused.
  paused_from TEXT,
  paused_by_person INTEGER NOT NULL DEFAULT 0,
  trial_ends_at INTEGER,
  plan TEXT,
  billing TEXT NOT NULL DEFAULT 'none',
  trust TEXT NOT NULL DEFAULT 'new',
  locale TEXT,
  notify TEXT NOT NULL DEFAULT '[]',
  created_at INTEGER NOT NULL
);

CREATE TABLE test_clock (
  space INTEGER PRIMARY KEY,
  now INTEGER NOT NULL
);

CREATE TABLE thread (
  root INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  space INTEGER NOT NULL,
  archived_at INTEGER,
  -- Pairs of a time and whether it was put aside then (1) or taken back (0), as JSON; the newest hundred.
  archivings TEXT NOT NULL DEFAULT '[]'
);

CREATE INDEX thread_space ON thread (space);

CREATE TABLE thread_message (
  root INTEGER NOT NULL,
  message INTEGER NOT NULL,
  PRIMARY KEY (root, message)
) WITHOUT ROWID;

CREATE TABLE thread_name (
  root INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  space INTEGER NOT NULL,
  name TEXT NOT NULL
);

CREATE UNIQUE INDEX thread_name_name ON thread_name (space, name);

CREATE TABLE used_key (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  space INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  scope TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  message INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  until INTEGER NOT NULL
);

CREATE INDEX used_key_test ON used_key (space) WHERE space % 2 = 1;

CREATE TABLE webhook (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  space INTEGER NOT NULL,
  url TEXT NOT NULL,
  types TEXT NOT NULL,
  signature TEXT NOT NULL,
  concurrency INTEGER NOT NULL,
  description TEXT,
  sealed BLOB NOT NULL,
  old_sealed BLOB,
  old_until INTEGER,
  paused_reason TEXT,
  paused_at INTEGER,
  probe_at INTEGER,
  error TEXT,
  generation INTEGER NOT NULL DEFAULT 0,
  cursor INTEGER NOT NULL,
  done TEXT NOT NULL DEFAULT '[]',
  tries TEXT NOT NULL DEFAULT '[]',
  gap_from INTEGER,
  gap_to INTEGER,
  gap_at INTEGER,
  delivered_at INTEGER,
  -- Since when it could be tried, on the clock of its space.
  ready_at INTEGER NOT NULL,
  -- How many attempts there were, and how many of them came through.
  attempts INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL
);

CREATE INDEX webhook_space ON webhook (space, no);

CREATE TABLE webhook_attempt (
  webhook INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  no INTEGER NOT NULL,
  kind TEXT NOT NULL,
  event TEXT NOT NULL,
  seq INTEGER NOT NULL,
  type INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  status INTEGER,
  error TEXT,
  excerpt TEXT NOT NULL,
  at INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  next_at INTEGER,
  PRIMARY KEY (webhook, delivered, slot)
) WITHOUT ROWID;
