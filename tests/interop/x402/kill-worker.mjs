/*
 * kill-worker.mjs ROUNDS SEED: a worker is killed in the middle of paid orders, again and again, and goes on; afterwards
 * the chain, the ledger of sales and the orders are compared. The driver of tests/fault/kill_worker.sh.
 *
 * In most rounds the worker dies at a drawn call that moves bytes (pay_shim.c), in the others at a drawn moment; in a third
 * of the rounds the next start is killed too. In half of them the buyer sends the same payment again, in the others it
 * never comes back. Four workers at once: settled by a facilitator (whose answer is lost at times) or by themselves, after
 * the run or before it.
 *
 * BIN: folder of the program. SHIM: the preloaded library. Prints "ok NAME" or "FAIL NAME: why".
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { need, rpc, transfersOf } from './common.mjs';
import { DIR, PRICE, Worker, buyer, failures, makeHome, run, sign, sleep, unb64, unreliable, until, v2, verdict } from './workerlab.mjs';

const [rounds, seed0] = [Number(process.argv[2] ?? 12), Number(process.argv[3] ?? 1)];
const SHIM = need('SHIM');
const FINAL = ['completed', 'failed', 'timeout', 'cancelled'];
mkdirSync(DIR, { recursive: true });

let seed = seed0;
function random() { /* mulberry32 */
	seed = (seed + 0x6d2b79f5) | 0;
	let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
/* 0 to 0.8: the beginning of an order has more steps than its end. */
const early = () => 0.8 * random() ** 2;
const scoreOf = (round) => 1 + (round + 1) / 100000;
const trainOf = (round) => `sleep 0.4; echo ARTUI_KILL_TEST; echo val_bpb: ${scoreOf(round)}`;
const idOf = (round) => `kill-${round}`;

const facilitator = await unreliable();
facilitator.say = (step) => (step === 'settle' && below(8) === 0 ? 'lost' : 'ok');

async function makeWorker(mode, settle) {
	const place = await makeHome(`kill-${mode}-${settle}`);
	await rpc('anvil_setBalance', [place.account.address, '0xde0b6b3a7640000']);
	const w = new Worker(place, ['--facilitator', mode === 'self' ? 'self' : facilitator.url, '--settle', settle], { budget: 20, grace: 10 });
	w.mode = `${mode}/${settle}`;
	w.arm = `${place.home}/arm`;
	w.account = await buyer(PRICE * (rounds + 10));
	return w;
}

/* Where a death landed, from what is left of it. */
async function whereDied(w, round) {
	const order = (await w.orders()).find((o) => o.experiment_id === idOf(round));
	const sale = (await w.sales()).find((s) => s.nonce === w.nonce);
	if (!sale)
		return 'before the sale';
	if (!order)
		return `sale ${sale.state}, no order`;
	return `order ${FINAL.includes(order.state) ? 'ended' : order.state}, sale ${sale.state}`;
}

const landed = {}, kills = {};
async function killed(w, round, calls, submit) {
	const byShim = below(5) < 3;
	rmSync(w.arm, { force: true });
	w.shim = byShim ? { LD_PRELOAD: SHIM, PAY_SHIM_ARM: w.arm, PAY_SHIM_AT: String(1 + Math.floor(early() * calls)) } : {};
	try {
		await w.start();
	} catch (e) {
		throw new Error(`round ${round}: ${e.message}`);
	}
	writeFileSync(w.arm, '');
	const answer = submit ? submit().catch(() => null) : Promise.resolve(null);
	await Promise.race([byShim ? new Promise((resolve) => { w.child.once('exit', resolve); }) : sleep(early() * 1200), sleep(2500)]);
	if (w.child.signalCode === null && w.child.exitCode === null)
		await w.end('SIGKILL');
	const res = await answer;
	if (res)
		await res.text().catch(() => {});
	const where = await whereDied(w, round);
	landed[where] = (landed[where] ?? 0) + 1;
	kills[round] = (kills[round] ?? 0) + 1;
}

/* Each start has another port, which nothing that is signed names. */
async function oneRound(w, round, calls) {
	const payload = await sign(w.account, { seconds: 7200 });
	w.nonce = payload.authorization.nonce;
	const headers = v2(w.challenge_, payload);
	const submit = () => w.submit(trainOf(round), headers, { id: idOf(round), isAsync: below(2) === 0 });
	const comesBack = below(2) === 0;
	/* A paused worker takes orders and starts none. */
	const paused = below(6) === 0;
	if (paused)
		await run(w.home, ['worker', 'pause', '--data', w.data]);
	await killed(w, round, calls, submit);
	if (paused)
		await run(w.home, ['worker', 'open', '--data', w.data]);
	if (below(3) === 0)
		await killed(w, round, calls, comesBack ? submit : null);
	w.shim = {};
	await w.start();
	if (comesBack) {
		const res = await until(`an answer in round ${round}`, async () => {
			const r = await w.submit(trainOf(round), headers, { id: idOf(round) });
			if (r.status === 200 || (r.status === 503 && !/settling/.test(await r.clone().text())))
				return r;
			await r.text();
			await sleep(300);
			return null;
		}, 60_000);
		w.answers[round] = { status: res.status, body: await res.json().catch(() => null), response: res.headers.get('payment-response') };
	}
	const order = (await w.orders()).find((o) => o.experiment_id === idOf(round));
	if (order)
		await until(`the end of order ${order.experiment_id} (${w.mode})`, async () => FINAL.includes((await w.orders()).find((o) => o.id === order.id).state), 60_000);
	await w.end('SIGKILL');
}

async function countCalls(w) {
	const count = `${w.home}/calls`;
	w.shim = { LD_PRELOAD: SHIM, PAY_SHIM_ARM: w.arm, PAY_SHIM_COUNT: count };
	await w.start();
	w.challenge_ = await w.challenge();
	writeFileSync(w.arm, '');
	const payload = await sign(w.account, { seconds: 7200 });
	w.nonce = payload.authorization.nonce;
	const res = await w.submit(trainOf(rounds), v2(w.challenge_, payload), { id: idOf(rounds) });
	if (res.status !== 200)
		throw new Error(`the first order: ${res.status} ${await res.text()} ${w.said()}`);
	w.answers = { [rounds]: { status: 200, body: await res.json(), response: res.headers.get('payment-response') } };
	await w.end();
	const calls = existsSync(count) ? Number(readFileSync(count, 'utf8')) : 0;
	if (!(calls > 30))
		throw new Error(`the shim counted ${calls} calls`);
	return calls;
}

const workers = await Promise.all([['facilitator', 'after'], ['self', 'after'], ['facilitator', 'upfront'], ['self', 'upfront']].map((m) => makeWorker(...m)));
const queue = Array.from({ length: rounds }, (_, i) => i);
let most = 0;
await Promise.all(workers.map(async (w) => {
	const calls = await countCalls(w);
	most = Math.max(most, calls);
	for (let round = queue.shift(); round !== undefined; round = queue.shift())
		await oneRound(w, round, calls);
}));
console.log(`# ${most} calls in an order; deaths: ${Object.entries(landed).sort().map(([k, n]) => `${k}: ${n}`).join('; ')}`);

/* Everything that may still be done is done by itself. */
for (const w of workers) {
	await w.start();
	await until(`every sale of ${w.mode} is closed`, async () => (await w.sales()).every((s) => ['settled', 'released', 'unpaid'].includes(s.state)), 90_000).catch(() => {});
}
const at = (w, o) => `${w.mode} order ${o.experiment_id} (${o.state}${o.our_fault ? ', our fault' : ''}, attempt ${o.attempt}, ${o.note ?? ''})`;
const all = await Promise.all(workers.map(async (w) => ({ w, orders: await w.orders(), sales: await w.sales(), chain: await transfersOf(w.account.address) })));
const each = (fn) => all.flatMap((x) => fn(x));

verdict('kill_worker_every_order_ended', each(({ w, orders }) => orders.filter((o) => !FINAL.includes(o.state)).map((o) => at(w, o))));
verdict('kill_worker_every_sale_closed', each(({ w, sales }) => sales.filter((s) => !['settled', 'released'].includes(s.state)).map((s) => `${w.mode} sale ${s.id} ${s.state} ${s.reason}`)));
verdict('kill_worker_finished_or_failed_by_our_fault', each(({ w, orders }) => orders
	.filter((o) => o.state !== 'completed' && !(o.state === 'failed' && o.our_fault) && !(o.state === 'cancelled' && !o.started_at)).map((o) => at(w, o))));
verdict('kill_worker_completed_is_the_right_number', each(({ w, orders }) => orders
	.filter((o) => o.state === 'completed' && o.val_bpb !== scoreOf(Number(o.experiment_id.slice(5)))).map((o) => `${at(w, o)} ${o.val_bpb}`)));
/* Upfront the money is there before the run: a worker that dies twice in one leaves it so, and says it. */
verdict('kill_worker_never_settled_without_a_result', each(({ w, orders, sales }) => sales.filter((s) => s.state === 'settled')
	.map((s) => ({ s, o: orders.find((o) => o.sale === s.id) }))
	.filter(({ o }) => o?.state !== 'completed' && !(w.mode.endsWith('upfront') && o?.our_fault && o.attempt === 2))
	.map(({ s, o }) => `sale ${s.id}: ${o ? at(w, o) : 'no order'}`)));
verdict('kill_worker_completed_is_settled', each(({ w, orders, sales }) => orders
	.filter((o) => o.state === 'completed' && sales.find((s) => s.id === o.sale)?.state !== 'settled').map((o) => at(w, o))));
verdict('kill_worker_never_settled_twice', each(({ w, chain }) => chain.filter((t, i) => chain.findIndex((u) => u.nonce === t.nonce) !== i || Number(t.value) !== PRICE)
	.map((t) => `${w.mode} ${t.nonce} ${t.value}`)));
verdict('kill_worker_ledger_equals_the_chain', each(({ w, sales, chain }) => [
	/* A payment that was released may be taken again, as another sale. */
	...sales.filter((s) => sales.filter((t) => t.nonce === s.nonce && t.state === 'settled').length !== chain.filter((t) => t.nonce === s.nonce).length)
		.map((s) => `${w.mode} sale ${s.id} ${s.state}`),
	...sales.filter((s) => s.state === 'settled' && chain.find((t) => t.nonce === s.nonce)?.tx !== s.transaction).map((s) => `${w.mode} sale ${s.id}: ${s.transaction}`),
	...chain.filter((t) => !sales.some((s) => s.nonce === t.nonce)).map((t) => `${w.mode} transfer ${t.tx} of no sale`)]));
verdict('kill_worker_who_came_back_has_it', each(({ w }) => Object.entries(w.answers)
	/* Killed before the experiment was on the disk: called off, and not charged. */
	.filter(([, a]) => !(a.status === 200 && a.body?.status === 'cancelled' && /ended before it was stored/.test(a.body.note) && !a.response))
	.filter(([round, a]) => a.status !== 503 && (a.body?.val_bpb !== scoreOf(Number(round)) || !unb64(a.response ?? 'e30=').success))
	.map(([round, a]) => `${w.mode} round ${round}: ${a.status} ${JSON.stringify(a.body)?.slice(0, 200)}`)));
const missing = [];
for (const { w, orders } of all)
	for (const o of orders.filter((x) => x.state === 'completed')) {
		const res = await w.ask(`/experiments/${o.experiment_id}`);
		const j = await res.json().catch(() => null);
		if (res.status !== 200 || j?.val_bpb !== o.val_bpb || !j.receipt?.order || !j.receipt.receipt)
			missing.push(`${at(w, o)}: ${res.status}`);
	}
verdict('kill_worker_results_and_receipts_are_there', missing);
verdict('kill_worker_orders_run_again_at_most_once', each(({ w, orders }) => orders.filter((o) => o.attempt > 2).map((o) => at(w, o))));
for (const w of workers)
	await w.end();
const left = readdirSync('/proc').filter((p) => /^\d+$/.test(p) && Number(p) !== process.pid).filter((p) => {
	try {
		return readFileSync(`/proc/${p}/environ`, 'latin1').includes(`ARTUI_EXPERIMENT_ID=kill-`);
	} catch {
		return false;
	}
});
verdict('kill_worker_no_run_is_left', left.map((p) => `process ${p}`));
verdict('kill_worker_deaths_landed_in_every_part', rounds < 100 ? [] : ['before the sale', 'order queued, sale verified', 'order running, sale verified', 'order ended, sale settling', 'order ended, sale settled']
	.filter((k) => !landed[k]).map((k) => `none at: ${k}`));
facilitator.close();
process.exit(failures() ? 1 : 0);
