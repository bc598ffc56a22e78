/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - the program and its maps: load and pin them, or adopt what an earlier process pinned.
 *
 * In the bpffs directory stand one `link_IFINDEX` an uplink and a set, the directory `vN` with N
 * the ABI version: `tables` (pinned last: it makes the set whole, and begins with the version), the
 * other maps of pinned_map() and the program. What becomes of a set of another version: sets.c.
 * Adopting takes the program in force as it is when it is from the very object that we carry, with
 * the same switches. Otherwise ours is loaded over the pinned maps, and when its tags or switches
 * differ every link is moved to it by bpf_link_update(), which no packet notices. A lock on the
 * directory keeps a second controller out.
 *
 * A program is two stages (`program`, `longer`) and the map by which the first calls the second
 * (`stages`): each program has a map of its own, so that both are exchanged by the link update, or
 * neither. The kernel empties a map of programs that nobody has open or pinned. So that map is
 * pinned as `stages_ID` before any link is moved, and becomes `stages` once all are; what an
 * exchange left behind that did not come so far goes only after another that did: a link may run
 * it.
 */
#include "src/dataplane/internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "src/dataplane/hash_key.h"
#include "src/dataplane/lb_skel.h"
#include "src/base/auto.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 17

#define RINGS_SPARE 16 /* on top of an eighth more than the config has pools */

/* The end of what libbpf said; of a refused program that is the verifier's verdict. */
static char libbpf_said[4096];

static void libbpf_keep(const char *text, size_t len)
{
	size_t room = sizeof(libbpf_said) - 1, used = strlen(libbpf_said);

	if (len > room) {
		text += len - room;
		len = room;
	}
	if (used + len > room) {
		size_t drop = used + len - room;

		memmove(libbpf_said, libbpf_said + drop, used - drop);
		used -= drop;
	}
	memcpy(libbpf_said + used, text, len);
	libbpf_said[used + len] = '\0';
}

/* The verifier's whole log comes as one message, which may be megabytes. */
__attribute__((format(printf, 2, 0))) static int libbpf_listen(enum libbpf_print_level level,
							       const char *fmt, va_list args)
{
	AUTO(freep) char *text = NULL;
	int len;

	if (level == LIBBPF_DEBUG)
		return 0;
	len = vasprintf(&text, fmt, args);
	if (len < 0)
		text = NULL;
	else
		libbpf_keep(text, (size_t)len);
	return 0;
}

/* What the verifier says of itself rather than of the program. */
static bool is_chatter(const char *line)
{
	static const char *const starts[] = { "processed ", "verification time ", "stack depth ",
					      "mark_precise" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (!strncmp(line, starts[i], strlen(starts[i])))
			return true;
	}
	return false;
}

#define VERDICT_LINES 4

/*
 * The last lines of the verifier's log, or else of what libbpf said, joined for a sentence. Cuts
 * libbpf_said to pieces.
 */
static void libbpf_last_lines(char *buf, size_t size)
{
	char *end = strstr(libbpf_said, "-- END PROG LOAD LOG --");
	char *lines[VERDICT_LINES], *line, *rest = libbpf_said;
	size_t n = 0, used = 0;

	if (end)
		*end = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (!*line || is_chatter(line))
			continue;
		if (n == VERDICT_LINES)
			memmove(lines, lines + 1, (VERDICT_LINES - 1) * sizeof(lines[0]));
		lines[n < VERDICT_LINES ? n++ : n - 1] = line;
	}
	buf[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%.160s", i ? " | " : "",
					 lines[i]);
}

static int check_kernel(struct err *err)
{
	unsigned major = 0, minor = 0;
	struct utsname uts;

	if (uname(&uts) < 0 || sscanf(uts.release, "%u.%u", &major, &minor) != 2)
		return 0;
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return 0;
	return err_set(err, -EOPNOTSUPP, "this is Linux %s; Shoal needs %d.%d or later",
		       uts.release, KERNEL_MAJOR, KERNEL_MINOR);
}

static int load_failed(int code, struct err *err)
{
	char verdict[VERDICT_LINES * 168];

	if (code == -EPERM)
		return err_set(err, -EPERM,
			       "the kernel refuses to load the XDP program or its maps: give the "
			       "process CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
	if (code == -ENOMEM)
		return err_set(err, code, "no memory for the maps of the data plane");
	libbpf_last_lines(verdict, sizeof(verdict));
	return err_set(err, code, "the kernel refuses the XDP program: %s; it says: %s",
		       strerror(-code), verdict);
}

static uint32_t rings_wanted(const struct config *config, bool is_private)
{
	uint32_t n_pools = (uint32_t)config->n_pools;

	return is_private ? n_pools + 1 : n_pools + n_pools / 8 + RINGS_SPARE;
}

static void pin_path(const struct dataplane *dp, const char *name, char path[192])
{
	snprintf(path, 192, "%s/%s", dp->set, name);
}

static int pinned_fd(const struct dataplane *dp, const char *name)
{
	char path[192];

	pin_path(dp, name, path);
	return bpf_obj_get(path);
}

static int map_info(int fd, struct bpf_map_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

static int prog_info(int fd, struct bpf_prog_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

/* ---- the directory ---- */

int dataplane_dir_open(const char *path, int *ret_fd, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	struct statfs fs;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "bpffs directory '%s': %m", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "bpffs directory '%s': %m", path);
	if (fstatfs(fd, &fs) < 0)
		return err_set(err, -errno, "bpffs directory '%s': %m", path);
	if (fs.f_type != BPF_FS_MAGIC)
		return err_set(err, -EINVAL,
			       "'%s' is not on a BPF file system; mount one: mount -t bpf bpf %s",
			       path, path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "bpffs directory '%s' is in use by another process",
			       path);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* ---- the maps ---- */

/* Whether `tables` is one we can work with. */
static int check_tables(const struct dataplane *dp, int fd, struct err *err)
{
	struct bpf_map_info info;
	uint32_t version = 0;
	void *start;
	int r = map_info(fd, &info);

	if (r < 0)
		return err_set(err, r, "pinned map '%s/tables': %m", dp->set);
	start = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED)
		return err_set(err, -errno, "pinned map '%s/tables': %m", dp->set);
	memcpy(&version, start, sizeof(version));
	munmap(start, 4096);
	if (version != LB_ABI_VERSION || info.value_size != sizeof(struct lb_tables))
		return err_set(
			err, -ESTALE,
			"the maps pinned in '%s' have another layout (version %u, %u bytes) than "
			"this program's version %u: drain the node, remove them (shoald --remove) "
			"and start again",
			dp->set, version, info.value_size, LB_ABI_VERSION);
	return 0;
}

static int reuse_map(const struct dataplane *dp, struct bpf_map *map, const char *name,
		     uint32_t value_size, struct err *err)
{
	AUTO(fd_closep) int fd = pinned_fd(dp, name);
	struct bpf_map_info info;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "pinned map '%s/%s': %m", dp->set, name);
	r = map_info(fd, &info);
	if (r < 0)
		return err_set(err, r, "pinned map '%s/%s': %m", dp->set, name);
	if (info.value_size != value_size)
		return err_set(err, -ESTALE, "pinned map '%s/%s' has values of %u bytes, not %u",
			       dp->set, name, info.value_size, value_size);
	r = bpf_map__reuse_fd(map, fd);
	return r < 0 ? err_set(err, r, "pinned map '%s/%s': %m", dp->set, name) : 0;
}

/* The maps beside `tables` and `rings`. */
struct pinned_map {
	struct bpf_map *map;
	const char *name;
	uint32_t value_size;
};
#define N_PINNED_MAPS 9

static struct pinned_map pinned_map(const struct lb_bpf *skel, size_t i)
{
	const struct pinned_map maps[N_PINNED_MAPS] = {
		{ skel->maps.counters, "counters", sizeof(struct lb_counters) },
		{ skel->maps.prefixes, "prefixes", sizeof(uint32_t) },
		{ skel->maps.devices, "devices", sizeof(uint32_t) },
		{ skel->maps.flows, "flows", sizeof(struct lb_flow_line) },
		{ skel->maps.syns, "syns", sizeof(struct lb_flow_line) },
		{ skel->maps.source_routes, "source_routes", sizeof(uint32_t) },
		{ skel->maps.source_drops, "source_drops", sizeof(uint32_t) },
		{ skel->maps.server_ids, "server_ids", sizeof(uint32_t) },
		{ skel->maps.captured, "captured", 0 },
	};

	return maps[i];
}

static void set_flow_lines(struct dataplane *dp, uint32_t lines)
{
	dp->n_flow_lines = lines;
	dp->skel->rodata->lb_flow_mask = lines - 1;
}

/* The flow table keeps the size it was made with. */
static int adopt_flow_lines(struct dataplane *dp, struct err *err)
{
	struct bpf_map_info info;
	int r = map_info(bpf_map__fd(dp->skel->maps.flows), &info);

	if (r < 0)
		return err_set(err, r, "pinned map '%s/flows': %m", dp->set);
	set_flow_lines(dp, info.max_entries);
	clock_init(dp);
	return 0;
}

/* Put the pinned maps under the program about to be loaded. */
static int reuse_maps(struct dataplane *dp, uint32_t rings_needed, struct err *err)
{
	struct lb_bpf *skel = dp->skel;
	AUTO(fd_closep) int rings_fd = pinned_fd(dp, "rings");
	struct bpf_map_info info;
	int r;

	r = reuse_map(dp, skel->maps.bss, "tables", sizeof(struct lb_tables), err);
	for (size_t i = 0; i < N_PINNED_MAPS && !r; i++) {
		const struct pinned_map map = pinned_map(skel, i);

		r = reuse_map(dp, map.map, map.name, map.value_size, err);
	}
	if (r < 0)
		return r;
	r = adopt_flow_lines(dp, err);
	if (r < 0)
		return r;
	/* Rings that have become too few are copied into a larger map, see grow_rings(). */
	if (rings_fd < 0 || map_info(rings_fd, &info) < 0)
		return err_set(err, -errno, "pinned map '%s/rings': %m", dp->set);
	if (info.max_entries >= rings_needed)
		return reuse_map(dp, skel->maps.rings, "rings", sizeof(struct lb_ring), err);
	return 0;
}

static void *map_memory(const struct bpf_map *map, size_t size, struct err *err)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED) {
		err_set(err, -errno, "map '%s': mmap: %m", bpf_map__name(map));
		return NULL;
	}
	return memory;
}

static int map_all(struct dataplane *dp, struct err *err)
{
	struct bpf_map_info info;
	int r = map_info(bpf_map__fd(dp->skel->maps.rings), &info);

	if (r < 0)
		return err_set(err, r, "map 'rings': %m");
	dp->n_rings = info.max_entries;
	dp->tables = map_memory(dp->skel->maps.bss, sizeof(*dp->tables), err);
	if (!dp->tables)
		return -ENOMEM;
	dp->rings = map_memory(dp->skel->maps.rings, dp->n_rings * sizeof(struct lb_ring), err);
	if (!dp->rings)
		return -ENOMEM;
	dp->lines = map_memory(dp->skel->maps.counters,
			       (dp->n_cpus + 1) * sizeof(struct lb_counters), err);
	if (!dp->lines)
		return -ENOMEM;
	dp->flows = map_memory(dp->skel->maps.flows, dp->n_flow_lines * sizeof(struct lb_flow_line),
			       err);
	return dp->flows ? 0 : -ENOMEM;
}

static void unmap_all(struct dataplane *dp)
{
	if (dp->tables)
		munmap(dp->tables, sizeof(*dp->tables));
	if (dp->rings)
		munmap(dp->rings, dp->n_rings * sizeof(struct lb_ring));
	if (dp->lines)
		munmap(dp->lines, (dp->n_cpus + 1) * sizeof(struct lb_counters));
	if (dp->flows)
		munmap(dp->flows, dp->n_flow_lines * sizeof(struct lb_flow_line));
	dp->tables = NULL;
	dp->rings = NULL;
	dp->lines = NULL;
	dp->flows = NULL;
}

/* The pinned rings were too few: carry them over into the larger map just made. */
static int grow_rings(struct dataplane *dp, struct err *err)
{
	AUTO(fd_closep) int old_fd = pinned_fd(dp, "rings");
	struct bpf_map_info info;
	char path[192];
	size_t size;
	void *old;

	if (old_fd < 0 || map_info(old_fd, &info) < 0)
		return err_set(err, -errno, "pinned map '%s/rings': %m", dp->set);
	if (info.max_entries >= dp->n_rings)
		return 0;
	size = info.max_entries * sizeof(struct lb_ring);
	old = mmap(NULL, size, PROT_READ, MAP_SHARED, old_fd, 0);
	if (old == MAP_FAILED)
		return err_set(err, -errno, "pinned map '%s/rings': %m", dp->set);
	memcpy(dp->rings, old, size);
	munmap(old, size);
	pin_path(dp, "rings_new", path);
	unlink(path);
	if (bpf_map__pin(dp->skel->maps.rings, path) < 0)
		return err_set(err, -errno, "'%s': %m", path);
	return 0;
}

/* ---- loading ---- */

#define FLOWS_DEFAULT 65536 /* entries, where the config has no node */

/* Lines of the flow table: a power of two. */
static uint32_t flow_lines_wanted(const struct config *config)
{
	uint64_t entries = config->node.flow_table ? config->node.flow_table : FLOWS_DEFAULT;
	uint32_t lines = 1;

	while ((uint64_t)lines * LB_FLOW_WAYS < entries && lines < 1U << 27)
		lines *= 2;
	return lines;
}

/* Nobody can aim at a line of the flow table without this key; it lives as long as the table. */
static int make_flow_key(struct dataplane *dp, struct err *err)
{
	if (getrandom(dp->tables->flow_key, sizeof(dp->tables->flow_key), 0) !=
	    sizeof(dp->tables->flow_key))
		return err_set(err, -EIO, "no random key for the flow table: %m");
	return 0;
}

static void configure(struct dataplane *dp, const struct config *config)
{
	dp->mtu_bytes = config->node.mtu_bytes;
	dp->client_mtu_bytes = config->node.client_mtu_bytes;
	dp->has_source[0] = config->node.has_encap_source4;
	dp->has_source[1] = config->node.has_encap_source6;
	dp->source[0] = config->node.encap_source4;
	dp->source[1] = config->node.encap_source6;
	dp->idle_us = config->node.idle_us;
	dp->mss_clamp = config->node.mss_clamp;
}

static struct dataplane *dataplane_new(const char *dir, const struct config *config)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return NULL;
	snprintf(dp->dir, sizeof(dp->dir), "%s", dir);
	snprintf(dp->set, sizeof(dp->set), "%s/v%u", dir, (unsigned)LB_ABI_VERSION);
	dp->dir_fd = -1;
	dp->set_fd = -1;
	dp->prog_fd = -1;
	dp->age_fd = -1;
	dp->former_fd = -1;
	for (int i = 0; i < DATAPLANE_UPLINKS_MAX; i++)
		dp->link_fds[i] = -1;
	configure(dp, config);
	return dp;
}

/* The fleet's key in place of the public seeds; private programs do without. */
static int use_hash_key(struct dataplane *dp, const struct config *config, struct err *err)
{
	struct hash_key key;
	int r;

	if (!config->node.hash_key_file || dp->dir[0] == '\0')
		return 0;
	r = hash_key_read(config->node.hash_key_file, &key, err);
	if (r < 0)
		return r;
	dp->skel->rodata->lb_hash_seed = key.seed;
	dp->skel->rodata->lb_hash_seed_v6 = key.seed_v6;
	return 0;
}

static int open_skeleton(struct dataplane *dp, const struct config *config, struct err *err)
{
	int n_cpus = libbpf_num_possible_cpus();

	if (n_cpus < 0)
		return err_set(err, n_cpus, "cannot count the CPUs: %m");
	libbpf_said[0] = '\0';
	libbpf_set_print(libbpf_listen);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	dp->n_cpus = (uint32_t)n_cpus;
	dp->skel = lb_bpf__open();
	if (!dp->skel)
		return err_set(err, -errno, "the XDP program cannot be opened: %m");
	dp->skel->rodata->lb_self_test_line = dp->n_cpus;
	dp->skel->rodata->lb_is_traced = dp->dir[0] == '\0';
	bpf_map__set_max_entries(dp->skel->maps.counters, dp->n_cpus + 1);
	bpf_map__set_max_entries(dp->skel->maps.rings, rings_wanted(config, dp->dir[0] == '\0'));
	dp->n_flow_lines_wanted = flow_lines_wanted(config);
	set_flow_lines(dp, dp->n_flow_lines_wanted);
	bpf_map__set_max_entries(dp->skel->maps.flows, dp->n_flow_lines);
	clock_init(dp);
	return use_hash_key(dp, config, err);
}

/* The program's read-only data, compared byte by byte: its padding is zero in every process. */
static const void *switches(const struct dataplane *dp)
{
	return dp->skel->rodata;
}

#define SWITCHES_LEN sizeof(*((struct lb_bpf *)NULL)->rodata)
_Static_assert(SWITCHES_LEN <= LB_SWITCHES_MAX, "the tables have room for the switches");

/* A number that tells the object we carry from every other (FNV-1a). */
static uint64_t object_build(void)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	size_t len;
	const uint8_t *bytes = lb_bpf__elf_bytes(&len);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash ? hash : 1;
}

/* What the program in force is made of, for the next process. */
static void note_program(struct dataplane *dp)
{
	dp->tables->switches_len = SWITCHES_LEN;
	memcpy(dp->tables->switches, switches(dp), SWITCHES_LEN);
	__atomic_store_n(&dp->tables->build, object_build(), __ATOMIC_RELEASE);
}

static bool switches_differ(const struct dataplane *dp)
{
	return dp->tables->switches_len != SWITCHES_LEN ||
	       memcmp(dp->tables->switches, switches(dp), SWITCHES_LEN) != 0;
}

/* Whether the program in force before had another hash key. */
static bool hash_key_differs(const struct dataplane *dp)
{
	typeof(*dp->skel->rodata) before;

	if (dp->tables->switches_len != SWITCHES_LEN)
		return false;
	memcpy(&before, dp->tables->switches, SWITCHES_LEN);
	return before.lb_hash_seed != dp->skel->rodata->lb_hash_seed ||
	       before.lb_hash_seed_v6 != dp->skel->rodata->lb_hash_seed_v6;
}

static int use_program(struct dataplane *dp, int fd, struct err *err)
{
	struct bpf_prog_info info;
	int r = prog_info(fd, &info);

	if (r < 0)
		return err_set(err, r, "cannot read what program was loaded: %m");
	dp->prog_fd = fd;
	dp->prog_id = info.id;
	return 0;
}

/* Those that were just loaded. */
static int use_loaded(struct dataplane *dp, struct err *err)
{
	dp->age_fd = bpf_program__fd(dp->skel->progs.shoal_age);
	return use_program(dp, bpf_program__fd(dp->skel->progs.shoal_lb), err);
}

static int pin_map(const struct dataplane *dp, struct bpf_map *map, const char *name,
		   struct err *err)
{
	char path[192];
	int r;

	pin_path(dp, name, path);
	r = bpf_map__pin(map, path);
	return r < 0 ? err_set(err, r, "pin '%s': %m", path) : 0;
}

static int pin_new(const struct dataplane *dp, int fd, const char *name, struct err *err)
{
	char path[192];

	pin_path(dp, name, path);
	unlink(path);
	return bpf_obj_pin(fd, path) < 0 ? err_set(err, -errno, "pin '%s': %m", path) : 0;
}

static int stages_name(const struct dataplane *dp, char name[32], struct err *err)
{
	struct bpf_map_info info;
	int r = map_info(bpf_map__fd(dp->skel->maps.stages), &info);

	if (r < 0)
		return err_set(err, r, "map 'stages': %m");
	snprintf(name, 32, "stages_%u", info.id);
	return 0;
}

/* Pin what was loaded as the program to be. */
static int pin_program(const struct dataplane *dp, struct err *err)
{
	const struct lb_bpf *skel = dp->skel;
	char stages[32];
	int r = stages_name(dp, stages, err);

	if (!r)
		r = pin_new(dp, bpf_program__fd(skel->progs.shoal_lb), "program_new", err);
	if (!r)
		r = pin_new(dp, bpf_program__fd(skel->progs.shoal_lb_longer), "longer_new", err);
	if (!r)
		r = pin_new(dp, bpf_program__fd(skel->progs.shoal_age), "age_new", err);
	return r ? r : pin_new(dp, bpf_map__fd(skel->maps.stages), stages, err);
}

/* Replace a pin by another in one step. */
static int repin(const struct dataplane *dp, const char *from, const char *to, struct err *err)
{
	if (renameat(dp->set_fd, from, dp->set_fd, to) < 0)
		return err_set(err, -errno, "'%s/%s': %m", dp->set, to);
	return 0;
}

/* What was pinned last is the program in force. `program` last: until then it is not adopted. */
static int repin_program(const struct dataplane *dp, struct err *err)
{
	char stages[32];
	int r = stages_name(dp, stages, err);

	if (!r)
		r = repin(dp, stages, "stages", err);
	if (!r)
		r = repin(dp, "longer_new", "longer", err);
	if (!r)
		r = repin(dp, "age_new", "age", err);
	return r ? r : repin(dp, "program_new", "program", err);
}

/* Every link runs the program in force: maps of others can go. */
static void drop_left_stages(const struct dataplane *dp)
{
	DIR *dir = opendir(dp->set);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "stages_", 7))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* Pin a fresh set of maps and the program; `tables` last, so that half a set is not adopted. */
static int pin_all(struct dataplane *dp, struct err *err)
{
	struct lb_bpf *skel = dp->skel;
	int r = pin_program(dp, err);

	if (!r)
		r = repin_program(dp, err);
	if (!r)
		r = pin_map(dp, skel->maps.rings, "rings", err);
	for (size_t i = 0; i < N_PINNED_MAPS && !r; i++) {
		const struct pinned_map map = pinned_map(skel, i);

		r = pin_map(dp, map.map, map.name, err);
	}
	return r ? r : pin_map(dp, skel->maps.bss, "tables", err);
}

static int make_set(struct dataplane *dp, struct err *err)
{
	int r = lb_bpf__load(dp->skel);

	if (r < 0)
		return load_failed(r, err);
	r = map_all(dp, err);
	if (r < 0)
		return r;
	dp->tables->abi_version = LB_ABI_VERSION;
	note_program(dp);
	r = make_flow_key(dp, err);
	if (!r)
		r = use_loaded(dp, err);
	return r ? r : pin_all(dp, err);
}

/* While another set is in force the links go on running that one. */
static int load_fresh(struct dataplane *dp, struct err *err)
{
	int r = set_new(dp, err);

	if (r < 0)
		return r;
	r = make_set(dp, err);
	if (r < 0)
		set_del(dp, dp->set, NULL);
	return r;
}

static bool is_same_stage(const struct dataplane *dp, const char *name,
			  const struct bpf_program *loaded)
{
	AUTO(fd_closep) int fd = pinned_fd(dp, name);
	struct bpf_prog_info a, b;

	return fd >= 0 && !prog_info(fd, &a) && !prog_info(bpf_program__fd(loaded), &b) &&
	       !memcmp(a.tag, b.tag, sizeof(a.tag));
}

/* Whether the program in force is the one just loaded, in both stages, and on every link. */
static bool is_same_program(struct dataplane *dp, int old_fd)
{
	struct bpf_prog_info old;

	return old_fd >= 0 && !prog_info(old_fd, &old) && uplinks_run_program(dp, old.id) &&
	       !switches_differ(dp) && is_same_stage(dp, "program", dp->skel->progs.shoal_lb) &&
	       is_same_stage(dp, "longer", dp->skel->progs.shoal_lb_longer);
}

/* Move all links to the program just loaded; when one does not follow, none has. */
static int exchange_program(struct dataplane *dp, int old_fd, struct err *err)
{
	int r = pin_program(dp, err);

	if (r < 0)
		return r;
	dp->tables->build = 0; /* whoever ends in here leaves two programs */
	r = uplinks_update_program(dp, bpf_program__fd(dp->skel->progs.shoal_lb), err);
	if (r < 0 && old_fd >= 0)
		uplinks_update_program(dp, old_fd, NULL);
	return r;
}

/* Put today's program in force over adopted maps. */
static int upgrade(struct dataplane *dp, bool has_new_rings, int old_fd, struct err *err)
{
	int r = exchange_program(dp, old_fd, err);

	if (!r && has_new_rings)
		r = repin(dp, "rings_new", "rings", err);
	if (!r)
		r = repin_program(dp, err);
	if (r < 0)
		return r;
	drop_left_stages(dp);
	note_program(dp);
	return use_loaded(dp, err);
}

/* Load our program over the pinned maps, and put it in force where it is another. */
static int load_over(struct dataplane *dp, int *old_fd, struct err *err)
{
	bool has_new_rings = bpf_map__fd(dp->skel->maps.rings) < 0;
	int r = lb_bpf__load(dp->skel);

	if (r < 0)
		return load_failed(r, err);
	r = map_all(dp, err);
	if (!r && has_new_rings)
		r = grow_rings(dp, err);
	if (r < 0)
		return r;
	dp->has_new_hash_key = hash_key_differs(dp);
	if (has_new_rings || !is_same_program(dp, *old_fd))
		return upgrade(dp, has_new_rings, *old_fd, err);
	note_program(dp);
	dp->age_fd = bpf_program__fd(dp->skel->progs.shoal_age);
	return use_program(dp, fd_take(old_fd), err);
}

/* The smallest of programs: what is not allowed shows now rather than at the next change. */
static int check_may_load(struct err *err)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "shoal_may", "GPL", pass, 2, NULL);

	if (fd < 0)
		return load_failed(fd, err);
	close(fd);
	return 0;
}

/*
 * Whether the program in force is what loading ours would make: then it need not go through the
 * verifier again, which takes longer than all else about adopting.
 */
static bool is_our_program(struct dataplane *dp, int old_fd, int age_fd)
{
	struct bpf_prog_info old;

	return old_fd >= 0 && age_fd >= 0 && dp->tables->build == object_build() &&
	       !switches_differ(dp) && !prog_info(old_fd, &old) && uplinks_run_program(dp, old.id);
}

static int load_adopted(struct dataplane *dp, const struct config *config, struct err *err)
{
	AUTO(fd_closep) int old_fd = pinned_fd(dp, "program");
	AUTO(fd_closep) int age_fd = pinned_fd(dp, "age");
	int r = reuse_maps(dp, (uint32_t)config->n_pools, err);

	if (r < 0)
		return r;
	dp->is_adopted = true;
	if (bpf_map__fd(dp->skel->maps.rings) < 0)
		return load_over(dp, &old_fd, err);
	r = map_all(dp, err);
	if (r < 0)
		return r;
	if (!is_our_program(dp, old_fd, age_fd)) {
		unmap_all(dp);
		return load_over(dp, &old_fd, err);
	}
	r = check_may_load(err);
	if (r < 0)
		return r;
	dp->age_fd = fd_take(&age_fd);
	dp->is_age_own = true;
	return use_program(dp, fd_take(&old_fd), err);
}

/* What stands beside the maps, from them. */
static int rebuild_lists(struct dataplane *dp, struct err *err)
{
	int r;

	dp->ring_used = calloc(dp->n_rings, sizeof(*dp->ring_used));
	dp->ring_watched = calloc(dp->n_rings, sizeof(*dp->ring_watched));
	dp->ring_formers = calloc(dp->n_rings, sizeof(*dp->ring_formers));
	dp->transits = calloc(dp->n_rings, sizeof(*dp->transits));
	if (!dp->ring_used || !dp->ring_watched || !dp->ring_formers || !dp->transits)
		return err_set(err, -ENOMEM, "no memory for the data plane's lists");
	reals_rebuild(dp);
	services_rebuild(dp);
	dataplane_watch_none(dp); /* an earlier process's */
	formers_rebuild(dp);
	rings_rebuild(dp);
	r = sources_rebuild(dp, err);
	return r ? r : ids_rebuild(dp, err);
}

static int rebuild(struct dataplane *dp, const struct config *config, struct err *err)
{
	int r = clock_start(dp, err);

	if (!r)
		r = rebuild_lists(dp, err);
	if (r < 0)
		return r;
	uplinks_init(dp);
	dataplane_capture_stop(dp); /* whoever read an earlier one is gone */
	r = node_decap_apply(dp, &config->node, err);
	if (!r && mend_init(dp) < 0)
		r = err_set(err, -ENOMEM, "no memory for the data plane's lists");
	return r;
}

int dataplane_reread(struct dataplane *dp, struct err *err)
{
	free(dp->ring_used);
	free(dp->ring_watched);
	free(dp->ring_formers);
	free(dp->transits);
	sources_fini(dp);
	ids_fini(dp);
	memset(dp->real_bucket, 0, sizeof(dp->real_bucket));
	memset(dp->real_next, 0, sizeof(dp->real_next));
	memset(dp->counter_used, 0, sizeof(dp->counter_used));
	dp->sweep = (struct sweep){ 0 };
	return rebuild_lists(dp, err) ?: mend_init(dp);
}

static int open_pinned(struct dataplane *dp, const char *dir, const struct config *config,
		       struct err *err)
{
	AUTO(fd_closep) int tables_fd = -1;
	int r = dataplane_dir_open(dir, &dp->dir_fd, err);

	if (!r)
		r = open_skeleton(dp, config, err);
	if (!r)
		r = sets_look(dp, err);
	if (r < 0)
		return r;
	tables_fd = pinned_fd(dp, "tables");
	if (tables_fd < 0 && errno != ENOENT)
		return err_set(err, -errno, "pinned map '%s/tables': %m", dp->set);
	if (tables_fd >= 0)
		r = check_tables(dp, tables_fd, err);
	if (!r)
		r = tables_fd >= 0 ? load_adopted(dp, config, err) : load_fresh(dp, err);
	if (!r && !dp->is_changing_over)
		sets_del_others(dp);
	return r ? r : rebuild(dp, config, err);
}

static int open_private(struct dataplane *dp, const struct config *config,
			const struct private_switches *chosen, struct err *err)
{
	int r = open_skeleton(dp, config, err);

	if (r < 0)
		return r;
	if (chosen) {
		dp->skel->rodata->lb_answers_too_big = !chosen->drops_too_big;
		dp->skel->rodata->lb_is_traced = !chosen->is_untraced;
	}
	r = lb_bpf__load(dp->skel);
	if (r < 0)
		return load_failed(r, err);
	r = map_all(dp, err);
	if (r < 0)
		return r;
	dp->tables->abi_version = LB_ABI_VERSION;
	r = make_flow_key(dp, err);
	if (!r)
		r = use_loaded(dp, err);
	return r ? r : rebuild(dp, config, err);
}

int dataplane_open(const char *bpffs_dir, const struct config *config, struct dataplane **ret,
		   struct err *err)
{
	struct dataplane *dp;
	int r = check_kernel(err);

	if (r < 0)
		return r;
	if (strlen(bpffs_dir) >= sizeof(dp->dir) || !bpffs_dir[0])
		return err_set(err, -ENAMETOOLONG, "bpffs directory '%s': bad path", bpffs_dir);
	dp = dataplane_new(bpffs_dir, config);
	if (!dp)
		return err_set(err, -ENOMEM, "no memory for the data plane");
	r = open_pinned(dp, bpffs_dir, config, err);
	if (r < 0) {
		dataplane_close(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

int dataplane_open_private(const struct config *config, const struct private_switches *chosen,
			   struct dataplane **ret, struct err *err)
{
	struct dataplane *dp;
	int r = check_kernel(err);

	if (r < 0)
		return r;
	dp = dataplane_new("", config);
	if (!dp)
		return err_set(err, -ENOMEM, "no memory for the data plane");
	r = open_private(dp, config, chosen, err);
	if (r < 0) {
		dataplane_close(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

int dataplane_reconfigure(struct dataplane *dp, const struct config *config, struct err *err)
{
	int done = node_decap_apply(dp, &config->node, err);

	if (done < 0)
		return done;
	configure(dp, config);
	clock_set_idle(dp);
	rings_reschedule(dp);
	for (uint32_t i = 0; i < DATAPLANE_UPLINKS_MAX; i++) {
		int r = dp->uplinks[i].ifindex ? uplink_publish(dp, i, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	capture_close(dp);
	if (dp->ring_watched)
		dataplane_watch_none(dp);
	mend_fini(dp);
	for (int i = 0; i < DATAPLANE_UPLINKS_MAX; i++)
		fd_closep(&dp->link_fds[i]);
	unmap_all(dp);
	if (dp->prog_fd >= 0 &&
	    (!dp->skel || dp->prog_fd != bpf_program__fd(dp->skel->progs.shoal_lb)))
		close(dp->prog_fd);
	if (dp->is_age_own)
		close(dp->age_fd);
	fd_closep(&dp->former_fd);
	lb_bpf__destroy(dp->skel);
	fd_closep(&dp->set_fd);
	fd_closep(&dp->dir_fd);
	sources_fini(dp);
	ids_fini(dp);
	free(dp->ring_used);
	free(dp->ring_watched);
	free(dp->ring_formers);
	free(dp->transits);
	free(dp);
}

int dataplane_remove(const char *bpffs_dir, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	int r;

	if (access(bpffs_dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = dataplane_dir_open(bpffs_dir, &fd, err);
	if (!r)
		r = sets_clear(bpffs_dir, err);
	if (r < 0)
		return r;
	/* A mount point, or a directory with others' pins, stays. */
	rmdir(bpffs_dir);
	return 0;
}

bool dataplane_is_adopted(const struct dataplane *dp)
{
	return dp->is_adopted;
}

bool dataplane_has_new_hash_key(const struct dataplane *dp)
{
	return dp->has_new_hash_key;
}

int dataplane_check_hash_key(const struct dataplane *dp, const struct config *config,
			     struct err *err)
{
	struct hash_key key;
	int r;

	if (!config->node.hash_key_file)
		return 0;
	r = hash_key_read(config->node.hash_key_file, &key, err);
	if (r < 0)
		return r;
	if (key.seed != dp->skel->rodata->lb_hash_seed ||
	    key.seed_v6 != dp->skel->rodata->lb_hash_seed_v6)
		return err_set(err, -EBUSY,
			       "hash-key-file '%s' holds another key than the one in force",
			       config->node.hash_key_file);
	return 0;
}

const struct lb_trace *dataplane_trace(const struct dataplane *dp)
{
	return &dp->skel->data_trace->lb_trace;
}
