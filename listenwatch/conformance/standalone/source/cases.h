/* SPDX-License-Identifier: MIT */
/* All cases, in their order. */
#ifndef CASES_H
#define CASES_H
#include "queue_cases.h"

static void run_cases(int may_write)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int i;

	no_sockets();
	cannot_listen();
	for (i = 0; i < NUMBER(families); i++)
		listen_elsewhere(families[i]);
	for (i = 0; i < NUMBER(families); i++) {
		first_listens(families[i]);
		listens_again(families[i]);
		unbound(families[i]);
		port_conflict(families[i]);
		connections(families[i]);
		shut_down(families[i]);
		shrink(families[i]);
	}
	unix_states(STREAM);
	unix_states(SEQPACKET);
	unix_fills(STREAM);
	unix_fills(SEQPACKET);
	if (may_write)
		no_port_left();
	else
		not_tried("no-port-left", "a namespace of its own", -1);
	fills(may_write);
	sysctls(may_write);
}
#endif
