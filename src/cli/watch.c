/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - --watch: a command again and again. Each turn is made in memory first, so that the
 * terminal never shows half of one, and cut to the terminal's height.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/units.h"

#define DEFAULT_US (2 * USEC_PER_SEC)
#define LEAST_US   (100 * USEC_PER_MSEC)

struct watch {
	struct cli *cli;
	const struct cli_command *command;
	enum ctl_exit (*once)(struct cli *cli, const struct cli_command *command);
	usec_t every_us;
	FILE *out;
	bool is_terminal;
};

static int read_interval(const struct cli *cli, usec_t *ret, struct err *err)
{
	const char *text = args_value(&cli->args, "watch");

	*ret = DEFAULT_US;
	if (text && units_parse_duration(text, ret, err) < 0)
		return err_prefix(err, -EINVAL, "--watch");
	if (*ret < LEAST_US || *ret > 86400 * USEC_PER_SEC)
		return err_set(err, -EINVAL, "--watch: from 100ms to 1d");
	return 0;
}

/* What the command prints now, errors too; for free(). */
static char *capture(struct watch *watch, enum ctl_exit *ret)
{
	struct cli *cli = watch->cli;
	FILE *errors = cli->errors, *memory;
	char *text = NULL;
	size_t len;

	memory = open_memstream(&text, &len);
	if (!memory)
		return NULL;
	screen_init(&cli->screen, watch->out); /* the terminal may have been resized */
	cli->screen.out = cli->errors = memory;
	*ret = watch->once(cli, watch->command);
	fclose(memory);
	cli->screen.out = watch->out;
	cli->errors = errors;
	return text;
}

static unsigned rows_of(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row : 24;
}

/* How many bytes of a line fit into so many columns; colours take none. */
static size_t cut(const char *line, size_t len, unsigned columns)
{
	unsigned used = 0;
	size_t i = 0;

	while (i < len) {
		if (line[i] == '\033') {
			i += strcspn(line + i, "m") + 1;
			continue;
		}
		/* What continues a character takes no column of its own. */
		if ((line[i] & 0xc0) != 0x80 && used++ == columns)
			return i;
		i++;
	}
	return len;
}

/* From the top: each line and what was behind it, then all below. */
static void draw(const struct watch *watch, const char *text)
{
	unsigned rows = rows_of(watch->out) - 1, left = 0;
	uint64_t now = usec_wall();
	char clock[UNITS_TEXT_MAX];
	const char *p = text;

	fprintf(watch->out, "\033[Hshoal %s   %s   ^C ends it\033[K\n", watch->command->name,
		units_clock(now, now, clock));
	for (unsigned row = 2; *p && row < rows; row++) {
		size_t len = strcspn(p, "\n");

		fprintf(watch->out, "%.*s\033[0m\033[K\n",
			(int)cut(p, len, watch->cli->screen.width), p);
		p += len + (p[len] == '\n');
	}
	for (; *p; p += strcspn(p, "\n"), p += *p == '\n')
		left++;
	if (left)
		fprintf(watch->out, "(%u more line%s)", left, left == 1 ? "" : "s");
	fputs("\033[J", watch->out);
}

static bool show(struct watch *watch, const char *text, bool is_first)
{
	if (watch->is_terminal) {
		if (is_first)
			fputs("\033[2J", watch->out);
		draw(watch, text);
	} else {
		if (!watch->cli->is_json && !is_first)
			fputc('\n', watch->out);
		fputs(text, watch->out);
	}
	return fflush(watch->out) == 0;
}

static void sleep_us(usec_t us)
{
	struct timespec time = { .tv_sec = (time_t)(us / USEC_PER_SEC),
				 .tv_nsec = (long)(us % USEC_PER_SEC) * 1000 };

	nanosleep(&time, NULL);
}

static enum ctl_exit go_on(struct watch *watch)
{
	enum ctl_exit status = CTL_FAILED;

	for (bool is_first = true;; is_first = false) {
		AUTO(freep) char *text = capture(watch, &status);

		if (!text)
			return cli_fail(watch->cli, CTL_FAILED, "out of memory");
		/* Later on it is shown, and asked again: shoald may restart. */
		if (is_first && (status == CTL_USAGE || status == CTL_NOT_REACHABLE ||
				 status == CTL_PERMISSION)) {
			fputs(text, watch->cli->is_json ? watch->out : watch->cli->errors);
			return status;
		}
		if (!show(watch, text, is_first))
			return status;
		sleep_us(watch->every_us);
	}
}

enum ctl_exit cli_watch(struct cli *cli, const struct cli_command *command,
			enum ctl_exit (*once)(struct cli *cli, const struct cli_command *command))
{
	struct watch watch = {
		.cli = cli, .command = command, .once = once, .out = cli->screen.out
	};
	struct err err;

	if (read_interval(cli, &watch.every_us, &err) < 0)
		return cli_fail(cli, CTL_USAGE, "%s: %s; see 'shoal help %s'", command->name,
				err.text, command->name);
	cli->is_line = true;
	watch.is_terminal = !cli->is_json && isatty(fileno(watch.out));
	return go_on(&watch);
}
