/*
 * config.h - settings: one table of keys, filled from defaults, files and -c options, in that order.
 *
 * Layer: core. Files: $XDG_CONFIG_HOME/artui/config, then WORKSPACE/.artui/config, INI format (inih),
 * read and never written. An unknown key, a wrong type or a value out of range is INVALID with file
 * and line. After loading, a struct config is only read, so any thread may.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "store/base.h"
#include "core/workspace.h"
#include "store/money.h"

enum config_type { CONFIG_TEXT, CONFIG_INT, CONFIG_REAL, CONFIG_BOOL, CONFIG_MONEY };

/* (SECTION_KEY, "section.key", type, default, low, high, help). artui-config(5) is checked against it. */
#define CONFIG_LIST(_)                                                                                        \
	_(DATA_CORPUS, "data.corpus", CONFIG_TEXT, "kjv", 0, 0, "text to train on when the workspace has none: kjv, sotu, or a directory made by artui-train prepare") \
	_(TRAIN_COMMAND, "train.command", CONFIG_TEXT, "", 0, 0, "training command run by /bin/sh -c in the run's directory with the recipe as train.py; empty: the native trainer") \
	_(TRAIN_EVALUATOR, "train.evaluator", CONFIG_TEXT, "", 0, 0, "files of a training command's evaluator and data, separated by spaces, hashed before and after each run") \
	_(TRAIN_BUDGET_S, "train.budget_s", CONFIG_REAL, "300", 1, 604800, "training seconds of one run") \
	_(TRAIN_GRACE_S, "train.grace_s", CONFIG_REAL, "120", 1, 86400, "seconds beyond the budget before a run is ended") \
	_(TRAIN_THREADS, "train.threads", CONFIG_INT, "0", 0, 1024, "threads of the native trainer; 0: all processors this program may use") \
	_(TRAIN_KERNEL, "train.kernel", CONFIG_TEXT, "auto", 0, 0, "kernels of the native trainer: auto, plain, avx2, avx512, avx512bf16, avx512fp16, amx") \
	_(TRAIN_MEM_MB, "train.mem_mb", CONFIG_INT, "0", 0, 16777216, "memory limit of one run in MiB; 0: three quarters of what is free at start; 16777216: no limit") \
	_(TRAIN_LOG_MB, "train.log_mb", CONFIG_INT, "64", 1, 65536, "size at which a run's log ends the run") \
	_(SEARCH_CONFIRM, "search.confirm", CONFIG_INT, "3", 1, 20, "fresh seeds that confirm a candidate, and runs of the baseline") \
	_(SEARCH_SCREEN, "search.screen", CONFIG_TEXT, "min", 0, 0, "what a first run must be below: min (the incumbent's best), mean, or sigma (one sigma below the mean)") \
	_(SEARCH_WARMUP, "search.warmup", CONFIG_INT, "10", 0, 1000, "quasi-random candidates before the model-based ones") \
	_(SEARCH_KNOBS, "search.knobs", CONFIG_TEXT, "", 0, 0, "constants the search may change, separated by spaces; empty: all it knows in the recipe") \
	_(SEARCH_PLATEAU, "search.plateau", CONFIG_INT, "40", 0, 100000, "candidates without a keep that end the night; 0: never") \
	_(SEARCH_FAILURES, "search.failures", CONFIG_INT, "12", 1, 1000, "failed candidates in a row that end the night") \
	_(SEARCH_EARLY_STOP, "search.early_stop", CONFIG_BOOL, "true", 0, 0, "end runs that diverge or stay worse than the median of finished ones") \
	_(NIGHT_SEED, "night.seed", CONFIG_INT, "0", 0, 9007199254740991.0, "seed of the night's choices; 0: drawn at the start") \
	_(NIGHT_KEEP_CHECKPOINTS, "night.keep_checkpoints", CONFIG_INT, "3", 1, 1000, "checkpoints of kept experiments left on disk, newest first") \
	_(NET_USER_AGENT, "net.user_agent", CONFIG_TEXT, "", 0, 0, "User-Agent of every request; empty: artui and its version") \
	_(NET_ALLOW_PRIVATE, "net.allow_private", CONFIG_BOOL, "false", 0, 0, "fetch documents from and probe endpoints at loopback, private and link-local addresses too") \
	_(SCAN_URL, "scan.url", CONFIG_TEXT, "https://8004scan.io/api/v1/public", 0, 0, "base of 8004scan's public API, or of a clone; empty: not asked") \
	_(SCAN_BACKEND_URL, "scan.backend_url", CONFIG_TEXT, "https://api.8004scan.io/api/v1", 0, 0, "base of 8004scan's backend API; empty: not asked") \
	_(SCAN_KEY_FILE, "scan.key_file", CONFIG_TEXT, "", 0, 0, "file with an API key of 8004scan, readable by its owner alone; sent as X-API-Key and as a bearer token") \
	_(SCAN_PER_MINUTE, "scan.per_minute", CONFIG_INT, "10", 1, 100000, "requests a minute to one 8004scan API") \
	_(SCAN_PER_DAY, "scan.per_day", CONFIG_INT, "100", 1, 10000000, "requests a day to one 8004scan API") \
	_(SCAN_TIMEOUT_S, "scan.timeout_s", CONFIG_INT, "45", 1, 600, "seconds to wait for an answer of 8004scan") \
	_(MARKET_SOURCES, "market.sources", CONFIG_TEXT, "static 8004scan 8004scan-backend chain bazaar", 0, 0, "places asked for workers, separated by spaces") \
	_(MARKET_CHAINS, "market.chains", CONFIG_TEXT, "base base-sepolia ethereum sepolia", 0, 0, "chains whose registries and agents are looked at, separated by spaces") \
	_(MARKET_SKILLS, "market.skills", CONFIG_TEXT, "machine_learning/model_optimization devops_mlops/model_versioning ai_ml_engineering/model_optimization ai_ml_engineering/model_training", 0, 0, "OASF skills of which a worker must tell one, separated by spaces") \
	_(MARKET_BAZAAR, "market.bazaar", CONFIG_TEXT, "https://api.cdp.coinbase.com/platform/v2/x402 https://facilitator.payai.network", 0, 0, "facilitators whose /discovery/resources are read, separated by spaces") \
	_(MARKET_IPFS_GATEWAY, "market.ipfs_gateway", CONFIG_TEXT, "https://ipfs.io/ipfs/", 0, 0, "where ipfs:// documents are fetched") \
	_(MARKET_LIMIT, "market.limit", CONFIG_INT, "100", 1, 10000, "agents asked of each index in one discovery") \
	_(MARKET_BLOCKS, "market.blocks", CONFIG_INT, "50000", 1, 100000000, "blocks of history read from a registry the first time") \
	_(MARKET_MAX_AGE_S, "market.max_age_s", CONFIG_INT, "3600", 0, 31536000, "seconds for which a document or a probe counts as fresh") \
	_(MARKET_PARALLEL, "market.parallel", CONFIG_INT, "32", 1, 256, "documents fetched and endpoints probed at once") \
	_(MARKET_DEADLINE_S, "market.deadline_s", CONFIG_INT, "15", 1, 600, "seconds to wait for one document or one probe") \
	_(WALLET_NAME, "wallet.name", CONFIG_TEXT, "", 0, 0, "wallet to pay with: a name, an address, or the path of a keystore file; empty: the only one there is") \
	_(WALLET_DIR, "wallet.dir", CONFIG_TEXT, "", 0, 0, "directory of keystore files; empty: $XDG_DATA_HOME/artui/keystores") \
	_(WALLET_PASSWORD_FILE, "wallet.password_file", CONFIG_TEXT, "", 0, 0, "file with the wallet's password, readable by its owner alone; empty: ask on the terminal") \
	_(WALLET_REMOTE_URL, "wallet.remote_url", CONFIG_TEXT, "", 0, 0, "remote signer to pay with instead of a keystore") \
	_(WALLET_REMOTE_TOKEN_FILE, "wallet.remote_token_file", CONFIG_TEXT, "", 0, 0, "file with the remote signer's bearer token, readable by its owner alone") \
	_(WALLET_WARN, "wallet.warn_usd", CONFIG_MONEY, "50", 0, 0, "balance above which a wallet is called too rich for unattended use") \
	_(PAY_AUTO, "pay.auto_usd", CONFIG_MONEY, "0.10", 0, 0, "paid without asking up to this price") \
	_(PAY_CAP_PAYMENT, "pay.cap_payment_usd", CONFIG_MONEY, "1", 0, 0, "most for one payment") \
	_(PAY_CAP_PAYEE, "pay.cap_payee_usd", CONFIG_MONEY, "5", 0, 0, "most for one payee (worker) in a night") \
	_(PAY_CAP_HOUR, "pay.cap_hour_usd", CONFIG_MONEY, "5", 0, 0, "most within an hour") \
	_(PAY_CAP_NIGHT, "pay.cap_night_usd", CONFIG_MONEY, "10", 0, 0, "most within a night; outside of one, within 24 hours") \
	_(PAY_CAP_TOTAL, "pay.cap_total_usd", CONFIG_MONEY, "100", 0, 0, "most for all payments together, ever") \
	_(PAY_ASK_NEW, "pay.ask_new_payee", CONFIG_BOOL, "true", 0, 0, "ask before a payee is paid for the first time") \
	_(PAY_CHAINS, "pay.chains", CONFIG_TEXT, "base base-sepolia ethereum sepolia", 0, 0, "chains that may be paid on, separated by spaces") \
	_(PAY_PAYEES, "pay.payees", CONFIG_TEXT, "", 0, 0, "the only addresses that may be paid, separated by spaces; empty: any") \
	_(PAY_MAX_WINDOW_S, "pay.max_window_s", CONFIG_INT, "7200", 10, 86400, "longest time in seconds that a signed payment may stay valid") \
	_(PAY_ALLOW_HTTP, "pay.allow_http", CONFIG_BOOL, "false", 0, 0, "pay over plain http beyond this machine") \
	_(PAY_MAX_FEE, "pay.max_fee_gwei", CONFIG_INT, "2000000", 0, 1000000000, "most gas money in gwei for one transaction of ours; 0: none is signed") \
	_(WORKER_FACILITATOR, "worker.facilitator", CONFIG_TEXT, "https://x402.org/facilitator", 0, 0, "facilitator that verifies and settles what buyers pay; self: this program, with the wallet's key") \
	_(WORKER_MEM_MB, "worker.mem_mb", CONFIG_INT, "0", 0, 16777216, "memory of one run for a buyer in MiB; 0: three quarters of what is free at start") \
	_(WORKER_DISK_MB, "worker.disk_mb", CONFIG_INT, "4096", 16, 16777216, "disk of one run for a buyer in MiB") \
	_(WORKER_LOG_MB, "worker.log_mb", CONFIG_INT, "64", 1, 65536, "size at which a buyer's log ends the run") \
	_(WORKER_PROCESSES, "worker.processes", CONFIG_INT, "256", 8, 65536, "processes and threads of one run for a buyer") \
	_(WORKER_KEEP_DAYS, "worker.keep_days", CONFIG_INT, "7", 1, 3650, "days that a buyer's log and artifact are kept") \
	_(WORKER_TEMPERATURE, "worker.max_temperature_c", CONFIG_REAL, "0", 0, 150, "temperature above which a GPU starts no run; 0: none") \
	_(TUI_THEME, "tui.theme", CONFIG_TEXT, "default", 0, 0, "colours: default, light, mono, contrast, or a file") \
	_(TUI_MOUSE, "tui.mouse", CONFIG_BOOL, "true", 0, 0, "use the mouse; M toggles it")

enum config_key {
#define CONFIG_ENUM(name, ...) CONFIG_##name##_KEY,
	CONFIG_LIST(CONFIG_ENUM)
#undef CONFIG_ENUM
	CONFIG_KEY_COUNT
};

struct config_entry {
	const char *name;
	enum config_type type;
	const char *def;
	double lo, hi;
	const char *help;
};
const struct config_entry *config_entry(enum config_key k);

struct config;
/* @w may be NULL (no workspace yet). @overrides: "section.key=value" texts of -c, in order. */
ART_MUST_USE enum art_status config_load(struct config **out, const struct workspace *w,
					 const char *const *overrides, int n_overrides,
					 struct art_err *err);
void config_free(struct config *c);
const char *config_text(const struct config *c, enum config_key k);
int64_t config_int(const struct config *c, enum config_key k);
double config_real(const struct config *c, enum config_key k);
bool config_bool(const struct config *c, enum config_key k);
struct usdc config_money(const struct config *c, enum config_key k);

/*
 * Sections [chain.NAME]: what is set of each field. NAME is lower-case letters, digits and dashes.
 * -c takes them too: chain.base-sepolia.rpc=http://127.0.0.1:8545. Values are checked by chains_load.
 */
#define CONFIG_CHAIN_FIELDS(_)                                                                                \
	_(ID, "id", "chain id (EIP-155); needed for a chain that is not built in")                              \
	_(RPC, "rpc", "JSON-RPC endpoint")                                                                      \
	_(USDC, "usdc", "address of its USDC, or of a token with the same interface")                           \
	_(USDC_NAME, "usdc_name", "EIP-712 name of that token: USDC or USD Coin")                               \
	_(USDC_VERSION, "usdc_version", "EIP-712 version of that token")                                        \
	_(TESTNET, "testnet", "true: its money is play money, and said so")                                   \
	_(IDENTITY, "identity", "address of its ERC-8004 identity registry")                                    \
	_(IDENTITY_BLOCK, "identity_block", "first block of that registry")
enum config_chain_field {
#define CONFIG_CHAIN_ENUM(name, text, help) CONFIG_CHAIN_##name,
	CONFIG_CHAIN_FIELDS(CONFIG_CHAIN_ENUM)
#undef CONFIG_CHAIN_ENUM
	CONFIG_CHAIN_FIELD_COUNT
};
#define CONFIG_CHAINS_MAX 16
int config_chain_count(const struct config *c);
const char *config_chain_name(const struct config *c, int i);
/* NULL when it is not set. @origin (may be NULL) gets where it came from. Borrowed. */
const char *config_chain(const struct config *c, int i, enum config_chain_field f,
			 const char **origin);
const char *config_chain_field_name(enum config_chain_field f);
const char *config_chain_field_help(enum config_chain_field f);

/* Where the value came from: "default", "-c", or "FILE:LINE". Borrowed. */
const char *config_origin(const struct config *c, enum config_key k);

#endif
