/* SPDX-License-Identifier: Apache-2.0 */
/* What DNS servers answer, good and bad, as bytes; and answers as people write them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "health/dns_reply.h"
#include "src/config/config.h"
#include "tests/lib/test.h"

/* ---- replies built by hand ---- */

struct reply {
	uint8_t bytes[32000];
	size_t len;
};

static void put(struct reply *reply, const void *bytes, size_t n)
{
	memcpy(reply->bytes + reply->len, bytes, n);
	reply->len += n;
}

static void put16(struct reply *reply, unsigned value)
{
	const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(reply, bytes, 2);
}

#define NAME "\3www\7example\3net" /* and the root behind it, which is the NUL */

static void begin(struct reply *reply, unsigned flags, unsigned n_answers, unsigned type)
{
	reply->len = 0;
	put16(reply, 0x1234);
	put16(reply, flags);
	put16(reply, 1);
	put16(reply, n_answers);
	put16(reply, 0);
	put16(reply, 0);
	put(reply, NAME, sizeof(NAME));
	put16(reply, type);
	put16(reply, 1);
}

/* A record of the name at byte 12. */
static void record(struct reply *reply, unsigned type, const void *data, size_t n)
{
	put16(reply, 0xc00c);
	put16(reply, type);
	put16(reply, 1);
	put16(reply, 0);
	put16(reply, 60);
	put16(reply, (unsigned)n);
	put(reply, data, n);
}

static char taken[8192];

static void take(const char *text, void *arg __attribute__((unused)))
{
	snprintf(taken + strlen(taken), sizeof(taken) - strlen(taken), "%s|", text);
}

static enum dns_fault read_reply(const struct reply *reply, unsigned type, struct dns_reply *ret)
{
	const struct dns_question question = { 0x1234, (uint16_t)type, "WWW.example.net." };

	taken[0] = '\0';
	return dns_reply_read(reply->bytes, reply->len, &question, take, NULL, ret);
}

static const struct {
	unsigned type;
	const char *data;
	size_t len;
	const char *text;
} records[] = {
	{ CONFIG_RECORD_A, "\xc0\0\2\1", 4, "192.0.2.1" },
	{ CONFIG_RECORD_AAAA, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16, "2001:db8::1" },
	{ CONFIG_RECORD_CNAME, "\4MaiL\xc0\x10", 7, "mail.example.net." },
	{ CONFIG_RECORD_NS, "\xc0\x0c", 2, "www.example.net." },
	{ CONFIG_RECORD_PTR, "\0", 1, "." },
	{ CONFIG_RECORD_MX, "\0\12\4mail\xc0\x10", 9, "10 mail.example.net." },
	{ CONFIG_RECORD_SRV, "\0\1\0\2\x01\xbb\xc0\x0c", 8, "1 2 443 www.example.net." },
	{ CONFIG_RECORD_TXT, "\2a\"\4\\ \1\xff", 8, "\"a\\\"\" \"\\\\ \\001\\255\"" },
	{ CONFIG_RECORD_CAA, "\0\5Issuele.net", 13, "0 issue \"le.net\"" },
	{ CONFIG_RECORD_SOA, "\xc0\x0c\xc0\x10\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff\xff\xff", 24,
	  "www.example.net. example.net. 1 2 3 4 4294967295" },
};

TEST(dns_reply, prints_each_record_as_in_a_zone_file)
{
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct reply reply;
		struct dns_reply got;
		char text[64];

		begin(&reply, 0x8180, 1, records[i].type);
		record(&reply, records[i].type, records[i].data, records[i].len);
		assert_int_equal(read_reply(&reply, records[i].type, &got), DNS_FINE);
		snprintf(text, sizeof(text), "%s|", records[i].text);
		assert_string_equal(taken, text);
		assert_int_equal(got.n_records, 1);
		/* Data a byte too long or too short is malformed; a TXT of other strings is not. */
		if (records[i].type == CONFIG_RECORD_TXT || records[i].type == CONFIG_RECORD_CAA)
			continue;
		for (int delta = -1; delta <= 1; delta += 2) {
			begin(&reply, 0x8180, 1, records[i].type);
			record(&reply, records[i].type, records[i].data,
			       records[i].len + (size_t)delta);
			assert_int_equal(read_reply(&reply, records[i].type, &got), DNS_MALFORMED);
		}
	}
}

TEST(dns_reply, passes_over_records_of_other_types)
{
	struct reply reply;
	struct dns_reply got;

	begin(&reply, 0x8180, 3, CONFIG_RECORD_A);
	record(&reply, CONFIG_RECORD_CNAME, "\xc0\x10", 2);
	record(&reply, 46, "whatever", 8);
	record(&reply, CONFIG_RECORD_A, "\xc0\0\2\7", 4);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_FINE);
	assert_string_equal(taken, "192.0.2.7|");
}

TEST(dns_reply, tells_replies_to_others_from_its_own)
{
	struct reply reply;
	struct dns_reply got;

	begin(&reply, 0x8180, 0, CONFIG_RECORD_A);
	reply.bytes[0]++;
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_OTHER_ID);
	begin(&reply, 0x0100, 0, CONFIG_RECORD_A);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_NO_REPLY);
	begin(&reply, 0x8180, 0, CONFIG_RECORD_AAAA);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_OTHER_QUESTION);
	begin(&reply, 0x8180, 0, CONFIG_RECORD_A);
	reply.bytes[13] = 'x';
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_OTHER_QUESTION);
	begin(&reply, 0x8181, 0, CONFIG_RECORD_A);
	reply.bytes[5] = 0; /* who could not read the question does not repeat it */
	reply.len = 12;
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_FINE);
	assert_int_equal(got.rcode, CONFIG_RCODE_FORMERR);
}

TEST(dns_reply, is_malformed_at_every_length_but_the_whole)
{
	struct reply reply;
	struct dns_reply got;
	size_t whole;

	begin(&reply, 0x8180, 2, CONFIG_RECORD_MX);
	record(&reply, CONFIG_RECORD_MX, "\0\12\4mail\xc0\x10", 9);
	record(&reply, CONFIG_RECORD_MX, "\0\24\4mail\xc0\x10", 9);
	whole = reply.len;
	for (reply.len = 2; reply.len < whole; reply.len++)
		assert_int_equal(read_reply(&reply, CONFIG_RECORD_MX, &got), DNS_MALFORMED);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_MX, &got), DNS_FINE);
	/* Where the server says so, the end may be missing. */
	reply.bytes[2] |= 0x02;
	reply.len = whole - 3;
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_MX, &got), DNS_FINE);
	assert_true(got.is_truncated);
	assert_int_equal(got.n_records, 1);
}

TEST(dns_reply, compression_loops_end_soon)
{
	struct reply reply;
	struct dns_reply got;

	begin(&reply, 0x8180, 1, CONFIG_RECORD_CNAME);
	record(&reply, CONFIG_RECORD_CNAME, "\xc0\x2d", 2); /* to itself */
	assert_int_equal(reply.len, 0x2d + 2);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_CNAME, &got), DNS_MALFORMED);
	begin(&reply, 0x8180, 1, CONFIG_RECORD_A);
	reply.bytes[12] = 0xc0; /* the question, too */
	reply.bytes[13] = 0x0c;
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_A, &got), DNS_MALFORMED);
}

TEST(dns_reply, long_chains_of_pointers_are_malformed)
{
	static struct reply reply;
	static uint8_t chain[14000];
	struct dns_reply got;

	begin(&reply, 0x8180, 2, CONFIG_RECORD_CNAME);
	for (unsigned i = 0; i < sizeof(chain); i += 2) {
		unsigned to = i + 2 < sizeof(chain) ? 45 + i + 2 : 12;

		chain[i] = (uint8_t)(0xc0 | to >> 8);
		chain[i + 1] = (uint8_t)to;
	}
	record(&reply, 99, chain, sizeof(chain));
	record(&reply, CONFIG_RECORD_CNAME, "\xc0\x2d", 2);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_CNAME, &got), DNS_MALFORMED);
}

TEST(dns_reply, no_more_records_than_a_few_hundred_are_looked_at)
{
	static struct reply reply;
	struct dns_reply got;

	begin(&reply, 0x8180, 1000, CONFIG_RECORD_CNAME);
	for (unsigned i = 0; i < 1000; i++)
		record(&reply, CONFIG_RECORD_CNAME, "\xc0\x0c", 2);
	assert_int_equal(read_reply(&reply, CONFIG_RECORD_CNAME, &got), DNS_FINE);
	assert_int_equal(got.n_records, DNS_RECORDS_MAX);
}

/* ---- what people write ---- */

static const struct {
	unsigned type;
	const char *written, *canonical; /* NULL: it is no such record */
} texts[] = {
	{ CONFIG_RECORD_A, "192.0.2.1", "192.0.2.1" },
	{ CONFIG_RECORD_A, "2001:db8::1", NULL },
	{ CONFIG_RECORD_A, "192.0.2.1 x", NULL },
	{ CONFIG_RECORD_AAAA, "2001:DB8:0::0001", "2001:db8::1" },
	{ CONFIG_RECORD_NS, "NS1.example.net", "ns1.example.net." },
	{ CONFIG_RECORD_CNAME, "www.example.net.", "www.example.net." },
	{ CONFIG_RECORD_PTR, ".", "." },
	{ CONFIG_RECORD_NS, "a\\", NULL },
	{ CONFIG_RECORD_NS, "a\\.", "a\\.." },
	{ CONFIG_RECORD_NS, "a\\\\.", "a\\\\." },
	{ CONFIG_RECORD_MX, "10  Mail.example.net.", "10 mail.example.net." },
	{ CONFIG_RECORD_MX, "mail.example.net.", NULL },
	{ CONFIG_RECORD_MX, "65536 mail.example.net.", NULL },
	{ CONFIG_RECORD_SRV, "1 2 443 www.example.net", "1 2 443 www.example.net." },
	{ CONFIG_RECORD_TXT, "v=spf1 -all", "\"v=spf1 -all\"" },
	{ CONFIG_RECORD_TXT, "\"v=spf1 -all\"", "\"v=spf1 -all\"" },
	{ CONFIG_RECORD_TXT, "\"a\" \"b\\\"\\010\"", "\"a\" \"b\\\"\\010\"" },
	{ CONFIG_RECORD_TXT, "\"open", "\"\\\"open\"" },
	{ CONFIG_RECORD_TXT, "", "\"\"" },
	{ CONFIG_RECORD_CAA, "0 issue \"le.net\"", "0 issue \"le.net\"" },
	{ CONFIG_RECORD_CAA, "0 ISSUE le.net", "0 issue \"le.net\"" },
	{ CONFIG_RECORD_CAA, "256 issue le.net", NULL },
	{ CONFIG_RECORD_SOA, "A.net. b.net 1 2 3 4 5", "a.net. b.net. 1 2 3 4 5" },
	{ CONFIG_RECORD_SOA, "a.net. b.net. 1 2 3 4", NULL },
};

TEST(dns_text, is_written_in_one_way)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[DNS_TEXT_MAX];
		bool is_one = dns_text_canonical((uint16_t)texts[i].type, texts[i].written, text);

		assert_int_equal(is_one, texts[i].canonical != NULL);
		if (is_one)
			assert_string_equal(text, texts[i].canonical);
	}
}

static const struct CMUnitTest tests[] = {
	T(dns_reply, prints_each_record_as_in_a_zone_file),
	T(dns_reply, passes_over_records_of_other_types),
	T(dns_reply, tells_replies_to_others_from_its_own),
	T(dns_reply, is_malformed_at_every_length_but_the_whole),
	T(dns_reply, compression_loops_end_soon),
	T(dns_reply, long_chains_of_pointers_are_malformed),
	T(dns_reply, no_more_records_than_a_few_hundred_are_looked_at),
	T(dns_text, is_written_in_one_way),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
