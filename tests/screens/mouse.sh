# The mouse: tabs, rows, a double click opens, headings sort, the wheel scrolls, M turns it off.
. "$(dirname "$0")/lib.sh"
fixture night
# a press of button 1 as X10 reports it: ESC [ M, 32 + button, 33 + column, 33 + row
press() { bytes 1b 5b 4d 20 "$(printf %x $((33 + $1)))" "$(printf %x $((33 + $2)))"; }
start 80 24 --mouse
wait_for "mouse"
press 22 0
wait_for "9 all verdicts"
press 58 3
wait_for "val_bpb▲"
press 58 3
wait_for "val_bpb▼"
press 10 6
press 10 6
wait_for "verdict "
keys 1 M
wait_for "mouse off"
keys j
wait_gone "mouse"
done_ok
