/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/pairs.h"

#include <stdint.h>
#include <string.h>

#define KEY_MAX   48
#define VALUE_MAX 3072

static void put(char *buf, size_t size, size_t *len, char c)
{
	if (*len + 1 < size)
		buf[(*len)++] = (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

static bool ends_key(char c)
{
	return c == '\0' || c == '=' || c == ' ';
}

/* The value behind the sign, up to the space or the closing quote. */
static const char *take_value(const char *p, char *value, size_t size)
{
	bool is_quoted = *p == '"';
	size_t len = 0;

	if (is_quoted)
		p++;
	for (; *p && *p != (is_quoted ? '"' : ' '); p++) {
		if (is_quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		put(value, size, &len, *p);
	}
	value[len] = '\0';
	return is_quoted && *p ? p + 1 : p;
}

bool pairs_next(const char **text, char *key, size_t key_size, char *value, size_t value_size)
{
	const char *p = *text;

	for (;;) {
		size_t len = 0;

		while (*p == ' ')
			p++;
		if (*p == '\0')
			break;
		for (; !ends_key(*p); p++)
			put(key, key_size, &len, *p);
		key[len] = '\0';
		if (*p != '=')
			continue; /* a word alone */
		*text = take_value(p + 1, value, value_size);
		return true;
	}
	*text = p;
	return false;
}

bool pairs_find(const char *text, const char *key, char *value, size_t value_size)
{
	char name[KEY_MAX];

	while (pairs_next(&text, name, sizeof(name), value, value_size))
		if (strcmp(name, key) == 0)
			return true;
	return false;
}

json_t *pairs_json(const char *text)
{
	json_t *object = json_object();
	char key[KEY_MAX], value[VALUE_MAX];

	while (object && pairs_next(&text, key, sizeof(key), value, sizeof(value))) {
		json_t *string = json_string(value);

		if (!string) /* cut inside a character, or no UTF-8 */
			string = json_string("?");
		if (!json_object_get(object, key))
			json_object_set_new(object, key, string);
		else
			json_decref(string);
	}
	return object;
}
