/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The boot sector of a disk, stick or hybrid ISO: 432 bytes of code, then the loader's block as
 * a 64-bit number (where makers of hybrid ISOs put it), the disk signature, the partition table.
 */
#include "defs.inc"
#include "geometry.inc"

	.code16
	.arch	i386
	.text
	.globl	_start

	.macro	FIRST_BLOCK
	movl	FIRST_COPY + 432, %eax
	.endm
	.macro	FIRST_GEOMETRY
	BIOS_GEOMETRY
	.endm

_start:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$FIRST_STACK, %sp
	sti
	cld
	movw	$LOADER, %si		/* out of the way of the loader */
	movw	$FIRST_COPY, %di
	movw	$256, %cx
	rep movsw
	ljmp	$0, $first

#include "first.inc"
#include "text.inc"

	.org	432			/* the assembler refuses this when the code has grown beyond */
