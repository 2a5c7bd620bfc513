/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the renderers share among themselves: text.c, render_out.c, render_text.c,
 * render_json.c and render_hist.c. Nobody else includes it.
 */
#ifndef VNET_CORE_RENDER_H
#define VNET_CORE_RENDER_H

#include "vnet/report.h"

/*
 * The bytes of the UTF-8 character at `text`, which must not be its end. False
 * if it is not one; *len is then how many bytes one replacement stands for.
 */
bool vnet_text_utf8(const char *text, size_t *len);
/* Prints `text` with '?' for all that could upset a terminal. */
void vnet_text_print(FILE *out, const char *text);

/* A whole value on one line, without a line feed; NONE is "-". */
void vnet_text_value(FILE *out, const struct vnet_value *value);
/* A value of a histogram, of times (ns) or of numbers. */
void vnet_text_hist_value(uint64_t v, bool ns, char text[24]);
/* "[time] === title (interval: 60.0 s) ===", if the report has a title. */
void vnet_text_title(FILE *out, const struct vnet_report *report);
/* The lines under a row: those of its LINE columns that have a value. */
void vnet_text_row_lines(FILE *out, const struct vnet_table *table,
			 const struct vnet_value *row, const char *indent);
/* 0 or -ENOMEM. */
int vnet_text_table(FILE *out, const struct vnet_table *table);
/* Neither rows nor a heading: it takes no room. */
bool vnet_text_is_nothing(const struct vnet_table *table);
/* Extras, losses, and the empty line that ends a report of many. */
void vnet_text_footer(FILE *out, const struct vnet_report *report);

/*
 * Calls `print` with a stream into memory, then writes all of it to `out` at
 * once: a reader never sees half a report, and an error has one place to be
 * found. 0 or -errno.
 */
int vnet_render_buffered(const struct vnet_report *report, FILE *out,
			 int (*print)(const struct vnet_report *report, FILE *mem));
/* Writes and flushes; 0 or -errno. */
int vnet_render_write(FILE *out, const char *data, size_t size);

#endif
