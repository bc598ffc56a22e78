/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_list.h - every command of `shoal`, once: shoald's table, the client's, help, completion
 * and the tests of the documentation all expand these lists.
 *
 * X(name, is_admin, args, help): args as help prints them, help one line without full stop.
 */
#pragma once

/* Answered by shoald. */
#define COMMANDS_SERVED(X)                                                                         \
	X(status, false, "", "this node on one screen: alarms, data plane, routing, VIPs")         \
	X(why, false, "THING", "why a VIP, pool, real, peer or the node is as it is")              \
	X(vips, false, "[VIP...]", "the VIPs and their services")                                  \
	X(pools, false, "[POOL...]", "the pools, their quorum and checks")                         \
	X(reals, false, "[POOL|POOL/REAL...]", "the reals, their state and last evidence")         \
	X(peers, false, "[PEER...]", "bgpd and the BGP sessions")                                  \
	X(routes, false, "[VIP|POOL/REAL...]",                                                     \
	  "each route as intended, as found in bgpd and peers, as zebra installed it")             \
	X(events, false,                                                                           \
	  "[--since WHEN] [--until WHEN] [--last N] [--vip VIP] [--pool POOL] "                    \
	  "[--real POOL/REAL] [--peer PEER] [--follow]",                                           \
	  "what happened: states, commands, configs, FRR, alarms; the newest last")                \
	X(capture, true,                                                                           \
	  "[--write FILE] [--service SERVICE] [--vip VIP] [--real POOL/REAL] "                     \
	  "[--reason WORD]... [--count N] [--for T] [--size BYTES] [--sample 1/N] "                \
	  "[--snaplen BYTES]",                                                                     \
	  "packets before and after, with what was decided, from the running node")                \
	X(flow, false, "PROTO SRC:PORT DST:PORT [--syn] [--with FILE]",                            \
	  "where a packet of a flow goes, and why; nothing is changed")                            \
	X(flows, false,                                                                            \
	  "[find PROTO SRC:PORT DST:PORT | purge [PROTO SRC:PORT DST:PORT]] [--real POOL/REAL] "   \
	  "[--service SERVICE] [--stale] [--all]",                                                 \
	  "the flows that are remembered: lists, finds and forgets them")                          \
	X(balance, false, "[POOL...] [--for T] [--sources]",                                       \
	  "the share of traffic each real should have, against what it has, and why")              \
	X(drain, true,                                                                             \
	  "[VIP...] [--wait] [--force] [--timeout T] [--for T] [--reason TEXT] [--shutdown]",      \
	  "move traffic away from the node, or from VIPs, then withdraw")                          \
	X(undrain, true, "[VIP...] [--shutdown]", "end the drain of the node, or of VIPs")         \
	X(real, true, "POOL/REAL drain|disable|enable|reset [--for T] [--reason TEXT]",            \
	  "take one real out of service, put it back, or have it judged anew")                     \
	X(vip, true, "VIP announce|withdraw|auto [--for T] [--reason TEXT]",                       \
	  "announce a VIP against its checks, withdraw it, or leave it to them")                   \
	X(pool, true, "POOL watch [--for T] [--off] [--reason TEXT]",                              \
	  "count by real, for a while, connections and SYNs that clients had to send again")       \
	X(probe, true, "POOL/REAL [--check NAME]",                                                 \
	  "run the checks of one real now and show every step; nothing is judged")                 \
	X(diff, false, "FILE [--from OLD]", "what a reload of that file would change")             \
	X(reload, true, "[--confirm T]", "read the config file again and go over to it")           \
	X(confirm, true, "", "keep the config of a reload --confirm")                              \
	X(version, false, "", "the version of this command and of shoald")

/* Done by the command itself, without shoald. */
#define COMMANDS_LOCAL(X)                                                                          \
	X(check, false, "FILE", "check a config file; nothing is changed")                         \
	X(simulate, false, "--config FILE --in IN.pcap --out OUT.pcap [--down POOL/REAL]...",      \
	  "run packets of a file through the BPF program, privately")                              \
	X(top, false, "[--every T]",                                                               \
	  "VIPs and reals with their rates on the terminal: sort, filter, open")                   \
	X(ready, false, "[VIP...] [--timeout T]",                                                  \
	  "whether the node, or a VIP, serves: for rollouts")                                      \
	X(doctor, false,                                                                           \
	  "[PART...] [--config FILE] [--router-id ADDRESS] [--peer-as AS]... [--password-file "    \
	  "FILE]... "                                                                              \
	  "[--import WHAT] [--no-bfd] [--no-gtsm] [--saved FILE]",                                 \
	  "what is wrong around Shoal on this node, with the command that mends it")               \
	X(bundle, false, "[--output FILE] [--config FILE]",                                        \
	  "one file for a bug report: config, state, events, FRR, kernel; no secrets")             \
	X(help, false, "[COMMAND]", "all commands, or one of them at length")

/* The same, of names that are no words of C: X(word, name, is_admin, args, help). */
#define COMMANDS_HYPHENED(X)                                                                       \
	X(frr_config, "frr-config", false,                                                         \
	  "[--config FILE] [--router-id ADDRESS] [--peer-as AS]... [--password-file FILE]... "     \
	  "[--import WHAT] [--no-bfd] [--no-gtsm] [--daemon NAME]",                                \
	  "a complete frr.conf for this node, from the config")
