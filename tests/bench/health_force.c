/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_force.c - the bench plays shoal-probe towards a real shoald: it judges all reals up, then
 * one after another down and up again. A time begins before the verdict is sent and ends when no
 * slot of the pinned ring names that real for new flows any more, which the bench sees in memory,
 * for it maps the ring as the program does. What index a real has in the ring is learned by a first
 * time down that is not measured.
 */
#include "tests/bench/health_force.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/lb_abi.h"
#include "health/message.h"

#define REALS    100U
#define ROUNDS   50U
#define PATIENCE (60 * USEC_PER_SEC) /* for what should take a second */

struct force {
	char directory[64];
	pid_t shoald;
	int fd; /* probe.sock */
	uint64_t ids[REALS];
	const struct lb_ring *ring; /* of the pool */
};

static void fail(const struct force *f, const char *what, const char *why)
{
	fprintf(stderr, "health: in-force: %s: %s; see %s\n", what, why, f->directory);
	exit(1);
}

/* ---- the site ---- */

static void sh(const struct force *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void sh(const struct force *f, const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail(f, command, "failed");
}

/* An uplink with the neighbours that are the reals. */
static void make_uplink(const struct force *f)
{
	sh(f, "ip link add bench0 type veth peer name bench1");
	sh(f, "ethtool -K bench0 rxvlan off rx-vlan-stag-hw-parse off");
	sh(f, "ip addr add 10.9.0.1/16 dev bench0");
	sh(f, "ip link set bench0 up && ip link set bench1 up");
	for (unsigned i = 0; i < REALS; i++)
		sh(f, "ip neigh add 10.9.1.%u lladdr 02:00:00:00:00:%02x dev bench0", i + 1, i + 1);
}

static void write_config(const struct force *f)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/shoal.yaml", f->directory);
	file = fopen(path, "we");
	if (!file)
		fail(f, path, strerror(errno));
	fprintf(file,
		"node: {name: bench, uplinks: [bench0], mtu: 1600, client-mtu: 1500,\n"
		"       encap-source: {ipv4: 10.9.0.1}}\n"
		"routing: {vty: %s, local-as: 65010, vip-ranges: [192.0.2.0/24],\n"
		"          peers: {tor: 10.9.0.2}}\n"
		"checks: {alive: {type: tcp, via: direct}}\n"
		"pools:\n"
		"  web:\n"
		"    check: alive\n"
		"    reals:\n",
		f->directory);
	for (unsigned i = 0; i < REALS; i++)
		fprintf(file, "      r%u: 10.9.1.%u\n", i, i + 1);
	fprintf(file, "vips: {www: {address: 192.0.2.1, services: [{tcp: 80, pool: web}]}}\n");
	fclose(file);
}

static void start_shoald(struct force *f, const struct apart *apart)
{
	char config[96], run[96], state[96], bpffs[96];

	snprintf(config, sizeof(config), "%s/shoal.yaml", f->directory);
	snprintf(run, sizeof(run), "%s/run", f->directory);
	snprintf(state, sizeof(state), "%s/state", f->directory);
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", f->directory);
	if (mkdir(run, 0755) < 0 || mkdir(state, 0755) < 0 || mkdir(bpffs, 0755) < 0 ||
	    mount("bpf", bpffs, "bpf", 0, NULL) < 0)
		fail(f, f->directory, strerror(errno));
	f->shoald = fork();
	if (f->shoald < 0)
		fail(f, "start", strerror(errno));
	if (f->shoald > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	apart_pin(apart, APART_PROBER);
	execl(SHOALD, "shoald", "--config", config, "--run-dir", run, "--state-dir", state,
	      "--bpffs", bpffs, "--log-level", "warn", (char *)NULL);
	_exit(1);
}

/* ---- the prober's side ---- */

static void send_message(const struct force *f, const struct message *message)
{
	uint8_t packet[MESSAGE_MAX];
	int len = message_encode(message, packet);

	if (len < 0 || send(f->fd, packet, (size_t)len, MSG_NOSIGNAL) < 0)
		fail(f, "probe.sock", "shoald is gone");
}

static void connect_to_shoald(struct force *f)
{
	struct message hello = { .kind = MESSAGE_HELLO, .hello.program = "shoal-bench" };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	usec_t deadline = usec_now() + PATIENCE;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/run/probe.sock", f->directory);
	f->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	while (connect(f->fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0) {
		if (usec_now() > deadline || waitpid(f->shoald, NULL, WNOHANG) != 0)
			fail(f, "shoald", "it does not start");
		usleep(10000);
	}
	send_message(f, &hello);
}

static void take_targets(struct force *f)
{
	struct message m;
	unsigned n = 0;

	do {
		struct pollfd wait = { .fd = f->fd, .events = POLLIN };
		uint8_t packet[MESSAGE_MAX];
		ssize_t len = -1;

		if (poll(&wait, 1, (int)(PATIENCE / USEC_PER_MSEC)) == 1)
			len = recv(f->fd, packet, sizeof(packet), 0);
		if (len <= 0 || message_decode(packet, (size_t)len, &m) < 0)
			fail(f, "probe.sock", "no targets come");
		if (m.kind == MESSAGE_TARGET && n < REALS)
			f->ids[n++] = m.target.id;
	} while (m.kind != MESSAGE_TARGETS_END);
	if (n != REALS)
		fail(f, "probe.sock", "not every real is a target");
}

static void judge(const struct force *f, unsigned target, enum real_state state)
{
	struct message m = { .kind = MESSAGE_VERDICT };

	m.verdict = (struct message_verdict){ .id = f->ids[target],
					      .state = state,
					      .reason = state == REAL_UP ? PROBE_OK : PROBE_REFUSED,
					      .in_a_row = 1,
					      .sign = REAL_SIGN_ANSWERS,
					      .row_started = usec_now(),
					      .told_at = usec_now() };
	send_message(f, &m);
}

/* ---- the ring ---- */

static const struct lb_ring *map_rings(const struct force *f, unsigned *ret_n)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[96];
	void *rings;
	int fd;

	snprintf(path, sizeof(path), "%s/bpf/v%d/rings", f->directory, LB_ABI_VERSION);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		fail(f, path, strerror(errno));
	rings = mmap(NULL, (size_t)info.max_entries * sizeof(struct lb_ring), PROT_READ, MAP_SHARED,
		     fd, 0);
	if (rings == MAP_FAILED)
		fail(f, path, strerror(errno));
	close(fd);
	*ret_n = info.max_entries;
	return rings;
}

/* How many slots send new flows to each index. */
static void count_slots(const struct lb_ring *ring, unsigned counts[65536])
{
	memset(counts, 0, 65536 * sizeof(*counts));
	for (unsigned i = 0; i < LB_RING_SLOTS; i++)
		counts[LB_SLOT_CUR(__atomic_load_n(&ring->slots[i], __ATOMIC_RELAXED))]++;
}

static bool ring_names(const struct lb_ring *ring, unsigned index)
{
	for (unsigned i = 0; i < LB_RING_SLOTS; i++)
		if (LB_SLOT_CUR(__atomic_load_n(&ring->slots[i], __ATOMIC_RELAXED)) == index)
			return true;
	return false;
}

static unsigned n_named(const unsigned counts[65536])
{
	unsigned n = 0;

	for (unsigned index = 1; index < 65536; index++)
		n += counts[index] > 0;
	return n;
}

static void await_ring(struct force *f)
{
	unsigned n, counts[65536];
	const struct lb_ring *rings = map_rings(f, &n);
	usec_t deadline = usec_now() + PATIENCE;

	for (unsigned i = 0; !f->ring; i = (i + 1) % n) {
		if (usec_now() > deadline)
			fail(f, "ring", "none names all reals");
		count_slots(&rings[i], counts);
		if (n_named(counts) == REALS)
			f->ring = &rings[i];
	}
}

static void await_named(const struct force *f, unsigned n, unsigned counts[65536])
{
	usec_t deadline = usec_now() + PATIENCE;

	for (;;) {
		count_slots(f->ring, counts);
		if (n_named(counts) == n)
			return;
		if (usec_now() > deadline)
			fail(f, "ring", "it does not follow a judgement");
		usleep(1000);
	}
}

/* ---- the case ---- */

/* Down and up again, unmeasured: the index that leaves and comes back. */
static unsigned learn_index(const struct force *f, unsigned target)
{
	static unsigned before[65536], after[65536];
	unsigned index = 1;

	await_named(f, REALS, before);
	judge(f, target, REAL_DOWN);
	await_named(f, REALS - 1, after);
	while (index < 65535 && (before[index] == 0 || after[index] != 0))
		index++;
	judge(f, target, REAL_UP);
	await_named(f, REALS, before);
	return index;
}

static usec_t time_down(const struct force *f, unsigned target, unsigned index)
{
	static unsigned counts[65536];
	usec_t from = usec_now(), took;

	judge(f, target, REAL_DOWN);
	while (ring_names(f->ring, index))
		if (usec_now() > from + PATIENCE)
			fail(f, "ring", "it does not follow a judgement");
	took = usec_now() - from;
	judge(f, target, REAL_UP);
	await_named(f, REALS, counts);
	return took;
}

static int usec_cmp(const void *a, const void *b)
{
	const usec_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(usec_t *took, bool as_json)
{
	double ms[3];
	const unsigned at[3] = { ROUNDS / 2, ROUNDS * 99 / 100, ROUNDS - 1 };

	qsort(took, ROUNDS, sizeof(*took), usec_cmp);
	for (unsigned i = 0; i < 3; i++)
		ms[i] = (double)took[at[i]] / USEC_PER_MSEC;
	if (as_json)
		printf("{\"name\":\"in-force\",\"reals\":%u,\"rounds\":%u,\"p50_ms\":%.2f,"
		       "\"p99_ms\":%.2f,\"max_ms\":%.2f,\"bound_ms\":10}\n",
		       REALS, ROUNDS, ms[0], ms[1], ms[2]);
	else
		printf("in-force, a pool of %u reals, %u judgements: median %.2f ms, p99 %.2f, "
		       "most "
		       "%.2f, bound 10\n",
		       REALS, ROUNDS, ms[0], ms[1], ms[2]);
	fflush(stdout);
}

static void stop(const struct force *f)
{
	kill(f->shoald, SIGTERM);
	waitpid(f->shoald, NULL, 0);
	close(f->fd);
	sh(f, "ip link del bench0");
	sh(f, "umount %s/bpf && rm -r %s", f->directory, f->directory);
}

void force_run(const struct apart *apart, bool as_json)
{
	struct force f = { .fd = -1 };
	usec_t took[ROUNDS];

	if (!apart->is_apart) {
		fputs("health: in-force: not measured; it needs root and a namespace\n", stderr);
		return;
	}
	snprintf(f.directory, sizeof(f.directory), "/tmp/shoal-bench-health.XXXXXX");
	if (!mkdtemp(f.directory))
		fail(&f, "start", strerror(errno));
	make_uplink(&f);
	write_config(&f);
	start_shoald(&f, apart);
	connect_to_shoald(&f);
	take_targets(&f);
	for (unsigned i = 0; i < REALS; i++)
		judge(&f, i, REAL_UP);
	await_ring(&f);
	for (unsigned i = 0; i < ROUNDS; i++)
		took[i] = time_down(&f, i, learn_index(&f, i));
	report(took, as_json);
	stop(&f);
}
