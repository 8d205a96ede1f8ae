/*
 * discover.mjs: artui discover against the registry of a real chain, with no index to help: agents registered with viem
 * appear from the logs alone, a second run goes on from its cursor, and what changed on the chain changes here.
 * A proxy before the node counts what is asked. Prints "ok NAME" or "FAIL NAME: why".
 *
 * BIN: folder of the program. ARTUI_TEST_DIR: a folder for it.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWalletClient, http, publicActions, toHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { CHAIN_ID, IDENTITY, NETWORK, PAYEE, USDC, WHO, accounts, need } from './common.mjs';

const ARTUI = `${need('BIN')}/artui`, HOME = `${need('ARTUI_TEST_DIR')}/home`, url = need('ARTUI_LAB_RPC');
const { abi } = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'identity.json'), 'utf8'));
const chain = { id: CHAIN_ID, name: 'lab', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [url] } } };
const owner = createWalletClient({ account: privateKeyToAccount(accounts()[WHO.payee].key), chain, transport: http(url), pollingInterval: 10 }).extend(publicActions);
mkdirSync(HOME, { recursive: true });

let failed = 0;
async function test(name, fn) {
	try {
		await fn();
		console.log(`ok discover_${name}`);
	} catch (e) {
		failed++;
		console.log(`FAIL discover_${name}: ${String(e.stack ?? e).replace(/\s+/g, ' ').slice(0, 700)}`);
	}
}
function same(got, want, what) {
	const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
	if (a !== b)
		throw new Error(`${what} is ${a}, not ${b}`);
}

/* ---- the world: a worker that asks for money, and a node whose questions are counted ------------------- */

const serve = (fn) => new Promise((resolve) => {
	const server = createServer((req, res) => {
		const parts = [];
		req.on('data', (b) => parts.push(b));
		req.on('end', () => fn(req, res, Buffer.concat(parts).toString()));
	});
	server.listen(0, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${server.address().port}` }));
});
const challenge = (amount) => Buffer.from(JSON.stringify({
	x402Version: 2, error: 'Payment required', resource: { url: 'http://w/experiment', description: 'Run', mimeType: 'application/json' },
	accepts: [{ scheme: 'exact', network: NETWORK, amount, asset: USDC, payTo: PAYEE, maxTimeoutSeconds: 600, extra: { name: 'USDC', version: '2' } }],
})).toString('base64');
const worker = await serve((req, res) => {
	if (req.url.endsWith('/experiment'))
		res.writeHead(402, { 'PAYMENT-REQUIRED': challenge(req.url.startsWith('/two') ? '20000' : '10000') }).end('{}');
	else if (req.url.endsWith('/health'))
		res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"status":"ok","busy":false,"gpu":"H100"}');
	else
		res.writeHead(404).end();
});
let asked = [];
const node = await serve(async (req, res, body) => {
	const call = JSON.parse(body);
	asked.push(call);
	const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
	res.writeHead(200, { 'Content-Type': 'application/json' }).end(await answer.text());
});
const logsFrom = () => asked.filter((c) => c.method === 'eth_getLogs').map((c) => Number(c.params[0].fromBlock));

const document = (name, endpoint, more = {}) => `data:application/json;base64,${Buffer.from(JSON.stringify({
	type: 'https://eips.ethereum.org/EIPS/eip-8004#registration-v1', name, description: 'a worker', image: '',
	services: [{ name: 'web', endpoint }, { name: 'OASF', version: '0.8', skills: ['devops_mlops/model_versioning'], domains: [] }],
	x402Support: true, active: true, metadata: { gpu: 'H100', best_val_bpb: '1.2345', updated: '2026-11-01T00:00:00Z' }, ...more,
})).toString('base64')}`;

async function send(functionName, args) {
	const hash = await owner.writeContract({ address: IDENTITY, abi, functionName, args });
	const receipt = await owner.waitForTransactionReceipt({ hash });
	same(receipt.status, 'success', functionName);
	return receipt;
}
async function register(uri) {
	const { result } = await owner.simulateContract({ address: IDENTITY, abi, functionName: 'register', args: [uri] });
	await send('register', [uri]);
	return result;
}

function artui(...args) {
	const settings = [`chain.base-sepolia.rpc=${node.url}`, 'chain.base-sepolia.identity_block=0', 'market.sources=chain', 'market.chains=base-sepolia',
			  'net.allow_private=true', 'market.deadline_s=5'].flatMap((s) => ['-c', s]);
	return new Promise((resolve) => {
		const child = spawn(ARTUI, [...settings, ...args], { cwd: HOME, env: { HOME, PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } });
		const out = [], err = [];
		child.stdout.on('data', (b) => out.push(b));
		child.stderr.on('data', (b) => err.push(b));
		child.on('close', (code) => resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
		child.stdin.end();
	});
}
async function discover(...args) {
	asked = [];
	const r = await artui('discover', '--json', ...args);
	/* Others' agents may be bad rows, and are said on stderr. */
	same(r.code, 0, `the exit status (${r.err})`);
	return JSON.parse(r.out);
}
const brief = (rows) => rows.map((w) => [w.agent_id, w.name, w.endpoint, w.alive, w.price_usd, w.claimed_best]).sort();

/* ---- what must be seen ------------------------------------------------------------------------------------ */

const one = await register(document('one', `${worker.url}/one`));
const two = await register(document('two', `${worker.url}/two`));
const id = (n) => `${CHAIN_ID}:${n}`;
let head;

await test('agents_appear_from_the_logs_alone', async () => {
	const rows = (await discover()).filter((w) => [id(one), id(two)].includes(w.agent_id));
	same(brief(rows), [[id(one), 'one', `${worker.url}/one`, true, 0.01, 1.2345], [id(two), 'two', `${worker.url}/two`, true, 0.02, 1.2345]], 'the list');
	same(rows[0].pay_to, PAYEE, 'the payee');
	head = Math.max(...logsFrom());
});

await test('a_second_run_goes_on_from_its_cursor', async () => {
	const rows = await discover();
	same(rows.filter((w) => [id(one), id(two)].includes(w.agent_id)).length, 2, 'the number of rows');
	const lowest = Math.min(...logsFrom(), Infinity);
	if (lowest < head - 64)
		throw new Error(`logs were asked from block ${lowest} again; the first run had come to ${head}`);
});

await test('a_changed_uri_is_noticed', async () => {
	await send('setAgentURI', [two, document('two, moved', `${worker.url}/moved`, { metadata: { best_val_bpb: '1.1', gpu: 'H200' } })]);
	const rows = (await discover()).filter((w) => w.agent_id === id(two));
	same(brief(rows), [[id(two), 'two, moved', `${worker.url}/moved`, true, 0.01, 1.1]], 'the list');
});

await test('metadata_is_a_fact_of_the_chain', async () => {
	await send('setMetadata', [one, 'service.type', toHex('http')]);
	await discover();
	const r = await artui('agents', 'show', id(one), '--json');
	const facts = JSON.parse(r.out).facts.filter((f) => f.key === 'meta.service.type');
	same(facts.map((f) => [f.origin, f.value]), [['chain', 'http']], 'the fact');
});

await test('a_new_agent_appears_and_an_old_one_stays_when_the_node_is_gone', async () => {
	const three = await register(document('three', `${worker.url}/three`));
	same((await discover()).filter((w) => w.agent_id === id(three)).map((w) => w.name), ['three'], 'the new one');
	node.server.closeAllConnections();
	await new Promise((resolve) => { node.server.close(resolve); });
	const r = await artui('discover', '--json');
	same(r.code, 1, 'the exit status with nobody to ask');
	same(JSON.parse(r.out).filter((w) => [id(one), id(two), id(three)].includes(w.agent_id)).length, 3, 'the number of rows');
});

worker.server.closeAllConnections();
worker.server.close();
process.exit(failed ? 1 : 0);
