/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdiag drop qdisc`: drops by transmit queues. How many comes from the
 * qdiscs' own counters over netlink and is exact; whose packets they were
 * (--by flow) from the kernel's tracepoints.
 */
#include <errno.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "cmd/commands.h"
#include "cmd/drop_qdisc.h"
#include "vnet/log.h"
#include "vnet/reasons.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

#define DEFAULT_ENTRIES	10240
#define DEFAULT_TOP	20

/* In the order of QDISC_BY_*. */
static const char *const by_names[] = { "qdisc", "flow", NULL };

static const struct vnet_opt options[] = {
	{ "by", 'b', VNET_OPT_ENUM_SET, offsetof(struct qdisc_args, by), "WHAT[,WHAT...]",
	  "Rows of the qdiscs' counters, or of the flows whose packets they dropped",
	  by_names },
	{ "top", 't', VNET_OPT_U32, offsetof(struct qdisc_args, top), "N",
	  "Rows shown of each kind, 0 for all" },
	{ "all", 0, VNET_OPT_FLAG, offsetof(struct qdisc_args, all), NULL,
	  "Also qdiscs where nothing was dropped, delayed or waiting" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct qdisc_args, max_entries), "N",
	  "Flows that the kernel can hold in an interval", .min = 1, .max = 1 << 22 },
	{}
};

static const struct vnet_want flow_wants[] = {
	{ VNET_P_kfree_skb },
	{ VNET_P_qdisc_drop, true,
	  "reasons are less exact, drops on the way out of a queue may show no flow" },
};

/* Counters need no probe at all. */
static const struct vnet_want *wants(const void *args, size_t *nr)
{
	const struct qdisc_args *a = args;

	*nr = !a || a->by & QDISC_BY_FLOW ? VNET_ARRAY_SIZE(flow_wants) : 0;
	return flow_wants;
}

/*
 * Reasons of kfree_skb that mean a drop by a qdisc, over the kernels' ages;
 * the first stands for all where qdisc_drop tells them apart.
 */
static const char *const qdisc_reasons[VNET_QDISC_REASONS] = {
	"QDISC_DROP", "QDISC_BURST_DROP", "QDISC_OVERLIMIT", "QDISC_CONGESTED",
	"CAKE_FLOOD", "FQ_BAND_LIMIT", "FQ_HORIZON_LIMIT", "FQ_FLOW_LIMIT",
};

static int configure_flows(struct vnet_run *run, struct vnet_qdisc_config *config)
{
	struct qdisc_run *q = run->ctx;
	struct stat st;

	if (stat("/proc/self/ns/net", &st)) {
		vnet_error("cannot look up this network namespace: %s", strerror(errno));
		return -errno;
	}
	config->netns = st.st_ino;
	config->nr_args = run->kernel->points[VNET_P_kfree_skb].nr_args;
	q->reasons = vnet_reasons_load(run->kernel->btf, config->nr_args);
	q->by_location = !vnet_reasons_known(q->reasons);
	for (size_t i = vnet_run_has(run, VNET_P_qdisc_drop); i < VNET_QDISC_REASONS; i++)
		if (vnet_reasons_find(q->reasons, qdisc_reasons[i],
				      &config->reasons[config->nr_reasons]))
			config->nr_reasons++;
	return 0;
}

static int configure(struct vnet_run *run)
{
	struct qdisc_run *q = run->ctx;
	struct vnet_qdisc_config config = {};
	int err = 0;

	if (q->args->by & QDISC_BY_FLOW)
		err = configure_flows(run, &config);
	err = err ?: vnet_session_set(run->session, "config", &config, sizeof(config));
	err = err ?: vnet_session_resize(run->session, "flows0", q->args->max_entries);
	return err ?: vnet_session_resize(run->session, "flows1", q->args->max_entries);
}

/* A device without a real qdisc has nothing to show, ever: better said. */
static void warn_no_queue(const struct qdisc_run *q)
{
	const struct vnet_devices *d = &q->args->common.device;

	for (uint32_t i = 0; i < d->nr; i++) {
		bool found = false;

		for (size_t n = 0; n < q->nr_before; n++)
			found |= q->before[n].ifindex == d->ifindex[i] &&
				 strcmp(q->before[n].kind, "noqueue");
		if (!found)
			vnet_warn("device '%s' has no transmit queue in the kernel: "
				  "nothing waits or is dropped there", d->names[i]);
	}
}

/* compat: before v5.17 drops have no reason: the functions tell. */
static int open_code(struct vnet_run *run)
{
	struct vnet_qdisc_code code = {};
	int fd = vnet_session_map(run->session, "code");
	uint32_t zero = 0;
	uint64_t from, to;

	if (fd < 0)
		return fd;
	if (!vnet_symbol_range("kfree_skb_list", &from, &to))
		goto no;
	code.list_from = from;
	code.list_to = to;
	if (!vnet_symbol_range("__dev_queue_xmit", &from, &to))
		goto no;
	code.xmit_from = from;
	code.xmit_to = to;
	return bpf_map_update_elem(fd, &zero, &code, BPF_ANY) ? -errno : 0;
no:
	vnet_error("option '--by flow': the addresses of the kernel's functions are hidden");
	vnet_hint("sysctl kernel.kptr_restrict=1 shows them to root");
	return -EPERM;
}

/* The counters to compare with are read last, when the probes count already. */
static int started(struct vnet_run *run)
{
	struct qdisc_run *q = run->ctx;
	int err = q->by_location ? open_code(run) : 0;

	if (err)
		return err;
	err = vnet_netlink_qdiscs(&q->before, &q->nr_before);
	if (err) {
		vnet_error("cannot read the qdiscs: %s", strerror(-err));
		return err;
	}
	qdisc_sort(q->before, q->nr_before);
	warn_no_queue(q);
	return 0;
}

static const struct vnet_column columns[NR_QDISC_COLUMNS] = {
	[QDISC_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[QDISC_IFINDEX] = { "ifindex", "IFINDEX", VNET_T_U64, VNET_R_JSON },
	[QDISC_KIND] = { "kind", "QDISC", VNET_T_STR },
	[QDISC_HANDLE] = { "handle", "HANDLE", VNET_T_STR },
	[QDISC_PARENT] = { "parent", "PARENT", VNET_T_STR },
	[QDISC_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[QDISC_DROPS] = { "drops", "DROPS", VNET_T_U64 },
	[QDISC_OVERLIMITS] = { "overlimits", "OVERLIMITS", VNET_T_U64 },
	[QDISC_REQUEUES] = { "requeues", "REQUEUES", VNET_T_U64 },
	[QDISC_BACKLOG] = { "backlog_bytes", "BACKLOG", VNET_T_U64 },
	[QDISC_QLEN] = { "qlen", "QLEN", VNET_T_U64 },
	[QDISC_NEW] = { "new", "NEW", VNET_T_BOOL },
	[QDISC_SOURCE] = { "source", "SOURCE", VNET_T_STR },
	[QDISC_REASON] = { "reason", "REASON", VNET_T_STR },
	[QDISC_INFERRED] = { "reason_inferred", NULL, VNET_T_BOOL, VNET_R_JSON },
	[QDISC_FLOW] = { "flow", "FLOW", VNET_T_FLOW },
};

/* Text shows only what the chosen kinds of rows can have. */
static void choose_columns(struct qdisc_run *q)
{
	static const uint8_t of_qdiscs[] = {
		QDISC_OVERLIMITS, QDISC_REQUEUES, QDISC_BACKLOG, QDISC_QLEN, QDISC_NEW,
	};

	memcpy(q->columns, columns, sizeof(columns));
	if (!(q->args->by & QDISC_BY_FLOW)) {
		q->columns[QDISC_REASON].role = VNET_R_JSON;
		q->columns[QDISC_FLOW].role = VNET_R_JSON;
	}
	for (size_t i = 0; i < VNET_ARRAY_SIZE(of_qdiscs); i++)
		if (!(q->args->by & QDISC_BY_QDISC))
			q->columns[of_qdiscs[i]].role = VNET_R_JSON;
}

static bool packet_filter(const struct vnet_args *a)
{
	return a->src_ip.family || a->dst_ip.family || a->src_port >= 0 ||
	       a->dst_port >= 0 || a->protocol || a->vlan >= 0 || a->inner;
}

static void add_totals(struct qdisc_run *q, struct vnet_report *report,
		       const struct qdisc_totals *t)
{
	bool flows = q->args->by & QDISC_BY_FLOW;

	q->drops += t->drops;
	vnet_report_extra(report, "drops", "Drops in this interval", vnet_u64(t->drops));
	vnet_report_extra(report, "drops_since_start", "Drops since start",
			  vnet_u64(q->drops));
	vnet_report_extra(report, "qdiscs_gone", t->gone ?
			  "Qdiscs removed, their last drops unknown" : NULL,
			  vnet_u64(t->gone));
	if (!flows)
		return;
	vnet_report_extra(report, "flow_drops", "Drops with a flow", vnet_u64(t->flow_drops));
	if (packet_filter(&q->args->common))
		return;
	vnet_report_extra(report, "unattributed", t->drops == t->flow_drops ? NULL :
			  "Drops without a flow", (struct vnet_value){
				.type = VNET_T_S64,
				.s64 = (int64_t)(t->drops - t->flow_drops) });
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct qdisc_run *q = run->ctx;
	struct qdisc_totals totals = {};
	struct vnet_qdisc *now;
	struct vnet_table *table;
	size_t nr;
	int copy = 0, err;

	if (q->args->by & QDISC_BY_FLOW)
		copy = vnet_session_flip(run->session);
	if (copy < 0)
		return copy;
	err = vnet_netlink_qdiscs(&now, &nr);
	if (err)
		return err;
	qdisc_sort(now, nr);
	table = vnet_report_table(report, NULL, VNET_L_TABLE, q->columns, NR_QDISC_COLUMNS);
	qdisc_rows(q, report, table, now, nr, &totals);
	if (q->args->by & QDISC_BY_FLOW)
		err = qdisc_flow_rows(run, report, table, copy, now, nr, &totals);
	free(q->before);
	q->before = now;
	q->nr_before = nr;
	if (err)
		return err;
	if (!table->nr_rows)
		table->heading = "No qdisc dropped, delayed or holds packets";
	add_totals(q, report, &totals);
	return 0;
}

static void defaults(void *args)
{
	struct qdisc_args *a = args;

	a->by = QDISC_BY_QDISC;
	a->top = DEFAULT_TOP;
	a->max_entries = DEFAULT_ENTRIES;
}

/* Counters know no packets: a filter for packets would be ignored. */
static int check(void *args)
{
	const struct qdisc_args *a = args;

	if (!packet_filter(&a->common))
		return 0;
	if (!(a->by & QDISC_BY_FLOW)) {
		vnet_error("a packet filter needs '--by flow': "
			   "the counters of a qdisc know no packets");
		vnet_hint("only '--device' can choose among qdiscs");
		return VNET_EXIT_USAGE;
	}
	if (a->by & QDISC_BY_QDISC) {
		vnet_error("a packet filter cannot go with '--by qdisc': "
			   "the counters of a qdisc know no packets");
		vnet_hint("use '--by flow' alone");
		return VNET_EXIT_USAGE;
	}
	return 0;
}

static int run(void *args)
{
	struct qdisc_run q = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_drop_qdisc,
		.args = args,
		.object = "drop_qdisc",
		.title = "Drops by transmit queues",
		.configure = configure,
		.started = started,
		.interval = interval,
		.ctx = &q,
	};
	int status;

	m.wants = wants(args, &m.nr_wants);
	choose_columns(&q);
	status = vnet_measure(&m);
	vnet_reasons_free(q.reasons);
	free(q.before);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "Which queues dropped, each 5 seconds", "vnetdiag drop qdisc" },
	{ "All queues of one NIC, with their backlog, as JSON",
	  "vnetdiag drop qdisc --device ens11 --all --count 1 --format json | jq .rows" },
	{ "Whose packets were dropped: one network's",
	  "vnetdiag drop qdisc --by flow --src-ip 10.0.0.0/24 --interval 10s" },
	{}
};

const struct vnet_cmd vnet_cmd_drop_qdisc = {
	.path = "drop qdisc",
	.summary = "Drops by transmit queues",
	.description =
		"Reads the counters of the queueing disciplines of this network namespace "
		"at each interval and shows which of them dropped, delayed (overlimits, "
		"requeues) or still hold packets; the numbers are those of 'tc -s qdisc'. "
		"With '--by flow', shows whose packets they dropped, as the kernel's "
		"tracepoints tell, and how many drops these do not account for.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct qdisc_args),
	.defaults = defaults,
	.check = check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
