#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# talk.sh ADDRESS - a client that keeps sending: one HTTP request whose header never ends, a line
# every 200 ms, until the connection breaks.
trap '' PIPE
exec 3<>"/dev/tcp/$1/80" || exit 1
printf 'GET / HTTP/1.1\r\nHost: talk\r\n' >&3
echo connected
while printf 'X-Line: y\r\n' >&3; do
	sleep 0.2
done
echo broken
