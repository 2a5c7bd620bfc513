/* SPDX-License-Identifier: GPL-2.0-only */
/* `latency summary` of all packets, times only: half the work to load. cmd/latency_summary.c */
#define VNET_LATENCY_LEAN
#include "latency_path.bpf.h"
