#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   shoal-probe ── lo of a namespace ──▶ nginx 8080 (http, tcp), 8081 (HTTP/2), 8443 (https, both)
#                                        openssl s_server 9443, 9444 expired, 9445 other name,
#                                        9446 signed by itself
#                                        gRPC 50051, 50052 with TLS
#                                        dnsmasq 5300, a UDP echo 5007, ping; nobody 9999
#
# Every kind of check against servers that others wrote (but exec: tests/unit/health/exec_test.c).
# What each is judged is in tests/unit/health/kinds_lab.c.
#
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${LAB_BUILD:-$top/build}
source "$top/tests/lab/check.sh"

[ "$(id -u)" = 0 ] || skip "needs root"
if [ "${1-}" != inside ]; then
	exec unshare --net --pid --fork --kill-child --mount-proc "$0" inside
fi

for program in nginx openssl dnsmasq; do
	command -v $program >/dev/null || skip "$program is not there"
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not there"
dir=$(mktemp -d /tmp/shoal-kinds-XXXXXX)
trap 'rm -rf "$dir"' EXIT
ip link set lo up
cd "$dir"

# certificate NAME HOST DAYS: signed by ca.pem; days may be negative
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
		-subj "/CN=$2" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" \
		-extfile <(echo "subjectAltName=DNS:$2") -out "$1.pem" 2>/dev/null
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /CN=ca \
	-days 365 -out ca.pem 2>/dev/null
certificate www www.example.net 90
certificate soon www.example.net 3
certificate old www.example.net -1
certificate mail mail.example.net 90
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key \
	-subj /CN=www.example.net -addext subjectAltName=DNS:www.example.net -days 90 \
	-out self.pem 2>/dev/null

cat >nginx.conf <<END
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c;
	uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
	server {
		listen 127.0.0.1:8080;
		listen 127.0.0.1:8081 http2;
		listen 127.0.0.1:8443 ssl http2;
		listen [::1]:8080;
		listen [::1]:8443 ssl http2;
		ssl_certificate $dir/soon.pem; ssl_certificate_key $dir/soon.key;
		location /healthz { return 200 "status: ok\n"; }
		location /who { return 200 "\$request_method \$server_protocol \$http_host \$http_x_probe \$ssl_server_name\n"; }
		location /moved { return 302 http://elsewhere.invalid/; }
		location / { return 503; }
	}
}
END
nginx -c "$dir/nginx.conf" -p "$dir" 2>nginx.out &
serve() { # PORT NAME [OPTION...]
	local port=$1 name=$2
	shift 2
	openssl s_server -accept "127.0.0.1:$port" -cert "$name.pem" -key "$name.key" -quiet "$@" \
		</dev/zero >/dev/null 2>&1 &
}
serve 9443 www -alpn h2,http/1.1
serve 9444 old
serve 9445 mail
serve 9446 self
"$top/tests/lab/health_server.py" 127.0.0.1:50051 >grpc.out 2>&1 &
"$top/tests/lab/health_server.py" 127.0.0.1:50052 www.pem www.key >grpc-tls.out 2>&1 &

dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file --user=root --no-resolv --no-hosts --port=5300 \
	--local=/example.net/ --host-record=www.example.net,192.0.2.1,2001:db8::1 \
	--mx-host=example.net,mail.example.net,10 --txt-record="example.net,v=spf1 -all" \
	--caa-record=example.net,0,issue,ca.example.net \
	--srv-host=_https._tcp.example.net,www.example.net,443,1,2 --cname=alias.example.net,www.example.net \
	2>dnsmasq.out &
"$build/tests/lib/udp_echo" web1 5007 127.0.0.1 ::1 &

listens() { # ten ports of TCP, two of UDP
	[ "$(ss -Hltn | awk '{print $4}' | sed 's/.*://' | sort -u | wc -l)" -ge 10 ] &&
		[ "$(ss -Hlun | awk '{print $4}' | sed 's/.*://' | sort -u | wc -l)" -ge 2 ]
}
wait_for 20 "all servers listen" listens

test_that "every kind judges real servers as it should"
"$build/tests/unit/health/health-kinds-lab" "$build/health/shoal-probe" "$dir/ca.pem" >kinds.out 2>&1 ||
	{
		grep -v 'shoal-probe info' kinds.out
		fail "a server was judged otherwise"
	}
