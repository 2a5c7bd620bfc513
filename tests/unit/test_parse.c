/* SPDX-License-Identifier: GPL-2.0-only */
/* The typed parsers: tables of good, bad and boundary values. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "tests/unit/test.h"
#include "vnet/cli.h"
#include "vnet/util.h"

/* On an error nothing may be stored and `why` must say something. */
#define UNTOUCHED	0xa5

TEST(durations)
{
	static const struct { const char *text; uint64_t ns; } good[] = {
		{ "0s", 0 }, { "1ns", 1 }, { "1us", 1000 }, { "1ms", 1000000 },
		{ "1s", 1000000000 }, { "1m", 60000000000 },
		{ "1h", 3600000000000 }, { "1.5s", 1500000000 },
		{ "0.001us", 1 }, { "2.5h", 9000000000000 },
		{ "0.000000001s", 1 }, { "1.500000000000000000s", 1500000000 },
		{ "007ms", 7000000 }, { "0.1ms", 100000 },
		{ "9223372036854775807ns", INT64_MAX },
		{ "9223372036.854775807s", INT64_MAX },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(good); i++) {
		uint64_t ns = 42;
		const char *why = NULL;

		CHECK_EQ(vnet_parse_duration(good[i].text, &ns, &why), 0);
		if (ns != good[i].ns)
			printf("# %s\n", good[i].text);
		CHECK_EQ(ns, good[i].ns);
	}
}

TEST(bad_durations)
{
	static const struct { const char *text, *why; } bad[] = {
		{ "", "is not a time, such as 100ms or 1.5s" },
		{ "s", "is not a time, such as 100ms or 1.5s" },
		{ "-5s", "is not a time, such as 100ms or 1.5s" },
		{ "+5s", "is not a time, such as 100ms or 1.5s" },
		{ " 5s", "is not a time, such as 100ms or 1.5s" },
		{ ".5s", "is not a time, such as 100ms or 1.5s" },
		{ "inf", "is not a time, such as 100ms or 1.5s" },
		{ "5", "needs a unit: us, ms, s, m or h" },
		{ "5 potatoes", "needs a unit: us, ms, s, m or h" },
		{ "5 ", "needs a unit: us, ms, s, m or h" },
		{ "5S", "needs a unit: us, ms, s, m or h" },
		{ "5sec", "needs a unit: us, ms, s, m or h" },
		{ "1h30m", "needs a unit: us, ms, s, m or h" },
		{ "1e3s", "needs a unit: us, ms, s, m or h" },
		{ "0x5s", "needs a unit: us, ms, s, m or h" },
		{ "1.5.2s", "needs a unit: us, ms, s, m or h" },
		{ "5 s", "must not have a blank before its unit" },
		{ "5.s", "needs digits behind the decimal point" },
		{ "5.", "needs digits behind the decimal point" },
		{ "1.5ns", "is finer than a nanosecond" },
		{ "0.0001us", "is finer than a nanosecond" },
		{ "1.0000000000000000000s", "has too many digits" },
		{ "1.99999999999999999999999s", "has too many digits" },
		{ "9223372036854775808ns", "is too long" },
		{ "9223372036.854775808s", "is too long" },
		{ "2562048h", "is too long" },
		{ "18446744073709551615s", "is too long" },
		{ "99999999999999999999ns", "is too long" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(bad); i++) {
		uint64_t ns = UNTOUCHED;
		const char *why = NULL;

		CHECK_EQ(vnet_parse_duration(bad[i].text, &ns, &why), -EINVAL);
		CHECK_STR(why, bad[i].why);
		CHECK_EQ(ns, UNTOUCHED);
	}
}

TEST(numbers)
{
	static const struct {
		const char *text;
		uint32_t min, max, v;
		const char *why;	/* NULL: good */
	} cases[] = {
		{ "0", 0, 0, 0, NULL },
		{ "4294967295", 0, 0, UINT32_MAX, NULL },
		{ "4294967296", 0, 0, 0, "is too large" },
		{ "99999999999999999999999", 0, 0, 0, "is too large" },
		{ "99999999999999999999999x", 0, 0, 0, "is not a whole number" },
		{ "010", 0, 0, 10, NULL },
		{ "1", 1, 5, 1, NULL },
		{ "5", 1, 5, 5, NULL },
		{ "0", 1, 5, 0, "is too small" },
		{ "6", 1, 5, 0, "is too large" },
		{ "", 0, 0, 0, "is not a whole number" },
		{ "-1", 0, 0, 0, "is not a whole number" },
		{ "+1", 0, 0, 0, "is not a whole number" },
		{ " 1", 0, 0, 0, "is not a whole number" },
		{ "1 ", 0, 0, 0, "is not a whole number" },
		{ "0x10", 0, 0, 0, "is not a whole number" },
		{ "1.0", 0, 0, 0, "is not a whole number" },
		{ "ten", 0, 0, 0, "is not a whole number" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		uint32_t v = UNTOUCHED;
		const char *why = NULL;
		int err = vnet_parse_u32(cases[i].text, cases[i].min,
					 cases[i].max, &v, &why);

		CHECK_EQ(err, cases[i].why ? -EINVAL : 0);
		CHECK_EQ(v, cases[i].why ? UNTOUCHED : cases[i].v);
		if (cases[i].why)
			CHECK_STR(why, cases[i].why);
	}
}

TEST(rates)
{
	static const struct { const char *text; int64_t v; } cases[] = {
		{ "100", 100 }, { "100/s", 100 }, { "0", 0 }, { "1/s", 1 },
		{ "4294967295/s", UINT32_MAX }, { "4294967296/s", -1 },
		{ "", -1 }, { "/s", -1 }, { "100/", -1 }, { "100/m", -1 },
		{ "100/s/s", -1 }, { "-1/s", -1 }, { "1.5/s", -1 },
		{ "10000000000000000000000000000000000000000000000000000000000"
		  "00000000000000/s", -1 },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		uint32_t v = UNTOUCHED;
		const char *why = NULL;
		int err = vnet_parse_rate(cases[i].text, &v, &why);

		CHECK_EQ(err, cases[i].v < 0 ? -EINVAL : 0);
		CHECK_EQ(v, cases[i].v < 0 ? UNTOUCHED : cases[i].v);
		CHECK(cases[i].v >= 0 || why);
	}
}

/* "0a000000/ff000000", all 16 bytes of each without the zeros that end it. */
static void cidr_hex(const struct vnet_cidr *c, char text[80])
{
	const uint8_t *parts[] = { c->addr, c->mask };
	size_t used = 0;

	for (int p = 0; p < 2; p++) {
		int nr = 16;

		while (nr && !parts[p][nr - 1])
			nr--;
		for (int i = 0; i < nr; i++)
			used += (size_t)snprintf(text + used, 80 - used, "%02x",
						 parts[p][i]);
		used += (size_t)snprintf(text + used, 80 - used, "%s",
					 p ? "" : "/");
	}
}

TEST(addresses)
{
	static const struct { const char *text, *hex; int family, prefix; } good[] = {
		{ "10.1.2.3", "0a010203/ffffffff", 4, 32 },
		{ "10.1.2.3/32", "0a010203/ffffffff", 4, 32 },
		{ "10.1.2.3/31", "0a010202/fffffffe", 4, 31 },
		{ "10.1.2.3/8", "0a/ff", 4, 8 },
		{ "10.255.2.3/9", "0a80/ff80", 4, 9 },
		{ "255.255.255.255/0", "/", 4, 0 },
		{ "fd00::1", "fd000000000000000000000000000001/"
		  "ffffffffffffffffffffffffffffffff", 6, 128 },
		{ "fdff::1/10", "fdc0/ffc0", 6, 10 },
		{ "fd00:1:2:3:4:5:6:7/64", "fd00000100020003/ffffffffffffffff",
		  6, 64 },
		{ "::/0", "/", 6, 0 },
		{ "::ffff:10.0.0.1", "00000000000000000000ffff0a000001/"
		  "ffffffffffffffffffffffffffffffff", 6, 128 },
	};
	char hex[80];

	for (size_t i = 0; i < VNET_ARRAY_SIZE(good); i++) {
		struct vnet_cidr c;
		const char *why = NULL;

		memset(&c, UNTOUCHED, sizeof(c));
		CHECK_EQ(vnet_parse_cidr(good[i].text, &c, &why), 0);
		cidr_hex(&c, hex);
		CHECK_STR(hex, good[i].hex);
		CHECK_EQ(c.family, good[i].family);
		CHECK_EQ(c.prefix, good[i].prefix);
	}
}

TEST(bad_addresses)
{
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0", "10.0.0.256", "10.0.0.1.", "010.0.0.1",
		"10.0.0.1 ", " 10.0.0.1", "10.0.0.1/", "10.0.0.1/33",
		"10.0.0.1/-1", "10.0.0.1/8/8", "10.0.0.1/255.0.0.0",
		"10.0.0.1:80", "localhost", "fd00::1/129", "fd00::1/", "fd00:::1",
		"[fd00::1]", "fe80::1%lo", "fd00", ":",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999",
		"00000000000000000000000000000000000000000000000000000000000000",
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(bad); i++) {
		struct vnet_cidr c, same;
		const char *why = NULL;

		memset(&c, UNTOUCHED, sizeof(c));
		memset(&same, UNTOUCHED, sizeof(same));
		if (vnet_parse_cidr(bad[i], &c, &why) != -EINVAL)
			printf("# '%s' is taken\n", bad[i]);
		CHECK_EQ(vnet_parse_cidr(bad[i], &c, &why), -EINVAL);
		CHECK(why);
		CHECK(!memcmp(&c, &same, sizeof(c)));
	}
}

static const char *const colours[] = { "red", "green", "blue", NULL };

TEST(enums)
{
	uint32_t v = UNTOUCHED;
	const char *why = NULL;

	CHECK_EQ(vnet_parse_enum("red", colours, &v, &why), 0);
	CHECK_EQ(v, 0);
	CHECK_EQ(vnet_parse_enum("blue", colours, &v, &why), 0);
	CHECK_EQ(v, 2);
	v = UNTOUCHED;
	CHECK_EQ(vnet_parse_enum("Red", colours, &v, &why), -EINVAL);
	CHECK_EQ(vnet_parse_enum("re", colours, &v, &why), -EINVAL);
	CHECK_EQ(vnet_parse_enum("reds", colours, &v, &why), -EINVAL);
	CHECK_EQ(vnet_parse_enum("", colours, &v, &why), -EINVAL);
	CHECK_EQ(v, UNTOUCHED);
	CHECK_STR(why, "is not one of the choices");
}

TEST(enum_sets)
{
	static const struct { const char *text; int set; } cases[] = {
		{ "red", 1 }, { "blue", 4 }, { "red,blue", 5 },
		{ "blue,green,red", 7 }, { "", -1 }, { ",", -1 }, { "red,", -1 },
		{ ",red", -1 }, { "red,,blue", -1 }, { "red blue", -1 },
		{ "red,red", -1 }, { "red,pink", -1 },
		{ "red,bluebluebluebluebluebluebluebluebluebluebluebluebluebluebl"
		  "ueblue", -1 },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		uint32_t set = UNTOUCHED;
		const char *why = NULL;
		int err = vnet_parse_enum_set(cases[i].text, colours, &set, &why);

		CHECK_EQ(err, cases[i].set < 0 ? -EINVAL : 0);
		CHECK_EQ(set, cases[i].set < 0 ? UNTOUCHED : cases[i].set);
		CHECK(cases[i].set >= 0 || why);
	}
}

/* Every Linux has lo; more devices cannot be taken for granted. */
TEST(devices)
{
	struct vnet_devices d;
	const char *why = NULL;

	memset(&d, UNTOUCHED, sizeof(d));
	CHECK_EQ(vnet_parse_devices("lo", &d, &why), 0);
	CHECK_EQ(d.nr, 1);
	CHECK_EQ(d.ifindex[0], if_nametoindex("lo"));
	CHECK_STR(d.names[0], "lo");
	CHECK_EQ(d.ifindex[1], 0);
}

TEST(bad_devices)
{
	static const struct { const char *text; int err; const char *why; } bad[] = {
		{ "no-such-device", -ENODEV, "is not a network device here" },
		{ "lo,no-such-device", -ENODEV, "is not a network device here" },
		{ "lo,lo", -EINVAL, "names a device twice" },
		{ "", -EINVAL, "is not a list of device names" },
		{ "lo,", -EINVAL, "is not a list of device names" },
		{ ",lo", -EINVAL, "is not a list of device names" },
		{ "a-name-of-sixteen", -EINVAL, "is not a list of device names" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(bad); i++) {
		struct vnet_devices d = { .nr = UNTOUCHED };
		const char *why = NULL;

		CHECK_EQ(vnet_parse_devices(bad[i].text, &d, &why), bad[i].err);
		CHECK_STR(why, bad[i].why);
		CHECK_EQ(d.nr, UNTOUCHED);
	}
}

TEST(sanitised_text)
{
	static const struct { const char *dirty, *clean; } cases[] = {
		{ "", "" }, { "plain", "plain" }, { "a\tb\nc\x1b[1m", "a?b?c?[1m" },
		{ "\x7f", "?" }, { "\xc3\xa9", "\xc3\xa9" },	/* e acute */
		{ "\xe2\x82\xac", "\xe2\x82\xac" },		/* euro */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },	/* U+10FFFF */
		{ "\xf4\x90\x80\x80", "????" },			/* beyond */
		{ "\xed\xa0\x80", "???" },			/* surrogate */
		{ "\xc0\x80", "??" }, { "\xc1\xbf", "??" },	/* over-long */
		{ "\xe0\x9f\xbf", "???" }, { "\xf0\x8f\xbf\xbf", "????" },
		{ "\xc2\x9b", "??" }, { "\xc2\xa0", "\xc2\xa0" }, /* C1 ends */
		{ "\xc3", "?" }, { "\xe2\x82", "??" }, { "\xe2\x82x", "??x" },
		{ "\x80", "?" }, { "\xff\xfe", "??" }, { "x\xf0\x9f", "x??" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		char *text = vnet_strdup(cases[i].dirty);

		vnet_sanitise(text);
		CHECK_STR(text, cases[i].clean);
		free(text);
	}
}

TEST(copies)
{
	char to[4];

	CHECK(vnet_copy(to, sizeof(to), "abc"));
	CHECK_STR(to, "abc");
	CHECK(!vnet_copy(to, sizeof(to), "abcd"));
	CHECK_STR(to, "abc");
	CHECK(vnet_copy(to, 1, ""));
	CHECK_STR(to, "");
	CHECK(!vnet_copy(to, 0, ""));
}

TEST(files)
{
	char path[] = "/tmp/vnet-test-XXXXXX", *data = NULL;
	FILE *f = fdopen(mkstemp(path), "w");
	size_t size = 0;

	for (int i = 0; i < 8192; i++)
		fputc(i % 251, f);
	fclose(f);
	CHECK_EQ(vnet_read_file(path, &data, &size), 0);
	CHECK_EQ(size, 8192);
	for (int i = 0; data && i < 8192; i++)
		if ((unsigned char)data[i] != i % 251)
			CHECK_EQ((unsigned char)data[i], i % 251);
	CHECK(data && data[size] == '\0');
	free(data);
	remove(path);
	CHECK_EQ(vnet_read_file(path, &data, &size), -ENOENT);
	CHECK_EQ(vnet_read_file("/proc", &data, &size), -EISDIR);
	CHECK_EQ(vnet_read_file("/proc/self/stat", &data, NULL), 0);
	CHECK(strlen(data) > 10);
	free(data);
}

TEST(clocks)
{
	uint64_t before = vnet_now_ns();
	int64_t offset = vnet_wall_offset_ns();
	int64_t off;

	off = (int64_t)(vnet_wall_ns() - vnet_now_ns()) - offset;
	CHECK(vnet_now_ns() >= before);
	/* Both clocks run at one speed; a second allows for a slow machine. */
	CHECK(off > -1000000000 && off < 1000000000);
}

TEST_MAIN(T(durations), T(bad_durations), T(numbers), T(rates), T(addresses),
	  T(bad_addresses), T(enums), T(enum_sets), T(devices), T(bad_devices),
	  T(sanitised_text), T(copies), T(files), T(clocks))
