/*
 * server-v1.cjs: a seller built on the legacy package x402-express, protocol version 1.
 *
 *   GET /cheap $0.01    POST /experiment $0.01, echoes the body    GET /fail500 the work fails: not settled
 *   GET /replay-log payments received    GET /runs how often each route's work ran
 */
const { dirname } = require('node:path');
const { createServer } = require('node:http');
const legacy = require.resolve('x402-express');
const { paymentMiddleware } = require(legacy);
/* The legacy package is written for its own, older express. */
const express = require(require.resolve('express', { paths: [dirname(legacy)] }));

async function main() {
	const { Journal, NETWORK_V1, PAYEE, listen, need, paymentOf, ready } = await import('./common.mjs');
	const journal = new Journal();
	const route = (description) => ({
		price: '$0.01', network: NETWORK_V1, config: { description, mimeType: 'application/json' },
	});
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
	app.use(paymentMiddleware(PAYEE, {
		'GET /cheap': route('A piece of work'),
		'POST /experiment': route('Run one training experiment'),
		'GET /fail500': route('Work that fails'),
	}, { url: need('ARTUI_LAB_FACILITATOR') }));
	app.use((req, res, next) => {
		journal.ran(req.path);
		next();
	});
	app.get('/cheap', (req, res) => res.json({ path: '/cheap', n: journal.runs['/cheap'] }));
	app.get('/fail500', (req, res) => res.status(500).json({ error: 'the work failed' }));
	app.post('/experiment', express.raw({ type: () => true, limit: '16mb' }), (req, res) => {
		res.type(req.get('content-type') || 'application/octet-stream').send(Buffer.isBuffer(req.body) ? req.body : '');
	});
	ready({ url: `http://127.0.0.1:${await listen(createServer(app))}` });
}
main().catch((e) => {
	console.error(e);
	process.exit(1);
});
