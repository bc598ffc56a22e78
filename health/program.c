/* SPDX-License-Identifier: Apache-2.0 */
#include "health/program.h"

#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/auto.h"

#define LAUNCH_FD        3 /* in the child: where it says that it cannot become the program */
#define READ_BYTES       (16 * 1024)
#define READS_A_TURN     4 /* then others have their turn */
#define LAST_READS       (PROGRAM_OUTPUT_MAX / READ_BYTES + 1)
#define FREE_ATTEMPTS    200 /* each of FREE_PAUSE_US */
#define FREE_PAUSE_US    (10 * USEC_PER_MSEC)
#define CHILDREN_MAX     4096 /* read at once; there is a next time */
#define LIMIT_DATA_BYTES (256U << 20)
#define LIMIT_FILE_BYTES (16U << 20)
#define LIMIT_FILES      256
#define LIMIT_PROCESSES  1024 /* of the whole user: shoal-exec itself is not bound by it */

struct program {
	LIST_ENTRY(program) link;
	struct programs *programs;
	pid_t pid; /* and process group and session */
	const void *owner;
	bool is_killed;           /* nobody waits for its end any more */
	void (*wrote)(void *arg); /* NULL: told, or not asked for */
	void (*done)(const struct program_result *result, void *arg);
	void *arg;
	int output_fd, launch_fd; /* -1: closed */
	struct event *readable;
	size_t n_written; /* bytes of output in all */
	char output[2 * PROGRAM_OUTPUT_KEPT];
	size_t output_len;
	char line[PROGRAM_LINE_MAX];
	size_t line_len;
	bool line_has_text, line_is_whole;
};

struct programs {
	struct event_base *base;
	struct event *child_ended;
	int children_fd; /* /proc/thread-self/children, kept open: it must not fail for want of one
			  */
	LIST_HEAD(, program) all;
	size_t n;
};

/* ---- in the child: only what is safe between fork and exec ---- */

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit is;

	if (getrlimit((__rlimit_resource_t)resource, &is) < 0)
		return;
	is.rlim_max = hard < is.rlim_max ? hard : is.rlim_max;
	is.rlim_cur = soft < is.rlim_max ? soft : is.rlim_max;
	setrlimit((__rlimit_resource_t)resource, &is);
}

static void limit_all(usec_t timeout_us)
{
	rlim_t cpu_s = (rlim_t)(timeout_us / USEC_PER_SEC) + 1;

	limit(RLIMIT_CPU, cpu_s, cpu_s + 1);
	limit(RLIMIT_DATA, LIMIT_DATA_BYTES, LIMIT_DATA_BYTES);
	limit(RLIMIT_FSIZE, LIMIT_FILE_BYTES, LIMIT_FILE_BYTES);
	limit(RLIMIT_NOFILE, LIMIT_FILES, LIMIT_FILES);
	limit(RLIMIT_NPROC, LIMIT_PROCESSES, LIMIT_PROCESSES);
	limit(RLIMIT_CORE, 0, 0);
}

/* What is caught or ignored here must not be there. */
static void reset_signals(void)
{
	struct sigaction is = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &is, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 nothing, 1 and 2 the pipe, 3 (closed by exec) the way to tell of failure; no others. */
static bool arrange_descriptors(int output_fd, int launch_fd)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
	       dup2(output_fd, STDOUT_FILENO) >= 0 && dup2(output_fd, STDERR_FILENO) >= 0 &&
	       (launch_fd == LAUNCH_FD || dup3(launch_fd, LAUNCH_FD, O_CLOEXEC) >= 0) &&
	       close_range(LAUNCH_FD + 1, ~0U, 0) == 0;
}

static void tell_and_exit(int launch_fd, int error) __attribute__((noreturn));

static void tell_and_exit(int launch_fd, int error)
{
	ssize_t n = write(launch_fd, &error, sizeof(error));

	_exit(n == sizeof(error) ? 127 : 126);
}

static void become(const struct program_options *options, pid_t parent, int output_fd,
		   int launch_fd) __attribute__((noreturn));

static void become(const struct program_options *options, pid_t parent, int output_fd,
		   int launch_fd)
{
	/* Dies with shoal-exec, also when that dies before this. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(126);
	if (setsid() < 0 || chdir("/") < 0)
		tell_and_exit(launch_fd, errno);
	umask(022);
	if (!arrange_descriptors(output_fd, launch_fd))
		tell_and_exit(launch_fd, errno);
	limit_all(options->timeout_us);
	reset_signals();
	/* execve() promises to leave both lists alone. */
	execve(options->argv[0], (char *const *)(uintptr_t)options->argv,
	       (char *const *)(uintptr_t)options->env);
	tell_and_exit(LAUNCH_FD, errno);
}

/* ---- output ---- */

static void take_line_byte(struct program *program, char byte)
{
	bool is_text = byte > 0x20 && byte < 0x7f;

	if (byte == '\n' || byte == '\r') {
		program->line_is_whole = program->line_has_text;
		if (!program->line_is_whole)
			program->line_len = 0;
	} else if (program->line_len < sizeof(program->line) - 1 &&
		   (program->line_len > 0 || !isspace((unsigned char)byte))) {
		program->line[program->line_len++] = is_text                        ? byte
						     : isspace((unsigned char)byte) ? ' '
										    : '?';
		program->line_has_text |= is_text;
	}
}

const char *program_line(const struct program *program)
{
	return program->line_has_text ? program->line : "";
}

pid_t program_pid(const struct program *program)
{
	return program->pid;
}

static void take_output(struct program *program, const char *bytes, size_t n)
{
	program->n_written += n;
	for (size_t i = 0; i < n && !program->line_is_whole; i++)
		take_line_byte(program, bytes[i]);
	program->line[program->line_len] = '\0';
	if (n > PROGRAM_OUTPUT_KEPT) {
		bytes += n - PROGRAM_OUTPUT_KEPT;
		n = PROGRAM_OUTPUT_KEPT;
	}
	if (program->output_len + n > sizeof(program->output)) {
		memmove(program->output,
			program->output + program->output_len - PROGRAM_OUTPUT_KEPT,
			PROGRAM_OUTPUT_KEPT);
		program->output_len = PROGRAM_OUTPUT_KEPT;
	}
	memcpy(program->output + program->output_len, bytes, n);
	program->output_len += n;
}

/* Returns false when there is nothing more for now, or ever. */
static bool read_some(struct program *program)
{
	char bytes[READ_BYTES];
	ssize_t n = read(program->output_fd, bytes, sizeof(bytes));

	if (n > 0) {
		if (program->wrote)
			program->wrote(program->arg);
		program->wrote = NULL;
		take_output(program, bytes, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		event_del(program->readable); /* it closed its output and may go on */
	return false;
}

/* ---- the end ---- */

static void close_pipes(struct program *program)
{
	if (program->readable)
		event_free(program->readable);
	program->readable = NULL;
	fd_closep(&program->output_fd);
	fd_closep(&program->launch_fd);
	program->output_fd = program->launch_fd = -1;
}

static void program_free(struct program *program)
{
	close_pipes(program);
	if (program->pid > 0) {
		LIST_REMOVE(program, link);
		program->programs->n--;
	}
	free(program);
}

/* The process too, for it may not have its group yet. Nothing else can have these numbers: the
 * process is not reaped. */
static void kill_group(const struct program *program)
{
	kill(-program->pid, SIGKILL);
	kill(program->pid, SIGKILL);
}

void program_kill(struct program *program)
{
	program->is_killed = true;
	kill_group(program);
	close_pipes(program); /* the rest of it goes when it is reaped */
}

struct program_output program_output(const struct program *program)
{
	size_t len = program->output_len < PROGRAM_OUTPUT_KEPT ? program->output_len
							       : PROGRAM_OUTPUT_KEPT;

	return (struct program_output){ .n_written = program->n_written,
					.bytes = program->output + program->output_len - len,
					.len = len };
}

static void finish(struct program *program, enum program_end end, int code)
{
	const struct program_result result = {
		.end = end,
		.code = code,
		.line = program_line(program),
		.output = program_output(program),
	};

	program->is_killed = true; /* done() may ask how many run; not for this one again */
	program->done(&result, program->arg);
}

static void cut_off_talker(struct program *program)
{
	program_kill(program);
	finish(program, PROGRAM_TALKED, 0);
}

static void on_readable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	struct program *program = arg;

	for (int i = 0; i < READS_A_TURN && read_some(program); i++)
		;
	if (program->n_written > PROGRAM_OUTPUT_MAX)
		cut_off_talker(program);
}

static void report_end(struct program *program, const siginfo_t *info)
{
	int error;

	for (int i = 0; i < LAST_READS && read_some(program); i++)
		;
	if (read(program->launch_fd, &error, sizeof(error)) == sizeof(error))
		finish(program, PROGRAM_NOT_STARTED, error);
	else if (info->si_code == CLD_EXITED)
		finish(program, PROGRAM_EXITED, info->si_status);
	else
		finish(program, PROGRAM_SIGNALLED, info->si_status);
}

static struct program *find_pid(const struct programs *programs, pid_t pid)
{
	struct program *program;

	for (program = LIST_FIRST(&programs->all); program; program = LIST_NEXT(program, link))
		if (program->pid == pid)
			return program;
	return NULL;
}

/* One child that ended; what it left in its group goes while its number is still taken. */
static bool reap_one(struct programs *programs)
{
	siginfo_t info = { .si_pid = 0 };
	struct program *program;

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
		return false;
	program = find_pid(programs, info.si_pid);
	if (program)
		kill_group(program);
	waitpid(info.si_pid, NULL, 0);
	if (program) {
		if (!program->is_killed)
			report_end(program, &info);
		program_free(program);
	}
	return true;
}

/* An orphan of a program that still runs may belong to its work; all others are left over. */
static void kill_if_stray(const struct programs *programs, pid_t pid)
{
	const struct program *program = find_pid(programs, pid);

	if (!program)
		program = find_pid(programs, getsid(pid));
	if (!program || program->is_killed)
		kill(pid, SIGKILL);
}

/* Children that are no programs came here as orphans. The death of each lets us look again. */
static void kill_strays(const struct programs *programs)
{
	char text[CHILDREN_MAX];
	ssize_t n = pread(programs->children_fd, text, sizeof(text) - 1, 0);
	char *at = text, *end;

	if (n <= 0)
		return;
	text[n] = '\0';
	for (;; at = end) {
		long pid = strtol(at, &end, 10);

		/* a number at the very end may be cut; each is followed by a space */
		if (end == at || *end != ' ')
			return;
		kill_if_stray(programs, (pid_t)pid);
	}
}

static void on_child_ended(evutil_socket_t signo __attribute__((unused)),
			   short what __attribute__((unused)), void *arg)
{
	struct programs *programs = arg;

	while (reap_one(programs))
		;
	kill_strays(programs);
}

/* ---- the start ---- */

static int open_pipes(struct program *program, int *ret_output, int *ret_launch)
{
	int output[2], launch[2];

	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	program->output_fd = output[0];
	*ret_output = output[1];
	if (pipe2(launch, O_CLOEXEC) < 0)
		return -errno;
	program->launch_fd = launch[0];
	*ret_launch = launch[1];
	/* Ours alone: the program writes as to any pipe. */
	if (fcntl(program->output_fd, F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(program->launch_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* No handler of ours may run in the child: signals wait until it has none. */
static pid_t spawn(const struct program_options *options, int output_fd, int launch_fd)
{
	pid_t parent = getpid(), pid;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	error = errno;
	if (pid == 0)
		become(options, parent, output_fd, launch_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -error : pid;
}

static int launch(struct program *program, const struct program_options *options)
{
	AUTO(fd_closep) int output_fd = -1;
	AUTO(fd_closep) int launch_fd = -1;
	struct programs *programs = program->programs;
	int r = open_pipes(program, &output_fd, &launch_fd);
	pid_t pid;

	if (r < 0)
		return r;
	program->readable = event_new(programs->base, program->output_fd, EV_READ | EV_PERSIST,
				      on_readable, program);
	if (!program->readable || event_add(program->readable, NULL) < 0)
		return -ENOMEM;
	pid = spawn(options, output_fd, launch_fd);
	if (pid < 0)
		return pid;
	program->pid = pid;
	LIST_INSERT_HEAD(&programs->all, program, link);
	programs->n++;
	return 0;
}

static unsigned n_undead(const struct programs *programs, const void *owner)
{
	const struct program *program;
	unsigned n = 0;

	for (program = LIST_FIRST(&programs->all); program; program = LIST_NEXT(program, link))
		n += program->is_killed && program->owner == owner;
	return n;
}

int program_start(struct programs *programs, const struct program_options *options,
		  struct program **ret)
{
	struct program *program;
	int r;

	if (n_undead(programs, options->owner) >= PROGRAM_UNDEAD_MAX)
		return -EBUSY;
	program = calloc(1, sizeof(*program));
	if (!program)
		return -ENOMEM;
	program->programs = programs;
	program->owner = options->owner;
	program->wrote = options->wrote;
	program->done = options->done;
	program->arg = options->arg;
	program->output_fd = program->launch_fd = -1;
	r = launch(program, options);
	if (r < 0) {
		program_free(program);
		return r;
	}
	*ret = program;
	return 0;
}

/* ---- all of them ---- */

size_t programs_n(const struct programs *programs)
{
	return programs->n;
}

int programs_new(struct event_base *base, struct programs **ret, struct err *err)
{
	struct programs *programs = calloc(1, sizeof(*programs));

	if (!programs)
		return err_set(err, -ENOMEM, "programs: %m");
	programs->base = base;
	LIST_INIT(&programs->all);
	programs->children_fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	if (programs->children_fd < 0) {
		programs_free(programs);
		return err_set(err, -errno,
			       "/proc/thread-self/children: %m; without it programs that a check "
			       "left behind cannot be found");
	}
	programs->child_ended = evsignal_new(base, SIGCHLD, on_child_ended, programs);
	if (!programs->child_ended || event_add(programs->child_ended, NULL) < 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
		programs_free(programs);
		return err_set(err, -ENOMEM, "programs: %m");
	}
	*ret = programs;
	return 0;
}

/* What sleeps uninterruptibly is left to whoever comes after us. */
static void end_all(struct programs *programs)
{
	struct program *program;

	for (program = LIST_FIRST(&programs->all); program; program = LIST_NEXT(program, link))
		program_kill(program);
	for (int i = 0; i < FREE_ATTEMPTS; i++) {
		while (reap_one(programs))
			;
		if (waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT) < 0)
			return; /* no child is left */
		kill_strays(programs);
		usleep(FREE_PAUSE_US);
	}
}

void programs_free(struct programs *programs)
{
	if (!programs)
		return;
	if (programs->child_ended) {
		end_all(programs);
		event_free(programs->child_ended);
	}
	while (!LIST_EMPTY(&programs->all))
		program_free(LIST_FIRST(&programs->all));
	fd_closep(&programs->children_fd);
	free(programs);
}
