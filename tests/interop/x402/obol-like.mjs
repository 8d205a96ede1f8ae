/*
 * obol-like.mjs: a gate as obol's: the challenge in header and body, each option twice (CAIP-2 network and
 * its alias), both payment headers read, both receipts written, reasons in extensions.paymentFailure;
 * settles only after the work answered below 400.
 *
 *   GET /cheap, POST /experiment (echoes)   GET /fail500   the work fails: passed through, not settled
 *   GET /multi            a permit2 token of 18 decimals is offered first
 *   GET /settle-failed    503, nothing moved       GET /settle-failed-moved  503, settled, hash in X-PAYMENT-RESPONSE
 *   GET /settle-rejected  402 settlement_rejected  GET /payment-invalid      402 payment_invalid
 *   GET /facilitator-unreachable, /facilitator-error   503 before the work
 *   GET /replay-log       payments received        GET /runs   how often each route's work ran
 */
import { createServer } from 'node:http';
import { Journal, NETWORK, NETWORK_V1, PAYEE, USDC, b64, facilitate, listen, need, paymentOf, ready } from './common.mjs';

const FACILITATOR = need('ARTUI_LAB_FACILITATOR');
const OBOL_TOKEN = '0x0a09371a8b011d5110656ceBCc70603e53FD2c78';
const journal = new Journal();

const usdc = {
	scheme: 'exact', network: NETWORK, amount: '41666', asset: USDC, payTo: PAYEE, maxTimeoutSeconds: 600,
	extra: { name: 'USDC', version: '2', assetTransferMethod: 'eip3009' },
};
const obol = {
	...usdc, amount: '1000000000000000000', asset: OBOL_TOKEN,
	extra: { name: 'Obol Network', version: '1', assetTransferMethod: 'permit2' },
};
const twice = (option) => [option, { ...option, network: NETWORK_V1 }];
const offers = (path) => (path === '/multi' ? [...twice(obol), ...twice(usdc)] : twice(usdc));

function reply(res, status, body, headers = {}) {
	const raw = Buffer.isBuffer(body);
	res.writeHead(status, { 'Content-Type': raw ? 'application/octet-stream' : 'application/json', ...headers });
	res.end(raw ? body : JSON.stringify(body));
}

function demand(req, res, path, failure) {
	const challenge = {
		x402Version: 2, error: failure ? `Payment failed: ${failure.reason}` : 'Payment required for this resource',
		resource: { url: `http://${req.headers.host}${path}`, description: 'autoresearch worker', mimeType: 'application/json',
			    serviceName: 'autoresearch', iconUrl: '' },
		accepts: offers(path),
		extensions: { eip2612GasSponsoring: { info: {}, schema: {} }, ...(failure && { paymentFailure: failure }) },
		facilitator: FACILITATOR,
	};
	const html = !failure && (req.headers.accept ?? '').includes('text/html');
	res.writeHead(402, {
		'PAYMENT-REQUIRED': b64(challenge), Link: '</api/services.json>; rel="catalog"',
		'Content-Type': html ? 'text/html' : 'application/json',
	});
	res.end(html ? '<!doctype html><title>Checkout</title>' : JSON.stringify(challenge));
}

const caip = (network) => (network === NETWORK_V1 ? NETWORK : network);
const sameTerms = (a, b) => a.scheme === b.scheme && caip(a.network) === caip(b.network) && a.amount === b.amount &&
	a.asset?.toLowerCase() === b.asset.toLowerCase() && a.payTo?.toLowerCase() === b.payTo.toLowerCase();

/* Some signers write the recovery number as 0 or 1. */
function normalised(payment, offer) {
	const { signature } = payment.payload;
	const last = typeof signature === 'string' && signature.length === 132 ? parseInt(signature.slice(130), 16) : 27;
	return {
		...payment, accepted: offer,
		payload: { ...payment.payload, signature: last < 27 ? signature.slice(0, 130) + (last + 27).toString(16) : signature },
	};
}

function receipts(settled, payer) {
	const value = b64({ success: settled.success, transaction: settled.transaction, network: NETWORK, payer });
	return { 'X-PAYMENT-RESPONSE': value, 'PAYMENT-RESPONSE': value };
}

const work = {
	'GET /fail500': () => [500, { error: 'the work failed' }],
	'POST /experiment': (body) => [200, body],
};
for (const path of ['/cheap', '/multi', '/settle-failed', '/settle-failed-moved', '/settle-rejected', '/payment-invalid',
		    '/facilitator-unreachable', '/facilitator-error'])
	work[`GET ${path}`] = () => [200, { path, n: journal.runs[path] }];

/* Null, or the answer of a gate that can't or won't accept the payment. */
async function refusal(path, payment, offer) {
	if (path === '/facilitator-unreachable')
		return { status: 503, reason: 'facilitator_unreachable', retriable: true };
	if (path === '/facilitator-error')
		return { status: 503, reason: 'facilitator_error', retriable: false };
	if (path === '/payment-invalid')
		return { status: 402, reason: 'payment_invalid', detail: 'invalid_exact_evm_signature' };
	const verdict = await facilitate('verify', 2, payment, offer);
	return verdict.isValid ? null : { status: 402, reason: 'payment_invalid', detail: verdict.invalidReason };
}

async function settleAndReply(req, res, path, payment, offer, status, body) {
	const payer = payment.payload.authorization.from;
	const hint = 'the authorization may have been used; check it before paying again';
	if (path === '/settle-rejected')
		return demand(req, res, path, { reason: 'settlement_rejected', detail: 'insufficient_funds', hint });
	if (path === '/settle-failed')
		return reply(res, 503, { error: 'Settlement failed', reason: 'settlement_failed', hint, retriable: true });
	/* A buyer who has left is not charged. */
	if (req.socket.destroyed)
		return undefined;
	const settled = await facilitate('settle', 2, payment, offer);
	if (!settled.success)
		return demand(req, res, path, { reason: 'settlement_rejected', detail: settled.errorReason, hint });
	if (path === '/settle-failed-moved')
		return reply(res, 503, { error: 'Settlement failed', reason: 'settlement_failed', hint, retriable: true },
			     { 'X-PAYMENT-RESPONSE': receipts(settled, payer)['X-PAYMENT-RESPONSE'] });
	return reply(res, status, body, receipts(settled, payer));
}

async function handle(req, res) {
	const path = new URL(req.url, 'http://seller').pathname;
	if (journal.answer(req, res))
		return undefined;
	const parts = [];
	for await (const part of req)
		parts.push(part);
	const job = work[`${req.method} ${path}`];
	if (!job)
		return reply(res, 404, { error: 'Not found' });
	const sent = paymentOf(req);
	if (!sent)
		return demand(req, res, path);
	journal.add(req, sent);
	if (!sent.decoded?.payload)
		return reply(res, 400, { error: 'Invalid payment header', reason: 'invalid_payment_header',
					 hint: 'base64 of JSON is expected', retriable: false });
	const offer = offers(path).find((o) => sent.decoded.accepted && sameTerms(sent.decoded.accepted, o));
	if (!offer)
		return demand(req, res, path, { reason: 'no_matching_requirement', detail: '', hint: 'echo one of accepts' });
	const canonical = { ...offer, network: NETWORK };
	const payment = normalised(sent.decoded, canonical);
	const no = await refusal(path, payment, canonical);
	if (no?.status === 402)
		return demand(req, res, path, { reason: no.reason, detail: no.detail, hint: 'sign again' });
	if (no)
		return reply(res, no.status, { error: 'Facilitator failed', reason: no.reason, retriable: no.retriable });
	journal.ran(path);
	const [status, body] = job(Buffer.concat(parts));
	if (status >= 400)
		return reply(res, status, body);
	return settleAndReply(req, res, path, payment, canonical, status, body);
}

const server = createServer((req, res) => {
	handle(req, res).catch((e) => {
		console.error(e);
		if (!res.headersSent)
			reply(res, 503, { error: 'Facilitator failed', reason: 'facilitator_unreachable', retriable: true });
	});
});
ready({ url: `http://127.0.0.1:${await listen(server)}` });
