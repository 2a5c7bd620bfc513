/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How single values look: in JSON (exact integers, hostile strings, null) and
 * in text (flows, durations, times).
 */
#include <stdbool.h>
#include <stdlib.h>

#include "vnet/report.h"
#include "vnet/util.h"

#include "report_fixture.h"
#include "test.h"

/* ---- JSON details ---- */

/* An "end" line with one extra; the caller frees it. */
static char *render_extra(struct vnet_value value)
{
	struct vnet_report *report = vnet_report_new(&details_meta, "end");
	char *text;

	vnet_report_extra(report, "x", "x", value);
	text = render(&vnet_render_json, report);
	vnet_report_free(report);
	return text;
}

#define HEAD "{\"schema\":\"vnetdiag.drop.details/1\",\"type\":\"end\",\"x\":"

static void check_extra(struct vnet_value value, const char *want)
{
	char *text = render_extra(value), *line = vnet_printf(HEAD "%s}\n", want);

	CHECK_STR(text, line);
	free(line);
	free(text);
}

TEST(json_exact_integers)
{
	check_extra(vnet_u64(9007199254740993), "9007199254740993");	/* 2^53 + 1 */
	check_extra(vnet_u64(UINT64_MAX), "18446744073709551615");
	check_extra(vnet_ns(UINT64_MAX), "18446744073709551615");
	check_extra(vnet_u64(0), "0");
	check_extra((struct vnet_value){ .type = VNET_T_S64, .s64 = INT64_MIN },
		    "-9223372036854775808");
	check_extra((struct vnet_value){ .type = VNET_T_HEX, .u64 = UINT64_MAX },
		    "\"0xffffffffffffffff\"");
}

TEST(json_hostile_strings)
{
#define BAD "\xef\xbf\xbd"
	static const struct {
		const char *raw, *want;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "q\"b\\", "q\\\"b\\\\" },
		{ "\n\t\x01\x1f\x7f", "\\n\\t\\u0001\\u001f\x7f" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "a\xff" "b", "a" BAD "b" },
		{ "\x80", BAD },
		{ "cut\xe2\x82", "cut" BAD },		/* comm is cut at 15 bytes */
		{ "cut\xf0\x9f\x98", "cut" BAD },
		{ "\xc0\xaf", BAD BAD },			/* overlong '/' */
		{ "\xe0\x80\x80", BAD BAD BAD },
		{ "\xed\xa0\x80", BAD BAD BAD },		/* surrogate */
		{ "\xf4\x90\x80\x80", BAD BAD BAD BAD },	/* above U+10FFFF */
		{ "\xf5\xf8\xfe", BAD BAD BAD },
		{ "\xc3(", BAD "(" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },	/* U+10FFFF itself */
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		char *want = vnet_printf("\"%s\"", cases[i].want);

		check_extra(vnet_str(cases[i].raw), want);
		free(want);
	}
}

TEST(json_other_values)
{
	static struct vnet_count counts[] = { { "a\xff", 1 }, { "zero", 0 } };
	static const struct vnet_counts names = { 2, counts }, no_names = { 0, NULL };
	static const struct vnet_list no_items = { 0, NULL };
	static struct vnet_hist hist;

	check_extra(vnet_str(NULL), "null");
	check_extra(vnet_bool(true), "true");
	check_extra((struct vnet_value){ .type = VNET_T_TIME, .u64 = 1 },
		    "\"1970-01-01T00:00:00.000000001Z\"");
	check_extra((struct vnet_value){ .type = VNET_T_COUNTS, .counts = &names },
		    "{\"a" BAD "\":1,\"zero\":0}");
	check_extra((struct vnet_value){ .type = VNET_T_COUNTS, .counts = &no_names }, "{}");
	check_extra((struct vnet_value){ .type = VNET_T_LIST, .list = &no_items }, "[]");
	check_extra((struct vnet_value){ .type = VNET_T_HIST, .hist = &hist }, "[]");
	vnet_hist_add(&hist, 3);
	vnet_hist_add(&hist, UINT64_MAX);
	check_extra((struct vnet_value){ .type = VNET_T_HIST, .hist = &hist },
		    "[{\"from_ns\":3,\"to_ns\":3,\"count\":1},{\"from_ns\":257698037760,"
		    "\"to_ns\":18446744073709551615,\"count\":1}]");
	check_extra((struct vnet_value){ .type = VNET_T_HIST_N, .hist = &hist },
		    "[{\"from\":3,\"to\":3,\"count\":1},{\"from\":257698037760,"
		    "\"to\":18446744073709551615,\"count\":1}]");
}

TEST(nested_tables)
{
	static const struct vnet_column nested_columns[] = {
		{ "tid", "tid", VNET_T_U64 },
		{ "cpu", "cpu", VNET_T_U64, VNET_R_JSON },
		{ "comm", "comm", VNET_T_STR },
	};
	struct vnet_report *report = vnet_report_new(&details_meta, "end");
	struct vnet_table *table = vnet_report_nested(report, nested_columns, 3);
	struct vnet_value value = { .type = VNET_T_TABLE, .table = table }, *row;
	char *text;

	check_extra(value, "[]");
	row = vnet_report_row(report, table);
	row[0] = vnet_u64(7);
	row[1] = vnet_u64(1);
	row[2] = vnet_str("handler7");
	value.type = VNET_T_OBJECT;
	check_extra(value, "{\"tid\":7,\"cpu\":1,\"comm\":\"handler7\"}");
	value.type = VNET_T_TABLE;
	vnet_report_row(report, table)[2] = vnet_str("handler8");
	check_extra(value, "[{\"tid\":7,\"cpu\":1,\"comm\":\"handler7\"},"
		    "{\"tid\":null,\"cpu\":null,\"comm\":\"handler8\"}]");
	CHECK_EQ(report->nr_tables, 0);
	vnet_report_extra(report, "x", "Handlers", value);
	text = render(&vnet_render_text, report);
	CHECK(strstr(text, "Handlers: 7 handler7, - handler8"));
	free(text);
	vnet_report_free(report);
}

TEST(json_flow)
{
	struct vnet_flow flow = with_ports(make_flow("::1", "ff02::1", 58), 0, 0);
	struct vnet_value value = { .type = VNET_T_FLOW, .flow = &flow };

	flow.flags = VNET_FLOW_PROTOCOL | VNET_FLOW_VLAN | VNET_FLOW_INNER |
		     VNET_FLOW_FRAGMENT | VNET_FLOW_TRUNCATED | VNET_FLOW_MALFORMED;
	check_extra(value, "{\"src\":\"::1\",\"dst\":\"ff02::1\",\"src_port\":null,"
		    "\"dst_port\":null,\"protocol\":\"icmp6\",\"vlan\":0,\"inner\":true,"
		    "\"fragment\":true,\"truncated\":true,\"malformed\":true}");
	flow = with_ports(make_flow("1.2.3.4", "5.6.7.8", 253), 1, 65535);
	check_extra(value, "{\"src\":\"1.2.3.4\",\"dst\":\"5.6.7.8\",\"src_port\":1,"
		    "\"dst_port\":65535,\"protocol\":\"253\",\"vlan\":null}");
	flow = (struct vnet_flow){ .ethertype = 0x88cc };
	check_extra(value, "{\"src\":null,\"dst\":null,\"src_port\":null,\"dst_port\":null,"
		    "\"protocol\":null,\"vlan\":null,\"ethertype\":\"0x88cc\"}");
	flow.ethertype = 0;
	check_extra(value, "{\"src\":null,\"dst\":null,\"src_port\":null,\"dst_port\":null,"
		    "\"protocol\":null,\"vlan\":null,\"ethertype\":null}");
}

/* ---- text details ---- */

static void check_flow(struct vnet_flow flow, const char *want)
{
	char text[160];

	vnet_flow_text(&flow, text, sizeof(text));
	CHECK_STR(text, want);
}

TEST(flow_texts)
{
	struct vnet_flow flow = with_ports(make_flow("10.0.0.1", "10.0.0.2", 17), 53, 1024);
	char small[8], address[48], protocol[16];

	flow.flags |= VNET_FLOW_VLAN;
	flow.vlan = 5;
	check_flow(flow, "10.0.0.1:53 -> 10.0.0.2:1024 (UDP) vlan 5");
	vnet_flow_text(&flow, small, sizeof(small));
	CHECK_STR(small, "10.0.0.");
	check_flow(make_flow("10.0.0.1", "10.0.0.2", 1), "10.0.0.1 -> 10.0.0.2 (ICMP)");
	check_flow(make_flow("fe80::1", "ff02::2", 58), "fe80::1 -> ff02::2 (ICMP6)");
	check_flow(with_ports(make_flow("fe80::1", "::", 6), 1, 2),
		   "[fe80::1]:1 -> [::]:2 (TCP)");
	check_flow(make_flow("10.0.0.1", "10.0.0.2", 253),
		   "10.0.0.1 -> 10.0.0.2 (protocol 253)");
	flow = make_flow("10.0.0.1", "10.0.0.2", 17);
	flow.flags |= VNET_FLOW_FRAGMENT;
	check_flow(flow, "10.0.0.1 -> 10.0.0.2 (UDP) fragment");
	flow.flags = VNET_FLOW_TRUNCATED | VNET_FLOW_MALFORMED | VNET_FLOW_INNER;
	check_flow(flow, "10.0.0.1 -> 10.0.0.2 truncated malformed inner");
	CHECK(!vnet_flow_protocol(&flow, protocol));
	flow = make_flow("10.0.0.1", "10.0.0.2", 0);
	flow.ethertype = 0x0806;
	flow.flags = 0;
	check_flow(flow, "10.0.0.1 -> 10.0.0.2 (ARP)");
	CHECK_STR(vnet_flow_protocol(&flow, protocol), "arp");
	flow = (struct vnet_flow){ .ethertype = 0x88cc, .vlan = 0, .flags = VNET_FLOW_VLAN };
	check_flow(flow, "ethertype 0x88cc vlan 0");
	CHECK(!vnet_flow_address(&flow, true, address));
	CHECK_STR(address, "");
	check_flow((struct vnet_flow){ 0 }, "unknown");
	/* The longest there is fits into what the header promises. */
	flow = with_ports(make_flow("2001:1111:2222:3333:4444:5555:6666:7777",
				    "2001:1111:2222:3333:4444:5555:6666:8888", 253),
			  65535, 65535);
	flow.flags = 0xff;
	flow.vlan = 4095;
	check_flow(flow, "[2001:1111:2222:3333:4444:5555:6666:7777]:65535 -> "
			 "[2001:1111:2222:3333:4444:5555:6666:8888]:65535 (protocol 253) "
			 "vlan 4095 fragment truncated malformed inner");
}

TEST(ns_texts)
{
	static const struct {
		uint64_t ns;
		const char *want;
	} cases[] = {
		{ 0, "0 ns" }, { 950, "950 ns" }, { 999, "999 ns" }, { 1000, "1.00 us" },
		{ 1004, "1.00 us" }, { 1005, "1.01 us" }, { 9994, "9.99 us" },
		{ 9995, "10.0 us" }, { 12345, "12.3 us" }, { 99949, "99.9 us" },
		{ 99950, "100 us" }, { 999499, "999 us" }, { 999500, "1.00 ms" },
		{ 5040000, "5.04 ms" }, { 999500000, "1.00 s" }, { 1200000000, "1.20 s" },
		{ 1234 * VNET_NS_PER_S, "1234 s" }, { UINT64_MAX, "18446744074 s" },
	};
	char text[16];

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		vnet_ns_text(cases[i].ns, text);
		CHECK_STR(text, cases[i].want);
	}
}

TEST(time_texts)
{
	char text[40];

	vnet_time_text(1769847300000000001, text);
	CHECK_STR(text, "2026-01-31T08:15:00.000000001Z");
	vnet_time_text(0, text);
	CHECK_STR(text, "1970-01-01T00:00:00.000000000Z");
	vnet_time_text(UINT64_MAX, text);
	CHECK_STR(text, "2554-07-21T23:34:33.709551615Z");
}

TEST_MAIN(T(json_exact_integers), T(json_hostile_strings),
	  T(json_other_values), T(nested_tables), T(json_flow), T(flow_texts),
	  T(ns_texts), T(time_texts))
