/* SPDX-License-Identifier: Apache-2.0 */
#include "health/roster.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/path.h"
#include "health/schedule.h"
#include "src/base/auto.h"

#define MTU_MIN   576 /* nobody forwards less */
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
#define MARKS_MAX 60000 /* as many reals as the data plane has indices for */

/* ---- where the probes of a pool go ---- */

/* A TCP service with a port is the best place to probe; any service is better than none. */
static void note_service(struct roster *roster, const struct config_vip *vip,
			 const struct config_service *service)
{
	uint32_t pool = service->pool;
	bool has_tcp_port = service->proto == IPPROTO_TCP && service->port != 0;

	if (service->proto == IPPROTO_UDP && roster->udp_ports[pool] == 0)
		roster->udp_ports[pool] = service->port;
	if (roster->ports[pool] != 0 || (roster->vips[pool] && !has_tcp_port))
		return;
	roster->vips[pool] = vip;
	if (has_tcp_port)
		roster->ports[pool] = service->port;
}

static void find_services(struct roster *roster)
{
	const struct config *config = roster->config;

	for (size_t v = 0; v < config->n_vips; v++)
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			note_service(roster, &config->vips[v], &config->vips[v].services[s]);
}

static bool pool_is_used(const struct roster *roster, uint32_t pool)
{
	return roster->vips[pool] != NULL;
}

static const struct config_check *pool_check(const struct roster *roster, uint32_t pool,
					     uint32_t check)
{
	return &roster->config->checks[roster->config->pools[pool].checks[check]];
}

static enum prober_daemon check_daemon(const struct config_check *check)
{
	return check->type == CONFIG_CHECK_EXEC ? PROBER_EXEC : PROBER_PROBE;
}

static uint16_t check_port(const struct roster *roster, uint32_t pool,
			   const struct config_check *check)
{
	if (!config_check_has_port(check->type) || check->port != 0)
		return check->port;
	return config_check_is_udp(check) ? roster->udp_ports[pool] : roster->ports[pool];
}

/* This host's own real holds the VIP itself: its stack is reached without a tunnel. */
static bool is_tunnelled(const struct config_check *check, const struct config_real *real)
{
	return check->via == CONFIG_VIA_TUNNEL && check->type != CONFIG_CHECK_EXEC &&
	       !real->is_local;
}

/* ---- CA bytes ---- */

/* What is in it is shoal-probe's to judge, but a file of something else is told of at once. */
static bool holds_certificate(const char *bytes, size_t len)
{
	static const char *const heads[] = { "-----BEGIN CERTIFICATE-----",
					     "-----BEGIN X509 CERTIFICATE-----",
					     "-----BEGIN TRUSTED CERTIFICATE-----" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (memmem(bytes, len, heads[i], strlen(heads[i])))
			return true;
	return false;
}

static int ca_read(const char *path, struct roster_ca *ret, struct err *err)
{
	AUTO(file_closep) FILE *f = fopen(path, "re");
	AUTO(freep) char *bytes = malloc(MESSAGE_CA_MAX + 1);
	size_t len;

	if (!bytes)
		return err_set(err, -ENOMEM, "CA file '%s': %m", path);
	if (!f)
		return err_set(err, -errno, "CA file '%s': %m", path);
	len = fread(bytes, 1, MESSAGE_CA_MAX + 1, f);
	if (ferror(f))
		return err_set(err, -EIO, "CA file '%s': cannot be read", path);
	if (len == 0 || len > MESSAGE_CA_MAX)
		return err_set(err, -EINVAL, "CA file '%s': %s", path,
			       len == 0 ? "is empty" : "is larger than 4 MiB");
	if (!holds_certificate(bytes, len))
		return err_set(err, -EINVAL, "CA file '%s': holds no certificate in PEM format",
			       path);
	ret->bytes = realloc(bytes, len);
	if (!ret->bytes)
		return err_set(err, -ENOMEM, "CA file '%s': %m", path);
	bytes = NULL;
	ret->len = (uint32_t)len;
	ret->id = message_hash(0, ret->bytes, len);
	return 0;
}

static int ca_add(struct roster *roster, const struct config_check *check, uint64_t *ret_id,
		  struct err *err)
{
	struct roster_ca ca = { 0 };
	int r = ca_read(check->ca_file ? check->ca_file : SYSTEM_CA, &ca, err);

	if (r < 0)
		return check->ca_file ? err_prefix(err, r, "check '%s'", check->name)
				      : err_prefix(err, r,
						   "check '%s' verifies against the system's "
						   "certificates (package ca-certificates)",
						   check->name);
	*ret_id = ca.id;
	for (uint32_t i = 0; i < roster->n_cas; i++) {
		if (roster->cas[i].id == ca.id) {
			free(ca.bytes);
			return 0;
		}
	}
	roster->cas[roster->n_cas++] = ca;
	return 0;
}

static bool is_verified(const struct config_check *check)
{
	return check->verify &&
	       (check->type == CONFIG_CHECK_HTTPS || check->type == CONFIG_CHECK_TLS ||
		(check->type == CONFIG_CHECK_GRPC && check->tls));
}

static int read_cas(struct roster *roster, struct err *err)
{
	for (uint32_t p = 0; p < roster->config->n_pools; p++) {
		for (uint32_t c = 0; c < roster->config->pools[p].n_checks; c++) {
			const struct config_check *check = pool_check(roster, p, c);
			uint64_t *id = &roster->check_ca[check - roster->config->checks];
			int r = 0;

			if (pool_is_used(roster, p) && is_verified(check) && !*id)
				r = ca_add(roster, check, id, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- marks ---- */

static int mark_cmp(const void *a, const void *b)
{
	const struct prober_mark *x = a, *y = b;
	int order = addr_cmp(&x->real, &y->real);

	if (order == 0)
		order = (int)x->encap - (int)y->encap;
	return order ? order : (int)x->gue_port - (int)y->gue_port;
}

static struct prober_mark mark_key(const struct config_pool *pool, const struct config_real *real)
{
	return (struct prober_mark){
		.real = real->addr,
		.encap = pool->encap,
		.gue_port = pool->encap == CONFIG_ENCAP_GUE ? pool->gue_port : 0,
	};
}

static struct prober_mark *mark_find(const struct roster *roster, const struct prober_mark *key)
{
	if (!roster || roster->n_marks == 0)
		return NULL;
	return bsearch(key, roster->marks, roster->n_marks, sizeof(*key), mark_cmp);
}

static bool pool_has_tunnel(const struct roster *roster, uint32_t pool)
{
	for (uint32_t c = 0; c < roster->config->pools[pool].n_checks; c++)
		if (pool_check(roster, pool, c)->via == CONFIG_VIA_TUNNEL &&
		    pool_check(roster, pool, c)->type != CONFIG_CHECK_EXEC)
			return pool_is_used(roster, pool);
	return false;
}

/* Every tunnelled real once, sorted, without numbers. */
static void collect_marks(struct roster *roster)
{
	size_t n = 0, unique = 0;

	for (uint32_t p = 0; p < roster->config->n_pools; p++) {
		const struct config_pool *pool = &roster->config->pools[p];

		for (uint32_t r = 0; pool_has_tunnel(roster, p) && r < pool->n_reals; r++) {
			if (pool->reals[r].is_local)
				continue;
			roster->marks[n] = mark_key(pool, &pool->reals[r]);
			roster->marks[n].pool = p;
			roster->marks[n++].index = r;
		}
	}
	qsort(roster->marks, n, sizeof(*roster->marks), mark_cmp);
	for (size_t i = 0; i < n; i++)
		if (unique == 0 || mark_cmp(&roster->marks[unique - 1], &roster->marks[i]) != 0)
			roster->marks[unique++] = roster->marks[i];
	roster->n_marks = unique;
}

/* A number in 1..65535 that depends on the key alone, unless another key has it. */
static uint32_t mark_number(const struct prober_mark *mark, const bool *taken)
{
	uint8_t tail[3] = { (uint8_t)mark->encap, (uint8_t)mark->gue_port,
			    (uint8_t)(mark->gue_port >> 8) };
	uint64_t hash = message_hash(0, mark->real.bytes, sizeof(mark->real.bytes));
	uint32_t n;

	hash = schedule_mix(message_hash(hash, tail, sizeof(tail)));
	for (n = (uint32_t)(hash % 65535) + 1; taken[n]; n = n % 65535 + 1)
		;
	return n;
}

static int number_marks(struct roster *roster, const struct roster *former, struct err *err)
{
	AUTO(freep) bool *taken = calloc(65536, sizeof(*taken));

	if (!taken)
		return err_set(err, -ENOMEM, "targets: %m");
	if (roster->n_marks > MARKS_MAX)
		return err_set(err, -EINVAL, "%zu reals have tunnelled checks; at most %d can",
			       roster->n_marks, MARKS_MAX);
	for (size_t i = 0; i < roster->n_marks; i++) {
		const struct prober_mark *was = mark_find(former, &roster->marks[i]);

		if (was) {
			roster->marks[i].mark = was->mark;
			taken[was->mark & ~HEALTH_MARK_MASK] = true;
		}
	}
	for (size_t i = 0; i < roster->n_marks; i++) {
		struct prober_mark *mark = &roster->marks[i];

		if (mark->mark != 0)
			continue;
		mark->mark = HEALTH_MARK_BASE | mark_number(mark, taken);
		taken[mark->mark & ~HEALTH_MARK_MASK] = true;
	}
	return 0;
}

uint32_t roster_mark(const struct roster *roster, uint32_t pool, uint32_t real)
{
	const struct config_pool *p = &roster->config->pools[pool];
	struct prober_mark key = mark_key(p, &p->reals[real]);
	const struct prober_mark *mark;

	if (p->reals[real].is_local || !pool_has_tunnel(roster, pool))
		return 0;
	mark = mark_find(roster, &key);
	return mark ? mark->mark : 0;
}

size_t roster_marks_gone(const struct roster *roster, const struct roster *former, uint32_t *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < former->n_marks; i++)
		if (!mark_find(roster, &former->marks[i]))
			ret[n++] = former->marks[i].mark;
	return n;
}

/* ---- targets ---- */

/* The largest packet for this way: through the tunnel, the largest of a client. */
static uint32_t full_size(const struct roster *roster, const struct roster_entry *entry,
			  const struct config_check *check)
{
	const struct config_pool *pool = &roster->config->pools[entry->pool];
	const struct config_real *real = &pool->reals[entry->real];
	uint32_t overhead = addr_is_ipv4(&real->addr) ? 20 : 40, bytes = roster->mtu_bytes;

	if (check->mtu_probe_us == 0 || real->is_local || bytes <= MTU_MIN)
		return 0;
	if (!is_tunnelled(check, real))
		return bytes;
	bytes -= overhead + (pool->encap == CONFIG_ENCAP_GUE ? 8 : 0);
	return roster->client_mtu_bytes && roster->client_mtu_bytes < bytes
		       ? roster->client_mtu_bytes
		       : bytes;
}

static void target_address(const struct roster *roster, const struct roster_entry *entry,
			   const struct config_check *check, struct message_target *t)
{
	const struct config_real *real = &roster->config->pools[entry->pool].reals[entry->real];
	bool has_source;

	t->addr = real->addr;
	if (real->is_local || check->via == CONFIG_VIA_TUNNEL)
		t->addr = roster->vips[entry->pool]->prefix.addr;
	if (!is_tunnelled(check, real))
		return;
	t->mark = roster_mark(roster, entry->pool, entry->real);
	has_source = addr_is_ipv4(&t->addr) ? roster->has_source4 : roster->has_source6;
	t->has_source = has_source;
	if (has_source)
		t->source = addr_is_ipv4(&t->addr) ? roster->source4 : roster->source6;
}

/* False: more texts, or longer ones, than a message carries. */
static bool add_text(struct message_target *t, enum message_text_key key, const void *bytes,
		     size_t len)
{
	if (!bytes)
		return true;
	if (len > MESSAGE_TEXT_MAX || t->n_texts >= MESSAGE_TEXTS_MAX)
		return false;
	t->texts[t->n_texts++] = (struct message_text){ key, (uint16_t)len, bytes };
	return true;
}

static bool add_texts(struct message_target *t, enum message_text_key key, const char *const *texts,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!add_text(t, key, texts[i], strlen(texts[i])))
			return false;
	return true;
}

static bool target_texts(const struct config_check *check, struct message_target *t)
{
	const struct {
		enum message_text_key key;
		const char *text;
	} singles[] = {
		{ MESSAGE_TEXT_SNI, check->sni },
		{ MESSAGE_TEXT_BODY_CONTAINS, check->body_contains },
		{ MESSAGE_TEXT_BODY_MATCHES, check->body_matches },
		{ MESSAGE_TEXT_SERVICE, check->grpc_service },
		{ MESSAGE_TEXT_QUERY, check->query },
	};

	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		if (!add_texts(t, singles[i].key, &singles[i].text, singles[i].text != NULL))
			return false;
	return add_texts(t, MESSAGE_TEXT_HEADER, check->headers, check->n_headers) &&
	       add_texts(t, MESSAGE_TEXT_ALPN, check->alpn, check->n_alpn) &&
	       add_texts(t, MESSAGE_TEXT_ANSWER, check->answers, check->n_answers) &&
	       add_texts(t, MESSAGE_TEXT_ARGUMENT, check->argv, check->n_argv) &&
	       add_text(t, MESSAGE_TEXT_SEND, check->send.bytes, check->send.len) &&
	       add_text(t, MESSAGE_TEXT_EXPECT, check->expect.bytes, check->expect.len);
}

/* ---- what a program is told ---- */

static bool add_word(const struct roster *roster, struct message_target *t, size_t *n,
		     const char *name, const char *value)
{
	char *word = roster->words[*n];
	int len;

	if (!value)
		return true;
	assert(*n < ROSTER_WORDS);
	len = snprintf(word, ROSTER_WORD_MAX, "%s=%s", name, value);
	++*n;
	return len < ROSTER_WORD_MAX && add_text(t, MESSAGE_TEXT_ENVIRONMENT, word, (size_t)len);
}

/* The port of clients: the first of TCP, else of UDP; NULL where every port is served. */
static const char *service_port(const struct roster *roster, uint32_t pool, char buf[8],
				const char **ret_protocol)
{
	uint16_t tcp = roster->ports[pool], udp = roster->udp_ports[pool];

	*ret_protocol = tcp ? "tcp" : udp ? "udp" : NULL;
	snprintf(buf, 8, "%u", (unsigned)(tcp ? tcp : udp));
	return tcp || udp ? buf : NULL;
}

static bool target_environment(const struct roster *roster, const struct roster_entry *entry,
			       struct message_target *t)
{
	const struct config_pool *pool = &roster->config->pools[entry->pool];
	const struct config_real *real = &pool->reals[entry->real];
	const char *protocol, *port;
	char port_text[8];
	size_t n = 0;

	if (t->type != CONFIG_CHECK_EXEC)
		return true;
	port = service_port(roster, entry->pool, port_text, &protocol);
	return add_word(roster, t, &n, "SHOAL_VIP",
			ADDR_STR(&roster->vips[entry->pool]->prefix.addr)) &&
	       add_word(roster, t, &n, "SHOAL_REAL", ADDR_STR(&real->addr)) &&
	       add_word(roster, t, &n, "SHOAL_REAL_NAME", real->name) &&
	       add_word(roster, t, &n, "SHOAL_POOL", pool->name) &&
	       add_word(roster, t, &n, "SHOAL_CHECK",
			pool_check(roster, entry->pool, entry->check)->name) &&
	       add_word(roster, t, &n, "SHOAL_PORT", port) &&
	       add_word(roster, t, &n, "SHOAL_PROTOCOL", protocol) &&
	       add_word(roster, t, &n, "SHOAL_NODE", roster->config->node.name);
}

/* ---- targets, whole ---- */

static void target_numbers(const struct config_check *check, struct message_target *t)
{
	t->method = check->method;
	t->http_version = check->http_version;
	t->transport = check->transport;
	t->record = check->record;
	t->rcode = check->rcode;
	t->tls = check->tls;
	t->verify = check->verify;
	t->expiry_warning_us = check->expiry_warning_us;
	t->mtu_probe_us = check->mtu_probe_us;
}

/* False when a string of the check is longer than a message carries. */
static bool target_request(const struct config_check *check, struct message_target *t)
{
	bool is_exec = check->type == CONFIG_CHECK_EXEC;
	const struct config_range *ranges = is_exec ? check->exit_codes : check->status;
	size_t n_ranges = is_exec ? check->n_exit_codes : check->n_status;
	const char *path = check->path ? check->path : "", *host = check->host ? check->host : "";

	if (strlen(path) >= sizeof(t->path) || strlen(host) >= sizeof(t->host) ||
	    n_ranges > MESSAGE_RANGES_MAX)
		return false;
	strcpy(t->path, path);
	strcpy(t->host, host);
	t->n_ranges = (uint32_t)n_ranges;
	for (size_t i = 0; i < n_ranges; i++)
		t->ranges[i] = ranges[i];
	target_numbers(check, t);
	return target_texts(check, t);
}

static bool target_fill(const struct roster *roster, const struct roster_entry *entry,
			struct message_target *t)
{
	const struct config_check *check = pool_check(roster, entry->pool, entry->check);
	const struct config_real *real = &roster->config->pools[entry->pool].reals[entry->real];

	*t = (struct message_target){
		.id = entry->id,
		.type = check->type,
		.via = is_tunnelled(check, real) ? CONFIG_VIA_TUNNEL : CONFIG_VIA_DIRECT,
		.port = check_port(roster, entry->pool, check),
		.interval_us = check->interval_us,
		.fast_interval_us = check->fast_interval_us,
		.slow_interval_us = check->slow_interval_us,
		.timeout_us = check->timeout_us,
		.jitter_percent = check->jitter_percent,
		.rise = check->rise,
		.fall = check->fall,
		.has_real = !real->is_local && check->type != CONFIG_CHECK_EXEC,
		.real = real->addr,
		.group = roster->groups[entry->pool].id,
		.state = entry->state,
		.sign = entry->sign,
		.ca = roster->check_ca[check - roster->config->checks],
	};
	t->mtu_bytes = full_size(roster, entry, check);
	target_address(roster, entry, check, t);
	return target_request(check, t) && target_environment(roster, entry, t);
}

void roster_target(const struct roster *roster, const struct roster_entry *entry,
		   struct message_target *ret)
{
	target_fill(roster, entry, ret);
}

static int check_refuse(const struct roster *roster, const struct roster_entry *entry,
			struct err *err)
{
	const struct config_check *check = pool_check(roster, entry->pool, entry->check);
	const struct config_pool *pool = &roster->config->pools[entry->pool];

	if (check_port(roster, entry->pool, check) == 0 && config_check_has_port(check->type))
		return err_set(err, -EINVAL,
			       "check '%s' of pool '%s' needs a port of its own: no service of the "
			       "pool has one that it could use",
			       check->name, pool->name);
	return err_set(err, -EINVAL,
		       "check '%s' of pool '%s' cannot be carried out: path, host, status, a "
		       "time or its texts together are out of range",
		       check->name, pool->name);
}

/* The id, and proof that the target can be sent. */
static int entry_identify(struct roster *roster, struct roster_entry *entry, struct err *err)
{
	const struct config_pool *pool = &roster->config->pools[entry->pool];
	struct message m = { .kind = MESSAGE_TARGET };
	uint8_t buf[MESSAGE_MAX];
	char owner[320];

	entry->id = 1;
	if (!target_fill(roster, entry, &m.target) || message_encode(&m, buf) < 0)
		return check_refuse(roster, entry, err);
	/* The real is named too: through a tunnel, targets differ in it only by their mark. */
	snprintf(owner, sizeof(owner), "%s %s %u", pool->name,
		 ADDR_STR(&pool->reals[entry->real].addr), entry->check);
	entry->id = message_target_id(&m.target, owner);
	entry->is_tunnelled = m.target.via == CONFIG_VIA_TUNNEL;
	return 0;
}

static void note_daemon(struct roster *roster, struct roster_entry *entry)
{
	const struct config_check *check = pool_check(roster, entry->pool, entry->check);
	usec_t pause = check->interval_us > check->slow_interval_us ? check->interval_us
								    : check->slow_interval_us;

	pause += check->timeout_us;
	entry->daemon = check_daemon(check);
	roster->n_of[entry->daemon]++;
	if (pause > roster->pause_us[entry->daemon])
		roster->pause_us[entry->daemon] = pause;
}

static int add_entries(struct roster *roster, struct err *err)
{
	for (uint32_t p = 0; p < roster->config->n_pools; p++) {
		const struct config_pool *pool = &roster->config->pools[p];
		uint32_t n =
			pool_is_used(roster, p) ? (uint32_t)(pool->n_checks * pool->n_reals) : 0;

		roster->first[p] = n > 0 ? roster->n_entries : ROSTER_NONE;
		for (uint32_t i = 0; i < n; i++) {
			struct roster_entry *entry = &roster->entries[roster->n_entries++];
			int r;

			entry->pool = p;
			entry->check = i / (uint32_t)pool->n_reals;
			entry->real = i % (uint32_t)pool->n_reals;
			entry->state = REAL_UNKNOWN;
			note_daemon(roster, entry);
			r = entry_identify(roster, entry, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int id_cmp(const void *a, const void *b, void *arg)
{
	const struct roster_entry *entries = arg;
	uint64_t x = entries[*(const uint32_t *)a].id, y = entries[*(const uint32_t *)b].id;

	return x < y ? -1 : x > y;
}

static void sort_ids(struct roster *roster)
{
	for (uint32_t i = 0; i < roster->n_entries; i++)
		roster->by_id[i] = i;
	qsort_r(roster->by_id, roster->n_entries, sizeof(*roster->by_id), id_cmp, roster->entries);
}

struct roster_group *roster_find_group(const struct roster *roster, uint64_t id)
{
	for (uint32_t p = 0; roster && p < roster->config->n_pools; p++)
		if (roster->groups[p].id == id)
			return &roster->groups[p];
	return NULL;
}

struct roster_entry *roster_find(const struct roster *roster, uint64_t id)
{
	uint32_t low = 0, high = roster ? roster->n_entries : 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct roster_entry *entry = &roster->entries[roster->by_id[middle]];

		if (entry->id == id)
			return entry;
		if (entry->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- keeping judgements ---- */

static uint32_t pool_find(const struct roster *roster, const char *name)
{
	for (uint32_t p = 0; p < roster->config->n_pools; p++)
		if (strcmp(roster->config->pools[p].name, name) == 0)
			return p;
	return ROSTER_NONE;
}

/* The real with an address; most often it is where it was. */
static uint32_t real_find(const struct config_pool *pool, const struct addr *addr, uint32_t hint)
{
	if (hint < pool->n_reals && addr_eq(&pool->reals[hint].addr, addr))
		return hint;
	for (uint32_t r = 0; r < pool->n_reals; r++)
		if (addr_eq(&pool->reals[r].addr, addr))
			return r;
	return ROSTER_NONE;
}

/* The place of a check in a pool's list, by name as the core finds it. */
static uint32_t check_find(const struct roster *roster, uint32_t pool, const char *name)
{
	for (uint32_t c = 0; c < roster->config->pools[pool].n_checks; c++)
		if (strcmp(pool_check(roster, pool, c)->name, name) == 0)
			return c;
	return ROSTER_NONE;
}

/* The same pool, real and check of the former config, whatever the check was like. */
static const struct roster_entry *former_entry(const struct roster *former, uint32_t pool,
					       const struct roster *roster,
					       const struct roster_entry *entry)
{
	const struct config_pool *p = &former->config->pools[pool];
	const struct config_real *real = &roster->config->pools[entry->pool].reals[entry->real];
	uint32_t r = real_find(p, &real->addr, entry->real);
	uint32_t c = check_find(former, pool, pool_check(roster, entry->pool, entry->check)->name);

	if (former->first[pool] == ROSTER_NONE || r == ROSTER_NONE || c == ROSTER_NONE)
		return NULL;
	return &former->entries[former->first[pool] + c * p->n_reals + r];
}

static void keep_judgements(struct roster *roster, const struct roster *former)
{
	uint32_t pool = ROSTER_NONE, was_pool = ROSTER_NONE;

	for (uint32_t i = 0; former && i < roster->n_entries; i++) {
		struct roster_entry *entry = &roster->entries[i];
		const struct config_pool *p = &roster->config->pools[entry->pool];
		const struct roster_entry *was;

		if (entry->pool != pool)
			was_pool = pool_find(former, p->name);
		pool = entry->pool;
		was = was_pool == ROSTER_NONE ? NULL
					      : former_entry(former, was_pool, roster, entry);
		if (was) {
			entry->state = was->state;
			entry->sign = was->sign;
			entry->is_sent = was->is_sent && was->id == entry->id;
			entry->void_is_due = was->void_is_due;
			entry->is_reset = was->is_reset;
		}
	}
	for (uint32_t i = 0; former && i < roster->n_cas; i++)
		for (uint32_t j = 0; j < former->n_cas; j++)
			if (roster->cas[i].id == former->cas[j].id)
				roster->cas[i].n_sent = former->cas[j].n_sent;
}

/* ---- the whole ---- */

static uint32_t most_entries(const struct config *config, size_t *ret_reals)
{
	size_t n = 0, reals = 0;

	for (size_t p = 0; p < config->n_pools; p++) {
		n += config->pools[p].n_checks * config->pools[p].n_reals;
		reals += config->pools[p].n_reals;
	}
	*ret_reals = reals;
	return (uint32_t)n;
}

static bool roster_alloc(struct roster *roster)
{
	size_t n_pools = roster->config->n_pools, n_checks = roster->config->n_checks, n_reals;
	uint32_t n_entries = most_entries(roster->config, &n_reals);

	/* + 1: nothing is ever an allocation of no bytes */
	roster->entries = calloc(n_entries + 1, sizeof(*roster->entries));
	roster->by_id = calloc(n_entries + 1, sizeof(*roster->by_id));
	roster->first = calloc(n_pools + 1, sizeof(*roster->first));
	roster->groups = calloc(n_pools + 1, sizeof(*roster->groups));
	roster->vips = calloc(n_pools + 1, sizeof(*roster->vips));
	roster->ports = calloc(n_pools + 1, sizeof(*roster->ports));
	roster->udp_ports = calloc(n_pools + 1, sizeof(*roster->udp_ports));
	roster->check_ca = calloc(n_checks + 1, sizeof(*roster->check_ca));
	roster->cas = calloc(n_checks + 1, sizeof(*roster->cas));
	roster->marks = calloc(n_reals + 1, sizeof(*roster->marks));
	roster->words = calloc(ROSTER_WORDS, sizeof(*roster->words));
	return roster->entries && roster->by_id && roster->first && roster->groups &&
	       roster->vips && roster->ports && roster->udp_ports && roster->check_ca &&
	       roster->cas && roster->marks && roster->words;
}

/* A pool that stays keeps its window; two with the same id, which chance forbids, would share one.
 */
static void name_groups(struct roster *roster, const struct roster *former)
{
	for (uint32_t p = 0; p < roster->config->n_pools; p++) {
		const char *name = roster->config->pools[p].name;
		uint32_t was = former ? pool_find(former, name) : ROSTER_NONE;

		if (was != ROSTER_NONE)
			roster->groups[p] = former->groups[was];
		roster->groups[p].id = message_hash(0, name, strlen(name));
	}
}

static int roster_build(struct roster *roster, const struct roster *former, struct err *err)
{
	int r;

	if (!roster_alloc(roster))
		return err_set(err, -ENOMEM, "targets: %m");
	name_groups(roster, former);
	find_services(roster);
	r = read_cas(roster, err);
	if (r < 0)
		return r;
	collect_marks(roster);
	r = number_marks(roster, former, err);
	if (r < 0)
		return r;
	r = add_entries(roster, err);
	if (r < 0)
		return r;
	sort_ids(roster);
	keep_judgements(roster, former);
	return 0;
}

int roster_new(const struct roster_options *options, struct roster **ret, struct err *err)
{
	struct roster *roster = calloc(1, sizeof(*roster));
	int r;

	if (!roster)
		return err_set(err, -ENOMEM, "targets: %m");
	roster->config = options->config;
	roster->mtu_bytes = options->mtu_bytes;
	roster->client_mtu_bytes = options->client_mtu_bytes;
	roster->has_source4 = options->source4 != NULL;
	roster->has_source6 = options->source6 != NULL;
	if (options->source4)
		roster->source4 = *options->source4;
	if (options->source6)
		roster->source6 = *options->source6;
	r = roster_build(roster, options->former, err);
	if (r < 0) {
		roster_free(roster);
		return r;
	}
	*ret = roster;
	return 0;
}

void roster_free(struct roster *roster)
{
	if (!roster)
		return;
	for (uint32_t i = 0; i < roster->n_cas; i++)
		free(roster->cas[i].bytes);
	free(roster->entries);
	free(roster->by_id);
	free(roster->first);
	free(roster->groups);
	free(roster->vips);
	free(roster->ports);
	free(roster->udp_ports);
	free(roster->check_ca);
	free(roster->cas);
	free(roster->marks);
	free(roster->words);
	free(roster);
}
