# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# reals.sh - the real servers: nginx on the VIPs, decapsulation, and ways to break them. Sourced
# by lab.sh.
#
# GET / answers with the real's name, every answer carries it in X-Real; /healthz is a file, so a
# real can fail its check while it serves; /large is 64 MiB of zeros, /random?rate=R
# is 3 MB of noise, the same on all, at R bytes a second. UDP port 7 of the VIPs answers
# with the real's name, too.

lab_start_reals() {
	local real
	for real in "${LAB_REALS[@]}"; do
		ip -n "$(ns "$real")" addr add "$LAB_VIP4/32" dev lo
		ip -n "$(ns "$real")" addr add "$LAB_VIP6/128" dev lo nodad
		real_write "$real"
		start_real "$real"
		start "$real-udp" "$real" "$(lab_program udp_echo)" "$real" 7 "$LAB_VIP4" "$LAB_VIP6"
		start_decap "$real"
	done
	for real in "${LAB_REALS[@]}"; do
		wait_for 5 "nginx of $real answers" on "$real" curl -fs -o /dev/null http://127.0.0.1/healthz
	done
}

real_write() { # REAL
	local dir=$LAB_DIR/$1
	install -d -m 755 "$dir/www" "$dir/nginx"
	echo "$1" >"$dir/www/index.html"
	echo ok >"$dir/www/healthz"
	truncate -s 64M "$dir/www/large"
	[ -e "$LAB_DIR/random" ] || head -c 3000000 /dev/urandom >"$LAB_DIR/random"
	cp "$LAB_DIR/random" "$dir/www/random"
	chmod 644 "$dir/www/random"
	cat >"$dir/nginx.conf" <<-EOF
		daemon off;
		user www-data;
		worker_processes 1;
		pid $dir/nginx.pid;
		error_log stderr warn;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path $dir/nginx;
			proxy_temp_path $dir/nginx;
			fastcgi_temp_path $dir/nginx;
			uwsgi_temp_path $dir/nginx;
			scgi_temp_path $dir/nginx;
			default_type text/plain;
			server {
				listen 80 backlog=1024;
				listen [::]:80 backlog=1024;
				root $dir/www;
				add_header X-Real $1 always;
				location = /random {
					limit_rate \$arg_rate;
				}
			}
		}
	EOF
}

start_real() { # REAL: its web server
	start "$1-nginx" "$1" nginx -p "$LAB_DIR/$1/" -c "$LAB_DIR/$1/nginx.conf" -e stderr
}

kill_real() { # REAL: its web server dies; the address lives and refuses connections
	kill_hard "$1-nginx"
}

# The whole machine is gone: nothing answers, not even with a reset.
cut_real() { # REAL
	ip -n "$(ns "$1")" link set eth0 down
}

mend_real() { # REAL
	ip -n "$(ns "$1")" link set eth0 up
	ip -n "$(ns "$1")" route replace default via "10.1.$(number "$1").1"
	ip -n "$(ns "$1")" -6 route replace default via "fd00:b:$(number "$1")::1"
}

# The machine hears everything and answers nothing, as one whose kernel hangs.
mute_real() { # REAL
	ip -n "$(ns "$1")" route replace blackhole default
	ip -n "$(ns "$1")" -6 route replace blackhole default metric 1
}

unmute_real() { # REAL
	ip -n "$(ns "$1")" -6 route del blackhole default metric 1
	ip -n "$(ns "$1")" route replace default via "10.1.$(number "$1").1"
}

# How many connections of clients a real has open.
connections_of() { # REAL
	on "$1" ss -Htn state established 'sport = :80' | wc -l
}

# The real with the most of them.
busiest_real() {
	local real
	for real in "${LAB_REALS[@]}"; do
		echo "$(connections_of "$real") $real"
	done | sort -n | tail -n 1 | cut -d ' ' -f 2
}

fail_check_of() { # REAL: it serves, but says it is not well
	rm -f "$LAB_DIR/$1/www/healthz"
}

pass_check_of() { # REAL
	echo ok >"$LAB_DIR/$1/www/healthz"
}

start_decap() { # REAL
	local decap
	decap=$(lab_program shoal-decap) || fail "shoal-decap is not built in $LAB_BUILD"
	mount_bpffs "$1"
	on "$1" "$decap" attach eth0 --vip "$LAB_VIP4" --vip "$LAB_VIP6" --bpffs "$LAB_DIR/$1/bpf" \
		>>"$LAB_DIR/log/$1-decap" 2>&1 ||
		fail "shoal-decap attach on $1: $(tail -n 1 "$LAB_DIR/log/$1-decap")"
}

decap_on() { # REAL status|check [ARGUMENT...]
	on "$1" "$(lab_program shoal-decap)" "$2" eth0 --bpffs "$LAB_DIR/$1/bpf" "${@:3}"
}
