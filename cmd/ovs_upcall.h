/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of `ovs upcall` share: options, and what was read of the maps. */
#ifndef VNET_CMD_OVS_UPCALL_H
#define VNET_CMD_OVS_UPCALL_H

#include <linux/types.h>

#include "vnet/abi/ovs_upcall.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

struct upcall_args {
	struct vnet_args common;
	uint32_t by;			/* VNET_UPCALL_BY_* */
	uint32_t top;
	uint32_t max_entries;
	uint64_t timeout_ns;		/* without an answer for so long: there is none */
	const char *threshold;
	uint64_t over_ns[VNET_UPCALL_PARTS];	/* from that */
	uint32_t limit;
	uint32_t rate_limit;
};

/* "total", "queue", "user", "return", in the order of enum vnet_upcall_part. */
extern const char *const upcall_part_names[];

/* Options of both commands: how much is followed, and for how long. */
extern const struct vnet_opt upcall_options[];
void upcall_defaults(void *args);
const struct vnet_want *upcall_wants(const void *args, size_t *nr);
/* "miss", "action", or NULL: unknown. */
const char *upcall_cause_name(uint32_t cause);

/* Threads that a row keeps, those with the longest upcalls first. */
#define UPCALL_HANDLERS		5

struct upcall_handler {
	uint32_t tid, cpu;		/* the CPU of its longest one's return */
	uint64_t max_ns;
	char comm[16];
};

/* What is counted together, over all threads unless --by handler. */
struct upcall_row {
	struct vnet_upcall_key key;	/* tid 0: of all, or of none yet; copy 0 */
	struct vnet_upcall_stats sum;
	uint64_t no_return;		/* messages read, but without an answer */
	struct upcall_handler handlers[UPCALL_HANDLERS];
	uint32_t nr_handlers;
};

/* Messages that one socket did not take, or upcalls that came to no message. */
struct upcall_lost {
	uint32_t portid, error;
	uint64_t count;
	struct vnet_upcall_owner owner;	/* pid 0: unknown */
};

/* An interval; all of it is the reader's, until the next. */
struct upcall_interval {
	struct upcall_row *rows;
	size_t nr_rows;
	struct upcall_lost *lost;
	size_t nr_lost;
	uint64_t strangers;		/* packets of no upcall that is known */
	int64_t waiting;		/* messages without an answer so far */
	struct upcall_row total;	/* the rows' counts, without times */
};

struct upcall_reader;

struct upcall_reader *upcall_reader_new(const struct upcall_args *args);
void upcall_reader_free(struct upcall_reader *reader);
/* Ends an interval: turns the epoch over and reads the copy at rest. 0 or -errno. */
int upcall_read(struct upcall_reader *reader, struct vnet_session *session,
		struct upcall_interval *interval);
/* Gives up what has waited for too long; counted in the next interval. 0 or -errno. */
int upcall_sweep(struct upcall_reader *reader, struct vnet_session *session);
/*
 * Who holds the netlink socket of that port id, by /proc; false if it is of
 * another network namespace, or gone.
 */
bool upcall_owner_find(uint32_t portid, struct vnet_upcall_owner *owner);
/* Writes rodata and map sizes, as `configure` of struct vnet_measure. */
int upcall_configure(struct vnet_run *run, const struct upcall_args *args, bool records);
/* The totals as members beside the rows, or in text lines with `text`. */
void upcall_add_totals(struct vnet_report *report, const struct upcall_args *args,
		       const struct upcall_interval *interval, bool text);

#endif
