/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/judgements.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/reconcile/boot.h"

#define HEAD           "shoal-state 1"
#define FILE_MAX       (64U << 20) /* larger is not ours */
#define LINE_MAX_BYTES 512

/* ---- printing ---- */

/*
 * No sign of life: the file may be seconds older than what the data plane was told of an address,
 * and that stands until something is heard, or nothing for long enough.
 */
static void print_check(FILE *f, const struct config_pool *pool, const struct config_real *real,
			const char *name, const struct core_check *check)
{
	fprintf(f, "check %s %s %s %s %s %" PRIu32 " %" PRIu64 "%s%s\n", pool->name,
		ADDR_STR(&real->addr), name, real_state_str(check->state),
		probe_reason_str(check->reason), check->in_a_row, check->since,
		check->evidence[0] ? " " : "", check->evidence);
}

static size_t print_checks(FILE *f, const struct core *core)
{
	const struct config *config = core_config(core);
	size_t n = 0;

	for (uint32_t p = 0; p < core_n_pools(core); p++) {
		const struct core_pool *pool = core_pool(core, p);
		size_t n_checks = pool->config->n_checks;

		for (size_t i = 0; i < pool->config->n_reals * n_checks; i++) {
			uint32_t check = pool->config->checks[i % n_checks];

			if (pool->checks[i].state == REAL_UNKNOWN)
				continue;
			print_check(f, pool->config, &pool->config->reals[i / n_checks],
				    config->checks[check].name, &pool->checks[i]);
			n++;
		}
	}
	return n;
}

static size_t print_vips(FILE *f, const struct core *core)
{
	size_t n = 0;

	for (uint32_t v = 0; v < core_n_vips(core); v++) {
		struct core_flaps flaps;

		if (!core_flaps(core, v, &flaps))
			continue;
		fprintf(f, "vip %s %" PRIu64, PREFIX_STR(&flaps.prefix), flaps.hold_down_until);
		for (size_t i = 0; i < CORE_FLAPS_MAX && flaps.at[i]; i++)
			fprintf(f, " %" PRIu64, flaps.at[i]);
		fputc('\n', f);
		n++;
	}
	return n;
}

char *judgements_print(const struct core *core, const char *boot, usec_t now)
{
	char *text = NULL;
	size_t len, n;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, HEAD " %s %" PRIu64 "\n", boot, now);
	n = print_checks(f, core);
	n += print_vips(f, core);
	fprintf(f, "end %zu\n", n);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- parsing ---- */

/* The next word of a line, which it is cut out of; NULL at the end. */
static char *word(char **line)
{
	char *start = *line, *end;

	if (!start || *start == '\0')
		return NULL;
	end = strchr(start, ' ');
	if (end)
		*end = '\0';
	*line = end ? end + 1 : NULL;
	return *start ? start : NULL;
}

static bool number(char **line, uint64_t max, uint64_t *ret)
{
	const char *text = word(line);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret <= max;
}

static bool name(char **line, char ret[CONFIG_NAME_MAX + 1])
{
	const char *text = word(line);

	if (!text || strlen(text) > CONFIG_NAME_MAX)
		return false;
	strcpy(ret, text);
	return true;
}

static bool state(char **line, enum real_state *ret)
{
	const char *text = word(line);

	if (!text)
		return false;
	*ret = strcmp(text, "up") == 0 ? REAL_UP : REAL_DOWN;
	return *ret == REAL_UP || strcmp(text, "down") == 0;
}

static bool address(char **line, struct addr *ret)
{
	const char *text = word(line);

	return text && addr_parse(text, ret) == 0;
}

static bool reason(char **line, enum probe_reason *ret)
{
	const char *text = word(line);

	*ret = text ? probe_reason_find(text) : PROBE_REASON_MAX;
	return *ret < PROBE_REASON_MAX;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static bool parse_check(char *line, const struct judgements_sink *sink)
{
	struct judgement j = { 0 };
	uint64_t in_a_row, since;

	if (!name(&line, j.pool) || !address(&line, &j.real) || !name(&line, j.check) ||
	    !state(&line, &j.verdict.state) || !reason(&line, &j.verdict.reason) ||
	    !number(&line, UINT32_MAX, &in_a_row) || !number(&line, UINT64_MAX - 1, &since))
		return false;
	j.verdict.in_a_row = (uint32_t)in_a_row;
	j.since = since;
	if (line && (strlen(line) >= sizeof(j.verdict.evidence) || !is_printable(line)))
		return false;
	if (line)
		strcpy(j.verdict.evidence, line);
	if (sink)
		sink->judgement(&j, sink->arg);
	return true;
}

static bool parse_vip(char *line, const struct judgements_sink *sink)
{
	struct core_flaps flaps = { 0 };
	const char *text = word(&line);

	if (!text || prefix_parse(text, &flaps.prefix) < 0 ||
	    !number(&line, UINT64_MAX - 1, &flaps.hold_down_until))
		return false;
	for (size_t i = 0; line; i++) {
		/* newest first */
		if (i == CORE_FLAPS_MAX || !number(&line, UINT64_MAX - 1, &flaps.at[i]) ||
		    flaps.at[i] == 0 || (i && flaps.at[i] > flaps.at[i - 1]))
			return false;
	}
	if (sink)
		sink->flaps(&flaps, sink->arg);
	return true;
}

static bool parse_head(char *line, struct judgements_head *ret)
{
	const char *boot;

	if (strncmp(line, HEAD " ", strlen(HEAD " ")) != 0)
		return false;
	line += strlen(HEAD " ");
	boot = word(&line);
	if (!boot || strlen(boot) >= sizeof(ret->boot) || !number(&line, UINT64_MAX - 1, &ret->at))
		return false;
	strcpy(ret->boot, boot);
	return line == NULL;
}

/* One line between head and end. */
static bool parse_line(char *line, const struct judgements_sink *sink)
{
	const char *kind = word(&line);

	if (!kind || !line)
		return false;
	if (strcmp(kind, "check") == 0)
		return parse_check(line, sink);
	return strcmp(kind, "vip") == 0 && parse_vip(line, sink);
}

/* "end N" closes a file of N lines. */
static bool is_end(const char *line, size_t n)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "end %zu", n);
	return strcmp(line, expected) == 0;
}

/* Copy the line at *at into buf without its newline; false when none is whole, or it is too long.
 */
static bool take_line(const char *text, size_t len, size_t *at, char buf[LINE_MAX_BYTES])
{
	const char *end = *at < len ? memchr(text + *at, '\n', len - *at) : NULL;
	size_t n = end ? (size_t)(end - text) - *at : LINE_MAX_BYTES;

	if (n >= LINE_MAX_BYTES || memchr(text + *at, '\0', n))
		return false;
	memcpy(buf, text + *at, n);
	buf[n] = '\0';
	*at += n + 1;
	return true;
}

int judgements_parse(const char *text, size_t len, struct judgements_head *ret_head,
		     const struct judgements_sink *sink, struct err *err)
{
	char line[LINE_MAX_BYTES];
	size_t at = 0, n = 0;

	if (!take_line(text, len, &at, line) || !parse_head(line, ret_head))
		return err_set(err, -EBADMSG, "it does not begin as a state file of this version");
	while (take_line(text, len, &at, line)) {
		if (is_end(line, n))
			return at == len ? 0 : err_set(err, -EBADMSG, "something follows its end");
		if (!parse_line(line, sink))
			return err_set(err, -EBADMSG, "line %zu makes no sense", n + 2);
		n++;
	}
	return err_set(err, -EBADMSG, "it is torn after line %zu", n + 1);
}

/* ---- the file ---- */

static int write_whole(const char *path, const char *text)
{
	AUTO(fd_closep)
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, text + at, len - at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

/* Not synced: it is of no use after the boot, so all it must outlive is processes. */
int judgements_store(const char *state_dir, const struct core *core, usec_t now, struct err *err)
{
	AUTO(freep) char *text = NULL;
	char path[PATH_MAX], temp[PATH_MAX], boot[BOOT_ID_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/state", state_dir);
	snprintf(temp, sizeof(temp), "%s/.state.new", state_dir);
	r = boot_id_read(boot);
	if (r < 0)
		return err_set(err, r, "state file '%s': the boot id cannot be read", path);
	text = judgements_print(core, boot, now);
	if (!text)
		return err_set(err, -ENOMEM, "state file '%s': out of memory", path);
	r = write_whole(temp, text);
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temp);
		return err_set(err, r, "state file '%s': %s", path, strerror(-r));
	}
	return 0;
}

/* Returns 0, -ENOENT, or another negative errno. */
static int read_whole(const char *path, char **ret, size_t *ret_len)
{
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO(freep) char *text = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return -EBADMSG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, (size_t)st.st_size - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

static int set_aside(const char *path, const struct err *why, struct err *err)
{
	char aside[PATH_MAX + 8];

	snprintf(aside, sizeof(aside), "%s.bad", path);
	if (rename(path, aside) < 0)
		unlink(path);
	return err_set(err, -EBADMSG, "state file '%s': %s; set aside as '%s'", path, why->text,
		       aside);
}

static bool is_recent(const struct judgements_head *head, usec_t tick, usec_t now)
{
	usec_t known = tick > head->at && tick <= now ? tick : head->at;

	return known <= now && now - known <= JUDGEMENTS_KEPT_US;
}

int judgements_load(const char *state_dir, usec_t tick, usec_t now,
		    const struct judgements_sink *sink, struct err *err)
{
	AUTO(freep) char *text = NULL;
	char path[PATH_MAX], boot[BOOT_ID_MAX];
	struct judgements_head head;
	struct err why = { "it is no regular file, or too large" };
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/state", state_dir);
	r = read_whole(path, &text, &len);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EBADMSG)
		return err_set(err, r, "state file '%s': %s", path, strerror(-r));
	if (r == 0)
		r = judgements_parse(text, len, &head, NULL, &why);
	if (r < 0)
		return set_aside(path, &why, err);
	if (boot_id_read(boot) < 0 || strcmp(boot, head.boot) != 0 || !is_recent(&head, tick, now))
		return 0;
	judgements_parse(text, len, &head, sink, &why);
	return 1;
}

/* ---- telling a core ---- */

void judgements_adopt(const struct judgement *judgement, void *arg)
{
	struct core *core = arg;
	const struct config *config = core_config(core);
	struct core_verdict verdict = judgement->verdict;

	verdict.pool = config_lookup_pool(core_lookup(core), judgement->pool);
	if (verdict.pool == CONFIG_NONE)
		return;
	verdict.real = config_lookup_addr(core_lookup(core), verdict.pool, &judgement->real);
	for (uint32_t c = 0; c < config->pools[verdict.pool].n_checks; c++) {
		verdict.check = c;
		if (strcmp(config->checks[config->pools[verdict.pool].checks[c]].name,
			   judgement->check) == 0)
			core_adopt_verdict(core, &verdict, judgement->since);
	}
}

void judgements_adopt_flaps(const struct core_flaps *flaps, void *core)
{
	core_adopt_flaps(core, flaps);
}
