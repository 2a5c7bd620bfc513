/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sends an exact number of known packets. Called by the bats files of
 * tests/live and tests/lab.
 *
 *   send --count 37 --device a0 --to-mac 02:..:02 --src 10.0.0.1
 *        --dst 10.0.0.2 --udp 1000:7001 [--vlan 123 ...] [--ttl 1] ...
 *	writes whole Ethernet frames to the device
 *   send --count 37 --socket --src ... --dst ... --udp 1000:7001
 *	sends UDP through the stack
 *   send --count 3 --raw --src ... --dst ... --icmp ID:SEQ [--reply] [--header]
 *	sends ICMP of one id and seq through the stack; --reply: not a request,
 *	--header: with an IP header of its own
 *
 *   send --device a0 ... --then --count 3 --udp 1:2 --then --count 4 --udp 1:3
 *	sends one after the other; what stands before the first --then is for all
 *
 * One of --udp, --tcp SPORT:DPORT/FLAGS/SEQ/ACK, --icmp ID:FIRST_SEQ and --arp.
 * IP id (first: --id) and the ICMP sequence number of frames go up by
 * one with each packet. With --flows N the source port goes round N values. Also
 * --from-mac, --size (bytes of payload, 32), --ignore-full (a device's queue may
 * throw packets away), --comm (own name, in hex), --netns NAME.
 * Prints the number of packets sent, which is the sum of --count, or fails.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool.h"

#define MAX_VLANS 4
#define MAX_PAYLOAD 60000
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58

/* The words of one group, as they stand on the command line. */
struct options {
	uint64_t count, ttl, id, size, flows, nr_vlans, vlan[MAX_VLANS];
	const char *device, *to_mac, *from_mac, *src, *dst, *comm, *netns;
	const char *udp, *tcp, *icmp;
	bool socket, raw, arp, reply, header, ignore_full;
};

enum kind {
	FLAG,
	NUMBER,
	TEXT,
	VLAN, /* a number that may be given again */
};

static const struct word {
	const char *name; /* without the dashes */
	enum kind kind;
	size_t offset; /* in struct options */
} words[] = {
#define WORD(name, kind, member) { name, kind, offsetof(struct options, member) }
	WORD("count", NUMBER, count),
	WORD("ttl", NUMBER, ttl),
	WORD("id", NUMBER, id),
	WORD("size", NUMBER, size),
	WORD("flows", NUMBER, flows),
	WORD("vlan", VLAN, vlan),
	WORD("device", TEXT, device),
	WORD("to-mac", TEXT, to_mac),
	WORD("from-mac", TEXT, from_mac),
	WORD("src", TEXT, src),
	WORD("dst", TEXT, dst),
	WORD("comm", TEXT, comm),
	WORD("netns", TEXT, netns),
	WORD("udp", TEXT, udp),
	WORD("tcp", TEXT, tcp),
	WORD("icmp", TEXT, icmp),
	WORD("socket", FLAG, socket),
	WORD("raw", FLAG, raw),
	WORD("arp", FLAG, arp),
	WORD("reply", FLAG, reply),
	WORD("header", FLAG, header),
	WORD("ignore-full", FLAG, ignore_full),
#undef WORD
};

/* One packet, written from its beginning to its end. */
struct packet {
	uint8_t bytes[MAX_PAYLOAD + 256];
	size_t length;
};

/* An address of either family. */
struct address {
	uint8_t bytes[16];
	size_t length; /* 4 or 16 */
};

static struct packet packet;

static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(text, "--", 2) && !strcmp(text + 2, words[i].name))
			return &words[i];
	errno = 0;
	die("send: unknown option '%s'", text);
}

static void parse_words(struct options *options, char **argv, int argc)
{
	for (int i = 0; i < argc; i++) {
		const struct word *word = find_word(argv[i]);
		void *member = (char *)options + word->offset;

		if (word->kind == FLAG) {
			*(bool *)member = true;
			continue;
		}
		errno = 0;
		if (++i == argc)
			die("send: '%s' needs a value", argv[i - 1]);
		if (word->kind == TEXT) {
			*(const char **)member = argv[i];
		} else if (word->kind == NUMBER) {
			*(uint64_t *)member = whole_number(argv[i]);
		} else {
			if (options->nr_vlans == MAX_VLANS)
				die("send: too many tags");
			options->vlan[options->nr_vlans++] = whole_number(argv[i]);
		}
	}
}

static struct address parse_address(const char *text)
{
	struct address address = { .length = 4 };
	int family = AF_INET;

	if (!text)
		die("send: an address is missing");
	if (strchr(text, ':')) {
		family = AF_INET6;
		address.length = 16;
	}
	if (inet_pton(family, text, address.bytes) != 1) {
		errno = 0;
		die("send: '%s' is no address", text);
	}
	return address;
}

static void put(const void *bytes, size_t length)
{
	if (packet.length + length > sizeof(packet.bytes))
		die("send: the packet is too long");
	memcpy(packet.bytes + packet.length, bytes, length);
	packet.length += length;
}

static void put8(uint8_t value)
{
	put(&value, 1);
}

static void put16(uint16_t value)
{
	value = htons(value);
	put(&value, 2);
}

static void put32(uint32_t value)
{
	value = htonl(value);
	put(&value, 4);
}

static void put_payload(size_t size)
{
	if (packet.length + size > sizeof(packet.bytes))
		die("send: the packet is too long");
	memset(packet.bytes + packet.length, 'x', size);
	packet.length += size;
}

static uint32_t add_up(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Over the packet's bytes from start on, and the pseudo header if wanted. */
static uint16_t checksum_from(size_t start, const struct address *src, const struct address *dst,
			      uint8_t protocol)
{
	size_t length = packet.length - start;
	uint32_t sum = add_up(0, packet.bytes + start, length);

	if (src) {
		sum = add_up(sum, src->bytes, src->length);
		sum = add_up(sum, dst->bytes, dst->length);
		sum += length + protocol;
	}
	return fold(sum);
}

static void patch16(size_t at, uint16_t value)
{
	value = htons(value);
	memcpy(packet.bytes + at, &value, 2);
}

/* "A:B" */
static void parse_pair(const char *text, uint64_t *first, uint64_t *second, const char **rest)
{
	const char *colon;

	*first = number_of(text, &colon);
	if (*colon != ':')
		die("send: '%s' should be two numbers", text);
	*second = number_of(colon + 1, rest);
}

static void put_udp(const struct options *options, const struct address *src,
		    const struct address *dst, uint64_t number)
{
	size_t start = packet.length;
	uint64_t from, to;
	const char *rest;
	uint16_t sum;

	parse_pair(options->udp, &from, &to, &rest);
	put16(from + number % options->flows);
	put16(to);
	put16(8 + options->size);
	put16(0);
	put_payload(options->size);
	/* IPv4 may do without, and does. */
	if (src->length == 4)
		return;
	sum = checksum_from(start, src, dst, PROTO_UDP);
	patch16(start + 6, sum ? sum : 0xffff);
}

static uint8_t tcp_flags(const char **text)
{
	static const char names[] = "FSRPAU"; /* from the lowest bit on */
	uint8_t bits = 0;

	for (; **text && **text != '/'; ++*text) {
		const char *name = strchr(names, **text);

		if (!name)
			die("send: no TCP flag '%c'", **text);
		bits |= 1 << (name - names);
	}
	return bits;
}

static void put_tcp(const struct options *options, const struct address *src,
		    const struct address *dst, uint64_t number)
{
	size_t start = packet.length;
	uint64_t from, to, seq, ack;
	const char *rest;
	uint8_t flags;

	parse_pair(options->tcp, &from, &to, &rest);
	rest += *rest == '/';
	flags = tcp_flags(&rest);
	rest += *rest == '/';
	seq = number_of(rest, &rest);
	rest += *rest == '/';
	ack = number_of(rest, &rest);
	put16(from + number % options->flows);
	put16(to);
	put32(seq);
	put32(ack);
	put16(5 << 12 | flags);
	put16(1024);
	put32(0);
	put_payload(options->size);
	patch16(start + 16, checksum_from(start, src, dst, PROTO_TCP));
}

static void put_icmp(const struct options *options, const struct address *src,
		     const struct address *dst, uint64_t number)
{
	bool version6 = src->length == 16;
	size_t start = packet.length;
	uint64_t id, seq;
	const char *rest;

	parse_pair(options->icmp, &id, &seq, &rest);
	put8(version6 ? 128 + options->reply : options->reply ? 0 : 8);
	put8(0);
	put16(0);
	put16(id);
	put16(seq + number);
	put_payload(options->size);
	patch16(start + 2, version6 ? checksum_from(start, src, dst, PROTO_ICMP6) :
				      checksum_from(start, NULL, NULL, 0));
}

static uint8_t protocol_of(const struct options *options, bool version6)
{
	if (options->udp)
		return PROTO_UDP;
	if (options->tcp)
		return PROTO_TCP;
	return version6 ? PROTO_ICMP6 : PROTO_ICMP;
}

static void put_transport(const struct options *options, const struct address *src,
			  const struct address *dst, uint64_t number)
{
	if (options->udp)
		put_udp(options, src, dst, number);
	else if (options->tcp)
		put_tcp(options, src, dst, number);
	else if (options->icmp)
		put_icmp(options, src, dst, number);
	else
		die("send: what kind of packet?");
}

static void put_ip(const struct options *options, const struct address *src,
		   const struct address *dst, uint64_t number)
{
	size_t start = packet.length;

	if (src->length == 16) {
		put32(6U << 28);
		put16(0);
		put8(protocol_of(options, true));
		put8(options->ttl);
		put(src->bytes, 16);
		put(dst->bytes, 16);
		put_transport(options, src, dst, number);
		patch16(start + 4, packet.length - start - 40);
		return;
	}
	put16(0x4500);
	put16(0);
	put16(options->id + number);
	put16(0);
	put16(options->ttl << 8 | protocol_of(options, false));
	put16(0);
	put(src->bytes, 4);
	put(dst->bytes, 4);
	put_transport(options, src, dst, number);
	patch16(start + 2, packet.length - start);
	patch16(start + 10, fold(add_up(0, packet.bytes + start, 20)));
}

static void put_arp(const uint8_t *own_mac, const struct address *src, const struct address *dst)
{
	static const uint8_t unknown[6];

	put16(0x0806);
	put16(1);
	put16(0x0800);
	put16(0x0604);
	put16(1);
	put(own_mac, 6);
	put(src->bytes, 4);
	put(unknown, 6);
	put(dst->bytes, 4);
}

static void device_mac(int fd, const char *device, uint8_t *mac)
{
	struct ifreq request = {};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		die("send: device '%s'", device);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
}

static void send_frames(const struct options *options)
{
	struct address src = parse_address(options->src), dst = parse_address(options->dst);
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	uint8_t to[6], from[6];
	size_t head;

	if (fd < 0 || !options->device)
		die("send: no packet socket, or no device");
	link.sll_ifindex = if_nametoindex(options->device);
	if (!link.sll_ifindex || bind(fd, (struct sockaddr *)&link, sizeof(link)))
		die("send: device '%s'", options->device);
	limit_waits(fd);
	if (options->from_mac)
		hex_bytes(options->from_mac, from, 6);
	else
		device_mac(fd, options->device, from);
	hex_bytes(options->to_mac, to, 6);
	packet.length = 0;
	put(to, 6);
	put(from, 6);
	for (uint64_t i = 0; i < options->nr_vlans; i++) {
		put16(0x8100);
		put16(options->vlan[i]);
	}
	if (!options->arp)
		put16(src.length == 16 ? 0x86dd : 0x0800);
	head = packet.length;
	for (uint64_t number = 0; number < options->count; number++) {
		packet.length = head;
		if (options->arp)
			put_arp(from, &src, &dst);
		else
			put_ip(options, &src, &dst, number);
		/* The device's queue threw it away: what some tests are after. */
		if (send(fd, packet.bytes, packet.length, 0) < 0 &&
		    !(options->ignore_full && errno == ENOBUFS))
			die("send: packet %llu", (unsigned long long)number);
	}
	close(fd);
}

/* A socket's address; returns its length. */
static socklen_t socket_address(struct sockaddr_storage *storage, const struct address *address,
				uint16_t port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
	struct sockaddr_in *four = (struct sockaddr_in *)storage;

	memset(storage, 0, sizeof(*storage));
	if (address->length == 16) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		memcpy(&six->sin6_addr, address->bytes, 16);
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	memcpy(&four->sin_addr, address->bytes, 4);
	return sizeof(*four);
}

/* Not connected: port-unreachable answers are not reported to us. */
static void send_all(const struct options *options, int fd, const struct sockaddr_storage *to,
		     socklen_t length)
{
	limit_waits(fd);
	for (uint64_t number = 0; number < options->count; number++)
		if (sendto(fd, packet.bytes, packet.length, 0, (const struct sockaddr *)to,
			   length) < 0)
			die("send: packet %llu", (unsigned long long)number);
	close(fd);
}

static void send_datagrams(const struct options *options)
{
	struct address src = parse_address(options->src), dst = parse_address(options->dst);
	struct sockaddr_storage address;
	uint64_t from, to;
	socklen_t length;
	const char *rest;
	int fd;

	if (!options->udp)
		die("send: --socket is for --udp");
	parse_pair(options->udp, &from, &to, &rest);
	length = socket_address(&address, &src, from);
	fd = socket(address.ss_family, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length))
		die("send: '%s'", options->src);
	packet.length = 0;
	put_payload(options->size);
	length = socket_address(&address, &dst, to);
	send_all(options, fd, &address, length);
}

static void send_raw(const struct options *options)
{
	struct address src = parse_address(options->src), dst = parse_address(options->dst);
	struct sockaddr_storage address;
	socklen_t length = socket_address(&address, &dst, 0);
	int fd = socket(AF_INET, SOCK_RAW, options->header ? IPPROTO_RAW : IPPROTO_ICMP);

	if (!options->icmp || src.length != 4 || dst.length != 4 || fd < 0)
		die("send: --raw is for --icmp and IPv4");
	packet.length = 0;
	if (options->header)
		put_ip(options, &src, &dst, 0);
	else
		put_icmp(options, &src, &dst, 0);
	send_all(options, fd, &address, length);
}

static void enter_netns(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("send: network namespace '%s'", name);
	close(fd);
}

static void send_group(const struct options *options)
{
	errno = 0;
	if (options->size > MAX_PAYLOAD || !options->flows)
		die("send: --size or --flows");
	if (options->comm)
		rename_thread(options->comm);
	if (options->netns)
		enter_netns(options->netns);
	errno = 0;
	if (options->socket)
		send_datagrams(options);
	else if (options->raw)
		send_raw(options);
	else
		send_frames(options);
}

/* Words up to the next --then. */
static int group_length(char **argv, int argc)
{
	int length = 0;

	while (length < argc && strcmp(argv[length], "--then"))
		length++;
	return length;
}

int main(int argc, char **argv)
{
	struct options shared = {
		.count = 1,
		.ttl = 64,
		.size = 32,
		.flows = 1,
		.to_mac = "ff:ff:ff:ff:ff:ff",
	};
	int at = 1 + group_length(argv + 1, argc - 1);
	uint64_t total = 0;

	parse_words(&shared, argv + 1, at - 1);
	if (at == argc) {
		send_group(&shared);
		total = shared.count;
	}
	while (at < argc) {
		struct options options = shared;
		int length = group_length(argv + at + 1, argc - at - 1);

		parse_words(&options, argv + at + 1, length);
		send_group(&options);
		total += options.count;
		at += 1 + length;
	}
	printf("%llu\n", (unsigned long long)total);
	return 0;
}
