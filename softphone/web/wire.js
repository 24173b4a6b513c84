// One call's media path to the server: offer and answer, sound both ways, keys (RFC 4733).

// Candidates that are not found by then are not waited for: the server's own are known, and it takes ours as they come.
const GATHERING_MS = 500;
// A path that is interrupted often comes back by itself.
const PATIENCE_MS = 2000;

const gathered = (peer) => new Promise((done) => {
  const look = () => peer.iceGatheringState === "complete" && done();
  peer.addEventListener("icegatheringstatechange", look);
  setTimeout(done, GATHERING_MS);
  look();
});

export class Wire {
  // `told` has `sound(stream)`, `up()` and `broken()`.
  constructor(track, told) {
    this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.sender = this.peer.addTransceiver(track, { direction: "sendrecv" }).sender;
    this.peer.addEventListener("track", ({ track, streams }) => told.sound(streams[0] ?? new MediaStream([track])));
    this.peer.addEventListener("connectionstatechange", () => {
      clearTimeout(this.timer);
      const state = this.peer.connectionState;
      if (state === "connected") told.up();
      if (state === "failed") told.broken();
      if (state === "disconnected") this.timer = setTimeout(told.broken, PATIENCE_MS);
    });
  }

  async offer(options = {}) {
    await this.peer.setLocalDescription(await this.peer.createOffer(options));
    await gathered(this.peer);
    return this.peer.localDescription.sdp;
  }

  answer(sdp) {
    return this.peer.setRemoteDescription({ type: "answer", sdp });
  }

  // For an offer that nobody answered: the next one begins where this one did.
  async withdraw() {
    if (this.peer.signalingState === "have-local-offer") await this.peer.setLocalDescription({ type: "rollback" });
  }

  send(track) {
    return this.sender.replaceTrack(track);
  }

  press(key) {
    if (!this.sender.dtmf?.canInsertDTMF) return false;
    this.sender.dtmf.insertDTMF(this.sender.dtmf.toneBuffer + key, 160, 70);
    return true;
  }

  close() {
    clearTimeout(this.timer);
    this.peer.close();
  }
}
