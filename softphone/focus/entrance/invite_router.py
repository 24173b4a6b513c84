"""The SIP door: who may come in, and where to. Every initial INVITE and every REGISTER passes here."""

import time
from collections.abc import Mapping

import structlog

from mixer.rules.entrance import EntranceSettings
from mixer.rules.roles import PartyKind, Role
from softphone.config import ConferenceConfig, MediaConfig, SipConfig, TrunkConfig
from softphone.errors import CallEnded, CallRefused, MediaError, SdpError
from softphone.focus.entrance.authentication import Authentication
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.echo_test import EchoTest
from softphone.focus.entrance.handed_in import HandedIn
from softphone.focus.entrance.pass_gate import PassGate
from softphone.focus.entrance.quality_reports import publish
from softphone.focus.entrance.reception import Reception
from softphone.focus.entrance.refusals import refusal_of
from softphone.focus.entrance.routing import (
    Destination,
    ToBridge,
    ToConference,
    ToEcho,
    ToExtension,
    ToNowhere,
    ToOwnRoom,
    ToPass,
    ToRoom,
    route,
    route_of_trunk,
)
from softphone.focus.entrance.strangers import Strangers, Turns, Waiting
from softphone.focus.entrance.subscriptions import RosterSubscriptions
from softphone.focus.errors import FocusError
from softphone.focus.focus import Focus
from softphone.focus.home import Home
from softphone.focus.party.identity import calls, is_trusted
from softphone.focus.party.trunks import Trunks
from softphone.focus.passes import Passes
from softphone.focus.room.admission import Admission
from softphone.focus.room.arriving import enter
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.parking import parked_at, take_up
from softphone.focus.room.referrals import refer
from softphone.focus.room.replacement import replace as replace_party
from softphone.focus.session import PartyAddress
from softphone.focus.token import VoiceCallToken
from softphone.sip.dialog.target import target_dialog
from softphone.sip.dispatcher import OnRequest
from softphone.sip.message.message import Request, Response, response
from softphone.sip.message.uri import number_of
from softphone.sip.services.auth import Authenticator
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.early import EarlyDialog
from softphone.sip.ua.edge_profile import edge_of
from softphone.sip.ua.referral import OnRefer
from softphone.store.accounts import Accounts
from softphone.store.values import Extension
from softphone.text import shown

__all__ = ["InviteRouter"]

log = structlog.get_logger()

# Of one media worker that is not told otherwise.
LEGS = MediaConfig().capacity


class InviteRouter:
    """Admits, routes and refuses.

    Parameters
    ----------
    focus
        Where the sessions are.
    accounts
        Who we know.
    authenticator, registrar
        Check who somebody is, and keep where its phones are.
    watchers
        Those who are told of rosters.
    settings, conference
        Of signalling, and of what callers are asked.
    legs
        How many the media workers have.
    trunks
        By which numbers outside call.
    passes
        Judges those of callers; None: there are none.

    Attributes
    ----------
    codes, gate
        Judge the codes of callers, and their passes; None: there are no passes.
    on_request
        By method, what answers the requests outside of any dialog.
    """

    def __init__(
        self,
        focus: Focus,
        accounts: Accounts,
        authenticator: Authenticator,
        registrar: Registrar,
        watchers: RosterSubscriptions,
        settings: SipConfig,
        conference: ConferenceConfig,
        legs: int = LEGS,
        *,
        trunks: Trunks,
        passes: Passes | None = None,
    ) -> None:
        self.refused = 0
        self._focus = focus
        self._accounts = accounts
        self._proofs = Authentication(accounts, authenticator, settings, Home.of(settings, *focus.node).hosts)
        self._registrar = registrar
        self._watchers = watchers
        self._settings = settings
        self._conference = conference
        self._trunks = trunks
        self.codes = CodeBook(accounts, conference, focus.context.clock, trunks)
        focus.way_in = HandedIn(focus, accounts, self.codes, settings).find
        self.gate = PassGate(focus, accounts, self.codes, passes) if passes is not None else None
        self._entering: set[InviteSession] = set()
        self._turns = Turns()
        self._strangers = Strangers(min(settings.max_calls, legs), focus.context.clock, focus.context.allowances)
        waiting = Waiting(min(settings.max_calls, legs))
        self._reception = Reception(focus, self.codes, conference, waiting, watchers)
        self.on_request: Mapping[str, OnRequest] = {
            "REGISTER": self._register,
            "SUBSCRIBE": self._subscribe,
            "REFER": self._refer,
            "MESSAGE": self._message,
            "PUBLISH": self._publish,
        }

    @property
    def calls(self) -> int:
        """Calls with a leg, and calls on their way to one (a call is counted twice for the moment in between)."""
        return self._focus.parties + len(self._entering)

    async def on_invite(self, call: InviteSession) -> None:
        """Take an initial INVITE: it is answered or refused when this returns."""
        self._entering.add(call)
        try:
            await self._admit(call)
        except CallEnded as error:
            log.info("call_cancelled", call_id=call.dialog.call_id, reason=str(error))
        except (CallRefused, SdpError, MediaError, FocusError) as error:
            self._refuse(call, error)
        finally:
            self._entering.discard(call)

    def _refuse(self, call: InviteSession, error: Exception) -> None:
        refusal = refusal_of(error) or self._overloaded()
        if refusal.status != 407:
            log.info("call_refused", call_id=call.dialog.call_id, status=refusal.status, reason=str(error))
        call.reject(refusal.status, refusal.reason, refusal.headers)

    def _overloaded(self) -> CallRefused:
        self.refused += 1
        return CallRefused(503, headers=[("Retry-After", str(self._settings.retry_after_s))])

    async def _admit(self, call: InviteSession) -> None:
        trunk = self._trunks.of(call.invite, call.source)
        destination = self._destination(number_of(call.invite.uri))
        if trunk is not None:
            destination = route_of_trunk(self._trunks.called(trunk, call.invite), trunk, self._accounts)
        self._check_open(call, destination)
        caller = self._caller(call, destination, trunk)
        if caller is None and trunk is None:
            await self._turns.wait()
        if call.pending is not None and call.pending.replaces is not None:
            await self._replace(call, caller, call.pending.replaces)
        else:
            await self._lead(call, caller, destination, from_trunk=caller is None and trunk is not None)

    async def _lead(
        self, call: InviteSession, caller: Extension | None, destination: Destination, *, from_trunk: bool
    ) -> None:
        """Bring a call to where it wants to go."""
        known = caller is not None or from_trunk
        # Only a phone that can be notified shows a roster, and some others stumble over the word.
        if not isinstance(destination, ToExtension) and "NOTIFY" in call.invite.tokens("Allow"):
            call.dialog.as_focus()
        match destination:
            case ToConference(token):
                await self._join(call, caller, token)
            case ToBridge() | ToPass() | ToEcho():
                await self._apart(call, self._stranger(call, caller), destination)
            case ToExtension(callee) if known:
                await self._ring(call, caller, PartyAddress.of(callee))
            case ToRoom() | ToOwnRoom() if known:
                await self._reception.enter(call, self._stranger(call, caller), destination)
            case ToNowhere(number) if caller is not None:
                await self._beyond(call, caller, number)
            case _:
                raise CallRefused(404)

    async def _beyond(self, call: InviteSession, caller: Extension, number: str) -> None:
        """Connect an extension with who is parked under a number, or with the number outside."""
        room = parked_at(self._focus.calls.values(), number)
        if room is not None:
            await take_up(room, call, caller)
        else:
            await self._ring(call, caller, PartyAddress(shown(number)))

    async def _apart(self, call: InviteSession, admission: Admission, destination: ToBridge | ToPass | ToEcho) -> None:
        """Bring a call to where its pass leads, or the code that it is asked for; or let it hear itself."""
        if isinstance(destination, ToBridge):
            await self._reception.receive(call, admission, EntranceSettings(prompt="conf-getconfno"))
        elif isinstance(destination, ToEcho):
            await EchoTest(self._focus.context).receive(call, admission)
        elif self.gate is None:
            raise CallRefused(404)
        else:
            await self.gate.enter(admission, destination.number, lambda room, bearer: enter(room, call, bearer))

    def _check_open(self, call: InviteSession, destination: Destination) -> None:
        """Refuse everybody while we stop or are too busy, and a conference that has called itself, or another one.

        A call of ours that was forwarded to another extension is no loop but a spiral (RFC 3261 section 6).
        """
        if not self._focus.takes_calls:
            raise self._overloaded()
        if call.came_back and (not isinstance(destination, ToExtension) or self._asked_again(call.invite)):
            raise CallRefused(482)

    def _asked_again(self, invite: Request) -> bool:
        """Whether an INVITE of ours is back where it was sent to: its To is still whom we have called."""
        return self._accounts.find(number_of(invite.to.uri)) is self._accounts.find(number_of(invite.uri))

    def _caller(self, call: InviteSession, destination: Destination, trunk: TrunkConfig | None) -> Extension | None:
        """Say which extension is calling; None: somebody behind a trunk, or a stranger, who is in so far.

        Strangers get no further than conferences by token and the bridge number. Whatever else they call, they are
        asked who they are, so that nothing shows which extensions there are.
        """
        if self._registrar.has_left(call.source):
            raise CallRefused(403)
        # Who calls by such a Contact is no telephone of ours, whatever its From says.
        registered = self._trunks.registered(call.invite)
        caller = None if registered else self._proofs.caller(call.invite, call.source)
        # A trunk or a proxy of ours names others in its Contact and Record-Route; a telephone's way is where it is.
        call.way.trusted = self._is_configured(call)
        call.known = caller is not None or call.way.trusted
        if caller is not None:
            call.edge = edge_of(call.invite)
        if caller is not None or trunk is not None:
            if self.calls > self._settings.max_calls:
                raise self._overloaded()
            return caller
        if not isinstance(destination, ToConference | ToBridge | ToPass) or edge_of(call.invite).challenged:
            raise self._proofs.challenge(call.source)
        if self.calls > self._strangers.legs or not self._strangers.take(call):
            raise self._overloaded()
        return None

    async def _replace(self, call: InviteSession, caller: Extension | None, replaced: object) -> None:
        """Let a call take the place of a party's (RFC 3891), or of a telephone that rings, whose caller answers it.

        The names of a dialog are known to nobody whom its party has not told; but whoever comes so says who it is.
        """
        if not call.known:
            raise self._proofs.challenge(call.source)
        who = self._stranger(call, caller)
        address = PartyAddress(who.number, who.name, caller.id if caller else None)
        if isinstance(replaced, EarlyDialog):
            await self._check_offer(call)
            replaced.give_way(call)
            self._focus.context.successors[call] = address
            return
        rooms = self._focus.rooms.values()
        found = ((room, each) for room in rooms for each in room.members.values() if each.call is replaced)
        room, member = next(found, (None, None))
        if room is None or member is None:
            raise CallRefused(481)
        await replace_party(room, member, call, address)

    async def _check_offer(self, call: InviteSession) -> None:
        """Raise SdpError, or NoCommonCodec, for an offer that could not be answered."""
        if call.remote_sdp is not None:
            await self._focus.context.check_offer(call.remote_sdp, call)

    def _invited_by(self, token: VoiceCallToken | None) -> ConferenceRoom | None:
        return self._focus.invited_by(token) if token is not None else None

    async def _join(self, call: InviteSession, caller: Extension | None, token: VoiceCallToken | None) -> None:
        """Bring a call into the conference that a token was made for; a token of another node is unknown here."""
        room = self._invited_by(token)
        if room is None or token is None:
            ended = (
                token is not None
                and (token.host, token.port) == self._focus.node
                and self._focus.has_ended(token.session_id)
            )
            raise CallRefused(410 if ended else 404)
        if caller is None and self._settings.require_credentials_for_conferences:
            raise self._proofs.challenge(call.source)
        host = caller is not None and caller.id == room.session.owner_id
        role = Role.MODERATOR if host else Role.PARTICIPANT
        await enter(room, call, Admission.of_call(call, caller, PartyKind.TOKEN, role, trusted=self._trusts(call)))

    def _destination(self, number: str) -> Destination:
        return route(number, self._accounts, self._settings.echo_number, self._settings.own_room_prefix)

    def _stranger(self, call: InviteSession, caller: Extension | None) -> Admission:
        """Say as what a call comes in that has neither token nor pass."""
        return Admission.of_call(call, caller, PartyKind.OUTSIDE, trusted=self._trusts(call))

    def _trusts(self, call: InviteSession) -> bool:
        """Whether who a call says it is from is believed, from where it came."""
        return is_trusted(call.source.host, self._settings.trusted_peers)

    def _is_configured(self, call: InviteSession) -> bool:
        return call.source.host in self._trunks or self._trusts(call)

    async def _ring(self, call: InviteSession, caller: Extension | None, callee: PartyAddress) -> None:
        """Connect a call to the phones of an extension, or to a number outside."""
        await self._check_offer(call)
        who = calls(call.invite, caller, trusted=self._trusts(call))
        from_ = PartyAddress(shown(who.number), shown(who.name)) if caller is None else PartyAddress.of(caller)
        room = await self._focus.create_call(from_.extension_id or callee.extension_id)
        await room.connect(call, who, from_, callee)

    async def _message(self, request: Request, source: Hop) -> Response | None:
        return self._focus.dialer.messages.receive(request) if edge_of(request).commands else None

    async def _publish(self, request: Request, source: Hop) -> Response | None:
        return publish(request) if edge_of(request).commands else None

    async def _register(self, request: Request, source: Hop) -> Response:
        """Answer a REGISTER (RFC 3261 section 10.3): everybody registers its own address only."""
        extension = self._proofs.sender(request, source)
        if isinstance(extension, Response):
            return extension
        if extension is None or self._accounts.find(number_of(request.to.uri)) is not extension:
            return response(request, 403)
        return self._registrar.handle(request, source, time.monotonic())

    async def _subscribe(self, request: Request, source: Hop) -> Response:
        """Answer a SUBSCRIBE (RFC 4575 section 3): who may come in without a code may watch, and who is in may."""
        if refusal := self._watchers.bad_event(request):
            return refusal
        destination = self._destination(number_of(request.uri))
        if isinstance(destination, ToConference) and not self._settings.require_credentials_for_conferences:
            return self._watchers.subscribe(request, source, self._invited_by(destination.token))
        watcher = self._proofs.sender(request, source)
        if isinstance(watcher, Response):
            return watcher
        room = self._conference_at(destination, watcher) if watcher is not None else None
        return self._watchers.subscribe(request, source, room, watcher if self._has_code(destination) else None)

    def _has_code(self, destination: Destination) -> bool:
        match destination:
            case ToRoom(extension):
                return self.codes.asks(extension)
        return isinstance(destination, ToBridge)

    async def _refer(self, request: Request, source: Hop) -> Response:
        """Answer a REFER outside of a call: about one that its sender is in and names (RFC 4538), whatever it is.

        Or to the URI of a conference: who is in it may call others in (RFC 4579 section 5.5).
        """
        extension = self._proofs.sender(request, source)
        if isinstance(extension, Response):
            return extension
        on_refer = self._referring(request, extension) if extension is not None else None
        return response(request, 404) if on_refer is None else self._watchers.refer(request, source, on_refer)

    def _referring(self, request: Request, extension: Extension) -> OnRefer | None:
        """Give who does what a REFER of an extension asks for; None: there is no call that it could mean."""
        named = target_dialog(request)
        for each in self._focus.context.legs.values() if named else ():
            if each.call is not None and each.call.dialog.id in named and each.party.extension_id == extension.id:
                return each.call.on_refer
        room = self._conference_at(self._destination(number_of(request.uri)), extension)
        member = room.member_of(extension) if room is not None else None
        if room is None or member is None:
            return None
        return lambda target, _told: refer(room, member, target)

    def _conference_at(self, destination: Destination, asks: Extension | None) -> ConferenceRoom | None:
        """Give the running conference that a URI means; behind the bridge number the one of who asks."""
        match destination:
            case ToConference(token):
                return self._invited_by(token)
            case ToRoom(extension):
                return self._focus.find(extension)
            case ToOwnRoom(extension) if asks is extension:
                return self._focus.find(extension)
            case ToBridge() if asks is not None:
                return self._focus.bridge_of(asks)
        return None
