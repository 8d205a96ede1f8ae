/*
 * compile.mjs: identity.sol to identity.json {abi, code} beside it, by the compiler that package-lock.json pins. What
 * was compiled from the same source before is kept. No network: the source imports nothing.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'identity.json');
const content = readFileSync(join(here, 'identity.sol'), 'utf8');
const version = require('solc/package.json').version;
const source = createHash('sha256').update(version).update(content).digest('hex');

function known() {
	try {
		return JSON.parse(readFileSync(out, 'utf8')).source === source;
	} catch {
		return false;
	}
}

if (!known()) {
	const result = JSON.parse(require('solc').compile(JSON.stringify({
		language: 'Solidity',
		sources: { 'identity.sol': { content } },
		settings: {
			evmVersion: 'shanghai', optimizer: { enabled: true, runs: 200 },
			outputSelection: { '*': { '*': ['abi', 'evm.deployedBytecode.object'] } },
		},
	})));
	for (const e of result.errors ?? [])
		console.error(e.formattedMessage);
	if (result.errors?.length)
		process.exit(1);
	const { abi, evm } = result.contracts['identity.sol'].Identity;
	writeFileSync(`${out}.new`, JSON.stringify({ source, abi, code: `0x${evm.deployedBytecode.object}` }));
	renameSync(`${out}.new`, out);
}
