/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pcapng writer, read back by a reader of its own that knows only the
 * format's description. tests/live opens such files with tcpdump and tshark.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "vnet/pcapng.h"

#include "test.h"

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE	1
#define BLOCK_PACKET	6

static char path[] = "/tmp/vnet-pcapng.XXXXXX";

/* A file in memory; `at` is where the next block begins. */
struct file {
	uint8_t data[8192];
	size_t size, at;
};

struct packet {
	uint64_t time_ns;
	uint32_t captured, length;
	uint8_t data[2048];
	char comment[2048];
	bool has_comment;
};

static uint32_t u32_at(const struct file *f, size_t at)
{
	uint32_t v = 0;

	CHECK(at + sizeof(v) <= f->size);
	if (at + sizeof(v) <= f->size)
		memcpy(&v, f->data + at, sizeof(v));
	return v;
}

static uint16_t u16_at(const struct file *f, size_t at)
{
	uint16_t v = 0;

	CHECK(at + sizeof(v) <= f->size);
	if (at + sizeof(v) <= f->size)
		memcpy(&v, f->data + at, sizeof(v));
	return v;
}

/* The next block's body; its type, or 0 at the end or if it is malformed. */
static uint32_t next_block(struct file *f, size_t *body, size_t *end)
{
	uint32_t type, length;

	if (f->at == f->size)
		return 0;
	type = u32_at(f, f->at);
	length = u32_at(f, f->at + 4);
	CHECK_EQ(length % 4, 0);
	CHECK(length >= 12 && f->at + length <= f->size);
	if (length < 12 || length % 4 || f->at + length > f->size)
		return 0;
	CHECK_EQ(u32_at(f, f->at + length - 4), length);
	*body = f->at + 8;
	*end = f->at + length - 4;
	f->at += length;
	return type;
}

/* Opens, writes the packets, closes, reads the file back up to the packets. */
static void write_file(struct file *f, uint32_t snap_length,
		       const struct vnet_pcapng_packet *packets, size_t nr)
{
	struct vnet_pcapng *pcap = NULL;
	size_t body, end;
	FILE *in;

	CHECK_EQ(vnet_pcapng_open(&pcap, path, snap_length), 0);
	for (size_t i = 0; i < nr; i++)
		CHECK_EQ(vnet_pcapng_write(pcap, &packets[i]), 0);
	CHECK_EQ(vnet_pcapng_close(pcap), 0);
	in = fopen(path, "rb");
	memset(f, 0, sizeof(*f));
	f->size = fread(f->data, 1, sizeof(f->data), in);
	fclose(in);
	CHECK_EQ(next_block(f, &body, &end), BLOCK_SECTION);
	CHECK_EQ(u32_at(f, body), 0x1a2b3c4d);
	CHECK_EQ(u16_at(f, body + 4), 1);
	CHECK_EQ(u16_at(f, body + 6), 0);
	CHECK_EQ(next_block(f, &body, &end), BLOCK_INTERFACE);
	CHECK_EQ(u16_at(f, body), 1);	/* Ethernet */
	CHECK(u32_at(f, body + 4) >= snap_length);
}

static void read_comment(const struct file *f, size_t at, size_t end, struct packet *p)
{
	while (at < end) {
		uint16_t code = u16_at(f, at), length = u16_at(f, at + 2);

		if (!code)
			return;
		CHECK(at + 4 + length <= end);
		if (at + 4 + length > end)
			return;
		if (code == 1) {
			p->has_comment = true;
			memcpy(p->comment, f->data + at + 4, length);
		}
		at += 4 + ((length + 3) & ~3u);
	}
	CHECK_EQ(at, end);
}

static void read_packet(struct file *f, struct packet *p)
{
	size_t body, end;

	memset(p, 0, sizeof(*p));
	CHECK_EQ(next_block(f, &body, &end), BLOCK_PACKET);
	CHECK_EQ(u32_at(f, body), 0);
	p->time_ns = (uint64_t)u32_at(f, body + 4) << 32 | u32_at(f, body + 8);
	p->captured = u32_at(f, body + 12);
	p->length = u32_at(f, body + 16);
	CHECK(body + 20 + p->captured <= end);
	memcpy(p->data, f->data + body + 20, p->captured);
	read_comment(f, body + 20 + ((p->captured + 3) & ~3u), end, p);
}

static const uint8_t frame[] = {
	1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 0x08, 0x00, 0x45, 0xaa, 0xbb,
};

TEST(whole_frames)
{
	const struct vnet_pcapng_packet packets[] = {
		{ .wall_ns = 1700000000123456789ull, .data = frame, .captured = sizeof(frame),
		  .length = 1500, .comment = "drop reason: NO_SOCKET" },
		{ .wall_ns = 1, .data = frame, .captured = 14, .length = 14 },
	};
	struct packet p;
	struct file f;

	write_file(&f, 256, packets, 2);
	read_packet(&f, &p);
	CHECK(p.time_ns == 1700000000123456789ull);
	CHECK_EQ(p.captured, sizeof(frame));
	CHECK_EQ(p.length, 1500);
	CHECK(!memcmp(p.data, frame, sizeof(frame)));
	CHECK_STR(p.comment, "drop reason: NO_SOCKET");
	read_packet(&f, &p);
	CHECK_EQ(p.captured, 14);
	CHECK_EQ(p.length, 14);
	CHECK(!p.has_comment);
	CHECK_EQ(f.at, f.size);
}

TEST(a_packet_without_an_ethernet_header_gets_one)
{
	static const uint8_t want[] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd, 0x60, 1, 2
	};
	const struct vnet_pcapng_packet packet = {
		.ethertype = 0x86dd, .data = want + 14, .captured = 3, .length = 90,
	};
	struct packet p;
	struct file f;

	write_file(&f, 64, &packet, 1);
	read_packet(&f, &p);
	CHECK_EQ(p.captured, sizeof(want));
	CHECK_EQ(p.length, 104);
	CHECK(!memcmp(p.data, want, sizeof(want)));
}

/* The kernel keeps the outer tag beside the bytes: the file has it in them. */
TEST(a_vlan_tag_is_put_back)
{
	static const uint8_t want[] = {
		1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 0x81, 0x00, 0x60, 0x7b,
		0x08, 0x00, 0x45, 0xaa, 0xbb,
	};
	const struct vnet_pcapng_packet packet = {
		.data = frame, .captured = sizeof(frame), .length = 100,
		.tpid = 0x8100, .tci = 0x607b,
	};
	struct packet p;
	struct file f;

	write_file(&f, 64, &packet, 1);
	read_packet(&f, &p);
	CHECK_EQ(p.captured, sizeof(want));
	CHECK_EQ(p.length, 104);
	CHECK(!memcmp(p.data, want, sizeof(want)));
}

TEST(both_a_header_and_a_tag)
{
	static const uint8_t want[] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0xa8, 0x00, 0x05, 0x08, 0x00, 0x45,
	};
	const struct vnet_pcapng_packet packet = {
		.ethertype = 0x0800, .data = want + 18, .captured = 1, .length = 1,
		.tpid = 0x88a8, .tci = 5,
	};
	struct packet p;
	struct file f;

	write_file(&f, 64, &packet, 1);
	read_packet(&f, &p);
	CHECK_EQ(p.captured, sizeof(want));
	CHECK_EQ(p.length, sizeof(want));
	CHECK(!memcmp(p.data, want, sizeof(want)));
}

/* Less than both addresses: there is no place for the tag. */
TEST(a_stump_stays_as_it_is)
{
	const struct vnet_pcapng_packet packet = {
		.data = frame, .captured = 5, .length = 5, .tpid = 0x8100, .tci = 1,
	};
	struct packet p;
	struct file f;

	write_file(&f, 64, &packet, 1);
	read_packet(&f, &p);
	CHECK_EQ(p.captured, 5);
	CHECK(!memcmp(p.data, frame, 5));
}

/* skb->len may be less than what stands in the buffer in front of it. */
TEST(the_length_is_never_less_than_what_was_captured)
{
	const struct vnet_pcapng_packet packet = {
		.data = frame, .captured = sizeof(frame), .length = 3,
	};
	struct packet p;
	struct file f;

	write_file(&f, 64, &packet, 1);
	read_packet(&f, &p);
	CHECK_EQ(p.length, sizeof(frame));
}

TEST(all_paddings)
{
	for (uint32_t n = 0; n < 9; n++) {
		char comment[16] = "";
		struct vnet_pcapng_packet packet = {
			.data = frame, .captured = n, .length = n, .comment = comment,
		};
		struct packet p;
		struct file f;

		memset(comment, 'c', n);
		write_file(&f, 64, &packet, 1);
		read_packet(&f, &p);
		CHECK_EQ(p.captured, n);
		CHECK_STR(p.comment, comment);
		CHECK_EQ(f.at, f.size);
	}
}

TEST(long_comments_are_cut)
{
	char comment[4000];
	const struct vnet_pcapng_packet packet = {
		.data = frame, .captured = 14, .length = 14, .comment = comment,
	};
	struct packet p;
	struct file f;

	memset(comment, 'c', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = 0;
	write_file(&f, 64, &packet, 1);
	read_packet(&f, &p);
	CHECK_EQ(strlen(p.comment), 1024);
}

TEST(errors)
{
	const struct vnet_pcapng_packet packet = {
		.data = frame, .captured = 14, .length = 14,
	};
	struct vnet_pcapng *pcap = NULL;
	FILE *out;

	CHECK_EQ(vnet_pcapng_open(&pcap, "/nonexistent/x", 64), -ENOENT);
	CHECK(!pcap);
	CHECK_EQ(vnet_pcapng_close(NULL), 0);
	out = fopen("/dev/full", "w");
	if (!out)
		return;
	fclose(out);
	CHECK_EQ(vnet_pcapng_open(&pcap, "/dev/full", 64), -ENOSPC);
	CHECK(!pcap);
	/* Whole after each packet: another reader sees it before the end. */
	CHECK_EQ(vnet_pcapng_open(&pcap, path, 64), 0);
	CHECK_EQ(vnet_pcapng_write(pcap, &packet), 0);
	out = fopen(path, "rb");
	fseek(out, 0, SEEK_END);
	CHECK(ftell(out) > 100);
	fclose(out);
	CHECK_EQ(vnet_pcapng_close(pcap), 0);
}

static void make_path(void) __attribute__((constructor));
static void make_path(void)
{
	int fd = mkstemp(path);

	if (fd >= 0)
		close(fd);
}

static void remove_path(void) __attribute__((destructor));
static void remove_path(void)
{
	unlink(path);
}

TEST_MAIN(T(whole_frames), T(a_packet_without_an_ethernet_header_gets_one),
	  T(a_vlan_tag_is_put_back), T(both_a_header_and_a_tag), T(a_stump_stays_as_it_is),
	  T(the_length_is_never_less_than_what_was_captured), T(all_paddings),
	  T(long_comments_are_cut), T(errors))
