/*
 * transfers.mjs PAYER [PAYEE]: prints every transfer of USDC out of PAYER, oldest first, one JSON object a
 * line: nonce (of the authorization used, null without one), value, to, tx, block.
 */
import { transfersOf } from './common.mjs';

const [payer, payee] = process.argv.slice(2);
if (![payer, payee ?? payer].every((a) => /^0x[0-9a-fA-F]{40}$/.test(a ?? ''))) {
	console.error('usage: node transfers.mjs PAYER [PAYEE]');
	process.exit(2);
}
for (const t of await transfersOf(payer, payee))
	console.log(JSON.stringify(t));
