/* SPDX-License-Identifier: MIT
 *
 * A 64 KB replacement of the PC's BIOS, mapped at 0xf0000: reads what sector 0 of the disk lists (see disk.py) into
 * memory by ATA PIO, enters long mode and jumps to the 64-bit entry of a Linux kernel. So nothing is emulated that the
 * kernel does not need: no BIOS, no boot loader, no decompression.
 *
 * Sector 0, all 32-bit little-endian: from 0, triples of address, first sector, sectors, ended by sectors = 0;
 * at 0x1f0 the kernel's entry, at 0x1f4 the page tables, at 0x1f8 the boot_params.
 */
  .set ROM, 0xf0000
  .set TABLE, 0x7000              /* where sector 0 is read to */
  .set STACK, 0x8000
  .set ATA_DATA, 0x1f0
  .set ATA_COUNT, 0x1f2
  .set ATA_DRIVE, 0x1f6
  .set ATA_STATUS, 0x1f7
  .set BOCHS_DEBUG_PORT, 0xe9

  .text
  .code16
real_mode:
  cli
  cld
  inb $0x92, %al                  /* open address line 20 */
  orb $2, %al
  outb %al, $0x92
  lgdtl %cs:gdt_pointer
  movl %cr0, %eax
  orl $1, %eax                    /* protected mode */
  movl %eax, %cr0
  ljmpl $0x8, $(ROM + protected_mode)

  .code32
protected_mode:
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl $STACK, %esp
  xorl %ebx, %ebx
  movl $1, %ecx
  movl $TABLE, %edi
  call read_sectors
  movl $TABLE, %esi
next_piece:
  movl (%esi), %edi
  movl 4(%esi), %ebx
  movl 8(%esi), %ecx
  addl $12, %esi
  testl %ecx, %ecx
  jz enter_long_mode
  call read_sectors
  jmp next_piece

enter_long_mode:
  movl $TABLE, %esi
  movl 0x1f0(%esi), %ebp
  movl 0x1f4(%esi), %eax
  movl %eax, %cr3
  movl 0x1f8(%esi), %esi          /* Linux expects the boot_params here */
  movl %cr4, %eax
  orl $0x20, %eax                 /* PAE */
  movl %eax, %cr4
  movl $0xc0000080, %ecx          /* EFER */
  rdmsr
  orl $0x100, %eax                /* LME */
  wrmsr
  movl %cr0, %eax
  orl $0x80000000, %eax           /* paging */
  movl %eax, %cr0
  ljmpl $0x18, $(ROM + long_mode)

/* Reads ecx sectors from sector ebx on to edi, at most 128 a command; keeps esi. */
read_sectors:
  pushl %esi
  movl %ecx, %esi
next_command:
  testl %esi, %esi
  jz done
  movl %esi, %ebp
  cmpl $128, %ebp
  jbe wait_idle
  movl $128, %ebp
wait_idle:
  movw $ATA_STATUS, %dx
  inb %dx, %al
  testb $0x80, %al                /* busy */
  jnz wait_idle
  movw $ATA_DRIVE, %dx
  movl %ebx, %eax
  shrl $24, %eax
  orb $0xe0, %al                  /* first drive, linear addresses */
  outb %al, %dx
  movw $ATA_COUNT, %dx
  movl %ebp, %eax
  outb %al, %dx
  incw %dx                        /* the address, lowest byte first */
  movl %ebx, %eax
  outb %al, %dx
  incw %dx
  movb %ah, %al
  outb %al, %dx
  incw %dx
  movl %ebx, %eax
  shrl $16, %eax
  outb %al, %dx
  movw $ATA_STATUS, %dx
  movb $0x20, %al                 /* read sectors */
  outb %al, %dx
  addl %ebp, %ebx
  subl %ebp, %esi
next_sector:
  movw $ATA_STATUS, %dx
wait_data:
  inb %dx, %al
  testb $0x80, %al
  jnz wait_data
  testb $0x21, %al                /* error */
  jnz fail
  testb $8, %al                   /* data ready */
  jz wait_data
  movw $ATA_DATA, %dx
  movl $256, %ecx
  rep insw
  decl %ebp
  jnz next_sector
  jmp next_command
done:
  popl %esi
  ret
fail:
  movb $'!', %al
  outb %al, $BOCHS_DEBUG_PORT
  hlt
  jmp fail

  .code64
long_mode:
  movl $0x10, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl %esi, %esi                 /* the upper halves are undefined after the switch */
  movl %ebp, %ebp
  jmp *%rbp

  .balign 16
gdt:
  .quad 0
  .quad 0x00cf9b000000ffff        /* 0x08: 32-bit code */
  .quad 0x00cf93000000ffff        /* 0x10: data */
  .quad 0x00af9b000000ffff        /* 0x18: 64-bit code */
gdt_pointer:
  .word 4 * 8 - 1
  .long ROM + gdt

  .org 0xfff0                     /* where the CPU starts */
  .code16
  ljmp $(ROM >> 4), $real_mode
  .org 0xffff
  .byte 0
