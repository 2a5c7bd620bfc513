/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks the kernel for its datapaths' counters, as `ovs-dpctl show` does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/openvswitch.h>

#include "cmd/ovs_datapath.h"
#include "vnet/netlink.h"
#include "vnet/util.h"

#define BUF_SIZE	(32u << 10)
#define TIMEOUT_S	5

/* What stands behind a message's two headers of generic netlink, and `more`. */
static bool payload(const unsigned char *msg, size_t len, size_t more, struct vnet_attrs *attrs)
{
	size_t head = NLMSG_HDRLEN + GENL_HDRLEN + more;

	if (len < head)
		return false;
	*attrs = (struct vnet_attrs){ msg + head, len - head };
	return true;
}

static int parse_datapath(const unsigned char *msg, size_t len, struct ovs_datapath *dp)
{
	struct ovs_dp_stats stats;
	struct vnet_attrs attrs;
	struct vnet_attr attr;
	int more;

	*dp = (struct ovs_datapath){};
	if (!payload(msg, len, sizeof(struct ovs_header), &attrs))
		return -EBADMSG;
	while ((more = vnet_netlink_attr(&attrs, &attr)) > 0) {
		if (attr.type == OVS_DP_ATTR_NAME) {
			if (!memchr(attr.data, 0, attr.len) || attr.len > sizeof(dp->name))
				return -EBADMSG;
			memcpy(dp->name, attr.data, attr.len);
		} else if (attr.type == OVS_DP_ATTR_STATS) {
			if (attr.len < sizeof(stats))
				return -EBADMSG;
			memcpy(&stats, attr.data, sizeof(stats));
			dp->hit = stats.n_hit;
			dp->missed = stats.n_missed;
			dp->lost = stats.n_lost;
		}
	}
	if (more)
		return more;
	return dp->name[0] ? 0 : -EBADMSG;
}

/* The error in NLMSG_ERROR, or NLMSG_DONE: 0 or -errno. */
static int error_of(const unsigned char *msg, size_t len)
{
	int error;

	if (len < NLMSG_HDRLEN + sizeof(error))
		return -EBADMSG;
	memcpy(&error, msg + NLMSG_HDRLEN, sizeof(error));
	return error;
}

int ovs_datapaths_parse(const void *data, size_t len, struct ovs_datapath **all, size_t *nr)
{
	const unsigned char *at = data;
	struct nlmsghdr head;

	for (; len >= sizeof(head); at += NLMSG_ALIGN(head.nlmsg_len),
				    len -= NLMSG_ALIGN(head.nlmsg_len)) {
		struct ovs_datapath dp;
		int err;

		memcpy(&head, at, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
			return -EBADMSG;
		if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
			err = error_of(at, head.nlmsg_len);
			return err < 0 ? err : 1;
		}
		err = parse_datapath(at, head.nlmsg_len, &dp);
		if (err)
			return err;
		*all = vnet_realloc(*all, (*nr + 1) * sizeof(**all));
		(*all)[(*nr)++] = dp;
		if (NLMSG_ALIGN(head.nlmsg_len) >= len)
			return 0;
	}
	return len ? -EBADMSG : 0;
}

/* A request with one attribute (data NULL: none) behind `more` zeros. */
static int ask(int fd, uint16_t type, uint16_t flags, uint8_t cmd, size_t more,
	       uint16_t attr, const char *data)
{
	unsigned char buf[128] = {};
	size_t len = NLMSG_HDRLEN + GENL_HDRLEN + more;
	struct genlmsghdr genl = { .cmd = cmd, .version = 1 };
	struct nlmsghdr head = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct nlattr nla = { .nla_type = attr };

	if (data) {
		nla.nla_len = NLA_HDRLEN + strlen(data) + 1;
		memcpy(buf + len, &nla, sizeof(nla));
		memcpy(buf + len + NLA_HDRLEN, data, strlen(data) + 1);
		len += NLA_ALIGN(nla.nla_len);
	}
	head.nlmsg_len = len;
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + NLMSG_HDRLEN, &genl, sizeof(genl));
	return send(fd, buf, len, 0) < 0 ? -errno : 0;
}

static ssize_t answer(int fd, unsigned char *buf)
{
	ssize_t n = recv(fd, buf, BUF_SIZE, MSG_TRUNC);

	if (n < 0)
		return -errno;
	return n > BUF_SIZE ? -EMSGSIZE : n;
}

/* The number of the family of datapaths; -ENOENT: there is no Open vSwitch. */
static int find_family(int fd, unsigned char *buf, uint16_t *family)
{
	struct vnet_attrs attrs;
	struct vnet_attr attr;
	struct nlmsghdr head;
	ssize_t n;
	int err = ask(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 0, CTRL_ATTR_FAMILY_NAME,
		      OVS_DATAPATH_FAMILY);

	if (err)
		return err;
	n = answer(fd, buf);
	if (n < 0)
		return n;
	if ((size_t)n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head));
	if (head.nlmsg_type == NLMSG_ERROR)
		return error_of(buf, n) ?: -EBADMSG;
	if (!payload(buf, n, 0, &attrs))
		return -EBADMSG;
	while (vnet_netlink_attr(&attrs, &attr) > 0)
		if (attr.type == CTRL_ATTR_FAMILY_ID && attr.len >= sizeof(*family)) {
			memcpy(family, attr.data, sizeof(*family));
			return 0;
		}
	return -EBADMSG;
}

static int dump(int fd, unsigned char *buf, struct ovs_datapath **all, size_t *nr)
{
	uint16_t family;
	int err = find_family(fd, buf, &family);

	err = err ?: ask(fd, family, NLM_F_DUMP, OVS_DP_CMD_GET, sizeof(struct ovs_header), 0,
			 NULL);
	while (!err) {
		ssize_t n = answer(fd, buf);

		err = n < 0 ? (int)n : ovs_datapaths_parse(buf, n, all, nr);
	}
	return err < 0 ? err : 0;
}

int ovs_datapaths_read(struct ovs_datapath **all, size_t *nr)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	unsigned char *buf;
	int fd, err;

	*all = NULL;
	*nr = 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	buf = vnet_alloc(BUF_SIZE);
	err = dump(fd, buf, all, nr);
	free(buf);
	close(fd);
	if (!err)
		return 0;
	free(*all);
	*all = NULL;
	*nr = 0;
	return err;
}
