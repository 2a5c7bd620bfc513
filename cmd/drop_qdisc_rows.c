/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of `drop qdisc`: counters' differences and flows. */
#include <errno.h>
#include <net/if.h>

#include <bpf/bpf.h>
#include <linux/pkt_sched.h>

#include "cmd/drop_qdisc.h"
#include "vnet/reasons.h"
#include "vnet/util.h"

/* A qdisc's differences in one interval. */
struct delta {
	const struct vnet_qdisc *qdisc;
	uint64_t drops, overlimits, requeues;
	bool fresh;		/* made in this interval: counted from zero */
};

/* One qdisc keeps its place for its whole life. */
static int place_order(const void *a, const void *b)
{
	const struct vnet_qdisc *x = a, *y = b;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->handle != y->handle)
		return x->handle < y->handle ? -1 : 1;
	return strcmp(x->kind, y->kind);
}

void qdisc_sort(struct vnet_qdisc *qdiscs, size_t nr)
{
	qsort(qdiscs, nr, sizeof(*qdiscs), place_order);
}

static const struct vnet_qdisc *find(const struct vnet_qdisc *qdiscs, size_t nr,
				     const struct vnet_qdisc *key)
{
	return nr ? bsearch(key, qdiscs, nr, sizeof(*qdiscs), place_order) : NULL;
}

static bool is_wanted(const struct qdisc_run *q, uint32_t ifindex)
{
	const struct vnet_devices *d = &q->args->common.device;

	for (uint32_t i = 0; i < d->nr; i++)
		if (d->ifindex[i] == ifindex)
			return true;
	return !d->nr;
}

/* mq and mqprio have no counters: they show the sum of their queues'. */
static bool is_sum(const struct vnet_qdisc *qdisc)
{
	return !strcmp(qdisc->kind, "mq") || !strcmp(qdisc->kind, "mqprio");
}

static bool is_root(const struct vnet_qdisc *qdisc)
{
	return qdisc->parent == TC_H_ROOT;
}

/* A step of a 32-bit counter: back by more than half its range it was reset. */
static bool went_back(uint32_t before, uint32_t now)
{
	return (uint32_t)(now - before) > UINT32_MAX / 2;
}

/*
 * Another qdisc may stand in the place with the same name; it began at zero.
 * `bytes` has 64 bits and never wraps, so that it tells nearly always.
 */
static bool is_same(const struct vnet_qdisc *before, const struct vnet_qdisc *now)
{
	return before && now->bytes >= before->bytes &&
	       !went_back(before->drops, now->drops) &&
	       !went_back(before->overlimits, now->overlimits) &&
	       !went_back(before->requeues, now->requeues);
}

static void compare(const struct vnet_qdisc *before, const struct vnet_qdisc *now,
		    struct delta *delta)
{
	static const struct vnet_qdisc zero;
	const struct vnet_qdisc *from = is_same(before, now) ? before : &zero;

	*delta = (struct delta){
		.qdisc = now,
		.drops = (uint32_t)(now->drops - from->drops),
		.overlimits = (uint32_t)(now->overlimits - from->overlimits),
		.requeues = (uint32_t)(now->requeues - from->requeues),
		.fresh = from == &zero,
	};
}

/* The qdisc at the root of the device that `handle` belongs to, if it is a sum. */
static const struct vnet_qdisc *find_sum(const struct vnet_qdisc *qdiscs, size_t nr,
					 uint32_t ifindex, uint32_t handle)
{
	static const char *const kinds[] = { "mq", "mqprio" };

	for (size_t i = 0; i < VNET_ARRAY_SIZE(kinds); i++) {
		struct vnet_qdisc key = {
			.ifindex = ifindex, .parent = TC_H_ROOT, .handle = handle,
		};
		const struct vnet_qdisc *found;

		vnet_copy(key.kind, sizeof(key.kind), kinds[i]);
		found = find(qdiscs, nr, &key);
		if (found)
			return found;
	}
	return NULL;
}

/*
 * When a queue's qdisc is replaced, the sum loses what the old one counted:
 * then the difference is that of the queues, not the sum's.
 */
static void sum_again(const struct delta *deltas, size_t nr, struct delta *sum)
{
	const struct vnet_qdisc *root = sum->qdisc;
	struct delta again = { .qdisc = root };
	bool replaced = sum->fresh;

	for (size_t i = 0; i < nr; i++) {
		const struct vnet_qdisc *child = deltas[i].qdisc;

		if (child->ifindex != root->ifindex || is_root(child) ||
		    TC_H_MAJ(child->parent) != root->handle)
			continue;
		replaced |= deltas[i].fresh;
		again.drops += deltas[i].drops;
		again.overlimits += deltas[i].overlimits;
		again.requeues += deltas[i].requeues;
	}
	if (replaced)
		*sum = again;
}

static bool is_worth(const struct delta *d)
{
	return d->drops || d->overlimits || d->requeues || d->qdisc->qlen ||
	       d->qdisc->backlog;
}

/* Most drops first, then what waits; then as the devices are numbered. */
static int delta_order(const void *a, const void *b)
{
	const struct delta *x = a, *y = b;

	if (x->drops != y->drops)
		return x->drops > y->drops ? -1 : 1;
	if (x->qdisc->backlog != y->qdisc->backlog)
		return x->qdisc->backlog > y->qdisc->backlog ? -1 : 1;
	return place_order(x->qdisc, y->qdisc);
}

static const char *handle_text(struct vnet_report *report, uint32_t handle)
{
	char text[24];

	vnet_qdisc_handle_text(handle, text);
	return vnet_report_strdup(report, text);
}

static struct vnet_value device_value(struct vnet_report *report, uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	return vnet_str(if_indextoname(ifindex, name) ?
			vnet_report_strdup(report, name) : NULL);
}

/* What rows of both kinds tell of their qdisc. */
static void fill_place(struct vnet_report *report, const struct vnet_qdisc *qdiscs,
		       size_t nr, const struct vnet_qdisc *qdisc, struct vnet_value *v)
{
	v[QDISC_DEVICE] = device_value(report, qdisc->ifindex);
	v[QDISC_IFINDEX] = vnet_u64(qdisc->ifindex);
	if (!qdisc->kind[0])
		return;
	v[QDISC_KIND] = vnet_str(vnet_report_strdup(report, qdisc->kind));
	v[QDISC_HANDLE] = vnet_str(handle_text(report, qdisc->handle));
	v[QDISC_PARENT] = vnet_str(handle_text(report, qdisc->parent));
	if (!is_root(qdisc) && TC_H_MIN(qdisc->parent) &&
	    find_sum(qdiscs, nr, qdisc->ifindex, TC_H_MAJ(qdisc->parent)))
		v[QDISC_QUEUE] = vnet_u64(TC_H_MIN(qdisc->parent) - 1);
}

static void fill_delta(const struct delta *d, struct vnet_value *v)
{
	v[QDISC_DROPS] = vnet_u64(d->drops);
	v[QDISC_OVERLIMITS] = vnet_u64(d->overlimits);
	v[QDISC_REQUEUES] = vnet_u64(d->requeues);
	v[QDISC_BACKLOG] = vnet_u64(d->qdisc->backlog);
	v[QDISC_QLEN] = vnet_u64(d->qdisc->qlen);
	v[QDISC_NEW] = vnet_bool(d->fresh);
	v[QDISC_SOURCE] = vnet_str("netlink");
}

static void count_gone(const struct qdisc_run *q, const struct vnet_qdisc *now,
		       size_t nr, struct qdisc_totals *totals)
{
	for (size_t i = 0; i < q->nr_before; i++) {
		const struct vnet_qdisc *before = &q->before[i];

		if (is_wanted(q, before->ifindex) && !is_sum(before) &&
		    !is_same(before, find(now, nr, before) ?: &(struct vnet_qdisc){}))
			totals->gone++;
	}
}

void qdisc_rows(const struct qdisc_run *q, struct vnet_report *report,
		struct vnet_table *table, const struct vnet_qdisc *now, size_t nr,
		struct qdisc_totals *totals)
{
	struct delta *deltas = vnet_alloc(nr * sizeof(*deltas));
	size_t nr_rows = 0;

	for (size_t i = 0; i < nr; i++)
		compare(find(q->before, q->nr_before, &now[i]), &now[i], &deltas[i]);
	for (size_t i = 0; i < nr; i++)
		if (is_sum(&now[i]))
			sum_again(deltas, nr, &deltas[i]);
	/* Drops of a class are its root's as well: counted there, once. */
	for (size_t i = 0; i < nr; i++)
		if (is_wanted(q, now[i].ifindex) && is_root(&now[i]))
			totals->drops += deltas[i].drops;
	count_gone(q, now, nr, totals);
	qsort(deltas, nr, sizeof(*deltas), delta_order);
	for (size_t i = 0; i < nr && q->args->by & QDISC_BY_QDISC; i++) {
		struct vnet_value *v;

		if (!is_wanted(q, deltas[i].qdisc->ifindex) ||
		    (!q->args->all && !is_worth(&deltas[i])))
			continue;
		if (q->args->top && ++nr_rows > q->args->top)
			break;
		v = vnet_report_row(report, table);
		fill_place(report, now, nr, deltas[i].qdisc, v);
		fill_delta(&deltas[i], v);
	}
	free(deltas);
}

struct flow_row {
	struct vnet_qdisc_key key;
	uint64_t count;
};

static int flow_order(const void *a, const void *b)
{
	const struct flow_row *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static uint64_t take_count(int fd, const struct vnet_qdisc_key *key, uint64_t *values,
			   int cpus)
{
	uint64_t count = 0;

	if (!bpf_map_lookup_elem(fd, key, values))
		for (int cpu = 0; cpu < cpus; cpu++)
			count += values[cpu];
	bpf_map_delete_elem(fd, key);
	return count;
}

/* Empties the copy that rests. The rows are the caller's to free. */
static struct flow_row *take_flows(int fd, size_t *nr)
{
	int cpus = vnet_session_cpus();
	uint64_t *values = vnet_alloc(cpus * sizeof(*values));
	struct flow_row *rows = NULL;
	size_t room = 0;

	for (*nr = 0;; (*nr)++) {
		if (*nr == room) {
			room = room ? room * 2 : 256;
			rows = vnet_realloc(rows, room * sizeof(*rows));
		}
		rows[*nr] = (struct flow_row){};
		if (bpf_map_get_next_key(fd, *nr ? &rows[*nr - 1].key : NULL, &rows[*nr].key))
			break;
	}
	for (size_t i = 0; i < *nr; i++)
		rows[i].count = take_count(fd, &rows[i].key, values, cpus);
	free(values);
	return rows;
}

static void fill_flow(const struct qdisc_run *q, struct vnet_report *report,
		      const struct flow_row *row, struct vnet_value *v)
{
	struct vnet_flow *flow = vnet_report_alloc(report, sizeof(*flow));
	const char *reason = q->by_location ? "QDISC_DROP" :
			     vnet_reasons_name(q->reasons, row->key.reason);

	*flow = row->key.flow;
	if (!reason)
		reason = vnet_report_printf(report, "0x%x", row->key.reason);
	v[QDISC_DROPS] = vnet_u64(row->count);
	v[QDISC_SOURCE] = vnet_str("tracepoint");
	v[QDISC_REASON] = vnet_str(reason);
	v[QDISC_INFERRED] = vnet_bool(q->by_location);
	v[QDISC_FLOW] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
}

int qdisc_flow_rows(struct vnet_run *run, struct vnet_report *report,
		    struct vnet_table *table, int copy, const struct vnet_qdisc *now,
		    size_t nr, struct qdisc_totals *totals)
{
	const struct qdisc_run *q = run->ctx;
	int fd = vnet_session_map(run->session, copy ? "flows1" : "flows0");
	struct flow_row *rows;
	size_t nr_rows;

	if (fd < 0)
		return fd;
	rows = take_flows(fd, &nr_rows);
	qsort(rows, nr_rows, sizeof(*rows), flow_order);
	for (size_t i = 0; i < nr_rows; i++) {
		const struct vnet_qdisc_key *key = &rows[i].key;
		struct vnet_qdisc qdisc = {
			.ifindex = key->ifindex, .handle = key->handle,
			.parent = key->parent,
		};
		struct vnet_value *v;

		memcpy(qdisc.kind, key->kind, sizeof(qdisc.kind) - 1);
		/* A device that is down has this one, which keeps no counters. */
		if (strcmp(qdisc.kind, "noop"))
			totals->flow_drops += rows[i].count;
		if (q->args->top && i >= q->args->top)
			continue;
		v = vnet_report_row(report, table);
		fill_place(report, now, nr, &qdisc, v);
		fill_flow(q, report, &rows[i], v);
	}
	free(rows);
	return 0;
}
