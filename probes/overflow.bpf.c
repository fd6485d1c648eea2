// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Which listener had no room for whom, counted in the kernel: a flood costs no more to read than a
 * single drop.
 *
 * The kernel's own counters decide. Each processor has its own, so what they moved by between the
 * entry and the return of a function that handles one packet is what became of that packet: no test of
 * the kernel's is done again here, and what is attributed is what /proc/net/netstat counts.
 *
 * With kprobes the functions are those that handle a SYN or a final ACK, and name the listener.
 * Without, it is all that happens to a packet from netif_receive_skb until it is freed: the packet's
 * destination then names the listener.
 */
#include "listen.h"
#include "kernel.h"
#include "overflow.h"

#include "overflow_kernel.h"
#include "overflow_maps.h"
#include "overflow_count.h"
#include "overflow_headers.h"
#include "overflow_window.h"
#include "overflow_tcp.h"
#include "overflow_packet.h"
#include "overflow_unix.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
