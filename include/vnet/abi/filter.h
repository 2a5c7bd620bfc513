/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user's filter as the probes see it: `const volatile struct vnet_filter
 * filter` in .rodata, written before load, so that the verifier deletes every
 * test that is switched off. Made by core/filter.c, read by probes/vnet.bpf.h.
 */
#ifndef VNET_ABI_FILTER_H
#define VNET_ABI_FILTER_H

#define VNET_FILTER_IFS		16
#define VNET_COMM_LEN		16

/* vnet_filter.active: the tests to make, cheapest first. */
#define VNET_F_DEVICE		0x0001
#define VNET_F_PID		0x0002
#define VNET_F_TID		0x0004
#define VNET_F_COMM		0x0008
#define VNET_F_FAMILY		0x0010	/* implied by an address, icmp or icmp6 */
#define VNET_F_PROTOCOL		0x0020
#define VNET_F_VLAN		0x0040
#define VNET_F_SRC		0x0080
#define VNET_F_DST		0x0100
#define VNET_F_SRC_PORT		0x0200
#define VNET_F_DST_PORT		0x0400
#define VNET_F_ETHERTYPE	0x0800	/* --protocol arp */
/* Any of these needs the headers to be read. */
#define VNET_F_PACKET		0x0ff0

/* 64-bit words of an IPv4 header and the ports behind it, from byte 8 on. */
#define VNET_LOOK_WORDS		2

/* A member counts only where its bit in `active` is set. */
struct vnet_filter {
	__u32	active;		/* VNET_F_* */
	__u32	inner;		/* 1: match a tunnel's inner headers, if any */
	__u32	netns;		/* inode number of the devices' network namespace */
	__u32	nr_ifindex;
	__u32	ifindex[VNET_FILTER_IFS];
	__u32	pid;		/* process id, as user space says */
	__u32	tid;
	char	comm[VNET_COMM_LEN];
	__u8	src[16];	/* already masked; IPv4 in the first 4 bytes */
	__u8	src_mask[16];	/* IPv4: bytes 4..15 are 0 */
	__u8	dst[16];
	__u8	dst_mask[16];
	__u16	src_port;	/* host byte order */
	__u16	dst_port;
	__u16	vlan;		/* matches either tag */
	__u16	ethertype;
	__u8	family;		/* 4 or 6 */
	__u8	protocol;	/* IPPROTO_* */
	__u8	reserved[2];
	/*
	 * 1: of what an IPv4 header without options has to be, all is in the next
	 * two, as it lies in memory; a word that differs refuses the packet.
	 */
	__u32	look;
	__u64	look_mask[VNET_LOOK_WORDS];
	__u64	look_value[VNET_LOOK_WORDS];	/* already masked */
};
_Static_assert(sizeof(struct vnet_filter) == 216, "abi");

#endif
