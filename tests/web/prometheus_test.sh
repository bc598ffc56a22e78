#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Prometheus scrapes a node: every expression of the dashboard has data, planned work does
# not page, what nobody planned does. And promtool on rules and metrics.
#
#   client1 ── tor ── lb1 (shoald, shoal-web ◀── prometheus) ── web1, web2
#
# Waits of the rules are shortened to a second here; their own are proved by promtool.
set -uo pipefail
source "$(dirname "$0")/../lab/lab.sh"

PROMETHEUS=http://127.0.0.1:9090
for tool in prometheus promtool; do
	command -v $tool >/dev/null || skip "$tool is missing; run packaging/install-packages web"
done

metrics() { on lb1 curl -sf --max-time 10 http://127.0.0.1:9108/metrics; }

query() { # EXPRESSION: its result as JSON
	on lb1 curl -sf --max-time 10 --data-urlencode "query=$1" $PROMETHEUS/api/v1/query |
		jq -e 'select(.status == "success") | .data.result'
}

has_data() { # EXPRESSION
	query "$1" | jq -e 'length > 0'
}

firing() { # the names of alerts that fire
	query 'ALERTS{alertstate="firing"}' | jq -r '.[].metric.alertname' | sort -u
}

fires() { # ALERT
	firing | grep -qx "$1"
}

pages() { # names of alerts that fire and page
	query 'ALERTS{alertstate="firing", severity="page"}' | jq -r '.[].metric.alertname' | sort -u
}

# Test that promtool finds nothing in the rules, and that they page as they should.
rules=$LAB_TOP/packaging/prometheus
promtool check rules "$rules/shoal.rules.yml" >/dev/null || fail "promtool check rules"
(cd "$rules" && promtool test rules shoal.rules.test.yml) || fail "promtool test rules"

site_up --nodes 1 --reals 2 --clients 1 --prefix "web$$-"
start_web lb1

# Test that promtool finds nothing in the metrics.
metrics >"$LAB_DIR/metrics" || fail "no metrics"
promtool check metrics <"$LAB_DIR/metrics" || fail "promtool check metrics"

# Test that every metric that is documented is scraped, if it is not sparse, and the reverse.
grep -o '^# TYPE [a-z_]*' "$LAB_DIR/metrics" | cut -d' ' -f3 | sort >"$LAB_DIR/is"
grep -o '^| `shoal_[a-z_]*`' "$LAB_TOP/docs/metrics.md" | tr -d '|` ' | sort >"$LAB_DIR/said"
diff "$LAB_DIR/said" "$LAB_DIR/is" || fail "metrics differ from docs/metrics.md"
while read -r name; do
	grep -qE "^$name(_count)?[{ ]" "$LAB_DIR/metrics" ||
		grep -F "\`$name\`" "$LAB_TOP/docs/metrics.md" | grep -q sparse ||
		fail "$name has no sample, and is not said to be sparse"
done <"$LAB_DIR/said"

# A Prometheus in the node's namespace.
prom=$LAB_DIR/prometheus
mkdir "$prom" && chmod 755 "$prom"
sed 's/^\( *for:\) .*/\1 1s/' "$rules/shoal.rules.yml" >"$prom/shoal.rules.yml"
cat >"$prom/prometheus.yml" <<-EOF
	global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
	rule_files: [shoal.rules.yml]
	scrape_configs:
	  - job_name: shoal
	    static_configs: [{targets: ["127.0.0.1:9108"]}]
EOF
install -d -o $LAB_UID_WEB "$prom/data"
read -ra command < <(as $LAB_UID_WEB none none prometheus --config.file="$prom/prometheus.yml" \
	--storage.tsdb.path="$prom/data" --web.listen-address=127.0.0.1:9090)
start prometheus lb1 "${command[@]}"
wait_for 30 "Prometheus has scraped the node" has_data 'shoal_controller_up == 1'

# Traffic, for rates.
start_load load client1 $LAB_VIP4
wait_for 30 "packets of a VIP in Prometheus" has_data 'sum(rate(shoal_vip_packets_total[10s])) > 0'

# Test that every expression of the dashboard has data.
n=0
while read -r expression; do
	expression=${expression//\$__rate_interval/10s}
	expression=${expression//\$instance/.*}
	poll_until 20 has_data "$expression" || fail "dashboard: no data for $expression"
	((++n))
done < <(jq -r '.panels[].targets[]?.expr' "$LAB_TOP/packaging/grafana/shoal.json")
((n > 25)) || fail "only $n expressions in the dashboard"
stop_load load

# Test that every rule is loaded and can be evaluated.
rules_health() { on lb1 curl -sf $PROMETHEUS/api/v1/rules | jq -e '[.data.groups[].rules[].health] | length > 20 and all(. == "ok")'; }
wait_for 20 "all rules were evaluated" rules_health

# Test that nothing pages on a node that serves.
poll_until 20 test -z "$(pages)" || fail "pages on a healthy node: $(pages)"

# Test that a drain does not page: it is planned.
shoal_on lb1 drain --wait --force --reason "planned" >/dev/null || fail "drain"
wait_for 20 "Prometheus sees the VIPs withdrawn" has_data 'count(shoal_vip_state{state="withdrawn"}) == 2'
paged=$(query 'count_over_time(ALERTS{alertstate="firing", severity="page"}[10s])' | jq -r '.[].metric.alertname')
[ -z "$paged" ] || fail "a drain pages: $paged"
shoal_on lb1 undrain >/dev/null || fail "undrain"
wait_for 30 "Prometheus sees the VIPs back" has_data 'sum(shoal_vip_announced) == 2'

# Test that a real that an operator took out is no alert, and one that dies is.
shoal_on lb1 real web/web1 disable --reason "planned" >/dev/null || fail "real disable"
wait_for 20 "Prometheus sees the order" has_data 'shoal_real_order == 1'
kill_real web1
wait_for 20 "Prometheus sees web1 down" has_data 'shoal_real_up{real="web1"} == 0'
! fires ShoalRealDown || fail "a real that was taken out is an alert"

# Test that a withdrawal nobody planned pages.
kill_real web2
wait_for 30 "the withdrawal pages" fires ShoalVipWithdrawn

# Test that a controller that is gone pages, and that its last word does not go on.
stop lb1-shoald
wait_for 20 "the lost controller pages" fires ShoalControllerDown
wait_for 20 "the metrics are those of shoal-web alone" has_data 'absent(shoal_vip_state)'
