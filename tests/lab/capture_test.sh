#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1, web2     a capture on lb1 while curl runs through it, read by tshark
#
source "$(dirname "$0")/lab.sh"
for tool in tshark capinfos; do
	command -v "$tool" >/dev/null || skip "$tool is missing; run packaging/install-packages lab"
done
site_up --nodes 1 --reals 2

file=$LAB_DIR/capture.pcapng

# A capture in the background, which runs when this returns; the arguments are those of `shoal
# capture`. That it runs is read from the status: to try another one could be the one that comes first.
start_capture() {
	"$(lab_program shoal)" --run-dir "$(node_dir lb1)/run" capture "$@" >"$LAB_DIR/log/capture" 2>&1 &
	capture=$!
	wait_for 60 "a capture runs" capture_runs_or_ended
	expect "the capture runs" kill -0 $capture
}

capture_runs_or_ended() {
	[ "$(status_of lb1 '.dataplane.capture != null')" = true ] || ! kill -0 $capture 2>/dev/null
}

end_capture() {
	wait "$capture" || fail "shoal capture ended with $?: $(tail -n 3 "$LAB_DIR/log/capture")"
	echo "  $(tail -n 1 "$LAB_DIR/log/capture")"
}

capture_is_refused() {
	shoal_on lb1 capture --for 1ms 2>&1 | grep -q "another capture runs"
}

noted() { # WORD
	status_of lb1 ".dataplane.totals[\"noted/$1\"]"
}

not() {
	! "$@"
}

# Fields of the frames that match, one line each.
fields() { # FILTER FIELD...
	local filter=$1 arguments=()
	shift
	for field in "$@"; do
		arguments+=(-e "$field")
	done
	tshark -n -r "$file" -Y "$filter" -T fields -E occurrence=f "${arguments[@]}" 2>/dev/null
}

test_that "a capture holds each packet before and after, with the decision"
start_capture -w "$file" --service "www4:80/tcp" --count 40 --for 60s
while kill -0 $capture 2>/dev/null; do
	on client1 curl -s --max-time 5 -o /dev/null "http://$LAB_VIP4/"
done
end_capture
expect "capinfos reads the file" capinfos -M "$file" >"$LAB_DIR/log/capinfos"
grep -q "Number of packets: *80$" "$LAB_DIR/log/capinfos" ||
	fail "not 40 packets of two frames: $(grep "Number of packets" "$LAB_DIR/log/capinfos")"
expect_equal "frames that came" 40 "$(fields 'frame.interface_name == "eth0"' frame.number | wc -l)"
expect_equal "frames that left" 40 "$(fields 'frame.interface_name == "eth0 out"' frame.number | wc -l)"
expect_equal "damaged frames" "" "$(fields '_ws.malformed || ip.checksum.status == "Bad"' frame.number)"

# Number 1 is the first.
mapfile -t -O 1 bytes < <(tshark -n -r "$file" -T jsonraw 2>/dev/null | jq -r '.[]._source.layers.frame_raw[0]')

test_that "what left is what came behind the outer header, to the real that the comment names"
n=0
while IFS=$'\t' read -r number interface comment outer; do
	if [ "$interface" = eth0 ]; then
		before=$number before_comment=$comment
		continue
	fi
	expect_equal "the comment of both frames" "$before_comment" "$comment"
	real=$(sed -n 's/.* real=web\/\(web[0-9]\) address=\([0-9.]*\) why=slot.*/\1 \2/p' <<<"$comment")
	expect_equal "real and outer destination of frame $number" "${real%% *} 10.1.$(number "${real%% *}").2" "$real"
	expect_equal "outer destination of frame $number" "${real##* }" "$outer"
	# The bytes of the frame from its IP header on; behind 20 bytes of outer header when it left.
	expect_equal "frame $number behind its outer header" "${bytes[before]:28}" "${bytes[number]:68}"
	n=$((n + 1))
done < <(fields frame frame.number frame.interface_name frame.comment ip.dst)
expect_equal "pairs compared" 40 "$n"

test_that "reasons choose, also those of packets that went nowhere"
start_capture -w "$file" --reason unserved --reason too-big-reply --count 3 --for 60s
while kill -0 $capture 2>/dev/null; do
	on client1 curl -s --max-time 1 -o /dev/null "http://$LAB_VIP4:81/"
	on client1 curl -s --max-time 1 -o /dev/null "http://$LAB_VIP4/"
done
end_capture
expect_equal "frames and reasons" "3 unserved" \
	"$(fields frame frame.comment | sed -n 's/^reason=\([a-z-]*\) verdict=dropped .*/\1/p' | sort | uniq -c | xargs)"

test_that "one capture runs at a time, and ends with its client"
start_capture --for 60s --count 1000000
expect "a second capture is refused" capture_is_refused
{ kill -KILL $capture && wait $capture; } 2>/dev/null
wait_for 5 "another capture may run" shoal_on lb1 capture --for 100ms

test_that "a crash of shoald leaves no capture on"
start_capture --for 10m
kill_hard lb1-shoald
wait $capture 2>/dev/null
is_taking() { # packets still take the longer way
	local before
	before=$(noted captured)
	on client1 curl -s --max-time 5 -o /dev/null "http://$LAB_VIP4/"
	((before != $(noted captured)))
}
start_shoald lb1
expect "no capture is on after the restart" not is_taking
