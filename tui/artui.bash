# bash completion for artui(1). Installed as .../bash-completion/completions/artui.
# tests/lint-man.sh compares the words here with the program's own tables.

_artui_numbers()
{
	# Experiments here, newest last; silent where there is no workspace.
	artui experiments --all --json 2>/dev/null | sed -n 's/^    "id": \([0-9]*\),.*/\1/p'
}

_artui_workers()
{
	artui workers --all --json 2>/dev/null | sed -n 's/^    "id": \([0-9]*\),.*/\1/p'
}

_artui()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cmd="" i word
	local global="--directory --set --help --version"
	local top="--headless --overnight --rounds --hours --time-budget --seed --confirm --offline
		--once --panel --theme --no-mouse --read-only --db"
	local commands="init start stop pause resume cancel idea status experiments show diff log
		report export import discover workers probe agents leaderboard wallet fetch payments
		worker sell freeze thaw doctor config help"
	local options=""

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-C | -c | --directory | --set | --rounds | --hours | --time-budget | --seed | \
			--confirm | --once | --panel | --theme | --db) ((i++)) ;;
		-*) ;;
		*) cmd=$word; break ;;
		esac
	done

	case $prev in
	-C | --directory) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--recipe) [ "$cmd" = show ] || { COMPREPLY=($(compgen -f -- "$cur")); return; } ;;
	-o | --output | --db) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--password-file | --private-key-file | --keystore)
		COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--evaluator | --port-file) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--data) [ "$cmd" != worker ] && [ "$cmd" != sell ] || { COMPREPLY=($(compgen -d -- "$cur")); return; } ;;
	--network)
		COMPREPLY=($(compgen -W "base base-sepolia ethereum sepolia" -- "$cur")); return ;;
	--facilitator) COMPREPLY=($(compgen -W "self https://" -- "$cur")); return ;;
	--settle) COMPREPLY=($(compgen -W "after upfront" -- "$cur")); return ;;
	--charge-failed) COMPREPLY=($(compgen -W "yes no" -- "$cur")); return ;;
	--kdf) COMPREPLY=($(compgen -W "scrypt pbkdf2" -- "$cur")); return ;;
	--state)
		COMPREPLY=($(compgen -W "reserved signed sent settled refused expired unknown" -- "$cur"))
		return ;;
	--format) COMPREPLY=($(compgen -W "text md json svg" -- "$cur")); return ;;
	--sort)
		case $cmd in
		discover | workers)
			COMPREPLY=($(compgen -W "trust price name latency claim verified" -- "$cur")) ;;
		*) COMPREPLY=($(compgen -W "score id time verdict proposer" -- "$cur")) ;;
		esac
		return ;;
	--chain) COMPREPLY=($(compgen -W "base base-sepolia ethereum sepolia" -- "$cur")); return ;;
	--verdict)
		COMPREPLY=($(compgen -W "pending baseline kept discarded failed stopped cancelled
			imported" -- "$cur"))
		return ;;
	--theme) COMPREPLY=($(compgen -W "default light mono contrast" -- "$cur")); return ;;
	--once | --panel)
		COMPREPLY=($(compgen -W "dashboard experiments detail log ideas leaderboard market
			worker help" -- "$cur"))
		return ;;
	--experiment) COMPREPLY=($(compgen -W "$(_artui_numbers)" -- "$cur")); return ;;
	-c | --set)
		COMPREPLY=($(compgen -S = -W "data.corpus train.command train.evaluator
			train.budget_s train.grace_s train.threads train.kernel train.mem_mb
			train.log_mb search.confirm search.screen search.warmup search.knobs
			search.plateau search.failures search.early_stop night.seed
			night.keep_checkpoints net.user_agent net.allow_private scan.url
			scan.backend_url scan.key_file scan.per_minute scan.per_day scan.timeout_s
			market.sources market.chains market.skills market.bazaar
			market.ipfs_gateway market.limit market.blocks market.max_age_s
			market.parallel market.deadline_s wallet.name wallet.dir
			wallet.password_file wallet.remote_url wallet.remote_token_file
			wallet.warn_usd pay.auto_usd pay.cap_payment_usd pay.cap_payee_usd
			pay.cap_hour_usd pay.cap_night_usd pay.cap_total_usd pay.ask_new_payee
			pay.chains pay.payees pay.max_window_s pay.allow_http pay.max_fee_gwei
			worker.facilitator worker.mem_mb worker.disk_mb worker.log_mb worker.processes
			worker.keep_days worker.max_temperature_c
			chain.base.rpc chain.base-sepolia.rpc chain.ethereum.rpc chain.sepolia.rpc
			tui.theme tui.mouse" -- "$cur"))
		compopt -o nospace 2>/dev/null
		return ;;
	esac

	case $cmd in
	"") options="$top" ;;
	init) options="--recipe" ;;
	start) options="--json --rounds --hours --time-budget --seed --confirm" ;;
	stop | pause | resume | status | doctor | config) options="--json" ;;
	cancel) options="--json" ;;
	idea) options="--json --recipe --list" ;;
	experiments) options="--json --all --limit --sort --verdict --match --class" ;;
	show) options="--json --recipe --log" ;;
	diff) options="--json" ;;
	log) options="--json --follow --limit --experiment" ;;
	report) options="--format --json --night --output" ;;
	export) options="--output" ;;
	import) options="--json" ;;
	wallet) options="--private-key-file --keystore --password-file --password-fd --kdf --work
		--chain --json" ;;
	fetch) options="--request --data --header --max-usd --dry-run --yes --id --wallet
		--password-file --password-fd --timeout --output --json" ;;
	payments) options="--json --csv --state --match --limit" ;;
	discover) options="--json --chain --skill --limit --all --alive --sort --fresh --no-probe" ;;
	workers) options="--json --all --alive --chain --skill --match --sort --limit --note" ;;
	probe) options="--json" ;;
	agents) options="--json --all --chain --skill --match --limit" ;;
	leaderboard) options="--json --all --chain --skill --limit" ;;
	worker) options="--json --data --listen --port-file --public-url --name --price --pay-to
		--network --facilitator --settle --charge-failed --queue --time-budget --grace
		--train-command --evaluator --read-only --gpu --unsafe-no-sandbox --inline --wallet
		--password-file --password-fd --limit" ;;
	sell) options="--upstream --price --pay-to --network --facilitator --settle --listen
		--port-file --public-url --description --free --max-body-mb --timeout --data --wallet
		--password-file --password-fd" ;;
	freeze | thaw) options="--json" ;;
	help) options="" ;;
	esac

	if [ "${cur:0:1}" = - ]; then
		COMPREPLY=($(compgen -W "$options $global" -- "$cur"))
		return
	fi
	case $cmd in
	"") COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
	help) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
	wallet) COMPREPLY=($(compgen -W "create import list address balance signatures" -- "$cur")) ;;
	worker)
		COMPREPLY=($(compgen -W "serve pause drain open orders sales register update withdraw" -- "$cur"))
		;;
	sell) COMPREPLY=($(compgen -W "http" -- "$cur")) ;;
	payments) COMPREPLY=($(compgen -W "reconcile" -- "$cur")) ;;
	agents) COMPREPLY=($(compgen -W "show" -- "$cur")) ;;
	workers)
		case $prev in
		workers) COMPREPLY=($(compgen -W "add remove ban unban pin unpin release" -- "$cur")) ;;
		remove | ban | unban | pin | unpin | release)
			COMPREPLY=($(compgen -W "$(_artui_workers)" -- "$cur")) ;;
		esac ;;
	probe) COMPREPLY=($(compgen -W "$(_artui_workers)" -- "$cur")) ;;
	init) COMPREPLY=($(compgen -d -- "$cur")) ;;
	cancel | show | diff) COMPREPLY=($(compgen -W "$(_artui_numbers)" -- "$cur")) ;;
	export) COMPREPLY=($(compgen -W "results.tsv results.jsonl" -- "$cur")) ;;
	import) COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}
complete -F _artui artui
