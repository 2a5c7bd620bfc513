/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnel metadata of a flow's key or of a set action. Flags are attributes
 * without a payload: all of them together are one member of the text.
 */
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

/* Bits of the flags, in the order in which they are written. */
enum {
	FLAG_OAM = 1 << 0,
	FLAG_DF = 1 << 1,
	FLAG_CSUM = 1 << 2,
	FLAG_KEY = 1 << 3,	/* there is a tunnel id */
	FLAG_ALL = FLAG_OAM | FLAG_DF | FLAG_CSUM | FLAG_KEY
};

static const char *const flag_names[] = { "oam", "df", "csum", "key" };

/* Head of a Geneve option: class, type, length in words of four bytes. */
#define GENEVE_HEAD	4
#define GENEVE_WORDS	0x1f

static void put_geneve_data(struct vnet_ovs_out *out, const uint8_t *data,
			    const uint8_t *mask, size_t len)
{
	bool none = mask, all = true;

	for (size_t i = 0; mask && i < len; i++) {
		none = none && !mask[i];
		all = all && mask[i] == 0xff;
	}
	if (!len || (out->terse && none))
		return;
	vnet_ovs_item(out);
	vnet_ovs_hex(out, data, len);
	if (mask && !all) {
		vnet_ovs_puts(out, "/");
		vnet_ovs_hex(out, mask, len);
	}
}

static void put_geneve_option(struct vnet_ovs_out *out, const uint8_t *option,
			      const uint8_t *mask)
{
	static const struct vnet_ovs_field fields[] = {
		{ "class", 0, 2, VNET_OVS_HEX }, { "type", 2, 1, VNET_OVS_HEX },
	};
	size_t len = (option[3] & GENEVE_WORDS) * 4;
	uint64_t len_mask = 0;

	/* Options follow each other without a comma. */
	vnet_ovs_puts(out, "{");
	out->separate = false;
	for (size_t i = 0; i < VNET_ARRAY_SIZE(fields); i++)
		vnet_ovs_field(out, &fields[i], option + fields[i].offset,
			       mask ? mask + fields[i].offset : NULL);
	if (mask) {
		len_mask = mask[3] & GENEVE_WORDS;
		len_mask = len_mask == GENEVE_WORDS ? 0xff : len_mask;
	}
	vnet_ovs_number(out, "len", len, mask ? &len_mask : NULL, 1, VNET_OVS_DEC);
	put_geneve_data(out, option + GENEVE_HEAD, mask ? mask + GENEVE_HEAD : NULL, len);
	vnet_ovs_puts(out, "}");
}

static void put_geneve(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const uint8_t *data = pair->key.data;
	size_t left = pair->key.len;

	if (pair->mask.data && pair->mask.len != pair->key.len) {
		vnet_ovs_bad_pair(out, pair);
		return;
	}
	while (left) {
		size_t offset = data - pair->key.data, len = GENEVE_HEAD;

		if (left >= GENEVE_HEAD)
			len += (data[3] & GENEVE_WORDS) * 4;
		if (left < len) {
			vnet_ovs_bad(out, data, left);
			return;
		}
		put_geneve_option(out, data, vnet_ovs_mask_at(pair, offset));
		data += len;
		left -= len;
	}
}

/* Group policy: its id in the lower half of a number in host byte order. */
static void put_gbp(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	uint32_t value = vnet_ovs_u32(pair->key.data);
	const uint8_t *at = vnet_ovs_mask_at(pair, 0);
	uint32_t mask = at ? vnet_ovs_u32(at) : 0;
	uint64_t id = mask & 0xffff, flags = mask >> 16 & 0xff;

	vnet_ovs_open(out, "gbp");
	vnet_ovs_number(out, "id", value & 0xffff, at ? &id : NULL, 2, VNET_OVS_DEC);
	vnet_ovs_number(out, "flags", value >> 16 & 0xff, at ? &flags : NULL, 1,
			VNET_OVS_HEX);
	vnet_ovs_close(out);
}

static bool has_length(const struct vnet_ovs_pair *pair, size_t len)
{
	return pair->key.len == len && (!pair->mask.data || pair->mask.len == len);
}

static void put_vxlan(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const uint8_t *mask = vnet_ovs_mask_at(pair, 0);
	struct vnet_ovs_stream stream = { pair->key.data, pair->key.len };
	struct vnet_ovs_pair inner = {};

	while (vnet_ovs_next(&stream, &inner.key)) {
		vnet_ovs_pair_find(&inner, mask, pair->mask.len);
		if (inner.key.type == OVS_VXLAN_EXT_GBP && has_length(&inner, 4))
			put_gbp(out, &inner);
		else
			vnet_ovs_put_unknown(out, &inner);
	}
	if (stream.left)
		vnet_ovs_bad(out, stream.at, stream.left);
}

/* struct erspan_metadata: the version, then what is of that version. */
#define ERSPAN_LEN	12

static void put_erspan(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const uint8_t *data = pair->key.data, *mask = vnet_ovs_mask_at(pair, 0);
	uint32_t version = vnet_ovs_u32(data);
	uint64_t ver = mask ? vnet_ovs_u32(mask) & 0xff : 0;
	uint64_t dir = mask ? mask[11] >> 3 & 1 : 0, hwid = mask ? mask[11] >> 4 : 0;

	vnet_ovs_number(out, "ver", version & 0xff, mask ? &ver : NULL, 1, VNET_OVS_DEC);
	if (version == 1) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "idx=%#x", vnet_ovs_be32(data + 4));
		if (mask)
			vnet_ovs_printf(out, "/%#x", vnet_ovs_be32(mask + 4));
	} else if (version == 2) {
		/* Bit fields, here of a little-endian kernel; only 4 bits of hwid show. */
		vnet_ovs_number(out, "dir", data[11] >> 3 & 1, mask ? &dir : NULL, 1,
				VNET_OVS_DEC);
		vnet_ovs_number(out, "hwid", data[11] >> 4, mask ? &hwid : NULL, 1,
				VNET_OVS_HEX);
	} else {
		vnet_ovs_bad(out, data, ERSPAN_LEN);
	}
}

typedef void put_fn(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);

/* One type of attribute: a member, a flag, or a list in parentheses. */
static const struct kind {
	struct vnet_ovs_field field;	/* its name and size are of the others too */
	bool known;
	uint8_t flag;
	put_fn *put;
	bool variable;			/* any length */
} kinds[] = {
	[OVS_TUNNEL_KEY_ATTR_ID] = { { "tun_id", 0, 8, VNET_OVS_HEX_PLAIN }, true, FLAG_KEY },
	[OVS_TUNNEL_KEY_ATTR_IPV4_SRC] = { { "src", 0, 4, VNET_OVS_IPV4 }, true },
	[OVS_TUNNEL_KEY_ATTR_IPV4_DST] = { { "dst", 0, 4, VNET_OVS_IPV4 }, true },
	[OVS_TUNNEL_KEY_ATTR_TOS] = { { "tos", 0, 1, VNET_OVS_HEX }, true },
	[OVS_TUNNEL_KEY_ATTR_TTL] = { { "ttl", 0, 1, VNET_OVS_DEC }, true },
	[OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT] = { { }, true, FLAG_DF },
	[OVS_TUNNEL_KEY_ATTR_CSUM] = { { }, true, FLAG_CSUM },
	[OVS_TUNNEL_KEY_ATTR_OAM] = { { }, true, FLAG_OAM },
	[OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS] = { { "geneve" }, true, 0, put_geneve, true },
	[OVS_TUNNEL_KEY_ATTR_TP_SRC] = { { "tp_src", 0, 2, VNET_OVS_DEC }, true },
	[OVS_TUNNEL_KEY_ATTR_TP_DST] = { { "tp_dst", 0, 2, VNET_OVS_DEC }, true },
	[OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS] = { { "vxlan" }, true, 0, put_vxlan, true },
	[OVS_TUNNEL_KEY_ATTR_IPV6_SRC] = { { "ipv6_src", 0, 16, VNET_OVS_IPV6 }, true },
	[OVS_TUNNEL_KEY_ATTR_IPV6_DST] = { { "ipv6_dst", 0, 16, VNET_OVS_IPV6 }, true },
	[OVS_TUNNEL_KEY_ATTR_PAD] = { { }, true, 0, NULL, true },
	[OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS] = {
		{ "erspan", 0, ERSPAN_LEN }, true, 0, put_erspan },
};

static const struct kind *kind_of(uint16_t type)
{
	return type < VNET_ARRAY_SIZE(kinds) && kinds[type].known ? &kinds[type] : NULL;
}

static void put_attr(struct vnet_ovs_out *out, const struct kind *kind,
		     const struct vnet_ovs_pair *pair)
{
	if (!kind || (!kind->variable && !has_length(pair, kind->field.size))) {
		vnet_ovs_put_unknown(out, pair);
	} else if (kind->put) {
		vnet_ovs_open(out, kind->field.name);
		kind->put(out, pair);
		vnet_ovs_close(out);
	} else if (kind->field.name) {
		vnet_ovs_field(out, &kind->field, pair->key.data, vnet_ovs_mask_at(pair, 0));
	}
}

/* Flags are matched that the key has not, so the mask's are read for themselves. */
static uint32_t read_mask_flags(const struct vnet_ovs_attr *mask)
{
	struct vnet_ovs_stream stream = { mask->data, mask->len };
	struct vnet_ovs_attr attr;
	uint32_t flags = 0;

	while (vnet_ovs_next(&stream, &attr))
		if (kind_of(attr.type))
			flags |= kinds[attr.type].flag & ~FLAG_KEY;
	return flags;
}

void vnet_ovs_put_tunnel(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	static const struct vnet_ovs_flags names = {
		flag_names, VNET_ARRAY_SIZE(flag_names), FLAG_ALL,
	};
	const uint8_t *mask = vnet_ovs_mask_at(pair, 0);
	struct vnet_ovs_stream stream = { pair->key.data, pair->key.len };
	uint32_t flags = 0, mask_flags = read_mask_flags(&pair->mask);
	struct vnet_ovs_pair inner = {};

	while (vnet_ovs_next(&stream, &inner.key)) {
		const struct kind *kind = kind_of(inner.key.type);

		vnet_ovs_pair_find(&inner, mask, pair->mask.len);
		put_attr(out, kind, &inner);
		if (kind)
			flags |= kind->flag;
		/* The id is taken as matched where there is a mask at all. */
		if (mask && kind)
			mask_flags |= kind->flag & FLAG_KEY;
	}
	if (stream.left)
		vnet_ovs_bad(out, stream.at, stream.left);
	if (out->terse && mask && !mask_flags)
		return;
	vnet_ovs_open(out, "flags");
	if (mask)
		vnet_ovs_flags_masked(out, &names, flags, mask_flags);
	else
		vnet_ovs_flags(out, &names, flags, "|");
	vnet_ovs_close(out);
}
