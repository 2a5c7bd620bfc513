/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report model and its renderers: fixed reports against tests/golden/
 * (UPDATE_GOLDEN=1 rewrites them: look at the diff), then what golden files
 * are no good for: terminal safety, write errors, no memory. Single values are
 * in test_values.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "vnet/cli.h"
#include "vnet/report.h"
#include "vnet/util.h"

#include "report_fixture.h"
#include "test.h"

#define TIME_NS		1760957100000000001ull	/* 2025-10-20 10:45:00 UTC */
#define S		VNET_NS_PER_S

static const struct vnet_pair filters[] = {
	{ "src-ip", "10.132.114.0/24" }, { "device", "br-int,ens11" },
};
static const struct vnet_meta drop_meta = {
	.command = "drop summary", .schema = "vnetdiag.drop.summary/1",
	.title = "Drop statistics", .host = "node-1", .kernel = "6.1.0-18-amd64",
	.filters = filters, .nr_filters = 2, .probes = probes, .nr_probes = 2,
};
static const struct vnet_meta latency_meta = {
	.command = "latency summary", .schema = "vnetdiag.latency.summary/1",
	.title = "Latency", .host = "node-1", .kernel = "6.1.0-18-amd64",
	.probes = probes, .nr_probes = 2,
};

/* ---- output ---- */

static char *golden_path(const char *name)
{
	const char *slash = strrchr(__FILE__, '/');

	return vnet_printf("%.*s/../golden/%s",
			   slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".", name);
}

/* The first line that differs. */
static void print_difference(const char *path, const char *got, const char *want)
{
	size_t line = 0;

	for (size_t at = 0; got[at] && got[at] == want[at]; at++) {
		if (got[at] == '\n')
			line = at + 1;
	}
	printf("# %s: want: %.*s\n", path, (int)strcspn(want + line, "\n"), want + line);
	printf("# %s: got:  %.*s\n", path, (int)strcspn(got + line, "\n"), got + line);
}

static void check_golden(const struct vnet_renderer *renderer,
			 const struct vnet_report *report, const char *name)
{
	char *path = golden_path(name), *got = render(renderer, report), *want = NULL;
	size_t size;

	if (getenv("UPDATE_GOLDEN")) {
		FILE *out = fopen(path, "w");

		CHECK(out && fputs(got, out) >= 0);
		if (out)
			fclose(out);
	}
	CHECK_EQ(vnet_read_file(path, &want, &size), 0);
	if (!want || strcmp(got, want)) {
		test_failures++;
		print_difference(path, got, want ? want : "");
	}
	free(want);
	free(got);
	free(path);
}

/* ---- fixtures ---- */

static const struct vnet_column drop_columns[] = {
	{ "count", "Count", VNET_T_U64, VNET_R_COUNT },
	{ "device", "device", VNET_T_STR, VNET_R_CELL },
	{ "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	{ "netns", "netns", VNET_T_U64, VNET_R_JSON },
	{ "reason", "reason", VNET_T_STR, VNET_R_CELL },
	{ "reason_inferred", "inferred", VNET_T_BOOL, VNET_R_JSON },
	{ "location", "location", VNET_T_STR, VNET_R_JSON },
	{ "flow", "Flow", VNET_T_FLOW, VNET_R_LINE },
	{ "stack", "Stack", VNET_T_STACK, VNET_R_LINE },
};

static struct vnet_frame drop_frames[] = {
	{ "ip_rcv_core", NULL, 0x1a2, 0, true },
	{ "ip_rcv", NULL, 0x2d, 0, false },
	{ "mod_func", "openvswitch", 0x10, 0, false },
	{ NULL, "nf_tables", 0, 0xffffffffc0123456, false },
};
static const struct vnet_stack drop_stack = { 4, drop_frames };
static const struct vnet_stack no_stack = { 0, NULL };

static void fill_drop(struct vnet_value *row, uint64_t count, const char *device,
		      const char *reason, const struct vnet_flow *flow,
		      const struct vnet_stack *stack)
{
	row[0] = vnet_u64(count);
	row[1] = vnet_str(device);
	row[2] = vnet_u64(7);
	row[3] = vnet_u64(4026531840);
	row[4] = vnet_str(reason);
	row[5] = vnet_bool(false);
	row[6] = vnet_str("ip_rcv_core+0x1a2");
	row[7] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = flow };
	if (stack)
		row[8] = (struct vnet_value){ .type = VNET_T_STACK, .stack = stack };
}

/* Like a real interval's: two cards, one of them without a device or stack. */
static struct vnet_report *make_drop_report(void)
{
	static uint64_t losses[VNET_NR_LOSSES];
	static struct vnet_flow icmp, tcp, lldp;
	struct vnet_report *report = vnet_report_new(&drop_meta, "report");
	struct vnet_table *table;

	icmp = make_flow("10.132.114.11", "10.132.114.12", 1);
	tcp = with_ports(make_flow("fd00::1", "fd00::2", 6), 443, 50123);
	tcp.flags |= VNET_FLOW_VLAN;
	tcp.vlan = 5;
	lldp = (struct vnet_flow){ .ethertype = 0x88cc };
	report->time_ns = TIME_NS;
	report->interval_ns = 60 * S;
	losses[VNET_LOSS_ring_full] = 12;
	losses[VNET_LOSS_stack_failed] = 1;
	report->losses = losses;
	table = vnet_report_table(report,
				  vnet_report_printf(report, "Found %d unique stack+flow "
						     "combinations", 3),
				  VNET_L_CARDS, drop_columns, VNET_ARRAY_SIZE(drop_columns));
	fill_drop(vnet_report_row(report, table), 23, "br-int", "NO_SOCKET", &icmp,
		  &drop_stack);
	fill_drop(vnet_report_row(report, table), 8, NULL, NULL, &tcp, NULL);
	fill_drop(vnet_report_row(report, table), 1, "ens11", "NOT_SPECIFIED", &lldp,
		  &no_stack);
	vnet_report_extra(report, "total", "Total in this interval", vnet_u64(32));
	return report;
}

static const struct vnet_column latency_columns[] = {
	{ "path", "path", VNET_T_STR, VNET_R_CELL },
	{ "direction", "direction", VNET_T_STR, VNET_R_CELL },
	{ "from", "from", VNET_T_STR, VNET_R_CELL },
	{ "to", "to", VNET_T_STR, VNET_R_CELL },
	{ "total", "total", VNET_T_BOOL, VNET_R_JSON },
	{ "count", "count", VNET_T_U64, VNET_R_COUNT },
	{ "min_ns", "min", VNET_T_NS, VNET_R_CELL },
	{ "mean_ns", "mean", VNET_T_NS, VNET_R_CELL },
	{ "p50_ns", "P50", VNET_T_NS, VNET_R_CELL },
	{ "p90_ns", "P90", VNET_T_NS, VNET_R_JSON },
	{ "p95_ns", "P95", VNET_T_NS, VNET_R_CELL },
	{ "p99_ns", "P99", VNET_T_NS, VNET_R_CELL },
	{ "p999_ns", "P99.9", VNET_T_NS, VNET_R_CELL },
	{ "max_ns", "max", VNET_T_NS, VNET_R_CELL },
	{ "over", "over 1 ms", VNET_T_U64, VNET_R_CELL },
	{ "histogram", "histogram", VNET_T_HIST, VNET_R_JSON },
};

static void fill_latency(struct vnet_value *row, const char *from, const char *to,
			 const struct vnet_hist *hist)
{
	static const unsigned int permilles[] = { 500, 900, 950, 990, 999 };

	row[0] = vnet_str("uplink-vm");
	row[1] = vnet_str("rx");
	row[2] = vnet_str(from);
	row[3] = vnet_str(to);
	row[4] = vnet_bool(false);
	row[5] = vnet_u64(hist->count);
	row[15] = (struct vnet_value){ .type = VNET_T_HIST, .hist = hist };
	if (!hist->count)
		return;
	row[6] = vnet_ns(vnet_hist_min(hist));
	row[7] = vnet_ns(vnet_hist_mean(hist));
	for (int i = 0; i < 5; i++)
		row[8 + i] = vnet_ns(vnet_hist_percentile(hist, permilles[i]));
	row[13] = vnet_ns(hist->max);
	row[14] = vnet_u64(3);
}

static struct vnet_report *make_latency_report(void)
{
	static const uint64_t losses[VNET_NR_LOSSES];
	static struct vnet_count stages[] = { { "upcall", 3 }, { "qdisc", 0 }, { "tun", 1 } };
	static const struct vnet_counts incomplete = { 3, stages };
	static struct vnet_hist fast, slow, none;
	struct vnet_report *report = vnet_report_new(&latency_meta, "report");
	struct vnet_table *table;

	fast = slow = (struct vnet_hist){ 0 };
	for (unsigned int i = 0; i < 1000; i++) {
		vnet_hist_add(&fast, 600 + i * i / 100);
		vnet_hist_add(&slow, i < 998 ? 20000 + 90 * i : 5000000ull * i / 900);
	}
	report->time_ns = TIME_NS;
	report->interval_ns = S / 20;
	report->losses = losses;
	table = vnet_report_table(report, NULL, VNET_L_TABLE, latency_columns,
				  VNET_ARRAY_SIZE(latency_columns));
	fill_latency(vnet_report_row(report, table), "netif_receive_skb", "ovs_vport_receive",
		     &fast);
	fill_latency(vnet_report_row(report, table), "ovs_vport_receive", "tun_net_xmit",
		     &slow);
	fill_latency(vnet_report_row(report, table), "tun_net_xmit", "vhost_add_used", &none);
	vnet_report_extra(report, "started", "Packets started", vnet_u64(1004));
	vnet_report_extra(report, "completed", "Packets completed", vnet_u64(1000));
	vnet_report_extra(report, "incomplete", "Incomplete, by last stage",
			  (struct vnet_value){ .type = VNET_T_COUNTS, .counts = &incomplete });
	return report;
}

static const struct vnet_column record_columns[] = {
	{ "device", NULL, VNET_T_STR, VNET_R_HEAD },
	{ "ifindex", "ifindex", VNET_T_U64, VNET_R_JSON },
	{ "cpu", "cpu", VNET_T_U64, VNET_R_CELL },
	{ "pid", "pid", VNET_T_U64, VNET_R_CELL },
	{ "comm", "comm", VNET_T_STR, VNET_R_CELL },
	{ "reason", "reason", VNET_T_STR, VNET_R_CELL },
	{ "flow", "Flow", VNET_T_FLOW, VNET_R_HEAD },
	{ "gso_type", "gso_type", VNET_T_HEX, VNET_R_CELL },
	{ "tcp_seq", "seq", VNET_T_U64, VNET_R_CELL },
	{ "delta", "delta", VNET_T_S64, VNET_R_CELL },
	{ "seen", "seen", VNET_T_TIME, VNET_R_CELL },
	{ "flags", "flags", VNET_T_LIST, VNET_R_LINE },
	{ "stack", "Stack", VNET_T_STACK, VNET_R_LINE },
	{ "brief", "brief", VNET_T_STR, VNET_R_TEXT },
};

static struct vnet_report *make_record(const char *comm)
{
	static const char *items[] = { "SYN", "ACK" };
	static const struct vnet_list flags = { 2, items };
	static struct vnet_flow flow;
	struct vnet_report *report = vnet_report_new(&details_meta, "record");
	struct vnet_table *table = vnet_report_table(report, NULL, VNET_L_LINES,
		record_columns, VNET_ARRAY_SIZE(record_columns));
	struct vnet_value *row = vnet_report_row(report, table);

	flow = with_ports(make_flow("10.0.0.1", "10.0.0.2", 17), 53, 1024);
	report->time_ns = TIME_NS + 123456000;
	row[0] = vnet_str("tap0");
	row[1] = vnet_u64(12);
	row[2] = vnet_u64(3);
	row[4] = vnet_str(comm);
	row[6] = (struct vnet_value){ .type = VNET_T_FLOW, .flow = &flow };
	row[7] = (struct vnet_value){ .type = VNET_T_HEX, .u64 = 0x1f };
	row[8] = vnet_u64(4294967295);
	row[9] = (struct vnet_value){ .type = VNET_T_S64, .s64 = -5 };
	row[10] = (struct vnet_value){ .type = VNET_T_TIME, .u64 = TIME_NS };
	row[11] = (struct vnet_value){ .type = VNET_T_LIST, .list = &flags };
	row[12] = (struct vnet_value){ .type = VNET_T_STACK, .stack = &drop_stack };
	row[13] = vnet_str("only text");
	return report;
}

/* ---- golden files ---- */

TEST(golden_drop_summary)
{
	struct vnet_report *report = make_drop_report();

	check_golden(&vnet_render_text, report, "drop_summary.txt");
	check_golden(&vnet_render_json, report, "drop_summary.json");
	vnet_report_free(report);
}

TEST(golden_latency_summary)
{
	struct vnet_report *report = make_latency_report();

	check_golden(&vnet_render_text, report, "latency_summary.txt");
	check_golden(&vnet_render_json, report, "latency_summary.json");
	check_golden(&vnet_render_hist, report, "latency_summary.hist");
	vnet_report_free(report);
}

TEST(hist_falls_back_to_text)
{
	struct vnet_report *report = make_drop_report();

	check_golden(&vnet_render_hist, report, "drop_summary.txt");
	vnet_report_free(report);
}

TEST(golden_details)
{
	static uint64_t losses[VNET_NR_LOSSES];
	struct vnet_report *report = vnet_report_new(&details_meta, "start");

	report->time_ns = TIME_NS;
	check_golden(&vnet_render_json, report, "details_start.json");
	check_golden(&vnet_render_text, report, "details_start.txt");
	vnet_report_free(report);

	report = make_record("vhost 42");
	check_golden(&vnet_render_json, report, "details_record.json");
	check_golden(&vnet_render_text, report, "details_record.txt");
	vnet_report_free(report);

	report = vnet_report_new(&details_meta, "loss");
	report->time_ns = TIME_NS;
	vnet_report_extra(report, "ring_full", vnet_loss_words[VNET_LOSS_ring_full],
			  vnet_u64(12));
	vnet_report_extra(report, "stack_failed", vnet_loss_words[VNET_LOSS_stack_failed],
			  vnet_u64(1));
	check_golden(&vnet_render_json, report, "details_loss.json");
	check_golden(&vnet_render_text, report, "details_loss.txt");
	vnet_report_free(report);

	report = vnet_report_new(&details_meta, "end");
	report->time_ns = TIME_NS;
	losses[VNET_LOSS_map_full] = UINT64_MAX;
	report->losses = losses;
	vnet_report_extra(report, "records", "Records", vnet_u64(2));
	check_golden(&vnet_render_json, report, "details_end.json");
	check_golden(&vnet_render_text, report, "details_end.txt");
	vnet_report_free(report);
}

/* A plan has no heading with a time; extra tables; notes under a table's row. */
TEST(golden_plan)
{
	static const struct vnet_column columns[] = {
		{ "point", "POINT", VNET_T_STR, VNET_R_CELL },
		{ "mechanism", "MECHANISM", VNET_T_STR, VNET_R_CELL },
		{ "tried", "TRIED", VNET_T_U64, VNET_R_CELL },
		{ "reason", "WHY", VNET_T_STR, VNET_R_LINE },
	};
	static const struct vnet_column name[] = {
		{ "name", "NAME", VNET_T_STR, VNET_R_CELL },
	};
	struct vnet_report *report = vnet_report_new(&drop_meta, "plan");
	struct vnet_table *first = vnet_report_table(report, "Plan:", VNET_L_TABLE, columns, 4);
	struct vnet_table *table;
	struct vnet_value *row = vnet_report_row(report, first);

	row[0] = vnet_str("kfree_skb");
	row[1] = vnet_str("tp_btf");
	row[2] = vnet_u64(1);
	row = vnet_report_row(report, first);
	row[0] = vnet_str("\xc3\xa9t\xc3\xa9");	/* two wide characters, five bytes */
	row[2] = vnet_u64(12345678);
	row[3] = vnet_str("module 'openvswitch' is not loaded");
	table = vnet_report_table(report, "Maps:", VNET_L_TABLE, name, 1);
	table->key = "maps";
	row = vnet_report_row(report, table);
	row[0] = vnet_str("losses");
	table = vnet_report_table(report, "Text alone:", VNET_L_TABLE, name, 1);
	row = vnet_report_row(report, table);
	row[0] = vnet_str("note");
	check_golden(&vnet_render_json, report, "plan.json");
	check_golden(&vnet_render_text, report, "plan.txt");
	vnet_report_free(report);
}

TEST(empty_report)
{
	static const uint64_t losses[VNET_NR_LOSSES];
	struct vnet_report *report = vnet_report_new(&drop_meta, "report");
	char *text;

	report->time_ns = TIME_NS;
	report->interval_ns = 10 * S;
	report->losses = losses;
	vnet_report_table(report, "No drops", VNET_L_CARDS, drop_columns, 9);
	text = render(&vnet_render_text, report);
	CHECK_STR(text, "[2025-10-20 10:45:00] === Drop statistics (interval: 10.0 s) ===\n"
			"No drops\n\nLosses: none\n\n");
	free(text);
	text = render(&vnet_render_json, report);
	CHECK(strstr(text, "\"interval_s\":10,") && strstr(text, "\"rows\":[]"));
	CHECK(strstr(text, "\"complete\":true}"));
	free(text);
	vnet_report_free(report);
}

/* ---- safety ---- */

/* Escape sequences, new lines and C1 controls must not reach a terminal. */
TEST(text_is_safe)
{
	struct vnet_report *report = make_record("a\x1b[31m\n\xc2\x9b\xff\x7f\xc3\xa9");
	char *text = render(&vnet_render_text, report);

	CHECK(strstr(text, "comm=a?[31m????\xc3\xa9 "));
	free(text);
	vnet_report_free(report);
}

/* ---- the model ---- */

TEST(model_keeps_its_tables)
{
	static const struct vnet_column column[] = { { "n", "N", VNET_T_U64, VNET_R_CELL } };
	struct vnet_report *report = vnet_report_new(&drop_meta, "report");
	struct vnet_table *tables[20];
	size_t wrong = 0;
	char *large;

	for (unsigned int t = 0; t < 20; t++)
		tables[t] = vnet_report_table(report, NULL, VNET_L_TABLE, column, 1);
	for (unsigned int n = 0; n < 1000; n++) {
		for (unsigned int t = 0; t < 20; t++) {
			struct vnet_value *row = vnet_report_row(report, tables[t]);

			wrong += row->type != VNET_T_NONE;
			*row = vnet_u64(n * 100 + t);
		}
	}
	for (unsigned int t = 0; t < 20; t++) {
		wrong += report->tables[t] != tables[t] || tables[t]->nr_rows != 1000;
		for (unsigned int n = 0; n < 1000; n++)
			wrong += tables[t]->cells[n].u64 != n * 100 + t;
	}
	CHECK_EQ(wrong, 0);
	for (unsigned int i = 0; i < 20; i++)
		vnet_report_extra(report, "k", NULL, vnet_u64(i));
	for (unsigned int i = 0; i < 20; i++)
		wrong += report->extras[i].u64 != i;
	CHECK_EQ(wrong, 0);
	large = vnet_report_alloc(report, 1000000);
	for (size_t i = 0; i < 1000000; i++)
		wrong += large[i] != 0;
	CHECK_EQ(wrong, 0);
	CHECK_EQ((uintptr_t)vnet_report_alloc(report, 1) % _Alignof(max_align_t), 0);
	CHECK(!vnet_report_strdup(report, NULL));
	CHECK_STR(vnet_report_strdup(report, "x"), "x");
	vnet_report_free(report);
	vnet_report_free(NULL);
}

TEST(losses)
{
	uint64_t counts[VNET_NR_LOSSES] = { 0 };

	CHECK(vnet_losses_none(NULL));
	CHECK(vnet_losses_none(counts));
	for (int i = 0; i < VNET_NR_LOSSES; i++) {
		counts[i] = 1;
		CHECK(!vnet_losses_none(counts));
		counts[i] = 0;
		CHECK(vnet_loss_names[i] && vnet_loss_words[i]);
	}
	CHECK_STR(vnet_loss_names[VNET_LOSS_ring_full], "ring_full");
}

TEST(renderers)
{
	CHECK(vnet_renderer(VNET_FORMAT_TEXT) == &vnet_render_text);
	CHECK(vnet_renderer(VNET_FORMAT_JSON) == &vnet_render_json);
	CHECK(vnet_renderer(VNET_FORMAT_HIST) == &vnet_render_hist);
	CHECK(!vnet_renderer(99));
	CHECK_STR(vnet_renderer(VNET_FORMAT_HIST)->name, "hist");
}

/* ---- failures ---- */

TEST(write_errors)
{
	static const struct vnet_renderer *const all[] = {
		&vnet_render_text, &vnet_render_json, &vnet_render_hist,
	};
	struct vnet_report *report = make_latency_report();

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++) {
		FILE *out = fopen("/dev/full", "w");
		int fds[2];

		CHECK_EQ(all[i]->render(report, out), -ENOSPC);
		fclose(out);
		CHECK_EQ(pipe(fds), 0);
		close(fds[0]);
		out = fdopen(fds[1], "w");
		CHECK_EQ(all[i]->render(report, out), -EPIPE);
		fclose(out);
	}
	vnet_report_free(report);
}

/* Allocations until the one that fails; those after it succeed again. */
static unsigned int allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- ? malloc(size) : NULL;
}

/* Fails each of cJSON's allocations in turn: no output, no crash, no leak. */
TEST(json_without_memory)
{
	struct vnet_report *report = make_drop_report();
	cJSON_Hooks hooks = { .malloc_fn = failing_malloc, .free_fn = free };
	unsigned int n, wrong = 0;
	int err = -ENOMEM;

	cJSON_InitHooks(&hooks);
	for (n = 0; err && n < 2000; n++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		allocations_left = n;
		err = vnet_render_json.render(report, out);
		fclose(out);
		wrong += err && (err != -ENOMEM || size);
		wrong += !err && !size;
		free(text);
	}
	cJSON_InitHooks(NULL);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(err, 0);
	CHECK(n > 100);
	vnet_report_free(report);
}

TEST_MAIN(T(golden_drop_summary), T(golden_latency_summary),
	  T(hist_falls_back_to_text), T(golden_details), T(golden_plan),
	  T(empty_report), T(text_is_safe), T(model_keeps_its_tables),
	  T(losses), T(renderers), T(write_errors), T(json_without_memory))
