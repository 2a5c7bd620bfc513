/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small texts for people: flows, durations, times, and strings from the
 * kernel made safe to print. Called by the renderers and by commands that
 * build a string for a column.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vnet/util.h"

#include "render.h"

#define ETHERTYPE_ARP	0x0806
#define NS_PER_US	1000ull
#define NS_PER_MS	1000000ull

/* IANA protocol numbers that have a name here; IPPROTO_* lacks some of them. */
static const struct {
	uint8_t number;
	const char *name, *upper;
} protocols[] = {
	{ 1, "icmp", "ICMP" },
	{ 2, "igmp", "IGMP" },
	{ 4, "ipip", "IPIP" },
	{ 6, "tcp", "TCP" },
	{ 17, "udp", "UDP" },
	{ 33, "dccp", "DCCP" },
	{ 41, "ipv6", "IPV6" },
	{ 47, "gre", "GRE" },
	{ 50, "esp", "ESP" },
	{ 51, "ah", "AH" },
	{ 58, "icmp6", "ICMP6" },
	{ 88, "eigrp", "EIGRP" },
	{ 89, "ospf", "OSPF" },
	{ 103, "pim", "PIM" },
	{ 112, "vrrp", "VRRP" },
	{ 132, "sctp", "SCTP" },
	{ 136, "udplite", "UDPLITE" },
};

static const struct {
	uint8_t flag;
	const char *word;
} flow_words[] = {
	{ VNET_FLOW_FRAGMENT, " fragment" },
	{ VNET_FLOW_TRUNCATED, " truncated" },
	{ VNET_FLOW_MALFORMED, " malformed" },
	{ VNET_FLOW_INNER, " inner" },
};

const char *vnet_flow_protocol(const struct vnet_flow *flow, char buf[16])
{
	size_t i;

	if (flow->ethertype == ETHERTYPE_ARP)
		return "arp";
	if (!(flow->flags & VNET_FLOW_PROTOCOL))
		return NULL;
	for (i = 0; i < VNET_ARRAY_SIZE(protocols); i++) {
		if (protocols[i].number == flow->protocol)
			return protocols[i].name;
	}
	snprintf(buf, 16, "%u", flow->protocol);
	return buf;
}

bool vnet_flow_address(const struct vnet_flow *flow, bool dst, char buf[48])
{
	const uint8_t *addr = dst ? flow->dst : flow->src;

	buf[0] = 0;
	if (flow->family != 4 && flow->family != 6)
		return false;
	return inet_ntop(flow->family == 4 ? AF_INET : AF_INET6, addr, buf, 48);
}

/* Appends as snprintf does, at `len`; returns the new length, cut to size - 1. */
__attribute__((format(printf, 4, 5)))
static size_t append(char *text, size_t size, size_t len, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + len, size - len, format, args);
	va_end(args);
	if (n < 0)
		return len;
	return (size_t)n < size - len ? len + n : size - 1;
}

static size_t append_end(char *text, size_t size, size_t len,
			 const struct vnet_flow *flow, bool dst)
{
	char addr[48];

	vnet_flow_address(flow, dst, addr);
	if (!(flow->flags & VNET_FLOW_PORTS))
		return append(text, size, len, "%s", addr);
	return append(text, size, len, flow->family == 6 ? "[%s]:%u" : "%s:%u",
		      addr, dst ? flow->dst_port : flow->src_port);
}

static size_t append_protocol(char *text, size_t size, size_t len,
			      const struct vnet_flow *flow)
{
	size_t i;

	if (flow->ethertype == ETHERTYPE_ARP)
		return append(text, size, len, " (ARP)");
	if (!(flow->flags & VNET_FLOW_PROTOCOL))
		return len;
	for (i = 0; i < VNET_ARRAY_SIZE(protocols); i++) {
		if (protocols[i].number == flow->protocol)
			return append(text, size, len, " (%s)", protocols[i].upper);
	}
	return append(text, size, len, " (protocol %u)", flow->protocol);
}

void vnet_flow_text(const struct vnet_flow *flow, char *text, size_t size)
{
	size_t len = 0, i;

	if (!size)
		return;
	text[0] = 0;
	if (flow->family == 4 || flow->family == 6) {
		len = append_end(text, size, len, flow, false);
		len = append(text, size, len, " -> ");
		len = append_end(text, size, len, flow, true);
		len = append_protocol(text, size, len, flow);
	} else if (flow->ethertype) {
		len = append(text, size, len, "ethertype 0x%04x", flow->ethertype);
	} else {
		len = append(text, size, len, "unknown");
	}
	if (flow->flags & VNET_FLOW_VLAN)
		len = append(text, size, len, " vlan %u", flow->vlan);
	for (i = 0; i < VNET_ARRAY_SIZE(flow_words); i++) {
		if (flow->flags & flow_words[i].flag)
			len = append(text, size, len, "%s", flow_words[i].word);
	}
}

/* ns / unit, rounded half up; no overflow near UINT64_MAX. */
static uint64_t divide_rounded(uint64_t ns, uint64_t unit)
{
	return ns / unit + (ns % unit >= unit - unit / 2);
}

void vnet_ns_text(uint64_t ns, char buf[16])
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {
		{ NS_PER_US, "us" }, { NS_PER_MS, "ms" }, { VNET_NS_PER_S, "s" },
	};
	size_t i, last = VNET_ARRAY_SIZE(units) - 1;
	uint64_t v;

	if (ns < NS_PER_US) {
		snprintf(buf, 16, "%u ns", (unsigned int)ns);
		return;
	}
	/* What rounds up to 1000 is one of the next unit. */
	for (i = 0; i < last && divide_rounded(ns, units[i].ns) >= 1000; i++)
		;
	v = divide_rounded(ns, units[i].ns / 100);
	if (v < 1000) {
		snprintf(buf, 16, "%u.%02u %s", (unsigned int)v / 100,
			 (unsigned int)v % 100, units[i].name);
		return;
	}
	v = divide_rounded(ns, units[i].ns / 10);
	if (v < 1000) {
		snprintf(buf, 16, "%u.%u %s", (unsigned int)v / 10,
			 (unsigned int)v % 10, units[i].name);
		return;
	}
	if (i < last)
		snprintf(buf, 16, "%u %s",
			 (unsigned int)divide_rounded(ns, units[i].ns), units[i].name);
	else
		snprintf(buf, 16, "%" PRIu64 " s", divide_rounded(ns, VNET_NS_PER_S));
}

void vnet_time_text(uint64_t wall_ns, char buf[40])
{
	time_t seconds = wall_ns / VNET_NS_PER_S;
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(buf, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, 40 - len, ".%09uZ",
		 (unsigned int)(wall_ns % VNET_NS_PER_S));
}

bool vnet_text_utf8(const char *text, size_t *len)
{
	const unsigned char *s = (const unsigned char *)text;
	/* Of the second byte: what keeps overlong forms and surrogates out. */
	unsigned char low = 0x80, high = 0xbf;
	size_t want, i;

	*len = 1;
	if (s[0] < 0x80)
		return true;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return false;
	want = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < want; i++, low = 0x80, high = 0xbf) {
		*len = i;
		if (s[i] < low || s[i] > high)
			return false;
	}
	*len = want;
	return true;
}

/* C0 and C1 control characters and DEL: a terminal may obey them. */
static bool is_control(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

void vnet_text_print(FILE *out, const char *text)
{
	size_t len;

	for (; *text; text += len) {
		if (!vnet_text_utf8(text, &len) || is_control(text))
			fputc('?', out);
		else
			fwrite(text, 1, len, out);
	}
}
