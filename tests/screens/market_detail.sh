# One worker: offer, payee and its change, our dealings, what it tells, the agent's facts with origin
# and age; search; a ban only after y, a pin and a release at once.
. "$(dirname "$0")/lib.sh"
fixture market-market
start 80 24 --panel market
wait_for "2 dead: d shows them"
keys /
type "pocket"
wait_for 'matching "pocket"'
keys Enter Enter
wait_for "Measured by our probes"
screen market-detail-80x24
keys C-d C-d C-d C-d
wait_for "[8004scan"
screen market-detail-end
resize 120 40
keys g
wait_for "! changed"
screen market-detail-120x40
resize 40 12
wait_for "7 Market"
screen market-detail-40x12
resize 80 24
keys B
wait_for 'Ban #4 "pocket-lab"? y/N'
screen market-ban
keys n
wait_for "left as it is"
keys B y
wait_for "banned; B lifts it"
wait_for "banned    "
keys B
wait_for "the ban is lifted"
keys P
wait_for "pinned: it comes first"
wait_for "pinned"
keys R
wait_for "in no quarantine"
keys Escape
wait_for "1 alive"
done_ok
