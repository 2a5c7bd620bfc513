/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the kernel's qdiscs over rtnetlink: see include/vnet/netlink.h. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/gen_stats.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "vnet/netlink.h"
#include "vnet/util.h"

/* Twice what the kernel fills at once; a cut datagram is an error. */
#define BUF_SIZE	(64u << 10)
/* Times to ask while the tables change under the answer. */
#define DUMP_TRIES	5
#define TIMEOUT_S	5

/* Copies the headers out: what a fuzzer gives is not aligned. */
int vnet_netlink_attr(struct vnet_attrs *attrs, struct vnet_attr *attr)
{
	struct nlattr head;
	size_t step;

	if (attrs->left < sizeof(head))
		return attrs->left ? -EBADMSG : 0;
	memcpy(&head, attrs->at, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > attrs->left)
		return -EBADMSG;
	attr->type = head.nla_type & NLA_TYPE_MASK;
	attr->data = attrs->at + sizeof(head);
	attr->len = head.nla_len - sizeof(head);
	/* The last one need not be padded. */
	step = NLA_ALIGN(head.nla_len);
	step = step < attrs->left ? step : attrs->left;
	attrs->at += step;
	attrs->left -= step;
	return 1;
}

/* TCA_STATS2. Members may be longer in later kernels, not shorter. */
static int parse_stats(const struct vnet_attr *nest, struct vnet_qdisc *qdisc)
{
	struct vnet_attrs attrs = { nest->data, nest->len };
	struct gnet_stats_queue queue;
	struct vnet_attr attr;
	int more;

	while ((more = vnet_netlink_attr(&attrs, &attr)) > 0) {
		if (attr.type == TCA_STATS_BASIC) {
			if (attr.len < sizeof(qdisc->bytes))
				return -EBADMSG;
			memcpy(&qdisc->bytes, attr.data, sizeof(qdisc->bytes));
		} else if (attr.type == TCA_STATS_QUEUE) {
			if (attr.len < sizeof(queue))
				return -EBADMSG;
			memcpy(&queue, attr.data, sizeof(queue));
			qdisc->drops = queue.drops;
			qdisc->overlimits = queue.overlimits;
			qdisc->requeues = queue.requeues;
			qdisc->qlen = queue.qlen;
			qdisc->backlog = queue.backlog;
		}
	}
	return more;
}

static int parse_kind(const struct vnet_attr *attr, struct vnet_qdisc *qdisc)
{
	const char *end = memchr(attr->data, 0, attr->len);
	size_t len;

	if (!end)
		return -EBADMSG;
	len = end - (const char *)attr->data;
	if (!len || len >= sizeof(qdisc->kind))
		return -EBADMSG;
	memcpy(qdisc->kind, attr->data, len + 1);
	return 0;
}

/* The payload of one RTM_NEWQDISC. */
static int parse_qdisc(const unsigned char *data, size_t len, struct vnet_qdisc *qdisc)
{
	size_t head = NLMSG_ALIGN(sizeof(struct tcmsg));
	struct vnet_attrs attrs;
	struct tcmsg tcm;
	struct vnet_attr attr;
	int more, err;

	if (len < sizeof(tcm))
		return -EBADMSG;
	memcpy(&tcm, data, sizeof(tcm));
	if (tcm.tcm_ifindex <= 0)
		return -EBADMSG;
	*qdisc = (struct vnet_qdisc){
		.ifindex = tcm.tcm_ifindex,
		.handle = tcm.tcm_handle,
		.parent = tcm.tcm_parent,
	};
	head = head < len ? head : len;
	attrs = (struct vnet_attrs){ data + head, len - head };
	while ((more = vnet_netlink_attr(&attrs, &attr)) > 0) {
		err = 0;
		if (attr.type == TCA_KIND)
			err = parse_kind(&attr, qdisc);
		else if (attr.type == TCA_STATS2)
			err = parse_stats(&attr, qdisc);
		if (err)
			return err;
	}
	if (more < 0)
		return more;
	return qdisc->kind[0] ? 0 : -EBADMSG;
}

/* NLMSG_ERROR and NLMSG_DONE carry an errno, or nothing (old NLMSG_DONE). */
static int parse_errno(const unsigned char *data, size_t len, int none)
{
	int err;

	if (len < sizeof(err))
		return none;
	memcpy(&err, data, sizeof(err));
	if (err > 0 || err < -4095)
		return -EBADMSG;
	return err ? err : none;
}

int vnet_netlink_parse_qdisc(const void *data, size_t len, vnet_qdisc_fn fn, void *ctx)
{
	const unsigned char *at = data;

	while (len) {
		struct vnet_qdisc qdisc;
		struct nlmsghdr head;
		size_t step, body;
		int err = 0;

		if (len < sizeof(head))
			return -EBADMSG;
		memcpy(&head, at, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
			return -EBADMSG;
		body = head.nlmsg_len - sizeof(head);
		if (head.nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (head.nlmsg_type == NLMSG_DONE)
			return parse_errno(at + sizeof(head), body, 1);
		if (head.nlmsg_type == NLMSG_ERROR)
			return parse_errno(at + sizeof(head), body, -EBADMSG);
		if (head.nlmsg_type == RTM_NEWQDISC) {
			err = parse_qdisc(at + sizeof(head), body, &qdisc);
			err = err ?: fn(ctx, &qdisc);
		}
		if (err)
			return err;
		step = NLMSG_ALIGN((size_t)head.nlmsg_len);
		step = step < len ? step : len;
		at += step;
		len -= step;
	}
	return 0;
}

struct list {
	struct vnet_qdisc *all;
	size_t nr, room;
};

static int add_qdisc(void *ctx, const struct vnet_qdisc *qdisc)
{
	struct list *list = ctx;

	if (list->nr == list->room) {
		list->room = list->room ? list->room * 2 : 64;
		list->all = vnet_realloc(list->all, list->room * sizeof(*list->all));
	}
	list->all[list->nr++] = *qdisc;
	return 0;
}

static int send_request(int fd)
{
	struct {
		struct nlmsghdr head;
		struct tcmsg tcm;
	} request = {
		.head = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETQDISC,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = 1,
		},
		.tcm.tcm_family = AF_UNSPEC,
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n = sendto(fd, &request, sizeof(request), 0,
			   (struct sockaddr *)&kernel, sizeof(kernel));

	return n == sizeof(request) ? 0 : n < 0 ? -errno : -EIO;
}

/* One datagram from the kernel, from nobody else: its size or -errno. */
static ssize_t receive(int fd, void *buf)
{
	struct sockaddr_nl from;
	struct iovec iov = { buf, BUF_SIZE };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t n;

	do {
		msg.msg_namelen = sizeof(from);
		n = recvmsg(fd, &msg, 0);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid));
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

/* A socket of its own for each try: nothing is left from the one before. */
static int dump(void *buf, struct list *list)
{
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err;
	ssize_t n;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	err = send_request(fd);
	while (!err) {
		n = receive(fd, buf);
		err = n < 0 ? n : vnet_netlink_parse_qdisc(buf, n, add_qdisc, list);
	}
	close(fd);
	return err < 0 ? err : 0;
}

int vnet_netlink_qdiscs(struct vnet_qdisc **qdiscs, size_t *nr)
{
	void *buf = vnet_alloc(BUF_SIZE);
	struct list list = {};
	int err;

	for (int i = 0; i < DUMP_TRIES; i++) {
		list.nr = 0;
		err = dump(buf, &list);
		if (err != -EAGAIN)
			break;
	}
	free(buf);
	if (err) {
		free(list.all);
		return err;
	}
	*qdiscs = list.all;
	*nr = list.nr;
	return 0;
}

static bool is_per_queue(const struct vnet_qdisc *qdisc)
{
	return !strcmp(qdisc->kind, "mq") || !strcmp(qdisc->kind, "mqprio");
}

const struct vnet_qdisc *vnet_qdisc_of_queue(const struct vnet_qdisc *qdiscs, size_t nr,
					     uint32_t ifindex, uint32_t queue)
{
	const struct vnet_qdisc *root = NULL;

	for (size_t i = 0; i < nr && !root; i++)
		if (qdiscs[i].ifindex == ifindex && qdiscs[i].parent == TC_H_ROOT)
			root = &qdiscs[i];
	if (!root || !is_per_queue(root))
		return root;
	for (size_t i = 0; i < nr; i++)
		if (qdiscs[i].ifindex == ifindex &&
		    qdiscs[i].parent == TC_H_MAKE(root->handle, queue + 1))
			return &qdiscs[i];
	return NULL;
}

void vnet_qdisc_handle_text(uint32_t handle, char buf[24])
{
	if (handle == TC_H_ROOT)
		snprintf(buf, 24, "root");
	else if (handle && !TC_H_MAJ(handle))
		snprintf(buf, 24, ":%x", TC_H_MIN(handle));
	else if (!TC_H_MIN(handle))
		snprintf(buf, 24, "%x:", TC_H_MAJ(handle) >> 16);
	else
		snprintf(buf, 24, "%x:%x", TC_H_MAJ(handle) >> 16, TC_H_MIN(handle));
}
