/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is safe to print, numbers as people read them, tables that fit, answers of any shape.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/cli/printable.h"
#include "src/cli/render.h"
#include "src/cli/table.h"
#include "tests/lib/test.h"

/* ---- printable ---- */

static void assert_printable(const char *text, bool has_utf8, const char *expected)
{
	char *copy = printable_copy(text, has_utf8);

	assert_string_equal(copy, expected);
	free(copy);
}

TEST(printable, keeps_ordinary_text)
{
	assert_printable("", true, "");
	assert_printable("plain \\ text ~", true, "plain \\ text ~");
	assert_printable("größer → 東京", true, "größer → 東京");
}

TEST(printable, escapes_what_a_terminal_acts_on)
{
	assert_printable("\033[2J\a\r\n\t\x7f", true, "\\x1b[2J\\x07\\x0d\\x0a\\x09\\x7f");
	assert_printable("\xc2\x9b"
			 "2J",
			 true, "\\xc2\\x9b2J"); /* CSI as one C1 code point */
	assert_printable("a\xe2\x80\xae"
			 "b",
			 true, "a\\u202eb"); /* right-to-left override */
	assert_printable("a\xc2\xad"
			 "b\xe2\x80\x8b\xef\xbb\xbf",
			 true, "a\\xc2\\xadb\\u200b\\ufeff");               /* not seen at all */
	assert_printable("\xf3\xa0\x81\x81", true, "\\xf3\\xa0\\x81\\x81"); /* a tag character */
}

TEST(printable, escapes_bytes_that_are_not_utf8)
{
	assert_printable("\xff\xc3(\xe2\x82", true, "\\xff\\xc3(\\xe2\\x82");
	assert_printable("\xc0\xaf\xed\xa0\x80\xf5", true,
			 "\\xc0\\xaf\\xed\\xa0\\x80\\xf5"); /* overlong, surrogate, too high */
}

TEST(printable, escapes_all_but_ascii_without_utf8)
{
	assert_printable("ö→😀", false, "\\xc3\\xb6\\u2192\\xf0\\x9f\\x98\\x80");
}

TEST(printable, every_byte_comes_out_harmless)
{
	for (int a = 1; a < 256; a++)
		for (int b = 1; b < 256; b++) {
			const char text[] = { (char)a, (char)b, '\0' };
			char *copy = printable_copy(text, true);

			for (const unsigned char *p = (unsigned char *)copy; *p; p++)
				assert_true(*p >= 0x20 && *p != 0x7f);
			free(copy);
		}
}

TEST(printable, measures_and_cuts_by_code_points)
{
	assert_int_equal(printable_width("größer"), 6);
	assert_int_equal(printable_cut("größer", 3), 4);
	assert_int_equal(printable_cut("ab", 5), 2);
	assert_int_equal(printable_cut("ab", 0), 0);
}

/* ---- units ---- */

TEST(units, ages_read_well_at_every_size)
{
	static const struct {
		double seconds;
		const char *text;
	} rows[] = {
		{ -1, "0.0s" },
		{ 0.04, "0.0s" },
		{ 9.94, "9.9s" },
		{ 9.96, "9s" },
		{ 59.9, "59s" },
		{ 60, "1m00s" },
		{ 3599, "59m59s" },
		{ 3600, "1h00m" },
		{ 86399, "23h59m" },
		{ 86400, "1d0h" },
		{ 12 * 86400 + 3 * 3600, "12d3h" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(UNITS_AGE(rows[i].seconds), rows[i].text);
}

TEST(units, counts_keep_three_digits)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = {
		{ 0, "0" },           { 999, "999" },          { 1000, "1.00k" },
		{ 9994, "9.99k" },    { 9996, "10.0k" },       { 99949, "99.9k" },
		{ 99951, "100k" },    { 999499, "999k" },      { 999500, "1.00M" },
		{ 2310000, "2.31M" }, { UINT64_MAX, "18.4E" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(UNITS_COUNT(rows[i].n), rows[i].text);
}

TEST(units, clock_names_the_day_when_it_is_not_today)
{
	char buf[UNITS_TEXT_MAX];
	uint64_t now = 1795335242ULL * USEC_PER_SEC;

	assert_string_equal(units_clock(now, now, buf), "08:14:02");
	assert_string_equal(units_clock(now - 86400 * USEC_PER_SEC, now, buf), "2026-11-21 08:14");
}

TEST(units, durations_are_read)
{
	struct err err;
	usec_t us;

	assert_int_equal(units_parse_duration("1h30m", &us, &err), 0);
	assert_int_equal(us, 5400 * USEC_PER_SEC);
	assert_int_equal(units_parse_duration("500ms", &us, &err), 0);
	assert_int_equal(us, 500 * USEC_PER_MSEC);
	for (size_t i = 0; i < 6; i++) {
		static const char *const bad[] = { "", "5", "m", "5x", "-5s", "9999999999s" };

		assert_int_equal(units_parse_duration(bad[i], &us, &err), -EINVAL);
		assert_non_null(strstr(err.text, "is no duration"));
	}
}

/* ---- tables ---- */

static char *print_table(struct table *table, unsigned width)
{
	char *text = NULL;
	size_t len;
	struct screen screen = { .out = open_memstream(&text, &len),
				 .width = width,
				 .has_utf8 = true };

	table_print(table, &screen);
	fclose(screen.out);
	table_free(table);
	return text;
}

static struct table *make_table(void)
{
	static const struct table_column columns[] = {
		{ .title = "NAME", .at_least = 4 },
		{ .title = "N", .is_right = true },
		{ .title = "WHY", .at_least = 4 },
	};
	struct table *table = table_new(columns, 3);

	table_cell(table, STYLE_PLAIN, "a-long-name");
	table_cell(table, STYLE_PLAIN, "%d", 7);
	table_cell(table, STYLE_PLAIN, "because");
	table_cell(table, STYLE_PLAIN, "größe");
	table_cell(table, STYLE_PLAIN, "%d", 12345);
	table_cell(table, STYLE_PLAIN, "%s", "");
	return table;
}

static void assert_table(unsigned width, const char *expected)
{
	char *text = print_table(make_table(), width);

	assert_string_equal(text, expected);
	free(text);
}

TEST(table, aligns_and_ends_no_line_in_spaces)
{
	const char *wide = "NAME             N  WHY\n"
			   "a-long-name      7  because\n"
			   "größe        12345\n";

	assert_table(0, wide);
	assert_table(27, wide);
}

TEST(table, cuts_the_widest_column_first)
{
	assert_table(22, "NAME        N  WHY\n"
			 "a-lon…      7  because\n"
			 "größe   12345\n");
	assert_table(10, "NAME      N  WHY\n"
			 "a-l…      7  bec…\n"
			 "grö…  12345\n");
}

TEST(table, prints_nothing_without_rows)
{
	static const struct table_column columns[] = { { .title = "NAME" } };
	char *text = print_table(table_new(columns, 1), 80);

	assert_string_equal(text, "");
	free(text);
}

/* ---- renderers ---- */

static void (*const renderers[])(const struct screen *screen, const json_t *result) = {
	render_status,  render_why,    render_vips,           render_pools,
	render_reals,   render_peers,  render_routes,         render_drain,
	render_undrain, render_reload, render_reload_refusal, render_flow,
	render_flows,   render_real,   render_probe,          render_pool,
};

static char *render(size_t i, const json_t *result, unsigned width)
{
	char *text = NULL;
	size_t len;
	struct screen screen = { .out = open_memstream(&text, &len), .width = width };

	renderers[i](&screen, result);
	fclose(screen.out);
	return text;
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(value);
	return value;
}

TEST(render, takes_answers_of_any_shape)
{
	static const char *const answers[] = {
		"null",
		"{}",
		"[]",
		"7",
		"\"x\"",
		"{\"vips\":7,\"why\":[],\"next\":{},\"pools\":[1,null,{}],\"reals\":[[],{}],"
		"\"peers\":[{\"state\":3}],\"routes\":[\"x\"],\"drain\":[],\"alarms\":[0],"
		"\"dataplane\":[],\"is_drained\":true}",
		"{\"vips\":[{\"pools\":[null],\"services\":[3],\"drain\":{}}],"
		"\"why\":{\"causes\":[{\"causes\":7},3]},\"next\":[1],"
		"\"still_drained\":[1],\"is_node\":true,\"since_us\":-1,\"age_s\":-1e300}",
	};

	for (size_t a = 0; a < sizeof(answers) / sizeof(answers[0]); a++)
		for (size_t i = 0; i < sizeof(renderers) / sizeof(renderers[0]); i++) {
			json_t *answer = parse(answers[a]);

			free(render(i, answer, 0));
			free(render(i, answer, 20));
			json_decref(answer);
		}
}

TEST(render, takes_ages_that_cannot_be)
{
	static const double ages[] = { -87, -1e300, 1e300, 0 };
	char buf[UNITS_TEXT_MAX];

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		json_t *object = json_pack("{s:f, s:I}", "age_s", ages[i], "since_us",
					   (json_int_t)1790000000000000);

		assert_true(get_real(object, "age_s") >= 0);
		assert_true(get_real(object, "age_s") <= 1e12);
		assert_non_null(get_since(object, buf));
		assert_non_null(get_age(object, buf));
		json_decref(object);
	}
}

TEST(render, never_prints_an_escape_sequence)
{
	json_t *answer = parse(
		"{\"node\":\"\\u001b[2J\",\"generation\":\"\\u001b\",\"version\":\"\\u001b\","
		"\"alarms\":[{\"text\":\"\\u001b\",\"command\":\"\\u001b\"}],"
		"\"vips\":[{\"name\":\"\\u001b\",\"sentence\":\"\\u001b\",\"drain\":{\"owner\":"
		"\"\\u001b\",\"reason\":\"\\u001b\"}},\"\\u001b\"],"
		"\"reals\":[{\"evidence\":\"\\u001b\",\"name\":\"\\u001b\"}],"
		"\"peers\":[{\"last_reset\":\"\\u001b\"}],\"router\":{\"sentence\":\"\\u001b\"},"
		"\"why\":{\"kind\":\"\\u001b\",\"text\":\"\\u001b\",\"prefix\":\"\\u001b\","
		"\"causes\":[{\"state\":\"\\u001b\"}]},"
		"\"report\":\"\\u001b\\n\",\"file\":\"\\u001b\",\"still_drained\":[\"\\u001b\"]}");

	for (size_t i = 0; i < sizeof(renderers) / sizeof(renderers[0]); i++) {
		char *text = render(i, answer, 0);

		assert_null(strchr(text, '\033'));
		free(text);
	}
	json_decref(answer);
}

/* A chain deeper than anything shoald makes ends, and does not overrun the indentation. */
TEST(render, stops_at_a_depth)
{
	json_t *link = json_pack("{s:s, s:[]}", "kind", "leaf", "causes"), *answer;
	char *text;

	for (int i = 0; i < 100; i++)
		link = json_pack("{s:s, s:[o]}", "kind", "x", "causes", link);
	answer = json_pack("{s:o}", "why", link);
	text = render(1, answer, 80);
	assert_null(strstr(text, "leaf"));
	free(text);
	json_decref(answer);
}

static void assert_rendered(void (*renderer)(const struct screen *screen, const json_t *result),
			    const char *json, const char *expected)
{
	json_t *answer = parse(json);
	char *text = NULL;

	for (size_t i = 0; i < sizeof(renderers) / sizeof(renderers[0]); i++)
		if (renderers[i] == renderer)
			text = render(i, answer, 0);
	assert_string_equal(text, expected);
	free(text);
	json_decref(answer);
}

TEST(render, tells_the_steps_of_a_probe_and_all_that_its_program_wrote)
{
	assert_rendered(
		render_probe,
		"{\"pool\":\"web\",\"real\":\"web1\",\"address\":\"10.1.0.11\",\"probes\":[{"
		"\"check\":\"runs\",\"type\":\"exec\",\"via\":null,\"passed\":false,"
		"\"reason\":\"exit-status\",\"evidence\":\"exit code 2\",\"took_ms\":31.5,"
		"\"steps\":["
		"{\"at_ms\":0.25,\"took_ms\":0.25,\"what\":\"process 7\",\"failed\":false},"
		"{\"at_ms\":31.5,\"took_ms\":31.25,\"what\":\"failed: exit code\","
		"\"failed\":true}],\"steps_left_out\":3,"
		"\"output\":\"1\\n\\n3\\n4\\n5\\n6\\n7\",\"output_bytes\":70000}]}",
		"web/web1 at 10.1.0.11; not counted\n"
		"check runs (exec)\n"
		"      0.250 ms    +0.250  process 7\n"
		"     31.500 ms   +31.250  failed: exit code\n"
		"                          3 more\n"
		"                          | the last 4096 of 70000 bytes:\n"
		"                          | 1\n"
		"                          | \n"
		"                          | 3\n"
		"                          | 4\n"
		"                          | 5\n"
		"                          | 6\n"
		"                          | 7\n"
		"     31.500 ms            exit-status: exit code 2\n");
}

TEST(render, tells_what_a_drain_did)
{
	assert_rendered(render_drain,
			"{\"is_node\":true,\"is_waited\":false,\"is_already\":false,\"vips\":[]}",
			"the node is being drained   -> shoal drain --wait\n");
	assert_rendered(render_drain,
			"{\"is_node\":false,\"is_waited\":false,\"is_already\":true,"
			"\"vips\":[\"www\",\"mail\"]}",
			"www mail was drained already   -> shoal drain --wait www mail\n");
	assert_rendered(render_drain,
			"{\"is_node\":true,\"is_waited\":true,\"is_safe\":true,\"n_vips\":41,"
			"\"took_s\":68.2}",
			"SAFE  41 VIPs withdrawn after 1m08s; the drain stays, also over a reboot, "
			"until: shoal undrain\n");
	assert_rendered(render_undrain, "{\"is_node\":true,\"is_already\":false,\"vips\":[]}",
			"the node is no longer drained\n");
	assert_rendered(render_undrain,
			"{\"is_node\":true,\"is_already\":true,\"vips\":[],"
			"\"still_drained\":[\"www\"]}",
			"the node was not drained\nstill drained of themselves: www\n");
	assert_rendered(render_undrain,
			"{\"is_node\":false,\"vips\":[\"www\"],\"node_is_drained\":true}",
			"www is no longer drained\nthe node itself is still drained: shoal "
			"undrain\n");
}

TEST(render, tells_what_a_word_on_a_real_did)
{
	assert_rendered(
		render_real,
		"{\"action\":\"drain\",\"pool\":\"web\",\"real\":\"web1\","
		"\"order\":{\"order\":\"drained\",\"left_s\":14400.0},\"warnings\":[\"a\"]}",
		"web/web1 is drained for 4h00m\n! a\n");
	assert_rendered(render_real,
			"{\"action\":\"disable\",\"pool\":\"web\",\"real\":\"web1\","
			"\"order\":{\"order\":\"disabled\",\"left_s\":null},\"warnings\":[]}",
			"web/web1 is disabled until it is enabled\n");
	assert_rendered(render_real,
			"{\"action\":\"enable\",\"pool\":\"web\",\"real\":\"web1\","
			"\"is_already\":true,\"order\":null}",
			"web/web1 was enabled already\n");
	assert_rendered(render_real,
			"{\"action\":\"reset\",\"pool\":\"web\",\"real\":\"web1\","
			"\"state\":\"down\",\"order\":null}",
			"web/web1 is judged anew; it stays down until then\n");
}

TEST(render, tells_what_became_of_a_watch)
{
	assert_rendered(render_pool,
			"{\"pool\":\"web\",\"is_watched\":true,\"is_already\":false,"
			"\"watch\":{\"left_s\":600.0}}",
			"web is watched for 10m00s   -> shoal reals web\n");
	assert_rendered(
		render_pool,
		"{\"pool\":\"web\",\"is_watched\":true,\"is_already\":true,"
		"\"watch\":{\"left_s\":600.0,\"age_s\":60.0,\"connections\":90,"
		"\"retransmissions\":10,\"retransmitted_percent\":10.0}}",
		"web is watched, as before, for 10m00s; in 1m00s 90 new connections, 10 SYN "
		"retransmissions (10.0%)   -> shoal reals web\n");
	assert_rendered(render_pool,
			"{\"pool\":\"web\",\"is_watched\":false,\"is_already\":false,"
			"\"watch\":{\"age_s\":60.0,\"connections\":0,\"retransmissions\":0,"
			"\"retransmitted_percent\":null}}",
			"web is no longer watched; in 1m00s 0 new connections, 0 SYN "
			"retransmissions\n");
	assert_rendered(render_pool,
			"{\"pool\":\"web\",\"is_watched\":false,\"is_already\":true,"
			"\"watch\":null}",
			"web was not watched\n");
}

TEST(render, tells_what_a_reload_did)
{
	assert_rendered(render_reload,
			"{\"file\":\"f\",\"is_changed\":true,\"generation\":\"b\","
			"\"previous\":\"a\",\"report\":\"f:1:1: warning: w\\n   1 | x\\n\"}",
			"f:1:1: warning: w\n   1 | x\nf: in force, generation b (was a)\n");
	assert_rendered(render_reload, "{\"file\":\"f\",\"generation\":\"a\",\"report\":\"\"}",
			"f: nothing changed, generation a\n");
	assert_rendered(render_reload,
			"{\"file\":\"f\",\"generation\":\"a\",\"are_cas_changed\":true}",
			"f: nothing changed but CA files, which are in force, generation a\n");
}

TEST(units, sizes_are_read)
{
	uint64_t bytes;
	struct err err;

	assert_int_equal(units_parse_size("500000", &bytes, &err), 0);
	assert_int_equal(bytes, 500000);
	assert_int_equal(units_parse_size("64k", &bytes, &err), 0);
	assert_int_equal(bytes, 65536);
	assert_int_equal(units_parse_size("2G", &bytes, &err), 0);
	assert_true(bytes == 2147483648U);
	assert_int_equal(units_parse_size("", &bytes, &err), -EINVAL);
	assert_int_equal(units_parse_size("-1", &bytes, &err), -EINVAL);
	assert_int_equal(units_parse_size("1T", &bytes, &err), -EINVAL);
	assert_int_equal(units_parse_size("1kk", &bytes, &err), -EINVAL);
	assert_int_equal(units_parse_size("99999999999", &bytes, &err), -EINVAL);
}

TEST(render, tells_where_a_flow_goes)
{
	assert_rendered(
		render_flow,
		"{\"proto\":\"tcp\",\"source\":\"192.0.2.1:4000\",\"destination\":\"203.0.113.10:"
		"443\","
		"\"vip\":\"www\",\"service\":\"203.0.113.10:443/tcp\",\"pool\":\"web\",\"slot\":17,"
		"\"state\":\"moving\",\"cur\":{\"pool\":\"web\",\"real\":\"w2\",\"address\":\"10.1."
		"0.2\"},"
		"\"alt\":{\"pool\":\"web\",\"real\":\"w1\",\"address\":\"10.1.0.1\"},\"asks_"
		"table\":true,"
		"\"entry\":{\"pool\":null,\"real\":null,\"address\":\"10.1.0.1\",\"is_protected\":"
		"true,"
		"\"is_programmed\":true,\"age_s\":8},\"real\":{\"pool\":\"web\",\"real\":\"w1\","
		"\"address\":\"10.1.0.1\"},\"why\":\"flow-table\",\"verdict\":\"sent\","
		"\"outcome\":\"forwarded\",\"next_hops\":"
		"[{\"uplink\":\"eth0\",\"is_usable\":true,\"mac\":\"02:00:00:00:00:01\"}],\"with\":"
		"{\"file\":\"new.yaml\",\"vip\":\"www\",\"verdict\":\"dropped\",\"outcome\":"
		"\"unserved\"}}",
		"tcp 192.0.2.1:4000 to 203.0.113.10:443\n"
		"VIP        www\n"
		"service    203.0.113.10:443/tcp, pool web\n"
		"slot       17, moving: web/w2 10.1.0.2, before web/w1 10.1.0.1\n"
		"table      10.1.0.1, protected, used 8.0s ago\n"
		"goes to    web/w1 10.1.0.1, remembered: sent, forwarded\n"
		"next hop   02:00:00:00:00:01 on eth0\n"
		"\n"
		"with new.yaml\n"
		"VIP        www\n"
		"goes to    nobody: dropped, unserved\n");
}

TEST(render, tells_what_the_flow_table_holds)
{
	assert_rendered(
		render_flows,
		"{\"capacity\":64,\"configured\":128,\"used\":3,\"protected\":2,\"stale\":1,"
		"\"reals\":[{\"address\":\"10.1.0.1\",\"names\":[\"web/w1\",\"api/"
		"w1\"],\"flows\":3,"
		"\"protected\":2,\"stale\":1,\"youngest_s\":4,\"oldest_s\":72}]}",
		"3 of 64 entries used, 2 protected, 1 stale\n"
		"the config says 128; a table in use keeps its size\n"
		"\n"
		"ADDRESS   REAL           FLOWS  PROTECTED  STALE  USED  OLDEST\n"
		"10.1.0.1  web/w1,api/w1      3          2      1  4.0s   1m12s\n");
	assert_rendered(render_flows, "{\"purged\":12}", "12 flows forgotten\n");
	assert_rendered(render_flows, "{\"purged\":1}", "1 flow forgotten\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(printable, keeps_ordinary_text),
		T(printable, escapes_what_a_terminal_acts_on),
		T(printable, escapes_bytes_that_are_not_utf8),
		T(printable, escapes_all_but_ascii_without_utf8),
		T(printable, every_byte_comes_out_harmless),
		T(printable, measures_and_cuts_by_code_points),
		T(units, ages_read_well_at_every_size),
		T(units, counts_keep_three_digits),
		T(units, clock_names_the_day_when_it_is_not_today),
		T(units, durations_are_read),
		T(table, aligns_and_ends_no_line_in_spaces),
		T(table, cuts_the_widest_column_first),
		T(table, prints_nothing_without_rows),
		T(render, takes_answers_of_any_shape),
		T(render, takes_ages_that_cannot_be),
		T(render, never_prints_an_escape_sequence),
		T(render, stops_at_a_depth),
		T(render, tells_the_steps_of_a_probe_and_all_that_its_program_wrote),
		T(render, tells_what_a_drain_did),
		T(render, tells_what_a_word_on_a_real_did),
		T(render, tells_what_became_of_a_watch),
		T(render, tells_what_a_reload_did),
		T(units, sizes_are_read),
		T(render, tells_where_a_flow_goes),
		T(render, tells_what_the_flow_table_holds),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
