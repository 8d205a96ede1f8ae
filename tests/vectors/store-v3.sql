-- A database of version 3: that of store-v2.sql, migrated, with an agent, two workers and a source.
-- Made with `sqlite3 artui.db .dump`; the two pragmas are added, since a dump leaves them out.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE setting (
  key   TEXT PRIMARY KEY CHECK (key <> ''),
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO setting VALUES('night.seed','17');
CREATE TABLE content (
  sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
  bytes  BLOB NOT NULL
) STRICT;
INSERT INTO content VALUES('0973cbc31b22481dc9a96c072326be020d82b75574f3755932ebeeeb9796a575',X'4d41545249585f4c52203d20302e30340a');
INSERT INTO content VALUES('e6dd280dfdf196cacda447fb58b46a62b422c88c5dd2410e0a31eb83969237ea',X'4d41545249585f4c52203d20302e30360a');
INSERT INTO content VALUES('af80fb91bde082c655c9946c58cdc9b3bf7b9c87d9920d8c1f75506a9fcdf442',X'4445505448203d20350a');
CREATE TABLE class (
  id               INTEGER PRIMARY KEY,
  metric           TEXT NOT NULL,
  data             TEXT NOT NULL,
  data_sha256      TEXT NOT NULL,
  evaluator_sha256 TEXT NOT NULL,
  budget           TEXT NOT NULL,
  hardware         TEXT NOT NULL,
  UNIQUE (metric, data, data_sha256, evaluator_sha256, budget, hardware)
) STRICT;
INSERT INTO class VALUES(1,'val_bpb','kjv','3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea','2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6','20s','cpu:AMD EPYC x2 avx512bf16');
CREATE TABLE night (
  id         INTEGER PRIMARY KEY,
  class_id   INTEGER NOT NULL REFERENCES class (id),
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,                -- NULL: open, to be resumed
  seed       INTEGER NOT NULL,       -- the bits of an unsigned 64-bit number
  rounds     INTEGER NOT NULL CHECK (rounds >= 0),
  hours      REAL    NOT NULL CHECK (hours >= 0),
  budget_s   REAL    NOT NULL CHECK (budget_s >= 0),
  confirm    INTEGER NOT NULL CHECK (confirm >= 0),
  end_reason TEXT    NOT NULL DEFAULT '',
  -- The runs that ended before counted_to, already added up for the busy share:
  busy_us    INTEGER NOT NULL DEFAULT 0,  -- a run was active
  down_us    INTEGER NOT NULL DEFAULT 0,  -- no engine was alive
  counted_to INTEGER NOT NULL             -- no run was active at this moment
) STRICT;
INSERT INTO night VALUES(1,1,1790000000000000,NULL,17,3,0.0,20.0,3,'',126000000,0,1790000132000000);
CREATE TABLE experiment (
  id            INTEGER PRIMARY KEY,
  night_id      INTEGER REFERENCES night (id),  -- NULL: imported
  class_id      INTEGER NOT NULL REFERENCES class (id),
  parent_id     INTEGER REFERENCES experiment (id),
  proposer      TEXT NOT NULL CHECK (proposer <> ''),
  verdict       TEXT NOT NULL DEFAULT 'pending' CHECK (verdict IN
                ('pending', 'baseline', 'kept', 'discarded', 'failed', 'stopped',
                 'cancelled', 'imported')),
  val_bpb       REAL,                           -- mean of the n runs that count
  n             INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0),
  lo            REAL,
  hi            REAL,
  p_false_keep  REAL CHECK (p_false_keep BETWEEN 0 AND 1),
  created_at    INTEGER NOT NULL,
  decided_at    INTEGER,
  -- Added up from the runs whenever one changes:
  runs          INTEGER NOT NULL DEFAULT 0,
  runs_live     INTEGER NOT NULL DEFAULT 0,
  seconds       REAL    NOT NULL DEFAULT 0,
  noise_df      INTEGER NOT NULL DEFAULT 0,     -- repeats beyond the first
  noise_ss      REAL    NOT NULL DEFAULT 0,     -- their squared deviations
  recipe_sha256 TEXT NOT NULL REFERENCES content (sha256),
  title         TEXT NOT NULL,
  idea          TEXT NOT NULL,
  reason        TEXT NOT NULL DEFAULT '',
  knobs         TEXT NOT NULL,
  CHECK ((decided_at IS NULL) = (verdict = 'pending'))
) STRICT;
INSERT INTO experiment VALUES(1,1,1,NULL,'baseline','baseline',1.7509999999999998898,3,1.7484999999999999431,1.7535000000000000586,NULL,1790000000000000,1790000067000000,3,0,60.300000000000004264,2,2.0000000000000037211e-06,'0973cbc31b22481dc9a96c072326be020d82b75574f3755932ebeeeb9796a575','starting recipe','','the recipe everything is compared with','DEPTH=4;MATRIX_LR=0.04;');
INSERT INTO experiment VALUES(2,1,1,1,'search','kept',1.7309999999999998721,3,1.7284999999999999253,1.7335000000000000408,0.028600000000000000421,1790000067000000,1790000133000000,3,0,60.300000000000004264,1,5.0000000000011189161e-07,'e6dd280dfdf196cacda447fb58b46a62b422c88c5dd2410e0a31eb83969237ea','MATRIX_LR 0.04 -> 0.06','a larger step','3 of 3 confirm runs below all of the incumbent''s','DEPTH=4;MATRIX_LR=0.06;');
INSERT INTO experiment VALUES(3,1,1,1,'search','pending',NULL,0,NULL,NULL,NULL,1790000133000000,NULL,1,1,0.0,0,0.0,'af80fb91bde082c655c9946c58cdc9b3bf7b9c87d9920d8c1f75506a9fcdf442','DEPTH 4 -> 5','a larger step','','DEPTH=5;MATRIX_LR=0.04;');
CREATE TABLE run (
  id                INTEGER PRIMARY KEY,
  experiment_id     INTEGER NOT NULL REFERENCES experiment (id),
  idx               INTEGER NOT NULL CHECK (idx >= 0),
  purpose           TEXT NOT NULL CHECK (purpose IN ('baseline', 'screen', 'confirm')),
  executor          TEXT NOT NULL,
  seed              INTEGER NOT NULL,
  state             TEXT NOT NULL DEFAULT 'queued' CHECK (state IN
                    ('queued', 'running', 'evaluating', 'done', 'failed', 'stopped',
                     'cancelled')),
  attempt           INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  val_bpb           REAL,   -- measured by the harness
  claimed_bpb       REAL,   -- printed by the training program
  started_at        INTEGER,
  finished_at       INTEGER,
  seconds           REAL,
  tokens            INTEGER,
  steps             INTEGER,
  params            INTEGER,
  mfu               REAL,
  peak_mem_mb       REAL,
  throttled         INTEGER NOT NULL DEFAULT 0 CHECK (throttled IN (0, 1)),
  fault             TEXT NOT NULL DEFAULT '',
  error             TEXT NOT NULL DEFAULT '',
  pid               INTEGER,
  pid_started       INTEGER,
  checkpoint_sha256 TEXT NOT NULL DEFAULT '',
  UNIQUE (experiment_id, idx),
  UNIQUE (experiment_id, seed)
) STRICT;
INSERT INTO run VALUES(1,1,0,'baseline','local:cpu',100,'done',1,1.75,1.75,1790000001000000,1790000022000000,20.10000000000000142,200000,49,11534344,NULL,420.49999999999999999,0,'','',NULL,NULL,'');
INSERT INTO run VALUES(2,1,1,'baseline','local:cpu',101,'done',1,1.7509999999999998898,1.7509999999999998898,1790000023000000,1790000044000000,20.10000000000000142,200000,49,11534344,NULL,420.49999999999999999,0,'','',NULL,NULL,'');
INSERT INTO run VALUES(3,1,2,'baseline','local:cpu',102,'done',1,1.7520000000000000017,1.7520000000000000017,1790000045000000,1790000066000000,20.10000000000000142,200000,49,11534344,NULL,420.49999999999999999,0,'','',NULL,NULL,'');
INSERT INTO run VALUES(4,2,0,'screen','local:cpu',103,'done',1,1.7299999999999999822,1.7299999999999999822,1790000067000000,1790000088000000,20.10000000000000142,200000,49,11534344,NULL,420.49999999999999999,0,'','',NULL,NULL,'');
INSERT INTO run VALUES(5,2,1,'confirm','local:cpu',104,'done',1,1.7309999999999998721,1.7309999999999998721,1790000089000000,1790000110000000,20.10000000000000142,200000,49,11534344,NULL,420.49999999999999999,0,'','',NULL,NULL,'');
INSERT INTO run VALUES(6,2,2,'confirm','local:cpu',105,'done',1,1.731999999999999984,1.731999999999999984,1790000111000000,1790000132000000,20.10000000000000142,200000,49,11534344,NULL,420.49999999999999999,0,'','',NULL,NULL,'');
INSERT INTO run VALUES(7,3,0,'screen','local:cpu',106,'running',1,NULL,NULL,1790000133000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'','',5007,777,'');
CREATE TABLE run_log (
  run_id INTEGER PRIMARY KEY REFERENCES run (id),
  tail   TEXT NOT NULL
) STRICT;
INSERT INTO run_log VALUES(1,replace('step 1\nstep 2\n','\n',char(10)));
INSERT INTO run_log VALUES(2,replace('step 1\nstep 2\n','\n',char(10)));
INSERT INTO run_log VALUES(3,replace('step 1\nstep 2\n','\n',char(10)));
INSERT INTO run_log VALUES(4,replace('step 1\nstep 2\n','\n',char(10)));
INSERT INTO run_log VALUES(5,replace('step 1\nstep 2\n','\n',char(10)));
INSERT INTO run_log VALUES(6,replace('step 1\nstep 2\n','\n',char(10)));
INSERT INTO run_log VALUES(7,replace('step 1\nstep 2\n','\n',char(10)));
CREATE TABLE curve (
  run_id   INTEGER NOT NULL REFERENCES run (id),
  progress REAL    NOT NULL,  -- share of the budget, 0..1
  seconds  REAL    NOT NULL,
  tokens   INTEGER NOT NULL,
  loss     REAL    NOT NULL,  -- nats per token, smoothed
  PRIMARY KEY (run_id, progress)
) STRICT, WITHOUT ROWID;
INSERT INTO curve VALUES(1,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(1,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(1,0.75,15.0,150000,3.5);
INSERT INTO curve VALUES(2,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(2,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(2,0.75,15.0,150000,3.5);
INSERT INTO curve VALUES(3,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(3,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(3,0.75,15.0,150000,3.5);
INSERT INTO curve VALUES(4,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(4,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(4,0.75,15.0,150000,3.5);
INSERT INTO curve VALUES(5,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(5,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(5,0.75,15.0,150000,3.5);
INSERT INTO curve VALUES(6,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(6,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(6,0.75,15.0,150000,3.5);
INSERT INTO curve VALUES(7,0.25,5.0,50000,6.0);
INSERT INTO curve VALUES(7,0.5,10.0,100000,4.0);
INSERT INTO curve VALUES(7,0.75,15.0,150000,3.5);
CREATE TABLE event (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  at            INTEGER NOT NULL,
  level         TEXT NOT NULL CHECK (level IN ('info', 'good', 'warn', 'error')),
  kind          TEXT NOT NULL CHECK (kind <> ''),
  experiment_id INTEGER REFERENCES experiment (id),
  run_id        INTEGER REFERENCES run (id),
  text          TEXT NOT NULL
) STRICT;
INSERT INTO event VALUES(1,1790000067000000,'info','experiment.added',1,NULL,'experiment 1');
INSERT INTO event VALUES(2,1790000133000000,'good','experiment.kept',2,NULL,'experiment 2');
INSERT INTO event VALUES(3,1790000133000000,'info','experiment.added',3,NULL,'experiment 3');
INSERT INTO event VALUES(4,1795000001000000,'info','payment.settled',NULL,NULL,'payment 1 of 0.01 USDC to 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC: settled');
INSERT INTO event VALUES(5,1795000002000000,'warn','payment.unknown',NULL,NULL,'payment 2 of 0.02 USDC to 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC: unknown: no whole answer came');
INSERT INTO event VALUES(6,1795000003000000,'warn','payment.refused',NULL,NULL,'payment 3 of 0.03 USDC to 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC: refused: the seller refused the payment');
INSERT INTO event VALUES(7,1796000001000000,'warn','worker.payee',NULL,NULL,'worker #1 "gpu worker" (https://worker.example) wants the money at 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65 now, before at 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC');
INSERT INTO event VALUES(8,1796000001000000,'warn','worker.payee',NULL,NULL,'worker #1 "gpu worker" (https://worker.example) wants the money at 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65, which is not its agent''s wallet 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC');
INSERT INTO event VALUES(9,1796000001000000,'info','worker.pin',NULL,NULL,'worker #1 (https://worker.example): pinned: a friend''s');
CREATE TABLE wish (
  id      INTEGER PRIMARY KEY,
  kind    TEXT NOT NULL CHECK (kind <> ''),
  target  INTEGER,
  text    TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  done_at INTEGER,
  granted INTEGER NOT NULL DEFAULT 0 CHECK (granted IN (0, 1)),
  answer  TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO wish VALUES(1,'start',NULL,'{"rounds":3}',1790000133000000,1790000133000000,1,'started');
INSERT INTO wish VALUES(2,'stop',NULL,'',1790000133000000,NULL,0,'');
CREATE TABLE note (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind <> ''),
  origin        TEXT NOT NULL,
  text          TEXT NOT NULL,
  recipe_sha256 TEXT REFERENCES content (sha256),
  state         TEXT NOT NULL DEFAULT 'waiting'
                CHECK (state IN ('waiting', 'taken', 'refused')),
  experiment_id INTEGER REFERENCES experiment (id),
  answer        TEXT NOT NULL DEFAULT '',
  made_at       INTEGER NOT NULL
) STRICT;
INSERT INTO note VALUES(1,'idea','person','MATRIX_LR = 0.08',NULL,'waiting',NULL,'',1790000133000000);
CREATE TABLE device (
  name         TEXT PRIMARY KEY CHECK (name <> ''),
  detail       TEXT NOT NULL,
  state        TEXT NOT NULL,
  run_id       INTEGER REFERENCES run (id),
  tokens_per_s REAL,
  updated_at   INTEGER NOT NULL
) STRICT;
INSERT INTO device VALUES('local:cpu','AMD EPYC, 2 threads','busy',7,9950.0,1790000133000000);
CREATE TABLE reference (
  data_sha256 TEXT NOT NULL,
  name        TEXT NOT NULL CHECK (name <> ''),
  val_bpb     REAL NOT NULL,
  note        TEXT NOT NULL,
  PRIMARY KEY (data_sha256, name)
) STRICT;
INSERT INTO reference VALUES('3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea','xz -9e',1.7900000000000000355,'given the training text');
CREATE TABLE engine (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  pid        INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  state      TEXT NOT NULL,
  doing      TEXT NOT NULL
) STRICT;
INSERT INTO engine VALUES(1,4242,1790000000000000,'running','experiment 3');
CREATE TABLE engine_start (
  at INTEGER PRIMARY KEY
) STRICT;
INSERT INTO engine_start VALUES(1790000000000000);
CREATE TABLE payment (
  id             INTEGER PRIMARY KEY,
  state          TEXT NOT NULL CHECK (state IN ('reserved', 'signed', 'sent', 'settled',
                 'refused', 'expired', 'unknown')),
  amount         INTEGER NOT NULL CHECK (amount > 0),  -- millionths of a dollar
  chain_id       INTEGER NOT NULL,
  network        TEXT NOT NULL,
  asset          TEXT NOT NULL,
  pay_to         TEXT NOT NULL,
  payer          TEXT NOT NULL,
  nonce          TEXT NOT NULL CHECK (length(nonce) = 66),
  valid_after    INTEGER NOT NULL,  -- seconds since 1970, as the authorization has them
  valid_before   INTEGER NOT NULL,
  x402_version   INTEGER NOT NULL,
  method         TEXT NOT NULL,
  url            TEXT NOT NULL,
  request_sha256 TEXT NOT NULL CHECK (length(request_sha256) = 64),
  run_id         INTEGER REFERENCES run (id),
  payment_id     TEXT NOT NULL UNIQUE,
  header         TEXT,              -- the signed payment as it is sent; NULL: none yet
  status         INTEGER,           -- of the last HTTP answer
  tx             TEXT NOT NULL DEFAULT '',
  reason         TEXT NOT NULL DEFAULT '',
  dead           INTEGER NOT NULL DEFAULT 0 CHECK (dead IN (0, 1)),
  checked        INTEGER NOT NULL DEFAULT 0 CHECK (checked IN (0, 1)),
  created_at     INTEGER NOT NULL,
  sent_at        INTEGER,
  ended_at       INTEGER,
  UNIQUE (payer, nonce)
) STRICT;
INSERT INTO payment VALUES(1,'settled',10000,84532,'eip155:84532','0x036CbD53842c5426634e7929541eC2318f3dCF7e','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC','0x90F79bf6EB2c4f870365E785982E1f101E93b906','0x0000000000000000000000000000000000000000000000000000000000000001',0,1795000300,2,'POST','https://worker.example/experiment','0000000000000000000000000000000000000000000000000000000000000001',NULL,'artui-000000000000000000000001','eyJ4NDAyVmVyc2lvbiI6Mn0=',200,'0x578758932db5027262518c553dc152198543b169ab731bd580b5e4b0d595c47e','',0,1,1795000000000000,1795000001000000,1795000001000000);
INSERT INTO payment VALUES(2,'unknown',20000,84532,'eip155:84532','0x036CbD53842c5426634e7929541eC2318f3dCF7e','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC','0x90F79bf6EB2c4f870365E785982E1f101E93b906','0x0000000000000000000000000000000000000000000000000000000000000002',0,1795000300,2,'POST','https://worker.example/experiment','0000000000000000000000000000000000000000000000000000000000000002',NULL,'artui-000000000000000000000002','eyJ4NDAyVmVyc2lvbiI6Mn0=',NULL,'','no whole answer came',0,0,1795000000000000,1795000002000000,NULL);
INSERT INTO payment VALUES(3,'refused',30000,84532,'eip155:84532','0x036CbD53842c5426634e7929541eC2318f3dCF7e','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC','0x90F79bf6EB2c4f870365E785982E1f101E93b906','0x0000000000000000000000000000000000000000000000000000000000000003',0,1795000300,2,'POST','https://worker.example/experiment','0000000000000000000000000000000000000000000000000000000000000003',NULL,'artui-000000000000000000000003','eyJ4NDAyVmVyc2lvbiI6Mn0=',402,'','the seller refused the payment',1,0,1795000000000000,1795000003000000,1795000003000000);
CREATE TABLE agent (
  id          INTEGER PRIMARY KEY,
  chain_id    INTEGER NOT NULL CHECK (chain_id <> 0),
  registry    TEXT NOT NULL CHECK (length(registry) = 42),
  token_id    TEXT NOT NULL CHECK (token_id <> ''),
  created_at  INTEGER NOT NULL,
  seen_at     INTEGER NOT NULL,
  sources     TEXT NOT NULL DEFAULT '',
  -- Merged from agent_fact:
  name        TEXT NOT NULL DEFAULT '',
  owner       TEXT NOT NULL DEFAULT '',
  wallet      TEXT NOT NULL DEFAULT '',
  uri         TEXT NOT NULL DEFAULT '',
  gpu         TEXT NOT NULL DEFAULT '',
  skills      TEXT NOT NULL DEFAULT '',
  x402        INTEGER NOT NULL DEFAULT 0 CHECK (x402 IN (0, 1)),
  active      INTEGER CHECK (active IN (0, 1)),
  matches     INTEGER NOT NULL DEFAULT 0 CHECK (matches IN (0, 1)),
  claimed_bpb REAL CHECK (claimed_bpb > 0),
  claimed_at  INTEGER,
  score       REAL,
  feedbacks   REAL,
  scored_at   INTEGER,
  -- The registration document:
  broken      TEXT NOT NULL DEFAULT '',
  document_at INTEGER,
  UNIQUE (chain_id, registry, token_id)
) STRICT;
INSERT INTO agent VALUES(1,84532,'0x8004a818bfb912233c491871b3d84c89a494bd9e','17',1796000000000000,1796000000000000,'chain:base-sepolia 8004scan','gpu worker','0x90F79bf6EB2c4f870365E785982E1f101E93b906','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC','https://worker.example/.well-known/agent-registration.json','A100-80GB','ai_ml_engineering/model_optimization',1,NULL,1,0.99729999999999996429,1773311400000000,71.5,NULL,1796000000000000,'',1796000000000000);
CREATE TABLE agent_fact (
  agent_id INTEGER NOT NULL REFERENCES agent (id),
  key      TEXT NOT NULL CHECK (key <> ''),
  origin   TEXT NOT NULL CHECK (origin IN
           ('bazaar', '8004scan', 'document', 'chain', 'person')),
  value    TEXT NOT NULL,
  at       INTEGER NOT NULL,
  as_of    INTEGER,           -- the age that the origin itself gives
  PRIMARY KEY (agent_id, key, origin)
) STRICT, WITHOUT ROWID;
INSERT INTO agent_fact VALUES(1,'best_val_bpb','document','0.9973',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'gpu','document','A100-80GB',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'name','8004scan','gpu worker (old)',1796000000000000,1795999999000000);
INSERT INTO agent_fact VALUES(1,'name','document','gpu worker',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'owner','chain','0x90F79bf6EB2c4f870365E785982E1f101E93b906',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'score','8004scan','71.5',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'skills','document','ai_ml_engineering/model_optimization',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'updated','document','2026-03-12T10:30:00Z',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'uri','chain','https://worker.example/.well-known/agent-registration.json',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'wallet','chain','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',1796000000000000,NULL);
INSERT INTO agent_fact VALUES(1,'x402','document','true',1796000000000000,NULL);
CREATE TABLE worker (
  id                INTEGER PRIMARY KEY,
  url               TEXT NOT NULL UNIQUE CHECK (url <> ''),
  agent_id          INTEGER REFERENCES agent (id),
  added_at          INTEGER NOT NULL,
  seen_at           INTEGER NOT NULL,
  name              TEXT NOT NULL DEFAULT '',
  skills            TEXT NOT NULL DEFAULT '',
  gpu               TEXT NOT NULL DEFAULT '',
  sources           TEXT NOT NULL DEFAULT '',
  matches           INTEGER NOT NULL DEFAULT 0 CHECK (matches IN (0, 1)),
  x402              INTEGER NOT NULL DEFAULT 0 CHECK (x402 IN (0, 1)),
  verified_bpb      REAL CHECK (verified_bpb > 0),
  verified_at       INTEGER,
  verified_class    TEXT NOT NULL DEFAULT '',
  -- The payee that the last priced probe saw, and the one before the last change:
  pay_to            TEXT NOT NULL DEFAULT '',
  pay_to_before     TEXT NOT NULL DEFAULT '',
  pay_to_changed_at INTEGER,
  wallet_differed   INTEGER NOT NULL DEFAULT 0 CHECK (wallet_differed IN (0, 1)),
  -- Our own dealings:
  runs              INTEGER NOT NULL DEFAULT 0 CHECK (runs >= 0),
  succeeded         INTEGER NOT NULL DEFAULT 0 CHECK (succeeded BETWEEN 0 AND runs),
  reproduced        INTEGER NOT NULL DEFAULT 0 CHECK (reproduced >= 0),
  refuted           INTEGER NOT NULL DEFAULT 0 CHECK (refuted >= 0),
  paid_failed       INTEGER NOT NULL DEFAULT 0 CHECK (paid_failed >= 0),
  spent             INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),  -- millionths of a dollar
  median_latency_s  REAL,
  failures          INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  quarantine_until  INTEGER,
  mark              TEXT NOT NULL DEFAULT '' CHECK (mark IN ('', 'pinned', 'banned')),
  note              TEXT NOT NULL DEFAULT '',
  trust             REAL NOT NULL,  -- worker_trust_share
  -- Copied to where the lists filter and sort; of the newest probe, and of the agent:
  probe_id          INTEGER REFERENCES probe (id),
  alive             TEXT NOT NULL DEFAULT 'untried' CHECK (alive IN
                    ('untried', 'alive', 'dead')),
  price             INTEGER,
  latency_us        INTEGER,
  offer_chain       INTEGER,
  agent_chain       INTEGER,
  claimed_bpb       REAL CHECK (claimed_bpb > 0),
  claimed_at        INTEGER,
  -- Pinned ones come first, banned ones last; one without a name is called by its URL. (No
  -- generated columns: an index with one covers nothing.)
  place             INTEGER NOT NULL DEFAULT 1 CHECK (place =
                    CASE mark WHEN 'pinned' THEN 0 WHEN 'banned' THEN 2 ELSE 1 END),
  title             TEXT NOT NULL CHECK (title = CASE name WHEN '' THEN url ELSE name END)
) STRICT;
INSERT INTO worker VALUES(1,'https://worker.example',1,1796000000000000,1796000000000000,'gpu worker','ai_ml_engineering/model_optimization','A100-80GB','chain:base-sepolia',1,1,1.0100000000000000088,1796000001000000,'A100 300s','0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',1796000001000000,1,1,1,1,0,0,50000,320.0,0,NULL,'pinned','a friend''s',0.58536826338811298597,2,'alive',50000,120000,84532,84532,0.99729999999999996429,1773311400000000,0,'gpu worker');
INSERT INTO worker VALUES(2,'https://other.example/services/train',NULL,1796000000000000,1796000000000000,'','','','person',1,0,NULL,NULL,'','','',NULL,0,0,0,0,0,0,0,NULL,3,1796000300000000,'','',0.33333333333333331482,3,'dead',NULL,NULL,NULL,NULL,NULL,NULL,1,'https://other.example/services/train');
CREATE TABLE probe (
  id               INTEGER PRIMARY KEY,
  worker_id        INTEGER NOT NULL REFERENCES worker (id),
  at               INTEGER NOT NULL,
  alive            TEXT NOT NULL CHECK (alive IN ('untried', 'alive', 'dead')),
  busy             INTEGER CHECK (busy IN (0, 1)),
  free_of_charge   INTEGER NOT NULL CHECK (free_of_charge IN (0, 1)),
  status           INTEGER,   -- of the HTTP answer; NULL: none came
  latency_us       INTEGER CHECK (latency_us >= 0),
  error            TEXT NOT NULL,
  price            INTEGER CHECK (price >= 0),  -- NULL: no challenge was read
  x402_version     INTEGER NOT NULL,
  payable          INTEGER NOT NULL CHECK (payable IN (0, 1)),
  network          TEXT NOT NULL,
  asset            TEXT NOT NULL,
  pay_to           TEXT NOT NULL,
  max_timeout_s    INTEGER,
  upfront          INTEGER NOT NULL CHECK (upfront IN (0, 1)),
  -- What it says of itself:
  gpu              TEXT NOT NULL,
  class            TEXT NOT NULL,
  version          TEXT NOT NULL,
  data_sha256      TEXT NOT NULL,
  evaluator_sha256 TEXT NOT NULL,
  gpu_mem_mb       REAL,
  budget_s         REAL,
  queue_length     REAL,
  queue_max        REAL,
  async            INTEGER NOT NULL CHECK (async IN (0, 1))
) STRICT;
INSERT INTO probe VALUES(1,1,1796000000000000,'alive',0,0,402,120000,'',50000,2,1,'eip155:84532','0x036CbD53842c5426634e7929541eC2318f3dCF7e','0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',900,0,'A100','','','','',81920.0,NULL,NULL,NULL,0);
INSERT INTO probe VALUES(2,1,1796000001000000,'alive',0,0,402,120000,'',50000,2,1,'eip155:84532','0x036CbD53842c5426634e7929541eC2318f3dCF7e','0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65',900,0,'A100','','','','',81920.0,NULL,NULL,NULL,0);
INSERT INTO probe VALUES(3,2,1796000000000000,'dead',NULL,0,NULL,NULL,'no answer',NULL,0,0,'','','',NULL,0,'','','','','',NULL,NULL,NULL,NULL,0);
CREATE TABLE worker_time (
  id        INTEGER PRIMARY KEY,
  worker_id INTEGER NOT NULL REFERENCES worker (id),
  seconds   REAL NOT NULL CHECK (seconds >= 0)
) STRICT;
INSERT INTO worker_time VALUES(1,1,320.0);
CREATE TABLE source (
  name     TEXT PRIMARY KEY CHECK (name <> ''),
  asked_at INTEGER,
  ok_at    INTEGER,
  rows     INTEGER NOT NULL CHECK (rows >= 0),
  bad      INTEGER NOT NULL CHECK (bad >= 0),
  failures INTEGER NOT NULL CHECK (failures >= 0),
  error    TEXT NOT NULL,
  cursor   TEXT NOT NULL
) STRICT;
INSERT INTO source VALUES('8004scan',1796000000000000,1796000000000000,1,0,0,'','');
CREATE TABLE bucket (
  name         TEXT PRIMARY KEY CHECK (name <> ''),
  minute_level INTEGER CHECK (minute_level >= 0),  -- NULL: full
  day_level    INTEGER CHECK (day_level >= 0),
  filled_at    INTEGER NOT NULL,
  held_at      INTEGER,                            -- nothing goes out for hold_us from then on
  hold_us      INTEGER CHECK (hold_us > 0),
  CHECK ((held_at IS NULL) = (hold_us IS NULL))
) STRICT;
INSERT INTO bucket VALUES('8004scan',1740000000,86313600000000,1796000001000000,1796000001000000,59000000);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('event',9);
CREATE INDEX night_class ON night (class_id);
CREATE UNIQUE INDEX experiment_recipe ON experiment (class_id, recipe_sha256)
  WHERE proposer <> 'import';
CREATE UNIQUE INDEX experiment_knobs ON experiment (class_id, knobs)
  WHERE knobs <> '' AND proposer <> 'import';
CREATE INDEX experiment_by_id ON experiment (class_id);
CREATE INDEX experiment_by_score ON experiment (class_id, val_bpb, verdict);
CREATE INDEX experiment_by_time ON experiment (class_id, seconds);
CREATE INDEX experiment_by_proposer ON experiment
  (class_id, proposer, verdict, p_false_keep);
CREATE INDEX experiment_by_verdict ON experiment (class_id, (CASE verdict
  WHEN 'pending' THEN 0 WHEN 'baseline' THEN 1 WHEN 'kept' THEN 2 WHEN 'discarded' THEN 3
  WHEN 'failed' THEN 4 WHEN 'stopped' THEN 5 WHEN 'cancelled' THEN 6 ELSE 7 END));
CREATE INDEX experiment_night ON experiment (night_id, proposer, verdict);
CREATE INDEX experiment_champion ON experiment (class_id, decided_at)
  WHERE verdict IN ('baseline', 'kept');
CREATE INDEX experiment_noise ON experiment (class_id, noise_df, noise_ss)
  WHERE noise_df > 0;
CREATE INDEX run_live ON run (state)
  WHERE state IN ('queued', 'running', 'evaluating');
CREATE INDEX run_started ON run (started_at) WHERE started_at IS NOT NULL;
CREATE INDEX event_experiment ON event (experiment_id) WHERE experiment_id IS NOT NULL;
CREATE INDEX wish_waiting ON wish (id) WHERE done_at IS NULL;
CREATE INDEX note_waiting ON note (kind, id) WHERE state = 'waiting';
CREATE UNIQUE INDEX payment_open ON payment (request_sha256)
  WHERE dead = 0 AND state <> 'settled';
CREATE UNIQUE INDEX payment_run ON payment (run_id) WHERE run_id IS NOT NULL AND dead = 0;
CREATE INDEX payment_settled ON payment (request_sha256, id) WHERE state = 'settled';
CREATE INDEX payment_counts ON payment (created_at, pay_to, amount) WHERE dead = 0;
CREATE INDEX payment_unresolved ON payment (id)
  WHERE dead = 0 AND NOT (state = 'settled' AND checked = 1);
CREATE INDEX payment_payee ON payment (chain_id, pay_to) WHERE state = 'settled';
CREATE INDEX agent_token ON agent (chain_id, token_id);
CREATE INDEX agent_by_claim ON agent (claimed_bpb IS NULL, claimed_bpb, id, chain_id, matches);
CREATE INDEX agent_by_seen ON agent (seen_at, id, chain_id, matches, claimed_bpb);
CREATE INDEX agent_by_name ON agent (name = '', name COLLATE NOCASE, id, chain_id, matches,
  claimed_bpb);
CREATE INDEX agent_by_score ON agent (score, id, chain_id, matches, claimed_bpb);
CREATE INDEX worker_agent ON worker (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX worker_by_trust ON worker (place, trust DESC, id, quarantine_until, matches, alive,
  agent_chain, offer_chain);
CREATE INDEX worker_by_price ON worker (place, price IS NULL, price, id, matches, alive,
  agent_chain, offer_chain);
CREATE INDEX worker_by_name ON worker (place, title COLLATE NOCASE, id, matches, alive,
  agent_chain, offer_chain);
CREATE INDEX worker_by_latency ON worker (place, latency_us IS NULL, latency_us, id, matches,
  alive, agent_chain, offer_chain);
CREATE INDEX worker_verified ON worker (place, verified_bpb) WHERE verified_bpb IS NOT NULL;
CREATE INDEX worker_by_claim ON worker (place, claimed_bpb IS NULL, claimed_bpb, id, matches,
  alive, agent_chain, offer_chain);
CREATE INDEX probe_worker ON probe (worker_id, id);
CREATE INDEX worker_time_worker ON worker_time (worker_id, id);
COMMIT;
PRAGMA user_version=3;
PRAGMA application_id=1634890869;
