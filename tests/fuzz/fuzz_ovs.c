/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libFuzzer: the input is a flow of Open vSwitch's datapath. Two lengths of 16
 * bits, little-endian, say how much of the rest is the key and how much the
 * mask; what is behind them is the actions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vnet/ovs_flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each byte makes at most so much of text: a bit of a mask is "+[Unknown]". */
#define TEXT_PER_BYTE	100
#define TEXT_MIN	1024
#define SMALL		64

struct part {
	const uint8_t *data;
	size_t len;
};

struct flow {
	struct part key, mask, actions;
};

typedef size_t text_fn(char *buf, size_t size, const struct vnet_ovs_style *style,
		       const struct flow *flow);

static size_t key_text(char *buf, size_t size, const struct vnet_ovs_style *style,
		       const struct flow *flow)
{
	return vnet_ovs_key_text(buf, size, style, flow->key.data, flow->key.len,
				 flow->mask.data, flow->mask.len);
}

static size_t actions_text(char *buf, size_t size, const struct vnet_ovs_style *style,
			   const struct flow *flow)
{
	return vnet_ovs_actions_text(buf, size, style, flow->actions.data, flow->actions.len);
}

/* The length is the text's, and a small buffer has the beginning of the same. */
static void check_text(text_fn *fn, const struct vnet_ovs_style *style,
		       const struct flow *flow, size_t size)
{
	size_t room = TEXT_MIN + size * TEXT_PER_BYTE, len;
	char *text = malloc(room), small[SMALL];

	len = fn(text, room, style, flow);
	if (len >= room || strlen(text) != len)
		abort();
	if (fn(small, sizeof(small), style, flow) != len || strncmp(small, text, SMALL - 1) ||
	    strlen(small) != (len < SMALL ? len : SMALL - 1))
		abort();
	free(text);
}

static const char *port_name(void *ctx, uint32_t port)
{
	return port % 2 ? "port" : NULL;
}

/* Apart from the rest, so that a sanitizer sees a byte too far. */
static struct part take(const uint8_t **data, size_t *size, size_t len)
{
	struct part part = { .len = len < *size ? len : *size };
	uint8_t *copy = malloc(part.len + !part.len);

	memcpy(copy, *data, part.len);
	part.data = copy;
	*data += part.len;
	*size -= part.len;
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vnet_ovs_style styles[] = {
		{ .port_name = port_name }, { .terse = true },
	};
	size_t whole = size, found_len, key_len;
	struct vnet_ovs_key out;
	const uint8_t *found;
	struct flow flow;
	char ufid[64];
	int err;

	if (size < 4)
		return 0;
	key_len = data[0] | data[1] << 8;
	found_len = data[2] | data[3] << 8;
	data += 4;
	size -= 4;
	flow.key = take(&data, &size, key_len);
	flow.mask = take(&data, &size, found_len);
	flow.actions = take(&data, &size, size);
	for (int i = 0; i < 2; i++) {
		check_text(key_text, &styles[i], &flow, whole);
		check_text(actions_text, &styles[i], &flow, whole);
	}
	vnet_ovs_ufid_text(ufid, sizeof(ufid), flow.key.data, flow.key.len);
	err = vnet_ovs_key_decode(flow.key.data, flow.key.len, &out);
	if ((err && err != -EBADMSG) || (out.flow.family != 0 && !(out.has & VNET_OVS_HAS_IP)))
		abort();
	found = vnet_ovs_attr(flow.key.data, flow.key.len, 3, &found_len);
	if (found && (found < flow.key.data ||
		      found + found_len > flow.key.data + flow.key.len))
		abort();
	free((void *)flow.key.data);
	free((void *)flow.mask.data);
	free((void *)flow.actions.data);
	return 0;
}
