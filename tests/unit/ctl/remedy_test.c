/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/remedy.h"

#include <string.h>

#include "src/ctl/command_list.h"
#include "tests/lib/test.h"

/* "shoal NAME ..." names a command; what is no command of ours begins with a tool of the host. */
static bool is_command(const char *command)
{
	static const char *const names[] = {
#define X(name, is_admin, args, help) "shoal " #name,
		COMMANDS_SERVED(X) COMMANDS_LOCAL(X)
#undef X
			"journalctl -u shoal",
		"systemctl status ",
		"vtysh -c ",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(command, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

TEST(remedy, every_reason_of_a_vip_says_what_would_change_it_and_by_which_command)
{
	for (int i = 0; i < VIP_REASON_MAX; i++) {
		const struct remedy *remedy = remedy_of_vip((enum vip_reason)i);

		if (!remedy->text || !remedy->command || !is_command(remedy->command))
			fail_msg("%s lacks a remedy", vip_reason_str((enum vip_reason)i));
	}
}

TEST(remedy, every_reason_of_a_check_says_what_would_change_it)
{
	for (int i = 0; i < PROBE_REASON_MAX; i++) {
		const struct remedy *remedy = remedy_of_probe((enum probe_reason)i);

		if (!remedy->text || (remedy->command && !is_command(remedy->command)))
			fail_msg("%s lacks a remedy", probe_reason_str((enum probe_reason)i));
	}
}

RUN_TESTS(T(remedy, every_reason_of_a_vip_says_what_would_change_it_and_by_which_command),
	  T(remedy, every_reason_of_a_check_says_what_would_change_it))
