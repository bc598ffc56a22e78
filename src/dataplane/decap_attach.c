/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decap_attach.c - attaching decap.bpf.c to an interface, and finding it again.
 *
 * Pins under the bpffs directory, by interface name with dots replaced (bpffs refuses them):
 * IFACE_link (XDP only) and IFACE_counts. Without a bpffs the attachment is found by the program's
 * name through its id, for which the kernel wants CAP_SYS_ADMIN.
 */
#include "src/dataplane/decap.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/dataplane/decap_skel.h"

#define TC_HANDLE         0x5348 /* "SH" */
#define TC_PRIORITY       0x5348
#define TC_PRIORITY_MATCH 0x5347 /* before what opens */

#define PATH_LEN 256

const char *decap_mode_str(enum decap_mode mode)
{
	switch (mode) {
	case DECAP_MODE_AUTO:
		return "auto";
	case DECAP_MODE_NATIVE:
		return "native XDP";
	case DECAP_MODE_GENERIC:
		return "generic XDP";
	case DECAP_MODE_TC:
		return "tc";
	}
	return "";
}

static int libbpf_quiet(enum libbpf_print_level level __attribute__((unused)),
			const char *fmt __attribute__((unused)),
			va_list args __attribute__((unused)))
{
	return 0;
}

/* ---- addresses ---- */

static bool sockaddr_addr(const struct sockaddr *sa, struct addr *ret)
{
	if (!sa)
		return false;
	if (sa->sa_family == AF_INET)
		*ret = addr_from_raw(AF_INET,
				     (const char *)sa + offsetof(struct sockaddr_in, sin_addr));
	else if (sa->sa_family == AF_INET6)
		*ret = addr_from_raw(AF_INET6,
				     (const char *)sa + offsetof(struct sockaddr_in6, sin6_addr));
	else
		return false;
	return true;
}

static uint8_t netmask_len(const struct sockaddr *mask)
{
	struct addr addr;
	const uint8_t *raw;
	uint8_t bits = 0;
	size_t n;

	/* A mask of ones at the front would read as a mapped address only for ::ffff:..., no mask.
	 */
	if (!sockaddr_addr(mask, &addr))
		return 0;
	raw = addr_raw(&addr, &n);
	for (size_t i = 0; i < n; i++)
		bits = (uint8_t)(bits + __builtin_popcount(raw[i]));
	return bits;
}

static bool is_loopback(const struct addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	return addr_is_ipv4(addr) ? addr->bytes[12] == 127 : !memcmp(addr->bytes, one, 16);
}

static bool is_link_local(const struct addr *addr)
{
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

static int add_lo_prefix(struct decap_options *options, const struct ifaddrs *a)
{
	size_t max = sizeof(options->vips) / sizeof(options->vips[0]);
	struct prefix *prefix = &options->vips[options->n_vips];

	if (strcmp(a->ifa_name, "lo") != 0 || !sockaddr_addr(a->ifa_addr, &prefix->addr) ||
	    is_loopback(&prefix->addr))
		return 0;
	if (options->n_vips + 1 >= max)
		return -ENOSPC;
	prefix->len = netmask_len(a->ifa_netmask);
	options->n_vips++;
	return 0;
}

int decap_vips(struct decap_options *options, struct err *err)
{
	struct ifaddrs *list = NULL;
	int r = 0;

	if (options->n_vips)
		return 0;
	if (getifaddrs(&list) < 0)
		return err_set(err, -errno, "cannot list the addresses on lo: %m");
	for (const struct ifaddrs *a = list; a && !r; a = a->ifa_next)
		r = add_lo_prefix(options, a);
	freeifaddrs(list);
	if (r < 0)
		return err_set(err, r, "too many addresses on lo");
	if (!options->n_vips)
		return err_set(
			err, -ENOENT,
			"there is no VIP: put it on lo (ip address add VIP/32 dev lo) or name "
			"it with --vip");
	return 0;
}

/* Every address of the host itself: not loopback, link-local or on lo. */
static int fill_own(int map_fd, size_t *ret_n, struct err *err)
{
	struct ifaddrs *list = NULL;
	uint8_t yes = 1;
	int r = 0;

	if (getifaddrs(&list) < 0)
		return err_set(err, -errno, "cannot list the host's addresses: %m");
	for (const struct ifaddrs *a = list; a && !r; a = a->ifa_next) {
		struct addr addr;

		if (!strcmp(a->ifa_name, "lo") || !sockaddr_addr(a->ifa_addr, &addr) ||
		    is_link_local(&addr))
			continue;
		if (bpf_map_update_elem(map_fd, addr.bytes, &yes, BPF_ANY) < 0)
			r = err_set(err, -errno, "address %s: %m", ADDR_STR(&addr));
		(*ret_n)++;
	}
	freeifaddrs(list);
	if (!r && !*ret_n)
		return err_set(err, -EADDRNOTAVAIL,
			       "this host has no address that a tunnel could end at");
	return r;
}

static int fill_vips(int map_fd, const struct decap_options *options, struct err *err)
{
	for (size_t i = 0; i < options->n_vips; i++) {
		const struct prefix *vip = &options->vips[i];
		struct decap_prefix key = { .len = (uint32_t)vip->len +
						   (addr_is_ipv4(&vip->addr) ? 96 : 0) };
		uint8_t yes = 1;

		memcpy(key.words, vip->addr.bytes, sizeof(key.words));
		if (bpf_map_update_elem(map_fd, &key, &yes, BPF_ANY) < 0)
			return err_set(err, -errno, "VIP %s: %m", PREFIX_STR(vip));
	}
	return 0;
}

/* ---- pins ---- */

static void pin_path(const struct decap_options *options, const char *what, char path[PATH_LEN])
{
	char name[IF_NAMESIZE + 1];

	snprintf(name, sizeof(name), "%s", options->ifname);
	for (char *p = name; *p; p++)
		*p = *p == '.' ? '_' : *p;
	snprintf(path, PATH_LEN, "%s/%s_%s", options->bpffs, name, what);
}

/* Whether there is a bpffs to pin to; the directory is made when only it is missing. */
static bool can_pin(const struct decap_options *options)
{
	struct statfs fs;

	if (mkdir(options->bpffs, 0700) < 0 && errno != EEXIST)
		return false;
	if (statfs(options->bpffs, &fs) == 0 && fs.f_type == BPF_FS_MAGIC)
		return true;
	rmdir(options->bpffs);
	return false;
}

static int pin(const struct decap_options *options, int fd, const char *what, struct err *err)
{
	char path[PATH_LEN];

	pin_path(options, what, path);
	unlink(path);
	if (bpf_obj_pin(fd, path) < 0)
		return err_set(err, -errno, "pin '%s': %m", path);
	return 0;
}

static int pinned(const struct decap_options *options, const char *what)
{
	char path[PATH_LEN];

	pin_path(options, what, path);
	return bpf_obj_get(path);
}

static bool unpin(const struct decap_options *options, const char *what)
{
	char path[PATH_LEN];

	pin_path(options, what, path);
	return unlink(path) == 0;
}

/* ---- attaching ---- */

struct place {
	int ifindex;
	uint32_t xdp_id; /* 0: no XDP program there */
	bool is_generic;
};

static int place_find(const struct decap_options *options, struct place *place, struct err *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int r;

	place->ifindex = (int)if_nametoindex(options->ifname);
	if (!place->ifindex)
		return err_set(err, -ENODEV, "interface '%s': no such interface", options->ifname);
	r = bpf_xdp_query(place->ifindex, 0, &query);
	if (r < 0)
		return err_set(err, r, "interface '%s': cannot ask for its XDP program: %m",
			       options->ifname);
	place->xdp_id = query.prog_id;
	place->is_generic = query.attach_mode == XDP_ATTACHED_SKB;
	return 0;
}

/* The program of an id when it is ours by name, else -1. */
static int own_program(uint32_t id, const char *name, struct bpf_prog_info *info)
{
	uint32_t len = sizeof(*info);
	AUTO(fd_closep) int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return -1;
	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &len) < 0 || strcmp(info->name, name) != 0)
		return -1;
	return fd_take(&fd);
}

static bool is_own(uint32_t id, const char *name)
{
	struct bpf_prog_info info;
	AUTO(fd_closep) int fd = own_program(id, name, &info);

	return fd >= 0;
}

static int link_attach(int prog_fd, const struct place *place, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(prog_fd, place->ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

/* Attach in one mode: by link and pin where there is a bpffs, else held by the interface. */
static int xdp_attach(const struct decap_options *options, int prog_fd, const struct place *place,
		      uint32_t flags, bool has_bpffs, struct err *err)
{
	AUTO(fd_closep) int fd = -1;

	if (!has_bpffs)
		return bpf_xdp_attach(place->ifindex, prog_fd, flags, NULL);
	fd = link_attach(prog_fd, place, flags);
	if (fd < 0)
		return fd;
	return pin(options, fd, "link", err);
}

static int xdp_attach_auto(const struct decap_options *options, int prog_fd,
			   const struct place *place, struct decap_attached *ret, struct err *err)
{
	int r = -EOPNOTSUPP;

	ret->mode = DECAP_MODE_NATIVE;
	if (options->mode != DECAP_MODE_GENERIC)
		r = xdp_attach(options, prog_fd, place, XDP_FLAGS_DRV_MODE, ret->is_pinned, err);
	if (r < 0 && options->mode != DECAP_MODE_NATIVE) {
		if (options->mode == DECAP_MODE_AUTO)
			snprintf(ret->generic_why, sizeof(ret->generic_why),
				 "the driver refuses native XDP: %s", strerror(-r));
		ret->mode = DECAP_MODE_GENERIC;
		r = xdp_attach(options, prog_fd, place, XDP_FLAGS_SKB_MODE, ret->is_pinned, err);
	}
	if (r < 0)
		return err_set(err, r, "interface '%s': cannot attach by %s: %m", options->ifname,
			       decap_mode_str(ret->mode));
	return 0;
}

static int tc_attach(const struct decap_options *options, int prog_fd, uint32_t priority,
		     const struct place *place, struct err *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = place->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = priority,
		    .prog_fd = prog_fd, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "interface '%s': cannot add clsact: %m", options->ifname);
	r = bpf_tc_attach(&hook, &opts);
	return r < 0 ? err_set(err, r, "interface '%s': cannot attach by tc: %m", options->ifname)
		     : 0;
}

static int load(const struct decap_options *options, struct decap_bpf **ret,
		struct decap_attached *attached, struct err *err)
{
	struct decap_bpf *skel;
	int r;

	libbpf_set_print(libbpf_quiet);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	skel = decap_bpf__open();
	if (!skel)
		return err_set(err, -errno, "the program cannot be opened: %m");
	skel->rodata->decap_gue_port = htons(options->gue_port);
	skel->rodata->decap_match_port = htons(options->match_port);
	skel->rodata->decap_server_id = options->server_id;
	r = decap_bpf__load(skel);
	if (r == -EPERM || r == -EACCES)
		r = err_set(err, -EPERM,
			    "the kernel refuses to load the program: CAP_BPF and CAP_NET_ADMIN are "
			    "needed");
	else if (r < 0)
		err_set(err, r, "the kernel refuses to load the program: %m");
	if (!r)
		r = fill_own(bpf_map__fd(skel->maps.own), &attached->n_own, err);
	if (!r)
		r = fill_vips(bpf_map__fd(skel->maps.vips), options, err);
	if (r < 0) {
		decap_bpf__destroy(skel);
		return r;
	}
	*ret = skel;
	return 0;
}

/* Whether the XDP program that stands there is a former one of ours. */
static bool is_ours(const struct decap_options *options, const struct place *place)
{
	struct bpf_link_info info;
	uint32_t len = sizeof(info);
	AUTO(fd_closep) int fd = pinned(options, "link");

	memset(&info, 0, sizeof(info));
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
	    info.prog_id == place->xdp_id)
		return true;
	return is_own(place->xdp_id, "shoal_decap");
}

/* Make the way free: the former attachment of ours goes, a foreign program is left and an error. */
static int make_way(const struct decap_options *options, struct place *place, struct err *err)
{
	if (place->xdp_id && !is_ours(options, place) && options->mode != DECAP_MODE_TC)
		return err_set(
			err, -EBUSY,
			"interface '%s': another XDP program (id %u) is attached there; remove "
			"it or use --mode tc",
			options->ifname, place->xdp_id);
	decap_detach(options, NULL);
	if (place_find(options, place, err) == 0 && place->xdp_id && options->mode != DECAP_MODE_TC)
		return err_set(
			err, -EBUSY,
			"interface '%s': shoal-decap is attached there with another --bpffs; "
			"detach it with that one first",
			options->ifname);
	return 0;
}

/* Attach what opens tunnels in the mode asked for, and the source match where one is. */
static int attach_programs(const struct decap_options *options, const struct decap_bpf *skel,
			   const struct place *place, struct decap_attached *attached,
			   struct err *err)
{
	int r;

	if (options->mode == DECAP_MODE_TC) {
		attached->mode = DECAP_MODE_TC;
		r = tc_attach(options, bpf_program__fd(skel->progs.shoal_decap_tc), TC_PRIORITY,
			      place, err);
	} else {
		r = xdp_attach_auto(options, bpf_program__fd(skel->progs.shoal_decap), place,
				    attached, err);
	}
	if (r < 0 || !options->match_port)
		return r;
	r = tc_attach(options, bpf_program__fd(skel->progs.shoal_source_match), TC_PRIORITY_MATCH,
		      place, err);
	if (r < 0)
		decap_detach(options, NULL);
	return r;
}

int decap_attach(const struct decap_options *options, struct decap_attached *ret, struct err *err)
{
	struct decap_attached attached = { .n_vips = options->n_vips };
	struct decap_bpf *skel = NULL;
	struct place place;
	int r = place_find(options, &place, err);

	if (!r)
		r = load(options, &skel, &attached, err);
	if (r < 0)
		return r;
	attached.is_pinned = can_pin(options);
	r = make_way(options, &place, err);
	if (!r && attached.is_pinned)
		r = pin(options, bpf_map__fd(skel->maps.counts), "counts", err);
	if (!r)
		r = attach_programs(options, skel, &place, &attached, err);
	decap_bpf__destroy(skel);
	if (!r)
		*ret = attached;
	return r;
}

/* Our filter of that priority on the interface: its program's id, 0 when there is none. */
static uint32_t tc_find(const struct place *place, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = place->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = priority);

	return bpf_tc_query(&hook, &opts) < 0 ? 0 : opts.prog_id;
}

/* Whether there was one. */
static bool tc_detach(const struct place *place, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = place->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = priority);

	return tc_find(place, priority) && bpf_tc_detach(&hook, &opts) == 0;
}

int decap_detach(const struct decap_options *options, struct err *err)
{
	struct place place;
	bool found = false;
	int r;

	libbpf_set_print(libbpf_quiet);
	r = place_find(options, &place, err);
	if (r < 0)
		return r;
	if (place.xdp_id && is_ours(options, &place)) {
		/* Unpinning alone detaches, too, but some time later. */
		int fd = pinned(options, "link");

		if (fd < 0 || bpf_link_detach(fd) < 0)
			bpf_xdp_detach(place.ifindex,
				       place.is_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
				       NULL);
		fd_closep(&fd);
		found = true;
	}
	unpin(options, "link");
	found |= tc_detach(&place, TC_PRIORITY);
	found |= tc_detach(&place, TC_PRIORITY_MATCH);
	unpin(options, "counts");
	return found ? 0
		     : err_set(err, -ENOENT, "interface '%s': shoal-decap is not attached",
			       options->ifname);
}

/* ---- counters ---- */

/* The counters' map of a program held by the interface alone. */
static int counts_by_program(uint32_t id, const char *name)
{
	struct bpf_prog_info info;
	AUTO(fd_closep) int fd = own_program(id, name, &info);
	uint32_t ids[8], len = sizeof(info);

	if (fd < 0)
		return -1;
	memset(&info, 0, sizeof(info));
	info.nr_map_ids = 8;
	info.map_ids = (uintptr_t)ids;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -1;
	for (uint32_t i = 0; i < info.nr_map_ids && i < 8; i++) {
		struct bpf_map_info map;
		uint32_t map_len = sizeof(map);
		AUTO(fd_closep) int map_fd = bpf_map_get_fd_by_id(ids[i]);

		memset(&map, 0, sizeof(map));
		if (map_fd >= 0 && !bpf_obj_get_info_by_fd(map_fd, &map, &map_len) &&
		    !strcmp(map.name, "counts"))
			return fd_take(&map_fd);
	}
	return -1;
}

static int read_counts(int map_fd, struct decap_counts *ret, struct err *err)
{
	int n_cpus = libbpf_num_possible_cpus();
	AUTO(freep) struct decap_counts *lines = NULL;
	uint32_t zero = 0;

	if (n_cpus < 0)
		return err_set(err, n_cpus, "cannot count the CPUs: %m");
	lines = calloc((size_t)n_cpus, sizeof(*lines));
	if (!lines)
		return err_set(err, -ENOMEM, "no memory for the counters");
	if (bpf_map_lookup_elem(map_fd, &zero, lines) < 0)
		return err_set(err, -errno, "cannot read the counters: %m");
	memset(ret, 0, sizeof(*ret));
	for (int cpu = 0; cpu < n_cpus; cpu++) {
		for (int i = 0; i < DECAP_RESULT_MAX; i++)
			ret->packets[i] += lines[cpu].packets[i];
		ret->bytes_opened += lines[cpu].bytes_opened;
		ret->outer_ipv4 += lines[cpu].outer_ipv4;
		ret->ids += lines[cpu].ids;
		ret->ids_misrouted += lines[cpu].ids_misrouted;
		ret->sources_matched += lines[cpu].sources_matched;
	}
	return 0;
}

int decap_status(const struct decap_options *options, enum decap_mode *ret_mode,
		 struct decap_counts *ret, struct err *err)
{
	AUTO(fd_closep) int map_fd = -1;
	struct place place;
	uint32_t id;
	int r;

	libbpf_set_print(libbpf_quiet);
	r = place_find(options, &place, err);
	if (r < 0)
		return r;
	id = tc_find(&place, TC_PRIORITY);
	if (!id && place.xdp_id && is_ours(options, &place))
		*ret_mode = place.is_generic ? DECAP_MODE_GENERIC : DECAP_MODE_NATIVE;
	else if (id)
		*ret_mode = DECAP_MODE_TC;
	else
		return err_set(err, -ENOENT, "interface '%s': shoal-decap is not attached",
			       options->ifname);
	map_fd = pinned(options, "counts");
	if (map_fd < 0)
		map_fd = counts_by_program(id ? id : place.xdp_id,
					   id ? "shoal_decap_tc" : "shoal_decap");
	if (map_fd < 0)
		return err_set(
			err, -EPERM,
			"interface '%s': attached, but the counters cannot be opened: they are "
			"not pinned, so this needs root",
			options->ifname);
	return read_counts(map_fd, ret, err);
}
