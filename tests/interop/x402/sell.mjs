/*
 * sell.mjs: an express service behind a real `artui sell http`, bought from by the reference packages of both versions
 * and by artui, on a real chain, settled by the reference facilitator and by artui itself. What moved is read from the
 * chain, never from what the seller says. Prints "ok NAME" or "FAIL NAME: why". Needs the environment that lab.sh writes.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import express from 'express';
import { createWalletClient, getAddress, http } from 'viem';
import { baseSepolia } from 'viem/chains';
import { decodePaymentResponseHeader, wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { ExactEvmScheme } from '@x402/evm';
import { wrapFetchWithPayment as wrapLegacy, decodeXPaymentResponse } from 'x402-fetch';
import { NETWORK_V1, listen, need, rpc, transfersOf } from './common.mjs';
import { DIR, NETWORK, PAYEE, PRICE, Worker, buyer, failures, makeHome, required, run, same, sign, sleep, test, transfer, unreliable, until,
	 v1, v2 } from './workerlab.mjs';

const only = process.argv.slice(2);
const wants = (name) => !only.length || only.some((o) => name.includes(o));
mkdirSync(DIR, { recursive: true });
const FACILITATOR = need('ARTUI_LAB_FACILITATOR');
const BIG = 5_000_000;

/* ---- the service ---- */

const service = { asked: 0, ill: false, left: 0, payers: [] };
const app = express();
app.use((req, res, next) => {
	service.asked++;
	service.payers.push(req.get('x-payment-payer'));
	if (service.ill)
		return res.status(500).json({ error: 'unwell' });
	return next();
});
app.get('/health', (req, res) => res.json({ payer: req.get('x-payment-payer') ?? null }));
app.get('/thing', (req, res) => res.json({ q: req.query.q ?? null, payer: req.get('x-payment-payer') }));
app.post('/echo', express.raw({ type: () => true, limit: '20mb' }), (req, res) => res.type(req.get('content-type')).send(req.body));
app.get('/slow', (req, res) => { setTimeout(() => res.json({ slow: true }), Number(req.query.ms)); });
app.get('/big', (req, res) => res.type('application/octet-stream').send(Buffer.alloc(BIG, 'b')));
app.get('/events', (req, res) => {
	res.writeHead(200, { 'content-type': 'text/event-stream' });
	res.flushHeaders();
	let n = 0;
	const timer = setInterval(() => {
		res.write(`data: ${++n}\n\n`);
		if (n === Number(req.query.n)) {
			clearInterval(timer);
			res.end();
		}
	}, 100);
	res.on('close', () => { clearInterval(timer); service.left += !res.writableEnded; });
});
const UPSTREAM = `http://127.0.0.1:${await listen(createServer(app))}`;

/* ---- the seller ---- */

class Shop extends Worker {
	constructor(place, options = [], { wallet = false } = {}) {
		super(place, [], {});
		this.args = ['sell', 'http', 'thing', '--upstream', UPSTREAM, '--data', this.data, '--listen', '127.0.0.1:0', '--port-file',
			     `${this.home}/port`, '--price', '0.01', '--pay-to', PAYEE, '--timeout', '60', ...(wallet ? this.wallet : []), ...options];
	}

	async challenge(path = '/thing') {
		const res = await this.ask(path);
		same(res.status, 402, 'the status without a payment');
		return required(res);
	}
}

const sell = async (name, options = [], more = {}) => new Shop(await makeHome(name), options, more).start();

async function paid(account, ...amounts) {
	const all = await transfersOf(account.address);
	same(all.map((t) => [Number(t.value), t.to]), amounts.map((a) => [a, PAYEE.toLowerCase()]), 'what moved');
	return all;
}
async function json(res, status = 200) {
	const text = await res.text();
	same([res.status, text.slice(0, res.status === status ? 0 : 300)], [status, ''], 'status and body');
	return JSON.parse(text);
}
const v2client = (account) => wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network: NETWORK, client: new ExactEvmScheme(account) }] });

/* ---- buying, with either way to settle ---- */

async function buying(mode) {
	const place = await makeHome(`sell-${mode}`);
	if (mode === 'self')
		await rpc('anvil_setBalance', [place.account.address, '0xde0b6b3a7640000']);
	const w = await new Shop(place, ['--facilitator', mode === 'self' ? 'self' : FACILITATOR], { wallet: mode === 'self' }).start();
	const name = (n) => `sell_${mode}_${n}`;

	await test(name('v2_reference_client'), async () => {
		const account = await buyer();
		const res = await v2client(account)(`${w.url}/thing?q=7`);
		same(getAddress((await json(res)).payer), account.address, 'whom the service was told of');
		const [t] = await paid(account, PRICE);
		const response = decodePaymentResponseHeader(res.headers.get('payment-response'));
		same([response.success, response.transaction, getAddress(response.payer), response.network], [true, t.tx, account.address, NETWORK], 'PAYMENT-RESPONSE');
		const sale = await w.sale(account);
		same([sale.item, sale.state, sale.transaction, sale.amount, sale.nonce], ['thing', 'settled', t.tx, String(PRICE), t.nonce], 'the sale');
	});
	await test(name('v1_legacy_client'), async () => {
		const account = await buyer();
		const pay = wrapLegacy(fetch, createWalletClient({ account, chain: baseSepolia, transport: http(need('ARTUI_LAB_RPC')) }));
		const res = await pay(`${w.url}/echo`, { method: 'POST', headers: { 'content-type': 'text/x-odd' }, body: 'as it is' });
		same([res.status, res.headers.get('content-type'), await res.text()], [200, 'text/x-odd; charset=utf-8', 'as it is'], 'the answer');
		const [t] = await paid(account, PRICE);
		const response = decodeXPaymentResponse(res.headers.get('x-payment-response'));
		same([response.success, response.transaction, response.network], [true, t.tx, NETWORK_V1], 'X-PAYMENT-RESPONSE');
	});
	await test(name('artui_fetch'), async () => {
		const home = await makeHome(`sell-buyer-${mode}`);
		await transfer(await buyer(PRICE * 3), home.account.address, PRICE * 3);
		const r = await run(home.home, ['fetch', '--json', '--yes', '--max-usd', '0.01', '--password-file', 'password', '--wallet', 'w', `${w.url}/thing?q=a%20b`]);
		same([r.code, r.code ? r.err : ''], [0, ''], 'artui fetch');
		const answer = JSON.parse(r.out), [t] = await paid(home.account, PRICE);
		same([JSON.parse(answer.body).q, answer.payment.state, answer.payment.transaction], ['a b', 'settled', t.tx], 'what artui says');
	});
	await test(name('large_answer'), async () => {
		const account = await buyer();
		const res = await v2client(account)(`${w.url}/big`);
		const body = Buffer.from(await res.arrayBuffer());
		same([res.status, res.headers.get('content-length'), body.length, body.every((b) => b === 98)], [200, String(BIG), BIG, true], 'the answer');
		await paid(account, PRICE);
	});
	await test(name('events'), async () => {
		const account = await buyer();
		const res = await v2client(account)(`${w.url}/events?n=40`);
		same([res.status, res.headers.get('content-type')], [200, 'text/event-stream'], 'the answer');
		const at = [];
		let text = '';
		for await (const part of res.body) {
			text += Buffer.from(part).toString();
			at.push(Date.now());
		}
		same(text, Array.from({ length: 40 }, (_, n) => `data: ${n + 1}\n\n`).join(''), 'the events');
		/* Those that waited for the settlement come at once. */
		same([at.length >= 8, at.at(-1) - at[0] >= 700], [true, true], 'that they came one by one');
		await paid(account, PRICE);
	});
	await test(name('failure_costs_nothing'), async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		service.ill = true;
		same((await w.ask('/thing', { headers })).status, 500, 'the status');
		service.ill = false;
		await paid(account);
		same((await w.sale(account)).state, 'released', 'the sale');
		await json(await w.ask('/thing', { headers }));
		await paid(account, PRICE);
	});
	await test(name('same_payment_at_once'), async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		const before = service.asked;
		const all = await Promise.all(Array.from({ length: 6 }, () => w.ask('/slow?ms=500', { headers })));
		same([all.filter((r) => r.status === 200).length > 0, all.filter((r) => ![200, 409].includes(r.status)).map((r) => r.status)], [true, []], 'the statuses');
		await paid(account, PRICE);
		same(await json(await w.ask('/slow?ms=500', { headers })), { slow: true }, 'asked again');
		same((await w.ask('/slow?ms=501', { headers })).status, 409, 'for another thing');
		same(service.asked - before, 1, 'how often the service was asked');
		await paid(account, PRICE);
	});
	await test(name('no_funds'), async () => {
		const account = await buyer(0), before = service.asked;
		const res = await w.ask('/thing', { headers: v2(await w.challenge(), await sign(account)) });
		same([res.status, service.asked - before], [402, 0], 'status and calls');
		same(/balance|funds/.test(required(res).error), true, `why (${required(res).error})`);
		await paid(account);
	});
	await test(name('funds_gone_meanwhile'), async () => {
		const account = await buyer(PRICE), headers = v2(await w.challenge(), await sign(account));
		const res = w.ask('/slow?ms=1500', { headers });
		await sleep(600);
		await transfer(account, '0x000000000000000000000000000000000000dEaD', PRICE);
		const answer = await res;
		same([answer.status, answer.headers.has('payment-response'), (await answer.text()).includes('slow')], [402, true, false], 'what came');
		same((await w.sale(account)).state, 'unpaid', 'the sale');
	});
	await test(name('free_path'), async () => {
		same(await json(await w.ask('/health', { headers: { 'X-Payment-Payer': '0xme' } })), { payer: null }, 'the answer');
	});
	same(await w.end(), 0, 'the exit status');
}

/* ---- a facilitator that fails, deaths, the end ---- */

async function trouble() {
	const f = await unreliable();
	let w = await sell('sell-trouble', ['--facilitator', f.url]);

	await test('sell_facilitator_down', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account)), before = service.asked;
		f.say = () => 'down';
		same((await w.ask('/thing', { headers })).status, 503, 'the status');
		same(service.asked, before, 'calls');
		f.say = () => 'ok';
		await json(await w.ask('/thing', { headers }));
		await paid(account, PRICE);
	});
	await test('sell_settlement_lost', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account)), before = service.asked;
		f.say = (step) => (step === 'settle' ? 'lost' : 'ok');
		const first = await w.ask('/thing', { headers });
		f.say = () => 'ok';
		/* The chain has the last word, at once or when asked again. */
		const res = first.status === 503 ? await w.ask('/thing', { headers }) : first;
		await json(res);
		const [t] = await paid(account, PRICE);
		same(decodePaymentResponseHeader(res.headers.get('payment-response')).transaction, t.tx, 'the transaction');
		same(service.asked - before, 1, 'calls');
	});
	await test('sell_settlement_down', async () => {
		const account = await buyer(), headers = v1(await sign(account)), before = service.asked;
		f.say = (step) => (step === 'settle' ? 'down' : 'ok');
		same((await w.ask('/thing', { headers })).status, 503, 'the status');
		await paid(account);
		f.say = () => 'ok';
		await json(await w.ask('/thing', { headers }));
		await paid(account, PRICE);
		same(service.asked - before, 1, 'calls');
	});
	await test('sell_killed_while_working', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		const lost = w.ask('/slow?ms=3000', { headers }).then(() => 'answered', () => 'lost');
		await until('a verified sale', async () => (await w.sale(account))?.state === 'verified');
		await w.end('SIGKILL');
		same(await lost, 'lost', 'the request');
		await w.start();
		same((await w.sale(account)).state, 'released', 'the sale');
		await paid(account);
		await json(await w.ask('/slow?ms=10', { headers }));
		await paid(account, PRICE);
	});
	await test('sell_killed_while_settling', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		f.say = (step) => (step === 'settle' ? 'slow' : 'ok');
		const lost = w.ask('/thing', { headers }).then(() => 'answered', () => 'lost');
		await until('a settlement', async () => (await w.sale(account))?.state === 'settling');
		await w.end('SIGKILL');
		same(await lost, 'lost', 'the request');
		f.say = () => 'ok';
		await sleep(4000);
		await w.start();
		const [t] = await paid(account, PRICE);
		same([(await w.sale(account)).state, (await w.sale(account)).transaction], ['settled', t.tx], 'the sale');
		/* The answer is gone with the process, and said to be; nothing is charged again. */
		const res = await w.ask('/thing', { headers });
		same([res.status, decodePaymentResponseHeader(res.headers.get('payment-response')).transaction], [409, t.tx], 'asked again');
		await paid(account, PRICE);
	});
	await test('sell_client_leaves_events', async () => {
		const account = await buyer(), before = service.left, stop = new AbortController();
		const res = await w.ask('/events?n=1000', { headers: v2(await w.challenge(), await sign(account)), signal: stop.signal });
		same(res.status, 200, 'the status');
		await res.body.getReader().read();
		stop.abort();
		await until('the service hears of it', async () => service.left > before);
		await paid(account, PRICE);
	});
	await test('sell_ended_while_events_flow', async () => {
		const account = await buyer(), before = service.left;
		const res = await w.ask('/events?n=1000', { headers: v2(await w.challenge(), await sign(account)) });
		const short = await w.ask('/events?n=10', { headers: v2(await w.challenge(), await sign(account)) });
		const from = Date.now(), end = w.end();
		same((await short.text()).includes('data: 10\n'), true, 'that the short one came to its end');
		same([await res.text().then(() => 'whole', () => 'broken'), await end], ['broken', 0], 'the long one, and the exit status');
		same(Date.now() - from < 14_000, true, 'that it ended in time');
		await until('the service hears of it', async () => service.left > before);
	});
	await w.end();
	w = await sell('sell-upfront', ['--facilitator', f.url, '--settle', 'upfront']);
	await test('sell_upfront_owes_what_failed', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		service.ill = true;
		const res = await w.ask('/thing', { headers });
		same([res.status, decodePaymentResponseHeader(res.headers.get('payment-response')).success], [500, true], 'the failure');
		service.ill = false;
		await paid(account, PRICE);
		await json(await w.ask('/thing', { headers }));
		await json(await w.ask('/thing', { headers }));
		await paid(account, PRICE);
	});
	await test('sell_one_of_a_name', async () => {
		const second = await run(w.home, w.args);
		same([second.code, /another artui sells thing/.test(second.err)], [1, true], `what the second says (${second.err})`);
	});
	await w.end();
	f.close();
}

if (wants('facilitator'))
	await buying('facilitator');
if (wants('self'))
	await buying('self');
if (wants('trouble'))
	await trouble();
process.exit(failures() ? 1 : 0);
