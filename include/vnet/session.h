/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One BPF object from open to close, and the only owner of BPF resources:
 * open -> configure -> load -> attach -> run -> close. Its functions speak to
 * the user when they fail.
 */
#ifndef VNET_SESSION_H
#define VNET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnet/plan.h"

struct vnet_session;

/* Takes libbpf's messages, before anything asks libbpf (BTF too) for something. */
void vnet_session_init(void);
/*
 * Opens the embedded object `name` (of probes/<name>.bpf.c). Plan and kernel must
 * outlive the session; the kernel's types are only needed by this call.
 */
int vnet_session_open(struct vnet_session **session, const char *name,
		      const struct vnet_plan *plan, const struct vnet_kernel *kernel);
/*
 * Writes a whole `const volatile` variable by name, before load. -ENOENT if
 * the object has none of that name, -EINVAL if its size differs.
 */
int vnet_session_set(struct vnet_session *session, const char *variable,
		     const void *data, size_t size);
/* Sets a map's number of entries, before load. */
int vnet_session_resize(struct vnet_session *session, const char *map, uint32_t entries);
/*
 * Chooses the transport of records for an object that has `events`: a ring
 * buffer if the kernel has it and `perf` is false, with rate_limit (0: none).
 */
int vnet_session_stream(struct vnet_session *session, bool ring, uint32_t rate_limit);
/* Loads exactly the programs of the plan. */
int vnet_session_load(struct vnet_session *session);
int vnet_session_attach(struct vnet_session *session);
/*
 * Runs a program that is attached to nothing, named run__*, once and here, with
 * `nr` arguments. 0, or -errno.
 */
int vnet_session_run(struct vnet_session *session, const char *program,
		     const uint64_t *args, size_t nr);
/* The map's file descriptor, or -ENOENT. */
int vnet_session_map(struct vnet_session *session, const char *map);
/*
 * Reads all loss counters since the start (an array of VNET_NR_LOSSES),
 * the programs' recursion misses included.
 */
int vnet_session_losses(struct vnet_session *session, uint64_t *losses);
/* Adds to a loss that user space found itself. */
void vnet_session_lost(struct vnet_session *session, enum vnet_loss_id id, uint64_t n);
/*
 * For summaries: turns the map `epoch` over and waits until no program writes
 * to the old copy any more. Returns its number (0 or 1) or -errno.
 */
int vnet_session_flip(struct vnet_session *session);
/* Number of possible CPUs: values that a per-CPU map has. */
int vnet_session_cpus(void);
/* Consumes records that are there; calls fn(ctx, data, size) for each. */
typedef int (*vnet_record_fn)(void *ctx, void *data, size_t size);
int vnet_session_consume(struct vnet_session *session, vnet_record_fn fn, void *ctx);
/* A descriptor that poll()s readable when records wait, or -1. */
int vnet_session_stream_fd(struct vnet_session *session);
/*
 * Instructions that the verifier went through for each loaded program (before
 * v5.16: that it has): name and count, in turn. -ENOENT behind the last.
 */
int vnet_session_program(struct vnet_session *session, size_t i, const char **name,
			 uint32_t *verified_insns);
void vnet_session_close(struct vnet_session *session);

#endif
