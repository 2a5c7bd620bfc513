/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libFuzzer: the input is one message of the flow family, from its struct
 * nlmsghdr on, as cmd/ovs_flows.c takes it apart.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/ovs_flows.c"
#include "cmd/ovs_churn.c"
#include "cmd/ovs_waiting.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A masked key is no longer, and masking it again changes nothing. */
static void check_mask(const struct ovs_message *m)
{
	uint8_t *once = vnet_alloc(m->key.len + 1), *twice = vnet_alloc(m->key.len + 1);
	struct ovs_bytes masked = { once };

	masked.len = ovs_key_mask(once, m->key, m->mask);
	if (masked.len > m->key.len || ovs_key_mask(twice, masked, m->mask) != masked.len ||
	    memcmp(once, twice, masked.len))
		abort();
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnet_filter filter = { .active = VNET_F_PACKET, .family = 4 };
	struct vnet_packet packet = {};
	struct ovs_returned returned;
	struct ovs_waiting *waiting;
	struct ovs_flows *flows;
	struct ovs_churn *churn;
	struct ovs_message m;
	struct ovs_link link;

	if (!ovs_message_parse(data, size, false, &m) || !m.key.at)
		return 0;
	waiting = ovs_waiting_new();
	flows = ovs_flows_new(4);
	churn = ovs_churn_new(4);
	check_mask(&m);
	/* Any flow takes the packet that it was made for. */
	if (!ovs_flow_covers(m.key, m.mask, m.key))
		abort();
	ovs_waiting_add(waiting, 1, m.dp, m.key);
	ovs_waiting_link(waiting, 1, &m, &link);
	if (link.nr != 1)
		abort();
	ovs_waiting_return(waiting, 1, m.dp, m.key, &packet, &returned);
	ovs_flow_may_match(&filter, m.key, m.mask);
	if (!ovs_flows_add(flows, 1, &m) || !ovs_flows_find(flows, &m))
		abort();
	ovs_churn_add(churn, m.dp, m.key, m.mask);
	ovs_churn_gone(churn, m.dp, m.key, m.mask);
	ovs_waiting_free(waiting);
	ovs_flows_free(flows);
	ovs_churn_free(churn);
	return 0;
}
