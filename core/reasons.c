/* SPDX-License-Identifier: GPL-2.0-only */
/* Drop reasons, from the kernel or inferred. Used by the drop commands. */
#include <strings.h>

#include "core/btf.h"
#include "vnet/reasons.h"
#include "vnet/util.h"

struct reason {
	uint32_t value;
	char *name;
};

struct vnet_reasons {
	bool known;
	struct reason *all;
	size_t nr;
};

/* Normal ends of a packet's life, by the kernel's reason. */
static const char *const normal_reasons[] = {
	"CONSUMED",		/* delivered and done */
	"OTHERHOST",		/* not for this host; seen for promiscuous mode's sake */
	"SOCKET_CLOSE",		/* left unread in a socket that was closed */
	"QUEUE_PURGE",		/* a queue emptied in bulk at its end */
	"UNIX_DISCONNECT",	/* AF_UNIX: no packet of the network */
	"UNIX_SKIP_OOB",
};

/*
 * The same by function, for one reason or (NULL) all: sockets at their end, and
 * messages that are no packets (netlink, AF_UNIX) but socket buffers all the
 * same. No function of TCP or UDP input stands here: their frees are drops.
 */
static const struct {
	const char *function, *reason;
} normal_places[] = {
	{ "netlink_broadcast_filtered", NULL },
	{ "netlink_broadcast", NULL },
	{ "netlink_unicast", NULL },
	{ "netlink_sendmsg", NULL },
	{ "netlink_attachskb", NULL },
	{ "netlink_dump", NULL },
	{ "unix_release_sock", NULL },
	{ "unix_stream_read_generic", NULL },
	{ "unix_dgram_sendmsg", NULL },
	{ "unix_stream_sendmsg", NULL },
	{ "unix_stream_connect", NULL },
	{ "unix_sock_destructor", NULL },
	{ "skb_queue_purge", NULL },
	{ "skb_queue_purge_reason", NULL },
	{ "sk_stream_kill_queues", NULL },
	{ "inet_sock_destruct", NULL },
	{ "uevent_net_broadcast_untagged", NULL },
	/* A raw socket's copy that its own filter refused: of another ping. */
	{ "raw_rcv", "SOCKET_FILTER" },
	{ "raw_rcv_skb", "SOCKET_FILTER" },
	{ "rawv6_rcv", "SOCKET_FILTER" },
	{ "rawv6_rcv_skb", "SOCKET_FILTER" },
	/* An echo reply when ping uses a raw socket, which had its copy before. */
	{ "icmp_rcv", "NO_SOCKET" },
	{ "icmpv6_rcv", "NO_SOCKET" },
	{ "ping_rcv", NULL },
};

/*
 * What a drop in a function usually means, in the words that later kernels use
 * themselves; read off the callers of kfree_skb() in 5.10. Marked as inferred.
 */
static const struct {
	const char *function, *reason;
} inferred[] = {
	{ "__udp4_lib_rcv", "NO_SOCKET" },
	{ "__udp6_lib_rcv", "NO_SOCKET" },
	{ "udp_queue_rcv_one_skb", "SOCKET_FILTER" },
	{ "udpv6_queue_rcv_one_skb", "SOCKET_FILTER" },
	{ "__udp_queue_rcv_skb", "SOCKET_RCVBUFF" },
	{ "udp_queue_rcv_skb", "SOCKET_RCVBUFF" },
	{ "__udp_enqueue_schedule_skb", "SOCKET_RCVBUFF" },
	{ "tcp_v4_rcv", "NO_SOCKET" },
	{ "tcp_v6_rcv", "NO_SOCKET" },
	{ "tcp_v4_do_rcv", "TCP_CSUM" },
	{ "tcp_v6_do_rcv", "TCP_CSUM" },
	{ "tcp_add_backlog", "SOCKET_BACKLOG" },
	{ "tcp_conn_request", "TCP_LISTEN_OVERFLOW" },
	{ "sk_filter_trim_cap", "SOCKET_FILTER" },
	{ "sock_queue_rcv_skb", "SOCKET_RCVBUFF" },
	{ "raw_rcv", "SOCKET_RCVBUFF" },
	{ "icmp_rcv", "ICMP_CSUM" },
	{ "icmpv6_rcv", "ICMP_CSUM" },
	{ "ping_rcv", "NO_SOCKET" },
	{ "ip_rcv_core", "IP_INHDR" },
	{ "ip_rcv_core.constprop.0", "IP_INHDR" },
	{ "ip_rcv_core.isra.0", "IP_INHDR" },
	{ "ip6_rcv_core", "IP_INHDR" },
	{ "ip6_rcv_core.constprop.0", "IP_INHDR" },
	{ "ip6_rcv_core.isra.0", "IP_INHDR" },
	{ "ip_rcv_finish_core", "IP_RPFILTER" },
	{ "ip_rcv_finish_core.constprop.0", "IP_RPFILTER" },
	{ "ip_rcv_finish_core.isra.0", "IP_RPFILTER" },
	{ "ip_forward", "IP_INHDR" },
	{ "ip6_forward", "IP_INHDR" },
	{ "ip_error", "IP_INNOROUTES" },
	{ "ip6_pkt_drop", "IP_INNOROUTES" },
	{ "ip_local_deliver_finish", "IP_NOPROTO" },
	{ "ip_protocol_deliver_rcu", "IP_NOPROTO" },
	{ "ip6_protocol_deliver_rcu", "IP_NOPROTO" },
	{ "ip6_mc_input", "IP_INADDRERRORS" },
	{ "ip_frag_reasm", "FRAG_REASM_TIMEOUT" },
	{ "ip_expire", "FRAG_REASM_TIMEOUT" },
	{ "ip_defrag", "DUP_FRAG" },
	{ "inet_frag_rbtree_purge", "FRAG_REASM_TIMEOUT" },
	{ "nf_hook_slow", "NETFILTER_DROP" },
	{ "nf_hook_slow_list", "NETFILTER_DROP" },
	{ "ipt_do_table", "NETFILTER_DROP" },
	{ "arp_error_report", "NEIGH_FAILED" },
	{ "ndisc_error_report", "NEIGH_FAILED" },
	{ "neigh_invalidate", "NEIGH_FAILED" },
	{ "__neigh_event_send", "NEIGH_QUEUEFULL" },
	{ "neigh_resolve_output", "NEIGH_FAILED" },
	{ "__dev_queue_xmit", "QDISC_DROP" },
	{ "kfree_skb_list", "QDISC_DROP" },
	{ "__qdisc_drop_all", "QDISC_DROP" },
	{ "sch_handle_egress", "TC_EGRESS" },
	{ "sch_handle_ingress", "TC_INGRESS" },
	{ "sch_direct_xmit", "QDISC_DROP" },
	{ "validate_xmit_skb", "SKB_GSO_SEG" },
	{ "enqueue_to_backlog", "CPU_BACKLOG" },
	{ "do_xdp_generic", "XDP" },
	{ "netif_receive_generic_xdp", "XDP" },
	{ "__netif_receive_skb_core", "UNHANDLED_PROTO" },
	{ "__netif_receive_skb_core.constprop.0", "UNHANDLED_PROTO" },
	{ "net_tx_action", "QDISC_DROP" },
	{ "tun_net_xmit", "FULL_RING" },
	{ "tap_handle_frame", "FULL_RING" },
	{ "do_execute_actions", "OVS_DROP_LAST_ACTION" },
	{ "ovs_execute_actions", "OVS_DROP_LAST_ACTION" },
	{ "clone_execute", "OVS_DROP_DEFERRED_LIMIT" },
	{ "ovs_vport_send", "PKT_TOO_BIG" },
	/* No kernel has a name for this: the upcall's netlink queue was full. */
	{ "ovs_dp_process_packet", "OVS_UPCALL_FAILED" },
	{ "br_handle_frame", "MAC_INVALID_SOURCE" },
	{ "br_forward", "NO_TX_TARGET" },
};

/* Without the prefixes that all of them share. */
static const char *short_name(const char *name)
{
	static const char *const prefixes[] = { "SKB_DROP_REASON_", "SKB_" };

	for (size_t i = 0; i < VNET_ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	return name;
}

static void add_enum(struct vnet_reasons *r, const struct vnet_btf *btf, const char *name)
{
	uint32_t id = vnet_btf_find(btf, name, BTF_KIND_ENUM);
	const struct btf_type *type = vnet_btf_type(btf, id);
	const struct btf_enum *e = type ? btf_enum(type) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++, e++) {
		const char *full = vnet_btf_string(btf, e->name_off);
		size_t len = strlen(full);

		/* Marks of the range, not reasons. */
		if (len > 4 && (!strcmp(full + len - 4, "_MAX") ||
				!strcmp(full + len - 4, "MASK")))
			continue;
		r->all = vnet_realloc(r->all, (r->nr + 1) * sizeof(*r->all));
		r->all[r->nr++] = (struct reason){ e->val, vnet_strdup(short_name(full)) };
	}
}

/*
 * Modules with reasons of their own, numbered from their sub-system's base.
 * compat: before v6.4 there are no sub-systems
 */
static void add_modules(struct vnet_reasons *r, const struct vnet_btf *vmlinux)
{
	static const struct {
		const char *module, *name;
	} subs[] = {
		{ "openvswitch", "ovs_drop_reason" },
		{ "mac80211", "mac80211_drop_reason" },
	};

	if (!vnet_btf_find(vmlinux, "skb_drop_reason_subsys", BTF_KIND_ENUM))
		return;
	for (size_t i = 0; i < VNET_ARRAY_SIZE(subs); i++) {
		struct vnet_btf *btf = vnet_btf_module(subs[i].module, vmlinux);

		add_enum(r, btf ?: vmlinux, subs[i].name);
		vnet_btf_free(btf);
	}
}

struct vnet_reasons *vnet_reasons_load(const struct vnet_btf *vmlinux, uint32_t args)
{
	struct vnet_reasons *r = vnet_alloc(sizeof(*r));

	r->known = args > 2;
	if (r->known && vmlinux) {
		add_enum(r, vmlinux, "skb_drop_reason");
		/* Of the qdisc_drop tracepoint, numbered apart from the others. */
		add_enum(r, vmlinux, "qdisc_drop_reason");
		add_modules(r, vmlinux);
	}
	return r;
}

void vnet_reasons_free(struct vnet_reasons *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nr; i++)
		free(r->all[i].name);
	free(r->all);
	free(r);
}

bool vnet_reasons_known(const struct vnet_reasons *r)
{
	return r->known;
}

const char *vnet_reasons_name(const struct vnet_reasons *r, uint32_t reason)
{
	for (size_t i = 0; i < r->nr; i++)
		if (r->all[i].value == reason)
			return r->all[i].name;
	return NULL;
}

bool vnet_reasons_find(const struct vnet_reasons *r, const char *name, uint32_t *reason)
{
	name = short_name(name);
	for (size_t i = 0; i < r->nr; i++)
		if (!strcasecmp(r->all[i].name, name)) {
			*reason = r->all[i].value;
			return true;
		}
	return false;
}

const char *vnet_reasons_infer(const char *function)
{
	for (size_t i = 0; function && i < VNET_ARRAY_SIZE(inferred); i++)
		if (!strcmp(inferred[i].function, function))
			return inferred[i].reason;
	return NULL;
}

bool vnet_reasons_vague(const struct vnet_reasons *r, uint32_t reason)
{
	const char *name = vnet_reasons_name(r, reason);

	return !name || !strcmp(name, "NOT_SPECIFIED") || !strcmp(name, "NOT_DROPPED_YET");
}

void vnet_reasons_normal(const struct vnet_reasons *r,
			 __u64 bits[VNET_DROP_REASONS / 64])
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(normal_reasons); i++) {
		uint32_t value;

		if (vnet_reasons_find(r, normal_reasons[i], &value) &&
		    value < VNET_DROP_REASONS)
			bits[value / 64] |= 1ull << value % 64;
	}
}

bool vnet_reasons_normal_at(const struct vnet_reasons *r, const char *function,
			    uint32_t reason)
{
	const char *name = r->known ? vnet_reasons_name(r, reason) : NULL;

	for (size_t i = 0; function && i < VNET_ARRAY_SIZE(normal_places); i++) {
		const char *wanted = normal_places[i].reason;

		if (!strcmp(normal_places[i].function, function) &&
		    (!wanted || (name && !strcmp(wanted, name))))
			return true;
	}
	return false;
}
