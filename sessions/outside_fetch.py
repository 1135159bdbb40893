"""Fetching a file from an address that somebody else chose, from the open net alone.

Only https, by name, to a server all of whose addresses are public; the connection
goes to the address that was checked, and the certificate must be the name's. No
proxy, no cookies, no compression; few redirects, each checked like the first.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from urllib3 import BaseHTTPResponse, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError, SSLError

from lms.open_net import is_public

MOST_BYTES = 4 * 2**20
MOST_SECONDS = 15
MOST_REDIRECTS = 3
PORTS = (443, 8443)
AGENT = "ByteKast-Qualifications/1.0 (calendar reader)"

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NO_TOP_LEVEL = {"localhost", "local", "internal", "intranet", "lan", "home", "arpa"}


class CannotRead(Exception):
    """Why a calendar cannot be read, in one word; `outside.WORDS` says it in full."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Answer:
    """What an address gave; `body` is None when nothing has changed since."""

    body: bytes | None
    etag: str = ""
    modified: str = ""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses that a name stands for."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CannotRead("no_server") from None
    return [str(each[4][0]) for each in found]


def open_pool(address: str, port: int, host: str) -> HTTPSConnectionPool:
    """Connect to this very address; the certificate must be the name's."""
    return HTTPSConnectionPool(
        address,
        port,
        server_hostname=host,
        assert_hostname=host,
        ssl_context=ssl.create_default_context(),
        timeout=Timeout(connect=5, read=5),
        retries=False,
    )


@dataclass(frozen=True)
class Net:
    """How names are looked up and connections opened: another one in tests."""

    look_up: Callable[[str, int], list[str]] = look_up
    open_pool: Callable[[str, int, str], HTTPSConnectionPool] = open_pool


def checked(url: str) -> SplitResult:
    """Split an address, webcal read as https; raises CannotRead for others.

    The host comes back as it is asked for: small letters, ASCII, no last dot.
    """
    if any(letter.isspace() or ord(letter) < 32 for letter in url.strip()):
        raise CannotRead("not_an_address")
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 443
        host = (parts.hostname or "").rstrip(".").encode("idna").decode().lower()
    except ValueError:  # a bad port, bracket or letter
        raise CannotRead("not_an_address") from None
    if parts.scheme not in ("https", "webcal", "webcals"):
        raise CannotRead("not_https")
    if "@" in parts.netloc:
        raise CannotRead("has_password")
    if port not in PORTS:
        raise CannotRead("odd_port")
    labels = host.split(".")
    if not host or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise CannotRead("not_a_name" if ":" in host else "not_an_address")
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        raise CannotRead("not_a_name")  # an IPv4 address, in one of its forms
    if len(labels) == 1 or labels[-1] in _NO_TOP_LEVEL:
        raise CannotRead("private")
    netloc = host if port == 443 else f"{host}:{port}"
    return parts._replace(scheme="https", netloc=netloc, fragment="")


def fetch(
    url: str, *, etag: str = "", modified: str = "", net: Net | None = None
) -> Answer:
    """Fetch the file at an address, unless unchanged; raises CannotRead."""
    net = net or Net()
    until = monotonic() + MOST_SECONDS
    conditions = {}
    if etag:
        conditions["If-None-Match"] = etag
    if modified:
        conditions["If-Modified-Since"] = modified
    for _hop in range(MOST_REDIRECTS + 1):
        parts = checked(url)
        response = _ask(parts, conditions, net)
        try:
            if response.status in (301, 302, 303, 307, 308):
                url = _next(parts.geturl(), response.headers.get("Location", ""))
                continue
            return _read(response, until)
        finally:
            response.close()
    raise CannotRead("too_many_redirects")


def _next(url: str, place: str) -> str:
    try:
        return urljoin(url, place)
    except ValueError:  # a bad bracket
        raise CannotRead("not_an_address") from None


def _ask(parts: SplitResult, conditions: dict[str, str], net: Net) -> BaseHTTPResponse:
    host, port = parts.hostname or "", parts.port or 443
    addresses = net.look_up(host, port)
    if not addresses:
        raise CannotRead("no_server")
    if not all(is_public(address) for address in addresses):
        raise CannotRead("private")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = quote(path, safe="/?%:@!$&'()*+,;=~[]")
    headers = {
        "Host": parts.netloc,
        "Accept": "text/calendar, */*;q=0.5",
        "Accept-Encoding": "identity",
        "User-Agent": AGENT,
        "Connection": "close",
    }
    for address in sorted(addresses, key=lambda one: ":" in one)[:2]:
        try:
            return net.open_pool(address, port, host).urlopen(
                "GET",
                target,
                headers=headers | conditions,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except SSLError:
            raise CannotRead("bad_certificate") from None
        except (HTTPError, OSError, ValueError):
            continue  # by its other kind of address, perhaps
    raise CannotRead("no_answer")


def _read(response: BaseHTTPResponse, until: float) -> Answer:
    if response.status == 304:
        return Answer(None)
    if response.status != 200:
        raise CannotRead(_why(response.status))
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CannotRead("compressed")
    if int(_digits(response.headers.get("Content-Length"))) > MOST_BYTES:
        raise CannotRead("too_large")
    body = bytearray()
    try:
        while piece := response.read(2**16, decode_content=False):
            body += piece
            if len(body) > MOST_BYTES:
                raise CannotRead("too_large")
            if monotonic() > until:
                raise CannotRead("too_slow")
    except (HTTPError, OSError, ValueError):
        raise CannotRead("no_answer") from None
    return Answer(
        bytes(body),
        _kept(response.headers.get("ETag"), 300),
        _kept(response.headers.get("Last-Modified"), 100),
    )


def _why(status: int) -> str:
    if status in (401, 403, 407):
        return "forbidden"
    if status in (404, 410):
        return "gone"
    return "failing" if status == 429 or status >= 500 else "odd_answer"


def _digits(text: str | None) -> str:
    return text if text and re.fullmatch(r"[0-9]{1,15}", text) else "0"


def _kept(value: str | None, most: int) -> str:
    """Keep what can be sent back as it came; a longer or stranger one is dropped."""
    fits = value is not None and len(value) <= most and re.fullmatch(r"[ -~]*", value)
    return value if value and fits else ""
