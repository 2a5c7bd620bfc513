/* SPDX-License-Identifier: GPL-2.0-only */
/* Network service headers: in a key, in a set action, and as they are pushed. */
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

/* Kinds of metadata. */
#define MD_TYPE1	1
#define MD_TYPE2	2
#define CONTEXTS	4

/* A header with its mask; what an attribute does not have is zero and exact. */
struct nsh {
	struct ovs_nsh_key_base base, base_mask;
	struct ovs_nsh_key_md1 md1, md1_mask;
	bool masked;		/* else the masks mean nothing */
};

static const struct nsh no_nsh = {
	.base_mask = { 0xff, 0xff, 0xff, 0xff, 0xffffffff },
	.md1_mask = { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff } },
};

/* The sizes of the two attributes that ovs-dpctl knows. */
static size_t attr_len(uint16_t type)
{
	static const size_t sizes[] = {
		[OVS_NSH_KEY_ATTR_BASE] = sizeof(struct ovs_nsh_key_base),
		[OVS_NSH_KEY_ATTR_MD1] = sizeof(struct ovs_nsh_key_md1),
	};

	return type < VNET_ARRAY_SIZE(sizes) ? sizes[type] : 0;
}

static void read_attr(struct nsh *nsh, uint16_t type, const uint8_t *value,
		      const uint8_t *mask)
{
	bool is_base = type == OVS_NSH_KEY_ATTR_BASE;
	size_t len = attr_len(type);

	memcpy(is_base ? (void *)&nsh->base : &nsh->md1, value, len);
	if (mask)
		memcpy(is_base ? (void *)&nsh->base_mask : &nsh->md1_mask, mask, len);
}

static uint32_t path_of(const struct ovs_nsh_key_base *base)
{
	return vnet_ovs_be32((const uint8_t *)&base->path_hdr);
}

static uint32_t context(const struct ovs_nsh_key_md1 *md1, size_t i)
{
	return vnet_ovs_be32((const uint8_t *)&md1->context[i]);
}

static void put_exact(struct vnet_ovs_out *out, const struct nsh *nsh)
{
	uint32_t path = path_of(&nsh->base);

	vnet_ovs_item(out);
	vnet_ovs_printf(out, "flags=%u,ttl=%u,mdtype=%u,np=%u,spi=0x%x,si=%u",
			nsh->base.flags, nsh->base.ttl, nsh->base.mdtype, nsh->base.np,
			path >> 8, path & 0xff);
	for (size_t i = 0; nsh->base.mdtype == MD_TYPE1 && i < CONTEXTS; i++)
		vnet_ovs_printf(out, ",c%zu=0x%x", i + 1, context(&nsh->md1, i));
}

static void put_u8(struct vnet_ovs_out *out, const char *name, uint8_t value, uint8_t mask)
{
	if (!mask)
		return;
	vnet_ovs_item(out);
	if (mask == 0xff)
		vnet_ovs_printf(out, "%s=%u", name, value);
	else
		vnet_ovs_printf(out, "%s=0x%02x/0x%02x", name, value, mask);
}

static void put_u32(struct vnet_ovs_out *out, const char *name, uint32_t value,
		    uint32_t mask, uint32_t all)
{
	if (!mask)
		return;
	vnet_ovs_item(out);
	vnet_ovs_printf(out, "%s=0x%x", name, value);
	if (mask != all)
		vnet_ovs_printf(out, "/0x%08x", mask);
}

/* With a mask, nothing is shown that it does not have, with -m either. */
static void put_masked(struct vnet_ovs_out *out, const struct nsh *nsh)
{
	const struct ovs_nsh_key_base *base = &nsh->base, *mask = &nsh->base_mask;

	put_u8(out, "flags", base->flags, mask->flags);
	put_u8(out, "ttl", base->ttl, mask->ttl);
	put_u8(out, "mdtype", base->mdtype, mask->mdtype);
	put_u8(out, "np", base->np, mask->np);
	put_u32(out, "spi", path_of(base) >> 8, path_of(mask) >> 8, 0xffffff);
	put_u8(out, "si", path_of(base) & 0xff, path_of(mask) & 0xff);
	for (size_t i = 0; i < CONTEXTS; i++) {
		char name[] = { 'c', (char)('1' + i), 0 };

		put_u32(out, name, context(&nsh->md1, i), context(&nsh->md1_mask, i),
			UINT32_MAX);
	}
}

void vnet_ovs_put_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const uint8_t *mask = vnet_ovs_mask_at(pair, 0);
	struct vnet_ovs_stream stream = { pair->key.data, pair->key.len };
	struct vnet_ovs_pair inner = {};
	struct nsh nsh = no_nsh;

	while (vnet_ovs_next(&stream, &inner.key)) {
		size_t len = attr_len(inner.key.type);

		vnet_ovs_pair_find(&inner, mask, pair->mask.len);
		if (!len || inner.key.len != len || (inner.mask.data && inner.mask.len != len))
			vnet_ovs_put_unknown(out, &inner);
		else
			read_attr(&nsh, inner.key.type, inner.key.data,
				  vnet_ovs_mask_at(&inner, 0));
	}
	if (stream.left)
		vnet_ovs_bad(out, stream.at, stream.left);
	if (mask)
		put_masked(out, &nsh);
	else
		put_exact(out, &nsh);
}

void vnet_ovs_put_set_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_stream stream = { attr->data, attr->len };
	struct vnet_ovs_pair inner = {};
	struct nsh nsh = no_nsh;

	vnet_ovs_open(out, "nsh");
	while (vnet_ovs_next(&stream, &inner.key)) {
		size_t len = attr_len(inner.key.type);

		if (!len || inner.key.len != 2 * len)
			vnet_ovs_put_unknown(out, &inner);
		else
			read_attr(&nsh, inner.key.type, inner.key.data,
				  inner.key.data + len);
	}
	if (stream.left)
		vnet_ovs_bad(out, stream.at, stream.left);
	put_masked(out, &nsh);
	vnet_ovs_close(out);
}

/* Of the header, two bits are flags and six the TTL. */
#define HEADER_FLAGS	0x3
#define HEADER_TTL	0x3f

static void put_metadata(struct vnet_ovs_out *out, uint8_t mdtype,
			 const struct vnet_ovs_attr *found)
{
	const struct vnet_ovs_attr *md1 = &found[OVS_NSH_KEY_ATTR_MD1];
	const struct vnet_ovs_attr *md2 = &found[OVS_NSH_KEY_ATTR_MD2];

	if (mdtype == MD_TYPE1) {
		for (size_t i = 0; i < CONTEXTS; i++)
			vnet_ovs_printf(out, ",c%zu=0x%x", i + 1,
					md1->data ? vnet_ovs_be32(md1->data + 4 * i) : 0);
	} else if (mdtype == MD_TYPE2) {
		vnet_ovs_puts(out, ",md2=");
		vnet_ovs_hex(out, md2->data, md2->len);
	} else {
		vnet_ovs_puts(out, ",<error: unknown mdtype>");
	}
}

void vnet_ovs_put_push_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_attr found[OVS_NSH_KEY_ATTR_MAX + 1], nest;
	struct vnet_ovs_stream stream = { attr->data, attr->len };
	const struct vnet_ovs_attr *base = &found[OVS_NSH_KEY_ATTR_BASE];
	const struct vnet_ovs_attr *md1 = &found[OVS_NSH_KEY_ATTR_MD1];
	const struct vnet_ovs_attr *md2 = &found[OVS_NSH_KEY_ATTR_MD2];

	vnet_ovs_open(out, "push_nsh");
	/* The whole is in an attribute of a key, and that in the action's. */
	if (!vnet_ovs_next(&stream, &nest) || nest.type != OVS_KEY_ATTR_NSH || stream.left ||
	    !vnet_ovs_parse(&nest, found, VNET_ARRAY_SIZE(found)) ||
	    !base->data || base->len != attr_len(OVS_NSH_KEY_ATTR_BASE) ||
	    (md1->data && (md1->len != attr_len(OVS_NSH_KEY_ATTR_MD1) ||
			   base->data[2] != MD_TYPE1)) ||
	    (md2->data && base->data[2] != MD_TYPE2)) {
		vnet_ovs_bad(out, attr->data, attr->len);
	} else {
		uint32_t path = vnet_ovs_be32(base->data + 4);

		vnet_ovs_printf(out, "flags=%u,ttl=%u,mdtype=%u,np=%u,spi=0x%x,si=%u",
				base->data[0] & HEADER_FLAGS, base->data[1] & HEADER_TTL,
				base->data[2], base->data[3], path >> 8, path & 0xff);
		put_metadata(out, base->data[2], found);
		out->separate = true;
		vnet_ovs_put_rest(out, &nest, VNET_ARRAY_SIZE(found));
	}
	vnet_ovs_close(out);
}
