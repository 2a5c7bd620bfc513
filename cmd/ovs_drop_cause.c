/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From what was seen of a drop to its cause: the kernel's reason, else the
 * function of the datapath that freed the packet, read off net/openvswitch of
 * v5.10 to v7.x. For `ovs drop`.
 */
#include <ctype.h>

#include "cmd/ovs_drop.h"
#include "vnet/abi/ovs_drop.h"
#include "vnet/util.h"

#define OVS_REASON	"OVS_DROP_"

/* Reasons that mean something to more than one line below. */
static const char words_no_action[] = "the flow has no action left: a drop flow";
static const char words_mtu[] = "longer than the output port's MTU";
static const char words_output[] =
	"the output port is gone or takes no such frames, or it could not be cut for it";
static const char words_output_mtu[] =
	"longer than the output port's MTU, or the port is gone or takes no such frames";

/* What the kernel names itself, v6.6 and later; without the prefix. */
static const struct named {
	const char *reason, *name, *words;
} named[] = {
	{ "LAST_ACTION", "no_action", words_no_action },
	{ "ACTION_ERROR", "action_error", "an action could not be executed on it" },
	{ "EXPLICIT", "explicit", "the flow's drop action" },
	{ "EXPLICIT_WITH_ERROR", "explicit_error",
	  "the flow's drop action, for an error in its making" },
	{ "METER", "meter", "over the rate of a meter" },
	{ "RECURSION_LIMIT", "recursion_limit", "it came through the datapath too often" },
	{ "DEFERRED_LIMIT", "deferred_limit", "too many actions were put off for it" },
	{ "FRAG_L2_TOO_LONG", "fragment", "it could not be cut into fragments" },
	{ "FRAG_INVALID_PROTO", "fragment", "it could not be cut into fragments" },
	{ "CONNTRACK", "conntrack", "conntrack refused it" },
	{ "IP_TTL", "ttl", "its time to live ran out" },
};

/* By event; NULL: of the function. */
static const struct named by_event[VNET_OVS_NR_EVENTS] = {
	[VNET_OVS_MTU] = { NULL, "mtu", words_mtu },
	[VNET_OVS_NO_ACTION] = { NULL, "no_action", words_no_action },
	[VNET_OVS_METER] = { NULL, "meter", "over the rate of a meter" },
	[VNET_OVS_UPCALL] = { NULL, "upcall_failed",
			      "ovs-vswitchd did not get it: its queue was full, or is gone" },
};

/*
 * By the function that freed it and what it called for that. A name of NULL is
 * no drop of its own. The first line that fits counts.
 */
static const struct {
	const char *function;
	const char *callee;	/* "": any that is known, NULL: any at all */
	const char *name, *words;
} places[] = {
	/* do_output() and what it ends in are jumped to: see called_before(). */
	{ "do_execute_actions", "do_output", "output", words_output },
	{ "do_execute_actions", "ovs_vport_send", "output", words_output },
	{ "do_execute_actions", "ovs_fragment", "output", words_output },
	{ "do_execute_actions", "", "action_error", "an action could not be executed on it" },
	{ "do_execute_actions", NULL, "action_or_output",
	  "an action could not be executed on it, or the output port not be given it" },
	{ "do_output", NULL, "output", words_output },
	{ "ovs_vport_send", NULL, "output", words_output },
	{ "ovs_vport_output", "ovs_vport_send", "output", words_output },
	{ "ovs_vport_output", NULL, "no_memory", "there was no memory for its header" },
	{ "ovs_fragment", NULL, "fragment", "it could not be cut into fragments" },
	{ "ovs_execute_actions", NULL, "recursion_limit",
	  "it came through the datapath too often" },
	{ "clone_execute", NULL, "deferred_limit", "too many actions were put off for it" },
	{ "ovs_ct_execute", NULL, "conntrack", "conntrack refused it" },
	{ "handle_fragments", NULL, "conntrack", "conntrack refused it" },
	{ "ovs_vport_receive", NULL, "malformed", "its headers could not be read" },
	{ "netdev_frame_hook", NULL, "not_a_port", "the device was just taken out of OVS" },
	{ "internal_dev_recv", NULL, "port_down", "the internal port it was for is down" },
	{ "ovs_packet_cmd_execute", NULL, "from_user",
	  "ovs-vswitchd sent it with actions that the datapath refused" },
	/* The upcall's own return is counted. */
	{ "ovs_dp_process_packet", NULL, NULL, NULL },
	/* Copies and messages to user space. */
	{ "queue_userspace_packet", NULL, NULL, NULL },
	{ "queue_gso_packets", NULL, NULL, NULL },
	{ "ovs_dp_notify_wq", NULL, NULL, NULL },
};

/* "do_output" and "do_output.isra.0" */
static bool is_function(const char *symbol, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(symbol, name, len) && (!symbol[len] || symbol[len] == '.');
}

static void set(struct ovs_cause *cause, const char *name, const char *words)
{
	vnet_copy(cause->name, sizeof(cause->name), name);
	cause->words = words;
}

/* A reason of the datapath's own, also one that is younger than this table. */
static bool find_reason(const char *reason, struct ovs_cause *cause)
{
	if (!strcmp(reason, "PKT_TOO_BIG")) {
		set(cause, "mtu", words_mtu);
		return true;
	}
	if (strncmp(reason, OVS_REASON, strlen(OVS_REASON)))
		return false;
	reason += strlen(OVS_REASON);
	for (size_t i = 0; i < VNET_ARRAY_SIZE(named); i++)
		if (!strcmp(named[i].reason, reason)) {
			set(cause, named[i].name, named[i].words);
			return true;
		}
	set(cause, reason, "see the kernel's reason");
	for (char *c = cause->name; *c; c++)
		*c = tolower((unsigned char)*c);
	return true;
}

static bool callee_fits(const char *want, const char *callee)
{
	if (!want)
		return true;
	return callee && (!want[0] || is_function(callee, want));
}

static bool find_place(const struct ovs_drop_facts *f, struct ovs_cause *cause)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(places); i++) {
		if (!is_function(f->function, places[i].function) ||
		    !callee_fits(places[i].callee, f->callee))
			continue;
		if (!places[i].name)
			return false;
		set(cause, places[i].name, places[i].words);
		if (places[i].words == words_output && !f->ports_known)
			cause->words = words_output_mtu;
		return true;
	}
	/* Answers to requests over netlink that failed. */
	if (!f->in_module || strstr(f->function, "_cmd_"))
		return false;
	set(cause, "other", "see the location");
	return true;
}

bool ovs_cause_find(const struct ovs_drop_facts *f, struct ovs_cause *cause)
{
	if (f->event < VNET_OVS_NR_EVENTS && by_event[f->event].name) {
		set(cause, by_event[f->event].name, by_event[f->event].words);
		return true;
	}
	if (f->reason && find_reason(f->reason, cause))
		return true;
	return f->function && find_place(f, cause);
}
