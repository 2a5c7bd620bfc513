/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag vhost summary`: the virtqueues between vhost-net and its guests. */
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/vhost.h"
#include "vnet/util.h"

#define DEFAULT_TOP	20


static const struct vnet_opt options[] = {
	{ "device", 0, VNET_OPT_DEVICES, offsetof(struct vhost_args, common.device),
	  "DEVICE[,...]", "Only the virtqueues behind these taps, instead of all of this host" },
	{ "vm", 0, VNET_OPT_STRING, offsetof(struct vhost_args, vm_names), "NAME[,...]",
	  "The same by the guests' names, as 'vnetdiag topo' shows them" },
	{ "top", 't', VNET_OPT_U32, offsetof(struct vhost_args, top), "N",
	  "Virtqueues shown, those that need attention first; 0 for all" },
	{}
};

/* A run of the command. */
struct summary {
	const struct vhost_args *args;
	struct vhost_reader *reader;
	struct vnet_pair pair;
};

enum {
	COL_DEVICE, COL_IFINDEX, COL_NETNS, COL_QUEUE, COL_DIRECTION, COL_VM, COL_PID, COL_TID,
	COL_CPU, COL_STATE, COL_SIZE, COL_HANDLED, COL_HANDLED_RATE, COL_AVAIL, COL_TAKEN,
	COL_TAKEN_ADVANCE, COL_USED_ADVANCE, COL_USED_RATE, COL_SIGNALS, COL_SIGNALS_RATE,
	COL_NO_INTERRUPT, COL_EVENT_INDEX, COL_SUPPRESSED, COL_CHANCES, COL_BATCH_P50,
	COL_BATCH_MAX, COL_DEPTH, COL_FETCHED, COL_POLL, COL_EVENTFD, COL_FLAG, COL_FEATURE,
	COL_USED_EVENT, COL_AVAIL_IDX, COL_LAST_AVAIL, COL_LAST_USED, COL_RESETS,
	COL_HISTOGRAM, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[COL_IFINDEX] = { "ifindex", "IFINDEX", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "NETNS", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[COL_DIRECTION] = { "direction", "DIR", VNET_T_STR },
	[COL_VM] = { "vm", "VM", VNET_T_STR },
	[COL_PID] = { "pid", "PID", VNET_T_U64, VNET_R_JSON },
	[COL_TID] = { "worker_tid", "WORKER", VNET_T_U64 },
	[COL_CPU] = { "worker_cpu", "CPU", VNET_T_U64 },
	[COL_STATE] = { "state", "STATE", VNET_T_STR },
	[COL_SIZE] = { "size", "SIZE", VNET_T_U64 },
	[COL_HANDLED] = { "handled", "RUNS", VNET_T_U64 },
	[COL_HANDLED_RATE] = { "handled_per_s", "RUNS/s", VNET_T_U64, VNET_R_JSON },
	[COL_AVAIL] = { "avail", "AVAIL", VNET_T_U64 },
	[COL_TAKEN] = { "taken", "TAKEN", VNET_T_U64 },
	[COL_TAKEN_ADVANCE] = { "taken_advance", "TAKEN NOW", VNET_T_S64, VNET_R_JSON },
	[COL_USED_ADVANCE] = { "used_advance", "USED", VNET_T_U64 },
	[COL_USED_RATE] = { "used_per_s", "USED/s", VNET_T_U64 },
	[COL_SIGNALS] = { "signals", "SIGNALS", VNET_T_U64 },
	[COL_SIGNALS_RATE] = { "signals_per_s", "SIGNALS/s", VNET_T_U64, VNET_R_JSON },
	[COL_NO_INTERRUPT] = { "no_interrupt", "NO INTR", VNET_T_U64, VNET_R_TEXT },
	[COL_EVENT_INDEX] = { "event_index", "EVENT IDX", VNET_T_U64, VNET_R_TEXT },
	[COL_SUPPRESSED] = { "suppressed", "SUPPRESSED", VNET_T_COUNTS, VNET_R_JSON },
	[COL_CHANCES] = { "opportunities", "OPPORTUNITIES", VNET_T_U64, VNET_R_JSON },
	[COL_BATCH_P50] = { "batch_p50", "BATCH P50", VNET_T_U64 },
	[COL_BATCH_MAX] = { "batch_max", "BATCH MAX", VNET_T_U64, VNET_R_JSON },
	[COL_DEPTH] = { "ring_depth", "RING", VNET_T_U64 },
	[COL_FETCHED] = { "fetched", "FETCHED", VNET_T_U64, VNET_R_JSON },
	[COL_POLL] = { "busy_poll_us", "BUSY POLL", VNET_T_U64, VNET_R_JSON },
	[COL_EVENTFD] = { "eventfd_id", "EVENTFD", VNET_T_U64, VNET_R_JSON },
	[COL_FLAG] = { "guest_no_interrupt", "GUEST NO INTR", VNET_T_BOOL, VNET_R_JSON },
	[COL_FEATURE] = { "event_index_negotiated", "EVENT INDEX", VNET_T_BOOL, VNET_R_JSON },
	[COL_USED_EVENT] = { "used_event", "USED EVENT", VNET_T_U64, VNET_R_JSON },
	[COL_AVAIL_IDX] = { "avail_idx", "AVAIL IDX", VNET_T_U64, VNET_R_JSON },
	[COL_LAST_AVAIL] = { "last_avail_idx", "LAST AVAIL", VNET_T_U64, VNET_R_JSON },
	[COL_LAST_USED] = { "last_used_idx", "LAST USED", VNET_T_U64, VNET_R_JSON },
	[COL_RESETS] = { "resets", "RESETS", VNET_T_U64, VNET_R_JSON },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST_N },
};

static const char *const states[] = {
	[VHOST_STALLED] = "stalled", [VHOST_NO_BUFFERS] = "no buffers",
	[VHOST_FLOWING] = "flowing", [VHOST_IDLE] = "idle", [VHOST_STOPPED] = "stopped",
	[VHOST_GONE] = "gone",
};

static int started(struct vnet_run *run)
{
	struct summary *s = run->ctx;

	return vhost_reader_begin(s->reader, run->session);
}

static struct vnet_value suppressed(struct vnet_report *report, const struct vhost_queue *q)
{
	struct vnet_counts *counts = vnet_report_alloc(report, sizeof(*counts));

	counts->nr = VNET_VHOST_CAUSES;
	counts->counts = vnet_report_alloc(report, counts->nr * sizeof(*counts->counts));
	for (size_t i = 0; i < counts->nr; i++)
		counts->counts[i] = (struct vnet_count){ vhost_causes[i], q->suppressed[i] };
	return (struct vnet_value){ .type = VNET_T_COUNTS, .counts = counts };
}

static void fill_place(struct vnet_report *report, const struct vhost_queue *q,
		       struct vnet_value *v)
{
	v[COL_DIRECTION] = vnet_str(vhost_directions[q->direction]);
	v[COL_VM] = vnet_str(q->vm ? vnet_report_strdup(report, q->vm) : NULL);
	if (q->pid)
		v[COL_PID] = vnet_u64(q->pid);
	if (q->tid)
		v[COL_TID] = vnet_u64(q->tid);
	if (q->ran)
		v[COL_CPU] = vnet_u64(q->cpu);
	v[COL_STATE] = vnet_str(states[q->state]);
	if (!q->tap.ifindex)
		return;
	v[COL_DEVICE] = vnet_str(vnet_report_strdup(report, q->tap.device));
	v[COL_IFINDEX] = vnet_u64(q->tap.ifindex);
	v[COL_NETNS] = vnet_u64(q->tap.netns);
	v[COL_QUEUE] = vnet_u64(q->tap.queue);
}

/* As it is now: of a virtqueue that has gone nothing is known. */
static void fill_ring(const struct vhost_queue *q, struct vnet_value *v)
{
	const struct vnet_vhost_ring *ring = &q->ring;

	if (!ring->address)
		return;
	v[COL_SIZE] = vnet_u64(ring->size);
	v[COL_TAKEN] = vnet_u64(vhost_taken(q));
	v[COL_POLL] = vnet_u64(ring->busy_poll_us);
	if (ring->eventfd)
		v[COL_EVENTFD] = vnet_u64(ring->eventfd - 1);
	v[COL_FEATURE] = vnet_bool(ring->event_index);
	v[COL_LAST_AVAIL] = vnet_u64(ring->last_avail);
	v[COL_LAST_USED] = vnet_u64(ring->last_used);
	if (q->direction == VNET_VHOST_RX)
		v[COL_FETCHED] = vnet_u64(ring->fetched);
	if (q->direction == VNET_VHOST_RX && ring->tap.ifindex)
		v[COL_DEPTH] = vnet_u64(ring->depth);
	if (!q->guest.known)
		return;
	v[COL_AVAIL] = vnet_u64(vhost_avail(q));
	v[COL_AVAIL_IDX] = vnet_u64(q->guest.idx);
	v[COL_FLAG] = vnet_bool(q->guest.no_interrupt);
	if (ring->event_index)
		v[COL_USED_EVENT] = vnet_u64(q->guest.used_event);
}

static void fill_row(struct vnet_report *report, const struct vhost_queue *q,
		     const struct vnet_span *span, struct vnet_value *v)
{
	struct vnet_hist *hist = vnet_report_alloc(report, sizeof(*hist));

	*hist = q->batch;
	fill_place(report, q, v);
	fill_ring(q, v);
	v[COL_HANDLED] = vnet_u64(q->handled);
	v[COL_HANDLED_RATE] = vnet_span_rate(span, q->handled);
	v[COL_TAKEN_ADVANCE] = (struct vnet_value){ .type = VNET_T_S64, .s64 = q->taken };
	v[COL_USED_ADVANCE] = vnet_u64(q->used);
	v[COL_USED_RATE] = vnet_span_rate(span, q->used);
	v[COL_SIGNALS] = vnet_u64(q->signals);
	v[COL_SIGNALS_RATE] = vnet_span_rate(span, q->signals);
	v[COL_NO_INTERRUPT] = vnet_u64(q->suppressed[VNET_VHOST_NO_INTERRUPT]);
	v[COL_EVENT_INDEX] = vnet_u64(q->suppressed[VNET_VHOST_EVENT_INDEX]);
	v[COL_SUPPRESSED] = suppressed(report, q);
	v[COL_CHANCES] = vnet_u64(q->chances);
	v[COL_RESETS] = vnet_u64(q->resets);
	v[COL_HISTOGRAM] = (struct vnet_value){ .type = VNET_T_HIST_N, .hist = hist };
	if (!q->batch.count)
		return;
	v[COL_BATCH_P50] = vnet_u64(vnet_hist_percentile(&q->batch, 500));
	v[COL_BATCH_MAX] = vnet_u64(q->batch.max);
}

/* What needs attention, then by place. */
static int queue_order(const void *a, const void *b)
{
	const struct vhost_queue *x = *(struct vhost_queue *const *)a;
	const struct vhost_queue *y = *(struct vhost_queue *const *)b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	return vhost_by_place(x, y);
}

static void add_totals(struct vnet_report *report, struct vhost_queue *const *queues, size_t nr,
		       uint64_t hidden)
{
	uint64_t count[VHOST_GONE + 1] = {};

	for (size_t i = 0; i < nr; i++)
		count[queues[i]->state]++;
	vnet_report_extra(report, "virtqueues", "Virtqueues", vnet_u64(nr));
	vnet_report_extra(report, "stalled", "Stalled", vnet_u64(count[VHOST_STALLED]));
	vnet_report_extra(report, "no_buffers", "Without buffers",
			  vnet_u64(count[VHOST_NO_BUFFERS]));
	vhost_add_hidden(report, hidden);
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct vhost_queue **queues;
	struct vnet_table *table;
	uint64_t hidden;
	size_t nr;
	int err = vhost_read(s->reader, run->session, &queues, &nr, &hidden);

	if (err)
		return err;
	if (nr)
		qsort(queues, nr, sizeof(*queues), queue_order);
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (size_t i = 0; i < nr && (!s->args->top || i < s->args->top); i++)
		fill_row(report, queues[i], span, vnet_report_row(report, table));
	if (!nr)
		table->heading = VHOST_NONE;
	add_totals(report, queues, nr, hidden);
	return 0;
}

static void defaults(void *args)
{
	struct vhost_args *a = args;

	a->top = DEFAULT_TOP;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_vhost_summary,
		.args = args,
		.object = "vhost_summary",
		.title = "Virtqueues of vhost-net",
		.pairs = &s.pair,
		.started = started,
		.interval = interval,
		.ctx = &s,
	};
	int status;

	m.nr_pairs = vhost_pair(args, &s.pair);
	m.wants = vhost_wants(args, &m.nr_wants);
	s.reader = vhost_reader_new(&s.args->common.device);
	status = vnet_measure(&m);
	vhost_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "The virtqueues of all guests, those that need attention first",
	  "vnetdiag vhost summary" },
	{ "One guest's, each second", "vnetdiag vhost summary --device vnet0 --interval 1s" },
	{ "Queues whose guest is signalled less than once in 100 packets, as JSON",
	  "vnetdiag vhost summary --top 0 --count 1 --format json | "
	  "jq '.rows[] | select(.used_advance > 100 * .signals)'" },
	{}
};

const struct vnet_cmd vnet_cmd_vhost_summary = {
	.path = "vhost summary",
	.summary = "What vhost-net's workers do for each virtqueue, and their signals",
	.description =
		"Shows for each virtqueue between vhost-net and a guest how often its worker "
		"ran, the buffers that the guest offers, that are taken and that were "
		"returned, the signals that the guest got and those that it had switched "
		"off, and in a word what that means. Virtqueue, tap, worker and guest are "
		"joined by what the kernel has, not by their order.",
	.options = { options, vnet_common_options },
	.args_size = sizeof(struct vhost_args),
	.defaults = defaults,
	.check = vhost_check,
	.run = run,
	.wants = vhost_wants,
	.examples = examples,
};
