#!/usr/bin/env python3
"""A Chromium without a window, spoken to through two pipes (Chrome DevTools Protocol).

    tests/page/browser.py --packages    names the package of Debian that is missing, if it is
"""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "demo"))

from stage import Failed, Guarded  # noqa: E402

# Each program is the whole browser; Debian's comes first.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "chromium"

# Seconds for one answer: ten thousand rows take a minute to print on a busy machine. A page that hangs gives none.
PATIENCE = 180.0

FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
]

# Seconds in which a page that has something to say has said it.
QUIET = 0.3

# Of colours and media, as `prefers-color-scheme` has them.
LIGHT, DARK = "light", "dark"


class PageFailed(Failed):
    """The browser said no, or nothing at all."""


class Browser:
    """One Chromium. Its profile is thrown away with it."""

    def __init__(self):
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        if not program:
            raise Failed(f"There is no browser. Please install Chromium (on Debian: apt-get install --no-install-recommends {PACKAGE}).")
        folder = Path(tempfile.mkdtemp(prefix="ecs-keeper-browser-"))
        self._log = folder / "log"
        for name in ("in", "out"):
            os.mkfifo(folder / name)
        # Chromium refuses its own sandbox to root. It sees nothing but our pages.
        flags = [*FLAGS, f"--user-data-dir={folder / 'profile'}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        # It reads from the third and writes to the fourth file; through the guard nobody can hand them on but by name.
        command = ["sh", "-c", 'cd "$0" && exec "$@" 3<in 4>out', folder, program, *flags]
        with open(self._log, "wb") as log:
            self._process = Guarded(command, grace=5, remove=folder, stdout=log, stderr=log)
        self._in = open(folder / "in", "wb", buffering=0)
        self._messages: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, args=(folder / "out",), daemon=True).start()
        self._last = 0
        # Whatever it has said of any page.
        self.events: list[dict] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_) -> None:
        self._in.close()
        self._process.stop()

    def _read(self, path: Path) -> None:
        with open(path, "rb") as out:
            rest = b""
            while piece := out.read1(1 << 20):
                *messages, rest = (rest + piece).split(b"\0")
                for message in messages:
                    self._messages.put(json.loads(message))
        self._messages.put(None)

    def message(self) -> dict:
        """The next thing that the browser says."""
        try:
            message = self._messages.get(timeout=PATIENCE)
        except queue.Empty:
            raise PageFailed(f"The browser has said nothing for {PATIENCE:.0f} s.") from None
        if message is None:
            raise PageFailed("The browser has ended by itself.")
        return message

    def call(self, method: str, session: str | None, **parameters) -> dict:
        """What the browser answers. Whatever it says in between is kept."""
        self._last += 1
        asked = {"id": self._last, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self._in.write(json.dumps(asked).encode() + b"\0")
        while (message := self.message()).get("id") != self._last:
            self.events.append(message)
        if error := message.get("error"):
            raise PageFailed(f"{method}: {error['message']}")
        return message["result"]

    def open(self, path: Path, **how) -> Page:
        """A page in a tab of its own."""
        return Page(self, path, **how)


class Page:
    """A page of a file, in a window of this size."""

    def __init__(self, browser: Browser, path: Path, *, scheme: str = LIGHT, scripts: bool = True, size: tuple[int, int] = (1280, 900)):
        self._browser = browser
        target = browser.call("Target.createTarget", None, url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", None, targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        if not scripts:
            self._call("Emulation.setScriptExecutionDisabled", value=True)
        self._call("Page.navigate", url=path.as_uri())
        while not self._seen("Page.loadEventFired"):
            browser.events.append(browser.message())

    def _call(self, method: str, **parameters) -> dict:
        return self._browser.call(method, self._session, **parameters)

    def _seen(self, method: str) -> list[dict]:
        return [event["params"] for event in self._browser.events if event.get("method") == method and event.get("sessionId") == self._session]

    def ask(self, expression: str):
        """The value of a JavaScript expression; of a promise, once it is kept."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise PageFailed(f"{expression}: {found['exceptionDetails'].get('exception', {}).get('description')}")
        return found["result"].get("value")

    def wait(self) -> None:
        """What the page does by and by has been told after this, as far as one can wait for what should not come."""
        # Where scripts are off, a page has no timers.
        time.sleep(QUIET)
        self.ask("0")

    def complaints(self) -> list[str]:
        """What a browser shows as an error or a warning, such as what the page's policy has stopped."""
        self.wait()
        log = [entry["entry"] for entry in self._seen("Log.entryAdded")]
        thrown = [each["exceptionDetails"]["text"] for each in self._seen("Runtime.exceptionThrown")]
        said = [f"console.{each['type']}" for each in self._seen("Runtime.consoleAPICalled")]
        return [f"{entry['level']}: {entry['text']}" for entry in log] + thrown + said

    def requests(self) -> list[str]:
        """Whatever the page has asked for."""
        self.wait()
        return [request["request"]["url"] for request in self._seen("Network.requestWillBeSent")]

    def draw(self, act: str) -> None:
        """Does this, and waits until the page has been drawn with it; one that hangs does not answer in time."""
        drawn = "new Promise(go => requestAnimationFrame(() => setTimeout(go)))"
        self.ask(f"(async () => {{ {act}; await {drawn} }})()")

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self._call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])


def missing() -> list[str]:
    """The packages of Debian that bring what is not there."""
    return [] if any(shutil.which(name) for name in PROGRAMS) else [PACKAGE]


if __name__ == "__main__":
    if sys.argv[1:] != ["--packages"]:
        sys.exit(__doc__)
    print(" ".join(missing()))
