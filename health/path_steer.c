/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_steer.c - the BPF side of the probe path: programs, pinned maps, tc filters.
 *
 * The maps are pinned, so that targets outlive the process; the programs are loaded anew each
 * time, over those maps, and take the place of the former ones in one step.
 */
#include "health/path_parts.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/magic.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netlink/msg.h>

#include "bpf/lb_abi.h"
#include "bpf/steer_abi.h"
#include "health/steer_skel.h"

#include "src/base/auto.h"
#include "src/net/request.h"

#define PIN_TARGETS  "steer_targets"
#define PIN_COUNTERS "steer_counters"

/* The filters' place: far from those that people and other programs number by hand. */
#define FILTER_HANDLE   0x5348
#define FILTER_PRIORITY 2132

struct path_steer {
	struct steer_bpf *skel;
	uint32_t steer_id, leak_id; /* of the loaded programs */
	int n_cpus;
};

/* ---- libbpf's words ---- */

static char libbpf_last[256];

/* Keep the last warning for the error sentence instead of writing it to standard error. */
static int libbpf_keep(enum libbpf_print_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static int libbpf_keep(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN) {
		vsnprintf(libbpf_last, sizeof(libbpf_last), fmt, args);
		libbpf_last[strcspn(libbpf_last, "\n")] = '\0';
	}
	return 0;
}

static libbpf_print_fn_t libbpf_hush(void)
{
	libbpf_last[0] = '\0';
	return libbpf_set_print(libbpf_keep);
}

/* ---- maps and programs ---- */

static int dir_ensure(const char *dir, struct err *err)
{
	struct statfs fs;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "directory '%s': %m", dir);
	if (statfs(dir, &fs) < 0)
		return err_set(err, -errno, "directory '%s': %m", dir);
	if (fs.f_type != BPF_FS_MAGIC)
		return err_set(err, -EINVAL,
			       "directory '%s' is not on a bpffs; mount one: mount -t bpf bpf %s",
			       dir, dir);
	return 0;
}

static void pin_path(char path[PATH_MAX], const char *dir, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static int map_pin(struct bpf_map *map, const char *dir, const char *name)
{
	char path[PATH_MAX];

	pin_path(path, dir, name);
	return bpf_map__set_pin_path(map, path);
}

static int load(const char *dir, struct steer_bpf **ret)
{
	struct steer_bpf *skel = steer_bpf__open();
	int r;

	if (!skel)
		return -errno;
	r = map_pin(skel->maps.steer_targets, dir, PIN_TARGETS);
	if (r == 0)
		r = map_pin(skel->maps.steer_counters, dir, PIN_COUNTERS);
	if (r == 0)
		r = steer_bpf__load(skel);
	if (r < 0) {
		steer_bpf__destroy(skel);
		return r;
	}
	*ret = skel;
	return 0;
}

static void unpin(const char *dir)
{
	static const char *const names[] = { PIN_TARGETS, PIN_COUNTERS };
	char path[PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		pin_path(path, dir, names[i]);
		unlink(path);
	}
}

/* Load; maps of another layout, which another version left, are thrown away first. */
static int load_over(const char *dir, struct steer_bpf **ret, struct err *err)
{
	libbpf_print_fn_t print = libbpf_hush();
	int r = load(dir, ret);

	if (r == -EINVAL) {
		unpin(dir);
		r = load(dir, ret);
	}
	libbpf_set_print(print);
	if (r == -EPERM)
		return err_set(err, r,
			       "loading the steering program: %m (CAP_BPF and CAP_NET_ADMIN)");
	return r < 0 ? err_set(err, r, "loading the steering program: %m (%s)", libbpf_last) : 0;
}

static int prog_id(const struct bpf_program *prog, uint32_t *ret)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int r = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len);

	if (r == 0)
		*ret = info.id;
	return r;
}

int path_steer_open(const char *bpffs_dir, struct path_steer **ret, struct err *err)
{
	struct path_steer *steer;
	int r = dir_ensure(bpffs_dir, err);

	if (r < 0)
		return r;
	steer = calloc(1, sizeof(*steer));
	if (!steer)
		return err_set(err, -ENOMEM, "%m");
	r = load_over(bpffs_dir, &steer->skel, err);
	if (r < 0) {
		free(steer);
		return r;
	}
	r = prog_id(steer->skel->progs.steer, &steer->steer_id);
	if (r == 0)
		r = prog_id(steer->skel->progs.steer_leak, &steer->leak_id);
	steer->n_cpus = libbpf_num_possible_cpus();
	if (r < 0 || steer->n_cpus < 1) {
		path_steer_close(steer);
		return err_set(err, -EIO, "asking for the steering program: %m");
	}
	*ret = steer;
	return 0;
}

void path_steer_close(struct path_steer *steer)
{
	if (!steer)
		return;
	steer_bpf__destroy(steer->skel);
	free(steer);
}

/* ---- targets and counters ---- */

static void target_encode(const struct health_path_target *target, struct steer_target *ret)
{
	bool is_ipv4 = addr_is_ipv4(&target->real);
	const struct addr *source = is_ipv4 ? &target->source4 : &target->source6;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->real, target->real.bytes, sizeof(ret->real));
	ret->has_source = is_ipv4 ? target->has_source4 : target->has_source6;
	if (ret->has_source)
		memcpy(ret->source, source->bytes, sizeof(ret->source));
	ret->ifindex = target->ifindex;
	ret->gue_port = htons(target->gue_port);
	ret->encap = target->encap == CONFIG_ENCAP_GUE ? LB_ENCAP_GUE : LB_ENCAP_IPIP;
	memcpy(ret->dst_mac, target->dst_mac, sizeof(ret->dst_mac));
	memcpy(ret->src_mac, target->src_mac, sizeof(ret->src_mac));
}

static int mark_index(uint32_t mark, uint32_t *ret, struct err *err)
{
	if ((mark & HEALTH_MARK_MASK) != HEALTH_MARK_BASE)
		return err_set(err, -EINVAL, "mark 0x%x is not one of the probe path", mark);
	*ret = mark & ~HEALTH_MARK_MASK;
	return 0;
}

int path_steer_set(struct path_steer *steer, uint32_t mark, const struct health_path_target *target,
		   struct err *err)
{
	struct steer_target value;
	uint32_t index;
	int r = mark_index(mark, &index, err);

	if (r < 0)
		return r;
	target_encode(target, &value);
	r = bpf_map_update_elem(bpf_map__fd(steer->skel->maps.steer_targets), &index, &value,
				BPF_ANY);
	return r < 0 ? err_set(err, r, "mark 0x%x: %m", mark) : 0;
}

bool path_steer_stands(struct path_steer *steer, uint32_t mark,
		       const struct health_path_target *target)
{
	struct steer_target wanted, found;
	uint32_t index;

	if (mark_index(mark, &index, NULL) < 0)
		return true;
	target_encode(target, &wanted);
	return bpf_map_lookup_elem(bpf_map__fd(steer->skel->maps.steer_targets), &index, &found) ==
		       0 &&
	       memcmp(&wanted, &found, sizeof(found)) == 0;
}

int path_steer_del(struct path_steer *steer, uint32_t mark, struct err *err)
{
	uint32_t index;
	int r = mark_index(mark, &index, err);

	if (r < 0)
		return r;
	r = bpf_map_delete_elem(bpf_map__fd(steer->skel->maps.steer_targets), &index);
	return r < 0 && r != -ENOENT ? err_set(err, r, "mark 0x%x: %m", mark) : 0;
}

bool path_steer_total(struct path_steer *steer, unsigned i, const char **ret_name,
		      uint64_t *ret_value)
{
	static const char *const names[] = {
#define X(name, word) word,
		STEER_CAUSES(X)
#undef X
	};
	AUTO(freep) uint64_t *per_cpu = NULL;
	uint64_t sum = 0;

	if (i >= STEER_CAUSE_MAX)
		return false;
	per_cpu = calloc((size_t)steer->n_cpus, sizeof(*per_cpu));
	if (per_cpu &&
	    bpf_map_lookup_elem(bpf_map__fd(steer->skel->maps.steer_counters), &i, per_cpu) == 0)
		for (int cpu = 0; cpu < steer->n_cpus; cpu++)
			sum += per_cpu[cpu];
	*ret_name = names[i];
	*ret_value = sum;
	return true;
}

/* ---- filters ---- */

static struct bpf_tc_hook hook_of(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)ifindex,
		.attach_point = point,
	};
}

static struct bpf_tc_opts filter_place(void)
{
	return (struct bpf_tc_opts){
		.sz = sizeof(struct bpf_tc_opts),
		.handle = FILTER_HANDLE,
		.priority = FILTER_PRIORITY,
	};
}

/* The id of the program in our place, 0 when there is none. */
static uint32_t filter_prog(const struct bpf_tc_hook *hook)
{
	struct bpf_tc_opts opts = filter_place();

	return bpf_tc_query(hook, &opts) == 0 ? opts.prog_id : 0;
}

static int filter_attach(struct bpf_tc_hook *hook, const struct bpf_program *prog)
{
	struct bpf_tc_opts opts = filter_place();
	int r = bpf_tc_hook_create(hook);

	if (r < 0 && r != -EEXIST) /* somebody else's clsact serves as well */
		return r;
	opts.prog_fd = bpf_program__fd(prog);
	opts.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(hook, &opts);
}

static int filter_ensure(struct bpf_tc_hook *hook, const struct bpf_program *prog, uint32_t id,
			 struct err *err)
{
	libbpf_print_fn_t print = libbpf_hush();
	int r = filter_prog(hook) == id ? 0 : 1;
	char name[IF_NAMESIZE];

	if (r == 1)
		r = filter_attach(hook, prog) ?: 1;
	libbpf_set_print(print);
	if (r >= 0)
		return r;
	if (!if_indextoname((unsigned)hook->ifindex, name))
		return err_set(err, -ENODEV, "interface %d: %m", hook->ifindex);
	return err_set(err, r, "interface %s: the tc filter of the probe path: %m (%s)", name,
		       libbpf_last);
}

int path_steer_ensure_far(struct path_steer *steer, uint32_t far, struct err *err)
{
	struct bpf_tc_hook hook = hook_of(far, BPF_TC_INGRESS);

	return filter_ensure(&hook, steer->skel->progs.steer, steer->steer_id, err);
}

int path_steer_ensure_uplink(struct path_steer *steer, uint32_t ifindex, struct err *err)
{
	struct bpf_tc_hook hook = hook_of(ifindex, BPF_TC_EGRESS);

	return filter_ensure(&hook, steer->skel->progs.steer_leak, steer->leak_id, err);
}

/* ---- removal ---- */

static void filter_seen(struct nlmsghdr *hdr, void *arg)
{
	if (hdr->nlmsg_type == RTM_NEWTFILTER)
		*(bool *)arg = true;
}

/* Whether anybody has a filter at one side of a clsact. */
static bool side_is_used(struct nl_sock *sk, uint32_t ifindex, uint32_t side)
{
	struct tcmsg tc = {
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, side),
	};
	bool is_used = false;

	if (request_ask(sk, path_msg(RTM_GETTFILTER, NLM_F_DUMP, &tc, sizeof(tc)), filter_seen,
			&is_used) < 0)
		return true;
	return is_used;
}

static void uplink_release(struct nl_sock *sk, uint32_t ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex, BPF_TC_EGRESS);
	struct bpf_tc_opts opts = filter_place();

	if (filter_prog(&hook) == 0 || bpf_tc_detach(&hook, &opts) < 0)
		return;
	if (side_is_used(sk, ifindex, TC_H_MIN_EGRESS) ||
	    side_is_used(sk, ifindex, TC_H_MIN_INGRESS))
		return;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* the whole clsact, now empty */
	bpf_tc_hook_destroy(&hook);
}

int path_steer_remove(struct nl_sock *sk, const char *bpffs_dir, struct err *err)
{
	struct if_nameindex *all = if_nameindex();
	libbpf_print_fn_t print = libbpf_hush();

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		uplink_release(sk, i->if_index);
	libbpf_set_print(print);
	if_freenameindex(all);
	unpin(bpffs_dir);
	rmdir(bpffs_dir); /* unless the data plane has pins there too */
	if (!all)
		return err_set(err, -ENOMEM, "listing the interfaces: %m");
	return 0;
}
