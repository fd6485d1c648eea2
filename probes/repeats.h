/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Calls that the ring has no room for, counted instead of lost. */
#ifndef LISTENWATCH_REPEATS_H
#define LISTENWATCH_REPEATS_H

/*
 * Count a call that has ended with those of which all is the same but when they began and how long they took. False:
 * there is none, and no room for another.
 *
 * Nothing is removed from the map while it is counted in, so what was looked up stays what it is.
 */
static __always_inline bool count_repeat(struct listen_event *event)
{
	void *part = (void *)event + sizeof(struct repeated), *counts = repeats_map();
	struct repeated *same;

	if (!counts) /* never so: for the verifier */
		return false;
	same = bpf_map_lookup_elem(counts, part);
	if (!same) {
		if (!bpf_map_update_elem(counts, part, event, BPF_NOEXIST))
			return true;
		same = bpf_map_lookup_elem(counts, part); /* another processor may have been faster */
	}
	if (!same)
		return false;
	__sync_fetch_and_add(&same->repeats, 1);
	return true;
}

#endif
