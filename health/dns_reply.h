/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_reply.h - what a DNS server answered: whether it is an answer to the question at all, its
 * response code, and its records written as in a zone file, in one canonical way, so that answers
 * are compared as text.
 *
 * A reply is a stranger's: it is read within its length, names are expanded by c-ares, and no more
 * than DNS_RECORDS_MAX records are looked at, so that a pointer chain costs little.
 * Source: RFC 1035, 4 and 5.1; RFC 3596; RFC 2782; RFC 8659.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_RECORDS_MAX 256
#define DNS_TEXT_MAX    1280 /* bytes of one record as text, with the NUL; longer ones are cut */

enum dns_fault {
	DNS_FINE,
	DNS_OTHER_ID,
	DNS_NO_REPLY, /* a question */
	DNS_OTHER_QUESTION,
	DNS_MALFORMED,
};

struct dns_question {
	uint16_t id;
	uint16_t record; /* type, as on the wire */
	const char *name;
};

struct dns_reply {
	uint8_t rcode;
	bool is_truncated;
	unsigned n_records; /* of the type that was asked for, in the answer section */
};

/*
 * dns_reply_read - ret is filled where this returns DNS_FINE. `take` is called with the text of
 * each record of the type that was asked for, possibly before a later one proves malformed.
 */
enum dns_fault dns_reply_read(const uint8_t *bytes, size_t len, const struct dns_question *question,
			      void (*take)(const char *text, void *arg), void *arg,
			      struct dns_reply *ret);

/*
 * dns_text_canonical - the same text for what somebody wrote: names in lower case with their dot,
 * addresses and numbers as they are printed, strings quoted. A TXT that is not written as strings
 * is one string. False: it cannot be a record of that type.
 */
bool dns_text_canonical(uint16_t record, const char *text, char ret[DNS_TEXT_MAX]);
