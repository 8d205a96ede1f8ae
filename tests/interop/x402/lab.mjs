/* lab.mjs start|stop DIR: the part of lab.sh that starts, watches and ends processes. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { IDENTITY, PAYEE, USDC, WHO, accounts, rpc } from './common.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [what, dir] = process.argv.slice(2);
const START_MS = 60_000;
const children = [];

/* A process's start time in clock ticks (null: it is gone), so that a number used again is not ended. */
function born(pid) {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
		const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return state === 'Z' ? null : rest[18];
	} catch {
		return null;
	}
}

function launch(name, file, args, env) {
	const log = openSync(join(dir, 'log', `${name}.log`), 'w');
	const child = spawn(file, args, {
		cwd: dir, detached: true, stdio: ['ignore', log, log],
		env: { ...process.env, ...env, HOME: join(dir, 'home'), NO_COLOR: '1' },
	});
	child.on('error', (e) => { child.broken = e.message; });
	child.on('exit', (code, signal) => { child.broken ??= `ended (${signal ?? code})`; });
	children.push({ name, child });
	writeFileSync(join(dir, 'pids'), children.map((c) => `${c.child.pid} ${born(c.child.pid)} ${c.name}\n`).join(''));
	return child;
}

async function until(name, child, probe) {
	for (const end = Date.now() + START_MS; Date.now() < end; await sleep(15)) {
		const value = await probe();
		if (value)
			return value;
		if (child.broken)
			break;
	}
	const tail = readFileSync(join(dir, 'log', `${name}.log`), 'utf8').slice(-2000);
	throw new Error(`${name} did not start: ${child.broken ?? 'no answer in time'}\n${tail}`);
}

/* Start a server of ours and read what it says when it is ready. */
async function serve(name, script, env) {
	const path = join(dir, 'ready', name);
	const child = launch(name, process.execPath, [join(here, script)], { ...env, ARTUI_LAB_READY: path });
	await until(name, child, () => existsSync(path));
	return JSON.parse(readFileSync(path, 'utf8'));
}

async function startChain(env) {
	/* Blocks come with each transaction and each second: on an idle chain, calls would see an old clock. */
	const child = launch('anvil', env.ARTUI_LAB_ANVIL, ['--host', '127.0.0.1', '--port', '0', '--chain-id', '84532',
		'--block-time', '1', '--mixed-mining', '--config-out', env.ARTUI_LAB_ACCOUNTS], {});
	const port = await until('anvil', child, () =>
		readFileSync(join(dir, 'log/anvil.log'), 'utf8').match(/Listening on 127\.0\.0\.1:(\d+)/)?.[1]);
	env.ARTUI_LAB_RPC = `http://127.0.0.1:${port}`;
	await until('anvil', child, () => rpc('eth_chainId', [], env.ARTUI_LAB_RPC).catch(() => null));
}

async function deploy(env) {
	const child = spawn(process.execPath, [join(here, 'deploy.mjs')], {
		env: { ...process.env, ...env }, stdio: ['ignore', openSync(join(dir, 'deploy.json'), 'w'), 'inherit'],
	});
	const code = await new Promise((resolve) => child.on('close', resolve));
	if (code !== 0)
		throw new Error(`deploy.mjs ended with ${code}`);
}

const quote = (s) => `'${String(s).replaceAll("'", "'\\''")}'`;
function writeEnv(env) {
	const who = accounts(env.ARTUI_LAB_ACCOUNTS);
	for (const [name, i] of [['payer', WHO.payer], ['payer2', WHO.payer2], ['poor', WHO.poor]]) {
		const path = join(dir, `${name}.key`);
		writeFileSync(path, `${who[i].key}\n`, { mode: 0o600 });
		chmodSync(path, 0o600);
		env[`ARTUI_LAB_${name.toUpperCase()}`] = who[i].address;
		env[`ARTUI_LAB_${name.toUpperCase()}_KEY`] = path;
	}
	writeFileSync(join(dir, 'env.new'), Object.entries(env).sort().map(([k, v]) => `export ${k}=${quote(v)}\n`).join(''));
	renameSync(join(dir, 'env.new'), join(dir, 'env'));
}

async function start() {
	if (existsSync(join(dir, 'pids')))
		await stop();
	for (const d of ['log', 'home', 'ready']) {
		rmSync(join(dir, d), { recursive: true, force: true });
		mkdirSync(join(dir, d));
	}
	rmSync(join(dir, 'env'), { force: true });
	const foundry = (tool) => join(here, 'node_modules/@foundry-rs', `${tool}-linux-amd64/bin/${tool}`);
	const env = {
		ARTUI_LAB_HOME: here, ARTUI_LAB_NODE: process.execPath, ARTUI_LAB_ANVIL: foundry('anvil'),
		ARTUI_LAB_CAST: foundry('cast'), ARTUI_LAB_ACCOUNTS: join(dir, 'accounts.json'),
		ARTUI_LAB_USDC: USDC, ARTUI_LAB_PAYEE: PAYEE, ARTUI_LAB_IDENTITY: IDENTITY,
	};
	await startChain(env);
	const [facilitator] = await Promise.all([serve('facilitator', 'facilitator.mjs', env), deploy(env)]);
	env.ARTUI_LAB_FACILITATOR = facilitator.url;
	const sellers = await Promise.all([
		['v2', 'server-v2.mjs'], ['v1', 'server-v1.cjs'], ['obol', 'obol-like.mjs'], ['hostile', 'hostile.mjs'],
	].map(async ([name, script]) => [name, await serve(name, script, env)]));
	for (const [name, facts] of sellers)
		env[`ARTUI_LAB_${name.toUpperCase()}`] = facts.url;
	writeEnv(env);
	for (const { child } of children)
		child.unref();
}

async function stop() {
	const path = join(dir, 'pids');
	if (!existsSync(path))
		return;
	const alive = () => readFileSync(path, 'utf8').trim().split('\n').map((l) => l.split(' '))
		.filter(([pid, since]) => born(pid) === since);
	const end = (signal) => {
		for (const [pid] of alive()) {
			try {
				process.kill(Number(pid), signal);
			} catch (e) {
				if (e.code !== 'ESRCH')
					throw e;
			}
		}
	};
	end('SIGTERM');
	for (let i = 0; i < 100 && alive().length; i++)
		await sleep(20);
	end('SIGKILL');
	rmSync(join(dir, 'env'), { force: true });
	rmSync(path);
}

if (what === 'stop') {
	await stop();
} else {
	try {
		await start();
	} catch (e) {
		console.error(`lab: ${e.message}`);
		await stop();
		process.exit(1);
	}
}
