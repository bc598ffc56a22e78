/* SPDX-License-Identifier: Apache-2.0 */
#include "health/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCK_TYPE_BITS 0xf /* of socket(2)'s type; the rest are flags */

/* What libevent, libcurl, OpenSSL and we do once running. Opening anything is not among it. */
static const int plain_calls[] = {
	/* sockets and descriptors we have */
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(close),
	SCMP_SYS(connect),
	SCMP_SYS(fcntl),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(listen),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(socketpair),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	/* waiting */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(futex),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	/* time, chance, who am I */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(sysinfo),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	/* signals and the end */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
};

static const struct {
	int family, type;
} socket_kinds[] = {
	{ AF_INET, SOCK_STREAM }, { AF_INET6, SOCK_STREAM },   { AF_INET, SOCK_DGRAM },
	{ AF_INET6, SOCK_DGRAM }, { AF_UNIX, SOCK_SEQPACKET }, /* probe.sock */
	{ AF_UNIX, SOCK_DGRAM },                               /* the notify socket of systemd */
	{ AF_UNIX, SOCK_STREAM },                              /* relays */
};

/* The only raw sockets: echoes to an address that has fallen silent. */
static const struct {
	int family, protocol;
} raw_kinds[] = {
	{ AF_INET, IPPROTO_ICMP },
	{ AF_INET6, IPPROTO_ICMPV6 },
};

static int allow_raw(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(raw_kinds) / sizeof(raw_kinds[0]) && r == 0; i++)
		r = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)raw_kinds[i].family, 0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_BITS, (scmp_datum_t)SOCK_RAW),
			SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)raw_kinds[i].protocol, 0));
	return r;
}

/* Memory, but never memory that can be run. */
static int allow_without_exec(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int fill_filter(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(plain_calls) / sizeof(plain_calls[0]) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0);
	for (size_t i = 0; i < sizeof(socket_kinds) / sizeof(socket_kinds[0]) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket_kinds[i].family, 0),
				     SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_BITS,
					     (scmp_datum_t)socket_kinds[i].type));
	if (r == 0)
		r = allow_raw(filter);
	if (r == 0)
		r = allow_without_exec(filter, SCMP_SYS(mmap));
	return r == 0 ? allow_without_exec(filter, SCMP_SYS(mprotect)) : r;
}

static int prove_refusal(struct err *err)
{
	int fd = openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == EPERM)
		return 0;
	if (fd >= 0)
		close(fd);
	return err_set(err, -ENOTRECOVERABLE,
		       "the system call filter is in force, yet a file could be opened");
}

int lockdown_syscalls(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? fill_filter(filter) : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		return err_set(err, r, "the system call filter (seccomp) cannot be set: %m");
	return prove_refusal(err);
}
