/* SPDX-License-Identifier: Apache-2.0 */
/* Each test locks a child of its own down and tries there what must not work any more. */
#include "health/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/usec.h"
#include "tests/lib/test.h"

/* Exit status of a locked child: 0, or the line of the first claim that failed. */
static int in_child(int (*claims)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bool has_net_raw;
		struct err err = { .text = "" };

		if (lockdown_capabilities(&has_net_raw, &err) < 0 || lockdown_syscalls(&err) < 0)
			_exit(255);
		_exit(claims());
	}
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define REFUSED(call)                                                                              \
	do {                                                                                       \
		errno = 0;                                                                         \
		if ((call) >= 0 || errno != EPERM)                                                 \
			return __LINE__ & 0x7f ? __LINE__ & 0x7f : 1;                              \
	} while (0)
#define WORKS(call)                                                                                \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			return __LINE__ & 0x7f ? __LINE__ & 0x7f : 1;                              \
	} while (0)

static int files_are_refused(void)
{
	struct stat st;

	REFUSED(open("/etc/passwd", O_RDONLY));
	REFUSED(openat(AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY, 0600));
	REFUSED(syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0));
	REFUSED(unlink("/tmp/x"));
	REFUSED(mkdir("/tmp/x", 0700));
	REFUSED(rename("/tmp/x", "/tmp/y"));
	REFUSED(readlink("/proc/self/exe", (char[64]){ 0 }, 64));
	REFUSED(stat("/etc", &st));
	REFUSED(chdir("/"));
	return 0;
}

static int programs_are_refused(void)
{
	static char *const argv[] = { NULL };

	REFUSED(execve("/bin/true", argv, argv));
	REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, argv, 0));
	REFUSED(syscall(SYS_fork));
	REFUSED(syscall(SYS_clone, 0, 0, 0, 0, 0));
	REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	REFUSED(kill(getppid(), 0));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	return 0;
}

static int memory_to_run_is_refused(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return 1;
	REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED)
		return 2;
	return 0;
}

static int only_probe_sockets_work(void)
{
	WORKS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	WORKS(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	WORKS(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
	REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
	REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
	REFUSED(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMP));
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
	WORKS(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)); /* relays */
	return 0;
}

static int capabilities_are_gone(void)
{
	/* CapEff would have to be read from a file; what needs CAP_SYS_ADMIN, CAP_NET_ADMIN, ...
	 * must fail whoever runs the test. */
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	WORKS(fd);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &on, sizeof(on)) >= 0 || errno != EPERM)
		return 1;
	return 0;
}

TEST(lockdown, refuses_files)
{
	assert_int_equal(in_child(files_are_refused), 0);
}

TEST(lockdown, refuses_programs_and_other_processes)
{
	assert_int_equal(in_child(programs_are_refused), 0);
}

TEST(lockdown, refuses_memory_to_run)
{
	assert_int_equal(in_child(memory_to_run_is_refused), 0);
}

TEST(lockdown, leaves_only_the_sockets_of_probing)
{
	assert_int_equal(in_child(only_probe_sockets_work), 0);
}

TEST(lockdown, drops_every_capability_but_net_raw)
{
	assert_int_equal(in_child(capabilities_are_gone), 0);
}

RUN_TESTS(T(lockdown, refuses_files), T(lockdown, refuses_programs_and_other_processes),
	  T(lockdown, refuses_memory_to_run), T(lockdown, leaves_only_the_sockets_of_probing),
	  T(lockdown, drops_every_capability_but_net_raw))
