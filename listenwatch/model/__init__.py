"""The reference model: what the documented listen() of a given kernel does with given inputs.

Imports nothing but itself: no socket, no os, no recording. Read it next to the kernel source, in
this order: ``inputs`` (what it may know), ``behaviour`` (how kernels differ), ``socket_c``,
``af_inet``, ``inet_connection_sock``, ``inet_hashtables``, ``mptcp``, ``af_unix`` (the functions),
``predict`` (all outcomes the inputs allow); then ``tcp_input`` and ``request_sock`` (what the stored
numbers mean to the next connection) and ``kernels`` (which kernel behaves how).
"""
