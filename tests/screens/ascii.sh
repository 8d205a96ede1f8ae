# LC_ALL=C on a vt100: every screen readable in ASCII, no braille, no box characters.
. "$(dirname "$0")/lib.sh"
pin LC_ALL=C TERM=vt100
fixture night
start 80 24
wait_for "Leaderboard"
screen ascii-dashboard
keys 3
wait_for "champion, kept"
screen ascii-detail
keys 2
wait_for "9 all verdicts"
screen ascii-experiments
shown | LC_ALL=C grep -q '[^ -~]' && fail "not ASCII"
done_ok
