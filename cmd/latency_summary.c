/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag latency summary`: where packets spend their time. */
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/latency.h"
#include "cmd/times.h"
#include "vnet/filter.h"
#include "vnet/log.h"
#include "vnet/util.h"

#define DIRECTIONS	VNET_LATENCY_DIRECTIONS
#define STAGES		VNET_LATENCY_STAGES
#define DEFAULT_TOP	10
#define DEFAULT_FLOWS	1024

static const char *const by_names[] = { "flow", NULL };

static const struct vnet_opt options[] = {
	{ "over", 0, VNET_OPT_DURATION, offsetof(struct latency_args, over_ns), "TIME",
	  "Count the packets that took longer than this in total", .min = 1 },
	{ "by", 'b', VNET_OPT_ENUM_SET, offsetof(struct latency_args, by), "WHAT",
	  "Show the slowest flows as well, by P99 of their totals", by_names },
	{ "top", 't', VNET_OPT_U32, offsetof(struct latency_args, top), "N",
	  "Flows shown of each report, 0 for all" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct latency_args, max_flows), "N",
	  "Flows that the kernel can hold in an interval", .min = 1, .max = 16384 },
	{}
};

/* A run of the command. */
struct summary {
	const struct latency_args *args;
	struct vnet_latency_config config;
	struct latency_reader *reader;
};

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	struct vnet_latency_config *c = &s->config;
	int err = latency_configure(run, s->args, c);

	if (err)
		return err;
	c->over_ns = s->args->over_ns;
	c->by_flow = s->args->by;
	if (c->by_flow) {
		err = vnet_session_resize(run->session, "flows0", s->args->max_flows);
		err = err ?: vnet_session_resize(run->session, "flows1", s->args->max_flows);
		if (err)
			return err;
	}
	s->reader = latency_reader_new(c);
	return vnet_session_set(run->session, "config", c, sizeof(*c));
}

enum {
	COL_PATH, COL_DIRECTION, COL_FROM, COL_TO, COL_STAGE, COL_TOTAL, COL_COUNT,
	COL_OVER = COL_COUNT + NR_TIMES, COL_HISTOGRAM, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_PATH] = { "path", "PATH", VNET_T_STR, VNET_R_JSON },
	[COL_DIRECTION] = { "direction", "DIRECTION", VNET_T_STR },
	[COL_FROM] = { "from", "FROM", VNET_T_STR, VNET_R_JSON },
	[COL_TO] = { "to", "TO", VNET_T_STR, VNET_R_JSON },
	[COL_STAGE] = { "stage", "STAGE", VNET_T_STR, VNET_R_TEXT },
	[COL_TOTAL] = { "total", "TOTAL", VNET_T_BOOL, VNET_R_JSON },
	TIMES_COLUMNS(COL_COUNT),
	[COL_OVER] = { "over", "OVER", VNET_T_U64, VNET_R_JSON },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST },
};

static void add_row(struct vnet_report *report, struct vnet_table *table,
		    const struct vnet_latency_config *c, uint32_t dir, uint32_t from,
		    uint32_t to, const struct vnet_hist *hist)
{
	struct vnet_value *v = vnet_report_row(report, table);
	const char *first = latency_stage_name(c, dir, from);
	const char *last = latency_stage_name(c, dir, to);

	v[COL_PATH] = vnet_str(latency_path_name(c));
	v[COL_DIRECTION] = vnet_str(latency_direction_names[dir]);
	v[COL_FROM] = vnet_str(first);
	v[COL_TO] = vnet_str(last);
	v[COL_STAGE] = vnet_str(vnet_report_printf(report, "%s -> %s", first, last));
	v[COL_TOTAL] = vnet_bool(false);
	times_fill(hist, &v[COL_COUNT]);
	v[COL_HISTOGRAM] = times_histogram(report, hist);
}

/* The whole path, from its first stage to its last. */
static void add_total(struct vnet_report *report, struct vnet_table *table,
		      const struct vnet_latency_config *c, uint32_t dir,
		      const struct latency_path *path)
{
	uint32_t from = __builtin_ctz(c->shown[dir]), to = 31 - __builtin_clz(c->shown[dir]);
	struct vnet_value *v;

	add_row(report, table, c, dir, from, to, &path->hists.total);
	v = &table->cells[(table->nr_rows - 1) * table->nr_columns];
	v[COL_STAGE] = vnet_str("total");
	v[COL_TOTAL] = vnet_bool(true);
	if (c->over_ns)
		v[COL_OVER] = vnet_u64(path->over);
}

/*
 * A row for each pair that packets made, and for those that all make. Where
 * some leave out a stage, as on upcalls, each row has the packets that took it.
 */
static void add_rows(struct vnet_report *report, struct vnet_table *table,
		     const struct vnet_latency_config *c, uint32_t dir,
		     const struct latency_path *path)
{
	for (uint32_t from = 0; from < STAGES; from++) {
		for (uint32_t to = from + 1; to < STAGES; to++) {
			uint32_t pair = c->pair[dir][from][to];
			bool always = c->mandatory[dir] & VNET_LATENCY_BIT(from) &&
				      c->mandatory[dir] & VNET_LATENCY_BIT(to);

			if (pair < VNET_LATENCY_PAIRS &&
			    (always || path->hists.pairs[pair].count))
				add_row(report, table, c, dir, from, to,
					&path->hists.pairs[pair]);
		}
	}
	add_total(report, table, c, dir, path);
}

enum {
	DIR_DIRECTION, DIR_STARTED, DIR_COMPLETED, DIR_INCOMPLETE, DIR_WAITING, DIR_UNFOLLOWED,
	DIR_UNSAMPLED, DIR_OVER, NR_DIR_COLUMNS
};

static const struct vnet_column direction_columns[NR_DIR_COLUMNS] = {
	[DIR_DIRECTION] = { "direction", "DIRECTION", VNET_T_STR },
	[DIR_STARTED] = { "started", "STARTED", VNET_T_U64 },
	[DIR_COMPLETED] = { "completed", "COMPLETED", VNET_T_U64 },
	[DIR_INCOMPLETE] = { "incomplete", "INCOMPLETE", VNET_T_U64 },
	[DIR_WAITING] = { "waiting", "STILL WAITING", VNET_T_U64 },
	[DIR_UNFOLLOWED] = { "not_followed", "NOT FOLLOWED", VNET_T_U64 },
	[DIR_UNSAMPLED] = { "not_sampled", "NOT SAMPLED", VNET_T_U64 },
	[DIR_OVER] = { "over", "OVER", VNET_T_U64 },
};

static uint64_t sum_incomplete(const struct latency_path *path)
{
	uint64_t sum = 0;

	for (int s = 0; s < STAGES; s++)
		sum += path->incomplete[s];
	return sum;
}

static void add_directions(struct vnet_report *report, const struct summary *s,
			   const struct latency_path *paths)
{
	struct vnet_table *table = vnet_report_table(report, "Packets:", VNET_L_TABLE,
		direction_columns, NR_DIR_COLUMNS);

	table->key = "directions";
	for (uint32_t dir = 0; dir < DIRECTIONS; dir++) {
		const struct latency_path *p = &paths[dir];
		struct vnet_value *v;

		if (!latency_on(&s->config, dir))
			continue;
		v = vnet_report_row(report, table);
		v[DIR_DIRECTION] = vnet_str(latency_direction_names[dir]);
		v[DIR_STARTED] = vnet_u64(p->started);
		v[DIR_COMPLETED] = vnet_u64(p->completed);
		v[DIR_INCOMPLETE] = vnet_u64(sum_incomplete(p));
		v[DIR_WAITING] = vnet_u64(p->waiting);
		v[DIR_UNFOLLOWED] = vnet_u64(p->unfollowed);
		v[DIR_UNSAMPLED] = vnet_u64(p->unsampled);
		if (s->config.over_ns)
			v[DIR_OVER] = vnet_u64(p->over);
	}
}

/* Where packets of the path can be seen last. */
static bool may_end_at(const struct vnet_latency_config *c, uint32_t dir, uint32_t stage)
{
	uint32_t inner = c->probed[dir] & ~VNET_LATENCY_BIT(VNET_LATENCY_IP_OUT);

	return inner >> stage >> 1 && inner & VNET_LATENCY_BIT(stage);
}

/* "rx_ovs": n, ... for every stage where a packet can be seen last. */
static struct vnet_value incomplete_value(struct vnet_report *report, const struct summary *s,
					  const struct latency_path *paths)
{
	struct vnet_counts *counts = vnet_report_alloc(report, sizeof(*counts));

	counts->counts = vnet_report_alloc(report, DIRECTIONS * STAGES *
					   sizeof(*counts->counts));
	for (uint32_t dir = 0; dir < DIRECTIONS; dir++)
		for (uint32_t stage = 0; stage < STAGES; stage++)
			if (may_end_at(&s->config, dir, stage))
				counts->counts[counts->nr++] = (struct vnet_count){
					vnet_report_printf(report, "%s_%s",
						latency_direction_names[dir],
						latency_stage_name(&s->config, dir, stage)),
					paths[dir].incomplete[stage],
				};
	return (struct vnet_value){ .type = VNET_T_COUNTS, .counts = counts };
}

enum {
	FLOW_DIRECTION, FLOW_COUNT, FLOW_OVER = FLOW_COUNT + NR_TIMES, FLOW_FLOW,
	NR_FLOW_COLUMNS
};

static const struct vnet_column flow_columns[NR_FLOW_COLUMNS] = {
	[FLOW_DIRECTION] = { "direction", "DIRECTION", VNET_T_STR },
	TIMES_COLUMNS(FLOW_COUNT),
	[FLOW_OVER] = { "over", "OVER", VNET_T_U64 },
	[FLOW_FLOW] = { "flow", "FLOW", VNET_T_FLOW },
};

static void add_flow(struct vnet_report *report, struct vnet_table *table,
		     const struct summary *s, const struct latency_flow *flow)
{
	struct vnet_value *v = vnet_report_row(report, table);
	struct vnet_flow *copy = vnet_report_alloc(report, sizeof(*copy));

	*copy = flow->key.flow;
	v[FLOW_DIRECTION] = vnet_str(latency_direction_names[flow->key.direction & 1]);
	v[FLOW_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = copy };
	times_fill(&flow->times.total, &v[FLOW_COUNT]);
	if (s->config.over_ns)
		v[FLOW_OVER] = vnet_u64(flow->times.over);
}

static int add_flows(struct vnet_report *report, const struct summary *s,
		     struct vnet_session *session)
{
	const struct latency_flow *flows;
	struct vnet_table *table;
	size_t nr, shown;
	int err = latency_read_flows(s->reader, session, &flows, &nr);

	if (err)
		return err;
	shown = s->args->top && s->args->top < nr ? s->args->top : nr;
	table = vnet_report_table(report,
				  vnet_report_printf(report, "Slowest flows, %zu of %zu:",
						     shown, nr),
				  VNET_L_TABLE, flow_columns, NR_FLOW_COLUMNS);
	table->key = "flows";
	for (size_t i = 0; i < shown; i++)
		add_flow(report, table, s, &flows[i]);
	return 0;
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct latency_path *paths = vnet_report_alloc(report, DIRECTIONS * sizeof(*paths));
	uint64_t started = 0, completed = 0;
	struct vnet_table *table;
	int err = latency_read(s->reader, run->session, span->last, paths);

	if (err)
		return err;
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (uint32_t dir = 0; dir < DIRECTIONS; dir++) {
		if (latency_on(&s->config, dir))
			add_rows(report, table, &s->config, dir, &paths[dir]);
		started += paths[dir].started;
		completed += paths[dir].completed;
	}
	add_directions(report, s, paths);
	if (s->config.by_flow)
		err = add_flows(report, s, run->session);
	vnet_report_extra(report, "started", NULL, vnet_u64(started));
	vnet_report_extra(report, "completed", NULL, vnet_u64(completed));
	vnet_report_extra(report, "incomplete", "Incomplete, by the last stage",
			  incomplete_value(report, s, paths));
	return err;
}

static void defaults(void *args)
{
	struct latency_args *a = args;

	a->top = DEFAULT_TOP;
	a->max_flows = DEFAULT_FLOWS;
}

/* Whether packets are neither chosen nor told apart. */
static bool is_lean(const struct latency_args *a)
{
	struct vnet_filter filter;

	return !a->over_ns && !a->by && !vnet_filter_make(&a->common, &filter) && !filter.active;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_latency_summary,
		.args = args,
		.object = is_lean(s.args) ? "latency_lean" : "latency_summary",
		.title = s.args->vm.nr ? "Latency, VM path" : "Latency, host path",
		.configure = configure,
		.interval = interval,
		.ctx = &s,
	};
	int status;

	m.pairs = latency_pairs(args, &m.nr_pairs);
	m.wants = latency_wants(args, &m.nr_wants);
	status = vnet_measure(&m);
	latency_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "The host's own packets through ens11, both ways, each 5 seconds",
	  "vnetdiag latency summary --phy-interface ens11" },
	{ "A guest's packets between its tap and the members of the uplink's bond",
	  "vnetdiag latency summary --phy-interface ens11,ens12 --vm-interface vnet0" },
	{ "TCP from one network, with the packets that took over 10 ms counted",
	  "vnetdiag latency summary --phy-interface ens11 --direction rx --protocol tcp "
	  "--src-ip 10.0.0.0/24 --over 10ms" },
	{ "The distribution of each stage over one minute",
	  "vnetdiag latency summary --phy-interface ens11,ens12 --interval 1m --count 1 "
	  "--format hist" },
	{ "The five slowest flows of a guest",
	  "vnetdiag latency summary --phy-interface ens11 --vm-interface vnet0 --by flow "
	  "--top 5" },
	{}
};

const struct vnet_cmd vnet_cmd_latency_summary = {
	.path = "latency summary",
	.summary = "Where packets spend their time between the NIC and the host or guest",
	.description =
		"Follows packets between the physical devices and the host's own stack, or "
		"with --vm-interface the guests behind some taps: through Open vSwitch, its "
		"upcalls to ovs-vswitchd, conntrack, the transmit queues and the tap's ring. "
		"The direction is the host's or guest's: tx leaves it. Times are summed up in "
		"the kernel and shown for each pair of stages and in total. Filters act where "
		"a path begins: on the physical device (rx), the internal port or the tap "
		"(tx). Where Open vSwitch is not in between, the stages that exist are shown.",
	.options = { options, latency_path_options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct latency_args),
	.defaults = defaults,
	.check = latency_check,
	.run = run,
	.wants = latency_wants,
	.examples = examples,
};
