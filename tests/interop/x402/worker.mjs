/*
 * worker.mjs: experiments bought from a real `artui worker serve` by the reference packages of both versions, by artui
 * and by obol's wire, on a real chain; and everything that may go wrong with the money. What moved is read from the
 * chain, never from what the worker says. Prints "ok NAME" or "FAIL NAME: why". Needs the environment that lab.sh writes.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createWalletClient, getAddress, http, parseAbi, recoverTypedDataAddress } from 'viem';
import { baseSepolia } from 'viem/chains';
import { decodePaymentResponseHeader, wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { ExactEvmScheme } from '@x402/evm';
import { extractReceiptFromResponse, verifyReceiptSignatureEIP712 } from '@x402/extensions/offer-receipt';
import { wrapFetchWithPayment as wrapLegacy, decodeXPaymentResponse } from 'x402-fetch';
import { IDENTITY, NETWORK_V1, balanceOf, b64, need, rpc, transfersOf } from './common.mjs';
import { DIR, NETWORK, PAYEE, PRICE, USDC, Worker, buyer, failures, makeHome, required, run, same, sign, sleep, test, transfer, unb64,
	 unreliable, until, v2, walletOf } from './workerlab.mjs';

const only = process.argv.slice(2);
const wants = (name) => !only.length || only.some((o) => name.includes(o));
mkdirSync(DIR, { recursive: true });
const FACILITATOR = need('ARTUI_LAB_FACILITATOR');

/* Exactly these amounts left @account for the worker's owner, and nothing else left it. */
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

/* ---- what is signed ---- */

const ORDER = ['version:uint256', 'experimentId:string', 'trainHash:bytes32', 'state:string', 'valBpb:string', 'artifactHash:bytes32',
	       'payer:string', 'finishedAt:uint256'].map((f) => ({ name: f.split(':')[0], type: f.split(':')[1] }));
async function receipts(res, body, { signer, payer, tx, state = 'completed', url }) {
	same(getAddress(body.receipt.signer), signer, 'the signer that is told');
	const order = body.receipt.order;
	same(await recoverTypedDataAddress({
		domain: { name: 'artui order', version: '1', chainId: 1 }, types: { Order: ORDER }, primaryType: 'Order',
		message: { ...order.payload, version: BigInt(order.payload.version), finishedAt: BigInt(order.payload.finishedAt) }, signature: order.signature,
	}), signer, "the order's signer");
	same([order.payload.experimentId, order.payload.state, `sha256:${order.payload.trainHash.slice(2)}`, getAddress(order.payload.payer)],
	     [body.experiment_id, state, body.train_hash, payer.address], 'the statement of the order');
	if (!tx)
		return same(body.receipt.receipt, undefined, 'a receipt for what was not paid');
	const receipt = extractReceiptFromResponse(res);
	same(receipt, body.receipt.receipt, "the header's receipt");
	const { signer: who, payload } = await verifyReceiptSignatureEIP712(receipt);
	same([getAddress(who), payload.transaction, getAddress(payload.payer), payload.network, payload.resourceUrl], [signer, tx, payer.address, NETWORK, url],
	     'the receipt of the payment');
	return undefined;
}

/* ---- buying, with either way to settle ---- */

async function buying(mode) {
	const place = await makeHome(`worker-${mode}`);
	if (mode === 'self')
		await rpc('anvil_setBalance', [place.account.address, '0xde0b6b3a7640000']);
	const w = await new Worker(place, ['--facilitator', mode === 'self' ? 'self' : FACILITATOR]).start();
	const signer = place.account.address, url = `${w.url}/experiment`;
	const name = (n) => `worker_${mode}_${n}`;
	const body = (train, more = {}) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ train_py: train, ...more }) });

	await test(name('v2_reference_client'), async () => {
		const account = await buyer();
		const pay = wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network: NETWORK, client: new ExactEvmScheme(account) }] });
		const res = await pay(url, body('echo val_bpb: 1.25'));
		const j = await json(res);
		same([j.status, j.val_bpb], ['completed', 1.25], 'the result');
		const [t] = await paid(account, PRICE);
		const response = decodePaymentResponseHeader(res.headers.get('payment-response'));
		same([response.success, response.transaction, getAddress(response.payer), response.network], [true, t.tx, account.address, NETWORK], 'PAYMENT-RESPONSE');
		same(res.headers.get('x-payment-response'), null, "version 1's header");
		await receipts(res, j, { signer, payer: account, tx: t.tx, url });
		const sale = await w.sale(account);
		same([sale.state, sale.transaction, sale.amount, sale.nonce], ['settled', t.tx, String(PRICE), t.nonce], 'the sale');
	});
	await test(name('v1_legacy_client'), async () => {
		const account = await buyer();
		const pay = wrapLegacy(fetch, createWalletClient({ account, chain: baseSepolia, transport: http(need('ARTUI_LAB_RPC')) }));
		const res = await pay(url, body('echo val_bpb: 1.5'));
		const j = await json(res);
		const [t] = await paid(account, PRICE);
		const response = decodeXPaymentResponse(res.headers.get('x-payment-response'));
		same([j.val_bpb, response.success, response.transaction, response.network], [1.5, true, t.tx, NETWORK_V1], 'result and X-PAYMENT-RESPONSE');
	});
	await test(name('artui_fetch'), async () => {
		const home = await makeHome(`buyer-${mode}`);
		await transfer(await buyer(PRICE * 3), home.account.address, PRICE * 3);
		const args = ['fetch', '--json', '--yes', '--max-usd', '0.01', '--timeout', '60', '--password-file', 'password', '--wallet', 'w',
			      '-d', '{"train_py":"echo val_bpb: 1.75","experiment_id":"by-artui"}', url];
		const r = await run(home.home, args);
		same([r.code, r.code ? r.err : ''], [0, ''], 'artui fetch');
		const answer = JSON.parse(r.out);
		const [t] = await paid(home.account, PRICE);
		same([JSON.parse(answer.body).val_bpb, answer.payment.state, answer.payment.transaction], [1.75, 'settled', t.tx], 'what artui says');
		/* The name is known: the same again costs nothing. */
		const again = await run(home.home, args);
		same(JSON.parse(JSON.parse(again.out).body).val_bpb, 1.75, 'the same again');
		await paid(home.account, PRICE);
	});
	await test(name('obol_coordinator'), async () => {
		const account = await buyer();
		const probe = await w.ask('/experiment', body(undefined, { probe: true }));
		same(probe.status, 402, 'the probe');
		const terms = (await probe.json()).accepts[0];
		same([getAddress(terms.payTo), terms.network, terms.maxAmountRequired, getAddress(terms.asset), terms.scheme], [PAYEE, NETWORK_V1, String(PRICE), USDC, 'exact'], 'the terms');
		const res = await w.pay('echo val_bpb: 1.9', account, { how: 'bare' });
		const j = await json(res);
		same([j.status, j.val_bpb, j.return_code, typeof j.log_path, typeof j.durationSeconds], ['completed', 1.9, 0, 'string', 'number'], 'the result');
		await paid(account, PRICE);
	});
	await test(name('v2_envelope_in_the_old_header'), async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		same((await json(await w.submit('echo val_bpb: 2', { 'X-PAYMENT': headers['PAYMENT-SIGNATURE'] }))).status, 'completed');
		await paid(account, PRICE);
	});
	await test(name('same_payment_at_once'), async () => {
		const account = await buyer(), payload = await sign(account);
		const headers = v2(await w.challenge(), payload);
		const all = await Promise.all(Array.from({ length: 6 }, () => w.submit('sleep 1; echo val_bpb: 2.5', headers)));
		const good = all.filter((r) => r.status === 200);
		same(all.filter((r) => ![200, 409].includes(r.status)).map((r) => r.status), [], 'other statuses');
		const ids = new Set(await Promise.all(good.map(async (r) => (await r.json()).experiment_id)));
		same([good.length > 0, ids.size], [true, 1], 'answers and experiments');
		await paid(account, PRICE);
		same((await w.orders()).filter((o) => o.payer?.toLowerCase() === account.address.toLowerCase()).length, 1, 'runs');
		/* Later too, and for another thing never. */
		same((await json(await w.submit('sleep 1; echo val_bpb: 2.5', headers))).experiment_id, [...ids][0], 'asked again');
		same((await w.submit('echo val_bpb: 0.1', headers)).status, 409, 'for another thing');
		await paid(account, PRICE);
	});
	await test(name('async'), async () => {
		const account = await buyer();
		const res = await w.pay('sleep 1; echo val_bpb: 2.25', account, { isAsync: true });
		const j = await json(res, 202);
		await paid(account);
		await until('the job is done', async () => ['complete', 'failed'].includes((await (await w.ask(j.statusUrl)).json()).state));
		const result = await w.ask(j.resultUrl, { headers: { Authorization: `Bearer ${j.jobToken}` } });
		same((await json(result)).val_bpb, 2.25, 'the result');
		const [t] = await paid(account, PRICE);
		same(decodePaymentResponseHeader(result.headers.get('payment-response')).transaction, t.tx, 'the response header');
	});
	await test(name('wrong_payments_cost_nothing'), async () => {
		const account = await buyer(), other = await buyer(0);
		const refused = async (what, terms, reason, change = (p) => p) => {
			const payload = change(await sign(account, terms));
			const res = await w.pay('echo val_bpb: 1', account, { payload });
			const c = required(res);
			same([res.status, c.error.includes(reason)], [402, true], `${what}: ${c.error}`);
		};
		await refused('too little', { value: PRICE - 1 }, 'value');
		await refused('too much', { value: PRICE + 1 }, 'value');
		await refused('another payee', { to: other.address }, 'recipient');
		await refused('another chain', { chainId: 8453 }, 'signature');
		await refused('another name', { name: 'USD Coin' }, 'signature');
		await refused('over', { seconds: -10 }, 'valid_before');
		await refused('too short a window', { seconds: 20 }, 'valid_before');
		await refused('not yet', { validAfter: Math.floor(Date.now() / 1000) + 1000 }, 'valid_after');
		await refused("another's name", {}, 'signature', (p) => ({ ...p, authorization: { ...p.authorization, from: other.address } }));
		const challenge = await w.challenge();
		for (const [what, accepted] of [['price', { amount: '1' }], ['payee', { payTo: other.address }], ['network', { network: 'eip155:1' }], ['scheme', { scheme: 'upto' }]]) {
			const c = { ...challenge, accepts: [{ ...challenge.accepts[0], ...accepted }] };
			same((await w.submit('echo val_bpb: 1', v2(c, await sign(account)))).status, 402, `another ${what} in accepted`);
		}
		for (const [what, header] of [['base64', '!!!'], ['json', b64('{')], ['array', b64('[]')], ['empty object', b64('{}')], ['bare nonsense', '{"signature":1}']])
			same([400, 402].includes((await w.submit('echo val_bpb: 1', { 'X-PAYMENT': header })).status), true, what);
		/* What a gate would tell its upstream is nothing that a client may say. */
		same((await w.submit('echo val_bpb: 1', { 'X-Payment-Verified': 'true', 'X-Payer': account.address, 'X-Payment-Status': 'settled', 'PAYMENT-RESPONSE': b64({ success: true }) })).status, 402);
		await paid(account);
		same((await w.sales()).filter((s) => s.payer.toLowerCase() === account.address.toLowerCase() && !['released'].includes(s.state)), [], 'sales');
		same((await w.orders()).filter((o) => o.payer?.toLowerCase() === account.address.toLowerCase()), [], 'orders');
	});
	await test(name('no_funds'), async () => {
		const poor = await buyer(PRICE - 1);
		const res = await w.pay('echo val_bpb: 1', poor);
		same([res.status, /insufficient|balance|funds/.test(required(res).error)], [402, true], required(res).error);
		await paid(poor);
	});
	await test(name('emptied_during_the_run'), async () => {
		const account = await buyer(PRICE);
		const going = w.pay('sleep 2; echo secret >model.pt; echo val_bpb: 0.5', account, { id: `emptied-${mode}` });
		await until('it runs', async () => (await w.orders()).find((o) => o.experiment_id === `emptied-${mode}`)?.state === 'running');
		await transfer(account, PAYEE, PRICE);
		const res = await going;
		same([res.status, await res.text()], [402, '{}'], 'the answer');
		const response = decodePaymentResponseHeader(res.headers.get('payment-response'));
		same([response.success, typeof response.errorReason], [false, 'string'], 'PAYMENT-RESPONSE');
		const again = await w.ask(`/experiments/emptied-${mode}`);
		same([again.status, await again.text()], [402, '{}'], 'asked by its name');
		same((await w.sale(account)).state, 'unpaid', 'the sale');
		same((await transfersOf(account.address)).length, 1, 'transfers');
	});
	await test(name('emptied_while_it_waits'), async () => {
		const account = await buyer(PRICE), first = await buyer();
		const long = w.pay('sleep 3; echo val_bpb: 3', first);
		await until('it runs', async () => (await w.orders()).some((o) => o.state === 'running'));
		const going = w.pay('echo ran >&2; echo val_bpb: 0.5', account, { id: `waited-${mode}` });
		await until('it waits', async () => (await w.orders()).find((o) => o.experiment_id === `waited-${mode}`)?.state === 'queued');
		await transfer(account, PAYEE, PRICE);
		same((await going).status, 402, 'the answer');
		const order = (await w.orders()).find((o) => o.experiment_id === `waited-${mode}`);
		same([order.state, order.note.includes('good for it')], ['failed', true], order.note);
		await json(await long);
		await paid(first, PRICE);
	});
	await test(name('identifier'), async () => {
		const account = await buyer(), challenge = await w.challenge();
		same(challenge.extensions['payment-identifier'].info.required, false, 'the extension that is offered');
		const ext = { 'payment-identifier': { info: { required: false, id: `pay_${mode}_0123456789abcdef` } } };
		const one = await json(await w.submit('echo val_bpb: 2.75', v2(challenge, await sign(account), ext)));
		const two = await json(await w.submit('echo val_bpb: 2.75', v2(challenge, await sign(account), ext)));
		same(two.experiment_id, one.experiment_id, 'the second answer');
		same((await w.submit('echo val_bpb: 2.5 # other', v2(challenge, await sign(account), ext))).status, 409, 'for another thing');
		const short = { 'payment-identifier': { info: { required: false, id: 'short' } } };
		same((await w.submit('echo val_bpb: 2', v2(challenge, await sign(account), short))).status, 400, 'too short an identifier');
		await paid(account, PRICE);
	});
	await test(name('buyers_failure_is_charged'), async () => {
		const account = await buyer();
		const res = await w.pay('echo val_bpb: 1; exit 7', account);
		const j = await json(res);
		same([j.status, j.return_code, j.val_bpb], ['failed', 7, null], 'the result');
		const [t] = await paid(account, PRICE);
		await receipts(res, j, { signer, payer: account, tx: t.tx, state: 'failed', url });
	});
	await test(name('cancelled'), async () => {
		const [running, waiting] = [await buyer(), await buyer()];
		const a = await json(await w.pay('sleep 30', running, { isAsync: true }), 202);
		await until('it runs', async () => (await (await w.ask(a.statusUrl)).json()).state === 'running');
		const b = await json(await w.pay('sleep 31', waiting, { isAsync: true }), 202);
		for (const j of [b, a])
			same((await w.ask(`/experiments/${j.experiment_id}`, { method: 'DELETE', headers: { Authorization: `Bearer ${j.jobToken}` } })).status, 200, 'DELETE');
		await until('both are closed', async () => (await w.sale(waiting)).state === 'released' && (await w.sale(running)).state === 'settled');
		await paid(waiting);
		await paid(running, PRICE);
	});
	await test(name('many_at_once'), async () => {
		const all = await Promise.all(Array.from({ length: 6 }, () => buyer()));
		const results = await Promise.all(all.map((account, i) => w.pay(`echo val_bpb: 4.${i + 1}`, account).then((r) => json(r))));
		same(results.map((r) => r.val_bpb), all.map((_, i) => Number(`4.${i + 1}`)), 'the numbers');
		for (const account of all)
			await paid(account, PRICE);
	});
	await test(name('ledger_equals_the_chain'), async () => {
		for (const s of await w.sales()) {
			const t = (await transfersOf(s.payer)).filter((x) => x.nonce === s.nonce);
			same([s.id, t.length, t[0]?.tx ?? null], [s.id, s.state === 'settled' ? 1 : 0, s.state === 'settled' ? s.transaction : null], `sale ${s.id} (${s.state})`);
		}
	});
	await test(name('ends'), async () => same(await w.end(), 0, 'its status'));
}

/* ---- before any charge ---- */

async function full() {
	const w = await new Worker(await makeHome('worker-full'), ['--facilitator', FACILITATOR], { queue: 1, wallet: false }).start();
	await test('worker_busy_before_any_charge', async () => {
		const [first, second] = [await buyer(), await buyer()];
		const held = await json(await w.pay('sleep 20', first, { isAsync: true }), 202);
		const headers = v2(await challengeOf(w), await sign(second));
		const res = await w.submit('echo val_bpb: 1', headers);
		same([res.status, (await res.json()).status], [409, 'busy'], 'a paid submit');
		same(await w.sale(second), undefined, 'a sale');
		const probe = await w.ask('/experiment', { method: 'POST', body: '{"probe":true}' });
		same([probe.status, (await probe.json()).busy], [402, true], 'the probe');
		same((await (await w.ask('/health')).json()).busy, true, 'health');
		await w.ask(`/experiments/${held.experiment_id}`, { method: 'DELETE', headers: { Authorization: `Bearer ${held.jobToken}` } });
		/* The very payment that found it busy is good when it is not. */
		same((await json(await until('room', async () => { const r = await w.submit('echo val_bpb: 1', headers); return r.status === 409 ? null : r; }))).status, 'completed');
		await paid(second, PRICE);
		same((await w.submit('echo val_bpb: 1', { 'X-PAYMENT': headers['PAYMENT-SIGNATURE'] }, { id: 'another' })).status, 200, 'the same payment again');
	});
	await test('worker_draining_before_any_charge', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		await run(w.home, ['worker', 'drain', '--data', w.data]);
		const res = await w.submit('echo val_bpb: 1', headers);
		same([res.status, (await res.json()).status], [503, 'draining'], 'a paid submit');
		same(await w.sale(account), undefined, 'a sale');
		await run(w.home, ['worker', 'open', '--data', w.data]);
		same((await json(await w.submit('echo val_bpb: 1', headers))).status, 'completed');
	});
	await test('worker_without_a_wallet_signs_nothing', async () => {
		const account = await buyer();
		same((await json(await w.pay('echo val_bpb: 1', account))).receipt, undefined, 'a receipt');
		await paid(account, PRICE);
	});
	await w.end();
}
/* Of a worker that is full: the terms are still told to who probes. */
async function challengeOf(w) {
	return required(await w.ask('/experiment', { method: 'POST', body: '{"probe":true}' }));
}

/* ---- who is charged for what ---- */

async function charging() {
	const no = await new Worker(await makeHome('worker-no'), ['--facilitator', FACILITATOR, '--charge-failed', 'no'], { budget: 1, grace: 1 }).start();
	const url = `${no.url}/experiment`, signer = no.account.address;
	for (const [what, train, state] of [['failure', 'exit 3', 'failed'], ['timeout', 'sleep 60', 'timeout'], ['no_number', 'echo none', 'failed']])
		await test(`worker_charge_failed_no_${what}`, async () => {
			const account = await buyer();
			const res = await no.pay(train, account);
			const j = await json(res);
			same([j.status, res.headers.get('payment-response')], [state, null], 'the result');
			same((await no.sale(account)).state, 'released', 'the sale');
			await receipts(res, j, { signer, payer: account, state, url });
			await paid(account);
		});
	await no.end();

	const place = await makeHome('worker-fault');
	const evaluator = `${place.home}/prepare.py`;
	writeFileSync(evaluator, 'one\n');
	const w = await new Worker(place, ['--facilitator', FACILITATOR, '--evaluator', evaluator]).start();
	await test('worker_fault_is_never_charged', async () => {
		const account = await buyer();
		const going = w.pay('sleep 2; echo val_bpb: 1', account, { id: 'our-fault' });
		await until('it runs', async () => (await w.orders())[0]?.state === 'running');
		appendFileSync(evaluator, 'two\n');
		const res = await going;
		const j = await json(res, 503);
		same([j.status, j.val_bpb, res.headers.get('payment-response')], ['failed', null, null], 'the answer');
		await receipts(res, j, { signer: place.account.address, payer: account, state: 'failed', url: `${w.url}/experiment` });
		const sale = await w.sale(account);
		same(sale.state, 'released', 'the sale');
		await paid(account);
	});
	await w.end();

	const up = await new Worker(await makeHome('worker-upfront'), ['--facilitator', FACILITATOR, '--settle', 'upfront']).start();
	await test('worker_upfront', async () => {
		const account = await buyer();
		same((await up.challenge()).accepts[0].extra.paymentFlow, 'upfront', 'the flow that is told');
		const res = await up.pay('sleep 2; echo val_bpb: 1', account, { isAsync: true });
		const j = await json(res, 202);
		const [t] = await paid(account, PRICE); /* before the run has ended */
		same(decodePaymentResponseHeader(res.headers.get('payment-response')).transaction, t.tx, 'the 202');
		same((await (await up.ask(j.statusUrl)).json()).state !== 'complete', true, 'not over yet');
		await until('done', async () => (await (await up.ask(j.statusUrl)).json()).state === 'complete');
		await paid(account, PRICE);
		const poor = await buyer(PRICE - 1);
		same((await up.pay('echo val_bpb: 1', poor)).status, 402, 'one who cannot pay');
	});
	await up.end();
}

/* ---- a facilitator that fails ---- */

async function failing() {
	const f = await unreliable();
	const w = await new Worker(await makeHome('worker-failing'), ['--facilitator', f.url]).start();
	await test('worker_facilitator_down', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		f.say = () => 'down';
		const res = await w.submit('echo val_bpb: 1', headers);
		same([res.status, (await res.json()).retriable], [503, true], 'while it is down');
		same((await w.sales()).filter((s) => s.state !== 'released'), [], 'sales that hold something');
		same((await w.orders()).length, 0, 'orders');
		f.say = () => 'ok';
		same((await json(await w.submit('echo val_bpb: 1', headers))).status, 'completed', 'the same payment later');
		await paid(account, PRICE);
	});
	for (const how of ['error', 'down'])
		await test(`worker_settle_${how}_once`, async () => {
			const account = await buyer();
			let left = 1;
			f.say = (step) => (step === 'settle' && left-- > 0 ? how : 'ok');
			same((await json(await w.pay('echo val_bpb: 1', account))).status, 'completed');
			await paid(account, PRICE);
		});
	await test('worker_settle_answer_lost', async () => {
		const account = await buyer();
		f.say = (step) => (step === 'settle' ? 'lost' : 'ok');
		const res = await w.pay('echo val_bpb: 1', account);
		const j = await json(res);
		const [t] = await paid(account, PRICE);
		same([j.status, decodePaymentResponseHeader(res.headers.get('payment-response')).transaction], ['completed', t.tx], 'found on the chain');
		same(f.calls.filter((c) => c === 'settle').length > 0, true);
		same((await w.sale(account)).transaction, t.tx, 'the sale');
	});
	await test('worker_settle_down_for_long', async () => {
		const account = await buyer(), headers = v2(await w.challenge(), await sign(account));
		f.say = (step) => (step === 'settle' ? 'down' : 'ok');
		const res = await w.submit('echo val_bpb: 1', headers, { id: 'long' });
		same([res.status, (await res.json()).status], [503, 'settling'], 'the answer: no result yet');
		same((await w.ask('/experiments/long')).status, 503, 'asked by its name');
		same((await w.sale(account)).state, 'settling', 'the sale');
		/* A restart in between changes nothing. */
		await w.end();
		await w.start();
		f.say = () => 'ok';
		const late = await until('the result', async () => { const r = await w.submit('echo val_bpb: 1', headers, { id: 'long' }); return r.status === 200 ? r : null; });
		same((await late.json()).status, 'completed', 'later');
		await paid(account, PRICE);
	});
	await test('worker_settles_by_itself_when_nobody_asks', async () => {
		const account = await buyer();
		f.say = (step) => (step === 'settle' ? 'down' : 'ok');
		await w.pay('echo val_bpb: 1', account, { id: 'nobody' });
		f.say = () => 'ok';
		await until('it is settled', async () => (await w.sale(account)).state === 'settled', 60_000);
		await paid(account, PRICE);
	});
	await test('worker_client_leaves', async () => {
		const account = await buyer(), leave = new AbortController();
		f.say = () => 'ok';
		const going = w.pay('sleep 2; echo val_bpb: 1.125', account, { id: 'leaver', signal: leave.signal }).catch(() => null);
		await until('it runs', async () => (await w.orders()).find((o) => o.experiment_id === 'leaver')?.state === 'running');
		leave.abort();
		await going;
		await until('it is settled', async () => (await w.sale(account)).state === 'settled');
		same((await json(await w.ask('/experiments/leaver'))).val_bpb, 1.125, 'the result, fetched later');
		await paid(account, PRICE);
	});
	await w.end();
	f.close();
}

/* ---- the registry ---- */

const registryAbi = parseAbi(['function tokenURI(uint256 id) view returns (string)', 'function ownerOf(uint256 id) view returns (address)',
			      'function getMetadata(uint256 id, string key) view returns (bytes)']);
async function registry() {
	const place = await makeHome('worker-registered');
	await rpc('anvil_setBalance', [place.account.address, '0xde0b6b3a7640000']);
	const settings = ['-c', `chain.base-sepolia.identity=${IDENTITY}`];
	const w = await new Worker(place, ['--facilitator', FACILITATOR], { settings }).start();
	const client = walletOf(place.account);
	const read = (functionName, ...args) => client.readContract({ address: IDENTITY, abi: registryAbi, functionName, args });
	const cli = async (verb, ...more) => {
		const r = await run(place.home, [...settings, 'worker', verb, '--data', w.data, ...place.wallet, '--json', ...more]);
		same([r.code, r.code ? r.err : ''], [0, ''], `worker ${verb}`);
		return JSON.parse(r.out);
	};
	let id;
	await test('worker_register', async () => {
		same((await run(place.home, [...settings, 'worker', 'update', '--data', w.data, ...place.wallet, '--public-url', w.url])).code, 1, 'update before register');
		const j = await cli('register', '--public-url', w.url, '--name', 'my worker');
		id = BigInt(j.agent_id);
		same([j.registry, j.uri], [`${NETWORK}:${IDENTITY}`, `${w.url}/.well-known/agent-registration.json`], 'what it says');
		same([await read('ownerOf', id), await read('tokenURI', id)], [place.account.address, j.uri], 'the chain');
		same(await read('getMetadata', id, 'x402.supported'), '0x01', 'metadata x402.supported');
		same(Buffer.from((await read('getMetadata', id, 'service.type')).slice(2), 'hex').toString(), 'http', 'metadata service.type');
		const doc = await (await fetch(await read('tokenURI', id))).json();
		same(doc.registrations, [{ agentId: Number(id), agentRegistry: `${NETWORK}:${IDENTITY}` }], 'the document names the agent');
		same([doc.active, doc.x402Support], [true, true], 'active, x402Support');
		const again = await run(place.home, [...settings, 'worker', 'register', '--data', w.data, ...place.wallet, '--public-url', w.url]);
		same([again.code, /already/.test(again.err)], [1, true], 'a second register');
	});
	/* obol's coordinator's reading of the document (section 1.2 of its own discover). */
	await test('worker_document_as_obol_reads_it', async () => {
		await json(await w.pay('echo val_bpb: 1.0625', await buyer()));
		const doc = await (await fetch(await read('tokenURI', id))).json();
		const endpoint = doc.services.map((s) => s.endpoint).find((e) => e && (e.includes('/services/') || e.includes('/experiment'))) ??
			(doc.x402Support ? doc.services[0].endpoint : null);
		/* obol appends /experiment itself, unless the path is given whole. */
		const base = endpoint.replace(/\/experiment$/, '');
		same((await fetch(`${base}/experiment`, { method: 'POST', body: '{"probe":true}' })).status, 402, `a probe of ${endpoint}`);
		const oasf = doc.services.find((s) => s.name === 'OASF');
		same(['devops_mlops/model_versioning', 'machine_learning/model_optimization'].every((k) => oasf.skills.includes(k)), true, 'both slugs');
		same([typeof doc.metadata.best_val_bpb, Number(doc.metadata.best_val_bpb), Number(doc.metadata.total_experiments)], ['string', 1.0625, 1], 'metadata for the leaderboard');
	});
	const help = await run(place.home, ['help', 'discover']);
	if (help.code !== 0)
		console.log('SKIP worker_document_as_artui_reads_it: this program has no discover');
	else await test('worker_document_as_artui_reads_it', async () => {
		const r = await run(place.home, [...settings, '-c', 'net.allow_private=true', '-c', 'market.sources=chain', '-c', 'market.chains=base-sepolia', '-c',
			'chain.base-sepolia.identity_block=0', 'discover', '--json']);
		same(r.code, 0, r.err);
		same(r.out.includes(w.url), true, `the worker in ${r.out.slice(0, 500)}`);
	});
	await test('worker_update_inline', async () => {
		await cli('update', '--public-url', 'https://worker.example', '--inline', '--name', 'my worker');
		const uri = await read('tokenURI', id);
		same(uri.startsWith('data:application/json;base64,'), true, uri.slice(0, 40));
		const doc = JSON.parse(Buffer.from(uri.slice(29), 'base64'));
		same([doc.active, doc.name, doc.registrations[0].agentId], [true, 'my worker', Number(id)], 'the document');
		same(doc.services.some((s) => s.endpoint?.startsWith('https://worker.example')), true, 'its endpoint');
	});
	await test('worker_withdraw', async () => {
		await cli('withdraw');
		const doc = JSON.parse(Buffer.from((await read('tokenURI', id)).slice(29), 'base64'));
		same([doc.active, doc.x402Support, doc.registrations[0].agentId], [false, false, Number(id)], 'the document');
	});
	await test('worker_register_without_gas', async () => {
		const poor = await makeHome('worker-no-gas');
		const r = await run(poor.home, [...settings, 'worker', 'register', '--data', `${poor.home}/data`, ...poor.wallet, '--public-url', 'https://worker.example']);
		same([r.code, /gas|funds|balance|ether/i.test(r.err)], [1, true], r.err);
	});
	await w.end();
}

if (wants('buying') || wants('facilitator'))
	await buying('facilitator');
if (wants('buying') || wants('self'))
	await buying('self');
if (wants('full'))
	await full();
if (wants('charging'))
	await charging();
if (wants('failing'))
	await failing();
if (wants('registry'))
	await registry();
process.exit(failures() ? 1 : 0);
