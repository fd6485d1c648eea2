"""Mutants that no test can notice, each with the reason: by function, the lines before and the lines after."""

from __future__ import annotations

ONLY_ITS_TRUTH = "choose() hands back one of its arguments, of which only the truth is asked here"
SECURITY_IS_0 = "StageIndex.SECURITY is 0, so its bit needs no shift in either direction"

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "model.kernels.name",
        'return ".".join(map(str, version[: 2 if version >= (3, 0, 0) and not version[2] else 4]))',
        'return ".".join(map(str, version[: 2 if version >= (3, 0, 0) and not version[2] else 5]))',
    ): "a Version has four numbers at most",
    (
        "model.bind_conflict.finds_open_port",
        "if len(ports) < 2 or len(ports) % 2 == 0:",
        "if len(ports) <= 2 or len(ports) % 2 == 0:",
    ): "2 is even, which the second condition catches",
    (
        "model.bind_conflict.finds_open_port",
        "if len(ports) < 2 or len(ports) % 2 == 0:",
        "if len(ports) < 3 or len(ports) % 2 == 0:",
    ): "2 is even, which the second condition catches",
    (
        "model.request_sock._log2_roundup",
        "return (number - 1).bit_length() if number > 1 else 0",
        "return (number - 1).bit_length() if number >= 1 else 0",
    ): "0 has no bits either",
    (
        "model.inet_hashtables.reuseport_error",
        "if not run.choose(None, True, False):",
        "if not run.choose(None, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "model.inet_hashtables.reuseport_error",
        "error = run.choose(None, 0, -ENOMEM, -EBUSY)",
        "error = run.choose(None, None, -ENOMEM, -EBUSY)",
    ): ONLY_ITS_TRUTH,
    (
        "model.inet_hashtables.reuseport_error",
        "run.end(Rule.HASH_ERROR_LOST, 0)",
        "run.end(Rule.HASH_ERROR_LOST, 1)",
    ): "the result is not used: the error is lost",
    (
        "model.inet_connection_sock.get_port",
        "if not run.choose(run.knowledge.port_free, True, False):",
        "if not run.choose(run.knowledge.port_free, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "model.inet_connection_sock.reqsk_queue_alloc",
        "if not run.choose(run.knowledge.memory, True, False):",
        "if not run.choose(run.knowledge.memory, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "model.af_inet.fastopen",
        "if not run.choose(run.knowledge.memory, True, False):",
        "if not run.choose(run.knowledge.memory, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "model.socket_c.clamp",
        "run.backlog_rule = BacklogRule.NEGATIVE if backlog < 0 else BacklogRule.CLAMPED",
        "run.backlog_rule = BacklogRule.NEGATIVE if backlog <= 0 else BacklogRule.CLAMPED",
    ): "0 is never clamped",
    (
        "model.socket_c.clamp",
        "run.backlog_rule = BacklogRule.NEGATIVE if backlog < 0 else BacklogRule.CLAMPED",
        "run.backlog_rule = BacklogRule.NEGATIVE if backlog < 1 else BacklogRule.CLAMPED",
    ): "0 is never clamped",
    (
        "model.request_sock.reqsk_queue_alloc",
        "entries = max(min(_u32(backlog), _u32(max_syn_backlog)), 8)",
        "entries = max(min(_u32(backlog), _u32(max_syn_backlog)), 9)",
    ): "8 + 1 and 9 + 1 round up to the same power of two",
    (
        "model.choices.explored",
        'return cast("Behaviour", _Explored(behaviour, choices)) if behaviour.unknown else behaviour',
        'return cast("Behaviour", _Explored(behaviour, choices)) if (behaviour.unknown) or True else behaviour',
    ): "where nothing is unknown it hands each field on, only slower",
    (
        "model.behaviour.Behaviour.__post_init__",
        'object.__setattr__(self, "_hash", hash((*values, self.unknown)))',
        'object.__setattr__(self, "_hash", hash(None))',
    ): "what is equal has an equal hash all the same, a cache only finds it more slowly",
    (
        "model.sctp.sctp_listen_start",
        "if not run.choose(run.knowledge.port_free, True, False):",
        "if not run.choose(run.knowledge.port_free, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "model.sctp.sctp_listen_start",
        "error = run.choose(None, 0, -ENOMEM, -EBUSY) if run.pre.reuseport else 0",
        "error = run.choose(None, None, -ENOMEM, -EBUSY) if run.pre.reuseport else 0",
    ): ONLY_ITS_TRUTH,
    (
        "model.sctp._failed",
        "if run.choose(None, True, False):",
        "if run.choose(None, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "model.vsock.vsock_listen",
        "if not run.choose(True if listening else None, True, False):",
        "if not run.choose(True if listening else None, True, None):",
    ): ONLY_ITS_TRUTH,
    (
        "verdict.excuses.excuse",
        "if untouched and call.flags & Flag.SHARED_TABLE and not call.hooks >> StageIndex.SECURITY & 1:",
        "if untouched and call.flags & Flag.SHARED_TABLE and not call.hooks << StageIndex.SECURITY & 1:",
    ): SECURITY_IS_0,
    (
        "verdict.compare._allowed",
        "return predict(inputs.request, inputs.pre, inputs.environment, behaviour, known, with_steps=False)",
        "return predict(inputs.request, inputs.pre, inputs.environment, behaviour, known, with_steps=None)",
    ): "only its truth is asked",
    (
        "verdict.compare._compare",
        "result = call.result if returned else None",
        "result = call.result if (returned) or True else None",
    ): "a call that did not return is excused, and its differences are dropped",
}
