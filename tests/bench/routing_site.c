/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/routing_site.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/ctl/client.h"

#define ANSWERS_FD  9 /* the script's */
#define PATIENCE_US (10 * USEC_PER_SEC)

void site_die(const char *fmt, ...)
{
	va_list ap;

	fputs("routing: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* ---- the script ---- */

/* The script ended: with 77 for want of something, which is the caller's end as well. */
static void script_ended(struct site *site)
{
	int status = 0;

	waitpid(site->pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		exit(77);
	site_die("the site failed, see above");
}

static const char *hear(struct site *site)
{
	static char line[512];

	if (!fgets(line, sizeof(line), site->from) || strncmp(line, "ok", 2) != 0)
		script_ended(site);
	line[strcspn(line, "\n")] = '\0';
	return line[2] ? line + 3 : line + 2;
}

static void run_script(int in, int out, const char *kind)
{
	char number[8];

	snprintf(number, sizeof(number), "%d", ANSWERS_FD);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, ANSWERS_FD) < 0)
		_exit(1);
	setenv("LAB_BUILD", ROUTING_BUILD, 0);
	execl(ROUTING_SITE, ROUTING_SITE, kind, number, (char *)NULL);
	_exit(1);
}

void site_start(struct site *site, const char *kind)
{
	int to[2], from[2];

	signal(SIGPIPE, SIG_IGN);
	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		site_die("pipe: %s", strerror(errno));
	site->pid = fork();
	if (site->pid == 0)
		run_script(to[0], from[1], kind);
	close(to[0]);
	close(from[1]);
	site->to = fdopen(to[1], "w");
	site->from = fdopen(from[0], "r");
	if (site->pid < 0 || !site->to || !site->from)
		site_die("cannot start %s: %s", ROUTING_SITE, strerror(errno));
	if (sscanf(hear(site), "%127s %63s", site->dir, site->prefix) != 2)
		site_die("%s: no answer", ROUTING_SITE);
}

void site_stop(struct site *site)
{
	fclose(site->to);
	waitpid(site->pid, NULL, 0);
	fclose(site->from);
}

const char *site_do(struct site *site, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(site->to, fmt, ap);
	va_end(ap);
	fputc('\n', site->to);
	fflush(site->to);
	return hear(site);
}

/* ---- namespaces and processes ---- */

int site_enter(const char *netns)
{
	char path[PATH_MAX];
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		site_die("%s: %s", path, strerror(errno));
	close(there);
	return home;
}

void site_leave(int home)
{
	if (setns(home, CLONE_NEWNET) < 0)
		site_die("cannot return to the first namespace: %s", strerror(errno));
	close(home);
}

usec_t site_cpu(pid_t pid)
{
	char path[PATH_MAX];
	unsigned long long sum = 0, one;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		site_die("%s: %s", path, strerror(errno));
	while ((entry = readdir(tasks))) {
		FILE *file;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid,
			 entry->d_name);
		file = fopen(path, "r");
		if (file && fscanf(file, "%llu", &one) == 1)
			sum += one;
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return sum / 1000;
}

/* ---- bgpd ---- */

int site_vty(const struct site *site)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.80s/lb1/frr/bgpd.vty", site->dir);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The end of an answer: three zeros and the status. */
static bool is_whole(const char *text, size_t n)
{
	return n >= 4 && text[n - 4] == '\0' && text[n - 3] == '\0' && text[n - 2] == '\0';
}

const char *site_vty_ask(int fd, const char *fmt, ...)
{
	static char text[1 << 16];
	size_t n = 0;
	va_list ap;
	int length;

	va_start(ap, fmt);
	length = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(fd, text, (size_t)length + 1) != length + 1)
		return NULL;
	while (!is_whole(text, n)) {
		ssize_t r = read(fd, text + n, sizeof(text) - n);

		if (r <= 0)
			return NULL;
		n += (size_t)r;
	}
	return text;
}

/* ---- shoald ---- */

static json_t *ask(const struct site *site, const char *sock, const char *command, json_t *args)
{
	struct client_question question = { .command = command,
					    .args = args,
					    .patience_us = PATIENCE_US };
	struct client *client;
	char path[PATH_MAX];
	json_t *reply = NULL;
	struct err err;

	snprintf(path, sizeof(path), "%s/lb1/run/%s.sock", site->dir, sock);
	if (client_open(path, &client, &err) < 0 || client_ask(client, &question, &reply, &err) < 0)
		site_die("%s: %s", command, err.text);
	client_close(client);
	json_decref(args);
	if (!json_is_true(json_object_get(reply, "ok")))
		site_die("%s: %s", command, json_dumps(reply, JSON_COMPACT));
	return reply;
}

void site_order(const struct site *site, const char *real, const char *action)
{
	json_decref(ask(site, "admin", "real",
			json_pack("{s:s, s:s}", "real", real, "action", action)));
}

long site_read_backs(const struct site *site)
{
	json_t *reply = ask(site, "read", "peers", NULL);
	json_int_t n = -1;

	if (json_unpack(reply, "{s:{s:{s:I}}}", "result", "router", "read_backs", &n) < 0)
		site_die("shoal peers tells no read-backs");
	json_decref(reply);
	return (long)n;
}
