/* SPDX-License-Identifier: Apache-2.0 */
#include "health/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/program.h"

/* What every program gets besides what shoald says of the target. */
static const char *const common_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/",
	"LANG=C.UTF-8",
};

#define N_COMMON_ENV (sizeof(common_env) / sizeof(common_env[0]))

/* A target's, for as long as it lives: both lists end with NULL. */
struct exec_words {
	const char *argv[MESSAGE_TEXTS_MAX + 1];
	const char *env[MESSAGE_TEXTS_MAX + N_COMMON_ENV + 1];
};

static struct programs *programs;
static uint32_t max_programs;

int exec_init(struct event_base *base, uint32_t max, struct err *err)
{
	max_programs = max;
	return programs_new(base, &programs, err);
}

void exec_fini(void)
{
	programs_free(programs);
	programs = NULL;
}

/* ---- what is run ---- */

static void collect(const struct check_spec *spec, enum message_text_key key, const char **words)
{
	const struct check_text *text = check_text(spec, key);

	for (; text; text = check_text_next(spec, text))
		*words++ = text->bytes;
}

static int exec_prepare(struct check_spec *spec)
{
	struct exec_words *words = calloc(1, sizeof(*words));

	if (!words)
		return -ENOMEM;
	collect(spec, MESSAGE_TEXT_ARGUMENT, words->argv);
	memcpy(words->env, common_env, sizeof(common_env));
	collect(spec, MESSAGE_TEXT_ENVIRONMENT, words->env + N_COMMON_ENV);
	spec->own = words;
	return 0;
}

static void exec_forget(struct check_spec *spec)
{
	free(spec->own);
	spec->own = NULL;
}

/* ---- how it ended ---- */

static bool code_is_allowed(const struct check_spec *spec, int code)
{
	for (uint32_t i = 0; i < spec->n_ranges; i++)
		if ((uint32_t)code >= spec->ranges[i].first &&
		    (uint32_t)code <= spec->ranges[i].last)
			return true;
	return false;
}

/* What the node lacked for the moment, as against a program that is not there or not one. */
static bool is_shortage(int error)
{
	return error == ENOMEM || error == EAGAIN || error == EMFILE || error == ENFILE ||
	       error == ETXTBSY || error == EIO;
}

/* Good until the probe has ended, which is before the next does. */
static void keep_output(struct probe *probe, const struct program_output *output)
{
	static char text[OUTPUT_BYTES_MAX];

	probe->has_output = true;
	probe->output = (struct output){ .n_written = (uint32_t)output->n_written,
					 .len = output_print(output->bytes, output->len, text),
					 .bytes = text };
}

static void end_exited(struct probe *probe, const struct program_result *result)
{
	bool is_fine = code_is_allowed(probe->spec, result->code);

	probe_step(probe, "ended, %zu bytes written", result->output.n_written);
	probe_doing(probe, "exit code");
	probe_end(probe, is_fine ? PROBE_OK : PROBE_EXIT_STATUS, "exit code %d in %.1f ms%s%s",
		  result->code, probe_msec(probe), *result->line ? ": " : "", result->line);
}

static void end_signalled(struct probe *probe, const struct program_result *result)
{
	const char *name = sigabbrev_np(result->code);

	probe_doing(probe, "end of the program");
	probe_end(probe, PROBE_KILLED, "ended by SIG%s in %.1f ms%s%s", name ? name : "?",
		  probe_msec(probe), *result->line ? ": " : "", result->line);
}

static void on_program_done(const struct program_result *result, void *arg)
{
	struct probe *probe = arg;
	const struct exec_words *words = probe->spec->own;

	probe->run = NULL;
	keep_output(probe, &result->output);
	switch (result->end) {
	case PROGRAM_EXITED:
		end_exited(probe, result);
		return;
	case PROGRAM_SIGNALLED:
		end_signalled(probe, result);
		return;
	case PROGRAM_NOT_STARTED:
		probe_doing(probe, "execve");
		probe_end(probe,
			  is_shortage(result->code) ? PROBE_LOCAL_ERROR : PROBE_NOT_EXECUTABLE,
			  "%s: %s", words->argv[0], strerror(result->code));
		return;
	case PROGRAM_TALKED:
		probe_end(probe, PROBE_TOO_LARGE, "it wrote more than %d MiB: %s",
			  PROGRAM_OUTPUT_MAX >> 20, result->line);
		return;
	}
}

static void on_program_wrote(void *arg)
{
	struct probe *probe = arg;

	probe_step(probe, "first output");
}

/* ---- the kind ---- */

static void start_waiting(struct probe *probe, struct program *program)
{
	const struct exec_words *words = probe->spec->own;

	probe->run = program;
	probe_step(probe, "process %d for %s", (int)program_pid(program), words->argv[0]);
	probe_doing(probe, "end of the program");
}

static void exec_start(struct probe *probe, struct event_base *base __attribute__((unused)))
{
	const struct exec_words *words = probe->spec->own;
	const struct program_options options = {
		.argv = words->argv,
		.env = words->env,
		.timeout_us = probe->spec->timeout_us,
		.owner = probe,
		.wrote = probe->trace ? on_program_wrote : NULL,
		.done = on_program_done,
		.arg = probe,
	};
	struct program *program;
	int r;

	probe_doing(probe, "start");
	if (programs_n(programs) >= max_programs) {
		probe_end(probe, PROBE_LOCAL_ERROR,
			  "%zu programs are running, more than may at once (--max-programs)",
			  programs_n(programs));
		return;
	}
	r = program_start(programs, &options, &program);
	if (r == -EBUSY)
		probe_end(probe, PROBE_LOCAL_ERROR,
			  "%d programs of this check were killed and do not go away",
			  PROGRAM_UNDEAD_MAX);
	else if (r < 0)
		probe_end(probe, PROBE_LOCAL_ERROR, "start: %s", strerror(-r));
	else
		start_waiting(probe, program);
}

static void exec_stop(struct probe *probe)
{
	struct program_output output = program_output(probe->run);

	keep_output(probe, &output);
	program_kill(probe->run);
	probe->run = NULL;
}

/* Valid until the next. */
static const char *exec_waiting_for(const struct probe *probe)
{
	static char text[PROGRAM_LINE_MAX + 64];
	const char *line = program_line(probe->run);

	if (!*line)
		return "the program to end";
	snprintf(text, sizeof(text), "the program to end: %s", line);
	return text;
}

const struct check_kind check_exec = {
	.prepare = exec_prepare,
	.forget = exec_forget,
	.start = exec_start,
	.stop = exec_stop,
	.waiting_for = exec_waiting_for,
};

const struct check_kind *check_kind_of(const struct check_spec *spec)
{
	return spec->type == CONFIG_CHECK_EXEC ? &check_exec : &check_unknown;
}
