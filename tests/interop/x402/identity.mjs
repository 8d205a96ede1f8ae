/*
 * identity.mjs: the lab's identity registry, and what core/chain reads of it. Agents are registered and changed with
 * viem; erc8004_dump, asked through nodes that limit ranges each in its own words, must find exactly that. Prints
 * "ok NAME" or "FAIL NAME: why".
 *
 * ERC8004_DUMP: the program tests/interop/erc8004_dump.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BaseError, createWalletClient, decodeEventLog, getAddress, http, publicActions, toHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { CHAIN_ID, IDENTITY, WHO, accounts, listen, need, rpc } from './common.mjs';

const { abi } = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'identity.json'), 'utf8'));
const url = need('ARTUI_LAB_RPC');
const chain = { id: CHAIN_ID, name: 'lab', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [url] } } };
const client = (i) => createWalletClient({
	account: privateKeyToAccount(accounts()[i].key), chain, transport: http(url), pollingInterval: 10,
}).extend(publicActions);
const owner = client(WHO.payee), other = client(WHO.thief);
const registry = { address: IDENTITY, abi };

let failed = 0;
function report(name, why) {
	console.log(why ? `FAIL identity_${name}: ${String(why).slice(0, 600)}` : `ok identity_${name}`);
	failed += why ? 1 : 0;
}
async function test(name, fn) {
	try {
		await fn();
		report(name);
	} catch (e) {
		report(name, e.stack ?? e);
	}
}
function same(got, want, what = '') {
	const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
	if (a !== b)
		throw new Error(`${what} is ${a}, not ${b}`);
}

/* ---- what is done, and what must be seen of it -------------------------------------------------- */

const events = []; /* as erc8004_dump says them */
let unreadable = 0;
const read = (functionName, ...args) => owner.readContract({ ...registry, functionName, args });

async function send(who, functionName, args, ...expected) {
	const hash = await who.writeContract({ ...registry, functionName, args });
	const receipt = await who.waitForTransactionReceipt({ hash });
	same(receipt.status, 'success', functionName);
	const ours = receipt.logs.map((l) => ({ ...decodeEventLog({ abi, data: l.data, topics: l.topics }), index: l.logIndex }))
		.filter((e) => ['Registered', 'URIUpdated', 'MetadataSet'].includes(e.eventName));
	same(ours.length, expected.length, `${functionName}'s events`);
	expected.forEach((e, i) => events.push({ ...e, block: Number(receipt.blockNumber), index: ours[i].index }));
	return receipt;
}
const registered = (agent, who, uri) => ({ kind: 'registered', agent: String(id(agent)), who, uri });
const updated = (agent, who, uri) => ({ kind: 'uri_updated', agent: String(id(agent)), who, uri });
const meta = (agent, key, value) => ({ kind: 'metadata_set', agent: String(id(agent)), key, value });
const born = (agent, who, uri) => [registered(agent, who, uri), meta(agent, 'agentWallet', who.toLowerCase())];

async function reverts(what, who, functionName, args, word) {
	try {
		await who.simulateContract({ ...registry, functionName, args });
	} catch (e) {
		const cause = e instanceof BaseError && e.walk((x) => x.data?.errorName || x.reason);
		const said = cause && (cause.data?.errorName === 'Error' ? cause.reason : cause.data?.errorName ?? cause.reason);
		return same(said, word, what);
	}
	throw new Error(`${what} does not revert`);
}

/* ---- the stand-in itself ------------------------------------------------------------------------ */

const A = getAddress(owner.account.address), B = getAddress(other.account.address);
const from = Number(await rpc('eth_blockNumber')) + 1;
const largeUri = `data:application/json;base64,${'QUJD'.repeat(1500)}`;
const strange = 'ipfs://häßlich/☃/\u001b[31m\u202e';
let transaction;

/* Agents are counted from the first that is registered here. */
const base = (await owner.simulateContract({ ...registry, functionName: 'register', args: [] })).result;
const before = await read('balanceOf', A);
const id = (n) => base + BigInt(n);

await test('register_in_all_its_forms', async () => {
	const first = await send(owner, 'register', [], ...born(0, A, ''));
	same(first.logs.map((l) => decodeEventLog({ abi, data: l.data, topics: l.topics }).eventName),
	     ['Transfer', 'Registered', 'MetadataSet'], 'the order of register()');
	transaction = await send(owner, 'register', ['https://worker.example/agent.json'],
				 ...born(1, A, 'https://worker.example/agent.json'));
	same(transaction.logs.map((l) => decodeEventLog({ abi, data: l.data, topics: l.topics }).eventName),
	     ['Transfer', 'MetadataUpdate', 'Registered', 'MetadataSet'], 'the order of register(string)');
	await send(other, 'register', [strange, [{ metadataKey: 'x402.supported', metadataValue: '0x01' }, { metadataKey: '', metadataValue: '0x' },
		{ metadataKey: 'gpu', metadataValue: toHex('A100') }]],
		   ...born(2, B, strange), meta(2, 'x402.supported', '0x01'), meta(2, '', '0x'), meta(2, 'gpu', toHex('A100')));
	await send(other, 'register', [largeUri], ...born(3, B, largeUri));
	same([await read('getVersion'), await read('name'), await read('balanceOf', A) - before].map(String), ['2.0.0', 'AgentIdentity', '2'], 'the registry');
});

await test('changes', async () => {
	await send(owner, 'setAgentURI', [id(1), 'ipfs://new'], updated(1, A, 'ipfs://new'));
	await send(owner, 'setAgentURI', [id(1), ''], updated(1, A, ''));
	await send(owner, 'setMetadata', [id(1), 'long', `0x${'ab'.repeat(1500)}`], meta(1, 'long', `0x${'ab'.repeat(1024)}`));
	await send(owner, 'approve', [B, id(1)]);
	await send(other, 'setAgentURI', [id(1), 'ipfs://by-another'], updated(1, B, 'ipfs://by-another'));
	const one = (n) => toHex(Uint8Array.of(n));
	for (let i = 0; i < 20; i++)
		await send(owner, 'setMetadata', [id(0), `n${i}`, toHex(i)], meta(0, `n${i}`, one(i)));
	await send(owner, 'transferFrom', [A, B, id(0)], meta(0, 'agentWallet', '0x'));
});

await test('wallet_with_a_proof', async () => {
	const { timestamp } = await owner.getBlock();
	const typed = (deadline) => ({
		domain: { name: 'ERC8004IdentityRegistry', version: '1', chainId: CHAIN_ID, verifyingContract: IDENTITY },
		types: { AgentWalletSet: [{ name: 'agentId', type: 'uint256' }, { name: 'newWallet', type: 'address' },
			{ name: 'owner', type: 'address' }, { name: 'deadline', type: 'uint256' }] },
		primaryType: 'AgentWalletSet', message: { agentId: id(1), newWallet: B, owner: A, deadline },
	});
	const proof = async (deadline, signer = other) => [id(1), B, deadline, await signer.account.signTypedData(typed(deadline))];
	await reverts('a wrong signer', owner, 'setAgentWallet', await proof(timestamp + 100n, owner), 'invalid wallet sig');
	await reverts('a late deadline', owner, 'setAgentWallet', await proof(timestamp + 1000n), 'deadline too far');
	await reverts('a past deadline', owner, 'setAgentWallet', await proof(timestamp - 100n), 'expired');
	await send(owner, 'setAgentWallet', await proof(timestamp + 200n), meta(1, 'agentWallet', B.toLowerCase()));
	same(await read('getAgentWallet', id(1)), B, 'the wallet');
	await send(owner, 'unsetAgentWallet', [id(1)], meta(1, 'agentWallet', '0x'));
});

await test('misuse', async () => {
	await reverts('a stranger', owner, 'setAgentURI', [id(2), 'x'], 'Not authorized');
	await reverts('a stranger', owner, 'setMetadata', [id(2), 'k', '0x'], 'Not authorized');
	await reverts('a reserved key', owner, 'setMetadata', [id(1), 'agentWallet', '0x'], 'reserved key');
	await reverts('a reserved key', owner, 'register', ['', [{ metadataKey: 'agentWallet', metadataValue: '0x' }]], 'reserved key');
	for (const [fn, ...more] of [['ownerOf'], ['tokenURI'], ['setMetadata', 'k', '0x'], ['setAgentURI', 'x']])
		await reverts(`${fn} of no agent`, owner, fn, [id(99), ...more], 'ERC721NonexistentToken');
});

/* A URI that is no text can be registered by anybody: it is passed over, and only it. */
await test('register_what_is_no_text', async () => {
	const head = `0xf2c298be${'20'.padStart(64, '0')}${'2'.padStart(64, '0')}`;
	for (const [agent, text] of [[4, 'fffe'], [5, '6100']]) {
		const hash = await other.sendTransaction({ to: IDENTITY, data: `${head}${text.padEnd(64, '0')}` });
		const receipt = await other.waitForTransactionReceipt({ hash });
		const index = receipt.logs.at(-1).logIndex;
		events.push({ ...meta(agent, 'agentWallet', B.toLowerCase()), block: Number(receipt.blockNumber), index });
		unreadable++;
	}
	await send(other, 'register', ['ipfs://last'], ...born(6, B, 'ipfs://last'));
});
const to = Number(await rpc('eth_blockNumber'));

/* ---- what core/chain reads ---------------------------------------------------------------------- */

const run = promisify(execFile);
async function dump(node, ...args) {
	const { stdout } = await run(need('ERC8004_DUMP'), [node, IDENTITY, ...args.map(String)], { maxBuffer: 1 << 28 });
	return stdout.trim().split('\n').map((l) => JSON.parse(l));
}

/* A node before the lab's: refuses wide ranges and large answers as the real ones do. */
async function limited({ blocks = Infinity, logs = Infinity, status = 200, code = -32000, message = () => 'no' }) {
	const server = createServer(async (req, res) => {
		let body = '';
		for await (const chunk of req)
			body += chunk;
		const ask = JSON.parse(body);
		const filter = ask.params?.[0];
		const width = ask.method === 'eth_getLogs' ? Number(filter.toBlock) - Number(filter.fromBlock) + 1 : 0;
		let answer;
		if (width <= blocks) {
			answer = await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
			if (!(answer.result?.length > logs) || ask.method !== 'eth_getLogs') {
				res.writeHead(200, { 'content-type': 'application/json' });
				return res.end(JSON.stringify(answer));
			}
		}
		res.writeHead(status, { 'content-type': 'application/json' });
		return res.end(JSON.stringify({ jsonrpc: '2.0', id: ask.id, error: { code, message: message(filter) } }));
	});
	return { url: `http://127.0.0.1:${await listen(server)}`, close: () => server.close() };
}

async function walks(node, span) {
	const lines = await dump(node, 'walk', from, to, span);
	const end = lines.pop();
	same([end.status, end.cursor], ['ok', to + 1], 'the end');
	const parts = lines.filter((l) => 'next' in l);
	same(parts.at(-1).next, to + 1, 'the last part');
	same(parts.reduce((n, p) => n + p.bad, 0), unreadable, 'the unreadable');
	const got = lines.filter((l) => 'kind' in l);
	const order = (e) => ({ kind: e.kind, agent: e.agent, block: e.block, index: e.index, who: e.who, uri: e.uri, key: e.key, value: e.value });
	events.forEach((e, i) => same(order(got[i] ?? {}), order(e), `event ${i}`));
	same(got.length, events.length, 'the number of events');
	return parts.length;
}

await test('walk_at_once', async () => same(await walks(url, 0), 1, 'parts'));
await test('walk_block_by_block', async () => same(await walks(url, 1) > 1, true, 'more than one part'));
const nodes = {
	base: { blocks: 7, code: -32614, message: () => 'eth_getLogs is limited to a 7 range' },
	publicnode: { blocks: 10, code: -32701, message: () => 'exceed maximum block range: 10' },
	drpc: { blocks: 3, code: 35, status: 400, message: () => 'ranges over 3 blocks are not supported on freetier' },
	one_block: { blocks: 1, code: -32602, message: () => 'eth_getLogs is limited to 0 - 1 blocks range' },
	same_hint: { logs: 6, code: -32602, message: (f) => `query exceeds max results 6, retry with the range ${Number(f.fromBlock)}-${Number(f.toBlock)}` },
	infura: { logs: 8, code: -32005, message: (f) => `query returned more than 8 results. Try with this block range [${f.fromBlock}, ${f.toBlock}].` },
};
for (const [name, how] of Object.entries(nodes)) {
	await test(`walk_${name}`, async () => {
		const node = await limited(how);
		try {
			const parts = await walks(node.url, 0);
			if (parts < 2)
				throw new Error('nothing was refused');
		} finally {
			node.close();
		}
	});
}

await test('walk_of_a_node_that_refuses_all', async () => {
	const node = await limited({ blocks: 0, message: () => 'retry with the range 0-0' });
	try {
		const [end] = await dump(node.url, 'walk', from, to, 0);
		same([end.status, end.cursor, end.span], ['refused by the other side', from, 1], 'the end');
	} finally {
		node.close();
	}
});

await test('agents', async () => {
	for (const i of [0, 1, 2, 3, 6].map(id)) {
		const [got] = await dump(url, 'agent', i);
		same([got.status, got.uri, got.owner, got.wallet],
		     ['ok', await read('tokenURI', i), await read('ownerOf', i), await read('getAgentWallet', i)], `agent ${i}`);
	}
	same((await dump(url, 'agent', id(0)))[0].wallet, '0x0000000000000000000000000000000000000000', 'a transferred agent\'s wallet');
	same((await dump(url, 'agent', id(4)))[0].status, 'invalid input', 'a URI that is no text');
	same((await dump(url, 'agent', id(7)))[0].status, 'not found', 'no agent');
});

await test('id_of_a_registration', async () => {
	const block = Number(transaction.blockNumber);
	same((await dump(url, 'id', transaction.transactionHash, block))[0].agent, String(id(1)), 'the id');
	same((await dump(url, 'id', transaction.transactionHash, block - 1))[0].status, 'not found', 'another block');
});

process.exit(failed ? 1 : 0);
