# y writes the selected row to the file it was told, and says where.
. "$(dirname "$0")/lib.sh"
fixture night
start 120 40 --copy "$tmp/state/copied.txt"
wait_for "Leaderboard"
keys y
wait_for "copied, and written to"
grep -q '#7 1.3721 kept MATRIX_LR 0.04 -> 0.06' "$tmp/state/copied.txt" || fail "the file says otherwise"
keys 3
wait_for "champion, kept"
keys y
wait_for "copied, and written to"
grep -q 'MATRIX_LR: 0.04 -> 0.06' "$tmp/state/copied.txt" || fail "no change in it"
done_ok
