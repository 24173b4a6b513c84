// Our place in one conference: joined, kept through a change of the network, and left.

import { ask, Events, pause, Refusal } from "./server.js";
import { Wire } from "./wire.js";

const GIVE_UP_MS = 120_000;

export class Call {
  // `wish` is { to, name, secret, token }, the last one of who has signed in; `tell(happening)` goes to the state of the page.
  constructor(wish, sound, tell) {
    this.wish = wish;
    this.sound = sound;
    this.tell = tell;
    this.over = new AbortController();
    this.recovering = false;
    this.gone = false; // our place, by what the server says
    window.addEventListener("online", () => this.recover(), { signal: this.over.signal });
    navigator.connection?.addEventListener?.("change", () => this.#look(), { signal: this.over.signal });
  }

  // Ask for a place; raises Refusal.
  async join() {
    this.silent ??= this.sound.silence();
    const wire = this.#wire();
    try {
      const { to, name, secret, token } = this.wish;
      const offer = await wire.offer();
      const place = await ask("POST", "/web/join", { body: { to, name, secret: secret || null, offer }, key: token });
      this.place = place;
      if (this.over.signal.aborted) return this.#depart(), wire.close();
      await wire.answer(place.answer);
      this.wire = wire;
    } catch (error) {
      wire.close();
      throw error instanceof Refusal ? error : new Refusal({ code: "refused", message: error.message });
    }
    this.#follow();
    this.tell({ type: "joined", ...this.place, now: Date.now() });
  }

  #wire() {
    const wire = new Wire(this.sound.track ?? this.silent, {
      sound: (stream) => this.sound.play(stream, (is) => this.tell({ type: "heldBack", is })),
      up: () => this.tell({ type: "media", is: "up" }),
      broken: () => wire === this.wire && this.recover(),
    });
    return wire;
  }

  #follow() {
    this.events?.stop();
    this.events = new Events(this.place.key, {
      message: (message) => this.#hear(message),
      state: (is) => this.tell({ type: "events", is }),
      gone: () => this.#lost(),
    });
  }

  #hear(message) {
    if (message.event === "over") return this.#ended(message.reason);
    if (message.event === "renew") return this.#renew();
    this.tell({ type: "server", message });
    // A new place begins with an open microphone; ours is closed all the same, and others see it.
    const mine = message.event === "roster" && message.parties.find(({ id }) => id === message.you);
    if (mine && this.muted && !mine.muted) this.mute(true).catch(() => {});
  }

  // A path that works through a change of the network is left alone.
  #look() {
    setTimeout(() => this.wire?.peer.connectionState !== "connected" && this.recover(), 1000);
  }

  // Mend the media path; when our place is gone meanwhile, ask for another with what was typed at first.
  async recover() {
    if (this.recovering || !this.place || this.over.signal.aborted) return;
    this.recovering = true;
    this.tell({ type: "media", is: "down" });
    const until = Date.now() + GIVE_UP_MS;
    for (let attempt = 0; !this.over.signal.aborted; attempt += 1) {
      if (await this.#mended(until)) break;
      await pause(attempt, this.over.signal);
    }
    this.recovering = false;
  }

  async #mended(until) {
    try {
      if (!this.gone) await this.#restart().catch((error) => {
        if (!error.isGone) throw error;
        this.gone = true;
      });
      if (this.gone) await this.#again();
      return true;
    } catch (error) {
      const problem = error.problem ?? { code: "refused", message: error.message };
      if (problem.code === "ended") this.#stop("ended");
      else if (!["unreachable", "busy", "too_many"].includes(problem.code)) this.#stop("elsewhere", problem);
      else if (Date.now() > until) this.#stop("lost");
      return false;
    }
  }

  async #restart() {
    const wire = this.wire;
    const offer = await wire.offer({ iceRestart: true });
    try {
      const { answer } = await ask("PATCH", this.#path, { body: { offer }, key: this.place.key });
      await wire.answer(answer);
    } catch (error) {
      await wire.withdraw();
      throw error;
    }
    if (wire.peer.connectionState === "connected") this.tell({ type: "media", is: "up" });
  }

  // The server hears us elsewhere from now on, and knows nothing there of the keys that we had.
  async #renew() {
    const [before, wire] = [this.wire, this.#wire()];
    try {
      const { answer } = await ask("PATCH", this.#path, { body: { offer: await wire.offer() }, key: this.place.key });
      this.wire = wire;
      before.close();
      await wire.answer(answer);
    } catch {
      if (this.wire === wire) return this.recover();
      wire.close(); // we are told what becomes of our place
    }
  }

  async #again() {
    const before = this.wire;
    await this.join();
    this.gone = false;
    before.close();
  }

  // Nobody meant to end it: our packets did not arrive for too long.
  #ended(reason) {
    if (reason === "no_media") this.#lost();
    else this.#stop(reason);
  }

  #lost() {
    this.gone = true;
    return this.recover();
  }

  // Without sound from us at once; others learn of it from the server.
  async mute(is) {
    this.muted = is;
    if (this.sound.track) this.sound.track.enabled = !is;
    await this.events.command(is ? "mute" : "unmute", { party: this.place.party });
  }

  command(what, more) {
    return this.events.command(what, more);
  }

  press(key) {
    return this.wire.press(key);
  }

  send(track) {
    return this.wire?.send(track);
  }

  // Also when the page is closed: the request outlives it.
  leave() {
    this.#stop("left");
    return this.#depart();
  }

  #depart() {
    return ask("DELETE", this.#path, { key: this.place.key, keepalive: true }).catch(() => {});
  }

  get #path() {
    return `/web/parties/${encodeURIComponent(this.place.party)}`;
  }

  #stop(reason, problem = null) {
    if (this.over.signal.aborted) return;
    this.over.abort();
    this.events?.stop();
    this.wire?.close();
    this.tell({ type: "over", reason, problem });
  }
}
