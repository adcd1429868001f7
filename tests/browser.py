"""Headless Chromium for tests: pages opened from files, over the browser's own pipe, no port.

What a test asks is sent in the Chrome DevTools Protocol, a JSON object and a zero byte at a time.
`python tests/browser.py` fetches axe-core, which looks for what people who do not see well, or use
no mouse, would stumble over; it is kept in the cache, as networks of others are.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from fleet.lab.fetch import assets
from fleet.lab.fetch.archive import Member

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = assets.Asset(
    "axe-core", "rules of accessibility", "npm", "axe-core", "4.14.1", 708_405,
    "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745", 10**7,
    (
        Member(
            "package/axe.min.js", 653_780,
            "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c", "axe.min.js",
        ),
        Member(
            "package/LICENSE", 15_921,
            "af175b9d96ee93c21a036152e1b905b0b95304d4ae8c2c921c7609100ba8df7e", "LICENSE",
        ),
    ),
    "MPL-2.0; Deque Systems",
)  # fmt: skip


def missing() -> str:
    """Return what is not here that tests in a browser need, and how to get it; empty: nothing."""
    if program() is None:
        return "there is no Chromium; apt-get install chromium"
    if not assets.here(AXE):
        return "axe-core is not here; python tests/browser.py"
    return ""


def program() -> str | None:
    """Return the browser, None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """A browser with one page; it ends with the block."""

    def __init__(self) -> None:
        self.home = tempfile.mkdtemp(prefix="browser-")
        asked, answered = os.pipe(), os.pipe()
        # The browser reads what it is asked from descriptor 3 and answers on 4; ours go beyond.
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (asked[0], answered[1])]
        self.to, self.back = asked[1], answered[0]
        self.process = os.posix_spawn(
            program() or "",
            ["chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
             f"--user-data-dir={self.home}", "about:blank"],
            os.environ,
            file_actions=[
                *((os.POSIX_SPAWN_OPEN, k, os.devnull, os.O_WRONLY, 0) for k in (1, 2)),
                *((os.POSIX_SPAWN_DUP2, end, k) for k, end in enumerate(theirs, 3)),
            ],
            setpgroup=0,
        )  # fmt: skip
        for end in (asked[0], answered[1], *theirs):
            os.close(end)
        self.buffer, self.last = b"", 0
        self.events: list[Any] = []
        self.session: str | None = None
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        for end in (self.to, self.back):
            os.close(end)
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request and return its answer; events that come before are kept."""
        self.last += 1
        asked = {"id": self.last, "method": method, "params": params}
        if self.session:
            asked["sessionId"] = self.session
        os.write(self.to, json.dumps(asked).encode() + b"\0")
        while True:
            said = self._read()
            if said.get("id") == self.last:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self.events.append(said)

    def _read(self) -> Any:
        while b"\0" not in self.buffer:
            part = os.read(self.back, 1 << 20)
            assert part, "the browser has gone"
            self.buffer += part
        one, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(one)

    def open(
        self, path: Path, *, width: int = 1280, dark: bool = False, script: bool = True,
        media: str = "",
    ) -> None:  # fmt: skip
        """Open a file; what it asks for and complains of is in `events` from here on."""
        self.events.clear()
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900,
                 deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.ask("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + 60
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            assert time.monotonic() < until, "the page does not load"
            self.ask("Browser.getVersion")
            time.sleep(0.05)

    def requests(self) -> list[str]:
        """Return what was asked for since a page was opened, apart from itself and its own data."""
        urls = [
            one["params"]["request"]["url"]
            for one in self.events
            if one.get("method") == "Network.requestWillBeSent"
        ]
        return [url for url in urls[1:] if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """Return errors and warnings of the page, its scripts and its policy."""
        told = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [json.dumps(one["params"]) for one in self.events if one.get("method") in told]

    def run(self, text: str) -> Any:
        """Return what a script gives in the page, whatever its policy."""
        done = self.ask(
            "Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True
        )  # fmt: skip
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, such as Tab (9)."""
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                     windowsVirtualKeyCode=code)  # fmt: skip

    def picture(self, path: Path, selector: str = "body") -> None:
        """Write a picture of an element, the whole of it."""
        box = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect();"
            " return [b.x + scrollX, b.y + scrollY, b.width, b.height]; })()"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
        shot = self.ask(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def printed(self, path: Path) -> None:
        """Write the page as it is printed, as PDF."""
        path.write_bytes(base64.b64decode(self.ask("Page.printToPDF", paperWidth=8.27,
                                                   paperHeight=11.69)["data"]))  # fmt: skip


if __name__ == "__main__":
    assets.fetch(AXE)
