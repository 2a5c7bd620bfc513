/* SPDX-License-Identifier: GPL-2.0-only */
/* The loop of a run: time, signals, records, a reader that goes away. Private to core. */
#ifndef VNET_RUN_H
#define VNET_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct vnet_loop {
	uint64_t interval_ns;	/* 0: no intervals */
	uint64_t duration_ns;	/* 0: endless */
	uint32_t count;		/* intervals; 0: endless */
	int stream_fd;		/* readable when records wait; -1: none */
	int out_fd;		/* whose reader may go away */
	int (*tick)(void *ctx, uint64_t start_ns, uint64_t end_ns, bool last);
	/* Records wait, or the run ends: take them. 1: enough, end. */
	int (*drain)(void *ctx);
	int (*tidy)(void *ctx);	/* each second; may be NULL */
	void *ctx;
};

/* Blocks SIGINT, SIGTERM and SIGHUP from now on, for vnet_loop_run() to take. */
int vnet_loop_signals(void);
/*
 * Runs until the duration or count is over, a signal comes, the reader of
 * out_fd has gone or a callback fails: 0 or -errno (-EPIPE: no reader).
 */
int vnet_loop_run(const struct vnet_loop *loop, int signal_fd);

#endif
