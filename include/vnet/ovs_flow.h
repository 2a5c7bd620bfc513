/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows of Open vSwitch's kernel datapath, from the attributes that netlink
 * carries (<linux/openvswitch.h>) to the text that `ovs-dpctl dump-flows -m`
 * prints for them, and to the few members that a filter wants. Pure: nothing
 * but the arguments is read, nothing is kept. Used by `ovs megaflow`.
 *
 * All attribute streams are as the kernel sends them, without the header of
 * the attribute that they are the payload of: OVS_FLOW_ATTR_KEY, _MASK and
 * _ACTIONS. They need not be aligned, and nothing in them is trusted.
 *
 * The text functions work as snprintf() does: `buf` ends in NUL if size > 0,
 * and what is returned is the length of the whole text without it. Nothing is
 * dropped: an attribute that is not known is shown by number with its bytes in
 * hexadecimal, one that is malformed as "bad(...)".
 */
#ifndef VNET_OVS_FLOW_H
#define VNET_OVS_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "vnet/abi/packet.h"

/* How flows are written. NULL, or all zero: port numbers, all members. */
struct vnet_ovs_style {
	/*
	 * The name of a datapath port, as dpctl has it with --names; NULL: it
	 * has none that is known, and its number is written. May be NULL itself.
	 * The text is used before the next call.
	 */
	const char *(*port_name)(void *ctx, uint32_t port);
	void *ctx;
	/* As dpctl without -m: what is wildcarded completely is left out. */
	bool terse;
};

/*
 * Key and mask of a flow. mask NULL: there is none, all is matched exactly. A
 * mask without an attribute that the key has wildcards it.
 */
size_t vnet_ovs_key_text(char *buf, size_t size, const struct vnet_ovs_style *style,
			 const void *key, size_t key_len, const void *mask, size_t mask_len);
/* A list of actions; "drop" if there is none. */
size_t vnet_ovs_actions_text(char *buf, size_t size, const struct vnet_ovs_style *style,
			     const void *actions, size_t len);
/* "ufid:8-4-4-4-12 digits"; "ufid:bad(...)" if it has not 16 bytes. */
size_t vnet_ovs_ufid_text(char *buf, size_t size, const void *ufid, size_t len);

/*
 * The payload of the last attribute of this type (the flag bits of the type do
 * not count), as the kernel would take it; *payload_len is its size. NULL:
 * there is none before the end of the stream or of what of it can be read.
 */
const void *vnet_ovs_attr(const void *attrs, size_t len, uint16_t type, size_t *payload_len);

/* vnet_ovs_key.has: the members that the key had */
#define VNET_OVS_HAS_IN_PORT	0x0001
#define VNET_OVS_HAS_RECIRC	0x0002
#define VNET_OVS_HAS_ETH_TYPE	0x0004
#define VNET_OVS_HAS_ETH	0x0008
#define VNET_OVS_HAS_VLAN	0x0010
#define VNET_OVS_HAS_CVLAN	0x0020
#define VNET_OVS_HAS_IP		0x0040	/* IPv4, IPv6 or ARP addresses in flow */
#define VNET_OVS_HAS_ICMP	0x0080
#define VNET_OVS_HAS_TUNNEL	0x0100
#define VNET_OVS_HAS_TUN_ID	0x0200
#define VNET_OVS_HAS_CT		0x0400	/* any of the ct_* members */
#define VNET_OVS_HAS_TCP_FLAGS	0x0800

/* What a filter or a report wants of a key; what it has not is zero. */
struct vnet_ovs_key {
	uint32_t has;		/* VNET_OVS_HAS_* */
	uint32_t in_port;	/* the datapath's number, no ifindex */
	uint32_t recirc_id;
	uint32_t ct_state;	/* OVS_CS_F_* */
	uint32_t ct_mark;
	uint16_t ct_zone;
	uint16_t eth_type;	/* behind all tags, host byte order; 802.2 has none */
	uint16_t vlan_tci;	/* outermost tag, host byte order, bit 12 set */
	uint16_t cvlan_tci;	/* second tag */
	uint16_t tcp_flags;	/* host byte order */
	uint8_t icmp_type;	/* ICMP and ICMPv6 */
	uint8_t icmp_code;
	uint8_t eth_src[6];
	uint8_t eth_dst[6];
	uint8_t tun_src[16];	/* IPv4: the first 4 bytes, the rest zero */
	uint8_t tun_dst[16];
	uint8_t tun_family;	/* 4, 6 or 0: no tunnel's addresses */
	uint64_t tun_id;	/* host byte order */
	struct vnet_flow flow;	/* VLAN, addresses, protocol, ports; fragments */
};

/*
 * Reads a key. 0, or -EBADMSG if an attribute has a wrong length or the stream
 * is cut: *out then has what could be read.
 */
int vnet_ovs_key_decode(const void *key, size_t len, struct vnet_ovs_key *out);

#endif
