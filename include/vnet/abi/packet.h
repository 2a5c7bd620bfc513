/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the packet parser finds in a packet. Shared by the probes, which fill
 * it, and by user space, which prints it. The includer provides the __uN
 * types (kernel.bpf.h in the probes, <linux/types.h> in user space).
 */
#ifndef VNET_ABI_PACKET_H
#define VNET_ABI_PACKET_H

/* Bytes the parser looks at, counted from the first header that it reads. */
#define VNET_SNAP		128
/* The same with --inner, where a tunnel's payload is parsed as well. */
#define VNET_SNAP_INNER		256
/* VLAN tags walked in the bytes; vlan_tci is one more. */
#define VNET_MAX_VLANS		2
/* IPv6 extension headers walked before the parser gives up (TRUNCATED). */
#define VNET_MAX_EXTHDRS	6

/* vnet_flow.flags */
#define VNET_FLOW_VLAN		0x01	/* vlan is valid (id 0 is a priority tag) */
#define VNET_FLOW_PORTS		0x02	/* src_port and dst_port are valid */
#define VNET_FLOW_PROTOCOL	0x04	/* protocol is valid */
#define VNET_FLOW_FRAGMENT	0x08	/* a fragment other than the first */
#define VNET_FLOW_TRUNCATED	0x10	/* the headers ended before the parser did */
#define VNET_FLOW_MALFORMED	0x20	/* a length or version that cannot be */
#define VNET_FLOW_INNER		0x40	/* these are a tunnel's inner headers */

/*
 * The identity of a flow, also used as a map key: unset members are zero.
 * 44 bytes.
 */
struct vnet_flow {
	__u8	src[16];	/* IPv4: the first 4 bytes, the rest zero; ARP: sender */
	__u8	dst[16];	/* ARP: target */
	__u16	src_port;	/* host byte order; TCP, UDP, SCTP */
	__u16	dst_port;
	__u16	ethertype;	/* host byte order, behind all VLAN tags; 0: unknown */
	__u16	vlan;		/* id of the outermost tag, 0..4095 */
	__u8	family;		/* 4, 6, or 0: no addresses */
	__u8	protocol;	/* IPPROTO_*, behind all extension headers */
	__u8	flags;		/* VNET_FLOW_* */
	__u8	reserved;
};
_Static_assert(sizeof(struct vnet_flow) == 44, "abi");

/* vnet_packet.has: which groups below are valid */
#define VNET_HAS_MAC		0x01
#define VNET_HAS_VLAN2		0x02
#define VNET_HAS_IP		0x04
#define VNET_HAS_TCP		0x08
#define VNET_HAS_ICMP		0x10
#define VNET_HAS_ARP		0x20
#define VNET_HAS_TUNNEL		0x40	/* with VNET_FLOW_INNER: vni is valid */

/* vnet_packet.ip_flags */
#define VNET_IP_DF		0x01
#define VNET_IP_MF		0x02

/* A decoded packet: the flow and everything that a record shows. 108 bytes. */
struct vnet_packet {
	struct vnet_flow flow;
	__u8	src_mac[6];	/* MAC */
	__u8	dst_mac[6];
	__u32	len;		/* skb->len, bytes */
	__u32	tcp_seq;	/* TCP, host byte order */
	__u32	tcp_ack;
	__u32	vni;		/* TUNNEL: VXLAN or Geneve network id */
	__u32	ip_id;		/* IP: 16 bits for IPv4, 32 for an IPv6 fragment */
	__u16	frag_off;	/* IP: fragment offset in bytes */
	__u16	ip_len;		/* IP: total length the header claims, bytes */
	__u16	vlan2;		/* VLAN2: id of the second tag */
	__u16	icmp_id;	/* ICMP: echo only, else 0; host byte order */
	__u16	icmp_seq;
	__u16	arp_op;		/* ARP: 1 request, 2 reply */
	__u16	gso_size;	/* bytes per segment, 0: not GSO */
	__u16	gso_segs;
	__u16	l3_off;		/* of the network header, from the first byte read */
	__u16	l4_off;		/* likewise of the transport header, 0: none */
	__u8	has;		/* VNET_HAS_* */
	__u8	tcp_flags;	/* TCP: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32 */
	__u8	icmp_type;	/* ICMP, ICMPv6 */
	__u8	icmp_code;
	__u8	ttl;		/* IP: TTL or hop limit */
	__u8	tos;		/* IP: TOS or traffic class */
	__u8	ip_flags;	/* IP: VNET_IP_* */
	__u8	reserved;
	__u32	gso_type;	/* SKB_GSO_* of the running kernel */
};
_Static_assert(sizeof(struct vnet_packet) == 108, "abi");

#endif
