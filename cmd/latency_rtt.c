/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdiag latency rtt`: a ping's round trip, split into request path, what
 * is beyond the wire, and reply path. One command for the sums and, with
 * --threshold, the single round trips: both have the same question, options
 * and probes. What it shows is in cmd/latency_rtt_rows.c.
 */
#include <errno.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "cmd/latency_rtt.h"
#include "vnet/log.h"
#include "vnet/util.h"

#define DEFAULT_TIMEOUT_NS	(5 * VNET_NS_PER_S)

const char *const rtt_via_names[] = { "ovs", "kernel", NULL };
const char *const rtt_role_names[] = { "initiator", "responder", NULL };

static const struct vnet_opt options[] = {
	{ "phy-interface", 'p', VNET_OPT_DEVICES, offsetof(struct rtt_args, phy),
	  "DEVICE[,...]", "Physical devices by which the pings leave the host or reach it; "
	  "of a bond, its members", .flags = VNET_OPT_REQUIRED },
	{ "via", 0, VNET_OPT_ENUM, offsetof(struct rtt_args, via), "WAY",
	  "What lies between the host's IP stack and these devices: Open vSwitch with an "
	  "internal port, or nothing but the kernel", rtt_via_names },
	{ "role", 0, VNET_OPT_ENUM, offsetof(struct rtt_args, role), "ROLE",
	  "Whether this host pings or is pinged", rtt_role_names },
	{ "internal-interface", 0, VNET_OPT_DEVICES, offsetof(struct rtt_args, internal),
	  "DEVICE[,...]", "Only pings by these internal ports of Open vSwitch, else by any" },
	{ "timeout", 0, VNET_OPT_DURATION, offsetof(struct rtt_args, timeout_ns), "TIME",
	  "Requests without a reply after this time are unanswered", .min = 1 },
	{ "over", 0, VNET_OPT_DURATION, offsetof(struct rtt_args, over_ns), "TIME",
	  "Count the round trips that took longer than this", .min = 1 },
	{ "threshold", 't', VNET_OPT_DURATION, offsetof(struct rtt_args, threshold_ns), "TIME",
	  "Show each round trip that took longer than this, instead of sums", .min = 1 },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct rtt_args, limit), "N",
	  "With --threshold: end after N records", .min = 1 },
	{}
};

#define WANTS									\
	{ VNET_P_netif_receive_skb },						\
	{ VNET_P_net_dev_queue },						\
	{ VNET_P_net_dev_start_xmit },						\
	{ VNET_P_ip_local_out },						\
	{ VNET_P_icmp_rcv },							\
	{ VNET_P_ip6_send_skb, true, "no round trips of IPv6" },		\
	{ VNET_P_icmpv6_rcv, true, "no round trips of IPv6" }

static const struct vnet_want *find_wants(const void *args, size_t *nr)
{
	static const struct vnet_want kernel[] = { WANTS };
	static const struct vnet_want ovs[] = { WANTS, { VNET_P_internal_dev_xmit } };
	/* Without arguments: whether there is any way to use the command. */
	static const struct vnet_want any[] = {
		WANTS, { VNET_P_internal_dev_xmit, true, "only '--via kernel'" }
	};
	const struct rtt_args *a = args;

	*nr = VNET_ARRAY_SIZE(ovs);
	if (!a)
		return any;
	if (a->via == RTT_VIA_OVS)
		return ovs;
	*nr = VNET_ARRAY_SIZE(kernel);
	return kernel;
}

bool rtt_has(const struct rtt_run *r, uint32_t step)
{
	return r->config.before[step] != VNET_RTT_NONE;
}

static bool step_probed(const struct rtt_args *a, uint32_t step)
{
	uint32_t tx = a->role == VNET_RTT_INITIATOR ? 0 : VNET_RTT_RX_STEPS;
	uint32_t rx = a->role == VNET_RTT_INITIATOR ? VNET_RTT_TX_STEPS : 0;

	return a->via == RTT_VIA_OVS ||
	       (step != tx + VNET_RTT_TX_INTERNAL && step != rx + VNET_RTT_RX_INTERNAL);
}

/* Where a request is known to be this host's own: at the first device it has. */
static uint32_t find_start(const struct rtt_args *a)
{
	if (a->role == VNET_RTT_INITIATOR)
		return a->via == RTT_VIA_OVS ? VNET_RTT_TX_INTERNAL : VNET_RTT_TX_QDISC;
	return a->via == RTT_VIA_OVS ? VNET_RTT_RX_INTERNAL : VNET_RTT_RX_TRANSPORT;
}

static int configure(struct vnet_run *run)
{
	struct rtt_run *r = run->ctx;
	const struct rtt_args *a = r->args;
	struct vnet_rtt_config *c = &r->config;
	uint32_t before = 0;
	struct stat st;

	if (stat("/proc/self/ns/net", &st)) {
		int err = -errno;

		vnet_error("cannot look up this network namespace: %s", strerror(-err));
		return err;
	}
	c->netns = st.st_ino;
	c->nr_phy = a->phy.nr;
	memcpy(c->phy, a->phy.ifindex, sizeof(c->phy));
	c->nr_internal = a->internal.nr;
	memcpy(c->internal, a->internal.ifindex, sizeof(c->internal));
	c->role = a->role;
	c->ovs = a->via == RTT_VIA_OVS;
	c->start = find_start(a);
	c->over_ns = a->threshold_ns ?: a->over_ns;
	c->timeout_ns = a->timeout_ns;
	for (uint32_t step = 0; step < VNET_RTT_ROOM; step++) {
		c->before[step] = VNET_RTT_NONE;
		if (step >= VNET_RTT_STEPS || !step_probed(a, step))
			continue;
		c->before[step] = before;
		before = step;
	}
	return vnet_session_set(run->session, "config", c, sizeof(*c));
}

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

static void add_time(struct rtt_run *r, size_t *nr, const char *key, uint64_t ns)
{
	if (!ns)
		return;
	vnet_ns_text(ns, r->texts[*nr]);
	r->pairs[*nr] = (struct vnet_pair){ key, r->texts[*nr] };
	(*nr)++;
}

/* The command's own options as the report shows them. */
static size_t fill_pairs(struct rtt_run *r)
{
	const struct rtt_args *a = r->args;
	size_t nr = 0, size = sizeof(r->texts[0]);

	r->pairs[nr] = (struct vnet_pair){
		"phy_interface", join_names(&a->phy, r->texts[nr], size) };
	nr++;
	if (a->internal.nr) {
		r->pairs[nr] = (struct vnet_pair){
			"internal_interface", join_names(&a->internal, r->texts[nr], size) };
		nr++;
	}
	r->pairs[nr++] = (struct vnet_pair){ "via", rtt_via_names[a->via] };
	r->pairs[nr++] = (struct vnet_pair){ "role", rtt_role_names[a->role] };
	add_time(r, &nr, "timeout", a->timeout_ns);
	add_time(r, &nr, "over", a->over_ns);
	add_time(r, &nr, "threshold", a->threshold_ns);
	return nr;
}

static void defaults(void *args)
{
	struct rtt_args *a = args;

	a->timeout_ns = DEFAULT_TIMEOUT_NS;
}

static int refuse(const char *what, const char *why)
{
	vnet_error("option '--%s': %s", what, why);
	vnet_hint("see 'vnetdiag latency rtt --help'");
	return VNET_EXIT_USAGE;
}

/* Filters that no ping passes, and options that would be ignored. */
static int check(void *args)
{
	const struct rtt_args *a = args;
	const char *protocol = vnet_protocol_names[a->common.protocol];

	if (a->common.src_port >= 0)
		return refuse("src-port", "a ping has no ports");
	if (a->common.dst_port >= 0)
		return refuse("dst-port", "a ping has no ports");
	if (a->common.protocol && strcmp(protocol, "icmp") && strcmp(protocol, "icmp6"))
		return refuse("protocol", "a ping is icmp or icmp6");
	if (a->common.inner)
		return refuse("inner", "pings in a tunnel are not followed");
	if (a->internal.nr && a->via == RTT_VIA_KERNEL)
		return refuse("internal-interface", "goes with '--via ovs' only");
	if (a->limit && !a->threshold_ns)
		return refuse("limit", "counts records, which '--threshold' asks for");
	if (a->over_ns && a->threshold_ns)
		return refuse("over", "counts in a summary, '--threshold' shows records");
	if (a->common.count && a->threshold_ns)
		return refuse("count", "counts reports; '--limit' counts records");
	return 0;
}

static int run(void *args)
{
	struct rtt_run r = { .args = args };
	bool records = r.args->threshold_ns;
	struct vnet_measure m = {
		.cmd = &vnet_cmd_latency_rtt,
		.args = args,
		.object = records ? "latency_rtt_details" : "latency_rtt",
		.title = "Round trips of pings",
		.pairs = r.pairs,
		.limit = r.args->limit,
		.configure = configure,
		.interval = records ? NULL : rtt_interval,
		.record = records ? rtt_record : NULL,
		.ended = rtt_ended,
		.tidy = rtt_sweep,
		.ctx = &r,
	};

	m.wants = find_wants(args, &m.nr_wants);
	m.nr_pairs = fill_pairs(&r);
	return vnet_measure(&m);
}

static const struct vnet_cmd_example examples[] = {
	{ "Pings from this host through Open vSwitch, each 5 seconds",
	  "vnetdiag latency rtt --phy-interface ens11" },
	{ "Where the slow ones to one address lose their time",
	  "vnetdiag latency rtt --phy-interface ens11 --dst-ip 10.0.0.5 --threshold 10ms" },
	{ "How long this host itself takes to answer, without Open vSwitch",
	  "vnetdiag latency rtt --phy-interface ens11 --via kernel --role responder" },
	{}
};

const struct vnet_cmd vnet_cmd_latency_rtt = {
	.path = "latency rtt",
	.summary = "Where a ping's round trip spends its time",
	.description =
		"Follows ICMP and ICMPv6 echo requests and their replies, of pings that run "
		"anyway, and splits each round trip into the request's path in this host, "
		"what is beyond the wire (of a responder: its own answer), and the reply's "
		"path in this host. Times are summed up in the kernel; with '--threshold' "
		"each slow round trip is shown instead. Addresses in filters are those of the "
		"request: its source pings, its destination is pinged. Requests without a "
		"reply, repeated ones and replies that belong to none are counted and give "
		"no times.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct rtt_args),
	.defaults = defaults,
	.check = check,
	.run = run,
	.wants = find_wants,
	.examples = examples,
};
