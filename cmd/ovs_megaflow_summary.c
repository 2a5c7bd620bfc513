/* SPDX-License-Identifier: GPL-2.0-only */
/* `ovs megaflow --summary`: how flows come and go, and which come again. */
#include <stdlib.h>

#include "cmd/ovs_churn.h"
#include "cmd/ovs_megaflow.h"
#include "cmd/times.h"
#include "vnet/util.h"

/* Members named for a group, those of most values first. */
#define VARIETIES	5

enum { BY_HANDLER, BY_REVALIDATOR, BY_MAIN, BY_OTHER, NR_BY };

static const char *const by_names[NR_BY] = { "handler", "revalidator", "main", "other" };

/* What was counted in this interval; the churn since the start. */
struct megaflow_summary {
	struct ovs_churn *churn;
	uint64_t done[VNET_MEGAFLOW_EVENTS], failed[VNET_MEGAFLOW_EVENTS];
	uint64_t deleted;		/* flows, of a deletion of all as well */
	uint64_t deleted_by[NR_BY];
	struct vnet_hist install, returned, lifetime;
};

struct megaflow_summary *megaflow_summary_new(uint32_t max)
{
	struct megaflow_summary *s = vnet_alloc(sizeof(*s));

	s->churn = ovs_churn_new(max);
	return s;
}

void megaflow_summary_free(struct megaflow_summary *s)
{
	if (!s)
		return;
	ovs_churn_free(s->churn);
	free(s);
}

void megaflow_summary_forget(struct megaflow_summary *s, const struct ovs_flow *flow)
{
	ovs_churn_gone(s->churn, flow->dp, flow->key, flow->mask);
}

void megaflow_summary_gone(struct megaflow_summary *s, const struct ovs_flow *flow,
			   uint64_t now_ns, const char *who)
{
	s->deleted++;
	for (int i = 0; i < NR_BY; i++)
		s->deleted_by[i] += !strcmp(by_names[i], who);
	if (!flow)
		return;
	vnet_hist_add(&s->lifetime, now_ns - flow->since_ns);
	megaflow_summary_forget(s, flow);
}

bool megaflow_summary_add(struct megaflow_summary *s, const struct megaflow_event *e)
{
	const struct vnet_megaflow_record *r = e->record;

	if (r->error) {
		s->failed[r->event]++;
		/* It was taken for sent when it began. */
		if (r->event == VNET_MEGAFLOW_UPCALL && r->message_len && s->done[r->event])
			s->done[r->event]--;
		return true;
	}
	s->done[r->event]++;
	if (e->returned.nr)
		vnet_hist_add(&s->returned, r->time_ns - e->returned.since_ns);
	if (r->event != VNET_MEGAFLOW_NEW)
		return true;
	if (e->link.nr)
		vnet_hist_add(&s->install, r->time_ns - e->link.since_ns);
	return ovs_churn_add(s->churn, e->message.dp, e->key, e->mask);
}

/* ---- the report ---- */

enum { COL_IN_PORT, COL_INSTALLED, COL_REPEATED, COL_FLOWS, COL_VARYING, COL_BITS, COL_MASK,
       NR_COLUMNS };

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_IN_PORT] = { "in_port", "IN_PORT", VNET_T_U64 },
	[COL_INSTALLED] = { "installed", "INSTALLED", VNET_T_U64, VNET_R_COUNT },
	[COL_REPEATED] = { "repeated", "AGAIN", VNET_T_U64 },
	[COL_FLOWS] = { "flows", "FLOWS NOW", VNET_T_U64 },
	[COL_VARYING] = { "varying", "Differ in", VNET_T_COUNTS, VNET_R_LINE },
	[COL_BITS] = { "bits", "Bits matched", VNET_T_COUNTS, VNET_R_LINE },
	[COL_MASK] = { "mask", "Mask", VNET_T_STR, VNET_R_LINE },
};

enum { EVENT_EVENT, EVENT_COUNT, EVENT_FAILED, EVENT_RATE, NR_EVENT_COLUMNS };

static const struct vnet_column event_columns[NR_EVENT_COLUMNS] = {
	[EVENT_EVENT] = { "event", "EVENT", VNET_T_STR },
	[EVENT_COUNT] = { "count", "COUNT", VNET_T_U64 },
	[EVENT_FAILED] = { "failed", "FAILED", VNET_T_U64 },
	[EVENT_RATE] = { "rate", "RATE", VNET_T_STR, VNET_R_TEXT },
};

enum { TIME_WHAT, TIME_FIRST, TIME_HIST = TIME_FIRST + NR_TIMES, NR_TIME_COLUMNS };

static const struct vnet_column time_columns[NR_TIME_COLUMNS] = {
	[TIME_WHAT] = { "what", "TIME", VNET_T_STR },
	TIMES_COLUMNS(TIME_FIRST),
	[TIME_HIST] = { "histogram", NULL, VNET_T_HIST, VNET_R_JSON },
};

enum { AGAIN_INSTALLS, AGAIN_RECENT, AGAIN_KEY, NR_AGAIN_COLUMNS };

static const struct vnet_column again_columns[NR_AGAIN_COLUMNS] = {
	[AGAIN_INSTALLS] = { "installs", "INSTALLS", VNET_T_U64, VNET_R_COUNT },
	[AGAIN_RECENT] = { "recent", "IN INTERVAL", VNET_T_U64 },
	[AGAIN_KEY] = { "key", "Flow", VNET_T_STR, VNET_R_LINE },
};

/* The fields of a group whose values differ, most different ones first. */
static uint32_t rank_fields(const struct ovs_group *group, int order[OVS_FIELDS])
{
	uint32_t nr = 0;

	for (int f = 0; f < OVS_FIELDS; f++) {
		uint32_t at = nr;

		if (group->fields[f].nr < 2)
			continue;
		for (; at && group->fields[order[at - 1]].nr < group->fields[f].nr; at--)
			order[at] = order[at - 1];
		order[at] = f;
		nr++;
	}
	return nr < VARIETIES ? nr : VARIETIES;
}

static struct vnet_value fields_value(struct vnet_report *report, const struct ovs_group *group,
				      const int *order, uint32_t nr, bool bits)
{
	struct vnet_counts *counts = vnet_report_alloc(report, sizeof(*counts));

	counts->nr = nr;
	counts->counts = vnet_report_alloc(report, (nr + 1) * sizeof(*counts->counts));
	for (uint32_t i = 0; i < nr; i++)
		counts->counts[i] = (struct vnet_count){
			ovs_field_name(order[i]),
			bits ? group->fields[order[i]].bits : group->fields[order[i]].nr,
		};
	return (struct vnet_value){ .type = VNET_T_COUNTS, .counts = counts };
}

static void add_groups(const struct megaflow_summary *s, uint32_t top,
		       struct vnet_report *report)
{
	struct vnet_table *table = vnet_report_table(report, "Flows by mask and port:",
						     VNET_L_CARDS, columns, NR_COLUMNS);
	const struct ovs_group **groups;
	uint32_t nr = ovs_churn_groups(s->churn, &groups);

	for (uint32_t i = 0; i < nr && (!top || i < top); i++) {
		struct vnet_value *v = vnet_report_row(report, table);
		int order[OVS_FIELDS];
		uint32_t ranked = rank_fields(groups[i], order);

		v[COL_IN_PORT] = vnet_u64(groups[i]->in_port);
		v[COL_INSTALLED] = vnet_u64(groups[i]->installed);
		v[COL_REPEATED] = vnet_u64(groups[i]->repeated);
		v[COL_FLOWS] = vnet_u64(groups[i]->flows);
		v[COL_VARYING] = fields_value(report, groups[i], order, ranked, false);
		v[COL_BITS] = fields_value(report, groups[i], order, ranked, true);
		if (groups[i]->mask.at)
			v[COL_MASK] = vnet_str(megaflow_mask_text(report, groups[i]->mask));
	}
	free(groups);
}

static void add_repeated(const struct megaflow_summary *s, uint32_t top,
			 struct vnet_report *report)
{
	struct vnet_table *table = vnet_report_table(report, "Installed again and again:",
						     VNET_L_CARDS, again_columns,
						     NR_AGAIN_COLUMNS);
	const struct ovs_churner **churners;
	uint32_t nr = ovs_churn_repeated(s->churn, &churners);

	table->key = "repeated";
	for (uint32_t i = 0; i < nr && (!top || i < top); i++) {
		struct vnet_value *v = vnet_report_row(report, table);

		v[AGAIN_INSTALLS] = vnet_u64(churners[i]->installs);
		v[AGAIN_RECENT] = vnet_u64(churners[i]->recent);
		v[AGAIN_KEY] = vnet_str(megaflow_key_text(report, churners[i]->key,
							  churners[i]->mask));
	}
	free(churners);
}

static void add_events(const struct megaflow_summary *s, const struct vnet_span *span,
		       struct vnet_report *report)
{
	struct vnet_table *table = vnet_report_table(report, "Events:", VNET_L_TABLE,
						     event_columns, NR_EVENT_COLUMNS);
	double seconds = (double)(span->end_ns - span->start_ns) / VNET_NS_PER_S;

	table->key = "events";
	for (int i = 0; i < VNET_MEGAFLOW_EVENTS; i++) {
		struct vnet_value *v = vnet_report_row(report, table);

		v[EVENT_EVENT] = vnet_str(megaflow_event_names[i]);
		v[EVENT_COUNT] = vnet_u64(s->done[i]);
		v[EVENT_FAILED] = vnet_u64(s->failed[i]);
		v[EVENT_RATE] = vnet_str(vnet_report_printf(report, "%.1f/s",
							    (double)s->done[i] / seconds));
	}
}

static void add_time(struct vnet_report *report, struct vnet_table *table, const char *what,
		     const struct vnet_hist *hist)
{
	struct vnet_value *v = vnet_report_row(report, table);

	v[TIME_WHAT] = vnet_str(what);
	times_fill(hist, v + TIME_FIRST);
	v[TIME_HIST] = times_histogram(report, hist);
}

static struct vnet_value deleted_by(const struct megaflow_summary *s, struct vnet_report *report)
{
	struct vnet_counts *counts = vnet_report_alloc(report, sizeof(*counts));

	counts->nr = NR_BY;
	counts->counts = vnet_report_alloc(report, NR_BY * sizeof(*counts->counts));
	for (int i = 0; i < NR_BY; i++)
		counts->counts[i] = (struct vnet_count){ by_names[i], s->deleted_by[i] };
	return (struct vnet_value){ .type = VNET_T_COUNTS, .counts = counts };
}

int megaflow_interval(struct vnet_run *run, const struct vnet_span *span,
		      struct vnet_report *report)
{
	struct megaflow *m = run->ctx;
	struct megaflow_summary *s = m->summary;
	struct vnet_table *times;

	add_groups(s, m->args->top, report);
	add_events(s, span, report);
	times = vnet_report_table(report, "Times:", VNET_L_TABLE, time_columns,
				  NR_TIME_COLUMNS);
	times->key = "times";
	add_time(report, times, "install", &s->install);
	add_time(report, times, "return", &s->returned);
	add_time(report, times, "lifetime", &s->lifetime);
	add_repeated(s, m->args->top, report);
	vnet_report_extra(report, "flows", "Flows now, of those installed since the start",
			  vnet_u64(ovs_flows_count(m->flows)));
	vnet_report_extra(report, "masks", "Their masks", vnet_u64(ovs_churn_masks(s->churn)));
	vnet_report_extra(report, "deleted", "Flows deleted", vnet_u64(s->deleted));
	vnet_report_extra(report, "deleted_by", "Deleted by", deleted_by(s, report));
	ovs_churn_turn(s->churn);
	memset(s->done, 0, sizeof(s->done));
	memset(s->failed, 0, sizeof(s->failed));
	memset(s->deleted_by, 0, sizeof(s->deleted_by));
	s->deleted = 0;
	s->install = s->returned = s->lifetime = (struct vnet_hist){};
	return 0;
}
