from datetime import UTC, datetime, timedelta, timezone

from softphone.invite import Invitation, invitation

CREATED = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
START = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=1)))


def weekly(title: str = "Weekly, with sales; and Ümläut") -> Invitation:
    """An invitation in which everything is said."""
    return invitation(
        title,
        "sip:201@bridge.example.com",
        created=CREATED,
        number="+1 (650) 555-0100",
        code="128576",
        web_url="https://bridge.example.com/j/abc?x=1,2;3",
        organizer='"Ada \\"^, Admin" <ada@example.com>'.replace('\\"', "'"),
        start=START,
        duration=timedelta(minutes=45),
        uid="weekly-1@bridge.example.com",
    )


def spare() -> Invitation:
    """An invitation in which nothing is said that need not be."""
    return invitation("Now", "sip:conf_0a1b@127.0.0.1:5060", created=CREATED)
