/* SPDX-License-Identifier: GPL-2.0-only */
/* `latency pair`: files of pairs, and what makes a packet the same one. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/parse_shim.h"
#include "cmd/latency_pair_list.c"
#include "identity.h"

#include "test.h"

/* "a-b@1 c-d@2", or what is wrong: "3: needs ...". */
static const char *parse_bytes(const char *text, size_t size)
{
	static struct pair_list list;
	static char result[1024];
	size_t used = 0;
	unsigned int line;
	const char *why;

	result[0] = 0;
	if (pair_parse(text, size, &list, &line, &why)) {
		snprintf(result, sizeof(result), "%u: %s", line, why);
		return result;
	}
	for (uint32_t i = 0; i < list.nr; i++)
		used += (size_t)snprintf(result + used, sizeof(result) - used, "%s%s-%s@%u",
					 i ? " " : "", list.pairs[i].from, list.pairs[i].to,
					 list.pairs[i].line);
	return result;
}

static const char *parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

TEST(good_files)
{
	CHECK_STR(parse("a b"), "a-b@1");
	CHECK_STR(parse("a b\n"), "a-b@1");
	CHECK_STR(parse("a b\nb a\n"), "a-b@1 b-a@2");
	CHECK_STR(parse("# c\n\n \t\n  vnet0\t ens11 # from a guest\r\n#\nx y#z\n"),
		  "vnet0-ens11@4 x-y@6");
	CHECK_STR(parse("a b\r\nc d\r\n"), "a-b@1 c-d@2");
	CHECK_STR(parse("fifteen-letters fifteen-letterz"),
		  "fifteen-letters-fifteen-letterz@1");
}

TEST(bad_files)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "", "0: has no pair" },
		{ "# a b\n\n", "0: has no pair" },
		{ "a b\n\nc\n", "3: needs two devices: FROM TO" },
		{ "a # b\n", "1: needs two devices: FROM TO" },
		{ "a b c\n", "1: has more than two words" },
		{ "sixteen-letters! b\n", "1: has a name that no device can have" },
		{ "a sixteen-letters!\n", "1: has a name that no device can have" },
		{ "a ../b\n", "1: has a name that no device can have" },
		{ "a a\n", "1: has one device at both ends" },
		{ "a b\nb a\na b\n", "3: has a pair that was there before" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++)
		CHECK_STR(parse(cases[i].text), cases[i].want);
	CHECK_STR(parse_bytes("a\0b c\n", 6), "1: has a name that no device can have");
}

TEST(sixteen_pairs_and_no_more)
{
	char text[512] = "";
	size_t used = 0;

	for (int i = 0; i < 16; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "a%d b\n", i);
	CHECK(strstr(parse(text), "a15-b@16"));
	snprintf(text + used, sizeof(text) - used, "a16 b\n");
	CHECK_STR(parse(text), "17: is one more than the 16 pairs of a run");
}

/* ---- which packet it is ---- */

static struct vnet_packet tcp_packet(void)
{
	return (struct vnet_packet){
		.flow = { .src = { 10, 0, 0, 1 }, .dst = { 10, 0, 0, 2 }, .src_port = 1,
			  .dst_port = 2, .ethertype = 0x0800, .family = 4, .protocol = 6 },
		.has = VNET_HAS_MAC | VNET_HAS_IP | VNET_HAS_TCP,
		.src_mac = { 2, 0, 0, 0, 0, 1 }, .dst_mac = { 2, 0, 0, 0, 0, 2 },
		.len = 100, .tcp_seq = 5, .tcp_ack = 6, .ip_id = 7, .ip_len = 86, .ttl = 64,
	};
}

#define CHANGED(member, value) ({						\
	struct vnet_packet p_ = tcp_packet();					\
	p_.member = value;							\
	vnet_identity(&p_);							\
})

/* What switches, routers, queues and tunnels do to it. */
TEST(the_same_packet)
{
	struct vnet_packet p = tcp_packet();
	uint64_t id = vnet_identity(&p);

	CHECK(CHANGED(src_mac[5], 9) == id);
	CHECK(CHANGED(dst_mac[0], 9) == id);
	CHECK(CHANGED(flow.vlan, 5) == id);
	CHECK(CHANGED(flow.flags, VNET_FLOW_VLAN | VNET_FLOW_TRUNCATED) == id);
	CHECK(CHANGED(vlan2, 5) == id);
	CHECK(CHANGED(has, VNET_HAS_IP | VNET_HAS_TCP | VNET_HAS_TUNNEL) == id);
	CHECK(CHANGED(vni, 5) == id);
	CHECK(CHANGED(ttl, 63) == id);
	CHECK(CHANGED(tos, 3) == id);
	CHECK(CHANGED(len, 86) == id);
	CHECK(CHANGED(l3_off, 18) == id);
	CHECK(CHANGED(gso_size, 1448) == id);
}

/* Any other member makes another packet, and no two of these are equal. */
TEST(other_packets)
{
	struct vnet_packet p = tcp_packet();
	uint64_t ids[] = {
		vnet_identity(&p), CHANGED(flow.src[3], 3), CHANGED(flow.src[15], 1),
		CHANGED(flow.dst[3], 3), CHANGED(flow.src_port, 3), CHANGED(flow.dst_port, 3),
		CHANGED(flow.protocol, 17), CHANGED(flow.family, 6),
		CHANGED(flow.ethertype, 0x86dd), CHANGED(tcp_seq, 6), CHANGED(tcp_ack, 7),
		CHANGED(tcp_flags, 1), CHANGED(ip_id, 8), CHANGED(ip_len, 87),
		CHANGED(frag_off, 8), CHANGED(ip_flags, VNET_IP_MF), CHANGED(icmp_id, 1),
		CHANGED(icmp_seq, 1), CHANGED(icmp_type, 1), CHANGED(icmp_code, 1),
		CHANGED(has, VNET_HAS_MAC),
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(ids); i++)
		for (size_t n = 0; n < i; n++) {
			if (ids[i] == ids[n])
				printf("# %zu and %zu\n", n, i);
			CHECK(ids[i] != ids[n]);
		}
}

/* Of what is no IP the MAC addresses are all there is. */
TEST(frames)
{
	struct vnet_packet p = tcp_packet();
	uint64_t id;

	p.has = VNET_HAS_MAC;
	id = vnet_identity(&p);
	p.src_mac[0]++;
	CHECK(vnet_identity(&p) != id);
	p.src_mac[0]--;
	p.dst_mac[5]++;
	CHECK(vnet_identity(&p) != id);
	p.dst_mac[5]--;
	p.arp_op = 1;
	CHECK(vnet_identity(&p) != id);
	p.arp_op = 0;
	CHECK(vnet_identity(&p) == id);
}

/* Numbers that count up in several members at once, as those of a stream do. */
TEST(no_collisions_in_streams)
{
	enum { NR = 4096 };
	static uint64_t ids[NR];
	struct vnet_packet p = tcp_packet();
	int equal = 0;

	for (uint32_t i = 0; i < NR; i++) {
		p.ip_id = i & 0xffff;
		p.tcp_seq = i * 1448;
		p.tcp_ack = i / 2 * 1448;
		p.flow.src_port = (uint16_t)(40000 + i % 7);
		ids[i] = vnet_identity(&p);
	}
	for (int i = 0; i < NR; i++)
		for (int n = 0; n < i; n++)
			equal += ids[i] == ids[n];
	CHECK_EQ(equal, 0);
}

TEST_MAIN(T(good_files), T(bad_files), T(sixteen_pairs_and_no_more), T(the_same_packet),
	  T(other_packets), T(frames), T(no_collisions_in_streams))
