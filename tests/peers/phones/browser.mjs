// The web phones of the lock file with one set of commands for tests/web/test_web_phones.py, bundled by esbuild into one file for a browser.
// Each: start(info), call(number), mute(on), hold(on), restart(), transfer(number), hang_up(), stop(); all promise to be done.
import { WebSocketInterface, UA } from "jssip";
import WebPhone from "ringcentral-web-phone";
import * as first from "ringcentral-web-phone-0";

// What any of them hears last is heard in the page's only player; of an earlier call, after `attend`.
const streams = [];
window.attend = (call) => {
  document.getElementById("far").srcObject = streams[call];
};
const Connection = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Connection {
  constructor(...more) {
    super(...more);
    this.addEventListener("track", ({ track }) => {
      streams.push(new MediaStream([track]));
      window.attend(streams.length - 1);
    });
  }
};
const WebPhone0 = first.default.default ?? first.default;
const once = (emitter, good, bad = []) =>
  new Promise((done, failed) => {
    for (const name of [good].flat()) emitter.once(name, done);
    for (const name of bad) emitter.once(name, (why) => failed(new Error(`${name}: ${why?.cause ?? why}`)));
  });

class JsSip {
  async start(info) {
    const sockets = [new WebSocketInterface(`wss://${info.outboundProxy}`)];
    const uri = `sip:${info.username}@${info.domain}`;
    this.phone = new UA({ sockets, uri, password: info.password, authorization_user: info.authorizationId });
    const registered = once(this.phone, "registered", ["registrationFailed"]);
    this.phone.start();
    await registered;
  }
  async call(number) {
    this.session = this.phone.call(number, { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } });
    this.over = once(this.session, ["ended", "failed"]);
    await once(this.session, "confirmed", ["failed"]);
  }
  async mute(on) {
    on ? this.session.mute() : this.session.unmute();
  }
  hold(on) {
    return new Promise((done) => (on ? this.session.hold({}, done) : this.session.unhold({}, done)));
  }
  restart() {
    return new Promise((done) => this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done));
  }
  async transfer(number) {
    const told = new Promise((done, failed) => {
      const eventHandlers = { accepted: done, failed: () => failed(new Error("refused")), requestFailed: failed };
      this.session.refer(number, { eventHandlers });
    });
    await told;
  }
  async hang_up() {
    if (!this.session.isEnded()) this.session.terminate();
    await this.over;
  }
  async stop() {
    const gone = once(this.phone, "disconnected");
    this.phone.stop();
    await gone;
  }
}

class Second {
  async start(info) {
    this.phone = new WebPhone({ sipInfo: info });
    await this.phone.start();
  }
  async call(number) {
    this.session = await this.phone.call(number);
    if (this.session.state !== "answered") throw new Error(this.session.state);
    this.over = once(this.session, "disposed");
  }
  async mute(on) {
    on ? this.session.mute() : this.session.unmute();
  }
  hold(on) {
    return on ? this.session.hold() : this.session.unhold();
  }
  restart() {
    return this.session.reInvite();
  }
  transfer(number) {
    return this.session.transfer(number);
  }
  hang_up() {
    return this.session.hangup();
  }
  stop() {
    return this.phone.dispose();
  }
}

class First {
  async start(info) {
    const media = { remote: new Audio(), local: new Audio() };
    const options = { clientId: "test", appName: "test", appVersion: "0", uuid: crypto.randomUUID(), logLevel: 0, media };
    this.phone = new WebPhone0({ sipInfo: [info] }, { ...options, audioHelper: { enabled: false } });
    await once(this.phone.userAgent, "registered", ["registrationFailed"]);
  }
  async call(number) {
    this.session = this.phone.userAgent.invite(number, {});
    this.over = once(this.session, "terminated");
    await once(this.session, "accepted", ["failed", "rejected"]);
  }
  async mute(on) {
    on ? this.session.mute(true) : this.session.unmute(true);
  }
  hold(on) {
    return on ? this.session.hold() : this.session.unhold();
  }
  restart() {
    this.session.accept ??= () => {}; // after a re-INVITE it takes its call for one that came in
    return new Promise((done) => this.session.reinvite({ requestDelegate: { onAccept: () => done() } }));
  }
  transfer(number) {
    return this.session.blindTransfer(number);
  }
  async hang_up() {
    await this.session.bye?.();
    await this.over;
  }
  async stop() {
    await this.phone.userAgent.unregister();
    await this.phone.userAgent.stop();
  }
}

window.phones = { jssip: JsSip, second: Second, first: First };
