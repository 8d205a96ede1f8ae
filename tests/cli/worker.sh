#!/bin/sh
# artui worker: a free worker's whole HTTP interface (worker.py), and the command line around it.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$tmp" || exit 1
. "$here/money.inc"
configure

# ---- wrong usage, and what cannot be sold ----------------------------------------------------
run worker; expect verb-missing 2 '' 'needs serve'
run worker dance; expect verb-unknown 2 '' 'there is no worker dance: serve, pause'
run worker serve now; expect word-too-many 2 '' "'now' is one word too many"
serve="worker serve --data d --listen 127.0.0.1:0 --train-command true"
run $serve --price -1; expect price-negative 2 '' '--price'
run $serve --price 0,05; expect price-comma 2 '' '--price'
run $serve --settle sometimes; expect settle-odd 2 '' 'after|upfront'
run $serve --charge-failed maybe; expect charge-odd 2 '' 'yes|no'
run $serve --queue 0; expect queue-zero 2 '' '--queue'
run $serve --time-budget 0; expect budget-zero 2 '' '--time-budget'
run $serve; expect payee-missing 1 '' 'who is paid\? --pay-to'
run $serve --pay-to 0x12; expect payee-odd 1 '' '0x12'
run $serve --pay-to $payee --network moon; expect network-unknown 1 '' '--network moon: no such chain'
run $serve --pay-to $payee --facilitator http://facilitator.example; expect facilitator-plain 1 '' 'must be asked over https'
run $serve --pay-to $payee --facilitator ftp://facilitator.example; expect facilitator-odd 1 '' 'facilitator'
run $serve --price 0.05 --facilitator self --pay-to $payee; expect self-without-wallet 1 '' 'no wallet yet'
run worker serve --data d --price 0 --train-command true --listen nonsense; expect listen-odd 1 '' 'nonsense'
run worker serve --data d --price 0 --train-command true --listen 127.0.0.1:99999; expect listen-port 1 '' '99999'
run worker serve --data d --price 0 --train-command true --listen 127.0.0.1:0 --evaluator nosuch.py; expect evaluator-missing 1 '' 'nosuch.py'
run worker serve --data d --price 0 --train-command true --listen 127.0.0.1:0 --port-file nowhere/port; expect port-file-nowhere 1 '' 'nowhere/port'
run worker orders --data nowhere; expect data-missing 1 '' 'nowhere'
run worker pause --data d; expect pause 0 '^the worker is paused'
run worker drain --data d sale:cpu; expect drain-device 0 '^sale:cpu: the worker is draining'
run worker open --data d; expect open 0 '^the worker is open'
run worker orders --data d; expect orders-none 0
run worker orders --data d --json; same orders-none-json "[]" "$(json j)"
run worker sales --data d --json; same sales-none-json "[]" "$(json j)"
run worker register --data d; expect register-no-wallet 1 '' 'rpc is not set|no wallet'

run worker serve --help; expect help 0 'unsafe-no-sandbox'

# ---- the unit --------------------------------------------------------------------------------
if command -v systemd-analyze >/dev/null; then
	sed "s|@PREFIX@/bin|$BIN|" "$here/../../packaging/artui-worker.service" >artui-worker.service
	same unit "" "$(systemd-analyze verify --man=no ./artui-worker.service 2>&1)"
else
	echo "SKIP unit: no systemd-analyze here"
fi

# ---- the interface ---------------------------------------------------------------------------
mkdir api
/usr/bin/python3 -IS "$here/worker.py" "$artui" "$tmp/api" >api.out 2>&1 || failures=$((failures + 1))
cat api.out
finish
