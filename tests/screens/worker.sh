# Worker: presence, devices, orders, the run's curve, earnings a day; the switches of the whole worker and
# of the device under the cursor.
. "$(dirname "$0")/lib.sh"
fixture market-market
start 80 24 --panel worker
wait_for "0.0.0.0:8402"
screen worker-80x24
keys p
wait_for "the worker: paused"
wait_for "no run starts"
keys d
wait_for "the worker: draining"
keys d
wait_for "the worker: open"
keys C-d C-d C-d C-d
wait_for "2026-11-22"
screen worker-earnings
keys G
wait_for "exp-0000"
screen worker-ended
keys g
resize 120 40
wait_for "released"
screen worker-120x40
keys g j j j j j j j j
keys p
wait_for "local:cpu: paused"
screen worker-device-paused
keys o
wait_for ": open"
resize 40 12
wait_for "8 Worker"
screen worker-40x12
done_ok
