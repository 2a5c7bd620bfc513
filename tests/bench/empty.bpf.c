/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that do nothing, at the points of `latency summary` between guests
 * and a NIC: what the kernel takes for calling them is the floor of any design.
 * Loaded by tests/bench/attach.c.
 */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name, section)							\
SEC("?" section)								\
int name(void *ctx)								\
{										\
	return 0;								\
}

#define EMPTY_TP(point)								\
	EMPTY(point##__tp_btf, "tp_btf/" #point)				\
	EMPTY(point##__raw_tp, "raw_tp/" #point)

#define EMPTY_FUNC(point, function)						\
	EMPTY(point##__fentry, "fentry/" #function)				\
	EMPTY(point##__kprobe, "kprobe/" #function)

EMPTY_TP(netif_receive_skb)
EMPTY_TP(net_dev_queue)
EMPTY_TP(net_dev_start_xmit)
EMPTY_FUNC(ovs_vport_receive, ovs_vport_receive)
EMPTY_FUNC(ovs_dp_upcall, ovs_dp_upcall)
EMPTY_FUNC(ovs_return, ovs_flow_key_extract_userspace)
EMPTY_FUNC(ovs_vport_send, ovs_vport_send)
