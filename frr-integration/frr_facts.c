/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/frr_facts.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frr-integration/frr_config.h"
#include "frr-integration/vty_talk.h"
#include "src/base/auto.h"

#define FILE_BYTES_MAX (4U << 20)

const char *frr_daemon_str(enum frr_daemon_id id)
{
	static const char *const names[FRR_DAEMONS] = {
		[FRR_BGPD] = "bgpd",
		[FRR_ZEBRA] = "zebra",
		[FRR_BFDD] = "bfdd",
	};

	return names[id];
}

/* ---- files ---- */

/* The text of a file, or NULL with errno. */
static char *read_file(const char *path)
{
	AUTO(file_closep) FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t len = 0;

	if (!file)
		return NULL;
	while (len < FILE_BYTES_MAX && !feof(file) && !ferror(file)) {
		char *bigger = realloc(text, len + 65536 + 1);

		if (!bigger)
			break;
		text = bigger;
		len += fread(text + len, 1, 65536, file);
	}
	if (!text || !feof(file)) {
		errno = ferror(file) ? EIO : text ? EFBIG : ENOMEM;
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* A file that is not there is no fact; one that is there and cannot be read is. */
static bool take_saved(struct frr_facts *facts, const char *path)
{
	facts->saved = read_file(path);
	facts->saved_reason = facts->saved || errno == ENOENT ? 0 : -errno;
	if (facts->saved || facts->saved_reason)
		facts->saved_file = strdup(path);
	return facts->saved_file;
}

/* FRR started with -N NAME has its sockets in /run/frr/NAME and its files in /etc/frr/NAME. */
static void read_saved(const struct config *config, const char *saved_file, struct frr_facts *facts)
{
	static const char *const roots[] = { "/run/frr", "/var/run/frr" };
	const char *vty = config->routing.vty;
	char path[512];

	if (saved_file) {
		take_saved(facts, saved_file);
		return;
	}
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		size_t len = strlen(roots[i]);

		if (strncmp(vty, roots[i], len) != 0 || (vty[len] != '\0' && vty[len] != '/'))
			continue;
		snprintf(path, sizeof(path), "/etc/frr%s/frr.conf", vty + len);
		if (take_saved(facts, path))
			return;
		snprintf(path, sizeof(path), "/etc/frr%s/bgpd.conf", vty + len);
		take_saved(facts, path);
		return;
	}
}

/* ---- daemons ---- */

static void ask(struct vty_talk *talk, const char *command, char **ret, struct frr_daemon *daemon)
{
	struct err err = { 0 };
	int r = vty_talk_ask(talk, command, ret, &err);

	if (r >= 0 || daemon->reason)
		return;
	daemon->reason = r;
	memcpy(daemon->sentence, err.text, sizeof(daemon->sentence));
}

static void read_advertised(struct vty_talk *talk, const struct config *config,
			    struct frr_facts *facts)
{
	for (size_t i = 0; i < facts->n_peers; i++) {
		char key[ADDR_TEXT_MAX], command[192];

		frr_peer_key(&config->routing.peers[i], key);
		for (int is_v6 = 0; is_v6 < 2; is_v6++) {
			snprintf(command, sizeof(command),
				 "show bgp %s unicast neighbors %s advertised-routes json",
				 is_v6 ? "ipv6" : "ipv4", key);
			ask(talk, command, &facts->advertised[i][is_v6], &facts->daemons[FRR_BGPD]);
		}
	}
}

static void read_daemon(const struct config *config, enum frr_daemon_id id, struct frr_facts *facts)
{
	struct frr_daemon *daemon = &facts->daemons[id];
	struct vty_talk talk;
	struct err err = { 0 };
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.vty", config->routing.vty, frr_daemon_str(id));
	daemon->reason = vty_talk_open(path, &talk, &err);
	if (daemon->reason < 0) {
		memcpy(daemon->sentence, err.text, sizeof(daemon->sentence));
		return;
	}
	ask(&talk, "show running-config", &daemon->config, daemon);
	if (id == FRR_BGPD) {
		ask(&talk, "show bgp summary json", &daemon->state, daemon);
		read_advertised(&talk, config, facts);
	} else if (id == FRR_BFDD) {
		ask(&talk, "show bfd peers json", &daemon->state, daemon);
	}
	vty_talk_close(&talk);
}

/* Whether shoald, by its group, may open the socket; root may open any. */
static void look_at_socket(const struct config *config, struct frr_facts *facts)
{
	const mode_t group_mode = S_IRGRP | S_IWGRP;
	struct group *group;
	struct stat st;
	char path[512];

	snprintf(path, sizeof(path), "%s/bgpd.vty", config->routing.vty);
	facts->has_socket = stat(path, &st) == 0;
	if (!facts->has_socket)
		return;
	group = getgrgid(st.st_gid);
	snprintf(facts->socket_group, sizeof(facts->socket_group), "%s",
		 group ? group->gr_name : "?");
	facts->is_group_ok = strcmp(facts->socket_group, "frrvty") == 0 &&
			     (st.st_mode & group_mode) == group_mode;
}

int frr_facts_read(const struct config *config, const char *saved_file, struct frr_facts *ret,
		   struct err *err)
{
	struct frr_facts facts = { .n_peers = config->routing.n_peers };

	facts.advertised = calloc(facts.n_peers + 1, sizeof(facts.advertised[0]));
	if (!facts.advertised)
		return err_set(err, -ENOMEM, "FRR: %m");
	for (enum frr_daemon_id id = FRR_BGPD; id < FRR_DAEMONS; id++)
		read_daemon(config, id, &facts);
	look_at_socket(config, &facts);
	read_saved(config, saved_file, &facts);
	facts.listeners[0] = read_file("/proc/net/tcp");
	facts.listeners[1] = read_file("/proc/net/tcp6");
	*ret = facts;
	return 0;
}

/* Configurations hold passwords. */
static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void frr_facts_fini(struct frr_facts *facts)
{
	for (size_t i = 0; i < FRR_DAEMONS; i++) {
		free_secret(facts->daemons[i].config);
		free(facts->daemons[i].state);
	}
	for (size_t i = 0; i < facts->n_peers; i++) {
		free(facts->advertised[i][0]);
		free(facts->advertised[i][1]);
	}
	free(facts->advertised);
	free(facts->saved_file);
	free_secret(facts->saved);
	free(facts->listeners[0]);
	free(facts->listeners[1]);
	memset(facts, 0, sizeof(*facts));
}
