-- A "space" is one tenant in one mode: 2 x tenant number, plus 1 for test. Times are Unix milliseconds.
-- Hot tables are rowid tables in order of arrival, with only the indexes a statement needs.

CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
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

CREATE TABLE app (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

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

CREATE TABLE plan (
  name TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  updated_at INTEGER NOT NULL
);

-- Policy documents as written: owner 'default', 'operator' (for a tenant) or 'tenant' (its own), newest version in force.
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

-- What was in force: verdicts name it by its number. Equal documents share one.
CREATE TABLE effective_policy (
  no INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL,
  created_at INTEGER NOT NULL
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
-- Messages name their identity for as long as they are kept, so a deleted one stays as a row and frees its handle.
CREATE UNIQUE INDEX identity_handle ON identity (space, handle) WHERE deleted_at IS NULL;

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

-- One row an entry of the ledger: a contact, a domain, or the counters of a scope. `hash` is 53 bits of (space, key).
-- Rows lag behind: the journal below holds what is newer than `lsn`.
CREATE TABLE ledger (
  hash INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  key TEXT NOT NULL,
  lsn INTEGER NOT NULL,
  state BLOB NOT NULL
);
-- Contacts are listed, and test data is emptied, by space.
CREATE INDEX ledger_space ON ledger (space);

-- What each group of transactions changed in the ledger: replayed onto `ledger` after a crash.
CREATE TABLE journal (
  lsn INTEGER PRIMARY KEY,
  changes BLOB NOT NULL
);

CREATE TABLE tally (
  space INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  code TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (space, hour, code)
) WITHOUT ROWID;

-- The row number is the time of arrival: (ms since 2025) x 4096 + a counter; a public id is made of it and `nonce`.
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

-- The recipient row is the queue entry: a state and a due time. Its number is its message's, plus its place.
-- `deaths`: how many of its claims in a row ended without a word. `due`: a time, or -1 for what was accepted for now and waits
-- since it arrived.
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
-- In order of arrival, so that an accept touches its last page alone; the space beside it, so that a start reads nothing else.
CREATE INDEX recipient_fresh ON recipient (id, space) WHERE due < 0;
-- The few of which nobody knows whether they have the message (12: uncertain).
CREATE INDEX recipient_uncertain ON recipient (space, id) WHERE state = 12;

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
-- Only what happens after acceptance: the acceptance itself has no data, it stands in the message's own rows.
CREATE INDEX event_recipient ON event (recipient) WHERE recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL);

-- Where each space's log ends: the number and the row of its newest event. Those up to `floor` are gone;
-- those up to `emptied` by the wish of who reads them, so that nobody is told that he came too late.
CREATE TABLE event_head (
  space INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  event INTEGER NOT NULL,
  floor INTEGER NOT NULL DEFAULT 0,
  emptied INTEGER NOT NULL DEFAULT 0
);

-- Idempotency and dedupe keys in order of use; an index in memory answers for recent ones, `key_run` for the rest.
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

CREATE TABLE key_run (
  run INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (run, hash, id)
) WITHOUT ROWID;

-- The Bloom filter of each whole run, so that a start need not read the keys again.
CREATE TABLE key_bloom (
  run INTEGER PRIMARY KEY,
  bits BLOB NOT NULL
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

-- Which stored messages hold which blobs, so that a sweep removes a blob with its last message.
CREATE TABLE blob_use (
  message INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (message, sha256)
) WITHOUT ROWID;
CREATE INDEX blob_use_blob ON blob_use (sha256);

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

CREATE TABLE test_clock (
  space INTEGER PRIMARY KEY,
  now INTEGER NOT NULL
);

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

-- Closed messages of a week lie in a file of their own; `first_message` and `last_message` bound the numbers in it.
CREATE TABLE archive (
  week TEXT PRIMARY KEY,
  file TEXT NOT NULL,
  first_message INTEGER NOT NULL,
  last_message INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);

-- Messages that something came back about after they were archived: here again until they are archived anew.
CREATE TABLE recalled (
  message INTEGER PRIMARY KEY,
  at INTEGER NOT NULL
);

-- Numbers of the built-in defaults: one app everybody has.
INSERT INTO app (no, id, name, created_at) VALUES (1, 'app_00000000000000000000000001', 'default', unixepoch() * 1000);

-- Notices to people, queued with what they tell of; `due` bounds how many of a kind go out an hour.
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

-- What has been told, by its hash, so that it is told once.
CREATE TABLE notice_occasion (
  no INTEGER PRIMARY KEY,
  occasion TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL
);

-- One addressee of a notice; `due` is null once it was sent or given up.
CREATE TABLE notice_copy (
  no INTEGER PRIMARY KEY,
  notice INTEGER NOT NULL,
  email TEXT NOT NULL,
  state TEXT NOT NULL,
  due INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  reply TEXT
);
CREATE INDEX notice_copy_notice ON notice_copy (notice);
CREATE INDEX notice_copy_due ON notice_copy (due) WHERE due IS NOT NULL;

-- What the operator looks into; `replaced`: the standing that it interrupted, as JSON, while it is open.
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
-- A draft that is decided beside the policy in force, and the recipients on which it would have decided otherwise.
CREATE TABLE shadow_policy (
  space INTEGER PRIMARY KEY,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  note TEXT,
  since INTEGER NOT NULL
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

-- Agents that have registered. A name is free again once its agent is removed.
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

-- Agents' holds on contacts; `ending` says how one ended. At most one of a contact is open.
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
CREATE INDEX lease_space ON lease (space, no);
CREATE UNIQUE INDEX lease_open ON lease (space, contact) WHERE ended_at IS NULL;

-- Approvals: what waits for a person's decision, or had one. A changed message has a new one, the old one is void.
-- `recipients`: numbers of the rows it is about; `hash` binds it to exactly this envelope and content.
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
CREATE INDEX approval_space ON approval (space, no);
CREATE UNIQUE INDEX approval_message ON approval (message) WHERE state <> 'void';
CREATE INDEX approval_pending ON approval (space, expires_at) WHERE state = 'pending';

-- Runs of past traffic through another policy. Their results are files beside the database.
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

-- Templates of a space. The content of a version never changes; a deleted template keeps its rows and frees its slug.
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

-- Risk and quarantine.

-- What the risk score remembers of a space, packed. Rows lag behind, as the ledger's do; `at`: when it was written, on the real clock.
CREATE TABLE risk (
  space INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  state BLOB NOT NULL
);

-- One row a quarantine, with its evidence as it was at the entry. `state`: active, under_review, upheld, probation or released.
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

-- Recipients that were accepted and had not left when the quarantine came.
CREATE TABLE quarantine_hold (
  recipient INTEGER PRIMARY KEY,
  quarantine INTEGER NOT NULL
);
CREATE INDEX quarantine_hold_quarantine ON quarantine_hold (quarantine);

-- Secret markers that must never stand in a message.
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

-- Providers and mailboxes.

-- What mail leaves through. `url` has no credentials: they are in `sealed`, and for this `endpoint` alone. `version` grows with every change of settings.
-- Recipients name their provider for as long as they are kept, so a deleted one stays as a row and frees its name.
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
CREATE UNIQUE INDEX provider_name ON provider (space, name) WHERE deleted_at IS NULL;

CREATE INDEX provider_failing ON provider (tested_at) WHERE state = 'error' AND deleted_at IS NULL;

-- Where a tenant has turned the gateway's own provider off.
CREATE TABLE default_provider_off (
  space INTEGER PRIMARY KEY,
  note TEXT,
  off_by TEXT NOT NULL,
  since INTEGER NOT NULL
);

-- One real account each. `provider` 0 is the gateway's own. `paused_by`: tenant, person (of the tenant) or operator.
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

-- What a mailbox's health is reckoned from: counters that forget, as JSON; one row a mailbox that was used.
CREATE TABLE mailbox_health (
  mailbox INTEGER PRIMARY KEY,
  space INTEGER NOT NULL,
  state TEXT NOT NULL
) WITHOUT ROWID;

-- Its history: what happened in each hour, and the lowest score in it.
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

-- Addresses at which other programs tell, signed, what came back; `sealed` is the secret of the signatures.
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

-- Calls that were carried out, for as long as the same one could come again.
CREATE TABLE return_hook_call (
  hook INTEGER NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (hook, name)
) WITHOUT ROWID;

-- Openings and clicks of a recipient, by people and by machines; a row once there was one. Removed with its message.
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
-- Sender domains. `results`: what the last look at each record showed, as JSON by the record's key.
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
CREATE UNIQUE INDEX domain_name ON domain (space, name);
CREATE INDEX domain_holder ON domain (name);
CREATE INDEX domain_due ON domain (next_check_at);

-- Their DKIM keys, sealed; one that retires has nothing sealed any more.
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

-- Mail that came in.

-- What came to one of our signed addresses, or was found in a mailbox and proved to be about a message: how it was read, and what it
-- changed. `at` is on the clock of the space, `received_at` always real. `message` and `recipient` are rows that may be gone; `root`
-- is that of its conversation. `raw`: its octets, or null where they lie in the blob store under `blob`.
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
CREATE INDEX inbound_space ON inbound (space, no);
CREATE UNIQUE INDEX inbound_digest ON inbound (space, digest);
CREATE INDEX inbound_own_id ON inbound (space, own_id) WHERE own_id IS NOT NULL;
CREATE INDEX inbound_root ON inbound (root, no) WHERE root IS NOT NULL;
CREATE INDEX inbound_blob ON inbound (blob) WHERE blob IS NOT NULL;

-- A conversation is named by its first message, and has a row only once something joins it or is noted about it.
CREATE TABLE thread (
  root INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  space INTEGER NOT NULL,
  archived_at INTEGER,
  -- Pairs of a time and whether it was put aside then (1) or taken back (0), as JSON; the newest hundred.
  archivings TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX thread_space ON thread (space);

-- The later messages of a conversation.
CREATE TABLE thread_message (
  root INTEGER NOT NULL,
  message INTEGER NOT NULL,
  PRIMARY KEY (root, message)
) WITHOUT ROWID;

-- How far the mail of a mailbox was read, and how it goes. UIDs are those of one address and one UIDVALIDITY.
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
-- Those that are read, looked up again and again.
CREATE INDEX mailbox_read ON mailbox (no) WHERE imap_url IS NOT NULL AND deleted_at IS NULL;

-- Mail to postmaster@ and abuse@ of the gateway's own domains, for the operator to read.
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
CREATE UNIQUE INDEX operator_mail_id ON operator_mail (id);
CREATE UNIQUE INDEX operator_mail_digest ON operator_mail (digest);

-- Endpoints that are told of events. Every event up to `cursor` was delivered or is not wanted; `done` and `tries` are JSON of
-- what stands beyond it. `generation` changes with whatever makes attempts under way invalid.
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

-- The newest attempts of each endpoint: a ring of those that failed, and one of the others.
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

-- Short names of conversations, as one of the compatible interfaces gives them; only those that were given out.
CREATE TABLE thread_name (
  root INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  space INTEGER NOT NULL,
  name TEXT NOT NULL
);
CREATE UNIQUE INDEX thread_name_name ON thread_name (space, name);

-- When it is told that nobody has answered a message; null once it was, so that the same message is not told of again.
CREATE TABLE silence (
  root INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  space INTEGER NOT NULL,
  message INTEGER NOT NULL,
  wait_ms INTEGER NOT NULL,
  due_at INTEGER
);
CREATE INDEX silence_due ON silence (space, due_at) WHERE due_at IS NOT NULL;

-- What recipients' domains ask of whoever delivers to them (RFC 8461), as long as they said.
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
