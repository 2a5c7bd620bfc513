/* SPDX-License-Identifier: GPL-2.0-only */
/* From what was seen of a drop to its cause (cmd/ovs_drop_cause.c). */
#include <string.h>

#include "cmd/ovs_drop_cause.c"

#include "test.h"

static const struct {
	struct ovs_drop_facts facts;
	const char *cause;	/* NULL: no drop */
} cases[] = {
	/* What the programs saw for themselves. */
	{ { VNET_OVS_NO_ACTION }, "no_action" },
	{ { VNET_OVS_METER }, "meter" },
	{ { VNET_OVS_UPCALL }, "upcall_failed" },
	{ { VNET_OVS_MTU, NULL, "do_execute_actions", "do_output", true }, "mtu" },
	/* The datapath's reasons, known and not. */
	{ { 0, "OVS_DROP_LAST_ACTION", "do_execute_actions", "x", true }, "no_action" },
	{ { 0, "OVS_DROP_METER", "do_execute_actions", NULL, true }, "meter" },
	{ { 0, "OVS_DROP_CONNTRACK", "ovs_ct_execute", NULL, true }, "conntrack" },
	{ { 0, "OVS_DROP_FRAG_INVALID_PROTO", "do_output", NULL, true }, "fragment" },
	{ { 0, "OVS_DROP_TUNNEL_ERROR", "do_output", NULL, true }, "tunnel_error" },
	{ { 0, "PKT_TOO_BIG", "do_execute_actions", "do_output", true }, "mtu" },
	/* A reason of others says less than the place. */
	{ { 0, "NOMEM", "ovs_vport_output", "sk_skb_reason_drop", true }, "no_memory" },
	/* Places. */
	{ { 0, NULL, "do_execute_actions", "do_output", true }, "output" },
	{ { 0, NULL, "do_execute_actions", "kfree_skb", true }, "action_error" },
	{ { 0, NULL, "do_execute_actions", NULL, true }, "action_or_output" },
	{ { 0, NULL, "do_output.isra.0", "ovs_vport_send", true }, "output" },
	{ { 0, NULL, "do_outputs", NULL, true }, "other" },
	{ { 0, NULL, "clone_execute", "kfree_skb", true }, "deferred_limit" },
	{ { 0, NULL, "ovs_execute_actions", "kfree_skb", true }, "recursion_limit" },
	{ { 0, NULL, "internal_dev_recv", "kfree_skb", true }, "port_down" },
	{ { 0, NULL, "ovs_packet_cmd_execute", "kfree_skb", true }, "from_user" },
	/* No packets, or counted where the upcall fails. */
	{ { 0, NULL, "ovs_flow_cmd_new", "kfree_skb", true }, NULL },
	{ { 0, NULL, "queue_gso_packets", "kfree_skb", true }, NULL },
	{ { 0, NULL, "ovs_dp_process_packet", "kfree_skb", true }, NULL },
	/* Where the datapath is built in its functions are known by name alone. */
	{ { 0, NULL, "do_output", NULL, false }, "output" },
	{ { 0, NULL, "tcp_v4_rcv", "kfree_skb", false }, NULL },
	{ { 0, NULL, NULL, NULL, false }, NULL },
};

TEST(causes)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		struct ovs_cause cause = {};
		bool found = ovs_cause_find(&cases[i].facts, &cause);

		if (found != !!cases[i].cause || (found && strcmp(cause.name, cases[i].cause)))
			printf("# case %zu: '%s'\n", i, cause.name);
		CHECK_EQ(found, !!cases[i].cause);
		if (found && cases[i].cause) {
			CHECK_STR(cause.name, cases[i].cause);
			CHECK(cause.words && cause.words[0]);
		}
	}
}

/* Where a port's MTU is not seen apart, the words say so. */
TEST(words_of_output)
{
	struct ovs_drop_facts facts = { .function = "do_output", .in_module = true };
	struct ovs_cause cause;

	CHECK(ovs_cause_find(&facts, &cause));
	CHECK(strstr(cause.words, "MTU"));
	facts.ports_known = true;
	CHECK(ovs_cause_find(&facts, &cause));
	CHECK(!strstr(cause.words, "MTU"));
}

TEST_MAIN(T(causes), T(words_of_output))
