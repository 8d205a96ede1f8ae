#!/bin/sh
# What compressors make of a validation text they may learn the training text for:
#     (size of train + val  -  size of train) * 8 / bytes of val
# Prints one line a compressor, and the rows of worker/train/corpus_refs.c.
#
# Usage: references.sh DIR     DIR made by: artui-train corpus NAME --text --out DIR
# Needs (Debian): gzip bzip2 xz-utils zstd p7zip-full zpaq
set -eu

dir=${1:?usage: references.sh DIR}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for program in gzip bzip2 xz zstd 7z zpaq; do
	command -v $program >/dev/null || { echo "SKIP: $program is not installed" >&2; exit 1; }
done

cp "$dir/train.txt" "$tmp/train"
cat "$dir/train.txt" "$dir/val.txt" >"$tmp/both"
val=$(wc -c <"$dir/val.txt")

packed() { # packed COMMAND FILE: bytes
	case $1 in
	gzip) gzip -9 -c "$2" | wc -c ;;
	bzip2) bzip2 -9 -c "$2" | wc -c ;;
	zstd) zstd --ultra -22 --long=27 -q -c "$2" | wc -c ;;
	xz) xz -9e -c "$2" | wc -c ;;
	ppmd) rm -f "$tmp/a.7z"
		7z a -bso0 -bsp0 -m0=PPMd:o=16:mem=1g "$tmp/a.7z" "$2" && wc -c <"$tmp/a.7z" ;;
	zpaq) rm -f "$tmp/a.zpaq"
		zpaq a "$tmp/a.zpaq" "$2" -m5 -t1 >/dev/null 2>&1 && wc -c <"$tmp/a.zpaq" ;;
	esac
}

label() {
	case $1 in
	gzip) echo "gzip -9" ;;
	bzip2) echo "bzip2 -9" ;;
	zstd) echo "zstd --ultra -22 --long=27" ;;
	xz) echo "xz -9e" ;;
	ppmd) echo "7z PPMd, order 16" ;;
	zpaq) echo "zpaq -m5" ;;
	esac
}

table=
for c in gzip bzip2 zstd xz zpaq ppmd; do
	train=$(packed $c "$tmp/train")
	both=$(packed $c "$tmp/both")
	bpb=$(awk "BEGIN { printf \"%.3f\", ($both - $train) * 8 / $val }")
	printf '%-28s %s bits per byte (%s - %s bytes)\n' "$(label $c)" "$bpb" "$both" "$train"
	table="$table	{ \"$(label $c)\", $bpb, GIVEN_TRAIN },
"
done
printf '\ntrain %s\nval   %s\n%s' "$(sha256sum <"$dir/train.txt" | cut -d' ' -f1)" \
	"$(sha256sum <"$dir/val.txt" | cut -d' ' -f1)" "$table"
