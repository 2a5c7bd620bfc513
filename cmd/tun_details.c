/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag tun details`: packets that met a full ring, one by one. */
#include "cmd/commands.h"
#include "cmd/tun.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

static const struct vnet_opt options[] = {
	{ "vm", 0, VNET_OPT_STRING, offsetof(struct tun_args, vm_names), "NAME[,...]",
	  "Only taps of these guests, by their names as 'vnetdiag topo' shows them" },
	{ "all", 0, VNET_OPT_FLAG, offsetof(struct tun_args, all), NULL,
	  "Every packet for a tap, also those that find room" },
	{ "stack", 's', VNET_OPT_FLAG, offsetof(struct tun_args, stack), NULL,
	  "Take the kernel stack of each: how the packet came to the tap" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct tun_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct tun_args, rate_limit), "N/s",
	  "Emit at most so many records a second; the others are counted" },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_tun_net_xmit, .typed = true },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

struct details {
	const struct tun_args *args;
	struct vnet_tun_config config;
};

enum {
	COL_DEVICE, COL_IFINDEX, COL_QUEUE, COL_FULL, COL_SIZE, COL_DEPTH, COL_PRODUCER,
	COL_HEAD, COL_TAIL, COL_CPU, COL_PID, COL_TID, COL_COMM, COL_FLOW, COL_LEN, COL_IP_ID,
	COL_TCP_SEQ, COL_ICMP_ID, COL_ICMP_SEQ, COL_STACK, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "device", VNET_T_STR },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE] = { "queue", "queue", VNET_T_U64 },
	[COL_FULL] = { "full", "full", VNET_T_BOOL },
	[COL_SIZE] = { "size", "size", VNET_T_U64 },
	[COL_DEPTH] = { "depth", "depth", VNET_T_U64 },
	[COL_PRODUCER] = { "producer", "producer", VNET_T_U64 },
	[COL_HEAD] = { "consumer_head", "head", VNET_T_U64 },
	[COL_TAIL] = { "consumer_tail", "tail", VNET_T_U64 },
	[COL_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[COL_PID] = { "pid", "pid", VNET_T_U64 },
	[COL_TID] = { "tid", "tid", VNET_T_U64, VNET_R_JSON },
	[COL_COMM] = { "comm", "comm", VNET_T_STR },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	[COL_LEN] = { "len", "len", VNET_T_U64 },
	[COL_IP_ID] = { "ip_id", "ip_id", VNET_T_U64 },
	[COL_TCP_SEQ] = { "tcp_seq", "seq", VNET_T_U64 },
	[COL_ICMP_ID] = { "icmp_id", "icmp_id", VNET_T_U64 },
	[COL_ICMP_SEQ] = { "icmp_seq", "icmp_seq", VNET_T_U64 },
	[COL_STACK] = { "stack", "Stack", VNET_T_STACK, VNET_R_LINE },
};

static int configure(struct vnet_run *run)
{
	struct details *d = run->ctx;
	int err = tun_netns(&d->config.netns);

	d->config.all = d->args->all;
	d->config.stack = d->args->stack;
	return err ?: vnet_session_set(run->session, "config", &d->config, sizeof(d->config));
}

static void fill_ring(const struct vnet_tun_ring *ring, struct vnet_value *v)
{
	if (!ring->size)
		return;
	v[COL_FULL] = vnet_bool(ring->full);
	v[COL_SIZE] = vnet_u64(ring->size);
	v[COL_DEPTH] = vnet_u64(ring->depth);
	v[COL_PRODUCER] = vnet_u64(ring->producer);
	v[COL_HEAD] = vnet_u64(ring->consumer_head);
	v[COL_TAIL] = vnet_u64(ring->consumer_tail);
}

static void fill_packet(struct vnet_report *report, const struct vnet_packet *p,
			struct vnet_value *v)
{
	struct vnet_flow *flow = vnet_report_alloc(report, sizeof(*flow));

	*flow = p->flow;
	v[COL_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	v[COL_LEN] = vnet_u64(p->len);
	if (p->has & VNET_HAS_IP)
		v[COL_IP_ID] = vnet_u64(p->ip_id);
	if (p->has & VNET_HAS_TCP)
		v[COL_TCP_SEQ] = vnet_u64(p->tcp_seq);
	if (p->has & VNET_HAS_ICMP) {
		v[COL_ICMP_ID] = vnet_u64(p->icmp_id);
		v[COL_ICMP_SEQ] = vnet_u64(p->icmp_seq);
	}
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	struct details *d = run->ctx;
	const struct vnet_tun_record *r = data;
	struct vnet_value *v;

	/* A perf buffer may add padding. */
	if (size < (d->args->stack ? sizeof(*r) : offsetof(struct vnet_tun_record, stack))) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	report->time_ns = r->time_ns + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES,
						      columns, NR_COLUMNS));
	v[COL_DEVICE] = vnet_str(tun_name(report, &d->args->common.device, r->ifindex));
	v[COL_IFINDEX] = vnet_u64(r->ifindex);
	v[COL_QUEUE] = vnet_u64(r->queue);
	fill_ring(&r->ring, v);
	v[COL_CPU] = vnet_u64(r->cpu);
	v[COL_PID] = vnet_u64(r->pid);
	v[COL_TID] = vnet_u64(r->tid);
	v[COL_COMM] = vnet_str(vnet_report_printf(report, "%.16s", r->comm));
	fill_packet(report, &r->packet, v);
	if (d->args->stack && r->stack.ip[0])
		v[COL_STACK] = (struct vnet_value){
			.type = VNET_T_STACK,
			.stack = vnet_symbol_stack(report, r->stack.ip, VNET_STACK_DEPTH, 0),
		};
	return 0;
}

static int check(void *args)
{
	struct tun_args *a = args;

	return tun_find_devices(a->vm_names, &a->common.device);
}

static int run(void *args)
{
	struct details d = { .args = args };
	struct vnet_pair pair = { "vm", d.args->vm_names };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_tun_details,
		.args = args,
		.object = "tun_details",
		.title = "Packets at the rings of taps",
		.rate_limit = d.args->rate_limit,
		.limit = d.args->limit,
		.pairs = &pair,
		.nr_pairs = !!d.args->vm_names,
		.configure = configure,
		.record = record,
		.ctx = &d,
	};

	m.wants = wants(args, &m.nr_wants);
	return vnet_measure(&m);
}

static const struct vnet_cmd_example examples[] = {
	{ "The next ten packets that find the ring of a guest full",
	  "vnetdiag tun details --device vnet0 --limit 10" },
	{ "Every packet of one flow on its way into a ring, with stacks",
	  "vnetdiag tun details --all --device vnet0 --dst-ip 10.0.0.12 --protocol tcp --stack" },
	{ "Which flows meet full rings, as JSON",
	  "vnetdiag tun details --rate-limit 100/s --format json | "
	  "jq -c '[.device, .queue, .flow]'" },
	{}
};

const struct vnet_cmd vnet_cmd_tun_details = {
	.path = "tun details",
	.summary = "Each packet that meets a full ring of a tap",
	.description =
		"Shows one record for each packet that comes to a tap and finds the ring of "
		"its queue full, which the kernel then drops; with '--all' for every packet. "
		"A record has the ring's size, depth and indices as the packet met them, "
		"and the packet's flow.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct tun_args),
	.check = check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
