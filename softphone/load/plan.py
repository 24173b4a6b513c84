"""The plan and the objectives of a run: values that the command line, a file or a test makes."""

from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from softphone.errors import ConfigError

__all__ = ["CODECS_OF_BOTS", "JANUS", "LoadPlan", "Objectives", "TRANSPORTS", "janus_host"]

CODECS_OF_BOTS = ("PCMU", "PCMA", "G722", "OPUS")
JANUS = "janus:"
"""A URI that begins so names the HTTP API of a Janus, and a room of its AudioBridge."""
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")


class Objectives(Struct, frozen=True, kw_only=True):
    """What has to hold; None: it need not.

    Attributes
    ----------
    max_failures
        Calls that may fail.
    max_loss
        Percent of the packets of all bots together.
    min_mos
        Of the worst but one in a hundred bots (E-model).
    min_pesq
        Of the worst bot whose hearing of speech was judged.
    max_delay_ms
        From talker to listener, packet to packet, of 99 in 100 measurements.
    max_jitter_ms
        RFC 3550, of 99 in 100 bots.
    max_gaps
        Of sound, per bot and minute.
    hearing
        Whether everybody has to hear whom it should, and nobody else.
    most_parties
        More than so many must not be let in: what the service promises.
    """

    max_failures: int | None = 0
    max_loss: float | None = 1.0
    min_mos: float | None = 3.6
    min_pesq: float | None = None
    max_delay_ms: float | None = None
    max_jitter_ms: float | None = None
    max_gaps: float | None = None
    hearing: bool = True
    most_parties: int | None = None


class LoadPlan(Struct, frozen=True, kw_only=True):
    """One trial: who calls whom, how many, how long.

    Attributes
    ----------
    uri
        Whom all call; several: in turn, for conferences of their own. ``{n}`` in it is the number of the bot.
    parties, talkers
        How many bots, and how many of them talk, the first ones of each conference.
    pool
        How many ever talk, where talkers take turns; 0: only those.
    speech
        A file that talkers say instead of their words: nobody can be told by it then; "": their words.
    sayings
        Further files, that a scenario lets bots say.
    pesq
        Whether one bot says speech alone at the end, and what others have heard of it is judged (ITU-T P.862).
    seconds
        How long it is measured after all have joined.
    rate
        Calls begun in a second, and ended.
    pin
        Keys that each presses when it is answered.
    transport
        Of signalling, one of `TRANSPORTS`; all bots share one connection.
    codec
        One of `CODECS_OF_BOTS`.
    srtp
        The suite that sound is encrypted with, one of `SRTP_PROFILES`, by keys in the offer (RFC 4568); "": none.
    user, password
        For the digest of a server that wants one. ``{n}`` in them is the number of the bot.
    register
        Whether each registers first, as its user, at the host of whom it calls.
    host
        Our address; "": that which we have towards the server.
    media_port
        Where ports of sound begin; 0: anywhere.
    answer_s
        How long a call may ring.
    settle_s
        Between the last one's joining and the measuring.
    server_pid
        Of a server on this machine, whose processor time is told.
    first
        Number of the first bot: of several processes each has its own.
    elsewhere
        Numbers of the bots of other processes that ever talk, and are heard here, too.
    spoken_by, together
        How many talk in each conference, and how many bots there are, in all processes; None: only these.
    """

    uri: tuple[str, ...]
    parties: int
    talkers: int = 3
    pool: int = 0
    speech: str = ""
    sayings: tuple[str, ...] = ()
    pesq: bool = False
    seconds: float = 20.0
    rate: float = 50.0
    pin: str = ""
    transport: str = "udp"
    codec: str = "PCMU"
    srtp: str = ""
    user: str = ""
    password: str = ""
    register: bool = False
    host: str = ""
    media_port: int = 0
    answer_s: float = 20.0
    settle_s: float = 3.0
    server_pid: int | None = None
    first: int = 0
    elsewhere: tuple[int, ...] = ()
    spoken_by: int | None = None
    together: int | None = None
    objectives: Objectives = Objectives()

    def target(self, bot: int, uri: str = "") -> str:
        """Whom a bot calls; `uri`: instead of whom the plan says."""
        uri = (uri or self.uri[bot % len(self.uri)]).replace("{n}", str(self.first + bot))
        if self.transport == "udp" or ";transport=" in uri:
            return uri
        return f"{uri};transport={self.transport}"

    def account(self, bot: int) -> tuple[str, str]:
        """Give user and password of a bot; "": it has none."""
        number = str(self.first + bot)
        return self.user.replace("{n}", number), self.password.replace("{n}", number)

    def room(self, bot: int) -> int:
        """In which conference a bot is."""
        return bot % len(self.uri)

    @property
    def voices(self) -> tuple[int, ...]:
        """Which bots ever talk."""
        return tuple(range(min(self.parties, max(self.talkers, self.pool) * len(self.uri))))

    @property
    def heard(self) -> tuple[int, ...]:
        """Whom bots listen to: all `speakers`, unless they say speech, which tells nobody from others."""
        return () if self.speech else self.speakers

    @property
    def speakers(self) -> tuple[int, ...]:
        """Who ever talks, counted from the first bot here: our voices, and talkers of other processes."""
        return (*self.voices, *(number - self.first for number in self.elsewhere))

    @property
    def talking(self) -> tuple[int, ...]:
        """Which bots talk from the first."""
        return tuple(range(min(self.parties, self.talkers * len(self.uri))))

    @property
    def whole(self) -> "LoadPlan":
        """The plan that this is a share of; itself where it is none."""
        if self.together is None:
            return self
        talkers = self.talkers if self.spoken_by is None else self.spoken_by
        return replace(self, parties=self.together, talkers=talkers, first=0, elsewhere=(), together=None)

    @property
    def leads(self) -> bool:
        """Whether this is the first of all shares, or the only one."""
        return self.together is None or self.first == 0

    @property
    def talking_elsewhere(self) -> tuple[int, ...]:
        """Which bots of other processes talk from the first, counted from the first bot here."""
        return tuple(number - self.first for number in self.whole.talking if number in self.elsewhere)


def janus_host(uri: str) -> str:
    """Give the host that a ``janus:`` URI names; raises ConfigError for one that names none."""
    where = urlsplit(uri.removeprefix(JANUS))
    if where.scheme not in ("http", "https") or not where.hostname or not where.fragment.isdigit():
        raise ConfigError(f"{uri} is no janus:http://HOST:8088/janus#ROOM")
    return where.hostname
