/* SPDX-License-Identifier: GPL-2.0-only */
/* The few members of a flow's key that filters and reports work with. */
#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

/* How deep VLAN tags nest; the datapath takes two. */
#define MAX_TAGS	2

/* Of a tag: its id, and a bit that says that there is one. */
#define VLAN_VID	0x0fff
#define VLAN_CFI	0x1000

typedef void read_fn(struct vnet_ovs_key *out, const uint8_t *data);

static void read_in_port(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->in_port = vnet_ovs_u32(data);
}

static void read_recirc(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->recirc_id = vnet_ovs_u32(data);
}

static void read_eth(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->eth_src, data, ETH_ALEN);
	memcpy(out->eth_dst, data + ETH_ALEN, ETH_ALEN);
}

/* The outermost tag comes first. A zero is matched by frames that have none. */
static void read_vlan(struct vnet_ovs_key *out, const uint8_t *data)
{
	uint16_t tci = vnet_ovs_be16(data);

	if (!(tci & VLAN_CFI))
		return;
	if (out->has & VNET_OVS_HAS_VLAN) {
		out->cvlan_tci = tci;
		out->has |= VNET_OVS_HAS_CVLAN;
		return;
	}
	out->vlan_tci = tci;
	out->has |= VNET_OVS_HAS_VLAN;
	out->flow.vlan = tci & VLAN_VID;
	out->flow.flags |= VNET_FLOW_VLAN;
}

/* That of a tag is overwritten by the one behind it. */
static void read_eth_type(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->eth_type = vnet_ovs_be16(data);
	out->flow.ethertype = out->eth_type;
}

static void set_protocol(struct vnet_ovs_key *out, uint8_t protocol, uint8_t frag)
{
	out->flow.protocol = protocol;
	out->flow.flags |= VNET_FLOW_PROTOCOL;
	if (frag == OVS_FRAG_TYPE_LATER)
		out->flow.flags |= VNET_FLOW_FRAGMENT;
}

static void read_ipv4(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->flow.src, data + offsetof(struct ovs_key_ipv4, ipv4_src), 4);
	memcpy(out->flow.dst, data + offsetof(struct ovs_key_ipv4, ipv4_dst), 4);
	out->flow.family = 4;
	set_protocol(out, data[offsetof(struct ovs_key_ipv4, ipv4_proto)],
		     data[offsetof(struct ovs_key_ipv4, ipv4_frag)]);
}

static void read_ipv6(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->flow.src, data + offsetof(struct ovs_key_ipv6, ipv6_src), 16);
	memcpy(out->flow.dst, data + offsetof(struct ovs_key_ipv6, ipv6_dst), 16);
	out->flow.family = 6;
	set_protocol(out, data[offsetof(struct ovs_key_ipv6, ipv6_proto)],
		     data[offsetof(struct ovs_key_ipv6, ipv6_frag)]);
}

static void read_arp(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->flow.src, data + offsetof(struct ovs_key_arp, arp_sip), 4);
	memcpy(out->flow.dst, data + offsetof(struct ovs_key_arp, arp_tip), 4);
	out->flow.family = 4;
}

static void read_ports(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->flow.src_port = vnet_ovs_be16(data);
	out->flow.dst_port = vnet_ovs_be16(data + 2);
	out->flow.flags |= VNET_FLOW_PORTS;
}

static void read_icmp(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->icmp_type = data[0];
	out->icmp_code = data[1];
}

static void read_tcp_flags(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->tcp_flags = vnet_ovs_be16(data);
}

static void read_ct_state(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->ct_state = vnet_ovs_u32(data);
}

static void read_ct_zone(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->ct_zone = vnet_ovs_u16(data);
}

static void read_ct_mark(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->ct_mark = vnet_ovs_u32(data);
}

static void read_tun_id(struct vnet_ovs_key *out, const uint8_t *data)
{
	out->tun_id = vnet_ovs_be64(data);
}

static void read_tun_src4(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->tun_src, data, 4);
	out->tun_family = 4;
}

static void read_tun_dst4(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->tun_dst, data, 4);
	out->tun_family = 4;
}

static void read_tun_src6(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->tun_src, data, 16);
	out->tun_family = 6;
}

static void read_tun_dst6(struct vnet_ovs_key *out, const uint8_t *data)
{
	memcpy(out->tun_dst, data, 16);
	out->tun_family = 6;
}

/* What is taken from one type of attribute. */
struct member {
	read_fn *read;
	uint16_t len;		/* of the payload */
	uint16_t has;		/* VNET_OVS_HAS_* */
};

static const struct member members[] = {
	[OVS_KEY_ATTR_IN_PORT] = { read_in_port, 4, VNET_OVS_HAS_IN_PORT },
	[OVS_KEY_ATTR_RECIRC_ID] = { read_recirc, 4, VNET_OVS_HAS_RECIRC },
	[OVS_KEY_ATTR_ETHERNET] = {
		read_eth, sizeof(struct ovs_key_ethernet), VNET_OVS_HAS_ETH },
	[OVS_KEY_ATTR_VLAN] = { read_vlan, 2 },
	[OVS_KEY_ATTR_ETHERTYPE] = { read_eth_type, 2, VNET_OVS_HAS_ETH_TYPE },
	[OVS_KEY_ATTR_IPV4] = { read_ipv4, sizeof(struct ovs_key_ipv4), VNET_OVS_HAS_IP },
	[OVS_KEY_ATTR_IPV6] = { read_ipv6, sizeof(struct ovs_key_ipv6), VNET_OVS_HAS_IP },
	[OVS_KEY_ATTR_ARP] = { read_arp, sizeof(struct ovs_key_arp), VNET_OVS_HAS_IP },
	[OVS_KEY_ATTR_TCP] = { read_ports, sizeof(struct ovs_key_tcp) },
	[OVS_KEY_ATTR_UDP] = { read_ports, sizeof(struct ovs_key_udp) },
	[OVS_KEY_ATTR_SCTP] = { read_ports, sizeof(struct ovs_key_sctp) },
	[OVS_KEY_ATTR_ICMP] = { read_icmp, 2, VNET_OVS_HAS_ICMP },
	[OVS_KEY_ATTR_ICMPV6] = { read_icmp, 2, VNET_OVS_HAS_ICMP },
	[OVS_KEY_ATTR_TCP_FLAGS] = { read_tcp_flags, 2, VNET_OVS_HAS_TCP_FLAGS },
	[OVS_KEY_ATTR_CT_STATE] = { read_ct_state, 4, VNET_OVS_HAS_CT },
	[OVS_KEY_ATTR_CT_ZONE] = { read_ct_zone, 2, VNET_OVS_HAS_CT },
	[OVS_KEY_ATTR_CT_MARK] = { read_ct_mark, 4, VNET_OVS_HAS_CT },
};

static const struct member tunnel_members[] = {
	[OVS_TUNNEL_KEY_ATTR_ID] = { read_tun_id, 8, VNET_OVS_HAS_TUN_ID },
	[OVS_TUNNEL_KEY_ATTR_IPV4_SRC] = { read_tun_src4, 4 },
	[OVS_TUNNEL_KEY_ATTR_IPV4_DST] = { read_tun_dst4, 4 },
	[OVS_TUNNEL_KEY_ATTR_IPV6_SRC] = { read_tun_src6, 16 },
	[OVS_TUNNEL_KEY_ATTR_IPV6_DST] = { read_tun_dst6, 16 },
};

static int read_attr(struct vnet_ovs_key *out, const struct member *member,
		     const struct vnet_ovs_attr *attr)
{
	if (attr->len != member->len)
		return -EBADMSG;
	member->read(out, attr->data);
	out->has |= member->has;
	return 0;
}

static int read_tunnel(struct vnet_ovs_key *out, const struct vnet_ovs_attr *nest)
{
	struct vnet_ovs_stream stream = { nest->data, nest->len };
	struct vnet_ovs_attr attr;
	int err = 0;

	out->has |= VNET_OVS_HAS_TUNNEL;
	while (vnet_ovs_next(&stream, &attr))
		if (attr.type < VNET_ARRAY_SIZE(tunnel_members) &&
		    tunnel_members[attr.type].read)
			err = read_attr(out, &tunnel_members[attr.type], &attr) ?: err;
	return stream.left ? -EBADMSG : err;
}

static int read_key(struct vnet_ovs_key *out, const void *key, size_t len, int tags)
{
	struct vnet_ovs_stream stream = { key, len };
	struct vnet_ovs_attr attr, encap = {};
	int err = 0;

	/* 802.2 has no type, and what was read before is that of a tag. */
	out->has &= ~VNET_OVS_HAS_ETH_TYPE;
	out->eth_type = out->flow.ethertype = 0;
	while (vnet_ovs_next(&stream, &attr)) {
		if (attr.type == OVS_KEY_ATTR_TUNNEL)
			err = read_tunnel(out, &attr) ?: err;
		else if (attr.type == OVS_KEY_ATTR_ENCAP)
			encap = attr;
		else if (attr.type < VNET_ARRAY_SIZE(members) && members[attr.type].read)
			err = read_attr(out, &members[attr.type], &attr) ?: err;
	}
	err = stream.left ? -EBADMSG : err;
	/* An empty one is behind the zero tag of a frame that has none. */
	if (!encap.len)
		return err;
	return tags == MAX_TAGS ? -EBADMSG : read_key(out, encap.data, encap.len, tags + 1) ?: err;
}

int vnet_ovs_key_decode(const void *key, size_t len, struct vnet_ovs_key *out)
{
	*out = (struct vnet_ovs_key){};
	return read_key(out, key, len, 0);
}
