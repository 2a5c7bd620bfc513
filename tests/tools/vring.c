/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's side of a vhost-net device, as a guest has it, but in this process:
 * what a guest would do by itself happens here only when it is told to, so that
 * every buffer and signal can be known in advance. Called by tests/lab/vhost.bats
 * and by tests/bench.
 *
 *   vring TAP event-index|flag
 * Opens the tap, one queue of 256 buffers each way, and reads commands from
 * standard input, each answered by one line "TAKEN SENT RX_SIGNALS TX_SIGNALS" of
 * totals: buffers received and sent, and what both eventfds counted.
 *	post N		offers N more buffers to receive with
 *	take		takes what was received, and offers nothing new
 *	poll		from now on takes, and offers again, what a signal announces
 *	send N		sends N frames and waits until they are taken
 *	want 0|1	signals are not wanted, or for each buffer (of rx)
 *	show		nothing
 * The rx queue begins without buffers, and wants signals.
 */
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tool.h"

#define SIZE		256	/* buffers of a ring */
#define ROOM		2048	/* bytes of each */
#define FRAME		60
#define HEADER		sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define WAIT_MS		(WAIT_S * 1000)

enum { RX, TX, NR_RINGS };

/* vring_avail and vring_used end with the other side's index of the next event. */
struct ring {
	struct vring_desc desc[SIZE];
	struct {
		uint16_t flags, idx, ring[SIZE], used_event;
	} avail;
	struct {
		_Alignas(4) uint16_t flags;
		uint16_t idx;
		struct vring_used_elem ring[SIZE];
		uint16_t avail_event;
	} used;
	_Alignas(4096) uint8_t buffers[SIZE][ROOM];
};

static struct ring *rings[NR_RINGS];
static int kick[NR_RINGS], call[NR_RINGS];
static uint16_t seen[NR_RINGS];		/* of used->idx */
static uint64_t moved[NR_RINGS], signals[NR_RINGS];
static bool event_index, wanted = true;

static void command(int vhost, unsigned long request, const void *argument, const char *what)
{
	if (ioctl(vhost, request, argument) < 0)
		die("vring: %s", what);
}

static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), header = HEADER;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header))
		die("vring: '%s'", name);
	return fd;
}

/* All memory, with addresses that are ours and the guest's at once. */
static void tell_memory(int vhost, void *memory, size_t size)
{
	struct vhost_memory *table = calloc(1, sizeof(*table) + sizeof(table->regions[0]));

	if (!table)
		die("vring: memory");
	table->nregions = 1;
	table->regions[0].guest_phys_addr = (uintptr_t)memory;
	table->regions[0].userspace_addr = (uintptr_t)memory;
	table->regions[0].memory_size = size;
	command(vhost, VHOST_SET_MEM_TABLE, table, "VHOST_SET_MEM_TABLE");
	free(table);
}

static void start_ring(int vhost, int tap, unsigned int index)
{
	static const uint8_t frame[FRAME] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	struct ring *ring = rings[index];
	struct vhost_vring_state number = { index, SIZE }, base = { index, 0 };
	struct vhost_vring_addr addresses = {
		.index = index,
		.desc_user_addr = (uintptr_t)ring->desc,
		.avail_user_addr = (uintptr_t)&ring->avail,
		.used_user_addr = (uintptr_t)&ring->used,
	};
	struct vhost_vring_file file = { .index = index };

	for (unsigned int i = 0; i < SIZE; i++) {
		ring->desc[i].addr = (uintptr_t)ring->buffers[i];
		ring->desc[i].len = index == RX ? ROOM : HEADER + FRAME;
		ring->desc[i].flags = index == RX ? VRING_DESC_F_WRITE : 0;
		ring->avail.ring[i] = i;
		if (index == TX)
			memcpy(ring->buffers[i] + HEADER, frame, sizeof(frame));
	}
	command(vhost, VHOST_SET_VRING_NUM, &number, "VHOST_SET_VRING_NUM");
	command(vhost, VHOST_SET_VRING_BASE, &base, "VHOST_SET_VRING_BASE");
	command(vhost, VHOST_SET_VRING_ADDR, &addresses, "VHOST_SET_VRING_ADDR");
	kick[index] = file.fd = eventfd(0, EFD_NONBLOCK);
	command(vhost, VHOST_SET_VRING_KICK, &file, "VHOST_SET_VRING_KICK");
	call[index] = file.fd = eventfd(0, EFD_NONBLOCK);
	command(vhost, VHOST_SET_VRING_CALL, &file, "VHOST_SET_VRING_CALL");
	file.fd = tap;
	command(vhost, VHOST_NET_SET_BACKEND, &file, "VHOST_NET_SET_BACKEND");
}

static void start(const char *name)
{
	int vhost = open("/dev/vhost-net", O_RDWR), tap = open_tap(name);
	uint64_t features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF |
			    (event_index ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0);
	size_t size = NR_RINGS * sizeof(struct ring);
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (vhost < 0 || memory == MAP_FAILED)
		die("vring: /dev/vhost-net");
	command(vhost, VHOST_SET_OWNER, NULL, "VHOST_SET_OWNER");
	command(vhost, VHOST_SET_FEATURES, &features, "VHOST_SET_FEATURES");
	tell_memory(vhost, memory, size);
	for (unsigned int i = 0; i < NR_RINGS; i++) {
		rings[i] = (struct ring *)(memory + i * sizeof(struct ring));
		start_ring(vhost, tap, i);
	}
}

static uint16_t load(uint16_t *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

/*
 * When vhost signals next: at the next buffer, or never. It does when it passes the
 * index, so one that is half a circle behind is not met.
 */
static void set_wanted(unsigned int index, bool want)
{
	struct ring *ring = rings[index];

	if (event_index)
		ring->avail.used_event = want ? seen[index] : seen[index] + 32768;
	else
		ring->avail.flags = want ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void offer(unsigned int index, uint64_t nr)
{
	uint64_t one = 1;

	__atomic_store_n(&rings[index]->avail.idx, rings[index]->avail.idx + nr,
			 __ATOMIC_RELEASE);
	if (write(kick[index], &one, sizeof(one)) < 0)
		die("vring: kick");
}

/* What vhost has given back since; returns how many. */
static uint64_t take(unsigned int index)
{
	uint16_t nr = load(&rings[index]->used.idx) - seen[index];

	seen[index] += nr;
	moved[index] += nr;
	return nr;
}

static void count_signals(void)
{
	uint64_t value;

	for (int i = 0; i < NR_RINGS; i++)
		if (read(call[i], &value, sizeof(value)) == sizeof(value))
			signals[i] += value;
}

/* As a driver does: what came meanwhile is seen after signals are wanted again. */
static void take_and_offer(void)
{
	uint64_t nr;

	while ((nr = take(RX))) {
		offer(RX, nr);
		set_wanted(RX, wanted);
	}
}

static void send_frames(uint64_t nr)
{
	uint16_t end = load(&rings[TX]->used.idx) + nr;

	if (nr > SIZE)
		die("vring: no more than %d at once", SIZE);
	offer(TX, nr);
	for (int i = 0; load(&rings[TX]->used.idx) != end; i++) {
		if (i == WAIT_MS)
			die("vring: frames are not taken");
		poll(NULL, 0, 1);
	}
	take(TX);
}

static bool obey(const char *line, bool *polling)
{
	const char *rest = line;
	uint64_t n = 0;

	if (strchr(line, ' '))
		n = number_of(strchr(line, ' ') + 1, &rest);
	if (!strncmp(line, "post ", 5)) {
		offer(RX, n);
	} else if (!strcmp(line, "take")) {
		take(RX);
		set_wanted(RX, wanted);
	} else if (!strcmp(line, "poll")) {
		*polling = true;
		take_and_offer();
	} else if (!strncmp(line, "send ", 5)) {
		send_frames(n);
	} else if (!strncmp(line, "want ", 5)) {
		wanted = n;
		set_wanted(RX, wanted);
	} else if (strcmp(line, "show")) {
		return false;
	}
	return true;
}

/* A byte at a time: what poll() tells of is then all there is. */
static bool read_line(char *line, size_t room)
{
	size_t n = 0;

	while (n + 1 < room && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return n;
}

int main(int argc, char **argv)
{
	struct pollfd polled[2] = { { .events = POLLIN }, { .events = POLLIN } };
	bool polling = false;
	char line[64];

	if (argc != 3 || (strcmp(argv[2], "event-index") && strcmp(argv[2], "flag")))
		return 2;
	event_index = !strcmp(argv[2], "event-index");
	start(argv[1]);
	polled[1].fd = call[RX];
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("0 0 0 0");
	for (;;) {
		if (poll(polled, polling ? 2 : 1, -1) < 0)
			die("vring: poll");
		count_signals();
		if (polling)
			take_and_offer();
		if (!polled[0].revents)
			continue;
		if (!read_line(line, sizeof(line)))
			return 0;
		errno = 0;
		if (!obey(line, &polling))
			die("vring: no such command: '%s'", line);
		count_signals();
		printf("%llu %llu %llu %llu\n", (unsigned long long)moved[RX],
		       (unsigned long long)moved[TX], (unsigned long long)signals[RX],
		       (unsigned long long)signals[TX]);
	}
}
