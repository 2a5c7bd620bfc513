/* SPDX-License-Identifier: GPL-2.0-only */
/* The ct action: connection tracking and its address translation. */
#include <arpa/inet.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

/*
 * The events that ovs-vswitchd wants of every connection that it commits: new,
 * related, destroy, mark, label. ovs-dpctl shows no mask; here others do show.
 */
#define USUAL_EVENTS	0x487

/* Commit and the like. */
struct flag {
	uint16_t type;
	const char *name;
};

/* What the kernel's policy allows of a payload's length. */
struct length {
	uint16_t min, max;
};

static bool lengths_fit(const struct vnet_ovs_attr *found, const struct length *lengths,
			size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (found[i].data &&
		    (found[i].len < lengths[i].min || found[i].len > lengths[i].max))
			return false;
	return true;
}

/* Characters that are all there, with one NUL at the end. */
static bool is_text(const struct vnet_ovs_attr *attr)
{
	return !attr->data || memchr(attr->data, 0, attr->len) == attr->data + attr->len - 1;
}

static void put_flags(struct vnet_ovs_out *out, const struct vnet_ovs_attr *found,
		      const struct flag *flags, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!found[flags[i].type].data)
			continue;
		vnet_ovs_item(out);
		vnet_ovs_puts(out, flags[i].name);
	}
}

static uint16_t u16_of(const struct vnet_ovs_attr *attr)
{
	return attr->data ? vnet_ovs_u16(attr->data) : 0;
}

/* IPv6 addresses are in brackets if ports follow. */
static void put_address(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
			bool has_ports)
{
	bool brackets = attr->len != 4 && has_ports;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(attr->len == 4 ? AF_INET : AF_INET6, attr->data, text, sizeof(text));
	vnet_ovs_printf(out, brackets ? "[%s]" : "%s", text);
}

static bool is_zero(const struct vnet_ovs_attr *attr)
{
	for (size_t i = 0; i < attr->len; i++)
		if (attr->data[i])
			return false;
	return true;
}

/* "=first-last:port-port": a last one that says nothing is left out. */
static void put_range(struct vnet_ovs_out *out, const struct vnet_ovs_attr *found)
{
	const struct vnet_ovs_attr *min = &found[OVS_NAT_ATTR_IP_MIN];
	const struct vnet_ovs_attr *max = &found[OVS_NAT_ATTR_IP_MAX];
	uint16_t port = u16_of(&found[OVS_NAT_ATTR_PROTO_MIN]);
	uint16_t last_port = u16_of(&found[OVS_NAT_ATTR_PROTO_MAX]);

	if (!min->data && !port)
		return;
	vnet_ovs_puts(out, "=");
	if (min->data)
		put_address(out, min, port);
	if (min->data && max->data && !is_zero(max) && memcmp(min->data, max->data, min->len)) {
		vnet_ovs_puts(out, "-");
		put_address(out, max, port);
	}
	if (port)
		vnet_ovs_printf(out, ":%u", port);
	if (port && last_port && last_port != port)
		vnet_ovs_printf(out, "-%u", last_port);
}

/* Addresses are of one family, and a last one has a first. */
static bool nat_is_valid(const struct vnet_ovs_attr *found)
{
	static const struct length lengths[] = {
		[OVS_NAT_ATTR_IP_MIN] = { 4, 16 },
		[OVS_NAT_ATTR_IP_MAX] = { 4, 16 },
		[OVS_NAT_ATTR_PROTO_MIN] = { 2, 2 },
		[OVS_NAT_ATTR_PROTO_MAX] = { 2, 2 },
	};
	const struct vnet_ovs_attr *min = &found[OVS_NAT_ATTR_IP_MIN];
	const struct vnet_ovs_attr *max = &found[OVS_NAT_ATTR_IP_MAX];
	const struct vnet_ovs_attr *src = &found[OVS_NAT_ATTR_SRC];
	const struct vnet_ovs_attr *dst = &found[OVS_NAT_ATTR_DST];

	if (!lengths_fit(found, lengths, VNET_ARRAY_SIZE(lengths)))
		return false;
	if ((min->data && min->len != 4 && min->len != 16) ||
	    (max->data && max->len != min->len))
		return false;
	if (found[OVS_NAT_ATTR_PROTO_MAX].data && !found[OVS_NAT_ATTR_PROTO_MIN].data)
		return false;
	if (src->data || dst->data)
		return !(src->data && dst->data);
	/* Without a kind, nothing else has a meaning. */
	for (size_t i = OVS_NAT_ATTR_IP_MIN; i <= OVS_NAT_ATTR_PROTO_RANDOM; i++)
		if (found[i].data)
			return false;
	return true;
}

static void put_nat(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	static const struct flag flags[] = {
		{ OVS_NAT_ATTR_PERSISTENT, "persistent" },
		{ OVS_NAT_ATTR_PROTO_HASH, "hash" },
		{ OVS_NAT_ATTR_PROTO_RANDOM, "random" },
	};
	struct vnet_ovs_attr found[OVS_NAT_ATTR_PROTO_RANDOM + 1];
	struct vnet_ovs_out trial = *out;
	bool is_src;

	if (!vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) || !nat_is_valid(found)) {
		vnet_ovs_open(out, "nat");
		vnet_ovs_bad(out, attr->data, attr->len);
		vnet_ovs_close(out);
		return;
	}
	is_src = found[OVS_NAT_ATTR_SRC].data;
	trial.size = trial.len = 0;
	vnet_ovs_put_rest(&trial, attr, VNET_ARRAY_SIZE(found));
	if (!is_src && !found[OVS_NAT_ATTR_DST].data && !trial.len) {
		vnet_ovs_item(out);
		vnet_ovs_puts(out, "nat");
		return;
	}
	vnet_ovs_open(out, "nat");
	if (is_src || found[OVS_NAT_ATTR_DST].data) {
		vnet_ovs_item(out);
		vnet_ovs_puts(out, is_src ? "src" : "dst");
		put_range(out, found);
		put_flags(out, found, flags, VNET_ARRAY_SIZE(flags));
	}
	vnet_ovs_put_rest(out, attr, VNET_ARRAY_SIZE(found));
	vnet_ovs_close(out);
}

/* Value and mask, each one number of 128 bits in host byte order. */
static void put_labels(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_pair pair = {
		.key = { OVS_KEY_ATTR_CT_LABELS, attr->len / 2, attr->data },
		.mask = { OVS_KEY_ATTR_CT_LABELS, attr->len / 2, attr->data + attr->len / 2 },
	};

	vnet_ovs_item(out);
	vnet_ovs_puts(out, "label=");
	vnet_ovs_put_labels(out, &pair);
}

static void put_members(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr,
			const struct vnet_ovs_attr *found)
{
	static const struct flag flags[] = {
		{ OVS_CT_ATTR_COMMIT, "commit" },
		{ OVS_CT_ATTR_FORCE_COMMIT, "force_commit" },
	};
	const struct vnet_ovs_attr *mark = &found[OVS_CT_ATTR_MARK];
	const struct vnet_ovs_attr *helper = &found[OVS_CT_ATTR_HELPER];
	const struct vnet_ovs_attr *timeout = &found[OVS_CT_ATTR_TIMEOUT];
	const struct vnet_ovs_attr *events = &found[OVS_CT_ATTR_EVENTMASK];

	put_flags(out, found, flags, VNET_ARRAY_SIZE(flags));
	if (u16_of(&found[OVS_CT_ATTR_ZONE])) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "zone=%u", vnet_ovs_u16(found[OVS_CT_ATTR_ZONE].data));
	}
	if (mark->data) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "mark=%#x/%#x", vnet_ovs_u32(mark->data),
				vnet_ovs_u32(mark->data + 4));
	}
	if (found[OVS_CT_ATTR_LABELS].data)
		put_labels(out, &found[OVS_CT_ATTR_LABELS]);
	if (helper->data) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "helper=%s", (const char *)helper->data);
	}
	if (timeout->data) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "timeout=%s", (const char *)timeout->data);
	}
	if (found[OVS_CT_ATTR_NAT].data)
		put_nat(out, &found[OVS_CT_ATTR_NAT]);
	if (events->data && vnet_ovs_u32(events->data) != USUAL_EVENTS) {
		vnet_ovs_item(out);
		vnet_ovs_printf(out, "eventmask=%#x", vnet_ovs_u32(events->data));
	}
	vnet_ovs_put_rest(out, attr, OVS_CT_ATTR_TIMEOUT + 1);
}

void vnet_ovs_put_ct(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	static const struct length lengths[OVS_CT_ATTR_TIMEOUT + 1] = {
		[OVS_CT_ATTR_COMMIT] = { 0, UINT16_MAX },
		[OVS_CT_ATTR_ZONE] = { 2, 2 },
		[OVS_CT_ATTR_MARK] = { 8, 8 },
		[OVS_CT_ATTR_LABELS] = { 32, 32 },
		[OVS_CT_ATTR_HELPER] = { 1, 16 },
		[OVS_CT_ATTR_NAT] = { 0, UINT16_MAX },
		[OVS_CT_ATTR_FORCE_COMMIT] = { 0, UINT16_MAX },
		[OVS_CT_ATTR_EVENTMASK] = { 4, 4 },
		[OVS_CT_ATTR_TIMEOUT] = { 1, 32 },
	};
	struct vnet_ovs_attr found[VNET_ARRAY_SIZE(lengths)];
	struct vnet_ovs_out trial = *out;
	bool good;

	good = vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) &&
	       lengths_fit(found, lengths, VNET_ARRAY_SIZE(lengths)) &&
	       is_text(&found[OVS_CT_ATTR_HELPER]) && is_text(&found[OVS_CT_ATTR_TIMEOUT]);
	/* Written into nothing first: without members there are no parentheses. */
	trial.size = trial.len = 0;
	trial.separate = false;
	if (good)
		put_members(&trial, attr, found);
	vnet_ovs_puts(out, "ct");
	if (good && !trial.len)
		return;
	vnet_ovs_puts(out, "(");
	out->separate = false;
	if (good)
		put_members(out, attr, found);
	else
		vnet_ovs_bad(out, attr->data, attr->len);
	vnet_ovs_close(out);
}
