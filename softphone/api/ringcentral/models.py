"""The JSON shapes of RingCentral's API. Members that are None are left out of the answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "ConferenceRequest",
    "ConferencingModel",
    "FeatureModel",
    "PartyModel",
    "PartyRemoval",
    "PartyUpdate",
    "ServiceInfoModel",
    "SessionAnswer",
    "SessionModel",
]


class Camel(BaseModel):
    """Python names inside, camel case on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class OriginModel(BaseModel):
    """How a session began."""

    type: Literal["Call", "Conference"]


class StatusModel(BaseModel):
    """How far a party is."""

    code: Literal["Setup", "Proceeding", "Answered", "Hold", "Disconnected"]


class AddressModel(Camel):
    """One end of a party's call."""

    phone_number: str
    name: str | None = None
    extension_id: str | None = None


class OwnerModel(Camel):
    """The extension that a party is."""

    account_id: str
    extension_id: str


class PartyModel(Camel):
    """A participant."""

    id: str
    direction: Literal["Inbound", "Outbound"]
    conference_role: Literal["Host", "Participant"] | None = None
    muted: bool
    talking: bool
    stand_alone: bool
    status: StatusModel
    owner: OwnerModel | None = None
    from_: Annotated[AddressModel, Field(alias="from")]
    to: AddressModel
    recordings: list[dict[str, str | bool]] = []


class SessionModel(Camel):
    """A telephony session."""

    id: str
    creation_time: str
    origin: OriginModel
    parties: list[PartyModel]
    voice_call_token: str | None = None


class SessionAnswer(BaseModel):
    """A session just made."""

    session: SessionModel


class ConferenceRequest(BaseModel):
    """What may, and need not, be said when a conference is made."""

    max_members: Annotated[int, Field(ge=1, le=100_000)] | None = None


class MutedUpdate(BaseModel):
    """The one thing of a party that can be changed."""

    muted: bool


class PartyRemoval(Camel):
    """What may be said when a party is removed."""

    keep_conference_alive: bool = False


class PartyUpdate(BaseModel):
    """A change of a party, bare or wrapped: clients send both."""

    muted: bool | None = None
    party: MutedUpdate | None = None

    def wanted(self) -> bool | None:
        """Give the microphone state that either form asks for."""
        return self.party.muted if self.party is not None else self.muted


class ConferencingModel(Camel):
    """How a user's room is dialled into."""

    uri: str
    phone_number: str
    host_code: str
    participant_code: str


class FeatureModel(Camel):
    """Something that an account has or lacks."""

    feature_name: str
    enabled: bool


class ServiceInfoModel(Camel):
    """What an account has."""

    uri: str
    service_features: list[FeatureModel]
