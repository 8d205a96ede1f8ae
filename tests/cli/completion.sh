#!/bin/sh
# What bash offers after a word is begun.
. "$(dirname "$0")/lib.sh"
file=$(cd "$(dirname "$0")/../../tui" && pwd)/artui.bash
# offers NAME PATTERN WORD...: the last word is the one being completed.
offers() {
	name=$1 want=$2; shift 2
	got=$(PATH="$BIN:$PATH" bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_artui; printf "%s\n" "${COMPREPLY[@]}"' sh "$file" "$@" 2>&1 | sort | tr '\n' ' ')
	if printf '%s' "$got" | grep -qE -- "$want"; then pass "$name"; else fail "$name" "offers '$got'"; fi
}
cd "$tmp" || exit 1
offers commands '^status $' artui stat
offers top-options '^--headless --help --hours $' artui --h
offers command-options '--limit' artui experiments --l
offers after-global '^report $' artui -C /tmp rep
offers choices '^json md svg text $' artui report --format ''
offers panels 'experiments' artui --once ''
offers settings 'train.budget_s' artui -c train.
offers help '^doctor $' artui help doc
offers market-commands '^agents $' artui agen
offers market-options '--fresh .*--skill' artui discover --
offers worker-sorts '^claim latency name price trust verified $' artui workers --sort ''
offers experiment-sorts 'proposer' artui experiments --sort ''
offers worker-actions '^add ban pin release remove unban unpin $' artui workers ''
offers market-settings 'market.skills' artui -c market.
offers no-workers-is-silent '^ $' artui probe ''
offers no-workspace-is-silent '^ $' artui show ''
"$artui" init w >/dev/null && cd w || exit 1
printf 'commit\tval_bpb\tmemory_gb\tstatus\tdescription\na\t1\t1\tkeep\tx\nb\t1\t1\tkeep\ty\n' >r.tsv
"$artui" import r.tsv >/dev/null
offers experiments '^1 2 $' artui show ''
"$artui" workers add http://127.0.0.1:9/services/x >/dev/null
offers workers '^1 $' artui probe ''
offers workers-to-ban '^1 $' artui workers ban ''
finish
