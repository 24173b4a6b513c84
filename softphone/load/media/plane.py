"""All bots' sound in step: each sends a packet every 20 ms and counts what comes. Nothing is mixed or played out.

A bot is a row. What it says is a run of 127 frames in one table, encoded once; a step only points at them. So the
cost of a bot is that of its two datagrams.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.kernel import records
from softphone.codec import codec
from softphone.load.media.codes import WORD, name_of
from softphone.load.media.doors import Arrivals, Doors
from softphone.load.media.ears import waves_at
from softphone.load.media.kept import KeptSound
from softphone.load.media.lately import lately
from softphone.load.media.reports import BotReports
from softphone.load.media.said import QUIET, Run, Sayings
from softphone.load.media.speakers import MARKER, SPEAKER, STEPS, compose
from softphone.load.media.tally import BOT, count_sound, settle, take
from softphone.media.codecs.coders import Decoder, decoder
from softphone.media.codecs.forms import DECODE, FORMS, LAW, NUMBERS
from softphone.media.codecs.payloads import Payloads
from softphone.media.contract.security import Srtp
from softphone.media.engine.secrecy import Envelopes
from softphone.media.net.port import Patience
from softphone.media.net.slots import ADDRESS_SIZE, SLOT_SIZE, Letters, SendBuffer, sockaddr
from softphone.media.rtp import libsrtp
from softphone.media.rtp.header import HEADER, HEADER_SIZE
from softphone.media.rtp.keys import KeySender
from softphone.media.rtp.vault import TRAILER, Vault

__all__ = ["LoadPlane"]

SLOTS_DECODED = 256


class LoadPlane:
    """Sends and counts.

    Parameters
    ----------
    doors
        Where datagrams come in and go out.
    count
        Of bots.
    talkers
        The numbers of bots that will ever talk.
    level_dbov
        Of their loud frames.
    name
        The codec, one of PCMU, PCMA, G722, OPUS.
    epoch_s
        When the first tick is due, Unix seconds.
    ears
        How many bots listen to what they are sent; the others count packets only. Of G.711 all can.
    speeches
        int16, shape (samples,) each, of the codec's usual rate: what bots can say besides; `recite` is of the first.
    wordless
        Whether talkers say the first speech, and no words.
    first, heard
        What is added to a bot's number for its word, and whose words are listened for; None: of the talkers.

    Attributes
    ----------
    bots
        Records of dtype `BOT`.
    series
        float32, shape (bots, 127, tones), see `take`.
    tones
        Which place in `series` is whose tone, by the place of the tone.
    kept
        What bots hear, by bot, for as long as somebody puts them there.
    sent, unsent
        Datagrams that went out, and that the system did not take.
    stalls, stalled_steps
        How often steps were left out, and how many in all: bots have said nothing meanwhile.
    """

    def __init__(
        self,
        doors: Doors,
        count: int,
        talkers: Sequence[int],
        *,
        level_dbov: float,
        name: str = "PCMU",
        epoch_s: float,
        ears: int | None = None,
        first: int = 0,
        heard: Sequence[int] | None = None,
        speeches: Sequence[NDArray[np.int16]] = (),
        wordless: bool = False,
    ) -> None:
        self._doors, self.count, self.epoch_s, self.first = doors, count, epoch_s, first
        self.ears = count if ears is None else min(ears, count)
        self.codec, form = codec(name), FORMS[NUMBERS[name]]
        self._epoch_ns = round(epoch_s * 1e9)
        self._law = int(form.law) if form.form == LAW else -1
        self._clock = self.codec.ticks(20)
        self.bots, self._speakers = records(count, BOT), records(count, SPEAKER)
        self.tones = {tone: k for k, tone in enumerate(sorted(set(self.tone_of(talkers if heard is None else heard))))}
        self._waves = waves_at(self.codec.rate_hz, tuple(self.tones))
        self.series = np.zeros((self.ears, WORD, 4 * len(self._waves)), np.float32)
        self._sound, self._known = np.zeros(self.codec.rate_hz // 50, np.float32), lately(self.series.shape[2])
        self._decoder: Decoder | None = None
        if self._law < 0:
            self._decoder = decoder(self.codec, self.ears, self.codec.rate_hz)
            self._pcm = np.zeros((SLOTS_DECODED, 6 * self.codec.rate_hz // 50), np.int16)
        numbers = [] if wordless else [first + bot for bot in talkers]
        self._said, self._wordless = Sayings(name, numbers, level_dbov, speeches), wordless
        self._speakers["frames"], self._speakers["turn"] = WORD, 7 * np.arange(count)
        self.kept: dict[int, KeptSound] = {}
        self._arrivals, self._patience = Arrivals(), Patience()
        self._kept = np.zeros(self._arrivals.count, np.int64)
        self._arrival_s = np.zeros(self._arrivals.count)
        self._make_outboxes(count)
        self._steps = self.sent = self.unsent = self.late_steps = self.stalls = self.stalled_steps = 0
        self.latest_s = 0.0

    def _make_outboxes(self, count: int) -> None:
        """Make room for what is sent, for a quarter of so many bots at a time, and for their keys."""
        most = count // STEPS + 1
        self._outbox, self._sender = SendBuffer(most), np.zeros(most, np.int64)
        self._targets = np.zeros((count, ADDRESS_SIZE), np.uint8)
        self._keys: dict[int, tuple[KeySender, int]] = {}
        self._letters = Letters(
            np.zeros((most, HEADER_SIZE + 4 + TRAILER), np.uint8), np.zeros((most, ADDRESS_SIZE), np.uint8)
        )
        self._vault = Vault(count)
        self._envelopes = Envelopes(most, self._said.table.shape[1], self._vault)
        self.reports = BotReports(self._doors, count, self._vault)

    # --- what its user asks for

    def open(
        self,
        bot: int,
        remote: tuple[str, int],
        payload_type: int,
        payload_type_in: int,
        *,
        mux: bool = False,
        srtp: Srtp | None = None,
    ) -> None:
        """Let a bot send to its peer, and count what comes; what it counted before goes on."""
        self._vault.put(bot, srtp)
        self._targets[bot] = sockaddr(*remote)
        speaker, row = self._speakers[bot], self.bots[bot]
        speaker.sends, speaker.payload_type, speaker.clock = True, payload_type, self._clock
        speaker.ssrc, speaker.keyed, speaker.marked = 0x10000 + self.first + bot, False, False
        row.open, row.payload_type, row.clock = True, payload_type_in, self._clock
        row.law = self._law
        row.window = 0
        self.reports.open(bot, self._targets[bot] if mux else None, int(speaker.ssrc), self.codec.clock_hz)

    def talk(self, bot: int, on: bool, speech: int | None = None) -> None:
        """Let a bot say its word over and over, or one of the speeches, or be quiet.

        Raises
        ------
        KeyError
            It has no word.
        """
        if self._wordless and speech is None:
            speech = 0
        if not on:
            self._utter(bot, QUIET, 7 * bot)
        elif speech is not None:
            self._utter(bot, self._said.speech(speech), 101 * (self.first + bot))
        else:
            self._utter(bot, self._said.word(self.first + bot), 0)

    def _utter(self, bot: int, run: Run, turn: int) -> None:
        speaker = self._speakers[bot]
        (speaker.run, speaker.frames), speaker.turn = run, turn

    def recite(self, bot: int) -> float:
        """Let a bot say the first speech from its beginning; give when that leaves, seconds after the epoch."""
        tick, run = self._steps // STEPS + 1, self._said.speech(0)
        self._utter(bot, run, -tick % run[1])
        return self.phase_s(bot) + tick * TICK_S

    def hush(self, bot: int, on: bool) -> None:
        """Let a bot send nothing at all, or go on."""
        self._speakers[bot].sends = not on

    def press(self, bot: int, keys: str, payload_type: int) -> None:
        """Let a bot press keys (RFC 4733), each for a tenth of a second."""
        sender, _ = self._keys.setdefault(bot, (KeySender(self.codec.clock_hz), payload_type))
        sender.push(keys, 0.1, 0.08, 0)

    def pressing(self, bot: int) -> bool:
        """Whether a bot still presses keys."""
        return bot in self._keys

    def close(self, bot: int) -> None:
        """Let a bot be silent and deaf from now on; what it has counted stays."""
        self._speakers[bot].sends = self.bots[bot].open = False
        self._keys.pop(bot, None)
        self.reports.close(bot)

    def sent_of(self, bot: int) -> int:
        """How many packets of sound a bot has sent."""
        return int(self._speakers[bot].sent)

    def phase_s(self, bot: int) -> float:
        """When a bot's first frame of a word left, seconds after the epoch; every 127 frames there is another."""
        return float((self.first + bot) % STEPS * TICK_S / STEPS)

    # --- its clock

    def begin(self, epoch_s: float) -> None:
        """Let the first tick be due then, Unix seconds."""
        self.epoch_s, self._epoch_ns = epoch_s, round(epoch_s * 1e9)

    def rehearse(self, *, sealed: bool = False) -> None:
        """Have all kernels run once over nothing, so that they are compiled; `sealed`: those of SRTP, too.

        Raises
        ------
        MediaError
            There is no libsrtp.
        """
        empty, none = Arrivals(), np.zeros(0, np.int64)
        empty.used = 1
        empty.row[0] = -1
        self._count(empty)
        if sealed:
            libsrtp.load()
            empty.unseal(self._vault, always=True)
        self._compose(0, 0)
        settle(self.bots, *np.zeros((2, self.count), np.int64))
        if self._decoder is not None:
            args = empty.data, self._arrival_s, empty.row, none, 0, self.bots
            samples = self.codec.rate_hz // 50
            count_sound(*args, self._pcm[:0], samples, self._waves, self._sound, self.series)

    def forget(self) -> None:
        """Count anew: what was lost before is none of the part that is measured."""
        for name in ("received", "expected", "duplicate", "reordered", "stale", "other", "invalid", "gaps", "clipped"):
            self.bots[name] = 0
        for name in ("energy", "samples", "gap_s", "odd", "streams", "window"):
            self.bots[name] = 0
        # The next number is the first again, and nothing older than it counts.
        self.bots["first"] = self.bots["top"] + 1
        self.bots["recent"] = ~np.uint64(0)
        self._speakers["sent"] = 0
        self.latest_s = 0.0

    def names(self, talkers: Sequence[int]) -> NDArray[np.int64]:
        """Give the numbers that talkers' words are of."""
        return np.array([self.first + bot for bot in talkers], np.int64)

    def tone_of(self, talkers: Sequence[int]) -> list[int]:
        """Give the place of the tone of each."""
        return [name_of(self.first + bot)[0] for bot in talkers]

    @property
    def at_tick(self) -> bool:
        """Whether the next step is the first one of a tick."""
        return self._steps % STEPS == 0

    def due_s(self) -> float:
        """When the next step is due, Unix seconds."""
        return float(self.epoch_s + self._steps * TICK_S / STEPS)

    def step(self, now_s: float) -> None:
        """Do the next step: send a quarter of all bots' packets, and take what came to any.

        `now_s`: Unix seconds; a step that is more than half a tick late is counted.
        """
        late_s = now_s - self.due_s()
        self.late_steps += late_s > TICK_S / 2
        self.latest_s = max(self.latest_s, late_s)
        tick, part = divmod(self._steps, STEPS)
        self._steps += 1
        self._patience.renew()
        if self._keys:
            self._press(tick, part)
        count = self._compose(tick, part)
        sent = self._send(count) if count else 0
        self.sent, self.unsent = self.sent + sent, self.unsent + count - sent
        if part == 0:
            self.reports.send(now_s, tick, self._speakers, self.bots)
        self.receive()

    def _send(self, count: int) -> int:
        """Send what was composed, sealed where a bot has keys; give how many went out."""
        bots = self._sender[:count]
        return self._doors.send(self._outbox, self._envelopes.seal(bots, self._outbox, bots), self._patience)

    def _compose(self, tick: int, part: int) -> int:
        """Write the packets of a step; give how many."""
        outbox = self._outbox
        table = self._said.table.ctypes.data, self._said.table.shape[1]
        where = outbox.base, outbox.length
        args: Any = self._said.sizes, tick, part, outbox.headers, outbox.address, *where, self._sender
        return int(compose(self._speakers, self._targets, *table, *args))

    def skip(self, steps: int) -> None:
        """Leave out steps after a stall: all bots are silent for so long, and the run is not worth much."""
        self.late_steps += steps
        self.stalls, self.stalled_steps = self.stalls + 1, self.stalled_steps + steps
        self._steps += steps

    def receive(self) -> None:
        """Take what has come to all bots."""
        arrivals = self._arrivals
        while True:
            self._doors.receive(arrivals)
            self._count(arrivals)
            if arrivals.used < arrivals.count:
                return

    def _count(self, arrivals: Arrivals) -> None:
        used = arrivals.used
        if not used:
            return
        np.subtract(arrivals.stamp[:used], self._epoch_ns, out=self._arrival_s[:used], casting="unsafe")
        np.multiply(self._arrival_s[:used], 1e-9, out=self._arrival_s[:used])
        arrivals.unseal(self._vault)
        args = arrivals.data, arrivals.length, self._arrival_s, arrivals.row, used, self.bots
        if self.kept and self._law >= 0:
            self._keep(arrivals, np.flatnonzero(arrivals.length[:used] == HEADER_SIZE + self._sound.size))
        left = take(*args, DECODE, self._waves, self._known, self.series, self._kept)
        if left:
            self._others(arrivals, self._kept[:left])

    def _others(self, arrivals: Arrivals, which: NDArray[np.int64]) -> None:
        """Read reports, and decode what no table does."""
        report = (arrivals.data[which, 1] >= 192) & (arrivals.data[which, 1] < 224)
        for i in which[report]:
            datagram = arrivals.data[i, : int(arrivals.length[i])].tobytes()
            self.reports.take(int(arrivals.row[i]), datagram, self.epoch_s + float(self._arrival_s[i]))
        sound = which[~report]
        for at in range(0, len(sound), SLOTS_DECODED):
            self._decode(arrivals, sound[at : at + SLOTS_DECODED])

    def _decode(self, arrivals: Arrivals, which: NDArray[np.int64]) -> None:
        which = which[arrivals.row[which] < self.ears]
        if not len(which) or self._decoder is None:
            return
        offset = which * SLOT_SIZE + HEADER_SIZE
        payloads = Payloads(arrivals.data.reshape(-1), offset, arrivals.length[which].astype(np.int64) - HEADER_SIZE)
        rows, samples = arrivals.row[which], self.codec.rate_hz // 50
        whole = self._decoder.decode(rows, payloads, self._pcm[: len(which)]) == samples
        self.bots["odd"][rows[~whole]] += 1
        pcm = self._pcm[: len(which)][whole]
        if self.kept:
            self._keep(arrivals, which[whole], pcm)
        args = arrivals.data, self._arrival_s, arrivals.row, which[whole], len(pcm), self.bots
        count_sound(*args, pcm, samples, self._waves, self._sound, self.series)

    def _keep(self, arrivals: Arrivals, which: NDArray[np.int64], pcm: NDArray[np.int16] | None = None) -> None:
        """Keep the sound of some packets for those who want it; None: a table decodes it."""
        for j in np.flatnonzero(np.isin(arrivals.row[which], list(self.kept))):
            i = int(which[j])
            header, bot = arrivals.data[i, :HEADER_SIZE].view(HEADER)[0], int(arrivals.row[i])
            if header["second"] & 0x7F == self.bots[bot].payload_type and header["first"] == 0x80:
                codes = arrivals.data[i, HEADER_SIZE : int(arrivals.length[i])]
                frame = DECODE[self._law][codes] if pcm is None else pcm[j, : self._sound.size]
                self.kept[bot].add(int(header["timestamp"]), self._clock, float(self._arrival_s[i]), frame)

    def _press(self, tick: int, part: int) -> None:
        """Send the keys of bots that press some, in place of their sound."""
        rows, n = [], 0
        for bot in sorted(bot for bot in self._keys if bot % STEPS == part):
            sender, payload_type = self._keys[bot]
            packets, _ = sender.step(tick * self._clock)
            for packet in packets[:1]:
                speaker = self._speakers[bot]
                header = np.zeros(1, HEADER)[0]
                header["first"], header["second"] = 0x80, payload_type | MARKER * packet.marker
                header["seq"], header["timestamp"] = int(speaker.seq) & 0xFFFF, packet.timestamp & 0xFFFFFFFF
                speaker.seq += 1
                header["ssrc"] = speaker.ssrc
                data = self._vault.seal(bot, header.tobytes() + packet.payload) or b""
                self._letters.data[n, : len(data)] = np.frombuffer(data, np.uint8)
                self._letters.length[n], self._letters.address[n] = len(data), self._targets[bot]
                rows.append(bot)
                n += 1
            self._speakers[bot].keyed = bool(packets)
            if not sender.busy:
                del self._keys[bot]
        if rows:
            self._doors.send(self._letters, np.array(rows), self._patience)
