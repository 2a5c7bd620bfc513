/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag vhost signal`: who was signalled, how often, and who did not want to be. */
#include <stdlib.h>
#include <string.h>

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
	  "Virtqueues shown, those with most signals first; 0 for all" },
	{}
};

struct signals {
	const struct vhost_args *args;
	struct vhost_reader *reader;
};

enum {
	COL_DEVICE, COL_QUEUE, COL_DIRECTION, COL_VM, COL_PID, COL_WORKER, COL_EVENTFD,
	COL_CHANCES, COL_SIGNALS, COL_RATE, COL_SHARE, COL_NO_INTERRUPT, COL_EVENT_INDEX,
	COL_NO_EVENTFD, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[COL_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[COL_DIRECTION] = { "direction", "DIR", VNET_T_STR },
	[COL_VM] = { "vm", "VM", VNET_T_STR },
	[COL_PID] = { "pid", "PID", VNET_T_U64, VNET_R_JSON },
	[COL_WORKER] = { "worker_tid", "WORKER", VNET_T_U64 },
	[COL_EVENTFD] = { "eventfd_id", "EVENTFD", VNET_T_U64 },
	[COL_CHANCES] = { "opportunities", "RETURNS", VNET_T_U64 },
	[COL_SIGNALS] = { "signals", "SIGNALS", VNET_T_U64 },
	[COL_RATE] = { "signals_per_s", "SIGNALS/s", VNET_T_U64 },
	[COL_SHARE] = { "signalled_percent", "%", VNET_T_U64 },
	[COL_NO_INTERRUPT] = { "no_interrupt", "NO INTR", VNET_T_U64 },
	[COL_EVENT_INDEX] = { "event_index", "EVENT IDX", VNET_T_U64 },
	[COL_NO_EVENTFD] = { "no_eventfd", "NO EVENTFD", VNET_T_U64 },
};

static int started(struct vnet_run *run)
{
	struct signals *s = run->ctx;

	return vhost_reader_begin(s->reader, run->session);
}

static void fill_row(struct vnet_report *report, const struct vhost_queue *q,
		     const struct vnet_span *span, struct vnet_value *v)
{
	if (q->tap.ifindex) {
		v[COL_DEVICE] = vnet_str(vnet_report_strdup(report, q->tap.device));
		v[COL_QUEUE] = vnet_u64(q->tap.queue);
	}
	v[COL_DIRECTION] = vnet_str(vhost_directions[q->direction]);
	v[COL_VM] = vnet_str(q->vm ? vnet_report_strdup(report, q->vm) : NULL);
	if (q->pid)
		v[COL_PID] = vnet_u64(q->pid);
	if (q->tid)
		v[COL_WORKER] = vnet_u64(q->tid);
	if (q->ring.eventfd)
		v[COL_EVENTFD] = vnet_u64(q->ring.eventfd - 1);
	v[COL_CHANCES] = vnet_u64(q->chances);
	v[COL_SIGNALS] = vnet_u64(q->signals);
	v[COL_RATE] = vnet_span_rate(span, q->signals);
	if (q->chances)
		v[COL_SHARE] = vnet_u64(q->signals * 100 / q->chances);
	v[COL_NO_INTERRUPT] = vnet_u64(q->suppressed[VNET_VHOST_NO_INTERRUPT]);
	v[COL_EVENT_INDEX] = vnet_u64(q->suppressed[VNET_VHOST_EVENT_INDEX]);
	v[COL_NO_EVENTFD] = vnet_u64(q->suppressed[VNET_VHOST_NO_EVENTFD]);
}

static int by_signals(const void *a, const void *b)
{
	const struct vhost_queue *x = *(struct vhost_queue *const *)a;
	const struct vhost_queue *y = *(struct vhost_queue *const *)b;

	if (x->signals != y->signals)
		return x->signals > y->signals ? -1 : 1;
	return vhost_by_place(x, y);
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct signals *s = run->ctx;
	struct vhost_queue **queues;
	struct vnet_table *table;
	uint64_t hidden, sum = 0;
	size_t nr;
	int err = vhost_read(s->reader, run->session, &queues, &nr, &hidden);

	if (err)
		return err;
	if (nr)
		qsort(queues, nr, sizeof(*queues), by_signals);
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (size_t i = 0; i < nr; i++) {
		if (!s->args->top || i < s->args->top)
			fill_row(report, queues[i], span, vnet_report_row(report, table));
		sum += queues[i]->signals;
	}
	if (!nr)
		table->heading = VHOST_NONE;
	vnet_report_extra(report, "virtqueues", "Virtqueues", vnet_u64(nr));
	vnet_report_extra(report, "signals", "Signals", vnet_u64(sum));
	vhost_add_hidden(report, hidden);
	return 0;
}

static void defaults(void *args)
{
	struct vhost_args *a = args;

	a->top = DEFAULT_TOP;
}

static int run(void *args)
{
	struct signals s = { .args = args };
	struct vnet_pair pair;
	struct vnet_measure m = {
		.cmd = &vnet_cmd_vhost_signal,
		.args = args,
		.object = "vhost_summary",
		.title = "Signals to guests",
		.pairs = &pair,
		.started = started,
		.interval = interval,
		.ctx = &s,
	};
	int status;

	m.nr_pairs = vhost_pair(args, &pair);
	m.wants = vhost_wants(args, &m.nr_wants);
	s.reader = vhost_reader_new(&s.args->common.device);
	status = vnet_measure(&m);
	vhost_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "Who is signalled most", "vnetdiag vhost signal" },
	{ "One guest's signals each second, as JSON",
	  "vnetdiag vhost signal --vm web1 --interval 1s --format json | "
	  "jq -c '.rows[] | [.queue, .direction, .signals]'" },
	{}
};

const struct vnet_cmd vnet_cmd_vhost_signal = {
	.path = "vhost signal",
	.summary = "Signals of vhost-net to its guests, by queue and eventfd",
	.description =
		"Shows for each virtqueue between vhost-net and a guest how often buffers were "
		"returned, after how many of these returns the guest was signalled, and why "
		"not after the others. The eventfd is the one that KVM turns into an "
		"interrupt of the guest.",
	.options = { options, vnet_common_options },
	.args_size = sizeof(struct vhost_args),
	.defaults = defaults,
	.check = vhost_check,
	.run = run,
	.wants = vhost_wants,
	.examples = examples,
};
