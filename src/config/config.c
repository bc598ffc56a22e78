/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - from a file to a config: reading, the one way out for errors, and the generation.
 */
#include "src/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/config/load.h"
#include "src/config/schema.h"

#define FILE_BYTES_MAX (16U << 20) /* 1,000 pools of 100 reals take two to four */

/* Everything one loading holds; on the heap, because longjmp() spoils locals. */
struct loading {
	jmp_buf oom;
	struct arena *arena, *scratch;
	struct findings findings;
	struct load load;
	bool is_syntax;
	struct text report;
};

/* ---- running one load ---- */

static void set_generation(struct config *config, struct arena *scratch)
{
	struct text print = { .arena = scratch };

	schema_print_config(config, &print);
	snprintf(config->generation, sizeof(config->generation), "%016" PRIx64,
		 index_hash(print.bytes, print.len));
}

static void run(struct loading *l, const char *file)
{
	struct load *load = &l->load;
	const struct node *root;

	load->config = arena_alloc(l->arena, sizeof(*load->config));
	load->config->arena = l->arena;
	load->config->file = arena_text(l->arena, file, strlen(file));
	root = document_parse(l->scratch, &l->findings, &l->is_syntax);
	if (root)
		read_config(load, root);
	if (root)
		check_config(load);
	if (l->findings.errors == 0)
		set_generation(load->config, l->scratch);
	text_add(&l->report, "%s", "");
	findings_print(&l->findings, &l->report);
}

/* As run(), with memory and its exhaustion taken care of. */
static int run_guarded(struct loading *l, const char *file, const char *text, size_t len,
		       enum config_need need)
{
	l->arena = arena_new(&l->oom);
	l->scratch = arena_new(&l->oom);
	if (!l->arena || !l->scratch || setjmp(l->oom))
		return -ENOMEM;
	l->findings = (struct findings){
		.arena = l->scratch,
		.file = file,
		.text = text,
		.len = len,
	};
	l->load = (struct load){
		.need = need,
		.arena = l->arena,
		.scratch = l->scratch,
		.findings = &l->findings,
		.marks = { .arena = l->scratch },
		.check_names = { .arena = l->scratch },
		.pool_names = { .arena = l->scratch },
	};
	l->report = (struct text){ .arena = l->scratch };
	run(l, file);
	arena_seal(l->arena);
	return 0;
}

static int fill_report(const struct loading *l, struct config_report *report)
{
	report->text = strdup(l->report.bytes);
	if (!report->text)
		return -ENOMEM;
	report->errors = l->findings.errors;
	report->warnings = l->findings.warnings;
	report->is_syntax = l->is_syntax;
	return 0;
}

/* The report of a file that was not even looked at. */
static int report_alone(struct config_report *report, int code, const char *file,
			const char *sentence)
{
	*report = (struct config_report){ .errors = 1 };
	if (asprintf(&report->text, "%s: error: %s\n", file, sentence) < 0)
		report->text = NULL;
	return code;
}

int config_parse(const char *file, const char *text, size_t len, enum config_need need,
		 struct config **ret, struct config_report *report)
{
	struct loading *l;
	int r;

	*report = (struct config_report){ 0 };
	if (len > FILE_BYTES_MAX)
		return report_alone(report, -EINVAL, file, "larger than 16 MiB");
	l = calloc(1, sizeof(*l));
	if (!l)
		return report_alone(report, -ENOMEM, file, "out of memory");
	r = run_guarded(l, file, text, len, need);
	if (r == 0)
		r = fill_report(l, report);
	if (r < 0)
		report_alone(report, r, file, "out of memory");
	else if (report->errors)
		r = -EINVAL;
	if (r == 0)
		*ret = l->load.config;
	else
		arena_free(l->arena);
	arena_free(l->scratch);
	free(l);
	return r;
}

/* ---- files ---- */

/* Up to one byte more than is allowed, so that the caller sees when it was too much. */
static int read_file(const char *file, char **ret, size_t *ret_len)
{
	AUTO(fd_closep) int fd = open(file, O_RDONLY | O_CLOEXEC);
	AUTO(freep) char *text = NULL;
	size_t len = 0;

	if (fd < 0)
		return -errno;
	text = malloc(FILE_BYTES_MAX + 1);
	if (!text)
		return -ENOMEM;
	while (len < FILE_BYTES_MAX + 1) {
		ssize_t n = read(fd, text + len, FILE_BYTES_MAX + 1 - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

int config_load(const char *file, enum config_need need, struct config **ret,
		struct config_report *report)
{
	AUTO(freep) char *text = NULL;
	struct err err;
	size_t len = 0;
	int r = read_file(file, &text, &len);

	if (r < 0) {
		err_set(&err, r, "cannot be read: %m");
		return report_alone(report, r, file, err.text);
	}
	return config_parse(file, text, len, need, ret, report);
}

void config_free(struct config *config)
{
	if (config)
		arena_free(config->arena);
}

void config_report_fini(struct config_report *report)
{
	free(report->text);
	report->text = NULL;
}

/* ---- printing ---- */

struct printing {
	jmp_buf oom;
	struct arena *arena;
	struct text text;
};

static int print_guarded(struct printing *p, const struct config *config, char **ret)
{
	char *copy;

	if (!p->arena || setjmp(p->oom))
		return -ENOMEM;
	p->text.arena = p->arena;
	schema_print_config(config, &p->text);
	copy = strdup(p->text.bytes);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int config_print(const struct config *config, char **ret)
{
	struct printing *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->arena = arena_new(&p->oom);
	r = print_guarded(p, config, ret);
	arena_free(p->arena);
	free(p);
	return r;
}

const char *config_service_print(const struct config_vip *vip, const struct config_service *service,
				 char buf[CONFIG_SERVICE_TEXT_MAX])
{
	bool is_host = prefix_is_host(&vip->prefix), is_ipv4 = addr_is_ipv4(&vip->prefix.addr);
	const char *address = is_host ? ADDR_STR(&vip->prefix.addr) : PREFIX_STR(&vip->prefix);
	const char *proto = service->proto == IPPROTO_UDP ? "udp" : "tcp";
	char port[8] = "any";

	if (service->port)
		snprintf(port, sizeof(port), "%u", service->port);
	snprintf(buf, CONFIG_SERVICE_TEXT_MAX, is_ipv4 ? "%s:%s/%s" : "[%s]:%s/%s", address, port,
		 proto);
	return buf;
}
