/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag ovs threads`: what the threads of ovs-vswitchd spend their time on. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/ovs_threads.h"
#include "vnet/log.h"
#include "vnet/measure.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

#define DAEMON		"ovs-vswitchd"
#define BLOCKERS_SHOWN	5

struct ovs_threads_args {
	struct vnet_args common;
	uint32_t pid;		/* 0: that of ovs-vswitchd */
};

static const struct vnet_opt options[] = {
	{ "pid", 'p', VNET_OPT_U32, offsetof(struct ovs_threads_args, pid), "PID",
	  "The threads of this process instead of ovs-vswitchd's", .min = 1 },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_sched_switch },
	{ VNET_P_sched_wakeup },
	{ VNET_P_sched_wakeup_new },
	{ VNET_P_sys_enter, true, "time in system calls is not told apart" },
	{ VNET_P_sys_exit, true, "time in system calls is not told apart" },
	{ VNET_P_irq_handler_entry, true, "time taken by interrupts is not told apart" },
	{ VNET_P_irq_handler_exit, true, "time taken by interrupts is not told apart" },
	{ VNET_P_softirq_entry, true, "time taken by softirqs is not told apart" },
	{ VNET_P_softirq_exit, true, "time taken by softirqs is not told apart" },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

struct summary {
	const struct ovs_threads_args *args;
	struct threads_reader *reader;
	uint32_t pid;
};

static bool is_daemon(const char *pid)
{
	char path[64], *comm;
	bool is;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	if (vnet_read_file(path, &comm, NULL))
		return false;
	is = !strcmp(comm, DAEMON "\n");
	free(comm);
	return is;
}

/* How many run; *pid is one of them. */
static int find_daemon(uint32_t *pid)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	const char *why;
	uint32_t number;
	int nr = 0;

	while (dir && (entry = readdir(dir)))
		if (!vnet_parse_u32(entry->d_name, 1, UINT32_MAX, &number, &why) &&
		    is_daemon(entry->d_name)) {
			*pid = number;
			nr++;
		}
	if (dir)
		closedir(dir);
	return nr;
}

/* The process to look at: 0, or an exit status after an explanation. */
static int find_process(struct summary *s)
{
	char path[32];
	DIR *dir;
	int nr;

	if (!s->args->pid) {
		nr = find_daemon(&s->pid);
		if (nr == 1)
			return 0;
		vnet_error(nr ? "%d processes are " DAEMON : "no process is " DAEMON, nr);
		vnet_hint("name one by '--pid'");
		return VNET_EXIT_RUNTIME;
	}
	s->pid = s->args->pid;
	snprintf(path, sizeof(path), "/proc/%u/task", s->pid);
	dir = opendir(path);
	if (dir) {
		closedir(dir);
		return 0;
	}
	vnet_error("option '--pid': there is no process %u", s->pid);
	return VNET_EXIT_RUNTIME;
}

static int configure(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	struct vnet_threads_config config = { .tgid = s->pid };

	return vnet_session_set(run->session, "config", &config, sizeof(config));
}

static int started(struct vnet_run *run)
{
	struct summary *s = run->ctx;
	int err = threads_start(s->reader, run->session);

	if (err)
		vnet_error("cannot list the threads of process %u: %s", s->pid,
			   strerror(-err));
	return err;
}

enum {
	COL_TID, COL_COMM, COL_ROLE, COL_OBSERVED, COL_RUNNING, COL_RUNNABLE, COL_BLOCKED,
	COL_UNINTERRUPTIBLE, COL_STOPPED, COL_SYSCALL, COL_IRQ, COL_SWITCHES, COL_PREEMPTED,
	COL_STALL, COL_STALL_KIND, COL_STALL_BY, COL_STALL_BY_TID, COL_STALL_STACK,
	COL_BLOCKED_TEXT, COL_BLOCKED_ON, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_TID] = { "tid", "TID", VNET_T_U64 },
	[COL_COMM] = { "comm", "COMM", VNET_T_STR },
	[COL_ROLE] = { "role", "ROLE", VNET_T_STR, VNET_R_JSON },
	[COL_OBSERVED] = { "observed_ns", "OBSERVED", VNET_T_NS, VNET_R_JSON },
	[COL_RUNNING] = { "running_ns", "RUNNING", VNET_T_NS },
	[COL_RUNNABLE] = { "runnable_ns", "RUNNABLE", VNET_T_NS },
	[COL_BLOCKED] = { "blocked_ns", "BLOCKED", VNET_T_NS },
	[COL_UNINTERRUPTIBLE] = { "uninterruptible_ns", "DEEP", VNET_T_NS, VNET_R_JSON },
	[COL_STOPPED] = { "stopped_ns", "STOPPED", VNET_T_NS, VNET_R_JSON },
	[COL_SYSCALL] = { "syscall_ns", "SYSCALLS", VNET_T_NS },
	[COL_IRQ] = { "irq_ns", "IRQ", VNET_T_NS },
	[COL_SWITCHES] = { "switches", "SWITCHES", VNET_T_U64 },
	[COL_PREEMPTED] = { "preempted", "PREEMPTED", VNET_T_U64 },
	[COL_STALL] = { "worst_stall_ns", "WORST STALL", VNET_T_NS },
	[COL_STALL_KIND] = { "worst_stall_kind", "KIND", VNET_T_STR },
	[COL_STALL_BY] = { "worst_stall_by", "BY", VNET_T_STR, VNET_R_JSON },
	[COL_STALL_BY_TID] = { "worst_stall_by_tid", "BY TID", VNET_T_U64, VNET_R_JSON },
	[COL_STALL_STACK] = { "worst_stall_stack", "STACK", VNET_T_STACK, VNET_R_JSON },
	[COL_BLOCKED_TEXT] = { "blocked_text", "BLOCKED ON", VNET_T_STR, VNET_R_TEXT },
	[COL_BLOCKED_ON] = { "blocked_on", "BLOCKED ON", VNET_T_TABLE, VNET_R_JSON },
};

static const struct vnet_column blocker_columns[] = {
	{ "symbol", "function", VNET_T_STR },
	{ "ns", "time", VNET_T_NS },
	{ "count", "times", VNET_T_U64 },
};

/* By enum vnet_thread_state: how a stall of that state is called. */
static const char *const stall_kinds[VNET_THREAD_STATES] = {
	[VNET_THREAD_RUNNABLE] = "runnable",
	[VNET_THREAD_UNINTERRUPTIBLE] = "uninterruptible",
	[VNET_THREAD_STOPPED] = "stopped",
};

static struct vnet_value blockers_value(struct vnet_report *report,
					const struct threads_row *row)
{
	struct vnet_table *table = vnet_report_nested(report, blocker_columns,
						      VNET_ARRAY_SIZE(blocker_columns));

	for (size_t i = 0; i < row->nr_blockers && i < BLOCKERS_SHOWN; i++) {
		struct vnet_value *v = vnet_report_row(report, table);

		v[0] = vnet_str(vnet_report_strdup(report, row->blockers[i].symbol));
		v[1] = vnet_ns(row->blockers[i].ns);
		v[2] = vnet_u64(row->blockers[i].count);
	}
	return (struct vnet_value){ .type = VNET_T_TABLE, .table = table };
}

static struct vnet_value stack_value(struct vnet_run *run, struct vnet_report *report,
				     const struct vnet_thread_stall *stall)
{
	struct vnet_stack_ips ips;

	if (!threads_stack(run->session, stall->stack, &ips))
		return (struct vnet_value){};
	return (struct vnet_value){
		.type = VNET_T_STACK,
		.stack = vnet_symbol_stack(report, ips.ip, VNET_STACK_DEPTH, 0),
	};
}

static void fill_stall(struct vnet_run *run, struct vnet_report *report,
		       const struct vnet_thread_stall *stall, struct vnet_value *v)
{
	v[COL_STALL] = vnet_ns(stall->ns);
	if (!stall->ns)
		return;
	v[COL_STALL_KIND] = vnet_str(stall->state < VNET_THREAD_STATES ?
				     stall_kinds[stall->state] : NULL);
	v[COL_STALL_STACK] = stack_value(run, report, stall);
	if (!stall->by_tid)
		return;
	v[COL_STALL_BY] = vnet_str(vnet_report_printf(report, "%.16s", stall->by_comm));
	v[COL_STALL_BY_TID] = vnet_u64(stall->by_tid);
}

static void fill_row(struct vnet_run *run, struct vnet_report *report,
		     const struct threads_row *row, struct vnet_value *v)
{
	v[COL_TID] = vnet_u64(row->tid);
	v[COL_COMM] = vnet_str(vnet_report_strdup(report, row->comm));
	v[COL_ROLE] = vnet_str(row->role);
	v[COL_OBSERVED] = vnet_ns(row->window_ns);
	v[COL_RUNNING] = vnet_ns(row->running_ns);
	v[COL_RUNNABLE] = vnet_ns(row->runnable_ns);
	v[COL_BLOCKED] = vnet_ns(row->blocked_ns);
	v[COL_UNINTERRUPTIBLE] = vnet_ns(row->uninterruptible_ns);
	v[COL_STOPPED] = vnet_ns(row->stopped_ns);
	if (vnet_run_has(run, VNET_P_sys_enter) && vnet_run_has(run, VNET_P_sys_exit))
		v[COL_SYSCALL] = vnet_ns(row->syscall_ns);
	if (vnet_run_has(run, VNET_P_softirq_entry) &&
	    vnet_run_has(run, VNET_P_irq_handler_entry))
		v[COL_IRQ] = vnet_ns(row->irq_ns);
	v[COL_SWITCHES] = vnet_u64(row->switches);
	v[COL_PREEMPTED] = vnet_u64(row->preempted);
	fill_stall(run, report, &row->stall, v);
	if (row->nr_blockers)
		v[COL_BLOCKED_TEXT] = vnet_str(vnet_report_strdup(report,
						row->blockers[0].symbol));
	v[COL_BLOCKED_ON] = blockers_value(report, row);
}

/* What ovs-vswitchd works with comes first, in the order of their names. */
static int row_order(const void *a, const void *b)
{
	const struct threads_row *x = a, *y = b;
	int other = !strcmp(x->role, "other") - !strcmp(y->role, "other");

	return other ?: strcmp(x->comm, y->comm) ?: (x->tid > y->tid) - (x->tid < y->tid);
}

/* Text only: the stack of the thread that stood still longest. */
static void add_stack(struct vnet_run *run, struct vnet_report *report,
		      const struct threads_row *rows, size_t nr)
{
	static const struct vnet_column stack_columns[] = {
		{ "comm", "thread", VNET_T_STR },
		{ "ns", "stood still", VNET_T_NS },
		{ "kind", "kind", VNET_T_STR },
		{ "stack", "Stack", VNET_T_STACK, VNET_R_LINE },
	};
	const struct threads_row *worst = NULL;
	struct vnet_table *table;
	struct vnet_value *v;

	for (size_t i = 0; i < nr; i++)
		if (rows[i].stall.ns && (!worst || rows[i].stall.ns > worst->stall.ns))
			worst = &rows[i];
	if (!worst)
		return;
	table = vnet_report_table(report, "Worst stall:", VNET_L_CARDS, stack_columns,
				  VNET_ARRAY_SIZE(stack_columns));
	v = vnet_report_row(report, table);
	v[0] = vnet_str(vnet_report_strdup(report, worst->comm));
	v[1] = vnet_ns(worst->stall.ns);
	v[2] = vnet_str(stall_kinds[worst->stall.state]);
	v[3] = stack_value(run, report, &worst->stall);
}

static int interval(struct vnet_run *run, const struct vnet_span *span,
		    struct vnet_report *report)
{
	struct summary *s = run->ctx;
	struct threads_verdict verdict;
	struct threads_row *rows = NULL;
	struct vnet_table *table;
	size_t nr;
	int err = threads_read(s->reader, run->session, &rows, &nr);

	if (err)
		return err;
	qsort(rows, nr, sizeof(*rows), row_order);
	table = vnet_report_table(report, nr ? NULL : "No threads", VNET_L_TABLE, columns,
				  NR_COLUMNS);
	for (size_t i = 0; i < nr; i++)
		fill_row(run, report, &rows[i], vnet_report_row(report, table));
	add_stack(run, report, rows, nr);
	threads_judge(rows, nr, &verdict);
	free(rows);
	vnet_report_extra(report, "pid", NULL, vnet_u64(s->pid));
	vnet_report_extra(report, "blame", NULL, vnet_str(verdict.blame));
	vnet_report_extra(report, "verdict", "Is the kernel to blame",
			  vnet_str(vnet_report_strdup(report, verdict.words)));
	return 0;
}

static void defaults(void *args)
{
	struct ovs_threads_args *a = args;

	a->common.interval_ns = 10 * VNET_NS_PER_S;
}

static int run(void *args)
{
	struct summary s = { .args = args };
	struct vnet_measure m = {
		.cmd = &vnet_cmd_ovs_threads,
		.args = args,
		.object = "ovs_threads",
		.title = "Threads of Open vSwitch",
		.configure = configure,
		.started = started,
		.interval = interval,
		.ctx = &s,
	};
	const struct vnet_args *common = args;
	/* A plan needs no process. */
	int status = common->dry_run || common->explain_filter ? 0 : find_process(&s);

	if (status)
		return status;
	m.wants = wants(args, &m.nr_wants);
	s.reader = threads_reader_new(s.pid);
	status = vnet_measure(&m);
	threads_reader_free(s.reader);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "What the threads of ovs-vswitchd do, each 10 seconds", "vnetdiag ovs threads" },
	{ "Those of another process, for one minute",
	  "vnetdiag ovs threads --pid 4711 --interval 60s --count 1" },
	{}
};

const struct vnet_cmd vnet_cmd_ovs_threads = {
	.path = "ovs threads",
	.summary = "What the threads of ovs-vswitchd spend their time on",
	.description =
		"Takes the time that each thread of ovs-vswitchd (handlers, revalidators, the "
		"main thread) runs, waits for a CPU, sleeps and where, works in system calls "
		"and is interrupted, in the kernel, with the longest time that it stood still "
		"and its stack. Says from these whether the kernel is to blame for a slow "
		"datapath.",
	.options = { options, vnet_common_options },
	.args_size = sizeof(struct ovs_threads_args),
	.defaults = defaults,
	.run = run,
	.wants = wants,
	.examples = examples,
};
