# A store without a night: each panel says what to do instead of showing nothing.
. "$(dirname "$0")/lib.sh"
fixture empty
start 80 24
wait_for "press b to begin a night"
screen empty-dashboard
keys 2
wait_for "0 all verdicts"
keys 3
wait_for "Detail"
screen empty-detail
keys 4
wait_for "nothing happened yet"
keys 5
wait_for "no idea yet"
keys b
wait_for "Begin a night with the settings of this workspace? y/N"
keys y
wait_for "no engine runs now"
done_ok
