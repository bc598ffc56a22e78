/* SPDX-License-Identifier: Apache-2.0 */
/* Words, options and abbreviations of the command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/cli/args.h"
#include "src/cli/cli.h"
#include "tests/lib/test.h"

static const struct args_option own[] = {
	{ "wait", NULL, "" },
	{ "timeout", "T", "" },
	{ "down", "POOL/REAL", "" },
	{ .name = NULL },
};
static const struct args_option shared[] = {
	{ "json", NULL, "" },
	{ "why", NULL, "" },
	{ "again", "[INTERVAL]", "" },
	{ .name = NULL },
};
static const struct args_option *const tables[] = { own, shared, NULL };

#define PARSE(args, stop, err, ...)                                                                \
	args_parse((args), tables, (int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)),      \
		   (char *[]){ __VA_ARGS__ }, (stop), (err))

static char a_wait[] = "--wait", a_timeout[] = "--timeout", a_5m[] = "5m", a_www[] = "www",
	    a_down1[] = "--down=web/1", a_down2[] = "--down=web/2", a_end[] = "--",
	    a_short[] = "--t=1s", a_w[] = "--w", a_nope[] = "--wiat", a_v[] = "-v",
	    a_json_value[] = "--json=1", a_minus[] = "-";

TEST(args, takes_options_anywhere)
{
	struct args args = { 0 };
	struct err err;

	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, a_www, a_wait, a_timeout, a_5m, a_minus,
			       a_end, a_wait),
			 7);
	assert_int_equal(args.n_words, 3);
	assert_string_equal(args.words[0], "www");
	assert_string_equal(args.words[1], "-");
	assert_string_equal(args.words[2], "--wait");
	assert_true(args_has(&args, "wait"));
	assert_false(args_has(&args, "json"));
	assert_string_equal(args_value(&args, "timeout"), "5m");
	args_fini(&args);
}

TEST(args, keeps_repeated_values_in_order_and_answers_the_last)
{
	struct args args = { 0 };
	struct err err;

	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, a_down1, a_down2), 2);
	assert_int_equal(args.n_found, 2);
	assert_string_equal(args.found[0].value, "web/1");
	assert_string_equal(args_value(&args, "down"), "web/2");
	args_fini(&args);
}

TEST(args, stops_at_the_first_word_when_asked)
{
	struct args args = { 0 };
	struct err err;

	assert_int_equal(PARSE(&args, ARGS_STOP_AT_WORD, &err, a_wait, a_www, a_nope), 1);
	assert_int_equal(args.n_words, 0);
	args_fini(&args);
}

TEST(args, takes_an_unambiguous_beginning_of_an_option)
{
	struct args args = { 0 };
	struct err err;

	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, a_short), 1);
	assert_string_equal(args_value(&args, "timeout"), "1s");
	args_fini(&args);
}

static void assert_refused(char *word, const char *sentence)
{
	struct args args = { 0 };
	struct err err;

	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, word), -EINVAL);
	assert_string_equal(err.text, sentence);
	args_fini(&args);
}

TEST(args, says_what_is_wrong)
{
	assert_refused(a_w, "option 'w' could be wait, why");
	assert_refused(a_nope, "unknown option 'wiat', did you mean 'wait'?");
	assert_refused(a_v, "unknown option 'v'");
	assert_refused(a_timeout, "option '--timeout' needs a value: --timeout T");
	assert_refused(a_json_value, "option '--json' takes no value");
}

static bool is_command(const char *word)
{
	for (const struct cli_command *command = cli_commands; command->name; command++)
		if (strcmp(command->name, word) == 0)
			return true;
	return false;
}

/* A name that is the beginning of another one means itself. */
TEST(args, every_command_is_found_by_each_unambiguous_beginning)
{
	for (const struct cli_command *command = cli_commands; command->name; command++) {
		for (size_t len = 1; len <= strlen(command->name); len++) {
			const struct cli_command *found;
			char word[32] = "";
			unsigned fits = 0;
			struct err err;

			memcpy(word, command->name, len);
			for (const struct cli_command *other = cli_commands; other->name; other++)
				fits += strncmp(other->name, word, len) == 0;
			found = cli_find(word, &err);
			if (fits == 1 || len == strlen(command->name))
				assert_ptr_equal(found, command);
			else if (is_command(word))
				assert_string_equal(found->name, word);
			else
				assert_null(found);
		}
	}
}

TEST(args, suggests_the_command_that_was_meant)
{
	struct err err;

	assert_null(cli_find("re", &err));
	assert_string_equal(err.text, "command 're' could be reals, real, reload, ready");
	assert_null(cli_find("stauts", &err));
	assert_string_equal(err.text, "unknown command 'stauts', did you mean 'status'?");
	assert_null(cli_find("", &err));
	assert_string_equal(err.text, "unknown command ''");
}

/* Names of options stand in the line of arguments, and the other way round. */
TEST(args, help_lines_name_exactly_the_options)
{
	for (const struct cli_command *command = cli_commands; command->name; command++) {
		const struct args_option *options = command->behaviour->options;
		size_t n = 0, dashes = 0;

		for (; options && options->name; options++, n++) {
			char text[64];

			snprintf(text, sizeof(text), "--%s%s%s", options->name,
				 options->value ? " " : "", options->value ? options->value : "");
			if (!strstr(command->args_help, text))
				fail_msg("'%s' has no %s", command->args_help, text);
		}
		for (const char *p = command->args_help; (p = strstr(p, "--")) != NULL; p += 2)
			dashes++;
		assert_int_equal(n, dashes);
	}
}

/* What reads as a time is its value, anything else is not. */
TEST(args, a_value_may_be_left_out)
{
	static char again[] = "--again", again_is[] = "--again=x", address[] = "203.0.113.10";
	struct args args = { 0 };
	struct err err;

	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, again, address), 2);
	assert_true(args_has(&args, "again"));
	assert_null(args_value(&args, "again"));
	assert_int_equal(args.n_words, 1);
	args_fini(&args);
	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, again, a_5m, a_www), 3);
	assert_string_equal(args_value(&args, "again"), "5m");
	assert_int_equal(args.n_words, 1);
	args_fini(&args);
	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, again_is), 1);
	assert_string_equal(args_value(&args, "again"), "x");
	args_fini(&args);
	assert_int_equal(PARSE(&args, ARGS_TAKE_ALL, &err, again), 1);
	args_fini(&args);
}

RUN_TESTS(T(args, a_value_may_be_left_out), T(args, takes_options_anywhere),
	  T(args, keeps_repeated_values_in_order_and_answers_the_last),
	  T(args, stops_at_the_first_word_when_asked),
	  T(args, takes_an_unambiguous_beginning_of_an_option), T(args, says_what_is_wrong),
	  T(args, every_command_is_found_by_each_unambiguous_beginning),
	  T(args, suggests_the_command_that_was_meant),
	  T(args, help_lines_name_exactly_the_options))
