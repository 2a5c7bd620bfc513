/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libFuzzer: the input is one datagram of an RTM_GETQDISC answer. Build:
 * clang -fsanitize=fuzzer,address,undefined with core's netlink and util.
 */
#include <stdlib.h>
#include <string.h>

#include "vnet/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a parser let through must be within its type. */
static int check_qdisc(void *ctx, const struct vnet_qdisc *qdisc)
{
	size_t *nr = ctx;

	if (!qdisc->ifindex || qdisc->ifindex > INT32_MAX || !qdisc->kind[0] ||
	    !memchr(qdisc->kind, 0, sizeof(qdisc->kind)))
		abort();
	++*nr;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t nr = 0;
	int ret = vnet_netlink_parse_qdisc(data, size, check_qdisc, &nr);

	/* Each has a header, a tcmsg and a kind: 16 + 20 + 6 bytes at least. */
	if (ret > 1 || ret < -4095 || nr > (size + 3) / 42)
		abort();
	return 0;
}
