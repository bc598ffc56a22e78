/* SPDX-License-Identifier: Apache-2.0 */
/* What a DNS server may answer to a question of any type, and what may be written as an answer. */
#include <stdlib.h>
#include <string.h>

#include "health/dns_reply.h"
#include "tests/fuzz/fuzz.h"

static void take(const char *text, void *arg)
{
	*(size_t *)arg += strlen(text) < DNS_TEXT_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { 1, 2, 5, 6, 12, 15, 16, 28, 33, 257 };
	struct dns_question question = { .name = "www.example.net" };
	char text[DNS_TEXT_MAX], again[DNS_TEXT_MAX];
	struct dns_reply reply;
	size_t n = 0;

	if (size < 3)
		return 0;
	question.record = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	question.id = (uint16_t)(data[1] << 8 | data[2]);
	if (dns_reply_read(data + 1, size - 1, &question, take, &n, &reply) == DNS_FINE &&
	    (reply.n_records > DNS_RECORDS_MAX || reply.n_records != n))
		abort();
	if (size < DNS_TEXT_MAX) {
		char *written = strndup((const char *)data + 1, size - 1);

		/* What is canonical stays as it is, unless it was cut. */
		if (dns_text_canonical(question.record, written, text) &&
		    strlen(text) + 8 < DNS_TEXT_MAX &&
		    (!dns_text_canonical(question.record, text, again) || strcmp(text, again) != 0))
			abort();
		free(written);
	}
	return 0;
}
