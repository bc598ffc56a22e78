# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# clients.sh - requests from the clients and what became of them. Sourced by lab.sh.

url() { # ADDRESS [PATH]
	local host=$1
	[[ $host == *:* ]] && host="[$host]"
	echo "http://$host/${2:-}"
}

# N datagrams to UDP port 7, each from a port of its own, counted as curl_spread counts.
udp_spread() { # CLIENT ADDRESS N
	# shellcheck disable=SC2016 # expanded by the inner shell
	on "$1" bash -c 'for ((i = 0; i < $2; i++)); do
		exec 3<>"/dev/udp/$1/7" && echo >&3 && real=$(timeout 1 head -n 1 <&3) && echo "200 $real"
		exec 3>&-
	done' udp "$2" "$3" | spread_count "$3"
}

# N requests, each a connection of its own, 16 at a time. Prints a line a request: the HTTP status
# (000 without an answer) and the real that answered.
curl_many() { # CLIENT ADDRESS N
	on "$1" curl -sZ --no-progress-meter --parallel-max 16 --parallel-immediate --max-time 3 -H 'Connection: close' \
		-o /dev/null -w '%{http_code} %header{x-real}\n' "$(url "$2")?[1-$3]"
}

# The same, counted: "600 answered, 0 failed: web1 201, web2 190, web3 209".
curl_spread() { # CLIENT ADDRESS N
	curl_many "$@" | spread_count "$3"
}

spread_count() { # N
	sort | awk -v n="$1" '
		$1 == 200 { ok++; real[$2]++ }
		END {
			printf "%d answered, %d failed:", ok, n - ok
			for (i = 1; i <= 64; i++)
				if (("web" i) in real)
					printf "%s web%d %d", (sep++ ? "," : ""), i, real["web" i]
			print ""
		}'
}

spread_failed() { # "SPREAD"
	local rest=${1#* answered, }
	echo "${rest%% *}"
}

spread_of() { # "SPREAD" REAL: how many it answered
	local count
	count=$(grep -o "\b$2 [0-9]*" <<<"$1")
	echo "${count#* }"
}

# Every one of these reals answered, and no request failed.
is_spread_over() { # "SPREAD" REAL...
	local spread=$1 real
	shift
	[ "$(spread_failed "$spread")" = 0 ] || return 1
	for real in "$@"; do
		[ -n "$(spread_of "$spread" "$real")" ] || return 1
	done
}

# A steady load in the background: a request every 20 ms or so, alternately to each address. Its
# log holds "MILLISECONDS STATUS REAL" a line.
start_load() { # NAME CLIENT ADDRESS...
	local name=$1 client=$2 address urls=()
	shift 2
	for address in "$@"; do
		urls+=("$(url "$address")")
	done
	start "$name" "$client" bash "$LAB_LIB/load.sh" "$LAB_DIR/$name.load" "${urls[@]}"
	wait_for 5 "the first answer to $name" test -s "$LAB_DIR/$name.load"
}

stop_load() { # NAME
	stop "$1"
}

# Requests of a load that got no 200, begun since a moment.
load_failures() { # NAME [SINCE_MS]
	awk -v since="${2:-0}" '$1 >= since && $2 != 200' "$LAB_DIR/$1.load" | wc -l
}

load_total() { # NAME [SINCE_MS]
	awk -v since="${2:-0}" '$1 >= since' "$LAB_DIR/$1.load" | wc -l
}

# A download of /random in the background, at the pace of the server, kept to be compared.
start_file() { # NAME CLIENT ADDRESS BYTES_PER_S
	start "$1" "$2" curl -sS -o "$LAB_DIR/$1.file" -w 'ended %{http_code} %header{x-real}\n' \
		"$(url "$3" "random?rate=$4")"
}

# It ended, and every byte is as the reals have it.
file_is_whole() { # NAME
	is_gone "$1" && grep -q '^ended 200' "$LAB_DIR/log/$1" && cmp -s "$LAB_DIR/random" "$LAB_DIR/$1.file"
}

# All files of a test, file1 and up, are whole.
files_are_whole() { # HOW-MANY
	local i
	for ((i = 1; i <= $1; i++)); do
		file_is_whole "file$i" || return 1
	done
}

# What became of those that are not.
broken_files() { # HOW-MANY
	local i
	for ((i = 1; i <= $1; i++)); do
		file_is_whole "file$i" || echo "file$i: $(tr '\n' ' ' <"$LAB_DIR/log/file$i")"
	done
}

# A connection on which the client keeps sending, in the background.
start_talk() { # NAME CLIENT ADDRESS
	start "$1" "$2" bash "$LAB_LIB/talk.sh" "$3"
	wait_for 5 "$1 is connected" grep -q connected "$LAB_DIR/log/$1"
}

talk_is_broken() { # NAME
	grep -q broken "$LAB_DIR/log/$1"
}
