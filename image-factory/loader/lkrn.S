/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A Linux-style kernel (boot protocol 2.07, loads high) whose payload holds iPXE's .lkrn and a
 * ticket, so that whatever starts a Linux kernel through its real-mode entry starts both from
 * one file: syslinux, GRUB's linux16, QEMU's -kernel. A command line and a ramdisk given from
 * outside are ignored: either would hide the ticket.
 *
 * The file is this, 4 KiB, and the payload, which the boot loader puts at 1 MiB. The table is
 * the loader's (stage2.S); its blocks count from the payload's start.
 */
#include "defs.inc"
	.equ	WRAPPER_LEN,	4096

	.code16
	.arch	i386
	.text
	.globl	_start
_start:	int	$0x18			/* started as a boot sector, which it is not */
stuck:	hlt
	jmp	stuck
	.org	8
	.long	MAGIC
	.word	VERSION
	.word	table_end - _start
kernel_block:	.long	0		/* 0x10: iPXE, in 512-byte blocks from the payload's start */
kernel_len:	.long	0		/* 0x14: bytes */
slot_block:	.long	0		/* 0x18: the slot */
slot_len:	.long	0		/* 0x1c */
	.long	0			/* 0x20: of no use here */
table_end:

	.org	0x1f1
	.byte	WRAPPER_LEN / 512 - 1	/* setup_sects */
	.word	0			/* root_flags */
	.long	0			/* 0x1f4 syssize: in 16 bytes, filled in with the table */
	.word	0, 0, 0			/* ram_size, vid_mode, root_dev */
	.word	0xaa55
	.byte	0xeb, setup - magic	/* 0x200: a jump of two bytes */
magic:	.ascii	"HdrS"
	.word	0x0207
	.long	0			/* realmode_swtch */
	.word	0			/* start_sys */
	.word	text_name + 2 - _start - 0x200	/* kernel_version */
	.byte	0			/* type_of_loader */
	.byte	0x01			/* loadflags: LOADED_HIGH */
	.word	0			/* setup_move_size */
	.long	HIGH			/* code32_start */
	.long	0, 0			/* ramdisk_image, ramdisk_size */
	.long	0			/* bootsect_kludge */
	.word	0			/* heap_end_ptr */
	.byte	0, 0			/* ext_loader_ver, ext_loader_type */
	.long	0			/* cmd_line_ptr */
	.long	0xffffffff		/* initrd_addr_max */
	.long	0			/* kernel_alignment */
	.byte	0, 0			/* relocatable_kernel, min_alignment */
	.word	0			/* xloadflags */
	.long	0x7ff			/* cmdline_size */
	.long	0			/* hardware_subarch */
	.quad	0			/* hardware_subarch_data */

/* Moves itself to where it was linked: the kernel's real-mode part goes to REAL_MODE, where a
 * boot loader is likely to have put this.
 */
setup:	cli
	cld
	movw	%cs, %ax
	subw	$0x20, %ax
	movw	%ax, %ds
	xorw	%ax, %ax
	movw	%ax, %es
	movw	%ax, %ss
	movw	$LOADER, %sp
	xorw	%si, %si
	movw	$LOADER, %di
	movw	$WRAPPER_LEN / 2, %cx
	rep movsw
	movw	%ax, %ds
	sti
	ljmp	$0, $main

main:	movw	$text_name, %si
	call	puts
	call	sizes_check
	call	a20_on

	movl	kernel_block, %esi	/* the kernel's real-mode part */
	call	in_payload
	pushl	%esi
	movl	$REAL_MODE, %edi
	movl	$CHUNK, %ecx
	cmpl	kernel_len, %ecx
	jbe	1f
	movl	kernel_len, %ecx
1:	pushl	%ecx
	call	copy
	popl	%ecx
	call	kernel_check
	pushl	%eax

	movl	slot_block, %esi	/* the script goes up first: the kernel may come to lie on it */
	call	in_payload
	movl	%esi, %eax
	addl	slot_len, %eax
	movl	%eax, floor
	pushl	%esi
	movl	$BOUNCE, %edi
	movl	$8, %ecx
	call	copy
	movw	$BOUNCE_SEG, %ax
	movw	%ax, %gs
	cmpl	$0x70692123, %gs:0	/* "#!ip" */
	jne	slot_bad
	cmpw	$0x6578, %gs:4		/* "xe" */
	jne	slot_bad
	call	find_memory
	call	script_head
	popl	%esi
	movl	slot_len, %ecx
	call	copy

	popl	%eax			/* the rest of the kernel goes down to 1 MiB */
	popl	%esi
	addl	%eax, %esi
	movl	kernel_len, %ecx
	subl	%eax, %ecx
	movl	$HIGH, %edi
	call	copy
	movb	$0x80, %dl
	jmp	kernel_start

slot_bad:
	movw	$ERR_SLOT, %ax
	jmp	fail

/* From a block of the payload in ESI to its linear address. */
in_payload:
	shll	$9, %esi
	addl	$HIGH, %esi
	ret

text_name:
	.asciz	"\r\nBootmint "

#include "text.inc"
#include "a20.inc"
#include "memory.inc"
#include "kernel.inc"

	.org	WRAPPER_LEN		/* the assembler refuses this when the code has grown beyond */
