/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - shoal-web: HTTP for machines and people, never a write.
 *
 * It holds nothing that is worth having: no capability, no file, no key. All it knows it asks
 * shoald on web.sock, where nothing can be changed; where to listen is among that, so it reads no
 * config. Once a second it asks for the beat; the rest when somebody looks.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <event2/event.h>

#include "health/lockdown.h"
#include "health/loop.h"
#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/web/answer.h"
#include "src/web/cache.h"
#include "src/web/link.h"
#include "src/web/server.h"

#define RUN_DIR "/run/shoal"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct options {
	char socket_path[256];
	const char *listen; /* NULL: as shoald says */
};

struct daemon {
	struct options options;
	struct loop *loop;
	struct link *link;
	struct cache *cache;
	struct server *server;
	struct event *second;
	bool is_asked;     /* for the beat */
	char *listens;     /* as last tried; NULL: nowhere */
	bool is_listening; /* there */
};

static const char help[] =
	"usage: shoal-web [--run-dir DIR] [--socket PATH] [--listen ADDRESS:PORT] [--verbose]\n"
	"\n"
	"Serves metrics, JSON and the status page of a node over HTTP; nothing can be changed\n"
	"there. Connects to PATH (default DIR/web.sock, DIR being " RUN_DIR ") and keeps trying\n"
	"until shoald is there; listens where the config (web: listen) says.\n"
	"\n"
	"  --run-dir DIR          where web.sock is\n"
	"  --socket PATH          the socket itself\n"
	"  --listen ADDRESS:PORT  listen there, whatever the config says\n"
	"  --verbose              log more\n"
	"  --help                 this text\n"
	"  --version              the version\n"
	"\n"
	"Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.\n";

static int options_fail(const char *what)
{
	fprintf(stderr, "shoal-web: %s; see shoal-web --help\n", what);
	return STATUS_USAGE;
}

/* Returns -1 to go on, or the exit status. */
static int options_parse(int argc, char **argv, struct options *ret, enum log_level *ret_level)
{
	static const struct option rows[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const char *run_dir = RUN_DIR, *socket_path = NULL;
	int n, option;

	while ((option = getopt_long(argc, argv, "hv", rows, NULL)) != -1) {
		if (option == 'r')
			run_dir = optarg;
		else if (option == 's')
			socket_path = optarg;
		else if (option == 'l')
			ret->listen = optarg;
		else if (option == 'v')
			*ret_level = LOG_LEVEL_DEBUG;
		else if (option == 'h')
			return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_DONE;
		else if (option == 'V')
			return puts("shoal-web " SHOAL_VERSION) < 0 ? STATUS_FAILED : STATUS_DONE;
		else
			return options_fail("that option is not known or lacks its value");
	}
	if (optind < argc)
		return options_fail("there are words that are no options");
	n = snprintf(ret->socket_path, sizeof(ret->socket_path), "%s%s",
		     socket_path ? socket_path : run_dir, socket_path ? "" : "/web.sock");
	if (n < 0 || (size_t)n >= sizeof(ret->socket_path))
		return options_fail("the path of the socket is too long");
	return -1;
}

/* ---- where to listen ---- */

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* An address that is not there yet is tried again with every beat, and complained of once. */
static void listen_at(struct daemon *daemon, const char *where)
{
	bool is_news = !is_same(where, daemon->listens);
	struct err err;

	if (!is_news && daemon->is_listening)
		return;
	if (is_news) {
		free(daemon->listens);
		daemon->listens = where ? strdup(where) : NULL;
	}
	daemon->is_listening = server_listen(daemon->server, where, &err) == 0;
	if (daemon->is_listening)
		log_notice("listening", "address=%s", where ? where : "none");
	else if (is_news)
		log_err("listen", "error=%s hint=\"tried again every second\"",
			LOG_QUOTE(err.text));
}

/* ---- the beat ---- */

static void on_beat(struct answer *answer, void *arg)
{
	struct daemon *daemon = arg;
	const char *listen = json_string_value(json_object_get(answer->result, "listen"));

	daemon->is_asked = false;
	if (answer->is_refused || !answer->result)
		return;
	server_beat(daemon->server, answer->result);
	listen_at(daemon, daemon->options.listen ? daemon->options.listen : listen);
}

static void ask_beat(struct daemon *daemon)
{
	if (!daemon->is_asked && link_is_up(daemon->link))
		daemon->is_asked = link_ask(daemon->link, "beat", NULL, on_beat, daemon) == 0;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask_beat(arg);
}

static void on_life(bool is_up, void *arg)
{
	struct daemon *daemon = arg;

	daemon->is_asked = false;
	if (is_up && daemon->server)
		ask_beat(daemon);
}

/* ---- life ---- */

static int daemon_init(struct daemon *daemon, struct err *err)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct link_options link = { .path = daemon->options.socket_path,
				     .life = on_life,
				     .arg = daemon };
	struct server_options server = { 0 };
	int r = loop_new(&daemon->loop, err);

	if (r < 0)
		return r;
	server.base = link.base = loop_base(daemon->loop);
	r = link_new(&link, &daemon->link, err);
	if (r < 0)
		return r;
	server.link = daemon->link;
	server.cache = daemon->cache = cache_new(link.base, daemon->link);
	daemon->second = event_new(link.base, -1, EV_PERSIST, on_second, daemon);
	if (!daemon->cache || !daemon->second || event_add(daemon->second, &second) < 0)
		return err_set(err, -ENOMEM, "start: %m");
	return server_new(&server, &daemon->server, err);
}

static void daemon_fini(struct daemon *daemon)
{
	link_free(daemon->link);
	cache_free(daemon->cache);
	server_free(daemon->server);
	if (daemon->second)
		event_free(daemon->second);
	loop_free(daemon->loop);
	free(daemon->listens);
}

static int run(struct daemon *daemon, struct err *err)
{
	int r = lockdown_all_capabilities(err);

	if (r == 0)
		r = daemon_init(daemon, err);
	if (r == 0 && daemon->options.listen) {
		r = server_listen(daemon->server, daemon->options.listen, err);
		daemon->listens = strdup(daemon->options.listen);
		daemon->is_listening = r == 0;
	}
	return r < 0 ? r : loop_run(daemon->loop, err);
}

int main(int argc, char **argv)
{
	struct daemon daemon = { 0 };
	enum log_level level = LOG_LEVEL_INFO;
	struct err err;
	int r = options_parse(argc, argv, &daemon.options, &level);

	if (r >= 0)
		return r;
	log_init("shoal-web", level);
	log_info("starting", "version=" SHOAL_VERSION " socket=%s uid=%u",
		 LOG_QUOTE(daemon.options.socket_path), getuid());
	r = run(&daemon, &err);
	if (r < 0)
		log_err("failed", "error=%s", LOG_QUOTE(err.text));
	daemon_fini(&daemon);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
