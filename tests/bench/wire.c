/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - packets a second through the balancer on a veth, beside what else could stand there:
 * wire [--json].
 *
 *     namespace gen                         namespace lb
 *     generator ──▶ g0 ═══════ veth ═══════ l0 ──▶ what is measured
 *     sink      ◀──                            ◀── sends the frame back
 *
 * The generator is a program run by BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES: each run of
 * it is a real frame that leaves g0. What is measured sends it back to g0, where a sink counts it:
 * a program that drops it, or for the kernel's own ways, whose frames are socket buffers, the
 * interface's counter; those frames carry a MAC that is not g0's, so the stack lets go of them at
 * once. Only what arrives is counted. One CPU does all of it: generating, receiving, deciding,
 * sending and counting; `ns` is the whole of that, so ratios between rows are nearer to 1 than
 * those of the balancers alone.
 *
 * Rows: transmit-only and encapsulate-only (the least that a program and a tunnel need), shoal (the
 * program in service, one pool of 100 reals, one UDP service), kernel forwarding, and nft DNAT with
 * connection tracking. All take turns in every round; figures are medians over the rounds. Then
 * shoal with two queues, generated on one CPU and on two. Last, TCP connections to a real directly,
 * through Shoal and through haproxy, in a site of their own: see wire_tcp.sh.
 *
 * Each figure is given twice: by the clock, and by the CPU time of the sending threads, in which
 * the kernel does what follows from the sending. On a machine with nothing else to do they are the
 * same; where others want the CPUs, the second says what the row would do without them.
 *
 * The namespaces carry our process id and go with us, whatever ends the run.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/wire.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "wire.skel.h"
#pragma GCC diagnostic pop

#define ROUNDS    9
#define SECONDS   20 /* at most, for a series; then the bench gives up */
#define FLOWS     65536
#define REALS     100
#define BATCH     64
#define VIP       "203.0.113.1"
#define CLIENT    "10.128.0.1"
#define PORT      80
#define GENERATOR 0
#define BALANCER  1

enum row { ROW_TRANSMIT, ROW_ENCAPSULATE, ROW_SHOAL, ROW_FORWARD, ROW_DNAT, ROWS };

static const struct {
	const char *name;
	uint32_t packets; /* of a series */
	bool is_kernel;   /* frames become socket buffers */
} rows[ROWS] = {
	{ "transmit-only", 1000000, false }, { "encapsulate-only", 1000000, false },
	{ "shoal", 1000000, false },         { "kernel-forwarding", 300000, true },
	{ "nft-dnat", 300000, true },
};

/* Packets a second, by the clock and by CPU time. */
struct rates {
	double wall[ROUNDS], cpu[ROUNDS];
};

static struct {
	char names[2][32]; /* of the namespaces */
	int fds[2];
	int home; /* where we came from */
	pid_t owner;
} net;

static struct {
	struct fixture fixture;
	struct wire_bpf *skel;
	uint8_t frame[FRAME_MAX];
	unsigned g0, l0;
	struct rates rates[ROWS];
	struct rates queues[2]; /* shoal, generated on one CPU and on two */
	pid_t tcp;              /* wire_tcp.sh while it runs */
} bench;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "wire: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* ---- namespaces ---- */

__attribute__((format(printf, 2, 3))) static int run(bool may_fail, const char *fmt, ...)
{
	char command[1024];
	va_list args;
	int r;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	r = system(command);
	if (r && !may_fail)
		die("'%s' failed", command);
	return r;
}

static void remove_namespaces(void)
{
	if (getpid() != net.owner)
		return;
	for (int i = 0; i < 2; i++)
		run(true, "ip netns del %s 2>/dev/null", net.names[i]);
}

/* The TCP rows take their site down when they are told to end. */
static void end_tcp(void)
{
	if (getpid() != net.owner || bench.tcp <= 0)
		return;
	kill(bench.tcp, SIGTERM);
	waitpid(bench.tcp, NULL, 0);
}

static void end_by_signal(int number)
{
	exit(128 + number);
}

static void enter(int which)
{
	if (setns(net.fds[which], CLONE_NEWNET) < 0)
		die("enter namespace %s: %s", net.names[which], strerror(errno));
}

static void make_namespace(int which, const char *name)
{
	char path[64];

	snprintf(net.names[which], sizeof(net.names[which]), "shoalwire%d%s", (int)getpid(), name);
	run(false, "ip netns add %s", net.names[which]);
	snprintf(path, sizeof(path), "/run/netns/%s", net.names[which]);
	net.fds[which] = open(path, O_RDONLY | O_CLOEXEC);
	if (net.fds[which] < 0)
		die("%s: %s", path, strerror(errno));
	run(false, "ip -n %s link set lo up", net.names[which]);
}

/* Two queues; GRO keeps l0 receiving frames when no program is attached to it. */
static void make_wire(void)
{
	const char *gen = net.names[GENERATOR], *lb = net.names[BALANCER];

	run(false,
	    "ip -n %s link add g0 address 02:00:00:00:00:aa numtxqueues 2 numrxqueues 2 "
	    "type veth peer name l0 netns %s address 02:00:00:00:00:01 numtxqueues 2 "
	    "numrxqueues 2",
	    gen, lb);
	run(false, "ip netns exec %s ethtool -K g0 gro off tx off >/dev/null", gen);
	run(false, "ip netns exec %s ethtool -K l0 gro on tx off >/dev/null", lb);
	run(false, "ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1", gen);
	run(false, "ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1", lb);
	run(false, "ip -n %s link set g0 up", gen);
	run(false, "ip -n %s link set l0 up", lb);
}

/* What the kernel needs to send frames to the VIP, or to a real, back to where they came from. */
static void make_router(void)
{
	const char *lb = net.names[BALANCER];

	run(false,
	    "ip netns exec %s sysctl -qw net.ipv4.ip_forward=1 "
	    "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
	    "net.ipv4.conf.l0.rp_filter=0 net.ipv4.conf.all.send_redirects=0 "
	    "net.ipv4.conf.l0.send_redirects=0",
	    lb);
	run(false, "ip -n %s addr add 10.9.0.2/24 dev l0", lb);
	run(false, "ip -n %s neigh add 10.9.0.1 lladdr 02:00:00:00:00:fe nud permanent dev l0", lb);
	run(false, "ip -n %s route add default via 10.9.0.1 dev l0", lb);
}

static void set_dnat(bool is_on)
{
	const char *lb = net.names[BALANCER];

	run(!is_on, "ip netns exec %s nft delete table ip wire 2>/dev/null || true", lb);
	if (is_on)
		run(false,
		    "ip netns exec %s nft 'table ip wire { chain pre { type nat hook prerouting "
		    "priority -100; ip daddr " VIP " udp dport 80 dnat to jhash ip saddr . udp "
		    "sport mod 4 map { 0 : 10.1.0.1, 1 : 10.1.0.2, 2 : 10.1.0.3, 3 : 10.1.0.4 }; "
		    "}; }'",
		    lb);
}

static unsigned index_of(int which, const char *name)
{
	unsigned found;

	enter(which);
	found = if_nametoindex(name);
	if (!found)
		die("%s in %s: %s", name, net.names[which], strerror(errno));
	return found;
}

/* ---- programs ---- */

static void provision(struct fixture *f)
{
	const struct private_switches switches = { .is_untraced = true };
	static uint16_t slots[RING_SLOTS];
	struct err err = { "" };
	uint32_t ring;

	fixture_init_switched(f, 1, &switches);
	if (uplink_set_private(f->dp, 0, "", bench.l0, fixture_mac, &err) < 0 ||
	    dataplane_ring_new(f->dp, &ring, &err) < 0)
		die("%s", err.text);
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.1.0.%u", i % REALS + 1);
		slots[i] = i < REALS ? fixture_real(f, text) : slots[i - REALS];
	}
	if (dataplane_ring_write(f->dp, ring, slots, NULL, &err) < 0)
		die("%s", err.text);
	fixture_service(f, VIP, IPPROTO_UDP, PORT, ring);
}

static void fill_frames(void)
{
	struct frame_spec spec = fixture_spec(CLIENT, VIP, IPPROTO_UDP, PORT);
	struct addr client = fixture_addr(CLIENT);
	struct wire *wire = &bench.skel->bss->wire;
	const uint8_t outer[20] = { 0x45, 0, 0,    66, 0, 0, 0,  0, 64, 4,
				    0,    0, 0xac, 16, 1, 1, 10, 1, 0,  1 };
	uint32_t word;

	spec.payload_len = WIRE_FRAME - 42;
	assert_int_equal(frame_build(&spec, bench.frame), WIRE_FRAME);
	memset(bench.frame + 24, 0, 6); /* checksum and source are the generator's */
	memset(bench.frame + 40, 0, 2); /* no UDP checksum: the source is not in it */
	memcpy(wire->frame, bench.frame, WIRE_FRAME);
	memcpy(&wire->client, client.bytes + 12, 4);
	wire->flow_mask = FLOWS - 1;
	for (size_t i = 0; i < 20; i += 4) {
		memcpy(&word, bench.frame + 14 + i, 4);
		wire->sum += word;
	}
	memcpy(wire->outer, outer, sizeof(outer));
	memcpy(&wire->mac, fixture_mac, 6);
	memcpy(&wire->gateway, fixture_gateway, 6);
}

static void attach(int which, unsigned ifindex, int prog_fd)
{
	int r;

	enter(which);
	r = bpf_xdp_attach((int)ifindex, prog_fd, prog_fd < 0 ? 0 : XDP_FLAGS_DRV_MODE, NULL);
	if (r < 0)
		die("attach to a veth: %s", strerror(-r));
}

static void set_row(enum row row)
{
	struct wire_bpf *skel = bench.skel;
	int prog_fd = -1;

	if (row == ROW_TRANSMIT)
		prog_fd = bpf_program__fd(skel->progs.wire_transmit);
	else if (row == ROW_ENCAPSULATE)
		prog_fd = bpf_program__fd(skel->progs.wire_encapsulate);
	else if (row == ROW_SHOAL)
		prog_fd = bench.fixture.dp->prog_fd;
	attach(BALANCER, bench.l0, prog_fd);
	attach(GENERATOR, bench.g0,
	       rows[row].is_kernel ? -1 : bpf_program__fd(skel->progs.wire_sink));
	set_dnat(row == ROW_DNAT);
}

/* ---- running ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Frames that g0 received and gave to its stack. */
static uint32_t received(void)
{
	struct ifaddrs *all, *at;
	uint32_t packets = 0;

	if (getifaddrs(&all) < 0)
		die("counters of g0: %s", strerror(errno));
	for (at = all; at; at = at->ifa_next) {
		const struct rtnl_link_stats *stats = at->ifa_data;

		if (at->ifa_addr && at->ifa_addr->sa_family == AF_PACKET &&
		    strcmp(at->ifa_name, "g0") == 0)
			packets = stats->rx_packets;
	}
	freeifaddrs(all);
	return packets;
}

static uint64_t arrived(enum row row)
{
	uint64_t sum = 0;

	if (rows[row].is_kernel)
		return received();
	for (int i = 0; i < WIRE_CPUS; i++)
		sum += __atomic_load_n(&bench.skel->bss->wire.lines[i].arrived, __ATOMIC_RELAXED);
	return sum;
}

struct sender {
	pthread_t thread;
	int cpu;
	uint32_t packets;
	uint64_t cpu_ns; /* that the sending took, with what followed from it */
};

/* Send from g0, on one CPU; all that follows from it happens there too. */
static void *send_frames(void *arg)
{
	struct sender *sender = arg;
	struct xdp_md ctx = { .data_end = WIRE_FRAME, .ingress_ifindex = bench.g0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bench.frame, .data_size_in = WIRE_FRAME,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)sender->packets,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sender->cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("pin to CPU %d: %s", sender->cpu, strerror(errno));
	/* Before other processes, if we may, as in bench dataplane; the kernel holds 5 % back. */
	sched_setscheduler(0, SCHED_FIFO, &(const struct sched_param){ .sched_priority = 1 });
	enter(GENERATOR);
	if (bpf_prog_test_run_opts(bpf_program__fd(bench.skel->progs.wire_generate), &opts) < 0)
		die("live frames: %s", strerror(errno));
	sender->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

/* Let packets come in, sent from so many CPUs at once, and note how many a second arrive. */
static void run_series(struct rates *rates, unsigned round, enum row row, const int *cpus,
		       int n_cpus)
{
	struct sender senders[2];
	uint64_t before, start, took, count, sent = (uint64_t)n_cpus * rows[row].packets;
	double cpu_rate = 0;

	enter(GENERATOR);
	before = arrived(row);
	start = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n_cpus; i++) {
		senders[i] = (struct sender){ .cpu = cpus[i], .packets = rows[row].packets };
		if (pthread_create(&senders[i].thread, NULL, send_frames, &senders[i]) != 0)
			die("a thread to send from");
	}
	for (int i = 0; i < n_cpus; i++) {
		pthread_join(senders[i].thread, NULL);
		cpu_rate += (double)senders[i].packets * 1e9 / (double)senders[i].cpu_ns;
	}
	took = clock_ns(CLOCK_MONOTONIC) - start;
	count = arrived(row) - before;
	if (took > SECONDS * 1000000000ULL)
		die("%s: a series took more than %d s", rows[row].name, SECONDS);
	if (count < rows[row].packets / 10)
		die("%s: only %llu of %u frames came back", rows[row].name,
		    (unsigned long long)count, rows[row].packets);
	rates->wall[round] = (double)count * 1e9 / (double)took;
	rates->cpu[round] = cpu_rate * (double)count / (double)sent;
}

/* The CPUs that we may use, at most two, the last first: interrupts prefer the first. */
static int usable_cpus(int cpus[2])
{
	cpu_set_t allowed;
	int n = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("which CPUs may be used: %s", strerror(errno));
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && n < 2; cpu--) {
		if (CPU_ISSET((size_t)cpu, &allowed))
			cpus[n++] = cpu;
	}
	return n;
}

static void run_round(unsigned round, const int cpus[2], int n_cpus)
{
	for (enum row row = 0; row < ROWS; row++) {
		set_row(row);
		run_series(&bench.rates[row], round, row, cpus, 1);
	}
	set_row(ROW_SHOAL);
	for (int n = 1; n <= n_cpus; n++)
		run_series(&bench.queues[n - 1], round, ROW_SHOAL, cpus, n);
}

/* ---- what is printed ---- */

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	return values[ROUNDS / 2];
}

/* A row against another. */
static void print_line(bool is_json, const char *name, struct rates *rates, struct rates *base)
{
	double wall = median(rates->wall), cpu = median(rates->cpu);
	double ratio = wall / median(base->wall), cpu_ratio = cpu / median(base->cpu);

	if (is_json)
		printf("{\"name\":\"%s\",\"mpps\":%.3f,\"ratio\":%.3f,\"cpu_mpps\":%.3f,"
		       "\"cpu_ratio\":%.3f}\n",
		       name, wall / 1e6, ratio, cpu / 1e6, cpu_ratio);
	else
		printf("%-18s %8.3f %7.2f %10.3f %7.2f\n", name, wall / 1e6, ratio, cpu / 1e6,
		       cpu_ratio);
}

static void print_all(bool is_json, int n_cpus)
{
	if (!is_json)
		printf("%-18s %8s %7s %10s %7s\n", "row", "Mpps", "ratio", "by CPU", "ratio");
	for (enum row row = 0; row < ROWS; row++)
		print_line(is_json, rows[row].name, &bench.rates[row],
			   &bench.rates[ROW_ENCAPSULATE]);
	print_line(is_json, "shoal-to-kernel", &bench.rates[ROW_SHOAL], &bench.rates[ROW_FORWARD]);
	print_line(is_json, "shoal-one-queue", &bench.queues[0], &bench.queues[0]);
	if (n_cpus == 2)
		print_line(is_json, "shoal-two-queues", &bench.queues[1], &bench.queues[0]);
	if (!is_json)
		printf("\nmillions of packets a second, by the clock and by CPU time, medians of "
		       "%d "
		       "rounds; ratio: to\nencapsulate-only, of shoal-to-kernel to "
		       "kernel-forwarding, of queues to one\n",
		       ROUNDS);
}

/* In a process group of its own, so that a Ctrl-C reaches it once, through us. */
__attribute__((noreturn)) static void become_tcp(bool is_json)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0);
	setenv("LAB_BUILD", WIRE_BUILD, 0);
	if (setns(net.home, CLONE_NEWNET) == 0)
		execl(WIRE_TCP, WIRE_TCP, is_json ? "--json" : NULL, NULL);
	fprintf(stderr, "wire: %s: %s\n", WIRE_TCP, strerror(errno));
	_exit(1);
}

/* Print the TCP rows; false when there are none, and the script has said why. */
static bool run_tcp(bool is_json)
{
	int status;

	fflush(stdout);
	bench.tcp = fork();
	if (bench.tcp < 0)
		die("fork: %s", strerror(errno));
	if (bench.tcp == 0)
		become_tcp(is_json);
	if (waitpid(bench.tcp, &status, 0) < 0)
		die("wait for %s: %s", WIRE_TCP, strerror(errno));
	bench.tcp = 0;
	return status == 0;
}

int main(int argc, char **argv)
{
	bool is_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	int cpus[2], n_cpus;

	if (argc > 1 && !is_json) {
		fprintf(stderr, "usage: wire [--json]\n");
		return 2;
	}
	fixture_need_root();
	net.owner = getpid();
	net.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (net.home < 0)
		die("/proc/self/ns/net: %s", strerror(errno));
	atexit(remove_namespaces);
	atexit(end_tcp);
	signal(SIGINT, end_by_signal);
	signal(SIGTERM, end_by_signal);
	signal(SIGHUP, end_by_signal);
	n_cpus = usable_cpus(cpus);
	make_namespace(GENERATOR, "gen");
	make_namespace(BALANCER, "lb");
	make_wire();
	make_router();
	bench.g0 = index_of(GENERATOR, "g0");
	bench.l0 = index_of(BALANCER, "l0");
	provision(&bench.fixture);
	bench.skel = wire_bpf__open_and_load();
	if (!bench.skel)
		die("the programs cannot be loaded: %s", strerror(errno));
	fill_frames();
	for (unsigned round = 0; round < ROUNDS; round++)
		run_round(round, cpus, n_cpus);
	print_all(is_json, n_cpus);
	wire_bpf__destroy(bench.skel);
	fixture_fini(&bench.fixture);
	return run_tcp(is_json) ? 0 : 1;
}
