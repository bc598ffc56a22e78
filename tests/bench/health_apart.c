/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/health_apart.h"

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEERING "/sys/class/net/lo/queues/rx-0/rps_cpus"

static bool find_cpus(int cpus[2])
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET((size_t)cpu, &set))
			cpus[n++] = cpu;
	return n == 2;
}

static bool bring_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* The file is a mask in hexadecimal, in groups of 32 CPUs. */
static bool steer_to(int cpu)
{
	FILE *file = fopen(STEERING, "we");
	bool ok = file && fprintf(file, "%x", 1U << cpu % 32) > 0;

	for (int i = 0; ok && i < cpu / 32; i++)
		ok = fputs(",00000000", file) >= 0;
	return file && fclose(file) == 0 && ok;
}

static bool take_namespace(int cpu)
{
	return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 && bring_up_loopback() &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("sysfs", "/sys", "sysfs", 0, NULL) == 0 && steer_to(cpu);
}

void apart_start(struct apart *apart, bool wanted)
{
	*apart = (struct apart){ 0 };
	if (!wanted || geteuid() != 0 || !find_cpus(apart->cpus))
		return;
	apart->is_apart = take_namespace(apart->cpus[APART_SERVERS]);
	if (!apart->is_apart)
		fputs("health: no namespace with packet steering; as with --plain\n", stderr);
}

void apart_pin(const struct apart *apart, enum apart_side side)
{
	const struct sched_param first = { .sched_priority = 1 };
	cpu_set_t set;

	if (!apart->is_apart)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)apart->cpus[side], &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_RR, &first);
}
