/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report model: what a command found, before anyone decides how it looks.
 * Commands fill it, renderers (text, JSON, histogram) walk it; neither knows
 * the other. All memory of a report belongs to it (vnet_report_alloc) and goes
 * with vnet_report_free().
 */
#ifndef VNET_REPORT_H
#define VNET_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/types.h>

#include "vnet/abi/loss.h"
#include "vnet/abi/packet.h"
#include "vnet/hist.h"

enum vnet_type {
	VNET_T_NONE,	/* a value that is not there: JSON null, text "-" */
	VNET_T_U64,
	VNET_T_S64,
	VNET_T_HEX,	/* u64; text and JSON string "0x1f" */
	VNET_T_BOOL,
	VNET_T_STR,	/* bytes as the kernel gave them; renderers sanitise */
	VNET_T_NS,	/* u64, a duration in ns; text "12.3 us", JSON number */
	VNET_T_TIME,	/* u64, wall-clock ns since 1970; RFC 3339 with ns in JSON */
	VNET_T_FLOW,	/* struct vnet_flow */
	VNET_T_STACK,	/* struct vnet_stack */
	VNET_T_HIST,	/* struct vnet_hist, of ns */
	VNET_T_HIST_N,	/* struct vnet_hist, of plain numbers */
	VNET_T_COUNTS,	/* struct vnet_counts: a name -> number object */
	VNET_T_LIST,	/* struct vnet_list: of strings */
	VNET_T_TABLE,	/* struct vnet_table: its rows, each an object */
	VNET_T_OBJECT,	/* struct vnet_table: its only row */
};

struct vnet_frame {
	const char *symbol;	/* NULL: unknown, then address is shown */
	const char *module;	/* NULL: the kernel itself */
	uint64_t offset;	/* bytes into the symbol */
	uint64_t address;
	bool mark;		/* the drop location */
};

struct vnet_stack {
	size_t nr;
	struct vnet_frame *frames;	/* innermost first */
};

struct vnet_count {
	const char *name;
	uint64_t value;
};

struct vnet_counts {
	size_t nr;
	struct vnet_count *counts;
};

struct vnet_list {
	size_t nr;
	const char **items;
};

struct vnet_table;

struct vnet_value {
	enum vnet_type type;
	union {
		uint64_t u64;
		int64_t s64;
		bool flag;
		const char *str;
		const struct vnet_flow *flow;
		const struct vnet_stack *stack;
		const struct vnet_hist *hist;
		const struct vnet_counts *counts;
		const struct vnet_list *list;
		const struct vnet_table *table;
	};
};

/* How the text renderer shows a column. */
enum vnet_role {
	VNET_R_CELL,	/* TABLE: a cell. CARDS: "[title: value]". LINE: "title=value" */
	VNET_R_COUNT,	/* CARDS: in the head, "#1 Count: 23" */
	VNET_R_LINE,	/* a line of its own under the row, "Title: value" */
	VNET_R_HEAD,	/* LINE: first on the line, without its title */
	VNET_R_JSON,	/* not in text */
	VNET_R_TEXT,	/* not in JSON */
};

struct vnet_column {
	const char *key;	/* JSON member; a unit ends it: "p99_ns" */
	const char *title;	/* text; NULL: the value alone (not of a LINE) */
	enum vnet_type type;	/* of its values (each may be NONE as well) */
	enum vnet_role role;
};

/* The form of the text. */
enum vnet_layout {
	VNET_L_TABLE,	/* aligned columns under a header */
	VNET_L_CARDS,	/* ranked, several lines each */
	VNET_L_LINES,	/* one record a line (details), more under it, indented */
};

struct vnet_table {
	const char *heading;		/* text line above, or NULL */
	/* JSON member; NULL: "rows" for tables[0], the others are text only */
	const char *key;
	enum vnet_layout layout;
	const struct vnet_column *columns;
	size_t nr_columns;
	size_t nr_rows, max_rows;
	struct vnet_value *cells;	/* nr_rows * nr_columns */
};

/* A line of the run's set-up, one per attached probe. */
struct vnet_probe_info {
	const char *point, *mechanism, *target;
};

/* What stays the same for a whole run. */
struct vnet_meta {
	const char *command;		/* "drop summary" */
	const char *schema;		/* "vnetdiag.drop.summary/1" */
	const char *title;		/* text heading: "Drop statistics" */
	const char *host, *kernel;	/* node name, release */
	const struct vnet_pair { const char *key, *value; } *filters; /* as given */
	size_t nr_filters;
	const struct vnet_probe_info *probes;
	size_t nr_probes;
};

/*
 * One report: of an interval (type "report"), a details record ("record"), a
 * plan ("plan") or any one-off answer. JSON: one object a line. `rows` are
 * table 0's rows as objects; for a "record" its only row's members stand in
 * the object itself, and further tables beside them. Text: a "record" begins
 * with its time_ns; a "start" prints nothing; a "loss" joins its extras, "--- 12
 * records lost, cpu: 3"; a heading line with meta->title is a "report"'s alone.
 */
struct vnet_report {
	const struct vnet_meta *meta;
	const char *type;		/* "report", "start", "record", "loss", "end", "plan" */
	uint64_t time_ns;		/* wall clock, ns */
	uint64_t interval_ns;		/* 0: none */
	struct vnet_table **tables;	/* JSON: tables[0] is "rows" */
	size_t nr_tables;
	/*
	 * JSON: members beside rows (key NULL: none); text: "title: value"
	 * lines behind the tables (title NULL: none)
	 */
	struct vnet_column *extra_columns;
	struct vnet_value *extras;
	size_t nr_extras;
	const uint64_t *losses;		/* [VNET_NR_LOSSES], NULL: none kept */
	void *arena;			/* all memory of this report */
};

struct vnet_report *vnet_report_new(const struct vnet_meta *meta, const char *type);
void vnet_report_free(struct vnet_report *report);
/* Zeroed memory that goes with the report. */
void *vnet_report_alloc(struct vnet_report *report, size_t size);
char *vnet_report_strdup(struct vnet_report *report, const char *text);
char *vnet_report_printf(struct vnet_report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A new empty table, valid as long as the report; `columns` must outlive it. */
struct vnet_table *vnet_report_table(struct vnet_report *report, const char *heading,
				     enum vnet_layout layout,
				     const struct vnet_column *columns, size_t nr_columns);
/* Likewise, for a value of type TABLE or OBJECT: it stands nowhere else. */
struct vnet_table *vnet_report_nested(struct vnet_report *report,
				      const struct vnet_column *columns, size_t nr_columns);
/* A new row of NONE values to be filled: [nr_columns]. Valid until the next call. */
struct vnet_value *vnet_report_row(struct vnet_report *report, struct vnet_table *table);
/* A member beside the rows; key and title must outlive the report, or be its own. */
void vnet_report_extra(struct vnet_report *report, const char *key, const char *title,
		       struct vnet_value value);

static inline struct vnet_value vnet_u64(uint64_t v)
{
	return (struct vnet_value){ .type = VNET_T_U64, .u64 = v };
}

static inline struct vnet_value vnet_ns(uint64_t v)
{
	return (struct vnet_value){ .type = VNET_T_NS, .u64 = v };
}

static inline struct vnet_value vnet_bool(bool v)
{
	return (struct vnet_value){ .type = VNET_T_BOOL, .flag = v };
}

/* A NULL string is a value that is not there. */
static inline struct vnet_value vnet_str(const char *v)
{
	return (struct vnet_value){ .type = v ? VNET_T_STR : VNET_T_NONE, .str = v };
}

/* The names of loss counters (JSON key) and their words (text footer). */
extern const char *const vnet_loss_names[VNET_NR_LOSSES];
extern const char *const vnet_loss_words[VNET_NR_LOSSES];
/* True if nothing was lost: JSON "complete". NULL: nothing was counted, true. */
bool vnet_losses_none(const uint64_t *losses);

/*
 * A renderer writes whole reports to `out`, flushed at the end of each.
 * 0 or -errno (-EPIPE: the reader has gone, end quietly).
 */
struct vnet_renderer {
	const char *name;		/* --format */
	int (*render)(const struct vnet_report *report, FILE *out);
};
extern const struct vnet_renderer vnet_render_text, vnet_render_json, vnet_render_hist;
/* By enum vnet_format. */
const struct vnet_renderer *vnet_renderer(uint32_t format);

/* "10.0.0.1:53 -> 10.0.0.2:1024 (UDP) vlan 5"; size 160 always fits. */
void vnet_flow_text(const struct vnet_flow *flow, char *text, size_t size);
/* "tcp", "udp", "icmp", "icmp6", "sctp", "arp", "igmp"...; or the number; NULL: none. */
const char *vnet_flow_protocol(const struct vnet_flow *flow, char buf[16]);
/* "192.168.0.1", "fe80::1"; false (and "") if the flow has no addresses. */
bool vnet_flow_address(const struct vnet_flow *flow, bool dst, char buf[48]);
/* "950 ns", "12.3 us", "5.04 ms", "1.20 s": three significant digits. */
void vnet_ns_text(uint64_t ns, char buf[16]);
/* RFC 3339 in UTC with ns: "2026-01-31T08:15:00.000000001Z". */
void vnet_time_text(uint64_t wall_ns, char buf[40]);

#endif
