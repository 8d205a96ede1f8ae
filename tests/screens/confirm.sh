# Actions that end something ask first, and anything but y is No.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24
wait_for "Leaderboard"
keys e
wait_for "End night 1 now, with a report? y/N"
screen confirm-end
keys Enter
wait_for "left as it is"
keys e
wait_for "y/N"
keys y
wait_for "ending the night"
keys 2 G x
wait_for 'Cancel #9 "SCALAR_LR 0.5 -> 0.31"? y/N'
keys n
wait_for "left as it is"
keys k x
wait_for "#8 is discarded already"
done_ok
