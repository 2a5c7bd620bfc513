/* SPDX-License-Identifier: GPL-2.0-only */
/* Actions of flows: what tests/fixtures/ovs-flows.txt does not have, and every way to be wrong. */
#include "vnet/util.h"

#include "ovs_build.h"
#include "test.h"

/* Newer than the headers of some build hosts. */
#define ACTION_DROP	24
#define ACTION_PSAMPLE	25

static const char *name_of(void *ctx, uint32_t port)
{
	return port == 3 ? ctx : NULL;
}

TEST(none)
{
	struct build b = {};

	CHECK_STR(actions_text(&b, NULL), "drop");
}

TEST(names_of_ports)
{
	struct vnet_ovs_style style = { name_of, "vnet0" };
	uint32_t cookie[12] = { 4, [6] = 3 };
	struct build b = {};

	put_u32(&b, OVS_ACTION_ATTR_OUTPUT, 3);
	put_u32(&b, OVS_ACTION_ATTR_OUTPUT, 4);
	begin(&b, OVS_ACTION_ATTR_USERSPACE);
	put_u32(&b, OVS_USERSPACE_ATTR_PID, 3);
	put_attr(&b, OVS_USERSPACE_ATTR_USERDATA, cookie, sizeof(cookie));
	put_u32(&b, OVS_USERSPACE_ATTR_EGRESS_TUN_PORT, 3);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_SET);
	put_u32(&b, OVS_KEY_ATTR_IN_PORT, 3);
	end(&b);
	/* ovs-dpctl has no names there. */
	CHECK_STR(actions_text(&b, &style),
		  "vnet0,4,userspace(pid=3,ipfix(output_port=vnet0),tunnel_out_port=vnet0),"
		  "set(in_port(3))");
}

/* Of kernels that are newer than Open vSwitch 3.1. */
TEST(newer_kernels)
{
	struct build b = {};

	put_u32(&b, ACTION_DROP, 5);
	begin(&b, OVS_ACTION_ATTR_DEC_TTL);
	begin(&b, OVS_DEC_TTL_ATTR_ACTION);
	put_u32(&b, OVS_ACTION_ATTR_OUTPUT, 2);
	end(&b);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_DEC_TTL);
	begin(&b, OVS_DEC_TTL_ATTR_ACTION);
	end(&b);
	end(&b);
	begin(&b, ACTION_PSAMPLE);
	put_u32(&b, 1, 7);
	PUT_U8(&b, 2, 0, 1, 2);
	end(&b);
	begin(&b, ACTION_PSAMPLE);
	put_u32(&b, 1, 8);
	end(&b);
	PUT_U8(&b, 77, 1, 0xff);
	put_attr(&b, 78, "", 0);
	CHECK_STR(actions_text(&b, NULL),
		  "drop,dec_ttl(le_1(2)),dec_ttl(le_1(drop)),psample(group=7,cookie=0x102),"
		  "psample(group=8),action77(01 ff),action78");
}

static const char *ct_with(uint16_t type, const void *data, size_t len)
{
	struct build b = {};

	begin(&b, OVS_ACTION_ATTR_CT);
	put_attr(&b, type, data, len);
	end(&b);
	return actions_text(&b, NULL);
}

TEST(ct_members)
{
	uint32_t events = 0x487;

	CHECK_STR(ct_with(OVS_CT_ATTR_EVENTMASK, &events, 4), "ct");
	events = 3;
	CHECK_STR(ct_with(OVS_CT_ATTR_EVENTMASK, &events, 4), "ct(eventmask=0x3)");
	CHECK_STR(ct_with(OVS_CT_ATTR_TIMEOUT, "tp_1", 5), "ct(timeout=tp_1)");
	CHECK_STR(ct_with(OVS_CT_ATTR_ZONE, "\0\0", 2), "ct");
	CHECK_STR(ct_with(OVS_CT_ATTR_HELPER, "ftp", 4), "ct(helper=ftp)");
	CHECK_STR(ct_with(60, "ftp", 4), "ct(key60(66 74 70 00))");
}

TEST(ct_wrong)
{
	struct build b = {};

	CHECK_STR(ct_with(OVS_CT_ATTR_HELPER, "ftp", 3), "ct(bad(0700050066747000))");
	CHECK_STR(ct_with(OVS_CT_ATTR_HELPER, "f\0p", 4), "ct(bad(0800050066007000))");
	CHECK_STR(ct_with(OVS_CT_ATTR_HELPER, "", 0), "ct(bad(04000500))");
	CHECK(strstr(ct_with(OVS_CT_ATTR_MARK, "1234567", 7), "ct(bad("));
	CHECK(strstr(ct_with(OVS_CT_ATTR_LABELS, "1234567", 7), "ct(bad("));
	CHECK(strstr(ct_with(OVS_CT_ATTR_ZONE, "1", 1), "ct(bad("));
	put_attr(&b, OVS_ACTION_ATTR_CT, "\1\0", 2);
	CHECK_STR(actions_text(&b, NULL), "ct(bad(0100))");
}

struct nat {
	uint16_t type;
	uint8_t len;
	const char *data;
};

static const char *nat_with(const struct nat *members, size_t nr)
{
	struct build b = {};

	begin(&b, OVS_ACTION_ATTR_CT);
	begin(&b, OVS_CT_ATTR_NAT);
	for (size_t i = 0; i < nr; i++)
		put_attr(&b, members[i].type, members[i].data, members[i].len);
	end(&b);
	end(&b);
	return actions_text(&b, NULL);
}

#define NAT(...) \
	nat_with((const struct nat[]){ __VA_ARGS__ }, \
		 VNET_ARRAY_SIZE(((const struct nat[]){ __VA_ARGS__ })))
#define SRC	{ OVS_NAT_ATTR_SRC, 0, "" }
#define DST	{ OVS_NAT_ATTR_DST, 0, "" }
#define MIN4	{ OVS_NAT_ATTR_IP_MIN, 4, "\12\0\0\1" }
#define MAX4	{ OVS_NAT_ATTR_IP_MAX, 4, "\12\0\0\2" }
#define PORT	{ OVS_NAT_ATTR_PROTO_MIN, 2, "\2\0" }

TEST(ct_nat)
{
	CHECK_STR(NAT({ 99, 1, "\1" }), "ct(nat(key99(01)))");
	CHECK_STR(NAT(DST, { 99, 1, "\1" }), "ct(nat(dst,key99(01)))");
	CHECK_STR(NAT(SRC, MIN4, { OVS_NAT_ATTR_IP_MAX, 4, "\12\0\0\1" }), "ct(nat(src=10.0.0.1))");
	CHECK_STR(NAT(SRC, MIN4, { OVS_NAT_ATTR_IP_MAX, 4, "\0\0\0\0" }), "ct(nat(src=10.0.0.1))");
	CHECK_STR(NAT(DST, MIN4, MAX4, PORT, { OVS_NAT_ATTR_PROTO_MAX, 2, "\2\0" }),
		  "ct(nat(dst=10.0.0.1-10.0.0.2:2))");
	/* The datapath takes ports alone; ovs-dpctl only says that it is an error. */
	CHECK_STR(NAT(SRC, PORT), "ct(nat(src=:2))");
	CHECK_STR(NAT(SRC, PORT, { OVS_NAT_ATTR_PROTO_MAX, 2, "\3\0" }), "ct(nat(src=:2-3))");
}

TEST(ct_nat_wrong)
{
	CHECK(strstr(NAT(SRC, DST), "ct(nat(bad("));
	CHECK(strstr(NAT(MIN4), "ct(nat(bad("));
	CHECK(strstr(NAT({ OVS_NAT_ATTR_PERSISTENT, 0, "" }), "ct(nat(bad("));
	CHECK(strstr(NAT(SRC, MAX4), "ct(nat(bad("));
	CHECK(strstr(NAT(SRC, MIN4, { OVS_NAT_ATTR_PROTO_MAX, 2, "\3\0" }), "ct(nat(bad("));
	CHECK(strstr(NAT(SRC, { OVS_NAT_ATTR_IP_MIN, 5, "12345" }), "ct(nat(bad("));
	CHECK(strstr(NAT(SRC, MIN4, { OVS_NAT_ATTR_IP_MAX, 16, "123456789012345" }),
		     "ct(nat(bad("));
	CHECK(strstr(NAT(SRC, MIN4, { OVS_NAT_ATTR_PROTO_MIN, 1, "1" }), "ct(nat(bad("));
}

/* A cookie of another size or kind is shown as it is. */
TEST(cookies)
{
	uint16_t cookie[24] = { 6 };
	struct build b = {};

	begin(&b, OVS_ACTION_ATTR_USERSPACE);
	put_u32(&b, OVS_USERSPACE_ATTR_PID, 1);
	put_attr(&b, OVS_USERSPACE_ATTR_USERDATA, cookie, sizeof(cookie));
	end(&b);
	CHECK(strstr(actions_text(&b, NULL), "userspace(pid=1,userdata(06000000"));
	b.len = 0;
	begin(&b, OVS_ACTION_ATTR_USERSPACE);
	put_u32(&b, OVS_USERSPACE_ATTR_PID, 1);
	put_attr(&b, OVS_USERSPACE_ATTR_USERDATA, "", 0);
	end(&b);
	CHECK_STR(actions_text(&b, NULL), "userspace(pid=1,userdata())");
	b.len = 0;
	begin(&b, OVS_ACTION_ATTR_USERSPACE);
	put_attr(&b, OVS_USERSPACE_ATTR_ACTIONS, "", 0);
	end(&b);
	CHECK_STR(actions_text(&b, NULL), "userspace(bad(04000400))");
}

/* Each type that has a length, one byte short of it or beyond. */
TEST(wrong_lengths)
{
	static const unsigned char bytes[16];
	static const struct {
		uint16_t type;
		uint8_t len;
		const char *name;
	} cases[] = {
		{ OVS_ACTION_ATTR_OUTPUT, 3, "output" },
		{ OVS_ACTION_ATTR_PUSH_VLAN, 5, "push_vlan" },
		{ OVS_ACTION_ATTR_POP_VLAN, 1, "pop_vlan" },
		{ OVS_ACTION_ATTR_RECIRC, 5, "recirc" },
		{ OVS_ACTION_ATTR_HASH, 7, "hash" },
		{ OVS_ACTION_ATTR_PUSH_MPLS, 6, "push_mpls" },
		{ OVS_ACTION_ATTR_POP_MPLS, 1, "pop_mpls" },
		{ OVS_ACTION_ATTR_TRUNC, 0, "trunc" },
		{ OVS_ACTION_ATTR_PUSH_ETH, 11, "push_eth" },
		{ OVS_ACTION_ATTR_METER, 2, "meter" },
		{ OVS_ACTION_ATTR_ADD_MPLS, 9, "add_mpls" },
		{ OVS_ACTION_ATTR_SET, 3, "set" },
		{ OVS_ACTION_ATTR_SET_MASKED, 3, "set" },
		{ OVS_ACTION_ATTR_SAMPLE, 3, "sample" },
		{ OVS_ACTION_ATTR_CHECK_PKT_LEN, 3, "check_pkt_len" },
		{ OVS_ACTION_ATTR_PUSH_NSH, 3, "push_nsh" },
		{ OVS_ACTION_ATTR_DEC_TTL, 3, "dec_ttl" },
		{ ACTION_DROP, 3, "drop" }, { ACTION_PSAMPLE, 3, "psample" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		struct build b = {};
		char want[80];
		int n = snprintf(want, sizeof(want), "%s(bad(", cases[i].name);

		for (int byte = 0; byte < cases[i].len; byte++)
			n += snprintf(want + n, sizeof(want) - n, "00");
		snprintf(want + n, sizeof(want) - n, ")),5");
		put_attr(&b, cases[i].type, bytes, cases[i].len);
		put_u32(&b, OVS_ACTION_ATTR_OUTPUT, 5);
		CHECK_STR(actions_text(&b, NULL), want);
	}
}

TEST(masked_wrong)
{
	struct build b = {};

	begin(&b, OVS_ACTION_ATTR_SET_MASKED);
	PUT_U8(&b, OVS_KEY_ATTR_TCP, 1, 2, 3, 4, 5, 6);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_SET_MASKED);
	PUT_U8(&b, OVS_KEY_ATTR_TCP, 1, 2, 3, 4, 5);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_SET_MASKED);
	begin(&b, OVS_KEY_ATTR_NSH);
	PUT_U8(&b, OVS_NSH_KEY_ATTR_BASE, 1, 2, 3);
	end(&b);
	end(&b);
	CHECK_STR(actions_text(&b, NULL),
		  "set(tcp(bad(010203)/bad(040506))),"
		  "set(bad(090009000102030405000000)),"
		  "set(nsh(key1(01 02 03),flags=0,ttl=0,mdtype=0,np=0,spi=0x0,si=0,"
		  "c1=0x0,c2=0x0,c3=0x0,c4=0x0))");
}

/* Behind a broken attribute nothing can be found: the rest is shown as it is. */
TEST(left_over)
{
	struct build b = {};

	put_u32(&b, OVS_ACTION_ATTR_OUTPUT, 1);
	memcpy(b.data + b.len, "\377\377\1\0\2", 5);
	b.len += 5;
	CHECK_STR(actions_text(&b, NULL), "1,bad(ffff010002)");
	b.len = 0;
	begin(&b, OVS_ACTION_ATTR_CLONE);
	put(&b, "\3\0\1\0", 4);
	end(&b);
	CHECK_STR(actions_text(&b, NULL), "clone(bad(03000100))");
}

/* Attributes that are not known, in nests that are. */
TEST(unknown_in_nests)
{
	struct build b = {};

	begin(&b, OVS_ACTION_ATTR_SAMPLE);
	put_u32(&b, OVS_SAMPLE_ATTR_PROBABILITY, 0);
	PUT_U8(&b, 40, 1);
	put_attr(&b, OVS_SAMPLE_ATTR_ACTIONS, "", 0);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_CHECK_PKT_LEN);
	put_u16(&b, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, 9);
	put_attr(&b, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, "", 0);
	put_attr(&b, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, "", 0);
	PUT_U8(&b, 41, 2);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_DEC_TTL);
	put_attr(&b, OVS_DEC_TTL_ATTR_ACTION, "", 0);
	PUT_U8(&b, 42, 3);
	end(&b);
	begin(&b, ACTION_PSAMPLE);
	put_u32(&b, 1, 7);
	PUT_U8(&b, 43, 4);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_USERSPACE);
	put_u32(&b, OVS_USERSPACE_ATTR_PID, 1);
	PUT_U8(&b, 44, 5);
	end(&b);
	begin(&b, OVS_ACTION_ATTR_PUSH_NSH);
	begin(&b, OVS_KEY_ATTR_NSH);
	PUT_U8(&b, OVS_NSH_KEY_ATTR_BASE, 1, 2, 3, 4, 0, 0, 5, 6);
	PUT_U8(&b, 45, 6);
	end(&b);
	end(&b);
	CHECK_STR(actions_text(&b, NULL),
		  "sample(sample=0.0%,actions(drop),key40(01)),"
		  "check_pkt_len(size=9,gt(drop),le(drop),key41(02)),"
		  "dec_ttl(le_1(drop),key42(03)),psample(group=7,key43(04)),"
		  "userspace(pid=1,key44(05)),"
		  "push_nsh(flags=1,ttl=2,mdtype=3,np=4,spi=0x5,si=6,"
		  "<error: unknown mdtype>,key45(06))");
}

/* Values and masks of a service header, which no kernel takes in this form. */
TEST(set_nsh)
{
	struct build b = {};

	begin(&b, OVS_ACTION_ATTR_SET_MASKED);
	begin(&b, OVS_KEY_ATTR_NSH);
	PUT_U8(&b, OVS_NSH_KEY_ATTR_BASE, 1, 5, 0, 0, 0x12, 0x34, 0, 4,
	       3, 0x3f, 0, 0, 0xff, 0xff, 0, 0xff);
	PUT_U8(&b, OVS_NSH_KEY_ATTR_MD1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4,
	       0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0);
	end(&b);
	end(&b);
	CHECK_STR(actions_text(&b, NULL),
		  "set(nsh(flags=0x01/0x03,ttl=0x05/0x3f,spi=0x123400/0x00ffff00,si=4,"
		  "c1=0x1,c2=0x2/0x0000000f))");
}

TEST(too_deep)
{
	struct build b = {};
	const char *text;

	for (int i = 0; i < 40; i++)
		begin(&b, OVS_ACTION_ATTR_CLONE);
	for (int i = 0; i < 40; i++)
		end(&b);
	text = actions_text(&b, NULL);
	CHECK(strstr(text, "clone(clone(bad("));
	CHECK(!strncmp(text + strlen(text) - 3, ")))", 3));
}

/* A whole program of actions cut anywhere: text comes, and nothing is read beyond. */
TEST(cut_anywhere)
{
	struct build b = {}, cut;

	begin(&b, OVS_ACTION_ATTR_SAMPLE);
	put_u32(&b, OVS_SAMPLE_ATTR_PROBABILITY, 0x80000000);
	begin(&b, OVS_SAMPLE_ATTR_ACTIONS);
	begin(&b, OVS_ACTION_ATTR_CT);
	put_attr(&b, OVS_CT_ATTR_HELPER, "ftp", 4);
	end(&b);
	end(&b);
	end(&b);
	CHECK_STR(actions_text(&b, NULL), "sample(sample=50.0%,actions(ct(helper=ftp)))");
	for (cut = b; cut.len > 1;) {
		cut.len--;
		CHECK(strstr(actions_text(&cut, NULL), "bad("));
	}
}

TEST_MAIN(T(none), T(names_of_ports), T(newer_kernels), T(ct_members), T(ct_wrong), T(ct_nat),
	  T(ct_nat_wrong), T(cookies), T(wrong_lengths), T(masked_wrong), T(left_over),
	  T(unknown_in_nests), T(set_nsh), T(too_deep), T(cut_anywhere))
