/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A flow's actions as text: a table of the types that Linux's datapath has.
 * Those that only the datapath in user space has are numbered differently from
 * one Open vSwitch to the next, and never come from a kernel.
 */
#include <stdio.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

typedef void put_fn(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr);

#define VARIABLE	0xff

/* One type of action. */
struct kind {
	put_fn *put;		/* writes all of it; the comma is there */
	const char *name;	/* put NULL: this is all of it */
	uint8_t len;		/* of the payload, or VARIABLE */
};

/* The name, and a number in parentheses: format has both. */
static void put_u32(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
		    const char *format)
{
	vnet_ovs_printf(out, format, vnet_ovs_u32(attr->data));
}

static void put_output(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	vnet_ovs_port(out, vnet_ovs_u32(attr->data));
}

static void put_recirc(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	put_u32(out, attr, "recirc(%#x)");
}

static void put_meter(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	put_u32(out, attr, "meter(%u)");
}

static void put_trunc(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	put_u32(out, attr, "trunc(%u)");
}

static void put_hash(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	static const char *const names[] = { "l4", "sym_l4" };
	uint32_t algorithm = vnet_ovs_u32(attr->data);

	if (algorithm < VNET_ARRAY_SIZE(names))
		vnet_ovs_printf(out, "hash(%s(%u))", names[algorithm],
				vnet_ovs_u32(attr->data + 4));
	else
		vnet_ovs_printf(out, "hash(Unknown hash algorithm(%u))", algorithm);
}

static void put_push_vlan(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_pair tci = { .key = { .data = attr->data + 2, .len = 2 } };
	uint16_t tpid = vnet_ovs_be16(attr->data);

	vnet_ovs_puts(out, "push_vlan(");
	out->separate = false;
	if (tpid != ETH_P_8021Q) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "tpid=0x%04x", tpid);
	}
	vnet_ovs_put_vlan(out, &tci);
	vnet_ovs_close(out);
}

/* push_mpls and add_mpls; where the latter puts the label is not shown. */
static void put_label(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
		      const char *name)
{
	vnet_ovs_printf(out, "%s(", name);
	out->separate = false;
	vnet_ovs_put_lse(out, vnet_ovs_be32(attr->data));
	vnet_ovs_printf(out, ",eth_type=0x%x)", vnet_ovs_be16(attr->data + 4));
}

static void put_push_mpls(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	put_label(out, attr, "push_mpls");
}

static void put_add_mpls(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	put_label(out, attr, "add_mpls");
}

static void put_pop_mpls(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	vnet_ovs_printf(out, "pop_mpls(eth_type=0x%x)", vnet_ovs_be16(attr->data));
}

static void put_push_eth(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	const uint8_t *src = attr->data, *dst = attr->data + ETH_ALEN;

	vnet_ovs_printf(out, "push_eth(src=%02x:%02x:%02x:%02x:%02x:%02x,"
			"dst=%02x:%02x:%02x:%02x:%02x:%02x)",
			src[0], src[1], src[2], src[3], src[4], src[5],
			dst[0], dst[1], dst[2], dst[3], dst[4], dst[5]);
}

static void put_bad(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
		    const char *name)
{
	vnet_ovs_printf(out, "%s(", name);
	out->separate = false;
	vnet_ovs_bad(out, attr->data, attr->len);
	vnet_ovs_close(out);
}

/* Headers are written as in a key, but for ports' names, which dpctl leaves out. */
static void put_header(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair,
		       bool terse)
{
	static const struct vnet_ovs_style plain;
	const struct vnet_ovs_style *style = out->style;
	bool was_terse = out->terse;

	out->style = &plain;
	out->terse = terse;
	vnet_ovs_put_key_attr(out, pair);
	out->terse = was_terse;
	out->style = style;
}

static void put_set(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_stream stream = { attr->data, attr->len };
	struct vnet_ovs_pair pair = {};

	if (!vnet_ovs_next(&stream, &pair.key) || stream.left) {
		put_bad(out, attr, "set");
		return;
	}
	vnet_ovs_puts(out, "set(");
	out->separate = false;
	put_header(out, &pair, false);
	vnet_ovs_close(out);
}

/* The attribute has the value and, behind it, a mask of the same length. */
static void put_set_masked(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_stream stream = { attr->data, attr->len };
	struct vnet_ovs_pair pair = {};
	size_t half;

	if (!vnet_ovs_next(&stream, &pair.key) || stream.left ||
	    (pair.key.type != OVS_KEY_ATTR_NSH && pair.key.len % 2)) {
		put_bad(out, attr, "set");
		return;
	}
	vnet_ovs_puts(out, "set(");
	out->separate = false;
	if (pair.key.type == OVS_KEY_ATTR_NSH) {
		vnet_ovs_put_set_nsh(out, &pair.key);
	} else {
		half = pair.key.len / 2;
		pair.mask = pair.key;
		pair.key.len = pair.mask.len = half;
		pair.mask.data += half;
		put_header(out, &pair, true);
	}
	vnet_ovs_close(out);
}

/* "name(" is there: the list, and its end. */
static void put_nested(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
		       const char *end)
{
	vnet_ovs_put_actions(out, attr->data, attr->len);
	vnet_ovs_puts(out, end);
	out->separate = true;
}

/* What else is in a nest that should have types below nr, and its end. */
static void put_end(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
		    unsigned int nr)
{
	vnet_ovs_put_rest(out, attr, nr);
	vnet_ovs_close(out);
}

static void put_sample(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_attr found[OVS_SAMPLE_ATTR_ACTIONS + 1];
	const struct vnet_ovs_attr *share = &found[OVS_SAMPLE_ATTR_PROBABILITY];

	if (!vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) ||
	    !found[OVS_SAMPLE_ATTR_ACTIONS].data || !share->data || share->len != 4) {
		put_bad(out, attr, "sample");
		return;
	}
	vnet_ovs_printf(out, "sample(sample=%.1f%%,actions(",
			100.0 * vnet_ovs_u32(share->data) / UINT32_MAX);
	put_nested(out, &found[OVS_SAMPLE_ATTR_ACTIONS], ")");
	put_end(out, attr, VNET_ARRAY_SIZE(found));
}

static void put_clone(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	vnet_ovs_puts(out, "clone(");
	put_nested(out, attr, ")");
}

static void put_check_pkt_len(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_attr found[OVS_CHECK_PKT_LEN_ATTR_MAX + 1];
	const struct vnet_ovs_attr *len = &found[OVS_CHECK_PKT_LEN_ATTR_PKT_LEN];
	const struct vnet_ovs_attr *more = &found[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER];
	const struct vnet_ovs_attr *less =
		&found[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL];

	if (!vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) ||
	    !more->data || !less->data || !len->data || len->len != 2) {
		put_bad(out, attr, "check_pkt_len");
		return;
	}
	vnet_ovs_printf(out, "check_pkt_len(size=%u,gt(", vnet_ovs_u16(len->data));
	put_nested(out, more, "),le(");
	put_nested(out, less, ")");
	put_end(out, attr, VNET_ARRAY_SIZE(found));
}

/* Open vSwitch 3.1 takes it for one of its own; this is how later ones write it. */
static void put_dec_ttl(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_attr found[OVS_DEC_TTL_ATTR_MAX + 1];

	if (!vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) ||
	    !found[OVS_DEC_TTL_ATTR_ACTION].data) {
		put_bad(out, attr, "dec_ttl");
		return;
	}
	vnet_ovs_puts(out, "dec_ttl(le_1(");
	put_nested(out, &found[OVS_DEC_TTL_ATTR_ACTION], ")");
	put_end(out, attr, VNET_ARRAY_SIZE(found));
}

/* OVS_PSAMPLE_ATTR_*, which the headers of older systems do not have. */
enum { PSAMPLE_GROUP = 1, PSAMPLE_COOKIE };

static void put_psample(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_attr found[PSAMPLE_COOKIE + 1];

	if (!vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) ||
	    found[PSAMPLE_GROUP].len != 4) {
		put_bad(out, attr, "psample");
		return;
	}
	vnet_ovs_printf(out, "psample(group=%u", vnet_ovs_u32(found[PSAMPLE_GROUP].data));
	if (found[PSAMPLE_COOKIE].data) {
		vnet_ovs_puts(out, ",cookie=");
		vnet_ovs_hex(out, found[PSAMPLE_COOKIE].data, found[PSAMPLE_COOKIE].len);
	}
	out->separate = true;
	put_end(out, attr, VNET_ARRAY_SIZE(found));
}

static void put_push_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	out->separate = false;
	vnet_ovs_put_push_nsh(out, attr);
}

static const struct kind kinds[] = {
	[OVS_ACTION_ATTR_OUTPUT] = { put_output, "output", 4 },
	[OVS_ACTION_ATTR_USERSPACE] = { vnet_ovs_put_userspace, "userspace", VARIABLE },
	[OVS_ACTION_ATTR_SET] = { put_set, "set", VARIABLE },
	[OVS_ACTION_ATTR_PUSH_VLAN] = {
		put_push_vlan, "push_vlan", sizeof(struct ovs_action_push_vlan) },
	[OVS_ACTION_ATTR_POP_VLAN] = { NULL, "pop_vlan", 0 },
	[OVS_ACTION_ATTR_SAMPLE] = { put_sample, "sample", VARIABLE },
	[OVS_ACTION_ATTR_RECIRC] = { put_recirc, "recirc", 4 },
	[OVS_ACTION_ATTR_HASH] = { put_hash, "hash", sizeof(struct ovs_action_hash) },
	[OVS_ACTION_ATTR_PUSH_MPLS] = {
		put_push_mpls, "push_mpls", sizeof(struct ovs_action_push_mpls) },
	[OVS_ACTION_ATTR_POP_MPLS] = { put_pop_mpls, "pop_mpls", 2 },
	[OVS_ACTION_ATTR_SET_MASKED] = { put_set_masked, "set", VARIABLE },
	[OVS_ACTION_ATTR_CT] = { vnet_ovs_put_ct, "ct", VARIABLE },
	[OVS_ACTION_ATTR_TRUNC] = { put_trunc, "trunc", sizeof(struct ovs_action_trunc) },
	[OVS_ACTION_ATTR_PUSH_ETH] = {
		put_push_eth, "push_eth", sizeof(struct ovs_action_push_eth) },
	[OVS_ACTION_ATTR_POP_ETH] = { NULL, "pop_eth", 0 },
	[OVS_ACTION_ATTR_CT_CLEAR] = { NULL, "ct_clear", 0 },
	[OVS_ACTION_ATTR_PUSH_NSH] = { put_push_nsh, "push_nsh", VARIABLE },
	[OVS_ACTION_ATTR_POP_NSH] = { NULL, "pop_nsh()", 0 },
	[OVS_ACTION_ATTR_METER] = { put_meter, "meter", 4 },
	[OVS_ACTION_ATTR_CLONE] = { put_clone, "clone", VARIABLE },
	[OVS_ACTION_ATTR_CHECK_PKT_LEN] = { put_check_pkt_len, "check_pkt_len", VARIABLE },
	[OVS_ACTION_ATTR_ADD_MPLS] = {
		put_add_mpls, "add_mpls", sizeof(struct ovs_action_add_mpls) },
	[OVS_ACTION_ATTR_DEC_TTL] = { put_dec_ttl, "dec_ttl", VARIABLE },
	[VNET_OVS_ACTION_DROP] = { NULL, "drop", 4 },
	[VNET_OVS_ACTION_PSAMPLE] = { put_psample, "psample", VARIABLE },
};

static void put_unknown(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	vnet_ovs_printf(out, "action%u", attr->type);
	if (!attr->len)
		return;
	vnet_ovs_puts(out, "(");
	vnet_ovs_bytes(out, attr->data, attr->len, " ");
	vnet_ovs_puts(out, ")");
}

static void put_action(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	const struct kind *kind = attr->type < VNET_ARRAY_SIZE(kinds) ?
				  &kinds[attr->type] : NULL;

	vnet_ovs_item(out);
	if (!kind || !kind->name)
		put_unknown(out, attr);
	else if (kind->len != VARIABLE && kind->len != attr->len)
		put_bad(out, attr, kind->name);
	else if (kind->put)
		kind->put(out, attr);
	else
		vnet_ovs_puts(out, kind->name);
	out->separate = true;
}

void vnet_ovs_put_actions(struct vnet_ovs_out *out, const uint8_t *data, size_t len)
{
	struct vnet_ovs_stream stream = { data, len };
	struct vnet_ovs_attr attr;

	out->separate = false;
	if (out->depth == VNET_OVS_MAX_DEPTH) {
		vnet_ovs_bad(out, data, len);
		return;
	}
	out->depth++;
	while (vnet_ovs_next(&stream, &attr))
		put_action(out, &attr);
	out->depth--;
	if (stream.left)
		vnet_ovs_bad(out, stream.at, stream.left);
	else if (!len)
		vnet_ovs_puts(out, "drop");
}

size_t vnet_ovs_actions_text(char *buf, size_t size, const struct vnet_ovs_style *style,
			     const void *actions, size_t len)
{
	struct vnet_ovs_out out = vnet_ovs_out_init(buf, size, style);

	vnet_ovs_put_actions(&out, actions, len);
	return out.len;
}
