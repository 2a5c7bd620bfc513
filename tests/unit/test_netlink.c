/* SPDX-License-Identifier: GPL-2.0-only */
/* The parser of RTM_GETQDISC answers: true ones, and every way to be wrong. */
#include <errno.h>
#include <stdlib.h>

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "vnet/netlink.h"
#include "vnet/util.h"

#include "test.h"

/* A datagram under construction; members are put behind each other. */
struct datagram {
	unsigned char data[2048];
	size_t len, message, nest;
};

static void put(struct datagram *d, const void *data, size_t len)
{
	memcpy(d->data + d->len, data, len);
	d->len += len;
	while (d->len % 4)
		d->data[d->len++] = 0;
}

static void begin(struct datagram *d, uint16_t type, uint16_t flags)
{
	struct nlmsghdr head = { .nlmsg_type = type, .nlmsg_flags = flags };

	d->message = d->len;
	put(d, &head, sizeof(head));
}

static void end(struct datagram *d)
{
	uint32_t len = d->len - d->message;

	memcpy(d->data + d->message, &len, sizeof(len));
}

static void put_attr(struct datagram *d, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr head = { .nla_len = sizeof(head) + len, .nla_type = type };

	put(d, &head, sizeof(head));
	put(d, data, len);
}

static void begin_nest(struct datagram *d, uint16_t type)
{
	d->nest = d->len;
	put_attr(d, type, "", 0);
}

static void end_nest(struct datagram *d)
{
	uint16_t len = d->len - d->nest;

	memcpy(d->data + d->nest, &len, sizeof(len));
}

static void put_tcm(struct datagram *d, int ifindex, uint32_t handle, uint32_t parent)
{
	struct tcmsg tcm = {
		.tcm_ifindex = ifindex, .tcm_handle = handle, .tcm_parent = parent,
	};

	put(d, &tcm, sizeof(tcm));
}

static const struct gnet_stats_queue queue = {
	.qlen = 3, .backlog = 1500, .drops = 0xfffffff0, .requeues = 7, .overlimits = 9,
};

/* As 6.1 sends it: STATS2 with more members than are known here, and STATS. */
static void put_qdisc(struct datagram *d, const char *kind)
{
	struct { uint64_t bytes; uint32_t packets, pad; } basic = { 1ull << 40, 12, 0 };
	static const unsigned char old[36];

	begin(d, RTM_NEWQDISC, NLM_F_MULTI);
	put_tcm(d, 4, 0x80010000, TC_H_ROOT);
	put_attr(d, TCA_KIND, kind, strlen(kind) + 1);
	put_attr(d, TCA_OPTIONS, "\1\2\3\4\5", 5);
	begin_nest(d, TCA_STATS2 | NLA_F_NESTED);
	put_attr(d, TCA_STATS_BASIC, &basic, sizeof(basic));
	put_attr(d, TCA_STATS_APP, "xyz", 3);
	put_attr(d, TCA_STATS_QUEUE, &queue, sizeof(queue));
	end_nest(d);
	put_attr(d, TCA_STATS, old, sizeof(old));
	end(d);
}

static void put_done(struct datagram *d, int err)
{
	begin(d, NLMSG_DONE, NLM_F_MULTI);
	put(d, &err, sizeof(err));
	end(d);
}

struct seen {
	struct vnet_qdisc all[8];
	int nr, stop;
};

static int see(void *ctx, const struct vnet_qdisc *qdisc)
{
	struct seen *seen = ctx;

	if (seen->nr < 8)
		seen->all[seen->nr] = *qdisc;
	seen->nr++;
	return seen->stop;
}

/* From memory of exactly that size, so that ASan sees a byte too far. */
static int parse(const struct datagram *d, size_t len, struct seen *seen)
{
	unsigned char *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, d->data, len);
	*seen = (struct seen){ .stop = seen->stop };
	ret = vnet_netlink_parse_qdisc(copy, len, see, seen);
	free(copy);
	return ret;
}

TEST(members)
{
	struct datagram d = {};
	struct seen seen = {};
	const struct vnet_qdisc *q = &seen.all[0];

	put_qdisc(&d, "pfifo");
	put_qdisc(&d, "fq_codel");
	CHECK_EQ(parse(&d, d.len, &seen), 0);
	CHECK_EQ(seen.nr, 2);
	CHECK_STR(q->kind, "pfifo");
	CHECK_STR(seen.all[1].kind, "fq_codel");
	CHECK_EQ(q->ifindex, 4);
	CHECK_EQ(q->handle, 0x80010000);
	CHECK_EQ(q->parent, TC_H_ROOT);
	CHECK_EQ(q->bytes, 1ull << 40);
	CHECK_EQ(q->drops, 0xfffffff0);
	CHECK_EQ(q->overlimits, 9);
	CHECK_EQ(q->requeues, 7);
	CHECK_EQ(q->qlen, 3);
	CHECK_EQ(q->backlog, 1500);
	put_done(&d, 0);
	CHECK_EQ(parse(&d, d.len, &seen), 1);
	CHECK_EQ(seen.nr, 2);
}

TEST(no_statistics)
{
	struct datagram d = {};
	struct seen seen = {};

	begin(&d, RTM_NEWQDISC, 0);
	put_tcm(&d, 1, 0, 5);
	put_attr(&d, TCA_KIND, "noqueue", 8);
	end(&d);
	CHECK_EQ(parse(&d, d.len, &seen), 0);
	CHECK_EQ(seen.nr, 1);
	CHECK_EQ(seen.all[0].parent, 5);
	CHECK_EQ(seen.all[0].bytes, 0);
	CHECK_EQ(seen.all[0].drops, 0);
}

TEST(ends)
{
	static const struct {
		uint16_t type;
		int value, want;
	} cases[] = {
		{ NLMSG_DONE, 0, 1 }, { NLMSG_DONE, -EBUSY, -EBUSY },
		{ NLMSG_ERROR, -EPERM, -EPERM },
		/* An acknowledgement that nobody asked for, and nonsense. */
		{ NLMSG_ERROR, 0, -EBADMSG }, { NLMSG_DONE, 5, -EBADMSG },
		{ NLMSG_ERROR, INT32_MIN, -EBADMSG },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		struct datagram d = {};
		struct seen seen = {};

		begin(&d, cases[i].type, 0);
		put(&d, &cases[i].value, sizeof(int));
		end(&d);
		put_qdisc(&d, "behind");
		CHECK_EQ(parse(&d, d.len, &seen), cases[i].want);
		CHECK_EQ(seen.nr, 0);
	}
}

TEST(interrupted)
{
	struct datagram d = {};
	struct seen seen = {};

	begin(&d, NLMSG_DONE, NLM_F_DUMP_INTR);
	end(&d);
	CHECK_EQ(parse(&d, d.len, &seen), -EAGAIN);
}

TEST(others_are_skipped)
{
	struct datagram d = {};
	struct seen seen = {};

	begin(&d, RTM_NEWTCLASS, 0);
	put(&d, "nonsense", 8);
	end(&d);
	begin(&d, NLMSG_NOOP, 0);
	end(&d);
	put_qdisc(&d, "tbf");
	CHECK_EQ(parse(&d, d.len, &seen), 0);
	CHECK_EQ(seen.nr, 1);
}

TEST(callback_ends_it)
{
	struct datagram d = {};
	struct seen seen = { .stop = -ENOMEM };

	put_qdisc(&d, "a");
	put_qdisc(&d, "b");
	CHECK_EQ(parse(&d, d.len, &seen), -ENOMEM);
	CHECK_EQ(seen.nr, 1);
}

/* Any cut is noticed, but one between two messages. */
TEST(cut_anywhere)
{
	struct datagram d = {};
	struct seen seen = {};
	size_t first;

	put_qdisc(&d, "pfifo");
	first = d.len;
	put_qdisc(&d, "tbf");
	for (size_t len = 0; len < d.len; len++) {
		int want = len == 0 || len == first ? 0 : -EBADMSG;

		CHECK_EQ(parse(&d, len, &seen), want);
		CHECK_EQ(seen.nr, len >= first);
	}
}

/* A length that lies, at each place that has one. */
TEST(lengths_that_lie)
{
	struct datagram good = {};
	struct seen seen = {};
	size_t attrs = sizeof(struct nlmsghdr) + sizeof(struct tcmsg), nest;

	put_qdisc(&good, "pfifo");
	nest = good.nest;
	for (uint32_t value = 0; value < 16; value++) {
		struct datagram d = good;

		memcpy(d.data, &value, sizeof(value));
		CHECK_EQ(parse(&d, d.len, &seen), -EBADMSG);
	}
	for (int i = 0; i < 2; i++) {
		static const uint16_t values[] = { 0, 3, 0x7fff, 0xffff };

		for (size_t n = 0; n < VNET_ARRAY_SIZE(values); n++) {
			struct datagram d = good;

			memcpy(d.data + (i ? nest : attrs), &values[n], 2);
			CHECK_EQ(parse(&d, d.len, &seen), -EBADMSG);
			CHECK_EQ(seen.nr, 0);
		}
	}
}

static int with_kind(const char *kind, uint16_t len)
{
	struct datagram d = {};
	struct seen seen = {};

	begin(&d, RTM_NEWQDISC, 0);
	put_tcm(&d, 1, 0, 0);
	put_attr(&d, TCA_KIND, kind, len);
	end(&d);
	return parse(&d, d.len, &seen);
}

TEST(kinds)
{
	CHECK_EQ(with_kind("exactly_15_long", 16), 0);
	CHECK_EQ(with_kind("a_name_of_16_let", 17), -EBADMSG);
	CHECK_EQ(with_kind("no end", 6), -EBADMSG);
	CHECK_EQ(with_kind("", 1), -EBADMSG);
	CHECK_EQ(with_kind("", 0), -EBADMSG);
}

TEST(short_members)
{
	for (int i = 0; i < 3; i++) {
		struct datagram d = {};
		struct seen seen = {};

		begin(&d, RTM_NEWQDISC, 0);
		put_tcm(&d, i == 2 ? 0 : 1, 0, 0);
		put_attr(&d, TCA_KIND, "tbf", 4);
		begin_nest(&d, TCA_STATS2);
		if (i < 2)
			put_attr(&d, i ? TCA_STATS_QUEUE : TCA_STATS_BASIC, &queue,
				 i ? 16 : 4);
		end_nest(&d);
		end(&d);
		CHECK_EQ(parse(&d, d.len, &seen), -EBADMSG);
		CHECK_EQ(seen.nr, 0);
	}
}

static struct vnet_qdisc make(uint32_t ifindex, const char *kind, uint32_t handle,
			      uint32_t parent)
{
	struct vnet_qdisc qdisc = { .ifindex = ifindex, .handle = handle, .parent = parent };

	vnet_copy(qdisc.kind, sizeof(qdisc.kind), kind);
	return qdisc;
}

static const char *kind_of(const struct vnet_qdisc *qdiscs, size_t nr, uint32_t ifindex,
			   uint32_t txq)
{
	const struct vnet_qdisc *found = vnet_qdisc_of_queue(qdiscs, nr, ifindex, txq);

	return found ? found->kind : "none";
}

/* Device 2 has one root, 3 an mq of the user's, 4 the kernel's own mq (handle 0). */
TEST(qdiscs_of_queues)
{
	const struct vnet_qdisc all[] = {
		make(1, "noqueue", 0, TC_H_ROOT),
		make(2, "pfifo", 0x20000, 0x10001),
		make(2, "tbf", 0x10000, TC_H_ROOT),
		make(3, "mq", 0x10000, TC_H_ROOT),
		make(3, "fq", 0x110000, 0x10001),
		make(3, "codel", 0x120000, 0x10011),
		make(4, "mq", 0, TC_H_ROOT),
		make(4, "fq_codel", 0, 1),
		make(4, "pfifo_fast", 0, 2),
		make(5, "ingress", 0xffff0000, TC_H_INGRESS),
	};
	size_t nr = VNET_ARRAY_SIZE(all);

	CHECK_STR(kind_of(all, nr, 1, 0), "noqueue");
	CHECK_STR(kind_of(all, nr, 2, 0), "tbf");
	CHECK_STR(kind_of(all, nr, 2, 7), "tbf");
	CHECK_STR(kind_of(all, nr, 3, 0), "fq");
	CHECK_STR(kind_of(all, nr, 3, 16), "codel");
	CHECK_STR(kind_of(all, nr, 3, 1), "none");
	CHECK_STR(kind_of(all, nr, 4, 0), "fq_codel");
	CHECK_STR(kind_of(all, nr, 4, 1), "pfifo_fast");
	CHECK_STR(kind_of(all, nr, 5, 0), "none");
	CHECK_STR(kind_of(all, nr, 6, 0), "none");
	CHECK_STR(kind_of(NULL, 0, 1, 0), "none");
}

/* This host's own: the loopback device always has a qdisc or none at all. */
TEST(real_answer)
{
	struct vnet_qdisc *qdiscs = NULL;
	size_t nr = 0;

	CHECK_EQ(vnet_netlink_qdiscs(&qdiscs, &nr), 0);
	for (size_t i = 0; i < nr; i++) {
		CHECK(qdiscs[i].ifindex > 0);
		CHECK(qdiscs[i].kind[0]);
	}
	free(qdiscs);
}

TEST_MAIN(T(members), T(no_statistics), T(ends), T(interrupted), T(others_are_skipped),
	  T(callback_ends_it), T(cut_anywhere), T(lengths_that_lie), T(kinds),
	  T(short_members), T(qdiscs_of_queues), T(real_answer))
