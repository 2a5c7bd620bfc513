/* SPDX-License-Identifier: GPL-2.0-only */
/* The records of `ovs megaflow`: one event in the life of a flow. */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>

#include <linux/openvswitch.h>

#include "cmd/ovs_megaflow.h"
#include "vnet/util.h"

enum {
	COL_EVENT, COL_CAUSE, COL_RESULT, COL_WHO, COL_INSTALL, COL_MATCH, COL_WAITED,
	COL_RETURN, COL_RETURN_MATCH, COL_LIFETIME, COL_PACKETS, COL_BYTES, COL_FLUSH,
	COL_FLOWS, COL_DP, COL_IN_PORT, COL_IFINDEX, COL_PROBE, COL_TRUNCATED, COL_CPU,
	COL_PID, COL_TID, COL_COMM, COL_UFID, COL_KEY, COL_MASK, COL_ACTIONS, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_EVENT] = { "event", "event", VNET_T_STR, VNET_R_HEAD },
	[COL_CAUSE] = { "cause", "cause", VNET_T_STR },
	[COL_RESULT] = { "error", "error", VNET_T_STR },
	[COL_WHO] = { "who", "by", VNET_T_STR },
	[COL_INSTALL] = { "install_ns", "install", VNET_T_NS },
	[COL_MATCH] = { "install_match", "match", VNET_T_STR, VNET_R_JSON },
	[COL_WAITED] = { "waited", "waited", VNET_T_U64 },
	[COL_RETURN] = { "return_ns", "return", VNET_T_NS },
	[COL_RETURN_MATCH] = { "return_match", "return_match", VNET_T_STR, VNET_R_JSON },
	[COL_LIFETIME] = { "lifetime_ns", "lifetime", VNET_T_NS },
	[COL_PACKETS] = { "packets", "packets", VNET_T_U64 },
	[COL_BYTES] = { "bytes", "bytes", VNET_T_U64 },
	[COL_FLUSH] = { "all", "all", VNET_T_BOOL, VNET_R_JSON },
	[COL_FLOWS] = { "flows", "all_flows", VNET_T_U64 },
	[COL_DP] = { "dp_ifindex", "dp", VNET_T_U64, VNET_R_JSON },
	[COL_IN_PORT] = { "in_port", "in_port", VNET_T_U64 },
	[COL_IFINDEX] = { "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	[COL_PROBE] = { "probe", "probe", VNET_T_BOOL, VNET_R_JSON },
	[COL_TRUNCATED] = { "truncated", "truncated", VNET_T_BOOL, VNET_R_JSON },
	[COL_CPU] = { "cpu", "cpu", VNET_T_U64 },
	[COL_PID] = { "pid", "pid", VNET_T_U64, VNET_R_JSON },
	[COL_TID] = { "tid", "tid", VNET_T_U64 },
	[COL_COMM] = { "comm", "comm", VNET_T_STR },
	[COL_UFID] = { "ufid", "UFID", VNET_T_STR, VNET_R_LINE },
	[COL_KEY] = { "key", "Key", VNET_T_STR, VNET_R_LINE },
	[COL_MASK] = { "mask", "Mask", VNET_T_STR, VNET_R_JSON },
	[COL_ACTIONS] = { "actions", "Actions", VNET_T_STR, VNET_R_LINE },
};

/* "handler12", "revalidator3", "ovs-vswitchd" */
const char *megaflow_who(const struct vnet_megaflow_record *r)
{
	static const struct {
		const char *prefix, *who;
	} kinds[] = {
		{ "handler", "handler" },
		{ "revalidator", "revalidator" },
		{ "ovs-vswitchd", "main" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (!strncmp(r->comm, kinds[i].prefix, len) &&
		    (!r->comm[len] || isdigit((unsigned char)r->comm[len])))
			return kinds[i].who;
	}
	return "other";
}

/* Writes with the text's own length; see include/vnet/ovs_flow.h. */
static const char *key_text(struct vnet_report *report, struct ovs_bytes key,
			    struct ovs_bytes mask)
{
	size_t len = vnet_ovs_key_text(NULL, 0, NULL, key.at, key.len, mask.at, mask.len);
	char *text = vnet_report_alloc(report, len + 1);

	vnet_ovs_key_text(text, len + 1, NULL, key.at, key.len, mask.at, mask.len);
	return text;
}

const char *megaflow_key_text(struct vnet_report *report, struct ovs_bytes key,
			      struct ovs_bytes mask)
{
	struct ovs_bytes masked = { vnet_report_alloc(report, key.len + 1) };

	masked.len = ovs_key_mask((uint8_t *)masked.at, key, mask);
	return key_text(report, masked, mask);
}

/* The bits of the mask that match the kind of fragment. */
static uint8_t frag_mask(struct ovs_bytes mask)
{
	static const struct {
		uint16_t type;
		size_t at;
	} kinds[] = {
		{ OVS_KEY_ATTR_IPV4, offsetof(struct ovs_key_ipv4, ipv4_frag) },
		{ OVS_KEY_ATTR_IPV6, offsetof(struct ovs_key_ipv6, ipv6_frag) },
	};

	/* One more layer for each tag. */
	for (int layer = 0; mask.at && layer < 3; layer++) {
		for (size_t i = 0; i < VNET_ARRAY_SIZE(kinds); i++) {
			size_t len;
			const uint8_t *at = vnet_ovs_attr(mask.at, mask.len, kinds[i].type,
							  &len);

			if (at && len > kinds[i].at)
				return at[kinds[i].at];
		}
		mask.at = vnet_ovs_attr(mask.at, mask.len, OVS_KEY_ATTR_ENCAP, &mask.len);
	}
	return 0;
}

const char *megaflow_mask_text(struct vnet_report *report, struct ovs_bytes mask)
{
	const char *text = key_text(report, mask, (struct ovs_bytes){});
	const char *at = strstr(text, "frag=");

	/* The kinds of fragments have names, of which no mask is one. */
	if (!at)
		return text;
	return vnet_report_printf(report, "%.*sfrag=0x%02x%s", (int)(at - text), text,
				  frag_mask(mask), at + strcspn(at, ",)"));
}

static const char *actions_text(struct vnet_report *report, struct ovs_bytes actions)
{
	size_t len = vnet_ovs_actions_text(NULL, 0, NULL, actions.at, actions.len);
	char *text = vnet_report_alloc(report, len + 1);

	vnet_ovs_actions_text(text, len + 1, NULL, actions.at, actions.len);
	return text;
}

static void fill_flow(struct vnet_report *report, const struct megaflow_event *e,
		      struct vnet_value *v)
{
	struct vnet_ovs_key key;
	char ufid[256];

	v[COL_DP] = vnet_u64(e->message.dp);
	if (e->ufid.at) {
		vnet_ovs_ufid_text(ufid, sizeof(ufid), e->ufid.at, e->ufid.len);
		v[COL_UFID] = vnet_str(vnet_report_strdup(report, ufid));
	}
	if (e->key.at) {
		v[COL_KEY] = vnet_str(megaflow_key_text(report, e->key, e->mask));
		vnet_ovs_key_decode(e->key.at, e->key.len, &key);
		if (key.has & VNET_OVS_HAS_IN_PORT)
			v[COL_IN_PORT] = vnet_u64(key.in_port);
	}
	/* The mask's own members, in the syntax of a key. */
	if (e->mask.at)
		v[COL_MASK] = vnet_str(megaflow_mask_text(report, e->mask));
	if (e->actions.at)
		v[COL_ACTIONS] = vnet_str(actions_text(report, e->actions));
	if (e->flush) {
		v[COL_FLUSH] = vnet_bool(true);
		v[COL_FLOWS] = vnet_u64(e->flushed);
	}
	if (e->message.probe)
		v[COL_PROBE] = vnet_bool(true);
}

/*
 * The answer's statistics: what the flow had when it was changed or deleted. The
 * kernel leaves them out of an answer if there was no packet.
 */
static void fill_stats(const struct megaflow_event *e, struct vnet_value *v)
{
	struct ovs_flow_stats stats;

	if (e->reply.stats.len < sizeof(stats)) {
		if (e->record->reply_len && e->record->reply_have == e->record->reply_len) {
			v[COL_PACKETS] = vnet_u64(0);
			v[COL_BYTES] = vnet_u64(0);
		}
		return;
	}
	memcpy(&stats, e->reply.stats.at, sizeof(stats));
	v[COL_PACKETS] = vnet_u64(stats.n_packets);
	v[COL_BYTES] = vnet_u64(stats.n_bytes);
}

static void fill_request(struct vnet_report *report, const struct megaflow_event *e,
			 struct vnet_value *v)
{
	const struct vnet_megaflow_record *r = e->record;
	const char *comm = vnet_report_printf(report, "%.16s", r->comm);

	v[COL_WHO] = vnet_str(megaflow_who(r));
	v[COL_PID] = vnet_u64(r->pid);
	v[COL_TID] = vnet_u64(r->tid);
	v[COL_COMM] = vnet_str(comm);
	if (e->link.nr) {
		v[COL_INSTALL] = vnet_ns(r->time_ns - e->link.since_ns);
		v[COL_MATCH] = vnet_str(e->link.nr > 1 ? "several" : "exact");
		v[COL_WAITED] = vnet_u64(e->link.nr);
	}
	if (e->returned.nr) {
		v[COL_RETURN] = vnet_ns(r->time_ns - e->returned.since_ns);
		v[COL_RETURN_MATCH] = vnet_str(e->returned.nr > 1 ? "several" : "exact");
	}
	if (e->lifetime_ns)
		v[COL_LIFETIME] = vnet_ns(e->lifetime_ns);
	fill_stats(e, v);
}

void megaflow_record(const struct vnet_run *run, const struct megaflow_event *e,
		     struct vnet_report *report)
{
	const struct vnet_megaflow_record *r = e->record;
	struct vnet_value *v;

	report->time_ns = r->time_ns + run->wall_offset_ns;
	v = vnet_report_row(report, vnet_report_table(report, NULL, VNET_L_LINES, columns,
						      NR_COLUMNS));
	v[COL_EVENT] = vnet_str(megaflow_event_names[r->event]);
	v[COL_CPU] = vnet_u64(r->cpu);
	if (r->error)
		v[COL_RESULT] = vnet_str(strerrorname_np(-r->error) ?:
					 vnet_report_printf(report, "%d", r->error));
	if (r->message_have < r->message_len && r->event != VNET_MEGAFLOW_UPCALL)
		v[COL_TRUNCATED] = vnet_bool(true);
	if (r->message_have)
		fill_flow(report, e, v);
	if (r->event != VNET_MEGAFLOW_UPCALL) {
		fill_request(report, e, v);
		return;
	}
	/* Whatever runs then has nothing to do with the packet. */
	if (r->message_have)
		v[COL_CAUSE] = vnet_str(e->message.cmd == OVS_PACKET_CMD_MISS ? "miss" :
					"action");
	if (r->ifindex)
		v[COL_IFINDEX] = vnet_u64(r->ifindex);
}
