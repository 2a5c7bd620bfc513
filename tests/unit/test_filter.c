/* SPDX-License-Identifier: GPL-2.0-only */
/* The filter compiler (core/filter.c) and the matcher (probes/match.h). */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/lib/parse_shim.h"
#include "match.h"
#include "parse.h"
#include "vnet/filter.h"
#include "test.h"

static struct vnet_args no_args(void)
{
	return (struct vnet_args){ .src_port = -1, .dst_port = -1, .vlan = -1 };
}

static uint32_t protocol(const char *name)
{
	uint32_t i = 0;

	while (strcmp(vnet_protocol_names[i], name))
		i++;
	return i;
}

static struct vnet_cidr cidr(const char *text)
{
	struct vnet_cidr c = {};
	const char *why;

	CHECK_EQ(vnet_parse_cidr(text, &c, &why), 0);
	return c;
}

static struct vnet_filter make(const struct vnet_args *args)
{
	struct vnet_filter f;

	memset(&f, 0xa5, sizeof(f));
	CHECK_EQ(vnet_filter_make(args, &f), 0);
	return f;
}

static struct vnet_filter made_for_src(const char *text)
{
	struct vnet_args args = no_args();

	args.src_ip = cidr(text);
	return make(&args);
}

/* TCP 10.1.2.3:1000 -> 10.4.5.6:2000, VLAN 100 in 200. */
static struct vnet_packet packet4(void)
{
	return (struct vnet_packet){
		.flow = {
			.src = { 10, 1, 2, 3 }, .dst = { 10, 4, 5, 6 },
			.src_port = 1000, .dst_port = 2000,
			.ethertype = 0x0800, .vlan = 200, .family = 4, .protocol = 6,
			.flags = VNET_FLOW_VLAN | VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL,
		},
		.vlan2 = 100,
		.has = VNET_HAS_VLAN2 | VNET_HAS_IP | VNET_HAS_TCP,
	};
}

static struct vnet_packet packet6(void)
{
	struct vnet_packet p = packet4();

	memcpy(p.flow.src, "\xfd\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 16);
	memcpy(p.flow.dst, "\xfd\0\0\1\0\0\0\2\0\0\0\3\0\0\0\5", 16);
	p.flow.family = 6;
	p.flow.ethertype = 0x86dd;
	return p;
}

static bool passes(const struct vnet_args *args, struct vnet_packet p)
{
	struct vnet_filter f = make(args);

	return vnet_match_packet(&f, &p);
}

TEST(nothing_asked)
{
	struct vnet_args args = no_args();
	struct vnet_filter f = make(&args), zero = {};
	struct vnet_packet none = {};

	CHECK(!memcmp(&f, &zero, sizeof(f)));
	CHECK(vnet_match_packet(&f, &none));
}

TEST(make_protocols)
{
	static const struct {
		const char *name;
		uint32_t active;
		int family, protocol, ethertype;
	} want[] = {
		{ "tcp", VNET_F_PROTOCOL, 0, 6, 0 },
		{ "udp", VNET_F_PROTOCOL, 0, 17, 0 },
		{ "sctp", VNET_F_PROTOCOL, 0, 132, 0 },
		{ "icmp", VNET_F_FAMILY | VNET_F_PROTOCOL, 4, 1, 0 },
		{ "icmp6", VNET_F_FAMILY | VNET_F_PROTOCOL, 6, 58, 0 },
		{ "arp", VNET_F_ETHERTYPE, 0, 0, 0x0806 },
	};
	size_t nr = sizeof(want) / sizeof(want[0]);

	for (size_t i = 0; i < nr; i++) {
		struct vnet_args args = no_args();
		struct vnet_filter f;

		args.protocol = protocol(want[i].name);
		f = make(&args);
		CHECK_EQ(f.active, want[i].active);
		CHECK_EQ(f.family, want[i].family);
		CHECK_EQ(f.protocol, want[i].protocol);
		CHECK_EQ(f.ethertype, want[i].ethertype);
	}
	/* Every name that the command line takes is known here. */
	for (uint32_t i = 1; vnet_protocol_names[i]; i++) {
		struct vnet_args args = no_args();

		args.protocol = i;
		CHECK(make(&args).active);
	}
}

TEST(make_addresses)
{
	struct vnet_filter f = made_for_src("10.1.2.3/8");

	CHECK_EQ(f.active, VNET_F_FAMILY | VNET_F_SRC);
	CHECK_EQ(f.family, 4);
	CHECK(!memcmp(f.src, "\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(f.src_mask, "\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
	f = made_for_src("fd00::1");
	CHECK_EQ(f.family, 6);
	CHECK_EQ(f.src[15], 1);
	CHECK_EQ(f.src_mask[15], 0xff);
	f = made_for_src("0.0.0.0/0");
	CHECK_EQ(f.active, VNET_F_FAMILY);
}

TEST(make_task)
{
	struct vnet_args args = no_args();
	struct vnet_filter f;

	args.pid = 7;
	args.tid = 8;
	args.comm = "123456789012345";
	f = make(&args);
	CHECK_EQ(f.active, VNET_F_PID | VNET_F_TID | VNET_F_COMM);
	CHECK_EQ(f.pid, 7);
	CHECK_EQ(f.tid, 8);
	CHECK_STR(f.comm, "123456789012345");
	args.comm = "1234567890123456";
	CHECK_EQ(vnet_filter_make(&args, &f), -EINVAL);
}

TEST(make_devices)
{
	struct vnet_args args = no_args();
	struct vnet_filter f;
	struct stat st;

	CHECK_EQ(stat("/proc/self/ns/net", &st), 0);
	args.device = (struct vnet_devices){ .nr = 2, .ifindex = { 1, 77 },
					     .names = { "lo", "vnet0" } };
	f = make(&args);
	CHECK_EQ(f.active, VNET_F_DEVICE);
	CHECK_EQ(f.netns, st.st_ino);
	CHECK(f.netns);
	CHECK_EQ(f.nr_ifindex, 2);
	CHECK_EQ(f.ifindex[1], 77);
	CHECK_EQ(f.ifindex[2], 0);
}

/* Filters that nothing could pass are refused, never made. */
TEST(make_contradictions)
{
	static const struct { const char *protocol, *src, *dst; int port; } bad[] = {
		{ "icmp", "fd00::1", NULL, -1 },
		{ "icmp6", NULL, "10.0.0.1", -1 },
		{ "arp", "fd00::/64", NULL, -1 },
		{ "arp", NULL, NULL, 80 },
		{ "icmp", NULL, NULL, 80 },
		{ "all", "10.0.0.1", "fd00::1", -1 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vnet_args args = no_args();
		struct vnet_filter f;

		args.protocol = protocol(bad[i].protocol);
		if (bad[i].src)
			args.src_ip = cidr(bad[i].src);
		if (bad[i].dst)
			args.dst_ip = cidr(bad[i].dst);
		args.dst_port = bad[i].port;
		CHECK_EQ(vnet_filter_make(&args, &f), -EINVAL);
	}
}

TEST(match_addresses)
{
	struct vnet_args args = no_args();
	struct vnet_packet p = packet4();

	args.src_ip = cidr("10.1.0.0/16");
	CHECK(passes(&args, p));
	CHECK(!passes(&args, packet6()));
	args.src_ip = cidr("10.1.2.2/31");
	CHECK(passes(&args, p));
	args.src_ip = cidr("10.1.2.4/31");
	CHECK(!passes(&args, p));
	args.src_ip = cidr("0.0.0.0/0");
	CHECK(passes(&args, p));
	CHECK(!passes(&args, packet6()));
	args.dst_ip = cidr("10.4.5.6");
	CHECK(passes(&args, p));
	args.dst_ip = cidr("10.4.5.7");
	CHECK(!passes(&args, p));
	p.flow.family = 0;	/* 0.0.0.0/0 wants an address */
	args = no_args();
	args.src_ip = cidr("0.0.0.0/0");
	CHECK(!passes(&args, p));
}

TEST(match_ipv6_addresses)
{
	static const char *const yes[] = {
		"fd00:1:0:2:0:3:0:4", "fd00:1::/32", "fd00:1:0:2::/64", "fd00:1:0:2:0:3::/96",
		"fd00:1:0:2:0:3:0:4/127", "::/0",
	};
	static const char *const no[] = {
		"fd01:1:0:2:0:3:0:4", "fd00:1:0:3::/64", "fd00:1:0:2:0:4::/96",
		"fd00:1:0:2:0:3:0:5", "10.0.0.0/8", "fe00::/7",
	};
	struct vnet_args args = no_args();

	for (size_t i = 0; i < 6; i++) {
		args.src_ip = cidr(yes[i]);
		CHECK(passes(&args, packet6()));
		args.src_ip = cidr(no[i]);
		CHECK(!passes(&args, packet6()));
	}
}

/* Each of the four words of an address counts. */
TEST(match_every_bit)
{
	struct vnet_args args = no_args();

	args.src_ip = cidr("fd00:1:0:2:0:3:0:4");
	args.dst_ip = cidr("fd00:1:0:2:0:3:0:5");
	CHECK(passes(&args, packet6()));
	for (int bit = 0; bit < 256; bit++) {
		struct vnet_packet p = packet6();
		uint8_t *addr = bit < 128 ? p.flow.src : p.flow.dst;

		addr[bit % 128 / 8] ^= 1 << bit % 8;
		CHECK(!passes(&args, p));
	}
}

TEST(match_ports)
{
	struct vnet_args args = no_args();
	struct vnet_packet p = packet4();

	args.src_port = 1000;
	CHECK(passes(&args, p));
	args.dst_port = 2000;
	CHECK(passes(&args, p));
	args.dst_port = 1000;
	CHECK(!passes(&args, p));
	args.src_port = 2000;
	args.dst_port = -1;
	CHECK(!passes(&args, p));
	/* A later fragment has no ports, whatever is in the members. */
	args.src_port = 1000;
	p.flow.flags &= ~VNET_FLOW_PORTS;
	CHECK(!passes(&args, p));
	args.src_port = -1;
	args.dst_port = 2000;
	CHECK(!passes(&args, p));
}

TEST(match_protocol)
{
	struct vnet_args args = no_args();
	struct vnet_packet p = packet4();

	args.protocol = protocol("tcp");
	CHECK(passes(&args, p));
	CHECK(passes(&args, packet6()));
	args.protocol = protocol("udp");
	CHECK(!passes(&args, p));
	args.protocol = protocol("tcp");
	p.flow.flags &= ~VNET_FLOW_PROTOCOL;
	CHECK(!passes(&args, p));
	p = packet6();
	p.flow.protocol = 1;	/* ICMP's number over IPv6 is not ICMP */
	args.protocol = protocol("icmp");
	CHECK(!passes(&args, p));
	p = packet4();
	args.protocol = protocol("arp");
	CHECK(!passes(&args, p));
	p.flow.ethertype = 0x0806;
	CHECK(passes(&args, p));
}

TEST(match_vlan)
{
	struct vnet_args args = no_args();
	struct vnet_packet p = packet4();

	args.vlan = 200;
	CHECK(passes(&args, p));
	args.vlan = 100;
	CHECK(passes(&args, p));
	args.vlan = 300;
	CHECK(!passes(&args, p));
	p.has &= ~VNET_HAS_VLAN2;
	args.vlan = 100;
	CHECK(!passes(&args, p));
	/* Id 0 is a tag, not the lack of one. */
	p.flow.vlan = 0;
	args.vlan = 0;
	CHECK(passes(&args, p));
	p.flow.flags &= ~VNET_FLOW_VLAN;
	CHECK(!passes(&args, p));
}

static const char *pair(const struct vnet_filter_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->nr; i++)
		if (!strcmp(pairs->pairs[i].key, key))
			return pairs->pairs[i].value;
	return NULL;
}

TEST(pairs)
{
	static struct vnet_filter_pairs pairs;
	struct vnet_args args = no_args();

	vnet_filter_pairs(&args, &pairs);
	CHECK_EQ(pairs.nr, 0);
	args.src_ip = cidr("10.1.2.3/8");
	args.dst_ip = cidr("10.0.0.1");
	args.src_port = 1;
	args.dst_port = 65535;
	args.protocol = protocol("tcp");
	args.vlan = 0;
	args.inner = true;
	args.pid = 5;
	args.tid = 6;
	args.comm = "vhost-5";
	args.device.nr = VNET_FILTER_IFS;
	for (int i = 0; i < VNET_FILTER_IFS; i++)
		snprintf(args.device.names[i], 16, "abcdefghijklm%02u", (uint8_t)i % 100);
	vnet_filter_pairs(&args, &pairs);
	CHECK_EQ(pairs.nr, VNET_FILTER_PAIRS);
	CHECK_STR(pair(&pairs, "src_ip"), "10.0.0.0/8");
	CHECK_STR(pair(&pairs, "dst_ip"), "10.0.0.1");
	CHECK_STR(pair(&pairs, "src_port"), "1");
	CHECK_STR(pair(&pairs, "dst_port"), "65535");
	CHECK_STR(pair(&pairs, "protocol"), "tcp");
	CHECK_STR(pair(&pairs, "vlan"), "0");
	CHECK_STR(pair(&pairs, "inner"), "true");
	CHECK_STR(pair(&pairs, "pid"), "5");
	CHECK_STR(pair(&pairs, "tid"), "6");
	CHECK_STR(pair(&pairs, "comm"), "vhost-5");
	CHECK_EQ(strlen(pair(&pairs, "device")), 16 * 16 - 1);
	CHECK(!strncmp(pair(&pairs, "device"), "abcdefghijklm00,abcdefghijklm01,", 32));
	args = no_args();
	args.src_ip = cidr("fd00::/64");
	args.dst_ip = cidr("fd00::1");
	vnet_filter_pairs(&args, &pairs);
	CHECK_STR(pair(&pairs, "src_ip"), "fd00::/64");
	CHECK_STR(pair(&pairs, "dst_ip"), "fd00::1");
}

static char *explain(const struct vnet_filter *f)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	CHECK_EQ(vnet_filter_explain(f, out), 0);
	fclose(out);
	return text;
}

TEST(explain_nothing)
{
	struct vnet_filter f = {};

	CHECK_STR(explain(&f), "no filter: every packet matches\n");
}

TEST(explain_all)
{
	struct vnet_args args = no_args();
	struct vnet_filter f;
	char want[1024];

	args.src_ip = cidr("10.0.0.0/8");
	args.dst_ip = cidr("10.0.0.1");
	args.src_port = 1000;
	args.dst_port = 2000;
	args.protocol = protocol("tcp");
	args.vlan = 7;
	args.pid = 5;
	args.tid = 6;
	args.comm = "vhost\n5";
	args.device = (struct vnet_devices){ .nr = 2, .ifindex = { 1, 0x7ffffff0 },
					     .names = { "lo", "gone" } };
	f = make(&args);
	snprintf(want, sizeof(want),
		 "1. the device is lo (ifindex 1) or unnamed (ifindex 2147483632), "
		 "in network namespace %u\n"
		 "2. the running process is 5\n"
		 "3. the running thread is 6\n"
		 "4. the running thread's name is 'vhost?5'\n"
		 "5. the addresses are IPv4\n"
		 "6. the protocol is tcp (6)\n"
		 "7. the VLAN id is 7, in the outer or the second tag\n"
		 "8. the source address is in 10.0.0.0/8\n"
		 "9. the destination address is 10.0.0.1\n"
		 "10. the source port is 1000\n"
		 "11. the destination port is 2000\n"
		 "read of each packet that gets there: one copy of 128 bytes of headers\n",
		 f.netns);
	CHECK_STR(explain(&f), want);
}

TEST(explain_others)
{
	struct vnet_args args = no_args();
	struct vnet_filter f;

	args.pid = 5;
	f = make(&args);
	CHECK_STR(explain(&f), "1. the running process is 5\n"
		  "read of each packet: nothing\n");
	args = no_args();
	args.protocol = protocol("arp");
	args.inner = true;
	f = make(&args);
	CHECK_STR(explain(&f), "1. the EtherType is 0x0806 (ARP)\n"
		  "read of each packet that gets there: one copy of 256 bytes of headers, "
		  "a tunnel's inner ones if there is one\n");
}

TEST(explain_to_a_full_disk)
{
	struct vnet_filter f = {};
	FILE *out = fopen("/dev/full", "w");

	CHECK(out);
	if (!out)
		return;
	CHECK_EQ(vnet_filter_explain(&f, out), -EIO);
	fclose(out);
}

/* Numbers from few, so that tests pass often enough. */
static uint32_t one_of(const uint32_t *values, size_t nr)
{
	return values[(size_t)rand() % nr];
}
#define ONE_OF(...) one_of((const uint32_t[]){ __VA_ARGS__ }, \
			   sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void random_header(uint8_t *b)
{
	for (int i = 0; i < 64; i++)
		b[i] = (uint8_t)ONE_OF(0, 1, 10, 255);
	b[0] = (uint8_t)ONE_OF(0x45, 0x45, 0x45, 0x46, 0x65);
	b[2] = 0;
	b[3] = (uint8_t)ONE_OF(0, 20, 22, 40, 60);
	b[6] = (uint8_t)ONE_OF(0, 0, 0x40, 0x20, 1);
	b[7] = (uint8_t)ONE_OF(0, 0, 0, 8);
	b[9] = (uint8_t)ONE_OF(1, 6, 17, 17, 132);
}

static struct vnet_args random_args(void)
{
	struct vnet_args args = no_args();

	args.src_ip = ONE_OF(0, 1) ? cidr(ONE_OF(0, 1) ? "10.1.10.1" : "10.0.0.0/9") :
				     (struct vnet_cidr){};
	args.dst_ip = ONE_OF(0, 0, 1) ? cidr("1.0.0.0/12") : (struct vnet_cidr){};
	args.src_port = ONE_OF(0, 1) ? -1 : (int)ONE_OF(10, 256, 2561);
	args.dst_port = ONE_OF(0, 1) ? -1 : (int)ONE_OF(1, 255, 2570);
	if (args.src_port < 0 && args.dst_port < 0)
		args.protocol = ONE_OF(0, protocol("icmp"));
	if (!args.protocol)
		args.protocol = ONE_OF(0, protocol("udp"), protocol("tcp"));
	return args;
}

/* A look refuses nothing that the whole decoder would let pass. */
TEST(a_look_is_never_wrong)
{
	int refused = 0, passed = 0;

	srand(1);
	for (int i = 0; i < 200000; i++) {
		_Alignas(8) uint8_t buf[VNET_SNAP_INNER + VNET_PARSE_SLACK] = {};
		__u64 words[VNET_LOOK_WORDS + 1];
		struct vnet_args args = random_args();
		struct vnet_filter f = make(&args);
		uint32_t len = ONE_OF(8, 20, 22, 24, 40, 64);
		struct vnet_packet p;
		bool refuses, passes;

		random_header(buf);
		memcpy(words, buf, sizeof(words));
		vnet_parse(buf, len, false, 0x0800, ONE_OF(0, 1) ? -1 : 5, 0, &p);
		refuses = f.look && vnet_look_refuses(&f, words);
		passes = vnet_match_packet(&f, &p);
		CHECK(!(refuses && passes));
		refused += refuses;
		passed += passes;
	}
	/* Neither is the exception here. */
	CHECK(refused > 20000);
	CHECK(passed > 2000);
}

/* Where the answer is in other bytes, or in none. */
TEST(looks_that_cannot_tell)
{
	struct vnet_args args = no_args();

	args.vlan = 5;
	CHECK(!make(&args).look);
	args.dst_port = 80;
	CHECK(make(&args).look);
	args.inner = true;
	CHECK(!make(&args).look);
	args = no_args();
	args.src_ip = cidr("fd00::/8");
	args.dst_port = 80;
	CHECK(!make(&args).look);
}

TEST_MAIN(T(nothing_asked), T(make_protocols), T(make_addresses), T(make_task),
	  T(make_devices), T(make_contradictions), T(match_addresses),
	  T(match_ipv6_addresses), T(match_every_bit), T(match_ports), T(match_protocol),
	  T(match_vlan), T(pairs), T(explain_nothing), T(explain_all),
	  T(explain_others), T(explain_to_a_full_disk),
	  T(a_look_is_never_wrong), T(looks_that_cannot_tell))
