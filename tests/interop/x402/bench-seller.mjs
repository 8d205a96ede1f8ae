/*
 * bench-seller.mjs: the peer of bench-worker.mjs: POST /experiment behind @x402/express, which runs the buyer's train.py by
 * /bin/sh as the worker's --train-command does, but in no sandbox, with no queue and no record. FACILITATOR: who verifies.
 */
import express from 'express';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { paymentMiddlewareFromHTTPServer, x402HTTPResourceServer, x402ResourceServer } from '@x402/express';
import { ExactEvmScheme } from '@x402/evm/exact/server';
import { NETWORK, PAYEE, listen } from './common.mjs';

const seller = new x402ResourceServer(new HTTPFacilitatorClient({ url: process.env.FACILITATOR })).register(NETWORK, new ExactEvmScheme());
const gate = new x402HTTPResourceServer(seller, { 'POST /experiment': {
	accepts: { scheme: 'exact', network: NETWORK, price: '$0.01', payTo: PAYEE }, description: 'Run one training experiment', mimeType: 'application/json' } });
await gate.initialize();
const app = express();
app.disable('x-powered-by');
app.use(paymentMiddlewareFromHTTPServer(gate, undefined, undefined, false));
app.post('/experiment', express.json({ limit: '4mb' }), (req, res) => {
	const child = spawn('/bin/sh', ['-c', req.body.train_py], { stdio: ['ignore', 'pipe', 'inherit'] });
	let log = '';
	child.stdout.on('data', (b) => { log += b; });
	child.on('close', (code) => res.json({ status: code ? 'failed' : 'completed', val_bpb: Number(/val_bpb: (\S+)/.exec(log)?.[1]) }));
});
console.log(await listen(createServer(app)));
