/* SPDX-License-Identifier: GPL-2.0-only */
/* `latency details`: a record for each slow packet. cmd/latency_details.c */
#define VNET_LATENCY_DETAILS
#include "latency_path.bpf.h"
