#!/bin/sh
# Installs the pinned peers of the interoperability tests (package-lock.json) and copies the lab's
# scripts beside them, so that their imports resolve; compiles the lab's own contract. No package's own
# scripts are run. An install whose stamp matches the lock is kept; two callers at once wait for each
# other. Prints the folder.
# Exit 0: ready. 75: node, npm or the network is missing (the last lines say which). 1: anything else.
set -eu
src=$(cd "$(dirname "$0")" && pwd)
dir=${ARTUI_LAB_HOME:-$src/../../../build/interop/x402}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if ! command -v node >/dev/null; then
	echo "install.sh: node is missing (Debian package nodejs, 18.19 or later)" >&2
	exit 75
fi

exec 9>"$dir/.lock"
flock 9
want=$(cat "$src/package-lock.json" "$src/package.json" "$src"/stub/*/package.json | sha256sum | cut -d' ' -f1)
if [ "$(cat "$dir/.stamp" 2>/dev/null)" != "$want" ]; then
	if ! command -v npm >/dev/null; then
		echo "install.sh: npm is missing (Debian package npm)" >&2
		exit 75
	fi
	rm -rf "$dir/.stamp" "$dir/node_modules" "$dir/stub"
	cp -R "$src/package.json" "$src/package-lock.json" "$src/.npmrc" "$src/stub" "$dir/"
	if ! (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
		tail -n 5 "$dir/npm.log" >&2
		echo "install.sh: npm ci failed; the whole log is $dir/npm.log" >&2
		grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network' "$dir/npm.log" && exit 75
		exit 1
	fi
	echo "$want" >"$dir/.stamp"
fi
# By rename, so that a lab that starts meanwhile never reads half a script.
for f in "$src"/*.mjs "$src"/*.cjs "$src"/*.sol; do
	to=$dir/$(basename "$f")
	cmp -s "$f" "$to" && continue
	cp "$f" "$to.new.$$"
	mv "$to.new.$$" "$to"
done
if ! node "$dir/compile.mjs" >&2; then
	echo "install.sh: identity.sol does not compile" >&2
	exit 1
fi
echo "$dir"
