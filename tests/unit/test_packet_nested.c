/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet parser, probes/parse.h: IPv6 and its chains, tunnels, the snap. */
#include "packet_parse.h"

TEST(icmp6)
{
	for (uint32_t type = 127; type <= 130; type++) {
		struct bytes p = {};
		struct vnet_packet k;
		bool echo = type == 128 || type == 129;

		eth(&p, 0x86dd);
		ip6(&p, 58);
		icmp(&p, type, 1);
		ip6_end(&p, 14);
		k = parse(&p, PLAIN);
		check_v6(&k);
		CHECK_EQ(k.flow.protocol, 58);
		CHECK_EQ(k.has, VNET_HAS_MAC | VNET_HAS_IP | VNET_HAS_ICMP);
		CHECK_EQ(k.icmp_type, type);
		CHECK_EQ(k.icmp_code, 1);
		CHECK_EQ(k.icmp_id, echo ? 0x4321 : 0);
		CHECK_EQ(k.icmp_seq, echo ? 7 : 0);
	}
}

/* ICMP over IPv6 and ICMPv6 over IPv4 are only numbers. */
TEST(icmp_of_the_other_family)
{
	struct bytes p = {}, q = {};

	ip6(&p, 1);
	icmp(&p, 8, 0);
	CHECK_EQ(parse(&p, NET(0x86dd)).has, VNET_HAS_IP);
	ip4(&q, 58, 0, 0);
	icmp(&q, 128, 0);
	CHECK_EQ(parse(&q, NET(0x0800)).has, VNET_HAS_IP);
}

TEST(ipv6_tcp)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x86dd);
	ip6(&p, 6);
	tcp(&p, 0x11);
	ip6_end(&p, 14);
	k = parse(&p, PLAIN);
	CHECK_EQ(first_whole(&p, PLAIN), 74);
	check_v6(&k);
	check_ports(&k, 1000, 2000);
	CHECK_EQ(k.has, VNET_HAS_MAC | VNET_HAS_IP | VNET_HAS_TCP);
	CHECK_EQ(k.tos, 0xb8);
	CHECK_EQ(k.ttl, 61);
	CHECK_EQ(k.ip_len, 60);
	CHECK_EQ(k.l3_off, 14);
	CHECK_EQ(k.l4_off, 54);
	p.b[14] = 0x45;
	k = parse(&p, PLAIN);
	CHECK_EQ(k.flow.flags, VNET_FLOW_MALFORMED);
	p.b[14] = 0x6b;
	p.b[18] = p.b[19] = 0xff;	/* 65535 + 40 does not fit */
	CHECK_EQ(parse(&p, PLAIN).ip_len, 65535);
	p.b[18] = p.b[19] = 0;		/* big TCP */
	k = parse(&p, PLAIN);
	check_ports(&k, 1000, 2000);
	p.b[19] = 4;			/* the rest is padding */
	k = parse(&p, PLAIN);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL | VNET_FLOW_TRUNCATED);
}

TEST(ipv6_extension_headers)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x86dd);
	ip6(&p, 0);
	ext(&p, 43, 0);
	ext(&p, 60, 1);
	ext(&p, 51, 0);
	ext_ah(&p, 6);
	tcp(&p, 0x02);
	ip6_end(&p, 14);
	CHECK_EQ(p.n, 130);
	p.n = 130;
	/* 128 bytes are looked at: the header is cut, its ports are not */
	k = parse(&p, PLAIN);
	check_v6(&k);
	check_ports(&k, 1000, 2000);
	CHECK_EQ(k.l4_off, 110);
	CHECK(k.flow.flags & VNET_FLOW_TRUNCATED);
	k = parse(&p, INNER);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.tcp_flags, 2);
	CHECK_EQ(k.flow.protocol, 6);
}

TEST(ipv6_chain_length)
{
	for (uint32_t nr = 1; nr <= VNET_MAX_EXTHDRS + 1; nr++) {
		struct bytes p = {};
		struct vnet_packet k;

		ip6(&p, 60);
		for (uint32_t i = 1; i <= nr; i++)
			ext(&p, i < nr ? 60 : 17, 0);
		udp(&p, 2000, 0);
		ip6_end(&p, 0);
		k = parse(&p, NET(0x86dd));
		check_v6(&k);
		if (nr <= VNET_MAX_EXTHDRS) {
			CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
			CHECK_EQ(k.l4_off, 40 + 8 * nr);
		} else {
			CHECK_EQ(k.flow.flags, VNET_FLOW_TRUNCATED);
			CHECK_EQ(k.flow.protocol | k.l4_off, 0);
		}
	}
}

/* A header that claims more than there is must not be jumped over. */
TEST(ipv6_long_extension_header)
{
	struct bytes p = {};
	struct vnet_packet k;

	ip6(&p, 0);
	ext(&p, 17, 0);
	udp(&p, 2000, 0);
	p.b[41] = 255;
	k = parse(&p, NET(0x86dd));
	check_v6(&k);
	CHECK_EQ(k.flow.flags, VNET_FLOW_TRUNCATED);
	CHECK_EQ(k.flow.protocol, 0);
}

TEST(ipv6_no_next_header)
{
	struct bytes p = {};
	struct vnet_packet k;

	ip6(&p, 59);
	k = parse(&p, NET(0x86dd));
	CHECK_EQ(k.flow.flags, VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.flow.protocol, 59);
	CHECK_EQ(k.l4_off, 0);
}

TEST(ipv6_fragments)
{
	struct bytes p = {}, q = {};
	struct vnet_packet k;

	ip6(&p, 0);
	ext(&p, 44, 0);
	ext_fragment(&p, 17, 0x0001);
	udp(&p, 2000, 0);
	ip6_end(&p, 0);
	k = parse(&p, NET(0x86dd));
	check_ports(&k, 1000, 2000);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.ip_flags, VNET_IP_MF);
	CHECK_EQ(k.ip_id, 0xabcdef01);

	ip6(&q, 44);
	ext_fragment(&q, 17, 1480);
	pad(&q, 32, 0x5a);
	ip6_end(&q, 0);
	k = parse(&q, NET(0x86dd));
	check_v6(&k);
	CHECK_EQ(k.flow.flags, VNET_FLOW_FRAGMENT | VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.flow.protocol, 17);
	CHECK_EQ(k.frag_off, 1480);
	CHECK_EQ(k.ip_flags, 0);
	CHECK_EQ(k.flow.src_port | k.l4_off, 0);
}

static void check_inner(const struct vnet_packet *k, uint32_t vni)
{
	CHECK_EQ(k->vni, vni);
	CHECK_EQ(k->has, VNET_HAS_MAC | VNET_HAS_IP | VNET_HAS_TCP | VNET_HAS_TUNNEL);
	CHECK_EQ(k->flow.flags, VNET_FLOW_INNER | VNET_FLOW_VLAN | VNET_FLOW_PORTS |
		 VNET_FLOW_PROTOCOL);
	CHECK(!memcmp(k->flow.src, "\xc0\xa8\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16));
	CHECK_EQ(k->flow.vlan, 33);
	CHECK_EQ(k->tcp_flags, 2);
	check_ports(k, 1000, 2000);
}

TEST(vxlan_over_ipv4)
{
	static const uint32_t ports[] = { 4789, 8472 };

	for (int i = 0; i < 2; i++) {
		struct bytes p = {};
		struct vnet_packet k;

		eth(&p, 0x8100);
		tag(&p, 44, 0x0800);
		ip4(&p, 17, 0, 0);
		udp(&p, ports[i], 66);
		vxlan(&p, 0x08, 0xabcdef);
		inner_frame(&p);
		ip4_end(&p, 18);
		k = parse(&p, INNER);
		check_inner(&k, 0xabcdef);
		CHECK_EQ(k.l3_off, 18 + 28 + 8 + 18);
		k = parse(&p, PLAIN);
		check_v4(&k);
		check_ports(&k, 1000, ports[i]);
		CHECK_EQ(k.flow.vlan, 44);
		CHECK_EQ(k.vni, 0);
	}
}

TEST(vxlan_over_ipv6)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x86dd);
	ip6(&p, 17);
	udp(&p, 4789, 66);
	vxlan(&p, 0x08, 5);
	inner_frame(&p);
	ip6_end(&p, 14);
	k = parse(&p, INNER);
	check_inner(&k, 5);
	k = parse(&p, (struct how){ .ethertype = L2, .tci = 9, .inner = 1 });
	CHECK_EQ(k.flow.vlan, 33);	/* the tag beside the bytes is the outer frame's */
}

/* The header is there but its frame is cut: the outer flow is not shown as it. */
TEST(vxlan_cut)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x0800);
	ip4(&p, 17, 0, 0);
	udp(&p, 4789, 66);
	vxlan(&p, 0x08, 5);
	inner_frame(&p);
	k = parse_filled(&p, 49, INNER, 0);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL | VNET_FLOW_TRUNCATED);
	check_v4(&k);
	k = parse_filled(&p, 50, INNER, 0);
	CHECK_EQ(k.flow.flags, VNET_FLOW_INNER | VNET_FLOW_TRUNCATED);
	CHECK_EQ(k.vni, 5);
	CHECK_EQ(k.flow.family, 0);
	p.b[42] = 0;	/* no valid VNI */
	k = parse(&p, INNER);
	check_v4(&k);
	check_ports(&k, 1000, 4789);
	CHECK_EQ(k.has & VNET_HAS_TUNNEL, 0);
}

TEST(geneve_with_options)
{
	for (uint32_t options = 0; options <= 128; options += 16) {
		struct bytes p = {};
		struct vnet_packet k;

		eth(&p, 0x0800);
		ip4(&p, 17, 0, 0);
		udp(&p, 6081, 66 + options);
		geneve(&p, options, 0x6558, 0x010203);
		inner_frame(&p);
		ip4_end(&p, 14);
		k = parse(&p, INNER);
		check_inner(&k, 0x010203);
		p.b[42] |= 0x40;	/* version 1 */
		k = parse(&p, INNER);
		check_v4(&k);
		CHECK_EQ(k.has & VNET_HAS_TUNNEL, 0);
	}
}

TEST(geneve_without_ethernet)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x86dd);
	ip6(&p, 17);
	udp(&p, 6081, 66);
	geneve(&p, 4, 0x0800, 77);
	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	ip6_end(&p, 14);
	k = parse(&p, INNER);
	CHECK_EQ(k.has, VNET_HAS_IP | VNET_HAS_TUNNEL);
	CHECK_EQ(k.vni, 77);
	check_v4(&k);
	check_ports(&k, 1000, 2000);
}

/* More bytes than are looked at change nothing; a claim of more is cut. */
TEST(snap_bounds)
{
	struct bytes p = {};

	eth(&p, 0x86dd);
	ip6(&p, 60);
	ext(&p, 60, 10);
	ext(&p, 60, 9);
	ext(&p, 6, 0);
	tcp(&p, 0x02);
	CHECK(p.n > 128);
	CHECK(parse(&p, PLAIN).flow.flags & VNET_FLOW_TRUNCATED);
	CHECK(!(parse(&p, INNER).flow.flags & VNET_FLOW_TRUNCATED));
	for (uint32_t len = 256; len < 300; len++) {
		struct vnet_packet a = parse_filled(&p, 256, INNER, 0);
		struct vnet_packet b = parse_filled(&p, len, INNER, 0);

		CHECK(!memcmp(&a, &b, sizeof(a)));
	}
}

TEST_MAIN(T(icmp6), T(icmp_of_the_other_family), T(ipv6_tcp),
	  T(ipv6_extension_headers), T(ipv6_chain_length), T(ipv6_long_extension_header),
	  T(ipv6_no_next_header), T(ipv6_fragments), T(vxlan_over_ipv4),
	  T(vxlan_over_ipv6), T(vxlan_cut), T(geneve_with_options),
	  T(geneve_without_ethernet), T(snap_bounds))
