/* SPDX-License-Identifier: GPL-2.0-only */
/* The interfaces of Open vSwitch, from its database: see vnet/ovsdb.h. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "vnet/ovsdb.h"
#include "vnet/util.h"

/* A host of a thousand ports needs less than 1 MB. */
#define ANSWER_MAX	(64u << 20)
#define TIMEOUT_S	2

static const char request[] =
	"{\"id\":0,\"method\":\"transact\",\"params\":[\"Open_vSwitch\","
	"{\"op\":\"select\",\"table\":\"Bridge\",\"where\":[],"
	"\"columns\":[\"name\",\"ports\",\"datapath_type\"]},"
	"{\"op\":\"select\",\"table\":\"Port\",\"where\":[],"
	"\"columns\":[\"_uuid\",\"name\",\"interfaces\"]},"
	"{\"op\":\"select\",\"table\":\"Interface\",\"where\":[],"
	"\"columns\":[\"_uuid\",\"name\",\"type\",\"options\"]}]}";
/* The results are in the order of the request. */
enum { BRIDGES, PORTS, INTERFACES, NR_RESULTS };

/* ---- the answer ---- */

static const char *text_of(const cJSON *row, const char *column)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(row, column));

	return text ? text : "";
}

/* The uuid of ["uuid", "..."]; "" if it is something else. */
static const char *uuid_of(const cJSON *atom)
{
	const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(atom, 0));
	const char *uuid = cJSON_GetStringValue(cJSON_GetArrayItem(atom, 1));

	return kind && uuid && !strcmp(kind, "uuid") ? uuid : "";
}

/* Whether a column of references has that one: alone, or in ["set", [...]]. */
static bool refers_to(const cJSON *row, const char *column, const char *uuid)
{
	const cJSON *value = cJSON_GetObjectItem(row, column), *atom;
	const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(value, 0));

	if (!kind || !*uuid)
		return false;
	if (strcmp(kind, "set"))
		return !strcmp(uuid_of(value), uuid);
	cJSON_ArrayForEach(atom, cJSON_GetArrayItem(value, 1))
		if (!strcmp(uuid_of(atom), uuid))
			return true;
	return false;
}

/* options:KEY of ["map", [[KEY, VALUE]...]]. */
static const char *option_of(const cJSON *row, const char *key)
{
	const cJSON *map = cJSON_GetArrayItem(cJSON_GetObjectItem(row, "options"), 1), *pair;

	cJSON_ArrayForEach(pair, map) {
		const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
		const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));

		if (name && value && !strcmp(name, key))
			return value;
	}
	return "";
}

/* The row of `rows` whose column refers to `row`. */
static const cJSON *owner_of(const cJSON *rows, const char *column, const cJSON *row)
{
	const char *uuid = uuid_of(cJSON_GetObjectItem(row, "_uuid"));
	const cJSON *owner;

	cJSON_ArrayForEach(owner, rows)
		if (refers_to(owner, column, uuid))
			return owner;
	return NULL;
}

static void add_interface(struct vnet_ovsdb *db, cJSON *const rows[NR_RESULTS], const cJSON *row)
{
	const cJSON *port = owner_of(rows[PORTS], "interfaces", row);
	const cJSON *bridge = port ? owner_of(rows[BRIDGES], "ports", port) : NULL;
	struct vnet_ovs_interface *interface;

	/* The database lets go of what no bridge has. */
	if (!bridge)
		return;
	db->interfaces = vnet_realloc(db->interfaces, (db->nr + 1) * sizeof(*interface));
	interface = &db->interfaces[db->nr++];
	*interface = (struct vnet_ovs_interface){
		.name = vnet_strdup(text_of(row, "name")),
		.type = vnet_strdup(text_of(row, "type")),
		.peer = vnet_strdup(option_of(row, "peer")),
		.port = vnet_strdup(text_of(port, "name")),
		.bridge = vnet_strdup(text_of(bridge, "name")),
		.datapath_type = vnet_strdup(text_of(bridge, "datapath_type")),
	};
	/* "system" is another word for no type at all, for both. */
	if (!strcmp(interface->type, "system"))
		interface->type[0] = '\0';
	if (!strcmp(interface->datapath_type, "system"))
		interface->datapath_type[0] = '\0';
}

int vnet_ovsdb_parse(const char *text, struct vnet_ovsdb *db)
{
	cJSON *answer = cJSON_Parse(text), *rows[NR_RESULTS];
	const cJSON *row;
	int err = 0;

	*db = (struct vnet_ovsdb){};
	for (int i = 0; i < NR_RESULTS; i++) {
		const cJSON *all = cJSON_GetObjectItem(answer, "result");

		rows[i] = cJSON_GetObjectItem(cJSON_GetArrayItem(all, i), "rows");
		if (!cJSON_IsArray(rows[i]))
			err = -EBADMSG;
	}
	if (!err)
		cJSON_ArrayForEach(row, rows[INTERFACES])
			add_interface(db, rows, row);
	cJSON_Delete(answer);
	return err;
}

/* ---- the way to it ---- */

static int connect_to(const char *path)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (!vnet_copy(address.sun_path, sizeof(address.sun_path), path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Whether a whole JSON value has arrived: its brackets are closed. */
static bool is_whole(const char *text, size_t len)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!quoted && (text[i] == '}' || text[i] == ']') && !--depth)
			return true;
	}
	return false;
}

/* Reads the answer, and no more: the database sends nothing else so soon. */
static int receive(int fd, char **text)
{
	size_t len = 0, size = 65536;

	*text = vnet_alloc(size);
	for (;;) {
		ssize_t got = read(fd, *text + len, size - len - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!got)
			return -EBADMSG;
		len += got;
		(*text)[len] = '\0';
		if (is_whole(*text, len))
			return 0;
		if (size - len < 4096) {
			if (size >= ANSWER_MAX)
				return -EBADMSG;
			size *= 2;
			*text = vnet_realloc(*text, size);
		}
	}
}

int vnet_ovsdb_read(const char *socket, struct vnet_ovsdb *db)
{
	char *text = NULL;
	int err, fd = connect_to(socket);

	*db = (struct vnet_ovsdb){};
	if (fd < 0)
		return fd;
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		err = -EIO;
	else
		err = receive(fd, &text);
	close(fd);
	if (!err)
		err = vnet_ovsdb_parse(text, db);
	free(text);
	return err;
}

void vnet_ovsdb_free(struct vnet_ovsdb *db)
{
	for (size_t i = 0; i < db->nr; i++) {
		struct vnet_ovs_interface *interface = &db->interfaces[i];

		free(interface->name);
		free(interface->type);
		free(interface->peer);
		free(interface->port);
		free(interface->bridge);
		free(interface->datapath_type);
	}
	free(db->interfaces);
	*db = (struct vnet_ovsdb){};
}

const struct vnet_ovs_interface *vnet_ovsdb_find(const struct vnet_ovsdb *db, const char *name)
{
	for (size_t i = 0; i < db->nr; i++)
		if (!strcmp(db->interfaces[i].name, name))
			return &db->interfaces[i];
	return NULL;
}
