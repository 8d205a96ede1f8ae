/*
 * workerlab.mjs: what the tests of the selling side share: a running `artui worker serve`, buyers with money of
 * their own, payments by hand, and a facilitator in between that can be made to fail.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWalletClient, encodeFunctionData, http, parseAbi, publicActions } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { CHAIN_ID, NETWORK, NETWORK_V1, PAYEE, USDC, WHO, accounts, b64, listen, need, receiptOf, rpc } from './common.mjs';

export const ARTUI = `${need('BIN')}/artui`;
export const DIR = need('ARTUI_TEST_DIR');
export const SETTINGS = ['-c', `chain.base-sepolia.rpc=${need('ARTUI_LAB_RPC')}`, '-c', 'pay.chains=base-sepolia'];
export const PRICE = 10000;
const URL_ = need('ARTUI_LAB_RPC');
export const chain = { id: CHAIN_ID, name: 'lab', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [URL_] } } };
export const walletOf = (account) => createWalletClient({ account, chain, transport: http(URL_), pollingInterval: 20, cacheTime: 0 }).extend(publicActions);

let failed = 0;
export function verdict(name, wrong) {
	if (wrong.length)
		failed++;
	console.log(wrong.length ? `FAIL ${name}: ${wrong.slice(0, 5).join('; ').slice(0, 1200)}` : `ok ${name}`);
}
export const failures = () => failed;
/* A test is a function that throws when something is not as it must be. */
export async function test(name, body) {
	try {
		await Promise.race([body(), sleep(90_000, undefined, { ref: false }).then(() => { throw new Error('no end within 90 s'); })]);
		verdict(name, []);
	} catch (e) {
		verdict(name, [e.stack.split('\n').slice(0, 4).join(' | ')]);
	}
}
export function same(got, want, what = 'it') {
	const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
	if (a !== b)
		throw new Error(`${what} is ${a}, not ${b}`);
}
export async function until(what, probe, ms = 30_000) {
	for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
		const value = await probe();
		if (value)
			return value;
	}
	throw new Error(`never: ${what}`);
}

/* ---- buyers ---- */

/* An account that nobody else uses, with so much USDC and some gas. */
export async function buyer(micro = 1_000_000) {
	const account = privateKeyToAccount(generatePrivateKey());
	await rpc('anvil_setBalance', [account.address, '0xde0b6b3a7640000']);
	if (micro)
		await transfer(privateKeyToAccount(accounts()[WHO.payer2].key), account.address, micro);
	return account;
}

const abi = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);
let queue = Promise.resolve();
/* A plain transfer, which is no payment; one after another, for the account's number. */
export function transfer(from, to, micro) {
	queue = queue.catch(() => {}).then(async () => {
		const hash = await walletOf(from).sendTransaction({ to: USDC, data: encodeFunctionData({ abi, functionName: 'transfer', args: [to, BigInt(micro)] }) });
		return receiptOf(hash);
	});
	return queue;
}

export async function sign(account, { value = PRICE, to = PAYEE, validAfter = 0, seconds = 3600, chainId = CHAIN_ID, name = 'USDC' } = {}) {
	const authorization = {
		from: account.address, to, value: String(value), validAfter: String(validAfter),
		validBefore: String(Math.floor(Date.now() / 1000) + seconds), nonce: `0x${randomBytes(32).toString('hex')}`,
	};
	const fields = ['from:address', 'to:address', 'value:uint256', 'validAfter:uint256', 'validBefore:uint256', 'nonce:bytes32'];
	const signature = await account.signTypedData({
		domain: { name, version: '2', chainId, verifyingContract: USDC },
		types: { TransferWithAuthorization: fields.map((f) => ({ name: f.split(':')[0], type: f.split(':')[1] })) },
		primaryType: 'TransferWithAuthorization', message: authorization,
	});
	return { signature, authorization };
}

export const required = (res) => JSON.parse(Buffer.from(res.headers.get('payment-required'), 'base64'));
export const unb64 = (text) => JSON.parse(Buffer.from(text, 'base64'));
/* The header of version 2, of version 1, and obol's coordinator's. */
export function v2(challenge, payload, extensions) {
	return { 'PAYMENT-SIGNATURE': b64({ x402Version: 2, resource: challenge.resource, accepted: challenge.accepts[0], payload,
					    ...(extensions && { extensions }) }) };
}
export const v1 = (payload) => ({ 'X-PAYMENT': b64({ x402Version: 1, scheme: 'exact', network: NETWORK_V1, payload }) });
export const bare = ({ signature, authorization }) => ({ 'X-PAYMENT': JSON.stringify({ signature, authorization, chain: NETWORK_V1, token: USDC }) });

/* ---- the worker ---- */

const PASSWORD = 'correct horse battery';
export async function run(home, args, { input, signal } = {}) {
	return new Promise((resolve) => {
		const child = spawn(ARTUI, [...SETTINGS, ...args], {
			cwd: home, detached: true, env: { HOME: home, PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }, signal,
		});
		const out = [], err = [];
		child.stdout.on('data', (b) => out.push(b));
		child.stderr.on('data', (b) => err.push(b));
		child.on('close', (code) => resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
		child.stdin.on('error', () => {}); /* it may end without reading */
		child.stdin.end(input ?? '');
	});
}

/* A home with a wallet of its own, named w; its address. */
export async function makeHome(name, key = generatePrivateKey()) {
	const home = `${DIR}/${name}`;
	rmSync(home, { recursive: true, force: true });
	mkdirSync(home, { recursive: true });
	writeFileSync(`${home}/password`, `${PASSWORD}\n`, { mode: 0o600 });
	const r = await run(home, ['wallet', 'import', '--kdf', 'pbkdf2', '--work', '2', '--password-file', 'password', '--private-key-file', '-', 'w'], { input: key });
	if (r.code !== 0)
		throw new Error(`wallet import: ${r.err}`);
	return { home, account: privateKeyToAccount(key), wallet: ['--wallet', 'w', '--password-file', 'password'] };
}

export class Worker {
	/* @options of serve, on top of what every worker here has; without pay-to the wallet is paid. */
	constructor(place, options = [], { settings = [], payTo = PAYEE, wallet = true, budget = 20, grace = 10, queue: room = 8, shim } = {}) {
		Object.assign(this, place, { settings, shim });
		this.data = `${this.home}/data`;
		this.args = ['worker', 'serve', '--data', this.data, '--listen', '127.0.0.1:0', '--port-file', `${this.home}/port`, '--price', '0.01',
			     '--train-command', 'sh train.py', '--time-budget', String(budget), '--grace', String(grace), '--queue', String(room),
			     ...(payTo ? ['--pay-to', payTo] : []), ...(wallet ? this.wallet : []), ...options];
	}

	async start() {
		rmSync(`${this.home}/port`, { force: true });
		const log = openSync(`${this.home}/worker.log`, 'a');
		this.child = spawn(ARTUI, [...SETTINGS, ...this.settings, ...this.args], {
			cwd: this.home, detached: true, stdio: ['ignore', log, log],
			env: { HOME: this.home, PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...this.shim },
		});
		/* The file is there before its text is: a port ends with a newline. */
		const port = () => existsSync(`${this.home}/port`) && readFileSync(`${this.home}/port`, 'utf8').match(/^(\d+)\n/)?.[1];
		await until(`a port of the worker (${this.home})`, () => port() || this.child.exitCode !== null || this.child.signalCode !== null, 60_000);
		if (!port())
			throw new Error(`the worker ended: ${this.said().slice(-600)}`);
		this.url = `http://127.0.0.1:${port()}`;
		return this;
	}

	said() { return readFileSync(`${this.home}/worker.log`, 'utf8'); }

	async end(signal = 'SIGTERM') {
		const { child } = this;
		if (child.exitCode !== null || child.signalCode !== null)
			return child.exitCode;
		const over = new Promise((resolve) => { child.once('exit', (code) => resolve(code)); });
		child.kill(signal);
		return over;
	}

	ask(path, init) { return fetch(this.url + path, init); }

	/* @more: headers; { async: true } asks for a 202. */
	submit(train, headers = {}, { id, isAsync = false, signal } = {}) {
		return fetch(`${this.url}/experiment`, {
			method: 'POST', signal,
			headers: { 'content-type': 'application/json', ...(isAsync && { Prefer: 'respond-async' }), ...headers },
			body: JSON.stringify({ train_py: train, ...(id && { experiment_id: id }) }),
		});
	}

	async challenge() {
		const res = await this.submit('echo val_bpb: 1');
		same(res.status, 402, 'the status without a payment');
		return required(res);
	}

	async pay(train, account, { how = 'v2', terms, extensions, payload, ...more } = {}) {
		const p = payload ?? await sign(account, terms);
		const headers = how === 'v2' ? v2(await this.challenge(), p, extensions) : how === 'v1' ? v1(p) : bare(p);
		return this.submit(train, headers, more);
	}

	async list(what) {
		const r = await run(this.home, ['worker', what, '--data', this.data, '--json', '--limit', '1000']);
		if (r.code !== 0)
			throw new Error(`worker ${what}: ${r.err}`);
		return JSON.parse(r.out);
	}
	orders() { return this.list('orders'); }
	sales() { return this.list('sales'); }
	async sale(payer) { return (await this.sales()).find((s) => s.payer.toLowerCase() === payer.address.toLowerCase()); }
}

/* ---- a facilitator that fails ---- */

/*
 * Passes on to the lab's. @say(step) is asked for each verify and settle: 'ok', 'down' (the connection breaks before
 * anything is done), 'lost' (done, and the answer is lost), 'error' (500 without doing it), 'slow' (3 s later).
 */
export async function unreliable() {
	const base = need('ARTUI_LAB_FACILITATOR');
	const f = { say: () => 'ok', calls: [] };
	const server = createServer(async (req, res) => {
		const parts = [];
		for await (const part of req)
			parts.push(part);
		const step = req.url.slice(1), how = f.say(step);
		f.calls.push(step);
		if (how === 'down')
			return req.socket.destroy();
		if (how === 'error') {
			res.writeHead(500, { 'content-type': 'application/json' });
			return res.end('{"error":"unwell"}');
		}
		if (how === 'slow')
			await sleep(3000);
		const answer = await fetch(base + req.url, {
			method: req.method, ...(req.method === 'POST' && { body: Buffer.concat(parts), headers: { 'content-type': 'application/json' } }),
		});
		const text = await answer.text();
		if (how === 'lost')
			return req.socket.destroy();
		res.writeHead(answer.status, { 'content-type': 'application/json' });
		return res.end(text);
	});
	f.url = `http://127.0.0.1:${await listen(server)}`;
	f.close = () => { server.close(); server.closeAllConnections?.(); };
	return f;
}

export { NETWORK, PAYEE, USDC, sleep };
