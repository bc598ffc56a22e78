# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Completion of `shoal` in bash: commands and options from its own help, names from the running node.
# _shoal beside it is the same for zsh; what one offers the other does.

# The first column of a table, without its title and without who gave an order.
_shoal_column() {
	command shoal "${node[@]}" "$@" 2>/dev/null | awk 'NR > 1 && !NF {exit} NR > 1 && $3 != "by" {print $1}'
}

# Names a command takes as words.
_shoal_names() { # COMMAND
	case $1 in
	vips | ready | routes | drain | undrain) _shoal_column vips ;;
	pools | balance) _shoal_column pools ;;
	probe) _shoal_column reals ;;
	pool) echo watch && _shoal_column pools ;;
	reals) _shoal_column pools && _shoal_column reals ;;
	peers) command shoal "${node[@]}" peers 2>/dev/null | awk 'blank && ++n > 1 {print $1} !NF {blank = 1}' ;;
	vip) echo announce withdraw auto && _shoal_column vips ;;
	real) echo drain disable enable reset && _shoal_column reals ;;
	why) echo node && _shoal_column vips && _shoal_column pools && _shoal_column reals ;;
	flow) echo tcp udp ;;
	doctor) echo kernel daemons uplinks reals vips firewall frr ;;
	flows) echo find purge tcp udp ;;
	help) _shoal_commands ;;
	esac
}

_shoal_commands() {
	command shoal help | sed -n 's/^  \([a-z-]*\)  .*/\1/p'
}

_shoal_options() { # [COMMAND]
	command shoal help "${1:-help}" | sed -n 's/^  \(--[a-z-]*\) .*/\1/p'
}

_shoal() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i node=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --run-dir) node+=("${COMP_WORDS[i]}" "${COMP_WORDS[++i]}") ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	case $before in
	--socket | --config | --output | --password-file | --saved | --in | --out | --write | -w | --with | --from) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
	--run-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word") && return ;;
	--vip) mapfile -t COMPREPLY < <(compgen -W "$(_shoal_column vips)" -- "$word") && return ;;
	--pool) mapfile -t COMPREPLY < <(compgen -W "$(_shoal_column pools)" -- "$word") && return ;;
	--peer) mapfile -t COMPREPLY < <(compgen -W "$(_shoal_names peers)" -- "$word") && return ;;
	--since | --until) mapfile -t COMPREPLY < <(compgen -W "boot" -- "$word") && return ;;
	--down | --real) mapfile -t COMPREPLY < <(compgen -W "$(_shoal_column reals)" -- "$word") && return ;;
	--import) mapfile -t COMPREPLY < <(compgen -W "none default" -- "$word") && return ;;
	--daemon) mapfile -t COMPREPLY < <(compgen -W "bgpd zebra bfdd" -- "$word") && return ;;
	--peer-as | --router-id) return ;;
	--watch | --every | --timeout | --reason | --service | --check | --count | --for | --size | --sample | --snaplen | --last | --confirm) return ;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_shoal_options "$command")" -- "$word")
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_shoal_commands)" -- "$word")
	elif [[ $command == check || $command == diff ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_shoal_names "$command")" -- "$word")
	fi
}

complete -o filenames -F _shoal shoal 2>/dev/null
