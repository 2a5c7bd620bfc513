/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdiag latency pair`: the time from one device of this host to another. Its
 * pairs are made in cmd/latency_pair_list.c, what it shows in latency_pair_rows.c.
 */
#include <errno.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "cmd/latency_pair.h"
#include "vnet/log.h"
#include "vnet/util.h"

#define DEFAULT_TIMEOUT_NS	VNET_NS_PER_S
#define DEFAULT_ENTRIES		16384

static const struct vnet_opt options[] = {
	{ "from", 0, VNET_OPT_DEVICES, offsetof(struct pair_args, from), "DEVICE",
	  "The first device: packets that come in by it are followed" },
	{ "to", 0, VNET_OPT_DEVICES, offsetof(struct pair_args, to), "DEVICE",
	  "The second device: they have arrived when its driver gets them" },
	{ "pairs", 0, VNET_OPT_FILE, offsetof(struct pair_args, file), "FILE",
	  "Several pairs instead, up to 16: a line FROM TO each, '#' begins a comment" },
	{ "timeout", 0, VNET_OPT_DURATION, offsetof(struct pair_args, timeout_ns), "TIME",
	  "Packets that have not arrived after this time are missing", .min = 1 },
	{ "over", 0, VNET_OPT_DURATION, offsetof(struct pair_args, over_ns), "TIME",
	  "Count the packets that took longer than this", .min = 1 },
	{ "threshold", 't', VNET_OPT_DURATION, offsetof(struct pair_args, threshold_ns), "TIME",
	  "Instead of a summary, a record of each packet that took longer than this",
	  .min = 1 },
	{ "missing", 'm', VNET_OPT_FLAG, offsetof(struct pair_args, missing), NULL,
	  "Instead of a summary, or beside '--threshold', a record of each missing packet" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct pair_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct pair_args, rate_limit), "N/s",
	  "At most so many records a second; the others are counted" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct pair_args, max_entries), "N",
	  "Packets that can be followed at the same time", .min = 1, .max = 1 << 22 },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_netif_receive_skb },
	{ VNET_P_net_dev_start_xmit },
	{ VNET_P_skb_gso_segment, true,
	  "packets that are cut into segments on their way count as missing" },
};

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

static int configure(struct vnet_run *run)
{
	struct pair_run *r = run->ctx;
	const struct pair_args *a = r->args;
	struct vnet_pairs_config *c = &r->config;
	struct stat st;
	int err;

	if (stat("/proc/self/ns/net", &st)) {
		err = -errno;
		vnet_error("cannot look up this network namespace: %s", strerror(-err));
		return err;
	}
	c->netns = st.st_ino;
	c->records = pair_records(a);
	c->over_ns = a->threshold_ns ?: a->over_ns;
	c->timeout_ns = a->timeout_ns;
	err = vnet_session_set(run->session, "config", c, sizeof(*c));
	err = err ?: vnet_session_resize(run->session, "trips", a->max_entries);
	return err ?: vnet_session_resize(run->session, "stats", 2 * c->nr);
}

static void defaults(void *args)
{
	struct pair_args *a = args;

	a->timeout_ns = DEFAULT_TIMEOUT_NS;
	a->max_entries = DEFAULT_ENTRIES;
}

static int refuse(const char *what, const char *why, const char *hint)
{
	vnet_error("option '--%s' %s", what, why);
	vnet_hint("%s", hint);
	return VNET_EXIT_USAGE;
}

static int check_devices(const struct pair_args *a)
{
	bool named = a->from.nr || a->to.nr;

	if (a->file && named)
		return refuse("pairs", "does not go with '--from' and '--to'",
			      "write that pair into the file, too");
	if (a->file)
		return 0;
	if (!a->from.nr || !a->to.nr)
		return refuse(a->from.nr ? "to" : "from", "is required",
			      "add '--from DEVICE --to DEVICE', or '--pairs FILE'");
	if (a->from.nr > 1 || a->to.nr > 1)
		return refuse(a->from.nr > 1 ? "from" : "to", "takes one device",
			      "'--pairs FILE' measures several pairs");
	return 0;
}

static int check(void *args)
{
	struct pair_args *a = args;
	bool records = pair_records(a);
	int status = check_devices(a);

	if (status)
		return status;
	if (a->common.device.nr)
		return refuse("device", "does not go with a pair of devices",
			      "'--from' and '--to' say which packets are meant");
	if (records && a->over_ns)
		return refuse("over", "counts in a summary, but records are asked for",
			      "remove '--over', or '--threshold' and '--missing'");
	if (records && a->common.count)
		return refuse("count", "counts reports, but records are asked for",
			      "'--limit' counts records");
	if (!records && (a->limit || a->rate_limit))
		return refuse(a->limit ? "limit" : "rate-limit", "is of records only",
			      "add '--threshold TIME' or '--missing' for records");
	return pair_list_make(a);
}

static void add_pair(struct pair_run *r, size_t *nr, const char *key, const char *value)
{
	if (value)
		r->pairs[(*nr)++] = (struct vnet_pair){ key, value };
}

static void add_time(struct pair_run *r, size_t *nr, const char *key, uint64_t ns)
{
	if (!ns)
		return;
	vnet_ns_text(ns, r->texts[*nr]);
	add_pair(r, nr, key, r->texts[*nr]);
}

/* The command's own options as the report shows them. */
static size_t fill_pairs(struct pair_run *r)
{
	const struct pair_args *a = r->args;
	size_t nr = 0;

	add_pair(r, &nr, "pairs", a->file);
	add_pair(r, &nr, "from", a->file ? NULL : a->from.names[0]);
	add_pair(r, &nr, "to", a->file ? NULL : a->to.names[0]);
	add_time(r, &nr, "timeout", a->timeout_ns);
	add_time(r, &nr, "over", a->over_ns);
	add_time(r, &nr, "threshold", a->threshold_ns);
	add_pair(r, &nr, "missing", a->missing ? "true" : NULL);
	return nr;
}

static int run(void *args)
{
	struct pair_run *r = vnet_alloc(sizeof(*r));
	bool records = pair_records(args);
	struct vnet_measure m = {
		.cmd = &vnet_cmd_latency_pair,
		.args = args,
		.object = "latency_pair",
		.title = "Time between two devices",
		.pairs = r->pairs,
		.configure = configure,
		.interval = records ? NULL : pair_interval,
		.record = records ? pair_record : NULL,
		.tidy = pair_sweep,
		.ended = pair_ended,
		.ctx = r,
	};
	int status;

	r->args = args;
	m.limit = r->args->limit;
	m.rate_limit = r->args->rate_limit;
	m.wants = wants(args, &m.nr_wants);
	m.nr_pairs = fill_pairs(r);
	status = pair_resolve(r->args, &r->config);
	if (!status)
		status = vnet_measure(&m);
	free(r);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "From one guest to another, each 5 seconds, and what does not arrive",
	  "vnetdiag latency pair --from vnet0 --to vnet1 --dst-ip 10.0.0.12" },
	{ "Several pairs from a file, with the packets counted that took over 1 ms, drawn",
	  "vnetdiag latency pair --pairs /etc/vnet-pairs --over 1ms --format hist" },
	{ "Which packets took over 10 ms from the NIC to a guest, and which are missing",
	  "vnetdiag latency pair --from ens11 --to vnet0 --dst-ip 10.0.0.12 "
	  "--threshold 10ms --missing" },
	{}
};

const struct vnet_cmd vnet_cmd_latency_pair = {
	.path = "latency pair",
	.summary = "The time from one device of this host to another",
	.description =
		"Takes the time from a packet's coming in by one device to its delivery to the "
		"driver of another one: two guests' taps, a NIC and a tap, two containers' veths. "
		"Sums are made in the kernel, for each pair. Packets that pass the filters "
		"where they come in, and do not reach the second device in time, are "
		"missing: filter for those that are to go there. With '--threshold' and "
		"'--missing' shows a record of each slow or missing packet instead.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct pair_args),
	.defaults = defaults,
	.check = check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
