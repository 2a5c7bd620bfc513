/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which interfaces Open vSwitch has, and on which bridge: read from its
 * database by JSON-RPC (RFC 7047), since the kernel knows the datapath but not
 * the bridges. Used by `topo`.
 */
#ifndef VNET_OVSDB_H
#define VNET_OVSDB_H

#include <stddef.h>

#define VNET_OVSDB_SOCKET	"/var/run/openvswitch/db.sock"

/* One interface; strings are never NULL. */
struct vnet_ovs_interface {
	char *name;
	char *type;		/* "": a system device; "internal", "patch", "vxlan"... */
	char *peer;		/* patch: the interface at the other end; or "" */
	char *port;		/* a bond's port has several interfaces */
	char *bridge;
	char *datapath_type;	/* of the bridge: "": the kernel's; "netdev" */
};

struct vnet_ovsdb {
	struct vnet_ovs_interface *interfaces;
	size_t nr;
};

/*
 * Asks the database behind the Unix socket. 0; -ENOENT, -ECONNREFUSED: there is
 * none; -ETIMEDOUT: no answer within 2 s; -EBADMSG: not a database's answer.
 */
int vnet_ovsdb_read(const char *socket, struct vnet_ovsdb *db);
/*
 * Parses an answer (text: NUL-terminated), pure: nothing in it is trusted.
 * 0 or -EBADMSG.
 */
int vnet_ovsdb_parse(const char *text, struct vnet_ovsdb *db);
void vnet_ovsdb_free(struct vnet_ovsdb *db);
/* NULL: Open vSwitch has no such interface. */
const struct vnet_ovs_interface *vnet_ovsdb_find(const struct vnet_ovsdb *db, const char *name);

#endif
