/* SPDX-License-Identifier: GPL-2.0-only */
/* From a device to its bridge and uplinks: see vnet/wiring.h. */
#include <dirent.h>
#include <unistd.h>

#include "vnet/util.h"
#include "vnet/wiring.h"

#define MAX_DEPTH	4	/* a VLAN of a bond of VFs, and one to spare */
#define MAX_BRIDGES	16	/* joined by patch ports or veths */

struct search {
	const char *sys;
	const struct vnet_ovsdb *db;
	struct vnet_wiring *out;
	/* system devices without hardware: taken if there are no others */
	struct vnet_names soft;
	const char *visited[MAX_BRIDGES];	/* bridges of Open vSwitch */
	size_t nr_visited;
};

static void add_name(struct vnet_names *names, const char *name)
{
	for (size_t i = 0; i < names->nr; i++)
		if (!strcmp(names->names[i], name))
			return;
	if (names->nr == VNET_WIRING_UPLINKS) {
		names->nr_more++;
		return;
	}
	vnet_copy(names->names[names->nr], sizeof(names->names[0]), name);
	names->nr++;
}

/* ---- /sys/class/net ---- */

static bool has_file(const char *sys, const char *device, const char *file)
{
	char *path = vnet_printf("%s/class/net/%s/%s", sys, device, file);
	bool found = !access(path, F_OK);

	free(path);
	return found;
}

bool vnet_wiring_is_tap(const char *sys, const char *device)
{
	return has_file(sys, device, "tun_flags");
}

/* The device that this one is enslaved to; false: none. */
static bool master_of(const char *sys, const char *device, char name[64])
{
	char *path = vnet_printf("%s/class/net/%s/master", sys, device), target[256];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	const char *base;

	free(path);
	if (len < 0)
		return false;
	target[len] = '\0';
	base = strrchr(target, '/');
	return vnet_copy(name, 64, base ? base + 1 : target);
}

/* An interface index in a file of the device; NULL: not to be read. */
static char *index_in(const char *sys, const char *device, const char *file)
{
	char *path = vnet_printf("%s/class/net/%s/%s", sys, device, file), *text = NULL;

	if (vnet_read_file(path, &text, NULL))
		text = NULL;
	free(path);
	return text;
}

/*
 * The other end of a veth, if it is in this namespace: the numbers of both refer
 * to each other. The same numbers may stand for other devices elsewhere.
 */
static bool veth_peer(const char *sys, const char *device, char peer[64])
{
	char *own = index_in(sys, device, "ifindex"), *link = index_in(sys, device, "iflink");
	char *path = vnet_printf("%s/class/net", sys);
	DIR *dir = own && link && strcmp(own, link) ? opendir(path) : NULL;
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char *index = index_in(sys, entry->d_name, "ifindex");
		char *back = index_in(sys, entry->d_name, "iflink");

		found = index && back && !strcmp(index, link) && !strcmp(back, own) &&
			vnet_copy(peer, 64, entry->d_name);
		free(index);
		free(back);
	}
	if (dir)
		closedir(dir);
	free(path);
	free(own);
	free(link);
	return found;
}

/* Calls fn for each name in the device's folder `sub` ("": itself) that begins so. */
static void each_link(struct search *s, const char *device, const char *sub,
		      const char *prefix,
		      void (*fn)(struct search *s, const char *name, int depth), int depth)
{
	char *path = vnet_printf("%s/class/net/%s/%s", s->sys, device, sub);
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t len = strlen(prefix);

	free(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, len))
			fn(s, entry->d_name + len, depth);
	if (dir)
		closedir(dir);
}

static bool has_lower(const char *sys, const char *device)
{
	char *path = vnet_printf("%s/class/net/%s", sys, device);
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	free(path);
	while (dir && !found && (entry = readdir(dir)))
		found = !strncmp(entry->d_name, "lower_", 6);
	if (dir)
		closedir(dir);
	return found;
}

/* A bond or VLAN is told by its lower devices: that is where packets are seen. */
static void add_uplink(struct search *s, const char *device, int depth)
{
	if (has_file(s->sys, device, "device"))
		add_name(&s->out->uplinks, device);
	else if (depth < MAX_DEPTH && has_lower(s->sys, device))
		each_link(s, device, "", "lower_", add_uplink, depth + 1);
	else if (has_file(s->sys, device, "ifindex"))
		add_name(&s->soft, device);
}

/* ---- Open vSwitch ---- */

/* Types of interfaces that are the other end of a patch, or lead nowhere. */
static bool is_inner(const struct vnet_ovs_interface *i)
{
	return !strcmp(i->type, "internal") || !strcmp(i->type, "patch");
}

static void visit_ovs(struct search *s, const char *bridge)
{
	for (size_t i = 0; i < s->nr_visited; i++)
		if (!strcmp(s->visited[i], bridge))
			return;
	if (s->nr_visited == MAX_BRIDGES)
		return;
	s->visited[s->nr_visited++] = bridge;
	for (size_t i = 0; i < s->db->nr; i++) {
		const struct vnet_ovs_interface *at = &s->db->interfaces[i], *peer;

		if (strcmp(at->bridge, bridge))
			continue;
		peer = *at->peer ? vnet_ovsdb_find(s->db, at->peer) : NULL;
		if (peer)
			visit_ovs(s, peer->bridge);
		if (is_inner(at))
			continue;
		if (!*at->type && !vnet_wiring_is_tap(s->sys, at->name))
			add_uplink(s, at->name, 0);
		else if (!strcmp(at->type, "dpdk"))
			add_name(&s->out->uplinks, at->name);
		else if (*at->type && strncmp(at->type, "dpdk", 4))
			add_name(&s->out->tunnels, at->name);
	}
}

static void place_in_ovs(struct search *s, const struct vnet_ovs_interface *interface)
{
	struct vnet_wiring *w = s->out;

	/* Behind a Linux bridge it is that bridge where the tap is. */
	if (!*w->bridge) {
		vnet_copy(w->bridge, sizeof(w->bridge), interface->bridge);
		vnet_copy(w->port, sizeof(w->port), interface->port);
		w->ovs = true;
	}
	w->userspace |= *interface->datapath_type;
	visit_ovs(s, interface->bridge);
}

/* ---- Linux bridges ---- */

/* A port of the tap's bridge: an uplink, or a veth to a bridge of Open vSwitch. */
static void look_at_port(struct search *s, const char *device, int depth)
{
	const struct vnet_ovs_interface *interface;
	char peer[64];

	if (vnet_wiring_is_tap(s->sys, device))
		return;
	if (veth_peer(s->sys, device, peer)) {
		interface = vnet_ovsdb_find(s->db, peer);
		if (interface) {
			place_in_ovs(s, interface);
			return;
		}
	}
	add_uplink(s, device, 0);
}

void vnet_wiring_find(const char *sys, const struct vnet_ovsdb *db, const char *device,
		      struct vnet_wiring *wiring)
{
	struct search s = { .sys = sys, .db = db, .out = wiring };
	const struct vnet_ovs_interface *interface = vnet_ovsdb_find(db, device);
	char master[64];

	*wiring = (struct vnet_wiring){};
	if (interface) {
		place_in_ovs(&s, interface);
	} else if (master_of(sys, device, master)) {
		/* Without its database a datapath has no bridges to name. */
		wiring->ovs = !strcmp(master, "ovs-system");
		if (!wiring->ovs) {
			vnet_copy(wiring->bridge, sizeof(wiring->bridge), master);
			vnet_copy(wiring->port, sizeof(wiring->port), device);
			each_link(&s, master, "brif", "", look_at_port, 0);
		}
	}
	if (!wiring->uplinks.nr)
		wiring->uplinks = s.soft;
}
