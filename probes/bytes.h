/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads from header bytes at any alignment, and what keeps clang from undoing
 * the parser's work for the verifier. Used by probes/parse.h only.
 */
#ifndef VNET_BYTES_H
#define VNET_BYTES_H

#ifdef __bpf__
/* Makes clang forget a value, so that it keeps the mask put on it. */
#define vnet_forget(v)	asm volatile("" : "+r"(v))
/* Ends a stage: nothing is carried over in registers. */
#define vnet_stage()	asm volatile("" ::: "memory")
/* Before a loop: kernels older than v5.3 accept none. */
#define vnet_unroll	_Pragma("unroll")
#else
#define vnet_forget(v)	((void)0)
#define vnet_stage()	((void)0)
#define vnet_unroll
#endif

/* Headers stand at odd offsets; x86 and arm64 load from there, C may not. */
static __always_inline __u16 vnet_raw16(const __u8 *at)
{
#ifdef __bpf__
	return *(const __u16 *)at;
#else
	__u16 v;

	__builtin_memcpy(&v, at, sizeof(v));
	return v;
#endif
}

static __always_inline __u32 vnet_raw32(const __u8 *at)
{
#ifdef __bpf__
	return *(const __u32 *)at;
#else
	__u32 v;

	__builtin_memcpy(&v, at, sizeof(v));
	return v;
#endif
}

static __always_inline __u16 vnet_be16(const __u8 *at)
{
	return bpf_ntohs(vnet_raw16(at));
}

static __always_inline __u32 vnet_be32(const __u8 *at)
{
	return bpf_ntohl(vnet_raw32(at));
}

static __always_inline void vnet_put32(__u8 *to, const __u8 *at)
{
#ifdef __bpf__
	*(__u32 *)to = *(const __u32 *)at;
#else
	__builtin_memcpy(to, at, 4);
#endif
}

static __always_inline void vnet_put_mac(__u8 *to, const __u8 *at)
{
#ifdef __bpf__
	((__u16 *)to)[0] = ((const __u16 *)at)[0];
	((__u16 *)to)[1] = ((const __u16 *)at)[1];
	((__u16 *)to)[2] = ((const __u16 *)at)[2];
#else
	__builtin_memcpy(to, at, 6);
#endif
}

#endif
