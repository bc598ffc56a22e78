/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decap_main.c - shoal-decap: the command on a real. One shot: what it attaches stays.
 */
#include "src/dataplane/decap.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE   2
#define EXIT_REFUSED 5

static const char usage_text[] =
	"usage: shoal-decap attach IFACE [--vip PREFIX]... [--mode auto|native|generic|tc]\n"
	"                          [--gue-port PORT] [--source-match PORT] [--server-id ID]\n"
	"                          [--bpffs DIR]\n"
	"       shoal-decap status IFACE [--bpffs DIR]\n"
	"       shoal-decap check  IFACE [--vip PREFIX]... [--bpffs DIR]\n"
	"       shoal-decap detach IFACE [--bpffs DIR]\n"
	"\n"
	"Opens the tunnels of Shoal's balancers (IPIP in all pairs of families, and GUE) that end "
	"at\n"
	"this host, when the packet inside is for one of its VIPs. Everything else passes "
	"unchanged.\n"
	"What is attached outlives this command; attaching again reads addresses and VIPs anew.\n"
	"\n"
	"  --vip PREFIX     a VIP served here, repeatable; default: every address on lo\n"
	"  --mode MODE      how to attach: native or generic XDP, or tc; default auto: native, "
	"then\n"
	"                   generic\n"
	"  --gue-port PORT  UDP port of GUE; default 6080\n"
	"  --source-match PORT\n"
	"                   GUE on this port, IPv6 in IPv6, stays closed, but its inner source "
	"becomes\n"
	"                   the outer one, by tc; default: none\n"
	"  --server-id ID   count packets whose TCP option names another server than this; "
	"default:\n"
	"                   ids are not looked at\n"
	"  --bpffs DIR      where link and counters are pinned; default /sys/fs/bpf/shoal-decap;\n"
	"                   without a BPF file system there, nothing is pinned and status needs "
	"root\n"
	"  --help           this text\n"
	"  --version        the version\n"
	"\n"
	"status prints what was counted, check looks at the set-up of this host line by line.\n"
	"Exit status: 0 done, 1 failed (check: something is bad), 2 usage, 5 permission.\n";

static int fail(const struct err *err, int r)
{
	fprintf(stderr, "shoal-decap: %s\n", err->text);
	return r == -EPERM ? EXIT_REFUSED : EXIT_FAILURE;
}

static int do_attach(struct decap_options *options)
{
	struct decap_attached attached;
	struct err err = { "" };
	int r = decap_vips(options, &err);

	if (!r)
		r = decap_attach(options, &attached, &err);
	if (r < 0)
		return fail(&err, r);
	if (attached.generic_why[0])
		fprintf(stderr,
			"shoal-decap: warning: %s; generic XDP is slower, --mode tc may be "
			"better\n",
			attached.generic_why);
	printf("attached to %s by %s: %zu VIP prefix%s, %zu own address%s%s\n", options->ifname,
	       decap_mode_str(attached.mode), attached.n_vips, attached.n_vips == 1 ? "" : "es",
	       attached.n_own, attached.n_own == 1 ? "" : "es",
	       attached.is_pinned ? "" : ", not pinned");
	return EXIT_SUCCESS;
}

static void print_count(const char *name, uint64_t value)
{
	printf("%-17s %llu\n", name, (unsigned long long)value);
}

static int do_status(struct decap_options *options)
{
	static const char *const words[] = {
#define X(name, word) word,
		DECAP_RESULTS(X)
#undef X
	};
	struct decap_counts counts;
	struct err err = { "" };
	enum decap_mode mode;
	int r = decap_status(options, &mode, &counts, &err);

	if (r < 0)
		return fail(&err, r);
	printf("%s: %s\n", options->ifname, decap_mode_str(mode));
	for (int i = 0; i < DECAP_RESULT_MAX; i++)
		print_count(words[i], counts.packets[i]);
	print_count("bytes-opened", counts.bytes_opened);
	print_count("opened-from-ipv4", counts.outer_ipv4);
	print_count("server-ids", counts.ids);
	print_count("server-ids-astray", counts.ids_misrouted);
	print_count("sources-matched", counts.sources_matched);
	return EXIT_SUCCESS;
}

static int do_check(struct decap_options *options)
{
	struct err err = { "" };

	if (decap_vips(options, &err) < 0)
		fprintf(stdout, "bad   %s\n", err.text);
	return decap_check(options, stdout) || !options->n_vips ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int do_detach(struct decap_options *options)
{
	struct err err = { "" };
	int r = decap_detach(options, &err);

	if (r < 0)
		return fail(&err, r);
	printf("detached from %s\n", options->ifname);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(struct decap_options *options);
} commands[] = {
	{ "attach", do_attach },
	{ "status", do_status },
	{ "check", do_check },
	{ "detach", do_detach },
};

static int bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "shoal-decap: %s '%s'; see shoal-decap --help\n", what, value);
	return EXIT_USAGE;
}

static int parse_vip(struct decap_options *options, const char *text)
{
	size_t max = sizeof(options->vips) / sizeof(options->vips[0]);

	if (options->n_vips == max || prefix_parse(text, &options->vips[options->n_vips]) < 0)
		return -EINVAL;
	options->n_vips++;
	return 0;
}

static int parse_mode(struct decap_options *options, const char *text)
{
	static const char *const words[] = { "auto", "native", "generic", "tc" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i])) {
			options->mode = (enum decap_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A decimal number from 1 to max, else 0. */
static uint32_t parse_number(const char *text, uint32_t max)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *text < '0' || *text > '9' || *end || number > max ? 0 : (uint32_t)number;
}

static int parse_port(uint16_t *port, const char *text)
{
	*port = (uint16_t)parse_number(text, UINT16_MAX);
	return *port ? 0 : -EINVAL;
}

static int parse_id(struct decap_options *options, const char *text)
{
	options->server_id = parse_number(text, UINT32_MAX);
	return options->server_id ? 0 : -EINVAL;
}

/* Returns 0, EXIT_USAGE, or -1 when help or the version was printed. */
static int parse_options(int argc, char **argv, struct decap_options *options)
{
	static const struct option longs[] = {
		{ "vip", required_argument, NULL, 'v' },
		{ "mode", required_argument, NULL, 'm' },
		{ "gue-port", required_argument, NULL, 'g' },
		{ "source-match", required_argument, NULL, 's' },
		{ "server-id", required_argument, NULL, 'i' },
		{ "bpffs", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return -1;
		}
		if (c == 'V') {
			puts("shoal-decap " SHOAL_VERSION);
			return -1;
		}
		if (c == 'v' && parse_vip(options, optarg) < 0)
			return bad_usage("not an address or prefix:", optarg);
		if (c == 'm' && parse_mode(options, optarg) < 0)
			return bad_usage("no such mode:", optarg);
		if ((c == 'g' && parse_port(&options->gue_port, optarg) < 0) ||
		    (c == 's' && parse_port(&options->match_port, optarg) < 0))
			return bad_usage("not a port:", optarg);
		if (c == 'i' && parse_id(options, optarg) < 0)
			return bad_usage("not a server id from 1 to 4294967295:", optarg);
		if (c == 'b')
			options->bpffs = optarg;
		if (c == '?')
			return EXIT_USAGE;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct decap_options options = { .bpffs = DECAP_BPFFS, .gue_port = DECAP_GUE_PORT };
	int r = parse_options(argc, argv, &options);

	if (r)
		return r < 0 ? EXIT_SUCCESS : r;
	if (argc - optind != 2) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	if (options.match_port == options.gue_port)
		return bad_usage("tunnels to --gue-port are opened; another port is needed for",
				 "--source-match");
	options.ifname = argv[optind + 1];
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(argv[optind], commands[i].name))
			return commands[i].run(&options);
	}
	return bad_usage("no such command:", argv[optind]);
}
