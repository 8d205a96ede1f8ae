#!/bin/sh
# worker_hostile.sh: hostile experiments against a real worker (worker_hostile.py). BIN: folder of the program.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/lib.sh"
cd "$tmp" || exit 1
umask 022
mkdir data
"$artui" worker serve --help >/dev/null || fail hostile "no program"
/usr/bin/python3 -IS "$here/worker_hostile.py" "$artui" "$tmp/data" || failures=$((failures + 1))
finish
