/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The boot sector of a FAT12/16 volume: a floppy, or a partition that another boot manager
 * starts. The loader lies in the volume's reserved sectors, right behind this one. Goes to
 * bytes 62..510; the first 62 are the jump and the BIOS parameter block, which it reads.
 */
#include "defs.inc"
#include "geometry.inc"

	.equ	BPB_SECTORS,	FIRST_COPY + 24
	.equ	BPB_HEADS,	FIRST_COPY + 26
	.equ	BPB_HIDDEN,	FIRST_COPY + 28

	.macro	FIRST_BLOCK
	movl	BPB_HIDDEN, %eax
	incl	%eax
	.endm
	.macro	FIRST_GEOMETRY
	movw	BPB_SECTORS, %cx	/* a floppy's own; a drive may tell that of a larger medium */
	movw	BPB_HEADS, %bx
	testb	$0x80, drive		/* clears carry */
	jz	8f
	BIOS_GEOMETRY
8:
	.endm

#include "first.inc"
#include "text.inc"

	.org	448			/* the assembler refuses this when the code has grown beyond */
