"""Telephones are reached again after a restart of the registrar, on a database of either kind."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from softphone.bindings import KeptBindings
from softphone.sip.services.binding import Binding
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.store.bindings import BindingShelf, Telephones
from softphone.store.errors import StoreUnavailable
from softphone.store.store import Store
from tests.sip.wire import invite
from tests.support.recordings import until

PHONE = Hop("udp", "192.0.2.1", 5060)
NAT = Hop("udp", "198.51.100.7", 41_000)
STREAM = Hop("tcp", "192.0.2.1", 41_000, 1)
MINUTES_AWAY = 600.0


class Life:
    """One run of a server: its clock begins anew, the world's goes on."""

    def __init__(self, store: Store, began: float, node: str = "n") -> None:
        self.now = 5.0
        self._began = began
        self.registrar = Registrar(flows=self.flow)
        self.shelf = BindingShelf(store.database, node)
        self.kept = KeptBindings(self.shelf, self.registrar, lambda: self.now, lambda: self._began + self.now)

    def flow(self, target: Hop) -> Flow | None:
        """A stranger has connection 1 in every life."""
        return Flow(target, lambda: None) if target.connection == 1 else None

    def register(self, contact: str, source: Hop, user: str = "101", expires: str = "3600") -> None:
        headers = {"method": "REGISTER", "CSeq": "7 REGISTER", "To": f"<sip:{user}@h>", "Contact": contact}
        request = invite(**headers, Call_ID=contact, Expires=expires)
        assert self.registrar.handle(request, source, self.now).status == 200

    def contacts(self, user: str = "101") -> list[Binding]:
        return self.registrar.contacts(user, self.now)


@asynccontextmanager
async def life(store: Store, began: float, node: str = "n") -> AsyncIterator[Life]:
    lived = Life(store, began, node)
    async with lived.kept:
        yield lived


async def test_telephones_are_called_where_they_were(store: Store) -> None:
    async with life(store, 1e9) as first:
        first.register('<sip:101@192.0.2.1>;+sip.instance="<urn:uuid:1>";q=0.5', PHONE)
        first.register("<sip:101@10.0.0.5>", NAT)
        before = first.contacts()
    async with life(store, 1e9 + MINUTES_AWAY) as second:
        after = second.contacts()
        assert [(each.hop, each.contact, each.cseq) for each in after] == [
            (each.hop, each.contact, each.cseq) for each in before
        ]
        assert [each.expires_at for each in after] == pytest.approx([3605.0 - MINUTES_AWAY] * 2)
        assert [each.is_behind_nat for each in after] == [each.is_behind_nat for each in before]


async def test_a_connection_is_gone_and_nobody_elses_is_taken_for_it(store: Store) -> None:
    async with life(store, 1e9) as first:
        first.register("<sip:101@192.0.2.1:5070;transport=tcp>", STREAM)
        first.register("<sip:101@192.0.2.1>", PHONE)
        first.register("<sip:102@10.0.0.9;transport=tcp>", STREAM, "102")
    async with life(store, 1e9 + 1) as second:
        assert [each.hop for each in second.contacts()] == [PHONE, Hop("tcp", "192.0.2.1", 5070)]
        assert second.contacts("102") == []
    async with life(store, 1e9 + 2) as third:
        assert set(await third.shelf.all()) == {"101"}


async def test_what_has_run_out_or_was_taken_back_stays_away(store: Store) -> None:
    async with life(store, 1e9) as first:
        first.register("<sip:101@192.0.2.1>", PHONE, expires="60")
        first.register("<sip:102@192.0.2.1>", PHONE, "102")
        await until(lambda: not first.kept._changed)
        first.registrar.drop(first.contacts("102")[0])
    async with life(store, 1e9 + 61) as second:
        assert second.registrar.count(second.now) == 0
    async with life(store, 1e9) as third:
        assert await third.shelf.all() == {}


async def test_a_clock_that_was_set_back_lets_nobody_live_longer(store: Store) -> None:
    async with life(store, 1e9) as first:
        first.register("<sip:101@192.0.2.1>", PHONE)
    async with life(store, 1e6) as second:
        assert [each.expires_at for each in second.contacts()] == [second.now + second.registrar.max_expires]


async def test_servers_on_one_database_keep_their_own(store: Store) -> None:
    async with life(store, 1e9, "one") as one, life(store, 1e9, "other") as other:
        one.register("<sip:101@192.0.2.1>", PHONE)
        other.register("<sip:101@10.0.0.5>", NAT)
    async with life(store, 1e9, "one") as one:
        assert [each.hop for each in one.contacts()] == [PHONE]


async def test_a_database_that_was_away_gets_all_of_it_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with life(store, 1e9) as first:
        there, asked = first.shelf.put, []

        async def away(changed: object) -> None:
            asked.append(changed)
            raise StoreUnavailable("away")

        monkeypatch.setattr(first.shelf, "put", away)
        first.register("<sip:101@192.0.2.1>", PHONE)
        await until(lambda: len(asked) > 0)
        first.register("<sip:102@192.0.2.1>", PHONE, "102")
        monkeypatch.setattr(first.shelf, "put", there)
    async with life(store, 1e9) as second:
        assert second.registrar.count(second.now) == 2


async def test_what_another_version_has_written_costs_nobody_else(store: Store) -> None:
    async with life(store, 1e9) as first:
        first.register("<sip:101@192.0.2.1>", PHONE)
    shelf = BindingShelf(store.database, "n")
    ((good,),) = (await shelf.all()).values()
    await shelf.put({"101": [{"later": 1}, good, {**good, "contact": "<<"}]})
    async with life(store, 1e9) as second:
        assert [each.hop for each in second.contacts()] == [PHONE]


@pytest.mark.parametrize("kept", ["[{", '{"contact": 1}', "[1]", ""])
async def test_a_row_that_cannot_be_read_costs_nobody_else(store: Store, kept: str) -> None:
    async with life(store, 1e9) as first:
        first.register("<sip:101@192.0.2.1>", PHONE)
        first.register("<sip:102@192.0.2.1>", PHONE, "102")
    async with store.database.write() as connection:
        text = json.dumps(kept) if connection.dialect.name == "postgresql" else kept
        spoil = sa.text("UPDATE bindings SET telephones = :kept WHERE user_name = '101'")
        await connection.execute(spoil, {"kept": text})
    async with life(store, 1e9) as second:
        assert second.contacts("102")
        assert second.contacts("101") == []


NO_TEXT = (
    '<sip:\udce9@192.0.2.1>;+sip.instance="<urn:uuid:\udcff>";x=\udc80',
    '"\udce9t\udce9" <sip:101@192.0.2.1>',
    "<sip:%00@192.0.2.1>",
    '"\x00" <sip:101@192.0.2.1;\ufffe=\udced\udcb3\udca9>',
)


@pytest.mark.parametrize("contact", NO_TEXT)
async def test_bytes_that_are_no_text_come_back(store: Store, contact: str) -> None:
    async with life(store, 1e9) as first:
        first.register(contact, PHONE)
        before = first.contacts()
    async with life(store, 1e9) as second:
        assert [(str(each.contact), each.call_id) for each in second.contacts()] == [
            (str(each.contact), each.call_id) for each in before
        ]


@pytest.mark.parametrize("user", ["%00", "1%002", "\udce9", "%ED%B3%A9"])
async def test_a_user_that_no_database_takes_costs_nobody_else(store: Store, user: str) -> None:
    """PostgreSQL takes no NUL; where all is taken the others are kept as well."""
    async with life(store, 1e9) as first:
        for each in ("102", user, "103"):
            first.register("<sip:101@192.0.2.1>", PHONE, each)
    async with life(store, 1e9) as second:
        assert second.contacts("102")
        assert second.contacts("103")


async def test_what_a_driver_cannot_even_encode_costs_nobody_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with life(store, 1e9) as first:
        put = first.shelf.put

        async def picky(changed: Mapping[str, Telephones]) -> None:
            for user in changed:
                if user in ("101", "104"):
                    user.encode("undefined")
            await put(changed)

        monkeypatch.setattr(first.shelf, "put", picky)
        for each in ("101", "102", "103", "104", "105"):
            first.register("<sip:101@192.0.2.1>", PHONE, each)
    async with life(store, 1e9) as second:
        assert [bool(second.contacts(each)) for each in ("101", "102", "103", "104", "105")] == [
            False, True, True, False, True
        ]  # fmt: skip
