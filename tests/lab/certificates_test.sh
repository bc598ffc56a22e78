#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: https check, ca-file ─▶ tunnel ─▶ tor ─▶ web1   openssl s_server, one certificate after
#                                                        the other
#
# A certificate that ends soon, is renewed, is signed by another CA; a CA file that is exchanged,
# broken, gone.
#
source "$(dirname "$0")/lab.sh"
command -v openssl >/dev/null || skip "openssl is missing; run packaging/install-packages lab"
lab_up --nodes 1 --reals 1
LAB_CHECKS="  secure: {type: https, port: 443, host: www.example.net, ca-file: $LAB_DIR/trusted.pem,
           interval: 2s, fast-interval: 100ms, slow-interval: 2s, timeout: 2s}"
LAB_POOL_CHECKS='[alive, secure]'

make_ca() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB_DIR/$1.key" \
		-subj "/CN=$1" -days 365 -out "$LAB_DIR/$1.pem" 2>/dev/null || fail "no CA $1"
}

serve_certificate() { # CA DAYS: what web1 serves from now on
	local files=$LAB_DIR/web1/certificate
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$files.key" -subj /CN=www \
		-out "$files.csr" 2>/dev/null
	openssl x509 -req -in "$files.csr" -CA "$LAB_DIR/$1.pem" -CAkey "$LAB_DIR/$1.key" -CAcreateserial -days "$2" \
		-extfile <(echo "subjectAltName=DNS:www.example.net") -out "$files.pem" 2>/dev/null ||
		fail "no certificate"
	! is_running web1-tls || kill_hard web1-tls
	start web1-tls web1 openssl s_server -4 -accept 443 -cert "$files.pem" -key "$files.key" -www -quiet
}

trust() { # CA: the config's file names it
	cp "$LAB_DIR/$1.pem" "$LAB_DIR/new.pem"
	mv "$LAB_DIR/new.pem" "$LAB_DIR/trusted.pem"
}

reload_refused() { # TEXT OF THE ANSWER
	local said
	! said=$(shoal_on lb1 reload 2>&1) || fail "the reload is not refused: $said"
	echo "  ${said//$LAB_DIR/…}"
	expect "the answer names it ($1): $said" grep -qF "$1" <<<"$said"
}

log_has() { # PATTERN [TIMES]
	(($(grep -c "$1" "$LAB_DIR/log/lb1-shoald") == ${2:-1}))
}

alarm_has() { # PATTERN
	status_of lb1 '.alarms[].text' | grep -q "$1"
}

has_no_alarms() {
	[ "$(status_of lb1 .alarms)" = "[]" ]
}

said_of_certificate() { # the reason and evidence of the check
	shoal_on lb1 reals web/web1 --json |
		jq -r '.reals[0].checks[] | select(.name == "secure") | .reason + " " + .evidence'
}

says() { # TEXT
	said_of_certificate | grep -qF "$1"
}

make_ca first
make_ca second
trust first
serve_certificate first 3
start_node lb1

test_that "a certificate that ends soon is warned of, and takes nothing down"
wait_for 15 "web1 up" real_is lb1 web1 up
wait_for 10 "an alarm" alarm_has "the certificate of real web/web1 ends on 20"
wait_for 5 "a line in the log" log_has 'warn certificate_ends pool=web real=web1 hours=7[12] '
expect "shoal why tells of it" grep -q "its certificate ends 20" <<<"$(shoal_on lb1 why web/web1)"

test_that "neither a prober that begins anew nor a server that is gone renews a certificate"
kill_hard web1-tls
kill_hard lb1-shoal-probe
start_probe lb1
wait_for 15 "the check fails" says refused
expect "it is warned of all the same" alarm_has "the certificate of real web/web1"
expect "nothing was renewed" log_has certificate_renewed 0

test_that "a renewed certificate ends the warning"
serve_certificate first 90
wait_for 15 "web1 up" real_is lb1 web1 up
wait_for 5 "a line in the log" log_has 'notice certificate_renewed pool=web real=web1'
wait_for 5 "no alarm any more" has_no_alarms
expect_equal "cert_ends" null "$(shoal_on lb1 reals web/web1 --json | jq '.reals[0].checks[1].cert_ends')"

test_that "another warning time is no renewal"
sed -i 's/ca-file:/expiry-warning: 100d, &/' "$(node_dir lb1)/shoal.yaml"
shoal_on lb1 reload >/dev/null || fail "the reload is refused"
wait_for 10 "an alarm" alarm_has "the certificate of real web/web1"
sed -i 's/expiry-warning: 100d/expiry-warning: 14d/' "$(node_dir lb1)/shoal.yaml"
shoal_on lb1 reload >/dev/null || fail "the reload is refused"
wait_for 10 "no alarm any more" has_no_alarms
expect "the same certificate was not renewed" log_has certificate_renewed 1

test_that "another CA file is used from the reload on"
trust second
expect_for 1 "nothing changes before the reload" real_is lb1 web1 up
reloaded=$(shoal_on lb1 reload 2>/dev/null) || fail "the reload is refused"
expect "the answer tells of it: $reloaded" grep -q "nothing changed but CA files" <<<"$reloaded"
wait_for 15 "web1 down" real_is lb1 web1 down
expect "the issuer is named: $(said_of_certificate)" says "tls-error"
echo "  $(said_of_certificate)"
serve_certificate second 90
wait_for 15 "web1 up" real_is lb1 web1 up

test_that "a CA file that holds no certificate is refused, as is one that is gone"
echo "no certificate" >"$LAB_DIR/trusted.pem"
reload_refused "trusted.pem': holds no certificate"
rm "$LAB_DIR/trusted.pem"
reload_refused "trusted.pem': No such file"
expect_for 1 "the former one stays in force" real_is lb1 web1 up
trust second
shoal_on lb1 reload >/dev/null || fail "the reload is refused"
expect_for 1 "web1 stays up" real_is lb1 web1 up
