"""Debian's Chromium, driven by Playwright: a browser whose microphone hears a file, and pages of people in it.

Pictures of the pages are kept where SOFTPHONE_PICTURES says, for people to look at; without it there are none.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.support.peers import AXE
from tests.support.tones import Pcm

PROGRAM = "/usr/bin/chromium"
# A machine that is busy elsewhere is slow, not wrong.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

WIDE, PHONE = (1180, 800), (320, 640)
PICTURES = os.environ.get("SOFTPHONE_PICTURES", "")

# A name that is another machine's, for pages that are not secure.
ELSEWHERE = "bridge.example"


def launched(playwright: Playwright, microphone: Path | None) -> Browser:
    """A browser; `microphone` is a WAV file, which is heard again and again; None: it has no sound devices.

    It takes certificates that nobody has signed.
    """
    fake = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"]
    return playwright.chromium.launch(
        executable_path=PROGRAM,
        args=[
            *(fake if microphone else []),
            f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
            "--ignore-certificate-errors",
        ],
    )


@contextmanager
def visitor(
    browser: Browser, *, allowed: bool = True, size: tuple[int, int] = WIDE, dark: bool = False
) -> Iterator[Page]:
    """A person's window: nothing kept from before; the microphone `allowed` or refused. An error in a script fails."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        permissions=["microphone"] if allowed else [],
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # The policy of the page that something was against.
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    try:
        yield page
    finally:
        context.close()
    assert not errors, errors


def offences(page: Page) -> list[str]:
    """What axe-core has against the page as it is now, a line each."""
    # Evaluated, not added to the page: its own policy lets no script of ours in.
    page.evaluate(AXE.read_text() + "\n;null")
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    return [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}" for each in found]


def overflow(page: Page) -> int:
    """Pixels that the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def picture(page: Page, name: str) -> None:
    """Keep how it looks."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def seemly(page: Page, name: str) -> None:
    """Look at one state in both lights, on a desk and on a phone: nothing against it, nothing cut off."""
    for light, size in (("light", WIDE), ("dark", PHONE), ("dark", WIDE), ("light", PHONE)):
        page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
        page.set_viewport_size({"width": size[0], "height": size[1]})
        picture(page, f"{name}-{light}-{size[0]}")
        assert overflow(page) <= 0, (name, light, size)
        # Each colour and each width once.
        if (light == "light") == (size == WIDE):
            assert offences(page) == [], (name, light, size)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


HEAR = """async (samples) => {
  const far = document.getElementById("far");
  const context = (window.judge ??= new AudioContext());
  await context.resume();
  if (window.judged !== far.srcObject) {
    window.judged = far.srcObject;
    window.ear = new AnalyserNode(context, { fftSize: samples });
    context.createMediaStreamSource(far.srcObject).connect(window.ear);
  }
  const from = context.currentTime;
  while (context.currentTime - from < samples / context.sampleRate + 0.1)
    await new Promise((later) => setTimeout(later, 20));
  const heard = new Float32Array(samples);
  window.ear.getFloatTimeDomainData(heard);
  return [context.sampleRate, Array.from(heard, (each) => Math.round(Math.max(-1, Math.min(1, each)) * 32767))];
}"""


def heard(page: Page, samples: int = 16384) -> tuple[Pcm, int]:
    """What the page plays from now on, a third of a second of it, and its rate."""
    rate_hz, pcm = page.evaluate(HEAR, samples)
    return np.asarray(pcm, np.int16), int(rate_hz)
