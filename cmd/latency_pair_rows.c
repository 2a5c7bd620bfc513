/* SPDX-License-Identifier: GPL-2.0-only */
/* What `latency pair` takes out of the kernel's maps, and how it shows it. */
#include <errno.h>

#include <bpf/bpf.h>

#include "cmd/latency_pair.h"
#include "cmd/times.h"
#include "vnet/util.h"

/* Steps of one sweep: it starts over where packets come and go. */
#define SWEEP_MAX	32768
/*
 * Behind a packet's time the probes leave it alone, and so does a sweep a little
 * longer: what a program was about to take is not counted twice.
 */
#define GRACE_NS	(VNET_NS_PER_S / 10)

/* ---- reading ---- */

/* A missing packet's record: as if it had come from the kernel. */
static int show_missing(struct vnet_run *run, const struct vnet_pairs_key *key,
			const struct vnet_pairs_trip *trip, uint32_t *shown)
{
	const struct pair_run *r = run->ctx;
	struct vnet_pairs_record record = { .pair = key->pair, .trip = *trip };

	if (!r->args->missing)
		return 0;
	/* A sweep is made each second. */
	if (r->args->rate_limit && *shown >= r->args->rate_limit) {
		vnet_session_lost(run->session, VNET_LOSS_suppressed, 1);
		return 0;
	}
	++*shown;
	return vnet_measure_record(run, &record, sizeof(record));
}

/* Takes a packet out whose time is over. 0, or -errno of a record. */
static int expire(struct vnet_run *run, int fd, const struct vnet_pairs_key *key, uint64_t now,
		  uint32_t *shown)
{
	struct pair_run *r = run->ctx;
	struct pair_sum *sum = &r->sums[key->pair % VNET_PAIRS_MAX];
	struct vnet_pairs_trip trip;

	if (bpf_map_lookup_elem(fd, key, &trip) ||
	    now <= trip.since + r->args->timeout_ns + GRACE_NS || bpf_map_delete_elem(fd, key))
		return 0;
	if (key->way == VNET_PAIRS_WAYS)
		return 0;
	if (trip.segmented) {
		sum->segmented++;
	} else if (trip.elsewhere) {
		sum->elsewhere++;
	} else {
		sum->missing++;
		return show_missing(run, key, &trip, shown);
	}
	return 0;
}

int pair_sweep(struct vnet_run *run)
{
	int fd = vnet_session_map(run->session, "trips"), err, end;
	struct vnet_pairs_key key, next;
	uint64_t now = vnet_now_ns();
	uint32_t shown = 0;

	if (fd < 0)
		return fd;
	end = bpf_map_get_next_key(fd, NULL, &next);
	for (uint32_t i = 0; !end && i < SWEEP_MAX; i++) {
		key = next;
		end = bpf_map_get_next_key(fd, &key, &next);
		err = expire(run, fd, &key, now, &shown);
		if (err)
			return err;
	}
	return 0;
}

/* One CPU's part. */
static void add_stats(struct vnet_pairs_stats *sum, const struct vnet_pairs_stats *part)
{
	sum->started += part->started;
	sum->completed += part->completed;
	sum->over += part->over;
	sum->ambiguous += part->ambiguous;
	vnet_hist_merge(&sum->hist, &part->hist);
}

/* The counts of the copy at rest, which are then zero again. */
static int take_stats(struct pair_run *r, int fd, uint32_t copy)
{
	int cpus = vnet_session_cpus(), err = 0;
	struct vnet_pairs_stats *values = vnet_alloc(cpus * sizeof(*values));
	struct vnet_pairs_stats *zeros = vnet_alloc(cpus * sizeof(*zeros));

	for (uint32_t i = 0; i < r->config.nr && !err; i++) {
		uint32_t key = copy * r->config.nr + i;

		if (bpf_map_lookup_elem(fd, &key, values) ||
		    bpf_map_update_elem(fd, &key, zeros, BPF_ANY))
			err = -errno;
		r->sums[i].stats = (struct vnet_pairs_stats){};
		for (int cpu = 0; cpu < cpus && !err; cpu++)
			add_stats(&r->sums[i].stats, &values[cpu]);
	}
	free(values);
	free(zeros);
	return err;
}

/* Ends an interval: r->sums is then what there was in it. */
static int read_interval(struct vnet_run *run)
{
	struct pair_run *r = run->ctx;
	int copy = vnet_session_flip(run->session), fd, err;

	if (copy < 0)
		return copy;
	fd = vnet_session_map(run->session, "stats");
	if (fd < 0)
		return fd;
	err = take_stats(r, fd, copy);
	for (uint32_t i = 0; i < r->config.nr && !err; i++) {
		struct pair_sum *s = &r->sums[i];

		s->waiting += s->stats.started - s->stats.completed - s->stats.ambiguous -
			      s->missing - s->segmented - s->elsewhere;
	}
	return err;
}

/* What user space counted begins anew; what waits goes on. */
static void next_interval(struct pair_run *r)
{
	for (uint32_t i = 0; i < r->config.nr; i++)
		r->sums[i].missing = r->sums[i].segmented = r->sums[i].elsewhere = 0;
}

/* ---- the summary ---- */

enum {
	COL_FROM, COL_TO, COL_FROM_IFINDEX, COL_TO_IFINDEX, COL_NETNS, COL_COUNT,
	COL_OVER = COL_COUNT + NR_TIMES, COL_STARTED, COL_MISSING, COL_SEGMENTED,
	COL_ELSEWHERE, COL_AMBIGUOUS, COL_WAITING, COL_HISTOGRAM, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_FROM] = { "from", "FROM", VNET_T_STR },
	[COL_TO] = { "to", "TO", VNET_T_STR },
	[COL_FROM_IFINDEX] = { "from_ifindex", "FROM IFINDEX", VNET_T_U64, VNET_R_JSON },
	[COL_TO_IFINDEX] = { "to_ifindex", "TO IFINDEX", VNET_T_U64, VNET_R_JSON },
	[COL_NETNS] = { "netns", "NETNS", VNET_T_U64, VNET_R_JSON },
	TIMES_COLUMNS(COL_COUNT),
	[COL_OVER] = { "over", "OVER", VNET_T_U64, VNET_R_JSON },
	[COL_STARTED] = { "started", "STARTED", VNET_T_U64, VNET_R_JSON },
	[COL_MISSING] = { "missing", "MISSING", VNET_T_U64, VNET_R_JSON },
	[COL_SEGMENTED] = { "segmented", "SEGMENTED", VNET_T_U64, VNET_R_JSON },
	[COL_ELSEWHERE] = { "elsewhere", "ELSEWHERE", VNET_T_U64, VNET_R_JSON },
	[COL_AMBIGUOUS] = { "ambiguous", "AMBIGUOUS", VNET_T_U64, VNET_R_JSON },
	[COL_WAITING] = { "waiting", "WAITING", VNET_T_U64, VNET_R_JSON },
	[COL_HISTOGRAM] = { "histogram", "HISTOGRAM", VNET_T_HIST },
};

/* In text the packets are a table of their own: these of the columns above. */
static const uint8_t packet_columns[] = {
	COL_FROM, COL_TO, COL_STARTED, COL_COUNT, COL_MISSING, COL_ELSEWHERE, COL_SEGMENTED,
	COL_AMBIGUOUS, COL_WAITING, COL_OVER,
};

static void fill_packets(const struct vnet_run *run, const struct pair_sum *s,
			 struct vnet_value *v)
{
	const struct pair_run *r = run->ctx;

	v[COL_STARTED] = vnet_u64(s->stats.started);
	v[COL_MISSING] = vnet_u64(s->missing);
	if (vnet_run_has(run, VNET_P_skb_gso_segment))
		v[COL_SEGMENTED] = vnet_u64(s->segmented);
	v[COL_ELSEWHERE] = vnet_u64(s->elsewhere);
	v[COL_AMBIGUOUS] = vnet_u64(s->stats.ambiguous);
	v[COL_WAITING] = vnet_u64(s->waiting > 0 ? s->waiting : 0);
	if (r->config.over_ns)
		v[COL_OVER] = vnet_u64(s->stats.over);
}

static void add_row(const struct vnet_run *run, struct vnet_report *report,
		    struct vnet_table *table, uint32_t i)
{
	const struct pair_run *r = run->ctx;
	const struct pair_names *names = &r->args->list.pairs[i];
	const struct pair_sum *s = &r->sums[i];
	struct vnet_value *v = vnet_report_row(report, table);

	v[COL_FROM] = vnet_str(names->from);
	v[COL_TO] = vnet_str(names->to);
	v[COL_FROM_IFINDEX] = vnet_u64(r->config.from[i] >> 1);
	v[COL_TO_IFINDEX] = vnet_u64(r->config.to[i] >> 1);
	v[COL_NETNS] = vnet_u64(r->config.netns);
	times_fill(&s->stats.hist, &v[COL_COUNT]);
	v[COL_HISTOGRAM] = times_histogram(report, &s->stats.hist);
	fill_packets(run, s, v);
}

static void copy_packets(struct vnet_report *report, const struct vnet_table *rows)
{
	size_t nr = VNET_ARRAY_SIZE(packet_columns);
	struct vnet_column *chosen = vnet_report_alloc(report, nr * sizeof(*chosen));
	struct vnet_table *table;

	for (size_t i = 0; i < nr; i++) {
		chosen[i] = columns[packet_columns[i]];
		chosen[i].role = VNET_R_CELL;
		if (packet_columns[i] == COL_COUNT)
			chosen[i].title = "COMPLETED";
	}
	table = vnet_report_table(report, "Packets:", VNET_L_TABLE, chosen, nr);
	for (size_t row = 0; row < rows->nr_rows; row++) {
		struct vnet_value *v = vnet_report_row(report, table);

		for (size_t i = 0; i < nr; i++)
			v[i] = rows->cells[row * NR_COLUMNS + packet_columns[i]];
	}
}

/* Of all pairs; a summary's text has them in its table. */
static void add_totals(const struct vnet_run *run, struct vnet_report *report)
{
	static const struct {
		uint8_t column;
		const char *key, *title;
	} totals[] = {
		{ COL_STARTED, "started", "Packets" },
		{ COL_COUNT, "completed", "Arrived" },
		{ COL_MISSING, "missing", "Missing" },
		{ COL_ELSEWHERE, "elsewhere", "Arrived elsewhere" },
		{ COL_SEGMENTED, "segmented", "Segmented" },
		{ COL_AMBIGUOUS, "ambiguous", "Not measured, with equal headers" },
		{ COL_WAITING, "waiting", "Still on their way" },
		{ COL_OVER, "over", "Over the threshold" },
	};
	const struct pair_run *r = run->ctx;
	struct vnet_value v[NR_COLUMNS] = {};
	struct pair_sum all = {};

	for (uint32_t i = 0; i < r->config.nr; i++) {
		add_stats(&all.stats, &r->sums[i].stats);
		all.missing += r->sums[i].missing;
		all.segmented += r->sums[i].segmented;
		all.elsewhere += r->sums[i].elsewhere;
		all.waiting += r->sums[i].waiting;
	}
	fill_packets(run, &all, v);
	v[COL_COUNT] = vnet_u64(all.stats.completed);
	for (size_t i = 0; i < VNET_ARRAY_SIZE(totals); i++)
		vnet_report_extra(report, totals[i].key,
				  pair_records(r->args) ? totals[i].title : NULL,
				  v[totals[i].column]);
}

int pair_interval(struct vnet_run *run, const struct vnet_span *span,
		  struct vnet_report *report)
{
	struct pair_run *r = run->ctx;
	struct vnet_table *table;
	/* First, so that what it takes out was started in this interval or before. */
	int err = pair_sweep(run);

	err = err ?: read_interval(run);
	if (err)
		return err;
	table = vnet_report_table(report, NULL, VNET_L_TABLE, columns, NR_COLUMNS);
	for (uint32_t i = 0; i < r->config.nr; i++)
		add_row(run, report, table, i);
	copy_packets(report, table);
	add_totals(run, report);
	next_interval(r);
	return 0;
}

/* ---- records ---- */

enum {
	REC_FROM, REC_TO, REC_RESULT, REC_TOTAL, REC_CPU, REC_TO_CPU, REC_FROM_IFINDEX,
	REC_TO_IFINDEX, REC_NETNS, REC_FLOW, REC_LEN, REC_IP_ID, REC_TCP_SEQ, REC_ICMP_ID,
	REC_ICMP_SEQ, NR_RECORD_COLUMNS
};

static const struct vnet_column record_columns[NR_RECORD_COLUMNS] = {
	[REC_FROM] = { "from", "from", VNET_T_STR },
	[REC_TO] = { "to", "to", VNET_T_STR },
	[REC_RESULT] = { "result", "result", VNET_T_STR },
	[REC_TOTAL] = { "total_ns", "total", VNET_T_NS },
	[REC_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[REC_TO_CPU] = { "to_cpu", "to_cpu", VNET_T_U64 },
	[REC_FROM_IFINDEX] = { "from_ifindex", "from_ifindex", VNET_T_U64, VNET_R_JSON },
	[REC_TO_IFINDEX] = { "to_ifindex", "to_ifindex", VNET_T_U64, VNET_R_JSON },
	[REC_NETNS] = { "netns", "netns", VNET_T_U64, VNET_R_JSON },
	[REC_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	[REC_LEN] = { "len", "len", VNET_T_U64 },
	[REC_IP_ID] = { "ip_id", "ip_id", VNET_T_U64 },
	[REC_TCP_SEQ] = { "tcp_seq", "seq", VNET_T_U64 },
	[REC_ICMP_ID] = { "icmp_id", "icmp_id", VNET_T_U64 },
	[REC_ICMP_SEQ] = { "icmp_seq", "icmp_seq", VNET_T_U64 },
};

static void fill_packet(struct vnet_report *report, const struct vnet_packet *p,
			struct vnet_value *v)
{
	struct vnet_flow *flow = vnet_report_alloc(report, sizeof(*flow));

	*flow = p->flow;
	v[REC_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	v[REC_LEN] = vnet_u64(p->len);
	if (p->has & VNET_HAS_IP)
		v[REC_IP_ID] = vnet_u64(p->ip_id);
	if (p->has & VNET_HAS_TCP)
		v[REC_TCP_SEQ] = vnet_u64(p->tcp_seq);
	if (p->has & VNET_HAS_ICMP) {
		v[REC_ICMP_ID] = vnet_u64(p->icmp_id);
		v[REC_ICMP_SEQ] = vnet_u64(p->icmp_seq);
	}
}

static void fill_way(const struct pair_run *r, const struct vnet_pairs_record *record,
		     struct vnet_value *v)
{
	const struct pair_names *names = &r->args->list.pairs[record->pair];
	uint64_t since = record->trip.since;

	v[REC_FROM] = vnet_str(names->from);
	v[REC_TO] = vnet_str(names->to);
	v[REC_FROM_IFINDEX] = vnet_u64(r->config.from[record->pair] >> 1);
	v[REC_TO_IFINDEX] = vnet_u64(r->config.to[record->pair] >> 1);
	v[REC_NETNS] = vnet_u64(r->config.netns);
	v[REC_RESULT] = vnet_str(record->end_ns ? "slow" : "missing");
	v[REC_CPU] = vnet_u64(record->trip.cpu);
	if (!record->end_ns)
		return;
	v[REC_TOTAL] = vnet_ns(record->end_ns > since ? record->end_ns - since : 0);
	v[REC_TO_CPU] = vnet_u64(record->cpu);
}

int pair_record(struct vnet_run *run, const void *data, size_t size,
		struct vnet_report *report)
{
	const struct vnet_pairs_record *record = data;
	const struct pair_run *r = run->ctx;
	struct vnet_value *v;

	/* A perf buffer may add padding. */
	if (size < sizeof(*record) || record->pair >= r->config.nr) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	report->time_ns = (record->end_ns ?: record->trip.since) + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES,
						      record_columns, NR_RECORD_COLUMNS));
	fill_way(r, record, v);
	fill_packet(report, &record->trip.packet, v);
	return 0;
}

/*
 * The last line of a run with records: how many packets there were. No sweep is
 * made here: what it found would give records behind the count of them.
 */
void pair_ended(struct vnet_run *run, struct vnet_report *report)
{
	if (!read_interval(run))
		add_totals(run, report);
}
