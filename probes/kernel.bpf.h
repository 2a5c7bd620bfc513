/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types as far as the probes read them, kept by hand: the build
 * depends on no kernel's BTF. Offsets are of no meaning here, libbpf relocates
 * every access. A ___suffix names a form that some kernels have.
 */
#ifndef VNET_KERNEL_BPF_H
#define VNET_KERNEL_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct qdisc_skb_head {
	__u32 qlen;
};

struct Qdisc {
	void *enqueue;	/* NULL: "noqueue", packets never wait here */
	unsigned int flags;	/* TCQ_F_* */
	struct qdisc_skb_head q;	/* of some (pfifo_fast) it counts nothing */
};

struct netdev_queue {
	struct Qdisc *qdisc;
};

struct net_device {
	char name[16];
	unsigned int ifindex;
	unsigned short type;
	possible_net_t nd_net;
	unsigned long priv_flags;	/* read with FIELD_BITS: a bit field since v6.12 */
	struct netdev_queue *_tx;
	struct Qdisc *qdisc;	/* the root */
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct skb_shared_info {
	unsigned short gso_size;
	unsigned short gso_segs;
	unsigned int gso_type;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	int skb_iif;	/* device it came in by; 0: made on this host */
	unsigned int len;
	unsigned int data_len;
	__u16 queue_mapping;
	__u16 vlan_tci;
	__u16 vlan_proto;
	__u16 protocol;
	__u16 transport_header;
	__u16 network_header;
	__u16 mac_header;
	__u32 tail;	/* offsets from head: every 64-bit kernel */
	__u32 end;
	unsigned char *head;
	unsigned char *data;
};

/* compat: before v6.2 (354259fa73e2) an accelerated tag is marked by a bit */
struct sk_buff___vlan_present {
	__u8 vlan_present : 1;
};

#pragma clang attribute pop

#define ARPHRD_ETHER		1
#define ARPHRD_LOOPBACK		772
/* net_device.priv_flags; its enum is in no kernel's BTF */
#define IFF_OPENVSWITCH		(1 << 20)	/* an internal port */
/* Qdisc.flags, likewise */
#define TCQ_F_MQROOT		4	/* each transmit queue has a qdisc of its own */
/* skb->mac_header when it was never set */
#define MAC_HEADER_UNSET	0xffff

#endif
