/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The boot sector of a disk, stick or hybrid ISO: 432 bytes of code, then the loader's block as
 * a 64-bit number (where makers of hybrid ISOs put it), the disk signature, the partition table.
 */
#include "defs.inc"
#include "geometry.inc"

	.macro	FIRST_BLOCK
	movl	FIRST_COPY + 432, %eax
	.endm
	.macro	FIRST_GEOMETRY
	BIOS_GEOMETRY
	.endm

#include "first.inc"
#include "text.inc"

	.org	432			/* the assembler refuses this when the code has grown beyond */
