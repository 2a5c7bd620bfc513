/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag latency details`: each packet that took too long, stage by stage. */
#include <errno.h>
#include <net/if.h>

#include <bpf/bpf.h>

#include "cmd/commands.h"
#include "cmd/latency.h"
#include "vnet/log.h"
#include "vnet/util.h"

#define DIRECTIONS	VNET_LATENCY_DIRECTIONS
#define STAGES		VNET_LATENCY_STAGES
/* Packets that can wait at a time: their entries are larger than the summary's. */
#define MAX_WAITS	4096

static const struct vnet_opt options[] = {
	{ "threshold", 't', VNET_OPT_STRING, offsetof(struct latency_args, threshold),
	  "[STAGE=]TIME[,...]", "Show packets whose total, or whose time from a stage to the "
	  "next, is above TIME; without it every packet" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct latency_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct latency_args, rate_limit), "N/s",
	  "Emit at most so many records a second; the others are counted" },
	{}
};

struct details {
	const struct latency_args *args;
	struct vnet_latency_config config;
};

/* ---- --threshold ---- */

/* "ovs=1ms", "total=100ms", "100ms"; changes the text. 0 or an exit status. */
static int parse_threshold(struct latency_args *a, char *item)
{
	char *time = strchr(item, '=');
	struct latency_threshold *threshold;
	const char *why = "is no time";
	uint64_t ns;

	if (time)
		*time++ = '\0';
	if (vnet_parse_duration(time ?: item, &ns, &why) || !ns) {
		vnet_error("'%s' of option '--threshold' %s", time ?: item, why);
		vnet_hint("use for example --threshold total=100ms,ovs=1ms");
		return VNET_EXIT_USAGE;
	}
	if (!time || !strcmp(item, "total")) {
		a->total_ns = ns;
		return 0;
	}
	if (!latency_stage_exists(item) || a->nr_thresholds == LATENCY_THRESHOLDS) {
		vnet_error("'%s' of option '--threshold' is %s", item,
			   latency_stage_exists(item) ? "one stage too many" : "no stage");
		vnet_hint("the stages are those of 'vnetdiag latency summary', and total");
		return VNET_EXIT_USAGE;
	}
	threshold = &a->thresholds[a->nr_thresholds++];
	vnet_copy(threshold->stage, sizeof(threshold->stage), item);
	threshold->ns = ns;
	return 0;
}

static int parse_thresholds(struct latency_args *a)
{
	char *text = vnet_strdup(a->threshold), *rest = text, *item;
	int status = 0;

	while (!status && (item = strsep(&rest, ",")))
		status = parse_threshold(a, item);
	free(text);
	return status;
}

static int check(void *args)
{
	struct latency_args *a = args;
	int status = a->threshold ? parse_thresholds(a) : 0;

	return status ?: latency_check(args);
}

/* A name may stand for another stage on another path ("ip", "internal"). */
static int fill_threshold(struct vnet_latency_config *c, const struct latency_threshold *t)
{
	bool found = false;

	for (uint32_t dir = 0; dir < DIRECTIONS; dir++) {
		for (uint32_t s = 0; s < STAGES; s++) {
			if (!latency_has(c, dir, s) ||
			    strcmp(latency_stage_name(c, dir, s), t->stage))
				continue;
			c->stage_ns[dir][s] = t->ns;
			found = true;
		}
	}
	if (found)
		return 0;
	vnet_error("option '--threshold': this path has no stage '%s'", t->stage);
	vnet_hint("'vnetdiag latency summary' with the same options shows its stages");
	return -EINVAL;
}

/* ---- the run ---- */

static int configure(struct vnet_run *run)
{
	struct details *d = run->ctx;
	struct vnet_latency_config *c = &d->config;
	int err = latency_configure(run, d->args, c);

	for (uint32_t i = 0; !err && i < d->args->nr_thresholds; i++)
		err = fill_threshold(c, &d->args->thresholds[i]);
	if (err)
		return err;
	c->all = !d->args->threshold;
	c->total_ns = d->args->total_ns;
	err = vnet_session_resize(run->session, "waits", MAX_WAITS);
	return err ?: vnet_session_set(run->session, "config", c, sizeof(*c));
}

/* What waits for too long will never go on: its entries must not fill the map. */
static int tidy(struct vnet_run *run)
{
	uint64_t aged[DIRECTIONS][STAGES] = {};
	int fd = vnet_session_map(run->session, "waits");

	if (fd < 0)
		return fd;
	latency_sweep(fd, aged);
	return 0;
}

enum {
	COL_PATH, COL_DIRECTION, COL_TOTAL, COL_SLOWEST, COL_LEN, COL_GSO_SIZE, COL_GSO_SEGS,
	COL_FLOW, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_PATH] = { "path", "path", VNET_T_STR },
	[COL_DIRECTION] = { "direction", "direction", VNET_T_STR },
	[COL_TOTAL] = { "total_ns", "total", VNET_T_NS },
	[COL_SLOWEST] = { "slowest", "slowest", VNET_T_STR },
	[COL_LEN] = { "len", "len", VNET_T_U64 },
	[COL_GSO_SIZE] = { "gso_size", "gso_size", VNET_T_U64 },
	[COL_GSO_SEGS] = { "gso_segs", "gso_segs", VNET_T_U64 },
	[COL_FLOW] = { "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
};

enum {
	STAGE_STAGE, STAGE_TIME, STAGE_DELTA, STAGE_MARK, STAGE_CPU, STAGE_DEVICE, STAGE_QUEUE,
	STAGE_BACKLOG, STAGE_PID, STAGE_TID, STAGE_COMM, NR_STAGE_COLUMNS
};

static const struct vnet_column stage_columns[NR_STAGE_COLUMNS] = {
	[STAGE_STAGE] = { "stage", "  STAGE", VNET_T_STR },
	[STAGE_TIME] = { "time", "TIME", VNET_T_TIME, VNET_R_JSON },
	[STAGE_DELTA] = { "delta_ns", "UNTIL NEXT", VNET_T_NS },
	[STAGE_MARK] = { "mark", "", VNET_T_STR, VNET_R_TEXT },
	[STAGE_CPU] = { "cpu", "CPU", VNET_T_U64 },
	[STAGE_DEVICE] = { "device", "DEVICE", VNET_T_STR },
	[STAGE_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[STAGE_BACKLOG] = { "backlog", "BACKLOG", VNET_T_U64 },
	[STAGE_PID] = { "pid", "PID", VNET_T_U64 },
	[STAGE_TID] = { "tid", "TID", VNET_T_U64 },
	[STAGE_COMM] = { "comm", "COMM", VNET_T_STR },
};

/*
 * Stages that run in a thread for the packet's sake: its sender, the guest's
 * vhost worker, ovs-vswitchd's handler, the tap's reader. Elsewhere it is
 * whoever was interrupted.
 */
static bool runs_in_thread(uint32_t dir, uint32_t stage)
{
	return stage == VNET_LATENCY_IP_OUT || stage == VNET_LATENCY_RETURN ||
	       stage == VNET_LATENCY_TAKEN ||
	       (stage == VNET_LATENCY_START && dir == VNET_LATENCY_TX);
}

static const char *device_name(struct vnet_report *report, uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	return ifindex && if_indextoname(ifindex, name) ? vnet_report_strdup(report, name) : NULL;
}

static void fill_where(struct vnet_report *report, uint32_t dir, uint32_t stage,
		       const struct vnet_latency_where *w, struct vnet_value *v)
{
	v[STAGE_CPU] = vnet_u64(w->cpu);
	v[STAGE_DEVICE] = vnet_str(device_name(report, w->ifindex));
	if (stage == VNET_LATENCY_QDISC || stage == VNET_LATENCY_DRIVER)
		v[STAGE_QUEUE] = vnet_u64(w->queue);
	if (stage == VNET_LATENCY_QDISC)
		v[STAGE_BACKLOG] = vnet_u64(w->backlog);
	if (!runs_in_thread(dir, stage))
		return;
	v[STAGE_PID] = vnet_u64(w->id >> 32);
	v[STAGE_TID] = vnet_u64((uint32_t)w->id);
	v[STAGE_COMM] = vnet_str(vnet_report_printf(report, "%.16s", w->comm));
}

/* The stages of the record in order; returns how many. */
static uint32_t list_stages(const struct details *d, const struct vnet_latency_record *r,
			    uint32_t stages[STAGES])
{
	uint32_t nr = 0;

	for (uint32_t s = 0; s < STAGES; s++)
		if (r->seen & VNET_LATENCY_BIT(s) && latency_has(&d->config, r->direction, s))
			stages[nr++] = s;
	return nr;
}

static uint32_t find_slowest(const struct vnet_latency_record *r, const uint32_t *stages,
			     uint32_t nr)
{
	uint32_t slowest = 0;
	uint64_t most = 0;

	for (uint32_t i = 0; i + 1 < nr; i++) {
		uint64_t delta = r->at[stages[i + 1]] - r->at[stages[i]];

		if (delta > most) {
			most = delta;
			slowest = i;
		}
	}
	return slowest;
}

static void add_stages(struct vnet_run *run, struct vnet_report *report,
		       const struct vnet_latency_record *r, const uint32_t *stages,
		       uint32_t nr, uint32_t slowest)
{
	const struct details *d = run->ctx;
	struct vnet_table *table = vnet_report_table(report, NULL, VNET_L_TABLE,
						     stage_columns, NR_STAGE_COLUMNS);

	table->key = "stages";
	for (uint32_t i = 0; i < nr; i++) {
		struct vnet_value *v = vnet_report_row(report, table);
		const char *name = latency_stage_name(&d->config, r->direction, stages[i]);

		v[STAGE_STAGE] = vnet_str(name);
		v[STAGE_TIME] = (struct vnet_value){
			.type = VNET_T_TIME, .u64 = r->at[stages[i]] + run->wall_offset_ns,
		};
		if (i + 1 < nr)
			v[STAGE_DELTA] = vnet_ns(r->at[stages[i + 1]] - r->at[stages[i]]);
		v[STAGE_MARK] = vnet_str(i == slowest ? "<- slowest" : "");
		fill_where(report, r->direction, stages[i], &r->where[stages[i]], v);
	}
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	const struct details *d = run->ctx;
	const struct vnet_latency_record *r = data;
	uint32_t stages[STAGES], nr, slowest;
	struct vnet_flow *flow;
	struct vnet_value *v;

	if (size < sizeof(*r) || r->direction >= DIRECTIONS) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	nr = list_stages(d, r, stages);
	if (nr < 2) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	slowest = find_slowest(r, stages, nr);
	report->time_ns = r->at[stages[nr - 1]] + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES, columns,
						      NR_COLUMNS));
	flow = vnet_report_alloc(report, sizeof(*flow));
	*flow = r->packet.flow;
	v[COL_PATH] = vnet_str(latency_path_name(&d->config));
	v[COL_DIRECTION] = vnet_str(latency_direction_names[r->direction]);
	v[COL_TOTAL] = vnet_ns(r->at[stages[nr - 1]] - r->at[stages[0]]);
	v[COL_SLOWEST] = vnet_str(latency_stage_name(&d->config, r->direction,
						     stages[slowest]));
	v[COL_LEN] = vnet_u64(r->packet.len);
	if (r->packet.gso_size) {
		v[COL_GSO_SIZE] = vnet_u64(r->packet.gso_size);
		v[COL_GSO_SEGS] = vnet_u64(r->packet.gso_segs);
	}
	v[COL_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	add_stages(run, report, r, stages, nr, slowest);
	return 0;
}

/* The counts of all CPUs and both copies; false if they cannot be read. */
static bool sum_counts(struct vnet_run *run, uint64_t *started, uint64_t *completed)
{
	int fd = vnet_session_map(run->session, "cpus"), cpus = vnet_session_cpus();
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), zero = 0;
	size_t stride;
	char *values;
	bool read;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	stride = (info.value_size + 7) & ~7u;
	values = vnet_alloc(cpus * stride);
	read = !bpf_map_lookup_elem(fd, &zero, values);
	*started = *completed = 0;
	for (int cpu = 0; read && cpu < cpus; cpu++) {
		/* The counts come first in struct vnet_latency_cpu. */
		const struct vnet_latency_counts *counts = (void *)(values + cpu * stride);

		for (int i = 0; i < 2 * DIRECTIONS; i++) {
			*started += counts[i].started;
			*completed += counts[i].completed;
		}
	}
	free(values);
	return read;
}
_Static_assert(offsetof(struct vnet_latency_cpu, counts) == 0, "sum_counts() relies on it");

static void ended(struct vnet_run *run, struct vnet_report *report)
{
	uint64_t started, completed;

	if (!sum_counts(run, &started, &completed))
		return;
	vnet_report_extra(report, "started", "Packets started", vnet_u64(started));
	vnet_report_extra(report, "completed", "Packets completed", vnet_u64(completed));
}

static int run(void *args)
{
	struct details d = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_latency_details,
		.args = args,
		.object = "latency_details",
		.title = "Slow packets",
		.rate_limit = d.args->rate_limit,
		.limit = d.args->limit,
		.configure = configure,
		.record = record,
		.tidy = tidy,
		.ended = ended,
		.ctx = &d,
	};

	m.pairs = latency_pairs(args, &m.nr_pairs);
	m.wants = latency_wants(args, &m.nr_wants);
	return vnet_measure(&m);
}

static const struct vnet_cmd_example examples[] = {
	{ "A guest's packets that took more than 100 ms, with the stage that held them up",
	  "vnetdiag latency details --phy-interface ens11 --vm-interface vnet0 "
	  "--threshold 100ms" },
	{ "The next ten packets that waited over 1 ms for ovs-vswitchd",
	  "vnetdiag latency details --phy-interface ens11 --threshold upcall=1ms --limit 10" },
	{ "Every packet of one flow as JSON, with conntrack",
	  "vnetdiag latency details --phy-interface ens11 --stages full --dst-port 443 "
	  "--format json | jq -c '[.total_ns, .slowest]'" },
	{}
};

const struct vnet_cmd vnet_cmd_latency_details = {
	.path = "latency details",
	.summary = "Each packet that took too long, with the time of every stage",
	.description =
		"Follows packets as 'latency summary' does and shows one record for each that "
		"took longer than --threshold in total, or from one stage to the next: its "
		"flow, when, on which CPU, device and queue it passed each stage, and the "
		"thread where one worked for it (its sender, ovs-vswitchd's handler, the "
		"guest's vhost worker). What cannot be shown in time is counted.",
	.options = { options, latency_path_options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct latency_args),
	.check = check,
	.run = run,
	.wants = latency_wants,
	.examples = examples,
};
