/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The registers as bpf_tracing.h names them, for the architecture the probe is compiled for: the header of the machine
 * that compiles it (asm/ptrace.h) has only its own. They are ABI and the same on every kernel.
 */
#ifndef LISTENWATCH_REGISTERS_H
#define LISTENWATCH_REGISTERS_H

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/uapi/asm/ptrace.h */
struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx;
	unsigned long r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	unsigned long orig_rax, rip, cs, eflags, rsp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
/* arch/arm64/include/uapi/asm/ptrace.h; with it the kernel's own struct pt_regs begins. */
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};
#elif defined(__TARGET_ARCH_riscv)
/* arch/riscv/include/uapi/asm/ptrace.h; so begins the kernel's own struct pt_regs, which calls pc epc. */
struct user_regs_struct {
	unsigned long pc, ra, sp, gp, tp, t0, t1, t2, s0, s1;
	unsigned long a0, a1, a2, a3, a4, a5, a6, a7;
	unsigned long s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
	unsigned long t3, t4, t5, t6;
};
#endif

#endif
