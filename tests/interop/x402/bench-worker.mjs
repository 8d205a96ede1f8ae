/*
 * bench-worker.mjs: a worker under load beside @x402/express, on the same machine in the same run. The driver of
 * tests/bench/bench_worker.sh. Both ask one facilitator, once a stub that answers at once (what the gate itself costs) and once
 * the reference facilitator on a real chain. BIN: folder of the program and of tests/http_load.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { need, listen } from './common.mjs';
import { DIR, NETWORK, PRICE, Worker, buyer, makeHome, required, sign, sleep, v2 } from './workerlab.mjs';

const LOAD = `${need('BIN')}/tests/http_load`;
const SECONDS = Number(process.argv[2] ?? 4);
const TRAIN = JSON.stringify({ train_py: 'echo val_bpb: 1.25' });
mkdirSync(DIR, { recursive: true });

async function load(url, connections, seconds, requests) {
	const file = `${DIR}/requests`;
	writeFileSync(file, requests.map((r) => `${r}\0`).join(''));
	const { stdout } = await promisify(execFile)(LOAD, [new URL(url).port, String(connections), String(seconds), file], { maxBuffer: 1 << 24 });
	return JSON.parse(stdout);
}
const request = (headers = {}, body = TRAIN) => ['POST /experiment HTTP/1.1', 'Host: bench', 'Content-Type: application/json',
	...Object.entries(headers).map(([k, v]) => `${k}: ${v}`), `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');

/* Says yes to everything at once: fake, and only to leave the facilitator's own time out. */
async function stubFacilitator() {
	const server = createServer((req, res) => {
		const parts = [];
		req.on('data', (b) => parts.push(b));
		req.on('end', () => {
			const payer = parts.length ? JSON.parse(Buffer.concat(parts)).paymentPayload?.payload?.authorization?.from : null;
			const answer = req.url === '/supported' ? { kinds: [{ x402Version: 2, scheme: 'exact', network: NETWORK }], extensions: [], signers: {} }
				: req.url === '/verify' ? { isValid: true, payer } : { success: true, transaction: `0x${'ab'.repeat(32)}`, network: NETWORK, payer };
			res.writeHead(200, { 'content-type': 'application/json' });
			res.end(JSON.stringify(answer));
		});
	});
	return { url: `http://127.0.0.1:${await listen(server)}`, close: () => server.close() };
}

async function express(facilitator) {
	const child = spawn(process.execPath, [new URL('./bench-seller.mjs', import.meta.url).pathname], {
		env: { ...process.env, FACILITATOR: facilitator }, stdio: ['ignore', 'pipe', 'inherit'] });
	const port = await new Promise((resolve) => { child.stdout.once('data', (b) => resolve(String(b).trim())); });
	return { url: `http://127.0.0.1:${port}`, end: () => child.kill() };
}

async function payments(url, n, account) {
	const challenge = required(await fetch(`${url}/experiment`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: TRAIN }));
	const all = [];
	for (let i = 0; i < n; i++)
		all.push(v2(challenge, await sign(account, { seconds: challenge.accepts[0].maxTimeoutSeconds + 60 })));
	return all;
}

const row = (what, want, a, b) => {
	const ratio = b ? `${(a.per_s / b.per_s).toFixed(2)} times` : '';
	console.log(`${what.padEnd(44)} ${a.per_s.toFixed(0).padStart(7)}/s p50 ${a.p50_ms.toFixed(1)} ms p99 ${a.p99_ms.toFixed(1)} ms` +
		(b ? `   express ${b.per_s.toFixed(0).padStart(6)}/s p50 ${b.p50_ms.toFixed(1)} ms   ${ratio}` : ''));
	for (const [who, x] of [['worker', a], ['express', b]])
		if (x && (x.errors || Object.keys(x.statuses).some((s) => s !== String(want))))
			console.log(`  ${who}: ${x.errors} errors, statuses ${JSON.stringify(x.statuses)}`);
};

const stub = await stubFacilitator();
const account = await buyer(PRICE * 2000);
const w = await new Worker(await makeHome('bench'), ['--facilitator', stub.url], { wallet: false, queue: 1000, budget: 2, grace: 1 }).start();
const peer = await express(stub.url);

for (const connections of [1, 64])
	row(`challenges, ${connections} connection${connections > 1 ? 's' : ''}`, 402, await load(w.url, connections, SECONDS, [request()]),
	    await load(peer.url, connections, SECONDS, [request()]));

/* Signed before: the buyer's time is not measured. */
const [mine, theirs] = [await payments(w.url, 200, account), await payments(peer.url, 200, account)];
row('paid submits, run and settled (stub), 8 at once', 200, await load(w.url, 8, 0, mine.slice(0, 100).map((h) => request(h))),
    await load(peer.url, 8, 0, theirs.slice(0, 100).map((h) => request(h))));
row('paid submits, accepted with 202 (stub), 8 at once', 202, await load(w.url, 8, 0, (await payments(w.url, 400, account)).map((h) => request({ ...h, Prefer: 'respond-async' }))), null);
console.log('  (each of the worker\'s has a sandbox, a durable order and a locked nonce; express has none of them)');

/* A thousand that say nothing, two hundred that say it slowly. */
const [idle, slow] = [spawn(LOAD, [new URL(w.url).port, '1000', '12', '-idle']), spawn(LOAD, [new URL(w.url).port, '200', '12', '-slow'])];
await Promise.all([idle, slow].map((c) => new Promise((resolve) => { c.stdout.once('data', resolve); })));
row('challenges, beside 1000 idle and 200 slow ones', 402, await load(w.url, 64, SECONDS, [request()]));
const health = await load(w.url, 1, 1, ['GET /health HTTP/1.1\r\nHost: bench\r\n\r\n']);
row('health, one connection, beside them', 200, health);
await Promise.all([idle, slow].map((c) => new Promise((resolve) => { c.once('exit', resolve); })));
await w.end();
peer.end();
stub.close();

/* With the reference facilitator and a chain. */
const real = need('ARTUI_LAB_FACILITATOR');
const w2 = await new Worker(await makeHome('bench-real'), ['--facilitator', real], { wallet: false, queue: 1000, budget: 2, grace: 1 }).start();
const peer2 = await express(real);
row('paid submits, reference facilitator, 8 at once', 200, await load(w2.url, 8, 0, (await payments(w2.url, 60, account)).map((h) => request(h))),
    await load(peer2.url, 8, 0, (await payments(peer2.url, 60, account)).map((h) => request(h))));
await w2.end();
peer2.end();
await sleep(10);
process.exit(0);
