"""Signed HTTP notifications, in order per receiver, repeated with growing pauses.

A delivery is one POST, in the convention of Standard Webhooks (https://www.standardwebhooks.com), so that its libraries
verify it::

    webhook-id: 7c3f...                  the same in every attempt: a receiver that has seen it ignores the next
    webhook-timestamp: 1767225600        Unix seconds of this attempt
    webhook-signature: v1,<base64>       HMAC-SHA256 of "<id>.<timestamp>.<body>"

with ``X-Softphone-Event`` as well, and for one more release the older ``X-Softphone-Delivery``, ``-Timestamp`` and
``-Signature`` (:func:`signature`).

A receiver may be at any public address; at another one only when the configuration says so
(:mod:`softphone.webhooks.reach`). A redirection is a failure and is not followed: what was signed for one receiver is
not sent to another.

The sender never waits: each receiver has a queue of bounded length. What was not taken before the program ends goes on
with the next start (:mod:`softphone.webhooks.outbox`): a receiver may see one twice.
"""

from softphone.webhooks.reach import Target
from softphone.webhooks.sender import Webhooks
from softphone.webhooks.signing import signature, verify

__all__ = ["Target", "Webhooks", "signature", "verify"]
