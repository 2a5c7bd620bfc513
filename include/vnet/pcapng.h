/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing pcapng files (IETF draft-ietf-opsawg-pcapng): one section, one
 * Ethernet interface (tcpdump reads no file with two link types), a comment a
 * packet.
 */
#ifndef VNET_PCAPNG_H
#define VNET_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnet_pcapng;

struct vnet_pcapng_packet {
	uint64_t wall_ns;
	/*
	 * 0: the data begin with an Ethernet header. Else they begin behind it,
	 * and one with this type and no addresses is put in front.
	 */
	uint16_t ethertype;
	/* A VLAN tag to be put in: its ethertype (0: none) and its content. */
	uint16_t tpid, tci;
	const void *data;
	uint32_t captured;	/* bytes at data */
	uint32_t length;	/* of the whole packet, >= captured */
	const char *comment;	/* NULL: none */
};

/* Creates the file and writes its head. "-" is not taken. 0 or -errno. */
int vnet_pcapng_open(struct vnet_pcapng **pcap, const char *path, uint32_t snap_length);
/* 0 or -errno; flushed, so that the file is whole after each packet. */
int vnet_pcapng_write(struct vnet_pcapng *pcap, const struct vnet_pcapng_packet *packet);
/* 0, or -errno of a write that failed late. NULL is fine. */
int vnet_pcapng_close(struct vnet_pcapng *pcap);

#endif
