/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The key of a flow with its mask as text: a table of the attributes, and the
 * few of them that are no structure of members.
 */
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

/* What OVS_KEY_ATTR_ND_EXTENSIONS has; only in user space's own header. */
#define ND_EXTENSIONS_LEN	8

#define VLAN_VID	0x0fff
#define VLAN_CFI	0x1000	/* set: there is a tag */
#define VLAN_PCP_SHIFT	13

struct kind;

typedef void put_fn(struct vnet_ovs_out *out, const struct kind *kind,
		    const struct vnet_ovs_pair *pair);

/* One type of attribute. */
struct kind {
	const char *name;
	put_fn *put;			/* writes what is in the parentheses */
	uint8_t len;			/* of the payload, 0: variable */
	uint8_t used;			/* of that, without the padding; 0: all */
	bool nested;			/* shown even if it is wildcarded */
	const struct vnet_ovs_field *fields;	/* for put_fields() */
	uint8_t nr_fields;
};

static void put_key(struct vnet_ovs_out *out, const uint8_t *key, size_t key_len,
		    const uint8_t *mask, size_t mask_len);

/* Are all bits of the mask that mean something like this? */
static bool mask_is(const struct kind *kind, const struct vnet_ovs_attr *mask, uint8_t value)
{
	size_t used = kind->used ? kind->used : mask->len;

	for (size_t i = 0; i < used && i < mask->len; i++)
		if (mask->data[i] != value)
			return false;
	return true;
}

static bool is_exact(const struct kind *kind, const struct vnet_ovs_pair *pair)
{
	if (pair->wild)
		return false;
	return !pair->mask.data || mask_is(kind, &pair->mask, 0xff);
}

static void put_fields(struct vnet_ovs_out *out, const struct kind *kind,
		       const struct vnet_ovs_pair *pair)
{
	for (size_t i = 0; i < kind->nr_fields; i++) {
		const struct vnet_ovs_field *field = &kind->fields[i];

		vnet_ovs_field(out, field, pair->key.data + field->offset,
			       vnet_ovs_mask_at(pair, field->offset));
	}
}

/* Numbers that belong to the datapath, not to the packet: host byte order. */
static void put_u32(struct vnet_ovs_out *out, const struct kind *kind,
		    const struct vnet_ovs_pair *pair)
{
	vnet_ovs_printf(out, "%#x", vnet_ovs_u32(pair->key.data));
	if (!is_exact(kind, pair))
		vnet_ovs_printf(out, "/%#x", vnet_ovs_u32(vnet_ovs_mask_at(pair, 0)));
}

static void put_u16(struct vnet_ovs_out *out, const struct kind *kind,
		    const struct vnet_ovs_pair *pair)
{
	vnet_ovs_printf(out, "%#x", vnet_ovs_u16(pair->key.data));
	if (!is_exact(kind, pair))
		vnet_ovs_printf(out, "/%#x", vnet_ovs_u16(vnet_ovs_mask_at(pair, 0)));
}

static const char *const ct_state_names[] = {
	"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat",
};

static void put_ct_state(struct vnet_ovs_out *out, const struct kind *kind,
			 const struct vnet_ovs_pair *pair)
{
	static const struct vnet_ovs_flags flags = {
		ct_state_names, VNET_ARRAY_SIZE(ct_state_names), UINT32_MAX,
	};
	const uint8_t *mask = vnet_ovs_mask_at(pair, 0);

	if (out->terse)
		vnet_ovs_flags_masked(out, &flags, vnet_ovs_u32(pair->key.data),
				      mask ? vnet_ovs_u32(mask) : UINT32_MAX);
	else
		put_u32(out, kind, pair);
}

static void put_ct_labels(struct vnet_ovs_out *out, const struct kind *kind,
			  const struct vnet_ovs_pair *pair)
{
	vnet_ovs_put_labels(out, pair);
}

static void put_in_port(struct vnet_ovs_out *out, const struct kind *kind,
			const struct vnet_ovs_pair *pair)
{
	uint32_t port = vnet_ovs_u32(pair->key.data);

	if (is_exact(kind, pair))
		vnet_ovs_port(out, port);
	else
		vnet_ovs_printf(out, "%u/%#x", port,
				vnet_ovs_u32(vnet_ovs_mask_at(pair, 0)));
}

void vnet_ovs_put_vlan(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const uint8_t *at = vnet_ovs_mask_at(pair, 0);
	uint16_t tci = vnet_ovs_be16(pair->key.data), mask = at ? vnet_ovs_be16(at) : 0xffff;
	uint16_t vid_mask = mask & VLAN_VID, pcp_mask = mask >> VLAN_PCP_SHIFT;

	if (!out->terse || tci & VLAN_VID || vid_mask) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "vid=%u", tci & VLAN_VID);
		if (vid_mask != VLAN_VID)
			vnet_ovs_printf(out, "/0x%x", vid_mask);
	}
	if (!out->terse || tci >> VLAN_PCP_SHIFT || pcp_mask) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "pcp=%u", tci >> VLAN_PCP_SHIFT);
		if (pcp_mask != 7)
			vnet_ovs_printf(out, "/0x%x", pcp_mask);
	}
	if (!(tci & VLAN_CFI)) {
		vnet_ovs_item(out);
		vnet_ovs_puts(out, "cfi=0");
	}
}

static void put_vlan(struct vnet_ovs_out *out, const struct kind *kind,
		     const struct vnet_ovs_pair *pair)
{
	vnet_ovs_put_vlan(out, pair);
}

static void put_eth_type(struct vnet_ovs_out *out, const struct kind *kind,
			 const struct vnet_ovs_pair *pair)
{
	vnet_ovs_printf(out, "0x%04x", vnet_ovs_be16(pair->key.data));
	if (!is_exact(kind, pair))
		vnet_ovs_printf(out, "/0x%04x", vnet_ovs_be16(vnet_ovs_mask_at(pair, 0)));
}

void vnet_ovs_put_lse(struct vnet_ovs_out *out, uint32_t lse)
{
	vnet_ovs_item(out);
	vnet_ovs_printf(out, "label=%u,tc=%u,ttl=%u,bos=%u", lse >> 12, lse >> 9 & 7,
			lse & 0xff, lse >> 8 & 1);
}

/* A stack of labels; a mask that is not complete shows at each member. */
static void put_mpls(struct vnet_ovs_out *out, const struct kind *kind,
		     const struct vnet_ovs_pair *pair)
{
	bool exact = is_exact(kind, pair);

	if (!pair->key.len || pair->key.len % sizeof(struct ovs_key_mpls)) {
		vnet_ovs_bad(out, pair->key.data, pair->key.len);
		return;
	}
	for (size_t i = 0; i < pair->key.len; i += sizeof(struct ovs_key_mpls)) {
		uint32_t lse = vnet_ovs_be32(pair->key.data + i), mask;

		if (exact) {
			vnet_ovs_put_lse(out, lse);
			continue;
		}
		mask = pair->wild ? 0 : vnet_ovs_be32(pair->mask.data + i);
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "label=%u/0x%x,tc=%u/%x,ttl=%u/0x%x,bos=%u/%x",
				lse >> 12, mask >> 12, lse >> 9 & 7, mask >> 9 & 7,
				lse & 0xff, mask & 0xff, lse >> 8 & 1, mask >> 8 & 1);
	}
}

/* The offset of the data, in the same 16 bits, is masked out. */
#define TCP_FLAGS	0x0fff

static const char *const tcp_flag_names[] = {
	"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr",
	"ns", "[200]", "[400]", "[800]",
};

static void put_tcp_flags(struct vnet_ovs_out *out, const struct kind *kind,
			  const struct vnet_ovs_pair *pair)
{
	static const struct vnet_ovs_flags flags = {
		tcp_flag_names, VNET_ARRAY_SIZE(tcp_flag_names), TCP_FLAGS,
	};
	const uint8_t *mask = vnet_ovs_mask_at(pair, 0);

	vnet_ovs_flags_masked(out, &flags, vnet_ovs_be16(pair->key.data),
			      mask ? vnet_ovs_be16(mask) & TCP_FLAGS : TCP_FLAGS);
}

/* Name space and type within it. */
static void put_packet_type(struct vnet_ovs_out *out, const struct kind *kind,
			    const struct vnet_ovs_pair *pair)
{
	static const struct vnet_ovs_field fields[] = {
		{ "ns", 0, 2, VNET_OVS_DEC }, { "id", 2, 2, VNET_OVS_HEX },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(fields); i++)
		vnet_ovs_field(out, &fields[i], pair->key.data + fields[i].offset,
			       vnet_ovs_mask_at(pair, fields[i].offset));
}

/* ovs-dpctl shows the first member as if it had no mask. */
static void put_nd_ext(struct vnet_ovs_out *out, const struct kind *kind,
		       const struct vnet_ovs_pair *pair)
{
	vnet_ovs_item(out);
	vnet_ovs_printf(out, "nd_reserved=0x%x", vnet_ovs_be32(pair->key.data));
	put_fields(out, kind, pair);
}

static void put_tunnel(struct vnet_ovs_out *out, const struct kind *kind,
		       const struct vnet_ovs_pair *pair)
{
	vnet_ovs_put_tunnel(out, pair);
}

static void put_nsh(struct vnet_ovs_out *out, const struct kind *kind,
		    const struct vnet_ovs_pair *pair)
{
	vnet_ovs_put_nsh(out, pair);
}

/* What is behind a VLAN tag. */
static void put_encap(struct vnet_ovs_out *out, const struct kind *kind,
		      const struct vnet_ovs_pair *pair)
{
	const uint8_t *mask = pair->mask.len || pair->wild ? vnet_ovs_mask_at(pair, 0) : NULL;

	if (!pair->key.len)
		return;
	if (out->depth == VNET_OVS_MAX_DEPTH) {
		vnet_ovs_bad(out, pair->key.data, pair->key.len);
		return;
	}
	out->depth++;
	put_key(out, pair->key.data, pair->key.len, mask, pair->mask.len);
	out->depth--;
}

#define FIELD(name, type, member, format) \
	{ name, offsetof(struct type, member), sizeof(((struct type *)0)->member), format }

static const struct vnet_ovs_field eth[] = {
	FIELD("src", ovs_key_ethernet, eth_src, VNET_OVS_MAC),
	FIELD("dst", ovs_key_ethernet, eth_dst, VNET_OVS_MAC),
};

static const struct vnet_ovs_field ipv4[] = {
	FIELD("src", ovs_key_ipv4, ipv4_src, VNET_OVS_IPV4),
	FIELD("dst", ovs_key_ipv4, ipv4_dst, VNET_OVS_IPV4),
	FIELD("proto", ovs_key_ipv4, ipv4_proto, VNET_OVS_DEC),
	FIELD("tos", ovs_key_ipv4, ipv4_tos, VNET_OVS_HEX),
	FIELD("ttl", ovs_key_ipv4, ipv4_ttl, VNET_OVS_DEC),
	FIELD("frag", ovs_key_ipv4, ipv4_frag, VNET_OVS_FRAG),
};

static const struct vnet_ovs_field ipv6[] = {
	FIELD("src", ovs_key_ipv6, ipv6_src, VNET_OVS_IPV6),
	FIELD("dst", ovs_key_ipv6, ipv6_dst, VNET_OVS_IPV6),
	FIELD("label", ovs_key_ipv6, ipv6_label, VNET_OVS_LABEL),
	FIELD("proto", ovs_key_ipv6, ipv6_proto, VNET_OVS_DEC),
	FIELD("tclass", ovs_key_ipv6, ipv6_tclass, VNET_OVS_HEX),
	FIELD("hlimit", ovs_key_ipv6, ipv6_hlimit, VNET_OVS_DEC),
	FIELD("frag", ovs_key_ipv6, ipv6_frag, VNET_OVS_FRAG),
};

/* TCP, UDP and SCTP. */
static const struct vnet_ovs_field ports[] = {
	FIELD("src", ovs_key_tcp, tcp_src, VNET_OVS_DEC),
	FIELD("dst", ovs_key_tcp, tcp_dst, VNET_OVS_DEC),
};

/* ICMP and ICMPv6. */
static const struct vnet_ovs_field icmp[] = {
	FIELD("type", ovs_key_icmp, icmp_type, VNET_OVS_DEC),
	FIELD("code", ovs_key_icmp, icmp_code, VNET_OVS_DEC),
};

static const struct vnet_ovs_field arp[] = {
	FIELD("sip", ovs_key_arp, arp_sip, VNET_OVS_IPV4),
	FIELD("tip", ovs_key_arp, arp_tip, VNET_OVS_IPV4),
	FIELD("op", ovs_key_arp, arp_op, VNET_OVS_DEC),
	FIELD("sha", ovs_key_arp, arp_sha, VNET_OVS_MAC),
	FIELD("tha", ovs_key_arp, arp_tha, VNET_OVS_MAC),
};

static const struct vnet_ovs_field nd[] = {
	FIELD("target", ovs_key_nd, nd_target, VNET_OVS_IPV6),
	FIELD("sll", ovs_key_nd, nd_sll, VNET_OVS_MAC),
	FIELD("tll", ovs_key_nd, nd_tll, VNET_OVS_MAC),
};

static const struct vnet_ovs_field nd_ext[] = {
	{ "nd_options_type", 4, 1, VNET_OVS_DEC },
};

static const struct vnet_ovs_field tuple4[] = {
	FIELD("src", ovs_key_ct_tuple_ipv4, ipv4_src, VNET_OVS_IPV4),
	FIELD("dst", ovs_key_ct_tuple_ipv4, ipv4_dst, VNET_OVS_IPV4),
	FIELD("proto", ovs_key_ct_tuple_ipv4, ipv4_proto, VNET_OVS_DEC),
	FIELD("tp_src", ovs_key_ct_tuple_ipv4, src_port, VNET_OVS_DEC),
	FIELD("tp_dst", ovs_key_ct_tuple_ipv4, dst_port, VNET_OVS_DEC),
};

static const struct vnet_ovs_field tuple6[] = {
	FIELD("src", ovs_key_ct_tuple_ipv6, ipv6_src, VNET_OVS_IPV6),
	FIELD("dst", ovs_key_ct_tuple_ipv6, ipv6_dst, VNET_OVS_IPV6),
	FIELD("proto", ovs_key_ct_tuple_ipv6, ipv6_proto, VNET_OVS_DEC),
	FIELD("src_port", ovs_key_ct_tuple_ipv6, src_port, VNET_OVS_DEC),
	FIELD("dst_port", ovs_key_ct_tuple_ipv6, dst_port, VNET_OVS_DEC),
};

#define USED(type, last) \
	(offsetof(struct type, last) + sizeof(((struct type *)0)->last))
#define FIELDS(name, type, table) \
	{ name, put_fields, sizeof(struct type), 0, false, table, VNET_ARRAY_SIZE(table) }
#define PADDED(name, type, last, table) \
	{ name, put_fields, sizeof(struct type), USED(type, last), false, table, \
	  VNET_ARRAY_SIZE(table) }

static const struct kind kinds[] = {
	[OVS_KEY_ATTR_ENCAP] = { "encap", put_encap, .nested = true },
	[OVS_KEY_ATTR_PRIORITY] = { "skb_priority", put_u32, 4 },
	[OVS_KEY_ATTR_IN_PORT] = { "in_port", put_in_port, 4 },
	[OVS_KEY_ATTR_ETHERNET] = FIELDS("eth", ovs_key_ethernet, eth),
	[OVS_KEY_ATTR_VLAN] = { "vlan", put_vlan, 2 },
	[OVS_KEY_ATTR_ETHERTYPE] = { "eth_type", put_eth_type, 2 },
	[OVS_KEY_ATTR_IPV4] = FIELDS("ipv4", ovs_key_ipv4, ipv4),
	[OVS_KEY_ATTR_IPV6] = FIELDS("ipv6", ovs_key_ipv6, ipv6),
	[OVS_KEY_ATTR_TCP] = FIELDS("tcp", ovs_key_tcp, ports),
	[OVS_KEY_ATTR_UDP] = FIELDS("udp", ovs_key_udp, ports),
	[OVS_KEY_ATTR_ICMP] = FIELDS("icmp", ovs_key_icmp, icmp),
	[OVS_KEY_ATTR_ICMPV6] = FIELDS("icmpv6", ovs_key_icmpv6, icmp),
	[OVS_KEY_ATTR_ARP] = PADDED("arp", ovs_key_arp, arp_tha, arp),
	[OVS_KEY_ATTR_ND] = FIELDS("nd", ovs_key_nd, nd),
	[OVS_KEY_ATTR_SKB_MARK] = { "skb_mark", put_u32, 4 },
	[OVS_KEY_ATTR_TUNNEL] = { "tunnel", put_tunnel, .nested = true },
	[OVS_KEY_ATTR_SCTP] = FIELDS("sctp", ovs_key_sctp, ports),
	[OVS_KEY_ATTR_TCP_FLAGS] = { "tcp_flags", put_tcp_flags, 2 },
	[OVS_KEY_ATTR_DP_HASH] = { "dp_hash", put_u32, 4 },
	[OVS_KEY_ATTR_RECIRC_ID] = { "recirc_id", put_u32, 4 },
	[OVS_KEY_ATTR_MPLS] = { "mpls", put_mpls },
	[OVS_KEY_ATTR_CT_STATE] = { "ct_state", put_ct_state, 4 },
	[OVS_KEY_ATTR_CT_ZONE] = { "ct_zone", put_u16, 2 },
	[OVS_KEY_ATTR_CT_MARK] = { "ct_mark", put_u32, 4 },
	[OVS_KEY_ATTR_CT_LABELS] = {
		"ct_label", put_ct_labels, sizeof(struct ovs_key_ct_labels) },
	[OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4] =
		PADDED("ct_tuple4", ovs_key_ct_tuple_ipv4, ipv4_proto, tuple4),
	[OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6] =
		PADDED("ct_tuple6", ovs_key_ct_tuple_ipv6, ipv6_proto, tuple6),
	[OVS_KEY_ATTR_NSH] = { "nsh", put_nsh, .nested = true },
	[OVS_KEY_ATTR_PACKET_TYPE] = { "packet_type", put_packet_type, 4 },
	[OVS_KEY_ATTR_ND_EXTENSIONS] = {
		"nd_ext", put_nd_ext, ND_EXTENSIONS_LEN, 0, false, nd_ext, 1 },
};

/* NULL: not one of those that ovs-dpctl knows. */
static const struct kind *kind_of(uint16_t type)
{
	return type < VNET_ARRAY_SIZE(kinds) && kinds[type].name ? &kinds[type] : NULL;
}

static bool has_bad_length(const struct kind *kind, const struct vnet_ovs_pair *pair)
{
	size_t len = kind->len ? kind->len : pair->key.len;

	if (kind->nested)
		return false;
	return pair->key.len != len || (pair->mask.data && pair->mask.len != len);
}

void vnet_ovs_put_key_attr(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const struct kind *kind = kind_of(pair->key.type);

	if (!kind) {
		vnet_ovs_put_unknown(out, pair);
		return;
	}
	vnet_ovs_open(out, kind->name);
	if (has_bad_length(kind, pair))
		vnet_ovs_bad_pair(out, pair);
	else
		kind->put(out, kind, pair);
	vnet_ovs_close(out);
}

/* Members that have no bit outside of their mask's padding, or none at all. */
static bool is_wildcard(const struct vnet_ovs_pair *pair)
{
	const struct kind *kind = kind_of(pair->key.type);
	struct vnet_ovs_attr mask = pair->mask;
	uint8_t copy[sizeof(struct ovs_key_ipv6)];

	if (pair->wild)
		return true;
	if (!mask.data || !kind || has_bad_length(kind, pair))
		return false;
	/* Two types have bits that belong to nothing. */
	if (pair->key.type == OVS_KEY_ATTR_TCP_FLAGS)
		return !(vnet_ovs_be16(mask.data) & TCP_FLAGS);
	if (pair->key.type == OVS_KEY_ATTR_IPV6) {
		memcpy(copy, mask.data, sizeof(copy));
		copy[offsetof(struct ovs_key_ipv6, ipv6_label)] = 0;
		copy[offsetof(struct ovs_key_ipv6, ipv6_label) + 1] &= 0x0f;
		mask.data = copy;
	}
	return mask_is(kind, &mask, 0);
}

/* mask NULL: all is exact. */
static void put_key(struct vnet_ovs_out *out, const uint8_t *key, size_t key_len,
		    const uint8_t *mask, size_t mask_len)
{
	struct vnet_ovs_stream stream = { key, key_len };
	bool has_eth_type = false, has_packet_type = false;
	struct vnet_ovs_pair pair = {};

	while (vnet_ovs_next(&stream, &pair.key)) {
		const struct kind *kind = kind_of(pair.key.type);
		bool wildcard;

		vnet_ovs_pair_find(&pair, mask, mask_len);
		wildcard = is_wildcard(&pair);
		has_eth_type |= pair.key.type == OVS_KEY_ATTR_ETHERTYPE;
		has_packet_type |= pair.key.type == OVS_KEY_ATTR_PACKET_TYPE && !wildcard;
		if (!out->terse || !wildcard || (kind && kind->nested)) {
			vnet_ovs_put_key_attr(out, &pair);
		} else if (pair.key.type == OVS_KEY_ATTR_ETHERNET && !has_packet_type) {
			/* That the packet has an Ethernet header is matched all the same. */
			vnet_ovs_open(out, "eth");
			vnet_ovs_close(out);
		}
	}
	if (stream.left)
		vnet_ovs_bad(out, stream.at, stream.left);
	/* A frame without a type (802.2) has none in the key, but in the mask. */
	pair.key = (struct vnet_ovs_attr){ .type = OVS_KEY_ATTR_ETHERTYPE };
	vnet_ovs_pair_find(&pair, mask, mask_len);
	if (!has_eth_type && pair.mask.data) {
		vnet_ovs_open(out, "eth_type");
		vnet_ovs_puts(out, "0/");
		if (pair.mask.len == 2)
			vnet_ovs_printf(out, "0x%04x", vnet_ovs_be16(pair.mask.data));
		else
			vnet_ovs_bad(out, pair.mask.data, pair.mask.len);
		vnet_ovs_close(out);
	}
}

size_t vnet_ovs_key_text(char *buf, size_t size, const struct vnet_ovs_style *style,
			 const void *key, size_t key_len, const void *mask, size_t mask_len)
{
	struct vnet_ovs_out out = vnet_ovs_out_init(buf, size, style);

	if (key_len)
		put_key(&out, key, key_len, mask_len ? mask : NULL, mask_len);
	else
		vnet_ovs_puts(&out, "<empty>");
	return out.len;
}
