import sys

from bcc import BPF

PROGRAM = """
#include <linux/ptrace.h>

struct event { int asked; int left; };
BPF_PERF_OUTPUT(events);
BPF_HASH(asked, u64, int);

int at_entry(struct pt_regs *ctx, int fd, int backlog)
{
    u64 id = bpf_get_current_pid_tgid();

    asked.update(&id, &backlog);
    return 0;
}

int at_inet_listen(struct pt_regs *ctx, void *sock, int backlog)
{
    struct event event = {};
    u64 id = bpf_get_current_pid_tgid();
    int *first = asked.lookup(&id);

    if (id >> 32 != WATCHED || !first)
        return 0;
    event.asked = *first;
    event.left = backlog;
    events.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
"""

probe = BPF(text=PROGRAM.replace("WATCHED", sys.argv[1]))
probe.attach_kprobe(event="__sys_listen", fn_name="at_entry")
probe.attach_kprobe(event="inet_listen", fn_name="at_inet_listen")


def show(cpu: int, data: object, size: int) -> None:
    event = probe["events"].event(data)
    print(event.asked, event.left, flush=True)


probe["events"].open_perf_buffer(show)
print("ready", flush=True)
while True:
    probe.perf_buffer_poll()
