/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that are with ovs-vswitchd: see cmd/ovs_waiting.h. */
#include <stdlib.h>
#include <string.h>

#include "cmd/ovs_waiting.h"
#include "vnet/util.h"

/* A packet that waits. */
struct upcall {
	uint64_t at_ns;
	uint32_t dp;
	struct ovs_bytes key;	/* owned; at NULL: the place is free */
	struct vnet_ovs_key decoded;
};

/* The oldest is at `first`. */
struct ring {
	struct upcall upcalls[OVS_UPCALLS];
	uint32_t first, nr;	/* nr: with the free places between */
};

struct ovs_waiting {
	struct ring flowless;	/* packets that wait for a flow */
	struct ring away;	/* packets that may come back */
	struct upcall last;	/* that came back */
};

static struct upcall *upcall_at(struct ring *ring, uint32_t i)
{
	return &ring->upcalls[(ring->first + i) % OVS_UPCALLS];
}

static void upcall_free(struct upcall *upcall)
{
	free((void *)upcall->key.at);
	upcall->key = (struct ovs_bytes){};
}

static void drop_first(struct ring *ring)
{
	upcall_free(upcall_at(ring, 0));
	ring->first = (ring->first + 1) % OVS_UPCALLS;
	ring->nr--;
}

struct ovs_waiting *ovs_waiting_new(void)
{
	return vnet_alloc(sizeof(struct ovs_waiting));
}

void ovs_waiting_free(struct ovs_waiting *waiting)
{
	if (!waiting)
		return;
	for (uint32_t i = 0; i < OVS_UPCALLS; i++) {
		upcall_free(&waiting->flowless.upcalls[i]);
		upcall_free(&waiting->away.upcalls[i]);
	}
	upcall_free(&waiting->last);
	free(waiting);
}

/* Those at the beginning that are taken, or too old. */
static void ring_expire(struct ring *ring, uint64_t now_ns)
{
	while (ring->nr) {
		struct upcall *upcall = upcall_at(ring, 0);

		if (upcall->key.at && upcall->at_ns + OVS_UPCALL_AGE_NS > now_ns)
			break;
		drop_first(ring);
	}
}

/* False: an older one had to be forgotten for it. */
static bool ring_add(struct ring *ring, uint64_t now_ns, uint32_t dp, struct ovs_bytes key)
{
	struct upcall *upcall;
	bool room;
	void *copy;

	ring_expire(ring, now_ns);
	room = ring->nr < OVS_UPCALLS;
	if (!room)
		drop_first(ring);
	upcall = upcall_at(ring, ring->nr++);
	copy = vnet_alloc(key.len + 1);
	memcpy(copy, key.at, key.len);
	*upcall = (struct upcall){ now_ns, dp, { copy, key.len } };
	vnet_ovs_key_decode(key.at, key.len, &upcall->decoded);
	return room;
}

bool ovs_waiting_add(struct ovs_waiting *waiting, uint64_t now_ns, uint32_t dp,
		      struct ovs_bytes key)
{
	/* Those that are answered by a drop never come back: forgetting them is no loss. */
	ring_add(&waiting->away, now_ns, dp, key);
	return ring_add(&waiting->flowless, now_ns, dp, key);
}

static void ring_lost(struct ring *ring, uint64_t at_ns, uint32_t dp)
{
	/* It is among the last. */
	for (uint32_t i = ring->nr; i--;) {
		struct upcall *upcall = upcall_at(ring, i);

		if (upcall->key.at && upcall->at_ns == at_ns && upcall->dp == dp) {
			upcall_free(upcall);
			return;
		}
	}
}

void ovs_waiting_lost(struct ovs_waiting *waiting, uint64_t at_ns, uint32_t dp)
{
	ring_lost(&waiting->flowless, at_ns, dp);
	ring_lost(&waiting->away, at_ns, dp);
}

void ovs_waiting_link(struct ovs_waiting *waiting, uint64_t now_ns, const struct ovs_message *m,
		    struct ovs_link *link)
{
	struct ring *ring = &waiting->flowless;

	*link = (struct ovs_link){};
	ring_expire(ring, now_ns);
	for (uint32_t i = 0; m->key.at && i < ring->nr; i++) {
		struct upcall *upcall = upcall_at(ring, i);

		/* Records of several CPUs may come a little out of order. */
		if (!upcall->key.at || upcall->dp != m->dp || upcall->at_ns > now_ns ||
		    !ovs_flow_covers(m->key, m->mask, upcall->key))
			continue;
		if (!link->nr || upcall->at_ns < link->since_ns)
			link->since_ns = upcall->at_ns;
		link->nr++;
		upcall_free(upcall);
	}
}

/* What both a key and a packet have. */
static bool is_like(const struct vnet_ovs_key *key, const struct vnet_packet *packet)
{
	const struct vnet_flow *a = &key->flow, *b = &packet->flow;

	if (key->has & VNET_OVS_HAS_ETH && packet->has & VNET_HAS_MAC &&
	    (memcmp(key->eth_src, packet->src_mac, sizeof(key->eth_src)) ||
	     memcmp(key->eth_dst, packet->dst_mac, sizeof(key->eth_dst))))
		return false;
	if (key->has & VNET_OVS_HAS_ICMP && packet->has & VNET_HAS_ICMP &&
	    (key->icmp_type != packet->icmp_type || key->icmp_code != packet->icmp_code))
		return false;
	return key->eth_type == b->ethertype && a->vlan == b->vlan && a->family == b->family &&
	       !memcmp(a->src, b->src, sizeof(a->src)) &&
	       !memcmp(a->dst, b->dst, sizeof(a->dst)) && a->protocol == b->protocol &&
	       a->src_port == b->src_port && a->dst_port == b->dst_port;
}

void ovs_waiting_return(struct ovs_waiting *waiting, uint64_t now_ns, uint32_t dp,
		      struct ovs_bytes meta, const struct vnet_packet *packet,
		      struct ovs_returned *returned)
{
	struct ring *ring = &waiting->away;
	struct upcall *first = NULL;
	struct vnet_ovs_key port = {};

	*returned = (struct ovs_returned){};
	ring_expire(ring, now_ns);
	if (meta.at)
		vnet_ovs_key_decode(meta.at, meta.len, &port);
	for (uint32_t i = 0; i < ring->nr; i++) {
		struct upcall *upcall = upcall_at(ring, i);

		if (!upcall->key.at || upcall->dp != dp || upcall->at_ns > now_ns ||
		    (port.has & VNET_OVS_HAS_IN_PORT &&
		     port.in_port != upcall->decoded.in_port) ||
		    !is_like(&upcall->decoded, packet))
			continue;
		returned->nr++;
		if (!first || upcall->at_ns < first->at_ns)
			first = upcall;
	}
	if (!first)
		return;
	upcall_free(&waiting->last);
	waiting->last = *first;
	first->key = (struct ovs_bytes){};
	returned->since_ns = waiting->last.at_ns;
	returned->key = waiting->last.key;
}
