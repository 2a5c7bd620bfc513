/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports with histograms as bars of stars, one picture for each row that has
 * a HIST column. Everything else looks as it does in text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vnet/util.h"

#include "render.h"

#define BAR		40
#define US_FROM_NS	(1ull << 20)	/* from about 1 ms on, show microseconds */
#define INDENT		"   "

static const struct {
	unsigned int permille;
	const char *name;
	bool mark;		/* beside its row of the picture */
} percentiles[] = {
	{ 500, "P50", true },
	{ 900, "P90", false },
	{ 950, "P95", true },
	{ 990, "P99", false },
	{ 999, "P99.9", true },
};

/*
 * A row's bound. In us the bounds are powers of two of a ns all the same, so
 * they get the digits that tell them apart: "0.512", "1.02", "131".
 */
static void bound_text(uint64_t ns, bool us, char buf[24])
{
	uint64_t hundredths = ns / 10 + (ns % 10 >= 5);

	if (!us)
		snprintf(buf, 24, "%" PRIu64, ns);
	else if (ns < 1000)
		snprintf(buf, 24, "0.%03u", (unsigned int)ns);
	else if (ns < 100000)
		snprintf(buf, 24, "%u.%02u", (unsigned int)(hundredths / 100),
			 (unsigned int)(hundredths % 100));
	else
		snprintf(buf, 24, "%" PRIu64, ns / 1000 + (ns % 1000 >= 500));
}

/* count / most of the bar, rounded up: what is there is seen. */
static unsigned int bar_length(uint64_t count, uint64_t most)
{
	return ((unsigned __int128)count * BAR + most - 1) / most;
}

static void print_marks(FILE *out, const struct vnet_hist *hist,
			const struct vnet_hist_row *row)
{
	const char *before = " <- ";
	size_t i;

	for (i = 0; i < VNET_ARRAY_SIZE(percentiles); i++) {
		uint64_t value = vnet_hist_percentile(hist, percentiles[i].permille);

		if (!percentiles[i].mark || value < row->from || value > row->to)
			continue;
		fprintf(out, "%s%s", before, percentiles[i].name);
		before = " ";
	}
}

static void print_picture(FILE *out, const struct vnet_hist *hist, bool ns)
{
	static const char stars[] = "****************************************";
	struct vnet_hist_row rows[65];
	size_t nr = vnet_hist_fold(hist, rows), i;
	bool us = ns && hist->max >= US_FROM_NS;
	uint64_t most = 1;

	_Static_assert(sizeof(stars) == BAR + 1, "a bar of stars");
	for (i = 0; i < nr; i++) {
		if (rows[i].count > most)
			most = rows[i].count;
	}
	fprintf(out, "%18s%-12s : %-10s distribution\n", us ? "usecs" : ns ? "nsecs" : "value",
		"", "count");
	for (i = 0; i < nr; i++) {
		char from[24], to[24];

		bound_text(rows[i].from, us, from);
		/* In us a row ends where the next one begins. */
		bound_text(rows[i].to + (us && rows[i].to != UINT64_MAX), us, to);
		fprintf(out, "%14s -> %-12s : %-10" PRIu64 "|%-*.*s|", from, to,
			rows[i].count, BAR, (int)bar_length(rows[i].count, most), stars);
		print_marks(out, hist, &rows[i]);
		fputc('\n', out);
	}
}

static void print_value(FILE *out, const char *name, uint64_t v, bool ns)
{
	char text[24];

	vnet_text_hist_value(v, ns, text);
	fprintf(out, "  %s %s", name, text);
}

static void print_hist(FILE *out, const struct vnet_value *value)
{
	const struct vnet_hist *hist = value->hist;
	bool ns = value->type == VNET_T_HIST;
	size_t i;

	if (value->type == VNET_T_NONE || !hist->count) {
		fputs(INDENT "no samples\n", out);
		return;
	}
	print_picture(out, hist, ns);
	fprintf(out, INDENT "count %" PRIu64, (uint64_t)hist->count);
	print_value(out, "min", vnet_hist_min(hist), ns);
	print_value(out, "mean", vnet_hist_mean(hist), ns);
	for (i = 0; i < VNET_ARRAY_SIZE(percentiles); i++)
		print_value(out, percentiles[i].name,
			    vnet_hist_percentile(hist, percentiles[i].permille), ns);
	print_value(out, "max", hist->max, ns);
	fputc('\n', out);
}

static bool is_hist(const struct vnet_column *column)
{
	return column->type == VNET_T_HIST || column->type == VNET_T_HIST_N;
}

/* Durations and the sample count stand in the line under the picture. */
static bool in_heading(const struct vnet_column *column)
{
	return (column->role == VNET_R_CELL || column->role == VNET_R_HEAD ||
		column->role == VNET_R_TEXT) && column->type != VNET_T_NS &&
		!is_hist(column);
}

static void print_row(FILE *out, const struct vnet_table *table, size_t row)
{
	const struct vnet_value *cells = table->cells + row * table->nr_columns;
	const char *before = "";
	size_t i;

	for (i = 0; i < table->nr_columns; i++) {
		const struct vnet_column *column = &table->columns[i];

		if (!in_heading(column) || cells[i].type == VNET_T_NONE)
			continue;
		fputs(before, out);
		if (column->title)
			fprintf(out, "%s: ", column->title);
		vnet_text_value(out, &cells[i]);
		before = ", ";
	}
	fputs(*before ? "\n" : "", out);
	for (i = 0; i < table->nr_columns; i++) {
		if (is_hist(&table->columns[i]))
			print_hist(out, &cells[i]);
	}
	vnet_text_row_lines(out, table, cells, INDENT);
}

static bool has_hist(const struct vnet_table *table)
{
	size_t i;

	for (i = 0; i < table->nr_columns; i++) {
		if (is_hist(&table->columns[i]))
			return true;
	}
	return false;
}

static int print_report(const struct vnet_report *report, FILE *out)
{
	size_t t, row;
	int err;

	vnet_text_title(out, report);
	for (t = 0; t < report->nr_tables; t++) {
		const struct vnet_table *table = report->tables[t];

		if (t && !table->heading && !table->nr_rows)
			continue;
		fputs(t ? "\n" : "", out);
		if (!has_hist(table)) {
			err = vnet_text_table(out, table);
			if (err)
				return err;
			continue;
		}
		if (table->heading)
			fprintf(out, "%s\n", table->heading);
		for (row = 0; row < table->nr_rows; row++) {
			fputs(row || table->heading ? "\n" : "", out);
			print_row(out, table, row);
		}
	}
	vnet_text_footer(out, report);
	return 0;
}

static int render(const struct vnet_report *report, FILE *out)
{
	size_t t;

	for (t = 0; t < report->nr_tables; t++) {
		if (!strcmp(report->type, "report") && has_hist(report->tables[t]))
			return vnet_render_buffered(report, out, print_report);
	}
	return vnet_render_text.render(report, out);
}

const struct vnet_renderer vnet_render_hist = { .name = "hist", .render = render };
