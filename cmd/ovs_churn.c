/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows that are made again and again: see cmd/ovs_churn.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/ovs_churn.h"
#include "vnet/util.h"

#define CHURNERS		4096

/* A member: where it stands in a decoded key. */
struct field {
	const char *name;
	size_t offset, size;
};

#define FIELD(name, member) \
	{ name, offsetof(struct vnet_ovs_key, member), \
	  sizeof(((struct vnet_ovs_key *)0)->member) }

static const struct field fields[OVS_FIELDS] = {
	FIELD("recirc_id", recirc_id),
	FIELD("tun_id", tun_id),
	FIELD("tun_src", tun_src),
	FIELD("tun_dst", tun_dst),
	FIELD("ct_state", ct_state),
	FIELD("ct_zone", ct_zone),
	FIELD("ct_mark", ct_mark),
	FIELD("eth_src", eth_src),
	FIELD("eth_dst", eth_dst),
	FIELD("vlan", vlan_tci),
	FIELD("cvlan", cvlan_tci),
	FIELD("eth_type", eth_type),
	FIELD("ip_src", flow.src),
	FIELD("ip_dst", flow.dst),
	FIELD("protocol", flow.protocol),
	FIELD("src_port", flow.src_port),
	FIELD("dst_port", flow.dst_port),
	FIELD("tcp_flags", tcp_flags),
	FIELD("icmp_type", icmp_type),
	FIELD("icmp_code", icmp_code),
};

const char *ovs_field_name(int field)
{
	return fields[field].name;
}

struct ovs_churn {
	uint32_t max, nr, nr_groups;
	struct ovs_group groups[OVS_GROUPS_MAX];
	struct ovs_churner *buckets[CHURNERS];
};

static uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	return hash ^ hash >> 29;
}

#define HASH_START	0xcbf29ce484222325

static struct ovs_bytes copy_of(struct ovs_bytes bytes)
{
	void *copy;

	if (!bytes.at)
		return bytes;
	copy = vnet_alloc(bytes.len + 1);
	memcpy(copy, bytes.at, bytes.len);
	return (struct ovs_bytes){ copy, bytes.len };
}

struct ovs_churn *ovs_churn_new(uint32_t max)
{
	struct ovs_churn *churn = vnet_alloc(sizeof(*churn));

	churn->max = max;
	return churn;
}

void ovs_churn_free(struct ovs_churn *churn)
{
	if (!churn)
		return;
	for (uint32_t i = 0; i < churn->nr_groups; i++) {
		free((void *)churn->groups[i].mask.at);
		for (int f = 0; f < OVS_FIELDS; f++)
			free(churn->groups[i].fields[f].values);
	}
	for (uint32_t i = 0; i < CHURNERS; i++) {
		while (churn->buckets[i]) {
			struct ovs_churner *c = churn->buckets[i];

			churn->buckets[i] = c->next;
			free((void *)c->key.at);
			free((void *)c->mask.at);
			free(c);
		}
	}
	free(churn);
}

/* ---- groups ---- */

/* A flow with its key decoded, and the group that it belongs to. */
struct subject {
	uint32_t dp;
	struct ovs_bytes mask;
	struct vnet_ovs_key key, under;
	uint64_t mask_id, group_id;
};

static void subject_fill(struct subject *s, uint32_t dp, struct ovs_bytes key,
			 struct ovs_bytes mask)
{
	*s = (struct subject){ .dp = dp, .mask = mask };
	vnet_ovs_key_decode(key.at, key.len, &s->key);
	if (mask.at)
		vnet_ovs_key_decode(mask.at, mask.len, &s->under);
	else
		memset(&s->under, 0xff, sizeof(s->under));
	s->mask_id = hash_add(hash_add(HASH_START, &dp, sizeof(dp)), mask.at, mask.len);
	s->group_id = hash_add(s->mask_id, &s->key.in_port, sizeof(s->key.in_port));
}

static struct ovs_group *group_find(struct ovs_churn *churn, const struct subject *s)
{
	for (uint32_t i = 0; i < churn->nr_groups; i++)
		if (churn->groups[i].id == s->group_id)
			return &churn->groups[i];
	return NULL;
}

static uint32_t count_bits(const uint8_t *bytes, size_t size)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < size; i++)
		bits += (uint32_t)__builtin_popcount(bytes[i]);
	return bits;
}

static struct ovs_group *group_get(struct ovs_churn *churn, const struct subject *s)
{
	struct ovs_group *group = group_find(churn, s);

	if (group || churn->nr_groups == OVS_GROUPS_MAX)
		return group;
	group = &churn->groups[churn->nr_groups++];
	*group = (struct ovs_group){
		.id = s->group_id, .mask_id = s->mask_id, .dp = s->dp,
		.in_port = s->key.in_port, .mask = copy_of(s->mask),
	};
	for (int f = 0; f < OVS_FIELDS; f++)
		group->fields[f].bits = count_bits((const uint8_t *)&s->under + fields[f].offset,
						   fields[f].size);
	return group;
}

/* One more value of a member, unless it has been there. */
static void variety_add(struct ovs_variety *v, uint32_t value)
{
	for (uint32_t i = 0; i < v->nr; i++)
		if (v->values[i] == value)
			return;
	if (v->nr == OVS_VALUES_MAX)
		return;
	if (v->nr == v->room) {
		v->room = v->room ? 2 * v->room : 4;
		v->values = vnet_realloc(v->values, v->room * sizeof(*v->values));
	}
	v->values[v->nr++] = value;
}

static void group_add(struct ovs_group *group, const struct subject *s)
{
	group->installed++;
	group->flows++;
	for (int f = 0; f < OVS_FIELDS; f++) {
		const uint8_t *key = (const uint8_t *)&s->key + fields[f].offset;
		const uint8_t *under = (const uint8_t *)&s->under + fields[f].offset;
		uint8_t value[16];

		if (!group->fields[f].bits)
			continue;
		for (size_t i = 0; i < fields[f].size; i++)
			value[i] = key[i] & under[i];
		variety_add(&group->fields[f],
			    (uint32_t)hash_add(HASH_START, value, fields[f].size));
	}
}

/* ---- flows ---- */

static uint64_t flow_id(const struct subject *s, struct ovs_bytes key, struct ovs_bytes mask)
{
	uint8_t *masked = vnet_alloc(key.len + 1);
	uint64_t id = hash_add(s->group_id, masked, ovs_key_mask(masked, key, mask));

	free(masked);
	return id;
}

static struct ovs_churner **churner_bucket(struct ovs_churn *churn, uint64_t id)
{
	return &churn->buckets[(id ^ id >> 32) % CHURNERS];
}

/* NULL: there is no room. */
static struct ovs_churner *churner_get(struct ovs_churn *churn, uint64_t id)
{
	struct ovs_churner **bucket = churner_bucket(churn, id), *c;

	for (c = *bucket; c; c = c->next)
		if (c->id == id)
			return c;
	if (churn->nr == churn->max)
		return NULL;
	c = vnet_alloc(sizeof(*c));
	c->id = id;
	c->next = *bucket;
	*bucket = c;
	churn->nr++;
	return c;
}

bool ovs_churn_add(struct ovs_churn *churn, uint32_t dp, struct ovs_bytes key,
		   struct ovs_bytes mask)
{
	struct ovs_churner *c;
	struct ovs_group *group;
	struct subject s;

	subject_fill(&s, dp, key, mask);
	group = group_get(churn, &s);
	c = churner_get(churn, flow_id(&s, key, mask));
	if (group)
		group_add(group, &s);
	if (!c)
		return false;
	c->installs++;
	c->recent++;
	if (c->installs == 1)
		return group;
	if (group)
		group->repeated++;
	if (!c->key.at) {
		c->key = copy_of(key);
		c->mask = copy_of(mask);
	}
	return group;
}

void ovs_churn_gone(struct ovs_churn *churn, uint32_t dp, struct ovs_bytes key,
		    struct ovs_bytes mask)
{
	struct ovs_group *group;
	struct subject s;

	subject_fill(&s, dp, key, mask);
	group = group_find(churn, &s);
	if (group && group->flows)
		group->flows--;
}

/* ---- what came of it ---- */

uint32_t ovs_churn_masks(const struct ovs_churn *churn)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < churn->nr_groups; i++) {
		bool first = churn->groups[i].flows;

		for (uint32_t k = 0; first && k < i; k++)
			first = !churn->groups[k].flows ||
				churn->groups[k].mask_id != churn->groups[i].mask_id;
		nr += first;
	}
	return nr;
}

static int by_installed(const void *a, const void *b)
{
	const struct ovs_group *x = *(const struct ovs_group *const *)a;
	const struct ovs_group *y = *(const struct ovs_group *const *)b;

	if (x->installed != y->installed)
		return x->installed < y->installed ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

uint32_t ovs_churn_groups(const struct ovs_churn *churn, const struct ovs_group ***groups)
{
	uint32_t nr = 0;

	*groups = vnet_alloc((churn->nr_groups + 1) * sizeof(**groups));
	for (uint32_t i = 0; i < churn->nr_groups; i++)
		if (churn->groups[i].installed)
			(*groups)[nr++] = &churn->groups[i];
	qsort(*groups, nr, sizeof(**groups), by_installed);
	return nr;
}

static int by_installs(const void *a, const void *b)
{
	const struct ovs_churner *x = *(const struct ovs_churner *const *)a;
	const struct ovs_churner *y = *(const struct ovs_churner *const *)b;

	if (x->installs != y->installs)
		return x->installs < y->installs ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

uint32_t ovs_churn_repeated(const struct ovs_churn *churn, const struct ovs_churner ***churners)
{
	uint32_t nr = 0;

	*churners = vnet_alloc((churn->nr + 1) * sizeof(**churners));
	for (uint32_t i = 0; i < CHURNERS; i++)
		for (const struct ovs_churner *c = churn->buckets[i]; c; c = c->next)
			if (c->recent && c->installs > 1)
				(*churners)[nr++] = c;
	qsort(*churners, nr, sizeof(**churners), by_installs);
	return nr;
}

void ovs_churn_turn(struct ovs_churn *churn)
{
	for (uint32_t i = 0; i < churn->nr_groups; i++)
		churn->groups[i].installed = churn->groups[i].repeated = 0;
	for (uint32_t i = 0; i < CHURNERS; i++)
		for (struct ovs_churner *c = churn->buckets[i]; c; c = c->next)
			c->recent = 0;
}
