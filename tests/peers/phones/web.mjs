// Drives RingCentral's web phone (2.x) for tests/peers/test_encrypted.py: `node web.mjs <JSON>`; one line of JSON for each thing that happens.
// Its sound is on paper: the descriptions are of a stream that nobody listens to.
import WebPhone from "ringcentral-web-phone";
import WebSocket from "ws";

globalThis.WebSocket = WebSocket;
const wish = JSON.parse(process.argv[2]);
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));

const fingerprint = Array.from({ length: 32 }, (_, byte) => (byte + 160).toString(16).toUpperCase()).join(":");
const description = (setup) =>
  ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
   "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110", "c=IN IP4 0.0.0.0", "a=mid:0", "a=ice-ufrag:abcd",
   "a=ice-pwd:abcdefghijklmnopqrstuvwx", `a=fingerprint:sha-256 ${fingerprint}`, `a=setup:${setup}`, "a=rtcp-mux",
   "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000", "a=sendrecv", ""].join("\r\n");
const paper = () => ({
  createOffer: async () => description("actpass"),
  createAnswer: async () => description("active"),
  applyAnswer: async (answer) => tell("answer", { answer }),
  changeInputDevice: async () => {}, changeOutputDevice: async () => {},
  setMuted: () => {}, sendDtmf: () => {}, dispose: () => {},
});

const phone = new WebPhone({ sipInfo: wish.sipInfo, webRtcSessionFactory: paper, autoAnswer: false });
const scripts = {
  async call() {
    const call = await phone.call(wish.to);
    tell("called", { state: call.state, session: call.sessionId, party: call.partyId, conference: call.isConference });
    if (call.state !== "answered") return;
    await call.hold();
    tell("held");
    await call.unhold();
    const code = (await call.startRecording()).code;
    tell("recording", { code, stopped: (await call.stopRecording()).code });
    await call.hangup();
    tell("hung up", { state: call.state });
  },
  async transfer() {
    const call = await phone.call(wish.to);
    tell("called", { state: call.state });
    await call.transfer(wish.heir);
    tell("transferred");
  },
  async inbound() {
    const call = await new Promise((found) => phone.once("inboundCall", found));
    tell("rings", { from: call.remoteNumber });
    await new Promise((later) => setTimeout(later, 300));
    await call[wish.act]();
    tell(wish.act, { state: call.state });
    if (wish.act === "answer") await new Promise((over) => call.once("disposed", over));
    tell("over");
  },
};
await phone.start();
tell("registered");
await scripts[wish.script]();
await phone.dispose();
tell("gone");
process.exit(0);
