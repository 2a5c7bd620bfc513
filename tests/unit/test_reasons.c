/* SPDX-License-Identifier: GPL-2.0-only */
/* Drop reasons: names from a kernel's BTF, inference, what counts as normal. */
#include <stdlib.h>

#include <bpf/btf.h>

#include "core/btf.h"
#include "vnet/reasons.h"

#include "test.h"

/* As in 6.12, shortened; the numbers are of no kernel. */
static struct btf *make_btf(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_enum(btf, "skb_drop_reason", 4);
	btf__add_enum_value(btf, "SKB_NOT_DROPPED_YET", 0);
	btf__add_enum_value(btf, "SKB_CONSUMED", 1);
	btf__add_enum_value(btf, "SKB_DROP_REASON_NOT_SPECIFIED", 2);
	btf__add_enum_value(btf, "SKB_DROP_REASON_NO_SOCKET", 3);
	btf__add_enum_value(btf, "SKB_DROP_REASON_OTHERHOST", 70);
	btf__add_enum_value(btf, "SKB_DROP_REASON_SOCKET_FILTER", 5);
	btf__add_enum_value(btf, "SKB_DROP_REASON_QUEUE_PURGE", 255);
	btf__add_enum_value(btf, "SKB_DROP_REASON_MAX", 256);
	btf__add_enum_value(btf, "SKB_DROP_REASON_SUBSYS_MASK", 0xffff0000);
	return btf;
}

static struct vnet_reasons *load(uint32_t args)
{
	struct btf *made = make_btf();
	uint32_t size;
	const void *data = btf__raw_data(made, &size);
	struct vnet_btf *btf = vnet_btf_copy(data, size, NULL);
	struct vnet_reasons *reasons = vnet_reasons_load(btf, args);

	vnet_btf_free(btf);
	btf__free(made);
	return reasons;
}

TEST(names)
{
	struct vnet_reasons *r = load(3);

	CHECK(vnet_reasons_known(r));
	CHECK_STR(vnet_reasons_name(r, 3), "NO_SOCKET");
	CHECK_STR(vnet_reasons_name(r, 1), "CONSUMED");
	CHECK(!vnet_reasons_name(r, 4));
	/* Marks of the range are no reasons. */
	CHECK(!vnet_reasons_name(r, 256));
	CHECK(!vnet_reasons_name(r, 0xffff0000));
	vnet_reasons_free(r);
}

TEST(find)
{
	struct vnet_reasons *r = load(4);
	uint32_t reason = 99;

	CHECK(vnet_reasons_find(r, "NO_SOCKET", &reason) && reason == 3);
	CHECK(vnet_reasons_find(r, "otherhost", &reason) && reason == 70);
	CHECK(vnet_reasons_find(r, "SKB_DROP_REASON_NO_SOCKET", &reason) && reason == 3);
	reason = 99;
	CHECK(!vnet_reasons_find(r, "NO_SOCKE", &reason));
	CHECK(!vnet_reasons_find(r, "", &reason));
	CHECK(!vnet_reasons_find(r, "MAX", &reason));
	CHECK_EQ(reason, 99);
	vnet_reasons_free(r);
}

/* 5.10: the tracepoint has two arguments, and no name is to be had. */
TEST(kernel_without_reasons)
{
	struct vnet_reasons *r = load(2);
	uint32_t reason;

	CHECK(!vnet_reasons_known(r));
	CHECK(!vnet_reasons_name(r, 3));
	CHECK(!vnet_reasons_find(r, "NO_SOCKET", &reason));
	CHECK(vnet_reasons_vague(r, 0));
	vnet_reasons_free(r);
}

TEST(no_btf)
{
	struct vnet_reasons *r = vnet_reasons_load(NULL, 3);

	CHECK(vnet_reasons_known(r));
	CHECK(!vnet_reasons_name(r, 3));
	vnet_reasons_free(r);
	vnet_reasons_free(NULL);
}

TEST(vague)
{
	struct vnet_reasons *r = load(3);

	CHECK(vnet_reasons_vague(r, 2));
	CHECK(vnet_reasons_vague(r, 0));
	CHECK(vnet_reasons_vague(r, 4));
	CHECK(!vnet_reasons_vague(r, 3));
	vnet_reasons_free(r);
}

TEST(infer)
{
	CHECK_STR(vnet_reasons_infer("__udp4_lib_rcv"), "NO_SOCKET");
	CHECK_STR(vnet_reasons_infer("nf_hook_slow"), "NETFILTER_DROP");
	CHECK_STR(vnet_reasons_infer("tun_net_xmit"), "FULL_RING");
	CHECK_STR(vnet_reasons_infer("ip_forward"), "IP_INHDR");
	CHECK_STR(vnet_reasons_infer("kfree_skb_list"), "QDISC_DROP");
	CHECK_STR(vnet_reasons_infer("ovs_vport_send"), "PKT_TOO_BIG");
	CHECK(!vnet_reasons_infer("ip_forwar"));
	CHECK(!vnet_reasons_infer("ip_forward_finish"));
	CHECK(!vnet_reasons_infer(""));
	CHECK(!vnet_reasons_infer(NULL));
}

TEST(normal_reasons)
{
	struct vnet_reasons *r = load(3);
	__u64 bits[VNET_DROP_REASONS / 64] = {};

	vnet_reasons_normal(r, bits);
	CHECK_EQ(bits[0], 1 << 1);		/* CONSUMED */
	CHECK_EQ(bits[1], 1 << (70 - 64));	/* OTHERHOST */
	CHECK_EQ(bits[2], 0);
	CHECK(bits[3] == 1ull << 63);		/* QUEUE_PURGE, the last one covered */
	vnet_reasons_free(r);
}

TEST(normal_places)
{
	struct vnet_reasons *r = load(3), *old = load(2);

	CHECK(vnet_reasons_normal_at(r, "netlink_unicast", 2));
	CHECK(vnet_reasons_normal_at(old, "netlink_unicast", 0));
	/* Some places are normal for one reason only. */
	CHECK(vnet_reasons_normal_at(r, "raw_rcv", 5));
	CHECK(!vnet_reasons_normal_at(r, "raw_rcv", 3));
	CHECK(!vnet_reasons_normal_at(old, "raw_rcv", 0));
	CHECK(!vnet_reasons_normal_at(r, NULL, 2));
	vnet_reasons_free(r);
	vnet_reasons_free(old);
}

/* What an operator looks for must never be taken for normal. */
TEST(transport_input_is_never_normal)
{
	static const char *const functions[] = {
		"tcp_v4_rcv", "tcp_v6_rcv", "tcp_v4_do_rcv", "tcp_rcv_state_process",
		"tcp_rcv_established", "tcp_data_queue", "tcp_add_backlog",
		"__udp4_lib_rcv", "__udp6_lib_rcv", "udp_rcv", "udp_queue_rcv_one_skb",
		"ip_rcv_core", "ip_forward", "ip6_forward", "nf_hook_slow", "nft_do_chain",
		"tun_net_xmit", "__dev_queue_xmit", "do_execute_actions", "enqueue_to_backlog",
	};
	struct vnet_reasons *r = load(3), *old = load(2);

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		for (uint32_t reason = 0; reason < 256; reason++) {
			CHECK(!vnet_reasons_normal_at(r, functions[i], reason));
			CHECK(!vnet_reasons_normal_at(old, functions[i], reason));
		}
	vnet_reasons_free(r);
	vnet_reasons_free(old);
}

TEST_MAIN(T(names), T(find), T(kernel_without_reasons), T(no_btf), T(vague), T(infer),
	  T(normal_reasons), T(normal_places), T(transport_input_is_never_normal))
