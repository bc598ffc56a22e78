/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/args.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/suggest.h"

/* How many names start with word; ret_list gets them for people. */
static size_t list_fitting(const char *word, const char *(*name)(size_t i, const void *arg),
			   const void *arg, int *ret_first, char *ret_list, size_t list_size)
{
	size_t n = 0, len = strlen(word), used = 0;
	const char *candidate;

	for (size_t i = 0; (candidate = name(i, arg)) != NULL; i++) {
		if (strncmp(candidate, word, len) != 0)
			continue;
		if (n++ == 0)
			*ret_first = (int)i;
		if (used < list_size)
			used += (size_t)snprintf(ret_list + used, list_size - used, "%s%s",
						 n > 1 ? ", " : "", candidate);
	}
	return n;
}

int args_match(const char *word, const char *kind, const char *(*name)(size_t i, const void *arg),
	       const void *arg, struct err *err)
{
	const char *candidate, *meant;
	char list[512] = "";
	int first = -1;
	size_t n;

	for (size_t i = 0; (candidate = name(i, arg)) != NULL; i++)
		if (strcmp(candidate, word) == 0)
			return (int)i;
	n = *word ? list_fitting(word, name, arg, &first, list, sizeof(list)) : 0;
	if (n == 1)
		return first;
	if (n > 1)
		return err_set(err, -EINVAL, "%s '%s' could be %s", kind, word, list);
	meant = suggest_find(word, name, arg);
	if (meant)
		return err_set(err, -ENOENT, "unknown %s '%s', did you mean '%s'?", kind, word,
			       meant);
	return err_set(err, -ENOENT, "unknown %s '%s'", kind, word);
}

/* The i-th option over all tables. */
static const struct args_option *option_at(size_t i, const struct args_option *const *tables)
{
	for (; *tables; tables++)
		for (const struct args_option *option = *tables; option->name; option++)
			if (i-- == 0)
				return option;
	return NULL;
}

static const char *option_name(size_t i, const void *arg)
{
	const struct args_option *option = option_at(i, arg);

	return option ? option->name : NULL;
}

static int grow(struct args *args, int argc, struct err *err)
{
	size_t words = args->n_words + (size_t)argc, found = args->n_found + (size_t)argc;
	void *w = realloc(args->words, (words + 1) * sizeof(args->words[0]));
	void *f;

	if (w)
		args->words = w;
	f = realloc(args->found, (found + 1) * sizeof(args->found[0]));
	if (f)
		args->found = f;
	return w && f ? 0 : err_set(err, -ENOMEM, "arguments: %m");
}

/* Of an option whose value may be left out: only what reads as a time is one. */
static bool is_time(const char *text)
{
	size_t digits = strspn(text, "0123456789"), units = strspn(text + digits, "msh");

	return digits > 0 && units > 0 && text[digits + units] == '\0';
}

static bool takes_next(const struct args_option *option, int argc, char **argv)
{
	if (!option->value)
		return false;
	return option->value[0] != '[' || (argc > 1 && is_time(argv[1]));
}

/*
 * One option "--name", "--name=value" or "--name value", or "-n", the shortest of short forms;
 * returns how many of argv it took.
 */
static int take_option(struct args *args, const struct args_option *const *tables, int argc,
		       char **argv, struct err *err)
{
	const char *text = argv[0] + (argv[0][1] == '-' ? 2 : 1), *equals = strchr(text, '=');
	const struct args_option *option;
	char name[64];
	bool takes;
	int i;

	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - text) : 60, text);
	i = args_match(name, "option", option_name, tables, err);
	if (i < 0)
		return -EINVAL;
	option = option_at((size_t)i, tables);
	assert(option);
	if (!option->value && equals)
		return err_set(err, -EINVAL, "option '--%s' takes no value", option->name);
	takes = !equals && takes_next(option, argc, argv);
	if (takes && argc < 2)
		return err_set(err, -EINVAL, "option '--%s' needs a value: --%s %s", option->name,
			       option->name, option->value);
	args->found[args->n_found++] = (struct args_found){
		.option = option,
		.value = equals  ? equals + 1
			 : takes ? argv[1]
				 : NULL,
	};
	return takes ? 2 : 1;
}

/* "--name" or "-n". */
static bool is_option(const char *text)
{
	if (strncmp(text, "--", 2) == 0)
		return true;
	return text[0] == '-' && text[1] != '\0' && text[2] == '\0';
}

int args_parse(struct args *args, const struct args_option *const *tables, int argc, char **argv,
	       enum args_stop stop, struct err *err)
{
	bool options_end = false;
	int r, i = 0;

	r = grow(args, argc, err);
	if (r < 0)
		return r;
	while (i < argc) {
		if (!options_end && strcmp(argv[i], "--") == 0) {
			options_end = true;
			i++;
		} else if (!options_end && is_option(argv[i])) {
			r = take_option(args, tables, argc - i, argv + i, err);
			if (r < 0)
				return r;
			i += r;
		} else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
			return err_set(err, -EINVAL, "unknown option '%s'", argv[i]);
		} else if (stop == ARGS_STOP_AT_WORD) {
			break;
		} else {
			args->words[args->n_words++] = argv[i++];
		}
	}
	return i;
}

void args_fini(struct args *args)
{
	free(args->words);
	free(args->found);
	memset(args, 0, sizeof(*args));
}

static const struct args_found *find_last(const struct args *args, const char *name)
{
	for (size_t i = args->n_found; i > 0; i--)
		if (strcmp(args->found[i - 1].option->name, name) == 0)
			return &args->found[i - 1];
	return NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return find_last(args, name) != NULL;
}

const char *args_value(const struct args *args, const char *name)
{
	const struct args_found *found = find_last(args, name);

	return found ? found->value : NULL;
}
