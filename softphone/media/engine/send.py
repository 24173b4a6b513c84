"""From the bridge to datagrams: each frame is encoded once per codec, and all who hear it point at the same bytes."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mixer import g711
from mixer.frame import TICK_S
from mixer.tick import Tick
from softphone.media.engine.legs import CODECS, Legs
from softphone.media.engine.packetizer import Packet, Packetizer
from softphone.media.net.port import Patience, UdpPort
from softphone.media.net.slots import Letters, SendBuffer
from softphone.media.rtp import rtp
from softphone.media.rtp.keys import EventPacket

__all__ = ["Sender"]

ENCODE = (g711.ENCODE_ULAW, g711.ENCODE_ALAW)
# Between chunks the receive buffers are emptied: sending to 2,000 takes longer than an ordinary buffer lasts.
CHUNK = 512


class Sender:
    """Sends each tick's frames, and keys.

    Parameters
    ----------
    legs
        Whom to send to.
    samples
        Samples (and for G.711 bytes) per tick.
    ports
        The open ports by index.
    between
        Called between chunks of datagrams.
    """

    def __init__(self, legs: Legs, samples: int, ports: dict[int, UdpPort], between: Callable[[], None]) -> None:
        self._legs, self._samples, self._ports, self._between = legs, samples, ports, between
        self._outbox = SendBuffer(legs.capacity)
        self._packetizer = Packetizer(legs, samples)
        self._payloads = np.zeros((0, samples), np.uint8)
        self._patience = Patience()
        self.unsent = 0

    def audio(self, tick: Tick) -> None:
        """Encode and send the frames of a tick: silence to who is answered and hears nothing."""
        legs, heard = self._legs, tick.frame_of_row >= 0
        sent = legs.sending & (heard | legs.answered)
        if legs.limited:
            sent = legs.spend(sent)
        self._patience.renew()
        odd = bool(legs.packet.any())
        if odd:
            self.finish(np.flatnonzero((legs.strung > 0) & ~sent))
        legs.marker |= legs.sending ^ sent  # who hears nothing now begins a talk spurt later (RFC 3551 section 4.1)
        rows = self._by_port(np.flatnonzero(sent))
        if not rows.size:
            return
        frame_of = tick.frame_of_row[rows].astype(np.int64)
        np.copyto(frame_of, len(tick.frames) - 1, where=frame_of < 0)
        payload_of = self._encode(tick.frames, frame_of, legs.codec[rows])
        if odd:
            whole = legs.packet[rows] == 0
            self._string(rows[~whole], payload_of[~whole])
            rows, payload_of = rows[whole], payload_of[whole]
        self._write_headers(rows, legs.timestamp[rows], self._samples)
        self._outbox.point(self._payloads, payload_of)
        self._send(legs.port[rows])

    def finish(self, rows: NDArray[np.int64]) -> None:
        """Send what there is of the packets of some legs, which are sent no more of this sound."""
        self._send_packet(self._packetizer.rest(self._by_port(rows)))

    def _string(self, rows: NDArray[np.int64], payload_of: NDArray[np.int64]) -> None:
        """Send the packets that this tick completes to legs whose packets are not as long as a tick."""
        for packet in self._packetizer.add(rows, self._payloads[payload_of]):
            self._send_packet(packet)

    def _send_packet(self, packet: Packet) -> None:
        """Send a packet to each of some legs."""
        self._write_headers(packet.rows, packet.timestamp, packet.size)
        self._outbox.cut(self._packetizer.sound, packet.start, packet.size)
        self._send(self._legs.port[packet.rows])

    def _by_port(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sort rows by the port that they send from, as far as they are not."""
        ports = self._legs.port[rows]
        if rows.size and (ports[0] != ports[-1] or np.any(ports != ports[0])):
            return rows[np.argsort(ports, kind="stable")]
        return rows

    def _encode(
        self, frames: NDArray[np.int16], frame_of: NDArray[np.int64], codec: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """Encode what each codec's legs hear; give the payload row of each leg."""
        count = len(frames)
        if len(self._payloads) < len(CODECS) * count:
            self._payloads = np.zeros((len(CODECS) * count, self._samples), np.uint8)
        for number, table in enumerate(ENCODE):
            heard = np.zeros(count, np.bool_)
            heard[frame_of[codec == number]] = True
            out = self._payloads[number * count : (number + 1) * count]
            wanted = int(np.count_nonzero(heard))
            if wanted > 0.75 * count:  # picking frames costs more than encoding a few that nobody hears
                g711.encode(frames, table, out)
            elif wanted:
                out[heard] = g711.encode(frames[heard], table)
        return frame_of + codec.astype(np.int64) * count

    def _write_headers(
        self, rows: NDArray[np.int64], timestamp: NDArray[np.uint32], size: NDArray[np.int64] | int
    ) -> None:
        """Write the RTP headers of `rows` and count them; `size`: bytes of each one's payload."""
        legs, n = self._legs, len(rows)
        out = self._outbox.rtp[:n]
        out["second"] = legs.payload_type[rows] | (legs.marker[rows].astype(np.uint8) << 7)
        out["seq"], out["timestamp"], out["ssrc"] = legs.seq[rows], timestamp, legs.ssrc[rows]
        self._outbox.address[:n] = legs.address[rows]
        legs.seq[rows] += np.uint16(1)
        legs.marker[rows] = False
        legs.packets_sent[rows] += 1
        legs.octets_sent[rows] += size

    def _send(self, ports: NDArray[np.int64]) -> None:
        """Send the outbox, whose datagrams are sorted by port."""
        if not len(ports):
            return
        sent = 0
        for index, start, stop in _runs(ports):
            sent += self._ports[index].send(self._outbox, start, stop, self._patience)
            if stop - start == CHUNK:
                self._between()
        self.unsent += len(ports) - sent

    def letters(self, letters: Letters, ports: NDArray[np.int64]) -> None:
        """Send the first letters; `ports` has the index of each one's port, ascending."""
        sent = sum(self._ports[index].send(letters, start, stop, self._patience) for index, start, stop in _runs(ports))
        self.unsent += len(ports) - sent

    def advance(self, ticks: int = 1) -> None:
        """Let the time of all legs go on, sent or not: timestamps count the clock, not the packets."""
        self._legs.timestamp += np.uint32(ticks * self._samples & 0xFFFFFFFF)
        self._legs.frame_s += ticks * TICK_S

    def skip(self, ticks: int) -> None:
        """Leave out ticks: a talk spurt begins after the pause (RFC 3551 section 4.1)."""
        self.finish(np.flatnonzero(self._legs.strung))
        self.advance(ticks)
        self._legs.marker |= self._legs.sending

    def event(self, row: int, packet: EventPacket) -> None:
        """Send one packet of a telephone event, unless the peer is not known or takes none (any more)."""
        legs, record = self._legs, self._legs.records[row]
        if record.remote is None or not record.spec.sends or record.spec.event_payload_type is None:
            return
        if packet.marker:
            self.finish(np.array([row]))
        if not legs.affords(np.array([row]), len(packet.payload)):
            return
        header = np.zeros(1, rtp.HEADER)
        header["first"], header["second"] = 0x80, int(legs.event_type[row]) | (packet.marker << 7)
        header["seq"], header["timestamp"], header["ssrc"] = legs.seq[row], packet.timestamp, legs.ssrc[row]
        payload = packet.payload
        record.ports.rtp.send_to(header.tobytes() + payload, record.remote.host, record.remote.port)
        legs.seq[row] = int(legs.seq[row]) + 1 & 0xFFFF  # one number alone would warn when it wraps
        legs.packets_sent[row] += 1
        legs.octets_sent[row] += len(payload)


def _runs(ports: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Give (port, start, stop) of the stretches of equal ports, cut where they are longer than a chunk."""
    n = len(ports)
    edges = np.flatnonzero(np.diff(ports)) + 1
    starts = np.unique(np.concatenate(([0], edges, np.arange(0, n, CHUNK))))
    return zip(ports[starts].tolist(), starts.tolist(), [*starts[1:].tolist(), n], strict=True)
