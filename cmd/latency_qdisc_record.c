/* SPDX-License-Identifier: GPL-2.0-only */
/* The records of `latency qdisc --threshold`. */
#include "cmd/latency_qdisc.h"
#include "vnet/netlink.h"

enum {
	COL_DEVICE, COL_IFINDEX, COL_NETNS, COL_QUEUE, COL_KIND, COL_HANDLE, COL_SOJOURN,
	COL_BACKLOG, COL_BYPASSED, COL_CPU, COL_DRIVER_CPU, COL_PID, COL_TID, COL_COMM,
	COL_FLOW, COL_LEN, COL_IP_ID, COL_TCP_SEQ, COL_ICMP_ID, COL_ICMP_SEQ, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_DEVICE] = { "device", "device", VNET_T_STR },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[COL_QUEUE] = { "queue", "queue", VNET_T_U64 },
	[COL_KIND] = { "kind", "qdisc", VNET_T_STR },
	[COL_HANDLE] = { "handle", "handle", VNET_T_STR },
	[COL_SOJOURN] = { "sojourn_ns", "sojourn", VNET_T_NS },
	[COL_BACKLOG] = { "backlog", "backlog", VNET_T_U64 },
	[COL_BYPASSED] = { "bypassed", "bypassed", VNET_T_BOOL },
	[COL_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[COL_DRIVER_CPU] = { "driver_cpu", "driver_cpu", VNET_T_U64 },
	[COL_PID] = { "pid", "pid", VNET_T_U64 },
	[COL_TID] = { "tid", "tid", VNET_T_U64, VNET_R_JSON },
	[COL_COMM] = { "comm", "comm", VNET_T_STR },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	[COL_LEN] = { "len", "len", VNET_T_U64 },
	[COL_IP_ID] = { "ip_id", "ip_id", VNET_T_U64 },
	[COL_TCP_SEQ] = { "tcp_seq", "seq", VNET_T_U64 },
	[COL_ICMP_ID] = { "icmp_id", "icmp_id", VNET_T_U64 },
	[COL_ICMP_SEQ] = { "icmp_seq", "icmp_seq", VNET_T_U64 },
};

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

static void fill_stay(const struct vnet_run *run, struct vnet_report *report,
		      const struct vnet_txq_record *r, struct vnet_value *v)
{
	const struct vnet_txq_wait *wait = &r->wait;
	char handle[24];

	v[COL_QUEUE] = vnet_u64(wait->queue);
	if (r->kind[0]) {
		vnet_qdisc_handle_text(r->handle, handle);
		v[COL_KIND] = vnet_str(vnet_report_printf(report, "%.16s", r->kind));
		v[COL_HANDLE] = vnet_str(vnet_report_strdup(report, handle));
	}
	v[COL_SOJOURN] = vnet_ns(r->sojourn_ns);
	if (wait->backlog != VNET_TXQ_NO_BACKLOG)
		v[COL_BACKLOG] = vnet_u64(wait->backlog);
	if (vnet_run_has(run, VNET_P_qdisc_dequeue))
		v[COL_BYPASSED] = vnet_bool(r->bypassed);
	v[COL_CPU] = vnet_u64(wait->cpu);
	v[COL_DRIVER_CPU] = vnet_u64(r->cpu);
	v[COL_PID] = vnet_u64(wait->pid);
	v[COL_TID] = vnet_u64(wait->tid);
	v[COL_COMM] = vnet_str(vnet_report_printf(report, "%.16s", wait->comm));
}

int txq_record(struct vnet_run *run, const struct vnet_devices *devices, uint64_t netns,
	       const void *data, size_t size, struct vnet_report *report)
{
	const struct vnet_txq_record *r = data;
	struct vnet_value *v;

	/* A perf buffer may add padding. */
	if (size < sizeof(*r)) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	report->time_ns = r->time_ns + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES,
						      columns, NR_COLUMNS));
	for (uint32_t i = 0; i < devices->nr; i++)
		if (devices->ifindex[i] == r->wait.ifindex)
			v[COL_DEVICE] = vnet_str(devices->names[i]);
	v[COL_IFINDEX] = vnet_u64(r->wait.ifindex);
	v[COL_NETNS] = vnet_u64(netns);
	fill_stay(run, report, r, v);
	fill_packet(report, &r->packet, v);
	return 0;
}
