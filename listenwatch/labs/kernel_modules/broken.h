/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a module here breaks one function of the kernel: while it is loaded, every call of FUNCTION
 * runs broken_FUNCTION instead. ftrace sends it there, as it does for live patches, after the probes
 * on FUNCTION had their look, so a watcher sees what it would see in a kernel built with the bug.
 *
 * Not for a machine in use: a call that sleeps in broken_FUNCTION must be over before rmmod.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/version.h>
#include <net/tcp.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define ftrace_regs pt_regs
#define ftrace_get_regs(regs) (regs)
#endif

static unsigned long broken;  /* the function that runs instead */
static unsigned long working; /* the kernel's own, past the place where ftrace would send it back */

/* The kernel's own function, for a broken one that does most of it right. */
#define WORKING(function) ((typeof(&broken_##function))working)

static void notrace send_to_broken(unsigned long ip, unsigned long caller, struct ftrace_ops *ops,
				   struct ftrace_regs *regs)
{
	working = ip + MCOUNT_INSN_SIZE;
	instruction_pointer_set(ftrace_get_regs(regs), broken);
}

static struct ftrace_ops redirection = {
	.func = send_to_broken,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static inline int redirect(char *function, unsigned long to)
{
	int err = ftrace_set_filter(&redirection, function, strlen(function), 1);

	broken = to;
	return err ?: register_ftrace_function(&redirection);
}

/* Where a function lies that modules may not call by name. */
static inline unsigned long address_of(const char *function)
{
	struct kprobe probe = { .symbol_name = function };
	unsigned long address;

	if (register_kprobe(&probe))
		return 0;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return address;
}

/* The last line of a module that breaks FUNCTION. */
#define BREAKS(function)                                                       \
	static int __init break_it(void)                                       \
	{                                                                      \
		return redirect(#function, (unsigned long)broken_##function);  \
	}                                                                      \
	static void __exit mend_it(void)                                       \
	{                                                                      \
		unregister_ftrace_function(&redirection);                      \
	}                                                                      \
	module_init(break_it);                                                 \
	module_exit(mend_it);                                                  \
	MODULE_LICENSE("GPL")
