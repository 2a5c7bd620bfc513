/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report model: tables and values in an arena that goes with the report.
 * Filled by the commands, walked by the renderers.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnet/cli.h"
#include "vnet/report.h"
#include "vnet/util.h"

#define BLOCK_SIZE	8192	/* holds a usual report; larger pieces get their own */
#define FIRST_ROWS	16
#define ALIGN		_Alignof(max_align_t)

/* A piece of the arena; the newest is first and the only one allocated from. */
struct block {
	struct block *next;
	size_t size, used;	/* bytes of data[] */
	_Alignas(max_align_t) char data[];
};

const char *const vnet_loss_names[VNET_NR_LOSSES] = {
#define VNET_LOSS(id, words) [VNET_LOSS_##id] = #id,
#include "vnet/loss.def"
#undef VNET_LOSS
};

const char *const vnet_loss_words[VNET_NR_LOSSES] = {
#define VNET_LOSS(id, words) [VNET_LOSS_##id] = words,
#include "vnet/loss.def"
#undef VNET_LOSS
};

static const struct vnet_renderer *const renderers[] = {
	[VNET_FORMAT_TEXT] = &vnet_render_text,
	[VNET_FORMAT_JSON] = &vnet_render_json,
	[VNET_FORMAT_HIST] = &vnet_render_hist,
};

const struct vnet_renderer *vnet_renderer(uint32_t format)
{
	return format < VNET_ARRAY_SIZE(renderers) ? renderers[format] : NULL;
}

bool vnet_losses_none(const uint64_t *losses)
{
	unsigned int i;

	for (i = 0; losses && i < VNET_NR_LOSSES; i++) {
		if (losses[i])
			return false;
	}
	return true;
}

struct vnet_report *vnet_report_new(const struct vnet_meta *meta, const char *type)
{
	struct vnet_report *report = vnet_alloc(sizeof(*report));

	report->meta = meta;
	report->type = type;
	return report;
}

void vnet_report_free(struct vnet_report *report)
{
	struct block *block, *next;

	if (!report)
		return;
	for (block = report->arena; block; block = next) {
		next = block->next;
		free(block);
	}
	free(report);
}

void *vnet_report_alloc(struct vnet_report *report, size_t size)
{
	struct block *block = report->arena;
	void *p;

	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = vnet_alloc(sizeof(*block) + room);
		block->size = room;
		block->next = report->arena;
		report->arena = block;
	}
	p = block->data + block->used;
	block->used += size;
	return p;
}

char *vnet_report_strdup(struct vnet_report *report, const char *text)
{
	size_t size;
	char *copy;

	if (!text)
		return NULL;
	size = strlen(text) + 1;
	copy = vnet_report_alloc(report, size);
	memcpy(copy, text, size);
	return copy;
}

char *vnet_report_printf(struct vnet_report *report, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	text = vnet_report_alloc(report, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

/* A larger copy of an array of the arena; the old one stays until the end. */
static void *grow_array(struct vnet_report *report, const void *old,
			size_t old_size, size_t new_size)
{
	void *p = vnet_report_alloc(report, new_size);

	if (old_size)
		memcpy(p, old, old_size);
	return p;
}

/* True if an array that doubles from 1 has no room behind `nr` members. */
static bool is_full(size_t nr)
{
	return (nr & (nr - 1)) == 0;
}

struct vnet_table *vnet_report_nested(struct vnet_report *report,
				      const struct vnet_column *columns, size_t nr_columns)
{
	struct vnet_table *table = vnet_report_alloc(report, sizeof(*table));

	table->layout = VNET_L_LINES;
	table->columns = columns;
	table->nr_columns = nr_columns;
	return table;
}

struct vnet_table *vnet_report_table(struct vnet_report *report, const char *heading,
				     enum vnet_layout layout,
				     const struct vnet_column *columns, size_t nr_columns)
{
	struct vnet_table *table = vnet_report_nested(report, columns, nr_columns);
	size_t nr = report->nr_tables;

	table->heading = heading;
	table->layout = layout;
	if (is_full(nr))
		report->tables = grow_array(report, report->tables,
					    nr * sizeof(table),
					    (nr ? 2 * nr : 1) * sizeof(table));
	report->tables[report->nr_tables++] = table;
	return table;
}

struct vnet_value *vnet_report_row(struct vnet_report *report, struct vnet_table *table)
{
	size_t width = table->nr_columns * sizeof(*table->cells);

	if (table->nr_rows == table->max_rows) {
		/* A record's table has one row only; do not reserve more. */
		size_t max = table->max_rows ? 2 * table->max_rows :
			     table->layout == VNET_L_LINES ? 1 : FIRST_ROWS;

		table->cells = grow_array(report, table->cells,
					  table->nr_rows * width, max * width);
		table->max_rows = max;
	}
	return table->cells + table->nr_columns * table->nr_rows++;
}

void vnet_report_extra(struct vnet_report *report, const char *key, const char *title,
		       struct vnet_value value)
{
	size_t nr = report->nr_extras, room = nr ? 2 * nr : 1;

	if (is_full(nr)) {
		report->extra_columns = grow_array(report, report->extra_columns,
						   nr * sizeof(*report->extra_columns),
						   room * sizeof(*report->extra_columns));
		report->extras = grow_array(report, report->extras,
					    nr * sizeof(*report->extras),
					    room * sizeof(*report->extras));
	}
	report->extra_columns[nr] = (struct vnet_column){
		.key = key, .title = title, .type = value.type,
	};
	report->extras[nr] = value;
	report->nr_extras++;
}
