/*
 * What the lab's programs share: the chain's facts, JSON-RPC, the wire form of x402 headers, a record of
 * the payments a seller was sent, and the way a server says that it is ready. No packages: the programs
 * that need none start in a few tens of milliseconds.
 */
import { writeFileSync, renameSync, readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';

/* Debian 12's node 18 has it, but not under the name the packages look for. */
globalThis.crypto ??= webcrypto;

export const CHAIN_ID = 84532;
export const NETWORK = 'eip155:84532';
export const NETWORK_V1 = 'base-sepolia';
export const USDC = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
/* The registry of ERC-8004 on Base Sepolia. */
export const IDENTITY = '0x8004A818BFB912233c491871b3d84c89A494BD9e';
export const PAYEE = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
export const TOPIC_TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
export const TOPIC_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5';

/* Indexes of anvil's ten accounts. */
export const WHO = { deployer: 0, facilitator: 1, payee: 2, payer: 3, poor: 4, payer2: 5, thief: 6, proxyAdmin: 9 };

export function need(name) {
	const v = process.env[name];
	if (!v) {
		console.error(`${name} is not set; read the file env of a started lab first`);
		process.exit(2);
	}
	return v;
}

let ids = 0;
export async function rpc(method, params = [], url = need('ARTUI_LAB_RPC')) {
	const res = await fetch(url, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ jsonrpc: '2.0', id: ++ids, method, params }),
	});
	const a = await res.json();
	if (a.error)
		throw new Error(`${method}: ${a.error.message}`);
	return a.result;
}

/* The receipt of a transaction: its hash is known a moment before it is mined. */
export async function receiptOf(hash) {
	for (let i = 0; i < 500; i++) {
		const receipt = await rpc('eth_getTransactionReceipt', [hash]);
		if (receipt)
			return receipt;
		await new Promise((resolve) => { setTimeout(resolve, 10); });
	}
	throw new Error(`transaction ${hash} is not mined`);
}

export const word = (v) => BigInt(v).toString(16).padStart(64, '0');
export const addressWord = (a) => a.slice(2).toLowerCase().padStart(64, '0');

export async function balanceOf(address, token = USDC) {
	return BigInt(await rpc('eth_call', [{ to: token, data: `0x70a08231${addressWord(address)}` }, 'latest']));
}

/* Every Transfer out of @payer, with the nonce its authorization used (null: no authorization). */
export async function transfersOf(payer, payee, token = USDC) {
	const topics = [TOPIC_TRANSFER, `0x${addressWord(payer)}`, payee ? `0x${addressWord(payee)}` : null];
	const range = { address: token, fromBlock: '0x0', toBlock: 'latest' };
	const moved = await rpc('eth_getLogs', [{ ...range, topics }]);
	const used = await rpc('eth_getLogs', [{ ...range, topics: [TOPIC_USED, topics[1]] }]);
	/* The token logs AuthorizationUsed directly before its Transfer. */
	const nonces = new Map(used.map((l) => [`${l.transactionHash}:${Number(l.logIndex) + 1}`, l.topics[2]]));
	return moved.map((l) => ({
		nonce: nonces.get(`${l.transactionHash}:${Number(l.logIndex)}`) ?? null,
		value: BigInt(l.data).toString(),
		to: `0x${l.topics[2].slice(26)}`,
		tx: l.transactionHash,
		block: Number(l.blockNumber),
	}));
}

export const b64 = (o) => Buffer.from(typeof o === 'string' ? o : JSON.stringify(o)).toString('base64');

/* The payment in a request: { header, raw, decoded, error } or null. */
export function paymentOf(req) {
	for (const header of ['payment-signature', 'x-payment']) {
		const raw = req.headers[header];
		if (raw === undefined)
			continue;
		try {
			if (!/^[A-Za-z0-9+/]*={0,2}$/.test(raw))
				throw new Error('not base64');
			return { header, raw, decoded: JSON.parse(Buffer.from(raw, 'base64').toString()) };
		} catch (e) {
			return { header, raw, decoded: null, error: e.message };
		}
	}
	return null;
}

/* What a seller was sent and how often its work ran. */
export class Journal {
	payments = [];
	runs = {};

	add(req, payment, extra = {}) {
		const entry = {
			i: this.payments.length, at_ms: Date.now(), method: req.method, url: req.originalUrl ?? req.url,
			...payment, ...extra,
		};
		this.payments.push(entry);
		return entry;
	}

	ran(route) {
		this.runs[route] = (this.runs[route] ?? 0) + 1;
	}

	/* Answers GET /replay-log[?since=N] (payments received) and GET /runs; false for any other request. */
	answer(req, res) {
		const url = new URL(req.originalUrl ?? req.url, 'http://seller');
		let body;
		if (url.pathname === '/replay-log')
			body = this.payments.slice(Number(url.searchParams.get('since') ?? 0));
		else if (url.pathname === '/runs')
			body = this.runs;
		else
			return false;
		res.writeHead(200, { 'content-type': 'application/json' });
		res.end(JSON.stringify(body));
		return true;
	}
}

/* Ask the facilitator. Throws when it can't be asked. */
export async function facilitate(step, version, paymentPayload, paymentRequirements,
				 base = need('ARTUI_LAB_FACILITATOR')) {
	const res = await fetch(`${base}/${step}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ x402Version: version, paymentPayload, paymentRequirements }),
	});
	return res.json();
}

/* Listen on a free port of @host and resolve to it. */
export function listen(server, host = '127.0.0.1') {
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, host, () => resolve(server.address().port));
	});
}

/* Tell lab.mjs: the file named in ARTUI_LAB_READY appears whole, with what the server has to say. */
export function ready(facts) {
	const path = process.env.ARTUI_LAB_READY;
	if (!path) {
		console.log(JSON.stringify(facts));
		return;
	}
	writeFileSync(`${path}.new`, JSON.stringify(facts));
	renameSync(`${path}.new`, path);
}

/* anvil's accounts, from the file it writes with --config-out. */
export function accounts(path = need('ARTUI_LAB_ACCOUNTS')) {
	const c = JSON.parse(readFileSync(path, 'utf8'));
	return c.private_keys.map((key, i) => ({ key, address: c.available_accounts[i] }));
}
