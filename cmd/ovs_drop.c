/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag ovs drop`: what the OVS datapath drops, by cause, port and flow. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cmd/commands.h"
#include "cmd/ovs_datapath.h"
#include "cmd/ovs_drop.h"
#include "vnet/abi/ovs_drop.h"
#include "vnet/log.h"
#include "vnet/measure.h"
#include "vnet/reasons.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

#define DEFAULT_ENTRIES	10240
#define DEFAULT_TOP	20
#define MODULE		"openvswitch"

struct ovs_drop_args {
	struct vnet_args common;
	uint32_t by;		/* VNET_OVS_BY_*, as the choices are ordered */
	uint32_t top;
	uint32_t max_entries;
};

/* In the order of VNET_OVS_BY_*. */
static const char *const by_names[] = { "cause", "port", "flow", NULL };

static const struct vnet_opt options[] = {
	{ "by", 'b', VNET_OPT_ENUM_SET, offsetof(struct ovs_drop_args, by), "WHAT[,WHAT...]",
	  "What tells two rows apart", by_names },
	{ "top", 't', VNET_OPT_U32, offsetof(struct ovs_drop_args, top), "N",
	  "Rows shown of each report, 0 for all" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct ovs_drop_args, max_entries), "N",
	  "Rows that the kernel can hold in an interval",
	  .min = 1, .max = 1 << 22 },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_kfree_skb },
	/* Entry before return: a return that comes first has nothing to tell. */
	{ VNET_P_ovs_dp_upcall },
	{ VNET_P_ovs_dp_upcall_ret },
	/* Both are freed as consumed where the datapath has no reasons. */
	{ VNET_P_do_execute_actions, .not_if = VNET_IF(ovs_reasons) },
	{ VNET_P_ovs_meter_execute, .not_if = VNET_IF(ovs_reasons) },
	{ VNET_P_ovs_meter_execute_ret, .not_if = VNET_IF(ovs_reasons) },
	/* Without types of the module the port cannot be told. */
	{ VNET_P_ovs_vport_send, true, "a port's MTU is not told from other faults of output",
	  .only_if = VNET_IF(module_btf) },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

/* One line of a report, put together from the kernel's entries. */
struct row {
	struct ovs_cause cause;		/* first: rows are compared up to count */
	char device[16], out_device[16];
	uint32_t ifindex, netns;
	uint32_t reason;
	uint32_t pad;
	struct vnet_flow flow;
	uint64_t location;
	uint64_t count, bytes;
};

struct summary {
	const struct ovs_drop_args *args;
	struct vnet_ovs_drop_config config;
	struct vnet_reasons *reasons;
	bool ports_known;
	int status;		/* of a failed configuration */
	uint64_t total;		/* since the start */
	struct ovs_datapath *before;	/* at the end of the last interval */
	size_t nr_before;
};

/*
 * Where the module's code is: its line in /proc/modules has size and start. The
 * size is that of all its memory, so the range may reach too far: what is not
 * of the module is found out by its symbol. Built in: the whole kernel.
 */
static int find_code(struct vnet_ovs_drop_config *config)
{
	FILE *f = fopen("/proc/modules", "re");
	char *line = NULL;
	size_t room = 0;

	config->from = 0;
	config->to = UINT64_MAX;
	while (f && getline(&line, &room, f) > 0) {
		char *words = line, *size;

		if (strcmp(strsep(&words, " "), MODULE))
			continue;
		size = strsep(&words, " ");
		/* Behind it users, their names and the state. */
		for (int i = 0; i < 3; i++)
			strsep(&words, " ");
		config->from = words ? strtoull(words, NULL, 16) : 0;
		config->to = config->from + (size ? strtoull(size, NULL, 10) : 0);
		break;
	}
	free(line);
	if (f)
		fclose(f);
	if (config->from || config->to == UINT64_MAX)
		return 0;
	vnet_error("this process may not see the kernel's addresses");
	vnet_hint("run as root with kernel.kptr_restrict below 2");
	return VNET_EXIT_IMPOSSIBLE;
}

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	int err;

	s->config.nr_args = run->kernel->points[VNET_P_kfree_skb].nr_args;
	s->config.by = s->args->by;
	s->reasons = vnet_reasons_load(run->kernel->btf, s->config.nr_args);
	s->ports_known = vnet_run_has(run, VNET_P_ovs_vport_send);
	s->status = find_code(&s->config);
	if (s->status)
		return -EINVAL;
	err = vnet_session_set(run->session, "config", &s->config, sizeof(s->config));
	err = err ?: vnet_session_resize(run->session, "drops0", s->args->max_entries);
	return err ?: vnet_session_resize(run->session, "drops1", s->args->max_entries);
}

/* A row of one entry of the kernel's. False: that was no drop. */
static bool make_row(const struct summary *s, const struct vnet_ovs_drop_key *key,
		     struct row *row)
{
	struct vnet_frame frame = {}, called = {};
	struct ovs_drop_facts facts = {
		.event = key->event,
		.ports_known = s->ports_known,
	};

	memset(row, 0, sizeof(*row));
	/* The byte before: behind a last call in a function another one begins. */
	if (key->location && vnet_symbol_find(key->location - 1, &frame)) {
		facts.function = frame.symbol;
		facts.in_module = frame.module && !strcmp(frame.module, MODULE);
	}
	if (key->callee && vnet_symbol_find(key->callee, &called))
		facts.callee = called.symbol;
	if (vnet_reasons_known(s->reasons) && key->reason &&
	    !vnet_reasons_vague(s->reasons, key->reason))
		facts.reason = vnet_reasons_name(s->reasons, key->reason);
	/* The module's neighbour, in memory that was taken for its own. */
	if (frame.module && !facts.in_module)
		return false;
	if (!ovs_cause_find(&facts, &row->cause))
		return false;
	if (s->args->by & VNET_OVS_BY_CAUSE) {
		row->reason = key->reason;
		row->location = key->location;
		memcpy(row->out_device, key->out_device, sizeof(row->out_device));
	} else {
		memset(&row->cause, 0, sizeof(row->cause));
	}
	memcpy(row->device, key->device, sizeof(row->device));
	row->ifindex = key->ifindex;
	row->netns = key->netns;
	row->flow = key->flow;
	return true;
}

/* Empties the copy that rests. The rows are the caller's to free. */
static struct row *take_rows(const struct summary *s, int fd, size_t *nr)
{
	struct vnet_ovs_drop_key key;
	struct vnet_ovs_drop_count value;
	struct row *rows = NULL;
	size_t room = 0;

	*nr = 0;
	/* Nothing is added any more: the first one, again and again. */
	while (!bpf_map_get_next_key(fd, NULL, &key)) {
		if (*nr == room) {
			room = room ? room * 2 : 64;
			rows = vnet_realloc(rows, room * sizeof(*rows));
		}
		if (!bpf_map_lookup_elem(fd, &key, &value) &&
		    make_row(s, &key, &rows[*nr])) {
			rows[*nr].count = value.count;
			rows[(*nr)++].bytes = value.bytes;
		}
		if (bpf_map_delete_elem(fd, &key))
			break;
	}
	return rows;
}

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct row, count));
}

/* Puts together what only members that were not asked for told apart. */
static size_t merge_rows(struct row *rows, size_t nr)
{
	size_t left = 0;

	if (!nr)
		return 0;
	qsort(rows, nr, sizeof(*rows), key_order);
	for (size_t i = 1; i < nr; i++) {
		if (key_order(&rows[left], &rows[i])) {
			rows[++left] = rows[i];
			continue;
		}
		rows[left].count += rows[i].count;
		rows[left].bytes += rows[i].bytes;
	}
	return left + 1;
}

/* Most first; the rest of the order only has to be the same every time. */
static int row_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->cause.name, y->cause.name) ?: key_order(a, b);
}

enum {
	COL_COUNT, COL_CAUSE, COL_PORT_TEXT, COL_PORT, COL_IFINDEX, COL_NETNS, COL_OUT,
	COL_BYTES, COL_WORDS, COL_REASON, COL_LOCATION, COL_FLOW, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_COUNT] = { "count", "Count", VNET_T_U64, VNET_R_COUNT },
	[COL_CAUSE] = { "cause", "cause", VNET_T_STR },
	[COL_PORT_TEXT] = { "port_text", "port", VNET_T_STR, VNET_R_TEXT },
	[COL_PORT] = { "port", "port", VNET_T_STR, VNET_R_JSON },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[COL_OUT] = { "out_port", "to", VNET_T_STR },
	[COL_BYTES] = { "bytes", "bytes", VNET_T_U64, VNET_R_JSON },
	[COL_WORDS] = { "meaning", "Meaning", VNET_T_STR, VNET_R_LINE },
	[COL_REASON] = { "reason", "Reason", VNET_T_STR, VNET_R_LINE },
	[COL_LOCATION] = { "location", "Location", VNET_T_STR, VNET_R_LINE },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
};

static void fill_cause(struct vnet_report *report, const struct summary *s,
		       const struct row *row, struct vnet_value *v)
{
	const char *reason = NULL;

	v[COL_CAUSE] = vnet_str(vnet_report_strdup(report, row->cause.name));
	v[COL_WORDS] = vnet_str(row->cause.words);
	if (vnet_reasons_known(s->reasons) && row->reason)
		reason = vnet_reasons_name(s->reasons, row->reason) ?:
			 vnet_report_printf(report, "0x%x", row->reason);
	v[COL_REASON] = vnet_str(reason);
	if (row->location)
		v[COL_LOCATION] = vnet_str(vnet_symbol_text(report, row->location));
	if (row->out_device[0])
		v[COL_OUT] = vnet_str(vnet_report_printf(report, "%.16s", row->out_device));
}

static void fill_row(struct vnet_report *report, const struct summary *s,
		     const struct row *row, struct vnet_value *v)
{
	struct vnet_flow *flow;

	v[COL_COUNT] = vnet_u64(row->count);
	v[COL_BYTES] = vnet_u64(row->bytes);
	if (s->args->by & VNET_OVS_BY_CAUSE)
		fill_cause(report, s, row, v);
	if (s->args->by & VNET_OVS_BY_PORT) {
		v[COL_PORT_TEXT] = vnet_str("none");
		if (row->ifindex) {
			v[COL_PORT] = vnet_str(vnet_report_printf(report, "%.16s",
								  row->device));
			v[COL_PORT_TEXT] = v[COL_PORT];
			v[COL_IFINDEX] = vnet_u64(row->ifindex);
			v[COL_NETNS] = vnet_u64(row->netns);
		}
	}
	if (s->args->by & VNET_OVS_BY_FLOW) {
		flow = vnet_report_alloc(report, sizeof(*flow));
		*flow = row->flow;
		v[COL_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	}
}

static int started(struct vnet_run *run)
{
	struct summary *s = run->ctx;

	/* Without them the drops are as right. */
	ovs_datapaths_read(&s->before, &s->nr_before);
	return 0;
}

static const struct ovs_datapath *find_datapath(const struct summary *s, const char *name)
{
	static const struct ovs_datapath none;

	for (size_t i = 0; i < s->nr_before; i++)
		if (!strcmp(s->before[i].name, name))
			return &s->before[i];
	return &none;
}

/* A counter of a datapath that was made anew begins again. */
static struct vnet_value grown(uint64_t now, uint64_t before)
{
	return vnet_u64(now >= before ? now - before : now);
}

/* What the datapaths count themselves, to be compared with. */
static void add_datapaths(struct vnet_report *report, struct summary *s)
{
	static const struct vnet_column datapath_columns[] = {
		{ "name", "DATAPATH", VNET_T_STR },
		{ "hit", "HIT", VNET_T_U64 },
		{ "missed", "MISSED", VNET_T_U64 },
		{ "lost", "LOST", VNET_T_U64 },
	};
	struct vnet_table *table = vnet_report_table(report,
		"The datapaths' own counters:", VNET_L_TABLE, datapath_columns,
		VNET_ARRAY_SIZE(datapath_columns));
	struct ovs_datapath *now;
	size_t nr;

	table->key = "datapaths";
	if (ovs_datapaths_read(&now, &nr))
		table->heading = "The datapaths' own counters could not be read";
	for (size_t i = 0; i < nr; i++) {
		const struct ovs_datapath *before = find_datapath(s, now[i].name);
		struct vnet_value *v = vnet_report_row(report, table);

		v[0] = vnet_str(vnet_report_strdup(report, now[i].name));
		v[1] = grown(now[i].hit, before->hit);
		v[2] = grown(now[i].missed, before->missed);
		v[3] = grown(now[i].lost, before->lost);
	}
	free(s->before);
	s->before = now;
	s->nr_before = nr;
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	int copy = vnet_session_flip(run->session), fd;
	struct vnet_table *table;
	uint64_t total = 0;
	struct row *rows;
	size_t nr, top;

	if (copy < 0)
		return copy;
	fd = vnet_session_map(run->session, copy ? "drops1" : "drops0");
	if (fd < 0)
		return fd;
	rows = take_rows(s, fd, &nr);
	nr = merge_rows(rows, nr);
	if (nr)
		qsort(rows, nr, sizeof(*rows), row_order);
	table = vnet_report_table(report, nr ? "Dropped by the datapath:" : "No drops",
				  VNET_L_CARDS, columns, NR_COLUMNS);
	top = s->args->top && s->args->top < nr ? s->args->top : nr;
	for (size_t i = 0; i < nr; i++) {
		total += rows[i].count;
		if (i < top)
			fill_row(report, s, &rows[i], vnet_report_row(report, table));
	}
	free(rows);
	add_datapaths(report, s);
	s->total += total;
	vnet_report_extra(report, "total", "Total in this interval", vnet_u64(total));
	vnet_report_extra(report, "total_since_start", "Total since start",
			  vnet_u64(s->total));
	return 0;
}

static void defaults(void *args)
{
	struct ovs_drop_args *a = args;

	a->common.interval_ns = 10 * VNET_NS_PER_S;
	a->by = VNET_OVS_BY_CAUSE | VNET_OVS_BY_PORT | VNET_OVS_BY_FLOW;
	a->top = DEFAULT_TOP;
	a->max_entries = DEFAULT_ENTRIES;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_ovs_drop,
		.args = args,
		.object = "ovs_drop",
		.title = "Drops of the OVS datapath",
		.configure = configure,
		.started = started,
		.interval = interval,
		.ctx = &s,
	};
	int status;

	m.wants = wants(args, &m.nr_wants);
	status = vnet_measure(&m);
	vnet_reasons_free(s.reasons);
	free(s.before);
	return s.status ?: status;
}

static const struct vnet_cmd_example examples[] = {
	{ "What the datapath drops and why, each 10 seconds", "vnetdiag ovs drop" },
	{ "Which ports lose packets for which cause, without telling flows apart",
	  "vnetdiag ovs drop --by cause,port --interval 60s" },
	{ "Drops of what came from one guest to one address, as JSON",
	  "vnetdiag ovs drop --device vnet0 --dst-ip 10.0.0.12 --format json" },
	{}
};

const struct vnet_cmd vnet_cmd_ovs_drop = {
	.path = "ovs drop",
	.summary = "What the OVS datapath drops, and why",
	.description =
		"Counts in the kernel the packets that the datapath of Open vSwitch itself "
		"drops: flows without actions, meters, upcalls that ovs-vswitchd did not "
		"get, packets too long for a port, errors of conntrack and actions, limits "
		"of recursion. Shows cause, input port and flow of each.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct ovs_drop_args),
	.defaults = defaults,
	.run = run,
	.wants = wants,
	.examples = examples,
};
