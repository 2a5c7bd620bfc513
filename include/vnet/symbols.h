/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel symbols: addresses to names, read from /proc/kallsyms when first asked. */
#ifndef VNET_SYMBOLS_H
#define VNET_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "vnet/report.h"

/*
 * The function that holds `address`: fills symbol, module and offset of the
 * frame (strings live as long as the process). False: unknown, only address set.
 */
bool vnet_symbol_find(uint64_t address, struct vnet_frame *frame);
/* The code range [from, to) of a function by exact name; false if there is none. */
bool vnet_symbol_range(const char *name, uint64_t *from, uint64_t *to);
/* False if the kernel shows no addresses to this process. */
bool vnet_symbols_readable(void);
/*
 * The text of a return address with all its frames above the tracing machinery
 * removed: fills a stack in the report's memory from ips[nr] (0 ends it).
 * `location` is marked if it is in there.
 */
struct vnet_stack *vnet_symbol_stack(struct vnet_report *report, const __u64 *ips,
				     unsigned int nr, uint64_t location);
/* "name+0x12" or "0xffff...", in the report's memory. */
const char *vnet_symbol_text(struct vnet_report *report, uint64_t address);

#endif
