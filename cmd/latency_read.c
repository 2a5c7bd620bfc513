/* SPDX-License-Identifier: GPL-2.0-only */
/* Takes an interval of `latency summary` out of the kernel's maps. */
#include <errno.h>

#include <bpf/bpf.h>

#include "cmd/latency.h"
#include "vnet/util.h"

#define DIRECTIONS	VNET_LATENCY_DIRECTIONS
#define STAGES		VNET_LATENCY_STAGES
/* Steps of one sweep: twice what the map can hold. */
#define SWEEP_MAX	32768

struct latency_reader {
	const struct vnet_latency_config *config;
	int cpus, copy;
	/* Counts only ever grow: what each copy had when it was read before. */
	struct vnet_latency_counts before[2][DIRECTIONS];
	uint64_t waiting[DIRECTIONS][STAGES];
	uint64_t carried[DIRECTIONS];	/* see fill_started() */
	uint64_t left[DIRECTIONS][STAGES];	/* in slots, and reported: see fill_lost() */
	uint64_t turned_ns;		/* before the epoch was turned over */
	uint64_t aged[DIRECTIONS][STAGES];	/* in this interval */
	struct vnet_latency_cpu *states;	/* [cpus] */
	struct vnet_latency_hists *hists;	/* [cpus] */
	struct vnet_latency_hists *zeros;	/* [cpus] */
	struct latency_flow *flows;
	size_t nr_flows, max_flows;
};

struct latency_reader *latency_reader_new(const struct vnet_latency_config *config)
{
	struct latency_reader *r = vnet_alloc(sizeof(*r));

	r->config = config;
	r->cpus = vnet_session_cpus();
	r->states = vnet_alloc(r->cpus * sizeof(*r->states));
	r->hists = vnet_alloc(r->cpus * sizeof(*r->hists));
	r->zeros = vnet_alloc(r->cpus * sizeof(*r->zeros));
	return r;
}

void latency_reader_free(struct latency_reader *r)
{
	if (!r)
		return;
	free(r->states);
	free(r->hists);
	free(r->zeros);
	free(r->flows);
	free(r);
}

/* The counts of all members are of one type: added and subtracted as an array. */
#define NR_COUNTS	(sizeof(struct vnet_latency_counts) / sizeof(__u64))

static void add_counts(struct vnet_latency_counts *sum, const struct vnet_latency_counts *part,
		       int sign)
{
	__u64 *to = (__u64 *)sum;
	const __u64 *from = (const __u64 *)part;

	for (size_t i = 0; i < NR_COUNTS; i++)
		to[i] += sign * from[i];
}

/* What the copy counted since it was read before. */
static void take_counts(struct latency_reader *r, uint32_t dir,
			struct vnet_latency_counts *delta)
{
	struct vnet_latency_counts sum = {};

	for (int cpu = 0; cpu < r->cpus; cpu++)
		add_counts(&sum, &r->states[cpu].counts[r->copy][dir], 1);
	*delta = sum;
	add_counts(delta, &r->before[r->copy][dir], -1);
	r->before[r->copy][dir] = sum;
}

static void count_values(struct vnet_hist *hist)
{
	hist->count = 0;
	for (int i = 0; i < VNET_HIST_SLOTS; i++)
		hist->count += hist->slots[i];
}

static int take_hists(struct latency_reader *r, int fd, uint32_t dir,
		      struct vnet_latency_hists *sum)
{
	uint32_t key = r->copy * DIRECTIONS + dir;

	if (bpf_map_lookup_elem(fd, &key, r->hists))
		return -errno;
	for (int cpu = 0; cpu < r->cpus; cpu++) {
		for (int i = 0; i < VNET_LATENCY_PAIRS; i++)
			vnet_hist_merge(&sum->pairs[i], &r->hists[cpu].pairs[i]);
		vnet_hist_merge(&sum->total, &r->hists[cpu].total);
	}
	for (int i = 0; i < VNET_LATENCY_PAIRS; i++)
		count_values(&sum->pairs[i]);
	count_values(&sum->total);
	/* The only pair has the times of the whole, which are not kept twice. */
	if (r->config->nr_plain[dir] == 2)
		sum->pairs[0] = sum->total;
	return bpf_map_update_elem(fd, &key, r->zeros, BPF_ANY) ? -errno : 0;
}

/*
 * A packet that goes on at the same moment is deleted by its program: only one
 * of the two succeeds. Where packets come and go the walk starts over again and
 * again, hence its end; what it has not met waits for the next one.
 */
void latency_sweep(int fd, uint64_t aged[DIRECTIONS][STAGES])
{
	uint64_t now = vnet_now_ns(), key, next;
	union {
		struct vnet_latency_trip trip;
		__u8 room[VNET_LATENCY_TRIP_MAX];
	} v;
	int err = bpf_map_get_next_key(fd, NULL, &next);

	for (int i = 0; !err && i < SWEEP_MAX; i++) {
		key = next;
		err = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &v) || v.trip.stage >= STAGES ||
		    v.trip.direction >= DIRECTIONS ||
		    now <= v.trip.at[v.trip.stage] + VNET_LATENCY_AGE_NS)
			continue;
		aged[v.trip.direction][v.trip.stage] += !bpf_map_delete_elem(fd, &key);
	}
}

/* Packets in slots that were seen there last before the epoch was turned over: over. */
static void count_left(const struct latency_reader *r, uint32_t dir, uint64_t left[STAGES])
{
	for (int cpu = 0; cpu < r->cpus; cpu++) {
		const struct vnet_latency_trip *trip = &r->states[cpu].slots[dir].trip;
		uint32_t stage = trip->stage;

		/* At an upcall it is one that waits. */
		if (stage && stage < STAGES && stage != VNET_LATENCY_UPCALL &&
		    trip->at[stage] < r->turned_ns)
			left[stage]++;
	}
}

/*
 * Packets that a CPU carried to no end. The programs count one when its slot
 * gets another, which may be much later; so what is left in the slots is added
 * here, and not once more when they count it. That may happen while the slots
 * are read: then it goes over into the next interval.
 */
static void fill_lost(struct latency_reader *r, uint32_t dir,
		      const struct vnet_latency_counts *c, struct latency_path *path)
{
	uint64_t left[STAGES] = {};

	count_left(r, dir, left);
	for (uint32_t s = 0; s < STAGES; s++) {
		uint64_t found = c->lost[s] + left[s], before = r->left[dir][s];

		path->incomplete[s] = found > before ? found - before : 0;
		r->left[dir][s] = left[s] + path->incomplete[s] + before - found;
	}
}

/*
 * A packet is started if it ended, or began to wait without having waited
 * before. One that went on after a wait, and whose CPU had not carried it to its
 * end when the epoch was turned over, is still to be counted there: `carried`.
 */
static void fill_started(struct latency_reader *r, uint32_t dir,
			 const struct vnet_latency_counts *c, struct latency_path *path)
{
	uint64_t ended = path->completed, resumed = r->carried[dir];

	for (uint32_t s = 0; s < STAGES; s++) {
		ended += path->incomplete[s] + c->waits[s];
		resumed += c->resumed[s];
	}
	r->carried[dir] = resumed > ended ? resumed - ended : 0;
	path->started = ended > resumed ? ended - resumed : 0;
}

static void fill_waiting(struct latency_reader *r, uint32_t dir,
			 const struct vnet_latency_counts *c, bool last,
			 struct latency_path *path)
{
	uint32_t first = __builtin_ctz(r->config->shown[dir]);

	for (uint32_t s = 0; s < STAGES; s++) {
		uint64_t gone = c->dead[s] + r->aged[dir][s];

		path->incomplete[s] += gone;
		r->waiting[dir][s] += c->waits[s] - c->resumed[s] - gone;
		if (last) {
			path->incomplete[s] += r->waiting[dir][s];
			r->waiting[dir][s] = 0;
		}
		path->waiting += r->waiting[dir][s];
	}
	if (last) {
		path->incomplete[first] += r->carried[dir];
		r->carried[dir] = 0;
	}
	path->waiting += r->carried[dir];
}

static void fill_path(struct latency_reader *r, uint32_t dir,
		      const struct vnet_latency_counts *c, bool last, struct latency_path *path)
{
	path->completed = path->hists.total.count;
	fill_lost(r, dir, c, path);
	fill_started(r, dir, c, path);
	fill_waiting(r, dir, c, last, path);
	path->over = c->over;
	path->unfollowed = c->unfollowed;
	path->unsampled = c->unsampled;
}

static int take_direction(struct latency_reader *r, uint32_t dir, int hists, bool last,
			  struct latency_path *path)
{
	struct vnet_latency_counts counts;
	int err = take_hists(r, hists, dir, &path->hists);

	if (err)
		return err;
	take_counts(r, dir, &counts);
	fill_path(r, dir, &counts, last, path);
	return 0;
}

int latency_read(struct latency_reader *r, struct vnet_session *session, bool last,
		 struct latency_path paths[VNET_LATENCY_DIRECTIONS])
{
	int cpus = vnet_session_map(session, "cpus");
	int hists = vnet_session_map(session, "hists");
	int waits = vnet_session_map(session, "waits");
	uint32_t zero = 0;
	int err = 0;

	if (cpus < 0 || hists < 0 || waits < 0)
		return -ENOENT;
	r->turned_ns = vnet_now_ns();
	r->copy = vnet_session_flip(session);
	if (r->copy < 0)
		return r->copy;
	if (bpf_map_lookup_elem(cpus, &zero, r->states))
		return -errno;
	memset(r->aged, 0, sizeof(r->aged));
	latency_sweep(waits, r->aged);
	for (uint32_t dir = 0; dir < DIRECTIONS && !err; dir++)
		if (latency_on(r->config, dir))
			err = take_direction(r, dir, hists, last, &paths[dir]);
	return err;
}

/* ---- by flow ---- */

static struct latency_flow *flow_of(struct latency_reader *r,
				    const struct vnet_latency_flow *key)
{
	struct latency_flow *flow;

	for (size_t i = 0; i < r->nr_flows; i++)
		if (!memcmp(&r->flows[i].key, key, sizeof(*key)))
			return &r->flows[i];
	if (r->nr_flows == r->max_flows) {
		size_t max = r->max_flows ? 2 * r->max_flows : 64;

		r->flows = vnet_realloc(r->flows, max * sizeof(*r->flows));
		r->max_flows = max;
	}
	flow = &r->flows[r->nr_flows++];
	memset(flow, 0, sizeof(*flow));
	flow->key = *key;
	return flow;
}

static int slowest_first(const void *a, const void *b)
{
	const struct latency_flow *x = a, *y = b;
	uint64_t of_x = vnet_hist_percentile(&x->times.total, 990);
	uint64_t of_y = vnet_hist_percentile(&y->times.total, 990);

	if (of_x != of_y)
		return of_x < of_y ? 1 : -1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

/* The copy is at rest: nothing comes while the map is emptied. */
int latency_read_flows(struct latency_reader *r, struct vnet_session *session,
		       const struct latency_flow **flows, size_t *nr)
{
	int fd = vnet_session_map(session, r->copy ? "flows1" : "flows0");
	struct vnet_latency_flow key;
	struct vnet_latency_flow_times times;

	r->nr_flows = 0;
	if (fd < 0)
		return fd;
	while (!bpf_map_get_next_key(fd, NULL, &key)) {
		struct latency_flow *flow;
		int err = bpf_map_lookup_elem(fd, &key, &times) ? -errno : 0;

		if (bpf_map_delete_elem(fd, &key))
			return -errno;
		if (err)
			return err;
		key.cpu = 0;
		flow = flow_of(r, &key);
		flow->times.over += times.over;
		vnet_hist_merge(&flow->times.total, &times.total);
	}
	if (r->nr_flows)
		qsort(r->flows, r->nr_flows, sizeof(*r->flows), slowest_first);
	*flows = r->flows;
	*nr = r->nr_flows;
	return 0;
}
