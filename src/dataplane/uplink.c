/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uplink.c - attaching the program to interfaces, and the records that tell it where it runs.
 *
 * One pinned bpf_link an uplink, named after the interface's index: a link whose interface is gone
 * is dead and swept. Never a foreign program's place is taken.
 */
#include "src/dataplane/internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "bpf/encap.h"
#include "src/dataplane/lb_skel.h"
#include "src/base/auto.h"

#define LO_IFINDEX   1 /* what a test run sees; always the loopback */
#define SELF_TEST    LB_UPLINKS
#define MTU_FALLBACK 1500

/* ---- records ---- */

static uint32_t uplink_mtu(const char *ifname)
{
	AUTO(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &ifr) < 0 || ifr.ifr_mtu <= 0)
		return MTU_FALLBACK;
	return (uint32_t)ifr.ifr_mtu;
}

/* The first global address of a family on an interface; all zero words when it has none. */
static void uplink_source(const char *ifname, int family, uint32_t words[4])
{
	struct ifaddrs *list = NULL;

	memset(words, 0, 16);
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
		struct addr addr;
		const void *raw;

		if (!a->ifa_addr || a->ifa_addr->sa_family != family ||
		    strcmp(a->ifa_name, ifname) != 0)
			continue;
		raw = family == AF_INET ? (const void *)((const char *)a->ifa_addr +
							 offsetof(struct sockaddr_in, sin_addr))
					: (const void *)((const char *)a->ifa_addr +
							 offsetof(struct sockaddr_in6, sin6_addr));
		addr = addr_from_raw(family, raw);
		if (family == AF_INET6 && addr.bytes[0] == 0xfe && (addr.bytes[1] & 0xc0) == 0x80)
			continue;
		words_from_addr(words, &addr);
		break;
	}
	freeifaddrs(list);
}

static void fill_sources(const struct dataplane *dp, const char *ifname, struct lb_uplink *record)
{
	uint32_t words[4];

	if (dp->has_source[0])
		words_from_addr(words, &dp->source[0]);
	else
		uplink_source(ifname, AF_INET, words);
	record->source4 = words[3];
	if (dp->has_source[1])
		words_from_addr(words, &dp->source[1]);
	else
		uplink_source(ifname, AF_INET6, words);
	memcpy(record->source6, words, sizeof(words));
}

/* Whether SYNs are told of a limit; by default only of one that is below what clients may send. */
static bool clamps(const struct dataplane *dp, uint32_t limit, uint32_t client)
{
	return dp->mss_clamp == CONFIG_ON || (dp->mss_clamp == CONFIG_AUTO && limit < client);
}

static void fill_limits(const struct dataplane *dp, const char *ifname, struct lb_uplink *record)
{
	uint32_t own = uplink_mtu(ifname);
	uint32_t mtu = dp->mtu_bytes ? dp->mtu_bytes : own;
	uint32_t client = dp->client_mtu_bytes ? dp->client_mtu_bytes : own;

	for (uint32_t encap = LB_ENCAP_IPIP; encap <= LB_ENCAP_GUE; encap++) {
		for (uint32_t v6 = 0; v6 < 2; v6++) {
			uint32_t overhead = encap_overhead((uint8_t)encap, v6);
			uint32_t limit = mtu > overhead ? mtu - overhead : 0;

			limit = limit < client ? limit : client;
			limit = limit < LB_SUM_MAX ? limit : LB_SUM_MAX;
			record->limit[LB_LIMIT(encap, v6)] = (uint16_t)limit;
			if (clamps(dp, limit, client))
				record->clamp[LB_LIMIT(encap, v6)] = (uint16_t)limit;
		}
	}
}

/* A record that no cell names. */
static uint32_t spare_record(const struct lb_tables *tables)
{
	for (uint32_t i = 0; i < LB_UPLINK_RECORDS; i++) {
		bool is_named = false;

		for (int c = 0; c < LB_UPLINK_CELLS; c++) {
			if (tables->uplink_cells[c] &&
			    (tables->uplink_cells[c] & (LB_UPLINK_RECORDS - 1)) == i)
				is_named = true;
		}
		if (!is_named)
			return i;
	}
	return 0; /* cannot be: more records than cells */
}

static void publish(struct dataplane *dp, uint32_t cell, uint32_t ifindex,
		    const struct lb_uplink *record)
{
	uint64_t word = dp->tables->uplink_cells[cell];
	const struct lb_uplink *old = &dp->tables->uplinks[word & (LB_UPLINK_RECORDS - 1)];
	uint32_t spare = spare_record(dp->tables);

	if (word >> 32 == ifindex && !memcmp(old, record, sizeof(*old)))
		return;
	dp->tables->uplinks[spare] = *record;
	kept_note(dp, &dp->tables->uplinks[spare], sizeof(*record));
	DP_TABLE(dp, dp->tables->uplink_cells[cell], (uint64_t)ifindex << 32 | spare);
}

static void fill_record(const struct dataplane *dp, uint32_t uplink, struct lb_uplink *record)
{
	const struct dataplane_uplink *up = &dp->uplinks[uplink];

	memset(record, 0, sizeof(*record));
	memcpy(&record->mac, up->mac, 6);
	record->slot = (uint8_t)uplink;
	fill_limits(dp, up->name, record);
	fill_sources(dp, up->name, record);
}

int uplink_publish(struct dataplane *dp, uint32_t uplink, struct err *err)
{
	struct lb_uplink record;
	uint32_t ifindex = dp->uplinks[uplink].ifindex;
	int map_fd = bpf_map__fd(dp->skel->maps.devices);

	fill_record(dp, uplink, &record);
	if (bpf_map_update_elem(map_fd, &uplink, &ifindex, BPF_ANY) < 0)
		return err_set(err, -errno, "uplink '%s': cannot be a target of redirects: %m",
			       dp->uplinks[uplink].name);
	publish(dp, uplink, ifindex, &record);
	return 0;
}

/* With what packets of the uplink itself meet; the kernel is not asked for each service tested. */
int uplink_publish_self_test(struct dataplane *dp, uint32_t uplink, struct err *err)
{
	uint64_t word = dp->tables->uplink_cells[uplink];
	struct lb_uplink record;

	if (!dp->uplinks[uplink].ifindex || !word)
		return err_set(err, -ENODEV, "no uplink is attached");
	record = dp->tables->uplinks[word & (LB_UPLINK_RECORDS - 1)];
	record.is_self_test = 1;
	publish(dp, SELF_TEST, LO_IFINDEX, &record);
	return 0;
}

int uplink_set_private(struct dataplane *dp, uint32_t uplink, const char *ifname, uint32_t ifindex,
		       const uint8_t mac[6], struct err *err)
{
	struct dataplane_uplink *up = &dp->uplinks[uplink];
	struct lb_uplink record;

	if (dp->dir[0])
		return err_set(err, -EINVAL,
			       "only a private program has uplinks without interface");
	up->ifindex = ifindex;
	snprintf(up->name, sizeof(up->name), "%s", ifname);
	memcpy(up->mac, mac, 6);
	fill_record(dp, uplink, &record);
	publish(dp, uplink, ifindex, &record);
	return 0;
}

/* ---- links ---- */

static void link_path(const struct dataplane *dp, uint32_t ifindex, char path[192])
{
	snprintf(path, 192, "%s/link_%u", dp->dir, ifindex);
}

static int link_info(int fd, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

/* Call each() with every pinned link; stops at its first error. */
static int links_each(struct dataplane *dp,
		      int (*each)(struct dataplane *dp, const char *name, int fd, void *arg,
				  struct err *err),
		      void *arg, struct err *err)
{
	DIR *dir = opendir(dp->dir);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_set(err, -errno, "bpffs directory '%s': %m", dp->dir);
	while (!r && (entry = readdir(dir))) {
		char path[512];
		int fd;

		if (strncmp(entry->d_name, "link_", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dp->dir, entry->d_name);
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		r = each(dp, entry->d_name, fd, arg, err);
		close(fd);
	}
	closedir(dir);
	return r;
}

static int link_update(struct dataplane *dp, const char *name, int fd, void *arg, struct err *err)
{
	struct bpf_link_info info;

	/* A link whose interface is gone takes no program; it is swept later. */
	if (link_info(fd, &info) < 0 || info.xdp.ifindex == 0)
		return 0;
	if (bpf_link_update(fd, *(const int *)arg, NULL) < 0)
		return err_set(err, -errno, "'%s/%s': cannot exchange the program: %m", dp->dir,
			       name);
	return 0;
}

int uplinks_update_program(struct dataplane *dp, int prog_fd, struct err *err)
{
	return links_each(dp, link_update, &prog_fd, err);
}

static int link_runs(struct dataplane *dp, const char *name, int fd, void *arg, struct err *err)
{
	struct bpf_link_info info;

	(void)dp;
	(void)name;
	(void)err;
	if (link_info(fd, &info) < 0 || info.xdp.ifindex == 0)
		return 0;
	return info.prog_id == *(const uint32_t *)arg ? 0 : -ESTALE;
}

bool uplinks_run_program(struct dataplane *dp, uint32_t prog_id)
{
	return links_each(dp, link_runs, &prog_id, NULL) != -ESTALE;
}

static int link_runs_any(struct dataplane *dp, const char *name, int fd, void *arg, struct err *err)
{
	const uint32_t *ids = arg;
	struct bpf_link_info info;

	(void)dp;
	(void)name;
	(void)err;
	if (link_info(fd, &info) < 0 || info.xdp.ifindex == 0)
		return 0;
	return info.prog_id == ids[0] || info.prog_id == ids[1] ? -EEXIST : 0;
}

bool uplinks_run_any(struct dataplane *dp, const uint32_t prog_ids[2])
{
	uint32_t ids[2] = { prog_ids[0], prog_ids[1] };

	return links_each(dp, link_runs_any, ids, NULL) == -EEXIST;
}

static int link_sweep(struct dataplane *dp, const char *name, int fd, void *arg, struct err *err)
{
	struct bpf_link_info info;

	(void)arg;
	(void)err;
	if (link_info(fd, &info) == 0 && info.xdp.ifindex == 0)
		unlinkat(dp->dir_fd, name, 0);
	return 0;
}

/* How a program runs on an interface: its id (0: none) and whether natively. */
static int xdp_query(uint32_t ifindex, uint32_t *ret_id, bool *ret_native, struct err *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int r = bpf_xdp_query((int)ifindex, 0, &query);

	if (r < 0)
		return err_set(err, r, "cannot ask for the XDP program: %m");
	*ret_id = query.prog_id;
	*ret_native = query.attach_mode != XDP_ATTACHED_SKB;
	return 0;
}

/* The pinned link of an earlier process, when it still holds. */
static int link_adopt(struct dataplane *dp, uint32_t ifindex, int *ret_fd)
{
	struct bpf_link_info info;
	AUTO(fd_closep) int fd = -1;
	char path[192];

	link_path(dp, ifindex, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -ENOENT;
	/* Another program on our link: exchanged without a gap, and without resetting the NIC. */
	if (link_info(fd, &info) == 0 && info.type == BPF_LINK_TYPE_XDP &&
	    info.xdp.ifindex == ifindex && !sets_may_run(dp, info.prog_id))
		bpf_link_update(fd, dp->is_changing_over ? dp->former_fd : dp->prog_fd, NULL);
	if (link_info(fd, &info) < 0 || info.type != BPF_LINK_TYPE_XDP ||
	    info.xdp.ifindex != ifindex || !sets_may_run(dp, info.prog_id)) {
		bpf_link_detach(fd);
		unlink(path);
		return -ENOENT;
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

static int link_create(struct dataplane *dp, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int prog_fd = dp->is_changing_over ? dp->former_fd : dp->prog_fd;
	int fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

/* Try native mode: the link, or a negative errno; -EROFS where generic mode is what is left. */
static int link_native(struct dataplane *dp, struct dataplane_uplink *up, enum config_xdp_mode mode,
		       struct err *err)
{
	/* Before anything is attached: a NIC may lose carrier over each attempt. */
	int fd = offload_check(up->name, true, err);

	if (fd == -EROFS && mode == CONFIG_XDP_AUTO)
		snprintf(up->generic_why, sizeof(up->generic_why),
			 "the NIC takes VLAN tags off before native XDP sees the frame");
	if (fd < 0)
		return fd;
	fd = link_create(dp, up->ifindex, XDP_FLAGS_DRV_MODE);
	if (fd >= 0)
		return fd;
	if (fd == -EBUSY || fd == -EPERM || fd == -ENODEV)
		return err_set(err, fd, "uplink '%s': cannot attach the XDP program: %m", up->name);
	if (mode == CONFIG_XDP_NATIVE)
		return err_set(err, -EOPNOTSUPP,
			       "uplink '%s': the driver refuses native XDP (%s); set "
			       "`xdp-mode: auto` or `generic`",
			       up->name, strerror(-fd));
	snprintf(up->generic_why, sizeof(up->generic_why), "the driver refuses native XDP: %s",
		 strerror(-fd));
	return -EROFS;
}

static int link_attach(struct dataplane *dp, struct dataplane_uplink *up, enum config_xdp_mode mode,
		       struct err *err)
{
	int fd = -EROFS;

	up->generic_why[0] = '\0';
	if (mode != CONFIG_XDP_GENERIC)
		fd = link_native(dp, up, mode, err);
	if (fd != -EROFS || mode == CONFIG_XDP_NATIVE)
		return fd;
	fd = offload_check(up->name, false, err);
	if (fd < 0)
		return fd;
	fd = link_create(dp, up->ifindex, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		return err_set(err, fd, "uplink '%s': cannot attach the XDP program: %m", up->name);
	return fd;
}

static int link_new(struct dataplane *dp, struct dataplane_uplink *up, enum config_xdp_mode mode,
		    int *ret_fd, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	uint32_t foreign = 0;
	bool is_native;
	char path[192];
	int r = xdp_query(up->ifindex, &foreign, &is_native, err);

	if (r < 0)
		return err_prefix(err, r, "uplink '%s'", up->name);
	if (foreign)
		return err_set(err, -EBUSY,
			       "uplink '%s': another XDP program (id %u) is attached there; remove "
			       "it first (ip link set dev %s xdp off)",
			       up->name, foreign, up->name);
	fd = link_attach(dp, up, mode, err);
	if (fd < 0)
		return fd;
	link_path(dp, up->ifindex, path);
	unlink(path);
	if (bpf_obj_pin(fd, path) < 0)
		return err_set(err, -errno, "pin '%s': %m", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int uplink_link(struct dataplane *dp, struct dataplane_uplink *up, enum config_xdp_mode mode,
		       int *ret_fd, struct err *err)
{
	uint32_t id = 0;
	int r;

	links_each(dp, link_sweep, NULL, NULL);
	r = link_adopt(dp, up->ifindex, ret_fd);
	if (r < 0)
		r = link_new(dp, up, mode, ret_fd, err);
	if (r < 0)
		return r;
	return xdp_query(up->ifindex, &id, &up->is_native, err);
}

int dataplane_attach(struct dataplane *dp, uint32_t uplink, const char *ifname, uint32_t ifindex,
		     const uint8_t mac[6], enum config_xdp_mode mode, struct err *err)
{
	struct dataplane_uplink up = { .ifindex = ifindex };
	AUTO(fd_closep) int fd = -1;
	char name[IF_NAMESIZE];
	int r;

	if (uplink >= DATAPLANE_UPLINKS_MAX || ifindex == LO_IFINDEX)
		return err_set(err, -EINVAL, "'%s' cannot be uplink number %u", ifname, uplink);
	if (!if_indextoname(ifindex, name))
		return err_set(err, -ENODEV, "uplink '%s': no such interface", ifname);
	snprintf(up.name, sizeof(up.name), "%s", ifname);
	memcpy(up.mac, mac, 6);
	r = uplink_link(dp, &up, mode, &fd, err);
	if (r < 0) {
		if (err)
			snprintf(dp->uplinks[uplink].refused_why,
				 sizeof(dp->uplinks[uplink].refused_why), "%.255s", err->text);
		return r;
	}
	/* Next hops of a slot are those of its interface. */
	if (dp->tables->uplink_cells[uplink] && dp->tables->uplink_cells[uplink] >> 32 != ifindex)
		reals_uplink_changed(dp, uplink);
	dp->uplinks[uplink] = up;
	fd_closep(&dp->link_fds[uplink]);
	dp->link_fds[uplink] = fd_take(&fd);
	return uplink_publish(dp, uplink, err);
}

/* What the link says of itself, for which no descriptor is needed; it has no interface once it was
 * detached. */
static bool link_is_in_force(const struct dataplane *dp, uint32_t uplink)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return dp->link_fds[uplink] >= 0 &&
	       bpf_obj_get_info_by_fd(dp->link_fds[uplink], &info, &len) == 0 &&
	       info.xdp.ifindex == dp->uplinks[uplink].ifindex && sets_may_run(dp, info.prog_id);
}

bool dataplane_is_attached(struct dataplane *dp, uint32_t uplink)
{
	bool is_native;
	uint32_t id = 0;
	int r;

	if (uplink >= DATAPLANE_UPLINKS_MAX || !dp->uplinks[uplink].ifindex)
		return false;
	r = xdp_query(dp->uplinks[uplink].ifindex, &id, &is_native, NULL);
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS)
		return link_is_in_force(dp, uplink); /* nobody was asked */
	return r == 0 && sets_may_run(dp, id);
}

const struct dataplane_uplink *dataplane_uplink(const struct dataplane *dp, uint32_t uplink)
{
	return uplink < DATAPLANE_UPLINKS_MAX ? &dp->uplinks[uplink] : NULL;
}

/* Cells of an earlier process stay until dataplane_attach() of that slot; the self-test's goes. */
void uplinks_init(struct dataplane *dp)
{
	DP_TABLE(dp, dp->tables->uplink_cells[SELF_TEST], 0);
}
