/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The paths that `latency` follows: which stages each has, which points show
 * them, and what the probes are told about it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pkt_sched.h>

#include "cmd/latency.h"
#include "cmd/vm.h"
#include "vnet/log.h"
#include "vnet/netlink.h"
#include "vnet/util.h"

#define DIRECTIONS	VNET_LATENCY_DIRECTIONS
#define STAGES		VNET_LATENCY_STAGES

/* Paths, as bits. */
#define HOST_RX		0x1
#define HOST_TX		0x2
#define VM_RX		0x4
#define VM_TX		0x8
#define HOST		(HOST_RX | HOST_TX)
#define VM		(VM_RX | VM_TX)
#define ANY		(HOST | VM)

/* Ways between the devices, as bits. */
#define OVS		0x1
#define PLAIN		0x2

const char *const latency_way_names[] = { "both", "tx", "rx", NULL };
const char *const latency_direction_names[DIRECTIONS] = { "rx", "tx" };
static const char *const via_names[] = { "auto", "ovs", "kernel", NULL };
static const char *const level_names[] = { "default", "ends", "full", NULL };

const struct vnet_opt latency_path_options[] = {
	{ "phy-interface", 'p', VNET_OPT_DEVICES, offsetof(struct latency_args, phy),
	  "DEVICE[,...]", "Physical devices where the path begins (rx) or ends (tx); "
	  "of a bond, its members", .flags = VNET_OPT_REQUIRED },
	{ "vm-interface", 'm', VNET_OPT_DEVICES, offsetof(struct latency_args, vm),
	  "DEVICE[,...]", "Follow the packets of the guests behind these taps, not the "
	  "host's own" },
	{ "vm", 0, VNET_OPT_STRING, offsetof(struct latency_args, vm_names), "NAME[,...]",
	  "The same by the guests' names, as 'vnetdiag topo' shows them" },
	{ "internal-interface", 0, VNET_OPT_DEVICES, offsetof(struct latency_args, internal),
	  "DEVICE[,...]", "Only packets by these internal ports of Open vSwitch, "
	  "else by any" },
	{ "direction", 0, VNET_OPT_ENUM, offsetof(struct latency_args, direction),
	  "DIRECTION", "Packets that the host (or guest) sends, that it receives, or both",
	  latency_way_names },
	{ "via", 0, VNET_OPT_ENUM, offsetof(struct latency_args, via), "WAY",
	  "Between the devices is Open vSwitch, or the kernel's own stack or bridge; auto "
	  "finds out", via_names },
	{ "stages", 0, VNET_OPT_ENUM, offsetof(struct latency_args, stages), "STAGES",
	  "How many stages to look at: ends costs least, full has conntrack too",
	  level_names },
	{ "sample", 0, VNET_OPT_U32, offsetof(struct latency_args, sample), "N",
	  "Follow one packet of N, chosen at random", .min = 1, .max = 1000000 },
	{}
};

/* A stage's name on each path; NULL where the path has no such stage. */
static const struct {
	const char *host[DIRECTIONS], *vm[DIRECTIONS];
} names[STAGES] = {
	[VNET_LATENCY_IP_OUT] = { { NULL, "ip" }, {} },
	[VNET_LATENCY_START] = { { "nic", "internal" }, { "nic", "vnet" } },
	[VNET_LATENCY_OVS] = { { "ovs", "ovs" }, { "ovs", "ovs" } },
	[VNET_LATENCY_UPCALL] = { { "upcall", "upcall" }, { "upcall", "upcall" } },
	[VNET_LATENCY_RETURN] = { { "return", "return" }, { "return", "return" } },
	[VNET_LATENCY_CT] = { { "ct", "ct" }, { "ct", "ct" } },
	[VNET_LATENCY_CT_DONE] = { { "ct_done", "ct_done" }, { "ct_done", "ct_done" } },
	[VNET_LATENCY_OUTPUT] = { { "output", "output" }, { "output", "output" } },
	[VNET_LATENCY_QDISC] = { { NULL, "qdisc" }, { "qdisc", "qdisc" } },
	[VNET_LATENCY_DRIVER] = { { NULL, "driver" }, { "tun", "driver" } },
	[VNET_LATENCY_TAKEN] = { {}, { "taken", NULL } },
	[VNET_LATENCY_INTERNAL] = { { "internal", NULL }, {} },
	[VNET_LATENCY_IP_IN] = { { "ip", NULL }, {} },
	[VNET_LATENCY_TRANSPORT] = { { "transport", NULL }, {} },
};

/* Stages that only some packets of a path pass. */
#define OPTIONAL								\
	(VNET_LATENCY_BIT(VNET_LATENCY_UPCALL) | VNET_LATENCY_BIT(VNET_LATENCY_RETURN) | \
	 VNET_LATENCY_BIT(VNET_LATENCY_CT) | VNET_LATENCY_BIT(VNET_LATENCY_CT_DONE))

/* A point, the paths that need it, and the stage that it shows there. */
static const struct probe {
	struct vnet_want want;
	uint32_t paths, ways;
	enum latency_level level;	/* ENDS: always; DEFAULT; FULL: only then */
	uint32_t stage;			/* STAGES: none, it belongs to a wait */
} probes[] = {
	{ { VNET_P_netif_receive_skb }, HOST_RX | VM, OVS | PLAIN, LATENCY_ENDS,
	  VNET_LATENCY_START },
	{ { VNET_P_internal_dev_xmit }, HOST_TX, OVS, LATENCY_ENDS, VNET_LATENCY_START },
	{ { VNET_P_ovs_vport_receive }, ANY, OVS, LATENCY_DEFAULT, VNET_LATENCY_OVS },
	{ { VNET_P_ovs_vport_send, true, "no stage 'output'" }, ANY, OVS, LATENCY_DEFAULT,
	  VNET_LATENCY_OUTPUT },
	{ { VNET_P_ovs_dp_upcall, true, "packets are lost sight of at upcalls" }, ANY, OVS,
	  LATENCY_ENDS, VNET_LATENCY_UPCALL },
	{ { VNET_P_ovs_return, true, "packets are lost sight of at upcalls" }, ANY, OVS,
	  LATENCY_ENDS, VNET_LATENCY_RETURN },
	{ { VNET_P_ovs_ct_execute, true, "no stage 'ct'" }, ANY, OVS, LATENCY_FULL,
	  VNET_LATENCY_CT },
	{ { VNET_P_ovs_dp_process_packet, true, "no stage 'ct_done'" }, ANY, OVS, LATENCY_FULL,
	  VNET_LATENCY_CT_DONE },
	{ { VNET_P_netif_rx }, HOST_RX, OVS, LATENCY_ENDS, STAGES },
	{ { VNET_P_netif_receive_skb }, HOST_RX, OVS, LATENCY_ENDS, VNET_LATENCY_INTERNAL },
	{ { VNET_P_ip_rcv, true, "no stage 'ip' on rx" }, HOST_RX, OVS | PLAIN,
	  LATENCY_DEFAULT, VNET_LATENCY_IP_IN },
	{ { VNET_P_ipv6_rcv, true, "IPv6 is not followed behind the internal port" }, HOST_RX,
	  OVS | PLAIN, LATENCY_DEFAULT, STAGES },
	{ { VNET_P_ip_deliver }, HOST_RX, OVS | PLAIN, LATENCY_ENDS, VNET_LATENCY_TRANSPORT },
	{ { VNET_P_ip6_deliver, true, "received IPv6 is not followed to its end" }, HOST_RX,
	  OVS | PLAIN, LATENCY_ENDS, STAGES },
	{ { VNET_P_ip_local_out, true, "no stage 'ip' on tx" }, HOST_TX, OVS | PLAIN,
	  LATENCY_ENDS, VNET_LATENCY_IP_OUT },
	{ { VNET_P_ip6_xmit, true, "sent TCP over IPv6 is not followed" }, HOST_TX,
	  OVS | PLAIN, LATENCY_ENDS, STAGES },
	{ { VNET_P_ip6_send_skb, true, "sent UDP and ICMPv6 are not followed" }, HOST_TX,
	  OVS | PLAIN, LATENCY_ENDS, STAGES },
	{ { VNET_P_net_dev_queue }, HOST_TX | VM, OVS | PLAIN, LATENCY_ENDS,
	  VNET_LATENCY_QDISC },
	{ { VNET_P_net_dev_start_xmit }, HOST_TX | VM, OVS | PLAIN, LATENCY_ENDS,
	  VNET_LATENCY_DRIVER },
	{ { VNET_P_skb_copy_datagram_iovec, true, "VM rx ends at the tap's ring" }, VM_RX,
	  OVS | PLAIN, LATENCY_ENDS, VNET_LATENCY_TAKEN },
};

const char *latency_path_name(const struct vnet_latency_config *config)
{
	return config->vm ? "vm" : "host";
}

const char *latency_stage_name(const struct vnet_latency_config *config, uint32_t dir,
			       uint32_t stage)
{
	return config->vm ? names[stage].vm[dir] : names[stage].host[dir];
}

bool latency_stage_exists(const char *name)
{
	for (uint32_t s = 0; s < STAGES; s++) {
		const char *const all[] = { names[s].host[0], names[s].host[1],
					    names[s].vm[0], names[s].vm[1] };

		for (size_t i = 0; i < VNET_ARRAY_SIZE(all); i++)
			if (all[i] && !strcmp(all[i], name))
				return true;
	}
	return false;
}

/* ---- what the arguments ask for ---- */

/* The path of one direction as a bit; 0: that direction is not asked for. */
static uint32_t path_of(const struct latency_args *a, uint32_t dir)
{
	if (a->direction != LATENCY_BOTH &&
	    (a->direction == LATENCY_WAY_TX) != (dir == VNET_LATENCY_TX))
		return 0;
	if (a->vm.nr)
		return dir == VNET_LATENCY_TX ? VM_TX : VM_RX;
	return dir == VNET_LATENCY_TX ? HOST_TX : HOST_RX;
}

/* Whether the device, or the bond it is a member of, is a port of OVS. */
static bool is_ovs_port(const char *device)
{
	char path[96], target[256], name[16];

	vnet_copy(name, sizeof(name), device);
	/* A bond of a bond is not possible; a VLAN device may be in between. */
	for (int depth = 0; depth < 4; depth++) {
		const char *base;
		ssize_t length;

		snprintf(path, sizeof(path), "/sys/class/net/%s/master", name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			return false;
		target[length] = '\0';
		base = strrchr(target, '/');
		vnet_copy(name, sizeof(name), base ? base + 1 : target);
		if (!strcmp(name, "ovs-system"))
			return true;
	}
	return false;
}

static bool any_ovs_port(const struct vnet_devices *devices)
{
	for (uint32_t i = 0; i < devices->nr; i++)
		if (is_ovs_port(devices->names[i]))
			return true;
	return false;
}

/* A recorded kernel says nothing of devices: then it is the usual way. */
static uint32_t way_of(const struct latency_args *a)
{
	if (a->via != LATENCY_VIA_AUTO)
		return a->via == LATENCY_VIA_OVS ? OVS : PLAIN;
	if (a->common.kernel_facts || any_ovs_port(&a->phy) || any_ovs_port(&a->vm))
		return OVS;
	return PLAIN;
}

static bool is_wanted(const struct probe *probe, uint32_t level, uint32_t paths, uint32_t way)
{
	static const bool included[][3] = {
		/* by --stages, then by the probe's level */
		[LATENCY_DEFAULT] = { [LATENCY_DEFAULT] = true, [LATENCY_ENDS] = true },
		[LATENCY_ENDS] = { [LATENCY_ENDS] = true },
		[LATENCY_FULL] = { [LATENCY_DEFAULT] = true, [LATENCY_ENDS] = true,
				   [LATENCY_FULL] = true },
	};

	return probe->paths & paths && probe->ways & way && included[level][probe->level];
}

static bool is_listed(const struct vnet_want *wants, size_t nr, enum vnet_point_id point)
{
	for (size_t i = 0; i < nr; i++)
		if (wants[i].point == point)
			return true;
	return false;
}

/* Whether the device has a qdisc, or none yet: "noqueue" tells that it has not. */
static bool has_queue(const struct vnet_qdisc *qdiscs, size_t nr, uint32_t ifindex)
{
	bool noqueue = false;

	for (size_t i = 0; i < nr; i++) {
		if (qdiscs[i].ifindex != ifindex || qdiscs[i].parent == TC_H_INGRESS)
			continue;
		if (strcmp(qdiscs[i].kind, "noqueue"))
			return true;
		noqueue = true;
	}
	return !noqueue;
}

/* Whether packets of the paths may wait at one of the devices that they leave by. */
static bool may_queue(const struct latency_args *a, uint32_t paths)
{
	const struct vnet_devices *ends[] = {
		paths & (HOST_TX | VM_TX) ? &a->phy : NULL, paths & VM_RX ? &a->vm : NULL,
	};
	struct vnet_qdisc *qdiscs;
	bool found = false;
	size_t nr;

	if (a->common.kernel_facts || vnet_netlink_qdiscs(&qdiscs, &nr))
		return true;
	for (size_t i = 0; i < VNET_ARRAY_SIZE(ends); i++)
		for (uint32_t k = 0; ends[i] && k < ends[i]->nr; k++)
			found |= has_queue(qdiscs, nr, ends[i]->ifindex[k]);
	free(qdiscs);
	return found;
}

/*
 * A device's queue is no end: it is looked at only for packets that wait there,
 * or where the path of the host's own packets begins.
 */
static bool skips_queue(const struct latency_args *a, uint32_t paths, uint32_t way)
{
	return a && a->stages == LATENCY_ENDS && !(paths & HOST_TX && way == PLAIN) &&
	       !may_queue(a, paths);
}

const struct vnet_want *latency_wants(const void *args, size_t *nr)
{
	static struct vnet_want wants[VNET_ARRAY_SIZE(probes)];
	const struct latency_args *a = args;
	uint32_t paths = a ? path_of(a, 0) | path_of(a, 1) : HOST;
	uint32_t way = a ? way_of(a) : OVS;
	uint32_t level = a ? a->stages : LATENCY_DEFAULT;
	bool no_queue = skips_queue(a, paths, way);

	*nr = 0;
	for (size_t i = 0; i < VNET_ARRAY_SIZE(probes); i++)
		if (is_wanted(&probes[i], level, paths, way) &&
		    !is_listed(wants, *nr, probes[i].want.point) &&
		    !(no_queue && probes[i].want.point == VNET_P_net_dev_queue))
			wants[(*nr)++] = probes[i].want;
	return wants;
}

/* ---- what the probes are told ---- */

/* Stages of the path that the plan can show. */
static uint32_t probed_stages(const struct vnet_run *run, const struct latency_args *a,
			      uint32_t path, uint32_t way)
{
	uint32_t stages = 0;

	for (size_t i = 0; i < VNET_ARRAY_SIZE(probes); i++)
		if (probes[i].stage < STAGES &&
		    is_wanted(&probes[i], a->stages, path, way) &&
		    vnet_run_has(run, probes[i].want.point))
			stages |= VNET_LATENCY_BIT(probes[i].stage);
	return stages;
}

/* Of --stages ends, the first and the last. */
static uint32_t shown_stages(uint32_t probed, uint32_t level)
{
	if (level != LATENCY_ENDS || !probed)
		return probed;
	return (probed & -probed) | VNET_LATENCY_BIT(31 - __builtin_clz(probed));
}

/* The stages that packets without an upcall and the like pass, and the pairs they make. */
static uint32_t fill_plain(struct vnet_latency_config *c, uint32_t dir)
{
	uint32_t always = c->mandatory[dir], seen = 0, last = 0, nr = 0;

	for (uint32_t s = 0; s < STAGES; s++) {
		struct vnet_latency_step *step = &c->steps[dir][s];

		step->before = VNET_LATENCY_NO_STATE;
		if (!(always & VNET_LATENCY_BIT(s)))
			continue;
		if (seen)
			step->before = VNET_LATENCY_STATE(last, seen);
		seen |= VNET_LATENCY_BIT(s);
		last = s;
		step->after = VNET_LATENCY_STATE(s, seen);
		if (!latency_has(c, dir, s))
			continue;
		if (nr)
			c->pair[dir][c->plain[dir][nr - 1]][s] = nr - 1;
		c->plain[dir][nr++] = s;
	}
	c->nr_plain[dir] = nr;
	return nr ? nr - 1 : 0;
}

/* Numbers the pairs that packets can make: optional stages may be left out. */
static void number_pairs(struct vnet_latency_config *c, uint32_t dir)
{
	uint32_t nr;

	memset(c->pair[dir], VNET_LATENCY_NO_PAIR, sizeof(c->pair[dir]));
	nr = fill_plain(c, dir);
	for (uint32_t from = 0; from < STAGES; from++) {
		if (!latency_has(c, dir, from))
			continue;
		for (uint32_t to = from + 1; to < STAGES; to++) {
			uint8_t *pair = &c->pair[dir][from][to];

			if (!latency_has(c, dir, to))
				continue;
			if (*pair == VNET_LATENCY_NO_PAIR && nr < VNET_LATENCY_PAIRS)
				*pair = nr++;
			if (c->mandatory[dir] & VNET_LATENCY_BIT(to) ||
			    from == VNET_LATENCY_UPCALL)
				break;
			/* Nobody comes to the second of a couple without the first. */
			if (to == VNET_LATENCY_UPCALL || to == VNET_LATENCY_CT)
				to++;
		}
	}
}

static void fill_direction(const struct vnet_run *run, const struct latency_args *a,
			   uint32_t dir, uint32_t way, struct vnet_latency_config *c)
{
	uint32_t path = path_of(a, dir);

	if (path)
		c->probed[dir] = probed_stages(run, a, path, way);
	c->shown[dir] = shown_stages(c->probed[dir], a->stages);
	c->mandatory[dir] = c->probed[dir] & ~OPTIONAL;
	number_pairs(c, dir);
}

static int fill_netns(struct vnet_latency_config *c)
{
	struct stat st;
	int err;

	if (!stat("/proc/self/ns/net", &st)) {
		c->netns = st.st_ino;
		return 0;
	}
	err = -errno;
	vnet_error("cannot look up this network namespace: %s", strerror(-err));
	return err;
}

int latency_configure(const struct vnet_run *run, const struct latency_args *a,
		      struct vnet_latency_config *c)
{
	const struct vnet_devices *local = a->vm.nr ? &a->vm : &a->internal;
	uint32_t way = way_of(a);

	c->vm = a->vm.nr > 0;
	c->ovs = way == OVS;
	c->sample = a->sample;
	c->nr_phy = a->phy.nr;
	memcpy(c->phy, a->phy.ifindex, sizeof(c->phy));
	c->nr_local = local->nr;
	memcpy(c->local, local->ifindex, sizeof(c->local));
	c->upcalls = vnet_run_has(run, VNET_P_ovs_dp_upcall) &&
		     vnet_run_has(run, VNET_P_ovs_return);
	for (uint32_t dir = 0; dir < DIRECTIONS; dir++)
		fill_direction(run, a, dir, way, c);
	return fill_netns(c);
}

/* ---- what reports say of it ---- */

/* "ens11,ens12" */
static const char *join_names(const struct vnet_devices *devices, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < devices->nr; i++)
		used += snprintf(text + used, size - used, "%s%s", i ? "," : "",
				 devices->names[i]);
	return text;
}

const struct vnet_pair *latency_pairs(const struct latency_args *a, size_t *nr)
{
	static struct vnet_pair pairs[10];
	static char texts[6][VNET_FILTER_IFS * 17];
	size_t n = 0, size = sizeof(texts[0]);

	pairs[n++] = (struct vnet_pair){ "phy_interface", join_names(&a->phy, texts[0], size) };
	if (a->vm.nr)
		pairs[n++] = (struct vnet_pair){ "vm_interface",
						 join_names(&a->vm, texts[1], size) };
	if (a->internal.nr)
		pairs[n++] = (struct vnet_pair){ "internal_interface",
						 join_names(&a->internal, texts[2], size) };
	pairs[n++] = (struct vnet_pair){ "direction", latency_way_names[a->direction] };
	pairs[n++] = (struct vnet_pair){ "via", way_of(a) == OVS ? "ovs" : "kernel" };
	pairs[n++] = (struct vnet_pair){ "stages", level_names[a->stages] };
	if (a->sample > 1) {
		snprintf(texts[3], size, "%u", a->sample);
		pairs[n++] = (struct vnet_pair){ "sample", texts[3] };
	}
	if (a->over_ns) {
		vnet_ns_text(a->over_ns, texts[4]);
		pairs[n++] = (struct vnet_pair){ "over", texts[4] };
	}
	if (a->threshold)
		pairs[n++] = (struct vnet_pair){ "threshold", a->threshold };
	*nr = n;
	return pairs;
}

int latency_check(void *args)
{
	struct latency_args *a = args;
	int status = a->vm_names ? vm_taps(a->vm_names, &a->vm) : 0;

	if (status)
		return status;
	if (a->vm.nr && a->internal.nr) {
		vnet_error("options '--vm-interface' and '--internal-interface' name two paths");
		vnet_hint("use one of them: guests, or the host's own packets");
		return VNET_EXIT_USAGE;
	}
	for (uint32_t i = 0; i < a->vm.nr; i++) {
		for (uint32_t k = 0; k < a->phy.nr; k++) {
			if (a->vm.ifindex[i] != a->phy.ifindex[k])
				continue;
			vnet_error("device '%s' cannot be both ends of a path",
				   a->vm.names[i]);
			vnet_hint("--phy-interface takes the NIC, --vm-interface the taps");
			return VNET_EXIT_USAGE;
		}
	}
	return 0;
}
