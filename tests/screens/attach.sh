# Two programs on one workspace: what the one commits, the other shows within the second it looks.
. "$(dirname "$0")/lib.sh"
fixture night
T new-session -d -x 80 -y 24 -s other "exec $(pinned) $(command_line)"
T new-session -d -x 80 -y 24 -s main "exec $(pinned) $(command_line --panel ideas)"
shown() { T capture-pane -p -t main; }
keys() { T send-keys -t other "$@"; }
type() { T send-keys -t other -l -- "$1"; }
wait_for "Ideas"
i=0
until T capture-pane -p -t other | grep -q Leaderboard; do
	i=$((i + 1))
	[ $i -lt 200 ] || fail "the other one never came up"
	sleep 0.05
done
keys i
type "WEIGHT_DECAY = 0.1"
keys Enter
wait_for "WEIGHT_DECAY = 0.1"
done_ok
