/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The typed parsers: the only place where text of the command line becomes
 * numbers, addresses and devices. Called by core/cli.c; exact, no blanks, no
 * signs, no octal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "vnet/cli.h"
#include "vnet/util.h"

/* A decimal fraction keeps this many digits; 10^18 fits into 64 bits. */
#define MAX_FRACTION_DIGITS	18
/* The longest list item that can be a name. */
#define MAX_ITEM		64

static const struct { const char *name; uint64_t ns; } units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000 * 1000 },
	{ "s", VNET_NS_PER_S },
	{ "m", 60 * VNET_NS_PER_S },
	{ "h", 3600 * VNET_NS_PER_S },
};

static int fail(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits, moves *text behind them; false if the number overflows. */
static bool read_digits(const char **text, uint64_t *value)
{
	uint64_t v = 0;

	for (; is_digit(**text); (*text)++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**text - '0'), &v))
			return false;
	}
	*value = v;
	return true;
}

static uint64_t unit_ns(const char *name)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(units); i++)
		if (!strcmp(name, units[i].name))
			return units[i].ns;
	return 0;
}

/* Reads ".5" as 5 of 10; moves *text. NULL, or what is wrong. */
static const char *read_fraction(const char **text, uint64_t *of,
				 uint64_t *part)
{
	const char *from = *text + 1;

	*part = 0;
	*of = 1;
	if (**text != '.')
		return NULL;
	*text = from;
	if (!is_digit(*from))
		return "needs digits behind the decimal point";
	if (!read_digits(text, part) || *text - from > MAX_FRACTION_DIGITS)
		return "has too many digits";
	for (const char *p = from; p < *text; p++)
		*of *= 10;
	return NULL;
}

int vnet_parse_duration(const char *text, uint64_t *ns, const char **why)
{
	uint64_t whole, of, part, unit, total;
	unsigned __int128 rest;
	const char *bad;

	if (!is_digit(*text))
		return fail(why, "is not a time, such as 100ms or 1.5s");
	if (!read_digits(&text, &whole))
		return fail(why, "is too long");
	bad = read_fraction(&text, &of, &part);
	if (bad)
		return fail(why, bad);
	unit = unit_ns(text);
	if (!unit && *text == ' ' && unit_ns(text + 1))
		return fail(why, "must not have a blank before its unit");
	if (!unit)
		return fail(why, "needs a unit: us, ms, s, m or h");
	rest = (unsigned __int128)part * unit;
	if (rest % of)
		return fail(why, "is finer than a nanosecond");
	/* Times are added and compared as signed numbers elsewhere. */
	if (__builtin_mul_overflow(whole, unit, &total) ||
	    __builtin_add_overflow(total, (uint64_t)(rest / of), &total) ||
	    total > INT64_MAX)
		return fail(why, "is too long");
	*ns = total;
	return 0;
}

int vnet_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *v,
		   const char **why)
{
	uint64_t value;

	if (!is_digit(*text))
		return fail(why, "is not a whole number");
	if (!max)
		max = UINT32_MAX;
	if (!read_digits(&text, &value))
		value = UINT64_MAX;
	while (is_digit(*text))
		text++;
	if (*text)
		return fail(why, "is not a whole number");
	if (value > max)
		return fail(why, "is too large");
	if (value < min)
		return fail(why, "is too small");
	*v = (uint32_t)value;
	return 0;
}

static void mask_address(struct vnet_cidr *cidr)
{
	for (unsigned int i = 0; i < sizeof(cidr->mask); i++) {
		unsigned int from = i * 8;

		if (cidr->prefix >= from + 8)
			cidr->mask[i] = 0xff;
		else if (cidr->prefix > from)
			cidr->mask[i] = (uint8_t)(0xff00u >> (cidr->prefix - from));
		cidr->addr[i] &= cidr->mask[i];
	}
}

int vnet_parse_cidr(const char *text, struct vnet_cidr *cidr, const char **why)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct vnet_cidr c = { 0 };
	char address[INET6_ADDRSTRLEN];
	uint32_t bits, prefix;

	if (length >= sizeof(address))
		return fail(why, "is not an IPv4 or IPv6 address");
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, c.addr) == 1)
		c.family = 4;
	else if (inet_pton(AF_INET6, address, c.addr) == 1)
		c.family = 6;
	else
		return fail(why, "is not an IPv4 or IPv6 address");
	bits = c.family == 4 ? 32 : 128;
	prefix = bits;
	if (slash && vnet_parse_u32(slash + 1, 0, bits, &prefix, why))
		return fail(why, c.family == 4 ?
			    "needs a prefix length from 0 to 32 behind its '/'" :
			    "needs a prefix length from 0 to 128 behind its '/'");
	c.prefix = (uint8_t)prefix;
	mask_address(&c);
	*cidr = c;
	return 0;
}

int vnet_parse_rate(const char *text, uint32_t *per_s, const char **why)
{
	size_t length = strlen(text);
	char number[MAX_ITEM];

	if (length > 2 && !strcmp(text + length - 2, "/s"))
		length -= 2;
	if (length >= sizeof(number))
		return fail(why, "is too large");
	memcpy(number, text, length);
	number[length] = '\0';
	if (vnet_parse_u32(number, 0, 0, per_s, why)) {
		if (!strcmp(*why, "is not a whole number"))
			*why = "is not a rate, such as 100/s";
		return -EINVAL;
	}
	return 0;
}

int vnet_parse_enum(const char *text, const char *const *choices, uint32_t *v,
		    const char **why)
{
	for (uint32_t i = 0; choices[i]; i++) {
		if (!strcmp(text, choices[i])) {
			*v = i;
			return 0;
		}
	}
	return fail(why, "is not one of the choices");
}

/*
 * Copies the item at *text, up to a comma, and moves *text to the next; NULL
 * behind the last one. False if the item is longer than any name.
 */
static bool next_item(const char **text, char item[MAX_ITEM])
{
	size_t length = strcspn(*text, ",");
	bool fits = length < MAX_ITEM;

	if (fits) {
		memcpy(item, *text, length);
		item[length] = '\0';
	}
	*text = (*text)[length] ? *text + length + 1 : NULL;
	return fits;
}

int vnet_parse_enum_set(const char *text, const char *const *choices,
			uint32_t *set, const char **why)
{
	uint32_t bits = 0, v;
	char item[MAX_ITEM];

	while (text) {
		if (!next_item(&text, item) ||
		    vnet_parse_enum(item, choices, &v, why))
			return fail(why, "is not a list of the choices");
		if (bits & 1u << v)
			return fail(why, "names a choice twice");
		bits |= 1u << v;
	}
	*set = bits;
	return 0;
}

int vnet_parse_devices(const char *text, struct vnet_devices *devices,
		       const char **why)
{
	struct vnet_devices d = { 0 };
	char item[MAX_ITEM];

	while (text) {
		uint32_t ifindex = 0;

		if (!next_item(&text, item) || !item[0] ||
		    strlen(item) >= sizeof(d.names[0]))
			return fail(why, "is not a list of device names");
		ifindex = if_nametoindex(item);
		if (!ifindex) {
			*why = "is not a network device here";
			return -ENODEV;
		}
		for (uint32_t i = 0; i < d.nr; i++)
			if (d.ifindex[i] == ifindex)
				return fail(why, "names a device twice");
		if (d.nr == VNET_FILTER_IFS)
			return fail(why, "names more than 16 devices");
		d.ifindex[d.nr] = ifindex;
		vnet_copy(d.names[d.nr++], sizeof(d.names[0]), item);
	}
	*devices = d;
	return 0;
}
_Static_assert(VNET_FILTER_IFS == 16, "the message above says 16");
