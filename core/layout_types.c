/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the modules' sources declare, in their order: see core/layout.h. Data
 * only. A line that no probe reads is here since it has a size all the same.
 * `unsigned long` is "long unsigned int" in BTF.
 */
#include "core/layout.h"

#define STRUCT(name)		{ VNET_LAYOUT_STRUCT, NULL, name }
#define UNION			{ VNET_LAYOUT_UNION, NULL, "" }
#define END			{ VNET_LAYOUT_END, NULL, "" }
#define POINTER(name)		{ VNET_LAYOUT_POINTER, NULL, name }
#define POINTERS(name, nr)	{ VNET_LAYOUT_POINTER, NULL, name, nr }
#define VALUE(type, name)	{ VNET_LAYOUT_VALUE, type, name }
#define VALUES(type, name, nr)	{ VNET_LAYOUT_VALUE, type, name, nr }
#define EMBEDDED(type, name)	{ VNET_LAYOUT_EMBEDDED, type, name }
#define ARRAY(type, name, nr)	{ VNET_LAYOUT_EMBEDDED, type, name, nr }
#define ALIGNED(type, name)	{ VNET_LAYOUT_EMBEDDED, type, name, 0, true }

/*
 * drivers/net/tun.c. socket, tx_ring and xdp_rxq have aligned members inside,
 * and with them the whole. Behind dev, tun_struct is that of v5.4 to v5.10:
 * nothing reads it, and later kernels differ there.
 */
static const struct vnet_layout_line tun[] = {
	STRUCT("tun_file"),
		EMBEDDED("sock", "sk"),
		ALIGNED("socket", "socket"),
		POINTER("tun"),
		POINTER("fasync"),
		VALUE("unsigned int", "flags"),
		UNION,
			VALUE("u16", "queue_index"),
			VALUE("unsigned int", "ifindex"),
		END,
		EMBEDDED("napi_struct", "napi"),
		VALUE("bool", "napi_enabled"),
		VALUE("bool", "napi_frags_enabled"),
		EMBEDDED("mutex", "napi_mutex"),
		EMBEDDED("list_head", "next"),
		POINTER("detached"),
		ALIGNED("ptr_ring", "tx_ring"),
		ALIGNED("xdp_rxq_info", "xdp_rxq"),
	END,
	STRUCT("tap_filter"),
		VALUE("unsigned int", "count"),
		VALUES("u32", "mask", 2),
		VALUES("unsigned char", "addr", 8 * 6),
	END,
	STRUCT("tun_struct"),
		POINTERS("tfiles", 256),
		VALUE("unsigned int", "numqueues"),
		VALUE("unsigned int", "flags"),
		VALUE("kuid_t", "owner"),
		VALUE("kgid_t", "group"),
		POINTER("dev"),
		VALUE("netdev_features_t", "set_features"),
		VALUE("int", "align"),
		VALUE("int", "vnet_hdr_sz"),
		VALUE("int", "sndbuf"),
		EMBEDDED("tap_filter", "txflt"),
		EMBEDDED("sock_fprog", "fprog"),
		VALUE("bool", "filter_attached"),
		VALUE("u32", "msg_enable"),
		VALUE("spinlock_t", "lock"),
		ARRAY("hlist_head", "flows", 1024),
		EMBEDDED("timer_list", "flow_gc_timer"),
		VALUE("long unsigned int", "ageing_time"),
		VALUE("unsigned int", "numdisabled"),
		EMBEDDED("list_head", "disabled"),
		POINTER("security"),
		VALUE("u32", "flow_count"),
		VALUE("u32", "rx_batched"),
		POINTER("pcpu_stats"),
		POINTER("xdp_prog"),
		POINTER("steering_prog"),
		POINTER("filter_prog"),
		EMBEDDED("ethtool_link_ksettings", "link_ksettings"),
		POINTER("file"),
		POINTER("ifr"),
	END,
	{}
};

/* include/linux/irqbypass.h, which no kernel's vmlinux has in its BTF. */
#define IRQ_BYPASS_PRODUCER				\
	STRUCT("irq_bypass_producer"),			\
		EMBEDDED("list_head", "node"),		\
		POINTER("token"),			\
		VALUE("int", "irq"),			\
		POINTER("add_consumer"),		\
		POINTER("del_consumer"),		\
		POINTER("stop"),			\
		POINTER("start"),			\
	END

/* drivers/vhost/vhost.h, v5.9 to v6.3. */
static const struct vnet_layout_line vhost[] = {
	IRQ_BYPASS_PRODUCER,
	STRUCT("vhost_work"),
		EMBEDDED("llist_node", "node"),
		POINTER("fn"),
		VALUE("long unsigned int", "flags"),
	END,
	STRUCT("vhost_poll"),
		EMBEDDED("poll_table_struct", "table"),
		POINTER("wqh"),
		EMBEDDED("wait_queue_entry", "wait"),
		EMBEDDED("vhost_work", "work"),
		VALUE("__poll_t", "mask"),
		POINTER("dev"),
	END,
	STRUCT("vhost_vring_call"),
		POINTER("ctx"),
		EMBEDDED("irq_bypass_producer", "producer"),
	END,
	STRUCT("vhost_virtqueue"),
		POINTER("dev"),
		EMBEDDED("mutex", "mutex"),
		VALUE("unsigned int", "num"),
		POINTER("desc"),
		POINTER("avail"),
		POINTER("used"),
		POINTERS("meta_iotlb", 3),
		POINTER("kick"),
		EMBEDDED("vhost_vring_call", "call_ctx"),
		POINTER("error_ctx"),
		POINTER("log_ctx"),
		EMBEDDED("vhost_poll", "poll"),
		POINTER("handle_kick"),
		VALUE("u16", "last_avail_idx"),
		VALUE("u16", "avail_idx"),
		VALUE("u16", "last_used_idx"),
		VALUE("u16", "used_flags"),
		VALUE("u16", "signalled_used"),
		VALUE("bool", "signalled_used_valid"),
		VALUE("bool", "log_used"),
		VALUE("u64", "log_addr"),
		ARRAY("iovec", "iov", 1024),
		ARRAY("iovec", "iotlb_iov", 64),
		POINTER("indirect"),
		POINTER("heads"),
		POINTER("umem"),
		POINTER("iotlb"),
		POINTER("private_data"),
		VALUE("u64", "acked_features"),
		VALUE("u64", "acked_backend_features"),
		POINTER("log_base"),
		POINTER("log"),
		ARRAY("iovec", "log_iov", 64),
		VALUE("bool", "is_le"),
		VALUE("u32", "busyloop_timeout"),
	END,
	STRUCT("vhost_dev"),
		POINTER("mm"),
		EMBEDDED("mutex", "mutex"),
		POINTER("vqs"),
		VALUE("int", "nvqs"),
		POINTER("log_ctx"),
		EMBEDDED("llist_head", "work_list"),
		POINTER("worker"),
		POINTER("umem"),
		POINTER("iotlb"),
		VALUE("spinlock_t", "iotlb_lock"),
		EMBEDDED("list_head", "read_list"),
		EMBEDDED("list_head", "pending_list"),
		VALUE("wait_queue_head_t", "wait"),
		VALUE("int", "iov_limit"),
		VALUE("int", "weight"),
		VALUE("int", "byte_weight"),
		VALUE("u64", "kcov_handle"),
		VALUE("bool", "use_worker"),
		POINTER("msg_handler"),
	END,
	/* drivers/vhost/net.c, here since it embeds the above */
	STRUCT("vhost_net_buf"),
		POINTER("queue"),
		VALUE("int", "tail"),
		VALUE("int", "head"),
	END,
	STRUCT("vhost_net_virtqueue"),
		EMBEDDED("vhost_virtqueue", "vq"),
		VALUE("size_t", "vhost_hlen"),
		VALUE("size_t", "sock_hlen"),
		VALUE("int", "upend_idx"),
		VALUE("int", "done_idx"),
		VALUE("int", "batched_xdp"),
		POINTER("ubuf_info"),
		POINTER("ubufs"),
		POINTER("rx_ring"),
		EMBEDDED("vhost_net_buf", "rxq"),
		POINTER("xdp"),
	END,
	STRUCT("vhost_net"),
		EMBEDDED("vhost_dev", "dev"),
		ARRAY("vhost_net_virtqueue", "vqs", 2),
		ARRAY("vhost_poll", "poll", 2),
		VALUE("unsigned int", "tx_packets"),
		VALUE("unsigned int", "tx_zcopy_err"),
		VALUE("bool", "tx_flush"),
		EMBEDDED("page_frag", "page_frag"),
		VALUE("int", "refcnt_bias"),
	END,
	{}
};

/* By what came and went in vmlinux, since versions are no proof of anything. */
const struct vnet_description vnet_descriptions[] = {
	/* socket.wq: in place of tun_file's own since v5.3 (333f7909a857) */
	{ "tun", "tun_struct", "v5.3 and later",
	  { { "socket", "wq", VNET_SIGN_EMBEDDED } }, tun },
	/*
	 * net_device.xdp_state came with v5.9, as vhost_vring_call did;
	 * vhost_task with v6.4, whose workers changed vhost_dev and vhost_virtqueue.
	 */
	{ "vhost", "vhost_dev", "v5.9 to v6.3",
	  { { "net_device", "xdp_state", VNET_SIGN_THERE },
	    { "vhost_task", NULL, VNET_SIGN_ABSENT } }, vhost },
	{ "vhost_net", "vhost_net", "v5.9 to v6.3",
	  { { "net_device", "xdp_state", VNET_SIGN_THERE },
	    { "vhost_task", NULL, VNET_SIGN_ABSENT } }, vhost },
	{}
};
