/*
 * kill.mjs ROUNDS SEED: artui is killed in the middle of payments, again and again, and goes on; afterwards
 * the chain, the ledger and the signer's journal are compared. The driver of tests/fault/kill_pay.sh.
 *
 * In most rounds the process dies at a drawn call that moves bytes (pay_shim.c), in the others at a drawn
 * moment; in some it is the signer that dies; in a third of the rounds the next run is killed too. All
 * rounds share one wallet and one ledger, a few at once.
 *
 * BIN: folder of the program. SHIM: the preloaded library. Prints "ok NAME" or "FAIL NAME: why".
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { balanceOf, need, rpc, transfersOf } from './common.mjs';

const [rounds, seed0] = [Number(process.argv[2] ?? 12), Number(process.argv[3] ?? 1)];
const ARTUI = `${need('BIN')}/artui`, SHIM = need('SHIM'), HOME = `${need('ARTUI_TEST_DIR')}/home`;
const V2 = need('ARTUI_LAB_V2'), V1 = need('ARTUI_LAB_V1'), OBOL = need('ARTUI_LAB_OBOL'), HOSTILE = need('ARTUI_LAB_HOSTILE');
const AT_ONCE = 4, AGAIN_MAX = 8;
const SETTINGS = [`chain.base-sepolia.rpc=${need('ARTUI_LAB_RPC')}`, 'pay.cap_payee_usd=1000', 'pay.cap_hour_usd=1000',
		  'pay.cap_night_usd=1000', 'pay.cap_total_usd=1000'].flatMap((s) => ['-c', s]);
const ROUTES = [
	`${V2}/cheap`, `${V1}/cheap`, `${OBOL}/cheap`, `${HOSTILE}/ok`, `${HOSTILE}/no-receipt`, `${V2}/slow?ms=150`, `${HOSTILE}/settle-500`,
	`${HOSTILE}/refuse-then-settle?ms=300`, `${V2}/fail500`, `${HOSTILE}/ok?v=1`, `${HOSTILE}/drop-after`, `${HOSTILE}/drop-before`,
];

let seed = seed0;
function random() { /* mulberry32 */
	seed = (seed + 0x6d2b79f5) | 0;
	let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

let failed = 0;
function verdict(name, wrong) {
	if (wrong.length)
		failed++;
	console.log(wrong.length ? `FAIL ${name}: ${wrong.slice(0, 5).join('; ')}` : `ok ${name}`);
}

function artui(args, { env = {}, live, input } = {}) {
	return new Promise((resolve) => {
		const child = spawn(ARTUI, [...SETTINGS, ...args], { cwd: HOME, detached: true,
			stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
			env: { HOME, PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env } });
		const out = [], err = [];
		child.stdout.on('data', (b) => out.push(b));
		child.stderr.on('data', (b) => err.push(b));
		child.on('close', (code, signal) => resolve({ code, signal, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
		child.stdin?.on('error', () => {}).end(input); /* one that was killed unread says so by its status */
		live?.(child.pid);
	});
}

async function json(args) {
	const r = await artui(args);
	try {
		return JSON.parse(r.out);
	} catch {
		throw new Error(`artui ${args.join(' ')}: status ${r.code} ${r.signal}: ${r.out.slice(0, 100)} ${r.err.slice(0, 300)}`);
	}
}
const rows = () => json(['payments', '--json']);
const signatures = () => json(['wallet', 'signatures', '--json']);

function killIf(pid) {
	try {
		process.kill(pid, 'SIGKILL');
	} catch { /* it was quicker */ }
}
function signerOf(pid) {
	try {
		return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]) || 0;
	} catch {
		return 0;
	}
}

/* ---- a round ---- */

const urlOf = (round) => {
	const url = ROUTES[round % ROUTES.length];
	return `${url}${url.includes('?') ? '&' : '?'}round=${round}`;
};
const fetchArgs = (round) => ['fetch', '--json', '--max-usd', '0.05', '--password-file', 'password', '--timeout', '20', '--id', `round-${round}`,
			      urlOf(round)];

/* Where a death landed, from what is left of it. */
async function whereDied(round) {
	const row = (await rows()).find((r) => r.url === urlOf(round));
	if (!row)
		return 'before reserve';
	if (row.state === 'reserved')
		return (await signatures()).some((s) => s.nonce === row.nonce) ? 'after sign' : 'after reserve';
	if (row.state === 'signed')
		return 'after storing the signature';
	if (row.state === 'sent')
		return (await transfersOf(need('ARTUI_LAB_PAYER'))).some((t) => t.nonce === row.nonce) ? 'after settle, not judged' : 'after marking it sent';
	return 'after the judgement';
}

const landed = {};
async function killedRun(round, calls) {
	const how = below(5);
	let r;
	if (how < 3) {
		r = await artui(fetchArgs(round), { env: { LD_PRELOAD: SHIM, PAY_SHIM_AT: String(1 + below(calls)) } });
	} else if (how === 3) {
		const ms = below(350);
		r = await artui(fetchArgs(round), { live: (pid) => { setTimeout(() => killIf(pid), ms); } });
	} else {
		const ms = below(200);
		r = await artui(fetchArgs(round), { live: (pid) => { setTimeout(() => { const s = signerOf(pid); if (s) killIf(s); }, ms); } });
	}
	if (r.signal !== 'SIGKILL')
		return;
	const where = await whereDied(round);
	landed[where] = (landed[where] ?? 0) + 1;
}

const ends = {};
async function oneRound(round, calls) {
	await killedRun(round, calls);
	while (below(3) === 0)
		await killedRun(round, calls);
	for (let i = 0; i < AGAIN_MAX; i++) {
		const r = await artui(fetchArgs(round));
		ends[round] = r;
		if (r.code === 0 || (r.code === 1 && !/right now/.test(r.out + r.err)) || r.code === 4 || r.code === 3)
			return;
		await sleep(200);
	}
}

/* ---- all ---- */

mkdirSync(HOME, { recursive: true });
writeFileSync(`${HOME}/password`, 'a password\n', { mode: 0o600 });
const init = await artui(['init']);
const made = await artui(['wallet', 'import', '--work', '4096', '--password-file', 'password', '--private-key-file', '-', 'payer'],
			 { input: readFileSync(need('ARTUI_LAB_PAYER_KEY'), 'utf8') });
if (init.code !== 0 || made.code !== 0)
	throw new Error(`${init.err} ${made.err}`);
const payer = need('ARTUI_LAB_PAYER');
const before = await balanceOf(payer);

/* How many calls a payment makes: drawn deaths cover all of them. */
await artui(fetchArgs(1000000), { env: { LD_PRELOAD: SHIM, PAY_SHIM_COUNT: `${HOME}/calls` } });
const calls = Number(readFileSync(`${HOME}/calls`, 'utf8'));
if (!(calls > 30))
	throw new Error(`the shim counted ${calls} calls`);
ends[1000000] = { code: 0 };

const queue = Array.from({ length: rounds }, (_, i) => i);
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
	for (let round = queue.shift(); round !== undefined; round = queue.shift())
		await oneRound(round, calls);
}));
console.log(`# ${calls} calls in a payment; deaths ${Object.entries(landed).map(([k, n]) => `${k}: ${n}`).join(', ')}`);

await sleep(1500); /* what sellers settle late */
await rpc('evm_increaseTime', [2 * 3600]);
await rpc('evm_mine', []);
const reconciled = await artui(['payments', 'reconcile', '--json']);
const all = await rows(), journal = await signatures(), chain = await transfersOf(payer);

const by = (list, key) => list.reduce((m, x) => { (m[x[key]] ??= []).push(x); return m; }, {});
const moved = by(chain, 'nonce'), known = by(all, 'nonce'), made_ = by(journal, 'nonce'), ofRound = by(all, 'url');
verdict('reconcile_ends_every_doubt', reconciled.code === 0 && all.every((r) => !r.may_still_move && ['settled', 'refused', 'expired'].includes(r.state)) ?
	[] : [`status ${reconciled.code}`, ...all.filter((r) => r.may_still_move).map((r) => `payment ${r.id} ${r.state} ${r.reason}`)]);
verdict('at_most_one_transfer_a_payment', Object.entries(moved).filter(([, t]) => t.length > 1).map(([n]) => n));
verdict('every_transfer_is_in_the_ledger', Object.keys(moved).filter((n) => !known[n]));
verdict('the_ledger_equals_the_chain', all.filter((r) => (r.state === 'settled') !== Boolean(moved[r.nonce]) ||
	(r.state === 'settled' && (moved[r.nonce][0].tx !== r.transaction || moved[r.nonce][0].value !== r.amount)))
	.map((r) => `payment ${r.id} ${r.state} ${r.transaction} (${r.url}): chain ${JSON.stringify(moved[r.nonce])}`));
const spent = all.filter((r) => r.state === 'settled').reduce((n, r) => n + BigInt(r.amount), 0n);
const gone = before - await balanceOf(payer);
verdict('the_balance_is_what_the_ledger_says', spent === gone ? [] : [`ledger ${spent}, chain ${gone}`]);
verdict('one_signature_a_payment', [...Object.entries(made_).filter(([, s]) => s.length > 1).map(([n]) => `twice ${n}`),
	...Object.keys(made_).filter((n) => !known[n]).map((n) => `without a row ${n}`), ...Object.keys(moved).filter((n) => !made_[n])]);
verdict('one_name_is_paid_once', Object.entries(ofRound).filter(([, list]) => list.filter((r) => r.state === 'settled').length > 1).map(([url]) => url));
verdict('every_round_came_to_an_end', Object.entries(ends).filter(([, r]) => ![0, 1, 4].includes(r.code))
	.map(([round, r]) => `round ${round}: status ${r.code} ${r.signal} ${(r.out + r.err).slice(0, 200)}`));
const good = Object.entries(ends).filter(([round]) => Number(round) < rounds && /\/(cheap|ok|no-receipt)/.test(urlOf(Number(round))) );
verdict('what_can_be_bought_was_bought', good.filter(([round]) => !(ofRound[urlOf(Number(round))] ?? []).some((r) => r.state === 'settled'))
	.map(([round, r]) => `round ${round} ${urlOf(Number(round))}: status ${r.code} ${(r.out + r.err).replace(/\s+/g, ' ').slice(0, 300)}`));
const doctor = await artui(['doctor']);
verdict('doctor_finds_a_sound_ledger', /^fail +(store|database|payments)/m.test(doctor.out) ? [doctor.out.slice(0, 400)] : []);
verdict('deaths_landed_in_every_part', rounds < 100 ? [] :
	['before reserve', 'after reserve', 'after sign', 'after storing the signature', 'after marking it sent', 'after settle, not judged']
		.filter((w) => !landed[w]));
process.exit(failed ? 1 : 0);
