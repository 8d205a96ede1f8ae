/*
 * server-v2.mjs: a seller built on the reference package @x402/express, protocol version 2.
 *
 *   GET  /cheap        $0.01          POST /experiment     $0.01, echoes the body
 *   GET  /pricey       $2.50          GET  /fail500        the work fails: never settled
 *   GET  /slow?ms=N    works N ms     GET  /upfront        settled before the work (extra.paymentFlow)
 *   GET  /upfront-fail settled before the work, which then answers 503
 *   GET  /ident, /ident-required      payment-identifier: a known id with the same payment gets the same
 *                                     answer, with another payment 409; required and missing, 400
 *   GET  /replay-log   payments received          GET /runs   how often each route's work ran
 */
import express from 'express';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { paymentMiddlewareFromHTTPServer, x402HTTPResourceServer, x402ResourceServer } from '@x402/express';
import { ExactEvmScheme } from '@x402/evm/exact/server';
import { declarePaymentIdentifierExtension, extractAndValidatePaymentIdentifier,
	 isPaymentIdentifierRequired, paymentIdentifierResourceServerExtension,
	 PAYMENT_IDENTIFIER } from '@x402/extensions/payment-identifier';
import { createServer } from 'node:http';
import { Journal, NETWORK, PAYEE, listen, need, paymentOf, ready } from './common.mjs';

function route(price, { extra, identifier, timeout, description = 'A piece of work' } = {}) {
	return {
		accepts: {
			scheme: 'exact', network: NETWORK, price, payTo: PAYEE,
			...(timeout && { maxTimeoutSeconds: timeout }), ...(extra && { extra }),
		},
		description, mimeType: 'application/json',
		...(identifier !== undefined && {
			extensions: { [PAYMENT_IDENTIFIER]: declarePaymentIdentifierExtension(identifier) },
		}),
	};
}
const upfront = { extra: { paymentFlow: 'upfront' } };
const routes = {
	'GET /cheap': route('$0.01'),
	'POST /experiment': route('$0.01', { description: 'Run one training experiment' }),
	'GET /pricey': route('$2.50'),
	'GET /fail500': route('$0.01'),
	'GET /slow': route('$0.01'),
	'GET /upfront': route('$0.01', upfront),
	'GET /upfront-fail': route('$0.01', upfront),
	'GET /ident': route('$0.01', { identifier: false }),
	'GET /ident-required': route('$0.01', { identifier: true }),
};

const journal = new Journal();
const seller = new x402ResourceServer(new HTTPFacilitatorClient({ url: need('ARTUI_LAB_FACILITATOR') }))
	.register(NETWORK, new ExactEvmScheme())
	.registerExtension(paymentIdentifierResourceServerExtension);
const gate = new x402HTTPResourceServer(seller, routes);
await gate.initialize();

/* The package carries the identifier; keeping its promise is the seller's part. */
const known = new Map();
function identified(req, res, next) {
	const payment = paymentOf(req);
	const declared = routes[`${req.method} ${req.path}`]?.extensions?.[PAYMENT_IDENTIFIER];
	if (!declared || !payment?.decoded)
		return next();
	const { id, validation } = extractAndValidatePaymentIdentifier(payment.decoded);
	if (!validation.valid || (!id && isPaymentIdentifierRequired(declared)))
		return res.status(400).json({ error: 'payment identifier missing or invalid', errors: validation.errors });
	const before = id && known.get(id);
	if (before && before.raw !== payment.raw)
		return res.status(409).json({ error: 'payment identifier already used with another payment' });
	if (before)
		return res.set(before.headers).status(200).json(before.body);
	res.on('finish', () => {
		const receipt = res.getHeader('payment-response');
		if (id && res.statusCode === 200 && receipt)
			known.set(id, { raw: payment.raw, headers: { 'payment-response': receipt }, body: res.locals.body });
	});
	return next();
}

const app = express();
app.disable('x-powered-by');
app.use((req, res, next) => {
	if (journal.answer(req, res))
		return;
	const payment = paymentOf(req);
	if (payment)
		journal.add(req, payment);
	next();
});
app.use(identified);
app.use(paymentMiddlewareFromHTTPServer(gate, undefined, undefined, false));
app.use((req, res, next) => {
	journal.ran(req.path);
	next();
});
app.post('/experiment', express.raw({ type: () => true, limit: '16mb' }), (req, res) => {
	res.type(req.get('content-type') ?? 'application/octet-stream').send(Buffer.isBuffer(req.body) ? req.body : '');
});
app.get('/fail500', (req, res) => res.status(500).json({ error: 'the work failed' }));
app.get('/upfront-fail', (req, res) => res.status(503).json({ error: 'the work failed' }));
app.get('/slow', (req, res) => {
	setTimeout(() => res.json({ slow: true }), Math.min(Number(req.query.ms) || 0, 600_000));
});
for (const path of ['/cheap', '/pricey', '/upfront', '/ident', '/ident-required'])
	app.get(path, (req, res) => {
		res.locals.body = { path, n: journal.runs[path] };
		res.json(res.locals.body);
	});

ready({ url: `http://127.0.0.1:${await listen(createServer(app))}` });
