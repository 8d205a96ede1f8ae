#!/bin/sh
# The house rules that a line can check. Prints each break with file and line; exits 1 on any.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
rule() { # name, findings
	[ -n "$2" ] || return 0
	printf 'lint: %s\n%s\n' "$1" "$2"
	bad=1
}
src() { git ls-files -co --exclude-standard -- "$@" | grep -E '\.(c|h)$'; }
includes() { # folder, pattern
	src "$1" | xargs -r grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+\"($2)" 2>/dev/null
}
foreign() { # header pattern, allowed file pattern
	src store core worker tui | xargs -r grep -nE "include[[:space:]]+<($1)" | grep -vE "^($2):"
}

# Directions: store <- core <- worker/serve, store <- tui/screen; the trainer stands alone.
rule 'store includes a layer above it' "$(includes store '(core|tui|worker)/')"
rule 'core includes a layer above it' "$(includes core '(tui|worker)/')"
rule 'tui/screen includes core or worker' "$(includes tui/screen '(core|worker)/')"
rule 'worker includes tui' "$(includes worker 'tui/')"
rule 'the trainer includes core, or more of store than its words' \
	"$(includes worker/train '(core/|store/(store|experiments|events|money)\.h)')"

# Foreign headers stay in the files that wrap them.
rule 'sqlite3.h outside the store' "$(foreign 'sqlite3\.h' 'store/(store|experiments|events)[a-z_]*\.[ch]')"
rule 'cJSON.h outside store/json.c' "$(foreign 'cjson/' 'store/json\.c')"
rule 'OpenSSL outside its wrappers' "$(foreign 'openssl/' '(store/hash|core/chain/keys|core/pay/(keystore|signer)[a-z_]*)\.c')"
rule 'curl.h outside core/net' "$(foreign 'curl/' 'core/net/[a-z_]*\.[ch]')"
rule 'secp256k1.h outside core/chain/keys.c' "$(foreign 'secp256k1' 'core/chain/keys\.c')"
rule 'seccomp.h outside its two wrappers' "$(foreign 'seccomp' 'core/(pay/signer_confine|exec/sandbox_seccomp)\.c')"
rule 'microhttpd.h outside worker/serve/httpd.c' "$(foreign 'microhttpd' 'worker/serve/httpd[a-z_]*\.c')"
rule 'ini.h outside core/config.c' "$(foreign 'ini\.h' 'core/config\.c')"
rule 'curses outside tui/screen' "$(foreign '(ncurses|curses|term\.h|termcap)[a-z/.]*' 'tui/screen/[a-z_]*\.[ch]')"

# Money is a struct: nobody reaches inside.
rule '.micro outside money.c' "$(src store core worker tui | grep -vE '^store/money\.[ch]$' |
	xargs -r grep -nE '(\.|->)micro\b')"

# Calls that have a safer sister here.
calls='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|system|popen|rand|srand|alloca'
rule 'banned call' "$(src store core worker tui | xargs -r grep -nE "(^|[^_[:alnum:]])($calls)[[:space:]]*\(" |
	grep -vE ':[0-9]+:[[:space:]]*(\*|/\*)')"
rule 'bare allocation outside base.c' "$(src store core worker tui | grep -vE '^store/base\.c$' |
	xargs -r grep -nE '(^|[^_[:alnum:]])(malloc|calloc|realloc|strdup|strndup|asprintf)[[:space:]]*\(' |
	grep -vE ':[0-9]+:[[:space:]]*(\*|/\*)')"
rule '// comment' "$(src store core worker tui tests | xargs -r grep -nE '(^|[;{}[:space:]])//' | grep -vE '://|"[^"]*//[^"]*"|^tests/vectors')"
rule 'typedef of a struct' "$(src store core worker tui | xargs -r grep -nE '^[[:space:]]*typedef[[:space:]]+struct')"
rule 'trailing white space' "$(git ls-files -co --exclude-standard -- '*.c' '*.h' '*.sh' '*.py' Makefile '*.md' '*.[15]' '*.theme' |
	xargs -r grep -nE '[[:space:]]+$')"
rule 'machine path' "$(git ls-files -co --exclude-standard | grep -v '^tests/lint.sh$' | xargs -r grep -nIE '/(work|root|farm)/[a-z]' )"

# No writable globals, but for the few that a signal handler or the clock of tests needs.
allowed='art_test_clock_us|art_death_hook|stop_requested|stop_event_fd|rescue(_[a-z_]+)?'
if [ -d "${BUILD:-build/release}/obj" ]; then
	rule 'writable global' "$(find "${BUILD:-build/release}/obj" -name '*.o' ! -path '*/tests/*' | while read -r o; do
		objdump -t "$o" 2>/dev/null | awk -v f="$o" '$3 ~ /^O$/ && ($4==".data" || $4==".bss") {print f": "$NF}
			$2=="O" && ($3==".data" || $3==".bss") {print f": "$NF}
			$3=="O" && ($4==".data"||$4==".bss") {next}'
	done | grep -vE ": ($allowed)(\.[0-9]+)?$" | sort -u)"
fi

# Manual pages: lint-clean, and complete.
for m in man/*.[15]; do
	[ -e "$m" ] || continue
	rule "groff $m" "$(groff -mdoc -Tutf8 -ww -z "$m" 2>&1)"
	command -v mandoc >/dev/null && rule "mandoc $m" "$(mandoc -T lint -W warning "$m" 2>&1)"
done
if [ -x tests/lint-man.sh ]; then
	rule 'manual pages and completion' "$(tests/lint-man.sh 2>&1 | grep -v '^ok')"
fi
[ "$bad" = 0 ] && echo "lint: clean"
exit "$bad"
