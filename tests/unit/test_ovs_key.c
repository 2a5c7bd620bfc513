/* SPDX-License-Identifier: GPL-2.0-only */
/* Keys of flows: what tests/fixtures/ovs-flows.txt does not have, and every way to be wrong. */
#include <errno.h>

#include "vnet/util.h"

#include "ovs_build.h"
#include "test.h"

static const struct vnet_ovs_style terse = { .terse = true };

static const char *name_of(void *ctx, uint32_t port)
{
	return port == 3 ? ctx : NULL;
}

static const struct ovs_key_ipv4 ipv4 = {
	.ipv4_proto = 6, .ipv4_tos = 3, .ipv4_ttl = 64, .ipv4_frag = OVS_FRAG_TYPE_FIRST,
};

/* in_port, recirc_id, eth, IPv4 and TCP, as a packet has them. */
static struct build packet(void)
{
	struct build b = {};

	put_u32(&b, OVS_KEY_ATTR_RECIRC_ID, 0);
	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 3);
	PUT_U8(&b, OVS_KEY_ATTR_ETHERNET, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2);
	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x08, 0x00);
	PUT_U8(&b, OVS_KEY_ATTR_IPV4, 10, 0, 0, 1, 10, 0, 0, 2, 6, 3, 64, 0);
	PUT_U8(&b, OVS_KEY_ATTR_TCP, 0x30, 0x39, 0, 80);
	PUT_U8(&b, OVS_KEY_ATTR_TCP_FLAGS, 0x00, 0x12);
	return b;
}

static const char packet_text[] =
	"recirc_id(0),in_port(3),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),"
	"eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0x3,ttl=64,frag=no),"
	"tcp(src=12345,dst=80),tcp_flags(syn|ack)";

TEST(without_mask)
{
	struct build b = packet();

	CHECK_STR(key_text(&b, NULL, NULL), packet_text);
	CHECK_STR(key_text(&b, NULL, &terse), packet_text);
}

/* Nothing of the key is in it: -m shows all of it so. */
TEST(wildcards)
{
	struct build b = packet(), mask = {};

	put_u32(&mask, OVS_KEY_ATTR_RECIRC_ID, 0xffffffff);
	CHECK_STR(key_text(&b, &mask, NULL),
		  "recirc_id(0),in_port(3/0),"
		  "eth(src=02:00:00:00:00:01/00:00:00:00:00:00,"
		  "dst=02:00:00:00:00:02/00:00:00:00:00:00),eth_type(0x0800/0x0000),"
		  "ipv4(src=10.0.0.1/0.0.0.0,dst=10.0.0.2/0.0.0.0,proto=6/0,tos=0x3/0,ttl=64/0),"
		  "tcp(src=12345/0,dst=80/0),tcp_flags(0/0)");
	CHECK_STR(key_text(&b, &mask, &terse), "recirc_id(0),eth()");
}

TEST(names_of_ports)
{
	struct vnet_ovs_style style = { name_of, "vnet0" };
	struct build b = packet(), mask = {};

	CHECK(strstr(key_text(&b, NULL, &style), ",in_port(vnet0),"));
	put_u32(&mask, OVS_KEY_ATTR_IN_PORT, 1);
	CHECK(strstr(key_text(&b, &mask, &style), ",in_port(3/0x1),"));
	b.len = 0;
	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 4);
	CHECK_STR(key_text(&b, NULL, &style), "in_port(4)");
}

/* A mask's bits that mean nothing do not count. */
TEST(bits_of_nothing)
{
	struct build b = {}, mask = {};
	struct ovs_key_ipv6 ipv6 = {}, ipv6_mask = {};

	ipv6_mask.ipv6_label = htobe32(0xfff00000);
	PUT_U8(&b, OVS_KEY_ATTR_TCP_FLAGS, 0x51, 0x00);
	PUT_U8(&mask, OVS_KEY_ATTR_TCP_FLAGS, 0xf0, 0x00);
	put_attr(&b, OVS_KEY_ATTR_IPV6, &ipv6, sizeof(ipv6));
	put_attr(&mask, OVS_KEY_ATTR_IPV6, &ipv6_mask, sizeof(ipv6_mask));
	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x86, 0xdd);
	PUT_U8(&mask, OVS_KEY_ATTR_ETHERTYPE, 0xff, 0xff);
	CHECK_STR(key_text(&b, &mask, &terse), "eth_type(0x86dd)");
	mask.data[4] = 0xff;
	CHECK_STR(key_text(&b, &mask, &terse), "tcp_flags(+ns-[200]-[400]-[800]),eth_type(0x86dd)");
	mask.data[4] = 0x0f;
	mask.data[5] = 0xff;
	CHECK_STR(key_text(&b, &mask, &terse), "tcp_flags(ns|0x5000),eth_type(0x86dd)");
}

TEST(fragments)
{
	struct build b = {}, mask = {};
	struct ovs_key_ipv4 key = ipv4, bits = { .ipv4_frag = 0xff };

	put_attr(&b, OVS_KEY_ATTR_IPV4, &key, sizeof(key));
	put_attr(&mask, OVS_KEY_ATTR_IPV4, &bits, sizeof(bits));
	CHECK_STR(key_text(&b, &mask, &terse), "ipv4(frag=first)");
	b.data[4 + offsetof(struct ovs_key_ipv4, ipv4_frag)] = 7;
	CHECK_STR(key_text(&b, &mask, &terse), "ipv4(frag=<error>)");
	mask.data[4 + offsetof(struct ovs_key_ipv4, ipv4_frag)] = 3;
	CHECK_STR(key_text(&b, &mask, &terse),
		  "ipv4(error: partial mask not supported for frag (0x3))");
}

TEST(types_of_user_space)
{
	struct build b = {};

	PUT_U8(&b, OVS_KEY_ATTR_PACKET_TYPE, 0, 1, 0x08, 0x00);
	PUT_U8(&b, 30, 0, 0, 0, 9, 1, 0, 0, 0);
	CHECK_STR(key_text(&b, NULL, NULL),
		  "packet_type(ns=1,id=0x800),nd_ext(nd_reserved=0x9,nd_options_type=1)");
}

/* Types that are not known, here or in the tunnel, with any mask. */
TEST(unknown)
{
	struct build b = {}, mask = {};

	PUT_U8(&b, 200, 1, 2, 0xff);
	begin(&b, OVS_KEY_ATTR_TUNNEL);
	PUT_U8(&b, 90, 7);
	begin(&b, OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
	PUT_U8(&b, 9, 8);
	end(&b);
	end(&b);
	CHECK_STR(key_text(&b, NULL, NULL),
		  "key200(01 02 ff),tunnel(key90(07),vxlan(key9(08)),flags(0))");
	PUT_U8(&mask, 200, 0xff, 0, 0xf0);
	begin(&mask, OVS_KEY_ATTR_TUNNEL);
	PUT_U8(&mask, 90, 3);
	end(&mask);
	CHECK_STR(key_text(&b, &mask, NULL),
		  "key200(01 02 ff/ff 00 f0),tunnel(key90(07/03),vxlan(key9(08/00)),flags(0/0))");
}

/* A wrong length of key or mask, of each type that has a length. */
TEST(wrong_lengths)
{
	static const unsigned char bytes[64];

	for (uint16_t type = OVS_KEY_ATTR_PRIORITY; type <= OVS_KEY_ATTR_ND_EXTENSIONS; type++) {
		struct build b = {}, mask = {};
		const char *text;

		if (type == OVS_KEY_ATTR_TUNNEL || type == OVS_KEY_ATTR_NSH)
			continue;
		put_attr(&b, type, bytes, 1);
		text = key_text(&b, NULL, NULL);
		CHECK(strstr(text, "(bad(00))"));
		put_attr(&mask, type, bytes, 3);
		text = key_text(&b, &mask, NULL);
		CHECK(strstr(text, "(bad(00)/bad(000000))"));
		b.len = 0;
		put_attr(&b, type, bytes, 41);
		CHECK(strstr(key_text(&b, NULL, &terse), "(bad(0000000000"));
	}
}

TEST(wrong_lengths_in_nests)
{
	struct build b = {}, mask = {};

	begin(&b, OVS_KEY_ATTR_TUNNEL);
	PUT_U8(&b, OVS_TUNNEL_KEY_ATTR_ID, 1, 2);
	PUT_U8(&b, OVS_TUNNEL_KEY_ATTR_CSUM, 1);
	PUT_U8(&b, OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, 1);
	PUT_U8(&b, OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, 1, 2, 3, 2, 9);
	end(&b);
	begin(&b, OVS_KEY_ATTR_NSH);
	PUT_U8(&b, OVS_NSH_KEY_ATTR_BASE, 1);
	end(&b);
	CHECK_STR(key_text(&b, NULL, NULL),
		  "tunnel(key0(01 02),key6(01),key15(01),geneve(bad(0102030209)),"
		  "flags(csum|key)),nsh(key1(01),flags=0,ttl=0,mdtype=0,np=0,spi=0x0,si=0)");
	begin(&mask, OVS_KEY_ATTR_TUNNEL);
	PUT_U8(&mask, OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, 1, 2, 3);
	end(&mask);
	CHECK(strstr(key_text(&b, &mask, NULL), "geneve(bad(0102030209)/bad(010203))"));
}

TEST(left_over)
{
	struct build b = {};

	CHECK_STR(key_text(&b, NULL, NULL), "<empty>");
	memcpy(b.data, "\1\2\3", b.len = 3);
	CHECK_STR(key_text(&b, NULL, NULL), "bad(010203)");
	b.len = 0;
	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 1);
	b.data[b.len++] = 3;
	b.data[b.len++] = 0;
	b.data[b.len++] = 0;
	b.data[b.len++] = 0xee;
	CHECK_STR(key_text(&b, NULL, NULL), "in_port(1),bad(030000ee)");
}

/* The last attribute may lack its padding, but no byte of its payload. */
TEST(cut_anywhere)
{
	struct build whole = packet();

	for (size_t len = 1; len < whole.len; len++) {
		struct build b = whole;
		struct vnet_ovs_key out;
		const char *text;
		void *copy;

		b.len = len;
		text = key_text(&b, NULL, NULL);
		copy = exact(b.data, len);
		if (strstr(text, "bad(")) {
			CHECK_EQ(vnet_ovs_key_decode(copy, len, &out), -EBADMSG);
		} else {
			CHECK_EQ(vnet_ovs_key_decode(copy, len, &out), 0);
			CHECK(!strncmp(text, packet_text, strlen(text)));
		}
		free(copy);
	}
}

/* As snprintf(): any buffer has the beginning, and the length is of the whole. */
TEST(small_buffers)
{
	struct build b = packet();
	size_t len = strlen(packet_text);

	for (size_t size = 0; size <= len + 2; size++) {
		char *buf = malloc(size + 1);
		size_t shown = size ? (size - 1 < len ? size - 1 : len) : 0;

		memset(buf, 'x', size + 1);
		CHECK_EQ(vnet_ovs_key_text(buf, size, NULL, b.data, b.len, NULL, 0), len);
		CHECK_EQ(buf[size], 'x');
		if (size) {
			CHECK_EQ(strlen(buf), shown);
			CHECK(!memcmp(buf, packet_text, shown));
		}
		free(buf);
	}
	CHECK_EQ(vnet_ovs_key_text(NULL, 0, NULL, b.data, b.len, NULL, 0), len);
}

TEST(tags_too_deep)
{
	struct build b = {};
	struct vnet_ovs_key out;

	for (int i = 0; i < 40; i++)
		begin(&b, OVS_KEY_ATTR_ENCAP);
	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 1);
	for (int i = 0; i < 40; i++)
		end(&b);
	CHECK(strstr(key_text(&b, NULL, NULL), "encap(bad("));
	CHECK_EQ(vnet_ovs_key_decode(b.data, b.len, &out), -EBADMSG);
}

/* A mask's attribute without a payload is none, as for ovs-dpctl. */
TEST(tag_without_mask)
{
	struct build b = {}, mask = {};

	begin(&b, OVS_KEY_ATTR_ENCAP);
	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x08, 0x06);
	end(&b);
	put_attr(&mask, OVS_KEY_ATTR_ENCAP, "", 0);
	CHECK_STR(key_text(&b, &mask, NULL), "encap(eth_type(0x0806))");
	mask.len = 0;
	put_u32(&mask, OVS_KEY_ATTR_IN_PORT, 0);
	CHECK_STR(key_text(&b, &mask, NULL), "encap(eth_type(0x0806/0x0000))");
}

TEST(type_in_the_mask_alone)
{
	struct build b = {}, mask = {};

	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 1);
	put_u32(&mask, OVS_KEY_ATTR_IN_PORT, 0xffffffff);
	PUT_U8(&mask, OVS_KEY_ATTR_ETHERTYPE, 0xff, 0xff);
	CHECK_STR(key_text(&b, &mask, NULL), "in_port(1),eth_type(0/0xffff)");
	mask.len = 0;
	PUT_U8(&mask, OVS_KEY_ATTR_ETHERTYPE, 0xff);
	CHECK_STR(key_text(&b, &mask, NULL), "in_port(1/0),eth_type(0/bad(ff))");
}

TEST(finds_attributes)
{
	struct build b = {};
	const uint8_t *found;
	size_t len = 99;

	PUT_U8(&b, 5 | NLA_F_NESTED, 1, 2);
	PUT_U8(&b, 5, 3, 4, 5);
	put_attr(&b, 6, "", 0);
	found = vnet_ovs_attr(b.data, b.len, 5, &len);
	CHECK(found && found[0] == 3);
	CHECK_EQ(len, 3);
	CHECK(vnet_ovs_attr(b.data, b.len, 6, &len));
	CHECK_EQ(len, 0);
	CHECK(!vnet_ovs_attr(b.data, b.len, 7, &len));
	CHECK(!vnet_ovs_attr(NULL, 0, 5, &len));
	/* Cut within the second: the first is the last that can be read. */
	found = vnet_ovs_attr(b.data, 8 + 6, 5, &len);
	CHECK(found && found[0] == 1);
	CHECK_EQ(len, 2);
}

TEST(ufids)
{
	static const uint32_t ufid[] = { 0x01020304, 0x05060708, 0x090a0b0c, 0x0d0e0f10 };
	char text[64];

	CHECK_EQ(vnet_ovs_ufid_text(text, sizeof(text), ufid, sizeof(ufid)), 41);
	CHECK_STR(text, "ufid:01020304-0506-0708-090a-0b0c0d0e0f10");
	vnet_ovs_ufid_text(text, sizeof(text), "\1\2\3", 3);
	CHECK_STR(text, "ufid:bad(010203)");
	CHECK_EQ(vnet_ovs_ufid_text(text, 6, ufid, sizeof(ufid)), 41);
	CHECK_STR(text, "ufid:");
}

TEST(view)
{
	struct build b = packet();
	struct vnet_ovs_key out;

	put_u32(&b, OVS_KEY_ATTR_CT_STATE, 0x21);
	put_u16(&b, OVS_KEY_ATTR_CT_ZONE, 7);
	put_u32(&b, OVS_KEY_ATTR_CT_MARK, 9);
	CHECK_EQ(vnet_ovs_key_decode(b.data, b.len, &out), 0);
	CHECK_EQ(out.has, VNET_OVS_HAS_IN_PORT | VNET_OVS_HAS_RECIRC | VNET_OVS_HAS_ETH_TYPE |
		 VNET_OVS_HAS_ETH | VNET_OVS_HAS_IP | VNET_OVS_HAS_CT |
		 VNET_OVS_HAS_TCP_FLAGS);
	CHECK_EQ(out.in_port, 3);
	CHECK_EQ(out.eth_type, 0x0800);
	CHECK_EQ(out.tcp_flags, 0x12);
	CHECK_EQ(out.ct_state, 0x21);
	CHECK_EQ(out.ct_zone, 7);
	CHECK_EQ(out.ct_mark, 9);
	CHECK_EQ(out.eth_dst[5], 2);
	CHECK_EQ(out.flow.family, 4);
	CHECK_EQ(out.flow.protocol, 6);
	CHECK_EQ(out.flow.src[3], 1);
	CHECK_EQ(out.flow.dst[3], 2);
	CHECK_EQ(out.flow.src_port, 12345);
	CHECK_EQ(out.flow.dst_port, 80);
	CHECK_EQ(out.flow.flags, VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL);
}

TEST(view_of_tags)
{
	struct build b = {};
	struct vnet_ovs_key out;

	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x88, 0xa8);
	PUT_U8(&b, OVS_KEY_ATTR_VLAN, 0x10, 0x64);
	begin(&b, OVS_KEY_ATTR_ENCAP);
	PUT_U8(&b, OVS_KEY_ATTR_VLAN, 0x30, 0xc8);
	begin(&b, OVS_KEY_ATTR_ENCAP);
	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x08, 0x06);
	PUT_U8(&b, OVS_KEY_ATTR_ARP, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 2, 0, 0, 0, 0, 1,
	       0, 0, 0, 0, 0, 0, 0, 0);
	end(&b);
	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x81, 0x00);
	end(&b);
	CHECK_EQ(vnet_ovs_key_decode(b.data, b.len, &out), 0);
	CHECK_EQ(out.has, VNET_OVS_HAS_VLAN | VNET_OVS_HAS_CVLAN | VNET_OVS_HAS_ETH_TYPE |
		 VNET_OVS_HAS_IP);
	CHECK_EQ(out.vlan_tci, 0x1064);
	CHECK_EQ(out.cvlan_tci, 0x30c8);
	CHECK_EQ(out.flow.vlan, 100);
	CHECK_EQ(out.flow.flags, VNET_FLOW_VLAN);
	CHECK_EQ(out.flow.dst[3], 2);
	CHECK_EQ(out.eth_type, 0x0806);
	/* 802.2 behind a tag has no type, and a zero is no tag. */
	b.len = 0;
	PUT_U8(&b, OVS_KEY_ATTR_ETHERTYPE, 0x81, 0x00);
	PUT_U8(&b, OVS_KEY_ATTR_VLAN, 0, 0);
	begin(&b, OVS_KEY_ATTR_ENCAP);
	put_u32(&b, OVS_KEY_ATTR_SKB_MARK, 1);
	end(&b);
	CHECK_EQ(vnet_ovs_key_decode(b.data, b.len, &out), 0);
	CHECK_EQ(out.has, 0);
	CHECK_EQ(out.eth_type, 0);
	CHECK_EQ(out.flow.flags, 0);
}

TEST(view_of_tunnels)
{
	static const unsigned char in6[16] = { 0xfd, [15] = 1 };
	struct ovs_key_ipv6 ipv6 = { .ipv6_proto = 44, .ipv6_frag = OVS_FRAG_TYPE_LATER };
	struct build b = {};
	struct vnet_ovs_key out;

	begin(&b, OVS_KEY_ATTR_TUNNEL);
	PUT_U8(&b, OVS_TUNNEL_KEY_ATTR_ID, 1, 0, 0, 0, 0, 0, 0, 9);
	put_attr(&b, OVS_TUNNEL_KEY_ATTR_IPV6_SRC, in6, 16);
	put_attr(&b, OVS_TUNNEL_KEY_ATTR_IPV6_DST, in6, 16);
	end(&b);
	put_attr(&b, OVS_KEY_ATTR_IPV6, &ipv6, sizeof(ipv6));
	PUT_U8(&b, OVS_KEY_ATTR_ICMPV6, 128, 5);
	CHECK_EQ(vnet_ovs_key_decode(b.data, b.len, &out), 0);
	CHECK_EQ(out.has, VNET_OVS_HAS_TUNNEL | VNET_OVS_HAS_TUN_ID | VNET_OVS_HAS_IP |
		 VNET_OVS_HAS_ICMP);
	CHECK_EQ(out.tun_id, 0x0100000000000009);
	CHECK_EQ(out.tun_family, 6);
	CHECK_EQ(out.tun_dst[15], 1);
	CHECK_EQ(out.icmp_type, 128);
	CHECK_EQ(out.icmp_code, 5);
	CHECK_EQ(out.flow.family, 6);
	CHECK_EQ(out.flow.flags, VNET_FLOW_PROTOCOL | VNET_FLOW_FRAGMENT);
}

/* What can be read is read, and what cannot is told. */
TEST(view_of_wrong_lengths)
{
	struct build b = {};
	struct vnet_ovs_key out;

	PUT_U8(&b, OVS_KEY_ATTR_IPV4, 1, 2, 3);
	begin(&b, OVS_KEY_ATTR_TUNNEL);
	PUT_U8(&b, OVS_TUNNEL_KEY_ATTR_IPV4_SRC, 1);
	end(&b);
	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 5);
	CHECK_EQ(vnet_ovs_key_decode(b.data, b.len, &out), -EBADMSG);
	CHECK_EQ(out.has, VNET_OVS_HAS_IN_PORT | VNET_OVS_HAS_TUNNEL);
	CHECK_EQ(out.in_port, 5);
	CHECK_EQ(out.flow.family, 0);
}

TEST_MAIN(T(without_mask), T(wildcards), T(names_of_ports), T(bits_of_nothing), T(fragments),
	  T(types_of_user_space), T(unknown), T(wrong_lengths), T(wrong_lengths_in_nests),
	  T(left_over), T(cut_anywhere), T(small_buffers), T(tags_too_deep), T(tag_without_mask),
	  T(type_in_the_mask_alone), T(finds_attributes), T(ufids), T(view), T(view_of_tags),
	  T(view_of_tunnels), T(view_of_wrong_lengths))
