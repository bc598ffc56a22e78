#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# load.sh LOG URL... - a request after the other until it is stopped; "MS STATUS REAL" a line.
log=$1
shift
while :; do
	for url in "$@"; do
		began=${EPOCHREALTIME/./}
		answer=$(curl -s --max-time 3 -o /dev/null -w '%{http_code} %header{x-real}' "$url")
		echo "${began%???} $answer" >>"$log"
		sleep 0.01
	done
done
