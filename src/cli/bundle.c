/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - `shoal bundle`: what a bug report needs, in one file, without secrets.
 *
 * Secrets are left out twice: where they are known to stand (header values, arguments of programs
 * and what is sent, in checks; passwords in FRR's config) they are masked, and whatever was masked
 * there is then looked for in every file, for a log may quote it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/tar.h"
#include "src/config/config.h"

#define CONFIG_DEFAULT "/etc/shoal/shoal.yaml"
#define OUTPUT_MAX     (8U * 1024 * 1024) /* of one command */
#define SECRET_MIN     4                  /* shorter ones would tear other words apart */
#define MASK           "***"

static const struct args_option bundle_options[] = {
	{ "output", "FILE", "where to; default shoal-bundle-TIME.tar.gz here; must not exist" },
	{ "config", "FILE", "the config; default " CONFIG_DEFAULT },
	{ .name = NULL },
};

struct bundle {
	struct cli *cli;
	struct tar *tar;
	char **secrets;
	size_t n_secrets;
	json_t *files;
	json_t *lacking; /* what could not be had */
};

/* ---- secrets ---- */

static void add_secret(struct bundle *bundle, const char *text, size_t len)
{
	char **secrets;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	if (len < SECRET_MIN)
		return;
	secrets = realloc(bundle->secrets, (bundle->n_secrets + 1) * sizeof(*secrets));
	if (!secrets)
		abort(); /* nothing may go out that could not be looked through */
	bundle->secrets = secrets;
	secrets[bundle->n_secrets] = strndup(text, len);
	if (!secrets[bundle->n_secrets++])
		abort();
}

/* A copy without any of the secrets; the caller's. */
static char *scrub(const struct bundle *bundle, const char *text, size_t len, size_t *ret_len)
{
	char *out = NULL;
	FILE *memory = open_memstream(&out, ret_len);

	if (!memory)
		abort();
	for (size_t at = 0; at < len;) {
		size_t skipped = 0;

		for (size_t i = 0; i < bundle->n_secrets; i++) {
			size_t n = strlen(bundle->secrets[i]);

			if (n > skipped && n <= len - at &&
			    memcmp(text + at, bundle->secrets[i], n) == 0)
				skipped = n;
		}
		if (skipped)
			fputs(MASK, memory);
		else
			fputc(text[at], memory);
		at += skipped ? skipped : 1;
	}
	fclose(memory);
	return out;
}

static void add_file(struct bundle *bundle, const char *name, const char *text, size_t len)
{
	size_t scrubbed_len;
	AUTO(freep) char *scrubbed = scrub(bundle, text, len, &scrubbed_len);

	tar_add(bundle->tar, name, scrubbed, scrubbed_len);
	json_array_append_new(bundle->files, json_string(name));
}

static void add_lacking(struct bundle *bundle, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add_lacking(struct bundle *bundle, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	json_t *string;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	string = json_string(text);
	json_array_append_new(bundle->lacking, string ? string : json_string("?"));
}

/* ---- the config ---- */

/* "Authorization: Bearer x" keeps its name. */
static const char *mask_header(struct bundle *bundle, const char *header)
{
	const char *value = strchr(header, ':');
	char *masked;

	if (!value)
		return header;
	value += 1 + strspn(value + 1, " ");
	add_secret(bundle, value, strlen(value));
	if (strchr(value, ' ')) /* also without "Bearer" */
		add_secret(bundle, strchr(value, ' ') + 1, strlen(strchr(value, ' ') + 1));
	return asprintf(&masked, "%.*s" MASK, (int)(value - header), header) < 0 ? MASK : masked;
}

/* The config was read by this command alone, for this. */
static void mask_check(struct bundle *bundle, struct config_check *check)
{
	const char **headers = (const char **)(uintptr_t)check->headers;
	const char *query = check->path ? strchr(check->path, '?') : NULL;

	for (size_t i = 0; i < check->n_headers; i++)
		headers[i] = mask_header(bundle, headers[i]);
	if (query) {
		add_secret(bundle, query + 1, strlen(query + 1));
		check->path = strndup(check->path, (size_t)(query - check->path));
	}
	for (size_t i = 1; i < check->n_argv; i++)
		add_secret(bundle, check->argv[i], strlen(check->argv[i]));
	if (check->n_argv > 1)
		check->n_argv = 1;
	add_secret(bundle, (const char *)check->send.bytes,
		   check->send.bytes ? strnlen((const char *)check->send.bytes, check->send.len)
				     : 0);
	check->send.len = 0;
}

static void add_key_file(struct bundle *bundle, const char *path)
{
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n > 0)
		add_secret(bundle, text, strnlen(text, (size_t)n));
	explicit_bzero(text, sizeof(text));
}

/* Read first of all, for its secrets. The vty directory is "" where it is not known. */
static void add_config(struct bundle *bundle, char *vty, size_t vty_size)
{
	const char *path = args_value(&bundle->cli->args, "config");
	struct config_report report = { 0 };
	struct config *config = NULL;
	AUTO(freep) char *text = NULL;

	path = path ? path : CONFIG_DEFAULT;
	if (config_load(path, CONFIG_NEED_NODE, &config, &report) < 0) {
		/* Nor is its text taken: what is masked could not be found in it. */
		add_lacking(bundle, "config: %s cannot be read or has %u errors; shoal check %s",
			    path, report.errors, path);
		config_report_fini(&report);
		return;
	}
	config_report_fini(&report);
	for (size_t i = 0; i < config->n_checks; i++)
		mask_check(bundle, (struct config_check *)(uintptr_t)&config->checks[i]);
	if (config->node.hash_key_file)
		add_key_file(bundle, config->node.hash_key_file);
	if (config->routing.vty)
		snprintf(vty, vty_size, "%s", config->routing.vty);
	if (config_print(config, &text) == 0)
		add_file(bundle, "config.yaml", text, strlen(text));
	config_free(config);
}

/* ---- what shoald says ---- */

static void add_answer(struct bundle *bundle, const char *command, json_t *args, const char *name)
{
	struct cli quiet = *bundle->cli;
	json_t *result = NULL;
	AUTO(freep) char *text = NULL;
	struct err err = { "" };

	quiet.is_json = true;
	if (cli_ask(&quiet, cli_find(command, NULL), args, &result, &err) == CTL_DONE)
		text = json_dumps(result, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	else
		add_lacking(bundle, "%s: %s", name, err.text);
	if (text)
		add_file(bundle, name, text, strlen(text));
	json_decref(result);
	json_decref(args);
}

static void add_answers(struct bundle *bundle)
{
	static const char *const lists[] = { "status", "vips",   "pools",   "reals",
					     "peers",  "routes", "version", "flows" };
	char name[64];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(name, sizeof(name), "%s.json", lists[i]);
		add_answer(bundle, lists[i], json_object(), name);
	}
	add_answer(bundle, "why", json_pack("{s:s}", "thing", "node"), "why-node.json");
	add_answer(bundle, "events", json_pack("{s:i}", "limit", 20000), "events.json");
}

/* ---- what commands say ---- */

/* From there to the end of the line; the last word alone is looked for elsewhere, too. */
static void mask_rest(struct bundle *bundle, char *from, char *end)
{
	char *last = end;

	while (last > from && last[-1] != ' ')
		last--;
	add_secret(bundle, last, (size_t)(end - last));
	memset(from, '*', (size_t)(end - from));
}

/* FRR's lines with a password or key keep what stands before it. */
static void mask_frr(struct bundle *bundle, char *text)
{
	static const char *const words[] = { "password ", "md5 ", "key-string ", " auth ",
					     "secret " };

	for (char *line = text; *line;) {
		char *end = line + strcspn(line, "\n");

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			size_t len = strlen(words[i]);
			char *word = memmem(line, (size_t)(end - line), words[i], len);

			if (word)
				mask_rest(bundle, word + len, end);
		}
		line = *end ? end + 1 : end;
	}
}

/* Its output, the end of it when there is much; NULL when it could not be run. The caller's. */
static char *run(const char *command, size_t *ret_len)
{
	FILE *pipe = popen(command, "re");
	char *text = malloc(OUTPUT_MAX);

	*ret_len = 0;
	while (pipe && text) {
		size_t n = fread(text + *ret_len, 1, OUTPUT_MAX - 1 - *ret_len, pipe);

		if (n == 0)
			break;
		*ret_len += n;
	}
	if (text)
		text[*ret_len] = '\0';
	if (!pipe || pclose(pipe) == -1 || *ret_len == 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void add_command(struct bundle *bundle, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add_command(struct bundle *bundle, const char *name, const char *fmt, ...)
{
	char command[512], line[600];
	AUTO(freep) char *text = NULL;
	va_list args;
	size_t len;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	snprintf(line, sizeof(line), "timeout 10 %s 2>&1", command);
	text = run(line, &len);
	if (!text) {
		add_lacking(bundle, "%s: '%s' says nothing", name, command);
		return;
	}
	if (strncmp(name, "frr-", 4) == 0)
		mask_frr(bundle, text);
	add_file(bundle, name, text, len);
}

static bool is_plain_path(const char *path)
{
	return *path == '/' && strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789/._-") == strlen(path);
}

static void add_frr(struct bundle *bundle, const char *vty)
{
	static const struct {
		const char *name, *say;
	} rows[] = {
		/* first, for its passwords */
		{ "frr-running-config.txt", "show running-config" },
		{ "frr-version.txt", "show version" },
		{ "frr-bgp-summary.txt", "show bgp summary" },
		{ "frr-bgp-neighbors.txt", "show bgp neighbors" },
		{ "frr-bgp-ipv4.txt", "show bgp ipv4 unicast" },
		{ "frr-bgp-ipv6.txt", "show bgp ipv6 unicast" },
		{ "frr-bfd.txt", "show bfd peers" },
		{ "frr-routes.txt", "show ip route summary" },
	};

	if (!is_plain_path(vty))
		vty = "/run/frr";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add_command(bundle, rows[i].name, "vtysh --vty_socket %s -c '%s'", vty,
			    rows[i].say);
}

static void add_system(struct bundle *bundle)
{
	static const struct {
		const char *name, *command;
	} rows[] = {
		{ "kernel.txt", "uname -a" },
		{ "os-release.txt", "cat /etc/os-release" },
		{ "memory.txt", "cat /proc/meminfo" },
		{ "links.txt", "ip -s -d link" },
		{ "addresses.txt", "ip addr" },
		{ "rules4.txt", "ip -4 rule" },
		{ "rules6.txt", "ip -6 rule" },
		{ "routes4.txt", "ip -4 route show table all" },
		{ "routes6.txt", "ip -6 route show table all" },
		{ "neighbours.txt", "ip neigh" },
		{ "tc-filters.txt", "tc -s filter show dev shoal-probe egress" },
		{ "bpf-net.txt", "bpftool net" },
		{ "bpf-programs.txt", "bpftool prog" },
		{ "bpf-maps.txt", "bpftool map" },
		{ "bpf-links.txt", "bpftool link" },
		{ "units.txt", "systemctl --no-pager status 'shoal*' frr" },
		{ "journal.txt", "journalctl --no-pager -n 5000 -u 'shoal*' -u frr" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add_command(bundle, rows[i].name, "%s", rows[i].command);
}

/* ---- the file ---- */

static const char left_out[] =
	"Left out, here and wherever it is quoted:\n"
	"- what the hash key file, CA files and password files hold: only their names are here\n"
	"- in checks: values of headers, what follows ? in paths, arguments of programs, what is "
	"sent\n"
	"- passwords and keys in FRR's config\n";

static void add_readme(struct bundle *bundle)
{
	AUTO(freep) char *text = NULL;
	const json_t *lacking;
	size_t len, i;
	FILE *memory = open_memstream(&text, &len);

	if (!memory)
		return;
	fprintf(memory, "A bundle of `shoal bundle`, version " SHOAL_VERSION ".\n\n%s", left_out);
	if (json_array_size(bundle->lacking))
		fputs("\nCould not be had:\n", memory);
	json_array_foreach (bundle->lacking, i, lacking)
		fprintf(memory, "- %s\n", json_string_value(lacking));
	fclose(memory);
	add_file(bundle, "README.txt", text, len);
}

static void fill(struct bundle *bundle)
{
	char vty[256] = "";

	add_config(bundle, vty, sizeof(vty));
	add_frr(bundle, vty);
	add_answers(bundle);
	add_system(bundle);
	add_readme(bundle);
}

static void default_name(char *buf, size_t size, uint64_t wall_us)
{
	time_t now = (time_t)(wall_us / USEC_PER_SEC);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(buf, size, "shoal-bundle-%Y%m%d-%H%M%S", &tm);
}

static void show(const struct bundle *bundle, const char *path)
{
	const struct cli *cli = bundle->cli;
	json_t *result = json_pack("{s:s, s:O, s:O}", "file", path, "files", bundle->files,
				   "lacking", bundle->lacking);
	const json_t *lacking;
	size_t i;

	if (cli->is_json) {
		cli_print_json(cli, result);
	} else {
		screen_line(&cli->screen, STYLE_GOOD, "%s: %zu files", path,
			    json_array_size(bundle->files));
		screen_lines(&cli->screen, left_out);
		json_array_foreach (bundle->lacking, i, lacking)
			screen_line(&cli->screen, STYLE_WARN, "not had  %s",
				    json_string_value(lacking));
	}
	json_decref(result);
}

static void bundle_fini(struct bundle *bundle)
{
	for (size_t i = 0; i < bundle->n_secrets; i++) {
		explicit_bzero(bundle->secrets[i], strlen(bundle->secrets[i]));
		free(bundle->secrets[i]);
	}
	free(bundle->secrets);
	json_decref(bundle->files);
	json_decref(bundle->lacking);
}

static enum ctl_exit run_bundle(struct cli *cli, const struct cli_command *command)
{
	struct bundle bundle = { .cli = cli, .files = json_array(), .lacking = json_array() };
	const char *path = args_value(&cli->args, "output");
	uint64_t wall_us = usec_wall();
	enum ctl_exit status = CTL_DONE;
	char prefix[64], name[96];
	struct err err;
	int fd;

	(void)command;
	if (cli->args.n_words > 0)
		return cli_fail(cli, CTL_USAGE, "bundle: takes no '%s'", cli->args.words[0]);
	default_name(prefix, sizeof(prefix), wall_us);
	snprintf(name, sizeof(name), "%s.tar.gz", prefix);
	path = path ? path : name;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bundle.tar = fd < 0 ? NULL : tar_new(fd, prefix, wall_us);
	if (!bundle.tar)
		return cli_fail(cli, CTL_FAILED, "bundle: '%s': %s", path, strerror(errno));
	fill(&bundle);
	if (tar_finish(bundle.tar, &err) < 0) {
		unlink(path);
		status = cli_fail(cli, CTL_FAILED, "bundle: '%s': %s", path, err.text);
	} else {
		show(&bundle, path);
	}
	bundle_fini(&bundle);
	return status;
}

const struct cli_behaviour cli_bundle = {
	.about = "Writes one tar.gz for a bug report: the config, what status, why and the lists\n"
		 "say, the flight recorder, versions, FRR's view, rules, routes, BPF objects and\n"
		 "the journal. Secrets are left out, and what was left out is listed. What cannot\n"
		 "be had, as when shoald does not run, is named, and no failure.\n",
	.options = bundle_options,
	.run = run_bundle,
};
