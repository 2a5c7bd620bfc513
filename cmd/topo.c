/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdiag topo`: which guest has which tap, queue, worker, processor, bridge
 * and uplinks. Reads /proc, /sys and the database of Open vSwitch.
 */
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "vnet/guests.h"
#include "vnet/log.h"
#include "vnet/ovsdb.h"
#include "vnet/report.h"
#include "vnet/util.h"
#include "vnet/wiring.h"

struct topo_args {
	uint32_t format;	/* enum vnet_format, text or json */
	const char *vm;		/* only this guest; NULL: all */
	const char *ovsdb;	/* the database's socket */
};

static const char *const format_names[] = { "text", "json", NULL };

static const struct vnet_opt options[] = {
	{ "vm", 'm', VNET_OPT_STRING, offsetof(struct topo_args, vm), "NAME",
	  "Only the guest of this name" },
	{ "ovsdb", 0, VNET_OPT_FILE, offsetof(struct topo_args, ovsdb), "SOCKET",
	  "The socket of Open vSwitch's database" },
	{ "format", 'f', VNET_OPT_ENUM, offsetof(struct topo_args, format), "FORMAT",
	  "Form of the output", format_names },
	{}
};

enum {
	COL_VM, COL_PID, COL_PROCESS, COL_DEVICE, COL_QUEUE, COL_VHOST, COL_WORKER, COL_CPU,
	COL_NUMA, COL_BRIDGE, COL_PORT, COL_UPLINKS, COL_TUNNELS, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_VM] = { "vm", "VM", VNET_T_STR },
	[COL_PID] = { "pid", "PID", VNET_T_U64 },
	[COL_PROCESS] = { "process", "PROCESS", VNET_T_STR, VNET_R_JSON },
	[COL_DEVICE] = { "device", "TAP", VNET_T_STR },
	[COL_QUEUE] = { "queue", "QUEUE", VNET_T_U64 },
	[COL_VHOST] = { "vhost", "VHOST", VNET_T_BOOL },
	[COL_WORKER] = { "worker_tid", "WORKER", VNET_T_U64 },
	[COL_CPU] = { "cpu", "CPU", VNET_T_S64 },
	[COL_NUMA] = { "numa", "NUMA", VNET_T_S64 },
	[COL_BRIDGE] = { "bridge", "BRIDGE", VNET_T_STR },
	[COL_PORT] = { "port", "PORT", VNET_T_STR },
	[COL_UPLINKS] = { "uplinks", "UPLINKS", VNET_T_LIST },
	[COL_TUNNELS] = { "tunnels", "TUNNELS", VNET_T_LIST, VNET_R_JSON },
};

enum { VCPU_VM, VCPU_PID, VCPU_NUMBER, VCPU_TID, VCPU_CPU, VCPU_NUMA, NR_VCPU };

static const struct vnet_column vcpu_columns[NR_VCPU] = {
	[VCPU_VM] = { "vm", "VM", VNET_T_STR },
	[VCPU_PID] = { "pid", "PID", VNET_T_U64 },
	[VCPU_NUMBER] = { "vcpu", "VCPU", VNET_T_U64 },
	[VCPU_TID] = { "tid", "TID", VNET_T_U64 },
	[VCPU_CPU] = { "cpu", "CPU", VNET_T_S64 },
	[VCPU_NUMA] = { "numa", "NUMA", VNET_T_S64 },
};

enum { BYPASS_VM, BYPASS_PID, BYPASS_KIND, BYPASS_WHAT, NR_BYPASS };

static const struct vnet_column bypass_columns[NR_BYPASS] = {
	[BYPASS_VM] = { "vm", "VM", VNET_T_STR },
	[BYPASS_PID] = { "pid", "PID", VNET_T_U64 },
	[BYPASS_KIND] = { "kind", "KIND", VNET_T_STR },
	[BYPASS_WHAT] = { "what", "WHAT", VNET_T_STR },
};

struct topo {
	const struct topo_args *args;
	struct vnet_guests guests;
	struct vnet_ovsdb db;
	int db_err;
	struct vnet_report *report;
};

/* ---- rows ---- */

static struct vnet_value list_of(struct vnet_report *report, const struct vnet_names *names)
{
	struct vnet_list *list = vnet_report_alloc(report, sizeof(*list));

	list->nr = names->nr + !!names->nr_more;
	list->items = vnet_report_alloc(report, (list->nr + 1) * sizeof(*list->items));
	for (size_t i = 0; i < names->nr; i++)
		list->items[i] = vnet_report_strdup(report, names->names[i]);
	if (names->nr_more)
		list->items[names->nr] = vnet_report_printf(report, "and %zu more",
							    names->nr_more);
	return (struct vnet_value){ .type = VNET_T_LIST, .list = list };
}

static struct vnet_value number(int32_t value)
{
	if (value < 0)
		return (struct vnet_value){};
	return (struct vnet_value){ .type = VNET_T_S64, .s64 = value };
}

static const char *copy_of(struct vnet_report *report, const char *text)
{
	return text && *text ? vnet_report_strdup(report, text) : NULL;
}

static bool is_wanted(const struct topo *t, const struct vnet_guest *guest)
{
	return !t->args->vm || (guest->name && !strcmp(guest->name, t->args->vm));
}

static void add_queue(struct topo *t, struct vnet_table *table, const struct vnet_guest *guest,
		      const struct vnet_queue *queue)
{
	const struct vnet_thread *worker = vnet_guest_worker(guest, queue);
	struct vnet_report *report = t->report;
	struct vnet_value *v = vnet_report_row(report, table);
	struct vnet_wiring wiring;

	vnet_wiring_find("/sys", &t->db, queue->device, &wiring);
	v[COL_VM] = vnet_str(copy_of(report, guest->name));
	v[COL_PID] = vnet_u64(guest->pid);
	v[COL_PROCESS] = vnet_str(vnet_report_strdup(report, guest->process));
	v[COL_DEVICE] = vnet_str(vnet_report_strdup(report, queue->device));
	v[COL_QUEUE] = vnet_u64(queue->queue);
	v[COL_VHOST] = vnet_bool(guest->nr_vhost);
	if (worker) {
		v[COL_WORKER] = vnet_u64(worker->tid);
		v[COL_CPU] = number(worker->cpu);
		v[COL_NUMA] = number(worker->numa);
	}
	v[COL_BRIDGE] = vnet_str(copy_of(report, wiring.bridge));
	v[COL_PORT] = vnet_str(copy_of(report, wiring.port));
	v[COL_UPLINKS] = list_of(report, &wiring.uplinks);
	v[COL_TUNNELS] = list_of(report, &wiring.tunnels);
}

static void add_queues(struct topo *t)
{
	struct vnet_table *table = vnet_report_table(t->report, "Queues:", VNET_L_TABLE,
						     columns, NR_COLUMNS);

	for (size_t i = 0; i < t->guests.nr; i++) {
		const struct vnet_guest *guest = &t->guests.guests[i];

		if (!is_wanted(t, guest))
			continue;
		for (size_t q = 0; q < guest->nr_queues; q++)
			add_queue(t, table, guest, &guest->queues[q]);
	}
	if (!table->nr_rows)
		table->heading = "No process here holds a queue of a tap.";
}

/* JSON has the table always; in text an empty one would be a heading alone. */
static void head_if_any(struct vnet_table *table, const char *heading)
{
	if (table->nr_rows)
		table->heading = heading;
}

static void add_vcpus(struct topo *t)
{
	struct vnet_table *table = vnet_report_table(t->report, NULL, VNET_L_TABLE,
						     vcpu_columns, NR_VCPU);

	table->key = "vcpus";
	for (size_t i = 0; i < t->guests.nr; i++) {
		const struct vnet_guest *guest = &t->guests.guests[i];

		for (size_t n = 0; is_wanted(t, guest) && n < guest->nr_vcpus; n++) {
			const struct vnet_thread *thread = &guest->vcpus[n];
			struct vnet_value *v = vnet_report_row(t->report, table);

			v[VCPU_VM] = vnet_str(copy_of(t->report, guest->name));
			v[VCPU_PID] = vnet_u64(guest->pid);
			v[VCPU_NUMBER] = vnet_u64(thread->number);
			v[VCPU_TID] = vnet_u64(thread->tid);
			v[VCPU_CPU] = number(thread->cpu);
			v[VCPU_NUMA] = number(thread->numa);
		}
	}
	head_if_any(table, "Virtual CPUs:");
}

/* What packets of these ports do not pass is shown, rather than nothing. */
static void add_bypasses(struct topo *t)
{
	struct vnet_table *table = vnet_report_table(t->report, NULL, VNET_L_TABLE,
						     bypass_columns, NR_BYPASS);
	struct vnet_value *v;

	table->key = "bypasses";
	for (size_t i = 0; i < t->guests.nr; i++) {
		const struct vnet_guest *guest = &t->guests.guests[i];

		for (size_t n = 0; is_wanted(t, guest) && n < guest->nr_bypasses; n++) {
			v = vnet_report_row(t->report, table);
			v[BYPASS_VM] = vnet_str(copy_of(t->report, guest->name));
			v[BYPASS_PID] = vnet_u64(guest->pid);
			v[BYPASS_KIND] = vnet_str(guest->bypasses[n].kind);
			v[BYPASS_WHAT] = vnet_str(copy_of(t->report, guest->bypasses[n].what));
		}
	}
	for (size_t i = 0; !t->args->vm && i < t->db.nr; i++) {
		const struct vnet_ovs_interface *at = &t->db.interfaces[i];

		if (!*at->datapath_type || !strcmp(at->type, "patch"))
			continue;
		v = vnet_report_row(t->report, table);
		v[BYPASS_KIND] = vnet_str("user space datapath");
		v[BYPASS_WHAT] = vnet_str(vnet_report_printf(t->report, "%s on %s (%s)",
			at->name, at->bridge, *at->type ? at->type : "system"));
	}
	head_if_any(table, "Past the kernel's path (not seen by the other commands):");
}

/* What would be there if it could be read. */
static void add_unseen(struct topo *t)
{
	struct vnet_report *report = t->report;
	struct vnet_list *list = vnet_report_alloc(report, sizeof(*list));

	list->items = vnet_report_alloc(report, (t->guests.nr + 2) * sizeof(*list->items));
	if (t->db_err && t->db_err != -ENOENT)
		list->items[list->nr++] = vnet_report_printf(report,
			"Open vSwitch's bridges ('%s': %s)", t->args->ovsdb,
			strerror(-t->db_err));
	else if (t->db_err && !access("/sys/class/net/ovs-system", F_OK))
		list->items[list->nr++] = vnet_report_printf(report,
			"Open vSwitch's bridges (no database at '%s')", t->args->ovsdb);
	if (t->guests.nr_hidden)
		list->items[list->nr++] = vnet_report_printf(report,
			"what %zu processes have open (no permission)", t->guests.nr_hidden);
	for (size_t i = 0; i < t->guests.nr; i++) {
		const struct vnet_guest *guest = &t->guests.guests[i];

		if (!is_wanted(t, guest) || guest->nr_vcpus >= guest->vcpus_total)
			continue;
		list->items[list->nr++] = vnet_report_printf(report,
			"the threads of %zu virtual CPUs of process %u, which do not bear "
			"their names (QEMU's -name ...,debug-threads=on)",
			guest->vcpus_total - guest->nr_vcpus, guest->pid);
	}
	vnet_report_extra(report, "not_seen", list->nr ? "Could not be seen" : NULL,
			  (struct vnet_value){ .type = VNET_T_LIST, .list = list });
}

/* ---- the command ---- */

static int show(struct topo *t)
{
	static char host[65];
	struct utsname names;
	struct vnet_meta meta = {
		.command = vnet_cmd_topo.path, .schema = "vnetdiag.topo/1",
		.title = "Guests and their queues",
	};
	int err;

	if (!uname(&names)) {
		vnet_copy(host, sizeof(host), names.nodename);
		meta.host = host;
		meta.kernel = names.release;
	}
	t->report = vnet_report_new(&meta, "report");
	t->report->time_ns = vnet_wall_ns();
	add_queues(t);
	add_vcpus(t);
	add_bypasses(t);
	add_unseen(t);
	err = vnet_renderer(t->args->format)->render(t->report, stdout);
	vnet_report_free(t->report);
	return err && err != -EPIPE ? VNET_EXIT_RUNTIME : VNET_EXIT_OK;
}

/* Whether --vm names one of them. */
static int check_vm(const struct topo *t)
{
	for (size_t i = 0; i < t->guests.nr; i++)
		if (is_wanted(t, &t->guests.guests[i]))
			return VNET_EXIT_OK;
	if (!t->args->vm)
		return VNET_EXIT_OK;
	vnet_error("no guest '%s' runs here%s", t->args->vm,
		   t->guests.nr_hidden ? ", or it may not be looked at" : "");
	vnet_hint("'vnetdiag topo' lists the guests; their names are from the command line");
	return VNET_EXIT_USAGE;
}

static int run(void *data)
{
	struct topo t = { .args = data };
	int status, err = vnet_guests_find("/proc", "/sys", &t.guests);

	if (err) {
		vnet_error("cannot look for guests in '/proc': %s", strerror(-err));
		return VNET_EXIT_RUNTIME;
	}
	t.db_err = vnet_ovsdb_read(t.args->ovsdb, &t.db);
	status = check_vm(&t) ?: show(&t);
	vnet_ovsdb_free(&t.db);
	vnet_guests_free(&t.guests);
	return status;
}

static void defaults(void *data)
{
	struct topo_args *args = data;

	args->ovsdb = VNET_OVSDB_SOCKET;
}

static const struct vnet_cmd_example examples[] = {
	{ "Which guest is behind which tap, and who serves its queues", "vnetdiag topo" },
	{ "The uplinks of one guest, as other commands take them",
	  "vnetdiag topo --vm web1 --format json | jq -r '.rows[0].uplinks | join(\",\")'" },
	{}
};

const struct vnet_cmd vnet_cmd_topo = {
	.path = "topo",
	.summary = "Guests, their taps, queues and workers, bridges and uplinks",
	.description =
		"Shows for each queue of each guest's tap the process, vhost's worker with the "
		"processor that it ran on last, the bridge and port, and the devices by which "
		"that bridge leaves the host; then the threads of the virtual CPUs, and what "
		"goes past the kernel's path (vhost-user, DPDK, SR-IOV, vDPA) and so is not "
		"seen by the other commands. Reads files and the database of Open vSwitch, "
		"and loads nothing. A worker belongs to the queue of the same rank: QEMU "
		"makes both in the same order.",
	.options = { options },
	.args_size = sizeof(struct topo_args),
	.defaults = defaults,
	.run = run,
	.examples = examples,
};
