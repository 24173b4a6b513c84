// What is said to the server: joining by HTTP, events and commands over one WebSocket that comes back by itself.

export class Refusal extends Error {
  constructor(problem) {
    super(problem.message || problem.code);
    this.problem = problem;
  }
  // Whether our place is no more.
  get isGone() {
    return ["not_found", "login_needed", "ended"].includes(this.problem.code);
  }
}

const CODES = { 401: "login_needed", 404: "not_found", 410: "ended", 429: "too_many", 502: "unreachable", 503: "busy", 504: "unreachable" };

async function send(method, path, { body, key, keepalive = false } = {}) {
  try {
    const headers = { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) };
    return await fetch(path, { method, headers, keepalive, cache: "no-store", ...(body && { body: JSON.stringify(body) }) });
  } catch {
    throw new Refusal({ code: "unreachable" });
  }
}

// A file, for who may have it.
export async function load(path, key) {
  const answer = await send("GET", path, { key });
  if (!answer.ok) throw new Refusal({ code: CODES[answer.status] });
  return answer.blob();
}

export async function ask(method, path, more = {}) {
  const answer = await send(method, path, more);
  const text = await answer.text();
  let said = {};
  try {
    said = text ? JSON.parse(text) : {};
  } catch {
    // Whoever answered, it was not our server: a proxy in between has a page for that.
    if (answer.ok) throw new Refusal({ code: "unreachable" });
  }
  if (answer.ok) return said;
  // Other faces than that of the page have codes of their own.
  const { code = CODES[answer.status], message = said.message } = said.error ?? {};
  throw new Refusal({ code, message, wait: Number(answer.headers.get("Retry-After")) || 0 });
}

// Waits that grow to 8 s; half of each is chance, so that not everybody comes back at once. Less when the network is back.
export const pause = (attempt, signal) => new Promise((done) => {
  const most = Math.min(8000, 500 * 2 ** attempt);
  const timer = setTimeout(done, most / 2 + (Math.random() * most) / 2);
  window.addEventListener("online", done, { once: true, signal });
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});

// Our key is not known (any more): there is no party of ours. The other: newer connections have taken our place.
const STRANGER = 4404;
const REPLACED = 4429;

export class Events {
  // `told` has `message(message)`, `state("up" | "down")` and `gone()`.
  constructor(key, told) {
    this.key = key;
    this.told = told;
    this.number = 0;
    this.waiting = new Map();
    this.stopping = new AbortController();
    this.#run();
  }

  async #run() {
    for (let attempt = 0; !this.stopping.signal.aborted; attempt += 1) {
      const { code, wasUp } = await this.#once();
      if (this.stopping.signal.aborted) return;
      if (code === STRANGER) return this.told.gone();
      if (code === REPLACED) return;
      this.told.state("down");
      if (wasUp) attempt = 0;
      await pause(attempt, this.stopping.signal);
    }
  }

  #once() {
    return new Promise((over) => {
      let wasUp = false;
      const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/web/events`);
      this.socket = socket;
      socket.onopen = () => socket.send(JSON.stringify({ key: this.key }));
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.event === "roster") {
          wasUp = true;
          this.told.state("up");
        }
        if (message.event === "done" || message.event === "refused") this.#settle(message);
        else this.told.message(message);
      };
      socket.onclose = ({ code }) => {
        for (const { refuse } of this.waiting.values()) refuse(new Refusal({ code: "unreachable" }));
        this.waiting.clear();
        over({ code, wasUp });
      };
    });
  }

  #settle(message) {
    const { done, refuse } = this.waiting.get(message.of) ?? {};
    this.waiting.delete(message.of);
    if (message.event === "done") done?.(message);
    else refuse?.(new Refusal({ code: message.code ?? "refused", message: message.message }));
  }

  command(what, more = {}) {
    return new Promise((done, refuse) => {
      if (this.socket?.readyState !== WebSocket.OPEN) return refuse(new Refusal({ code: "unreachable" }));
      const n = (this.number += 1);
      this.waiting.set(n, { done, refuse });
      this.socket.send(JSON.stringify({ n, do: what, ...more }));
    });
  }

  stop() {
    this.stopping.abort();
    this.socket?.close();
  }
}
