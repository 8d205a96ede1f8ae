# Market: prices, states, trust, warnings, sources; filters that show; dead ones folded; sorting.
. "$(dirname "$0")/lib.sh"
fixture market-market
start 80 24 --panel market
wait_for "2 dead: d shows them"
screen market-80x24
keys d
wait_for "dead ones too"
keys f
wait_for "all skills"
keys s
wait_for "USDC▲"
screen market-all-by-price
keys c
wait_for "its chain is not known"
keys j c
wait_for "base-sepolia only"
keys S c d f
wait_for "our skills"
keys /
type "h100"
wait_for 'matching "h100"'
keys Enter
screen market-filtered
keys Escape
wait_gone "matching"
keys s s s s
resize 120 40
wait_for "probed"
screen market-120x40
resize 40 12
wait_for "7 Market"
screen market-40x12
resize 80 24
wait_for "latency"
keys r
wait_for "asking the sources"
keys v
wait_for "probing it"
keys 1
wait_for "market: 7 of 10 alive, from 0.02 USDC"
done_ok
