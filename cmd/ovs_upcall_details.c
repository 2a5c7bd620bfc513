/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag ovs upcall details`: each upcall that took too long. */
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/ovs_upcall.h"
#include "vnet/log.h"
#include "vnet/util.h"

static const struct vnet_opt options[] = {
	{ "threshold", 't', VNET_OPT_STRING, offsetof(struct upcall_args, threshold),
	  "[PART=]TIME[,...]", "Show upcalls whose total, or whose time in a part (queue, "
	  "user, return), is above TIME; without it all that returned" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct upcall_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct upcall_args, rate_limit), "N/s",
	  "Emit at most so many records a second; the others are counted" },
	{}
};

/* A run of the command. */
struct details {
	const struct upcall_args *args;
	struct upcall_reader *reader;
	struct vnet_pair pair;
};

static int find_part(const char *name)
{
	for (int i = 0; i < VNET_UPCALL_PARTS; i++)
		if (!strcmp(name, upcall_part_names[i]))
			return i;
	return -ENOENT;
}

/* "queue=1ms", "100ms"; changes the text. 0 or an exit status. */
static int parse_threshold(struct upcall_args *a, char *item)
{
	char *time = strchr(item, '=');
	const char *why = "is no time";
	uint64_t ns;
	int part = VNET_UPCALL_TOTAL;

	if (time) {
		*time++ = '\0';
		part = find_part(item);
	}
	if (part < 0) {
		vnet_error("'%s' of option '--threshold' is no part of an upcall", item);
		vnet_hint("the parts are total, queue, user and return");
		return VNET_EXIT_USAGE;
	}
	if (vnet_parse_duration(time ?: item, &ns, &why) || !ns) {
		vnet_error("'%s' of option '--threshold' %s", time ?: item, why);
		vnet_hint("use for example --threshold 100ms,queue=20ms");
		return VNET_EXIT_USAGE;
	}
	a->over_ns[part] = ns;
	return 0;
}

static int check(void *args)
{
	struct upcall_args *a = args;
	char *text, *rest, *item;
	int status = 0;

	if (!a->threshold)
		return 0;
	text = rest = vnet_strdup(a->threshold);
	while (!status && (item = strsep(&rest, ",")))
		status = parse_threshold(a, item);
	free(text);
	return status;
}

enum {
	COL_CAUSE, COL_PORT, COL_TOTAL, COL_QUEUE, COL_USER, COL_RETURN, COL_SLOWEST, COL_TID,
	COL_COMM, COL_PID, COL_CPU, COL_READ_CPU, COL_RETURN_CPU, COL_STARTED, COL_IFINDEX,
	COL_NETNS, COL_NUMBER, COL_DATAPATH, COL_PORTID, COL_LEN, COL_IP_ID, COL_TCP_SEQ,
	COL_ICMP_ID, COL_ICMP_SEQ, COL_FLOW, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_CAUSE] = { "cause", "cause", VNET_T_STR },
	[COL_PORT] = { "port", "port", VNET_T_STR },
	[COL_TOTAL] = { "total_ns", "total", VNET_T_NS },
	[COL_QUEUE] = { "queue_ns", "queue", VNET_T_NS },
	[COL_USER] = { "user_ns", "user", VNET_T_NS },
	[COL_RETURN] = { "return_ns", "return", VNET_T_NS },
	[COL_SLOWEST] = { "slowest", "slowest", VNET_T_STR },
	[COL_TID] = { "tid", "tid", VNET_T_U64 },
	[COL_COMM] = { "comm", "comm", VNET_T_STR },
	[COL_PID] = { "pid", "pid", VNET_T_U64, VNET_R_JSON },
	[COL_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[COL_READ_CPU] = { "read_cpu", "read_cpu", VNET_T_U64 },
	[COL_RETURN_CPU] = { "return_cpu", "return_cpu", VNET_T_U64, VNET_R_JSON },
	[COL_STARTED] = { "started", "started", VNET_T_TIME, VNET_R_JSON },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[COL_NUMBER] = { "port_number", "port_number", VNET_T_U64, VNET_R_JSON },
	[COL_DATAPATH] = { "datapath_ifindex", "datapath_ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_PORTID] = { "portid", "portid", VNET_T_U64, VNET_R_JSON },
	[COL_LEN] = { "len", "len", VNET_T_U64 },
	[COL_IP_ID] = { "ip_id", "ip_id", VNET_T_U64 },
	[COL_TCP_SEQ] = { "tcp_seq", "seq", VNET_T_U64 },
	[COL_ICMP_ID] = { "icmp_id", "icmp_id", VNET_T_U64 },
	[COL_ICMP_SEQ] = { "icmp_seq", "icmp_seq", VNET_T_U64 },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
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

/* The parts as the probes have it: clocks of two CPUs may differ a little. */
static uint64_t between(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static void fill_times(const struct vnet_upcall *r, struct vnet_value *v)
{
	const uint64_t parts[VNET_UPCALL_PARTS] = {
		[VNET_UPCALL_QUEUE] = between(r->since, r->read),
		[VNET_UPCALL_USER] = between(r->read, r->returned),
		[VNET_UPCALL_RETURN] = between(r->returned, r->done),
	};
	int slowest = VNET_UPCALL_QUEUE;
	uint64_t total = 0;

	for (int i = VNET_UPCALL_QUEUE; i < VNET_UPCALL_PARTS; i++) {
		total += parts[i];
		v[COL_TOTAL + i] = vnet_ns(parts[i]);
		if (parts[i] > parts[slowest])
			slowest = i;
	}
	v[COL_TOTAL] = vnet_ns(total);
	v[COL_SLOWEST] = vnet_str(upcall_part_names[slowest]);
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	const struct vnet_upcall *r = data;
	struct vnet_value *v;

	/* A perf buffer may add padding. */
	if (size < sizeof(*r)) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	report->time_ns = r->done + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES, columns,
						      NR_COLUMNS));
	v[COL_CAUSE] = vnet_str(upcall_cause_name(r->cause));
	if (r->device[0])
		v[COL_PORT] = vnet_str(vnet_report_printf(report, "%.16s", r->device));
	fill_times(r, v);
	v[COL_TID] = vnet_u64(r->tid);
	v[COL_COMM] = vnet_str(vnet_report_printf(report, "%.16s", r->comm));
	v[COL_PID] = vnet_u64(r->pid);
	v[COL_CPU] = vnet_u64(r->cpu);
	v[COL_READ_CPU] = vnet_u64(r->read_cpu);
	v[COL_RETURN_CPU] = vnet_u64(r->done_cpu);
	v[COL_STARTED] = (struct vnet_value){
		.type = VNET_T_TIME, .u64 = r->since + run->wall_offset_ns,
	};
	v[COL_IFINDEX] = vnet_u64(r->ifindex);
	v[COL_NETNS] = vnet_u64(r->netns);
	v[COL_NUMBER] = vnet_u64(r->in_port);
	v[COL_DATAPATH] = vnet_u64(r->dp_ifindex);
	v[COL_PORTID] = vnet_u64(r->portid);
	fill_packet(report, &r->packet, v);
	return 0;
}

static int configure(struct vnet_run *run)
{
	struct details *d = run->ctx;

	return upcall_configure(run, d->args, true);
}

static int tidy(struct vnet_run *run)
{
	struct details *d = run->ctx;

	return upcall_sweep(d->reader, run->session);
}

/* The last line: how many upcalls there were, records of them or not. */
static void ended(struct vnet_run *run, struct vnet_report *report)
{
	struct details *d = run->ctx;
	struct upcall_interval interval;

	if (!upcall_read(d->reader, run->session, &interval))
		upcall_add_totals(report, d->args, &interval, true);
}

static int run(void *args)
{
	struct details d = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_ovs_upcall_details,
		.args = args,
		.object = "ovs_upcall",
		.title = "Upcalls to ovs-vswitchd",
		.rate_limit = d.args->rate_limit,
		.limit = d.args->limit,
		.configure = configure,
		.record = record,
		.tidy = tidy,
		.ended = ended,
		.ctx = &d,
	};
	int status;

	if (d.args->threshold) {
		d.pair = (struct vnet_pair){ "threshold", d.args->threshold };
		m.pairs = &d.pair;
		m.nr_pairs = 1;
	}
	m.wants = upcall_wants(args, &m.nr_wants);
	d.reader = upcall_reader_new(args);
	status = vnet_measure(&m);
	upcall_reader_free(d.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "Each upcall that took over 100 ms, or lay over 20 ms unread",
	  "vnetdiag ovs upcall details --threshold 100ms,queue=20ms" },
	{ "The next 10 upcalls of one flow as JSON",
	  "vnetdiag ovs upcall details --dst-port 443 --limit 10 --format json" },
	{}
};

const struct vnet_cmd vnet_cmd_ovs_upcall_details = {
	.path = "ovs upcall details",
	.summary = "Each packet that was with ovs-vswitchd for too long",
	.description =
		"Follows upcalls as 'ovs upcall summary' does and shows one record for each "
		"that took longer than --threshold in total or in a part: its flow and port, "
		"why it was made, the handler thread that read it, the CPUs, and the time of "
		"each part.",
	.options = { options, upcall_options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct upcall_args),
	.defaults = upcall_defaults,
	.check = check,
	.run = run,
	.wants = upcall_wants,
	.examples = examples,
};
