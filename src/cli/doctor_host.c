/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_host.c - the kernel, shoald and the daemons beside it, and what filters packets. */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/cli/doctor.h"
#include "src/cli/host.h"
#include "src/cli/render.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 17 /* SO_MARK by CAP_NET_RAW, managed neighbours */
#define FREE_LEAST   (1 << 20)

#define add(checkup, severity, check, fix, ...)                                                    \
	diagnosis_add(&(checkup)->diagnosis, severity, check, fix, __VA_ARGS__)
#define ADD(checkup, severity, check, fix, ...)                                                    \
	add(checkup, SEVERITY_##severity, check, fix, __VA_ARGS__)

/* ---- kernel and clock ---- */

static void check_version(struct checkup *checkup)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		ADD(checkup, NOTE, "kernel", NULL, "its version could not be read");
	else if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		ADD(checkup, ERROR, "kernel", doctor_fix("apt-get install linux-image-amd64"),
		    "%s is older than %u.%u, which Shoal needs", name.release, KERNEL_MAJOR,
		    KERNEL_MINOR);
	else
		ADD(checkup, OK, "kernel", NULL, "%s", name.release);
}

static void check_jit(struct checkup *checkup)
{
	long jit;

	if (host_read_long("/proc/sys/net/core/bpf_jit_enable", &jit) && jit == 0)
		ADD(checkup, ERROR, "bpf-jit", doctor_fix("sysctl -w net.core.bpf_jit_enable=1"),
		    "net.core.bpf_jit_enable is 0: the program is interpreted, several times "
		    "slower");
	if (host_read_long("/proc/sys/net/core/bpf_jit_harden", &jit) && jit == 2)
		ADD(checkup, WARNING, "bpf-jit", doctor_fix("sysctl -w net.core.bpf_jit_harden=1"),
		    "net.core.bpf_jit_harden is 2: constants of root's programs are hidden, too, "
		    "which costs every packet");
}

/* A running shoald has its maps somewhere; where, only it knows. */
static void check_bpffs(struct checkup *checkup)
{
	struct statfs fs;

	if (checkup->status)
		return;
	if (statfs("/sys/fs/bpf", &fs) < 0 || fs.f_type != BPF_FS_MAGIC)
		ADD(checkup, ERROR, "bpffs", doctor_fix("mount -t bpf bpf /sys/fs/bpf"),
		    "/sys/fs/bpf is no bpffs: maps and program cannot be kept over a restart");
	else
		ADD(checkup, OK, "bpffs", NULL, "mounted at /sys/fs/bpf");
}

static void check_clock(struct checkup *checkup)
{
	struct timex timex = { 0 };

	if (adjtimex(&timex) < 0 || timex.status & STA_UNSYNC)
		ADD(checkup, WARNING, "clock", doctor_fix("timedatectl set-ntp true"),
		    "not synchronised: drains and orders end by it, certificates are judged by it");
	else
		ADD(checkup, OK, "clock", NULL, "synchronised, at most %ld ms off",
		    timex.maxerror / 1000);
}

void doctor_kernel(struct checkup *checkup)
{
	check_version(checkup);
	check_jit(checkup);
	check_bpffs(checkup);
	check_clock(checkup);
}

/* ---- processes of this node ---- */

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Several nodes may share a lab host: ours is in our network namespace. */
static bool is_of_this_network(const char *pid)
{
	char path[64], ours[64] = "", theirs[64] = "";

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	return readlink("/proc/self/ns/net", ours, sizeof(ours) - 1) > 0 &&
	       readlink(path, theirs, sizeof(theirs) - 1) > 0 && strcmp(ours, theirs) == 0;
}

static bool is_called(const char *pid, const char *name)
{
	AUTO(file_closep) FILE *file = NULL;
	char path[64], comm[32] = "";

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	return file && fscanf(file, "%31s", comm) == 1 && strcmp(comm, name) == 0;
}

/* The process of that name in this network, as its number in /proc; false: none that we may see. */
static bool find_process(const char *name, char ret[24])
{
	AUTO(closedirp) DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    is_called(entry->d_name, name) && is_of_this_network(entry->d_name)) {
			snprintf(ret, 24, "%.20s", entry->d_name);
			return true;
		}
	return false;
}

static long open_files_limit(const char *pid)
{
	AUTO(file_closep) FILE *file = NULL;
	char path[64], line[256];
	long soft = 0;

	snprintf(path, sizeof(path), "/proc/%s/limits", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Max open files %ld", &soft) == 1)
			return soft;
	return 0;
}

/* -1: not ours to see. */
static long count_open_files(const char *pid)
{
	AUTO(closedirp) DIR *dir = NULL;
	char path[64];
	long n = -1;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (dir)
		n = 0;
	while (dir && readdir(dir))
		n++;
	return n > 2 ? n - 2 : n;
}

static void check_descriptors(struct checkup *checkup, const char *name)
{
	char pid[24];
	long limit, used;

	if (!find_process(name, pid))
		return;
	limit = open_files_limit(pid);
	used = count_open_files(pid);
	if (limit == 0 || used < 0)
		ADD(checkup, NOTE, "descriptors", NULL,
		    "those of %s cannot be counted by this user; root can", name);
	else if (limit < 1024 || used > limit * 8 / 10)
		add(checkup, used > limit * 95 / 100 ? SEVERITY_ERROR : SEVERITY_WARNING,
		    "descriptors",
		    doctor_fix("systemctl edit %s   # [Service] LimitNOFILE=%ld", name,
			       limit < 32768 ? 65536 : limit * 2),
		    "%s has %ld of %ld open", name, used, limit);
	else
		ADD(checkup, OK, "descriptors", NULL, "%s has %ld of %ld open", name, used, limit);
}

static void check_process(struct checkup *checkup, const char *name, const char *consequence)
{
	char pid[24];

	if (find_process(name, pid))
		ADD(checkup, OK, name, NULL, "runs, process %s", pid);
	else
		ADD(checkup, WARNING, name, doctor_fix("systemctl enable --now %s", name),
		    "does not run: %s", consequence);
}

/* ---- sockets and files ---- */

static void check_socket(struct checkup *checkup, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%.200s/%s", checkup->cli->run_dir, name);
	if (stat(path, &st) < 0)
		add(checkup, checkup->status ? SEVERITY_WARNING : SEVERITY_NOTE, "sockets",
		    doctor_fix("systemctl restart shoald"), "%s: %s", path, strerror(errno));
	else if (st.st_mode & 0007)
		ADD(checkup, ERROR, "sockets", doctor_fix("chmod 0660 %s", path),
		    "%s is open to every user (mode %04o)", path, (unsigned)st.st_mode & 07777);
	else if ((st.st_mode & 0060) != 0060)
		ADD(checkup, WARNING, "sockets", doctor_fix("chmod 0660 %s", path),
		    "%s is closed to its group (mode %04o)", path, (unsigned)st.st_mode & 07777);
	else
		ADD(checkup, OK, "sockets", NULL, "%s, mode %04o", path,
		    (unsigned)st.st_mode & 07777);
}

/* The value of an option in shoald's command line. */
static bool option_of(const char *pid, const char *name, char *buf, size_t size)
{
	AUTO(file_closep) FILE *file = NULL;
	char path[64], line[4096];
	size_t n, len = strlen(name);

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = fopen(path, "re");
	n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	line[n] = '\0';
	for (size_t i = 0; i < n; i += strlen(line + i) + 1) {
		const char *word = line + i, *next = word + strlen(word) + 1;

		if (strncmp(word, name, len) != 0)
			continue;
		if (word[len] == '=')
			snprintf(buf, size, "%s", word + len + 1);
		else if (word[len] == '\0' && next < line + n)
			snprintf(buf, size, "%s", next);
		return true;
	}
	return false;
}

/* Drains and orders must be written before their command is answered. */
static void check_disk(struct checkup *checkup)
{
	char pid[24], dir[512] = "/var/lib/shoal";
	struct statvfs fs;

	if (!find_process("shoald", pid))
		return;
	option_of(pid, "--state-dir", dir, sizeof(dir));
	if (statvfs(dir, &fs) < 0)
		add(checkup, errno == EACCES ? SEVERITY_NOTE : SEVERITY_ERROR, "state-dir", NULL,
		    "%s: %s", dir, strerror(errno));
	else if (fs.f_flag & ST_RDONLY)
		ADD(checkup, ERROR, "state-dir", doctor_fix("mount -o remount,rw %s", dir),
		    "%s is read-only: no drain could be kept", dir);
	else if ((uint64_t)fs.f_bavail * fs.f_frsize < FREE_LEAST)
		ADD(checkup, ERROR, "state-dir", doctor_fix("df %s", dir),
		    "%s has no room left: no drain could be kept", dir);
	else
		ADD(checkup, OK, "state-dir", NULL, "%s can be written", dir);
}

static void check_secret(struct checkup *checkup)
{
	const char *file = checkup->config->node.hash_key_file;
	struct stat st;

	if (!file)
		return;
	if (stat(file, &st) < 0)
		add(checkup, errno == EACCES ? SEVERITY_NOTE : SEVERITY_ERROR, "hash-key-file",
		    NULL, "%s: %s", file, strerror(errno));
	else if (st.st_mode & 0007)
		ADD(checkup, ERROR, "hash-key-file", doctor_fix("chmod o= %s", file),
		    "%s can be read by every user (mode %04o)", file, (unsigned)st.st_mode & 07777);
}

/* ---- shoald ---- */

static void check_generation(struct checkup *checkup)
{
	const char *running = get_text(checkup->status, "generation");

	if (strcmp(running, checkup->config->generation) != 0)
		ADD(checkup, WARNING, "generation", doctor_fix("shoal reload"),
		    "shoald runs %.8s, and %s is %.8s", running, checkup->config->file,
		    checkup->config->generation);
	else
		ADD(checkup, OK, "generation", NULL, "%.8s, as %s", running, checkup->config->file);
}

void doctor_daemons(struct checkup *checkup)
{
	if (checkup->status) {
		ADD(checkup, OK, "shoald", NULL, "%s answers",
		    get_text(checkup->status, "version"));
		check_generation(checkup);
	} else {
		ADD(checkup, ERROR, "shoald", doctor_fix("systemctl enable --now shoald"), "%s",
		    checkup->silence);
	}
	check_process(checkup, "shoal-probe", "no real is judged");
	check_process(checkup, "shoal-guard",
		      "nobody withdraws when shoald or the data plane is gone");
	check_socket(checkup, "read.sock");
	check_socket(checkup, "admin.sock");
	check_descriptors(checkup, "shoald");
	check_descriptors(checkup, "shoal-probe");
	check_disk(checkup);
	check_secret(checkup);
}

/* ---- what filters ---- */

static void check_conntrack(struct checkup *checkup)
{
	long count, most;

	if (!host_read_long("/proc/sys/net/netfilter/nf_conntrack_count", &count) ||
	    !host_read_long("/proc/sys/net/netfilter/nf_conntrack_max", &most) || most <= 0)
		return;
	if (count >= most * 8 / 10)
		add(checkup, count >= most ? SEVERITY_ERROR : SEVERITY_WARNING, "conntrack",
		    doctor_fix("sysctl -w net.netfilter.nf_conntrack_max=%ld", most * 4),
		    "%ld of %ld entries: when it is full BGP and probes are dropped "
		    "(packets for VIPs never meet it)",
		    count, most);
	else
		ADD(checkup, OK, "conntrack", NULL, "%ld of %ld entries", count, most);
}

/* The whole answer of a command; for json_decref(), NULL when there is none. */
static json_t *run_json(const char *command)
{
	FILE *pipe = popen(command, "re");
	json_t *result = pipe ? json_loadf(pipe, 0, NULL) : NULL;

	if (pipe && pclose(pipe) != 0) {
		json_decref(result);
		return NULL;
	}
	return result;
}

/* Whether some rule of the table speaks of this number; how, is the operator's. */
static bool names_number(const json_t *ruleset, const char *table, const char *number)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(ruleset, "nftables"), i, item) {
		const json_t *rule = json_object_get(item, "rule");
		AUTO(freep) char *text = NULL;

		if (!rule || strcmp(get_text(rule, "table"), table) != 0)
			continue;
		text = json_dumps(json_object_get(rule, "expr"), JSON_COMPACT);
		if (text && strstr(text, number))
			return true;
	}
	return false;
}

static void check_chain(struct checkup *checkup, const json_t *ruleset, const json_t *chain)
{
	static const struct {
		const char *hook, *number, *what;
	} needs[] = {
		{ "input", "179", "BGP (tcp 179)" },
		{ "input", "3784", "BFD (udp 3784)" },
		{ "output", "179", "BGP (tcp 179)" },
	};
	const char *hook = get_text(chain, "hook"), *table = get_text(chain, "table");
	const char *family = get_text(chain, "family");

	if (strcmp(get_text(chain, "policy"), "drop") != 0)
		return;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (strcmp(hook, needs[i].hook) == 0 &&
		    !names_number(ruleset, table, needs[i].number))
			ADD(checkup, WARNING, "nftables",
			    doctor_fix("nft list chain %s %s %s", family, table,
				       get_text(chain, "name")),
			    "%s %s %s drops what no rule names, and none names %s", family, table,
			    get_text(chain, "name"), needs[i].what);
	if (strcmp(hook, "prerouting") == 0 || strcmp(hook, "ingress") == 0)
		ADD(checkup, WARNING, "nftables",
		    doctor_fix("nft list chain %s %s %s", family, table, get_text(chain, "name")),
		    "%s %s %s drops by default before routing: answers to probes pass it", family,
		    table, get_text(chain, "name"));
}

static void check_nftables(struct checkup *checkup)
{
	json_t *ruleset = run_json("nft -j list ruleset 2>/dev/null");
	size_t i, before = checkup->diagnosis.n, chains = 0;
	const json_t *item;

	if (!ruleset) {
		ADD(checkup, NOTE, "nftables", NULL,
		    "could not be read: nft is not installed, or this user may not");
		return;
	}
	json_array_foreach (json_object_get(ruleset, "nftables"), i, item) {
		const json_t *chain = json_object_get(item, "chain");

		chains += chain && get_has(chain, "hook");
		if (chain && get_has(chain, "hook"))
			check_chain(checkup, ruleset, chain);
	}
	if (checkup->diagnosis.n == before)
		ADD(checkup, OK, "nftables", NULL, "%zu base chains, none in the way", chains);
	json_decref(ruleset);
}

void doctor_firewall(struct checkup *checkup)
{
	check_conntrack(checkup);
	check_nftables(checkup);
}
