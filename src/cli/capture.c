/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.c - `shoal capture`: what shoald hands over, as pcapng or as lines.
 *
 * Each packet gives one frame as it came and, if it left, one as it left, both with the decision as
 * comment. They stand under two interfaces an uplink, "eth0" for what came and "eth0 out" for what
 * left, made when first needed. The file is whole after every packet, so an interrupted capture can
 * be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/pcapng.h"
#include "src/cli/render.h"
#include "src/cli/units.h"

#define COUNT_DEFAULT  10000
#define FOR_DEFAULT_US (10 * USEC_PER_SEC)
#define SIZE_DEFAULT   (64U * 1024 * 1024)
#define SNAPLEN_MAX    2048U /* what the program hands over of a frame */
#define INTERFACES_MAX 64
#define NAME_MAX_LEN   32

static const struct args_option capture_options[] = {
	{ "write", "FILE", "where to, as pcapng; also -w; without it: a line a packet" },
	{ "service", "SERVICE", "as 203.0.113.10:443/tcp or www:443/tcp" },
	{ "vip", "VIP", "a VIP by name, address or prefix" },
	{ "real", "POOL/REAL", "packets that go to it" },
	{ "reason", "WORD", "how packets end, or what is noted of them; may be repeated" },
	{ "count", "N", "ends after that many packets; 10000" },
	{ "for", "T", "ends after that time, at most 1h; 10s" },
	{ "size", "BYTES", "ends when the file is that long; 64M" },
	{ "sample", "1/N", "looks at one packet in N, at random" },
	{ "snaplen", "BYTES", "of each frame at most; 2048, and never more" },
	{ .name = NULL },
};

struct capture {
	const struct cli *cli;
	struct pcapng pcapng;
	FILE *file; /* NULL: lines */
	uint64_t size_max, packets, frames, lost;
	uint32_t snaplen;
	char names[INTERFACES_MAX][NAME_MAX_LEN];
	uint64_t received[INTERFACES_MAX];
	bool is_new_file, has_begun;
	int error; /* of writing */
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

/* ---- packets ---- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of hexadecimal digits, as many as there are whole ones; at most size. */
static uint32_t read_head(const char *text, uint8_t *bytes, uint32_t size)
{
	uint32_t n = 0;

	while (n < size && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
		bytes[n++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
		text += 2;
	}
	return n;
}

/* "service=203.0.113.10:443/tcp slot=17 real=web/web1 address=10.1.0.11 why=slot reason=forwarded"
 */
static void print_comment(const json_t *packet, char *buf, size_t size)
{
	const json_t *notes = json_object_get(packet, "notes"), *note;
	size_t i, used;

	used = (size_t)snprintf(buf, size, "reason=%s verdict=%s", get_text(packet, "reason"),
				get_text(packet, "verdict"));
	if (get_has(packet, "service") && used < size)
		used += (size_t)snprintf(buf + used, size - used, " service=%s",
					 get_text(packet, "service"));
	else if (get_has(packet, "vip") && used < size)
		used += (size_t)snprintf(buf + used, size - used, " vip=%s",
					 get_text(packet, "vip"));
	if (get_has(packet, "slot") && used < size)
		used += (size_t)snprintf(buf + used, size - used, " slot=%" PRIu64,
					 get_count(packet, "slot"));
	if (get_has(packet, "address") && used < size)
		used += (size_t)snprintf(buf + used, size - used, " real=%s%s%s address=%s why=%s",
					 get_text(packet, "pool"),
					 get_has(packet, "real") ? "/" : "",
					 get_text(packet, "real"), get_text(packet, "address"),
					 get_text(packet, "why"));
	json_array_foreach (notes, i, note)
		if (json_is_string(note) && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
						 i ? "," : " notes=", json_string_value(note));
}

/* The interface of this name in the file, made if it is new. */
static int find_interface(struct capture *capture, const char *name, const char *description,
			  uint32_t *ret)
{
	for (uint32_t i = 0; i < capture->pcapng.n_interfaces; i++) {
		if (strcmp(capture->names[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (capture->pcapng.n_interfaces == INTERFACES_MAX)
		return -ENOSPC;
	snprintf(capture->names[capture->pcapng.n_interfaces], NAME_MAX_LEN, "%s", name);
	return pcapng_add_interface(&capture->pcapng, name, description, capture->snaplen, ret);
}

static int write_frame(struct capture *capture, const json_t *packet, bool is_after,
		       const char *comment)
{
	const json_t *frame = json_object_get(packet, is_after ? "after" : "before");
	uint8_t bytes[SNAPLEN_MAX];
	struct pcapng_frame out = {
		.wall_us = get_count(packet, "wall_us"),
		.bytes = bytes,
		.len = read_head(get_text(frame, "head"), bytes, sizeof(bytes)),
		.direction = is_after ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
		.packet_id = get_count(packet, "packet"),
		.comment = comment,
	};
	char name[NAME_MAX_LEN];
	int r;

	out.wire_len = (uint32_t)get_count(frame, "bytes");
	snprintf(name, sizeof(name), "%.16s%s", get_text(packet, is_after ? "out" : "in"),
		 is_after ? " out" : "");
	r = find_interface(capture, name,
			   is_after ? "frames as they left Shoal" : "frames as they came to Shoal",
			   &out.interface);
	if (!r)
		r = pcapng_add_frame(&capture->pcapng, &out);
	if (!r) {
		capture->received[out.interface]++;
		capture->frames++;
	}
	return r;
}

static void print_line(const struct capture *capture, const json_t *packet, const char *comment)
{
	const struct screen *screen = &capture->cli->screen;
	uint64_t wall_us = get_count(packet, "wall_us");
	char clock[UNITS_TEXT_MAX];

	if (capture->cli->is_json) {
		json_dumpf(packet, screen->out, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', screen->out);
	} else {
		screen_printf(screen, STYLE_DIM, "%s.%06u  ", units_clock(wall_us, wall_us, clock),
			      (unsigned)(wall_us % USEC_PER_SEC));
		screen_line(screen, STYLE_PLAIN, "%s", comment);
	}
	fflush(screen->out);
}

static int write_packet(struct capture *capture, const json_t *packet, const char *comment)
{
	int r = write_frame(capture, packet, false, comment);

	if (!r && get_has(packet, "after"))
		r = write_frame(capture, packet, true, comment);
	return !r && fflush(capture->file) != 0 ? -errno : r;
}

/* With the first packet, or at the end of a capture without: then it was not refused. */
static int begin_file(struct capture *capture)
{
	if (capture->has_begun)
		return 0;
	capture->has_begun = true;
	/* A pipe has nothing to be cut off. */
	if (ftruncate(fileno(capture->file), 0) < 0 && errno != EINVAL)
		return -errno;
	return pcapng_start(&capture->pcapng, capture->file, "shoal " SHOAL_VERSION);
}

static bool on_part(const json_t *packet, void *arg)
{
	struct capture *capture = arg;
	char comment[512];

	print_comment(packet, comment, sizeof(comment));
	capture->packets++;
	capture->lost = get_count(packet, "lost");
	if (!capture->file) {
		print_line(capture, packet, comment);
		return true;
	}
	capture->error = begin_file(capture);
	if (!capture->error)
		capture->error = write_packet(capture, packet, comment);
	return !capture->error && capture->pcapng.n_bytes < capture->size_max;
}

/* ---- what is asked for ---- */

static int add_number(const struct cli *cli, const char *option, const char *key, const char *text,
		      uint64_t fallback, json_t *args, struct err *err)
{
	unsigned long long n = fallback;
	char *end;

	if (text) {
		errno = 0;
		n = strtoull(text, &end, 10);
		if (errno || end == text || *end || *text == '-' || n == 0 || n > UINT32_MAX)
			return err_set(err, -EINVAL, "--%s %s: not a number from 1 on", option,
				       args_value(&cli->args, option));
	}
	json_object_set_new(args, key, json_integer((json_int_t)n));
	return 0;
}

static int add_sample(const struct cli *cli, json_t *args, struct err *err)
{
	const char *text = args_value(&cli->args, "sample");

	if (!text)
		return 0;
	if (strncmp(text, "1/", 2) != 0)
		return err_set(err, -EINVAL, "--sample %s: write 1/N, as 1/100", text);
	return add_number(cli, "sample", "one_in", text + 2, 1, args, err);
}

static int add_for(const struct cli *cli, json_t *args, struct err *err)
{
	const char *text = args_value(&cli->args, "for");
	usec_t us = FOR_DEFAULT_US;

	if (text && units_parse_duration(text, &us, err) < 0)
		return err_prefix(err, -EINVAL, "--for");
	if (us == 0 || us > 3600 * USEC_PER_SEC)
		return err_set(err, -EINVAL, "--for %s: more than nothing, at most 1h", text);
	json_object_set_new(args, "for_us", json_integer((json_int_t)us));
	return 0;
}

static int add_reasons(const struct cli *cli, json_t *args, struct err *err)
{
	json_t *reasons = json_array();

	json_object_set_new(args, "reasons", reasons);
	for (size_t i = 0; i < cli->args.n_found; i++) {
		if (strcmp(cli->args.found[i].option->name, "reason") != 0)
			continue;
		if (json_array_append_new(reasons, json_string(cli->args.found[i].value)) < 0)
			return err_set(err, -EINVAL, "--reason: not UTF-8");
	}
	return 0;
}

static int add_words(const struct cli *cli, json_t *args, struct err *err)
{
	static const char *const texts[] = { "service", "vip", "real" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *value = args_value(&cli->args, texts[i]);
		json_t *text = value ? json_string(value) : NULL;

		if (value && !text)
			return err_set(err, -EINVAL, "--%s: not UTF-8", texts[i]);
		if (text)
			json_object_set_new(args, texts[i], text);
	}
	return 0;
}

static json_t *ask_capture(const struct cli *cli, struct err *err)
{
	json_t *args = cli_ask_nothing(cli, err);
	int r = args ? add_words(cli, args, err) : -EINVAL;

	if (!r)
		r = add_reasons(cli, args, err);
	if (!r)
		r = add_number(cli, "count", "count", args_value(&cli->args, "count"),
			       COUNT_DEFAULT, args, err);
	if (!r)
		r = add_number(cli, "snaplen", "head_bytes", args_value(&cli->args, "snaplen"),
			       SNAPLEN_MAX, args, err);
	if (!r)
		r = add_for(cli, args, err);
	if (!r)
		r = add_sample(cli, args, err);
	if (r < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

/* ---- the whole ---- */

/* Opened first, so that no capture runs for a file that cannot be written; what is in it stays. */
static int open_file(struct capture *capture, const char *path, struct err *err)
{
	int fd;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	capture->is_new_file = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "'%s': %m", path);
	capture->file = fdopen(fd, "w");
	if (!capture->file) {
		close(fd);
		return err_set(err, -ENOMEM, "'%s': out of memory", path);
	}
	return 0;
}

/* A capture that was refused leaves the file as it was, or none. */
static void abandon_file(struct capture *capture, const char *path)
{
	fclose(capture->file);
	capture->file = NULL;
	if (capture->is_new_file)
		unlink(path);
}

/* What is missing counts on the first interface: nobody knows where it came in. */
static int close_file(struct capture *capture)
{
	uint64_t now = usec_wall();
	int r = capture->error ? capture->error : begin_file(capture);

	for (uint32_t i = 0; i < capture->pcapng.n_interfaces && !r; i++)
		r = pcapng_add_statistics(&capture->pcapng, i, now,
					  capture->received[i] + (i ? 0 : capture->lost),
					  i ? 0 : capture->lost);
	if (fclose(capture->file) != 0 && !r)
		r = -errno;
	capture->file = NULL;
	return r;
}

static void print_summary(const struct capture *capture, const char *path)
{
	const struct cli *cli = capture->cli;
	json_t *summary;

	if (cli->is_json) {
		summary = json_pack("{s:s?, s:I, s:I, s:I}", "file", path, "packets",
				    (json_int_t)capture->packets, "frames",
				    (json_int_t)capture->frames, "lost", (json_int_t)capture->lost);
		if (path)
			cli_print_json(cli, summary);
		json_decref(summary);
		return;
	}
	screen_line(&cli->screen, STYLE_PLAIN, "%" PRIu64 " packet%s%s%s, %" PRIu64 " lost",
		    capture->packets, capture->packets == 1 ? "" : "s", path ? " to " : "",
		    path ? path : "", capture->lost);
}

static void stop_by_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	is_stopped = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static enum ctl_exit run(struct capture *capture, const struct cli_command *command,
			 const char *path, json_t *args)
{
	const struct cli *cli = capture->cli;
	const struct cli_parts parts = { .part = on_part, .arg = capture, .stop = &is_stopped };
	json_t *result = NULL;
	enum ctl_exit status;
	struct err err;
	int r = open_file(capture, path, &err);

	if (r < 0)
		return cli_fail(cli, CTL_FAILED, "capture: %s", err.text);
	stop_by_signals();
	status = cli_ask_parts(cli, command, args, &parts, &result, &err);
	if (status == CTL_DONE && result)
		capture->lost = get_count(result, "lost");
	json_decref(result);
	if (path && status != CTL_DONE && !capture->has_begun)
		abandon_file(capture, path);
	r = capture->file ? close_file(capture) : 0;
	if (status != CTL_DONE)
		return cli_fail(cli, status, "capture: %s", err.text);
	if (r < 0)
		return cli_fail(cli, CTL_FAILED, "capture: '%s': %s", path, strerror(-r));
	print_summary(capture, path);
	return CTL_DONE;
}

static enum ctl_exit run_capture(struct cli *cli, const struct cli_command *command)
{
	const char *path = args_value(&cli->args, "write");
	const char *size = args_value(&cli->args, "size");
	AUTO(freep) struct capture *capture = calloc(1, sizeof(*capture));
	enum ctl_exit status;
	struct err err;
	json_t *args;

	if (!capture)
		return cli_fail(cli, CTL_FAILED, "capture: out of memory");
	capture->cli = cli;
	capture->size_max = SIZE_DEFAULT;
	if (size && units_parse_size(size, &capture->size_max, &err) < 0)
		return cli_fail(cli, CTL_USAGE, "capture: --size: %s", err.text);
	args = ask_capture(cli, &err);
	if (!args)
		return cli_fail(cli, CTL_USAGE, "capture: %s; see 'shoal help capture'", err.text);
	capture->snaplen = (uint32_t)get_count(args, "head_bytes");
	if (capture->snaplen > SNAPLEN_MAX)
		capture->snaplen = SNAPLEN_MAX;
	status = run(capture, command, path, args);
	json_decref(args);
	return status;
}

const struct cli_behaviour cli_capture = {
	.about =
		"Takes packets that are for VIPs, each as it came and as it left, with service,\n"
		"slot, real, what chose it and how it ended; without --write a line a packet. "
		"Ends\n"
		"after --for, --count or --size, or when interrupted. One capture at a time; what "
		"finds\n"
		"no room on the way is counted as lost. --reason takes the words of status --json\n"
		"(dataplane.totals): no-next-hop, too-big-reply, flow-miss, id-unknown, sent, "
		"passed,\n"
		"dropped ... Only by naming them are packets taken that are not for a VIP.\n"
		"A file shows what clients sent: keep it accordingly.\n",
	.options = capture_options,
	.run = run_capture,
	.is_slow = true,
};
