/* SPDX-License-Identifier: GPL-2.0-only */
/* `latency rtt --threshold`: one record for each slow round trip. cmd/latency_rtt.c */
#include "latency_rtt.bpf.h"
#include "stream.bpf.h"

static __always_inline void trip_done(void *ctx, __u32 copy,
				      const struct vnet_rtt_record *record)
{
	if (record->trip.at[VNET_RTT_LAST] - record->trip.at[0] > config.over_ns)
		stream_emit(ctx, (void *)record, sizeof(*record));
}
