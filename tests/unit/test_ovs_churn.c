/* SPDX-License-Identifier: GPL-2.0-only */
/* `ovs megaflow --summary`: flows that are made again, and what they differ in. */
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/openvswitch.h>

#include "cmd/ovs_churn.c"
#include "cmd/ovs_flows.c"

#include "test.h"

struct buffer {
	char data[256];
	size_t len;
};

static void put(struct buffer *b, uint16_t type, const void *data, size_t len)
{
	struct nlattr nla = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	memcpy(b->data + b->len, &nla, sizeof(nla));
	memcpy(b->data + b->len + NLA_HDRLEN, data, len);
	b->len += NLA_ALIGN(NLA_HDRLEN + len);
}

static struct buffer make(uint32_t port, uint16_t ethertype, uint8_t protocol, uint16_t src,
			  uint16_t dst)
{
	struct ovs_key_udp udp = { __builtin_bswap16(src), __builtin_bswap16(dst) };
	struct ovs_key_ipv4 ip = { .ipv4_proto = protocol };
	uint16_t type = __builtin_bswap16(ethertype);
	struct buffer b = {};

	put(&b, OVS_KEY_ATTR_IN_PORT, &port, sizeof(port));
	put(&b, OVS_KEY_ATTR_ETHERTYPE, &type, sizeof(type));
	put(&b, OVS_KEY_ATTR_IPV4, &ip, sizeof(ip));
	put(&b, OVS_KEY_ATTR_UDP, &udp, sizeof(udp));
	return b;
}

static struct buffer key(uint32_t port, uint16_t src, uint16_t dst)
{
	return make(port, 0x0800, 17, src, dst);
}

static struct buffer mask(uint16_t src, uint16_t dst)
{
	return make(UINT32_MAX, 0xffff, 0xff, src, dst);
}

static bool add(struct ovs_churn *churn, uint32_t dp, struct buffer k, struct buffer m)
{
	return ovs_churn_add(churn, dp, (struct ovs_bytes){ k.data, k.len },
			     (struct ovs_bytes){ m.data, m.len });
}

static void gone(struct ovs_churn *churn, uint32_t dp, struct buffer k, struct buffer m)
{
	ovs_churn_gone(churn, dp, (struct ovs_bytes){ k.data, k.len },
		       (struct ovs_bytes){ m.data, m.len });
}

static const struct ovs_variety *field(const struct ovs_group *group, const char *name)
{
	for (int f = 0; f < OVS_FIELDS; f++)
		if (!strcmp(ovs_field_name(f), name))
			return &group->fields[f];
	return NULL;
}

TEST(the_field_that_differs)
{
	struct ovs_churn *churn = ovs_churn_new(1000);
	const struct ovs_group **groups;

	for (uint16_t i = 0; i < 100; i++)
		CHECK(add(churn, 1, key(2, 4000 + i, i), mask(0xffff, 0)));
	for (uint16_t i = 0; i < 10; i++)
		CHECK(add(churn, 1, key(3, 4000 + i, 1), mask(0xfffc, 0)));
	CHECK_EQ(ovs_churn_groups(churn, &groups), 2);
	CHECK_EQ(groups[0]->in_port, 2);
	CHECK_EQ(groups[0]->installed, 100);
	CHECK_EQ(groups[0]->flows, 100);
	CHECK_EQ(groups[0]->repeated, 0);
	CHECK_EQ(field(groups[0], "src_port")->nr, 100);
	CHECK_EQ(field(groups[0], "src_port")->bits, 16);
	CHECK_EQ(field(groups[0], "dst_port")->bits, 0);
	CHECK_EQ(field(groups[0], "dst_port")->nr, 0);
	CHECK_EQ(field(groups[0], "protocol")->nr, 1);
	/* 4000 to 4009 without their last two bits. */
	CHECK_EQ(field(groups[1], "src_port")->nr, 3);
	CHECK_EQ(field(groups[1], "src_port")->bits, 14);
	CHECK_EQ(groups[1]->repeated, 7);
	free(groups);
	ovs_churn_free(churn);
}

TEST(the_same_flow_again)
{
	struct ovs_churn *churn = ovs_churn_new(1000);
	const struct ovs_churner **churners;
	const struct ovs_group **groups;

	/* Not the same: the port, the datapath, the mask. */
	CHECK(add(churn, 1, key(2, 4000, 1), mask(0xffff, 0)));
	CHECK(add(churn, 1, key(3, 4000, 1), mask(0xffff, 0)));
	CHECK(add(churn, 2, key(2, 4000, 1), mask(0xffff, 0)));
	CHECK(add(churn, 1, key(2, 4000, 1), mask(0xffff, 0xffff)));
	CHECK_EQ(ovs_churn_repeated(churn, &churners), 0);
	free(churners);
	/* The same, for another packet. */
	CHECK(add(churn, 1, key(2, 4000, 2), mask(0xffff, 0)));
	CHECK(add(churn, 1, key(2, 4000, 3), mask(0xffff, 0)));
	CHECK(add(churn, 1, key(3, 4000, 3), mask(0xffff, 0)));
	CHECK_EQ(ovs_churn_repeated(churn, &churners), 2);
	CHECK_EQ(churners[0]->installs, 3);
	CHECK_EQ(churners[1]->installs, 2);
	CHECK(churners[0]->key.at && churners[0]->mask.at);
	free(churners);
	ovs_churn_turn(churn);
	CHECK_EQ(ovs_churn_repeated(churn, &churners), 0);
	free(churners);
	CHECK_EQ(ovs_churn_groups(churn, &groups), 0);
	free(groups);
	/* The run goes on, and remembers. */
	CHECK(add(churn, 1, key(2, 4000, 9), mask(0xffff, 0)));
	CHECK_EQ(ovs_churn_repeated(churn, &churners), 1);
	CHECK_EQ(churners[0]->installs, 4);
	CHECK_EQ(churners[0]->recent, 1);
	free(churners);
	CHECK_EQ(ovs_churn_groups(churn, &groups), 1);
	CHECK_EQ(groups[0]->installed, 1);
	CHECK_EQ(groups[0]->repeated, 1);
	CHECK_EQ(groups[0]->flows, 4);
	free(groups);
	ovs_churn_free(churn);
}

TEST(masks_that_are_in_use)
{
	struct ovs_churn *churn = ovs_churn_new(1000);

	CHECK_EQ(ovs_churn_masks(churn), 0);
	add(churn, 1, key(2, 4000, 1), mask(0xffff, 0));
	add(churn, 1, key(3, 4000, 1), mask(0xffff, 0));
	CHECK_EQ(ovs_churn_masks(churn), 1);
	add(churn, 1, key(2, 4000, 1), mask(0xffff, 0xffff));
	/* Each datapath has its own. */
	add(churn, 2, key(2, 4000, 1), mask(0xffff, 0));
	CHECK_EQ(ovs_churn_masks(churn), 3);
	gone(churn, 1, key(2, 4000, 1), mask(0xffff, 0));
	CHECK_EQ(ovs_churn_masks(churn), 3);
	gone(churn, 1, key(3, 4000, 1), mask(0xffff, 0));
	CHECK_EQ(ovs_churn_masks(churn), 2);
	/* Of one that was never seen coming. */
	gone(churn, 1, key(3, 4000, 1), mask(0xffff, 0));
	gone(churn, 7, key(3, 4000, 1), mask(0xffff, 0));
	CHECK_EQ(ovs_churn_masks(churn), 2);
	ovs_churn_free(churn);
}

TEST(bounds)
{
	struct ovs_churn *churn = ovs_churn_new(300);
	const struct ovs_group **groups;
	uint32_t nr = 0;

	for (uint16_t i = 0; i < 400; i++)
		nr += add(churn, 1, key(2, i, 1), mask(0xffff, 0));
	CHECK_EQ(nr, 300);
	CHECK_EQ(ovs_churn_groups(churn, &groups), 1);
	CHECK_EQ(groups[0]->installed, 400);
	CHECK_EQ(field(groups[0], "src_port")->nr, OVS_VALUES_MAX);
	free(groups);
	ovs_churn_free(churn);
	churn = ovs_churn_new(10000);
	for (uint32_t port = 0, i = 0; port < OVS_GROUPS_MAX + 5; port++, i++)
		CHECK_EQ(add(churn, 1, key(port, 1, 1), mask(0xffff, 0)), i < OVS_GROUPS_MAX);
	ovs_churn_free(churn);
}

TEST_MAIN(T(the_field_that_differs), T(the_same_flow_again), T(masks_that_are_in_use), T(bounds))
