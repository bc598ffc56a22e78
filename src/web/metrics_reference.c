/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_reference.c - prints docs/metrics.md from the lists of metrics. */
#include <stdio.h>

#include "src/ctl/metric_list.h"

struct row {
	const char *word, *type, *labels, *help;
};

static const struct row shoald_rows[] = {
#define X(word, type, of, labels, help) { #word, #type, labels, help },
	METRICS_SHOALD(X)
#undef X
};

static const struct row web_rows[] = {
#define X(word, type, of, labels, help) { #word, #type, labels, help },
	METRICS_WEB(X)
#undef X
};

static void print_rows(const struct row *rows, size_t n)
{
	puts("\n| metric | type | labels | is |\n|---|---|---|---|");
	for (size_t i = 0; i < n; i++)
		printf("| `shoal_%s` | %s | %s | %s |\n", rows[i].word, rows[i].type,
		       rows[i].labels, rows[i].help);
}

int main(void)
{
	puts("<!-- Made by build/src/web/metrics-reference; a test compares. -->\n"
	     "# Metrics\n\n"
	     "`http://127.0.0.1:9108/metrics` has them as Prometheus' text ([web.md](web.md)). "
	     "Alert "
	     "rules are in\n`packaging/prometheus/`, a dashboard in `packaging/grafana/`.\n\n"
	     "Names stay: one that is out is never given another meaning. What is marked sparse "
	     "has a "
	     "sample only where\nthere is something to say. VIPs, pools, reals and peers go by "
	     "their "
	     "names in the config; a VIP that\nleft the config by its prefix. A counter begins "
	     "anew "
	     "with its object and with shoald, packets with the\ndata plane's maps, which outlive "
	     "shoald. A scrape costs shoald half a millisecond a turn of its loop, and\nscrapes "
	     "within "
	     "a second share one.\n\n"
	     "## Of shoald");
	print_rows(shoald_rows, sizeof(shoald_rows) / sizeof(shoald_rows[0]));
	puts("\n## Of shoal-web");
	print_rows(web_rows, sizeof(web_rows) / sizeof(web_rows[0]));
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
