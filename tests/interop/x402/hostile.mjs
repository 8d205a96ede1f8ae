/*
 * hostile.mjs: a seller that cheats, one way per route. Every challenge is made by hand. ?v=1 gives a
 * version 1 challenge, ?v=both one of each; without it version 2. Whatever payment arrives is written
 * down, and taken on the chain for whatever it says, if its signature permits.
 *
 * Terms no careful buyer signs (?a= picks the variant, the first is the default):
 *   /chain        eip155:1 | any network      /asset       any token address
 *   /payee-zero   /payee-token                /payee-bad   short | long | checksum | nothex | no0x
 *   /unit         any text as the amount; number: a JSON number; 2^64, 2^256, 2^256-1: those
 *   /domain       name | version | both | missing | type
 *   /scheme       upto | any                  /permit2     extra.assetTransferMethod
 *   /flow         any extra.paymentFlow       /window      maxTimeoutSeconds: 0 | any JSON
 *   /over         amount above the caps       /split       the header asks 10000, the body 5000000
 *   /dup-keys     "amount" twice              /ansi        escapes in every text (?at=paid: in the refusal;
 *                                                          &a=transaction: and in place of a transaction)
 * Challenges hard to read:
 *   /garbage-402  b64 | json | body | empty | array | version | noaccepts | nul | utf8 | twice
 *   /big-402      json | binary | endless     /deep        nested 100,000 deep (v2: 5,000)
 *   /many         10,000 accepts entries      /header-bomb both | count | big
 *   /slow         body | headers, a byte a second (?at=paid: after settling)
 *   /redirect     catcher | self | file       (?code=302) to another host, which tries to be paid
 * What happens to a payment:
 *   /ok           taken, receipt              /raise       refused, and 20000 asked, for ever (?settle=1: taken first)
 *   /drop-before  read, connection closed     /drop-after  taken, connection closed (?a=rst: reset)
 *   /drop-half    taken, half an answer (?a=headers: half the headers)
 *   /settle-500   taken, 500 (?a=receipt: with one)        /settle-timeout  taken, no answer ever
 *   /lie-receipt  not taken, 200 and an invented receipt (?a=real: a true hash of somebody else's)
 *   /no-receipt   taken, 200, no receipt      /bad-receipt taken, 200, receipt: b64 | json | false | payer | twice
 *   /refuse-then-settle  402 refused, taken ?ms=1000 later
 *   /pending      402 settlement_pending with a hash, taken ?ms=1000 later (?a=never)
 *   /big-200      taken, a body of ?mb=32     /redirect-paid  sends the payment on to another host (?code=307)
 * About the seller:
 *   GET /replay-log[?since=N]  payments received      GET /runs   answers given to payments, by route
 *   GET /caught    requests the other host received   POST /pull?i=N  takes payment N on the chain now
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Journal, NETWORK, NETWORK_V1, PAYEE, TOPIC_TRANSFER, USDC, WHO, accounts, addressWord, b64, facilitate,
	 listen, paymentOf, ready, receiptOf as minedReceipt, rpc, word } from './common.mjs';

const THIEF = accounts()[WHO.thief].address;
const OTHER_TOKEN = '0x1111111111111111111111111111111111111111';
const USDC_ETHEREUM = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48';
const MIB = 1 << 20;
const journal = new Journal();
const caught = [];

/* ---- writing challenges ---- */

/* JSON text that JSON.stringify would not write: 1e9, 10000.0, a key twice. */
class Raw {
	constructor(text) { this.text = text; }
}
function json(value) {
	const kept = [];
	const text = JSON.stringify(value, (_, v) => (v instanceof Raw ? `@raw${kept.push(v.text) - 1}@` : v));
	return text.replace(/"@raw(\d+)@"/g, (_, i) => kept[i]);
}

const FAIR = {
	scheme: 'exact', network: NETWORK, amount: '10000', asset: USDC, payTo: PAYEE,
	maxTimeoutSeconds: 300, extra: { name: 'USDC', version: '2' },
};
const withTerms = (t = {}) => ({ ...FAIR, ...t, extra: t.extra === undefined ? FAIR.extra : { ...FAIR.extra, ...t.extra } });

function v1Terms({ amount, network, ...t }, about) {
	return {
		maxAmountRequired: amount, network: network === NETWORK ? NETWORK_V1 : network,
		resource: about.url, description: about.description, mimeType: about.mimeType,
		outputSchema: { input: { type: 'http', method: 'GET', discoverable: true } }, ...t,
	};
}

function challengeTexts(c, { terms, accepts = [withTerms(terms)], error, about = {}, more = {} } = {}) {
	about = { url: `http://${c.req.headers.host}${c.path}`, description: 'A piece of work', mimeType: 'application/json', ...about };
	return {
		2: json({ x402Version: 2, error: error ?? 'Payment required', resource: about, accepts, ...more }),
		1: json({ x402Version: 1, error: error ?? 'X-PAYMENT header is required',
			  accepts: accepts.map((a) => (a instanceof Raw ? a : v1Terms(a, about))), ...more }),
	};
}

function challenge(c, what = {}) {
	const text = challengeTexts(c, what);
	const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', ...what.headers };
	if (c.v !== '1')
		headers['PAYMENT-REQUIRED'] = b64(text[2]);
	c.res.writeHead(402, headers);
	c.res.end(c.v === '2' ? '{}' : text[1]);
}
const asks = (terms) => ({ unpaid: (c) => challenge(c, { terms: terms(c.a, c) }) });

/* ---- taking money ---- */

/* Take what was signed for, whatever was asked. */
async function take(entry) {
	const auth = entry.decoded?.payload?.authorization;
	const version = entry.decoded?.x402Version === 1 ? 1 : 2;
	if (!auth)
		return { success: false, errorReason: 'no authorization in the payment' };
	const mine = { ...FAIR, amount: auth.value, payTo: auth.to, maxTimeoutSeconds: 300 };
	const requirement = version === 2 ? mine :
		v1Terms(mine, { url: 'http://seller/', description: '', mimeType: '' });
	const payload = version === 2 ? { ...entry.decoded, accepted: mine } :
		{ ...entry.decoded, scheme: 'exact', network: NETWORK_V1 };
	entry.settled = await facilitate('settle', version, payload, requirement)
		.catch((e) => ({ success: false, errorReason: e.message }));
	return entry.settled;
}

/* The same without a facilitator: a transaction of the thief's own. */
async function pull(entry) {
	const { authorization: a, signature } = entry.decoded.payload;
	const s = signature.slice(2);
	const data = `0xe3ee160e${addressWord(a.from)}${addressWord(a.to)}${word(a.value)}${word(a.validAfter)}` +
		`${word(a.validBefore)}${a.nonce.slice(2)}${word(`0x${s.slice(128, 130)}`)}${s.slice(0, 128)}`;
	const hash = await rpc('eth_sendTransaction', [{ from: THIEF, to: USDC, data, gas: '0x493e0' }]);
	return { success: (await minedReceipt(hash)).status === '0x1', transaction: hash };
}

const receiptName = (entry) => (entry.decoded?.x402Version === 1 ? 'X-PAYMENT-RESPONSE' : 'PAYMENT-RESPONSE');
const receiptOf = (entry, s) => ({
	success: s.success, transaction: s.transaction, payer: entry.decoded?.payload?.authorization?.from,
	network: entry.decoded?.x402Version === 1 ? NETWORK_V1 : NETWORK,
});
const receiptHeader = (entry, s) => ({ [receiptName(entry)]: b64(receiptOf(entry, s)) });

function send(c, status, body, headers = {}) {
	c.res.writeHead(status, { 'content-type': 'application/json', ...headers });
	c.res.end(typeof body === 'string' ? body : JSON.stringify(body));
}

async function fair(c, entry) {
	const s = await take(entry);
	if (!s.success)
		return challenge(c, { error: s.errorReason });
	return send(c, 200, { path: c.path }, receiptHeader(entry, s));
}

const later = (c, entry, otherwise) => setTimeout(() => take(entry), Number(c.q.get('ms') ?? otherwise));

/* ---- slow and large ---- */

function drip(c, text) {
	let at = 0;
	const timer = setInterval(() => {
		c.res.write(text.slice(at, at + 1));
		if (++at === text.length) {
			clearInterval(timer);
			c.res.end();
		}
	}, 1000);
	c.res.on('close', () => clearInterval(timer));
}

/* @bytes of @fill after @head and before @tail, no faster than the reader reads. */
function pour(c, bytes, { head = '', tail = '', fill = 'x' } = {}) {
	const block = Buffer.alloc(64 << 10, fill);
	let left = bytes;
	c.res.write(head);
	const more = () => {
		while (left > 0) {
			const n = Math.min(left, block.length);
			left -= n;
			if (!c.res.write(block.subarray(0, n)))
				return c.res.once('drain', more);
		}
		return c.res.end(tail);
	};
	more();
}

/* A connection's own bytes, past node's ideas of what is proper. */
function rawBytes(c, text, { every_ms = 0 } = {}) {
	const { socket } = c.req;
	c.res.detachSocket(socket);
	socket.on('error', () => {});
	if (!every_ms)
		return socket.write(text, () => socket.destroy());
	let at = 0;
	const timer = setInterval(() => {
		if (at < text.length)
			socket.write(text[at++]);
		else
			socket.destroy();
	}, every_ms);
	socket.on('close', () => clearInterval(timer));
	return undefined;
}
const drop = (c) => (c.a === 'rst' ? c.req.socket.resetAndDestroy() : c.req.socket.destroy());

/* ---- the tricks: { unpaid, paid }; a missing one is fair ---- */

const AMOUNTS = { '2^64': String(2n ** 64n), '2^256': String(2n ** 256n), '2^256-1': String(2n ** 256n - 1n), number: 10000 };
const BAD_PAYEES = {
	short: PAYEE.slice(0, -1), long: `0x${'3c'.repeat(31)}`, no0x: PAYEE.slice(2),
	checksum: PAYEE.replace('C44C', 'c44c'), nothex: `${PAYEE.slice(0, -1)}g`,
};
const DOMAINS = {
	name: { name: 'USD Coin' }, version: { version: '1' }, both: { name: 'USD Coin', version: '1' },
	missing: { name: undefined, version: undefined }, type: { name: 7, version: ['2'] },
};
/* Colour, title, cursor and clear sequences, the one-byte CSI, bidi override, zero width, NUL, line ends. */
const ESCAPES = '\u001b[31mred\u001b[0m\u001b]0;owned\u0007\u001b[2J\u009b1A\u202eesrever\u202c\u2066x\u2069' +
	'zero\u200bwidth\u200d\ufeff\r\nSETTLED forged line\t\u0085\u2028end';

const GARBAGE = {
	b64: (c) => send(c, 402, '{}', { 'PAYMENT-REQUIRED': '%%%this is not base64%%%' }),
	json: (c) => send(c, 402, '{}', { 'PAYMENT-REQUIRED': b64('{"x402Version":2,"accepts":[') }),
	body: (c) => {
		c.res.writeHead(402, { 'content-type': 'application/octet-stream' });
		c.res.end(randomBytes(4096));
	},
	empty: (c) => {
		c.res.writeHead(402, { 'PAYMENT-REQUIRED': '' });
		c.res.end();
	},
	array: (c) => send(c, 402, '[]', { 'PAYMENT-REQUIRED': b64('[1,2,3]') }),
	version: (c) => send(c, 402, '{}', { 'PAYMENT-REQUIRED': b64(challengeTexts(c)[2].replace(':2,', ':"2",')) }),
	noaccepts: (c) => send(c, 402, '{}', { 'PAYMENT-REQUIRED': b64({ x402Version: 2, accepts: [] }) }),
	nul: (c) => send(c, 402, '{}', { 'PAYMENT-REQUIRED': b64(challengeTexts(c)[2].replace('"exact"', '"exa\\u0000ct"')) }),
	utf8: (c) => send(c, 402, '{}', {
		'PAYMENT-REQUIRED': Buffer.from(challengeTexts(c)[2].replace('piece', '\xff\xfe'), 'latin1').toString('base64') }),
	twice: (c) => send(c, 402, '{}', {
		'PAYMENT-REQUIRED': [b64(challengeTexts(c)[2]), b64(challengeTexts(c, { terms: { amount: '5000000' } })[2])] }),
};

const BAD_RECEIPTS = {
	b64: () => '%%%this is not base64%%%',
	json: () => b64('{"success":tru'),
	false: (entry, s) => b64({ ...receiptOf(entry, s), success: false, errorReason: 'insufficient_funds', transaction: '' }),
	payer: (entry, s) => b64({ ...receiptOf(entry, s), payer: THIEF, network: 'eip155:1' }),
	twice: (entry, s) => [b64(receiptOf(entry, s)), b64({ ...receiptOf(entry, s), transaction: `0x${'ab'.repeat(32)}` })],
};

function redirectTo(c, code) {
	const to = { catcher: `${catcherUrl}${c.path}`, self: c.req.url, file: 'file:///etc/hostname' };
	c.res.writeHead(Number(c.q.get('code') ?? code), { location: to[c.a ?? 'catcher'] });
	c.res.end();
}

function bigChallenge(c) {
	if (c.a === 'binary' || c.a === 'endless') {
		c.res.writeHead(402, { 'content-type': 'application/octet-stream' });
		return pour(c, c.a === 'endless' ? 2 ** 40 : 10 * MIB, { fill: '\u0001' });
	}
	const [head, tail] = challengeTexts(c, { about: { description: '@fill@' } })[1].split('@fill@');
	c.res.writeHead(402, { 'content-type': 'application/json' });
	return pour(c, 10 * MIB, { head, tail });
}

function bombed(c) {
	const headers = {};
	for (let i = 0; c.a !== 'big' && i < 200; i++)
		headers[`x-bomb-${i}`] = 'b'.repeat(1000);
	if (c.a !== 'count')
		headers['x-bomb-big'] = 'B'.repeat(100_000);
	challenge(c, { headers });
}

function deep(c) {
	const depth = c.v === '2' ? 5_000 : 100_000;
	const nested = new Raw('['.repeat(depth) + ']'.repeat(depth));
	challenge(c.v === '2' ? c : { ...c, v: '1' }, { more: { extensions: { deep: nested } } });
}

/* Only the last of 10,000 is one that a buyer of ours can pay. */
function many(c) {
	const accepts = Array.from({ length: 9_999 }, (_, i) => withTerms({ network: `eip155:${1_000_000 + i}` }));
	challenge({ ...c, v: '1' }, { accepts: [...accepts, FAIR] });
}

function ansi(c, error = ESCAPES) {
	challenge(c, { error, about: { description: ESCAPES, mimeType: ESCAPES, serviceName: ESCAPES },
		       terms: { extra: { note: ESCAPES } }, more: { [ESCAPES]: ESCAPES } });
}

const somebodyElses = async () => {
	const logs = await rpc('eth_getLogs', [{ address: USDC, fromBlock: '0x0', toBlock: 'latest', topics: [TOPIC_TRANSFER] }]);
	return logs[0].transactionHash;
};

const tricks = {
	'/ok': {},
	'/chain': asks((a = 'eip155:1') => (a === 'eip155:1' ?
		{ network: a, asset: USDC_ETHEREUM, extra: { name: 'USD Coin' } } : { network: a })),
	'/asset': asks((a = OTHER_TOKEN) => ({ asset: a })),
	'/payee-zero': asks(() => ({ payTo: `0x${'0'.repeat(40)}` })),
	'/payee-token': asks(() => ({ payTo: USDC })),
	'/payee-bad': asks((a = 'short') => ({ payTo: BAD_PAYEES[a] })),
	'/unit': asks((a = '0.01') => ({ amount: AMOUNTS[a] ?? a })),
	'/domain': asks((a = 'name') => ({ extra: DOMAINS[a] })),
	'/scheme': asks((a = 'upto') => ({ scheme: a })),
	'/permit2': asks(() => ({ extra: { assetTransferMethod: 'permit2' } })),
	'/flow': asks((a = 'barter') => ({ extra: { paymentFlow: a } })),
	'/window': asks((a = '0') => ({ maxTimeoutSeconds: new Raw(a) })),
	'/over': asks((a = '100000000') => ({ amount: a })),
	'/split': { unpaid: (c) => send(c, 402, challengeTexts(c, { terms: { amount: '5000000' } })[1],
		{ 'PAYMENT-REQUIRED': b64(challengeTexts(c)[2]) }) },
	'/dup-keys': { unpaid: (c) => challenge(c, { accepts: [new Raw((c.v === '1' ?
		json(v1Terms(FAIR, { url: `http://${c.req.headers.host}/`, description: '', mimeType: '' })) : json(FAIR))
		.replace(/("(amount|maxAmountRequired)"):"10000"/, '$1:"10000",$1:"5000000"'))] }) },
	'/ansi': {
		unpaid: (c) => ansi(c, c.q.get('at') === 'paid' ? 'Payment required' : ESCAPES),
		paid: (c, entry) => (c.q.get('at') === 'paid' ? send(c, 402, { error: ESCAPES }, { [receiptName(entry)]:
			b64({ success: false, errorReason: ESCAPES, transaction: c.a === 'transaction' ? ESCAPES : '', network: ESCAPES }) }) :
			fair(c, entry)),
	},
	'/garbage-402': { unpaid: (c) => GARBAGE[c.a ?? 'b64'](c) },
	'/big-402': { unpaid: bigChallenge },
	'/deep': { unpaid: deep },
	'/many': { unpaid: many },
	'/header-bomb': { unpaid: bombed },
	'/slow': {
		unpaid: (c) => {
			if (c.q.get('at') === 'paid')
				return challenge(c);
			const text = challengeTexts(c);
			if (c.a === 'headers')
				return rawBytes(c, `HTTP/1.1 402 Payment Required\r\nPAYMENT-REQUIRED: ${b64(text[2])}\r\n\r\n`, { every_ms: 1000 });
			c.res.writeHead(402, { 'content-type': 'application/json' });
			return drip(c, text[1]);
		},
		paid: async (c, entry) => {
			const s = await take(entry);
			const receipt = receiptHeader(entry, s);
			if (c.a === 'headers')
				return rawBytes(c, `HTTP/1.1 200 OK\r\n${Object.entries(receipt)[0].join(': ')}\r\n\r\n`, { every_ms: 1000 });
			c.res.writeHead(200, { 'content-type': 'text/plain', ...receipt });
			return drip(c, 'a slow answer of many bytes, one a second, for longer than anybody waits'.repeat(20));
		},
	},
	'/redirect': { unpaid: (c) => redirectTo(c, 302) },
	'/redirect-paid': { paid: (c) => redirectTo(c, 307) },
	'/raise': {
		paid: async (c, entry) => {
			if (c.q.get('settle'))
				await take(entry);
			challenge(c, { terms: { amount: '20000' }, error: 'the price has changed' });
		},
	},
	'/drop-before': { paid: drop },
	'/drop-after': { paid: async (c, entry) => { await take(entry); drop(c); } },
	'/drop-half': {
		paid: async (c, entry) => {
			const receipt = receiptHeader(entry, await take(entry));
			if (c.a === 'headers')
				return rawBytes(c, `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${Object.entries(receipt)[0].join(': ').slice(0, 60)}`);
			return rawBytes(c, `HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n${Object.entries(receipt)[0].join(': ')}\r\n\r\n${'h'.repeat(500)}`);
		},
	},
	'/settle-500': {
		paid: async (c, entry) => {
			const s = await take(entry);
			send(c, 500, { error: 'something broke' }, c.a === 'receipt' ? receiptHeader(entry, s) : {});
		},
	},
	'/settle-timeout': { paid: (c, entry) => take(entry) },
	'/lie-receipt': {
		paid: async (c, entry) => {
			const transaction = c.a === 'real' ? await somebodyElses() : `0x${randomBytes(32).toString('hex')}`;
			send(c, 200, { path: c.path }, receiptHeader(entry, { success: true, transaction }));
		},
	},
	'/no-receipt': { paid: async (c, entry) => { await take(entry); send(c, 200, { path: c.path }); } },
	'/bad-receipt': {
		paid: async (c, entry) => {
			const s = await take(entry);
			send(c, 200, { path: c.path }, { [receiptName(entry)]: BAD_RECEIPTS[c.a ?? 'b64'](entry, s) });
		},
	},
	'/refuse-then-settle': {
		paid: (c, entry) => {
			challenge(c, { error: 'invalid_exact_evm_signature' });
			later(c, entry, 1000);
		},
	},
	'/pending': {
		paid: (c, entry) => {
			send(c, 402, '{}', { [receiptName(entry)]: b64({ ...receiptOf(entry, { success: false }),
				errorReason: 'settlement_pending', transaction: `0x${randomBytes(32).toString('hex')}` }) });
			if (c.a !== 'never')
				later(c, entry, 1000);
		},
	},
	'/big-200': {
		paid: async (c, entry) => {
			const s = await take(entry);
			c.res.writeHead(200, { 'content-type': 'text/plain', ...receiptHeader(entry, s) });
			pour(c, Number(c.q.get('mb') ?? 32) * MIB);
		},
	},
};

/* ---- serving ---- */

async function bodyOf(req) {
	const hash = createHash('sha256');
	let bytes = 0;
	for await (const part of req) {
		hash.update(part);
		bytes += part.length;
	}
	return { body_bytes: bytes, body_sha256: hash.digest('hex') };
}

async function about(c) {
	if (journal.answer(c.req, c.res))
		return true;
	if (c.path === '/caught') {
		send(c, 200, caught);
		return true;
	}
	if (c.path === '/pull' && c.req.method === 'POST') {
		send(c, 200, await pull(journal.payments[Number(c.q.get('i'))]));
		return true;
	}
	return false;
}

async function handle(req, res) {
	const url = new URL(req.url, 'http://seller');
	const c = { req, res, path: url.pathname, q: url.searchParams, a: url.searchParams.get('a') ?? undefined,
		    v: url.searchParams.get('v') ?? '2' };
	const body = await bodyOf(req);
	if (await about(c))
		return undefined;
	const trick = tricks[c.path];
	if (!trick)
		return send(c, 404, { error: 'no such trick' });
	const payment = paymentOf(req);
	if (!payment)
		return (trick.unpaid ?? challenge)(c);
	journal.ran(c.path);
	return (trick.paid ?? fair)(c, journal.add(req, payment, body));
}

/* The host that redirects lead to. It shows what it was sent, and asks for money in the thief's name. */
async function handleCaught(req, res) {
	const c = { req, res, path: '/caught', q: new URLSearchParams(), v: '2' };
	const body = await bodyOf(req);
	const payment = paymentOf(req);
	caught.push({ method: req.method, url: req.url, headers: req.headers, ...body });
	if (!payment)
		return challenge(c, { terms: { payTo: THIEF } });
	return fair(c, journal.add(req, payment, { ...body, caught: true }));
}

const serving = (handler) => createServer({ keepAliveTimeout: 2000 }, (req, res) => {
	handler(req, res).catch((e) => {
		console.error(req.url, e);
		if (!res.headersSent && !res.destroyed)
			res.writeHead(500);
		res.end();
	});
});
const catcherUrl = `http://127.0.0.2:${await listen(serving(handleCaught), '127.0.0.2')}`;
ready({ url: `http://127.0.0.1:${await listen(serving(handle))}`, catcher: catcherUrl });
