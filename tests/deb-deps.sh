#!/bin/sh
# Installs the Debian packages that are missing. deb-deps.sh run [test] [bench]
# Packages to build and run artui, one reason each:
#   gcc libc6-dev make       the compiler          libncurses-dev   the dashboard
#   libsqlite3-dev           the store             libssl-dev       SHA-256
#   libcjson-dev             JSON                  libinih-dev      configuration files
#   libcurl4-openssl-dev     HTTP                  libsecp256k1-dev  signatures
#   libseccomp-dev           the signer's confinement  libmicrohttpd-dev the HTTP server of the selling side
#   bubblewrap               runs strangers' code (user namespaces do without it)
#   bible-kjv-text bible-kjv the default text      git              the version in --version
set -eu
run="gcc libc6-dev make libncurses-dev libsqlite3-dev libssl-dev libcjson-dev libinih-dev libcurl4-openssl-dev libsecp256k1-dev libseccomp-dev libmicrohttpd-dev bubblewrap bible-kjv-text bible-kjv git ca-certificates"
test="libcmocka-dev clang libclang-rt-14-dev libomp-dev tmux groff mandoc python3 python3-torch python3-numpy procps"
bench="libopenblas0-openmp" # PyTorch's best BLAS; without one it runs on the reference BLAS
# The x402 lab's; another source of node and npm than Debian's will do.
command -v node >/dev/null 2>&1 || test="$test nodejs"
command -v npm >/dev/null 2>&1 || test="$test npm"
want=""
for set in "$@"; do
	case $set in
	run) want="$want $run" ;;
	test) want="$want $test" ;;
	bench) want="$want $bench" ;;
	*) echo "usage: deb-deps.sh run [test] [bench]" >&2; exit 2 ;;
	esac
done
missing=""
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' && continue
	missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "artui needs these packages (Debian's names):$missing" >&2
	exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "run as root, or install:$missing" >&2; exit 1; }
	sudo="sudo"
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -o DPkg::Lock::Timeout=600 update -q >/dev/null
$sudo apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends $missing >/dev/null
