import sys

from bcc import BPF

PROGRAM = """
#include <linux/ptrace.h>

struct event { int asked; int left; };
BPF_PERF_OUTPUT(events);

int at_inet_listen(struct pt_regs *ctx, void *sock, int backlog)
{
    struct event event = {};

    if (bpf_get_current_pid_tgid() >> 32 != WATCHED)
        return 0;
    event.asked = backlog; /* is it? */
    event.left = backlog;
    events.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
"""

probe = BPF(text=PROGRAM.replace("WATCHED", sys.argv[1]))
probe.attach_kprobe(event="inet_listen", fn_name="at_inet_listen")


def show(cpu: int, data: object, size: int) -> None:
    event = probe["events"].event(data)
    print(event.asked, event.left, flush=True)


probe["events"].open_perf_buffer(show)
print("ready", flush=True)
while True:
    probe.perf_buffer_poll()
