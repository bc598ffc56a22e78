/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed.c - run by the build: `embed FILE... >page_files.c`, files as arrays of bytes. A file of an
 * ending without a type stops the build.
 */
#include <stdio.h>
#include <string.h>

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	return NULL;
}

static int print_bytes(const char *path, int index)
{
	FILE *file = fopen(path, "rb");
	int c, n = 0;

	if (!file) {
		perror(path);
		return -1;
	}
	printf("static const unsigned char bytes_%d[] = {", index);
	while ((c = fgetc(file)) != EOF)
		printf("%s%d,", n++ % 20 ? "" : "\n\t", c);
	puts(n ? "\n};" : "0 };");
	return fclose(file);
}

int main(int argc, char **argv)
{
	puts("#include \"src/web/page_files.h\"\n");
	for (int i = 1; i < argc; i++)
		if (print_bytes(argv[i], i) < 0)
			return 1;
	puts("\nconst struct page_file page_files[] = {");
	for (int i = 1; i < argc; i++) {
		const char *name = base_name(argv[i]), *type = type_of(name);

		if (!type) {
			fprintf(stderr, "embed: what is in '%s'? Give its ending a type\n", name);
			return 1;
		}
		printf("\t{ \"%s\", \"%s\", bytes_%d, sizeof(bytes_%d) },\n", name, type, i, i);
	}
	puts("};");
	printf("const size_t page_files_n = %d;\n", argc - 1);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
