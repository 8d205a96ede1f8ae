/* balance.mjs ADDRESS [TOKEN]: prints a balance in the token's smallest unit (USDC: micro-dollars). */
import { balanceOf } from './common.mjs';

const [address, token] = process.argv.slice(2);
if (!/^0x[0-9a-fA-F]{40}$/.test(address ?? '')) {
	console.error('usage: node balance.mjs ADDRESS [TOKEN]');
	process.exit(2);
}
console.log(String(await balanceOf(address, token)));
