/*
 * viem.mjs: core/chain against viem, on the same inputs: hashes, addresses, calldata, typed data, messages,
 * transactions and signatures from random inputs of a fixed seed, and reads of the lab's chain. Prints
 * "ok NAME" or "FAIL NAME: why".
 *
 * CHAIN_DUMP: the program tests/interop/chain_dump.
 */
import { execFileSync } from 'node:child_process';
import { createPublicClient, encodeFunctionData, getAddress, hashTypedData, http, keccak256, parseAbi, parseAbiItem,
	 parseTransaction, serializeTransaction, toHex } from 'viem';
import { privateKeyToAccount, sign } from 'viem/accounts';
import { CHAIN_ID, PAYEE, USDC, balanceOf, need, rpc } from './common.mjs';

const ROUNDS = 150;
let seed = 20261123;
function random() { /* mulberry32 */
	seed = (seed + 0x6d2b79f5) | 0;
	let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const bytes = (n) => toHex(Uint8Array.from({ length: n }, () => below(256)));
const key = () => `0x${'01'}${bytes(31).slice(2)}`; /* below the group's order */
const address = () => getAddress(bytes(20));
/* Numbers of every length, and the edges. */
function number(bits) {
	const edge = below(8);
	if (edge === 0)
		return 0n;
	if (edge === 1)
		return (1n << BigInt(bits)) - 1n;
	return BigInt(bytes(32)) >> BigInt(256 - 1 - below(bits));
}
const hexText = (s) => toHex(new TextEncoder().encode(s));

/* [line for chain_dump, viem's answer (a promise of it, or a function of chain_dump's), name of the check] */
const checks = [];
const check = (name, line, answer) => checks.push({ name, line, answer });

for (let i = 0; i < ROUNDS; i++) {
	const data = bytes(below(600));
	check('keccak', `keccak ${data}`, keccak256(data));
	const a = address();
	check('checksum', `checksum ${a.toLowerCase()}`, a);
	const k = key(), account = privateKeyToAccount(k);
	check('address', `address ${k}`, account.address);
	check('personal', `personal ${k} ${data}`, account.signMessage({ message: { raw: data } }));
}

const types = { TransferWithAuthorization: [
	{ name: 'from', type: 'address' }, { name: 'to', type: 'address' }, { name: 'value', type: 'uint256' },
	{ name: 'validAfter', type: 'uint256' }, { name: 'validBefore', type: 'uint256' }, { name: 'nonce', type: 'bytes32' },
] };
for (let i = 0; i < ROUNDS; i++) {
	const k = key(), account = privateKeyToAccount(k);
	const domain = { name: ['USDC', 'USD Coin', 'Tämä ☃'][below(3)], version: String(below(100)), chainId: below(2 ** 31), verifyingContract: address() };
	const message = { from: account.address, to: address(), value: number(256), validAfter: number(256), validBefore: number(256), nonce: bytes(32) };
	const typed = { domain, types, primaryType: 'TransferWithAuthorization', message };
	check('eip3009', ['eip3009', k, hexText(domain.name), hexText(domain.version), domain.chainId, domain.verifyingContract, message.to,
			  message.value, message.validAfter, message.validBefore, message.nonce].join(' '),
	      account.signTypedData(typed).then((s) => `${hashTypedData(typed)} ${s}`));
}

for (let i = 0; i < ROUNDS; i++) {
	const k = key();
	const tx = {
		type: 'eip1559', chainId: 1 + below(2 ** 31), nonce: Number(number(31)), maxPriorityFeePerGas: number(60), maxFeePerGas: number(60) + (1n << 61n),
		gas: number(40), to: below(6) ? address() : undefined, value: number(200), data: bytes(below(400)),
		accessList: Array.from({ length: below(4) }, () => ({ address: address(), storageKeys: Array.from({ length: below(4) }, () => bytes(32)) })),
	};
	const list = tx.accessList.map((e) => `${e.address}:${e.storageKeys.join(',')}`).join(';') || '-';
	const digest = keccak256(serializeTransaction(tx));
	const raw = sign({ hash: digest, privateKey: k }).then((s) => serializeTransaction(tx, s));
	check('transaction', ['tx', k, tx.chainId, tx.nonce, tx.maxPriorityFeePerGas, tx.maxFeePerGas, tx.gas, tx.to ?? '-', tx.value, tx.data, list].join(' '),
	      raw.then((r) => { parseTransaction(r); return `${digest} ${r} ${keccak256(r)}`; }));
}

const calls = [
	'transfer(address,uint256)', 'authorizationState(address,bytes32)', 'register(string)', 'setMetadata(uint256,string,bytes)',
	'giveFeedback(uint256,int64,uint8,string,string,string,string,bytes32)', 'odd(bool,bytes,address,string,bytes32,uint256)',
	'cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)',
];
const values = {
	address: () => { const v = address(); return [v, `a:${v}`]; },
	uint256: () => { const v = number(256); return [v, `u:${v}`]; },
	uint8: () => { const v = below(256); return [v, `u:${v}`]; },
	int64: () => { const v = number(63) * (below(2) ? -1n : 1n); return [v, `i:${v}`]; },
	bytes32: () => { const v = bytes(32); return [v, `w:${v}`]; },
	bool: () => { const v = below(2) === 1; return [v, `b:${v ? 1 : 0}`]; },
	bytes: () => { const v = bytes(below(100)); return [v, `y:${v}`]; },
	string: () => { const v = 'häßlich ☃ '.repeat(below(9)); return [v, `s:${hexText(v)}`]; },
};
for (let i = 0; i < ROUNDS; i++) {
	const signature = calls[i % calls.length];
	const item = parseAbiItem(`function ${signature}`);
	const args = item.inputs.map((p) => values[p.type]());
	check('calldata', ['abi', signature, ...args.map((v) => v[1])].join(' '),
	      encodeFunctionData({ abi: [item], functionName: item.name, args: args.map((v) => v[0]) }));
}

/* The registry's calldata: URIs and keys of every length around a word's, with every number of entries. */
const registry = parseAbi(['struct Entry { string metadataKey; bytes metadataValue; }', 'function register()', 'function register(string)',
	'function register(string, Entry[])', 'function setAgentURI(uint256, string)', 'function setMetadata(uint256, string, bytes)']);
const text = (most) => 'https://w.example/ä☃/'.repeat(Math.ceil(most / 20) + 1).slice(0, below(most + 1));
const entry = () => ({ metadataKey: `k${text(48)}`.slice(0, 40), metadataValue: bytes(below(4) ? below(80) : below(1025)) });
const entryText = (e) => `${hexText(e.metadataKey)}:${e.metadataValue}`;
for (let i = 0; i < ROUNDS; i++) {
	const uri = text(i % 10 ? 130 : 5000), entries = Array.from({ length: i % 17 }, entry), id = number(256);
	const none = i % 30 === 0;
	const args = entries.length ? [uri, entries] : none ? [] : [uri];
	check('register', ['register', none && !entries.length ? '-' : hexText(uri), ...entries.map(entryText)].join(' '),
	      encodeFunctionData({ abi: registry, functionName: 'register', args }));
	check('set_uri', `set_uri ${id} ${hexText(uri)}`, encodeFunctionData({ abi: registry, functionName: 'setAgentURI', args: [id, uri] }));
	const one = entry();
	check('set_metadata', `set_metadata ${id} ${entryText(one)}`,
	      encodeFunctionData({ abi: registry, functionName: 'setMetadata', args: [id, one.metadataKey, one.metadataValue] }));
}

/* Statements of a seller: domains without a contract. */
const statements = {
	receipt: ['x402 receipt', 'Receipt', 'uint256 version,string network,string resourceUrl,string payer,uint256 issuedAt,string transaction'],
	offer: ['x402 offer', 'Offer', 'uint256 version,string resourceUrl,string scheme,string network,string asset,string payTo,string amount,uint256 validUntil'],
	order: ['artui order', 'Order', 'uint256 version,string experimentId,bytes32 trainHash,string state,string valBpb,bytes32 artifactHash,string payer,uint256 finishedAt'],
};
for (let i = 0; i < ROUNDS; i++) {
	const kind = Object.keys(statements)[i % 3];
	const [name, primaryType, list] = statements[kind];
	const members = list.split(',').map((m) => ({ type: m.split(' ')[0], name: m.split(' ')[1] }));
	const k = key(), message = { version: 1n };
	const words = members.slice(1).map((m) => {
		const value = m.type === 'string' ? text(m.name === 'resourceUrl' ? 1000 : 18) : m.type === 'bytes32' ? bytes(32) : number(40);
		message[m.name] = value;
		return m.type === 'string' ? hexText(value) : value;
	});
	const typed = { domain: { name, version: '1', chainId: 1 }, types: { [primaryType]: members }, primaryType, message };
	check(kind, [kind, k, ...words].join(' '), privateKeyToAccount(k).signTypedData(typed).then((s) => `${hashTypedData(typed)} ${s}`));
}

/* Reads of the chain. */
const client = createPublicClient({ transport: http(need('ARTUI_LAB_RPC')), chain: { id: CHAIN_ID, name: 'lab', nativeCurrency: {}, rpcUrls: {} } });
const abi = parseAbi(['function authorizationState(address,bytes32) view returns (bool)', 'function DOMAIN_SEPARATOR() view returns (bytes32)']);
const token = (functionName, args) => client.readContract({ address: USDC, abi, functionName, args });
const payer = need('ARTUI_LAB_PAYER');
const used = (await rpc('eth_getLogs', [{ address: USDC, fromBlock: '0x0', toBlock: 'latest',
	topics: ['0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'] }])).at(-1);
for (const who of [payer, PAYEE, address()]) {
	check('balance', `balance ${getAddress(who)}`, balanceOf(who).then(String));
	check('coins', `coins ${getAddress(who)}`, client.getBalance({ address: who }).then(String));
	check('nonce', `nonce ${getAddress(who)}`, client.getTransactionCount({ address: who }).then(String));
}
const fresh = bytes(32);
check('state_unused', `state ${getAddress(payer)} ${fresh}`, token('authorizationState', [payer, fresh]).then(String));
if (used) {
	const from = getAddress(`0x${used.topics[1].slice(26)}`);
	check('state_used', `state ${from} ${used.topics[2]}`, token('authorizationState', [from, used.topics[2]]).then(String));
}
check('separator', 'separator', token('DOMAIN_SEPARATOR', []));
/* The chain goes on meanwhile: whichever block is the newest, it must be what viem sees under its number. */
const first = await client.getBlockNumber();
check('block', 'block', async (got) => {
	const number = BigInt(/^\d+/.exec(got)?.[0] ?? 0);
	const b = await client.getBlock({ blockNumber: number < first ? first : number });
	return `${b.number} ${b.timestamp}`;
});

const answers = execFileSync(need('CHAIN_DUMP'), [need('ARTUI_LAB_RPC'), USDC],
			     { input: checks.map((c) => `${c.line}\n`).join(''), maxBuffer: 1 << 28 }).toString().split('\n');
const bad = {}, count = {};
for (const [i, c] of checks.entries()) {
	const want = await (typeof c.answer === 'function' ? c.answer(answers[i]) : c.answer);
	count[c.name] = (count[c.name] ?? 0) + 1;
	if (answers[i] !== want)
		bad[c.name] ??= `${c.line.slice(0, 200)}: ${String(answers[i]).slice(0, 200)}, viem: ${String(want).slice(0, 200)}`;
}
for (const name of Object.keys(count))
	console.log(bad[name] ? `FAIL viem_${name}: ${bad[name]}` : `ok viem_${name} (${count[name]})`);
process.exit(Object.keys(bad).length ? 1 : 0);
