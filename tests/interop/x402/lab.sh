#!/bin/sh
# The x402 lab: a local chain with the real token, the reference facilitator, reference sellers of both
# protocol versions and our own two.
#   lab.sh start DIR   installs the pinned peers if need be, starts all on free ports of 127.0.0.1 and
#                      writes DIR/env (shell variables ARTUI_LAB_*), DIR/pids and DIR/log/*
#   lab.sh stop DIR    ends exactly the processes in DIR/pids
# Exit 75: node, npm or the network is missing, so there can be no lab.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# != 2 ]; then
	echo "usage: lab.sh start|stop DIR" >&2
	exit 2
fi
case $1 in
start)
	home=$("$here/install.sh")
	mkdir -p "$2"
	exec node "$home/lab.mjs" start "$(cd "$2" && pwd)"
	;;
stop)
	[ -d "$2" ] || exit 0
	exec node "$here/lab.mjs" stop "$(cd "$2" && pwd)"
	;;
*)
	echo "lab.sh: $1: start or stop" >&2
	exit 2
	;;
esac
