/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where a call of user space begins and ends, by each path it can come in; a listen by kernel code
 * begins at the first stage it reaches (hooks.h). Also our own marker.
 */
#ifndef LISTENWATCH_ENTRY_PATHS_H
#define LISTENWATCH_ENTRY_PATHS_H

struct enter_listen {
	__u64 common;
	__s64 nr;
	__u64 fd;
	__u64 backlog;
};

struct exit_listen {
	__u64 common;
	__s64 nr;
	__s64 result;
};

/* Whether this is our marker, by the process that loaded these programs, whatever number the kernel gives it. */
static __always_inline bool is_marker(int fd, int backlog)
{
	struct bpf_pidns_info here = {};

	if (fd != config.marker_fd || backlog != config.marker_backlog)
		return false;
	return !bpf_get_ns_current_pid_tgid(config.pid_namespace_device, config.pid_namespace_inode, &here,
					    sizeof(here)) &&
	       here.tgid == config.own_tgid;
}

/* It is no call. From the first one on we know whom to follow. */
static __always_inline void take_marker(void)
{
	struct globals *shared = globals();

	if (!shared)
		return;
	shared->own_tgid = bpf_get_current_pid_tgid() >> 32;
	COUNT(markers);
}

/* A call by user space on a descriptor: native, compat, or the 32-bit entry itself. */
static __always_inline void begin_user_call(__u32 origin, __u8 entry_path, int fd, int backlog)
{
	struct call *call = begin_call(origin, entry_path, fd, backlog);

	if (call)
		set_descriptor(call, fd);
}

/*
 * The native system call begins and ends at its own function where the kernel lets us attach there (NATIVE_LISTEN:
 * __x64_sys_listen, __arm64_sys_listen), else at its tracepoints. One of those in use sends every system call of
 * the machine a longer way (syscall_work_enter(), include/linux/thread_info.h), the function only listen().
 */
static __always_inline void enter_listen(int fd, int backlog)
{
	if (is_marker(fd, backlog))
		take_marker();
	else
		begin_user_call(ORIGIN_SYSCALL, native_entry_path(), fd, backlog);
}

#define ENTRY1_OF(...) ENTRY1(__VA_ARGS__) /* the name is expanded before it is pasted */
#define RETURN_OF(function) RETURN(function)

ENTRY1_OF(NATIVE_LISTEN, struct pt_regs *, user)
{
	int fd, backlog;

	read_native_arguments(user, &fd, &backlog);
	enter_listen(fd, backlog);
}

RETURN_OF(NATIVE_LISTEN)
{
	end_user_call(ORIGIN_SYSCALL, result);
}

TRACEPOINT(syscalls, sys_enter_listen, struct enter_listen)
{
	enter_listen(at->fd, at->backlog);
}

TRACEPOINT(syscalls, sys_exit_listen, struct exit_listen)
{
	end_user_call(ORIGIN_SYSCALL, at->result);
}

/*
 * 32-bit callers begin here (compat entries of listen and socketcall). A native call is in flight
 * already, and is ignored, unless the kernel skipped the program at its entry: then it begins here.
 */
ENTRY2(__sys_listen, int, fd, int, backlog)
{
	bool compat = in_32bit_call();

	if (user_call() || is_marker(fd, backlog))
		return;
	if (!compat)
		COUNT(recovered);
	begin_user_call(ORIGIN_SYS_LISTEN, compat ? ENTRY_COMPAT : ENTRY_SYSCALL, fd, backlog);
}

RETURN(__sys_listen)
{
	end_user_call(ORIGIN_SYS_LISTEN, result);
}

/*
 * listen of a 32-bit caller where the compiler folded __sys_listen into it. The arguments lie in
 * the caller's registers: ebx and ecx.
 */
ENTRY1(__ia32_sys_listen, struct pt_regs *, user)
{
	int fd, backlog;

	if (user_call())
		return;
	read_ia32_arguments(user, &fd, &backlog);
	begin_user_call(ORIGIN_SYS_LISTEN, ENTRY_COMPAT, fd, backlog);
}

RETURN(__ia32_sys_listen)
{
	end_user_call(ORIGIN_SYS_LISTEN, result);
}

/* io_uring calls this directly; a system call is in flight already, and is ignored. */
ENTRY2(__sys_listen_socket, struct socket *, socket, int, backlog)
{
	struct call *call;

	if (user_call())
		return;
	call = begin_call(ORIGIN_LISTEN_SOCKET, ENTRY_IO_URING, -1, backlog);
	if (call)
		set_socket(call, socket, read_field(socket, sk));
}

RETURN(__sys_listen_socket)
{
	end_user_call(ORIGIN_LISTEN_SOCKET, result);
}

#endif
