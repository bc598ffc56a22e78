/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frr_driver.c - the router port on a line of text, for the lab tests of FRR.
 *
 *   frr_driver VTY-DIR LOCAL-AS RANGE[,RANGE...] PEER[,PEER...] VIP[=COMMUNITY]...
 *
 * Reads commands from standard input, one a line: announce N, drain N, withdraw PREFIX (N is the
 * position of the VIP, `all` means each), forbid, allow (what may_write() answers), reload, status,
 * quit. Prints a JSON object a line on each change and after `status`.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/base/log.h"

#define VIPS_MAX   20000
#define RANGES_MAX 16
#define PEERS_MAX  16

static struct config_vip vips[VIPS_MAX];
static const char *communities[VIPS_MAX][1];
static struct prefix ranges[RANGES_MAX];
static struct config_peer peers[PEERS_MAX];
static struct config config = {
	.vips = vips, .routing = { .present = true, .vip_ranges = ranges, .peers = peers }
};
static struct event_base *base;
static struct router *router;
static bool is_allowed = true;

static void die(const char *what, const char *value)
{
	fprintf(stderr, "frr_driver: %s: %s\n", what, value);
	exit(2);
}

static void print_status(void)
{
	printf("{\"at\":%.3f,\"life\":\"%s\",\"busy\":%s,\"read\":%s,\"read_ms\":%.1f,\"peers\":[",
	       (double)usec_now() / USEC_PER_SEC, router_life_str(router_life(router)),
	       router_is_busy(router) ? "true" : "false",
	       router_is_read(router, NULL) ? "true" : "false",
	       (double)router_stats(router)->last_read_back_us / USEC_PER_MSEC);
	for (size_t i = 0; i < router_n_peers(router); i++) {
		const struct router_peer *peer = router_peer(router, i);

		printf("%s{\"key\":\"%s\",\"established\":%s,\"state\":\"%s\",\"sent\":[%u,%u],"
		       "\"last_reset\":\"%s\"}",
		       i ? "," : "", peer->key, peer->is_established ? "true" : "false",
		       peer->state, peer->prefixes_sent4, peer->prefixes_sent6, peer->last_reset);
	}
	printf("],\"routes\":[");
	for (size_t i = 0; i < router_n_routes(router) && i < 20; i++) {
		const struct router_route *route = router_route(router, i);

		printf("%s{\"prefix\":\"%s\",\"line\":%s,\"local\":%s,\"drained\":%s,"
		       "\"match\":%s,\"peers\":%u}",
		       i ? "," : "", PREFIX_STR(&route->prefix), route->has_line ? "true" : "false",
		       route->is_local ? "true" : "false", route->is_drained ? "true" : "false",
		       route->attributes_match ? "true" : "false", route->peers);
	}
	printf("],\"n_routes\":%zu,\"commands\":%lu,\"failures\":%lu,\"sentence\":\"%s\"}\n",
	       router_n_routes(router), (unsigned long)router_stats(router)->commands,
	       (unsigned long)router_stats(router)->failures, router_sentence(router));
	fflush(stdout);
}

static void on_changed(void *arg)
{
	(void)arg;
	print_status();
}

static bool may_write(void *arg)
{
	(void)arg;
	return is_allowed;
}

static void each_vip(const char *which, void (*fn)(struct router *, const struct config_vip *))
{
	if (strcmp(which, "all") != 0) {
		fn(router, &vips[strtoul(which, NULL, 10)]);
		return;
	}
	for (size_t i = 0; i < config.n_vips; i++)
		fn(router, &vips[i]);
}

static void withdraw(const char *which)
{
	struct prefix prefix;

	for (size_t i = 0; strcmp(which, "all") == 0 && i < config.n_vips; i++)
		router_withdraw(router, &vips[i].prefix);
	if (prefix_parse(which, &prefix) == 0)
		router_withdraw(router, &prefix);
}

static void run_command(char *line)
{
	char *word = strtok(line, " \n"), *value = strtok(NULL, " \n");

	if (!word)
		return;
	if (strcmp(word, "quit") == 0)
		event_base_loopbreak(base);
	else if (strcmp(word, "status") == 0)
		print_status();
	else if (strcmp(word, "forbid") == 0 || strcmp(word, "allow") == 0)
		is_allowed = *word == 'a';
	else if (strcmp(word, "read") == 0)
		router_read_back(router);
	else if (strcmp(word, "reload") == 0)
		router_reload(router, &config, NULL);
	else if (strcmp(word, "announce") == 0 && value)
		each_vip(value, router_announce);
	else if (strcmp(word, "drain") == 0 && value)
		each_vip(value, router_drain);
	else if (strcmp(word, "withdraw") == 0 && value)
		withdraw(value);
	else
		die("unknown command", word);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	char line[256];

	(void)fd;
	(void)what;
	(void)arg;
	if (!fgets(line, sizeof(line), stdin))
		event_base_loopbreak(base);
	else
		run_command(line);
}

static void parse_ranges(char *text)
{
	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		if (prefix_parse(word, &ranges[config.routing.n_vip_ranges++]) < 0)
			die("not a prefix", word);
	}
}

static void parse_peers(char *text)
{
	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		struct config_peer *peer = &peers[config.routing.n_peers++];

		peer->name = word;
		if (addr_parse(word, &peer->addr) < 0)
			peer->interface = word;
	}
}

/* PREFIX, PREFIX=COMMUNITY or PREFIX*COUNT for that many host prefixes in a row. */
static void parse_vip(char *text)
{
	char *community = strchr(text, '='), *count = strchr(text, '*');
	unsigned long n = 1;

	if (community)
		*community++ = '\0';
	if (count) {
		*count++ = '\0';
		n = strtoul(count, NULL, 10);
	}
	for (unsigned long i = 0; i < n; i++) {
		struct config_vip *vip = &vips[config.n_vips];

		if (prefix_parse(text, &vip->prefix) < 0)
			die("not a prefix", text);
		vip->prefix.addr.bytes[15] = (uint8_t)(vip->prefix.addr.bytes[15] + i);
		vip->prefix.addr.bytes[14] = (uint8_t)(vip->prefix.addr.bytes[14] + (i >> 8));
		vip->name = text;
		communities[config.n_vips][0] = community;
		vip->communities = communities[config.n_vips];
		vip->n_communities = community != NULL;
		config.n_vips++;
	}
}

int main(int argc, char **argv)
{
	const struct router_callbacks callbacks = { .changed = on_changed, .may_write = may_write };
	struct event *input;
	struct err err;

	if (argc < 6)
		die("usage", "frr_driver VTY-DIR LOCAL-AS RANGES PEERS VIP...");
	log_init("frr_driver", LOG_LEVEL_INFO);
	setvbuf(stdin, NULL, _IONBF, 0);
	config.routing.vty = argv[1];
	config.routing.local_as = (uint32_t)strtoul(argv[2], NULL, 10);
	parse_ranges(argv[3]);
	parse_peers(argv[4]);
	for (int i = 5; i < argc; i++)
		parse_vip(argv[i]);
	base = event_base_new();
	if (!base || router_new(base, &config, &callbacks, &router, &err) < 0)
		die("router_new", err.text);
	input = event_new(base, 0, EV_READ | EV_PERSIST, on_input, NULL);
	event_add(input, NULL);
	event_base_dispatch(base);
	event_free(input);
	router_free(router);
	event_base_free(base);
	return 0;
}
