/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows of a datapath as its netlink messages tell them: see cmd/ovs_flows.h. */
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/openvswitch.h>

#include "cmd/ovs_flows.h"
#include "vnet/util.h"

#define BUCKETS		4096
struct ovs_flows {
	uint32_t max, nr;
	struct ovs_flow *buckets[BUCKETS];
};

/* ---- messages ---- */

static struct ovs_bytes find(const void *attrs, size_t len, uint16_t type)
{
	struct ovs_bytes found = {};

	found.at = vnet_ovs_attr(attrs, len, type, &found.len);
	if (!found.at)
		found.len = 0;
	return found;
}

bool ovs_message_parse(const void *data, size_t len, bool packet, struct ovs_message *m)
{
	const size_t genl_at = NLMSG_HDRLEN, ovs_at = genl_at + GENL_HDRLEN;
	const size_t attrs_at = ovs_at + sizeof(struct ovs_header);
	struct genlmsghdr genl;
	struct ovs_header ovs;
	const char *attrs = (const char *)data + attrs_at;

	*m = (struct ovs_message){};
	if (len < attrs_at)
		return false;
	memcpy(&genl, (const char *)data + genl_at, sizeof(genl));
	memcpy(&ovs, (const char *)data + ovs_at, sizeof(ovs));
	m->cmd = genl.cmd;
	m->dp = ovs.dp_ifindex;
	len -= attrs_at;
	if (packet) {
		m->key = find(attrs, len, OVS_PACKET_ATTR_KEY);
		return true;
	}
	m->key = find(attrs, len, OVS_FLOW_ATTR_KEY);
	m->mask = find(attrs, len, OVS_FLOW_ATTR_MASK);
	m->actions = find(attrs, len, OVS_FLOW_ATTR_ACTIONS);
	m->ufid = find(attrs, len, OVS_FLOW_ATTR_UFID);
	m->stats = find(attrs, len, OVS_FLOW_ATTR_STATS);
	m->probe = find(attrs, len, OVS_FLOW_ATTR_PROBE).at;
	return true;
}

/* ---- does a flow take a packet? ---- */

static bool is_nested(uint16_t type)
{
	return type == OVS_KEY_ATTR_ENCAP || type == OVS_KEY_ATTR_TUNNEL ||
	       type == OVS_KEY_ATTR_NSH;
}

/* Byte i of an attribute; one that is not there is as one of zeros. */
static uint8_t byte_of(struct ovs_bytes bytes, size_t i)
{
	return i < bytes.len ? ((const uint8_t *)bytes.at)[i] : 0;
}

static bool equal_under(struct ovs_bytes key, const uint8_t *mask, size_t mask_len,
			struct ovs_bytes packet)
{
	size_t len = key.len > packet.len ? key.len : packet.len;

	for (size_t i = 0; i < len; i++) {
		uint8_t bits = !mask ? 0xff : i < mask_len ? mask[i] : 0;

		if ((byte_of(key, i) ^ byte_of(packet, i)) & bits)
			return false;
	}
	return true;
}

/*
 * Walks `by`: the mask, or without one the key itself. What is in there decides
 * which attributes are compared; nested ones are compared by their own parts,
 * whose types are those of a packet in ENCAP only.
 */
static bool covers(struct ovs_bytes key, struct ovs_bytes by, bool masked,
		   struct ovs_bytes packet, bool of_packet)
{
	size_t at = 0;

	while (at + NLA_HDRLEN <= by.len) {
		const uint8_t *payload = (const uint8_t *)by.at + at + NLA_HDRLEN;
		struct ovs_bytes in_key, in_packet;
		struct nlattr nla;
		uint16_t type;
		size_t len;

		memcpy(&nla, (const uint8_t *)by.at + at, sizeof(nla));
		if (nla.nla_len < NLA_HDRLEN || nla.nla_len > by.len - at)
			break;
		type = nla.nla_type & NLA_TYPE_MASK;
		len = nla.nla_len - NLA_HDRLEN;
		in_key = find(key.at, key.len, type);
		in_packet = find(packet.at, packet.len, type);
		if (of_packet && is_nested(type)) {
			struct ovs_bytes inner = { payload, len };

			if (!covers(in_key, inner, masked, in_packet,
				    type == OVS_KEY_ATTR_ENCAP))
				return false;
		} else if (!equal_under(in_key, masked ? payload : NULL, len, in_packet)) {
			return false;
		}
		at += NLA_ALIGN((size_t)nla.nla_len);
	}
	return true;
}

bool ovs_flow_covers(struct ovs_bytes key, struct ovs_bytes mask, struct ovs_bytes packet)
{
	return covers(key, mask.at ? mask : key, mask.at, packet, true);
}

static bool is_zero(struct ovs_bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (((const uint8_t *)bytes.at)[i])
			return false;
	return true;
}

static bool is_tuple(uint16_t type)
{
	return type == OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4 ||
	       type == OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6;
}

static size_t mask_attrs(uint8_t *out, struct ovs_bytes key, struct ovs_bytes mask,
			 bool of_packet)
{
	size_t at = 0, used = 0;

	while (at + NLA_HDRLEN <= key.len) {
		const uint8_t *from = (const uint8_t *)key.at + at;
		struct ovs_bytes under, payload;
		struct nlattr nla;
		uint16_t type;

		memcpy(&nla, from, sizeof(nla));
		if (nla.nla_len < NLA_HDRLEN || nla.nla_len > key.len - at)
			break;
		at += NLA_ALIGN((size_t)nla.nla_len);
		type = nla.nla_type & NLA_TYPE_MASK;
		payload = (struct ovs_bytes){ from + NLA_HDRLEN, nla.nla_len - NLA_HDRLEN };
		under = find(mask.at, mask.len, type);
		if (of_packet && is_tuple(type) && is_zero(under))
			continue;
		if (of_packet && is_nested(type))
			nla.nla_len = NLA_HDRLEN + mask_attrs(out + used + NLA_HDRLEN, payload,
							      under, type == OVS_KEY_ATTR_ENCAP);
		else
			for (size_t i = 0; i < payload.len; i++)
				out[used + NLA_HDRLEN + i] = byte_of(payload, i) &
							     byte_of(under, i);
		memcpy(out + used, &nla, sizeof(nla));
		used += nla.nla_len;
		while (used % NLA_ALIGNTO && used < key.len)
			out[used++] = 0;
	}
	return used;
}

size_t ovs_key_mask(uint8_t *out, struct ovs_bytes key, struct ovs_bytes mask)
{
	if (mask.at)
		return mask_attrs(out, key, mask, true);
	memcpy(out, key.at, key.len);
	return key.len;
}

/* ---- the user's filter ---- */

static bool differ_under(const uint8_t *a, const uint8_t *b, const uint8_t *mask,
			 const uint8_t *also)
{
	for (int i = 0; i < 16; i++)
		if ((a[i] ^ b[i]) & mask[i] & also[i])
			return true;
	return false;
}

static bool is_ip(uint16_t eth_type)
{
	return eth_type == 0x0800 || eth_type == 0x86dd;
}

/* An EtherType, or the family that it stands for, is always matched exactly. */
static bool family_differs(const struct vnet_filter *f, const struct vnet_ovs_key *key)
{
	uint8_t family = key->eth_type == 0x0800 || key->eth_type == 0x0806 ? 4 :
			 key->eth_type == 0x86dd ? 6 : 0;

	return f->active & VNET_F_FAMILY && family != f->family;
}

static bool vlan_differs(const struct vnet_filter *f, const struct vnet_ovs_key *key,
			 const struct vnet_ovs_key *mask)
{
	if (!(f->active & VNET_F_VLAN))
		return false;
	if (!(key->has & VNET_OVS_HAS_VLAN))
		return true;
	if (!((key->vlan_tci ^ f->vlan) & mask->vlan_tci & 0xfff))
		return false;
	return !(key->has & VNET_OVS_HAS_CVLAN) ||
	       (key->cvlan_tci ^ f->vlan) & mask->cvlan_tci & 0xfff;
}

static bool ports_differ(const struct vnet_filter *f, uint16_t eth_type,
			 const struct vnet_flow *key, const struct vnet_flow *mask)
{
	if (!(f->active & (VNET_F_SRC_PORT | VNET_F_DST_PORT)))
		return false;
	if (!is_ip(eth_type))
		return true;
	/* A protocol that is matched and has no ports. */
	if (mask->protocol && !(key->flags & VNET_FLOW_PORTS))
		return true;
	if (f->active & VNET_F_SRC_PORT && (key->src_port ^ f->src_port) & mask->src_port)
		return true;
	return f->active & VNET_F_DST_PORT && (key->dst_port ^ f->dst_port) & mask->dst_port;
}

bool ovs_flow_may_match(const struct vnet_filter *f, struct ovs_bytes key_bytes,
			struct ovs_bytes mask_bytes)
{
	struct vnet_ovs_key key, mask;

	if (!(f->active & VNET_F_PACKET))
		return true;
	if (!key_bytes.at)
		return false;
	vnet_ovs_key_decode(key_bytes.at, key_bytes.len, &key);
	if (mask_bytes.at)
		vnet_ovs_key_decode(mask_bytes.at, mask_bytes.len, &mask);
	else
		memset(&mask, 0xff, sizeof(mask));
	if (f->active & VNET_F_ETHERTYPE && key.eth_type != f->ethertype)
		return false;
	if (family_differs(f, &key) || vlan_differs(f, &key, &mask))
		return false;
	if (f->active & VNET_F_PROTOCOL &&
	    (!is_ip(key.eth_type) ||
	     (f->protocol ^ key.flow.protocol) & mask.flow.protocol))
		return false;
	if (f->active & VNET_F_SRC &&
	    differ_under(f->src, key.flow.src, mask.flow.src, f->src_mask))
		return false;
	if (f->active & VNET_F_DST &&
	    differ_under(f->dst, key.flow.dst, mask.flow.dst, f->dst_mask))
		return false;
	return !ports_differ(f, key.eth_type, &key.flow, &mask.flow);
}

/* ---- flows ---- */

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	return hash;
}

/* A flow is known to the kernel by its UFID if it has one, else by its key. */
static struct ovs_bytes identifier(struct ovs_bytes ufid, struct ovs_bytes key)
{
	return ufid.at ? ufid : key;
}

static uint64_t id_of(const struct ovs_message *m)
{
	struct ovs_bytes id = identifier(m->ufid, m->key);
	uint64_t hash = hash_bytes(0xcbf29ce484222325, &m->dp, sizeof(m->dp));

	return hash_bytes(hash, id.at, id.len);
}

static struct ovs_flow **bucket_of(struct ovs_flows *flows, uint64_t id)
{
	return &flows->buckets[(id ^ id >> 32) % BUCKETS];
}

struct ovs_flows *ovs_flows_new(uint32_t max)
{
	struct ovs_flows *flows = vnet_alloc(sizeof(*flows));

	flows->max = max;
	return flows;
}

static void flow_free(struct ovs_flow *flow)
{
	free(flow->memory);
	free((void *)flow->actions.at);
	free(flow);
}

void ovs_flows_free(struct ovs_flows *flows)
{
	if (!flows)
		return;
	for (uint32_t i = 0; i < BUCKETS; i++) {
		while (flows->buckets[i]) {
			struct ovs_flow *flow = flows->buckets[i];

			flows->buckets[i] = flow->next;
			flow_free(flow);
		}
	}
	free(flows);
}

/* Flows without a UFID are not many: only by hand are they made so. */
static struct ovs_flow *find_by_masked_key(struct ovs_flows *flows,
					   const struct ovs_message *m)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct ovs_flow *flow = flows->buckets[i]; flow; flow = flow->next)
			if (!flow->ufid.at && flow->dp == m->dp &&
			    ovs_flow_covers(flow->key, flow->mask, m->key))
				return flow;
	return NULL;
}

struct ovs_flow *ovs_flows_find(struct ovs_flows *flows, const struct ovs_message *m)
{
	struct ovs_bytes want = identifier(m->ufid, m->key);
	uint64_t id = id_of(m);

	if (!want.at)
		return NULL;
	for (struct ovs_flow *flow = *bucket_of(flows, id); flow; flow = flow->next) {
		struct ovs_bytes have = m->ufid.at ? flow->ufid : flow->key;

		if (flow->id == id && flow->dp == m->dp && have.at && have.len == want.len &&
		    !memcmp(have.at, want.at, want.len))
			return flow;
	}
	return m->ufid.at ? NULL : find_by_masked_key(flows, m);
}

/* Copies to *at and moves it on; at NULL stays NULL, so that absence is kept. */
static struct ovs_bytes keep(char **at, struct ovs_bytes bytes)
{
	struct ovs_bytes kept = { *at, bytes.len };

	if (!bytes.at)
		return bytes;
	memcpy(*at, bytes.at, bytes.len);
	*at += bytes.len;
	return kept;
}

struct ovs_flow *ovs_flows_add(struct ovs_flows *flows, uint64_t now_ns,
			       const struct ovs_message *m)
{
	struct ovs_flow *flow = ovs_flows_find(flows, m), **bucket;
	char *at;

	/* One of the same name must have gone unseen. */
	if (flow)
		ovs_flows_remove(flows, flow);
	if (flows->nr >= flows->max)
		return NULL;
	flow = vnet_alloc(sizeof(*flow));
	flow->id = id_of(m);
	flow->dp = m->dp;
	flow->since_ns = now_ns;
	at = flow->memory = vnet_alloc(m->ufid.len + m->key.len + m->mask.len + 1);
	flow->ufid = keep(&at, m->ufid);
	flow->key = keep(&at, m->key);
	flow->mask = keep(&at, m->mask);
	ovs_flow_set_actions(flow, m->actions);
	bucket = bucket_of(flows, flow->id);
	flow->next = *bucket;
	*bucket = flow;
	flows->nr++;
	return flow;
}

void ovs_flow_set_actions(struct ovs_flow *flow, struct ovs_bytes actions)
{
	char *copy;

	/* A request without actions leaves them as they are. */
	if (!actions.at)
		return;
	copy = vnet_alloc(actions.len + 1);
	memcpy(copy, actions.at, actions.len);
	free((void *)flow->actions.at);
	flow->actions = (struct ovs_bytes){ copy, actions.len };
}

void ovs_flows_remove(struct ovs_flows *flows, struct ovs_flow *flow)
{
	struct ovs_flow **link = bucket_of(flows, flow->id);

	while (*link && *link != flow)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = flow->next;
	flow_free(flow);
	flows->nr--;
}

void ovs_flows_flush(struct ovs_flows *flows, uint32_t dp)
{
	for (uint32_t i = 0; i < BUCKETS; i++) {
		struct ovs_flow **link = &flows->buckets[i];

		while (*link) {
			struct ovs_flow *flow = *link;

			if (flow->dp != dp) {
				link = &flow->next;
				continue;
			}
			*link = flow->next;
			flow_free(flow);
			flows->nr--;
		}
	}
}

uint32_t ovs_flows_count(const struct ovs_flows *flows)
{
	return flows->nr;
}

void ovs_flows_each(const struct ovs_flows *flows, uint32_t dp,
		    void (*fn)(void *ctx, const struct ovs_flow *flow), void *ctx)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct ovs_flow *flow = flows->buckets[i]; flow; flow = flow->next)
			if (flow->dp == dp)
				fn(ctx, flow);
}
