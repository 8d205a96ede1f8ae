/*
 * store_schema.c - what the database looks like, version by version.
 *
 * The array of migrations is append-only: a released entry is never edited, for databases made by
 * it are out there. A new version is a new entry plus a dump of the old one in tests/vectors.
 *
 * Conventions: times are microseconds since 1970 UTC; NULL is "not known" or "none", never 0 or -1;
 * words for states are stored as words, so that the sqlite3 shell shows what the program shows.
 */
#include "store/store_sql.h"

#include <inttypes.h>
#include <stdio.h>

static const char schema_v1[] =
	/* Named values of the workspace. */
	"CREATE TABLE setting (\n"
	"  key   TEXT PRIMARY KEY CHECK (key <> ''),\n"
	"  value TEXT NOT NULL\n"
	") STRICT, WITHOUT ROWID;\n"

	/* Recipes by their hash: equal texts are kept once. */
	"CREATE TABLE content (\n"
	"  sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),\n"
	"  bytes  BLOB NOT NULL\n"
	") STRICT;\n"

	/* What makes two numbers comparable; 'class' in the program. */
	"CREATE TABLE class (\n"
	"  id               INTEGER PRIMARY KEY,\n"
	"  metric           TEXT NOT NULL,\n"
	"  data             TEXT NOT NULL,\n"
	"  data_sha256      TEXT NOT NULL,\n"
	"  evaluator_sha256 TEXT NOT NULL,\n"
	"  budget           TEXT NOT NULL,\n"
	"  hardware         TEXT NOT NULL,\n"
	"  UNIQUE (metric, data, data_sha256, evaluator_sha256, budget, hardware)\n"
	") STRICT;\n"

	"CREATE TABLE night (\n"
	"  id         INTEGER PRIMARY KEY,\n"
	"  class_id   INTEGER NOT NULL REFERENCES class (id),\n"
	"  started_at INTEGER NOT NULL,\n"
	"  ended_at   INTEGER,                -- NULL: open, to be resumed\n"
	"  seed       INTEGER NOT NULL,       -- the bits of an unsigned 64-bit number\n"
	"  rounds     INTEGER NOT NULL CHECK (rounds >= 0),\n"
	"  hours      REAL    NOT NULL CHECK (hours >= 0),\n"
	"  budget_s   REAL    NOT NULL CHECK (budget_s >= 0),\n"
	"  confirm    INTEGER NOT NULL CHECK (confirm >= 0),\n"
	"  end_reason TEXT    NOT NULL DEFAULT '',\n"
	"  -- The runs that ended before counted_to, already added up for the busy share:\n"
	"  busy_us    INTEGER NOT NULL DEFAULT 0,  -- a run was active\n"
	"  down_us    INTEGER NOT NULL DEFAULT 0,  -- no engine was alive\n"
	"  counted_to INTEGER NOT NULL             -- no run was active at this moment\n"
	") STRICT;\n"
	"CREATE INDEX night_class ON night (class_id);\n"

	"CREATE TABLE experiment (\n"
	"  id            INTEGER PRIMARY KEY,\n"
	"  night_id      INTEGER REFERENCES night (id),  -- NULL: imported\n"
	"  class_id      INTEGER NOT NULL REFERENCES class (id),\n"
	"  parent_id     INTEGER REFERENCES experiment (id),\n"
	"  proposer      TEXT NOT NULL CHECK (proposer <> ''),\n"
	"  verdict       TEXT NOT NULL DEFAULT 'pending' CHECK (verdict IN\n"
	"                ('pending', 'baseline', 'kept', 'discarded', 'failed', 'stopped',\n"
	"                 'cancelled', 'imported')),\n"
	"  val_bpb       REAL,                           -- mean of the n runs that count\n"
	"  n             INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0),\n"
	"  lo            REAL,\n"
	"  hi            REAL,\n"
	"  p_false_keep  REAL CHECK (p_false_keep BETWEEN 0 AND 1),\n"
	"  created_at    INTEGER NOT NULL,\n"
	"  decided_at    INTEGER,\n"
	"  -- Added up from the runs whenever one changes:\n"
	"  runs          INTEGER NOT NULL DEFAULT 0,\n"
	"  runs_live     INTEGER NOT NULL DEFAULT 0,\n"
	"  seconds       REAL    NOT NULL DEFAULT 0,\n"
	"  noise_df      INTEGER NOT NULL DEFAULT 0,     -- repeats beyond the first\n"
	"  noise_ss      REAL    NOT NULL DEFAULT 0,     -- their squared deviations\n"
	"  recipe_sha256 TEXT NOT NULL REFERENCES content (sha256),\n"
	"  title         TEXT NOT NULL,\n"
	"  idea          TEXT NOT NULL,\n"
	"  reason        TEXT NOT NULL DEFAULT '',\n"
	"  knobs         TEXT NOT NULL,\n"
	"  CHECK ((decided_at IS NULL) = (verdict = 'pending'))\n"
	") STRICT;\n"
	/* No duplicates; results told by others may repeat what we ran ourselves. */
	"CREATE UNIQUE INDEX experiment_recipe ON experiment (class_id, recipe_sha256)\n"
	"  WHERE proposer <> 'import';\n"
	"CREATE UNIQUE INDEX experiment_knobs ON experiment (class_id, knobs)\n"
	"  WHERE knobs <> '' AND proposer <> 'import';\n"
	/* One index per order of the experiments panel. */
	"CREATE INDEX experiment_by_id ON experiment (class_id);\n"
	"CREATE INDEX experiment_by_score ON experiment (class_id, val_bpb, verdict);\n"
	"CREATE INDEX experiment_by_time ON experiment (class_id, seconds);\n"
	"CREATE INDEX experiment_by_proposer ON experiment\n"
	"  (class_id, proposer, verdict, p_false_keep);\n"
	"CREATE INDEX experiment_by_verdict ON experiment (class_id, (CASE verdict\n"
	"  WHEN 'pending' THEN 0 WHEN 'baseline' THEN 1 WHEN 'kept' THEN 2 WHEN 'discarded' THEN 3\n"
	"  WHEN 'failed' THEN 4 WHEN 'stopped' THEN 5 WHEN 'cancelled' THEN 6 ELSE 7 END));\n"
	"CREATE INDEX experiment_night ON experiment (night_id, proposer, verdict);\n"
	"CREATE INDEX experiment_champion ON experiment (class_id, decided_at)\n"
	"  WHERE verdict IN ('baseline', 'kept');\n"
	"CREATE INDEX experiment_noise ON experiment (class_id, noise_df, noise_ss)\n"
	"  WHERE noise_df > 0;\n"

	"CREATE TABLE run (\n"
	"  id                INTEGER PRIMARY KEY,\n"
	"  experiment_id     INTEGER NOT NULL REFERENCES experiment (id),\n"
	"  idx               INTEGER NOT NULL CHECK (idx >= 0),\n"
	"  purpose           TEXT NOT NULL CHECK (purpose IN ('baseline', 'screen', 'confirm')),\n"
	"  executor          TEXT NOT NULL,\n"
	"  seed              INTEGER NOT NULL,\n"
	"  state             TEXT NOT NULL DEFAULT 'queued' CHECK (state IN\n"
	"                    ('queued', 'running', 'evaluating', 'done', 'failed', 'stopped',\n"
	"                     'cancelled')),\n"
	"  attempt           INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),\n"
	"  val_bpb           REAL,   -- measured by the harness\n"
	"  claimed_bpb       REAL,   -- printed by the training program\n"
	"  started_at        INTEGER,\n"
	"  finished_at       INTEGER,\n"
	"  seconds           REAL,\n"
	"  tokens            INTEGER,\n"
	"  steps             INTEGER,\n"
	"  params            INTEGER,\n"
	"  mfu               REAL,\n"
	"  peak_mem_mb       REAL,\n"
	"  throttled         INTEGER NOT NULL DEFAULT 0 CHECK (throttled IN (0, 1)),\n"
	"  fault             TEXT NOT NULL DEFAULT '',\n"
	"  error             TEXT NOT NULL DEFAULT '',\n"
	"  pid               INTEGER,\n"
	"  pid_started       INTEGER,\n"
	"  checkpoint_sha256 TEXT NOT NULL DEFAULT '',\n"
	"  UNIQUE (experiment_id, idx),\n"
	"  UNIQUE (experiment_id, seed)\n"
	") STRICT;\n"
	"CREATE INDEX run_live ON run (state)\n"
	"  WHERE state IN ('queued', 'running', 'evaluating');\n"
	"CREATE INDEX run_started ON run (started_at) WHERE started_at IS NOT NULL;\n"

	"CREATE TABLE run_log (\n"
	"  run_id INTEGER PRIMARY KEY REFERENCES run (id),\n"
	"  tail   TEXT NOT NULL\n"
	") STRICT;\n"

	"CREATE TABLE curve (\n"
	"  run_id   INTEGER NOT NULL REFERENCES run (id),\n"
	"  progress REAL    NOT NULL,  -- share of the budget, 0..1\n"
	"  seconds  REAL    NOT NULL,\n"
	"  tokens   INTEGER NOT NULL,\n"
	"  loss     REAL    NOT NULL,  -- nats per token, smoothed\n"
	"  PRIMARY KEY (run_id, progress)\n"
	") STRICT, WITHOUT ROWID;\n"

	"CREATE TABLE event (\n"
	"  id            INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"  at            INTEGER NOT NULL,\n"
	"  level         TEXT NOT NULL CHECK (level IN ('info', 'good', 'warn', 'error')),\n"
	"  kind          TEXT NOT NULL CHECK (kind <> ''),\n"
	"  experiment_id INTEGER REFERENCES experiment (id),\n"
	"  run_id        INTEGER REFERENCES run (id),\n"
	"  text          TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX event_experiment ON event (experiment_id) WHERE experiment_id IS NOT NULL;\n"

	"CREATE TABLE wish (\n"
	"  id      INTEGER PRIMARY KEY,\n"
	"  kind    TEXT NOT NULL CHECK (kind <> ''),\n"
	"  target  INTEGER,\n"
	"  text    TEXT NOT NULL,\n"
	"  made_at INTEGER NOT NULL,\n"
	"  done_at INTEGER,\n"
	"  granted INTEGER NOT NULL DEFAULT 0 CHECK (granted IN (0, 1)),\n"
	"  answer  TEXT NOT NULL DEFAULT ''\n"
	") STRICT;\n"
	"CREATE INDEX wish_waiting ON wish (id) WHERE done_at IS NULL;\n"

	"CREATE TABLE note (\n"
	"  id            INTEGER PRIMARY KEY,\n"
	"  kind          TEXT NOT NULL CHECK (kind <> ''),\n"
	"  origin        TEXT NOT NULL,\n"
	"  text          TEXT NOT NULL,\n"
	"  recipe_sha256 TEXT REFERENCES content (sha256),\n"
	"  state         TEXT NOT NULL DEFAULT 'waiting'\n"
	"                CHECK (state IN ('waiting', 'taken', 'refused')),\n"
	"  experiment_id INTEGER REFERENCES experiment (id),\n"
	"  answer        TEXT NOT NULL DEFAULT '',\n"
	"  made_at       INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX note_waiting ON note (kind, id) WHERE state = 'waiting';\n"

	"CREATE TABLE device (\n"
	"  name         TEXT PRIMARY KEY CHECK (name <> ''),\n"
	"  detail       TEXT NOT NULL,\n"
	"  state        TEXT NOT NULL,\n"
	"  run_id       INTEGER REFERENCES run (id),\n"
	"  tokens_per_s REAL,\n"
	"  updated_at   INTEGER NOT NULL\n"
	") STRICT;\n"

	"CREATE TABLE reference (\n"
	"  data_sha256 TEXT NOT NULL,\n"
	"  name        TEXT NOT NULL CHECK (name <> ''),\n"
	"  val_bpb     REAL NOT NULL,\n"
	"  note        TEXT NOT NULL,\n"
	"  PRIMARY KEY (data_sha256, name)\n"
	") STRICT;\n"

	/* The engine's presence: one row or none. */
	"CREATE TABLE engine (\n"
	"  id         INTEGER PRIMARY KEY CHECK (id = 1),\n"
	"  pid        INTEGER NOT NULL,\n"
	"  started_at INTEGER NOT NULL,\n"
	"  state      TEXT NOT NULL,\n"
	"  doing      TEXT NOT NULL\n"
	") STRICT;\n"
	/* When engines came up: the time before, back to the last run, was not idle but off. */
	"CREATE TABLE engine_start (\n"
	"  at INTEGER PRIMARY KEY\n"
	") STRICT;\n";

static const char schema_v2[] =
	/* The ledger. "dead": can never be taken again, and counts under no cap. */
	"CREATE TABLE payment (\n"
	"  id             INTEGER PRIMARY KEY,\n"
	"  state          TEXT NOT NULL CHECK (state IN ('reserved', 'signed', 'sent', 'settled',\n"
	"                 'refused', 'expired', 'unknown')),\n"
	"  amount         INTEGER NOT NULL CHECK (amount > 0),  -- millionths of a dollar\n"
	"  chain_id       INTEGER NOT NULL,\n"
	"  network        TEXT NOT NULL,\n"
	"  asset          TEXT NOT NULL,\n"
	"  pay_to         TEXT NOT NULL,\n"
	"  payer          TEXT NOT NULL,\n"
	"  nonce          TEXT NOT NULL CHECK (length(nonce) = 66),\n"
	"  valid_after    INTEGER NOT NULL,  -- seconds since 1970, as the authorization has them\n"
	"  valid_before   INTEGER NOT NULL,\n"
	"  x402_version   INTEGER NOT NULL,\n"
	"  method         TEXT NOT NULL,\n"
	"  url            TEXT NOT NULL,\n"
	"  request_sha256 TEXT NOT NULL CHECK (length(request_sha256) = 64),\n"
	"  run_id         INTEGER REFERENCES run (id),\n"
	"  payment_id     TEXT NOT NULL UNIQUE,\n"
	"  header         TEXT,              -- the signed payment as it is sent; NULL: none yet\n"
	"  status         INTEGER,           -- of the last HTTP answer\n"
	"  tx             TEXT NOT NULL DEFAULT '',\n"
	"  reason         TEXT NOT NULL DEFAULT '',\n"
	"  dead           INTEGER NOT NULL DEFAULT 0 CHECK (dead IN (0, 1)),\n"
	"  checked        INTEGER NOT NULL DEFAULT 0 CHECK (checked IN (0, 1)),\n"
	"  created_at     INTEGER NOT NULL,\n"
	"  sent_at        INTEGER,\n"
	"  ended_at       INTEGER,\n"
	"  UNIQUE (payer, nonce)\n"
	") STRICT;\n"
	/* Money moves at most once for one request, and for one run. */
	"CREATE UNIQUE INDEX payment_open ON payment (request_sha256)\n"
	"  WHERE dead = 0 AND state <> 'settled';\n"
	"CREATE UNIQUE INDEX payment_run ON payment (run_id) WHERE run_id IS NOT NULL AND dead = 0;\n"
	"CREATE INDEX payment_settled ON payment (request_sha256, id) WHERE state = 'settled';\n"
	/* What counts under the caps, and what is still to be found out. */
	"CREATE INDEX payment_counts ON payment (created_at, pay_to, amount) WHERE dead = 0;\n"
	"CREATE INDEX payment_unresolved ON payment (id)\n"
	"  WHERE dead = 0 AND NOT (state = 'settled' AND checked = 1);\n"
	"CREATE INDEX payment_payee ON payment (chain_id, pay_to) WHERE state = 'settled';\n";

static const char schema_v3[] =
	/* The market. An identity, and what its facts come to when each key's best origin is believed. */
	"CREATE TABLE agent (\n"
	"  id          INTEGER PRIMARY KEY,\n"
	"  chain_id    INTEGER NOT NULL CHECK (chain_id <> 0),\n"
	"  registry    TEXT NOT NULL CHECK (length(registry) = 42),\n"
	"  token_id    TEXT NOT NULL CHECK (token_id <> ''),\n"
	"  created_at  INTEGER NOT NULL,\n"
	"  seen_at     INTEGER NOT NULL,\n"
	"  sources     TEXT NOT NULL DEFAULT '',\n"
	"  -- Merged from agent_fact:\n"
	"  name        TEXT NOT NULL DEFAULT '',\n"
	"  owner       TEXT NOT NULL DEFAULT '',\n"
	"  wallet      TEXT NOT NULL DEFAULT '',\n"
	"  uri         TEXT NOT NULL DEFAULT '',\n"
	"  gpu         TEXT NOT NULL DEFAULT '',\n"
	"  skills      TEXT NOT NULL DEFAULT '',\n"
	"  x402        INTEGER NOT NULL DEFAULT 0 CHECK (x402 IN (0, 1)),\n"
	"  active      INTEGER CHECK (active IN (0, 1)),\n"
	"  matches     INTEGER NOT NULL DEFAULT 0 CHECK (matches IN (0, 1)),\n"
	"  claimed_bpb REAL CHECK (claimed_bpb > 0),\n"
	"  claimed_at  INTEGER,\n"
	"  score       REAL,\n"
	"  feedbacks   REAL,\n"
	"  scored_at   INTEGER,\n"
	"  -- The registration document:\n"
	"  broken      TEXT NOT NULL DEFAULT '',\n"
	"  document_at INTEGER,\n"
	"  UNIQUE (chain_id, registry, token_id)\n"
	") STRICT;\n"
	"CREATE INDEX agent_token ON agent (chain_id, token_id);\n"
	/* One index per order of the list, with what the list filters by. */
	"CREATE INDEX agent_by_claim ON agent (claimed_bpb IS NULL, claimed_bpb, id, chain_id, matches);\n"
	"CREATE INDEX agent_by_seen ON agent (seen_at, id, chain_id, matches, claimed_bpb);\n"
	"CREATE INDEX agent_by_name ON agent (name = '', name COLLATE NOCASE, id, chain_id, matches,\n"
	"  claimed_bpb);\n"
	"CREATE INDEX agent_by_score ON agent (score, id, chain_id, matches, claimed_bpb);\n"

	"CREATE TABLE agent_fact (\n"
	"  agent_id INTEGER NOT NULL REFERENCES agent (id),\n"
	"  key      TEXT NOT NULL CHECK (key <> ''),\n"
	"  origin   TEXT NOT NULL CHECK (origin IN\n"
	"           ('bazaar', '8004scan', 'document', 'chain', 'person')),\n"
	"  value    TEXT NOT NULL,\n"
	"  at       INTEGER NOT NULL,\n"
	"  as_of    INTEGER,           -- the age that the origin itself gives\n"
	"  PRIMARY KEY (agent_id, key, origin)\n"
	") STRICT, WITHOUT ROWID;\n"

	"CREATE TABLE worker (\n"
	"  id                INTEGER PRIMARY KEY,\n"
	"  url               TEXT NOT NULL UNIQUE CHECK (url <> ''),\n"
	"  agent_id          INTEGER REFERENCES agent (id),\n"
	"  added_at          INTEGER NOT NULL,\n"
	"  seen_at           INTEGER NOT NULL,\n"
	"  name              TEXT NOT NULL DEFAULT '',\n"
	"  skills            TEXT NOT NULL DEFAULT '',\n"
	"  gpu               TEXT NOT NULL DEFAULT '',\n"
	"  sources           TEXT NOT NULL DEFAULT '',\n"
	"  matches           INTEGER NOT NULL DEFAULT 0 CHECK (matches IN (0, 1)),\n"
	"  x402              INTEGER NOT NULL DEFAULT 0 CHECK (x402 IN (0, 1)),\n"
	"  verified_bpb      REAL CHECK (verified_bpb > 0),\n"
	"  verified_at       INTEGER,\n"
	"  verified_class    TEXT NOT NULL DEFAULT '',\n"
	"  -- The payee that the last priced probe saw, and the one before the last change:\n"
	"  pay_to            TEXT NOT NULL DEFAULT '',\n"
	"  pay_to_before     TEXT NOT NULL DEFAULT '',\n"
	"  pay_to_changed_at INTEGER,\n"
	"  wallet_differed   INTEGER NOT NULL DEFAULT 0 CHECK (wallet_differed IN (0, 1)),\n"
	"  -- Our own dealings:\n"
	"  runs              INTEGER NOT NULL DEFAULT 0 CHECK (runs >= 0),\n"
	"  succeeded         INTEGER NOT NULL DEFAULT 0 CHECK (succeeded BETWEEN 0 AND runs),\n"
	"  reproduced        INTEGER NOT NULL DEFAULT 0 CHECK (reproduced >= 0),\n"
	"  refuted           INTEGER NOT NULL DEFAULT 0 CHECK (refuted >= 0),\n"
	"  paid_failed       INTEGER NOT NULL DEFAULT 0 CHECK (paid_failed >= 0),\n"
	"  spent             INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),  -- millionths of a dollar\n"
	"  median_latency_s  REAL,\n"
	"  failures          INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),\n"
	"  quarantine_until  INTEGER,\n"
	"  mark              TEXT NOT NULL DEFAULT '' CHECK (mark IN ('', 'pinned', 'banned')),\n"
	"  note              TEXT NOT NULL DEFAULT '',\n"
	"  trust             REAL NOT NULL,  -- worker_trust_share\n"
	"  -- Copied to where the lists filter and sort; of the newest probe, and of the agent:\n"
	"  probe_id          INTEGER REFERENCES probe (id),\n"
	"  alive             TEXT NOT NULL DEFAULT 'untried' CHECK (alive IN\n"
	"                    ('untried', 'alive', 'dead')),\n"
	"  price             INTEGER,\n"
	"  latency_us        INTEGER,\n"
	"  offer_chain       INTEGER,\n"
	"  agent_chain       INTEGER,\n"
	"  claimed_bpb       REAL CHECK (claimed_bpb > 0),\n"
	"  claimed_at        INTEGER,\n"
	"  -- Pinned ones come first, banned ones last; one without a name is called by its URL. (No\n"
	"  -- generated columns: an index with one covers nothing.)\n"
	"  place             INTEGER NOT NULL DEFAULT 1 CHECK (place =\n"
	"                    CASE mark WHEN 'pinned' THEN 0 WHEN 'banned' THEN 2 ELSE 1 END),\n"
	"  title             TEXT NOT NULL CHECK (title = CASE name WHEN '' THEN url ELSE name END)\n"
	") STRICT;\n"
	"CREATE INDEX worker_agent ON worker (agent_id) WHERE agent_id IS NOT NULL;\n"
	"CREATE INDEX worker_by_trust ON worker (place, trust DESC, id, quarantine_until, matches, alive,\n"
	"  agent_chain, offer_chain);\n"
	"CREATE INDEX worker_by_price ON worker (place, price IS NULL, price, id, matches, alive,\n"
	"  agent_chain, offer_chain);\n"
	"CREATE INDEX worker_by_name ON worker (place, title COLLATE NOCASE, id, matches, alive,\n"
	"  agent_chain, offer_chain);\n"
	"CREATE INDEX worker_by_latency ON worker (place, latency_us IS NULL, latency_us, id, matches,\n"
	"  alive, agent_chain, offer_chain);\n"
	"CREATE INDEX worker_verified ON worker (place, verified_bpb) WHERE verified_bpb IS NOT NULL;\n"
	"CREATE INDEX worker_by_claim ON worker (place, claimed_bpb IS NULL, claimed_bpb, id, matches,\n"
	"  alive, agent_chain, offer_chain);\n"

	/* The last few of each worker. */
	"CREATE TABLE probe (\n"
	"  id               INTEGER PRIMARY KEY,\n"
	"  worker_id        INTEGER NOT NULL REFERENCES worker (id),\n"
	"  at               INTEGER NOT NULL,\n"
	"  alive            TEXT NOT NULL CHECK (alive IN ('untried', 'alive', 'dead')),\n"
	"  busy             INTEGER CHECK (busy IN (0, 1)),\n"
	"  free_of_charge   INTEGER NOT NULL CHECK (free_of_charge IN (0, 1)),\n"
	"  status           INTEGER,   -- of the HTTP answer; NULL: none came\n"
	"  latency_us       INTEGER CHECK (latency_us >= 0),\n"
	"  error            TEXT NOT NULL,\n"
	"  price            INTEGER CHECK (price >= 0),  -- NULL: no challenge was read\n"
	"  x402_version     INTEGER NOT NULL,\n"
	"  payable          INTEGER NOT NULL CHECK (payable IN (0, 1)),\n"
	"  network          TEXT NOT NULL,\n"
	"  asset            TEXT NOT NULL,\n"
	"  pay_to           TEXT NOT NULL,\n"
	"  max_timeout_s    INTEGER,\n"
	"  upfront          INTEGER NOT NULL CHECK (upfront IN (0, 1)),\n"
	"  -- What it says of itself:\n"
	"  gpu              TEXT NOT NULL,\n"
	"  class            TEXT NOT NULL,\n"
	"  version          TEXT NOT NULL,\n"
	"  data_sha256      TEXT NOT NULL,\n"
	"  evaluator_sha256 TEXT NOT NULL,\n"
	"  gpu_mem_mb       REAL,\n"
	"  budget_s         REAL,\n"
	"  queue_length     REAL,\n"
	"  queue_max        REAL,\n"
	"  async            INTEGER NOT NULL CHECK (async IN (0, 1))\n"
	") STRICT;\n"
	"CREATE INDEX probe_worker ON probe (worker_id, id);\n"

	/* How long the last whole experiments of a worker took. */
	"CREATE TABLE worker_time (\n"
	"  id        INTEGER PRIMARY KEY,\n"
	"  worker_id INTEGER NOT NULL REFERENCES worker (id),\n"
	"  seconds   REAL NOT NULL CHECK (seconds >= 0)\n"
	") STRICT;\n"
	"CREATE INDEX worker_time_worker ON worker_time (worker_id, id);\n"

	/* The places we ask. */
	"CREATE TABLE source (\n"
	"  name     TEXT PRIMARY KEY CHECK (name <> ''),\n"
	"  asked_at INTEGER,\n"
	"  ok_at    INTEGER,\n"
	"  rows     INTEGER NOT NULL CHECK (rows >= 0),\n"
	"  bad      INTEGER NOT NULL CHECK (bad >= 0),\n"
	"  failures INTEGER NOT NULL CHECK (failures >= 0),\n"
	"  error    TEXT NOT NULL,\n"
	"  cursor   TEXT NOT NULL\n"
	") STRICT;\n"
	/* Their rate limits. A token is as many parts as its window has microseconds, so that what drips in
	   within one microsecond is a whole number: the rate. Levels were right at filled_at. */
	"CREATE TABLE bucket (\n"
	"  name         TEXT PRIMARY KEY CHECK (name <> ''),\n"
	"  minute_level INTEGER CHECK (minute_level >= 0),  -- NULL: full\n"
	"  day_level    INTEGER CHECK (day_level >= 0),\n"
	"  filled_at    INTEGER NOT NULL,\n"
	"  held_at      INTEGER,                            -- nothing goes out for hold_us from then on\n"
	"  hold_us      INTEGER CHECK (hold_us > 0),\n"
	"  CHECK ((held_at IS NULL) = (hold_us IS NULL))\n"
	") STRICT;\n";

static const char schema_v4[] =
	/* The selling side. A sale is one authorization of a buyer's. */
	"CREATE TABLE sale (\n"
	"  id             INTEGER PRIMARY KEY,\n"
	"  state          TEXT NOT NULL CHECK (state IN ('locked', 'verified', 'settling', 'settled',\n"
	"                 'released', 'unpaid')),\n"
	"  item           TEXT NOT NULL CHECK (item <> ''),\n"
	"  amount         INTEGER NOT NULL CHECK (amount > 0),  -- millionths of a dollar\n"
	"  chain_id       INTEGER NOT NULL CHECK (chain_id <> 0),\n"
	"  asset          TEXT NOT NULL COLLATE NOCASE CHECK (length(asset) = 42),\n"
	"  pay_to         TEXT NOT NULL COLLATE NOCASE CHECK (length(pay_to) = 42),\n"
	"  payer          TEXT NOT NULL COLLATE NOCASE CHECK (length(payer) = 42),\n"
	"  nonce          TEXT NOT NULL COLLATE NOCASE CHECK (length(nonce) = 66),\n"
	"  valid_before   INTEGER NOT NULL,  -- seconds since 1970, as the authorization has it\n"
	"  x402_version   INTEGER NOT NULL,\n"
	"  payment_id     TEXT NOT NULL,\n"
	"  request_sha256 TEXT NOT NULL CHECK (length(request_sha256) IN (0, 64)),\n"
	"  resource       TEXT NOT NULL,\n"
	"  payment        TEXT NOT NULL,     -- JSON, as the buyer sent it\n"
	"  requirement    TEXT NOT NULL,     -- JSON, what it was matched with\n"
	"  tx             TEXT NOT NULL DEFAULT '',\n"
	"  reason         TEXT NOT NULL DEFAULT '',\n"
	"  created_at     INTEGER NOT NULL,\n"
	"  settled_at     INTEGER,\n"
	"  ended_at       INTEGER,\n"
	"  CHECK ((settled_at IS NOT NULL) = (state = 'settled')),\n"
	"  CHECK ((ended_at IS NOT NULL) = (state IN ('settled', 'released', 'unpaid')))\n"
	") STRICT;\n"
	/* An authorization is good for one thing, however its hex digits are written. */
	"CREATE UNIQUE INDEX sale_nonce ON sale (chain_id, asset, payer, nonce)\n"
	"  WHERE state <> 'released';\n"
	"CREATE INDEX sale_identifier ON sale (payment_id, id)\n"
	"  WHERE payment_id <> '' AND state <> 'released';\n"
	"CREATE INDEX sale_open ON sale (id) WHERE ended_at IS NULL;\n"
	"CREATE INDEX sale_ended ON sale (ended_at, state, amount) WHERE ended_at IS NOT NULL;\n"

	/* One experiment that a buyer asked for. ("order" is a word of SQL's.) */
	"CREATE TABLE orders (\n"
	"  id              INTEGER PRIMARY KEY,\n"
	"  experiment_id   TEXT NOT NULL UNIQUE CHECK (experiment_id <> ''),\n"
	"  request_sha256  TEXT NOT NULL CHECK (length(request_sha256) = 64),\n"
	"  train_sha256    TEXT NOT NULL CHECK (length(train_sha256) = 64),\n"
	"  state           TEXT NOT NULL CHECK (state IN ('held', 'queued', 'running', 'completed',\n"
	"                  'failed', 'timeout', 'cancelled')),\n"
	"  sale_id         INTEGER UNIQUE REFERENCES sale (id),  -- NULL: free\n"
	"  payer           TEXT NOT NULL COLLATE NOCASE,\n"
	"  device          TEXT NOT NULL DEFAULT '',\n"
	"  is_async        INTEGER NOT NULL CHECK (is_async IN (0, 1)),\n"
	"  our_fault       INTEGER NOT NULL DEFAULT 0 CHECK (our_fault IN (0, 1)),\n"
	"  return_code     INTEGER,\n"
	"  val_bpb         REAL CHECK (val_bpb > 0),\n"
	"  note            TEXT NOT NULL DEFAULT '',\n"
	"  artifact_sha256 TEXT NOT NULL DEFAULT '' CHECK (length(artifact_sha256) IN (0, 64)),\n"
	"  artifact_name   TEXT NOT NULL DEFAULT '',\n"
	"  artifact_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (artifact_bytes >= 0),\n"
	"  log_bytes       INTEGER NOT NULL DEFAULT 0 CHECK (log_bytes >= 0),\n"
	"  budget_s        REAL NOT NULL CHECK (budget_s >= 0),\n"
	"  created_at      INTEGER NOT NULL,\n"
	"  started_at      INTEGER,  -- of the last attempt\n"
	"  finished_at     INTEGER,\n"
	"  attempt         INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),\n"
	"  CHECK ((finished_at IS NOT NULL) = (state IN\n"
	"         ('completed', 'failed', 'timeout', 'cancelled'))),\n"
	"  CHECK (state <> 'completed' OR val_bpb IS NOT NULL),\n"
	"  CHECK (our_fault = 0 OR state = 'failed')\n"
	") STRICT;\n"
	"CREATE INDEX orders_live ON orders (id, state) WHERE finished_at IS NULL;\n"
	"CREATE INDEX orders_best ON orders (val_bpb, id) WHERE state = 'completed';\n"
	"CREATE INDEX orders_finished ON orders (finished_at, started_at)\n"
	"  WHERE finished_at IS NOT NULL AND started_at IS NOT NULL;\n"
	"CREATE INDEX orders_payer ON orders (payer, id) WHERE payer <> '';\n"

	"CREATE TABLE order_text (\n"
	"  order_id INTEGER NOT NULL REFERENCES orders (id),\n"
	"  kind     TEXT NOT NULL CHECK (kind IN ('config', 'receipt')),\n"
	"  text     TEXT NOT NULL,\n"
	"  PRIMARY KEY (order_id, kind)\n"
	") STRICT;\n"

	"CREATE TABLE order_point (\n"
	"  order_id INTEGER NOT NULL REFERENCES orders (id),\n"
	"  step     INTEGER NOT NULL CHECK (step BETWEEN 0 AND 10000),  -- progress in ten-thousandths\n"
	"  seconds  REAL    NOT NULL,\n"
	"  tokens   INTEGER NOT NULL,\n"
	"  loss     REAL    NOT NULL,\n"
	"  PRIMARY KEY (order_id, step)\n"
	") STRICT, WITHOUT ROWID;\n"

	/* The worker's presence: one row or none; and the switches a person set. */
	"CREATE TABLE serve (\n"
	"  id         INTEGER PRIMARY KEY CHECK (id = 1),\n"
	"  pid        INTEGER,\n"
	"  started_at INTEGER,\n"
	"  listen     TEXT NOT NULL,\n"
	"  price      TEXT NOT NULL,\n"
	"  network    TEXT NOT NULL,\n"
	"  sandbox    TEXT NOT NULL,\n"
	"  agent_id   INTEGER\n"
	") STRICT;\n"
	"CREATE TABLE serve_switch (\n"
	"  device TEXT PRIMARY KEY,  -- '': the whole worker\n"
	"  state  TEXT NOT NULL CHECK (state IN ('open', 'paused', 'draining'))\n"
	") STRICT;\n";

static const char *const migrations[] = {
	schema_v1,
	schema_v2,
	schema_v3,
	schema_v4,
};

int store_schema_version(void)
{
	return (int)ART_COUNT(migrations);
}

static enum art_status pragma_int(struct store *st, const char *text, int64_t *out,
				  struct art_err *err)
{
	struct sql q;

	*out = 0;
	sql_open(&q, st, text);
	if (sql_row(&q))
		*out = sql_int(&q, 0);
	return sql_close(&q, err, "read the database's version");
}

enum art_status store_user_version(struct store *st, int64_t *out, struct art_err *err)
{
	return pragma_int(st, "PRAGMA user_version", out, err);
}

/* Ours, or empty; never somebody else's tables. */
static enum art_status check_owner(struct store *st, const char *path, int64_t *version,
				   struct art_err *err)
{
	int64_t id, objects;

	enum art_status s = store_user_version(st, version, err);
	if (s == ART_OK)
		s = pragma_int(st, "PRAGMA application_id", &id, err);
	if (s == ART_OK)
		s = pragma_int(st, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (s != ART_OK)
		return s;
	bool empty = id == 0 && *version == 0 && objects == 0;
	if (!empty && (id != STORE_APPLICATION_ID || *version < 1))
		return art_fail(err, ART_CORRUPT, "%s is not a database of artui", path);
	if (*version > store_schema_version())
		return art_fail(err, ART_CORRUPT,
				"%s was written by a newer artui (version %" PRId64
				" of the database, this program knows %d): use that one",
				path, *version, store_schema_version());
	return ART_OK;
}

static enum art_status apply(struct store *st, int64_t from, struct art_err *err)
{
	char text[96];

	for (int64_t v = from; v < store_schema_version(); v++) {
		enum art_status s = store_exec(st, migrations[v], err, "bring the database up to date");
		if (s != ART_OK)
			return s;
	}
	snprintf(text, sizeof(text), "PRAGMA user_version = %d; PRAGMA application_id = %d",
		 store_schema_version(), STORE_APPLICATION_ID);
	return store_exec(st, text, err, "bring the database up to date");
}

enum art_status store_migrate(struct store *st, const char *path, struct art_err *err)
{
	int64_t version;

	enum art_status s = check_owner(st, path, &version, err);
	if (s != ART_OK || version == store_schema_version())
		return s;
	if (st->read_only)
		return art_fail(err, ART_UNSUPPORTED,
				"%s has version %" PRId64 " and needs %d: open it for writing once",
				path, version, store_schema_version());

	/* Another process may be doing the same: look again inside the transaction. */
	s = store_begin(st, err);
	if (s != ART_OK)
		return s;
	s = check_owner(st, path, &version, err);
	if (s == ART_OK)
		s = apply(st, version, err);
	if (s == ART_OK)
		return store_commit(st, err);
	store_rollback(st);
	return s;
}
