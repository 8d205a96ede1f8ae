#!/bin/sh
# The manual and the completion name every command, option, key, panel, setting and constant that
# the program's own tables have. BIN or BUILD says where the program is. Prints what is missing and
# exits 1, or one line "ok".
set -u
cd "$(dirname "$0")/.." || exit 1
artui=${ARTUI:-${BIN:-${BUILD:-build/release}}/artui}
[ -x "$artui" ] || { echo "ok   no program in ${artui%/*}: nothing to compare with"; exit 0; }
bad=0
missing() { echo "$1"; bad=1; }
list() { "$artui" __list "$1" || missing "artui __list $1 fails"; }
# The part of artui.1 under a heading.
section() { awk -v want=".Sh $1" '$0 == want {on = 1; next} /^\.Sh / {on = 0} on' man/artui.1; }
# The line or lines of a command: .It Cm NAME up to the next .It of a command.
command_text() {
	section COMMANDS | awk -v want="$1" '
		/^\.It Cm / {on = ($3 == want)} /^\.Ss / {on = 0} on'
}
# What the completion offers for a command.
completion_text() {
	awk -v want="$1" '
		/^\tcase \$cmd in/ {inside = 1} /^\tesac/ {inside = 0}
		inside && /^\t[a-z" |]*\)/ {
			n = split($0, part, ")"); names = part[1]; gsub(/[\t"]/, "", names)
			k = split(names, name, / *\| */); hit = 0
			for (i = 1; i <= k; i++) if (name[i] == want) hit = 1
			if (want == "" && names == "") hit = 1
		}
		hit {print} /;;[ \t]*$/ {hit = 0}' tui/artui.bash
}

for c in $(list commands); do
	[ -n "$(command_text "$c")" ] || missing "artui.1: command $c is missing"
	grep -qw -- "$c" tui/artui.bash || missing "artui.bash: command $c is missing"
done

list options | while read -r command option; do
	name=${option#--}
	if [ "$command" = artui ]; then
		section OPTIONS | grep -q -- "Fl -$name\b" || echo "artui.1: option --$name is missing"
		grep -q -- "--$name\b" tui/artui.bash || echo "artui.bash: option --$name is missing"
	else
		command_text "$command" | grep -q -- "Fl -$name\b" ||
			echo "artui.1: option --$name of $command is missing"
		completion_text "$command" | grep -q -- "--$name\b" ||
			echo "artui.bash: option --$name of $command is missing"
	fi
done >"${TMPDIR:-/tmp}/lint-man.$$"
[ ! -s "${TMPDIR:-/tmp}/lint-man.$$" ] || { cat "${TMPDIR:-/tmp}/lint-man.$$"; bad=1; }
rm -f "${TMPDIR:-/tmp}/lint-man.$$"

# Keys: the names in the .It Cm lines under KEYS, one a line.
keys=$(section KEYS | sed -n 's/^\.It Cm //p' | sed 's/ , /\n/g; s/\\&//g; s/\\e/\\/g')
list keys | while read -r key; do
	printf '%s\n' "$keys" | grep -qxF -- "$key" || echo "artui.1: key $key is missing"
done >"${TMPDIR:-/tmp}/lint-man.$$"
printf '%s\n' "$keys" | while read -r key; do
	list keys | grep -qxF -- "$key" || echo "artui.1: key $key does nothing"
done >>"${TMPDIR:-/tmp}/lint-man.$$"
[ ! -s "${TMPDIR:-/tmp}/lint-man.$$" ] || { cat "${TMPDIR:-/tmp}/lint-man.$$"; bad=1; }
rm -f "${TMPDIR:-/tmp}/lint-man.$$"

for p in $(list panels); do
	section SCREENS | grep -qx ".It Cm $p" || missing "artui.1: panel $p is missing"
	grep -qw -- "$p" tui/artui.bash || missing "artui.bash: panel $p is missing"
done
for k in $(list config); do
	grep -qx ".It Va $k" man/artui-config.5 || missing "artui-config.5: $k is missing"
	case $k in chain.NAME.*) continue ;; esac # a name is the user's own
	grep -qw -- "$k" tui/artui.bash || missing "artui.bash: setting $k is missing"
done
for k in $(list knobs); do
	grep -qx ".It Va $k" man/artui-recipe.5 || missing "artui-recipe.5: $k is missing"
done
# And the other way round: nothing documented that is not there.
for k in $(sed -n 's/^\.It Va //p' man/artui-config.5); do
	list config | grep -qxF -- "$k" || missing "artui-config.5: $k is no setting"
done
for k in $(sed -n 's/^\.It Va //p' man/artui-recipe.5); do
	list knobs | grep -qxF -- "$k" || missing "artui-recipe.5: $k is no constant"
done
bash -n tui/artui.bash || bad=1
[ "$bad" = 0 ] && echo "ok   manual and completion name everything"
exit "$bad"
