/* SPDX-License-Identifier: GPL-2.0-only */
/* `latency summary`: times per stage, summed up in the kernel. cmd/latency_summary.c */
#include "latency_path.bpf.h"
