#!/bin/sh
# Freezing: every signer of this user stops, whatever state the rest is in.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$tmp" || exit 1
. "$here/money.inc"
flag=$XDG_STATE_HOME/artui/frozen

# Before anything else was ever made.
run freeze; expect freeze 0 '^frozen: nothing is signed until artui thaw$'
same flag-mode 600 "$(mode "$flag")"
same flag-dir-mode 700 "$(mode "$XDG_STATE_HOME/artui")"
same freeze-makes-no-more "$XDG_STATE_HOME/artui/frozen" "$(find "$XDG_STATE_HOME" "$tmp/data" "$tmp/config" -type f 2>/dev/null)"
run freeze; expect freeze-twice 0 '^frozen'
run freeze --json; same freeze-json "{'frozen': True}" "$(json j)"
run freeze now; expect freeze-takes-nothing 2 '' 'one word too many'
seller; configure; wallet

run fetch --yes $pay "$at/sold"; expect frozen-fetch 3 '' 'payments are frozen: artui thaw allows them again'
run fetch --json --yes $pay "$at/sold"
same frozen-json "3 True None payments are frozen: artui thaw allows them again" "$rc $(fields "j['refused'], j['payment'], j['note']")"
run fetch --dry-run "$at/sold"; expect frozen-dry-run 3 '' 'asks 0\.01 USDC'
same frozen-nothing-signed "none 0" "$(signed) $(paid)"
run payments --json; same frozen-no-row "[]" "$(json j)"
run doctor --json; same frozen-doctor warn "$(json "[c['result'] for c in j if c['check'] == 'wallet'][0]")"
run doctor; expect frozen-doctor-says 0 'warn +wallet +1 wallet, frozen'
run fetch "$at/free"; expect frozen-free 0 '^for nothing$'

run thaw; expect thaw 0 '^thawed: payments are signed again, within the caps$'
run thaw --json; same thaw-json "{'frozen': False}" "$(json j)"
run fetch --yes $pay "$at/sold"; expect thawed-fetch 0 '^the goods$'
same thawed-sent "1 1" "$(signed) $(paid)"

# A signer that runs already, in a payment that nothing but the password holds up.
(
	{ until [ -e go ]; do sleep 0.05; done; cat pw; } |
		"$artui" fetch --yes --wallet w --password-fd 7 "$at/sold?late" 7<&0 >late.out 2>late.err
	echo $? >late.rc
) &
for _ in $(seq 200); do grep -q 'sold?late' log && break; sleep 0.05; done
run freeze; expect freeze-beside-signer 0
touch go
for _ in $(seq 200); do [ -s late.rc ] && break; sleep 0.05; done
same running-signer-refuses 3 "$(cat late.rc)"
grep -q 'payments are frozen' late.err && pass running-signer-says-why || fail running-signer-says-why "$(cat late.err)"
same running-signer-sent-nothing "1 1" "$(signed) $(paid)"
run payments --json
same running-signer-row "refused False" "$(fields "j[0]['state'], j[0]['may_still_move']")"
run payments reconcile; expect running-signer-row-is-closed 4 '^1 open or not seen on the chain yet$'
same running-signer-row-is-not-listed 0 "$(grep -c 'payment 2' "$tmp/out")"

# It must work when the rest does not.
printf '[pay\nbroken' >"$XDG_CONFIG_HOME/artui/config"
run config; expect config-is-broken 1 '' 'config.*1'
run thaw; expect thaw-broken-config 0 '^thawed'
run freeze; expect freeze-broken-config 0 '^frozen'
run -c no.such=1 thaw; expect thaw-wrong-setting 0 '^thawed'
run init "$tmp/w" 2>/dev/null; mkdir -p "$tmp/w/.artui"; printf junk >"$tmp/w/.artui/artui.db"; printf '[' >"$tmp/w/.artui/config"
run -C "$tmp/w" freeze; expect freeze-broken-workspace 0 '^frozen'
rm -r "$XDG_DATA_HOME"; run thaw; expect thaw-no-data 0 '^thawed'
configure; wallet
# A flag that nobody can read for sure counts as frozen.
: >"$flag"; run fetch --yes $pay "$at/sold"; expect flag-empty-is-frozen 3 '' 'frozen'
printf x >"$flag"; run fetch --yes $pay "$at/sold"; expect flag-odd-is-frozen 3 '' 'frozen'
rm "$flag"; mkdir "$flag"; run fetch --yes $pay "$at/sold"
case $rc in 1 | 3) pass flag-directory-pays-nothing ;; *) fail flag-directory-pays-nothing "status $rc: $err" ;; esac
run freeze; expect freeze-cannot 1 '' 'frozen.*directory'
rmdir "$flag"; ln -s /dev/null "$flag"; run thaw; expect thaw-symlink 1 '' 'frozen'
run fetch --yes $pay "$at/sold"; [ "$rc" = 0 ] && fail flag-symlink-pays-nothing "paid" || pass flag-symlink-pays-nothing
rm "$flag"
same broken-flag-sent-nothing 1 "$(paid)"
HOME='' XDG_STATE_HOME='' run freeze; expect freeze-no-home 1 '' 'set HOME or XDG_STATE_HOME'
XDG_STATE_HOME=relative HOME="$tmp/home" run freeze; expect freeze-home 0 '^frozen'
same freeze-home-place 600 "$(mode "$HOME/.local/state/artui/frozen")"
finish
