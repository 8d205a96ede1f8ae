/*
 * facilitator.mjs: the reference facilitator over HTTP: POST /verify, POST /settle, GET /supported, for
 * version 2 on eip155:84532 and version 1 on base-sepolia. Each call is one JSON line on standard output.
 */
import { createServer } from 'node:http';
import { createWalletClient, http, publicActions } from 'viem';
import { nonceManager, privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';
import { x402Facilitator } from '@x402/core/facilitator';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { ExactEvmScheme } from '@x402/evm/exact/facilitator';
import { ExactEvmSchemeV1 } from '@x402/evm/exact/v1/facilitator';
import { NETWORK, NETWORK_V1, WHO, accounts, listen, need, ready } from './common.mjs';

/* Without the nonce manager, payments settled at the same time take each other's transaction number. */
const account = privateKeyToAccount(accounts()[WHO.facilitator].key, { nonceManager });
const client = createWalletClient({
	account, chain: baseSepolia, transport: http(need('ARTUI_LAB_RPC')), pollingInterval: 50, cacheTime: 0,
}).extend(publicActions);
const signer = toFacilitatorEvmSigner({ ...client, address: account.address });
const facilitator = new x402Facilitator()
	.register(NETWORK, new ExactEvmScheme(signer))
	.registerV1(NETWORK_V1, new ExactEvmSchemeV1(signer));

async function bodyOf(req) {
	const parts = [];
	for await (const part of req)
		parts.push(part);
	return JSON.parse(Buffer.concat(parts).toString());
}

function reply(res, status, body) {
	res.writeHead(status, { 'content-type': 'application/json' });
	/* Amounts may be BigInts in answers of the packages. */
	res.end(JSON.stringify(body, (_, v) => (typeof v === 'bigint' ? String(v) : v)));
}

async function handle(req, res) {
	const step = req.url.slice(1);
	if (req.method === 'GET' && step === 'supported')
		return reply(res, 200, facilitator.getSupported());
	if (req.method !== 'POST' || (step !== 'verify' && step !== 'settle'))
		return reply(res, 404, { error: 'no such call' });
	const { paymentPayload, paymentRequirements } = await bodyOf(req);
	const answer = await facilitator[step](paymentPayload, paymentRequirements);
	console.log(JSON.stringify({ at_ms: Date.now(), step, nonce: paymentPayload?.payload?.authorization?.nonce, answer }));
	return reply(res, 200, answer);
}

const server = createServer((req, res) => {
	handle(req, res).catch((e) => {
		console.error(e);
		reply(res, 500, { error: String(e.message ?? e) });
	});
});
ready({ url: `http://127.0.0.1:${await listen(server)}` });
