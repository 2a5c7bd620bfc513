/* SPDX-License-Identifier: GPL-2.0-only */
/* What `ovs upcall summary` and `ovs upcall details` have in common. */
#include "cmd/ovs_upcall.h"
#include "vnet/util.h"

#define DEFAULT_ENTRIES	16384
#define DEFAULT_TIMEOUT	(2 * VNET_NS_PER_S)
/* Of `rows`, 9.5 kB each: both copies, a thread each; with flows many more. */
#define ROWS		512
#define FLOW_ROWS	4096

const char *const upcall_part_names[] = { "total", "queue", "user", "return", NULL };

const struct vnet_opt upcall_options[] = {
	{ "timeout", 0, VNET_OPT_DURATION, offsetof(struct upcall_args, timeout_ns), "TIME",
	  "Take an upcall that was read so long ago for one that is not answered with "
	  "its packet", .min = 1 },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct upcall_args, max_entries), "N",
	  "Upcalls that can be followed at the same time", .min = 1, .max = 1 << 20 },
	{}
};

void upcall_defaults(void *args)
{
	struct upcall_args *a = args;

	a->timeout_ns = DEFAULT_TIMEOUT;
	a->max_entries = DEFAULT_ENTRIES;
}

static const struct vnet_want point_wants[] = {
	{ VNET_P_ovs_dp_upcall },
	{ VNET_P_ovs_dp_upcall_ret },
	{ VNET_P_ovs_queue },
	{ VNET_P_netlink_unicast },
	{ VNET_P_netlink_unicast_ret },
	{ VNET_P_netlink_taken },
	{ VNET_P_ovs_return },
	{ VNET_P_ovs_execute_ret },
};

const struct vnet_want *upcall_wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

const char *upcall_cause_name(uint32_t cause)
{
	static const char *const names[] = {
		[VNET_UPCALL_MISS] = "miss", [VNET_UPCALL_ACTION] = "action",
	};

	return cause < VNET_ARRAY_SIZE(names) ? names[cause] : NULL;
}

int upcall_configure(struct vnet_run *run, const struct upcall_args *args, bool records)
{
	struct vnet_upcall_config config = { .by = args->by, .records = records };
	uint32_t nr = args->by & VNET_UPCALL_BY_FLOW ? FLOW_ROWS : ROWS;
	int err;

	memcpy(config.over_ns, args->over_ns, sizeof(config.over_ns));
	err = vnet_session_set(run->session, "config", &config, sizeof(config));
	err = err ?: vnet_session_resize(run->session, "waits", args->max_entries);
	return err ?: vnet_session_resize(run->session, "rows", nr);
}

/* Whether a returned packet would match is not known if its upcall was not followed. */
static bool packet_filter(const struct vnet_args *a)
{
	return a->src_ip.family || a->dst_ip.family || a->src_port >= 0 ||
	       a->dst_port >= 0 || a->protocol || a->vlan >= 0 || a->inner || a->device.nr;
}

void upcall_add_totals(struct vnet_report *report, const struct upcall_args *args,
		       const struct upcall_interval *i, bool text)
{
	const struct vnet_upcall_stats *sum = &i->total.sum;
	const struct {
		const char *key, *title;
		struct vnet_value value;
	} totals[] = {
		{ "count", "Upcalls", vnet_u64(sum->count) },
		{ "lost", "Lost", vnet_u64(sum->lost) },
		{ "messages", "Messages queued", vnet_u64(sum->messages) },
		{ "read", "Read", vnet_u64(sum->read) },
		{ "returned", "Returned", vnet_u64(sum->returned) },
		{ "ambiguous", "Of these not measured", vnet_u64(sum->ambiguous) },
		{ "no_return", "Without a return", vnet_u64(i->total.no_return) },
		{ "discarded", "Discarded unread", vnet_u64(sum->discarded) },
		{ "not_followed", "Not followed to the end", vnet_u64(sum->vanished) },
		{ "waiting", "Still waiting", vnet_u64(i->waiting > 0 ? i->waiting : 0) },
		{ "other_packets", "Other packets from ovs-vswitchd",
		  packet_filter(&args->common) ? (struct vnet_value){} :
						 vnet_u64(i->strangers) },
	};

	for (size_t n = 0; n < VNET_ARRAY_SIZE(totals); n++)
		vnet_report_extra(report, totals[n].key, text ? totals[n].title : NULL,
				  totals[n].value);
}
