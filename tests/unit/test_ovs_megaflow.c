/* SPDX-License-Identifier: GPL-2.0-only */
/* `ovs megaflow`: which packet waited for which flow, and what is remembered. */
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "cmd/ovs_flows.c"
#include "cmd/ovs_waiting.c"

#include "test.h"

#define S	1000000000ull

/* A message under construction. */
struct buffer {
	char data[1024];
	size_t len;
};

static struct ovs_bytes bytes_of(const struct buffer *b)
{
	return (struct ovs_bytes){ b->data, b->len };
}

static void put(struct buffer *b, uint16_t type, const void *data, size_t len)
{
	struct nlattr nla = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	memcpy(b->data + b->len, &nla, sizeof(nla));
	if (len)
		memcpy(b->data + b->len + NLA_HDRLEN, data, len);
	b->len += NLA_ALIGN(NLA_HDRLEN + len);
}

static void put_nested(struct buffer *b, uint16_t type, const struct buffer *inner)
{
	put(b, type | NLA_F_NESTED, inner->data, inner->len);
}

static void put_u32(struct buffer *b, uint16_t type, uint32_t v)
{
	put(b, type, &v, sizeof(v));
}

static void put_be16(struct buffer *b, uint16_t type, uint16_t v)
{
	uint8_t bytes[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, type, bytes, sizeof(bytes));
}

/* A UDP packet's key; as a mask where its members are masks. */
static struct buffer make_key(uint32_t port, uint16_t ethertype, uint32_t dst, uint8_t protocol,
			      uint16_t src_port, uint16_t dst_port)
{
	struct ovs_key_ipv4 ip = { .ipv4_proto = protocol };
	struct buffer b = {};
	struct ovs_key_udp udp;

	put_u32(&b, OVS_KEY_ATTR_IN_PORT, port);
	put_be16(&b, OVS_KEY_ATTR_ETHERTYPE, ethertype);
	ip.ipv4_dst = __builtin_bswap32(dst);
	put(&b, OVS_KEY_ATTR_IPV4, &ip, sizeof(ip));
	udp.udp_src = __builtin_bswap16(src_port);
	udp.udp_dst = __builtin_bswap16(dst_port);
	put(&b, OVS_KEY_ATTR_UDP, &udp, sizeof(udp));
	return b;
}

static struct buffer packet(uint32_t port, uint16_t src_port)
{
	return make_key(port, 0x0800, 0x0a090002, 17, src_port, 7000);
}

/* Of all but the destination port. */
static struct buffer mask(void)
{
	return make_key(UINT32_MAX, 0xffff, 0xffffff00, 0xff, 0xffff, 0);
}

static bool covered(struct buffer key, struct buffer by, struct buffer of)
{
	return ovs_flow_covers(bytes_of(&key), bytes_of(&by), bytes_of(&of));
}

TEST(a_flow_covers_what_its_mask_lets_through)
{
	struct buffer key = packet(2, 4000), other = make_key(2, 0x0800, 0x0a090077, 17, 4000, 9);

	CHECK(covered(key, mask(), packet(2, 4000)));
	/* Another destination port, another host of the network: both are wildcarded. */
	CHECK(covered(key, mask(), other));
	CHECK(!covered(key, mask(), packet(3, 4000)));
	CHECK(!covered(key, mask(), packet(2, 4001)));
	CHECK(!covered(key, mask(), make_key(2, 0x86dd, 0x0a090002, 17, 4000, 7000)));
	CHECK(!covered(key, mask(), make_key(2, 0x0800, 0x0a0a0002, 17, 4000, 7000)));
	CHECK(!covered(key, mask(), make_key(2, 0x0800, 0x0a090002, 6, 4000, 7000)));
}

TEST(without_a_mask_all_is_matched)
{
	struct buffer key = packet(2, 4000), other = packet(2, 4000);
	struct ovs_bytes none = {};

	CHECK(ovs_flow_covers(bytes_of(&key), none, bytes_of(&other)));
	other = make_key(2, 0x0800, 0x0a090002, 17, 4000, 7001);
	CHECK(!ovs_flow_covers(bytes_of(&key), none, bytes_of(&other)));
}

/* The kernel leaves out what is zero. */
TEST(what_is_not_there_is_zero)
{
	struct buffer key = packet(2, 4000), by = mask(), of = packet(2, 4000);

	put_u32(&key, OVS_KEY_ATTR_RECIRC_ID, 0);
	put_u32(&by, OVS_KEY_ATTR_RECIRC_ID, UINT32_MAX);
	CHECK(covered(key, by, of));
	put_u32(&of, OVS_KEY_ATTR_RECIRC_ID, 7);
	CHECK(!covered(key, by, of));
}

TEST(nested_attributes_by_their_parts)
{
	struct buffer inner = {}, all = {}, outer = {}, by = {}, of = {};

	/* The order of attributes is nobody's promise. */
	put_be16(&inner, OVS_KEY_ATTR_ETHERTYPE, 0x0800);
	put_be16(&inner, OVS_KEY_ATTR_VLAN, 5);
	put_nested(&outer, OVS_KEY_ATTR_ENCAP, &inner);
	put_be16(&all, OVS_KEY_ATTR_ETHERTYPE, 0xffff);
	put_nested(&by, OVS_KEY_ATTR_ENCAP, &all);
	inner = (struct buffer){};
	put_be16(&inner, OVS_KEY_ATTR_VLAN, 6);
	put_be16(&inner, OVS_KEY_ATTR_ETHERTYPE, 0x0800);
	put_nested(&of, OVS_KEY_ATTR_ENCAP, &inner);
	CHECK(covered(outer, by, of));
	put_be16(&all, OVS_KEY_ATTR_VLAN, 0xfff);
	by = (struct buffer){};
	put_nested(&by, OVS_KEY_ATTR_ENCAP, &all);
	CHECK(!covered(outer, by, of));
}

/* What becomes of a key in the datapath. */
TEST(masked_keys)
{
	static const struct ovs_key_ct_tuple_ipv4 tuple = { .src_port = 7 };
	struct buffer key = packet(2, 4000), by = mask(), masked = {}, want;
	struct ovs_bytes none = {};

	want = make_key(2, 0x0800, 0x0a090000, 17, 4000, 0);
	masked.len = ovs_key_mask((uint8_t *)masked.data, bytes_of(&key), bytes_of(&by));
	CHECK(masked.len == want.len && !memcmp(masked.data, want.data, want.len));
	/* All of it, or none, of a connection's tuple. */
	put(&key, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, &tuple, sizeof(tuple));
	put(&by, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, &(struct ovs_key_ct_tuple_ipv4){},
	    sizeof(tuple));
	masked.len = ovs_key_mask((uint8_t *)masked.data, bytes_of(&key), bytes_of(&by));
	CHECK(masked.len == want.len && !memcmp(masked.data, want.data, want.len));
	by = mask();
	put(&by, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, &tuple, sizeof(tuple));
	CHECK(ovs_key_mask((uint8_t *)masked.data, bytes_of(&key), bytes_of(&by)) > want.len);
	CHECK_EQ(ovs_key_mask((uint8_t *)masked.data, bytes_of(&key), none), key.len);
	CHECK(!memcmp(masked.data, key.data, key.len));
	/* Cut short in the middle of an attribute: what is whole stays. */
	key.len = want.len - 1;
	CHECK(ovs_key_mask((uint8_t *)masked.data, bytes_of(&key), bytes_of(&by)) < want.len);
}

TEST(masked_keys_of_two_layers)
{
	struct buffer inner = {}, all = {}, key = {}, by = {}, masked = {};
	struct ovs_bytes found;

	put_be16(&inner, OVS_KEY_ATTR_ETHERTYPE, 0x0800);
	put_nested(&key, OVS_KEY_ATTR_ENCAP, &inner);
	put_be16(&all, OVS_KEY_ATTR_ETHERTYPE, 0xff00);
	put_nested(&by, OVS_KEY_ATTR_ENCAP, &all);
	masked.len = ovs_key_mask((uint8_t *)masked.data, bytes_of(&key), bytes_of(&by));
	CHECK_EQ(masked.len, key.len);
	found = find(masked.data, masked.len, OVS_KEY_ATTR_ENCAP);
	found = find(found.at, found.len, OVS_KEY_ATTR_ETHERTYPE);
	CHECK(found.len == 2 && byte_of(found, 0) == 0x08 && byte_of(found, 1) == 0);
}

/* Attribute lengths that cannot be end the walk and read nothing. */
TEST(malformed_masks)
{
	struct buffer key = packet(2, 4000), by = { .len = 6 }, of = packet(2, 4001);
	struct nlattr nla = { .nla_len = 40, .nla_type = OVS_KEY_ATTR_UDP };

	memcpy(by.data, &nla, sizeof(nla));
	CHECK(covered(key, by, of));
	nla.nla_len = 2;
	memcpy(by.data, &nla, sizeof(nla));
	CHECK(covered(key, by, of));
}

/* ---- links ---- */

static void up(struct ovs_waiting *waiting, uint64_t at, struct buffer key)
{
	CHECK(ovs_waiting_add(waiting, at, 1, bytes_of(&key)));
}

static struct ovs_link link_of(struct ovs_waiting *waiting, uint64_t at, uint32_t dp,
			       struct buffer key)
{
	struct buffer by = mask();
	struct ovs_message m = { .dp = dp, .key = bytes_of(&key), .mask = bytes_of(&by) };
	struct ovs_link link;

	ovs_waiting_link(waiting, at, &m, &link);
	return link;
}

TEST(the_first_packet_that_waited)
{
	struct ovs_waiting *waiting = ovs_waiting_new();
	struct ovs_link link;

	up(waiting, 5 * S, packet(2, 4000));
	up(waiting, 6 * S, packet(2, 4001));
	up(waiting, 7 * S, packet(2, 4000));
	up(waiting, 9 * S, packet(2, 4000));
	CHECK_EQ(link_of(waiting, 8 * S, 1, packet(3, 4000)).nr, 0);
	CHECK_EQ(link_of(waiting, 8 * S, 2, packet(2, 4000)).nr, 0);
	/* What went up later than that waits for another. */
	link = link_of(waiting, 8 * S, 1, packet(2, 4000));
	CHECK_EQ(link.nr, 2);
	CHECK_EQ(link.since_ns, 5 * S);
	link = link_of(waiting, 10 * S, 1, packet(2, 4000));
	CHECK_EQ(link.nr, 1);
	CHECK_EQ(link.since_ns, 9 * S);
	CHECK_EQ(link_of(waiting, 10 * S, 1, packet(2, 4000)).nr, 0);
	CHECK_EQ(link_of(waiting, 10 * S, 1, packet(2, 4001)).nr, 1);
	CHECK_EQ(link_of(waiting, 10 * S, 1, packet(2, 4001)).nr, 0);
	/* Nothing is left behind. */
	CHECK_EQ(waiting->flowless.nr, 0);
	ovs_waiting_free(waiting);
}

TEST(a_packet_that_did_not_arrive)
{
	struct ovs_waiting *waiting = ovs_waiting_new();

	up(waiting, 1 * S, packet(2, 4000));
	up(waiting, 2 * S, packet(2, 4000));
	ovs_waiting_lost(waiting, 1 * S, 2);
	ovs_waiting_lost(waiting, 1 * S, 1);
	CHECK_EQ(link_of(waiting, 3 * S, 1, packet(2, 4000)).nr, 1);
	ovs_waiting_free(waiting);
}

TEST(nobody_waits_for_ever)
{
	struct ovs_waiting *waiting = ovs_waiting_new();

	up(waiting, 1 * S, packet(2, 4000));
	up(waiting, 2 * S, packet(2, 4000));
	CHECK_EQ(link_of(waiting, 11 * S + 1, 1, packet(2, 4000)).since_ns, 2 * S);
	ovs_waiting_free(waiting);
}

TEST(too_many_packets_that_wait)
{
	struct ovs_waiting *waiting = ovs_waiting_new();
	struct buffer key = packet(2, 4000);
	struct ovs_link link;

	for (uint64_t i = 0; i < OVS_UPCALLS; i++)
		CHECK(ovs_waiting_add(waiting, S + i, 1, bytes_of(&key)));
	CHECK(!ovs_waiting_add(waiting, 2 * S, 1, bytes_of(&key)));
	link = link_of(waiting, 2 * S, 1, key);
	CHECK_EQ(link.nr, OVS_UPCALLS);
	CHECK_EQ(link.since_ns, S + 1);
	ovs_waiting_free(waiting);
}

/* ---- flows ---- */

static const uint8_t ufids[2][16] = { { 1 }, { 2 } };

static struct ovs_message request(const struct buffer *key, const uint8_t *ufid)
{
	struct ovs_message m = { .dp = 1 };

	if (key)
		m.key = bytes_of(key);
	if (ufid)
		m.ufid = (struct ovs_bytes){ ufid, 16 };
	return m;
}

/* The same packet as it comes back. */
static struct vnet_packet returned_packet(uint16_t src_port)
{
	struct vnet_packet p = {
		.flow = {
			.dst = { 10, 9, 0, 2 }, .src_port = src_port, .dst_port = 7000,
			.ethertype = 0x0800, .family = 4, .protocol = 17,
			.flags = VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL,
		},
		.has = VNET_HAS_IP | VNET_HAS_MAC,
	};

	return p;
}

static struct ovs_returned comes_back(struct ovs_waiting *waiting, uint64_t now, uint32_t port,
				      uint16_t src_port)
{
	struct vnet_packet p = returned_packet(src_port);
	struct ovs_returned returned;
	struct buffer meta = {};

	if (port)
		put_u32(&meta, OVS_KEY_ATTR_IN_PORT, port);
	ovs_waiting_return(waiting, now, 1, port ? bytes_of(&meta) : (struct ovs_bytes){}, &p,
			 &returned);
	return returned;
}

TEST(packets_that_come_back)
{
	struct ovs_waiting *waiting = ovs_waiting_new();
	struct buffer a = packet(2, 4000), b = packet(3, 4000), c = packet(2, 4001);
	struct ovs_returned r;

	ovs_waiting_add(waiting, 1 * S, 1, bytes_of(&a));
	ovs_waiting_add(waiting, 2 * S, 1, bytes_of(&b));
	ovs_waiting_add(waiting, 3 * S, 1, bytes_of(&c));
	ovs_waiting_add(waiting, 4 * S, 1, bytes_of(&c));
	r = comes_back(waiting, 5 * S, 3, 4000);
	CHECK(r.nr == 1 && r.since_ns == 2 * S);
	CHECK(r.key.len == b.len && !memcmp(r.key.at, b.data, b.len));
	/* Only one is left of that kind, whatever its port. */
	r = comes_back(waiting, 5 * S, 0, 4000);
	CHECK(r.nr == 1 && r.since_ns == 1 * S);
	CHECK_EQ(comes_back(waiting, 5 * S, 2, 4000).nr, 0);
	/* Of two alike the first. */
	r = comes_back(waiting, 5 * S, 2, 4001);
	CHECK(r.nr == 2 && r.since_ns == 3 * S);
	r = comes_back(waiting, 5 * S, 2, 4001);
	CHECK(r.nr == 1 && r.since_ns == 4 * S);
	CHECK_EQ(comes_back(waiting, 5 * S, 2, 4001).nr, 0);
	CHECK_EQ(comes_back(waiting, 5 * S, 2, 4002).nr, 0);
	/* One that never arrived, and one that is away for too long. */
	ovs_waiting_add(waiting, 6 * S, 1, bytes_of(&a));
	ovs_waiting_lost(waiting, 6 * S, 1);
	CHECK_EQ(comes_back(waiting, 7 * S, 2, 4000).nr, 0);
	ovs_waiting_add(waiting, 7 * S, 1, bytes_of(&a));
	CHECK_EQ(comes_back(waiting, 7 * S + OVS_UPCALL_AGE_NS, 2, 4000).nr, 0);
	/* That its flow is installed changes nothing. */
	ovs_waiting_add(waiting, 30 * S, 1, bytes_of(&a));
	CHECK_EQ(comes_back(waiting, 29 * S, 2, 4000).nr, 0);
	CHECK_EQ(comes_back(waiting, 31 * S, 2, 4000).nr, 1);
	ovs_waiting_free(waiting);
}

TEST(flows_come_and_go)
{
	struct ovs_flows *flows = ovs_flows_new(2);
	struct buffer key = packet(2, 4000), other = packet(2, 4001);
	struct ovs_message m = request(&key, ufids[0]), by_ufid = request(NULL, ufids[0]);
	struct ovs_flow *flow = ovs_flows_add(flows, S, &m);
	struct buffer again = { .len = 0 };
	struct ovs_message reordered;

	put_u32(&again, OVS_KEY_ATTR_RECIRC_ID, 0);
	memcpy(again.data + again.len, other.data, other.len);
	again.len += other.len;
	reordered = request(&again, NULL);
	CHECK(flow && flow->since_ns == S && !flow->actions.at);
	CHECK(ovs_flows_find(flows, &by_ufid) == flow);
	by_ufid.dp = 2;
	CHECK(!ovs_flows_find(flows, &by_ufid));
	m = request(&other, NULL);
	m.actions = (struct ovs_bytes){ "abc", 3 };
	flow = ovs_flows_add(flows, 2 * S, &m);
	CHECK(flow && flow->actions.len == 3);
	CHECK(ovs_flows_find(flows, &m) == flow);
	/* As a dump has it: in another order. */
	CHECK(ovs_flows_find(flows, &reordered) == flow);
	/* No actions given: they stay. None at all: it drops. */
	ovs_flow_set_actions(flow, (struct ovs_bytes){});
	CHECK_EQ(flow->actions.len, 3);
	ovs_flow_set_actions(flow, (struct ovs_bytes){ "", 0 });
	CHECK(flow->actions.at && !flow->actions.len);
	m = request(&key, ufids[1]);
	CHECK(!ovs_flows_add(flows, 3 * S, &m));
	ovs_flows_remove(flows, flow);
	CHECK(ovs_flows_add(flows, 3 * S, &m));
	/* Once more: it takes its own place. */
	CHECK_EQ(ovs_flows_add(flows, 4 * S, &m)->since_ns, 4 * S);
	CHECK_EQ(flows->nr, 2);
	ovs_flows_flush(flows, 2);
	CHECK_EQ(flows->nr, 2);
	ovs_flows_flush(flows, 1);
	CHECK_EQ(flows->nr, 0);
	CHECK(!ovs_flows_find(flows, &m));
	ovs_flows_free(flows);
}

TEST(messages)
{
	struct buffer key = packet(2, 4000), b = { .len = NLMSG_HDRLEN };
	struct genlmsghdr genl = { .cmd = OVS_FLOW_CMD_DEL };
	struct ovs_flow_stats stats = { .n_packets = 7 };
	struct ovs_header ovs = { 5 };
	struct ovs_message m;

	memcpy(b.data + b.len, &genl, sizeof(genl));
	b.len += sizeof(genl);
	CHECK(!ovs_message_parse(b.data, b.len, false, &m));
	memcpy(b.data + b.len, &ovs, sizeof(ovs));
	b.len += sizeof(ovs);
	CHECK(ovs_message_parse(b.data, b.len, false, &m));
	CHECK(m.cmd == OVS_FLOW_CMD_DEL && m.dp == 5 && !m.key.at && !m.ufid.at && !m.probe);
	put_nested(&b, OVS_FLOW_ATTR_KEY, &key);
	put(&b, OVS_FLOW_ATTR_UFID, ufids[0], 16);
	put(&b, OVS_FLOW_ATTR_STATS, &stats, sizeof(stats));
	put(&b, OVS_FLOW_ATTR_PROBE, NULL, 0);
	put_nested(&b, OVS_FLOW_ATTR_ACTIONS, &(struct buffer){});
	CHECK(ovs_message_parse(b.data, b.len, false, &m));
	CHECK(m.key.len == key.len && !memcmp(m.key.at, key.data, key.len));
	CHECK(m.ufid.len == 16 && m.stats.len == sizeof(stats) && m.probe);
	/* No actions are not the same as none given. */
	CHECK(m.actions.at && !m.actions.len && !m.mask.at);
}

/* ---- filters ---- */

static bool may_match(const struct vnet_filter *f, struct buffer key, struct buffer by)
{
	return ovs_flow_may_match(f, bytes_of(&key), bytes_of(&by));
}

TEST(filters_under_the_mask)
{
	struct vnet_filter f = { .active = VNET_F_SRC_PORT, .src_port = 4000 };
	struct ovs_bytes none = {};

	CHECK(may_match(&f, packet(2, 4000), mask()));
	CHECK(!may_match(&f, packet(2, 4001), mask()));
	CHECK(!ovs_flow_may_match(&f, none, none));
	/* The destination port is wildcarded: any may come. */
	f = (struct vnet_filter){ .active = VNET_F_DST_PORT, .dst_port = 9 };
	CHECK(may_match(&f, packet(2, 4000), mask()));
	f = (struct vnet_filter){ .active = VNET_F_FAMILY | VNET_F_DST, .family = 4,
				  .dst = { 10, 9, 0, 99 },
				  .dst_mask = { 0xff, 0xff, 0xff, 0xff } };
	CHECK(may_match(&f, packet(2, 4000), mask()));
	f.dst[2] = 1;
	CHECK(!may_match(&f, packet(2, 4000), mask()));
	f = (struct vnet_filter){ .active = VNET_F_FAMILY, .family = 6 };
	CHECK(!may_match(&f, packet(2, 4000), mask()));
	f = (struct vnet_filter){ .active = VNET_F_PROTOCOL, .protocol = 6 };
	CHECK(!may_match(&f, packet(2, 4000), mask()));
	/* ARP has neither. */
	CHECK(!may_match(&f, make_key(2, 0x0806, 0, 0, 0, 0), make_key(2, 0xffff, 0, 0, 0, 0)));
	f = (struct vnet_filter){ .active = VNET_F_DST_PORT, .dst_port = 9 };
	CHECK(!may_match(&f, make_key(2, 0x0806, 0, 0, 0, 0), make_key(2, 0xffff, 0, 0, 0, 0)));
	f = (struct vnet_filter){ .active = VNET_F_VLAN, .vlan = 5 };
	CHECK(!may_match(&f, packet(2, 4000), mask()));
	f = (struct vnet_filter){ .active = VNET_F_ETHERTYPE, .ethertype = 0x0806 };
	CHECK(!may_match(&f, packet(2, 4000), mask()));
}

TEST_MAIN(T(a_flow_covers_what_its_mask_lets_through), T(without_a_mask_all_is_matched),
	  T(what_is_not_there_is_zero), T(nested_attributes_by_their_parts), T(masked_keys),
	  T(masked_keys_of_two_layers), T(malformed_masks),
	  T(the_first_packet_that_waited), T(a_packet_that_did_not_arrive),
	  T(nobody_waits_for_ever), T(too_many_packets_that_wait),
	  T(packets_that_come_back), T(flows_come_and_go), T(messages),
	  T(filters_under_the_mask))
