#!/bin/sh
# A simulated night under random kill -9 of engine and trainer. $1: kills (12); $2: seed.
exec "${BIN:-build/release}/tests/kill_night" "${1:-12}" "${2:-1}"
