/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads what the kernel counts for `ovs threads`. Entries grow for the whole
 * run; an interval is the difference of two readings, each with the stretch
 * that is under way added, so that times add up to the time between them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <bpf/bpf.h>

#include "cmd/ovs_threads.h"
#include "vnet/cli.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

/* An entry that changes all the time is taken as it is at last. */
#define READ_TRIES	64

/* One reading of a thread, the present stretch included. */
struct reading {
	uint64_t at;		/* CLOCK_MONOTONIC */
	struct vnet_thread t;
};

/* A thread of the run. */
struct seen {
	uint32_t tid;
	bool here;		/* in this reading */
	char wchan[THREADS_SYMBOL];	/* where it slept at the start; "": it did not */
	struct reading last;
};

struct threads_reader {
	uint32_t pid;
	uint32_t epoch;		/* the interval that is being counted */
	struct seen *seen;
	size_t nr;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * VNET_NS_PER_S + ts.tv_nsec;
}

const char *threads_role(const char *comm, bool main)
{
	static const char *const roles[] = { "handler", "revalidator", "pmd" };

	for (size_t i = 0; i < VNET_ARRAY_SIZE(roles); i++)
		if (!strncmp(comm, roles[i], strlen(roles[i])))
			return roles[i];
	return main ? "main" : "other";
}

struct threads_reader *threads_reader_new(uint32_t pid)
{
	struct threads_reader *r = vnet_alloc(sizeof(*r));

	r->pid = pid;
	return r;
}

void threads_reader_free(struct threads_reader *r)
{
	if (!r)
		return;
	free(r->seen);
	free(r);
}

static struct seen *find_seen(struct threads_reader *r, uint32_t tid)
{
	for (size_t i = 0; i < r->nr; i++)
		if (r->seen[i].tid == tid)
			return &r->seen[i];
	return NULL;
}

static struct seen *add_seen(struct threads_reader *r, uint32_t tid)
{
	struct seen *s;

	r->seen = vnet_realloc(r->seen, (r->nr + 1) * sizeof(*r->seen));
	s = &r->seen[r->nr++];
	memset(s, 0, sizeof(*s));
	s->tid = tid;
	return s;
}

/* A file of the thread under /proc, its first line; "" if it is gone. */
static void proc_line(const struct threads_reader *r, uint32_t tid, const char *name,
		      char *line, size_t size)
{
	char path[64], *text;

	line[0] = 0;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/%s", r->pid, tid, name);
	if (vnet_read_file(path, &text, NULL))
		return;
	text[strcspn(text, "\n")] = 0;
	vnet_copy(line, size, text);
	free(text);
}

/* What /proc says that it does: the letter behind the name in parentheses. */
static uint32_t proc_state(const struct threads_reader *r, uint32_t tid)
{
	static const struct {
		char letter;
		uint32_t state;
	} states[] = {
		{ 'R', VNET_THREAD_RUNNING },
		{ 'S', VNET_THREAD_BLOCKED },
		{ 'D', VNET_THREAD_UNINTERRUPTIBLE },
		{ 'T', VNET_THREAD_STOPPED },
		{ 't', VNET_THREAD_STOPPED },
	};
	char line[256], *end;

	proc_line(r, tid, "stat", line, sizeof(line));
	end = strrchr(line, ')');
	for (size_t i = 0; end && end[1] && i < VNET_ARRAY_SIZE(states); i++)
		if (end[2] == states[i].letter)
			return states[i].state;
	return VNET_THREAD_UNKNOWN;
}

static bool is_asleep(uint32_t state)
{
	return state == VNET_THREAD_BLOCKED || state == VNET_THREAD_UNINTERRUPTIBLE ||
	       state == VNET_THREAD_STOPPED;
}

/* Tells the kernel of one thread, unless it saw it already. */
static void start_thread(struct threads_reader *r, int fd, uint32_t tid)
{
	struct vnet_thread t = { .tid = tid, .guess = proc_state(r, tid) };
	struct seen *seen = add_seen(r, tid);

	if (is_asleep(t.guess))
		proc_line(r, tid, "wchan", seen->wchan, sizeof(seen->wchan));
	t.in_syscall = t.guess == VNET_THREAD_BLOCKED ||
		       t.guess == VNET_THREAD_UNINTERRUPTIBLE;
	t.since = now_ns();
	seen->last.at = t.since;
	bpf_map_update_elem(fd, &tid, &t, BPF_NOEXIST);
}

int threads_start(struct threads_reader *r, struct vnet_session *session)
{
	int fd = vnet_session_map(session, "threads");
	struct dirent *entry;
	const char *why;
	char path[32];
	uint32_t tid;
	DIR *dir;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%u/task", r->pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!vnet_parse_u32(entry->d_name, 1, UINT32_MAX, &tid, &why))
			start_thread(r, fd, tid);
	closedir(dir);
	return 0;
}

/* An entry that nobody was writing meanwhile. */
static int read_thread(int fd, uint32_t tid, struct reading *reading)
{
	struct vnet_thread again;

	for (int i = 0; i < READ_TRIES; i++) {
		if (bpf_map_lookup_elem(fd, &tid, &reading->t) ||
		    bpf_map_lookup_elem(fd, &tid, &again))
			return -errno;
		reading->at = now_ns();
		if (!(again.seq & 1) && !memcmp(&reading->t, &again, sizeof(again)))
			break;
	}
	return 0;
}

/* Adds the stretch that is under way to the times in the reading. */
static void add_open(struct reading *reading)
{
	struct vnet_thread *t = &reading->t;
	uint64_t ns = reading->at > t->since ? reading->at - t->since : 0;

	if (t->state == VNET_THREAD_UNKNOWN)
		t->state = t->guess;
	if (t->state == VNET_THREAD_GONE)
		return;
	t->ns[t->state] += ns;
	if (t->state == VNET_THREAD_RUNNING && t->syscall_since &&
	    reading->at > t->syscall_since)
		t->syscall_ns += reading->at - t->syscall_since;
	if (!is_asleep(t->state))
		return;
	for (int i = 0; i < VNET_THREAD_BLOCKERS; i++) {
		struct vnet_thread_blocker *b = &t->blockers[i];

		if (b->count && b->stack != t->stack)
			continue;
		b->stack = t->stack;
		b->ns += ns;
		/* Not counted before it ends, but a place in use must not look free. */
		b->count += !b->count;
		return;
	}
	t->other_ns += ns;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* The waiting itself is in these: what called them is of interest. */
static bool is_scheduler(const char *symbol)
{
	static const char *const names[] = {
		"__schedule", "schedule", "schedule_timeout", "schedule_hrtimeout_range",
		"schedule_hrtimeout_range_clock", "schedule_hrtimeout", "io_schedule",
		"io_schedule_timeout", "preempt_schedule", "preempt_schedule_common",
		"schedule_preempt_disabled", "poll_schedule_timeout", "schedule_idle",
		"__traceiter_sched_switch", "__cond_resched", "_cond_resched",
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(symbol, names[i], len) && (!symbol[len] || symbol[len] == '.'))
			return true;
	}
	return !strncmp(symbol, "bpf_", 4) || !strncmp(symbol, "__bpf_", 6) ||
	       !strncmp(symbol, "trace_", 6);
}

bool threads_stack(struct vnet_session *session, uint64_t hash, struct vnet_stack_ips *ips)
{
	int fd = vnet_session_map(session, "stacks");

	return hash && fd >= 0 && !bpf_map_lookup_elem(fd, &hash, ips);
}

/* The function in which a thread of that stack sleeps. */
static void name_stack(struct vnet_session *session, const struct seen *seen, uint64_t hash,
		       char symbol[THREADS_SYMBOL])
{
	struct vnet_stack_ips ips;
	struct vnet_frame frame;

	/* It slept before the run began: only /proc knew where. */
	vnet_copy(symbol, THREADS_SYMBOL, seen->wchan[0] > '0' ? seen->wchan : "unknown");
	if (!threads_stack(session, hash, &ips))
		return;
	for (int i = 0; i < VNET_STACK_DEPTH && ips.ip[i]; i++) {
		if (!vnet_symbol_find(ips.ip[i], &frame))
			return;
		if (is_scheduler(frame.symbol))
			continue;
		vnet_copy(symbol, THREADS_SYMBOL, frame.symbol);
		return;
	}
}

static void add_blocker(struct threads_row *row, const char *symbol, uint64_t ns,
			uint64_t count)
{
	struct threads_blocker *b;

	if (!ns && !count)
		return;
	for (size_t i = 0; i < row->nr_blockers; i++)
		if (!strcmp(row->blockers[i].symbol, symbol)) {
			row->blockers[i].ns += ns;
			row->blockers[i].count += count;
			return;
		}
	b = &row->blockers[row->nr_blockers++];
	vnet_copy(b->symbol, sizeof(b->symbol), symbol);
	b->ns = ns;
	b->count = count;
}

static int blocker_order(const void *a, const void *b)
{
	const struct threads_blocker *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return strcmp(x->symbol, y->symbol);
}

/* Places keep their position for the whole run. */
static void fill_blockers(struct vnet_session *session, const struct seen *seen,
			  const struct reading *now, struct threads_row *row)
{
	char symbol[THREADS_SYMBOL];

	for (int i = 0; i < VNET_THREAD_BLOCKERS; i++) {
		const struct vnet_thread_blocker *b = &now->t.blockers[i];
		const struct vnet_thread_blocker *before = &seen->last.t.blockers[i];

		if (b->ns == before->ns && b->count == before->count)
			continue;
		name_stack(session, seen, b->stack, symbol);
		add_blocker(row, symbol, grown(b->ns, before->ns),
			    grown(b->count, before->count));
	}
	add_blocker(row, "other places", grown(now->t.other_ns, seen->last.t.other_ns),
		    grown(now->t.other_count, seen->last.t.other_count));
	qsort(row->blockers, row->nr_blockers, sizeof(*row->blockers), blocker_order);
}

/* The longest stall that ended in the interval, or the one under way. */
static void fill_stall(const struct reading *now, uint32_t epoch, struct threads_row *row)
{
	const struct vnet_thread *t = &now->t;
	const struct vnet_thread_stall *ended = &t->stalls[epoch & 1];
	uint64_t open = grown(now->at, t->since);

	if (ended->epoch == epoch)
		row->stall = *ended;
	if ((t->state == VNET_THREAD_RUNNABLE || t->state == VNET_THREAD_UNINTERRUPTIBLE ||
	     t->state == VNET_THREAD_STOPPED) && open > row->stall.ns)
		row->stall = (struct vnet_thread_stall){
			.ns = open, .end_ns = now->at, .stack = t->stack, .state = t->state,
		};
}

static void fill_row(struct threads_reader *r, struct vnet_session *session,
		     const struct seen *seen, const struct reading *now, uint32_t epoch,
		     struct threads_row *row)
{
	const struct vnet_thread *t = &now->t, *was = &seen->last.t;
	uint64_t ns[VNET_THREAD_STATES];

	for (int i = 0; i < VNET_THREAD_STATES; i++)
		ns[i] = grown(t->ns[i], was->ns[i]);
	row->tid = seen->tid;
	proc_line(r, seen->tid, "comm", row->comm, sizeof(row->comm));
	if (!row->comm[0])
		vnet_copy(row->comm, sizeof(row->comm), t->comm);
	row->role = threads_role(row->comm, seen->tid == r->pid);
	row->running_ns = ns[VNET_THREAD_RUNNING];
	row->runnable_ns = ns[VNET_THREAD_RUNNABLE];
	row->uninterruptible_ns = ns[VNET_THREAD_UNINTERRUPTIBLE];
	row->stopped_ns = ns[VNET_THREAD_STOPPED];
	row->blocked_ns = ns[VNET_THREAD_BLOCKED] + row->uninterruptible_ns +
			  row->stopped_ns;
	row->window_ns = row->running_ns + row->runnable_ns + row->blocked_ns +
			 ns[VNET_THREAD_UNKNOWN];
	row->syscall_ns = grown(t->syscall_ns, was->syscall_ns);
	row->irq_ns = grown(t->irq_ns, was->irq_ns);
	row->switches = grown(t->switches, was->switches);
	row->preempted = grown(t->preempted, was->preempted);
	fill_blockers(session, seen, now, row);
	fill_stall(now, epoch, row);
}

/*
 * All threads that the kernel has, in any order; free(). Nothing else is done
 * meanwhile: the first symbol takes longer than all of this.
 */
static struct reading *read_threads(int fd, size_t *nr)
{
	struct reading *readings = NULL;
	uint32_t tid, before;
	bool first = true;

	*nr = 0;
	while (!bpf_map_get_next_key(fd, first ? NULL : &before, &tid)) {
		first = false;
		before = tid;
		readings = vnet_realloc(readings, (*nr + 1) * sizeof(*readings));
		if (!read_thread(fd, tid, &readings[*nr]))
			(*nr)++;
	}
	return readings;
}

/* Those that have ended are forgotten once they were shown. */
static void forget_gone(struct threads_reader *r, int fd)
{
	size_t left = 0;

	for (size_t i = 0; i < r->nr; i++) {
		struct seen *s = &r->seen[i];

		if (s->here && s->last.t.state == VNET_THREAD_GONE)
			bpf_map_delete_elem(fd, &s->tid);
		else if (s->here)
			r->seen[left++] = *s;
	}
	r->nr = left;
}

int threads_read(struct threads_reader *r, struct vnet_session *session,
		 struct threads_row **rows, size_t *nr)
{
	int fd = vnet_session_map(session, "threads"), copy = vnet_session_flip(session);
	uint32_t epoch = r->epoch++;
	struct reading *readings;

	*nr = 0;
	if (fd < 0 || copy < 0)
		return fd < 0 ? fd : copy;
	readings = read_threads(fd, nr);
	*rows = vnet_alloc((*nr + 1) * sizeof(**rows));
	for (size_t i = 0; i < r->nr; i++)
		r->seen[i].here = false;
	for (size_t i = 0; i < *nr; i++) {
		uint32_t tid = readings[i].t.tid;
		struct seen *seen = find_seen(r, tid) ?: add_seen(r, tid);

		add_open(&readings[i]);
		fill_row(r, session, seen, &readings[i], epoch, &(*rows)[i]);
		seen->here = true;
		seen->last = readings[i];
	}
	free(readings);
	forget_gone(r, fd);
	return 0;
}
