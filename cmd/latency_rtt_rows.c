/* SPDX-License-Identifier: GPL-2.0-only */
/* What `latency rtt` takes out of the kernel's maps, and how it shows it. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "cmd/latency_rtt.h"
#include "cmd/times.h"
#include "vnet/util.h"

#define INITIATOR	VNET_RTT_INITIATOR
#define RESPONDER	VNET_RTT_RESPONDER
/* Steps of one sweep: twice what the map can hold. */
#define SWEEP_MAX	32768

static const char *const part_names[][VNET_RTT_PARTS] = {
	[INITIATOR] = { "request", "wire_and_peer", "reply" },
	[RESPONDER] = { "request", "responder", "reply" },
};

/* Stages are called as in `latency summary`. */
static const char *const stage_names[][VNET_RTT_STEPS] = {
	[INITIATOR] = { "ip", "internal", "qdisc", "driver", "nic", "internal", "transport" },
	[RESPONDER] = { "nic", "internal", "transport", "ip", "internal", "qdisc", "driver" },
};

/* The same with their direction, as members of one object. */
static const char *const step_names[][VNET_RTT_STEPS] = {
	[INITIATOR] = { "request_ip", "request_internal", "request_qdisc", "request_driver",
			"reply_nic", "reply_internal", "reply_transport" },
	[RESPONDER] = { "request_nic", "request_internal", "request_transport", "reply_ip",
			"reply_internal", "reply_qdisc", "reply_driver" },
};

const char *rtt_step_name(const struct rtt_run *r, uint32_t step)
{
	return step_names[r->args->role][step];
}

/* ---- reading ---- */

/* True if it is taken out: a program may complete it at the same moment. */
static bool expire(struct rtt_run *r, int fd, const struct vnet_rtt_key *key, uint64_t now)
{
	struct vnet_rtt_trip trip;

	if (bpf_map_lookup_elem(fd, key, &trip) || now <= trip.at[0] + r->args->timeout_ns ||
	    bpf_map_delete_elem(fd, key))
		return false;
	if (trip.state == VNET_RTT_STARTED)
		r->aged.unanswered[trip.step % VNET_RTT_ROOM]++;
	else if (trip.state == VNET_RTT_NOTED)
		r->aged.elsewhere++;
	return true;
}

/*
 * Where pings come and go the walk starts over again and again, hence its end;
 * what it has not met is met a second later.
 */
int rtt_sweep(struct vnet_run *run)
{
	struct rtt_run *r = run->ctx;
	int fd = vnet_session_map(run->session, "trips"), err;
	struct vnet_rtt_key key, next;
	uint64_t now = vnet_now_ns();

	if (fd < 0)
		return fd;
	err = bpf_map_get_next_key(fd, NULL, &next);
	for (int i = 0; !err && i < SWEEP_MAX; i++) {
		key = next;
		err = bpf_map_get_next_key(fd, &key, &next);
		expire(r, fd, &key, now);
	}
	return 0;
}

/* All members are counts of one type: added as an array. */
static void add_counts(struct vnet_rtt_counts *sum, const struct vnet_rtt_counts *part)
{
	__u64 *to = (__u64 *)sum;
	const __u64 *from = (const __u64 *)part;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

/* The values of all CPUs of one copy, which is then zero again; free() them. */
static int take_copy(struct vnet_run *run, const char *map, uint32_t copy, size_t size,
		     void **values)
{
	int fd = vnet_session_map(run->session, map), cpus = vnet_session_cpus(), err = 0;
	void *zeros;

	if (fd < 0)
		return fd;
	*values = vnet_alloc(cpus * size);
	zeros = vnet_alloc(cpus * size);
	if (bpf_map_lookup_elem(fd, &copy, *values) ||
	    bpf_map_update_elem(fd, &copy, zeros, BPF_ANY))
		err = -errno;
	free(zeros);
	if (err)
		free(*values);
	return err;
}

static uint64_t sum_unanswered(const struct vnet_rtt_counts *c)
{
	uint64_t sum = 0;

	for (uint32_t step = 0; step < VNET_RTT_STEPS; step++)
		sum += c->unanswered[step];
	return sum;
}

/*
 * Ends an interval: its counts, and which copy of the histograms now rests. The
 * sweep comes first, so that what it takes out was started in this interval or
 * before.
 */
static int take_counts(struct vnet_run *run, struct vnet_rtt_counts *sum)
{
	struct rtt_run *r = run->ctx;
	struct vnet_rtt_counts *values;
	int err = rtt_sweep(run), copy;

	if (err)
		return err;
	copy = vnet_session_flip(run->session);
	if (copy < 0)
		return copy;
	err = take_copy(run, "counts", copy, sizeof(*values), (void **)&values);
	if (err)
		return err;
	*sum = r->aged;
	r->aged = (struct vnet_rtt_counts){};
	for (int cpu = 0; cpu < vnet_session_cpus(); cpu++)
		add_counts(sum, &values[cpu]);
	free(values);
	r->waiting += sum->started - sum->completed - sum->ambiguous - sum->not_followed -
		      sum_unanswered(sum);
	return copy;
}

static int take_hists(struct vnet_run *run, uint32_t copy, struct vnet_rtt_hists *sum)
{
	struct vnet_rtt_hists *values;
	int err = take_copy(run, "hists", copy, sizeof(*values), (void **)&values);

	if (err)
		return err;
	for (int cpu = 0; cpu < vnet_session_cpus(); cpu++) {
		for (int i = 0; i < VNET_RTT_LAST; i++)
			vnet_hist_merge(&sum->stages[i], &values[cpu].stages[i]);
		for (int i = 0; i < VNET_RTT_PARTS; i++)
			vnet_hist_merge(&sum->parts[i], &values[cpu].parts[i]);
		vnet_hist_merge(&sum->total, &values[cpu].total);
	}
	free(values);
	return 0;
}

/* ---- the summary ---- */

enum {
	COL_PATH, COL_VIA, COL_ROLE, COL_PART, COL_FROM, COL_TO, COL_STAGE, COL_TOTAL,
	COL_COUNT, COL_OVER = COL_COUNT + NR_TIMES, COL_HISTOGRAM, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_PATH] = { "path", "PATH", VNET_T_STR, VNET_R_JSON },
	[COL_VIA] = { "via", "VIA", VNET_T_STR, VNET_R_JSON },
	[COL_ROLE] = { "role", "ROLE", VNET_T_STR, VNET_R_JSON },
	[COL_PART] = { "part", "PART", VNET_T_STR },
	[COL_FROM] = { "from", "FROM", VNET_T_STR, VNET_R_JSON },
	[COL_TO] = { "to", "TO", VNET_T_STR, VNET_R_JSON },
	[COL_STAGE] = { "stage", "STAGE", VNET_T_STR, VNET_R_TEXT },
	[COL_TOTAL] = { "total", "TOTAL", VNET_T_BOOL, VNET_R_JSON },
	TIMES_COLUMNS(COL_COUNT),
	[COL_OVER] = { "over", "OVER", VNET_T_U64, VNET_R_JSON },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST },
};

static struct vnet_value *add_row(struct vnet_report *report, struct vnet_table *table,
				  const struct rtt_run *r, const char *part, uint32_t from,
				  uint32_t to, const struct vnet_hist *hist)
{
	struct vnet_value *v = vnet_report_row(report, table);
	const char *const *names = stage_names[r->args->role];

	v[COL_PATH] = vnet_str("rtt");
	v[COL_VIA] = vnet_str(rtt_via_names[r->args->via]);
	v[COL_ROLE] = vnet_str(rtt_role_names[r->args->role]);
	v[COL_PART] = vnet_str(part);
	v[COL_FROM] = vnet_str(names[from]);
	v[COL_TO] = vnet_str(names[to]);
	v[COL_STAGE] = vnet_str(vnet_report_printf(report, "%s -> %s", names[from], names[to]));
	v[COL_TOTAL] = vnet_bool(false);
	times_fill(hist, &v[COL_COUNT]);
	v[COL_HISTOGRAM] = times_histogram(report, hist);
	return v;
}

/* The part that the way to a step belongs to. */
static const char *part_of(const struct rtt_run *r, uint32_t to)
{
	uint32_t part = 0;

	while (to > vnet_rtt_part_to(r->args->role, part))
		part++;
	return part_names[r->args->role][part];
}

static void add_rows(struct vnet_report *report, const struct rtt_run *r,
		     const struct vnet_rtt_hists *hists, uint64_t over)
{
	struct vnet_table *parts, *stages;
	uint32_t role = r->args->role;
	struct vnet_value *total;

	parts = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (uint32_t part = 0; part < VNET_RTT_PARTS; part++)
		add_row(report, parts, r, part_names[role][part],
			vnet_rtt_part_from(role, part), vnet_rtt_part_to(role, part),
			&hists->parts[part]);
	total = add_row(report, parts, r, "total", 0, VNET_RTT_LAST, &hists->total);
	total[COL_TOTAL] = vnet_bool(true);
	if (r->args->over_ns)
		total[COL_OVER] = vnet_u64(over);
	stages = vnet_report_table(report, "Stages of each part:", VNET_L_TABLE, columns,
				   NR_COLUMNS);
	stages->key = "stages";
	for (uint32_t step = 1; step < VNET_RTT_STEPS; step++)
		if (rtt_has(r, step))
			add_row(report, stages, r, part_of(r, step), r->config.before[step],
				step, &hists->stages[step - 1]);
}

/* "request_driver": n, ... for every step at which a request can be seen last. */
static struct vnet_value unanswered_value(struct vnet_report *report, const struct rtt_run *r,
					  const struct vnet_rtt_counts *c)
{
	struct vnet_counts *counts = vnet_report_alloc(report, sizeof(*counts));

	counts->counts = vnet_report_alloc(report, VNET_RTT_LAST * sizeof(*counts->counts));
	for (uint32_t step = 0; step < VNET_RTT_LAST; step++)
		if (rtt_has(r, step))
			counts->counts[counts->nr++] = (struct vnet_count){
				rtt_step_name(r, step), c->unanswered[step],
			};
	return (struct vnet_value){ .type = VNET_T_COUNTS, .counts = counts };
}

/* Text names what is rare only if it is there. */
static void add_rare(struct vnet_report *report, const char *key, const char *title,
		     uint64_t n)
{
	vnet_report_extra(report, key, n ? title : NULL, vnet_u64(n));
}

static void add_counters(struct vnet_report *report, const struct rtt_run *r,
			 const struct vnet_rtt_counts *c)
{
	uint64_t unanswered = sum_unanswered(c);

	vnet_report_extra(report, "started", "Requests", vnet_u64(c->started));
	vnet_report_extra(report, "completed", "Completed", vnet_u64(c->completed));
	vnet_report_extra(report, "unanswered", "Unanswered", vnet_u64(unanswered));
	vnet_report_extra(report, "unanswered_at",
			  unanswered ? "Unanswered, by the last stage" : NULL,
			  unanswered_value(report, r, c));
	vnet_report_extra(report, "waiting", "Still waiting",
			  vnet_u64(r->waiting > 0 ? r->waiting : 0));
	vnet_report_extra(report, "duplicates", "Duplicates", vnet_u64(c->duplicates));
	add_rare(report, "ambiguous", "Not measured, repeated before an answer", c->ambiguous);
	add_rare(report, "not_followed", "Not measured, a stage was not seen",
		 c->not_followed);
	add_rare(report, "unmatched", "Replies without a known request", c->unmatched);
	add_rare(report, "elsewhere", "Requests by other ways", c->elsewhere);
	if (r->args->over_ns)
		vnet_report_extra(report, "over", "Over", vnet_u64(c->over));
}

int rtt_interval(struct vnet_run *run, const struct vnet_span *span,
		 struct vnet_report *report)
{
	struct vnet_rtt_hists *hists = vnet_report_alloc(report, sizeof(*hists));
	struct rtt_run *r = run->ctx;
	struct vnet_rtt_counts sum;
	int copy = take_counts(run, &sum), err;

	if (copy < 0)
		return copy;
	err = take_hists(run, copy, hists);
	if (err)
		return err;
	add_rows(report, r, hists, sum.over);
	add_counters(report, r, &sum);
	return 0;
}

/* ---- records ---- */

enum {
	REC_TOTAL, REC_FLOW, REC_ID, REC_SEQ, REC_PART, REC_SLOWEST = REC_PART + VNET_RTT_PARTS,
	REC_VIA, REC_ROLE, REC_PARTS, REC_STEPS, REC_CPUS, REC_PATH, NR_RECORD_COLUMNS
};

static const struct vnet_column record_columns[][NR_RECORD_COLUMNS] = {
#define RECORD_COLUMNS(between)							\
	[REC_TOTAL] = { "total_ns", "total", VNET_T_NS },			\
	[REC_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },		\
	[REC_ID] = { "id", "id", VNET_T_U64 },					\
	[REC_SEQ] = { "seq", "seq", VNET_T_U64 },				\
	[REC_PART] = { "part0_ns", "request", VNET_T_NS, VNET_R_TEXT },		\
	[REC_PART + 1] = { "part1_ns", between, VNET_T_NS, VNET_R_TEXT },	\
	[REC_PART + 2] = { "part2_ns", "reply", VNET_T_NS, VNET_R_TEXT },	\
	[REC_SLOWEST] = { "slowest", "slowest", VNET_T_STR },			\
	[REC_VIA] = { "via", "via", VNET_T_STR, VNET_R_JSON },			\
	[REC_ROLE] = { "role", "role", VNET_T_STR, VNET_R_JSON },		\
	[REC_PARTS] = { "parts", "parts", VNET_T_COUNTS, VNET_R_JSON },		\
	[REC_STEPS] = { "at_ns", "at", VNET_T_COUNTS, VNET_R_JSON },		\
	[REC_CPUS] = { "cpus", "cpus", VNET_T_COUNTS, VNET_R_JSON },		\
	[REC_PATH] = { "path", "path[cpu]", VNET_T_STR, VNET_R_TEXT },

	[INITIATOR] = { RECORD_COLUMNS("wire_and_peer") },
	[RESPONDER] = { RECORD_COLUMNS("responder") },
#undef RECORD_COLUMNS
};

static const char *const part_keys[][VNET_RTT_PARTS] = {
	[INITIATOR] = { "request_ns", "wire_and_peer_ns", "reply_ns" },
	[RESPONDER] = { "request_ns", "responder_ns", "reply_ns" },
};

static struct vnet_counts *new_counts(struct vnet_report *report, struct vnet_value *v)
{
	struct vnet_counts *counts = vnet_report_alloc(report, sizeof(*counts));

	counts->counts = vnet_report_alloc(report, VNET_RTT_STEPS * sizeof(*counts->counts));
	*v = (struct vnet_value){ .type = VNET_T_COUNTS, .counts = counts };
	return counts;
}

static void fill_parts(struct vnet_report *report, const struct rtt_run *r,
		       const uint64_t *at, struct vnet_value *v)
{
	struct vnet_counts *parts = new_counts(report, &v[REC_PARTS]);
	uint32_t role = r->args->role;
	uint64_t most = 0;

	v[REC_SLOWEST] = vnet_str(part_names[role][0]);
	for (uint32_t part = 0; part < VNET_RTT_PARTS; part++) {
		uint64_t ns = at[vnet_rtt_part_to(role, part)] -
			      at[vnet_rtt_part_from(role, part)];

		parts->counts[parts->nr++] = (struct vnet_count){ part_keys[role][part], ns };
		v[REC_PART + part] = vnet_ns(ns);
		if (ns > most) {
			most = ns;
			v[REC_SLOWEST] = vnet_str(part_names[role][part]);
		}
	}
}

static void fill_steps(struct vnet_report *report, const struct rtt_run *r,
		       const struct vnet_rtt_trip *trip, struct vnet_value *v)
{
	struct vnet_counts *steps = new_counts(report, &v[REC_STEPS]);
	struct vnet_counts *cpus = new_counts(report, &v[REC_CPUS]);

	for (uint32_t step = 0; step < VNET_RTT_STEPS; step++) {
		const char *name = rtt_step_name(r, step);

		if (!rtt_has(r, step))
			continue;
		steps->counts[steps->nr++] = (struct vnet_count){
			name, trip->at[step] - trip->at[0] };
		cpus->counts[cpus->nr++] = (struct vnet_count){ name, trip->cpu[step] };
	}
}

/* "ip[0] 12.0 us internal[0] 300 us qdisc[1]...": stages with their CPUs. */
static const char *path_text(struct vnet_report *report, const struct rtt_run *r,
			     const struct vnet_rtt_trip *trip)
{
	const char *text = vnet_report_printf(report, "%s[%u]",
					      stage_names[r->args->role][0], trip->cpu[0]);

	for (uint32_t step = 1; step < VNET_RTT_STEPS; step++) {
		char ns[16];

		if (!rtt_has(r, step))
			continue;
		vnet_ns_text(trip->at[step] - trip->at[r->config.before[step]], ns);
		text = vnet_report_printf(report, "%s %s %s[%u]", text, ns,
					  stage_names[r->args->role][step], trip->cpu[step]);
	}
	return text;
}

/* As the packet filter and every other record show a flow. */
static struct vnet_value flow_value(struct vnet_report *report, const struct vnet_rtt_key *key)
{
	struct vnet_flow *flow = vnet_report_alloc(report, sizeof(*flow));

	memcpy(flow->src, key->src, sizeof(flow->src));
	memcpy(flow->dst, key->dst, sizeof(flow->dst));
	flow->family = key->family;
	flow->ethertype = key->family == 4 ? 0x0800 : 0x86dd;
	flow->protocol = key->family == 4 ? 1 : 58;
	flow->flags = VNET_FLOW_PROTOCOL;
	return (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
}

int rtt_record(struct vnet_run *run, const void *data, size_t size,
	       struct vnet_report *report)
{
	const struct rtt_run *r = run->ctx;
	const struct vnet_rtt_record *rec = data;
	struct vnet_value *v;

	if (size < sizeof(*rec)) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	report->time_ns = rec->trip.at[VNET_RTT_LAST] + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES,
						      record_columns[r->args->role],
						      NR_RECORD_COLUMNS));
	v[REC_VIA] = vnet_str(rtt_via_names[r->args->via]);
	v[REC_ROLE] = vnet_str(rtt_role_names[r->args->role]);
	v[REC_FLOW] = flow_value(report, &rec->key);
	v[REC_ID] = vnet_u64(rec->key.id);
	v[REC_SEQ] = vnet_u64(rec->key.seq);
	v[REC_TOTAL] = vnet_ns(rec->trip.at[VNET_RTT_LAST] - rec->trip.at[0]);
	fill_parts(report, r, (const uint64_t *)rec->trip.at, v);
	fill_steps(report, r, &rec->trip, v);
	v[REC_PATH] = vnet_str(path_text(report, r, &rec->trip));
	return 0;
}

/* What became of all requests, the recorded ones among them. */
void rtt_ended(struct vnet_run *run, struct vnet_report *report)
{
	struct vnet_rtt_counts sum;

	if (take_counts(run, &sum) >= 0)
		add_counters(report, run->ctx, &sum);
}
