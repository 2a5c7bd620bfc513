/* SPDX-License-Identifier: GPL-2.0-only */
/* `drop qdisc`: differences of counters that wrap, restart, come and go. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/drop_qdisc_rows.c"

#include "test.h"

#define MAX_ROWS	8

static struct vnet_qdisc make(uint32_t ifindex, uint32_t handle, uint32_t parent,
			      const char *kind, uint64_t bytes, uint32_t drops)
{
	struct vnet_qdisc q = {
		.ifindex = ifindex, .handle = handle, .parent = parent,
		.bytes = bytes, .drops = drops,
	};

	vnet_copy(q.kind, sizeof(q.kind), kind);
	return q;
}

/* One interval; rows as "handle drops new|-", joined, as they come. */
struct interval {
	struct qdisc_args args;
	struct vnet_qdisc before[MAX_ROWS], now[MAX_ROWS];
	size_t nr_before, nr_now;
	struct qdisc_totals totals;
	char text[256];
};

static struct interval *begin(void)
{
	static struct interval i;

	i = (struct interval){ .args.by = QDISC_BY_QDISC };
	return &i;
}

static const char *rows_of(struct interval *i)
{
	static const struct vnet_meta meta;
	static struct vnet_column columns[NR_QDISC_COLUMNS];
	struct qdisc_run q = { .args = &i->args, .before = i->before,
			       .nr_before = i->nr_before };
	struct vnet_report *report = vnet_report_new(&meta, "report");
	struct vnet_table *table = vnet_report_table(report, NULL, VNET_L_TABLE, columns,
						     NR_QDISC_COLUMNS);

	i->totals = (struct qdisc_totals){};
	i->text[0] = 0;
	qdisc_sort(i->before, i->nr_before);
	qdisc_sort(i->now, i->nr_now);
	qdisc_rows(&q, report, table, i->now, i->nr_now, &i->totals);
	for (size_t n = 0; n < table->nr_rows; n++) {
		const struct vnet_value *v = table->cells + n * NR_QDISC_COLUMNS;
		size_t used = strlen(i->text);

		snprintf(i->text + used, sizeof(i->text) - used, "%s%s %" PRIu64 " %s",
			 n ? ", " : "", v[QDISC_HANDLE].str, v[QDISC_DROPS].u64,
			 v[QDISC_NEW].flag ? "new" : "-");
		if (v[QDISC_QUEUE].type)
			snprintf(i->text + strlen(i->text), 16, " q%" PRIu64,
				 v[QDISC_QUEUE].u64);
	}
	vnet_report_free(report);
	return i->text;
}

static void both(struct interval *i, struct vnet_qdisc before, struct vnet_qdisc now)
{
	i->before[i->nr_before++] = before;
	i->now[i->nr_now++] = now;
}

#define ROOT	TC_H_ROOT

TEST(plain)
{
	struct interval *i = begin();

	both(i, make(2, 0x10000, ROOT, "tbf", 100, 5), make(2, 0x10000, ROOT, "tbf", 200, 9));
	both(i, make(3, 0x20000, ROOT, "tbf", 1, 5), make(3, 0x20000, ROOT, "tbf", 2, 25));
	both(i, make(4, 0x30000, ROOT, "tbf", 1, 5), make(4, 0x30000, ROOT, "tbf", 2, 5));
	CHECK_STR(rows_of(i), "2: 20 -, 1: 4 -");
	CHECK_EQ(i->totals.drops, 24);
	CHECK_EQ(i->totals.gone, 0);
	i->args.top = 1;
	CHECK_STR(rows_of(i), "2: 20 -");
	CHECK_EQ(i->totals.drops, 24);
	i->args.top = 0;
	i->args.all = true;
	CHECK_STR(rows_of(i), "2: 20 -, 1: 4 -, 3: 0 -");
	i->args.common.device = (struct vnet_devices){ .nr = 1, .ifindex = { 2 } };
	CHECK_STR(rows_of(i), "1: 4 -");
	CHECK_EQ(i->totals.drops, 4);
	i->args.by = QDISC_BY_FLOW;
	CHECK_STR(rows_of(i), "");
	CHECK_EQ(i->totals.drops, 4);
}

TEST(wraps)
{
	struct interval *i = begin();

	both(i, make(2, 0x10000, ROOT, "tbf", 100, 0xfffffff0),
	     make(2, 0x10000, ROOT, "tbf", 200, 0x10));
	CHECK_STR(rows_of(i), "1: 32 -");
	CHECK_EQ(i->totals.gone, 0);
}

TEST(replaced)
{
	struct interval *i = begin();

	/* By another of its name: fewer bytes, or fewer drops than can be. */
	both(i, make(2, 0x10000, ROOT, "tbf", 1000, 5), make(2, 0x10000, ROOT, "tbf", 200, 7));
	both(i, make(3, 0x20000, ROOT, "tbf", 1, 500), make(3, 0x20000, ROOT, "tbf", 200, 3));
	/* By another kind, or under another handle. */
	both(i, make(4, 0x30000, ROOT, "tbf", 1, 50), make(4, 0x30000, ROOT, "netem", 20, 60));
	both(i, make(5, 0x40000, ROOT, "tbf", 1, 50), make(5, 0x50000, ROOT, "tbf", 20, 61));
	CHECK_STR(rows_of(i), "5: 61 new, 3: 60 new, 1: 7 new, 2: 3 new");
	CHECK_EQ(i->totals.drops, 131);
	CHECK_EQ(i->totals.gone, 4);
}

TEST(comes_and_goes)
{
	struct interval *i = begin();

	i->now[i->nr_now++] = make(2, 0x10000, ROOT, "tbf", 10, 3);
	CHECK_STR(rows_of(i), "1: 3 new");
	CHECK_EQ(i->totals.gone, 0);
	i = begin();
	i->before[i->nr_before++] = make(2, 0x10000, ROOT, "tbf", 10, 3);
	CHECK_STR(rows_of(i), "");
	CHECK_EQ(i->totals.gone, 1);
	i = begin();
	CHECK_STR(rows_of(i), "");
}

/* Drops of a class are the root's too; those of ingress are no queue's. */
TEST(roots_make_the_total)
{
	struct interval *i = begin();

	both(i, make(2, 0x10000, ROOT, "tbf", 1, 0), make(2, 0x10000, ROOT, "tbf", 2, 4));
	both(i, make(2, 0x20000, 0x10001, "pfifo", 1, 0),
	     make(2, 0x20000, 0x10001, "pfifo", 2, 4));
	both(i, make(2, 0xffff0000, TC_H_INGRESS, "ingress", 1, 0),
	     make(2, 0xffff0000, TC_H_INGRESS, "ingress", 2, 8));
	CHECK_STR(rows_of(i), "ffff: 8 -, 2: 4 -, 1: 4 -");
	CHECK_EQ(i->totals.drops, 4);
}

TEST(mq_is_the_sum_of_its_queues)
{
	struct interval *i = begin();

	/* The default mq has handle 0 and so do its queues. */
	both(i, make(2, 0, ROOT, "mq", 10, 5), make(2, 0, ROOT, "mq", 20, 9));
	both(i, make(2, 0, 1, "fq", 5, 2), make(2, 0, 1, "fq", 10, 3));
	both(i, make(2, 0, 2, "fq", 5, 3), make(2, 0, 2, "fq", 10, 6));
	CHECK_STR(rows_of(i), "0: 4 -, 0: 3 - q1, 0: 1 - q0");
	CHECK_EQ(i->totals.drops, 4);
	/* The second queue's is replaced: the sum loses the 3 it had. */
	i->now[2] = make(2, 0x70000, 2, "netem", 40, 8);
	i->now[0] = make(2, 0, ROOT, "mq", 50, 11);
	i->now[1] = make(2, 0, 1, "fq", 10, 3);
	CHECK_STR(rows_of(i), "0: 9 -, 7: 8 new q1, 0: 1 - q0");
	CHECK_EQ(i->totals.drops, 9);
	CHECK_EQ(i->totals.gone, 1);
}

TEST(handles)
{
	static const struct vnet_meta meta;
	struct vnet_report *report = vnet_report_new(&meta, "report");

	CHECK_STR(handle_text(report, TC_H_ROOT), "root");
	CHECK_STR(handle_text(report, TC_H_INGRESS), "ffff:fff1");
	CHECK_STR(handle_text(report, 0), "0:");
	CHECK_STR(handle_text(report, 0x80010000), "8001:");
	CHECK_STR(handle_text(report, 0x0001000a), "1:a");
	CHECK_STR(handle_text(report, 0xb), ":b");
	vnet_report_free(report);
}

TEST_MAIN(T(plain), T(wraps), T(replaced), T(comes_and_goes), T(roots_make_the_total),
	  T(mq_is_the_sum_of_its_queues), T(handles))
