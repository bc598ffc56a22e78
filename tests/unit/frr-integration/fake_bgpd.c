/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/frr-integration/fake_bgpd.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define EXCHANGES_MAX 512
#define ASKED_MAX     4096

struct exchange {
	char *command, *text;
	unsigned char status;
};

struct fake_bgpd {
	struct event_base *base;
	char dir[64], path[96];
	struct evconnlistener *listener;
	struct bufferevent *connection; /* the last one */
	struct exchange exchanges[EXCHANGES_MAX];
	size_t n_exchanges, played;
	bool is_playing, is_off_script;
	char *bad_command;
	enum fake_manner manner;
	char *asked[ASKED_MAX];
	size_t n_asked;
};

static void send_reply(struct fake_bgpd *fake, const char *text, unsigned char status)
{
	const char trailer[4] = { 0, 0, 0, (char)status };

	bufferevent_write(fake->connection, text, strlen(text));
	bufferevent_write(fake->connection, trailer, sizeof(trailer));
}

static void hang_up(struct fake_bgpd *fake)
{
	if (fake->connection)
		bufferevent_free(fake->connection);
	fake->connection = NULL;
}

/* The exchange a command leads to; NULL when none was set. */
static const struct exchange *find_exchange(struct fake_bgpd *fake, const char *command)
{
	const struct exchange *found = NULL;

	if (fake->is_playing && fake->played < fake->n_exchanges &&
	    strcmp(fake->exchanges[fake->played].command, command) == 0)
		return &fake->exchanges[fake->played++];
	for (size_t i = 0; i < (fake->is_playing ? fake->played : fake->n_exchanges); i++)
		if (strcmp(fake->exchanges[i].command, command) == 0)
			found = &fake->exchanges[i];
	/* The look of every second falls where the clock wants it. */
	if (fake->is_playing && strcmp(command, "show bgp summary json") != 0) {
		fake->is_off_script = true;
		print_error("off the script after %zu: %s\n", fake->played, command);
	}
	return found;
}

static void answer(struct fake_bgpd *fake, const char *command)
{
	static char nothing[] = "";
	static const struct exchange empty = { .text = nothing };
	const struct exchange *exchange = find_exchange(fake, command);
	bool is_bad = !fake->bad_command || strcmp(fake->bad_command, command) == 0;
	enum fake_manner manner = is_bad ? fake->manner : FAKE_ANSWERS;

	if (!exchange)
		exchange = &empty;
	switch (manner) {
	case FAKE_ANSWERS:
		send_reply(fake, exchange->text, exchange->status);
		break;
	case FAKE_SILENT:
		break;
	case FAKE_HALF:
	case FAKE_HANG_UP:
		bufferevent_write(fake->connection, "half", 4);
		if (manner == FAKE_HANG_UP)
			hang_up(fake);
		break;
	case FAKE_GARBAGE:
		bufferevent_write(fake->connection, "text\0not a trailer", 18);
		break;
	case FAKE_TWICE:
		send_reply(fake, exchange->text, exchange->status);
		send_reply(fake, exchange->text, exchange->status);
		break;
	}
}

static void on_bytes(struct bufferevent *connection, void *arg)
{
	struct fake_bgpd *fake = arg;
	struct evbuffer *input = bufferevent_get_input(connection);

	while (fake->connection == connection) {
		struct evbuffer_ptr nul = evbuffer_search(input, "\0", 1, NULL);
		char *command;

		if (nul.pos < 0)
			return;
		command = calloc(1, (size_t)nul.pos + 1);
		assert_non_null(command);
		evbuffer_remove(input, command, (size_t)nul.pos);
		evbuffer_drain(input, 1);
		assert_true(fake->n_asked < ASKED_MAX);
		fake->asked[fake->n_asked++] = command;
		answer(fake, command);
	}
}

static void on_end(struct bufferevent *connection, short what, void *arg)
{
	struct fake_bgpd *fake = arg;

	(void)what;
	if (fake->connection == connection)
		hang_up(fake);
	else
		bufferevent_free(connection);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		      int len, void *arg)
{
	struct fake_bgpd *fake = arg;

	(void)listener;
	(void)address;
	(void)len;
	hang_up(fake);
	fake->connection = bufferevent_socket_new(fake->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(fake->connection, on_bytes, NULL, on_end, fake);
	bufferevent_enable(fake->connection, EV_READ | EV_WRITE);
}

void fake_bgpd_start(struct fake_bgpd *fake)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, fake->path, strlen(fake->path) + 1);
	fake->listener =
		evconnlistener_new_bind(fake->base, on_accept, fake, LEV_OPT_CLOSE_ON_FREE, 5,
					(const struct sockaddr *)&address, (int)sizeof(address));
	assert_non_null(fake->listener);
}

void fake_bgpd_stop(struct fake_bgpd *fake)
{
	hang_up(fake);
	if (fake->listener)
		evconnlistener_free(fake->listener);
	fake->listener = NULL;
	unlink(fake->path);
}

struct fake_bgpd *fake_bgpd_new(struct event_base *base)
{
	struct fake_bgpd *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	fake->base = base;
	strcpy(fake->dir, "/tmp/shoal-vty-XXXXXX");
	assert_non_null(mkdtemp(fake->dir));
	snprintf(fake->path, sizeof(fake->path), "%s/bgpd.vty", fake->dir);
	fake_bgpd_start(fake);
	return fake;
}

void fake_bgpd_free(struct fake_bgpd *fake)
{
	fake_bgpd_stop(fake);
	rmdir(fake->dir);
	for (size_t i = 0; i < fake->n_exchanges; i++) {
		free(fake->exchanges[i].command);
		free(fake->exchanges[i].text);
	}
	for (size_t i = 0; i < fake->n_asked; i++)
		free(fake->asked[i]);
	free(fake->bad_command);
	free(fake);
}

const char *fake_bgpd_dir(const struct fake_bgpd *fake)
{
	return fake->dir;
}

static struct exchange *add_exchange(struct fake_bgpd *fake, const char *command)
{
	struct exchange *exchange = &fake->exchanges[fake->n_exchanges++];

	assert_true(fake->n_exchanges <= EXCHANGES_MAX);
	exchange->command = strdup(command);
	exchange->text = strdup("");
	return exchange;
}

static void append_text(struct exchange *exchange, const char *line)
{
	size_t len = strlen(exchange->text);

	exchange->text = realloc(exchange->text, len + strlen(line) + 1);
	assert_non_null(exchange->text);
	strcpy(exchange->text + len, line);
}

void fake_bgpd_play(struct fake_bgpd *fake, const char *name)
{
	struct exchange *exchange = NULL;
	char path[512], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("no transcript %s", path);
	while (getline(&line, &size, file) > 0) {
		if (strncmp(line, ">>> ", 4) == 0) {
			line[strcspn(line, "\n")] = '\0';
			exchange = add_exchange(fake, line + 4);
		} else if (strncmp(line, "<<< ", 4) == 0) {
			assert_non_null(exchange);
			exchange->status = (unsigned char)atoi(line + 4);
		} else if (exchange) {
			append_text(exchange, line);
		}
	}
	free(line);
	fclose(file);
	fake->is_playing = true;
}

bool fake_bgpd_is_played(const struct fake_bgpd *fake)
{
	return fake->played == fake->n_exchanges && !fake->is_off_script;
}

void fake_bgpd_say(struct fake_bgpd *fake, const char *command, unsigned char status,
		   const char *text)
{
	struct exchange *exchange = add_exchange(fake, command);

	exchange->status = status;
	append_text(exchange, text);
}

void fake_bgpd_misbehave(struct fake_bgpd *fake, const char *command, enum fake_manner manner)
{
	free(fake->bad_command);
	fake->bad_command = command ? strdup(command) : NULL;
	fake->manner = manner;
}

size_t fake_bgpd_asked(const struct fake_bgpd *fake, const char *start)
{
	size_t n = 0;

	for (size_t i = 0; i < fake->n_asked; i++)
		n += strncmp(fake->asked[i], start, strlen(start)) == 0;
	return n;
}

const char *fake_bgpd_command(const struct fake_bgpd *fake, size_t i)
{
	return i < fake->n_asked ? fake->asked[i] : NULL;
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

bool run_until(struct event_base *base, bool (*done)(void *arg), void *arg, usec_t most_us)
{
	const struct timeval most = { .tv_sec = (time_t)(most_us / USEC_PER_SEC),
				      .tv_usec = (suseconds_t)(most_us % USEC_PER_SEC) };
	bool is_over = false;
	struct event *timeout = evtimer_new(base, on_timeout, &is_over);

	assert_non_null(timeout);
	event_add(timeout, &most);
	while (!is_over && !done(arg))
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timeout);
	return done(arg);
}
