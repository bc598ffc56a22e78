/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test.h - cmocka under the project's test names: TEST(subject, states_the_behaviour) { ... }, then
 * RUN_TESTS(T(subject, states_the_behaviour), ...) once at the end of the file.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(subject, behaviour)                                                                   \
	static void subject##_##behaviour(void **state_ __attribute__((unused)))
#define T(subject, behaviour)                                                                      \
	{                                                                                          \
#subject ": " #behaviour, subject##_##behaviour, NULL, NULL, NULL                  \
	}

#define RUN_TESTS(...)                                                                             \
	int main(void)                                                                             \
	{                                                                                          \
		const struct CMUnitTest tests[] = { __VA_ARGS__ };                                 \
		return cmocka_run_group_tests(tests, NULL, NULL);                                  \
	}
