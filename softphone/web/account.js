// Who has signed in: its token, which is kept as long as the page is open, and what it has on the server.

import { ask, load } from "./server.js";

const PAGE = 20;

export class Account {
  static async signIn(user, password) {
    const { token, name, number } = await ask("POST", "/web/login", { body: { user, password } });
    return new Account(token, name, number);
  }

  constructor(token, name, number) {
    Object.assign(this, { token, name, number });
  }

  signOut() {
    return ask("DELETE", "/web/login", { key: this.token, keepalive: true }).catch(() => {});
  }

  // A conference of one's own; gives what others join it by.
  async start() {
    const { token } = await ask("POST", "/api/v1/conferences", { body: {}, key: this.token });
    return token;
  }

  // Those that are done, the newest first: { recordings, next }; `next` asks for older ones.
  recordings(after) {
    const query = new URLSearchParams({ limit: PAGE, ...(after && { after }) });
    return ask("GET", `/api/v1/recordings?${query}`, { key: this.token });
  }

  // The sound of a recording, as an address for a player of this page alone.
  async sound(id) {
    return URL.createObjectURL(await load(`/api/v1/recordings/${encodeURIComponent(id)}/audio`, this.token));
  }
}
