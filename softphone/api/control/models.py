"""The JSON shapes of the control API, and how they are filled. Members that are null are there all the same."""

from datetime import datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from softphone.api.context import ApiContext
from softphone.api.http.pages import Part
from softphone.api.inviting import sip_uri
from softphone.focus.party.invitations import DialOutStatus
from softphone.focus.session import Party, PartyPath, TelephonySession
from softphone.text import LONGEST_NAME, misleads, shown

__all__ = [
    "ConferenceChange",
    "ConferenceList",
    "ConferenceView",
    "ConferenceWish",
    "DialList",
    "DialView",
    "DialWish",
    "Group",
    "KeysWish",
    "Labels",
    "MoveWish",
    "PartiesChange",
    "PartyChange",
    "PartyList",
    "PartyRef",
    "PartyView",
    "RecordingChange",
    "RecordingModel",
    "conference_view",
    "dial_view",
    "party_view",
]

# A moderator is a host; both words are taken, answers and events say host.
RoleName = Literal["host", "moderator", "participant", "listener"]
Number = Annotated[str, Field(pattern=r"^\+?[0-9*]{1,32}$")]
SessionRef = Annotated[str, Field(max_length=64)]
PartyRef = Annotated[str, Field(max_length=80)]
Decibels = Annotated[float, Field(ge=-30, le=18)]


def _readable(text: str) -> str:
    """Take a text that people will read; raises ValueError for one that they could be misled by."""
    if misleads(text):
        raise ValueError("it has characters that nobody sees")
    return shown(text)


Text = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_readable)]
LabelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,31}$")]
Labels = Annotated[
    dict[LabelName, Text | None],
    Field(max_length=16, description="Those that are not named stay; null takes one off. A party bears 16 at most."),
]


Group = Annotated[int, Field(ge=0, le=50, description="Number of a breakout group; 0: the main room.")]


class Strict(BaseModel):
    """A request: what we do not know is a mistake, not to be passed over in silence; nor is ``"no"`` read as true."""

    model_config = ConfigDict(extra="forbid", strict=True)


Wish = TypeVar("Wish", bound=Strict)


def one_change(wish: Wish) -> Wish:
    """Refuse a change of nothing: a null changes nothing."""
    if all(getattr(wish, name) is None for name in wish.model_fields_set):
        raise ValueError("name at least one thing to change")
    return wish


Few = Annotated[int, Field(ge=0, le=100_000)]
Limit = Annotated[float, Field(ge=0, le=2_592_000)]
HostEnd = Literal["never", "last", "any"]
Keys = Literal["none", "unknown", "all"]


class Rules(Strict):
    """Rules of a conference's life that are its own; null: as configured. Those that are not named stay."""

    wait_for_host: Annotated[bool | None, Field(description="Who comes before the host waits for it.")] = None
    end_with_host: Annotated[HostEnd | None, Field(description="End when the last host leaves, or any.")] = None
    host_grace_s: Annotated[Limit | None, Field(description="How long after.")] = None
    party_limit_s: Annotated[
        Limit | None, Field(description="How long a party may stay, counted from its coming; 0: as it likes.")
    ] = None
    silence_limit_s: Annotated[
        Limit | None,
        Field(description="End after so long without anybody talking, at first counted from now; 0: never."),
    ] = None
    lobby: Annotated[bool | None, Field(description="All but hosts wait until somebody admits them.")] = None
    hosts_pass_lock: Annotated[bool | None, Field(description="Hosts come in while it is locked.")] = None
    hosts_pass_limit: Annotated[bool | None, Field(description="Hosts come in while it is full.")] = None
    record_from: Annotated[Few | None, Field(description="So many begin its recording by themselves; 0: none.")] = None
    count_from: Annotated[Few | None, Field(description="From so many on newcomers are counted aloud; 0: none.")] = None
    muted_notice: Annotated[bool | None, Field(description="Who talks while muted hears so.")] = None
    level_voices: Annotated[
        bool | None, Field(description="Soft voices are made louder and loud ones softer, slowly.")
    ] = None
    encrypted: Annotated[
        bool | None, Field(description="Only who speaks encrypted comes in; who is in already stays.")
    ] = None
    tell_keys: Annotated[
        Keys | None,
        Field(description="Which keys of parties are told as party.keys; unknown: those without a meaning."),
    ] = None
    pass_keys: Annotated[
        Keys | None, Field(description="Which are pressed on the telephones of the others who hear the party.")
    ] = None


class RulesView(BaseModel):
    """The rules of its life that a conference is held by."""

    wait_for_host: bool
    end_with_host: HostEnd
    host_grace_s: float
    party_limit_s: float
    silence_limit_s: float
    lobby: bool
    hosts_pass_lock: bool
    hosts_pass_limit: bool
    record_from: int
    count_from: int
    muted_notice: bool
    level_voices: bool
    encrypted: bool
    tell_keys: Keys
    pass_keys: Keys


class ConferenceWish(Strict):
    """A new conference, or the room of an extension."""

    max_members: Annotated[int, Field(ge=1, le=100_000)] | None = None
    extension: Annotated[Number | None, Field(description="Open the room of this extension instead.")] = None
    rules: Rules | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.extension is not None and self.max_members is not None:
            raise ValueError("the room of an extension has a max_members of its own: leave it out")
        return self


class ConferenceChange(Strict):
    """What of a conference is to be changed; the rest stays."""

    locked: bool | None = None
    muted_all: Annotated[bool | None, Field(description="All but moderators, also those who come later.")] = None
    notices: Annotated[bool | None, Field(description="Tell the room who comes and leaves.")] = None
    rules: Annotated[Rules | None, Field(description="In force at once.")] = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        return one_change(self)


class ConferenceView(BaseModel):
    """A running conference."""

    id: str
    kind: Literal["token", "extension", "bridge"]
    owner_id: str | None
    extension: Annotated[str | None, Field(description="Number whose room it is.")]
    created: datetime
    locked: bool
    muted_all: bool
    notices: bool
    restricted: Annotated[bool, Field(description="Only those on its list come in by themselves.")]
    recording: bool
    dominant: Annotated[str | None, Field(description="The party that has the floor.")]
    rules: RulesView
    parties: int
    token: Annotated[str | None, Field(description="Whoever calls it joins.")]
    sip_uri: str


class ConferenceList(Part):
    """The running conferences, the oldest first."""

    conferences: list[ConferenceView]


class PathView(BaseModel):
    """The way a party is reached."""

    transport: Annotated[str, Field(description="Of its signalling: udp, tcp, tls, ws, wss; http: joined by HTTP.")]
    codec: str
    encryption: Annotated[
        str | None,
        Field(description="The profile of SRTP, or DTLS, which makes the keys; null: media is not encrypted."),
    ]


class PartyView(BaseModel):
    """A party."""

    id: str
    number: str
    name: str
    extension_id: str | None
    role: Annotated[Literal["host", "participant", "listener"] | None, Field(description="Null in a two-party call.")]
    stage: Literal["invited", "lobby", "waiting", "joined", "held"]
    status: Annotated[str, Field(description="Of its call.")]
    muted: bool
    deaf: bool
    talking: bool
    dominant: Annotated[bool, Field(description="It has the floor.")]
    echoing: Annotated[bool, Field(description="It returns what the others say: mute it, or have it wear a headset.")]
    volume_in_db: float
    volume_out_db: float
    level_voice: Annotated[bool, Field(description="Its voice is brought to one level; so may those of all be.")]
    whispers_to: list[str] | None
    labels: dict[str, str]
    group: Annotated[int, Field(description="The breakout group that it is in; 0: the main room.")]
    hidden: Annotated[bool, Field(description="Only administrators are shown it.")]
    path: Annotated[PathView | None, Field(description="Null before its media is agreed on.")]


class QualityView(BaseModel):
    """What the sound of a party went through since its leg was opened."""

    packets_received: int
    packets_sent: int
    loss_percent: Annotated[float, Field(description="Of its packets, not heard.")]
    remote_loss_percent: Annotated[float | None, Field(description="Of ours, as it reports; null: it does not.")]
    jitter_ms: float
    rtt_ms: Annotated[float | None, Field(description="Null: it does not report.")]
    delay_ms: Annotated[float, Field(description="From its mouth to the bridge.")]
    mos: Annotated[float | None, Field(description="As the bridge hears it, 1 to 4.5; null: nothing came yet.")]
    remote_mos: Annotated[float | None, Field(description="As it hears the bridge, by its reports.")]


class PartyList(Part):
    """Who is there, in the order of arrival."""

    parties: list[PartyView]


class PartiesChange(Strict):
    """What of all who are chosen is to be changed; the rest stays."""

    muted: bool | None = None
    deaf: bool | None = None
    held: Annotated[bool | None, Field(description="On hold, with music.")] = None
    volume_in_db: Annotated[Decibels | None, Field(description="What the others hear of it.")] = None
    volume_out_db: Annotated[Decibels | None, Field(description="What it hears of the others.")] = None
    level_voice: Annotated[bool | None, Field(description="Bring its voice to one level, slowly.")] = None
    role: RoleName | None = None
    labels: Labels | None = None
    group: Group | None = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        return one_change(self)


class PartyChange(PartiesChange):
    """What of a party is to be changed; the rest stays."""

    whispers_to: Annotated[
        list[PartyRef] | None,
        Field(max_length=1000, description="Only they hear it, nobody else does; null: heard by the room again."),
    ] = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        return self if "whispers_to" in self.model_fields_set else one_change(self)


class MoveWish(Strict):
    """Into which conference."""

    to: SessionRef


class KeysWish(Strict):
    """Which keys."""

    keys: Annotated[str, Field(pattern=r"^[0-9A-D*#]{1,64}$")]


class DialWish(Strict):
    """Whom to call into the conference."""

    number: Annotated[Number, Field(description="An extension, or a number outside.")]
    by: Annotated[PartyRef, Field(description="The party that invites, and hears what becomes of it.")] = ""
    role: RoleName = "participant"
    confirm: Annotated[bool, Field(description="Whether it is asked to press 1 first.")] = True
    hidden: Annotated[
        bool,
        Field(description="It listens without anybody but administrators knowing of it; only they may ask for it."),
    ] = False


class DialView(BaseModel):
    """Somebody is, or was, called."""

    id: int
    number: str
    state: Literal["ringing", "answered", "failed", "dropped"]
    reason: str
    party: str | None


class DialList(Part):
    """All who were called."""

    dials: list[DialView]


class RecordingChange(Strict):
    """What the recorder is to do."""

    paused: bool


class RecordingModel(BaseModel):
    """A recording, running or finished."""

    active: bool
    path: str
    seconds: float
    id: str
    paused: bool


def conference_view(session: TelephonySession, context: ApiContext) -> ConferenceView:
    """Show a conference."""
    return ConferenceView(
        id=session.id,
        kind=session.kind.value,
        owner_id=session.owner_id,
        extension=session.extension,
        created=session.created,
        locked=session.locked,
        muted_all=session.muted_all,
        notices=session.notices,
        restricted=session.restricted,
        dominant=session.dominant,
        recording=context.focus.room(session.id).recorder.running,
        rules=RulesView.model_validate(context.control.life_rules(session.id), from_attributes=True),
        parties=len(session.parties),
        token=str(session.token) if session.token else None,
        sip_uri=sip_uri(session, context),
    )


def _path(path: PartyPath) -> PathView:
    return PathView(transport=path.transport, codec=path.codec, encryption=path.encryption or None)


def party_view(party: Party) -> PartyView:
    """Show a party."""
    return PartyView(
        id=party.id,
        number=party.address.number,
        name=party.address.name,
        extension_id=party.extension_id,
        role=party.role.word if party.role else None,
        stage=party.place.value,
        status=party.status.value,
        muted=party.muted,
        deaf=party.deaf,
        talking=party.talking,
        dominant=party.dominant,
        echoing=party.echoing,
        volume_in_db=party.volume_in_db,
        volume_out_db=party.volume_out_db,
        level_voice=party.facts is not None and party.facts.levelled,
        labels=dict(party.labels),
        group=party.group,
        hidden=party.hidden,
        path=None if party.path is None else _path(party.path),
        whispers_to=None if party.whispers_to is None else list(party.whispers_to),
    )


def dial_view(invitation: DialOutStatus) -> DialView:
    """Show what became of somebody who is called."""
    return DialView(
        id=invitation.id,
        number=invitation.number,
        state=invitation.state.value,
        reason=invitation.reason,
        party=invitation.party,
    )
