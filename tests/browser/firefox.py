"""Firefox, driven by WebDriver BiDi: Playwright drives none but a build of its own.

A page here does what `tests.browser.rooms.Side` asks of one, by Playwright's names, so
that either of the two in a call may sit at it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import struct
import subprocess
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urljoin, urlsplit

from tests.browser.journeys import LONGEST_SECONDS

PROGRAM = shutil.which("firefox-esr") or shutil.which("firefox")
# Devices that it makes up, a person who allows them, and no talk with its makers.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.autoplay.default": 0,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#",
    "toolkit.telemetry.server": "data:,#",
}
# An expression, or a function that is given one thing, as `evaluate` of Playwright has it.
EVALUATE = """async (given) => {
  const found = (%s);
  const value = typeof found === "function" ? found(JSON.parse(given)) : found;
  return JSON.stringify(await value) ?? "null";
}"""
IS_VISIBLE = "each => each?.checkVisibility({visibilityProperty: true}) ?? false"
INTO_VIEW = "each => each.scrollIntoView({block: 'center', behavior: 'instant'})"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004"}
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LAST = 0x80  # the first bit of a frame's first byte: nothing more of this message comes


class WebSocket:
    """As much of RFC 6455 as it takes to talk with a browser of one's own."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname
        self.socket = create_connection((place.hostname, place.port), LONGEST_SECONDS)
        self.coming = self.socket.makefile("rb")
        key = b64encode(secrets.token_bytes(16)).decode()
        self.socket.sendall(
            f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = self.coming.readline()
        assert b" 101 " in status, status
        while self.coming.readline().strip():
            """Headers, which say nothing more."""

    def send(self, data: bytes, kind: int = TEXT) -> None:
        mask = secrets.token_bytes(4)
        masked = bytes(each ^ mask[n % 4] for n, each in enumerate(data))
        first, length = LAST | kind, len(data)
        if length < 126:
            head = struct.pack("!BB", first, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", first, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, length)
        self.socket.sendall(head + mask + masked)

    def receive(self) -> bytes:
        """The next message, all of its parts."""
        message = b""
        while True:
            first, length = self.coming.read(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.coming.read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self.coming.read(8))
            data = self.coming.read(length)
            kind = first & ~LAST
            if kind == PING:
                self.send(data, PONG)
            elif kind == CLOSE:
                raise ConnectionError("Firefox has gone.")
            elif kind != PONG:
                message += data
                if first & LAST:
                    return message

    def close(self) -> None:
        self.coming.close()
        self.socket.close()


class Firefox:
    """One that runs headless, with a profile in `folder`, until it is closed."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM, "Firefox is missing (apt: firefox-esr)."
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});"
            for name, value in PREFERENCES.items()
        ]
        (folder / "user.js").write_text("\n".join(lines))
        with (folder / "firefox.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(PROGRAM, "--headless", "--no-remote", "--profile", folder),
                    *("--remote-debugging-port", "0", "about:blank"),
                ],
                env=os.environ | {"HOME": str(folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        place = self._read(folder / "WebDriverBiDiServer.json")
        self.line = WebSocket(f"ws://{place['ws_host']}:{place['ws_port']}/session")
        self.asked = 0
        self.events: list[dict[str, Any]] = []
        self.do("session.new", capabilities={})
        self.do(
            "session.subscribe", events=["log.entryAdded", "network.responseCompleted"]
        )

    def _read(self, path: Path) -> dict[str, Any]:
        """What it writes once it listens."""
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                place: dict[str, Any] = json.loads(path.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.05)
            else:
                return place
        said = (path.parent / "firefox.log").read_text()[-2000:]
        raise AssertionError(f"Firefox does not listen:\n{said}")

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command of BiDi, and return what it answers."""
        self.asked += 1
        words = {"id": self.asked, "method": method, "params": params}
        self.line.send(json.dumps(words).encode())
        while True:
            answer = json.loads(self.line.receive())
            if answer["type"] == "event":
                self.events.append(answer)
            elif answer["id"] == self.asked:
                assert answer["type"] == "success", (words, answer)
                result: dict[str, Any] = answer["result"]
                return result

    def person(self, url: str, session: str, *scripts: str) -> FirefoxPage:
        """The browser of somebody who has signed in; `scripts` run before each page's."""
        room = self.do("browser.createUserContext")["userContext"]
        tab = self.do("browsingContext.create", type="tab", userContext=room)
        page = FirefoxPage(self, url, tab["context"])
        for script in scripts:
            self.do(
                "script.addPreloadScript",
                functionDeclaration=f"() => {{{script}}}",
                userContexts=[room],
            )
        host = urlsplit(url).hostname
        value = {"type": "string", "value": session}
        self.do(
            "storage.setCookie",
            cookie={"name": "sessionid", "value": value, "domain": host},
            partition={"type": "storageKey", "userContext": room},
        )
        return page

    def faults(self) -> list[str]:
        """What a console said against a page, and each answer that should not have been."""
        self.do("session.status")  # what it tells before this has come then
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "log.entryAdded" and params["level"] == "error":
                found.append(params["text"])
            elif event["method"] == "network.responseCompleted":
                answer = params["response"]
                if answer["status"] >= 400:
                    found.append(f"{answer['url']}: {answer['status']}")
        return found

    def close(self) -> None:
        self.line.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Keyboard:
    page: FirefoxPage

    def press(self, key: str) -> None:
        value = KEYS.get(key, key)
        kinds = ("keyDown", "keyUp")
        self.page.act("key", [{"type": kind, "value": value} for kind in kinds])


@dataclass
class FirefoxPage:
    """A tab. What waits in Playwright's has to be waited for here: see `Side.until`."""

    firefox: Firefox
    url: str
    tab: str
    keyboard: Keyboard = field(init=False)

    def __post_init__(self) -> None:
        self.keyboard = Keyboard(self)

    def goto(self, path: str) -> None:
        address = urljoin(self.url, path)
        self.firefox.do(
            "browsingContext.navigate", context=self.tab, url=address, wait="complete"
        )

    def wait_for_url(self, pattern: str) -> None:
        at = self.evaluate("location.href")
        assert fnmatch(at, pattern), at

    def wait_for_timeout(self, milliseconds: float) -> None:
        time.sleep(milliseconds / 1000)

    def evaluate(self, words: str, given: object = None) -> Any:
        return json.loads(self.call(EVALUATE % words, given)["value"])

    def call(self, function: str, given: object = None) -> dict[str, Any]:
        """Call it there with what JSON can say; return its result as BiDi tells it."""
        answer = self.firefox.do(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": json.dumps(given)}],
            target={"context": self.tab},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result

    def act(self, kind: str, actions: Sequence[dict[str, Any]]) -> None:
        """Do it as hands do it, by mouse (`pointer`) or keyboard (`key`)."""
        hand = {"type": kind, "id": kind, "actions": actions}
        self.firefox.do("input.performActions", context=self.tab, actions=[hand])

    def locator(self, selector: str) -> FirefoxLocator:
        return FirefoxLocator(self, selector)


@dataclass
class FirefoxLocator:
    """The first of what a selector of CSS finds, at the moment one asks."""

    page: FirefoxPage
    selector: str

    def evaluate(self, function: str) -> Any:
        place = f"document.querySelector({json.dumps(self.selector)})"
        return self.page.evaluate(f"() => ({function})({place})")

    def get_attribute(self, name: str) -> Any:
        """None where a page is on its way, too."""
        return self.evaluate(f"each => each?.getAttribute({json.dumps(name)}) ?? null")

    def inner_text(self) -> str:
        return str(self.evaluate("each => each.innerText"))

    def is_visible(self) -> bool:
        return bool(self.evaluate(IS_VISIBLE))

    def click(self) -> None:
        self.evaluate(INTO_VIEW)
        assert self.is_visible(), self.selector
        find = f"() => document.querySelector({json.dumps(self.selector)})"
        element = {"sharedId": self.page.call(find)["sharedId"]}
        middle = {"type": "element", "element": element}
        self.page.act(
            "pointer",
            [
                {"type": "pointerMove", "x": 0, "y": 0, "origin": middle},
                {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0},
            ],
        )

    def fill(self, words: str) -> None:
        self.evaluate(
            f"each => {{ each.focus(); each.value = {json.dumps(words)};"
            "each.dispatchEvent(new Event('input', {bubbles: true})); }"
        )
