/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BPF objects, embedded. The makefile appends a `vnet_object` line for each
 * and `vnet_objects_end`; core/objects.h reads the table.
 */
	.macro vnet_object name, path
	.section .rodata.vnet_objects, "a"
	.balign 8
1:	.incbin "\path"
2:
	.balign 8
	.section .rodata.vnet_names, "a"
3:	.asciz "\name"
	.section .data.rel.ro.vnet_table, "aw"
	.balign 8
	.quad 3b, 1b, 2b
	.endm

	.macro vnet_objects_end
	.section .data.rel.ro.vnet_table, "aw"
	.quad 0, 0, 0
	.endm

	.section .note.GNU-stack, "", %progbits
	.section .data.rel.ro.vnet_table, "aw"
	.balign 8
	.globl vnet_objects
vnet_objects:
