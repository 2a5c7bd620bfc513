/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag tun summary`: the rings between the host and its guests. */
#include <errno.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/tun.h"
#include "vnet/log.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

#define DEFAULT_TOP	20
#define DEFAULT_STALLED	VNET_NS_PER_S
/* Bounds of what the kernel keeps, a queue on a CPU each; 2.4 kB for each of two copies. */
#define MIN_QUEUES	256
#define MAX_QUEUES	8192

static const struct vnet_opt options[] = {
	{ "device", 0, VNET_OPT_DEVICES, offsetof(struct tun_args, common.device),
	  "DEVICE[,...]", "Only these taps, instead of all of this network namespace" },
	{ "vm", 0, VNET_OPT_STRING, offsetof(struct tun_args, vm_names), "NAME[,...]",
	  "The same by the guests' names, as 'vnetdiag topo' shows them" },
	{ "stalled-after", 0, VNET_OPT_DURATION, offsetof(struct tun_args, stalled_ns), "TIME",
	  "Packets wait, and for so long none was taken: the consumer is stalled", .min = 1 },
	{ "top", 't', VNET_OPT_U32, offsetof(struct tun_args, top), "N",
	  "Queues shown, those that need attention first; 0 for all" },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_tun_net_xmit, .typed = true },
	{ VNET_P_skb_copy_datagram_iovec },
	{ VNET_P_kfree_skb },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

/* A run of the command. */
struct summary {
	const struct tun_args *args;
	struct tun_reader *reader;
	struct vnet_tun_config config;
	bool places;		/* addresses have names: drops can be told apart */
	struct vnet_pair pairs[2];
	char text[16];
};

enum {
	COL_DEVICE, COL_IFINDEX, COL_QUEUE, COL_STATE, COL_SIZE, COL_DEPTH, COL_DEPTH_MAX,
	COL_USED, COL_DEPTH_P50, COL_DEPTH_P99, COL_PRODUCED, COL_CONSUMED, COL_PRODUCED_RATE,
	COL_CONSUMED_RATE, COL_FULL, COL_DROPS, COL_OTHER, COL_IDLE, COL_PRODUCER, COL_HEAD,
	COL_TAIL, COL_HISTOGRAM, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[COL_IFINDEX] = { "ifindex", "IFINDEX", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[COL_STATE] = { "state", "STATE", VNET_T_STR },
	[COL_SIZE] = { "size", "SIZE", VNET_T_U64 },
	[COL_DEPTH] = { "depth", "DEPTH", VNET_T_U64 },
	[COL_DEPTH_MAX] = { "depth_max", "MAX", VNET_T_U64 },
	[COL_USED] = { "used_percent", "USED %", VNET_T_U64 },
	[COL_DEPTH_P50] = { "depth_p50", "P50", VNET_T_U64, VNET_R_JSON },
	[COL_DEPTH_P99] = { "depth_p99", "P99", VNET_T_U64, VNET_R_JSON },
	[COL_PRODUCED] = { "produced", "PRODUCED", VNET_T_U64 },
	[COL_CONSUMED] = { "consumed", "CONSUMED", VNET_T_U64 },
	[COL_PRODUCED_RATE] = { "produced_per_s", "IN/s", VNET_T_U64 },
	[COL_CONSUMED_RATE] = { "consumed_per_s", "OUT/s", VNET_T_U64 },
	[COL_FULL] = { "full_events", "FULL", VNET_T_U64 },
	[COL_DROPS] = { "drops", "DROPS", VNET_T_U64 },
	[COL_OTHER] = { "other_drops", "OTHER DROPS", VNET_T_U64 },
	[COL_IDLE] = { "consumer_idle_ns", "CONSUMER IDLE", VNET_T_NS },
	[COL_PRODUCER] = { "producer", "PRODUCER", VNET_T_U64, VNET_R_JSON },
	[COL_HEAD] = { "consumer_head", "HEAD", VNET_T_U64, VNET_R_JSON },
	[COL_TAIL] = { "consumer_tail", "TAIL", VNET_T_U64, VNET_R_JSON },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST_N },
};

static const char *const states[] = {
	[TUN_STALLED] = "stalled", [TUN_FULL] = "full", [TUN_BACKLOG] = "backlog",
	[TUN_FLOWING] = "flowing", [TUN_IDLE] = "idle", [TUN_UNKNOWN] = NULL,
};

/* Entries of the map `queues`: both copies, with room for taps to come. */
static uint32_t queue_entries(const struct vnet_devices *devices)
{
	uint64_t nr = 2ull * tun_count_queues(devices) * vnet_session_cpus();

	nr = nr < MIN_QUEUES ? MIN_QUEUES : nr;
	return 2 * (nr > MAX_QUEUES ? MAX_QUEUES : nr);
}

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	uint32_t entries = queue_entries(&s->args->common.device);
	int err = tun_netns(&s->config.netns);

	err = err ?: vnet_session_set(run->session, "config", &s->config, sizeof(s->config));
	err = err ?: vnet_session_resize(run->session, "queues", entries);
	return err ?: vnet_session_resize(run->session, "drops", entries);
}

static int started(struct vnet_run *run)
{
	struct summary *s = run->ctx;

	s->places = vnet_symbols_readable();
	if (!s->places)
		vnet_warn("the addresses of the kernel's functions are hidden: no drops are "
			  "counted (kernel.kptr_restrict)");
	return tun_reader_begin(s->reader, run->session);
}

/* Slots that are not free: the consumer frees what it took by the batch. */
static uint64_t used_percent(const struct vnet_tun_ring *ring)
{
	uint64_t used = ring->full ? ring->size :
		(ring->producer + ring->size - ring->consumer_tail) % ring->size;

	return used * 100 / ring->size;
}

static void fill_ring(const struct tun_queue *q, struct vnet_value *v)
{
	uint64_t max = q->depth.max > q->ring.depth ? q->depth.max : q->ring.depth;

	if (q->depth.count || q->ring.size)
		v[COL_DEPTH_MAX] = vnet_u64(max);
	if (q->depth.count) {
		v[COL_DEPTH_P50] = vnet_u64(vnet_hist_percentile(&q->depth, 500));
		v[COL_DEPTH_P99] = vnet_u64(vnet_hist_percentile(&q->depth, 990));
	}
	if (!q->ring.size)
		return;
	v[COL_SIZE] = vnet_u64(q->ring.size);
	v[COL_DEPTH] = vnet_u64(q->ring.depth);
	v[COL_USED] = vnet_u64(used_percent(&q->ring));
	v[COL_PRODUCER] = vnet_u64(q->ring.producer);
	v[COL_HEAD] = vnet_u64(q->ring.consumer_head);
	v[COL_TAIL] = vnet_u64(q->ring.consumer_tail);
	v[COL_IDLE] = vnet_ns(q->idle_ns);
}

static void fill_row(struct vnet_report *report, const struct summary *s,
		     const struct tun_queue *q, const struct vnet_span *span,
		     struct vnet_value *v)
{
	struct vnet_hist *hist = vnet_report_alloc(report, sizeof(*hist));
	uint64_t dropped = q->drops + q->other_drops;
	/* A packet whose fate is in the next interval is no drop of this one. */
	uint64_t produced = q->packets > dropped ? q->packets - dropped : 0;

	*hist = q->depth;
	v[COL_DEVICE] = vnet_str(q->device[0] ? vnet_report_strdup(report, q->device) : NULL);
	v[COL_IFINDEX] = vnet_u64(q->ifindex);
	v[COL_QUEUE] = vnet_u64(q->queue);
	v[COL_STATE] = vnet_str(states[q->state]);
	fill_ring(q, v);
	v[COL_CONSUMED] = vnet_u64(q->consumed);
	v[COL_CONSUMED_RATE] = vnet_span_rate(span, q->consumed);
	v[COL_FULL] = vnet_u64(q->full);
	v[COL_HISTOGRAM] = (struct vnet_value){ .type = VNET_T_HIST_N, .hist = hist };
	if (!s->places)
		return;
	v[COL_PRODUCED] = vnet_u64(produced);
	v[COL_PRODUCED_RATE] = vnet_span_rate(span, produced);
	v[COL_DROPS] = vnet_u64(q->drops);
	v[COL_OTHER] = vnet_u64(q->other_drops);
}

/* What needs attention, then where most was dropped, then by place. */
static int queue_order(const void *a, const void *b)
{
	const struct tun_queue *x = *(struct tun_queue *const *)a;
	const struct tun_queue *y = *(struct tun_queue *const *)b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->drops != y->drops)
		return x->drops > y->drops ? -1 : 1;
	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return x->queue < y->queue ? -1 : 1;
}

/* A queue that is there, or was when packets came. */
static bool is_worth(const struct tun_queue *q)
{
	return q->ring.size || q->packets;
}

static void add_totals(struct vnet_report *report, const struct tun_queue *queues, size_t nr)
{
	uint64_t nr_queues = 0, stalled = 0, full = 0, unread = 0;

	for (size_t i = 0; i < nr; i++) {
		nr_queues += is_worth(&queues[i]);
		stalled += queues[i].state == TUN_STALLED;
		full += queues[i].state == TUN_FULL;
		unread += queues[i].unread;
	}
	vnet_report_extra(report, "queues", "Queues", vnet_u64(nr_queues));
	vnet_report_extra(report, "queues_stalled", "Stalled", vnet_u64(stalled));
	vnet_report_extra(report, "queues_full", "Full", vnet_u64(full));
	vnet_report_extra(report, "rings_unread", "Packets whose ring could not be read",
			  vnet_u64(unread));
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct tun_queue *queues, **order;
	struct vnet_table *table;
	size_t nr;
	int err = tun_read(s->reader, run->session, span, &queues, &nr);

	if (err)
		return err;
	order = vnet_report_alloc(report, (nr + 1) * sizeof(*order));
	for (size_t i = 0; i < nr; i++)
		order[i] = &queues[i];
	qsort(order, nr, sizeof(*order), queue_order);
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (size_t i = 0; i < nr; i++)
		if (is_worth(order[i]) && (!s->args->top || table->nr_rows < s->args->top))
			fill_row(report, s, order[i], span, vnet_report_row(report, table));
	if (!table->nr_rows)
		table->heading = "No queues: no tap is open here";
	add_totals(report, queues, nr);
	return 0;
}

static void defaults(void *args)
{
	struct tun_args *a = args;

	a->top = DEFAULT_TOP;
	a->stalled_ns = DEFAULT_STALLED;
}

static int check(void *args)
{
	struct tun_args *a = args;

	return tun_find_devices(a->vm_names, &a->common.device);
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_tun_summary,
		.args = args,
		.object = "tun_summary",
		.title = "Rings of taps",
		.pairs = s.pairs,
		.nr_pairs = 1,
		.configure = configure,
		.started = started,
		.interval = interval,
		.ctx = &s,
	};
	int status;

	vnet_ns_text(s.args->stalled_ns, s.text);
	s.pairs[0] = (struct vnet_pair){ "stalled-after", s.text };
	s.pairs[1] = (struct vnet_pair){ "vm", s.args->vm_names };
	m.nr_pairs += !!s.args->vm_names;
	m.wants = wants(args, &m.nr_wants);
	s.reader = tun_reader_new(&s.args->common.device, s.args->stalled_ns);
	status = vnet_measure(&m);
	tun_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "The queues of all taps, those that need attention first", "vnetdiag tun summary" },
	{ "One guest's queues each second, with the depths drawn",
	  "vnetdiag tun summary --device vnet0 --interval 1s --format hist" },
	{ "Queues whose consumer stands, as JSON",
	  "vnetdiag tun summary --top 0 --count 1 --format json | "
	  "jq '.rows[] | select(.state == \"stalled\")'" },
	{}
};

const struct vnet_cmd vnet_cmd_tun_summary = {
	.path = "tun summary",
	.summary = "State of the rings between the host and its guests, by queue",
	.description =
		"Shows for each queue of each tap the ring through which the host gives "
		"packets to the guest: size, packets in it, how many went in and out, how "
		"often it was full and what was dropped, how long its consumer (vhost, or "
		"a program) has stood, and in a word what that means.",
	.options = { options, vnet_common_options },
	.args_size = sizeof(struct tun_args),
	.defaults = defaults,
	.check = check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
