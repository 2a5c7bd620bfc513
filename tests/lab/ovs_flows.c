/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dumps the flows of a kernel datapath over netlink and writes them with the
 * decoder of core/ovs_*.c. Used by tests/lab/ovs_decode.bats, which compares
 * that with ovs-dpctl, and to record tests/fixtures/ovs-flows.txt.
 *
 * usage: ovs_flows [--terse|--raw] DATAPATH
 *
 * A line for each flow, "UFID, KEY, actions:ACTIONS", as of dump-flows -m
 * without its statistics. --terse: as of dump-flows --names. --raw: lines of
 * "port NUMBER NAME", and then for each flow "ufid", "key", "mask" and
 * "actions" with their bytes in hexadecimal.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/openvswitch.h>

#include "vnet/ovs_flow.h"

#define BUF_SIZE	(1 << 20)
#define TEXT_SIZE	65536
#define MAX_PORTS	64

struct port {
	uint32_t number;
	char name[64];
};

struct dump {
	int fd;
	bool raw;
	struct vnet_ovs_style style;
	struct port ports[MAX_PORTS];
	size_t nr_ports;
};

struct request {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	union {
		struct ovs_header ovs;
		struct {
			struct nlattr attr;
			char name[16];
		} family;
	};
};

/* The attributes of one message of the answer. */
typedef void message_fn(struct dump *dump, const void *attrs, size_t len);

static void fail(const char *what)
{
	fprintf(stderr, "ovs_flows: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Sends, and calls back for each message until the answer's end. */
static void ask(struct dump *dump, struct request *request, size_t body, message_fn *fn)
{
	size_t skip = NLMSG_HDRLEN + GENL_HDRLEN;
	char *buf = malloc(BUF_SIZE);
	bool done = false;

	request->head.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN + body;
	if (request->head.nlmsg_type != GENL_ID_CTRL)
		skip += sizeof(struct ovs_header);
	if (send(dump->fd, request, request->head.nlmsg_len, 0) < 0)
		fail("send");
	while (!done) {
		ssize_t n = recv(dump->fd, buf, BUF_SIZE, 0);
		const struct nlmsghdr *head = (void *)buf;

		if (n < 0)
			fail("receive");
		for (; !done && NLMSG_OK(head, n); head = NLMSG_NEXT(head, n)) {
			int error = 0;

			done = head->nlmsg_type == NLMSG_DONE ||
			       !(head->nlmsg_flags & NLM_F_MULTI);
			if (head->nlmsg_type == NLMSG_ERROR)
				memcpy(&error, NLMSG_DATA(head), sizeof(error));
			errno = -error;
			if (error)
				fail("the kernel");
			if (head->nlmsg_type >= NLMSG_MIN_TYPE && head->nlmsg_len >= skip)
				fn(dump, (const char *)head + skip, head->nlmsg_len - skip);
		}
	}
	free(buf);
}

static uint16_t found_family;

static void on_family(struct dump *dump, const void *attrs, size_t len)
{
	const void *id = vnet_ovs_attr(attrs, len, CTRL_ATTR_FAMILY_ID, &len);

	if (id)
		memcpy(&found_family, id, sizeof(found_family));
}

static uint16_t find_family(struct dump *dump, const char *name)
{
	struct request request = {
		.head = { .nlmsg_type = GENL_ID_CTRL, .nlmsg_flags = NLM_F_REQUEST },
		.genl = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		.family.attr = {
			.nla_len = NLA_HDRLEN + strlen(name) + 1,
			.nla_type = CTRL_ATTR_FAMILY_NAME,
		},
	};

	found_family = 0;
	snprintf(request.family.name, sizeof(request.family.name), "%s", name);
	ask(dump, &request, sizeof(request.family), on_family);
	return found_family;
}

static void get_all(struct dump *dump, const char *family, uint8_t cmd, unsigned int datapath,
		    message_fn *fn)
{
	struct request request = {
		.head = {
			.nlmsg_type = find_family(dump, family),
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.genl = { .cmd = cmd, .version = 1 },
		.ovs.dp_ifindex = datapath,
	};

	ask(dump, &request, sizeof(request.ovs), fn);
}

static void on_port(struct dump *dump, const void *attrs, size_t len)
{
	struct port *port = &dump->ports[dump->nr_ports];
	size_t number_len, name_len;
	const void *number = vnet_ovs_attr(attrs, len, OVS_VPORT_ATTR_PORT_NO, &number_len);
	const char *name = vnet_ovs_attr(attrs, len, OVS_VPORT_ATTR_NAME, &name_len);

	if (!number || number_len != 4 || !name || dump->nr_ports == MAX_PORTS)
		return;
	memcpy(&port->number, number, 4);
	snprintf(port->name, sizeof(port->name), "%s", name);
	dump->nr_ports++;
	if (dump->raw)
		printf("port %u %s\n", port->number, port->name);
}

static const char *port_name(void *ctx, uint32_t number)
{
	const struct dump *dump = ctx;

	for (size_t i = 0; i < dump->nr_ports; i++)
		if (dump->ports[i].number == number)
			return dump->ports[i].name;
	return NULL;
}

/* The four attributes of a flow that have a text. */
static const struct part {
	const char *name;
	uint16_t type;
} parts[] = {
	{ "ufid", OVS_FLOW_ATTR_UFID },
	{ "key", OVS_FLOW_ATTR_KEY },
	{ "mask", OVS_FLOW_ATTR_MASK },
	{ "actions", OVS_FLOW_ATTR_ACTIONS },
};

static void put_raw(const void *attrs, size_t len)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t part_len;
		const unsigned char *part =
			vnet_ovs_attr(attrs, len, parts[i].type, &part_len);

		if (!part)
			continue;
		printf("%s ", parts[i].name);
		for (size_t n = 0; n < part_len; n++)
			printf("%02x", part[n]);
		putchar('\n');
	}
}

static void on_flow(struct dump *dump, const void *attrs, size_t len)
{
	static char text[TEXT_SIZE];
	const void *part[4];
	size_t part_len[4];

	if (dump->raw) {
		put_raw(attrs, len);
		return;
	}
	for (int i = 0; i < 4; i++)
		part[i] = vnet_ovs_attr(attrs, len, parts[i].type, &part_len[i]);
	if (part[0] && !dump->style.terse) {
		vnet_ovs_ufid_text(text, sizeof(text), part[0], part_len[0]);
		printf("%s, ", text);
	}
	vnet_ovs_key_text(text, sizeof(text), &dump->style, part[1], part_len[1], part[2],
			  part_len[2]);
	printf("%s, ", text);
	vnet_ovs_actions_text(text, sizeof(text), &dump->style, part[3], part_len[3]);
	printf("actions:%s\n", text);
}

int main(int argc, char **argv)
{
	static struct dump dump;
	const char *mode = argc == 3 ? argv[1] : "";
	unsigned int datapath;
	int size = BUF_SIZE;

	if (argc < 2 || argc > 3)
		return 2;
	dump.raw = !strcmp(mode, "--raw");
	dump.style = (struct vnet_ovs_style){
		.port_name = port_name, .ctx = &dump, .terse = !strcmp(mode, "--terse"),
	};
	datapath = if_nametoindex(argv[argc - 1]);
	if (!datapath)
		fail(argv[argc - 1]);
	dump.fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (dump.fd < 0)
		fail("socket");
	setsockopt(dump.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	get_all(&dump, OVS_VPORT_FAMILY, OVS_VPORT_CMD_GET, datapath, on_port);
	get_all(&dump, OVS_FLOW_FAMILY, OVS_FLOW_CMD_GET, datapath, on_flow);
	close(dump.fd);
	return 0;
}
