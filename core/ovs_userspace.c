/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The userspace action: a packet goes to ovs-vswitchd with a cookie, by which
 * that knows what it wanted it for. The cookie is ovs-vswitchd's own structure,
 * of the same size and layout from 2.9 on; any other is shown as bytes.
 */
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

#define COOKIE_LEN	48

/* Offsets within it, in host byte order where nothing else is said. */
enum {
	TYPE = 0,			/* 2 bytes */
	SFLOW_TCI = 24,			/* 2, network byte order */
	SFLOW_OUTPUT = 28,		/* 4 */
	SLOW_PATH_REASON = 28,		/* 4, flags */
	SAMPLE_PROBABILITY = 24,	/* 2 */
	SAMPLE_COLLECTOR = 28,		/* 4 */
	SAMPLE_DOMAIN = 32,		/* 4 */
	SAMPLE_POINT = 36,		/* 4 */
	SAMPLE_PORT = 40,		/* 4 */
	SAMPLE_DIRECTION = 44,		/* 4 */
	IPFIX_PORT = 24,		/* 4 */
	CONTROLLER_DONT_SEND = 24,	/* 1 */
	CONTROLLER_CONTINUATION = 25,	/* 1 */
	CONTROLLER_REASON = 26,		/* 2 */
	CONTROLLER_RECIRC = 28,		/* 4 */
	CONTROLLER_COOKIE = 32,		/* 8, network byte order */
	CONTROLLER_ID = 40,		/* 2 */
	CONTROLLER_MAX_LEN = 42		/* 2 */
};

static void put_sflow(struct vnet_ovs_out *out, const uint8_t *cookie)
{
	uint16_t tci = vnet_ovs_be16(cookie + SFLOW_TCI);

	vnet_ovs_printf(out, "sFlow(vid=%u,pcp=%u,output=%u)", tci & 0xfff, tci >> 13,
			vnet_ovs_u32(cookie + SFLOW_OUTPUT));
}

static const char *const slow_path_names[] = {
	"cfm", "bfd", "lacp", "stp", "lldp", "action", "match",
};

static void put_slow_path(struct vnet_ovs_out *out, const uint8_t *cookie)
{
	static const struct vnet_ovs_flags flags = {
		slow_path_names, VNET_ARRAY_SIZE(slow_path_names), UINT32_MAX,
	};

	vnet_ovs_puts(out, "slow_path(");
	vnet_ovs_flags(out, &flags, vnet_ovs_u32(cookie + SLOW_PATH_REASON), ",");
	vnet_ovs_puts(out, ")");
}

static void put_flow_sample(struct vnet_ovs_out *out, const uint8_t *cookie)
{
	static const char *const directions[] = { "", ",ingress", ",egress" };
	uint32_t direction = vnet_ovs_u32(cookie + SAMPLE_DIRECTION);

	vnet_ovs_printf(out, "flow_sample(probability=%u,collector_set_id=%u,"
			"obs_domain_id=%u,obs_point_id=%u,output_port=",
			vnet_ovs_u16(cookie + SAMPLE_PROBABILITY),
			vnet_ovs_u32(cookie + SAMPLE_COLLECTOR),
			vnet_ovs_u32(cookie + SAMPLE_DOMAIN),
			vnet_ovs_u32(cookie + SAMPLE_POINT));
	vnet_ovs_port(out, vnet_ovs_u32(cookie + SAMPLE_PORT));
	if (direction < VNET_ARRAY_SIZE(directions))
		vnet_ovs_puts(out, directions[direction]);
	vnet_ovs_puts(out, ")");
}

static void put_ipfix(struct vnet_ovs_out *out, const uint8_t *cookie)
{
	vnet_ovs_puts(out, "ipfix(output_port=");
	vnet_ovs_port(out, vnet_ovs_u32(cookie + IPFIX_PORT));
	vnet_ovs_puts(out, ")");
}

static void put_controller(struct vnet_ovs_out *out, const uint8_t *cookie)
{
	vnet_ovs_printf(out, "controller(reason=%u,dont_send=%d,continuation=%d,"
			"recirc_id=%u,rule_cookie=%#llx,controller_id=%u,max_len=%u)",
			vnet_ovs_u16(cookie + CONTROLLER_REASON),
			!!cookie[CONTROLLER_DONT_SEND], !!cookie[CONTROLLER_CONTINUATION],
			vnet_ovs_u32(cookie + CONTROLLER_RECIRC),
			(unsigned long long)vnet_ovs_be64(cookie + CONTROLLER_COOKIE),
			vnet_ovs_u16(cookie + CONTROLLER_ID),
			vnet_ovs_u16(cookie + CONTROLLER_MAX_LEN));
}

static void (*const cookies[])(struct vnet_ovs_out *out, const uint8_t *cookie) = {
	[1] = put_sflow,
	[2] = put_slow_path,
	[3] = put_flow_sample,
	[4] = put_ipfix,
	[5] = put_controller,
};

static void put_userdata(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	uint16_t type = attr->len == COOKIE_LEN ? vnet_ovs_u16(attr->data + TYPE) : 0;

	vnet_ovs_item(out);
	if (type && type < VNET_ARRAY_SIZE(cookies)) {
		cookies[type](out, attr->data);
		return;
	}
	vnet_ovs_puts(out, "userdata(");
	vnet_ovs_bytes(out, attr->data, attr->len, "");
	vnet_ovs_puts(out, ")");
}

void vnet_ovs_put_userspace(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr)
{
	struct vnet_ovs_attr found[OVS_USERSPACE_ATTR_MAX + 1];
	const struct vnet_ovs_attr *pid = &found[OVS_USERSPACE_ATTR_PID];
	const struct vnet_ovs_attr *port = &found[OVS_USERSPACE_ATTR_EGRESS_TUN_PORT];

	vnet_ovs_puts(out, "userspace(");
	out->separate = false;
	if (!vnet_ovs_parse(attr, found, VNET_ARRAY_SIZE(found)) || pid->len != 4 ||
	    (port->data && port->len != 4)) {
		vnet_ovs_bad(out, attr->data, attr->len);
		vnet_ovs_close(out);
		return;
	}
	vnet_ovs_item(out);
	vnet_ovs_printf(out, "pid=%u", vnet_ovs_u32(pid->data));
	if (found[OVS_USERSPACE_ATTR_USERDATA].data)
		put_userdata(out, &found[OVS_USERSPACE_ATTR_USERDATA]);
	if (found[OVS_USERSPACE_ATTR_ACTIONS].data) {
		vnet_ovs_item(out);
		vnet_ovs_puts(out, "actions");
	}
	if (port->data) {
		vnet_ovs_item(out);
		vnet_ovs_puts(out, "tunnel_out_port=");
		vnet_ovs_port(out, vnet_ovs_u32(port->data));
	}
	vnet_ovs_put_rest(out, attr, VNET_ARRAY_SIZE(found));
	vnet_ovs_close(out);
}
