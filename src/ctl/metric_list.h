/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric_list.h - every metric, once: shoald's and shoal-web's writers, docs/metrics.md and the
 * tests all expand these lists. Names are `shoal_` and the word; a name that is out is never reused
 * for something else.
 *
 * X(word, type, of, labels, help): of is what there is a sample of (metrics.c), help one line
 * without full stop. "sparse" in help: a sample only where there is something to say.
 */
#pragma once

/* Written by shoald. */
#define METRICS_SHOALD(X)                                                                          \
	X(build_info, gauge, node, "version", "1, with the version of shoald")                     \
	X(node_info, gauge, node, "node", "1, with the node's name")                               \
	X(config_info, gauge, node, "generation", "1, with the generation of the running config")  \
	X(config_loaded_timestamp_seconds, gauge, node, "",                                        \
	  "When the running config came into force")                                               \
	X(uptime_seconds, gauge, node, "", "Since shoald started")                                 \
	X(process_cpu_seconds_total, counter, node, "", "CPU time of shoald, user and system")     \
	X(process_resident_memory_bytes, gauge, node, "", "Memory of shoald")                      \
	X(ready, gauge, node, "", "1 while the node can serve, as /readyz says")                   \
	X(settled, gauge, node, "", "1 while what is observed is what shall be")                   \
	X(tick_age_seconds, gauge, node, "",                                                       \
	  "Since the last complete pass with fresh verdicts and read-backs; the guard acts on it") \
	X(fenced, gauge, node, "", "1 while the guard has acted and nothing is announced")         \
	X(node_drained, gauge, node, "", "1 while the node is drained")                            \
	X(node_drain_age_seconds, gauge, node, "", "Since the node was drained; 0 when it is not") \
	X(common_mode, gauge, node, "",                                                            \
	  "1 while pools that share no real fail together, which is taken for this node's "        \
	  "failure")                                                                               \
	X(common_mode_total, counter, node, "", "How often that came into force")                  \
	X(alarms, gauge, levels, "level", "What an operator should look at now, by level")         \
	X(passes_total, counter, node, "", "Passes of the reconciler")                             \
	X(ops_total, counter, node, "", "Changes it made to data plane and routes")                \
	X(op_failures_total, counter, node, "", "Changes that failed and are tried again")         \
	X(uplink_present, gauge, uplinks, "uplink", "1 while the interface exists")                \
	X(uplink_carrier, gauge, uplinks, "uplink", "1 while it is up and has a carrier")          \
	X(dataplane_attached, gauge, uplinks, "uplink", "1 while our XDP program runs on it")      \
	X(dataplane_native, gauge, uplinks, "uplink", "1 while it runs in native mode")            \
	X(packets_total, counter, causes, "verdict, reason",                                       \
	  "Packets by what became of them: sent, passed or dropped, and why")                      \
	X(notes_total, counter, notes, "note", "Packets by what they met on their way")            \
	X(self_test_packets_total, counter, node, "",                                              \
	  "Packets of self-tests, counted nowhere else")                                           \
	X(flow_table_entries, gauge, node, "", "Room of the flow table, in flows")                 \
	X(vips, gauge, vip_states, "state", "VIPs in each state")                                  \
	X(vip_state, gauge, vips, "vip, state, reason", "1, with the state of the VIP and why")    \
	X(vip_state_age_seconds, gauge, vips, "vip", "Since the VIP is in its state")              \
	X(vip_announced, gauge, vips, "vip", "1 while it is announced and enough peers hold it")   \
	X(vip_intended, gauge, vips, "vip", "1 while it shall be announced, drained or not")       \
	X(vip_peers, gauge, vips, "vip", "Established peers that hold the route")                  \
	X(vip_drained, gauge, vips, "vip", "1 while the VIP or the node is drained")               \
	X(vip_drain_stuck, gauge, stuck_vips, "vip",                                               \
	  "1 while its drain does not end, for its traffic stays; sparse")                         \
	X(vip_order, gauge, ordered_vips, "vip, order",                                            \
	  "1 while an operator's word holds; sparse")                                              \
	X(vip_overridden, gauge, overridden_vips, "vip",                                           \
	  "1 while it is announced by an operator's word alone; sparse")                           \
	X(vip_overrides_total, counter, node, "",                                                  \
	  "How often a VIP was announced so, of those there are")                                  \
	X(vip_flaps, gauge, vips, "vip", "Failures that withdrew it within the last ten minutes")  \
	X(vip_packets_total, counter, vips, "vip", "Packets of clients that were forwarded")       \
	X(vip_bytes_total, counter, vips, "vip", "Their bytes, from the IP header on")             \
	X(pool_reals, gauge, pool_states, "pool, state",                                           \
	  "Reals by the state their checks give them")                                             \
	X(pool_usable, gauge, pools, "pool", "Reals that count for quorum")                        \
	X(pool_needed, gauge, pools, "pool", "How many it needs: to stay, or to return")           \
	X(pool_quorum, gauge, pools, "pool", "1 while there are enough")                           \
	X(pool_taken_out, gauge, pools, "pool", "Reals that operators took out")                   \
	X(pool_on_backups, gauge, pools, "pool", "1 while only backups serve")                     \
	X(pool_override, gauge, overridden_pools, "pool, override",                                \
	  "1 while the pool goes on against its checks, and by which rule; sparse")                \
	X(pool_overrides_total, counter, pools, "pool", "How often that came into force")          \
	X(pool_floor_missed, gauge, missed_pools, "pool",                                          \
	  "The depool floor, where operators took out more than it allows; sparse")                \
	X(pool_slots_in_transition, gauge, pool_slots, "pool, state",                              \
	  "Slots of its ring that are moving or settling")                                         \
	X(probe_seconds, histogram, pools, "pool, le", "How long passing probes of the pool took") \
	X(real_up, gauge, reals, "pool, real", "1 up, 0 down, -1 not judged yet")                  \
	X(real_takes_flows, gauge, reals, "pool, real", "1 while it gets new flows")               \
	X(real_packets_total, counter, reals, "pool, real",                                        \
	  "Packets sent to its address, in all pools that have it")                                \
	X(real_bytes_total, counter, reals, "pool, real",                                          \
	  "Their bytes, without the encapsulation")                                                \
	X(real_order, gauge, ordered_reals, "pool, real, order",                                   \
	  "1 while an operator's word holds; sparse")                                              \
	X(certificate_end_timestamp_seconds, gauge, certificates, "pool, real, check",             \
	  "When a certificate that ends soon ends; sparse")                                        \
	X(checks, gauge, reasons, "reason", "What the checks of all reals say, by reason")         \
	X(prober_connected, gauge, probers, "daemon", "1 while the daemon that probes is there")   \
	X(probes_total, counter, probers, "daemon", "Probes that ended")                           \
	X(probes_late_total, counter, probers, "daemon", "Of them too late to judge by")           \
	X(probe_lateness_seconds, gauge, probers, "daemon",                                        \
	  "99th percentile of starts behind plan, in the last second")                             \
	X(verdict_age_seconds, gauge, probers, "daemon",                                           \
	  "Since its last verdict; sparse: had none")                                              \
	X(router_up, gauge, node, "", "1 while bgpd answers and has our BGP instance")             \
	X(router_info, gauge, node, "version, life", "1, with FRR's version and how bgpd is")      \
	X(router_commands_total, counter, node, "", "Commands sent to bgpd")                       \
	X(router_failures_total, counter, node, "", "Of them those that failed")                   \
	X(router_writes_total, counter, node, "", "Lines of configuration that went through")      \
	X(router_reconnects_total, counter, node, "", "Connections to bgpd made anew")             \
	X(router_read_backs_total, counter, node, "", "Complete read-backs")                       \
	X(router_read_back_seconds, gauge, node, "", "How long the last complete one took")        \
	X(bgp_peers, gauge, node, "", "Peers of the config")                                       \
	X(bgp_peers_required, gauge, node, "", "Established peers that an announcement needs")     \
	X(bgp_session_up, gauge, peers, "peer", "1 while the session is established")              \
	X(bgp_session_age_seconds, gauge, peers, "peer",                                           \
	  "Since it is established; 0 when it is not")                                             \
	X(bgp_sessions_lost_total, counter, peers, "peer", "Sessions lost since bgpd started")     \
	X(bgp_prefixes_sent, gauge, families, "peer, family", "Prefixes bgpd sent to the peer")    \
	X(bgp_vips_sent, gauge, families, "peer, family", "Of them VIPs, as last read back")       \
	X(bgp_lacks_policy, gauge, families, "peer, family",                                       \
	  "1 while bgpd sends nothing, for it requires a policy and there is none")                \
	X(bfd_up, gauge, bfd_peers, "peer", "1 while BFD is up; sparse: where bgpd asks for it")   \
	X(routes_intended, gauge, node, "", "Routes that shall be announced")                      \
	X(routes_sent, gauge, node, "", "Of them those that enough peers hold")                    \
	X(route_alarms, gauge, lacks, "reason",                                                    \
	  "Routes, or a peer's holding one, that have not been as intended for too long")          \
	X(route_mismatch_seconds, gauge, node, "",                                                 \
	  "The longest time that a route is not as intended")                                      \
	X(zebra_connected, gauge, zebras, "",                                                      \
	  "1 while zebra tells its routes (FPM); sparse: where asked")                             \
	X(zebra_differs, gauge, zebras, "",                                                        \
	  "Ways that the kernel has otherwise than zebra; sparse as above")

/* Written by shoal-web, of itself. */
#define METRICS_WEB(X)                                                                             \
	X(controller_up, gauge, web, "",                                                           \
	  "1 while shoald answers shoal-web; without it only these are here")                      \
	X(controller_answer_age_seconds, gauge, web, "",                                           \
	  "Since its last beat; sparse: there was none")                                           \
	X(web_connections, gauge, web, "", "Connections to shoal-web")                             \
	X(web_connections_refused_total, counter, web, "", "Connections above the bound")          \
	X(web_requests_total, counter, codes, "code", "Requests by first digit of their status")   \
	X(web_requests_timed_out_total, counter, web, "", "Requests that did not come in time")    \
	X(web_streams, gauge, web, "", "Event streams that are open")                              \
	X(web_streams_dropped_total, counter, web, "", "Streams closed because nobody read them")  \
	X(web_process_cpu_seconds_total, counter, web, "", "CPU time of shoal-web")
