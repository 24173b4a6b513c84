import asyncio

import pytest

from softphone.focus.feed import EventType, Feed, FeedEvent, Subscription


def publish(feed: Feed, count: int) -> list[FeedEvent]:
    return [feed.publish(EventType.PARTY_TALKING, "s-1", f"p-{n}", on=True) for n in range(count)]


async def take(subscription: Subscription, count: int) -> list[FeedEvent]:
    async with asyncio.timeout(30):
        return [await anext(subscription) for _ in range(count)]


async def test_a_watcher_gets_what_happens_from_now_on() -> None:
    feed = Feed()
    publish(feed, 3)
    subscription = feed.subscribe()
    waiting = asyncio.create_task(take(subscription, 2))
    await asyncio.sleep(0)
    published = publish(feed, 2)
    assert await waiting == published
    assert [event.id - published[0].id for event in published] == [0, 1]
    assert published[0].data == {"on": True}


async def test_a_watcher_resumes_behind_the_last_event_it_has() -> None:
    feed = Feed()
    published = publish(feed, 5)
    subscription = feed.subscribe(published[1].id)
    assert await take(subscription, 3) == published[2:]
    assert subscription.missed == 0
    assert subscription.last_id == feed.last_id


async def test_who_reads_too_late_gets_what_is_kept_and_knows_what_it_missed() -> None:
    feed = Feed(kept=3)
    slow = feed.subscribe()
    published = publish(feed, 10)
    assert await take(slow, 3) == published[7:]
    assert slow.missed == 7


async def test_a_burst_of_somebody_else_is_told_to_who_resumes_behind_it() -> None:
    """All share what is kept: nobody loses an event without hearing of it."""
    feed = Feed(kept=5)
    mine = feed.publish(EventType.CONFERENCE_CREATED, "s-mine")
    feed.publish(EventType.CONFERENCE_CHANGED, "s-mine", locked=True)
    publish(feed, 20)
    last = feed.publish(EventType.CONFERENCE_ENDED, "s-mine", reason="requested")
    resumed = feed.subscribe(mine.id)
    assert (await take(resumed, 5))[-1] == last
    assert resumed.missed == 17
    assert resumed.resumed


async def test_an_id_from_before_a_restart_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish(Feed(), 3)[-1].id
    monkeypatch.setattr("time.time_ns", lambda: (before + 60_000) * 1_000_000)
    feed = Feed(kept=3)
    published = publish(feed, 2)
    late = feed.subscribe(before)
    assert await take(late, 2) == published
    assert (late.resumed, late.missed) == (False, 0)
    published = publish(feed, 4)
    assert await take(late, 3) == published[1:]
    assert late.missed == 1
    for last_id in (None, published[0].id, published[0].id - 3, feed.last_id + 7):
        assert feed.subscribe(last_id).resumed


async def test_an_id_from_the_future_is_no_excuse_to_wait_for_it() -> None:
    feed = Feed()
    subscription = feed.subscribe(feed.last_id + 1_000_000)
    published = publish(feed, 1)
    assert await take(subscription, 1) == published


async def test_watchers_do_not_take_from_each_other() -> None:
    feed = Feed()
    both = [feed.subscribe(), feed.subscribe()]
    published = publish(feed, 4)
    assert [await take(each, 4) for each in both] == [published, published]


async def test_who_leaves_while_talking_has_ceased_to() -> None:
    feed = Feed()
    subscription = feed.subscribe()
    for party, on in (("p-1", True), ("p-2", True), ("p-2", False)):
        feed.publish(EventType.PARTY_TALKING, "s-1", party, on=on)
    for party in ("p-1", "p-2", "p-1"):
        feed.publish(EventType.PARTY_LEFT, "s-1", party, reason="bye")
    told = [(event.type.value, event.party, event.data) for event in (await take(subscription, 7))[3:]]
    assert told == [
        ("party.talking", "p-1", {"on": False}),
        ("party.left", "p-1", {"reason": "bye"}),
        ("party.left", "p-2", {"reason": "bye"}),
        ("party.left", "p-1", {"reason": "bye"}),
    ]


async def test_an_event_between_asking_for_news_and_waiting_is_not_missed() -> None:
    feed = Feed()
    news = asyncio.ensure_future(feed.news())
    feed.publish(EventType.CONFERENCE_ENDED, "s-0", reason="test")
    await asyncio.wait_for(news, 30)
