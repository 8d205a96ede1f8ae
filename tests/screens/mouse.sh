# The mouse: tabs, rows, a double click opens, headings sort, the wheel scrolls, M turns it off.
. "$(dirname "$0")/lib.sh"
fixture night
# button 1 pressed and let go as X10 reports it: ESC [ M, 32 + button, 33 + column, 33 + row
press() {
	x=$(printf %x $((33 + $1))) y=$(printf %x $((33 + $2)))
	bytes 1b 5b 4d 20 "$x" "$y" 1b 5b 4d 23 "$x" "$y"
}
wheel_down() { bytes 1b 5b 4d 61 "$(printf %x $((33 + $1)))" "$(printf %x $((33 + $2)))"; }
start 80 24 --mouse
wait_for "mouse"
press 15 0
wait_for "9 all verdicts"
press 66 3
wait_for "val_bpb▲"
press 66 3
wait_for "val_bpb▼"
wait_gone "val_bpb▲"
press 10 6
press 10 6
wait_for "why"
screen mouse-opened
wheel_down 10 20
wait_for "4-15 of 18"
keys 1 M
wait_for "mouse off"
keys j
wait_gone "mouse"
done_ok
