/* SPDX-License-Identifier: GPL-2.0 */
/* __sys_listen() (net/socket.c) in a few lines, for the modules that get one step of it wrong. */
#include <linux/nsproxy.h>

#include "broken.h"

/* What the kernel does, step by step. */

static inline int somaxconn_of(struct net *net)
{
	return READ_ONCE(net->core.sysctl_somaxconn);
}

static inline int clamp_to(int somaxconn, int backlog)
{
	return (unsigned int)backlog > (unsigned int)somaxconn ? somaxconn : backlog;
}

static inline int ask_security(struct socket *sock, int backlog)
{
	static typeof(&security_socket_listen) hook;

	if (!hook)
		hook = (typeof(hook))address_of("security_socket_listen");
	return hook ? hook(sock, backlog) : -ENOSYS;
}

static inline int protocol_listen(struct socket *sock, int backlog)
{
	return READ_ONCE(sock->ops)->listen(sock, backlog);
}

/* For a module that says what is done with the socket once it is found. */
#define LISTEN_ON(on_socket)                                                   \
	static int broken___sys_listen(int fd, int backlog)                    \
	{                                                                      \
		int err;                                                       \
		struct socket *sock = sockfd_lookup(fd, &err);                 \
                                                                               \
		if (!sock)                                                     \
			return err;                                            \
		err = on_socket(sock, backlog);                                \
		sockfd_put(sock);                                              \
		return err;                                                    \
	}                                                                      \
	BREAKS(__sys_listen)

/* For a module whose only mistake is the backlog: it says what comes out of the clamp. */
#define LISTEN_WITH_CLAMP(clamped)                                             \
	static int listen_clamped(struct socket *sock, int backlog)            \
	{                                                                      \
		backlog = clamped(sock, backlog);                              \
		return ask_security(sock, backlog) ?:                          \
			protocol_listen(sock, backlog);                        \
	}                                                                      \
	LISTEN_ON(listen_clamped)
