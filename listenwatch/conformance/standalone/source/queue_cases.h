/* SPDX-License-Identifier: MIT */
/* What the stored numbers mean, and the sysctl that limits them. */
#ifndef QUEUE_CASES_H
#define QUEUE_CASES_H
#include "unix_cases.h"

static const word SOMAXCONNS[] = { 0, 1, 128, 4096, 65535, 65536, 2147483647, -1 };

static void fills(int own)
{
	static const int backlogs[] = { 0, 1, 2, 5 };
	word cookies = read_number(IPV4("tcp_syncookies"));
	int i, j;

	for (i = 0; i < NUMBER(backlogs); i++) {
		fill_tcp("fill", AF_INET, backlogs[i], MOST);
		for (j = 0; own && j < 3 && cookies != UNKNOWN; j++) {
			if (j != cookies && !write_number(IPV4("tcp_syncookies"), j))
				fill_tcp("fill", AF_INET, backlogs[i], MOST);
			write_number(IPV4("tcp_syncookies"), cookies);
		}
	}
	fill_tcp("fill", AF_INET6, 3, MOST);
	if (own && !write_text(IPV4("tcp_abort_on_overflow"), "1")) {
		fill_tcp("fill", AF_INET, 2, MOST);
		write_text(IPV4("tcp_abort_on_overflow"), "0");
	}
	fill_tcp("fill-negative", AF_INET, -1, MOST);
}

/* What somaxconn can be set to, and what it then does. */
static void sysctls(int own)
{
	word before = read_number(SOMAXCONN);
	int i;

	begin_line("default");
	string("file", "net.core.somaxconn");
	fact("value", before);
	end_line();
	for (i = 0; i < NUMBER(SOMAXCONNS) && own; i++) {
		word result = write_number(SOMAXCONN, SOMAXCONNS[i]), value = read_number(SOMAXCONN);

		begin_line("write");
		string("file", "net.core.somaxconn");
		number("value", SOMAXCONNS[i]);
		number("result", result);
		fact("read", value);
		end_line();
		if (!result && value == SOMAXCONNS[i])
			first_listens(i == 2 ? AF_INET6 : AF_INET);
		write_number(SOMAXCONN, before);
	}
	if (!own)
		not_tried("somaxconn", "a namespace of its own", -1);
	else if (!write_text(SOMAXCONN, "16"))
		fill_tcp("fill-clamped", AF_INET, 1000, MOST);
	write_number(SOMAXCONN, before);
}
#endif
