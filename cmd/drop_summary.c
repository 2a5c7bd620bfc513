/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag drop summary`: where the kernel drops packets, ranked. */
#include <errno.h>

#include <bpf/bpf.h>

#include "cmd/commands.h"
#include "cmd/drop.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

#define DEFAULT_ENTRIES	10240
#define DEFAULT_TOP	10

/* In the order of VNET_DROP_BY_*. */
static const char *const by_names[] = {
	"stack", "location", "reason", "device", "flow", NULL
};

static const struct vnet_opt options[] = {
	{ "by", 'b', VNET_OPT_ENUM_SET, offsetof(struct drop_args, by), "WHAT[,WHAT...]",
	  "What tells two rows apart", by_names },
	{ "top", 't', VNET_OPT_U32, offsetof(struct drop_args, top), "N",
	  "Rows shown of each report, 0 for all" },
	{ "no-stack", 0, VNET_OPT_FLAG, offsetof(struct drop_args, no_stack), NULL,
	  "Take no stacks: count by location instead, at a sixth of the cost" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct drop_args, max_entries), "N",
	  "Rows that the kernel can hold in an interval",
	  .min = 1, .max = 1 << 22 },
	{}
};

struct row {
	struct vnet_drop_key key;
	uint64_t count, bytes;
};

struct summary {
	const struct drop_args *args;
	struct vnet_drop_config config;
	struct vnet_reasons *reasons;
	struct vnet_column columns[16];
	int status;		/* of a failed configuration */
	uint64_t total;		/* since the start */
};

enum {
	COL_COUNT, COL_DEVICE_TEXT, COL_DEVICE, COL_NETNS_TEXT, COL_REASON_TEXT, COL_REASON,
	COL_INFERRED, COL_LOCATION, COL_IFINDEX, COL_NETNS, COL_FLOW, COL_STACK,
	NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_COUNT] = { "count", "Count", VNET_T_U64, VNET_R_COUNT },
	[COL_DEVICE_TEXT] = { "device_text", "device", VNET_T_STR, VNET_R_TEXT },
	[COL_DEVICE] = { "device", "device", VNET_T_STR, VNET_R_JSON },
	[COL_NETNS_TEXT] = { "netns_name", "netns", VNET_T_STR, VNET_R_TEXT },
	[COL_REASON_TEXT] = { "reason_text", "reason", VNET_T_STR, VNET_R_TEXT },
	[COL_REASON] = { "reason", "reason", VNET_T_STR, VNET_R_JSON },
	[COL_INFERRED] = { "reason_inferred", "inferred", VNET_T_BOOL, VNET_R_JSON },
	[COL_LOCATION] = { "location", "Location", VNET_T_STR, VNET_R_LINE },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	[COL_STACK] = { "stack", "Stack", VNET_T_STACK, VNET_R_LINE },
};

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	uint32_t by = s->args->by;
	int err;

	s->status = drop_configure(run, s->args, &s->config, &s->reasons);
	if (s->status)
		return -EINVAL;
	if (s->args->no_stack && by & VNET_DROP_BY_STACK)
		by = (by & ~VNET_DROP_BY_STACK) | VNET_DROP_BY_LOCATION;
	/* A stack has one location: this adds no rows, only the mark. */
	if (by & VNET_DROP_BY_STACK)
		by |= VNET_DROP_BY_LOCATION;
	/* Where the kernel gives no reason, it is inferred from the location. */
	if (by & VNET_DROP_BY_REASON && !vnet_reasons_known(s->reasons))
		by |= VNET_DROP_BY_LOCATION;
	s->config.by = by;
	memcpy(s->columns, columns, sizeof(columns));
	if (by & VNET_DROP_BY_STACK)
		s->columns[COL_LOCATION].role = VNET_R_JSON;
	err = vnet_session_set(run->session, "config", &s->config, sizeof(s->config));
	err = err ?: vnet_session_resize(run->session, "drops0", s->args->max_entries);
	return err ?: vnet_session_resize(run->session, "drops1", s->args->max_entries);
}

/* Empties the copy that rests. The rows are the caller's to free. */
static struct row *take_rows(int fd, size_t *nr)
{
	struct vnet_drop_key *before = NULL;
	struct vnet_drop_count value;
	struct row *rows = NULL;
	size_t room = 0;

	*nr = 0;
	for (;;) {
		if (*nr == room) {
			room = room ? room * 2 : 256;
			rows = vnet_realloc(rows, room * sizeof(*rows));
			before = *nr ? &rows[*nr - 1].key : NULL;
		}
		if (bpf_map_get_next_key(fd, before, &rows[*nr].key))
			break;
		before = &rows[(*nr)++].key;
	}
	for (size_t i = 0; i < *nr; i++) {
		if (bpf_map_lookup_elem(fd, &rows[i].key, &value))
			value = (struct vnet_drop_count){};
		rows[i].count = value.count;
		rows[i].bytes = value.bytes;
		bpf_map_delete_elem(fd, &rows[i].key);
	}
	return rows;
}

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vnet_drop_key));
}

/*
 * Leaves out what is normal, and puts together rows that only their location
 * or reason told apart if that was not asked for. Returns how many are left.
 */
static size_t settle_rows(struct vnet_run *run, struct row *rows, size_t nr)
{
	struct summary *s = run->ctx;
	bool located = s->config.by & VNET_DROP_BY_LOCATION;
	bool reasoned = s->config.by & VNET_DROP_BY_REASON;
	size_t left = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!s->args->all && drop_is_normal(run, s->reasons, rows[i].key.location,
						     rows[i].key.reason))
			continue;
		rows[left] = rows[i];
		if (!located)
			rows[left].key.location = 0;
		if (!reasoned)
			rows[left].key.reason = 0;
		left++;
	}
	if ((located && reasoned) || !left)
		return left;
	/* The key is the row's first member. */
	qsort(rows, left, sizeof(*rows), key_order);
	nr = left;
	left = 0;
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
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static struct vnet_value stack_value(struct vnet_run *run, struct vnet_report *report,
				     const struct vnet_drop_key *key)
{
	struct vnet_stack_ips ips;
	int fd = vnet_session_map(run->session, "stacks");

	if (!key->stack || fd < 0 || bpf_map_lookup_elem(fd, &key->stack, &ips)) {
		/* The kernel gave none: at least the place is known. */
		memset(&ips, 0, sizeof(ips));
		ips.ip[0] = key->location;
	}
	return (struct vnet_value){
		.type = VNET_T_STACK,
		.stack = vnet_symbol_stack(report, ips.ip, VNET_STACK_DEPTH, key->location),
	};
}

static void fill_device(struct vnet_report *report, const struct summary *s,
			const struct vnet_drop_key *key, struct vnet_value *v)
{
	if (!(s->config.by & VNET_DROP_BY_DEVICE))
		return;
	v[COL_DEVICE_TEXT] = vnet_str("none");
	if (!key->ifindex)
		return;
	v[COL_DEVICE] = vnet_str(vnet_report_printf(report, "%.16s", key->device));
	v[COL_DEVICE_TEXT] = v[COL_DEVICE];
	v[COL_IFINDEX] = vnet_u64(key->ifindex);
	v[COL_NETNS] = vnet_u64(key->netns);
	v[COL_NETNS_TEXT] = vnet_str(drop_netns_text(report, key->netns));
}

static void fill_row(struct vnet_run *run, struct vnet_report *report,
		     const struct row *row, struct vnet_value *v)
{
	struct summary *s = run->ctx;
	const struct vnet_drop_key *key = &row->key;
	uint32_t by = s->config.by;
	struct drop_cause cause;
	struct vnet_flow *flow;

	drop_cause_find(report, s->reasons, key->location, key->reason, key->consumed,
			&cause);
	v[COL_COUNT] = vnet_u64(row->count);
	fill_device(report, s, key, v);
	if (by & VNET_DROP_BY_REASON) {
		v[COL_REASON] = vnet_str(cause.reason);
		v[COL_REASON_TEXT] = vnet_str(cause.text);
		v[COL_INFERRED] = vnet_bool(cause.inferred);
	}
	v[COL_LOCATION] = vnet_str(cause.location);
	if (by & VNET_DROP_BY_FLOW) {
		flow = vnet_report_alloc(report, sizeof(*flow));
		*flow = key->flow;
		v[COL_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	}
	if (by & VNET_DROP_BY_STACK)
		v[COL_STACK] = stack_value(run, report, key);
}

static char *heading(struct vnet_report *report, const struct summary *s, size_t nr)
{
	char what[64] = "";

	for (int i = 0; by_names[i]; i++) {
		size_t used = strlen(what);

		/* The location that comes with a stack is not a choice of its own. */
		if (!(s->config.by & 1u << i) ||
		    (1u << i == VNET_DROP_BY_LOCATION && s->config.by & VNET_DROP_BY_STACK))
			continue;
		snprintf(what + used, sizeof(what) - used, "%s%s", used ? "+" : "",
			 by_names[i]);
	}
	return vnet_report_printf(report, "Found %zu unique %s combination%s", nr, what,
				  nr == 1 ? "" : "s");
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	int copy = vnet_session_flip(run->session), fd;
	uint64_t total = 0;
	struct vnet_table *table;
	struct row *rows;
	size_t nr, top;

	if (copy < 0)
		return copy;
	fd = vnet_session_map(run->session, copy ? "drops1" : "drops0");
	if (fd < 0)
		return fd;
	rows = take_rows(fd, &nr);
	nr = settle_rows(run, rows, nr);
	qsort(rows, nr, sizeof(*rows), row_order);
	table = vnet_report_table(report, heading(report, s, nr), VNET_L_CARDS,
				  s->columns, NR_COLUMNS);
	top = s->args->top && s->args->top < nr ? s->args->top : nr;
	for (size_t i = 0; i < nr; i++) {
		total += rows[i].count;
		if (i < top)
			fill_row(run, report, &rows[i], vnet_report_row(report, table));
	}
	free(rows);
	s->total += total;
	vnet_report_extra(report, "combinations", "Combinations", vnet_u64(nr));
	vnet_report_extra(report, "total", "Total in this interval", vnet_u64(total));
	vnet_report_extra(report, "total_since_start", "Total since start",
			  vnet_u64(s->total));
	return 0;
}

static void defaults(void *args)
{
	struct drop_args *a = args;

	a->common.interval_ns = 10 * VNET_NS_PER_S;
	a->by = VNET_DROP_BY_STACK | VNET_DROP_BY_REASON | VNET_DROP_BY_DEVICE |
		VNET_DROP_BY_FLOW;
	a->top = DEFAULT_TOP;
	a->max_entries = DEFAULT_ENTRIES;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_drop_summary,
		.args = args,
		.object = "drop_summary",
		.title = "Drop statistics",
		.configure = configure,
		.interval = interval,
		.ctx = &s,
	};
	int status;

	m.wants = drop_wants(args, &m.nr_wants);
	status = vnet_measure(&m);
	vnet_reasons_free(s.reasons);
	return s.status ?: status;
}

static const struct vnet_cmd_example examples[] = {
	{ "Where packets were dropped, each 10 seconds", "vnetdiag drop summary" },
	{ "Drops of one flow on one bridge for half an hour",
	  "vnetdiag drop summary --src-ip 10.0.0.11 --dst-ip 10.0.0.12 --protocol icmp "
	  "--device br-int --interval 60s --duration 30m" },
	{ "The five commonest reasons, as JSON",
	  "vnetdiag drop summary --by reason --top 5 --count 1 --format json | jq .rows" },
	{}
};

const struct vnet_cmd vnet_cmd_drop_summary = {
	.path = "drop summary",
	.summary = "Where the kernel drops packets, ranked",
	.description =
		"Counts packets that the kernel frees as dropped, in the kernel, and shows "
		"at each interval who dropped most: the stack, the kernel's reason, the "
		"device and the flow. Packets that end normally are left out.",
	.options = { options, drop_reason_options, vnet_filter_options,
		     vnet_common_options },
	.args_size = sizeof(struct drop_args),
	.defaults = defaults,
	.run = run,
	.wants = drop_wants,
	.examples = examples,
};
