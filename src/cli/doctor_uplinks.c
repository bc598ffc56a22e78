/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_uplinks.c - each uplink: link, MTU, XDP, what its NIC does to frames, queues, interrupts.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/cli/doctor.h"
#include "src/cli/host.h"
#include "src/cli/render.h"
#include "src/dataplane/dataplane.h"

#define ADD(checkup, severity, check, fix, ...)                                                    \
	diagnosis_add(&(checkup)->diagnosis, severity, check, fix, __VA_ARGS__)

struct uplink {
	struct checkup *checkup;
	const char *name;
	struct host_interface host;
	const json_t *seen; /* by shoald; NULL */
};

static uint32_t overhead(enum config_encap encap, bool is_ipv4)
{
	return (is_ipv4 ? 20U : 40U) + (encap == CONFIG_ENCAP_GUE ? 8U : 0U);
}

uint32_t doctor_outer_bytes(const struct config *config, const struct config_pool *pool,
			    const struct config_real *real, uint32_t uplink_mtu)
{
	uint32_t most = config->node.mtu_bytes ? config->node.mtu_bytes : uplink_mtu;
	uint32_t client =
		config->node.client_mtu_bytes ? config->node.client_mtu_bytes : uplink_mtu;
	uint32_t outer = client + overhead(pool->encap, addr_is_ipv4(&real->addr));

	return outer < most ? outer : most;
}

static uint32_t most_overhead(const struct config *config)
{
	uint32_t most = 0;

	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t r = 0; r < config->pools[p].n_reals; r++) {
			uint32_t here = overhead(config->pools[p].encap,
						 addr_is_ipv4(&config->pools[p].reals[r].addr));

			most = here > most ? here : most;
		}
	return most;
}

/* ---- link and MTU ---- */

static void check_link(struct uplink *uplink)
{
	const char *driver = uplink->host.driver;

	if (!uplink->host.is_up)
		ADD(uplink->checkup, SEVERITY_ERROR, "uplink",
		    doctor_fix("ip link set dev %s up", uplink->name), "%s is down", uplink->name);
	else if (!uplink->host.is_running)
		ADD(uplink->checkup, SEVERITY_ERROR, "uplink", NULL, "%s has no carrier",
		    uplink->name);
	else
		ADD(uplink->checkup, SEVERITY_OK, "uplink", NULL, "%s is up%s%s", uplink->name,
		    *driver ? ", driver " : "", driver);
}

static void check_mtu(struct uplink *uplink)
{
	const struct config_node *node = &uplink->checkup->config->node;
	uint32_t has = uplink->host.mtu_bytes, wanted = node->mtu_bytes;
	uint32_t client = node->client_mtu_bytes ? node->client_mtu_bytes : has;
	uint32_t needed = client + most_overhead(uplink->checkup->config);
	uint32_t outer = wanted && wanted < has ? wanted : has;

	if (wanted > has)
		ADD(uplink->checkup, SEVERITY_ERROR, "mtu",
		    doctor_fix("ip link set dev %s mtu %u", uplink->name, wanted),
		    "%s carries %u bytes, and node.mtu is %u: larger packets are lost",
		    uplink->name, has, wanted);
	else if (needed > outer)
		ADD(uplink->checkup, SEVERITY_WARNING, "mtu",
		    doctor_fix("ip link set dev %s mtu %u", uplink->name, needed),
		    "%s carries %u bytes, a client's packet of %u needs %u in its tunnel: such are "
		    "answered too-big, and TCP is clamped",
		    uplink->name, outer, client, needed);
	else
		ADD(uplink->checkup, SEVERITY_OK, "mtu", NULL,
		    "%s carries %u bytes, clients' packets of %u fit", uplink->name, outer, client);
}

/* ---- XDP ---- */

/* A program that is not ours, while shoald does not run. */
static void check_stranger(struct uplink *uplink)
{
	struct bpf_prog_info info = { 0 };
	__u32 id = 0, len = sizeof(info);
	int fd = -1;

	if (bpf_xdp_query_id((int)uplink->host.ifindex, 0, &id) < 0 || id == 0) {
		ADD(uplink->checkup, SEVERITY_NOTE, "xdp", NULL,
		    "no program on %s; which mode its driver takes is seen when shoald attaches",
		    uplink->name);
		return;
	}
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		info.name[0] = '\0';
	if (fd >= 0)
		close(fd);
	if (strcmp(info.name, "lb") == 0 || strcmp(info.name, "shoal") == 0 || fd < 0)
		ADD(uplink->checkup, SEVERITY_NOTE, "xdp", NULL, "program %u stays attached to %s",
		    id, uplink->name);
	else
		ADD(uplink->checkup, SEVERITY_ERROR, "xdp",
		    doctor_fix("ip link set dev %s xdp off", uplink->name),
		    "another program, %s (id %u), is on %s: ours cannot attach", info.name, id,
		    uplink->name);
}

static void check_xdp(struct uplink *uplink)
{
	const char *mode = get_text(uplink->seen, "mode");
	const char *why = get_text(uplink->seen, "generic_why");

	if (!uplink->seen)
		check_stranger(uplink);
	else if (strcmp(mode, "native") == 0)
		ADD(uplink->checkup, SEVERITY_OK, "xdp", NULL, "native on %s", uplink->name);
	else if (strcmp(mode, "generic") != 0)
		ADD(uplink->checkup, SEVERITY_ERROR, "xdp", doctor_fix("shoal why node"),
		    "not attached to %s", uplink->name);
	else if (uplink->checkup->config->node.xdp_mode == CONFIG_XDP_GENERIC)
		ADD(uplink->checkup, SEVERITY_NOTE, "xdp", NULL,
		    "generic on %s, as configured: several times slower than native", uplink->name);
	else
		ADD(uplink->checkup, SEVERITY_WARNING, "xdp",
		    doctor_fix("ethtool -i %s", uplink->name),
		    "generic on %s, several times slower than native: %s", uplink->name,
		    *why ? why : "the driver refused native");
}

static void check_offload(struct uplink *uplink)
{
	bool is_native = uplink->seen
				 ? strcmp(get_text(uplink->seen, "mode"), "generic") != 0
				 : uplink->checkup->config->node.xdp_mode != CONFIG_XDP_GENERIC;
	struct err err;
	char *fix;

	if (dataplane_check_interface(uplink->name, is_native, &err) == 0) {
		ADD(uplink->checkup, SEVERITY_OK, "offload", NULL, "%s leaves frames as they came",
		    uplink->name);
		return;
	}
	fix = strstr(err.text, "ethtool -K");
	ADD(uplink->checkup, SEVERITY_ERROR, "offload", fix ? doctor_fix("%s", fix) : NULL, "%s",
	    err.text);
}

/* ---- CPUs ---- */

static bool has_udp(const struct config *config)
{
	for (size_t v = 0; v < config->n_vips; v++)
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			if (config->vips[v].services[s].proto == IPPROTO_UDP)
				return true;
	return false;
}

static void check_queues(struct uplink *uplink)
{
	uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN), has = uplink->host.rx_queues;
	uint32_t most = uplink->host.rx_queues_max < cpus ? uplink->host.rx_queues_max : cpus;

	if (has == 0)
		return;
	if (has < most)
		ADD(uplink->checkup, has == 1 ? SEVERITY_WARNING : SEVERITY_NOTE, "queues",
		    doctor_fix("ethtool -L %s %s %u", uplink->name,
			       uplink->host.are_combined ? "combined" : "rx", most),
		    "%s has %u receive queue%s for %u CPUs: only as many forward", uplink->name,
		    has, has == 1 ? "" : "s", cpus);
	else if (has == 1 && cpus > 1)
		ADD(uplink->checkup, SEVERITY_NOTE, "queues", NULL,
		    "%s has one receive queue and no more to give: one CPU forwards all",
		    uplink->name);
	else
		ADD(uplink->checkup, SEVERITY_OK, "queues", NULL, "%s has %u for %u CPUs",
		    uplink->name, has, cpus);
	if (has > 1 && has_udp(uplink->checkup->config) && !host_spreads_udp(uplink->name))
		ADD(uplink->checkup, SEVERITY_NOTE, "queues",
		    doctor_fix("ethtool -N %s rx-flow-hash udp4 sdfn", uplink->name),
		    "%s spreads UDP by addresses only: a client's flows share a queue",
		    uplink->name);
}

static void check_interrupts(struct uplink *uplink)
{
	unsigned irqs, cpus;

	if (!host_interrupts(uplink->name, &irqs, &cpus))
		return;
	if (irqs > 2 && cpus == 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1)
		ADD(uplink->checkup, SEVERITY_WARNING, "interrupts",
		    doctor_fix("systemctl restart irqbalance"),
		    "all %u of %s end on one CPU: it forwards everything", irqs, uplink->name);
	else
		ADD(uplink->checkup, SEVERITY_OK, "interrupts", NULL, "%u of %s on %u CPUs", irqs,
		    uplink->name, cpus);
}

/* ---- the kernel's own filter ---- */

static long switch_of(const char *ifname, const char *name)
{
	char path[160];
	long value;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", ifname, name);
	return host_read_long(path, &value) ? value : -1;
}

static void check_rp_filter(struct uplink *uplink)
{
	long all = switch_of("all", "rp_filter"), own = switch_of(uplink->name, "rp_filter");
	long value = all > own ? all : own;

	if (value == 1)
		ADD(uplink->checkup, SEVERITY_WARNING, "rp-filter",
		    doctor_fix("sysctl -w net.ipv4.conf.all.rp_filter=%ld "
			       "net.ipv4.conf.%s.rp_filter=2",
			       all == 1 ? 0L : all, uplink->name),
		    "strict on %s: an answer to a probe whose way back is another interface is "
		    "dropped, and the real is judged down",
		    uplink->name);
	else if (value >= 0)
		ADD(uplink->checkup, SEVERITY_OK, "rp-filter", NULL, "%s on %s",
		    value == 2 ? "loose" : "off", uplink->name);
}

/* ---- all ---- */

static const json_t *seen_by_shoald(const json_t *status, const char *name)
{
	const json_t *list = json_object_get(json_object_get(status, "dataplane"), "uplinks");
	const json_t *uplink;
	size_t i;

	json_array_foreach (list, i, uplink) {
		if (strcmp(get_text(uplink, "name"), name) == 0)
			return uplink;
	}
	return NULL;
}

void doctor_uplinks(struct checkup *checkup)
{
	const struct config_node *node = &checkup->config->node;

	for (size_t i = 0; i < node->n_uplinks; i++) {
		struct uplink uplink = { .checkup = checkup,
					 .name = node->uplinks[i],
					 .seen = seen_by_shoald(checkup->status,
								node->uplinks[i]) };

		if (!host_interface(uplink.name, &uplink.host)) {
			ADD(checkup, SEVERITY_ERROR, "uplink", doctor_fix("ip link show"),
			    "there is no interface %s, which node.uplinks names", uplink.name);
			continue;
		}
		check_link(&uplink);
		check_mtu(&uplink);
		check_xdp(&uplink);
		check_offload(&uplink);
		check_queues(&uplink);
		check_interrupts(&uplink);
		check_rp_filter(&uplink);
	}
}
