/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag vhost details`: what a worker does for its virtqueues, one by one. */
#include "cmd/commands.h"
#include "cmd/vhost.h"
#include "vnet/util.h"

static const char *const event_names[] = { "run", "used", "signal", NULL };

static const struct vnet_opt options[] = {
	{ "device", 0, VNET_OPT_DEVICES, offsetof(struct vhost_args, common.device),
	  "DEVICE[,...]", "Only the virtqueues behind these taps, instead of all of this host" },
	{ "vm", 0, VNET_OPT_STRING, offsetof(struct vhost_args, vm_names), "NAME[,...]",
	  "The same by the guests' names, as 'vnetdiag topo' shows them" },
	{ "event", 'e', VNET_OPT_ENUM_SET, offsetof(struct vhost_args, events), "EVENT[,...]",
	  "Only these events", event_names },
	{ "flagged", 0, VNET_OPT_FLAG, offsetof(struct vhost_args, flagged), NULL,
	  "Only where an index did not move as it should" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct vhost_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct vhost_args, rate_limit), "N/s",
	  "Emit at most so many records a second; the others are counted" },
	{}
};

enum {
	COL_EVENT, COL_DEVICE, COL_IFINDEX, COL_NETNS, COL_QUEUE, COL_DIRECTION, COL_WORKER,
	COL_CPU, COL_LAST_AVAIL, COL_LAST_USED, COL_TAKEN, COL_USED, COL_BEFORE, COL_CAUSE,
	COL_FLAGS, COL_ADDRESS, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_EVENT] = { "event", "event", VNET_T_STR, VNET_R_HEAD },
	[COL_DEVICE] = { "device", "device", VNET_T_STR },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE] = { "queue", "queue", VNET_T_U64 },
	[COL_DIRECTION] = { "direction", "dir", VNET_T_STR },
	[COL_WORKER] = { "worker_tid", "worker", VNET_T_U64 },
	[COL_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[COL_LAST_AVAIL] = { "last_avail_idx", "avail", VNET_T_U64 },
	[COL_LAST_USED] = { "last_used_idx", "used", VNET_T_U64 },
	[COL_TAKEN] = { "taken_advance", "taken", VNET_T_S64 },
	[COL_USED] = { "used_advance", "returned", VNET_T_S64 },
	[COL_BEFORE] = { "return_before", "before", VNET_T_STR },
	[COL_CAUSE] = { "suppressed_by", "by", VNET_T_STR },
	[COL_FLAGS] = { "flags", "flags", VNET_T_LIST },
	[COL_ADDRESS] = { "virtqueue", "virtqueue", VNET_T_HEX, VNET_R_JSON },
};

/* By bit of vnet_vhost_record.flags. */
static const char *const flag_names[] = { "jump", "backward", "repeat" };

struct details {
	const struct vhost_args *args;
	struct vnet_vhost_config config;
};

static int configure(struct vnet_run *run)
{
	struct details *d = run->ctx;

	d->config = (struct vnet_vhost_config){ d->args->events, d->args->flagged };
	return vnet_session_set(run->session, "config", &d->config, sizeof(d->config));
}

static struct vnet_value flags_value(struct vnet_report *report, uint32_t flags)
{
	struct vnet_list *list = vnet_report_alloc(report, sizeof(*list));

	list->items = vnet_report_alloc(report, sizeof(flag_names));
	for (size_t i = 0; i < VNET_ARRAY_SIZE(flag_names); i++)
		if (flags & 1u << i)
			list->items[list->nr++] = flag_names[i];
	return (struct vnet_value){ .type = VNET_T_LIST, .list = list };
}

/* A signal moves no index, and settles nothing. */
static void fill_step(const struct vnet_vhost_record *r, struct vnet_value *v)
{
	if (r->event == VNET_VHOST_SIGNAL)
		return;
	v[COL_TAKEN] = (struct vnet_value){ .type = VNET_T_S64, .s64 = r->taken };
	v[COL_USED] = (struct vnet_value){ .type = VNET_T_S64, .s64 = r->returned };
	if (r->chance == VNET_VHOST_SIGNALLED)
		v[COL_BEFORE] = vnet_str("signalled");
	if (r->chance != VNET_VHOST_OPEN || r->cause >= VNET_VHOST_CAUSES)
		return;
	v[COL_BEFORE] = vnet_str("suppressed");
	v[COL_CAUSE] = vnet_str(vhost_causes[r->cause]);
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	const struct vnet_vhost_record *r = data;
	struct vnet_value *v;

	/* A perf buffer may add padding. */
	if (size < sizeof(*r) || r->event >= VNET_VHOST_EVENTS ||
	    r->direction >= VNET_VHOST_DIRECTIONS) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	report->time_ns = r->time_ns + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES, columns,
						      NR_COLUMNS));
	v[COL_EVENT] = vnet_str(event_names[r->event]);
	if (r->tap.ifindex) {
		v[COL_DEVICE] = vnet_str(vnet_report_printf(report, "%.16s", r->tap.device));
		v[COL_IFINDEX] = vnet_u64(r->tap.ifindex);
		v[COL_NETNS] = vnet_u64(r->tap.netns);
		v[COL_QUEUE] = vnet_u64(r->tap.queue);
	}
	v[COL_DIRECTION] = vnet_str(vhost_directions[r->direction]);
	v[COL_WORKER] = vnet_u64(r->tid);
	v[COL_CPU] = vnet_u64(r->cpu);
	v[COL_LAST_AVAIL] = vnet_u64(r->last_avail);
	v[COL_LAST_USED] = vnet_u64(r->last_used);
	fill_step(r, v);
	v[COL_FLAGS] = flags_value(report, r->flags);
	v[COL_ADDRESS] = (struct vnet_value){ .type = VNET_T_HEX, .u64 = r->address };
	return 0;
}

static void defaults(void *args)
{
	struct vhost_args *a = args;

	a->events = (1u << VNET_VHOST_EVENTS) - 1;
}

static int run(void *args)
{
	struct details d = { .args = args };
	struct vnet_pair pair;
	struct vnet_measure m = {
		.cmd = &vnet_cmd_vhost_details,
		.args = args,
		.object = "vhost_details",
		.title = "Events of virtqueues",
		.rate_limit = d.args->rate_limit,
		.limit = d.args->limit,
		.pairs = &pair,
		.configure = configure,
		.record = record,
		.ctx = &d,
	};

	m.nr_pairs = vhost_pair(args, &pair);
	m.wants = vhost_wants(args, &m.nr_wants);
	return vnet_measure(&m);
}

static const struct vnet_cmd_example examples[] = {
	{ "What the worker of one guest does", "vnetdiag vhost details --device vnet0 --limit 50" },
	{ "Indices that go where they should not, of all guests",
	  "vnetdiag vhost details --flagged" },
	{ "When one queue of many is signalled, as JSON",
	  "vnetdiag vhost details --event signal --format json | "
	  "jq -c 'select(.queue == 2 and .direction == \"rx\") | .time'" },
	{}
};

const struct vnet_cmd vnet_cmd_vhost_details = {
	.path = "vhost details",
	.summary = "Each time that vhost-net works for a virtqueue, or signals its guest",
	.description =
		"Shows one record each time that a worker of vhost-net begins to work for a "
		"virtqueue, returns buffers or signals the guest: with the virtqueue's indices, "
		"how far they moved since the record before, whether the return before was "
		"signalled or why not, and a flag where an index did not move as it should.",
	.options = { options, vnet_common_options },
	.args_size = sizeof(struct vhost_args),
	.defaults = defaults,
	.check = vhost_check,
	.run = run,
	.wants = vhost_wants,
	.examples = examples,
};
