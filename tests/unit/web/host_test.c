/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <event2/util.h>
#include <string.h>
#include <sys/socket.h>

#include "src/web/host.h"
#include "tests/lib/test.h"

static bool is_fine(const char *host, const char *came_to)
{
	struct sockaddr_storage address = { 0 };
	int len = sizeof(address);

	assert_int_equal(evutil_parse_sockaddr_port(came_to, (struct sockaddr *)&address, &len), 0);
	return host_is_fine(host, &address);
}

TEST(host, is_an_address_or_localhost_on_loopback)
{
	static const char *const fine[] = { "localhost",      "LocalHost:9108", "lb1.localhost",
					    "127.0.0.1",      "127.0.0.1:9108", "[::1]:9108",
					    "[2001:db8::1]:1" };

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		for (int v6 = 0; v6 < 2; v6++)
			assert_true(is_fine(fine[i], v6 ? "[::1]:9108" : "127.0.0.1:9108"));
	assert_true(is_fine(NULL, "127.0.0.1:9108"));
}

TEST(host, is_no_strangers_name_on_loopback)
{
	static const char *const strange[] = { "evil.example",
					       "evil.example:9108",
					       "notlocalhost",
					       "localhost.evil.example",
					       "127.0.0.1.evil.example",
					       "",
					       ":9108",
					       "." };

	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		assert_false(is_fine(strange[i], "127.0.0.1:9108"));
		assert_false(is_fine(strange[i], "127.9.9.9:9108"));
		assert_false(is_fine(strange[i], "[::1]:9108"));
		assert_false(is_fine(strange[i], "[::ffff:127.0.0.1]:9108"));
	}
}

TEST(host, may_be_any_name_elsewhere)
{
	assert_true(is_fine("lb1.example.net", "192.0.2.1:9108"));
	assert_true(is_fine("lb1.example.net", "[2001:db8::1]:9108"));
}

RUN_TESTS(T(host, is_an_address_or_localhost_on_loopback),
	  T(host, is_no_strangers_name_on_loopback), T(host, may_be_any_name_elsewhere))
