/* SPDX-License-Identifier: Apache-2.0 */
/* A reload on trial: what is kept on file, when it is over, what a start makes of it. */
#include "src/reconcile/confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/reconcile/config_file.h"
#include "tests/lib/test.h"

#define WALL (1795335242ULL * USEC_PER_SEC)
#define NOW  (1000 * USEC_PER_SEC)

static char dir[64];
static struct config *one, *other, *outside;

static struct config *parse(const char *range, const char *vip)
{
	struct config_report report;
	struct config *config = NULL;
	char text[512];

	snprintf(text, sizeof(text),
		 "node: {name: lb1, uplinks: [eth0]}\n"
		 "routing: {local-as: 65010, vip-ranges: [%s], peers: {tor: 10.0.2.1}}\n"
		 "pools: {web: {check: none, reals: {web1: 10.1.0.11}}}\n"
		 "vips: {www: {address: %s, services: [{tcp: 80, pool: web}]}}\n",
		 range, vip);
	if (config_parse("test", text, strlen(text), CONFIG_NEED_NODE, &config, &report) < 0)
		fail_msg("%s", report.text);
	config_report_fini(&report);
	return config;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/shoal-confirm.XXXXXX");
	assert_non_null(mkdtemp(dir));
	one = parse("203.0.113.0/24", "203.0.113.10");
	other = parse("203.0.113.0/24", "203.0.113.11");
	outside = parse("203.0.112.0/23", "203.0.112.9");
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path_of("unconfirmed"));
	unlink(path_of("shoal.yaml"));
	rmdir(dir);
	config_free(one);
	config_free(other);
	config_free(outside);
	return 0;
}

static struct confirm load(uint64_t wall_us, usec_t now)
{
	struct confirm confirm;
	struct err err = { "" };

	assert_int_equal(confirm_load(dir, wall_us, now, &confirm, &err), 0);
	return confirm;
}

static int begin(struct confirm *confirm, const struct config *running, const struct config *next,
		 usec_t now, usec_t for_us)
{
	const struct confirm_trial trial = { .running = running,
					     .next = next,
					     .owner = "alice",
					     .for_us = for_us,
					     .wall_us = WALL + now - NOW,
					     .now = now };
	struct err err;

	return confirm_begin(confirm, &trial, &err);
}

TEST(confirm, a_trial_is_on_file_before_it_is_told)
{
	struct confirm confirm = load(WALL, NOW), found;

	assert_int_equal(confirm.state, CONFIRM_NONE);
	assert_int_equal(begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC), 0);
	found = load(WALL, NOW);
	assert_int_equal(found.state, CONFIRM_PENDING);
	assert_string_equal(found.former, one->generation);
	assert_string_equal(found.tried, other->generation);
	assert_string_equal(found.owner, "alice");
	assert_string_equal(found.text, confirm.text);
	confirm_fini(&found);
	confirm_fini(&confirm);
}

TEST(confirm, the_kept_text_is_the_former_config)
{
	struct confirm confirm = load(WALL, NOW);
	struct config_report report;
	struct config *parsed;

	begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC);
	assert_int_equal(config_parse("kept", confirm.text, strlen(confirm.text), CONFIG_NEED_NODE,
				      &parsed, &report),
			 0);
	assert_string_equal(parsed->generation, one->generation);
	config_report_fini(&report);
	config_free(parsed);
	confirm_fini(&confirm);
}

TEST(confirm, is_due_at_its_end_and_not_before)
{
	struct confirm confirm = load(WALL, NOW), found;

	begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC);
	found = load(WALL + 9999 * USEC_PER_SEC, NOW + 59 * USEC_PER_SEC); /* same boot */
	assert_false(confirm_is_due(&found, NOW + 59 * USEC_PER_SEC));
	assert_false(confirm_start_with_former(&found, other->generation, NOW + 59 * USEC_PER_SEC));
	assert_true(confirm_is_due(&found, NOW + 60 * USEC_PER_SEC));
	assert_true(confirm_start_with_former(&found, "anything", NOW + 60 * USEC_PER_SEC));
	confirm_fini(&found);
	confirm_fini(&confirm);
}

/* As if written in another boot. */
static void change_boot(void)
{
	char text[4096], *boot;
	size_t n;
	FILE *f = fopen(path_of("unconfirmed"), "r+");

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	boot = strstr(text, "\"boot\": \"");
	assert_non_null(boot);
	boot[9] = boot[9] == 'x' ? 'y' : 'x';
	rewind(f);
	fwrite(text, 1, n, f);
	fclose(f);
}

TEST(confirm, in_another_boot_the_wall_clock_tells)
{
	struct confirm confirm = load(WALL, NOW), found;

	begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC);
	change_boot();
	found = load(WALL + 20 * USEC_PER_SEC, 5 * USEC_PER_SEC);
	assert_int_equal(found.until, 45 * USEC_PER_SEC);
	confirm_fini(&found);
	found = load(WALL + 60 * USEC_PER_SEC, 5 * USEC_PER_SEC);
	assert_true(confirm_is_due(&found, 5 * USEC_PER_SEC));
	confirm_fini(&found);
	/* A clock that stands before the beginning: rather back than for ever. */
	found = load(WALL - USEC_PER_SEC, 5 * USEC_PER_SEC);
	assert_true(confirm_is_due(&found, 5 * USEC_PER_SEC));
	confirm_fini(&found);
	confirm_fini(&confirm);
}

TEST(confirm, a_second_trial_keeps_what_was_confirmed_last)
{
	struct confirm confirm = load(WALL, NOW), before;
	struct err err;

	begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC);
	before = confirm;
	assert_int_equal(begin(&confirm, other, one, NOW + 30 * USEC_PER_SEC, 60 * USEC_PER_SEC),
			 0);
	assert_string_equal(confirm.former, one->generation);
	assert_false(confirm_is_due(&confirm, NOW + 89 * USEC_PER_SEC));
	assert_true(confirm_is_due(&confirm, NOW + 90 * USEC_PER_SEC));
	assert_int_equal(confirm_undo(&confirm, &before, &err), 0);
	assert_true(confirm_is_due(&confirm, NOW + 60 * USEC_PER_SEC));
	confirm_fini(&confirm);
}

TEST(confirm, undoing_the_first_leaves_nothing)
{
	struct confirm confirm = load(WALL, NOW), before = confirm;
	struct err err;

	begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC);
	assert_int_equal(confirm_undo(&confirm, &before, &err), 0);
	assert_int_equal(confirm.state, CONFIRM_NONE);
	assert_int_equal(access(path_of("unconfirmed"), F_OK), -1);
}

TEST(confirm, after_going_back_only_another_file_is_started_with)
{
	struct confirm confirm = load(WALL, NOW), found;
	struct err err;

	begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC);
	assert_int_equal(confirm_went_back(&confirm, other->generation, WALL, &err), 0);
	found = load(WALL, NOW);
	assert_int_equal(found.state, CONFIRM_BACK);
	assert_false(confirm_is_due(&found, USEC_NEVER));
	assert_true(confirm_start_with_former(&found, other->generation, NOW));
	assert_false(confirm_start_with_former(&found, outside->generation, NOW));
	assert_int_equal(confirm_end(&found, &err), 0);
	assert_int_equal(confirm_end(&found, &err), 0);
	confirm_fini(&confirm);
	assert_int_equal(load(WALL, NOW).state, CONFIRM_NONE);
}

TEST(confirm, what_could_not_go_back_is_refused)
{
	struct confirm confirm = load(WALL, NOW);

	assert_int_equal(begin(&confirm, one, outside, NOW, 60 * USEC_PER_SEC), -EBUSY);
	assert_int_equal(confirm.state, CONFIRM_NONE);
	assert_int_equal(access(path_of("unconfirmed"), F_OK), -1);
}

TEST(confirm, without_its_file_there_is_no_trial)
{
	struct confirm confirm = load(WALL, NOW);

	confirm.state_dir = "/nowhere";
	assert_int_equal(begin(&confirm, one, other, NOW, 60 * USEC_PER_SEC), -ENOENT);
	assert_int_equal(confirm.state, CONFIRM_NONE);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

TEST(confirm, a_torn_file_is_told_and_is_no_trial)
{
	static const char *const torn[] = { "", "{", "[]", "{\"v\":1,\"state\":\"pending\"}" };

	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		struct confirm confirm;
		struct err err;

		write_file("unconfirmed", torn[i]);
		assert_int_equal(confirm_load(dir, WALL, NOW, &confirm, &err), -EINVAL);
		assert_int_equal(confirm.state, CONFIRM_NONE);
	}
}

TEST(config_file, is_read_again_only_when_it_was_written)
{
	struct config_file file = { .path = strdup(path_of("shoal.yaml")) };
	char *text;

	assert_true(config_file_look(&file, one->generation));
	assert_int_equal(file.state, CONFIG_FILE_MISSING);
	assert_int_equal(config_print(one, &text), 0);
	write_file("shoal.yaml", text);
	free(text);
	assert_true(config_file_look(&file, one->generation));
	assert_int_equal(file.state, CONFIG_FILE_SAME);
	assert_false(config_file_look(&file, one->generation));
	assert_true(config_file_look(&file, other->generation)); /* the other side changed */
	assert_int_equal(file.state, CONFIG_FILE_DIFFERS);
	assert_string_equal(file.generation, one->generation);
	write_file("shoal.yaml", "node: {nmae: x}\n");
	assert_true(config_file_look(&file, one->generation));
	assert_int_equal(file.state, CONFIG_FILE_BAD);
	assert_true(file.errors > 0);
	assert_string_equal(file.generation, "");
	free((char *)(uintptr_t)file.path);
}

#undef T
#define T(group, name) cmocka_unit_test_setup_teardown(group##_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(confirm, a_trial_is_on_file_before_it_is_told),
		T(confirm, the_kept_text_is_the_former_config),
		T(confirm, is_due_at_its_end_and_not_before),
		T(confirm, in_another_boot_the_wall_clock_tells),
		T(confirm, a_second_trial_keeps_what_was_confirmed_last),
		T(confirm, undoing_the_first_leaves_nothing),
		T(confirm, after_going_back_only_another_file_is_started_with),
		T(confirm, what_could_not_go_back_is_refused),
		T(confirm, without_its_file_there_is_no_trial),
		T(confirm, a_torn_file_is_told_and_is_no_trial),
		T(config_file, is_read_again_only_when_it_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
