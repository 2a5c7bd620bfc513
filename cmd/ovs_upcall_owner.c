/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose a netlink socket is that nobody has read from: by /proc, which is slow. */
#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#include "cmd/ovs_upcall.h"
#include "vnet/util.h"

#define NETLINK_FILE	"/proc/net/netlink"
/* The words of its lines: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode */
#define WORD_PROTOCOL	1
#define WORD_PORTID	2
#define WORD_INODE	9
#define GENERIC		16	/* NETLINK_GENERIC */

/* The word of that number as a number; false if there is none. */
static bool line_number(const char *line, int word, uint32_t *v)
{
	char text[24];
	const char *why;

	for (line += strspn(line, " "); word > 0; word--) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	if (strcspn(line, " \n") >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, " \n"), line);
	return !vnet_parse_u32(text, 0, UINT32_MAX, v, &why);
}

static bool find_inode(uint32_t portid, uint32_t *inode)
{
	uint32_t protocol, pid;
	bool found = false;
	char *data;

	if (vnet_read_file(NETLINK_FILE, &data, NULL))
		return false;
	for (char *line = data; *line && !found; ) {
		found = line_number(line, WORD_PROTOCOL, &protocol) && protocol == GENERIC &&
			line_number(line, WORD_PORTID, &pid) && pid == portid &&
			line_number(line, WORD_INODE, inode);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	free(data);
	return found;
}

/* Whether one of the process's descriptors is the socket. */
static bool holds(const char *pid, const char *socket)
{
	char path[320], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%.20s/fd/%.255s", pid, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		found = !strcmp(target, socket);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void fill_comm(const char *pid, char comm[16])
{
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	comm[0] = '\0';
	if (vnet_read_file(path, &text, NULL))
		return;
	text[strcspn(text, "\n")] = '\0';
	vnet_copy(comm, 16, text);
	free(text);
}

bool upcall_owner_find(uint32_t portid, struct vnet_upcall_owner *owner)
{
	struct dirent *entry;
	char socket[64];
	const char *why;
	bool found = false;
	uint32_t inode;
	DIR *dir;

	if (!portid || !find_inode(portid, &inode))
		return false;
	snprintf(socket, sizeof(socket), "socket:[%u]", inode);
	dir = opendir("/proc");
	while (dir && !found && (entry = readdir(dir))) {
		uint32_t pid;

		if (vnet_parse_u32(entry->d_name, 1, UINT32_MAX, &pid, &why) ||
		    !holds(entry->d_name, socket))
			continue;
		/* Which of its threads would have read is not known. */
		*owner = (struct vnet_upcall_owner){ .pid = pid };
		fill_comm(entry->d_name, owner->comm);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}
