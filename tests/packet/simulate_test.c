/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate_test.c - captures through `simulate`: what it says about each packet, what leaves, and
 * what it answers to files that are no captures.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/dataplane/pcap.h"
#include "src/dataplane/simulate.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

static const char yaml[] = "node:\n"
			   "  mtu: 1600\n"
			   "  client-mtu: 1500\n"
			   "  encap-source: {ipv4: 10.0.2.2, ipv6: \"2001:db8:2::2\"}\n"
			   "pools:\n"
			   "  web: {check: none, reals: {web1: 10.1.0.11, web2: 10.1.0.12}}\n"
			   "  six: {check: none, encap: gue, reals: {six1: \"fc00::1\"}}\n"
			   "  ids: {check: none, reals: {a: 10.1.0.21,\n"
			   "    b: {address: 10.1.0.22, server-id: 66051}}}\n" /* 0x010203 */
			   "vips:\n"
			   "  www: {address: 203.0.113.10, services: [{tcp: 443, pool: web}]}\n"
			   "  ids: {address: 203.0.113.11, services: [\n"
			   "    {udp: 443, pool: ids, stable-udp: true},\n"
			   "    {udp: 444, pool: web, stable-udp: true, server-ids: any},\n"
			   "    {tcp: 443, pool: ids, rate: 1k, drop-sources: [192.0.2.0/24],\n"
			   "     source-routes: {198.51.100.0/24: b}}]}\n"
			   "  net6: {address: \"2001:db8:cafe::/48\", unserved: pass,\n"
			   "         services: [{udp: any, pool: six}]}\n";

static char in_path[] = "/tmp/shoal-simulate-in-XXXXXX";
static char out_path[] = "/tmp/shoal-simulate-out-XXXXXX";
static struct config *config;

static int set_up(void **state)
{
	struct config_report report = { 0 };
	int r;

	(void)state;
	close(mkstemp(in_path));
	close(mkstemp(out_path));
	r = config_parse("test.yaml", yaml, sizeof(yaml) - 1, CONFIG_NEED_SERVICES, &config,
			 &report);
	if (r < 0)
		fprintf(stderr, "%s", report.text);
	config_report_fini(&report);
	return r;
}

static int tear_down(void **state)
{
	(void)state;
	config_free(config);
	unlink(in_path);
	unlink(out_path);
	return 0;
}

static void write_file(const void *bytes, size_t len)
{
	FILE *file = fopen(in_path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void write_capture(const struct frame_spec *specs, size_t n)
{
	FILE *file = fopen(in_path, "we");
	uint8_t frame[FRAME_MAX];

	assert_non_null(file);
	assert_int_equal(pcap_write_start(file, true), 0);
	for (size_t i = 0; i < n; i++) {
		size_t len = frame_build(&specs[i], frame);

		assert_int_equal(pcap_write(file, 1700000000, (uint32_t)i, frame, (uint32_t)len),
				 0);
	}
	fclose(file);
}

/* Run and return what was printed; the caller frees it. */
static char *simulate(const char *const *down, size_t n_down, int *ret, struct err *err)
{
	struct simulate_options options = { .config = config,
					    .in_path = in_path,
					    .out_path = out_path,
					    .down = down,
					    .n_down = n_down };
	char *text = NULL;
	size_t size;

	options.out = open_memstream(&text, &size);
	*ret = simulate_run(&options, err);
	fclose(options.out);
	return text;
}

TEST(simulate, tells_of_each_packet_and_keeps_what_left)
{
	struct frame_spec specs[] = {
		fixture_spec("198.51.100.1", "203.0.113.10", IPPROTO_TCP, 443),
		fixture_spec("198.51.100.1", "203.0.113.10", IPPROTO_TCP, 80),
		fixture_spec("198.51.100.1", "192.0.2.1", IPPROTO_TCP, 443),
		fixture_spec("2001:db8::1", "2001:db8:cafe::99", IPPROTO_UDP, 53),
		fixture_spec("2001:db8::1", "2001:db8:cafe::99", IPPROTO_TCP, 53),
	};
	static const char *const down[] = { "web/web1" };
	struct pcap_frame *frame = malloc(sizeof(*frame));
	struct pcap_reader reader;
	struct err err = { "" };
	char *text;
	FILE *out;
	int r;

	write_capture(specs, 5);
	text = simulate(down, 1, &r, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	assert_string_equal(
		text,
		"{\"packet\":1,\"verdict\":\"tx\",\"reason\":\"forwarded\",\"vip\":\"www\","
		"\"service\":\"203.0.113.10:443/tcp\",\"pool\":\"web\",\"real\":\"web2\"}\n"
		"{\"packet\":2,\"verdict\":\"drop\",\"reason\":\"unserved\",\"vip\":\"www\","
		"\"service\":null,\"pool\":null,\"real\":null}\n"
		"{\"packet\":3,\"verdict\":\"pass\",\"reason\":\"not-a-vip\",\"vip\":null,"
		"\"service\":null,\"pool\":null,\"real\":null}\n"
		"{\"packet\":4,\"verdict\":\"tx\",\"reason\":\"forwarded\",\"vip\":\"net6\","
		"\"service\":\"[2001:db8:cafe::/48]:any/udp\",\"pool\":\"six\",\"real\":\"six1\"}\n"
		"{\"packet\":5,\"verdict\":\"pass\",\"reason\":\"unserved-passed\",\"vip\":"
		"\"net6\","
		"\"service\":null,\"pool\":null,\"real\":null}\n");
	free(text);

	out = fopen(out_path, "re");
	assert_int_equal(pcap_read_start(&reader, out, out_path, &err), 0);
	assert_true(reader.is_nsec);
	assert_int_equal(pcap_read(&reader, frame, &err), 1);
	assert_int_equal(frame->fraction, 0);
	assert_memory_equal(frame->bytes, fixture_gateway, 6);
	assert_memory_equal(frame->bytes + 6, fixture_mac, 6);
	assert_memory_equal(frame->bytes + 30, "\x0a\x01\x00\x0c", 4);
	assert_int_equal(pcap_read(&reader, frame, &err), 1);
	assert_int_equal(frame->fraction, 3);
	assert_int_equal(frame->bytes[14 + 6], IPPROTO_UDP);
	assert_int_equal(pcap_read(&reader, frame, &err), 0);
	fclose(out);
	free(frame);
}

/* "real" of each line in turn, one after another, "-" for none; frees the text. */
static void expect_reals(char *text, const char *want)
{
	char got[64] = "";

	for (const char *at = text; (at = strstr(at, "\"real\":"));) {
		size_t used = strlen(got);

		at += 7;
		if (*at == '"')
			snprintf(got + used, sizeof(got) - used, "%.*s ",
				 (int)strcspn(at + 1, "\""), at + 1);
		else
			snprintf(got + used, sizeof(got) - used, "- ");
	}
	assert_string_equal(got, want);
	free(text);
}

TEST(simulate, follows_ids_and_rules_to_reals_that_are_there)
{
	/* The payload of a datagram is 0, 1, 2, ...; its first byte is made the type below. */
	struct frame_spec specs[] = {
		fixture_spec("198.51.100.1", "203.0.113.11", IPPROTO_UDP, 443),
		fixture_spec("198.51.100.1", "203.0.113.11", IPPROTO_UDP, 444),
		fixture_spec("198.51.100.1", "203.0.113.11", IPPROTO_TCP, 443),
		fixture_spec("192.0.2.1", "203.0.113.11", IPPROTO_TCP, 443),
	};
	static const char *const down[] = { "ids/b", "web/web1" };
	uint8_t bytes[4096];
	struct err err = { "" };
	FILE *file;
	size_t len;
	int r;

	write_capture(specs, 4);
	file = fopen(in_path, "r+e");
	assert_non_null(file);
	len = fread(bytes, 1, sizeof(bytes), file);
	for (size_t i = 0; i + 4 < len; i++)
		if (!memcmp(bytes + i, "\0\1\2\3", 4) && bytes[i + 4] == 4)
			bytes[i] = 0x52;
	fclose(file);
	write_file(bytes, len);
	expect_reals(simulate(NULL, 0, &r, &err), "b b b - ");
	expect_reals(simulate(down, 2, &r, &err), "a web2 a - ");
}

TEST(simulate, says_when_no_real_is_left)
{
	struct frame_spec spec = fixture_spec("198.51.100.1", "203.0.113.10", IPPROTO_TCP, 443);
	static const char *const down[] = { "web/web1", "web/web2" };
	struct err err = { "" };
	char *text;
	int r;

	write_capture(&spec, 1);
	text = simulate(down, 2, &r, &err);
	assert_int_equal(r, 0);
	assert_non_null(
		strstr(text, "\"verdict\":\"drop\",\"reason\":\"no-real\",\"vip\":\"www\""));
	assert_non_null(strstr(text, "\"pool\":\"web\",\"real\":null"));
	free(text);
}

static void refuses(const char *const *down, size_t n_down, const char *sentence)
{
	struct err err = { "" };
	int r;
	char *text = simulate(down, n_down, &r, &err);

	assert_int_equal(r, -EINVAL);
	assert_non_null(strstr(err.text, sentence));
	free(text);
}

TEST(simulate, refuses_reals_that_are_not_there)
{
	static const char *const names[] = { "web", "web/web9", "wob/web1" };
	struct frame_spec spec = fixture_spec("198.51.100.1", "203.0.113.10", IPPROTO_TCP, 443);

	write_capture(&spec, 1);
	refuses(&names[0], 1, "write POOL/REAL");
	refuses(&names[1], 1, "pool 'web' has no real 'web9'");
	refuses(&names[2], 1, "there is no such pool");
}

TEST(simulate, refuses_files_that_are_no_captures)
{
	static const uint8_t pcapng[24] = { 0x0a, 0x0d, 0x0d, 0x0a };
	uint8_t header[24 + 16 + 10] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4 };

	write_file("GIF89a", 6);
	refuses(NULL, 0, "too short to be a pcap file");
	write_file("GIF89a..................", 24);
	refuses(NULL, 0, "is not a pcap file");
	write_file(pcapng, sizeof(pcapng));
	refuses(NULL, 0, "editcap -F pcap");
	header[23] = 113;
	write_file(header, 24);
	refuses(NULL, 0, "link type 113");
	header[23] = 1;
	write_file(header, 24 + 10);
	refuses(NULL, 0, "packet 1: the file ends in its header");
	header[24 + 11] = 60;
	write_file(header, sizeof(header));
	refuses(NULL, 0, "packet 1: the file ends in it");
	header[24 + 8] = 1;
	write_file(header, sizeof(header));
	refuses(NULL, 0, "cannot be");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(simulate, tells_of_each_packet_and_keeps_what_left),
		T(simulate, follows_ids_and_rules_to_reals_that_are_there),
		T(simulate, says_when_no_real_is_left),
		T(simulate, refuses_reals_that_are_not_there),
		T(simulate, refuses_files_that_are_no_captures),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
