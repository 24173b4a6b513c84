"""Signalling, RFC 3261: pure machines, and one asyncio driver that gives them sockets and timers.

From the wire upwards: ``message`` (values), ``transport`` (sockets), ``transaction`` (retransmission), ``dialog``
(who talks to whom), ``call`` (offer, answer, hang up), ``registration`` and ``registrar``, ``stack`` (the driver).
Nothing points upwards.
"""
