/* selftest.mjs: see selftest.sh. Runs beside the installed packages, with a started lab's environment. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWalletClient, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';
import { wrapFetchWithPaymentFromConfig, decodePaymentResponseHeader } from '@x402/fetch';
import { ExactEvmScheme } from '@x402/evm';
import { wrapFetchWithPayment as wrapLegacy } from 'x402-fetch';
import { CHAIN_ID, NETWORK, NETWORK_V1, PAYEE, USDC, WHO, accounts, b64, balanceOf, need, rpc,
	 transfersOf } from './common.mjs';

const [V2, V1, OBOL, HOSTILE] = ['V2', 'V1', 'OBOL', 'HOSTILE'].map((n) => need(`ARTUI_LAB_${n}`));
const payer = privateKeyToAccount(accounts()[WHO.payer].key);
const payer2 = privateKeyToAccount(accounts()[WHO.payer2].key);
const reference = wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network: NETWORK, client: new ExactEvmScheme(payer) }] });
const legacy = wrapLegacy(fetch, createWalletClient({ account: payer, chain: baseSepolia, transport: http(need('ARTUI_LAB_RPC')) }));

let failed = 0;
async function test(name, body) {
	try {
		await Promise.race([body(), sleep(30_000, undefined, { ref: false }).then(() => assert.fail('no end within 30 s'))]);
		console.log(`ok ${name}`);
	} catch (e) {
		failed++;
		console.log(`FAIL ${name}: ${e.stack.split('\n').slice(0, 12).join(' | ')}`);
	}
}

/* What @body moved out of an account, as [amount, ...] by the token's own log and by the balance. */
async function moved(body, who = payer) {
	const before = [await balanceOf(who.address), (await transfersOf(who.address)).length];
	const value = await body();
	const after = (await transfersOf(who.address)).slice(before[1]);
	const sum = after.reduce((n, t) => n + BigInt(t.value), 0n);
	assert.equal(before[0] - (await balanceOf(who.address)), sum, 'the balance and the log differ');
	return { value, amounts: after.map((t) => Number(t.value)), transfers: after };
}

async function sign({ value = '10000', to = PAYEE, validAfter = 0, seconds = 300, account = payer2 } = {}) {
	const authorization = {
		from: account.address, to, value, validAfter: String(validAfter),
		validBefore: String(Math.floor(Date.now() / 1000) + seconds), nonce: `0x${randomBytes(32).toString('hex')}`,
	};
	const fields = ['from:address', 'to:address', 'value:uint256', 'validAfter:uint256', 'validBefore:uint256', 'nonce:bytes32'];
	const signature = await account.signTypedData({
		domain: { name: 'USDC', version: '2', chainId: CHAIN_ID, verifyingContract: USDC },
		types: { TransferWithAuthorization: fields.map((f) => ({ name: f.split(':')[0], type: f.split(':')[1] })) },
		primaryType: 'TransferWithAuthorization', message: authorization,
	});
	return { signature, authorization };
}

const required = (res) => JSON.parse(Buffer.from(res.headers.get('payment-required'), 'base64'));
const decode = (text) => JSON.parse(Buffer.from(text, 'base64'));

/* A careless buyer by hand: signs what it is told, pays once, follows nothing. */
async function pay(url, { terms, extensions, v = 2, init = {}, header, timeout = 5000 } = {}) {
	const payload = await sign(terms);
	const accepted = { scheme: 'exact', network: NETWORK, amount: '10000', asset: USDC, payTo: PAYEE, maxTimeoutSeconds: 300,
			   extra: { name: 'USDC', version: '2' } };
	const value = b64(v === 1 ? { x402Version: 1, scheme: 'exact', network: NETWORK_V1, payload } :
		{ x402Version: 2, payload, accepted, ...(extensions && { extensions }) });
	const raw = init.raw ?? value;
	return fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeout), ...init,
			    headers: { ...init.headers, [header ?? (v === 1 ? 'X-PAYMENT' : 'PAYMENT-SIGNATURE')]: raw } });
}

await test('domain_is_the_real_one', async () => {
	assert.equal(await rpc('eth_call', [{ to: USDC, data: '0x3644e515' }, 'latest']),
		'0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818');
});

/* ---- reference clients, reference sellers ---- */

await test('paid_v2', async () => {
	const { value: res, transfers } = await moved(() => reference(`${V2}/cheap`));
	assert.equal(res.status, 200);
	assert.equal((await res.json()).path, '/cheap');
	assert.deepEqual(transfers.map((t) => [t.value, t.to]), [['10000', PAYEE.toLowerCase()]]);
	assert.equal(decodePaymentResponseHeader(res.headers.get('payment-response')).transaction, transfers[0].tx);
	assert.match(transfers[0].nonce, /^0x[0-9a-f]{64}$/);
});
await test('paid_v2_post_echoes', async () => {
	const { value: res, amounts } = await moved(() => reference(`${V2}/experiment`, {
		method: 'POST', headers: { 'content-type': 'text/x-recipe' }, body: 'lr = 0.1\n' }));
	assert.deepEqual([res.status, await res.text(), amounts], [200, 'lr = 0.1\n', [10000]]);
});
await test('paid_v1', async () => {
	const { value: res, transfers } = await moved(() => legacy(`${V1}/cheap`, {}));
	assert.equal(res.status, 200);
	assert.deepEqual(transfers.map((t) => t.value), ['10000']);
	assert.equal(decode(res.headers.get('x-payment-response')).transaction, transfers[0].tx);
});
await test('paid_v1_post_echoes', async () => {
	const { value: res, amounts } = await moved(() => legacy(`${V1}/experiment`, { method: 'POST', body: 'lr = 0.2\n' }));
	assert.deepEqual([res.status, await res.text(), amounts], [200, 'lr = 0.2\n', [10000]]);
});
await test('failed_work_is_not_settled', async () => {
	for (const [client, url] of [[reference, V2], [legacy, V1]]) {
		const { value: res, amounts } = await moved(() => client(`${url}/fail500`, {}));
		assert.deepEqual([res.status, amounts], [500, []]);
	}
});
await test('v2_slow_work_is_paid', async () => {
	const { value: res, amounts } = await moved(() => reference(`${V2}/slow?ms=300`));
	assert.deepEqual([res.status, amounts], [200, [10000]]);
});
await test('v2_pricey_asks_2500000', async () => {
	assert.equal(required(await fetch(`${V2}/pricey`)).accepts[0].amount, '2500000');
});
await test('v2_upfront_is_settled_first', async () => {
	assert.equal(required(await fetch(`${V2}/upfront`)).accepts[0].extra.paymentFlow, 'upfront');
	for (const [path, status] of [['/upfront', 200], ['/upfront-fail', 503]]) {
		const { value: res, amounts } = await moved(() => reference(V2 + path));
		assert.deepEqual([path, res.status, amounts], [path, status, [10000]]);
		assert.equal(decode(res.headers.get('payment-response')).success, true);
	}
});
await test('v2_payment_identifier', async () => {
	const offered = required(await fetch(`${V2}/ident`)).extensions['payment-identifier'];
	const extensions = { 'payment-identifier': { ...offered, info: { ...offered.info, id: `selftest_${randomBytes(8).toString('hex')}` } } };
	const { value, amounts } = await moved(async () => {
		const first = await pay(`${V2}/ident`, { extensions });
		const log = await (await fetch(`${V2}/replay-log`)).json();
		const again = await fetch(`${V2}/ident`, { headers: { 'PAYMENT-SIGNATURE': log.at(-1).raw } });
		const other = await pay(`${V2}/ident`, { extensions });
		const missing = await pay(`${V2}/ident-required`);
		assert.deepEqual(await first.json(), await again.json());
		assert.equal(first.headers.get('payment-response'), again.headers.get('payment-response'));
		return [first, again, other, missing].map((r) => r.status);
	}, payer2);
	assert.deepEqual([value, amounts], [[200, 200, 409, 400], [10000]]);
});
await test('twelve_at_once_all_settle', async () => {
	const { value, amounts } = await moved(() => Promise.all(Array.from({ length: 12 }, () => reference(`${V2}/cheap`))));
	assert.deepEqual([value.map((r) => r.status), amounts], [Array(12).fill(200), Array(12).fill(10000)]);
});
await test('idle_chain_keeps_its_clock', async () => {
	const now = Math.floor(Date.now() / 1000);
	const { timestamp } = await rpc('eth_getBlockByNumber', ['latest', false]);
	assert.ok(Math.abs(Number(timestamp) - now) <= 3, `the chain says ${Number(timestamp)}, the clock ${now}`);
});

/* ---- the obol-like gate ---- */

await test('obol_paid_by_reference_client', async () => {
	const { value: res, transfers } = await moved(() => reference(`${OBOL}/cheap`));
	assert.deepEqual([res.status, transfers.map((t) => t.value)], [200, ['41666']]);
	for (const name of ['payment-response', 'x-payment-response'])
		assert.equal(decode(res.headers.get(name)).transaction, transfers[0].tx);
});
await test('obol_offers_each_option_twice', async () => {
	const res = await fetch(`${OBOL}/multi`);
	const body = await res.json();
	assert.deepEqual(body, required(res));
	assert.deepEqual(body.accepts.map((a) => a.network), [NETWORK, NETWORK_V1, NETWORK, NETWORK_V1]);
});
await test('obol_reads_both_headers_and_the_alias', async () => {
	const [, alias] = required(await fetch(`${OBOL}/cheap`)).accepts;
	const payload = await sign({ value: '41666' });
	payload.signature = payload.signature.slice(0, 130) + (parseInt(payload.signature.slice(130), 16) - 27).toString(16).padStart(2, '0');
	const raw = b64({ x402Version: 2, accepted: alias, payload });
	const { value: res, amounts } = await moved(() => fetch(`${OBOL}/cheap`, { headers: { 'X-PAYMENT': raw } }), payer2);
	assert.deepEqual([res.status, amounts], [200, [41666]]);
});
await test('obol_failures_have_their_codes', async () => {
	const expect = [
		['/fail500', 500, undefined, []], ['/settle-failed', 503, 'settlement_failed', []],
		['/settle-failed-moved', 503, 'settlement_failed', [41666]], ['/settle-rejected', 402, 'settlement_rejected', []],
		['/payment-invalid', 402, 'payment_invalid', []], ['/facilitator-unreachable', 503, 'facilitator_unreachable', []],
		['/facilitator-error', 503, 'facilitator_error', []],
	];
	for (const [path, status, reason, paid] of expect) {
		const raw = b64({ x402Version: 2, accepted: required(await fetch(OBOL + path)).accepts[0], payload: await sign({ value: '41666' }) });
		const { value: res, amounts } = await moved(() => fetch(OBOL + path, { headers: { 'PAYMENT-SIGNATURE': raw } }), payer2);
		const body = await res.json();
		assert.deepEqual([path, res.status, body.reason ?? body.extensions?.paymentFailure?.reason, amounts], [path, status, reason, paid]);
		assert.equal(res.headers.has('x-payment-response'), paid.length > 0);
	}
	const bad = await fetch(`${OBOL}/cheap`, { headers: { 'X-PAYMENT': '%%%' } });
	assert.deepEqual([bad.status, (await bad.json()).reason], [400, 'invalid_payment_header']);
	const other = await pay(`${OBOL}/cheap`);
	assert.equal((await other.json()).extensions.paymentFailure.reason, 'no_matching_requirement');
});

/* ---- the hostile seller ---- */

const asked = async (path) => required(await fetch(HOSTILE + path)).accepts[0];
await test('hostile_terms_are_as_named', async () => {
	const at = async (path, key) => (await asked(path))[key];
	assert.equal(await at('/ok', 'amount'), '10000');
	assert.equal(await at('/chain', 'network'), 'eip155:1');
	assert.equal(await at('/chain?a=eip155:999999', 'network'), 'eip155:999999');
	assert.notEqual(await at('/asset', 'asset'), USDC);
	assert.equal(await at('/payee-zero', 'payTo'), `0x${'0'.repeat(40)}`);
	assert.equal(await at('/payee-token', 'payTo'), USDC);
	for (const a of ['short', 'long', 'checksum', 'nothex', 'no0x'])
		assert.notEqual(await at(`/payee-bad?a=${a}`, 'payTo'), PAYEE);
	for (const a of ['0.01', '1e4', '-5', ' 10000', '10000.0', '0x2710', '0'])
		assert.equal(await at(`/unit?a=${encodeURIComponent(a)}`, 'amount'), a);
	assert.equal(await at('/unit?a=number', 'amount'), 10000);
	assert.equal(await at('/unit?a=2^256', 'amount'), String(2n ** 256n));
	assert.equal(await at('/unit?a=2^64', 'amount'), String(2n ** 64n));
	assert.deepEqual(await at('/domain', 'extra'), { name: 'USD Coin', version: '2' });
	assert.deepEqual(await at('/domain?a=version', 'extra'), { name: 'USDC', version: '1' });
	assert.equal(await at('/scheme', 'scheme'), 'upto');
	assert.equal((await at('/permit2', 'extra')).assetTransferMethod, 'permit2');
	assert.equal((await at('/flow', 'extra')).paymentFlow, 'barter');
	for (const a of ['0', '-1', '1e9'])
		assert.equal(await at(`/window?a=${a}`, 'maxTimeoutSeconds'), Number(a));
	assert.equal(await at('/over', 'amount'), '100000000');
	const v1 = await (await fetch(`${HOSTILE}/chain?v=1&a=base`)).json();
	assert.deepEqual([v1.x402Version, v1.accepts[0].network, v1.accepts[0].maxAmountRequired], [1, 'base', '10000']);
});
await test('hostile_texts_are_as_named', async () => {
	const raw = Buffer.from((await fetch(`${HOSTILE}/dup-keys`)).headers.get('payment-required'), 'base64').toString();
	assert.match(raw, /"amount":"10000","amount":"5000000"/);
	assert.match(await (await fetch(`${HOSTILE}/dup-keys?v=1`)).text(), /"maxAmountRequired":"10000","maxAmountRequired":"5000000"/);
	assert.ok(required(await fetch(`${HOSTILE}/ansi`)).error.includes('\u001b[31m'));
	const split = await fetch(`${HOSTILE}/split`);
	assert.deepEqual([required(split).accepts[0].amount, (await split.json()).accepts[0].maxAmountRequired], ['10000', '5000000']);
	assert.ok((await (await fetch(`${HOSTILE}/deep?v=1`)).text()).includes('['.repeat(100_000)));
	assert.ok(Buffer.from((await fetch(`${HOSTILE}/deep`)).headers.get('payment-required'), 'base64').includes('['.repeat(5_000)));
	assert.equal((await (await fetch(`${HOSTILE}/many`)).json()).accepts.length, 10_000);
	for (const a of ['b64', 'json', 'body', 'empty', 'array', 'version', 'noaccepts', 'nul', 'utf8', 'twice'])
		assert.equal((await fetch(`${HOSTILE}/garbage-402?a=${a}`)).status, 402);
	assert.ok((await (await fetch(`${HOSTILE}/big-402`)).json()).accepts[0].description.length === 10 << 20);
	assert.ok((await (await fetch(`${HOSTILE}/big-402?a=binary`)).arrayBuffer()).byteLength === 10 << 20);
});
await test('hostile_endless_ends_with_the_reader', async () => {
	const res = await fetch(`${HOSTILE}/big-402?a=endless`);
	let n = 0;
	for await (const part of res.body)
		if ((n += part.length) > 20 << 20)
			break;
	assert.equal((await fetch(`${HOSTILE}/ok`)).status, 402);
});
await test('hostile_header_bomb', async () => {
	const count = (path) => new Promise((resolve, reject) => {
		request(HOSTILE + path, { agent: false, maxHeaderSize: 1 << 20 }, (res) => {
			res.resume();
			resolve([Object.keys(res.headers).filter((h) => h.startsWith('x-bomb')).length, (res.headers['x-bomb-big'] ?? '').length]);
		}).on('error', reject).end();
	});
	assert.deepEqual(await count('/header-bomb'), [201, 100_000]);
	assert.deepEqual(await count('/header-bomb?a=count'), [200, 0]);
});
await test('hostile_slow_drips', async () => {
	for (const path of ['/slow', '/slow?a=headers']) {
		const begin = Date.now();
		const bytes = await new Promise((resolve, reject) => {
			const req = request(HOSTILE + path, { agent: false }, (res) => res.on('data', () => {}));
			req.on('socket', (s) => {
				let n = 0;
				s.on('data', (d) => (n += d.length));
				s.on('connect', () => setTimeout(() => { resolve(n); req.destroy(); }, 2500));
			}).on('error', (e) => (e.code === 'ECONNRESET' ? 0 : reject(e))).end();
		});
		assert.ok(bytes > 0 && bytes < 300, `${path}: ${bytes} bytes in ${Date.now() - begin} ms`);
	}
});
await test('hostile_redirects_to_another_host', async () => {
	const res = await fetch(`${HOSTILE}/redirect?code=307`, { redirect: 'manual' });
	assert.equal(res.status, 307);
	assert.equal(new URL(res.headers.get('location')).hostname, '127.0.0.2');
	const followed = await fetch(`${HOSTILE}/redirect`, { headers: { 'x-private': 'word' } });
	assert.equal(followed.status, 402);
	const caught = await (await fetch(`${HOSTILE}/caught`)).json();
	assert.deepEqual([caught.length, caught[0].headers['x-private']], [1, 'word']);
	assert.notEqual(required(followed).accepts[0].payTo, PAYEE);
});

/* [route, status or 'lost', amounts moved in the end, more checks on the answer] */
const honest = (res) => assert.equal(decode(res.headers.get('payment-response')).success, true);
const silent = (res) => assert.equal(res.headers.has('payment-response'), false);
const outcomes = [
	['/ok', 200, [10000], honest], ['/ok?v=1', 200, [10000], (res) => assert.ok(res.headers.has('x-payment-response'))],
	['/raise', 402, [], (res) => assert.equal(required(res).accepts[0].amount, '20000')], ['/raise?settle=1', 402, [10000]],
	['/drop-before', 'lost', []], ['/drop-after', 'lost', [10000]], ['/drop-after?a=rst', 'lost', [10000]],
	['/drop-half', 'lost', [10000]], ['/drop-half?a=headers', 'lost', [10000]],
	['/settle-500', 500, [10000], silent], ['/settle-500?a=receipt', 500, [10000], honest], ['/settle-timeout', 'lost', [10000]],
	['/lie-receipt', 200, [], honest], ['/lie-receipt?a=real', 200, [], honest], ['/no-receipt', 200, [10000], silent],
	...['b64', 'json', 'false', 'payer', 'twice'].map((a) => [`/bad-receipt?a=${a}`, 200, [10000]]),
	['/refuse-then-settle?ms=100', 402, [10000], (res) => assert.equal(required(res).error, 'invalid_exact_evm_signature')],
	['/pending?ms=100', 402, [10000], (res) => assert.equal(res.headers.has('payment-required'), false)],
	['/pending?a=never', 402, []], ['/big-200?mb=20', 200, [10000], honest], ['/redirect-paid', 307, []],
	['/ansi?at=paid', 402, []], ['/slow?at=paid', 'lost', [10000]],
];
for (const [path, status, paid, check] of outcomes)
	await test(`hostile${path.replace(/[?=&]/g, '_')}`, async () => {
		const { value, amounts } = await moved(async () => {
			let res, seen;
			try {
				res = await pay(HOSTILE + path, { v: path.includes('v=1') ? 1 : 2, timeout: 1500 });
				if (res.status === 200)
					await res.arrayBuffer();
				seen = res.status;
			} catch (e) {
				seen = 'lost';
			}
			await sleep(path.includes('ms=') ? 500 : 50);
			return [res, seen];
		}, payer2);
		assert.deepEqual([value[1], amounts], [status, paid]);
		check?.(value[0]);
	});
await test('hostile_takes_what_was_signed', async () => {
	const { amounts } = await moved(() => pay(`${HOSTILE}/over`, { terms: { value: '777' } }), payer2);
	assert.deepEqual(amounts, [777]);
});
await test('hostile_journal_and_pull', async () => {
	const log = await (await fetch(`${HOSTILE}/replay-log`)).json();
	const i = log.findIndex((e) => e.url === '/drop-before');
	assert.match(log[i].decoded.payload.authorization.nonce, /^0x[0-9a-f]{64}$/);
	assert.equal(log.length, outcomes.length + 1);
	const { value, transfers } = await moved(async () =>
		(await fetch(`${HOSTILE}/pull?i=${i}`, { method: 'POST' })).json(), payer2);
	assert.deepEqual([value.success, transfers.map((t) => [t.value, t.nonce, t.tx])],
		[true, [['10000', log[i].decoded.payload.authorization.nonce, value.transaction]]]);
	const again = await (await fetch(`${HOSTILE}/pull?i=${i}`, { method: 'POST' })).json();
	assert.equal(again.success, false);
	assert.equal((await (await fetch(`${HOSTILE}/replay-log?since=${log.length}`)).json()).length, 0);
});
process.exit(failed ? 1 : 0);
