/* SPDX-License-Identifier: GPL-2.0-only */
/* The answer with the datapaths' counters: whole, cut, and spoilt. */
#include <stdlib.h>
#include <string.h>

#include "cmd/ovs_datapath.c"

#include "test.h"

/* A datagram under construction. */
struct gram {
	unsigned char data[512];
	size_t len;
};

static void put_attr(struct gram *g, uint16_t type, const void *data, size_t len)
{
	struct nlattr nla = { .nla_len = NLA_HDRLEN + len, .nla_type = type };

	memcpy(g->data + g->len, &nla, sizeof(nla));
	memcpy(g->data + g->len + NLA_HDRLEN, data, len);
	g->len += NLA_ALIGN(nla.nla_len);
}

static void put_datapath(struct gram *g, const char *name, uint64_t hit, uint64_t lost)
{
	struct ovs_dp_stats stats = { .n_hit = hit, .n_missed = 7, .n_lost = lost };
	size_t start = g->len;
	struct nlmsghdr head = { .nlmsg_type = 30 };

	g->len += NLMSG_HDRLEN + GENL_HDRLEN + sizeof(struct ovs_header);
	put_attr(g, OVS_DP_ATTR_NAME, name, strlen(name) + 1);
	put_attr(g, 99, "later", 5);
	put_attr(g, OVS_DP_ATTR_STATS, &stats, sizeof(stats));
	head.nlmsg_len = g->len - start;
	memcpy(g->data + start, &head, sizeof(head));
}

static void put_done(struct gram *g, uint16_t type, int error)
{
	struct nlmsghdr head = {
		.nlmsg_type = type, .nlmsg_len = NLMSG_HDRLEN + sizeof(error),
	};

	memcpy(g->data + g->len, &head, sizeof(head));
	memcpy(g->data + g->len + NLMSG_HDRLEN, &error, sizeof(error));
	g->len += head.nlmsg_len;
}

TEST(whole)
{
	struct ovs_datapath *all = NULL;
	struct gram g = {};
	size_t nr = 0;

	put_datapath(&g, "ovs-system", 1ull << 40, 3);
	put_datapath(&g, "fifteen-letters", 5, 0);
	CHECK_EQ(ovs_datapaths_parse(g.data, g.len, &all, &nr), 0);
	CHECK_EQ(nr, 2);
	CHECK_STR(all[0].name, "ovs-system");
	CHECK_EQ(all[0].hit, 1ull << 40);
	CHECK_EQ(all[0].missed, 7);
	CHECK_EQ(all[0].lost, 3);
	CHECK_STR(all[1].name, "fifteen-letters");
	g.len = 0;
	put_done(&g, NLMSG_DONE, 0);
	CHECK_EQ(ovs_datapaths_parse(g.data, g.len, &all, &nr), 1);
	CHECK_EQ(nr, 2);
	free(all);
}

TEST(errors)
{
	struct ovs_datapath *all = NULL;
	struct gram g = {};
	size_t nr = 0;

	put_done(&g, NLMSG_ERROR, -EPERM);
	CHECK_EQ(ovs_datapaths_parse(g.data, g.len, &all, &nr), -EPERM);
	g.len = 0;
	/* No room for a zero at its end. */
	put_datapath(&g, "sixteen-letters.", 1, 1);
	CHECK_EQ(ovs_datapaths_parse(g.data, g.len, &all, &nr), -EBADMSG);
	g.len = 0;
	put_datapath(&g, "", 1, 1);
	CHECK_EQ(ovs_datapaths_parse(g.data, g.len, &all, &nr), -EBADMSG);
	CHECK_EQ(nr, 0);
	free(all);
}

/* In memory of just its length, so that a byte too far is noticed. */
TEST(cut_or_spoilt_anywhere)
{
	struct gram g = {};

	put_datapath(&g, "ovs-system", 1, 1);
	for (size_t len = 1; len < g.len; len++) {
		unsigned char *cut = malloc(len);
		struct ovs_datapath *all = NULL;
		size_t nr = 0;

		memcpy(cut, g.data, len);
		CHECK(ovs_datapaths_parse(cut, len, &all, &nr) < 0);
		CHECK_EQ(nr, 0);
		free(cut);
	}
	for (size_t i = 0; i < g.len * 8; i++) {
		unsigned char *spoilt = malloc(g.len);
		struct ovs_datapath *all = NULL;
		size_t nr = 0;

		memcpy(spoilt, g.data, g.len);
		spoilt[i / 8] ^= 1 << i % 8;
		ovs_datapaths_parse(spoilt, g.len, &all, &nr);
		CHECK(nr <= 1);
		free(spoilt);
		free(all);
	}
}

TEST_MAIN(T(whole), T(errors), T(cut_or_spoilt_anywhere))
