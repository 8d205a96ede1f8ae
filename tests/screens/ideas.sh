# An idea is typed anywhere, lands in the store, and shows in its panel with what became of others.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24
wait_for "Leaderboard"
keys i
wait_for "idea:"
type "HEAD_DIM = 32"
wait_for "HEAD_DIM = 32"
screen ideas-typing
keys Enter
wait_for "idea 4 waits its turn"
keys 5
wait_for "HEAD_DIM = 32"
keys g j
wait_for "no constant is named in it"
keys i
type "thrown away"
keys Escape
wait_gone "thrown away"
done_ok
