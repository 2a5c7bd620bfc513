/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag drop details`: each dropped packet that passes the filter. */
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/drop.h"
#include "vnet/log.h"
#include "vnet/pcapng.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

#define DEFAULT_SNAP	256

static const struct vnet_opt options[] = {
	{ "stack", 's', VNET_OPT_FLAG, offsetof(struct drop_args, stack), NULL,
	  "Take the kernel stack of each drop" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct drop_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct drop_args, rate_limit), "N/s",
	  "Emit at most so many records a second; the others are counted" },
	{ "pcap", 'w', VNET_OPT_FILE, offsetof(struct drop_args, pcap), "FILE",
	  "Also write the dropped packets to a pcapng file, the reason as a comment" },
	{ "snap-length", 0, VNET_OPT_U32, offsetof(struct drop_args, snap_length), "BYTES",
	  "Bytes kept of each packet for --pcap", .min = 14,
	  .max = VNET_DROP_SNAP_MAX },
	{}
};

struct details {
	const struct drop_args *args;
	struct vnet_drop_config config;
	struct vnet_reasons *reasons;
	struct vnet_pcapng *pcap;
	int status;		/* of a failed configuration */
};

/* A member of a record: its column and how it is read. */
enum {
	COL_CPU, COL_PID, COL_TID, COL_COMM, COL_DEVICE, COL_DEVICE_TEXT, COL_IFINDEX,
	COL_NETNS, COL_NETNS_TEXT, COL_REASON, COL_REASON_TEXT, COL_INFERRED,
	COL_LOCATION, COL_FLOW, COL_SRC_MAC, COL_DST_MAC, COL_VLAN2, COL_LEN, COL_IP_LEN,
	COL_IP_ID, COL_TTL, COL_TOS, COL_DF, COL_MF, COL_FRAG_OFF, COL_TCP_FLAGS,
	COL_TCP_SEQ, COL_TCP_ACK, COL_ICMP_TYPE, COL_ICMP_CODE,
	COL_ICMP_ID, COL_ICMP_SEQ, COL_ARP_OP, COL_VNI, COL_GSO_SIZE, COL_GSO_SEGS,
	COL_GSO_TYPE, COL_STACK, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[COL_PID] = { "pid", "pid", VNET_T_U64 },
	[COL_TID] = { "tid", "tid", VNET_T_U64, VNET_R_JSON },
	[COL_COMM] = { "comm", "comm", VNET_T_STR },
	[COL_DEVICE] = { "device", "device", VNET_T_STR, VNET_R_JSON },
	[COL_DEVICE_TEXT] = { "device_text", "device", VNET_T_STR, VNET_R_TEXT },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS_TEXT] = { "netns_name", "netns", VNET_T_STR, VNET_R_TEXT },
	[COL_REASON] = { "reason", "reason", VNET_T_STR, VNET_R_JSON },
	[COL_REASON_TEXT] = { "reason_text", "reason", VNET_T_STR, VNET_R_TEXT },
	[COL_INFERRED] = { "reason_inferred", "inferred", VNET_T_BOOL, VNET_R_JSON },
	[COL_LOCATION] = { "location", "location", VNET_T_STR },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	[COL_SRC_MAC] = { "src_mac", "src_mac", VNET_T_STR },
	[COL_DST_MAC] = { "dst_mac", "dst_mac", VNET_T_STR },
	[COL_VLAN2] = { "vlan2", "vlan2", VNET_T_U64 },
	[COL_LEN] = { "len", "len", VNET_T_U64 },
	[COL_IP_LEN] = { "ip_len", "ip_len", VNET_T_U64, VNET_R_JSON },
	[COL_IP_ID] = { "ip_id", "ip_id", VNET_T_U64 },
	[COL_TTL] = { "ttl", "ttl", VNET_T_U64 },
	[COL_TOS] = { "tos", "tos", VNET_T_U64, VNET_R_JSON },
	[COL_DF] = { "df", "df", VNET_T_BOOL, VNET_R_JSON },
	[COL_MF] = { "mf", "mf", VNET_T_BOOL, VNET_R_JSON },
	[COL_FRAG_OFF] = { "frag_off", "frag_off", VNET_T_U64 },
	[COL_TCP_FLAGS] = { "tcp_flags", "tcp_flags", VNET_T_STR },
	[COL_TCP_SEQ] = { "tcp_seq", "seq", VNET_T_U64 },
	[COL_TCP_ACK] = { "tcp_ack", "ack", VNET_T_U64 },
	[COL_ICMP_TYPE] = { "icmp_type", "icmp_type", VNET_T_U64 },
	[COL_ICMP_CODE] = { "icmp_code", "icmp_code", VNET_T_U64 },
	[COL_ICMP_ID] = { "icmp_id", "icmp_id", VNET_T_U64 },
	[COL_ICMP_SEQ] = { "icmp_seq", "icmp_seq", VNET_T_U64 },
	[COL_ARP_OP] = { "arp_op", "arp_op", VNET_T_U64 },
	[COL_VNI] = { "vni", "vni", VNET_T_U64 },
	[COL_GSO_SIZE] = { "gso_size", "gso_size", VNET_T_U64 },
	[COL_GSO_SEGS] = { "gso_segs", "gso_segs", VNET_T_U64 },
	[COL_GSO_TYPE] = { "gso_type", "gso_type", VNET_T_HEX },
	[COL_STACK] = { "stack", "Stack", VNET_T_STACK, VNET_R_LINE },
};

static int configure(struct vnet_run *run)
{
	struct details *d = run->ctx;
	int err;

	d->status = drop_configure(run, d->args, &d->config, &d->reasons);
	if (d->status)
		return -EINVAL;
	d->config.stack = d->args->stack;
	d->config.pcap_snap = d->args->pcap ? d->args->snap_length : 0;
	if (d->args->pcap) {
		err = vnet_pcapng_open(&d->pcap, d->args->pcap, d->args->snap_length);
		if (err) {
			vnet_error("cannot write '%s': %s", d->args->pcap, strerror(-err));
			return err;
		}
	}
	return vnet_session_set(run->session, "config", &d->config, sizeof(d->config));
}

static const char *mac_text(struct vnet_report *report, const uint8_t *m)
{
	return vnet_report_printf(report, "%02x:%02x:%02x:%02x:%02x:%02x",
				  m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* "SYN,ACK", in the order of the bits. */
static const char *tcp_flags_text(struct vnet_report *report, uint8_t flags)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	char text[40] = "";

	for (int i = 0; i < 8; i++) {
		size_t used = strlen(text);

		if (flags & 1 << i)
			snprintf(text + used, sizeof(text) - used, "%s%s",
				 used ? "," : "", names[i]);
	}
	return vnet_report_strdup(report, text);
}

static void fill_ip(const struct vnet_packet *p, struct vnet_value *v)
{
	v[COL_IP_LEN] = vnet_u64(p->ip_len);
	v[COL_IP_ID] = vnet_u64(p->ip_id);
	v[COL_TTL] = vnet_u64(p->ttl);
	v[COL_TOS] = vnet_u64(p->tos);
	v[COL_DF] = vnet_bool(p->ip_flags & VNET_IP_DF);
	v[COL_MF] = vnet_bool(p->ip_flags & VNET_IP_MF);
	if (p->frag_off || p->ip_flags & VNET_IP_MF)
		v[COL_FRAG_OFF] = vnet_u64(p->frag_off);
}

static void fill_layer4(struct vnet_report *report, const struct vnet_packet *p,
			struct vnet_value *v)
{
	if (p->has & VNET_HAS_TCP) {
		v[COL_TCP_FLAGS] = vnet_str(tcp_flags_text(report, p->tcp_flags));
		v[COL_TCP_SEQ] = vnet_u64(p->tcp_seq);
		v[COL_TCP_ACK] = vnet_u64(p->tcp_ack);
	}
	if (p->has & VNET_HAS_ICMP) {
		v[COL_ICMP_TYPE] = vnet_u64(p->icmp_type);
		v[COL_ICMP_CODE] = vnet_u64(p->icmp_code);
		v[COL_ICMP_ID] = vnet_u64(p->icmp_id);
		v[COL_ICMP_SEQ] = vnet_u64(p->icmp_seq);
	}
}

static void fill_packet(struct vnet_report *report, const struct vnet_packet *p,
			struct vnet_value *v)
{
	struct vnet_flow *flow = vnet_report_alloc(report, sizeof(*flow));

	*flow = p->flow;
	v[COL_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	v[COL_LEN] = vnet_u64(p->len);
	if (p->has & VNET_HAS_MAC) {
		v[COL_SRC_MAC] = vnet_str(mac_text(report, p->src_mac));
		v[COL_DST_MAC] = vnet_str(mac_text(report, p->dst_mac));
	}
	if (p->has & VNET_HAS_VLAN2)
		v[COL_VLAN2] = vnet_u64(p->vlan2);
	if (p->has & VNET_HAS_IP)
		fill_ip(p, v);
	fill_layer4(report, p, v);
	if (p->has & VNET_HAS_ARP)
		v[COL_ARP_OP] = vnet_u64(p->arp_op);
	if (p->has & VNET_HAS_TUNNEL)
		v[COL_VNI] = vnet_u64(p->vni);
	if (p->gso_size) {
		v[COL_GSO_SIZE] = vnet_u64(p->gso_size);
		v[COL_GSO_SEGS] = vnet_u64(p->gso_segs);
		v[COL_GSO_TYPE] = (struct vnet_value){ .type = VNET_T_HEX, .u64 = p->gso_type };
	}
}

static void fill_origin(struct vnet_report *report, const struct vnet_drop_record *r,
			struct vnet_value *v)
{
	v[COL_CPU] = vnet_u64(r->cpu);
	v[COL_PID] = vnet_u64(r->pid);
	v[COL_TID] = vnet_u64(r->tid);
	v[COL_COMM] = vnet_str(vnet_report_printf(report, "%.16s", r->comm));
	v[COL_DEVICE_TEXT] = vnet_str("none");
	if (!r->ifindex)
		return;
	v[COL_DEVICE] = vnet_str(vnet_report_printf(report, "%.16s", r->device));
	v[COL_DEVICE_TEXT] = v[COL_DEVICE];
	v[COL_IFINDEX] = vnet_u64(r->ifindex);
	v[COL_NETNS] = vnet_u64(r->netns);
	v[COL_NETNS_TEXT] = vnet_str(drop_netns_text(report, r->netns));
}

static int save_packet(struct details *d, const struct vnet_drop_record *r, uint64_t wall_ns,
		       const struct drop_cause *cause)
{
	char comment[256];
	struct vnet_pcapng_packet packet = {
		.wall_ns = wall_ns,
		.ethertype = r->snap_l2 ? 0 : r->packet.flow.ethertype,
		.data = r + 1,
		.captured = r->snap_len,
		.length = r->snap_of,
		.tpid = r->snap_tpid,
		.tci = r->snap_tci,
		.comment = comment,
	};
	int err;

	snprintf(comment, sizeof(comment), "drop reason: %s; location: %s; device: %.16s%s",
		 cause->text ?: "unknown", cause->location ?: "unknown",
		 r->ifindex ? r->device : "none",
		 r->snap_l2 ? "" : "; had no Ethernet header");
	err = vnet_pcapng_write(d->pcap, &packet);
	if (err)
		vnet_error("cannot write '%s': %s", d->args->pcap, strerror(-err));
	return err;
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	struct details *d = run->ctx;
	const struct vnet_drop_record *r = data;
	struct drop_cause cause;
	struct vnet_value *v;

	if (size < sizeof(*r) || size - sizeof(*r) < r->snap_len) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	if (!d->args->all && drop_is_normal(run, d->reasons, r->location, r->reason))
		return 1;
	report->time_ns = r->time_ns + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES,
						      columns, NR_COLUMNS));
	drop_cause_find(report, d->reasons, r->location, r->reason, r->consumed, &cause);
	fill_origin(report, r, v);
	v[COL_REASON] = vnet_str(cause.reason);
	v[COL_REASON_TEXT] = vnet_str(cause.text);
	v[COL_INFERRED] = vnet_bool(cause.inferred);
	v[COL_LOCATION] = vnet_str(cause.location);
	fill_packet(report, &r->packet, v);
	if (r->nr_ips)
		v[COL_STACK] = (struct vnet_value){
			.type = VNET_T_STACK,
			.stack = vnet_symbol_stack(report, r->stack.ip, r->nr_ips, r->location),
		};
	return d->pcap && r->snap_len && (r->snap_l2 || r->packet.flow.ethertype) ?
		save_packet(d, r, report->time_ns, &cause) : 0;
}

static void defaults(void *args)
{
	struct drop_args *a = args;

	a->snap_length = DEFAULT_SNAP;
}

static int run(void *args)
{
	struct details d = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_drop_details,
		.args = args,
		.object = "drop_details",
		.title = "Dropped packets",
		.rate_limit = d.args->rate_limit,
		.limit = d.args->limit,
		.configure = configure,
		.record = record,
		.ctx = &d,
	};
	int status, err;

	m.wants = drop_wants(args, &m.nr_wants);
	status = vnet_measure(&m);
	err = vnet_pcapng_close(d.pcap);
	if (err)
		vnet_error("cannot write '%s': %s", d.args->pcap, strerror(-err));
	vnet_reasons_free(d.reasons);
	if (d.status || status)
		return d.status ?: status;
	return err ? VNET_EXIT_RUNTIME : VNET_EXIT_OK;
}

static const struct vnet_cmd_example examples[] = {
	{ "The next ten drops towards one address, with stacks",
	  "vnetdiag drop details --dst-ip 10.0.0.12 --limit 10 --stack" },
	{ "Dropped packets of VLAN 123 as a capture file",
	  "vnetdiag drop details --vlan 123 --pcap drops.pcapng --duration 1m" },
	{ "Records as JSON, at most 100 a second",
	  "vnetdiag drop details --rate-limit 100/s --format json | jq -c .flow" },
	{}
};

const struct vnet_cmd vnet_cmd_drop_details = {
	.path = "drop details",
	.summary = "Each dropped packet, decoded",
	.description =
		"Shows one record for each packet that the kernel drops and that passes the "
		"filter: time, device, CPU, thread, reason, place in the kernel, and the "
		"headers from Ethernet to TCP. What cannot be shown in time is counted.",
	.options = { options, drop_reason_options, vnet_filter_options, vnet_task_options,
		     vnet_common_options },
	.args_size = sizeof(struct drop_args),
	.defaults = defaults,
	.run = run,
	.wants = drop_wants,
	.examples = examples,
};
