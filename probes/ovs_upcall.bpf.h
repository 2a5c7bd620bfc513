/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tells an upcall's packet from another one, and what its netlink message
 * says. Included by ovs_upcall.bpf.c.
 */
#ifndef VNET_OVS_UPCALL_BPF_H
#define VNET_OVS_UPCALL_BPF_H

#include "vnet.bpf.h"
#include "vnet/abi/ovs_upcall.h"

/*
 * Work spaces: the first for programs that run with softirqs disabled, which do
 * so one after the other on a CPU; the others for threads, by their numbers,
 * since where the kernel is preemptible one may come between another's.
 */
#define THREAD_SPACES	8
#define NR_SPACES	(1 + THREAD_SPACES)
enum space { SPACE_SOFTIRQ, SPACE_THREAD };

/* Payload bytes behind a UDP or ICMP header that take part in the identity. */
#define PAYLOAD		16

/* Of one program run; what the parser leaves stands behind the bytes. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_packet packet;
};

/* space_index() -> that work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SPACES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline __u32 space_index(enum space space)
{
	return space == SPACE_SOFTIRQ ? 0 :
	       1 + ((__u32)bpf_get_current_pid_tgid() & (THREAD_SPACES - 1));
}

/*
 * Who a packet is, at both ends of the way through ovs-vswitchd: two hashes, as
 * the end that has it in pages may not see the payload. The highest bit is 0,
 * which an address has not.
 */
struct identity {
	__u64 headers;	/* 0: not readable */
	__u64 all;	/* with the first bytes of payload; 0: they are not there */
};

static __always_inline __u64 hash_add(__u64 hash, __u64 word)
{
	return (hash ^ word) * 0x100000001b3;
}

static __always_inline __u64 hash_end(__u64 hash)
{
	/* FNV's high bits are its best. */
	return (hash ^ hash >> 32) & ~(1ull << 63);
}

/*
 * Everything decoded, but for where it stands (a VLAN tag moves from beside the
 * bytes into them) and the buffer's own numbers. Checksums are not decoded: a
 * partial one is completed on the way.
 */
static __always_inline __u64 hash_headers(struct vnet_packet *packet)
{
	const vnet_word *word = (const void *)packet;
	__u64 hash = 0xcbf29ce484222325;

	packet->len = 0;
	packet->l3_off = 0;
	packet->l4_off = 0;
	packet->reserved = 0;
	packet->flow.flags &= ~VNET_FLOW_TRUNCATED;
#pragma unroll
	for (int i = 0; i < sizeof(*packet) / sizeof(*word); i++)
		hash = hash_add(hash, word[i]);
	return hash;
}

/* Reads and decodes what the datapath hands over: `data` is at the Ethernet header. */
static __always_inline bool headers_read(struct sk_buff *skb, enum access access,
					 struct scratch *scratch, __u32 *avail)
{
	__u32 data = (__u64)FIELD(access, skb, data) - (__u64)FIELD(access, skb, head);
	__u32 tail = FIELD(access, skb, tail);
	struct start start;

	barrier_var(data);
	__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
	start.off = data;
	start.data = data;
	start.avail = tail > data ? tail - data : 0;
	start.ethertype = 0;
	start.l2 = true;
	*avail = start.avail;
	return packet_read(skb, access, &start, scratch->bytes, &scratch->packet);
}

static __always_inline void packet_identify(struct sk_buff *skb, enum space space,
					    enum access access, struct identity *id)
{
	__u32 work = space_index(space), avail, l4, protocol;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &work);
	const __u8 *payload;
	__u64 hash;

	id->headers = 0;
	id->all = 0;
	if (!scratch || !headers_read(skb, access, scratch, &avail))
		return;
	l4 = scratch->packet.l4_off;
	protocol = scratch->packet.flow.protocol;
	hash = hash_headers(&scratch->packet);
	id->headers = hash_end(hash);
	if (!l4 || (protocol != VNET_IP_UDP && protocol != VNET_IP_ICMP &&
		    protocol != VNET_IP_ICMP6))
		return;
	l4 += 8;
	if (l4 + PAYLOAD > VNET_SNAP || l4 + PAYLOAD > avail)
		return;
	payload = vnet_at(scratch->bytes, l4);
#pragma unroll
	for (int i = 0; i < PAYLOAD; i += 4)
		hash = hash_add(hash, vnet_raw32(payload + i));
	id->all = hash_end(hash);
}

/* ---- the message: nlmsghdr, genlmsghdr, ovs_header, then attributes ---- */

#define MSG_CMD			16	/* genlmsghdr.cmd */
#define MSG_DP_IFINDEX		20
#define MSG_KEY			24	/* the first attribute */
#define OVS_PACKET_ATTR_KEY	2
#define OVS_KEY_ATTR_IN_PORT	3
#define NLA_TYPE_MASK		0x3fff
/* In the key the input port is the fourth, or the fifth behind a tunnel's. */
#define KEY_ATTRS		6

struct attr {
	__u16 len;
	__u16 type;
	__u32 value;
};

/* The vport's number, out of the flow key that the message begins with. */
static __always_inline void message_port(const __u8 *data, struct vnet_upcall *upcall)
{
	__u32 off = MSG_KEY;
	struct attr attr;

	if (bpf_probe_read_kernel(&attr, sizeof(attr), data + off) ||
	    (attr.type & NLA_TYPE_MASK) != OVS_PACKET_ATTR_KEY)
		return;
	off += 4;
#pragma unroll
	for (int i = 0; i < KEY_ATTRS; i++) {
		if (bpf_probe_read_kernel(&attr, sizeof(attr), data + off) || attr.len < 4)
			return;
		if ((attr.type & NLA_TYPE_MASK) == OVS_KEY_ATTR_IN_PORT) {
			upcall->in_port = attr.value;
			return;
		}
		off += (attr.len + 3) & ~3;
	}
}

/* What caused the upcall, on which datapath and port. */
static __always_inline void message_read(struct sk_buff *skb, enum access access,
					 struct vnet_upcall *upcall)
{
	const __u8 *data = FIELD(access, skb, data);
	__u8 cmd = 0;

	if (bpf_probe_read_kernel(&cmd, sizeof(cmd), data + MSG_CMD) ||
	    bpf_probe_read_kernel(&upcall->dp_ifindex, sizeof(upcall->dp_ifindex),
				  data + MSG_DP_IFINDEX)) {
		loss(VNET_LOSS_read_failed);
		return;
	}
	if (cmd == VNET_UPCALL_MISS || cmd == VNET_UPCALL_ACTION)
		upcall->cause = cmd;
	message_port(data, upcall);
}

#endif
