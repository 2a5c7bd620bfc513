/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdiag ovs megaflow`: the life of datapath flows, from the packet that had
 * none to the deletion. What a record shows is in cmd/ovs_megaflow_record.c.
 */
#include <ctype.h>
#include <errno.h>

#include <linux/openvswitch.h>

#include "cmd/commands.h"
#include "cmd/ovs_megaflow.h"
#include "vnet/filter.h"
#include "vnet/log.h"
#include "vnet/util.h"

#define DEFAULT_ENTRIES	65536
#define DEFAULT_TOP	10

const char *const megaflow_event_names[] = { "upcall", "new", "set", "del", "return", NULL };

static const struct vnet_opt options[] = {
	{ "event", 'e', VNET_OPT_ENUM_SET, offsetof(struct megaflow_args, events), "EVENT[,...]",
	  "Only these events", megaflow_event_names },
	{ "ufid", 'u', VNET_OPT_STRING, offsetof(struct megaflow_args, ufid_text), "UFID",
	  "Only the flow of this unique identifier" },
	{ "in-port", 0, VNET_OPT_STRING, offsetof(struct megaflow_args, in_port_text), "N",
	  "Only flows and packets of this port of the datapath, by its number" },
	{ "summary", 's', VNET_OPT_FLAG, offsetof(struct megaflow_args, summary), NULL,
	  "Count instead: events, times, and which flows are made again and again" },
	{ "top", 't', VNET_OPT_U32, offsetof(struct megaflow_args, top), "N",
	  "With --summary: rows of a table, those of most flows; 0 for all" },
	{ "limit", 'l', VNET_OPT_U32, offsetof(struct megaflow_args, limit), "N",
	  "End after N records", .min = 1 },
	{ "rate-limit", 0, VNET_OPT_RATE, offsetof(struct megaflow_args, rate_limit), "N/s",
	  "Take at most so many records a second; the others are counted" },
	{ "max-entries", 0, VNET_OPT_U32, offsetof(struct megaflow_args, max_entries), "N",
	  "Flows that are remembered at the same time", .min = 1, .max = 1 << 22 },
	{}
};

static const struct vnet_want point_wants[] = {
	{ VNET_P_ovs_flow_cmd_new },
	{ VNET_P_ovs_flow_cmd_new_ret },
	{ VNET_P_ovs_flow_cmd_set },
	{ VNET_P_ovs_flow_cmd_set_ret },
	{ VNET_P_ovs_flow_cmd_del },
	{ VNET_P_ovs_flow_cmd_del_ret },
	{ VNET_P_genl_notify, true, "the packets of a deleted flow are not known" },
	{ VNET_P_netlink_unicast },
	{ VNET_P_ovs_dp_upcall },
	{ VNET_P_ovs_dp_upcall_ret },
	/* Of the event "return" alone. */
	{ VNET_P_ovs_execute },
	{ VNET_P_ovs_return },
	{ VNET_P_ovs_execute_ret },
};
#define RETURN_WANTS	3

static const struct vnet_want *wants(const void *args, size_t *nr)
{
	const struct megaflow_args *a = args;

	*nr = VNET_ARRAY_SIZE(point_wants);
	if (a && !(a->events & 1u << VNET_MEGAFLOW_RETURN))
		*nr -= RETURN_WANTS;
	return point_wants;
}

/* ---- arguments ---- */

static void defaults(void *args)
{
	struct megaflow_args *a = args;

	a->events = (1u << VNET_MEGAFLOW_EVENTS) - 1;
	a->max_entries = DEFAULT_ENTRIES;
	a->top = DEFAULT_TOP;
}

/*
 * 32 digits, with or without dashes and "ufid:" in front. Kept as dpctl writes it:
 * which digit is of which byte is its own affair.
 */
static bool parse_ufid(const char *text, char ufid[UFID_SIZE])
{
	static const char form[] = "ufid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t at = strlen("ufid:");

	_Static_assert(sizeof(form) == UFID_SIZE, "room for it");
	memcpy(ufid, form, sizeof(form));
	if (!strncmp(text, form, at))
		text += at;
	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (ufid[at] == '-')
			at++;
		if (!isxdigit((unsigned char)*text) || !ufid[at])
			return false;
		ufid[at++] = (char)tolower((unsigned char)*text);
	}
	return !ufid[at];
}

static int refuse(const char *what, const char *why, const char *hint)
{
	vnet_error("option '--%s': %s", what, why);
	vnet_hint("%s", hint);
	return VNET_EXIT_USAGE;
}

static int check(void *args)
{
	struct megaflow_args *a = args;
	const char *why;

	if (a->common.device.nr)
		return refuse("device", "a flow is of a port of the datapath, not of a device",
			      "use --in-port; 'ovs-dpctl show' lists the ports");
	if (a->common.inner)
		return refuse("inner", "a flow's key has the headers outside of a tunnel only",
			      "'vnetdiag ovs megaflow --help' lists the filters");
	if (a->summary && (a->limit || a->rate_limit))
		return refuse(a->limit ? "limit" : "rate-limit", "is of records only",
			      "leave '--summary' out for records");
	if (!a->summary && a->common.count)
		return refuse("count", "is of reports, which '--summary' asks for", "use --limit");
	if (!a->summary && a->common.format == VNET_FORMAT_HIST)
		return refuse("format", "records have no distribution",
			      "use text or json, or add '--summary'");
	if (a->ufid_text && !parse_ufid(a->ufid_text, a->ufid))
		return refuse("ufid", "is not 32 hexadecimal digits",
			      "'ovs-appctl dpctl/dump-flows -m' shows those of all flows");
	a->in_port_given = a->in_port_text;
	if (a->in_port_text &&
	    vnet_parse_u32(a->in_port_text, 0, 65535, &a->in_port, &why))
		return refuse("in-port", why, "'ovs-dpctl show' lists the ports");
	return 0;
}

static int configure(struct vnet_run *run)
{
	struct megaflow *m = run->ctx;
	/* Without upcalls there are no times of installation and return either. */
	uint32_t need = 1u << VNET_MEGAFLOW_UPCALL | 1u << VNET_MEGAFLOW_NEW |
			1u << VNET_MEGAFLOW_RETURN;
	struct vnet_megaflow_config config = { .upcalls = !!(m->args->events & need) };
	int err = vnet_filter_make(run->args, &m->filter);

	if (err) {
		vnet_error("the filter cannot be used: %s", strerror(-err));
		return err;
	}
	return vnet_session_set(run->session, "config", &config, sizeof(config));
}

/* ---- records ---- */

static bool is_wanted(const struct megaflow *m, const struct megaflow_event *e)
{
	const struct megaflow_args *a = m->args;
	struct vnet_ovs_key key;
	char ufid[64];

	if (!(a->events & 1u << e->record->event))
		return false;
	/* What became of all flows became of the one that is asked for. */
	if (e->flush)
		return true;
	if (a->ufid_text) {
		if (!e->ufid.at)
			return false;
		vnet_ovs_ufid_text(ufid, sizeof(ufid), e->ufid.at, e->ufid.len);
		if (strcmp(ufid, a->ufid))
			return false;
	}
	if (a->in_port_given) {
		if (!e->key.at)
			return false;
		vnet_ovs_key_decode(e->key.at, e->key.len, &key);
		if (!(key.has & VNET_OVS_HAS_IN_PORT) || key.in_port != a->in_port)
			return false;
	}
	/* Packets have passed it, in the kernel. */
	return e->record->event == VNET_MEGAFLOW_UPCALL ||
	       e->record->event == VNET_MEGAFLOW_RETURN ||
	       ovs_flow_may_match(&m->filter, e->key, e->mask);
}

/* The first that is there. */
static struct ovs_bytes either(struct ovs_bytes a, struct ovs_bytes b)
{
	return a.at ? a : b;
}

static void fill_from_flow(struct megaflow_event *e, const struct ovs_flow *flow)
{
	e->ufid = either(e->ufid, flow->ufid);
	if (!e->key.at) {
		e->key = flow->key;
		e->mask = flow->mask;
	}
	e->actions = either(e->actions, flow->actions);
}

/* A deletion of all flows under way. */
struct flush {
	struct megaflow *m;
	struct megaflow_event *e;
};

static void flush_one(void *ctx, const struct ovs_flow *flow)
{
	struct flush *flush = ctx;
	struct megaflow_event one = {
		.record = flush->e->record, .ufid = flow->ufid, .key = flow->key,
		.mask = flow->mask,
	};

	flush->e->flushed++;
	if (flush->m->summary && is_wanted(flush->m, &one))
		megaflow_summary_gone(flush->m->summary, flow, flush->e->record->time_ns,
				      megaflow_who(flush->e->record));
}

static void on_upcall(struct vnet_run *run, struct megaflow_event *e)
{
	struct megaflow *m = run->ctx;

	if (e->record->error) {
		ovs_waiting_lost(m->waiting, e->record->time_ns, e->message.dp);
		return;
	}
	/* For a packet that was sent up by an action there is a flow already. */
	if (!e->key.at || e->message.cmd != OVS_PACKET_CMD_MISS)
		return;
	if (!ovs_waiting_add(m->waiting, e->record->time_ns, e->message.dp, e->key))
		vnet_session_lost(run->session, VNET_LOSS_overwritten, 1);
}

static void on_new(struct vnet_run *run, struct megaflow_event *e)
{
	struct megaflow *m = run->ctx;

	/* Another thread was faster: who waits for the flow has it. */
	if (e->record->error && e->record->error != -EEXIST)
		return;
	ovs_waiting_link(m->waiting, e->record->time_ns, &e->message, &e->link);
	if (e->record->error) {
		e->link.nr = 0;
		return;
	}
	if (!ovs_flows_add(m->flows, e->record->time_ns, &e->message))
		vnet_session_lost(run->session, VNET_LOSS_map_full, 1);
}

/* Its key is that of the packet that went up: it comes back without most of it. */
static void on_return(struct megaflow *m, struct megaflow_event *e)
{
	const struct vnet_megaflow_record *r = e->record;
	struct vnet_packet packet;

	if (r->reply_have < sizeof(packet))
		return;
	memcpy(&packet, r + 1, sizeof(packet));
	ovs_waiting_return(m->waiting, r->time_ns, e->message.dp, e->message.key, &packet,
			 &e->returned);
	e->key = either(e->returned.key, e->key);
}

/* A flow is changed or deleted: what the request leaves out is known from before. */
static struct ovs_flow *find_flow(struct megaflow *m, struct megaflow_event *e)
{
	struct ovs_flow *flow = ovs_flows_find(m->flows, &e->message);

	if (!flow && e->reply.ufid.at)
		flow = ovs_flows_find(m->flows, &e->reply);
	e->ufid = either(e->ufid, e->reply.ufid);
	if (!e->key.at) {
		e->key = e->reply.key;
		e->mask = e->reply.mask;
	}
	if (e->record->event == VNET_MEGAFLOW_DEL)
		e->actions = either(e->actions, e->reply.actions);
	if (flow)
		fill_from_flow(e, flow);
	return flow;
}

static bool is_flush(const struct megaflow_event *e)
{
	return e->record->event == VNET_MEGAFLOW_DEL && !e->message.key.at &&
	       !e->message.ufid.at;
}

/* Brings what is remembered up to date; called when the record has been shown. */
static void settle(struct megaflow *m, const struct megaflow_event *e, struct ovs_flow *flow)
{
	const struct vnet_megaflow_record *r = e->record;

	if (e->flush && !r->error)
		ovs_flows_flush(m->flows, e->message.dp);
	else if (flow && r->event == VNET_MEGAFLOW_SET && !r->error)
		ovs_flow_set_actions(flow, e->message.actions);
	else if (flow && r->event == VNET_MEGAFLOW_DEL && (!r->error || r->error == -ENOENT))
		ovs_flows_remove(m->flows, flow);
}

/* False: a record that cannot be. */
static bool event_read(const void *data, size_t size, struct megaflow_event *e)
{
	const struct vnet_megaflow_record *r = data;
	const char *bytes = (const char *)(r + 1);

	*e = (struct megaflow_event){ .record = r };
	if (size < sizeof(*r) || r->event >= VNET_MEGAFLOW_EVENTS)
		return false;
	size -= sizeof(*r);
	if (r->event == VNET_MEGAFLOW_UPCALL) {
		if (r->message_have > size)
			return false;
		/* Without a message: nobody was there to get it. */
		ovs_message_parse(bytes, r->message_have, true, &e->message);
	} else if (size < VNET_MEGAFLOW_REPLY || r->reply_have > VNET_MEGAFLOW_REPLY ||
		   r->message_have > size - VNET_MEGAFLOW_REPLY ||
		   !ovs_message_parse(bytes + VNET_MEGAFLOW_REPLY, r->message_have,
				      r->event == VNET_MEGAFLOW_RETURN, &e->message)) {
		return false;
	} else if (r->event != VNET_MEGAFLOW_RETURN) {
		ovs_message_parse(bytes, r->reply_have, false, &e->reply);
	}
	e->ufid = e->message.ufid;
	e->key = e->message.key;
	e->mask = e->message.mask;
	e->actions = e->message.actions;
	e->flush = is_flush(e);
	return true;
}

/* Finds out what the event is about. */
static struct ovs_flow *event_relate(struct vnet_run *run, struct megaflow_event *e)
{
	struct megaflow *m = run->ctx;
	struct flush flush = { m, e };
	struct ovs_flow *flow;

	if (e->record->event == VNET_MEGAFLOW_UPCALL) {
		on_upcall(run, e);
		return NULL;
	}
	if (e->record->event == VNET_MEGAFLOW_NEW) {
		on_new(run, e);
		return NULL;
	}
	if (e->record->event == VNET_MEGAFLOW_RETURN) {
		on_return(m, e);
		return NULL;
	}
	if (e->flush) {
		if (!e->record->error)
			ovs_flows_each(m->flows, e->message.dp, flush_one, &flush);
		return NULL;
	}
	flow = find_flow(m, e);
	if (flow && e->record->event == VNET_MEGAFLOW_DEL && !e->record->error)
		e->lifetime_ns = e->record->time_ns - flow->since_ns;
	return flow;
}

static void summarise(struct vnet_run *run, const struct megaflow_event *e,
		      const struct ovs_flow *flow)
{
	struct megaflow *m = run->ctx;

	if (!megaflow_summary_add(m->summary, e))
		vnet_session_lost(run->session, VNET_LOSS_map_full, 1);
	if (e->record->event != VNET_MEGAFLOW_DEL || e->flush)
		return;
	if (!e->record->error)
		megaflow_summary_gone(m->summary, flow, e->record->time_ns,
				      megaflow_who(e->record));
	else if (flow && e->record->error == -ENOENT)
		megaflow_summary_forget(m->summary, flow);
}

static int record(struct vnet_run *run, const void *data, size_t size,
		  struct vnet_report *report)
{
	struct megaflow *m = run->ctx;
	struct megaflow_event e;
	struct ovs_flow *flow;
	bool wanted;

	if (!event_read(data, size, &e)) {
		vnet_session_lost(run->session, VNET_LOSS_record_invalid, 1);
		return 1;
	}
	flow = event_relate(run, &e);
	wanted = is_wanted(m, &e);
	if (wanted && m->summary)
		summarise(run, &e, flow);
	else if (wanted)
		megaflow_record(run, &e, report);
	settle(m, &e, flow);
	return m->summary || !wanted;
}

/* "new,del"; NULL: all of them. free() it. */
static char *event_list(uint32_t events)
{
	char text[64] = "";

	if (events == (1u << VNET_MEGAFLOW_EVENTS) - 1)
		return NULL;
	for (int i = 0; i < VNET_MEGAFLOW_EVENTS; i++) {
		size_t used = strlen(text);

		if (events & 1u << i)
			snprintf(text + used, sizeof(text) - used, "%s%s", used ? "," : "",
				 megaflow_event_names[i]);
	}
	return vnet_strdup(text);
}

static int run(void *args)
{
	struct megaflow f = { .args = args };
	struct vnet_pair pairs[3];
	struct vnet_measure m = {
		.cmd = &vnet_cmd_ovs_megaflow,
		.args = args,
		.object = "ovs_megaflow",
		.title = "Datapath flows",
		.rate_limit = f.args->rate_limit,
		.limit = f.args->limit,
		.pairs = pairs,
		.configure = configure,
		.record = record,
		.interval = f.args->summary ? megaflow_interval : NULL,
		.ctx = &f,
	};
	char *events = event_list(f.args->events);
	int status;

	m.wants = wants(args, &m.nr_wants);
	if (events)
		pairs[m.nr_pairs++] = (struct vnet_pair){ "event", events };
	if (f.args->ufid_text)
		pairs[m.nr_pairs++] = (struct vnet_pair){ "ufid", f.args->ufid_text };
	if (f.args->in_port_text)
		pairs[m.nr_pairs++] = (struct vnet_pair){ "in_port", f.args->in_port_text };
	f.flows = ovs_flows_new(f.args->max_entries);
	f.waiting = ovs_waiting_new();
	if (f.args->summary)
		f.summary = megaflow_summary_new(f.args->max_entries);
	status = vnet_measure(&m);
	ovs_flows_free(f.flows);
	ovs_waiting_free(f.waiting);
	megaflow_summary_free(f.summary);
	free(events);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "All that ovs-vswitchd asks of the datapath's flow table, and why",
	  "vnetdiag ovs megaflow" },
	{ "Which flows the packets to one port get, and how long that takes",
	  "vnetdiag ovs megaflow --event new --protocol tcp --dst-port 443" },
	{ "Flows that lived for less than a second",
	  "vnetdiag ovs megaflow --event del --format json | "
	  "jq -c 'select(.lifetime_ns < 1000000000 and .lifetime_ns != null)'" },
	{ "What makes flows come and go so often", "vnetdiag ovs megaflow --summary" },
	{}
};

const struct vnet_cmd vnet_cmd_ovs_megaflow = {
	.path = "ovs megaflow",
	.summary = "The life of Open vSwitch's datapath flows",
	.description =
		"Shows each packet that the kernel datapath sends to ovs-vswitchd, each that "
		"comes back, and each flow that is installed, changed or deleted: by which "
		"thread, with what result, key, mask and actions as 'ovs-dpctl dump-flows -m' "
		"writes them, how long the packet waited for its flow and was away, how long "
		"the flow lived and how many packets it had. Works with any build of Open "
		"vSwitch that uses the kernel's datapath. Filters act on the flow's key under "
		"its mask: a flow is shown if it may take such a packet.",
	.options = { options, vnet_filter_options, vnet_common_options },
	.args_size = sizeof(struct megaflow_args),
	.defaults = defaults,
	.check = check,
	.run = run,
	.wants = wants,
	.examples = examples,
};
