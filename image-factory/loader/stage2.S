/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The loader: brings iPXE and a ticket into memory and starts iPXE. 2 KiB, so that every BIOS
 * loads it whole (El Torito load size 4; larger ones are where BIOSes differ).
 *
 * It is entered in real mode with DL = BIOS drive,
 *   from a CD: El Torito without emulation, at 0000:7c00 or 07c0:0000, at its first byte;
 *   from a disk, stick or floppy: by mbr.S or vbr.S, at 0000:7c04.
 *
 * It has no notion of file systems: where iPXE and the slot lie stands in the table below, which
 * is filled in when an image is laid out (src/layout/loader.rs).
 */
#include "defs.inc"

	.code16
	.arch	i386
	.text
	.globl	_start
_start:	jmp	from_cd
	.org	4
	jmp	from_disk
	.org	8
	.long	MAGIC
	.word	VERSION
	.word	table_end - _start
kernel_block:	.long	0		/* 0x10: iPXE, in 512-byte blocks from the drive's start */
kernel_len:	.long	0		/* 0x14: bytes */
slot_block:	.long	0		/* 0x18: the slot */
slot_len:	.long	0		/* 0x1c */
floppy_sectors:	.word	0		/* 0x20: a floppy's sectors a track; 0 on anything else */
floppy_heads:	.word	0		/* 0x22 */
table_end:

from_cd:
	movw	$2048, %bp
	jmp	1f
from_disk:
	movw	$512, %bp
1:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$LOADER, %sp
	sti
	cld
	ljmp	$0, $main

main:	movb	%dl, drive
	movw	%bp, sector
	movw	$text_name, %si
	call	puts
	movb	$ERR_TABLE, %al
	cmpl	$0, kernel_block
	je	table_bad
	cmpl	$0, slot_block
	je	table_bad
	call	sizes_check
	call	local_drive
	call	a20_on
	call	drive_open

	/* The kernel: its first chunk has the real-mode part. */
	movl	kernel_block, %eax
	movl	%eax, block
	movl	kernel_len, %eax
	movl	%eax, left
	call	read_chunk
	pushl	%ecx
	pushl	%esi
	movl	$REAL_MODE, %edi
	call	copy
	popl	%esi
	popl	%ecx
	call	kernel_check
	subl	%eax, %ecx		/* what follows it goes to 1 MiB */
	addl	%eax, %esi
	movl	$HIGH, %edi
	call	load

	/* The script: the slot behind lines of our own. */
	call	find_memory
	call	script_head
	pushl	%edi
	movl	slot_block, %eax
	movl	%eax, block
	movl	slot_len, %eax
	movl	%eax, left
	call	read_chunk
	popl	%edi
	movl	%esi, %eax
	subl	$BOUNCE, %eax
	movw	%ax, %bx
	movw	$BOUNCE_SEG, %ax
	movw	%ax, %es
	cmpl	$0x70692123, %es:(%bx)	/* "#!ip" */
	jne	slot_bad
	cmpw	$0x6578, %es:4(%bx)	/* "xe" */
	jne	slot_bad
	call	load
	movb	drive, %dl
	jmp	kernel_start

table_bad:
	xorb	%ah, %ah
	jmp	fail
slot_bad:
	movw	$ERR_SLOT, %ax
	jmp	fail

/* Copies the ECX bytes at ESI to EDI, then the `left` bytes that follow on the drive. */
load:	pushl	%edi
	pushl	%ecx
	call	copy
	popl	%ecx
	popl	%edi
	addl	%ecx, %edi
	cmpl	$0, left
	je	load_end
	pushl	%edi
	call	read_chunk
	popl	%edi
	jmp	load
load_end:
	ret

/* Tells the script which BIOS drive is the machine's own first disk: 0x80, except when this was
 * started from a disk that is 0x80 itself; then the next one. A CD or floppy does not push the
 * disks up. Clobbers AL.
 */
local_drive:
	cmpb	$0x80, drive
	jne	local_end
	cmpw	$2048, sector
	je	local_end
	incb	script_digit
local_end:
	ret

text_name:
	.asciz	"\r\nBootmint "

#include "text.inc"
#include "a20.inc"
#include "memory.inc"
#include "kernel.inc"
#include "drive.inc"

	.org	LOADER_LEN		/* the assembler refuses this when the code has grown beyond */
