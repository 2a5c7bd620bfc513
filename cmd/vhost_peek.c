/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag vhost peek`: whether vhost's workers find packets when they look. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

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
	  "Queues shown, those with most looks first; 0 for all" },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_handle_rx, .typed = true },
	{ VNET_P_vhost_peek_ret, .typed = true },
	{ VNET_P_tun_net_xmit, .optional = true, .without = "no virtqueue has a tap",
	  .typed = true, .types = true },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

/* A queue's looks, and what they were when the last interval ended. */
struct looks {
	uint64_t address;
	bool seen;
	struct vnet_vhost_looks now, before;
};

struct peek {
	const struct vhost_args *args;
	struct vhost_reader *reader;
	struct looks *looks;
	size_t nr;
};

enum {
	COL_DEVICE, COL_QUEUE, COL_VM, COL_PID, COL_WORKER, COL_RUNS, COL_VAIN, COL_LOOKS,
	COL_FOUND, COL_EMPTY, COL_SHARE, COL_RATE, COL_P50, COL_MAX, COL_DEPTH, COL_HISTOGRAM,
	NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[COL_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[COL_VM] = { "vm", "VM", VNET_T_STR },
	[COL_PID] = { "pid", "PID", VNET_T_U64, VNET_R_JSON },
	[COL_WORKER] = { "worker_tid", "WORKER", VNET_T_U64 },
	[COL_RUNS] = { "runs", "RUNS", VNET_T_U64 },
	[COL_VAIN] = { "runs_in_vain", "IN VAIN", VNET_T_U64 },
	[COL_LOOKS] = { "looks", "LOOKS", VNET_T_U64 },
	[COL_FOUND] = { "found", "FOUND", VNET_T_U64 },
	[COL_EMPTY] = { "empty", "EMPTY", VNET_T_U64 },
	[COL_SHARE] = { "empty_percent", "EMPTY %", VNET_T_U64 },
	[COL_RATE] = { "looks_per_s", "LOOKS/s", VNET_T_U64, VNET_R_JSON },
	[COL_P50] = { "length_p50", "LENGTH P50", VNET_T_U64 },
	[COL_MAX] = { "length_max", "MAX", VNET_T_U64 },
	[COL_DEPTH] = { "ring_depth", "RING", VNET_T_U64 },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST_N },
};

static struct looks *looks_of(struct peek *p, uint64_t address)
{
	for (size_t i = 0; i < p->nr; i++)
		if (p->looks[i].address == address)
			return &p->looks[i];
	p->looks = vnet_realloc(p->looks, (p->nr + 1) * sizeof(*p->looks));
	memset(&p->looks[p->nr], 0, sizeof(*p->looks));
	p->looks[p->nr].address = address;
	return &p->looks[p->nr++];
}

/* Of each queue; those of queues that went are deleted with them. */
static int take_looks(struct peek *p, struct vnet_session *session,
		      struct vhost_queue *const *queues, size_t nr)
{
	int fd = vnet_session_map(session, "looks");
	size_t kept = 0;

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < p->nr; i++)
		p->looks[i].seen = false;
	for (size_t i = 0; i < nr; i++) {
		struct looks *l = looks_of(p, queues[i]->address);

		l->seen = queues[i]->state != VHOST_GONE;
		/* None yet: it did not run. */
		bpf_map_lookup_elem(fd, &l->address, &l->now);
		if (!l->seen)
			bpf_map_delete_elem(fd, &l->address);
	}
	for (size_t i = 0; i < p->nr; i++)
		if (p->looks[i].seen)
			p->looks[kept++] = p->looks[i];
	p->nr = kept;
	return 0;
}

static void fill_looks(struct vnet_report *report, struct looks *l, const struct vnet_span *span,
		       struct vnet_value *v)
{
	struct vnet_hist *found = vnet_report_alloc(report, sizeof(*found));
	uint64_t empty = l->now.empty - l->before.empty, looks;

	*found = l->now.found;
	vnet_hist_since(found, &l->before.found);
	looks = found->count + empty;
	v[COL_VAIN] = vnet_u64(l->now.vain - l->before.vain);
	v[COL_LOOKS] = vnet_u64(looks);
	v[COL_FOUND] = vnet_u64(found->count);
	v[COL_EMPTY] = vnet_u64(empty);
	v[COL_RATE] = vnet_span_rate(span, looks);
	v[COL_HISTOGRAM] = (struct vnet_value){ .type = VNET_T_HIST_N, .hist = found };
	if (looks)
		v[COL_SHARE] = vnet_u64(empty * 100 / looks);
	if (found->count) {
		v[COL_P50] = vnet_u64(vnet_hist_percentile(found, 500));
		v[COL_MAX] = vnet_u64(found->max);
	}
	l->before = l->now;
}

static void fill_row(struct vnet_report *report, const struct vhost_queue *q,
		     struct vnet_value *v)
{
	if (q->tap.ifindex) {
		v[COL_DEVICE] = vnet_str(vnet_report_strdup(report, q->tap.device));
		v[COL_QUEUE] = vnet_u64(q->tap.queue);
		v[COL_DEPTH] = vnet_u64(q->ring.depth);
	}
	v[COL_VM] = vnet_str(q->vm ? vnet_report_strdup(report, q->vm) : NULL);
	if (q->pid)
		v[COL_PID] = vnet_u64(q->pid);
	if (q->tid)
		v[COL_WORKER] = vnet_u64(q->tid);
	v[COL_RUNS] = vnet_u64(q->handled);
}

static int by_runs(const void *a, const void *b)
{
	const struct vhost_queue *x = *(struct vhost_queue *const *)a;
	const struct vhost_queue *y = *(struct vhost_queue *const *)b;

	if (x->handled != y->handled)
		return x->handled > y->handled ? -1 : 1;
	return vhost_by_place(x, y);
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct peek *p = run->ctx;
	struct vhost_queue **queues;
	struct vnet_table *table;
	uint64_t hidden, nr_rx = 0;
	size_t nr;
	int err = vhost_read(p->reader, run->session, &queues, &nr, &hidden);

	if (err)
		return err;
	if (nr)
		qsort(queues, nr, sizeof(*queues), by_runs);
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	err = take_looks(p, run->session, queues, nr);
	for (size_t i = 0; i < nr && !err; i++) {
		struct vnet_value *v, unshown[NR_COLUMNS];
		bool shown = !p->args->top || nr_rx < p->args->top;

		if (queues[i]->direction != VNET_VHOST_RX || queues[i]->state == VHOST_GONE)
			continue;
		nr_rx++;
		v = shown ? vnet_report_row(report, table) : unshown;
		fill_row(report, queues[i], v);
		fill_looks(report, looks_of(p, queues[i]->address), span, v);
	}
	if (!nr_rx)
		table->heading = VHOST_NONE;
	vnet_report_extra(report, "virtqueues", "Virtqueues", vnet_u64(nr_rx));
	vhost_add_hidden(report, hidden);
	return err;
}

static int started(struct vnet_run *run)
{
	struct peek *p = run->ctx;

	return vhost_reader_begin(p->reader, run->session);
}

static void defaults(void *args)
{
	struct vhost_args *a = args;

	a->top = DEFAULT_TOP;
}

static int run(void *args)
{
	struct peek p = { .args = args };
	struct vnet_pair pair;
	struct vnet_measure m = {
		.cmd = &vnet_cmd_vhost_peek,
		.args = args,
		.object = "vhost_peek",
		.title = "Looks for packets of taps",
		.pairs = &pair,
		.started = started,
		.interval = interval,
		.ctx = &p,
	};
	int status;

	m.nr_pairs = vhost_pair(args, &pair);
	m.wants = wants(args, &m.nr_wants);
	p.reader = vhost_reader_new(&p.args->common.device);
	status = vnet_measure(&m);
	vhost_reader_free(p.reader);
	free(p.looks);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "Which workers run in vain, and which always find more", "vnetdiag vhost peek" },
	{ "The lengths of the packets for one guest, drawn",
	  "vnetdiag vhost peek --device vnet0 --format hist" },
	{}
};

const struct vnet_cmd vnet_cmd_vhost_peek = {
	.path = "vhost peek",
	.summary = "Whether vhost-net's workers find packets when they look for some",
	.description =
		"Shows for each queue how often vhost-net's worker looked for a packet of the "
		"tap, how often it found one and of which lengths, and how often it ran in "
		"vain. A worker that never finds the ring empty is saturated; one that mostly "
		"does is polling.",
	.options = { options, vnet_common_options },
	.args_size = sizeof(struct vhost_args),
	.defaults = defaults,
	.check = vhost_check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
