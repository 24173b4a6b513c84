"""A server on paper, for what the page makes of a conference: it says what a test wants, and at once.

Its media end is a second connection in the same page, so that offers, answers, keys and ICE restarts are those of a
real browser on both sides.
"""

import json
from typing import Any

from playwright.sync_api import Page, WebSocketRoute, expect

FETCH = """(() => {
  const real = window.fetch;
  const paper = (window.paper = { asked: [], keys: "", refuse: null });
  const complete = (peer) => new Promise((done) => {
    const look = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
  const answer = async (sdp) => {
    const print = /a=fingerprint:(.*)/.exec(sdp)[1];
    if (paper.print !== print) { // another connection
      paper.print = print;
      paper.peer = new RTCPeerConnection();
      const context = new AudioContext();
      const voice = new MediaStreamAudioDestinationNode(context);
      const tone = new OscillatorNode(context, { frequency: 850 });
      tone.connect(new GainNode(context, { gain: 0.25 })).connect(voice);
      tone.start();
      paper.peer.addTrack(voice.stream.getAudioTracks()[0], voice.stream);
    }
    await paper.peer.setRemoteDescription({ type: "offer", sdp });
    await paper.peer.setLocalDescription(await paper.peer.createAnswer());
    await complete(paper.peer);
    return paper.peer.localDescription.sdp;
  };
  const said = (status, body) => new Response(body && JSON.stringify(body), { status });
  window.fetch = async (path, options = {}) => {
    if (!String(path).startsWith("/web/")) return real(path, options);
    const body = options.body ? JSON.parse(options.body) : null;
    paper.asked.push({ method: options.method, path, body, key: options.headers?.Authorization });
    if (paper.refuse) {
      const [status, code] = paper.refuse.shift();
      if (!paper.refuse.length) paper.refuse = null;
      if (!status) throw new TypeError("Failed to fetch");
      return said(status, { error: { code, message: "" } });
    }
    if (options.method === "DELETE") return said(204);
    const ours = await answer(body.offer);
    const place = { party: "me", key: "k", role: paper.role, title: paper.title, stage: "joined" };
    return said(options.method === "PATCH" ? 200 : 201, { ...place, answer: ours });
  };
})()"""

ME = {
    "id": "me", "name": "Me Myself", "role": "participant", "muted": False, "talking": False, "held": False,
    "quality": "good", "via": "browser", "stage": "joined",
}  # fmt: skip


def party(id: str, name: str, **more: Any) -> dict[str, Any]:
    """One in the roster."""
    return ME | {"id": id, "name": name} | more


class PaperServer:
    """Joined through the page's own door; `said` is what the page has commanded."""

    def __init__(
        self, page: Page, url: str, *others: dict[str, Any], role: str = "participant", **conference: Any
    ) -> None:
        self.page, self.role = page, role
        self.conference = {"title": "Board meeting", "locked": False, "recording": False, "muted": False} | conference
        self.parties = [ME | {"role": role}, *others]
        self.said: list[dict[str, Any]] = []
        self.refusing: str | None = None
        self.refusal = "refused"
        self.sockets: list[WebSocketRoute] = []
        page.add_init_script(FETCH)
        page.add_init_script(f"paper.role = {role!r}; paper.title = 'Board meeting'")
        page.route_web_socket("**/web/events", self._connected)
        page.goto(f"{url}/j/1234")

    def _connected(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self._heard(socket, text))

    def _heard(self, socket: WebSocketRoute, text: str | bytes) -> None:
        message = json.loads(text)
        self.said.append(message)
        if "key" in message:
            roster = {"event": "roster", "you": "me", "conference": self.conference, "parties": self.parties}
            socket.send(json.dumps(roster))
        elif self.refusing is not None:
            socket.send(
                json.dumps({"event": "refused", "of": message["n"], "code": self.refusal, "message": self.refusing})
            )
        else:
            socket.send(json.dumps({"event": "done", "of": message["n"]}))

    def tell(self, event: str, **more: Any) -> None:
        """Let something have happened."""
        self.sockets[-1].send(json.dumps({"event": event, **more}))

    def join(self, name: str = "Me Myself") -> None:
        """Come in as a person does."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Join").click()
        expect(self.page.locator("#room")).to_be_visible()
        expect(self.page.locator("#roster li")).to_have_count(len(self.parties))

    def asked(self, method: str) -> list[dict[str, Any]]:
        """What was asked by HTTP with this method."""
        every: list[dict[str, Any]] = self.page.evaluate("paper.asked")
        return [each for each in every if each["method"] == method]

    @property
    def commands(self) -> list[dict[str, Any]]:
        """What the page has commanded, without numbers."""
        return [{name: value for name, value in each.items() if name != "n"} for each in self.said if "do" in each]
