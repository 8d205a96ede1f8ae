#!/bin/sh
# Wallets: made, taken over, listed; what is refused; that no secret shows anywhere.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$tmp" || exit 1
. "$here/money.inc"
key=7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6
who=0x90F79bf6EB2c4f870365E785982E1f101E93b906
stores=$XDG_DATA_HOME/artui/keystores
private pw 'correct horse
'
private key "$key"
private key0x "  0x$key

"
# A wallet in two milliseconds; what a real one has is looked at once below.
quick="--kdf pbkdf2 --work 2 --password-file pw"

# ---- none yet --------------------------------------------------------------------------------
run wallet; expect no-verb 2 '' 'wallet needs create\|import\|list'
run wallet lost; expect no-such-verb 2 '' 'wallet lost: create, import, list, address, balance or signatures'
run wallet list; expect list-none 0 '' 'no wallet yet: artui wallet create'
same list-none-is-silent "" "$out"
run wallet list --json; same list-none-json "[]" "$(json j)"
run wallet address; expect address-none 1 '' 'no wallet yet: artui wallet create'
run wallet balance; expect balance-none 1 '' 'no wallet yet'
run wallet signatures; expect signatures-none 1 '' 'no wallet yet'
same nothing-made "" "$(find "$tmp" -name artui)"

# ---- create ----------------------------------------------------------------------------------
run wallet create --password-file pw
expect create 0 '^made default: 0x[0-9a-fA-F]{40}$'
same create-says-where "$stores/default.json" "$(sed -n 2p "$tmp/out")"
same create-file-mode 600 "$(mode "$stores/default.json")"
same create-dir-mode 700 "$(mode "$stores")"
same create-leaves-no-more default.json "$(ls -A "$stores")"
same create-is-v3-scrypt "3 aes-128-ctr scrypt 262144 8 1 32 64" "$(cp "$stores/default.json" out
	fields "j['version'], *(j['crypto'][k] for k in ('cipher', 'kdf')), *(j['crypto']['kdfparams'][k] for k in ('n', 'r', 'p', 'dklen')), len(j['crypto']['kdfparams']['salt'])")"
run wallet create --password-file pw; expect create-twice 1 '' 'a wallet "default" is there already'
run wallet create $quick --json b.2_x-Y
expect create-json 0
same create-json-shape "address,name,path b.2_x-Y True" \
	"$(json "','.join(sorted(j)) + ' ' + j['name'] + ' ' + str(j['path'] == '$stores/b.2_x-Y.json')")"
b=$(json "j['address']")
run wallet create $quick c; expect create-pbkdf2 0 '^made c: 0x'
cp "$stores/c.json" "$tmp/out"
same create-work "pbkdf2 2 hmac-sha256" "$(fields "j['crypto']['kdf'], *(j['crypto']['kdfparams'][k] for k in ('c', 'prf'))")"
run wallet create --kdf scrypt --work 1024 --password-file pw d; expect create-scrypt-work 0
cp "$stores/d.json" "$tmp/out"; same create-scrypt-n 1024 "$(json "j['crypto']['kdfparams']['n']")"
rm "$stores/c.json" "$stores/d.json"
run wallet create --kdf scrypt --work 1000 --password-file pw d
expect create-work-no-power 2 '' '--work 1000: .*power of two'
run wallet create --work 4194304 --password-file pw d; expect create-work-too-much 2 '' 'power of two up to 1048576'
run wallet create --work 1 --password-file pw d; expect create-work-range 2 '' '--work'
run wallet create --kdf argon2 d; expect create-kdf 2 '' 'none of scrypt\|pbkdf2'
for name in '../evil' '.hidden' '-x' 'a/b' 'a b' 'ü' "$(printf '%070d' 1)"; do
	run wallet create $quick -- "$name"
	expect "name-refused-$(printf %s "$name" | tr -c 'a-z0-9\n' _ | cut -c1-12)" 2 '' 'is no name for a wallet'
done
run wallet create $quick ''; expect name-empty 2 '' 'is no name for a wallet'
run wallet create --keystore x e; expect create-with-keystore 2 '' 'import takes one over'
run wallet create a b; expect two-names 2 '' 'one word too many'
same nothing-more-made "b.2_x-Y.json default.json" "$(ls "$stores" | tr '\n' ' ' | sed 's/ $//')"

# ---- passwords -------------------------------------------------------------------------------
cp pw open; chmod 644 open
run wallet create --kdf pbkdf2 --work 2 --password-file open e
expect password-file-open 1 '' 'open can be read by others: it must be yours alone \(chmod 600\)'
chmod 640 open; run wallet create --kdf pbkdf2 --work 2 --password-file open e; expect password-file-group 1 '' 'chmod 600'
run wallet create --kdf pbkdf2 --work 2 --password-file nosuch e; expect password-file-missing 1 '' 'nosuch: No such file'
run wallet create --kdf pbkdf2 --work 2 --password-file . e; expect password-file-directory 1 '' 'no regular file'
private empty ''; run wallet create --kdf pbkdf2 --work 2 --password-file empty e
expect password-empty 1 '' 'an empty password protects nothing'
private newline '
'; run wallet create --kdf pbkdf2 --work 2 --password-file newline e; expect password-newline 1 '' 'an empty password'
printf 'a\0b' >nul; chmod 600 nul; run wallet create --kdf pbkdf2 --work 2 --password-file nul e; expect password-nul 1 '' 'NUL'
head -c 5000 /dev/zero | tr '\0' x >long; chmod 600 long
run wallet create --kdf pbkdf2 --work 2 --password-file long e; expect password-long 1 '' 'longer than'
run wallet create --kdf pbkdf2 --work 2 --password-file pw --password-fd 7 e
expect password-two-sources 2 '' '--password-file or --password-fd, not from both'
run wallet create --kdf pbkdf2 --work 2 --password-fd 9 e; expect password-fd-closed 2 '' '--password-fd 9: no such descriptor is open'
run wallet create --kdf pbkdf2 --work 2 --password-fd 0 e; expect password-fd-0 2 '' '--password-fd'
blind wallet create --kdf pbkdf2 --work 2 e
expect no-terminal 1 '' 'there is no terminal: give --password-file, --password-fd or wallet.password_file'
run -c wallet.password_file=pw wallet create --kdf pbkdf2 --work 2 e; expect password-of-config 0 '^made e'
rm -f "$stores/e.json"
rc=0; "$artui" wallet create --kdf pbkdf2 --work 2 --password-fd 7 e >"$tmp/out" 2>"$tmp/err" 7<pw || rc=$?
expect password-fd 0 '^made e'
rm "$stores/e.json"

# ---- import ----------------------------------------------------------------------------------
run wallet import $quick --private-key-file key k1; expect import 0 "^took over k1: $who$"
same import-file-mode 600 "$(mode "$stores/k1.json")"
grep -qi "$key" "$stores/k1.json" && fail import-is-encrypted "the key is in the file" || pass import-is-encrypted
run wallet import $quick --private-key-file key k2; expect import-address-twice 1 '' 'the wallet "k1" has that address already'
run wallet import $quick --private-key-file key0x k1; expect import-name-twice 1 '' 'a wallet "k1" is there already'
mv "$stores/k1.json" own.json; chmod 644 own.json
run wallet import $quick --private-key-file key0x k2; expect import-spaces 0 "^took over k2: $who$"
rm "$stores/k2.json"
for form in "$key" "0x$key
" "
  $(printf %s "$key" | tr a-f A-F)  "; do
	rc=0; printf %s "$form" | "$artui" wallet import $quick --private-key-file - --json k3 >"$tmp/out" 2>"$tmp/err" || rc=$?
	expect import-stdin 0
	same import-stdin-address "$who" "$(json "j['address']")"
	rm -f "$stores/k3.json"
done
run wallet import $quick k; expect import-what 2 '' 'import takes --private-key-file or --keystore'
run wallet import $quick --private-key-file key --keystore own.json k; expect import-both 2 '' 'import takes --private-key-file or --keystore'
run wallet import $quick "$key"; expect key-as-operand 2 '' 'a key is never taken from the command line'
run wallet import $quick --private-key-file key "0x$key"; expect key-as-name 2 '' 'a key is never taken from the command line'
grep -q "$key" "$tmp/err" && fail key-is-not-repeated "$err" || pass key-is-not-repeated
run wallet import $quick --private-key-file "$key" k; expect key-as-file 2 '' 'a key is never taken from the command line'
grep -q "$key" "$tmp/err" && fail key-as-file-is-not-repeated "$err" || pass key-as-file-is-not-repeated
chmod 640 key; run wallet import $quick --private-key-file key k; expect import-group-readable 1 '' 'key can be read by others.*chmod 600'
chmod 600 key
bad() { private bad "$2"; run wallet import $quick --private-key-file bad k; expect "$1" 1 '' "$3"
	if [ "${#2}" -gt 8 ] && grep -qF -- "$2" "$tmp/err"; then fail "$1-silent" "$err"; fi; }
bad bad-hex "z$(printf %s "$key" | cut -c2-)" 'bad holds no private key: 64 hex digits'
bad bad-short "$(printf %s "$key" | cut -c2-)" 'no private key'
bad bad-long "${key}0" 'no private key'
bad bad-two "$key $key" 'no private key'
bad bad-empty '' 'no private key'
bad bad-zero "$(printf '%064d' 0)" 'key'
bad bad-over fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 'key'
head -c 1000000 /dev/zero | tr '\0' a >bad; run wallet import $quick --private-key-file bad k
expect bad-megabyte 1 '' 'no private key'
same nothing-imported "b.2_x-Y.json default.json" "$(ls "$stores" | tr '\n' ' ' | sed 's/ $//')"

# Keystores of others: one without an address and with r = 1, one with Crypto in capitals.
cat >geth.json <<'END'
{"crypto":{"cipher":"aes-128-ctr","ciphertext":"055d538fc57dee5b8de426d71689c82d7e9338012abe7e1f8d876b7401e86440",
"cipherparams":{"iv":"02020202020202020202020202020202"},"kdf":"scrypt","kdfparams":{"dklen":32,"n":8192,"p":8,"r":1,
"salt":"0101010101010101010101010101010101010101010101010101010101010101"},
"mac":"c787a726df44e5d3170d1a83ca6113ee90b9c5a4e6ca224534f5423ee96baf24"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}
END
cat >ethers.json <<'END'
{"address":"90f79bf6eb2c4f870365e785982e1f101e93b906","id":"05050505-0505-4505-8505-050505050505","version":3,
"Crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"04040404040404040404040404040404"},
"ciphertext":"0cd06fd624512d7705d83da9aab857c1c5988d2f7c2ab1da289d44dae2d44d46","kdf":"scrypt",
"kdfparams":{"salt":"0303030303030303030303030303030303030303030303030303030303030303","n":4096,"dklen":32,"p":1,"r":8},
"mac":"0bc320e2bffc74cca8e6e69e9ef97ff5456663545305f0886aab492d40f1b1cb"}}
END
private testpw testpassword
run wallet import --keystore ethers.json --password-file pw x; expect keystore-wrong-password 1 '' 'wrong password for ethers.json'
run wallet import --keystore ethers.json --password-file testpw x; expect keystore 0 "^took over x: $who$"
cmp -s ethers.json "$stores/x.json" && pass keystore-as-it-is || fail keystore-as-it-is "it was changed"
same keystore-mode 600 "$(mode "$stores/x.json")"
run wallet import --keystore geth.json --password-file testpw y; expect keystore-same-address 1 '' 'the wallet "x" has that address already'
rm -f "$stores/x.json"
run wallet import --keystore geth.json --password-file testpw y; expect keystore-no-address 0 "^took over y: $who$"
run wallet address y; expect address-unnamed 1 '' 'the file of the wallet y does not name its address'
run wallet list; expect list-unnamed 0 'y +not named by the file'
rm "$stores/y.json"
run wallet import --keystore own.json --password-file pw z; expect keystore-own 0 "^took over z: $who$"
rm "$stores/z.json"
run wallet import --keystore ethers.json --kdf pbkdf2 --password-file testpw x; expect keystore-kdf 2 '' 'copied as it is'
run wallet import --keystore nosuch.json --password-file testpw x; expect keystore-missing 1 '' 'nosuch.json: No such file'
# What is no keystore is said before a password is asked for.
for text in '{}' 'not json' '{"version":3,"crypto":{}}' '{"version":1,"crypto":{"cipher":"aes-128-ctr"}}'; do
	printf %s "$text" >junk.json
	blind wallet import --keystore junk.json x; expect keystore-junk 1 '' 'junk.json is no keystore to take over: '
done
# So is a name that is taken.
blind wallet create default
expect name-taken-before-password 1 '' 'a wallet "default" is there already'

# ---- list and address ------------------------------------------------------------------------
run wallet list; expect list 0 "^b.2_x-Y +$b "
run wallet list --json
same list-json "b.2_x-Y,default address,name,path $b" \
	"$(json "','.join(w['name'] for w in j) + ' ' + ','.join(sorted(j[0])) + ' ' + j[0]['address']")"
printf junk >"$stores/notes.txt"
run wallet list; expect list-junk 0 '' '1 file in the wallets. directory is no keystore'
rm "$stores/notes.txt"
run wallet address b.2_x-Y; same address "$b" "$out"
run wallet address "$b"; same address-by-address "$b" "$out"
run wallet address --json b.2_x-Y; same address-json "1 b.2_x-Y $b" "$(json "str(len(j)) + ' ' + j[0]['name'] + ' ' + j[0]['address']")"
run wallet address; expect address-which 1 '' 'several wallets.*(b.2_x-Y, default)'
run -c wallet.name=b.2_x-Y wallet address; same address-of-config "$b" "$out"
run wallet address nosuch; expect address-nosuch 1 '' 'there is no wallet "nosuch": artui wallet list shows them'
run wallet address ./own.json; same address-of-file "$who" "$out"
run wallet list extra; expect list-takes-no-name 2 '' "'extra'"
run wallet list --kdf scrypt; expect list-takes-no-kdf 2 '' '--kdf'
run wallet address --chain base b.2_x-Y; expect address-takes-no-chain 2 '' '--chain does not go with wallet address'
run -c "wallet.dir=$tmp/elsewhere" wallet list --json; same other-directory "[]" "$(json j)"
HOME='' XDG_DATA_HOME='' run wallet list; expect no-home 1 '' 'set HOME or wallet.dir'

# ---- balance ---------------------------------------------------------------------------------
seller
mkdir -p "$XDG_CONFIG_HOME/artui"
cat >"$XDG_CONFIG_HOME/artui/config" <<END
[pay]
chains = base-sepolia lab
[chain.base-sepolia]
rpc = $at/rpc/84532
[chain.lab]
id = 31337
rpc =
usdc = 0x5FbDB2315678afecb367f032d93F642f64180aa3
usdc_name = USDC
END
run wallet balance "$who"
expect balance 0 '^base-sepolia +1\.234567 USDC \(test network\)$'
expect balance-no-endpoint 0 '^lab +unknown: no RPC endpoint \(chain.lab.rpc\)$'
run wallet balance --json b.2_x-Y
same balance-json "address,asset,balance,balance_usd,chain,error,network 1234567 1.234567 None eip155:84532 $b" \
	"$(json "','.join(sorted(j[0])) + ' ' + ' '.join(str(j[0][k]) for k in ('balance', 'balance_usd', 'error', 'network', 'address'))")"
same balance-json-unknown "lab None None no RPC endpoint (chain.lab.rpc)" \
	"$(json "' '.join(str(j[1][k]) for k in ('chain', 'balance', 'balance_usd', 'error'))")"
run wallet balance --chain lab "$who"; expect balance-none-known 1 'lab +unknown'
run wallet balance --chain moon "$who"; expect balance-no-chain 1 '' 'no chain "moon" with USDC'
run -c pay.chains= wallet balance "$who"; expect balance-no-chains 1 '' 'pay.chains names no chain'
run -c "chain.base-sepolia.rpc=$at/rpc/1" wallet balance --chain base-sepolia "$who"
expect balance-wrong-chain 1 'base-sepolia.*unknown: .*serves chain 1'
run -c chain.base-sepolia.usdc= -c pay.chains=lab wallet balance --chain base-sepolia "$who"
expect balance-no-usdc 1 '' 'no chain "base-sepolia" with USDC'
cat >>"$XDG_CONFIG_HOME/artui/config" <<END
[chain.rich]
id = 31338
rpc = $at/rpc/31338
usdc = 0x5FbDB2315678afecb367f032d93F642f64180aa3
usdc_name = USDC
END
run -c wallet.warn_usd=1 wallet balance --chain rich "$who"; expect balance-rich 0 'rich +1.234567 USDC$' 'more than a wallet for unattended use should hold \(wallet.warn_usd\)'

# ---- a remote signer's keys -------------------------------------------------------------------
private token 'letmein
'
remote="-c wallet.remote_url=$at/signer -c wallet.remote_token_file=token"
run $remote wallet list; expect remote-list 0 "^remote +0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC +$at/signer$"
run $remote wallet list --json; same remote-list-json "b.2_x-Y default remote" "$(json "' '.join(w['name'] for w in j)")"
run -c "wallet.remote_url=$at/signer" wallet list; expect remote-no-token 1 '' 'the remote signer answers 401: no token'
chmod 644 token; run $remote wallet list; expect remote-token-open 1 '' 'token can be read by others.*chmod 600'
run -c wallet.remote_url=http://127.0.0.1:1/ wallet list; expect remote-gone 1 '' 'the remote signer: 127.0.0.1 port 1: .*connect'
run -c wallet.remote_url=http://127.0.0.1:1/ wallet address; expect remote-address-unnamed 1 '' 'wallet.name must be the address it signs for'
run -c wallet.remote_url=http://127.0.0.1:1/ -c "wallet.name=$who" wallet address; same remote-address "$who" "$out"
run -c wallet.remote_url=http://127.0.0.1:1/ fetch "$at/free"; expect remote-fetch-unnamed 1 '' 'wallet.name must be the address it signs for'

# ---- signatures, and what can be seen of a running payment -------------------------------------
run wallet signatures b.2_x-Y; expect signatures-empty 0 '' 'nothing signed'
run wallet signatures --json b.2_x-Y; same signatures-empty-json "[]" "$(json j)"
secret=$(sed -n 1p pw)
SECRET="$secret" "$artui" fetch --yes --wallet b.2_x-Y --password-file pw --timeout 20 "$at/hang" >hang.out 2>hang.err </dev/null &
pid=$!
pids="$pids $pid"
for _ in $(seq 200); do grep -q '"paid": true' log 2>/dev/null && break; sleep 0.05; done
child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null | tr -d ' ')
if [ -n "$child" ] && tr '\0' ' ' <"/proc/$child/cmdline" | grep -q __signer; then
	pass signer-runs
	same signer-arguments "artui __signer " "$(tr '\0' ' ' <"/proc/$child/cmdline")"
	# Root reads what the process hides; who may not sees nothing, which is fine as well.
	shows=$(cat "/proc/$pid/cmdline" "/proc/$child/cmdline" "/proc/$child/environ" 2>/dev/null | tr '\0' '\n' | grep -ciE "$secret|$key")
	same no-secret-in-view 0 "$shows"
	same signer-environment-is-bare "" "$(tr '\0' '\n' <"/proc/$child/environ" 2>/dev/null | grep -vE '^(HOME|LANG|LC_ALL|TERM|TZ|ARTUI_NOW|[AUT][A-Z]*SAN_OPTIONS)=' | sed 's/=.*//' | tr '\n' ' ')"
	same signer-confined 2 "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$child/status")"
	same signer-no-new-privileges 1 "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "/proc/$child/status")"
	same signer-holds-one-socket 1 "$(ls -l "/proc/$child/fd" | grep -c 'socket:')"
	same signer-leaves-no-core "0" "$(sed -n 's/^Max core file size *\([0-9]*\) .*/\1/p' "/proc/$child/limits")"
else
	fail signer-runs "no child __signer of $pid: $(cat hang.err)"
fi
# Its parent dies, it goes.
kill -9 "$pid"; wait "$pid" 2>/dev/null
for _ in $(seq 100); do [ -d "/proc/$child" ] || break; sleep 0.05; done
[ -d "/proc/$child" ] && fail signer-ends-with-parent "pid $child lives" || pass signer-ends-with-parent
run wallet signatures --json b.2_x-Y
same signatures-json "1 amount,at,chain_id,contract,digest,kind,nonce,pay_to,valid_before authorization 84532 10000" \
	"$(json "str(len(j)) + ' ' + ','.join(sorted(j[0])) + ' ' + ' '.join(str(j[0][k]) for k in ('kind', 'chain_id', 'amount'))")"
run wallet signatures b.2_x-Y; expect signatures 0 'authorization +0\.01 +0x'
same journal-mode 600 "$(mode "$XDG_STATE_HOME/artui/signer-$(echo "$b" | tr A-F a-f).log")"
same state-dir-mode 700 "$(mode "$XDG_STATE_HOME/artui")"
same ledger-dir-mode 700 "$(mode "$XDG_DATA_HOME/artui")"
same no-secret-on-disk "" "$(grep -rlE "$secret|$key" "$XDG_STATE_HOME" "$XDG_DATA_HOME" "$XDG_CONFIG_HOME" "$HOME")"
finish
