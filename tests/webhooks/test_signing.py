"""Signatures, read by the library of Standard Webhooks."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from softphone.webhooks.signing import headers, new_secret

BODY = json.dumps({"type": "party.joined", "name": "Änne"}).encode()


@pytest.fixture
def now() -> int:
    """The time of the test, not of its import: the library takes nothing that is five minutes old."""
    return int(datetime.now(UTC).timestamp())


def library(secret: str) -> Webhook:
    """The receiver's side; it wants base64, and of a secret of another form the base64 of its bytes."""
    return Webhook(secret if secret.startswith("whsec_") else base64.b64encode(secret.encode()).decode())


SECRETS = {
    "new": new_secret(),
    "whsec": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "hex": "0123456789abcdef",
    "two words": "a b",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_foreign_library_verifies_what_is_sent(secret: str, now: int) -> None:
    sent = headers(secret, "msg_1", "party.joined", now, BODY)
    assert library(secret).verify(BODY, sent) == json.loads(BODY)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "webhook-signature", "body"])
def test_it_notices_any_change(changed: str, now: int) -> None:
    secret = new_secret()
    sent = headers(secret, "msg_1", "x", now, BODY)
    assert library(secret).verify(BODY, sent) == json.loads(BODY)
    other = {"webhook-id": "msg_2", "webhook-timestamp": str(now - 1), "webhook-signature": "v1,AAAA"}
    fields = {name: other[name] if name == changed else value for name, value in sent.items()}
    with pytest.raises(WebhookVerificationError):
        library(secret).verify(BODY + b" " * (changed == "body"), fields)


def test_the_vector_of_the_specification() -> None:
    """The example of the documentation of Svix, whose scheme became Standard Webhooks."""
    sent = headers(
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        "x",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert sent["webhook-signature"] == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


@given(st.text("ABCwhsec_+/=0", min_size=1, max_size=40))
def test_any_secret_signs(secret: str) -> None:
    assert headers("whsec_" + secret, "1", "x", 0, b"{}")["webhook-signature"].startswith("v1,")


def test_without_a_secret_there_is_no_signature() -> None:
    assert [name for name in headers("", "1", "x", 0, b"") if "signature" in name.lower()] == []
