/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports as text for people, laid out by each table's layout and its
 * columns' roles. ASCII apart from what the data brings, no colour, no
 * knowledge of the terminal. render_hist.c uses the parts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vnet/util.h"

#include "render.h"

#define INDENT		"   "
#define MARK		"    <- drop location"

/* Local time: "2025-10-20 10:45:00". */
static void print_local_time(FILE *out, uint64_t wall_ns)
{
	time_t seconds = wall_ns / VNET_NS_PER_S;
	struct tm tm;
	char text[32];

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	fputs(text, out);
}

/* With microseconds: "2025-10-20 10:45:00.000001". */
static void print_fine_time(FILE *out, uint64_t wall_ns)
{
	print_local_time(out, wall_ns);
	fprintf(out, ".%06u", (unsigned int)(wall_ns % VNET_NS_PER_S / 1000));
}

static void print_frame(FILE *out, const struct vnet_frame *frame)
{
	if (frame->symbol) {
		vnet_text_print(out, frame->symbol);
		fprintf(out, "+0x%" PRIx64, frame->offset);
	} else {
		fprintf(out, "0x%" PRIx64, frame->address);
	}
	if (frame->module) {
		fputs(" [", out);
		vnet_text_print(out, frame->module);
		fputc(']', out);
	}
}

/* Innermost first, on one line: "a+0x1 < b+0x2". */
static void print_stack_line(FILE *out, const struct vnet_stack *stack)
{
	size_t i;

	for (i = 0; i < stack->nr; i++) {
		fputs(i ? " < " : "", out);
		print_frame(out, &stack->frames[i]);
	}
	if (!stack->nr)
		fputs("empty", out);
}

/* "upcall 3, qdisc 1"; those that are 0 tell a reader nothing. */
static void print_counts(FILE *out, const struct vnet_counts *counts)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < counts->nr; i++) {
		if (!counts->counts[i].value)
			continue;
		fputs(comma, out);
		vnet_text_print(out, counts->counts[i].name);
		fprintf(out, " %" PRIu64, counts->counts[i].value);
		comma = ", ";
	}
	if (!*comma)
		fputs("none", out);
}

static void print_list(FILE *out, const struct vnet_list *list)
{
	size_t i;

	for (i = 0; i < list->nr; i++) {
		fputs(i ? ", " : "", out);
		vnet_text_print(out, list->items[i]);
	}
	if (!list->nr)
		fputs("none", out);
}

/* "handler3 203 ms 1, handler4 12 us 0": the cells of a row, then the next row's. */
static void print_nested(FILE *out, const struct vnet_table *table)
{
	for (size_t i = 0; i < table->nr_rows * table->nr_columns; i++) {
		if (table->columns[i % table->nr_columns].role == VNET_R_JSON)
			continue;
		fputs(!i ? "" : i % table->nr_columns ? " " : ", ", out);
		vnet_text_value(out, &table->cells[i]);
	}
	fputs(table->nr_rows ? "" : "none", out);
}

void vnet_text_hist_value(uint64_t v, bool ns, char text[24])
{
	if (ns)
		vnet_ns_text(v, text);
	else
		snprintf(text, 24, "%" PRIu64, v);
}

static void print_hist_line(FILE *out, const struct vnet_hist *hist, bool ns)
{
	char p50[24], p99[24], max[24];

	vnet_text_hist_value(vnet_hist_percentile(hist, 500), ns, p50);
	vnet_text_hist_value(vnet_hist_percentile(hist, 990), ns, p99);
	vnet_text_hist_value(hist->max, ns, max);
	fprintf(out, "count %" PRIu64 ", P50 %s, P99 %s, max %s",
		(uint64_t)hist->count, p50, p99, max);
}

void vnet_text_value(FILE *out, const struct vnet_value *value)
{
	char text[160];

	switch (value->type) {
	case VNET_T_NONE:
		fputc('-', out);
		break;
	case VNET_T_U64:
		fprintf(out, "%" PRIu64, value->u64);
		break;
	case VNET_T_S64:
		fprintf(out, "%" PRId64, value->s64);
		break;
	case VNET_T_HEX:
		fprintf(out, "0x%" PRIx64, value->u64);
		break;
	case VNET_T_BOOL:
		fputs(value->flag ? "yes" : "no", out);
		break;
	case VNET_T_STR:
		vnet_text_print(out, value->str);
		break;
	case VNET_T_NS:
		vnet_ns_text(value->u64, text);
		fputs(text, out);
		break;
	case VNET_T_TIME:
		print_fine_time(out, value->u64);
		break;
	case VNET_T_FLOW:
		vnet_flow_text(value->flow, text, sizeof(text));
		fputs(text, out);
		break;
	case VNET_T_STACK:
		print_stack_line(out, value->stack);
		break;
	case VNET_T_HIST:
	case VNET_T_HIST_N:
		print_hist_line(out, value->hist, value->type == VNET_T_HIST);
		break;
	case VNET_T_COUNTS:
		print_counts(out, value->counts);
		break;
	case VNET_T_LIST:
		print_list(out, value->list);
		break;
	case VNET_T_TABLE:
	case VNET_T_OBJECT:
		print_nested(out, value->table);
		break;
	}
}

void vnet_text_title(FILE *out, const struct vnet_report *report)
{
	uint64_t ns = report->interval_ns, tenths = (ns + 50000000) / 100000000;
	char text[16];

	if (!report->meta->title)
		return;
	if (report->time_ns) {
		fputc('[', out);
		print_local_time(out, report->time_ns);
		fputs("] ", out);
	}
	fprintf(out, "=== %s", report->meta->title);
	if (ns && ns < 100000000) {
		vnet_ns_text(ns, text);
		fprintf(out, " (interval: %s)", text);
	} else if (ns) {
		fprintf(out, " (interval: %" PRIu64 ".%" PRIu64 " s)",
			tenths / 10, tenths % 10);
	}
	fputs(" ===\n", out);
}

static void print_stack(FILE *out, const char *title, const struct vnet_stack *stack,
			const char *indent)
{
	size_t i;

	fprintf(out, "%s%s:%s\n", indent, title, stack->nr ? "" : " empty");
	for (i = 0; i < stack->nr; i++) {
		fprintf(out, "%s  ", indent);
		print_frame(out, &stack->frames[i]);
		fputs(stack->frames[i].mark ? MARK "\n" : "\n", out);
	}
}

static void print_title_value(FILE *out, const char *title,
			      const struct vnet_value *value, const char *indent)
{
	if (value->type == VNET_T_STACK) {
		print_stack(out, title, value->stack, indent);
		return;
	}
	fprintf(out, "%s%s: ", indent, title);
	vnet_text_value(out, value);
	fputc('\n', out);
}

void vnet_text_row_lines(FILE *out, const struct vnet_table *table,
			 const struct vnet_value *row, const char *indent)
{
	size_t i;

	for (i = 0; i < table->nr_columns; i++) {
		const struct vnet_column *column = &table->columns[i];

		if (column->role == VNET_R_LINE && row[i].type != VNET_T_NONE)
			print_title_value(out, column->title, &row[i], indent);
	}
}

/* Columns that the one-line part of a row shows. */
static bool is_inline(const struct vnet_column *column)
{
	return column->role != VNET_R_LINE && column->role != VNET_R_JSON &&
	       column->type != VNET_T_HIST && column->type != VNET_T_HIST_N;
}

static bool is_number(const struct vnet_column *column)
{
	switch (column->type) {
	case VNET_T_U64:
	case VNET_T_S64:
	case VNET_T_HEX:
	case VNET_T_NS:
		return true;
	default:
		return false;
	}
}

/* Characters, not bytes: what continues a UTF-8 sequence takes no room. */
static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(FILE *out, const char *text, int width, bool right, bool last)
{
	int pad = width - text_width(text);

	fprintf(out, "%*s%s", right ? pad : 0, "", text);
	if (!last)
		fprintf(out, "%*s", (right ? 0 : pad) + 2, "");
}

/* A grid is a table's inline cells as text, header row first, NUL behind each. */
static char *grid_make(const struct vnet_table *table)
{
	char *data = NULL;
	size_t size, row, i;
	FILE *mem = open_memstream(&data, &size);

	if (!mem)
		return NULL;
	for (row = 0; row <= table->nr_rows; row++) {
		for (i = 0; i < table->nr_columns; i++) {
			if (!is_inline(&table->columns[i]))
				continue;
			if (!row)
				fputs(table->columns[i].title ?: "", mem);
			else
				vnet_text_value(mem, &table->cells[(row - 1) *
						table->nr_columns + i]);
			fputc(0, mem);
		}
	}
	if (fclose(mem)) {
		free(data);
		return NULL;
	}
	return data;
}

static void grid_widths(const struct vnet_table *table, const char *grid, int *widths)
{
	size_t row, i;

	for (row = 0; row <= table->nr_rows; row++) {
		for (i = 0; i < table->nr_columns; i++) {
			int width;

			if (!is_inline(&table->columns[i]))
				continue;
			width = text_width(grid);
			if (widths[i] < width)
				widths[i] = width;
			grid += strlen(grid) + 1;
		}
	}
}

static int print_grid(FILE *out, const struct vnet_table *table)
{
	size_t row, i, last = 0;
	char *grid = grid_make(table), *text = grid;
	int *widths = calloc(table->nr_columns, sizeof(*widths));

	int err = -ENOMEM;

	if (!grid || !widths)
		goto out;
	grid_widths(table, grid, widths);
	for (i = 0; i < table->nr_columns; i++) {
		if (is_inline(&table->columns[i]))
			last = i;
	}
	for (row = 0; row <= table->nr_rows; row++) {
		for (i = 0; i < table->nr_columns; i++) {
			if (!is_inline(&table->columns[i]))
				continue;
			print_cell(out, text, widths[i],
				   is_number(&table->columns[i]), i == last);
			text += strlen(text) + 1;
		}
		fputc('\n', out);
		if (row)
			vnet_text_row_lines(out, table,
					    &table->cells[(row - 1) * table->nr_columns],
					    INDENT);
	}
	err = 0;
out:
	free(widths);
	free(grid);
	return err;
}

/* "#1 Count: 23 [device: br-int]", then the LINE columns. */
static void print_card(FILE *out, const struct vnet_table *table, size_t row)
{
	const struct vnet_value *cells = table->cells + row * table->nr_columns;
	size_t i;

	fprintf(out, "#%zu", row + 1);
	for (i = 0; i < table->nr_columns; i++) {
		const struct vnet_column *column = &table->columns[i];
		bool count = column->role == VNET_R_COUNT;

		if (!is_inline(column) || cells[i].type == VNET_T_NONE)
			continue;
		fputs(count ? " " : " [", out);
		if (column->title)
			fprintf(out, "%s: ", column->title);
		vnet_text_value(out, &cells[i]);
		fputs(count ? "" : "]", out);
	}
	fputc('\n', out);
	vnet_text_row_lines(out, table, cells, INDENT);
}

/* A string that a script could not split from its neighbours is quoted. */
static void print_word(FILE *out, const struct vnet_value *value)
{
	bool quote = value->type == VNET_T_STR &&
		     (!*value->str || strpbrk(value->str, " \t=\""));

	fputs(quote ? "\"" : "", out);
	vnet_text_value(out, value);
	fputs(quote ? "\"" : "", out);
}

/* "HEAD HEAD title=value title=value", then the LINE columns. */
static void print_record(FILE *out, const struct vnet_table *table, size_t row)
{
	const struct vnet_value *cells = table->cells + row * table->nr_columns;
	const char *space = "";
	int heads;
	size_t i;

	for (heads = 1; heads >= 0; heads--) {
		for (i = 0; i < table->nr_columns; i++) {
			const struct vnet_column *column = &table->columns[i];
			bool head = column->role == VNET_R_HEAD;

			if (!is_inline(column) || head != heads ||
			    cells[i].type == VNET_T_NONE)
				continue;
			fputs(space, out);
			space = " ";
			if (!head && column->title)
				fprintf(out, "%s=", column->title);
			if (head)
				vnet_text_value(out, &cells[i]);
			else
				print_word(out, &cells[i]);
		}
	}
	fputc('\n', out);
	vnet_text_row_lines(out, table, cells, INDENT);
}

bool vnet_text_is_nothing(const struct vnet_table *table)
{
	return !table->nr_rows && !table->heading;
}

int vnet_text_table(FILE *out, const struct vnet_table *table)
{
	size_t row;

	if (table->heading)
		fprintf(out, "%s\n", table->heading);
	if (!table->nr_rows)
		return 0;
	if (table->heading && table->layout != VNET_L_LINES)
		fputc('\n', out);
	if (table->layout == VNET_L_TABLE)
		return print_grid(out, table);
	for (row = 0; row < table->nr_rows; row++) {
		if (table->layout == VNET_L_LINES) {
			print_record(out, table, row);
			continue;
		}
		fputs(row ? "\n" : "", out);
		print_card(out, table, row);
	}
	return 0;
}

/* "12 records lost: the ring buffer was full; 3 ..."; nothing if none. */
static void print_losses(FILE *out, const uint64_t *losses, const char *separator)
{
	const char *before = "";
	unsigned int i;

	for (i = 0; i < VNET_NR_LOSSES; i++) {
		if (!losses[i])
			continue;
		fprintf(out, "%s%" PRIu64 " %s", before, losses[i], vnet_loss_words[i]);
		before = separator;
	}
}

/* Whether text has this extra at all. */
static bool shows_extra(const struct vnet_report *report, size_t i)
{
	return report->extra_columns[i].title && report->extras[i].type != VNET_T_NONE;
}

static bool shows_extras(const struct vnet_report *report)
{
	for (size_t i = 0; i < report->nr_extras; i++)
		if (shows_extra(report, i))
			return true;
	return false;
}

static void print_extras(FILE *out, const struct vnet_report *report)
{
	size_t i;

	for (i = 0; i < report->nr_extras; i++)
		if (shows_extra(report, i))
			print_title_value(out, report->extra_columns[i].title,
					  &report->extras[i], "");
}

void vnet_text_footer(FILE *out, const struct vnet_report *report)
{
	if (report->nr_tables && (shows_extras(report) || report->losses))
		fputc('\n', out);
	print_extras(out, report);
	if (report->losses) {
		fputs("Losses: ", out);
		if (vnet_losses_none(report->losses))
			fputs("none", out);
		print_losses(out, report->losses, "; ");
		fputc('\n', out);
	}
	if (report->interval_ns)
		fputc('\n', out);	/* the next one follows */
}

/* "--- 12 records lost: the ring buffer was full, cpu: 3" */
static void print_hole(FILE *out, const struct vnet_report *report)
{
	const char *before = "--- ";
	size_t i;

	for (i = 0; i < report->nr_extras; i++) {
		const struct vnet_value *value = &report->extras[i];
		const char *title = report->extra_columns[i].title;

		if (!title || value->type == VNET_T_NONE)
			continue;
		fputs(before, out);
		before = ", ";
		if (value->type == VNET_T_U64) {
			fprintf(out, "%" PRIu64 " %s", value->u64, title);
		} else {
			fprintf(out, "%s: ", title);
			vnet_text_value(out, value);
		}
	}
	if (report->losses && !vnet_losses_none(report->losses)) {
		fputs(before, out);
		before = "";
		print_losses(out, report->losses, ", ");
	}
	/* A hole that nobody described is one all the same. */
	fputs(before[0] == '-' ? "--- records lost\n" : "\n", out);
}

static bool is_type(const struct vnet_report *report, const char *type)
{
	return !strcmp(report->type, type);
}

static int print_report(const struct vnet_report *report, FILE *out)
{
	size_t t, shown = 0;
	int err;

	if (is_type(report, "start"))
		return 0;	/* for people this is said on stderr */
	if (is_type(report, "loss")) {
		print_hole(out, report);
		return 0;
	}
	if (is_type(report, "report")) {
		vnet_text_title(out, report);
	} else if (is_type(report, "end")) {
		fputc('\n', out);
	} else if (is_type(report, "record") && report->time_ns) {
		print_fine_time(out, report->time_ns);
		fputc(' ', out);
	}
	for (t = 0; t < report->nr_tables; t++) {
		if (vnet_text_is_nothing(report->tables[t]))
			continue;
		fputs(shown++ ? "\n" : "", out);
		err = vnet_text_table(out, report->tables[t]);
		if (err)
			return err;
	}
	if (!is_type(report, "record"))
		vnet_text_footer(out, report);
	return 0;
}

static int render(const struct vnet_report *report, FILE *out)
{
	return vnet_render_buffered(report, out, print_report);
}

const struct vnet_renderer vnet_render_text = { .name = "text", .render = render };
