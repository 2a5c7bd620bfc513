/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag latency qdisc`: how long packets stay in the transmit queues. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "cmd/latency_qdisc.h"
#include "cmd/times.h"
#include "vnet/log.h"
#include "vnet/netlink.h"
#include "vnet/util.h"

#define DEFAULT_ENTRIES	16384
#define DEFAULT_TOP	20
/* Bounds of what the kernel keeps, a queue on a CPU each; 2.7 kB for each of two copies. */
#define MIN_QUEUES	64
#define MAX_QUEUES	4096

static const struct vnet_opt options[] = {
	{ "over", 0, VNET_OPT_DURATION, offsetof(struct txq_args, over_ns), "TIME",
	  "Count the packets that stayed longer than this", .min = 1 },
	{ "threshold", 0, VNET_OPT_DURATION, offsetof(struct txq_args, threshold_ns), "TIME",
	  "Instead of a summary, a record of each packet that stayed longer than this",
	  .min = 1 },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct txq_args, limit), "N",
	  "With --threshold: end after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct txq_args, rate_limit), "N/s",
	  "With --threshold: at most so many records a second; the others are counted" },
	{ "top", 't', VNET_OPT_U32, offsetof(struct txq_args, top), "N",
	  "Queues shown, those where packets waited most in all first; 0 for all" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct txq_args, max_entries), "N",
	  "Packets that can be followed at the same time", .min = 1, .max = 1 << 22 },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_net_dev_queue },
	{ VNET_P_net_dev_start_xmit },
	{ VNET_P_qdisc_dequeue, true, "packets that bypass the queue are not told apart" },
	{ VNET_P_kfree_skb, true, "dropped packets count as incomplete, 60 s later" },
	{ VNET_P_skb_gso_segment, true,
	  "packets segmented in software count as incomplete, 60 s later" },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

/* A run of the command. */
struct summary {
	const struct txq_args *args;
	struct txq_reader *reader;
	uint64_t netns;
	struct vnet_pair pairs[2];
	char texts[2][16];
};

/* Transmit queues of a device, at least 1: its queues/tx-N in sysfs. */
static uint32_t count_queues(const char *name)
{
	struct dirent *entry;
	char path[64];
	uint32_t nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		nr += !strncmp(entry->d_name, "tx-", 3);
	if (dir)
		closedir(dir);
	return nr ?: 1;
}

/* Entries of the map `queues`: both copies. */
static uint32_t queue_entries(const struct vnet_devices *devices)
{
	uint64_t nr = 0;

	for (uint32_t i = 0; i < devices->nr; i++)
		nr += count_queues(devices->names[i]);
	nr *= vnet_session_cpus();
	nr = nr < MIN_QUEUES ? MIN_QUEUES : nr;
	return 2 * (nr > MAX_QUEUES ? MAX_QUEUES : nr);
}

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	const struct txq_args *a = s->args;
	struct vnet_txq_config config = {
		.records = !!a->threshold_ns,
		.over_ns = a->threshold_ns ?: a->over_ns,
	};
	struct stat st;
	int err;

	if (stat("/proc/self/ns/net", &st)) {
		err = -errno;
		vnet_error("cannot look up this network namespace: %s", strerror(-err));
		return err;
	}
	s->netns = st.st_ino;
	err = vnet_session_set(run->session, "config", &config, sizeof(config));
	err = err ?: vnet_session_resize(run->session, "waits", a->max_entries);
	return err ?: vnet_session_resize(run->session, "queues",
					  queue_entries(&a->common.device));
}

enum {
	COL_DEVICE, COL_IFINDEX, COL_NETNS, COL_QUEUE, COL_KIND, COL_HANDLE, COL_COUNT,
	COL_OVER = COL_COUNT + NR_TIMES, COL_STARTED, COL_BYPASSED, COL_DROPPED, COL_SEGMENTED,
	COL_INCOMPLETE, COL_WAITING,
	COL_UNFOLLOWED, COL_BACKLOG_MEAN, COL_BACKLOG_MAX, COL_HISTOGRAM, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[COL_IFINDEX] = { "ifindex", "IFINDEX", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "NETNS", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[COL_KIND] = { "kind", "QDISC", VNET_T_STR },
	[COL_HANDLE] = { "handle", "HANDLE", VNET_T_STR },
	TIMES_COLUMNS(COL_COUNT),
	[COL_OVER] = { "over", "OVER", VNET_T_U64, VNET_R_JSON },
	[COL_STARTED] = { "started", "STARTED", VNET_T_U64, VNET_R_JSON },
	[COL_BYPASSED] = { "bypassed", "BYPASSED", VNET_T_U64, VNET_R_JSON },
	[COL_DROPPED] = { "dropped", "DROPPED", VNET_T_U64, VNET_R_JSON },
	[COL_SEGMENTED] = { "segmented", "SEGMENTED", VNET_T_U64, VNET_R_JSON },
	[COL_INCOMPLETE] = { "incomplete", "INCOMPLETE", VNET_T_U64, VNET_R_JSON },
	[COL_WAITING] = { "waiting", "STILL WAITING", VNET_T_U64, VNET_R_JSON },
	[COL_UNFOLLOWED] = { "not_followed", "NOT FOLLOWED", VNET_T_U64, VNET_R_JSON },
	[COL_BACKLOG_MEAN] = { "backlog_mean", "BACKLOG MEAN", VNET_T_U64, VNET_R_JSON },
	[COL_BACKLOG_MAX] = { "backlog_max", "BACKLOG MAX", VNET_T_U64, VNET_R_JSON },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST },
};

/* In text the packets are a table of their own: these of the columns above. */
static const uint8_t packet_columns[] = {
	COL_DEVICE, COL_QUEUE, COL_STARTED, COL_COUNT, COL_BYPASSED, COL_DROPPED,
	COL_SEGMENTED, COL_INCOMPLETE, COL_WAITING, COL_UNFOLLOWED, COL_OVER,
	COL_BACKLOG_MEAN, COL_BACKLOG_MAX,
};

static const char *device_name(const struct vnet_devices *devices, uint32_t ifindex)
{
	for (uint32_t i = 0; i < devices->nr; i++)
		if (devices->ifindex[i] == ifindex)
			return devices->names[i];
	return NULL;
}

static void fill_place(struct vnet_report *report, const struct summary *s,
		       const struct txq_queue *q, const struct vnet_qdisc *qdisc,
		       struct vnet_value *v)
{
	char handle[24];

	v[COL_DEVICE] = vnet_str(device_name(&s->args->common.device, q->ifindex));
	v[COL_IFINDEX] = vnet_u64(q->ifindex);
	v[COL_NETNS] = vnet_u64(s->netns);
	v[COL_QUEUE] = vnet_u64(q->queue);
	if (!qdisc)
		return;
	vnet_qdisc_handle_text(qdisc->handle, handle);
	v[COL_KIND] = vnet_str(vnet_report_strdup(report, qdisc->kind));
	v[COL_HANDLE] = vnet_str(vnet_report_strdup(report, handle));
}

static bool packet_filter(const struct vnet_args *a)
{
	return a->src_ip.family || a->dst_ip.family || a->src_port >= 0 ||
	       a->dst_port >= 0 || a->protocol || a->vlan >= 0 || a->inner;
}

static void fill_packets(const struct vnet_run *run, const struct txq_queue *q, bool last,
			 struct vnet_value *v)
{
	const struct summary *s = run->ctx;
	const struct vnet_txq_stats *sum = &q->sum;

	v[COL_STARTED] = vnet_u64(sum->started);
	if (vnet_run_has(run, VNET_P_qdisc_dequeue))
		v[COL_BYPASSED] = vnet_u64(sum->bypassed);
	if (vnet_run_has(run, VNET_P_kfree_skb))
		v[COL_DROPPED] = vnet_u64(sum->dropped);
	if (vnet_run_has(run, VNET_P_skb_gso_segment))
		v[COL_SEGMENTED] = vnet_u64(sum->segmented);
	v[COL_INCOMPLETE] = vnet_u64(txq_incomplete(q, last));
	v[COL_WAITING] = vnet_u64(last ? 0 : q->waiting);
	/* Whether those that were never seen would match a filter is not known. */
	if (!packet_filter(&s->args->common))
		v[COL_UNFOLLOWED] = vnet_u64(sum->unfollowed);
	if (s->args->over_ns || s->args->threshold_ns)
		v[COL_OVER] = vnet_u64(sum->over);
	if (!sum->backlogs)
		return;
	v[COL_BACKLOG_MEAN] = vnet_u64((sum->backlog_sum + sum->backlogs / 2) / sum->backlogs);
	v[COL_BACKLOG_MAX] = vnet_u64(sum->backlog_max);
}

/* Where most time was spent in all; then by place. */
static int queue_order(const void *a, const void *b)
{
	const struct txq_queue *x = a, *y = b;

	if (x->sum.hist.sum != y->sum.hist.sum)
		return x->sum.hist.sum > y->sum.hist.sum ? -1 : 1;
	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return x->queue < y->queue ? -1 : 1;
}

static bool is_worth(const struct txq_queue *q)
{
	return q->sum.started || q->sum.completed || q->sum.unfollowed || q->sum.dropped ||
	       q->waiting || q->aged;
}

static void copy_packets(struct vnet_report *report, const struct vnet_table *rows)
{
	size_t nr = VNET_ARRAY_SIZE(packet_columns);
	struct vnet_column *chosen = vnet_report_alloc(report, nr * sizeof(*chosen));
	struct vnet_table *table;

	for (size_t i = 0; i < nr; i++) {
		chosen[i] = columns[packet_columns[i]];
		chosen[i].role = VNET_R_CELL;
		if (packet_columns[i] == COL_COUNT)
			chosen[i].title = "COMPLETED";
	}
	table = vnet_report_table(report, "Packets:", VNET_L_TABLE, chosen, nr);
	for (size_t row = 0; row < rows->nr_rows; row++) {
		struct vnet_value *v = vnet_report_row(report, table);

		for (size_t i = 0; i < nr; i++)
			v[i] = rows->cells[row * NR_COLUMNS + packet_columns[i]];
	}
}

/* Of all queues, also those that --top leaves out. */
static void add_totals(const struct vnet_run *run, struct vnet_report *report,
		       const struct txq_queue *queues, size_t nr, bool last)
{
	/* A summary's text has them in its table. */
	static const struct {
		uint8_t column;
		const char *key, *title;
	} totals[] = {
		{ COL_STARTED, "started", "Packets queued" },
		{ COL_COUNT, "completed", "Given to the driver" },
		{ COL_BYPASSED, "bypassed", "Of these past the qdisc" },
		{ COL_DROPPED, "dropped", "Dropped" },
		{ COL_SEGMENTED, "segmented", "Segmented" },
		{ COL_INCOMPLETE, "incomplete", "Incomplete" },
		{ COL_WAITING, "waiting", "Still waiting" },
		{ COL_UNFOLLOWED, "not_followed", "Not followed" },
		{ COL_OVER, "over", "Over the threshold" },
	};
	const struct summary *s = run->ctx;
	struct vnet_value v[NR_COLUMNS] = {};
	struct txq_queue all = {};

	txq_total(queues, nr, &all);
	fill_packets(run, &all, last, v);
	v[COL_COUNT] = vnet_u64(all.sum.completed);
	for (size_t i = 0; i < VNET_ARRAY_SIZE(totals); i++)
		vnet_report_extra(report, totals[i].key,
				  s->args->threshold_ns ? totals[i].title : NULL,
				  v[totals[i].column]);
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct vnet_qdisc *qdiscs;
	struct txq_queue *queues;
	struct vnet_table *table;
	size_t nr, nr_qdiscs;
	int err = txq_read(s->reader, run->session, &queues, &nr);

	err = err ?: vnet_netlink_qdiscs(&qdiscs, &nr_qdiscs);
	if (err)
		return err;
	qsort(queues, nr, sizeof(*queues), queue_order);
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (size_t i = 0; i < nr; i++) {
		const struct txq_queue *q = &queues[i];
		struct vnet_value *v;

		if (!is_worth(q) || (s->args->top && table->nr_rows >= s->args->top))
			continue;
		v = vnet_report_row(report, table);
		fill_place(report, s, q, vnet_qdisc_of_queue(qdiscs, nr_qdiscs, q->ifindex,
							      q->queue), v);
		times_fill(&q->sum.hist, &v[COL_COUNT]);
		v[COL_HISTOGRAM] = times_histogram(report, &q->sum.hist);
		fill_packets(run, q, span->last, v);
	}
	free(qdiscs);
	if (!table->nr_rows)
		table->heading = "No packets";
	else
		copy_packets(report, table);
	add_totals(run, report, queues, nr, span->last);
	return 0;
}

/* The last line of a run with records: how many packets there were for each. */
static void ended(struct vnet_run *run, struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct txq_queue *queues;
	size_t nr;

	if (!txq_read(s->reader, run->session, &queues, &nr))
		add_totals(run, report, queues, nr, true);
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	struct summary *s = run->ctx;

	/* There is no interval that would do it. */
	txq_sweep(s->reader, run->session);
	return txq_record(run, &s->args->common.device, s->netns, data, size, report);
}

static void defaults(void *args)
{
	struct txq_args *a = args;

	a->top = DEFAULT_TOP;
	a->max_entries = DEFAULT_ENTRIES;
}

static int check(void *args)
{
	const struct txq_args *a = args;

	if (!a->common.device.nr) {
		vnet_error("option '--device' is required");
		vnet_hint("'ip link' lists the devices of this network namespace");
		return VNET_EXIT_USAGE;
	}
	if (a->threshold_ns && a->over_ns) {
		vnet_error("option '--over' counts in a summary, but '--threshold' asks "
			   "for records");
		vnet_hint("remove one: records are of all packets above '--threshold'");
		return VNET_EXIT_USAGE;
	}
	if (!a->threshold_ns && (a->limit || a->rate_limit)) {
		vnet_error("option '%s' is of records only",
			   a->limit ? "--limit" : "--rate-limit");
		vnet_hint("add '--threshold TIME' for records");
		return VNET_EXIT_USAGE;
	}
	return 0;
}

/* The command's own options as the report shows them. */
static size_t fill_pairs(struct summary *s)
{
	const struct txq_args *a = s->args;
	size_t n = 0;

	if (a->over_ns) {
		vnet_ns_text(a->over_ns, s->texts[n]);
		s->pairs[n] = (struct vnet_pair){ "over", s->texts[n] };
		n++;
	}
	if (a->threshold_ns) {
		vnet_ns_text(a->threshold_ns, s->texts[n]);
		s->pairs[n] = (struct vnet_pair){ "threshold", s->texts[n] };
		n++;
	}
	return n;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	bool records = s.args->threshold_ns;
	struct vnet_measure m = {
		.cmd = &vnet_cmd_latency_qdisc,
		.args = args,
		.object = "latency_qdisc",
		.title = "Time in transmit queues",
		.rate_limit = s.args->rate_limit,
		.limit = s.args->limit,
		.pairs = s.pairs,
		.configure = configure,
		.interval = records ? NULL : interval,
		.record = records ? record : NULL,
		.ended = ended,
		.ctx = &s,
	};
	int status;

	m.nr_pairs = fill_pairs(&s);
	m.wants = wants(args, &m.nr_wants);
	s.reader = txq_reader_new();
	status = vnet_measure(&m);
	txq_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "How long packets wait in the queues of ens11, each 5 seconds",
	  "vnetdiag latency qdisc --device ens11" },
	{ "Two NICs, with the packets counted that waited over 1 ms, drawn",
	  "vnetdiag latency qdisc --device ens11,ens12 --over 1ms --format hist" },
	{ "Each packet to one host that waited over 10 ms, until there were 20",
	  "vnetdiag latency qdisc --device ens11 --dst-ip 10.0.0.12 --threshold 10ms "
	  "--limit 20" },
	{}
};

const struct vnet_cmd vnet_cmd_latency_qdisc = {
	.path = "latency qdisc",
	.summary = "How long packets stay in the transmit queues",
	.description =
		"Takes the time from a packet's arrival at a device's transmit queues to its "
		"delivery to the driver, summed up in the kernel for each queue, with the "
		"length of the queue that it found. Counts apart what was dropped in the "
		"queue, what went past it, and what could not be followed. With '--threshold' "
		"shows a record of each packet that stayed longer instead.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct txq_args),
	.defaults = defaults,
	.check = check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
