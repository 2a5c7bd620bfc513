/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet parser, probes/parse.h: Ethernet, VLAN, IPv4, ARP, transport. */
#include "packet_parse.h"

TEST(tcp4)
{
	struct bytes p = {};
	struct vnet_packet k;
	uint32_t at;

	eth(&p, 0x0800);
	at = ip4(&p, 6, 0, 0x4000);
	tcp(&p, 0x12);
	ip4_end(&p, at);
	k = parse(&p, PLAIN);
	CHECK_EQ(first_whole(&p, PLAIN), 54);
	check_v4(&k);
	check_ports(&k, 1000, 2000);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.has, VNET_HAS_MAC | VNET_HAS_IP | VNET_HAS_TCP);
	CHECK_EQ(k.flow.ethertype, 0x0800);
	CHECK_EQ(k.flow.protocol, 6);
	CHECK(!memcmp(k.dst_mac, "\x02\0\0\0\0\xd0", 6));
	CHECK(!memcmp(k.src_mac, "\x02\0\0\0\0\x50", 6));
	CHECK_EQ(k.tcp_seq, 0x11223344);
	CHECK_EQ(k.tcp_ack, 0x55667788);
	CHECK_EQ(k.tcp_flags, 0x12);
	CHECK_EQ(k.ttl, 63);
	CHECK_EQ(k.tos, 0x28);
	CHECK_EQ(k.ip_id, 0x1234);
	CHECK_EQ(k.ip_len, 40);
	CHECK_EQ(k.ip_flags, VNET_IP_DF);
	CHECK_EQ(k.l3_off, 14);
	CHECK_EQ(k.l4_off, 34);
	CHECK_EQ(k.frag_off, 0);
	CHECK_EQ(k.flow.vlan, 0);
}

TEST(tcp_flags)
{
	for (uint32_t flags = 0; flags < 256; flags++) {
		struct bytes p = {};
		struct vnet_packet k;

		ip4(&p, 6, 0, 0);
		tcp(&p, flags);
		k = parse_filled(&p, p.n, NET(0x0800), 0);
		CHECK_EQ(k.tcp_flags, flags);
		CHECK_EQ(k.has, VNET_HAS_IP | VNET_HAS_TCP);
	}
}

TEST(ipv4_options)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x0800);
	ip4_end(&p, ip4(&p, 17, 40, 0));
	udp(&p, 2000, 0);
	ip4_end(&p, 14);
	k = parse(&p, PLAIN);
	check_v4(&k);
	check_ports(&k, 1000, 2000);
	CHECK_EQ(k.l4_off, 74);
	CHECK_EQ(k.ip_len, 68);
}

/* Cut within the options, of a protocol that is not looked into. */
TEST(ipv4_options_cut)
{
	struct bytes p = {};

	eth(&p, 0x0800);
	ip4_end(&p, ip4(&p, 47, 12, 0));
	CHECK_EQ(parse(&p, PLAIN).flow.flags, VNET_FLOW_PROTOCOL);
	CHECK_EQ(first_whole(&p, PLAIN), 46);
}

TEST(ipv4_later_fragment)
{
	struct bytes p = {};
	struct vnet_packet k;
	uint32_t at;

	eth(&p, 0x0800);
	at = ip4(&p, 17, 0, 0x2000 | 185);
	pad(&p, 32, 0x5a);
	ip4_end(&p, at);
	k = parse(&p, PLAIN);
	check_v4(&k);
	CHECK_EQ(k.flow.flags, VNET_FLOW_FRAGMENT | VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.frag_off, 1480);
	CHECK_EQ(k.ip_flags, VNET_IP_MF);
	CHECK_EQ(k.flow.src_port | k.flow.dst_port | k.l4_off, 0);
}

TEST(ipv4_first_fragment)
{
	struct bytes p = {};
	struct vnet_packet k;
	uint32_t at;

	eth(&p, 0x0800);
	at = ip4(&p, 17, 0, 0x2000);
	udp(&p, 2000, 3000);
	pad(&p, 32, 0x5a);
	ip4_end(&p, at);
	k = parse(&p, PLAIN);
	check_ports(&k, 1000, 2000);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.ip_flags, VNET_IP_MF);
}

/* A byte of a good TCP/IPv4 packet is changed. */
static struct vnet_packet with_byte(uint32_t at, uint8_t v)
{
	struct bytes p = {};
	uint32_t ip;

	eth(&p, 0x0800);
	ip = ip4(&p, 6, 0, 0);
	tcp(&p, 0x10);
	ip4_end(&p, ip);
	p.b[at] = v;
	return parse(&p, PLAIN);
}

TEST(ipv4_malformed)
{
	struct vnet_packet k = with_byte(14, 0x55);

	CHECK_EQ(k.flow.flags, VNET_FLOW_MALFORMED);
	CHECK_EQ(k.flow.family, 0);
	CHECK_EQ(k.flow.ethertype, 0x0800);
	k = with_byte(14, 0x44);	/* IHL 4 words */
	CHECK_EQ(k.flow.flags, VNET_FLOW_MALFORMED | VNET_FLOW_PROTOCOL);
	check_v4(&k);
	k = with_byte(17, 19);		/* total length 19 */
	CHECK_EQ(k.flow.flags, VNET_FLOW_MALFORMED | VNET_FLOW_PROTOCOL);
	check_v4(&k);
	k = with_byte(46, 0x40);	/* TCP data offset 4 words */
	CHECK_EQ(k.flow.flags, VNET_FLOW_MALFORMED | VNET_FLOW_PROTOCOL | VNET_FLOW_PORTS);
	k = with_byte(17, 0);		/* total length 0: big TCP */
	CHECK_EQ(k.flow.flags, VNET_FLOW_PROTOCOL | VNET_FLOW_PORTS);
	CHECK_EQ(k.ip_len, 0);
}

/* Ethernet pads to 60 bytes; padding is no TCP header. */
TEST(padding_is_no_header)
{
	struct vnet_packet k = with_byte(17, 20);

	CHECK_EQ(k.flow.flags, VNET_FLOW_TRUNCATED | VNET_FLOW_PROTOCOL);
	check_v4(&k);
	k = with_byte(17, 24);
	CHECK_EQ(k.flow.flags, VNET_FLOW_TRUNCATED | VNET_FLOW_PROTOCOL | VNET_FLOW_PORTS);
	CHECK_EQ(k.has & VNET_HAS_TCP, 0);
}

TEST(udp_length)
{
	struct bytes p = {};
	struct vnet_packet k;

	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	p.b[25] = 7;
	k = parse(&p, NET(0x0800));
	CHECK(k.flow.flags & VNET_FLOW_MALFORMED);
	check_ports(&k, 1000, 2000);
	p.b[25] = 0;
	k = parse(&p, NET(0x0800));
	CHECK(!(k.flow.flags & VNET_FLOW_MALFORMED));
}

TEST(sctp)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x0800);
	ip4(&p, 132, 0, 0);
	sctp(&p);
	k = parse(&p, PLAIN);
	CHECK_EQ(first_whole(&p, PLAIN), 46);
	CHECK_EQ(k.flow.protocol, 132);
	check_ports(&k, 1000, 2000);
}

TEST(protocol_without_ports)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x0800);
	ip4_end(&p, ip4(&p, 47, 0, 0));
	k = parse(&p, PLAIN);
	CHECK_EQ(k.flow.flags, VNET_FLOW_PROTOCOL);
	CHECK_EQ(k.flow.protocol, 47);
	CHECK_EQ(k.l4_off, 34);
}

TEST(icmp_echo)
{
	for (uint32_t type = 0; type <= 8; type += 8) {
		struct bytes p = {};
		struct vnet_packet k;

		eth(&p, 0x0800);
		ip4(&p, 1, 0, 0);
		icmp(&p, type, 0);
		k = parse(&p, PLAIN);
		CHECK_EQ(first_whole(&p, PLAIN), 42);
		CHECK_EQ(k.has, VNET_HAS_MAC | VNET_HAS_IP | VNET_HAS_ICMP);
		CHECK_EQ(k.icmp_type, type);
		CHECK_EQ(k.icmp_id, 0x4321);
		CHECK_EQ(k.icmp_seq, 7);
		CHECK(!(k.flow.flags & VNET_FLOW_PORTS));
	}
}

TEST(icmp_error)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x0800);
	ip4(&p, 1, 0, 0);
	icmp(&p, 3, 4);
	k = parse(&p, PLAIN);
	CHECK_EQ(k.icmp_type, 3);
	CHECK_EQ(k.icmp_code, 4);
	CHECK_EQ(k.icmp_id | k.icmp_seq, 0);
}

TEST(arp)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x0806);
	arp(&p, 2);
	pad(&p, 18, 0);
	k = parse(&p, PLAIN);
	CHECK_EQ(first_whole(&p, PLAIN), 42);
	check_v4(&k);
	CHECK_EQ(k.flow.flags, 0);
	CHECK_EQ(k.has, VNET_HAS_MAC | VNET_HAS_ARP);
	CHECK_EQ(k.arp_op, 2);
	CHECK_EQ(k.flow.ethertype, 0x0806);
	p.b[18] = 8;	/* hardware addresses of 8 bytes */
	k = parse(&p, PLAIN);
	CHECK_EQ(k.has, VNET_HAS_MAC);
	CHECK_EQ(k.flow.family, 0);
	CHECK_EQ(k.flow.ethertype, 0x0806);
}

TEST(vlan_in_bytes)
{
	static const uint32_t types[] = { 0x8100, 0x88a8, 0x9100 };

	for (int i = 0; i < 3; i++) {
		struct bytes p = {};
		struct vnet_packet k;

		eth(&p, types[i]);
		tag(&p, 0xe000 | 100, 0x0800);	/* with a priority */
		ip4(&p, 17, 0, 0);
		udp(&p, 2000, 0);
		k = parse(&p, PLAIN);
		CHECK_EQ(k.flow.vlan, 100);
		CHECK_EQ(k.flow.flags,
			 VNET_FLOW_VLAN | VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
		CHECK_EQ(k.has & VNET_HAS_VLAN2, 0);
		CHECK_EQ(k.flow.ethertype, 0x0800);
		CHECK_EQ(k.l3_off, 18);
		check_ports(&k, 1000, 2000);
	}
}

static struct bytes qinq(void)
{
	struct bytes p = {};

	eth(&p, 0x88a8);
	tag(&p, 100, 0x8100);
	tag(&p, 0x6000 | 200, 0x0800);
	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	return p;
}

TEST(vlan_qinq)
{
	struct bytes p = qinq();
	struct vnet_packet k = parse(&p, PLAIN);

	CHECK_EQ(k.flow.vlan, 100);
	CHECK_EQ(k.vlan2, 200);
	CHECK(k.has & VNET_HAS_VLAN2);
	check_ports(&k, 1000, 2000);
	/* A third, accelerated one is the outermost. */
	k = parse(&p, TCI(50));
	CHECK_EQ(k.flow.vlan, 50);
	CHECK_EQ(k.vlan2, 100);
	check_ports(&k, 1000, 2000);
}

TEST(vlan_accelerated)
{
	struct bytes p = {}, q = {};
	struct vnet_packet k;

	eth(&p, 0x0800);
	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	k = parse(&p, TCI(0xf000 | 7));
	CHECK_EQ(k.flow.vlan, 7);
	CHECK_EQ(k.has & VNET_HAS_VLAN2, 0);
	k = parse(&p, TCI(0));		/* a priority tag */
	CHECK(k.flow.flags & VNET_FLOW_VLAN);
	CHECK_EQ(k.flow.vlan, 0);
	CHECK(!(parse(&p, PLAIN).flow.flags & VNET_FLOW_VLAN));

	eth(&q, 0x8100);
	tag(&q, 100, 0x0800);
	ip4(&q, 17, 0, 0);
	udp(&q, 2000, 0);
	k = parse(&q, TCI(7));
	CHECK_EQ(k.flow.vlan, 7);
	CHECK_EQ(k.vlan2, 100);
	CHECK(k.has & VNET_HAS_VLAN2);
}

TEST(vlan_too_many)
{
	struct bytes p = {};
	struct vnet_packet k;

	eth(&p, 0x8100);
	tag(&p, 1, 0x8100);
	tag(&p, 2, 0x8100);
	tag(&p, 3, 0x0800);
	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	k = parse(&p, PLAIN);
	CHECK_EQ(k.flow.flags, VNET_FLOW_VLAN | VNET_FLOW_TRUNCATED);
	CHECK_EQ(k.flow.vlan, 1);
	CHECK_EQ(k.vlan2, 2);
	CHECK_EQ(k.flow.ethertype, 0x8100);
}

/* skb->protocol says VLAN and the network header stands at the tag. */
TEST(vlan_at_network_header)
{
	struct bytes p = {};
	struct vnet_packet k;

	tag(&p, 100, 0x0800);
	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	k = parse(&p, NET(0x8100));
	CHECK_EQ(k.flow.vlan, 100);
	CHECK_EQ(k.l3_off, 4);
	CHECK_EQ(k.has, VNET_HAS_IP);
	check_ports(&k, 1000, 2000);
}

TEST(type_from_version)
{
	struct bytes p = {}, q = {}, r = {};

	ip4(&p, 17, 0, 0);
	udp(&p, 2000, 0);
	CHECK_EQ(parse(&p, NET(0)).flow.ethertype, 0x0800);
	CHECK_EQ(parse(&p, NET(0)).flow.dst_port, 2000);
	ip6(&q, 59);
	CHECK_EQ(parse(&q, NET(0)).flow.ethertype, 0x86dd);
	pad(&r, 60, 0xff);
	CHECK_EQ(parse(&r, NET(0)).flow.ethertype, 0);
	CHECK_EQ(parse(&r, NET(0)).flow.flags, 0);
}

TEST(other_ethertypes)
{
	struct bytes p = {}, q = {};

	eth(&p, 0x88cc);
	pad(&p, 50, 0x11);
	CHECK_EQ(parse(&p, PLAIN).flow.ethertype, 0x88cc);
	CHECK_EQ(parse(&p, PLAIN).flow.flags, 0);
	eth(&q, 38);	/* 802.3 length: spanning tree */
	pad(&q, 50, 0x42);
	CHECK_EQ(parse(&q, PLAIN).flow.ethertype, 0);
	CHECK_EQ(parse(&q, PLAIN).flow.flags, 0);
}

TEST_MAIN(T(tcp4), T(tcp_flags), T(ipv4_options), T(ipv4_options_cut),
	  T(ipv4_later_fragment), T(ipv4_first_fragment), T(ipv4_malformed),
	  T(padding_is_no_header), T(udp_length), T(sctp), T(protocol_without_ports),
	  T(icmp_echo), T(icmp_error), T(arp), T(vlan_in_bytes), T(vlan_qinq),
	  T(vlan_accelerated), T(vlan_too_many), T(vlan_at_network_header),
	  T(type_from_version), T(other_ethertypes))
