/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag ovs upcall summary`: how long packets are with ovs-vswitchd. */
#include "cmd/commands.h"
#include "cmd/ovs_upcall.h"
#include "cmd/times.h"
#include "vnet/util.h"

#define DEFAULT_TOP	20

/* In the order of VNET_UPCALL_BY_*. */
static const char *const by_names[] = { "port", "handler", "cause", "flow", NULL };

static const struct vnet_opt options[] = {
	{ "by", 'b', VNET_OPT_ENUM_SET, offsetof(struct upcall_args, by), "WHAT[,WHAT...]",
	  "What tells two rows apart", by_names },
	{ "top", 't', VNET_OPT_U32, offsetof(struct upcall_args, top), "N",
	  "Rows shown of each report, those with most upcalls first; 0 for all" },
	{}
};

enum {
	BY_PORT, BY_IFINDEX, BY_NETNS, BY_NUMBER, BY_DATAPATH, BY_TID, BY_COMM, BY_FLOW, NR_BY
};

/* All that the object "by" may have, and which of --by puts it there. */
static const struct {
	uint32_t by;
	struct vnet_column column;
} by_members[NR_BY] = {
	[BY_PORT] = { VNET_UPCALL_BY_PORT, { "port", "port", VNET_T_STR } },
	[BY_IFINDEX] = { VNET_UPCALL_BY_PORT, { "ifindex", "ifindex", VNET_T_U64 } },
	[BY_NETNS] = { VNET_UPCALL_BY_PORT, { "netns", "netns", VNET_T_U64 } },
	[BY_NUMBER] = { VNET_UPCALL_BY_PORT, { "port_number", "port_number", VNET_T_U64 } },
	[BY_DATAPATH] = { VNET_UPCALL_BY_PORT,
			  { "datapath_ifindex", "datapath_ifindex", VNET_T_U64 } },
	[BY_TID] = { VNET_UPCALL_BY_HANDLER, { "tid", "tid", VNET_T_U64 } },
	[BY_COMM] = { VNET_UPCALL_BY_HANDLER, { "comm", "comm", VNET_T_STR } },
	[BY_FLOW] = { VNET_UPCALL_BY_FLOW, { "flow", "flow", VNET_T_FLOW } },
};

enum {
	COL_BY, COL_PORT, COL_HANDLER, COL_CAUSE, COL_COUNT, COL_RETURNED, COL_NO_RETURN,
	COL_LOST, COL_MESSAGES, COL_READ, COL_AMBIGUOUS, COL_DISCARDED, COL_RATE, COL_MIN,
	COL_MEAN, COL_P50, COL_P90, COL_P95, COL_P99, COL_P999, COL_MAX, COL_MAX_CPU,
	COL_QUEUE_P99, COL_USER_P99, COL_RETURN_P99, COL_HANDLERS, COL_FLOW, COL_HISTOGRAM,
	NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_BY] = { "by", "BY", VNET_T_OBJECT, VNET_R_JSON },
	[COL_PORT] = { "port", "PORT", VNET_T_STR, VNET_R_TEXT },
	[COL_HANDLER] = { "handler", "HANDLER", VNET_T_STR, VNET_R_TEXT },
	[COL_CAUSE] = { "cause", "CAUSE", VNET_T_STR },
	[COL_COUNT] = { "count", "UPCALLS", VNET_T_U64 },
	[COL_RETURNED] = { "returned", "RETURNED", VNET_T_U64 },
	[COL_NO_RETURN] = { "no_return", "NO RETURN", VNET_T_U64 },
	[COL_LOST] = { "lost", "LOST", VNET_T_U64 },
	[COL_MESSAGES] = { "messages", "MESSAGES", VNET_T_U64, VNET_R_JSON },
	[COL_READ] = { "read", "READ", VNET_T_U64, VNET_R_JSON },
	[COL_AMBIGUOUS] = { "ambiguous", "AMBIGUOUS", VNET_T_U64, VNET_R_JSON },
	[COL_DISCARDED] = { "discarded", "DISCARDED", VNET_T_U64, VNET_R_JSON },
	[COL_RATE] = { "per_s", "PER SECOND", VNET_T_U64 },
	[COL_MIN] = { "min_ns", "MIN", VNET_T_NS, VNET_R_JSON },
	[COL_MEAN] = { "mean_ns", "MEAN", VNET_T_NS, VNET_R_JSON },
	[COL_P50] = { "p50_ns", "P50", VNET_T_NS },
	[COL_P90] = { "p90_ns", "P90", VNET_T_NS, VNET_R_JSON },
	[COL_P95] = { "p95_ns", "P95", VNET_T_NS, VNET_R_JSON },
	[COL_P99] = { "p99_ns", "P99", VNET_T_NS },
	[COL_P999] = { "p999_ns", "P99.9", VNET_T_NS, VNET_R_JSON },
	[COL_MAX] = { "max_ns", "MAX", VNET_T_NS },
	[COL_MAX_CPU] = { "max_cpu", "MAX CPU", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE_P99] = { "queue_p99_ns", "QUEUE P99", VNET_T_NS, VNET_R_JSON },
	[COL_USER_P99] = { "user_p99_ns", "USER P99", VNET_T_NS, VNET_R_JSON },
	[COL_RETURN_P99] = { "return_p99_ns", "RETURN P99", VNET_T_NS, VNET_R_JSON },
	[COL_HANDLERS] = { "handlers", "Longest", VNET_T_TABLE, VNET_R_LINE },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST },
};

enum { HANDLER_COMM, HANDLER_TID, HANDLER_MAX, HANDLER_CPU, NR_HANDLER_COLUMNS };

static const struct vnet_column handler_columns[NR_HANDLER_COLUMNS] = {
	[HANDLER_COMM] = { "comm", "comm", VNET_T_STR },
	[HANDLER_TID] = { "tid", "tid", VNET_T_U64 },
	[HANDLER_MAX] = { "max_ns", "max", VNET_T_NS },
	[HANDLER_CPU] = { "cpu", "cpu", VNET_T_U64, VNET_R_JSON },
};

enum {
	PART_BY, PART_ROW, PART_CAUSE, PART_PART, PART_COUNT,
	PART_HISTOGRAM = PART_COUNT + NR_TIMES, NR_PART_COLUMNS
};

static const struct vnet_column part_columns[NR_PART_COLUMNS] = {
	[PART_BY] = { "by", "BY", VNET_T_OBJECT, VNET_R_JSON },
	[PART_ROW] = { "row", "ROW", VNET_T_U64, VNET_R_TEXT },
	[PART_CAUSE] = { "cause", "CAUSE", VNET_T_STR },
	[PART_PART] = { "part", "PART", VNET_T_STR },
	TIMES_COLUMNS(PART_COUNT),
	[PART_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST },
};

enum { LOST_PORTID, LOST_PID, LOST_TID, LOST_COMM, LOST_ERROR, LOST_COUNT, NR_LOST_COLUMNS };

static const struct vnet_column lost_columns[NR_LOST_COLUMNS] = {
	[LOST_PORTID] = { "portid", "SOCKET", VNET_T_U64 },
	[LOST_PID] = { "pid", "PID", VNET_T_U64 },
	[LOST_TID] = { "tid", "TID", VNET_T_U64 },
	[LOST_COMM] = { "comm", "OWNER", VNET_T_STR },
	[LOST_ERROR] = { "error", "ERROR", VNET_T_STR },
	[LOST_COUNT] = { "count", "MESSAGES", VNET_T_U64 },
};

/* A run of the command. */
struct summary {
	const struct upcall_args *args;
	struct upcall_reader *reader;
	struct vnet_column by_columns[NR_BY];
	size_t nr_by;
	struct vnet_column columns[NR_COLUMNS];
	uint8_t chosen[NR_COLUMNS];	/* which they are */
	size_t nr_columns;
};

static struct vnet_value flow_value(struct vnet_report *report, const struct vnet_flow *from)
{
	struct vnet_flow *flow = vnet_report_alloc(report, sizeof(*flow));

	*flow = *from;
	return (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
}

/* The object "by" of a row. */
static struct vnet_value by_value(struct vnet_report *report, const struct summary *s,
				  const struct upcall_row *row)
{
	struct vnet_table *table = vnet_report_nested(report, s->by_columns, s->nr_by);
	struct vnet_value *v = vnet_report_row(report, table), all[NR_BY] = {};
	size_t n = 0;

	all[BY_PORT] = vnet_str(row->sum.device[0] ?
		vnet_report_printf(report, "%.16s", row->sum.device) : NULL);
	all[BY_IFINDEX] = vnet_u64(row->key.ifindex);
	all[BY_NETNS] = vnet_u64(row->key.netns);
	/* Before a message there is neither. */
	if (row->sum.dp_ifindex) {
		all[BY_NUMBER] = vnet_u64(row->sum.in_port);
		all[BY_DATAPATH] = vnet_u64(row->sum.dp_ifindex);
	}
	if (row->key.tid) {
		all[BY_TID] = vnet_u64(row->key.tid);
		all[BY_COMM] = vnet_str(vnet_report_printf(report, "%.16s", row->sum.comm));
	}
	all[BY_FLOW] = flow_value(report, &row->key.flow);
	for (int i = 0; i < NR_BY; i++)
		if (by_members[i].by & s->args->by)
			v[n++] = all[i];
	return (struct vnet_value){ .type = VNET_T_OBJECT, .table = table };
}

static struct vnet_value handlers_value(struct vnet_report *report,
					const struct upcall_row *row)
{
	struct vnet_table *table = vnet_report_nested(report, handler_columns,
						      NR_HANDLER_COLUMNS);

	for (uint32_t i = 0; i < row->nr_handlers; i++) {
		const struct upcall_handler *h = &row->handlers[i];
		struct vnet_value *v = vnet_report_row(report, table);

		v[HANDLER_COMM] = vnet_str(vnet_report_printf(report, "%.16s", h->comm));
		v[HANDLER_TID] = vnet_u64(h->tid);
		v[HANDLER_MAX] = vnet_ns(h->max_ns);
		v[HANDLER_CPU] = vnet_u64(h->cpu);
	}
	return (struct vnet_value){ .type = VNET_T_TABLE, .table = table };
}

/* What there was no packet for has no time: null, not 0. */
static void fill_times(struct vnet_report *report, const struct upcall_row *row,
		       struct vnet_value *v)
{
	const struct vnet_hist *times = row->sum.times;
	struct vnet_value all[NR_TIMES] = {}, part[NR_TIMES] = {};

	times_fill(&times[VNET_UPCALL_TOTAL], all);
	v[COL_MIN] = all[TIMES_MIN];
	v[COL_MEAN] = all[TIMES_MEAN];
	v[COL_P50] = all[TIMES_P50];
	v[COL_P90] = all[TIMES_P90];
	v[COL_P95] = all[TIMES_P95];
	v[COL_P99] = all[TIMES_P99];
	v[COL_P999] = all[TIMES_P999];
	v[COL_MAX] = all[TIMES_MAX];
	if (times[VNET_UPCALL_TOTAL].count)
		v[COL_MAX_CPU] = vnet_u64(row->sum.max_cpu);
	for (int i = VNET_UPCALL_QUEUE; i < VNET_UPCALL_PARTS; i++) {
		times_fill(&times[i], part);
		v[COL_QUEUE_P99 + i - VNET_UPCALL_QUEUE] = part[TIMES_P99];
	}
	v[COL_HISTOGRAM] = times_histogram(report, &times[VNET_UPCALL_TOTAL]);
}

static void fill_counts(const struct vnet_report *report, const struct upcall_row *row,
			struct vnet_value *v)
{
	const struct vnet_upcall_stats *sum = &row->sum;
	uint64_t ns = report->interval_ns;

	v[COL_COUNT] = vnet_u64(sum->count);
	v[COL_RETURNED] = vnet_u64(sum->returned);
	v[COL_NO_RETURN] = vnet_u64(row->no_return);
	v[COL_LOST] = vnet_u64(sum->lost);
	v[COL_MESSAGES] = vnet_u64(sum->messages);
	v[COL_READ] = vnet_u64(sum->read);
	v[COL_AMBIGUOUS] = vnet_u64(sum->ambiguous);
	v[COL_DISCARDED] = vnet_u64(sum->discarded);
	if (ns)
		v[COL_RATE] = vnet_u64((uint64_t)((double)sum->count * VNET_NS_PER_S /
						  (double)ns + 0.5));
}

static void add_row(struct vnet_report *report, const struct summary *s,
		    struct vnet_table *table, const struct upcall_row *row,
		    struct vnet_value by)
{
	const struct vnet_upcall_stats *sum = &row->sum;
	struct vnet_value v[NR_COLUMNS] = {}, *to;

	v[COL_BY] = by;
	v[COL_PORT] = vnet_str(sum->device[0] ?
			       vnet_report_printf(report, "%.16s", sum->device) : NULL);
	if (row->key.tid)
		v[COL_HANDLER] = vnet_str(vnet_report_printf(report, "%.16s/%u", sum->comm,
							     row->key.tid));
	v[COL_CAUSE] = vnet_str(upcall_cause_name(row->key.cause));
	fill_counts(report, row, v);
	fill_times(report, row, v);
	v[COL_HANDLERS] = handlers_value(report, row);
	v[COL_FLOW] = flow_value(report, &row->key.flow);
	to = vnet_report_row(report, table);
	for (size_t i = 0; i < s->nr_columns; i++)
		to[i] = v[s->chosen[i]];
}

static void add_parts(struct vnet_report *report, struct vnet_table *table,
		      const struct upcall_row *row, struct vnet_value by, size_t nr)
{
	for (int i = VNET_UPCALL_QUEUE; i < VNET_UPCALL_PARTS; i++) {
		struct vnet_value *v = vnet_report_row(report, table);

		v[PART_BY] = by;
		v[PART_ROW] = vnet_u64(nr);
		v[PART_CAUSE] = vnet_str(upcall_cause_name(row->key.cause));
		v[PART_PART] = vnet_str(upcall_part_names[i]);
		times_fill(&row->sum.times[i], &v[PART_COUNT]);
		v[PART_HISTOGRAM] = times_histogram(report, &row->sum.times[i]);
	}
}

static void add_lost(struct vnet_report *report, const struct upcall_interval *interval)
{
	struct vnet_table *table = vnet_report_table(report,
		interval->nr_lost ? "Not delivered:" : NULL, VNET_L_TABLE, lost_columns,
		NR_LOST_COLUMNS);

	table->key = "undelivered";
	for (size_t i = 0; i < interval->nr_lost; i++) {
		const struct upcall_lost *lost = &interval->lost[i];
		struct vnet_value *v = vnet_report_row(report, table);
		const char *name = strerrorname_np((int)lost->error);

		if (lost->portid)
			v[LOST_PORTID] = vnet_u64(lost->portid);
		if (lost->owner.pid) {
			v[LOST_PID] = vnet_u64(lost->owner.pid);
			v[LOST_COMM] = vnet_str(vnet_report_printf(report, "%.16s",
								   lost->owner.comm));
		}
		if (lost->owner.tid)
			v[LOST_TID] = vnet_u64(lost->owner.tid);
		v[LOST_ERROR] = vnet_str(name ?: vnet_report_printf(report, "%u",
								    lost->error));
		v[LOST_COUNT] = vnet_u64(lost->count);
	}
}

/* By handler, what a port or flow did elsewhere leaves a row of nothing. */
static bool is_worth(const struct upcall_row *row)
{
	const struct vnet_upcall_stats *sum = &row->sum;

	return sum->count || sum->messages || sum->returned || sum->discarded ||
	       sum->vanished || row->no_return;
}

static int row_order(const void *a, const void *b)
{
	const struct upcall_row *x = a, *y = b;

	if (x->sum.count != y->sum.count)
		return x->sum.count > y->sum.count ? -1 : 1;
	if (x->sum.returned != y->sum.returned)
		return x->sum.returned > y->sum.returned ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct upcall_interval i;
	struct vnet_table *table, *parts;
	int err = upcall_read(s->reader, run->session, &i);

	if (err)
		return err;
	qsort(i.rows, i.nr_rows, sizeof(*i.rows), row_order);
	table = vnet_report_table(report, i.nr_rows ? NULL : "No upcalls", VNET_L_TABLE,
				  s->columns, s->nr_columns);
	parts = vnet_report_table(report, i.nr_rows ? "Parts:" : NULL, VNET_L_TABLE,
				  part_columns, NR_PART_COLUMNS);
	parts->key = "parts";
	for (size_t n = 0; n < i.nr_rows; n++) {
		struct vnet_value by;

		if (!is_worth(&i.rows[n]) || (s->args->top && n >= s->args->top))
			break;
		by = by_value(report, s, &i.rows[n]);
		add_row(report, s, table, &i.rows[n], by);
		add_parts(report, parts, &i.rows[n], by, n + 1);
	}
	add_lost(report, &i);
	upcall_add_totals(report, s->args, &i, false);
	return 0;
}

static int tidy(struct vnet_run *run)
{
	struct summary *s = run->ctx;

	return upcall_sweep(s->reader, run->session);
}

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;

	return upcall_configure(run, s->args, false);
}

/* Only what --by tells apart has a column in text. */
static void choose_columns(struct summary *s)
{
	static const uint32_t needs[NR_COLUMNS] = {
		[COL_PORT] = VNET_UPCALL_BY_PORT, [COL_HANDLER] = VNET_UPCALL_BY_HANDLER,
		[COL_FLOW] = VNET_UPCALL_BY_FLOW,
	};
	uint32_t by = s->args->by;

	for (int i = 0; i < NR_BY; i++)
		if (by_members[i].by & by)
			s->by_columns[s->nr_by++] = by_members[i].column;
	for (int i = 0; i < NR_COLUMNS; i++) {
		if (needs[i] && !(needs[i] & by))
			continue;
		s->columns[s->nr_columns] = columns[i];
		s->chosen[s->nr_columns++] = i;
	}
}

static void defaults(void *args)
{
	struct upcall_args *a = args;

	upcall_defaults(args);
	a->by = VNET_UPCALL_BY_CAUSE;
	a->top = DEFAULT_TOP;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_ovs_upcall_summary,
		.args = args,
		.object = "ovs_upcall",
		.title = "Upcalls to ovs-vswitchd",
		.configure = configure,
		.interval = interval,
		.tidy = tidy,
		.ctx = &s,
	};
	int status;

	m.wants = upcall_wants(args, &m.nr_wants);
	choose_columns(&s);
	s.reader = upcall_reader_new(args);
	status = vnet_measure(&m);
	upcall_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "How long upcalls take, misses and actions apart",
	  "vnetdiag ovs upcall summary" },
	{ "Which port makes them, and which handler thread answers late, each second",
	  "vnetdiag ovs upcall summary --by port,handler --interval 1s" },
	{ "The times drawn, of one minute", "vnetdiag ovs upcall summary --duration 1m "
	  "--interval 1m --format hist" },
	{}
};

const struct vnet_cmd vnet_cmd_ovs_upcall_summary = {
	.path = "ovs upcall summary",
	.summary = "How long packets without a flow are with ovs-vswitchd",
	.description =
		"Takes the time from an upcall to the packet's return, and its three parts: "
		"until a handler thread has read the message, until that hands the packet "
		"back, and until the datapath has done with it. Summed up in the kernel, "
		"with the upcalls that were lost, whose socket did not take them, and those "
		"that were answered without the packet. Costs packets that hit a flow "
		"nothing.",
	.options = { options, upcall_options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct upcall_args),
	.defaults = defaults,
	.run = run,
	.wants = upcall_wants,
	.examples = examples,
};
