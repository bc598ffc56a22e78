/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach_test.c - pinning, adoption, attaching and the self-test on a real interface: a veth pair
 * in a network namespace of its own and a bpffs mounted for the test.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#undef dataplane_close /* many of these tests write what an earlier process would have */

/* While set, the program that is loaded next reads where it must not. */
static bool is_spoiled;
static unsigned n_loads;

/* In place of libbpf's, which it calls. */
int bpf_object__load_skeleton(struct bpf_object_skeleton *skeleton)
{
	int (*load)(struct bpf_object_skeleton *) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "bpf_object__load_skeleton");

	n_loads++;
	if (is_spoiled) {
		struct bpf_program *program = *skeleton->progs[0].prog;
		struct bpf_insn *insns = (struct bpf_insn *)(uintptr_t)bpf_program__insns(program);

		/* r0 = *(u64 *)(r10 - 1024), before the last exit: the verifier's log is long. */
		insns[bpf_program__insn_cnt(program) - 2] = (struct bpf_insn){
			.code = BPF_LDX | BPF_MEM | BPF_DW, .src_reg = BPF_REG_10, .off = -1024
		};
	}
	memcpy(&load, &symbol, sizeof(load));
	return load(skeleton);
}

static char bpffs[64];
static char dir[96];
static char set[112]; /* of today's layout, in dir */
static struct config config;

/* A NIC as a node's must be. */
static int make_uplink(void)
{
	return system("ip link add up0 address 02:00:00:00:00:01 type veth peer name peer0 && "
		      "ip link set up0 up && ip link set peer0 up && "
		      "ethtool -K up0 rxvlan off rx-vlan-stag-hw-parse off gro off >/dev/null");
}

static int set_up(void **state)
{
	(void)state;
	config.n_pools = 2;
	config.node.idle_us = 900 * USEC_PER_SEC;
	/* A mount namespace of our own: nothing to clean up outside, however the test ends. */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -1;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	snprintf(bpffs, sizeof(bpffs), "/tmp/shoal-packet-XXXXXX");
	if (!mkdtemp(bpffs) || mount("bpf", bpffs, "bpf", 0, NULL) < 0)
		return -1;
	snprintf(dir, sizeof(dir), "%s/shoal", bpffs);
	snprintf(set, sizeof(set), "%s/v%d", dir, LB_ABI_VERSION);
	return system("ip link set lo up") || make_uplink();
}

static int tear_down(void **state)
{
	(void)state;
	umount(bpffs);
	return rmdir(bpffs);
}

static bool has_xdp(void)
{
	return system("ip link show up0 | grep -q xdp") == 0;
}

static struct dataplane *open_here(void)
{
	struct dataplane *dp = NULL;
	struct err err = { "" };

	if (dataplane_open(dir, &config, &dp, &err) < 0)
		fail_msg("%s", err.text);
	return dp;
}

static int attach(struct dataplane *dp, struct err *err)
{
	return dataplane_attach(dp, 0, "up0", if_nametoindex("up0"), fixture_mac, CONFIG_XDP_AUTO,
				err);
}

static void attach_ok(struct dataplane *dp)
{
	struct err err = { "" };

	if (attach(dp, &err) < 0)
		fail_msg("%s", err.text);
}

/* A service with one ring that alternates between two reals, reached through the uplink. */
static struct dataplane_service program(struct dataplane *dp)
{
	static uint16_t slots[RING_SLOTS];
	struct dataplane_next_hop next_hop = { .usable = true };
	struct addr real[2] = { fixture_addr("10.0.0.1"), fixture_addr("fc00::1") };
	struct dataplane_service service = { .vip = fixture_prefix("10.200.1.1"),
					     .proto = IPPROTO_TCP,
					     .port = 80 };
	struct err err = { "" };
	uint16_t index[2];

	memcpy(next_hop.mac, fixture_gateway, 6);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dataplane_set_real(dp, &real[i], false, &index[i], &err), 0);
		assert_int_equal(dataplane_set_next_hop(dp, 0, &real[i], &next_hop, &err), 0);
	}
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index[i % 2];
	assert_int_equal(dataplane_ring_new(dp, &service.ring, &err), 0);
	assert_int_equal(dataplane_ring_write(dp, service.ring, slots, NULL, &err), 0);
	if (dataplane_set_service(dp, &service, &err) < 0)
		fail_msg("%s", err.text);
	return service;
}

static void remove_all(void)
{
	struct err err = { "" };

	if (dataplane_remove(dir, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(access(dir, F_OK), -1);
}

/* Where the ACK of a client's flow leaves for: the last byte of the outer destination. */
static uint32_t outer(const struct dataplane *dp, uint16_t sport, uint8_t tcp_flags)
{
	struct frame_spec spec = fixture_spec("192.168.1.1", "10.200.1.1", IPPROTO_TCP, 80);
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	size_t out_len = sizeof(out), len;
	struct err err = { "" };

	spec.sport = sport;
	spec.tcp_flags = tcp_flags;
	len = frame_build(&spec, frame);
	assert_int_equal(dataplane_run(dp, frame, len, out, &out_len, &err), XDP_TX);
	return out[33];
}

static void give_all(struct dataplane *dp, uint32_t ring, const char *real)
{
	static uint16_t slots[RING_SLOTS];
	struct dataplane_next_hop next_hop = { .usable = true };
	struct addr addr = fixture_addr(real);
	struct err err = { "" };
	uint16_t index;

	memcpy(next_hop.mac, fixture_gateway, 6);
	assert_int_equal(dataplane_set_real(dp, &addr, false, &index, &err), 0);
	assert_int_equal(dataplane_set_next_hop(dp, 0, &addr, &next_hop, &err), 0);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index;
	assert_int_equal(dataplane_ring_write(dp, ring, slots, NULL, &err), 0);
}

/* Test runs come in on the loopback: let it be the uplink, in the cell of the self-test. */
static struct dataplane *open_on_loopback(void)
{
	struct dataplane *dp = open_here();

	attach_ok(dp);
	dp->tables->uplink_cells[LB_UPLINKS] =
		(dp->tables->uplink_cells[0] & UINT32_MAX) | 1ULL << 32;
	assert_int_equal(mend_init(dp), 0); /* as if it had written that */
	return dp;
}

TEST(dataplane, restarts_in_the_middle_of_a_move_without_losing_a_flow)
{
	struct dataplane_transition before, after;
	struct dataplane *dp = open_on_loopback();
	struct dataplane_service service = program(dp);
	uint64_t entries, configured;

	give_all(dp, service.ring, "10.0.0.3");
	give_all(dp, service.ring, "10.0.0.4"); /* an alt of its own for some */
	assert_int_equal(outer(dp, 1, 0x02), 4);
	give_all(dp, service.ring, "10.0.0.5");
	assert_true(dataplane_ring_transition(dp, service.ring, &before));
	assert_int_equal(before.moving, RING_SLOTS);
	dataplane_close(dp);

	config.node.flow_table = 123456; /* has to wait for new maps */
	dp = open_on_loopback();
	config.node.flow_table = 0;
	assert_true(dataplane_is_adopted(dp));
	dataplane_flow_table(dp, &entries, &configured);
	assert_int_equal(entries, 65536);
	assert_int_equal(configured, 131072);
	assert_true(dataplane_ring_transition(dp, service.ring, &after));
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(outer(dp, 1, 0x10), 4); /* remembered */
	assert_int_equal(outer(dp, 2, 0x02), 5);
	assert_true(dataplane_tick(dp, usec_now()) > usec_now());
	assert_true(dataplane_tick(dp, usec_now() + 1000 * USEC_PER_SEC) != USEC_NEVER);
	assert_true(dataplane_ring_transition(dp, service.ring, &after));
	assert_int_equal(after.settling, RING_SLOTS); /* the clock began before the restart */
	assert_int_equal(outer(dp, 1, 0x10), 4);
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, survives_its_process_and_is_adopted)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp), *list;
	struct err err = { "" };
	size_t n;

	assert_false(dataplane_is_adopted(dp));
	attach_ok(dp);
	assert_true(dataplane_uplink(dp, 0)->is_native);
	dataplane_close(dp);

	dp = open_here();
	assert_true(dataplane_is_adopted(dp));
	attach_ok(dp);
	assert_true(dataplane_is_attached(dp, 0));
	assert_int_equal(dataplane_list_services(dp, &list, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_memory_equal(&list[0].vip, &service.vip, sizeof(service.vip));
	assert_int_equal(list[0].ring, service.ring);
	assert_int_equal(list[0].port, 80);
	free(list);
	assert_int_equal(dataplane_real_index(dp, &(struct addr){ { 0 } }), 0);
	if (dataplane_self_test(dp, &service, &err) < 0)
		fail_msg("%s", err.text);
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, keeps_the_program_where_nothing_changed)
{
	struct dataplane *dp = open_here();
	uint32_t id = dp->prog_id;
	unsigned loaded = n_loads;

	attach_ok(dp);
	dataplane_close(dp);
	dp = open_here();
	assert_int_equal(dp->prog_id, id);
	assert_int_equal(n_loads, loaded);  /* the verifier was not asked again */
	dp->tables->build++;                /* as an exchange that did not come to its end */
	assert_int_equal(mend_init(dp), 0); /* as if it had written that */
	dataplane_close(dp);
	dp = open_here();
	assert_int_equal(dp->prog_id, id);
	assert_int_equal(n_loads, loaded + 1);
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, exchanges_a_program_that_differs_under_the_link)
{
	struct dataplane *dp = open_here();
	uint32_t id = dp->prog_id;

	attach_ok(dp);
	dp->tables->switches[0] ^= 1;
	assert_int_equal(mend_init(dp), 0); /* as if it had written that */
	dataplane_close(dp);
	dp = open_here();
	assert_int_not_equal(dp->prog_id, id);
	attach_ok(dp);
	assert_true(dataplane_is_attached(dp, 0));
	dataplane_close(dp);
	remove_all();
}

/* The id of the second stage that the program in force calls. */
static uint32_t second_stage(void)
{
	uint32_t zero = 0, id = 0;
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/stages", set);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &id), 0);
	close(fd);
	return id;
}

/* The two stages of a program belong together: neither is exchanged without the other. */
TEST(dataplane, keeps_both_stages_in_force_when_the_exchange_fails)
{
	struct dataplane *dp = open_here(), *next = NULL;
	uint32_t id = dp->prog_id, second = second_stage();
	struct err err = { "" };
	char blocker[160];

	attach_ok(dp);
	dataplane_close(dp);
	dp = open_here(); /* the same program, nothing to exchange */
	assert_int_equal(second_stage(), second);
	dp->tables->switches[0] ^= 1;
	assert_int_equal(mend_init(dp), 0); /* as if it had written that */
	dataplane_close(dp);

	snprintf(blocker, sizeof(blocker), "%s/program_new", set);
	assert_int_equal(mkdir(blocker, 0700), 0);
	assert_int_equal(dataplane_open(dir, &config, &next, &err), -EEXIST);
	assert_int_equal(second_stage(), second);
	assert_int_equal(rmdir(blocker), 0);

	dp = open_here();
	assert_int_not_equal(dp->prog_id, id);
	assert_int_not_equal(second_stage(), second);
	dataplane_close(dp);
	remove_all();
}

/* Calls that fail instead of being carried out, as if the process had ended there. */
static bool fails_rename, fails_link_update;

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int (*real)(int, const char *, int, const char *) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "renameat");

	if (fails_rename) {
		errno = EIO;
		return -1;
	}
	memcpy(&real, &symbol, sizeof(real));
	return real(from_dir, from, to_dir, to);
}

int bpf_link_update(int link_fd, int prog_fd, const struct bpf_link_update_opts *opts)
{
	int (*real)(int, int, const struct bpf_link_update_opts *) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "bpf_link_update");

	if (fails_link_update) {
		errno = EIO;
		return -EIO;
	}
	memcpy(&real, &symbol, sizeof(real));
	return real(link_fd, prog_fd, opts);
}

/* The id of the program that the uplink runs. */
static uint32_t running_program(void)
{
	struct bpf_xdp_query_opts query = { .sz = sizeof(query) };

	assert_int_equal(bpf_xdp_query((int)if_nametoindex("up0"), 0, &query), 0);
	return query.prog_id;
}

/* Whether the program that the uplink runs answers a ping, which takes its second stage. */
static bool answers_pings(void)
{
	struct frame_spec spec = fixture_spec("192.168.1.1", "10.200.1.1", IPPROTO_UDP, 0);
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	size_t len = frame_build(&spec, frame);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_out = out,
		    .data_size_out = sizeof(out));
	int fd = bpf_prog_get_fd_by_id(running_program());

	frame[14 + 9] = IPPROTO_ICMP;
	frame[14 + 10] = frame[14 + 11] = 0;
	frame[14 + 20] = 8;
	frame[14 + 21] = 0;
	opts.data_size_in = (uint32_t)len;
	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	close(fd);
	return opts.retval == XDP_TX;
}

static uint32_t count_pins(const char *start)
{
	DIR *pins = opendir(set);
	const struct dirent *entry;
	uint32_t n = 0;

	assert_non_null(pins);
	while ((entry = readdir(pins)))
		n += !strncmp(entry->d_name, start, strlen(start));
	closedir(pins);
	return n;
}

/* Make the switches of the program in force differ from those wanted, or be the same again. */
static void flip_switch(void)
{
	struct lb_tables *tables;
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/tables", set);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	tables = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(tables, MAP_FAILED);
	tables->switches[0] ^= 1;
	munmap(tables, 4096);
	close(fd);
}

static void open_fails(void)
{
	struct dataplane *dp = NULL;
	struct err err = { "" };

	assert_int_equal(dataplane_open(dir, &config, &dp, &err), -EIO);
}

/* Whenever the process ends, the program that the links run keeps its second stage. */
TEST(dataplane, that_ends_in_an_exchange_leaves_a_whole_program_behind)
{
	struct dataplane *dp = open_on_loopback();
	uint32_t first = dp->prog_id, second;

	program(dp);
	assert_true(answers_pings());
	dp->tables->switches[0] ^= 1;
	assert_int_equal(mend_init(dp), 0); /* as if it had written that */
	dataplane_close(dp);

	fails_rename = true; /* behind the link update */
	open_fails();
	second = running_program();
	assert_int_not_equal(second, first);
	assert_true(answers_pings());
	fails_link_update = true; /* the next start ends before it */
	open_fails();
	open_fails();
	assert_int_equal(running_program(), second);
	assert_true(answers_pings());

	fails_rename = fails_link_update = false;
	dp = open_on_loopback();
	assert_int_equal(running_program(), dp->prog_id);
	assert_int_not_equal(dp->prog_id, second);
	assert_true(answers_pings());
	assert_int_equal(count_pins("stages"), 1);
	dataplane_close(dp);
	remove_all();
}

static uint32_t link_id(void)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/link_%u", dir, if_nametoindex("up0"));
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

/* The links ran the next program already, but it was the former one that was started again. */
TEST(dataplane, that_ended_in_an_exchange_goes_back_without_letting_go_of_the_uplink)
{
	struct dataplane *dp = open_on_loopback();
	uint32_t link;

	program(dp);
	dataplane_close(dp);
	flip_switch();
	fails_rename = true;
	open_fails();
	fails_rename = false;
	flip_switch();
	link = link_id();
	dp = open_on_loopback();
	assert_int_equal(running_program(), dp->prog_id);
	assert_true(answers_pings());
	assert_int_equal(link_id(), link);
	dataplane_close(dp);
	remove_all();
}

/* A node whose new program is refused goes on with the old one. */
TEST(dataplane, keeps_the_program_in_force_when_the_kernel_refuses_the_next)
{
	struct dataplane *dp = open_here(), *next = NULL;
	struct dataplane_service service = program(dp);
	uint32_t id = dp->prog_id;
	struct err err = { "" };

	attach_ok(dp);
	dp->tables->build = 0; /* as of another object */
	assert_int_equal(mend_init(dp), 0);
	dataplane_close(dp);
	is_spoiled = true;
	assert_int_equal(dataplane_open(dir, &config, &next, &err), -EACCES);
	is_spoiled = false;
	assert_non_null(strstr(err.text, "the kernel refuses the XDP program: Permission denied"));
	assert_non_null(strstr(err.text, "invalid read from stack R10 off=-1024 size=8"));
	assert_null(strstr(err.text, "processed "));
	assert_true(has_xdp());

	dp = open_here();
	assert_int_equal(dp->prog_id, id);
	attach_ok(dp);
	if (dataplane_self_test(dp, &service, &err) < 0)
		fail_msg("%s", err.text);
	dataplane_close(dp);

	/* And one that never ran leaves nothing behind. */
	remove_all();
	is_spoiled = true;
	assert_int_equal(dataplane_open(dir, &config, &next, &err), -EACCES);
	is_spoiled = false;
	assert_non_null(strstr(err.text, "invalid read from stack"));
	remove_all();
}

TEST(dataplane, makes_room_for_more_pools_when_adopted)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp);
	uint32_t n_rings = dp->n_rings, word = dataplane_ring(dp, service.ring)[65536];
	struct err err = { "" };

	attach_ok(dp);
	dataplane_close(dp);
	config.n_pools = n_rings + 1;
	dp = open_here();
	assert_true(dp->n_rings > n_rings);
	attach_ok(dp);
	assert_int_equal(dataplane_ring(dp, service.ring)[65536], word);
	if (dataplane_self_test(dp, &service, &err) < 0)
		fail_msg("%s", err.text);
	dataplane_close(dp);
	config.n_pools = 2;
	remove_all();
}

TEST(dataplane, refuses_maps_of_another_layout_and_leaves_them)
{
	struct dataplane *dp = open_here();
	struct err err = { "" };

	dp->tables->abi_version = 999;
	assert_int_equal(mend_init(dp), 0);
	dataplane_close(dp);
	assert_int_equal(dataplane_open(dir, &config, &dp, &err), -ESTALE);
	assert_non_null(strstr(err.text, "999"));
	assert_non_null(strstr(err.text, "remove"));
	remove_all();
}

/* ---- maps of another layout ---- */

/* What is pinned becomes a set of another version, for all that this one knows of it. */
static char other_set[112];
static void become_other(void)
{
	snprintf(other_set, sizeof(other_set), "%s/v999", dir);
	assert_int_equal(rename(set, other_set), 0);
}

static int update_link(const char *ifname, int prog_fd)
{
	char path[160];
	int fd, r;

	snprintf(path, sizeof(path), "%s/link_%u", dir, if_nametoindex(ifname));
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	r = bpf_link_update(fd, prog_fd, NULL);
	close(fd);
	return r;
}

static void prove(struct dataplane *dp, const struct dataplane_service *service)
{
	struct err err;

	if (dataplane_self_test(dp, service, &err) < 0)
		fail_msg("%s", err.text);
}

TEST(change_over, leaves_the_uplink_to_the_former_set_until_it_is_told)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp);
	uint32_t former = dp->prog_id, link;
	struct err err = { "" };

	attach_ok(dp);
	dataplane_close(dp);
	become_other();
	link = link_id();
	for (int start = 0; start < 2; start++) { /* the second finds what the first had begun */
		dp = open_here();
		assert_true(dataplane_is_changing_over(dp));
		assert_false(dataplane_is_adopted(dp));
		attach_ok(dp);
		assert_true(dataplane_is_attached(dp, 0));
		assert_int_equal(running_program(), former);
		service = program(dp);
		prove(dp, &service);
		if (start == 0)
			dataplane_close(dp);
	}
	fails_link_update = true;
	assert_int_equal(dataplane_change_over(dp, &err), -EIO);
	fails_link_update = false;
	assert_true(dataplane_is_changing_over(dp));
	assert_int_equal(running_program(), former);
	assert_int_equal(access(other_set, F_OK), 0);

	assert_int_equal(dataplane_change_over(dp, &err), 0);
	assert_false(dataplane_is_changing_over(dp));
	assert_int_equal(running_program(), dp->prog_id);
	assert_true(dataplane_is_attached(dp, 0));
	assert_int_equal(link_id(), link);
	assert_int_not_equal(access(other_set, F_OK), 0);
	dataplane_close(dp);

	dp = open_here();
	assert_true(dataplane_is_adopted(dp));
	attach_ok(dp);
	prove(dp, &service);
	dataplane_close(dp);
	remove_all();
}

/* It ended between two uplinks, or before the former set was removed. */
TEST(change_over, is_finished_by_the_next_start)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 3 };
	struct dataplane *dp = open_here();
	struct dataplane_service service;
	struct err err = { "" };

	assert_int_equal(system("ip link add up1 address 02:00:00:00:00:03 type veth peer name "
				"peer1 && ip link set up1 up && ip link set peer1 up && ethtool -K "
				"up1 rxvlan off rx-vlan-stag-hw-parse off gro off >/dev/null"),
			 0);
	service = program(dp);
	for (int ended = 0; ended < 2; ended++) {
		attach_ok(dp);
		if (dataplane_attach(dp, 1, "up1", if_nametoindex("up1"), mac, CONFIG_XDP_AUTO,
				     &err) < 0)
			fail_msg("%s", err.text);
		dataplane_close(dp);
		become_other();
		dp = open_here();
		assert_true(dataplane_is_changing_over(dp));
		service = program(dp);
		assert_int_equal(update_link("up1", dp->prog_fd), 0);
		if (ended == 1)
			assert_int_equal(update_link("up0", dp->prog_fd), 0);
		dataplane_close(dp);

		dp = open_here();
		assert_false(dataplane_is_changing_over(dp));
		assert_true(dataplane_is_adopted(dp));
		assert_int_equal(running_program(), dp->prog_id);
		attach_ok(dp);
		prove(dp, &service);
		assert_int_not_equal(access(other_set, F_OK), 0);
	}
	dataplane_close(dp);
	remove_all();
	assert_int_equal(system("ip link del up1"), 0);
}

/* Half a set, and one that nobody runs, are removed. */
TEST(change_over, keeps_nothing_of_sets_that_no_link_runs)
{
	struct dataplane *dp = open_here();
	char path[160];

	program(dp);
	dataplane_close(dp);
	become_other();
	dp = open_here();
	assert_false(dataplane_is_changing_over(dp));
	assert_false(dataplane_is_adopted(dp));
	assert_int_not_equal(access(other_set, F_OK), 0);
	dataplane_close(dp);

	snprintf(path, sizeof(path), "%s/tables", set);
	assert_int_equal(unlink(path), 0);
	dp = open_here();
	assert_false(dataplane_is_adopted(dp));
	dataplane_close(dp);
	remove_all();
}

static void count_mended(const struct dataplane_mended *mended, void *arg)
{
	assert_int_equal(mended->part, DATAPLANE_PART_PIN);
	++*(unsigned *)arg;
}

/* Maps go where their set is, the link beside it; what stands is left alone. */
TEST(dataplane, pins_anew_what_somebody_unpinned)
{
	static const char *const names[] = { "rings", "tables", "program", "age" };
	struct dataplane *dp = open_here();
	uint32_t link, id = dp->prog_id;
	unsigned mended = 0;
	char path[160];

	attach_ok(dp);
	link = link_id();
	dataplane_mend(dp, count_mended, &mended);
	assert_int_equal(mended, 0);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", set, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	snprintf(path, sizeof(path), "%s/link_%u", dir, if_nametoindex("up0"));
	assert_int_equal(unlink(path), 0);
	dataplane_mend(dp, count_mended, &mended);
	assert_int_equal(mended, 5);
	assert_int_equal(link_id(), link);
	snprintf(path, sizeof(path), "%s/rings", dir);
	assert_int_not_equal(access(path, F_OK), 0);
	dataplane_close(dp);
	dp = open_here();
	assert_true(dataplane_is_adopted(dp));
	assert_int_equal(dp->prog_id, id);
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, refuses_a_second_controller)
{
	struct dataplane *dp = open_here(), *second = NULL;
	struct err err = { "" };

	assert_int_equal(dataplane_open(dir, &config, &second, &err), -EBUSY);
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, refuses_a_directory_off_bpffs)
{
	struct dataplane *dp = NULL;
	struct err err = { "" };

	assert_int_equal(dataplane_open("/tmp", &config, &dp, &err), -EINVAL);
	assert_non_null(strstr(err.text, "mount -t bpf"));
}

TEST(dataplane, leaves_a_foreign_xdp_program_in_place)
{
	struct dataplane *dp = open_here();
	struct dataplane *other = NULL;
	struct err err = { "" };
	char other_dir[128];

	snprintf(other_dir, sizeof(other_dir), "%s/other", bpffs);
	attach_ok(dp);
	assert_int_equal(dataplane_open(other_dir, &config, &other, &err), 0);
	assert_int_equal(attach(other, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another XDP program (id "));
	assert_true(dataplane_is_attached(dp, 0));
	dataplane_close(other);
	assert_int_equal(dataplane_remove(other_dir, &err), 0);
	assert_true(dataplane_is_attached(dp, 0));
	dataplane_close(dp);
	remove_all();
	assert_int_equal(system("ip link show up0 | grep -q xdp"), 1 << 8);
}

TEST(dataplane, attaches_anew_when_the_interface_was_made_anew)
{
	struct dataplane *dp = open_here();

	attach_ok(dp);
	assert_int_equal(system("ip link del up0") || make_uplink(), 0);
	assert_false(dataplane_is_attached(dp, 0));
	attach_ok(dp);
	assert_true(dataplane_is_attached(dp, 0));
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, takes_generic_mode_when_asked_for)
{
	struct dataplane *dp = open_here();
	struct err err = { "" };

	assert_int_equal(dataplane_attach(dp, 0, "up0", if_nametoindex("up0"), fixture_mac,
					  CONFIG_XDP_GENERIC, &err),
			 0);
	assert_false(dataplane_uplink(dp, 0)->is_native);
	assert_true(dataplane_is_attached(dp, 0));
	dataplane_close(dp);
	remove_all();
}

static void set_offload(const char *words)
{
	char command[128];

	snprintf(command, sizeof(command), "ethtool -K up0 %s >/dev/null", words);
	assert_int_equal(system(command), 0);
}

TEST(dataplane, refuses_native_mode_while_the_nic_takes_tags_off)
{
	static const char *const on[] = { "rxvlan on", "rx-vlan-stag-hw-parse on" };
	static const char *const off[] = { "rxvlan off", "rx-vlan-stag-hw-parse off" };
	struct dataplane *dp = open_here();
	struct err err = { "" };

	for (int i = 0; i < 2; i++) {
		char remedy[96];

		set_offload(on[i]);
		assert_int_equal(attach(dp, &err), -EOPNOTSUPP);
		snprintf(remedy, sizeof(remedy), "ethtool -K up0 %s", off[i]);
		assert_string_equal(strstr(err.text, "ethtool"), remedy);
		assert_string_equal(dataplane_uplink(dp, 0)->refused_why, err.text);
		assert_false(has_xdp());
		assert_int_equal(system(remedy), 0);
	}
	attach_ok(dp);
	assert_string_equal(dataplane_uplink(dp, 0)->refused_why, "");
	assert_int_equal(dataplane_check_offload(dp, 0, &err), 0);

	/* What stands goes on, but somebody shall know. */
	set_offload("rxvlan on");
	attach_ok(dp);
	assert_true(dataplane_is_attached(dp, 0));
	assert_int_equal(dataplane_check_offload(dp, 0, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "ethtool -K up0 rxvlan off"));
	set_offload("rxvlan off");
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, refuses_generic_mode_while_packets_are_merged)
{
	struct dataplane *dp = open_here();
	struct err err = { "" };
	uint32_t ifindex = if_nametoindex("up0");

	set_offload("gro on rxvlan on");
	assert_int_equal(
		dataplane_attach(dp, 0, "up0", ifindex, fixture_mac, CONFIG_XDP_GENERIC, &err),
		-EOPNOTSUPP);
	assert_string_equal(strstr(err.text, "ethtool"), "ethtool -K up0 gro off");
	assert_false(has_xdp());
	set_offload("gro off");
	assert_int_equal(
		dataplane_attach(dp, 0, "up0", ifindex, fixture_mac, CONFIG_XDP_GENERIC, &err), 0);
	assert_int_equal(dataplane_check_offload(dp, 0, &err), 0);
	set_offload("gro on");
	assert_int_equal(dataplane_check_offload(dp, 0, &err), -EOPNOTSUPP);
	set_offload("gro off rxvlan off");
	dataplane_close(dp);
	remove_all();
}

TEST(dataplane, names_an_interface_that_is_not_there)
{
	struct dataplane *dp = open_here();
	struct err err = { "" };

	assert_int_equal(dataplane_attach(dp, 0, "eth9", 4711, fixture_mac, CONFIG_XDP_AUTO, &err),
			 -ENODEV);
	assert_string_equal(err.text, "uplink 'eth9': no such interface");
	dataplane_close(dp);
	remove_all();
}

/* ---- rules and ids ---- */

static struct config_real reals[2] = { { .server_id = 1023 }, { .server_id = 0xfedcba98 } };
static struct config_source_route routes[2];
static struct prefix drops[2];

/* The service of program() with two rules of each kind, and ids for its reals. */
static struct dataplane_service program_special(struct dataplane *dp)
{
	struct dataplane_service service = program(dp);
	struct err err = { "" };

	reals[0].addr = fixture_addr("10.0.0.1");
	reals[1].addr = fixture_addr("fc00::1");
	routes[0] = (struct config_source_route){ fixture_prefix("198.51.100.0/24"), 0 };
	routes[1] = (struct config_source_route){ fixture_prefix("198.51.100.2/32"), 1 };
	drops[0] = fixture_prefix("192.0.2.0/24");
	drops[1] = fixture_prefix("0.0.0.0/0");
	service.rate = 1;
	service.tcp_server_id = true;
	service.reals = reals;
	service.source_routes = routes;
	service.n_source_routes = 2;
	service.drop_sources = drops;
	service.n_drop_sources = 1;
	assert_int_equal(dataplane_set_server_ids(dp, service.ring, reals, 2, &err), 0);
	assert_int_equal(dataplane_set_service(dp, &service, &err), 0);
	return service;
}

static size_t count_keys(const struct bpf_map *map)
{
	uint8_t key[64], *previous = NULL;
	size_t n = 0;

	while (bpf_map_get_next_key(bpf_map__fd(map), previous, key) == 0) {
		previous = key;
		n++;
	}
	return n;
}

static void expect_keys(const struct dataplane *dp, size_t n_routes, size_t n_drops, size_t n_ids)
{
	assert_int_equal(count_keys(dp->skel->maps.source_routes), n_routes);
	assert_int_equal(count_keys(dp->skel->maps.source_drops), n_drops);
	assert_int_equal(count_keys(dp->skel->maps.server_ids), n_ids);
	assert_int_equal(dp->n_source_routes, n_routes);
	assert_int_equal(dp->n_source_drops, n_drops);
	assert_int_equal(dp->n_ids, n_ids);
}

TEST(dataplane, adopts_rules_and_ids)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program_special(dp);
	struct err err = { "" };

	dataplane_close(dp);
	dp = open_here();
	assert_true(dataplane_is_adopted(dp));
	expect_keys(dp, 2, 1, 4);
	assert_true(dataplane_service_stands(dp, &service));
	assert_int_equal(dataplane_set_server_ids(dp, service.ring, reals + 1, 1, &err), 0);
	service.n_source_routes = 1;
	assert_false(dataplane_service_stands(dp, &service));
	assert_int_equal(dataplane_set_service(dp, &service, &err), 0);
	expect_keys(dp, 1, 1, 2);
	assert_int_equal(dataplane_del_service(dp, &service.vip, IPPROTO_TCP, 80, &err), 0);
	assert_int_equal(dataplane_ring_del(dp, service.ring, &err), 0);
	expect_keys(dp, 0, 0, 0);
	dataplane_close(dp);
	remove_all();
}

/* A process that died in the middle of a change left rules and ids that belong to nothing. */
TEST(dataplane, removes_rules_and_ids_of_what_is_gone)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program_special(dp);
	struct source_lists lists;
	struct err err = { "" };
	uint32_t ring;

	assert_int_equal(source_lists_make(dp, 4711, &service, &lists, &err), 0);
	assert_int_equal(sources_add(dp, 4711, &lists, &err), 0);
	source_lists_fini(&lists);
	assert_int_equal(dataplane_ring_new(dp, &ring, &err), 0);
	reals[0].server_id = 5;
	assert_int_equal(dataplane_set_server_ids(dp, ring, reals, 1, &err), 0);
	assert_int_equal(count_keys(dp->skel->maps.source_routes), 4);
	assert_int_equal(count_keys(dp->skel->maps.server_ids), 6);
	reals[0].server_id = 1023;
	dataplane_close(dp);
	dp = open_here();
	expect_keys(dp, 2, 1, 4);
	dataplane_close(dp);
	remove_all();
}

#define SPREAD 256

/* Where the first packets of many flows go, of two reals, by a node with this hash key. */
static void spread(const char *key, uint8_t ret[SPREAD])
{
	static uint16_t slots[RING_SLOTS];
	struct dataplane_service service;
	struct dataplane *dp;
	struct err err = { "" };
	uint16_t index[2];
	char path[64];
	int fd = memfd_create("hash-key", MFD_CLOEXEC);

	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, key, strlen(key)), (ssize_t)strlen(key));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config.node.hash_key_file = *key ? path : NULL;
	dp = open_on_loopback();
	service = program(dp);
	give_all(dp, service.ring, "10.0.0.3");
	give_all(dp, service.ring, "10.0.0.4");
	for (int i = 0; i < 2; i++) {
		struct addr addr = fixture_addr(i ? "10.0.0.4" : "10.0.0.3");

		index[i] = dataplane_real_index(dp, &addr);
	}
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index[i % 2];
	assert_int_equal(dataplane_ring_write(dp, service.ring, slots, NULL, &err), 0);
	for (uint16_t i = 0; i < SPREAD; i++)
		ret[i] = (uint8_t)outer(dp, (uint16_t)(1000 + i), 0x02);
	config.node.hash_key_file = NULL;
	close(fd);
	dataplane_close(dp);
	remove_all();
}

static uint32_t count_others(const uint8_t a[SPREAD], const uint8_t b[SPREAD])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SPREAD; i++)
		n += a[i] != b[i];
	return n;
}

/* By chance half of the flows change sides; so few as a quarter once in 10^15 keys. */
TEST(hash_key, decides_how_flows_spread)
{
	uint8_t without[SPREAD], first[SPREAD], again[SPREAD], other[SPREAD];

	spread("", without);
	spread("00112233445566aa", first);
	spread("00112233445566aa", again);
	spread("8899aabbccddeeff", other);
	assert_int_equal(count_others(first, again), 0);
	assert_true(count_others(first, other) > SPREAD / 4);
	assert_true(count_others(first, without) > SPREAD / 4);
	assert_true(count_others(other, without) > SPREAD / 4);
}

TEST(self_test, knows_routes_and_drop_lists)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program_special(dp);
	struct err err = { "" };

	attach_ok(dp);
	for (service.n_drop_sources = 0; service.n_drop_sources <= 2; service.n_drop_sources++) {
		assert_int_equal(dataplane_set_service(dp, &service, &err), 0);
		if (dataplane_self_test(dp, &service, &err) < 0)
			fail_msg("%s", err.text);
	}
	service.n_drop_sources = 1;
	assert_int_equal(dataplane_set_service(dp, &service, &err), 0);
	assert_int_equal(dataplane_set_real_life(dp, &reals[0].addr, DATAPLANE_REAL_LEAVING, &err),
			 0);
	if (dataplane_self_test(dp, &service, &err) < 0)
		fail_msg("%s", err.text);
	dataplane_close(dp);
	remove_all();
}

TEST(self_test, finds_a_slot_without_real_and_a_real_without_next_hop)
{
	static uint16_t slots[RING_SLOTS];
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp);
	struct dataplane_next_hop none = { .usable = false };
	struct addr real = fixture_addr("10.0.0.1");
	struct err err = { "" };

	attach_ok(dp);
	assert_int_equal(dataplane_self_test(dp, &service, &err), 0);
	assert_int_equal(dataplane_set_next_hop(dp, 0, &real, &none, &err), 0);
	assert_int_equal(dataplane_self_test(dp, &service, &err), -EIO);
	assert_string_equal(err.text, "a packet for real 10.0.0.1 was dropped: no-next-hop");
	assert_int_equal(dataplane_ring_write(dp, service.ring, slots, NULL, &err), 0);
	assert_int_equal(dataplane_self_test(dp, &service, &err), -EIO);
	assert_non_null(strstr(err.text, "names no real"));
	dataplane_close(dp);
	remove_all();
}

/* A program that follows another ring than the one we think it does, as after a lost write. */
TEST(self_test, finds_a_program_that_follows_another_ring)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp);
	struct lb_ring *mapped = dp->rings, *believed = malloc(sizeof(*believed));
	struct err err = { "" };

	attach_ok(dp);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		believed->slots[i] = LB_SLOT(3, 3) - mapped[0].slots[i];
	dp->rings = believed;
	assert_int_equal(service.ring, 0);
	assert_int_equal(dataplane_self_test(dp, &service, &err), -EIO);
	assert_non_null(strstr(err.text, ") left for "));
	dp->rings = mapped;
	free(believed);
	dataplane_close(dp);
	remove_all();
}

static bool count_captured(const struct dataplane_captured *packet, void *arg)
{
	(void)packet;
	++*(unsigned *)arg;
	return true;
}

TEST(self_test, is_not_captured)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp);
	struct dataplane_capture capture = { .reasons = { UINT64_MAX, UINT64_MAX },
					     .until = usec_now() + 600 * USEC_PER_SEC };
	struct err err = { "" };
	unsigned n = 0;

	attach_ok(dp);
	assert_int_equal(dataplane_capture_start(dp, &capture, &err), 0);
	assert_int_equal(dataplane_self_test(dp, &service, &err), 0);
	dataplane_capture_read(dp, count_captured, &n);
	assert_int_equal(n, 0);
	dataplane_close(dp);
	remove_all();
}

TEST(self_test, counts_in_a_line_of_its_own)
{
	struct dataplane *dp = open_here();
	struct dataplane_service service = program(dp);
	struct dataplane_count count;
	uint64_t sent, self_test;
	struct err err = { "" };
	const char *name;
	unsigned i = 0;

	attach_ok(dp);
	assert_int_equal(dataplane_self_test(dp, &service, &err), 0);
	assert_true(dataplane_service_count(dp, &service.vip, IPPROTO_TCP, 80, &count));
	assert_int_equal(count.packets, 0);
	assert_true(dataplane_total(dp, 0, &name, &sent));
	assert_string_equal(name, "sent");
	assert_int_equal(sent, 0);
	while (dataplane_total(dp, i, &name, &self_test) && strcmp(name, "self-test") != 0)
		i++;
	assert_string_equal(name, "self-test");
	assert_int_equal(self_test, 8);
	dataplane_close(dp);
	remove_all();
}

/* What the daemon does, as the user it runs as; in a process of its own. */
static int run_unprivileged(const char *where)
{
	struct dataplane_service service = { .ring = DATAPLANE_NO_RING };
	struct dataplane_service *list = NULL;
	struct dataplane *dp = NULL;
	struct err err = { "" };
	size_t n = 0;
	int r;

	config.n_pools = 2;
	r = dataplane_open(where, &config, &dp, &err);
	if (!r)
		r = attach(dp, &err);
	if (!r)
		r = dataplane_list_services(dp, &list, &n, &err);
	if (!r)
		service = n ? list[0] : program(dp);
	if (!r)
		r = dataplane_self_test(dp, &service, &err);
	if (r < 0)
		fprintf(stderr, "as nobody: %s\n", err.text);
	free(list);
	dataplane_close(dp);
	return r < 0;
}

/* setpriv comes last: what it starts may lie in a directory that nobody may not search. */
static int as_nobody(const char *caps)
{
	char command[1024], self[256];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(len > 0);
	self[len] = '\0';
	snprintf(command, sizeof(command),
		 "prlimit --memlock=65536:65536 "
		 "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "
		 "--bounding-set -all%s --inh-caps -all%s --ambient-caps -all%s "
		 "%s unprivileged %s/nobody",
		 caps, caps, caps, self, bpffs);
	return system(command);
}

TEST(dataplane, works_as_a_user_with_three_capabilities)
{
	char where[128];
	struct err err = { "" };

	snprintf(where, sizeof(where), "%s/nobody", bpffs);
	assert_int_equal(chown(bpffs, 65534, 65534), 0);
	assert_int_equal(as_nobody(",+net_admin,+bpf,+perfmon"), 0);
	assert_int_equal(as_nobody(",+net_admin,+bpf,+perfmon"), 0);
	assert_int_not_equal(as_nobody(""), 0);
	assert_int_equal(dataplane_remove(where, &err), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(dataplane, survives_its_process_and_is_adopted),
		T(dataplane, restarts_in_the_middle_of_a_move_without_losing_a_flow),
		T(dataplane, keeps_the_program_where_nothing_changed),
		T(dataplane, exchanges_a_program_that_differs_under_the_link),
		T(dataplane, keeps_both_stages_in_force_when_the_exchange_fails),
		T(dataplane, that_ends_in_an_exchange_leaves_a_whole_program_behind),
		T(dataplane, that_ended_in_an_exchange_goes_back_without_letting_go_of_the_uplink),
		T(dataplane, makes_room_for_more_pools_when_adopted),
		T(dataplane, refuses_maps_of_another_layout_and_leaves_them),
		T(change_over, leaves_the_uplink_to_the_former_set_until_it_is_told),
		T(change_over, is_finished_by_the_next_start),
		T(change_over, keeps_nothing_of_sets_that_no_link_runs),
		T(dataplane, pins_anew_what_somebody_unpinned),
		T(dataplane, refuses_a_second_controller),
		T(dataplane, refuses_a_directory_off_bpffs),
		T(dataplane, leaves_a_foreign_xdp_program_in_place),
		T(dataplane, attaches_anew_when_the_interface_was_made_anew),
		T(dataplane, keeps_the_program_in_force_when_the_kernel_refuses_the_next),
		T(dataplane, takes_generic_mode_when_asked_for),
		T(dataplane, refuses_native_mode_while_the_nic_takes_tags_off),
		T(dataplane, refuses_generic_mode_while_packets_are_merged),
		T(dataplane, works_as_a_user_with_three_capabilities),
		T(dataplane, names_an_interface_that_is_not_there),
		T(dataplane, adopts_rules_and_ids),
		T(dataplane, removes_rules_and_ids_of_what_is_gone),
		T(hash_key, decides_how_flows_spread),
		T(self_test, knows_routes_and_drop_lists),
		T(self_test, finds_a_slot_without_real_and_a_real_without_next_hop),
		T(self_test, finds_a_program_that_follows_another_ring),
		T(self_test, is_not_captured),
		T(self_test, counts_in_a_line_of_its_own),
	};

	if (argc == 3 && !strcmp(argv[1], "unprivileged"))
		return run_unprivileged(argv[2]);
	fixture_need_root();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
