"""Signalling, RFC 3261: pure machines, and one asyncio driver that gives them sockets and timers.

From the wire upwards: ``message`` (values), ``transport`` (sockets), ``transaction`` (retransmission), ``dialog``
(who talks to whom), ``where`` (which way a request goes), ``ua`` (requests, calls), ``services`` (registrations,
subscriptions, proofs), and the node: ``trace``, ``driver``, ``stack``. Nothing imports what lies above it.
"""
