"""The door of those who come by HTTP: a browser, or a bot with an offer and no SIP.

By the same rules as by telephone: codes, tokens and passes open the same rooms, wrong ones are counted under the
address that they come from, and the room says who is let in. The answer is given at once, or why not: nobody is asked
for a code by a voice.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import structlog

from mixer.rules.entrance import Code, CodeVerdict
from mixer.rules.roles import PartyKind, Role
from softphone.config import Config
from softphone.focus.entrance.codes import CodeBook, Passage
from softphone.focus.entrance.pass_gate import PassGate
from softphone.focus.entrance.routing import ToBridge, ToConference, ToPass, ToRoom, route
from softphone.focus.entrance.strangers import reserved
from softphone.focus.entrance.web_parties import WebParties, WebParty
from softphone.focus.errors import NotAllowed, Overloaded
from softphone.focus.focus import Focus
from softphone.focus.party.signalling import HttpCall
from softphone.focus.passes import PASS
from softphone.focus.room.admission import Admission, NotAdmitted
from softphone.focus.room.arriving import join
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room_commands import LONGEST_OWN_NAME
from softphone.focus.token import VoiceCallToken
from softphone.store.accounts import Accounts
from softphone.store.values import Extension
from softphone.text import shown

__all__ = ["WebJoined", "WebDoor", "WebWish"]

log = structlog.get_logger()

CODE = re.compile(r"[0-9]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebWish:
    """What somebody asks for who comes by HTTP."""

    to: str = field(repr=False)
    "A participants' or a host's code, a ``conf_`` token, a pass, the number of a conference or of the bridge."
    offer: str = field(repr=False)
    host: str
    "The address that the request comes from."
    name: str = ""
    secret: str = field(default="", repr=False)
    "A pass, or the code of the conference that was named; empty: none."
    caller: Extension | None = None
    "Who has logged in; None: a guest."


@dataclass(frozen=True, slots=True)
class WebJoined:
    """Somebody who was let in."""

    party: WebParty
    key: str = field(repr=False)
    "By which its client proves that the party is its own; kept nowhere here."
    answer: str = field(repr=False)


class WebDoor:
    """Lets in who comes by HTTP.

    Parameters
    ----------
    focus, accounts
        Where the rooms are, and whose.
    codes, gate
        Judge codes and passes: those of telephones, which count wrong ones.
    config
        How many may come, and who.

    Attributes
    ----------
    parties
        Those who have come.
    """

    def __init__(
        self, focus: Focus, accounts: Accounts, codes: CodeBook, gate: PassGate | None, config: Config
    ) -> None:
        self.parties = WebParties()
        self._focus = focus
        self._accounts = accounts
        self._codes = codes
        self._gate = gate
        self._settings, self._sip = config.web, config.sip
        self._at_the_door: Counter[str] = Counter()
        self._legs = min(config.sip.max_calls, config.media.capacity * config.media.workers)

    async def join(self, wish: WebWish) -> WebJoined:
        """Let somebody in, or say why not; nothing is left of who was not let in.

        Raises
        ------
        NotAdmitted
            It may not come in; `why` says the reason.
        NoCommonCodec, SdpError
            The offer cannot be answered.
        Overloaded, MediaError
            There is no place for one more.
        """
        self._check(wish)
        await self._focus.context.check_offer(wish.offer)
        name = shown(wish.name, LONGEST_OWN_NAME)
        guest = Admission("", name or "Guest", None, Role.PARTICIPANT, PartyKind.OUTSIDE, host=wish.host)
        who = guest
        if (known := wish.caller) is not None:
            who = Admission(known.number, known.name or name, known, kind=PartyKind.INSIDE, host=wish.host)
        self._at_the_door[wish.host] += 1
        try:
            return await _Visit(self, wish, who).bring()
        finally:
            self._at_the_door -= Counter((wish.host,))

    def _check(self, wish: WebWish) -> None:
        known = wish.caller is not None
        if not self._settings.enabled:
            raise NotAdmitted("unknown")
        if not known and not self._settings.guests:
            raise NotAdmitted("account_needed")
        most = self._legs if known else self._legs - reserved(self._legs)
        there = len(self.parties) + self._at_the_door.total()
        if not self._focus.takes_calls or self._focus.parties >= most or there >= self._settings.max_parties:
            raise Overloaded("There is no place for one more")
        if self.parties.of_host(wish.host) + self._at_the_door[wish.host] >= self._settings.max_parties_address:
            raise NotAdmitted("too_many_there")


class _Visit:
    """One who is at the door."""

    def __init__(self, door: WebDoor, wish: WebWish, who: Admission) -> None:
        self._door, self._wish, self._who = door, wish, who
        self._codes, self._focus = door._codes, door._focus

    async def bring(self) -> WebJoined:
        """Bring it to where it wants to go, by the first of these that it names."""
        wish, to = self._wish, "".join(self._wish.to.split())
        match route(to, self._door._accounts):
            case ToConference(token):
                return await self._by_token(token)
            case ToPass(number):
                return await self._by_pass(number)
            case ToBridge():
                return await self._by_passage(self._opened(None, wish.secret))
            case ToRoom(extension):
                return await self._to_extension(extension)
        passage = self._opened(None, to)
        if PASS.fullmatch(wish.secret):
            return await self._by_pass(wish.secret, passage.extension.id)
        return await self._by_passage(self._raised(passage))

    def _raised(self, passage: Passage) -> Passage:
        """Give what the secret opens beyond the code that was named: the same room, as its host."""
        if not self._wish.secret:
            return passage
        more = self._opened(None, self._wish.secret)
        if more.extension.id != passage.extension.id:
            self._codes.wrong(None, self._who)
            raise NotAdmitted("wrong_code")
        return more

    def _opened(self, called: Extension | None, code: str) -> Passage:
        """Judge a code; raises NotAdmitted."""
        if not CODE.fullmatch(code):
            raise NotAdmitted("wrong_code" if code else "code_needed")
        verdict, passage = self._codes.judge(called, Code(code), self._who)
        if verdict is CodeVerdict.CLOSED:
            raise NotAdmitted("too_many_codes", self._codes.wait_s(called, self._who))
        if passage is None:
            raise NotAdmitted("wrong_code")
        return passage

    async def _to_extension(self, extension: Extension) -> WebJoined:
        """Bring it into the room of a conference extension, which strangers call by its code alone."""
        secret = self._wish.secret
        if PASS.fullmatch(secret):
            return await self._by_pass(secret, extension.id)
        if self._codes.asks(extension):
            return await self._by_passage(self._opened(extension, secret))
        if self._who.caller is None:
            raise NotAdmitted("account_needed")
        return await self._by_passage(Passage(extension, Role.PARTICIPANT))

    async def _by_passage(self, passage: Passage) -> WebJoined:
        try:
            room = await self._focus.open(passage.extension)
        except NotAllowed as error:
            raise NotAdmitted("unknown") from error
        return await self._enter(room, replace(self._who, role=passage.role))

    async def _by_token(self, token: VoiceCallToken | None) -> WebJoined:
        """Bring it into the conference that a token was made for."""
        room = self._focus.invited_by(token) if token is not None else None
        if room is None:
            ended = token is not None and self._focus.has_ended(token.session_id)
            raise NotAdmitted("ended" if ended else "unknown")
        secret, caller = self._wish.secret, self._who.caller
        if PASS.fullmatch(secret):
            return await self._by_pass(secret, room.session.id)
        if secret:
            self._codes.wrong(None, self._who)
            raise NotAdmitted("wrong_code")
        if caller is None and self._door._sip.require_credentials_for_conferences:
            raise NotAdmitted("account_needed")
        host = caller is not None and caller.id == room.session.owner_id
        kind = PartyKind.TOKEN if caller is None else PartyKind.INSIDE
        return await self._enter(room, replace(self._who, role=Role.MODERATOR if host else Role.PARTICIPANT, kind=kind))

    async def _by_pass(self, number: str, place: str = "") -> WebJoined:
        """Bring it to where its pass leads.

        Parameters
        ----------
        place
            Id of the session or extension that was named besides; empty: none was.
        """
        came: list[WebJoined] = []

        async def let_in(room: ConferenceRoom, bearer: Admission) -> None:
            if place and place not in (room.session.id, room.session.extension_id):
                raise NotAdmitted("unknown")
            came.append(await self._enter(room, bearer))

        if self._door._gate is None:
            raise NotAdmitted("unknown")
        await self._door._gate.enter(self._who, number, let_in)
        return came[0]

    async def _enter(self, room: ConferenceRoom, admission: Admission) -> WebJoined:
        wish = self._wish
        client = HttpCall(wish.host, known=admission.caller is not None)
        member, answer = await join(room, client, wish.offer, admission)
        party, key = self._door.parties.add(member, client)
        log.info("web_party_joined", session=room.session.id, party=party.id, host=wish.host)
        return WebJoined(party, key, answer)
