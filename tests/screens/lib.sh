# lib.sh - sourced by every screen test: one program in one tmux pane, keys in, screens out.
#
#   fixture KIND            a database of mkfixture's for this test alone: $db; market-KIND: the night,
#                           and mkmarket's KIND on top of it
#   start COLS ROWS ARG...  the driver on $db in a pane of that size
#   start_shell COLS ROWS   a plain shell there instead; then: type_line TEXT
#   keys KEY... / type TEXT / bytes HEX...   what a person would press, type, or a mouse would send
#   wait_for TEXT / wait_gone TEXT           until the screen shows it, or not any more
#   screen NAME / screen_colours NAME        compare with NAME.screen; GENERATE=1 writes it
#   pin NAME=VALUE...       more environment, before start
#
# The world is pinned: locale, time zone, clock, home, terminal type. A test waits for what it
# expects, never for a time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$0" .sh)
BIN=${BIN:-build/release}
case $BIN in /*) ;; *) BIN=$(cd "$here/../.." && pwd)/$BIN ;; esac
tmp=$(mktemp -d /tmp/artui-screen.XXXXXX) || exit 1
socket=artui-$name-$$
extra=
ARTUI_NOW=1795392840 # 2026-11-23T00:14:00Z, two hours and a quarter into the night

T() { env -i PATH="$PATH" HOME="$tmp" TMUX_TMPDIR="$tmp" LC_ALL=C.UTF-8 TERM=xterm \
	tmux -L "$socket" -f "$here/tmux.conf" "$@"; }
cleanup() { T kill-server 2>/dev/null; rm -rf "$tmp"; }
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

fail() {
	echo "FAIL $name: $*"
	T capture-pane -p 2>/dev/null | sed 's/^/    |/'
	exit 1
}

fixture() {
	db=$tmp/fixture.db
	rm -f "$db" "$db-wal" "$db-shm"
	if [ -n "${FIXTURES:-}" ] && [ -f "$FIXTURES/$1.db" ]; then
		cp "$FIXTURES/$1.db" "$db"
	else
		make_fixture "$1" "$db" || fail "no fixture $1"
	fi
}
make_fixture() {
	case $1 in
	market-*) "$BIN/tests/mkfixture" night "$2" && "$BIN/tests/mkmarket" "${1#market-}" "$2" ;;
	*) "$BIN/tests/mkfixture" "$1" "$2" ;;
	esac
}

pin() { extra="$extra $*"; }
pinned() { echo "env -i PATH='$PATH' HOME='$tmp' LC_ALL=C.UTF-8 TZ=UTC TERM=tmux-256color ARTUI_NOW=$ARTUI_NOW $extra"; }
command_line() { echo "'$BIN/tests/driver' --themes '$here/../../themes' --workspace night $* '$db'"; }

start() {
	x=$1 y=$2
	shift 2
	T new-session -d -x "$x" -y "$y" "exec $(pinned) $(command_line "$@")" || fail "no tmux"
}

start_shell() {
	T new-session -d -x "$1" -y "$2" "exec $(pinned) PS1='prompt>' sh" || fail "no tmux"
	wait_for "prompt>"
}

keys() { T send-keys "$@"; }
type() { T send-keys -l -- "$1"; }
type_line() { type "$1"; keys Enter; }
bytes() { T send-keys -H "$@"; }
resize() { T resize-window -x "$1" -y "$2"; }
shown() { T capture-pane -p; }

wait_for() {
	i=0
	until shown | grep -qF -- "$1"; do
		i=$((i + 1))
		[ $i -lt 200 ] || fail "never saw: $1"
		sleep 0.05
	done
}

wait_gone() {
	i=0
	while shown | grep -qF -- "$1"; do
		i=$((i + 1))
		[ $i -lt 200 ] || fail "still there: $1"
		sleep 0.05
	done
}

# The pane's property $1 (a tmux format) becomes $2.
wait_pane() {
	i=0
	until [ "$(T display-message -p "#{$1}")" = "$2" ]; do
		i=$((i + 1))
		[ $i -lt 200 ] || fail "$1 is not $2"
		sleep 0.05
	done
}

compare() {
	golden=$here/$1.screen
	shift
	i=0
	if [ -n "${GENERATE:-}" ]; then
		old=
		until [ -n "$old" ] && [ "$old" = "$(T capture-pane "$@")" ]; do
			old=$(T capture-pane "$@")
			sleep 0.3
		done
		T capture-pane "$@" >"$golden"
		return
	fi
	[ -f "$golden" ] || fail "there is no $golden; GENERATE=1 writes it"
	until T capture-pane "$@" | cmp -s - "$golden"; do
		i=$((i + 1))
		if [ $i -ge 100 ]; then
			T capture-pane "$@" | diff -u "$golden" - | sed 's/^/    /'
			fail "screen ${golden##*/} differs"
		fi
		sleep 0.05
	done
}
screen() { compare "$1" -p; }
screen_colours() { compare "$1" -pe; }
done_ok() { echo "ok $name"; }
