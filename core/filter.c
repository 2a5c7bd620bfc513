/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filter compiler: what the user asked for -> the tests that the probes
 * make (struct vnet_filter), the same as report members, and the same in words
 * (--explain-filter). Called by the commands and the plan.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sys/stat.h>

#include <linux/types.h>

#include "vnet/abi/packet.h"
#include "vnet/filter.h"
#include "vnet/util.h"

/* What the names of --protocol mean; a member of 0 is no test. */
static const struct protocol {
	const char *name;
	uint8_t family;
	uint8_t protocol;
	uint16_t ethertype;
} protocols[] = {
	{ "tcp", .protocol = 6 },
	{ "udp", .protocol = 17 },
	{ "icmp", .family = 4, .protocol = 1 },
	{ "icmp6", .family = 6, .protocol = 58 },
	{ "sctp", .protocol = 132 },
	{ "arp", .ethertype = 0x0806 },
};

static const struct protocol *find_protocol(const char *name)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(protocols); i++)
		if (!strcmp(name, protocols[i].name))
			return &protocols[i];
	return NULL;
}

/* Every test of a family must agree on it. */
static int set_family(struct vnet_filter *filter, uint8_t family)
{
	if (!family)
		return 0;
	if (filter->active & VNET_F_FAMILY && filter->family != family)
		return -EINVAL;
	filter->active |= VNET_F_FAMILY;
	filter->family = family;
	return 0;
}

static int set_protocol(struct vnet_filter *filter, uint32_t number)
{
	const struct protocol *p;

	if (!number)
		return 0;
	p = find_protocol(vnet_protocol_names[number]);
	if (!p)
		return -EINVAL;
	if (p->protocol) {
		filter->active |= VNET_F_PROTOCOL;
		filter->protocol = p->protocol;
	}
	if (p->ethertype) {
		filter->active |= VNET_F_ETHERTYPE;
		filter->ethertype = p->ethertype;
	}
	return set_family(filter, p->family);
}

/* The families of --src-ip and --dst-ip are tested once, for both. */
static int set_address(struct vnet_filter *filter, const struct vnet_cidr *cidr,
		       uint32_t bit, uint8_t addr[16], uint8_t mask[16])
{
	if (!cidr->family)
		return 0;
	memcpy(mask, cidr->mask, 16);
	for (int i = 0; i < 16; i++)
		addr[i] = cidr->addr[i] & mask[i];
	if (cidr->prefix)	/* of a /0 only the family is left to test */
		filter->active |= bit;
	return set_family(filter, cidr->family);
}

static void set_numbers(struct vnet_filter *filter, const struct vnet_args *args)
{
	if (args->src_port >= 0) {
		filter->active |= VNET_F_SRC_PORT;
		filter->src_port = (uint16_t)args->src_port;
	}
	if (args->dst_port >= 0) {
		filter->active |= VNET_F_DST_PORT;
		filter->dst_port = (uint16_t)args->dst_port;
	}
	if (args->vlan >= 0) {
		filter->active |= VNET_F_VLAN;
		filter->vlan = (uint16_t)args->vlan;
	}
}

static int set_task(struct vnet_filter *filter, const struct vnet_args *args)
{
	if (args->pid) {
		filter->active |= VNET_F_PID;
		filter->pid = args->pid;
	}
	if (args->tid) {
		filter->active |= VNET_F_TID;
		filter->tid = args->tid;
	}
	if (args->comm) {
		filter->active |= VNET_F_COMM;
		if (!vnet_copy(filter->comm, sizeof(filter->comm), args->comm))
			return -EINVAL;
	}
	return 0;
}

/* An ifindex means nothing without its network namespace, which is ours. */
static int set_devices(struct vnet_filter *filter, const struct vnet_devices *devices)
{
	struct stat st;

	if (!devices->nr)
		return 0;
	if (devices->nr > VNET_FILTER_IFS)
		return -EINVAL;
	if (stat("/proc/self/ns/net", &st))
		return -errno;
	filter->active |= VNET_F_DEVICE;
	filter->netns = (uint32_t)st.st_ino;
	filter->nr_ifindex = devices->nr;
	memcpy(filter->ifindex, devices->ifindex, devices->nr * sizeof(filter->ifindex[0]));
	return 0;
}

/* No port, no address of IPv6: what an EtherType or ICMP rules out. */
static bool is_contradiction(const struct vnet_filter *filter)
{
	bool ports = filter->active & (VNET_F_SRC_PORT | VNET_F_DST_PORT);
	bool icmp = filter->active & VNET_F_PROTOCOL &&
		    (filter->protocol == 1 || filter->protocol == 58);

	if (ports && icmp)
		return true;
	if (!(filter->active & VNET_F_ETHERTYPE))
		return false;
	return ports || (filter->active & VNET_F_FAMILY && filter->family != 4);
}

/* An IPv4 header and ports: where the tests' values are, counted from byte 8 on. */
enum { LOOK_PROTOCOL = 1, LOOK_SRC = 4, LOOK_DST = 8, LOOK_SRC_PORT = 12, LOOK_DST_PORT = 14 };

static void look_at(struct vnet_filter *filter, int at, const void *value, const void *mask,
		    size_t size)
{
	memcpy((uint8_t *)filter->look_value + at, value, size);
	memcpy((uint8_t *)filter->look_mask + at, mask, size);
}

static void look_at_port(struct vnet_filter *filter, int at, uint16_t port)
{
	uint16_t wire = htons(port);

	look_at(filter, at, &wire, "\xff\xff", sizeof(wire));
}

/*
 * What can be refused by a first look at an IPv4 header. A packet that passes it
 * is decoded and tested in full, so that a test may be missing here; none may be
 * that refuses another packet.
 */
static void set_look(struct vnet_filter *filter)
{
	uint32_t a = filter->active;

	if (filter->inner || (a & VNET_F_FAMILY && filter->family != 4))
		return;
	if (a & VNET_F_PROTOCOL)
		look_at(filter, LOOK_PROTOCOL, &filter->protocol, "\xff", 1);
	if (a & VNET_F_SRC)
		look_at(filter, LOOK_SRC, filter->src, filter->src_mask, 4);
	if (a & VNET_F_DST)
		look_at(filter, LOOK_DST, filter->dst, filter->dst_mask, 4);
	if (a & VNET_F_SRC_PORT)
		look_at_port(filter, LOOK_SRC_PORT, filter->src_port);
	if (a & VNET_F_DST_PORT)
		look_at_port(filter, LOOK_DST_PORT, filter->dst_port);
	filter->look = a & (VNET_F_PROTOCOL | VNET_F_SRC | VNET_F_DST | VNET_F_SRC_PORT |
			    VNET_F_DST_PORT) ? 1 : 0;
}

int vnet_filter_make(const struct vnet_args *args, struct vnet_filter *filter)
{
	int err;

	memset(filter, 0, sizeof(*filter));
	filter->inner = args->inner;
	err = set_protocol(filter, args->protocol);
	if (!err)
		err = set_address(filter, &args->src_ip, VNET_F_SRC, filter->src,
				  filter->src_mask);
	if (!err)
		err = set_address(filter, &args->dst_ip, VNET_F_DST, filter->dst,
				  filter->dst_mask);
	set_numbers(filter, args);
	if (!err)
		err = set_task(filter, args);
	if (!err)
		err = set_devices(filter, &args->device);
	if (!err && is_contradiction(filter))
		err = -EINVAL;
	if (!err)
		set_look(filter);
	return err;
}

/* "10.0.0.0/8"; without a prefix if it is the whole address. */
static void cidr_text(const uint8_t addr[16], int family, unsigned int prefix,
		      char *text, size_t size)
{
	char buf[INET6_ADDRSTRLEN];

	inet_ntop(family == 4 ? AF_INET : AF_INET6, addr, buf, sizeof(buf));
	if (prefix == (family == 4 ? 32 : 128))
		snprintf(text, size, "%s", buf);
	else
		snprintf(text, size, "%s/%u", buf, prefix);
}

/* Where the next value goes; its pair then points at it. */
static char *add_pair(struct vnet_filter_pairs *out, const char *key)
{
	char *text = out->text[out->nr];

	out->pairs[out->nr].key = key;
	out->pairs[out->nr].value = text;
	out->nr++;
	return text;
}

static void add_number(struct vnet_filter_pairs *out, const char *key, uint32_t v)
{
	snprintf(add_pair(out, key), sizeof(out->text[0]), "%u", v);
}

static void add_cidr(struct vnet_filter_pairs *out, const char *key,
		     const struct vnet_cidr *cidr)
{
	if (cidr->family)
		cidr_text(cidr->addr, cidr->family, cidr->prefix,
			  add_pair(out, key), sizeof(out->text[0]));
}

static void add_devices(struct vnet_filter_pairs *out, const struct vnet_devices *devices)
{
	char *text = add_pair(out, "device");
	size_t len = 0;

	for (uint32_t i = 0; i < devices->nr && i < VNET_FILTER_IFS; i++)
		len += (size_t)snprintf(text + len, sizeof(out->text[0]) - len, "%s%.15s",
					i ? "," : "", devices->names[i]);
}

void vnet_filter_pairs(const struct vnet_args *args, struct vnet_filter_pairs *out)
{
	memset(out, 0, sizeof(*out));
	add_cidr(out, "src_ip", &args->src_ip);
	add_cidr(out, "dst_ip", &args->dst_ip);
	if (args->src_port >= 0)
		add_number(out, "src_port", (uint32_t)args->src_port);
	if (args->dst_port >= 0)
		add_number(out, "dst_port", (uint32_t)args->dst_port);
	if (args->protocol)
		vnet_copy(add_pair(out, "protocol"), sizeof(out->text[0]),
			  vnet_protocol_names[args->protocol]);
	if (args->vlan >= 0)
		add_number(out, "vlan", (uint32_t)args->vlan);
	if (args->device.nr)
		add_devices(out, &args->device);
	if (args->inner)
		vnet_copy(add_pair(out, "inner"), sizeof(out->text[0]), "true");
	if (args->pid)
		add_number(out, "pid", args->pid);
	if (args->tid)
		add_number(out, "tid", args->tid);
	if (args->comm)
		vnet_copy(add_pair(out, "comm"), sizeof(out->text[0]), args->comm);
}

static void explain_device(const struct vnet_filter *f, FILE *out)
{
	char name[IF_NAMESIZE];

	fputs("the device is ", out);
	for (uint32_t i = 0; i < f->nr_ifindex && i < VNET_FILTER_IFS; i++) {
		if (!if_indextoname(f->ifindex[i], name))
			vnet_copy(name, sizeof(name), "unnamed");
		fprintf(out, "%s%s (ifindex %u)", i ? " or " : "", name, f->ifindex[i]);
	}
	fprintf(out, ", in network namespace %u", f->netns);
}

static void explain_pid(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the running process is %u", f->pid);
}

static void explain_tid(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the running thread is %u", f->tid);
}

static void explain_comm(const struct vnet_filter *f, FILE *out)
{
	char name[VNET_COMM_LEN + 1] = "";

	memcpy(name, f->comm, VNET_COMM_LEN);
	vnet_sanitise(name);
	fprintf(out, "the running thread's name is '%s'", name);
}

static void explain_family(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the addresses are IPv%u", f->family);
}

static void explain_protocol(const struct vnet_filter *f, FILE *out)
{
	const char *name = "unnamed";

	for (size_t i = 0; i < VNET_ARRAY_SIZE(protocols); i++)
		if (protocols[i].protocol && protocols[i].protocol == f->protocol)
			name = protocols[i].name;
	fprintf(out, "the protocol is %s (%u)", name, f->protocol);
}

static void explain_vlan(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the VLAN id is %u, in the outer or the second tag", f->vlan);
}

static void explain_address(const struct vnet_filter *f, const char *which,
			    const uint8_t addr[16], const uint8_t mask[16], FILE *out)
{
	unsigned int prefix = 0;
	char text[64];

	for (int i = 0; i < 16; i++)
		prefix += (unsigned int)__builtin_popcount(mask[i]);
	cidr_text(addr, f->family, prefix, text, sizeof(text));
	fprintf(out, "the %s address is %s%s", which,
		strchr(text, '/') ? "in " : "", text);
}

static void explain_src(const struct vnet_filter *f, FILE *out)
{
	explain_address(f, "source", f->src, f->src_mask, out);
}

static void explain_dst(const struct vnet_filter *f, FILE *out)
{
	explain_address(f, "destination", f->dst, f->dst_mask, out);
}

static void explain_src_port(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the source port is %u", f->src_port);
}

static void explain_dst_port(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the destination port is %u", f->dst_port);
}

static void explain_ethertype(const struct vnet_filter *f, FILE *out)
{
	fprintf(out, "the EtherType is 0x%04x%s", f->ethertype,
		f->ethertype == 0x0806 ? " (ARP)" : "");
}

/* In the order of the bits, which is the order of the tests. */
static void (*const explanations[])(const struct vnet_filter *f, FILE *out) = {
	explain_device, explain_pid, explain_tid, explain_comm,
	explain_family, explain_protocol, explain_vlan, explain_src, explain_dst,
	explain_src_port, explain_dst_port, explain_ethertype,
};
_Static_assert(VNET_F_ETHERTYPE == 1 << (VNET_ARRAY_SIZE(explanations) - 1),
	       "one explanation for each VNET_F_* bit");

int vnet_filter_explain(const struct vnet_filter *filter, FILE *out)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < VNET_ARRAY_SIZE(explanations); i++) {
		if (!(filter->active & 1u << i))
			continue;
		fprintf(out, "%u. ", ++nr);
		explanations[i](filter, out);
		fputc('\n', out);
	}
	if (!nr)
		fputs("no filter: every packet matches\n", out);
	else if (!(filter->active & VNET_F_PACKET))
		fputs("read of each packet: nothing\n", out);
	else
		fprintf(out, "read of each packet that gets there: one copy of %d bytes of "
			"headers%s\n", filter->inner ? VNET_SNAP_INNER : VNET_SNAP,
			filter->inner ? ", a tunnel's inner ones if there is one" : "");
	return fflush(out) || ferror(out) ? -EIO : 0;
}
