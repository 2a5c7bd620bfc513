/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What probes/parse.h and probes/match.h take from kernel.bpf.h, for user
 * space. Included before them by the unit tests and fuzz targets.
 */
#ifndef VNET_PARSE_SHIM_H
#define VNET_PARSE_SHIM_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define bpf_ntohs(v)	ntohs(v)
#define bpf_ntohl(v)	ntohl(v)

#endif
