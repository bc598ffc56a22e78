/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_test.c - good files: what the structs hold, defaults, and the canonical print.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/config/config.h"
#include "tests/lib/test.h"

static const char small[] =
	"pools:\n"
	"  web: {reals: {a: 10.1.0.11, b: 10.1.0.12}}\n"
	"vips:\n"
	"  www: {address: 203.0.113.10, services: [{tcp: [80, 443], pool: web}]}\n";

/* A good config of a text, with as many warnings as expected. */
static struct config *load(const char *text, enum config_need need, unsigned warnings)
{
	struct config *config = NULL;
	struct config_report report;
	int r = config_parse("test.yaml", text, strlen(text), need, &config, &report);

	if (r < 0 || report.warnings != warnings)
		print_error("%s", report.text);
	assert_int_equal(r, 0);
	assert_int_equal(report.warnings, warnings);
	config_report_fini(&report);
	return config;
}

TEST(config, needs_only_pools_and_vips_for_services)
{
	struct config *config = load(small, CONFIG_NEED_SERVICES, 0);

	assert_int_equal(config->n_pools, 1);
	assert_int_equal(config->pools[0].n_reals, 2);
	assert_string_equal(config->pools[0].reals[1].name, "b");
	assert_string_equal(ADDR_STR(&config->pools[0].reals[1].addr), "10.1.0.12");
	assert_int_equal(config->vips[0].n_services, 2);
	assert_int_equal(config->vips[0].services[1].port, 443);
	assert_int_equal(config->vips[0].services[1].proto, IPPROTO_TCP);
	assert_false(config->routing.present);
	config_free(config);
}

TEST(config, print_parses_to_the_same_print_and_generation)
{
	struct config *config = load(small, CONFIG_NEED_SERVICES, 0), *again;
	char *first, *second;

	assert_int_equal(config_print(config, &first), 0);
	again = load(first, CONFIG_NEED_SERVICES, 0);
	assert_int_equal(config_print(again, &second), 0);
	assert_string_equal(first, second);
	assert_string_equal(config->generation, again->generation);
	assert_int_equal(strlen(config->generation), CONFIG_GENERATION_LEN);
	free(first);
	free(second);
	config_free(config);
	config_free(again);
}

RUN_TESTS(T(config, needs_only_pools_and_vips_for_services),
	  T(config, print_parses_to_the_same_print_and_generation))
