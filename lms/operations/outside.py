"""What lies outside: the address that people type, the mail server, the relay.

Nothing here asks the database: each look may hang, and hangs alone.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.operations.findings import Finding, bad, first_line, good, warn

TIMEOUT_SECONDS = 5
RENEWED_BEFORE = timedelta(days=14)  # those who renew by themselves do so earlier
_MOST_BYTES = 1000
_BINDING, _ANSWERED, _MAGIC = 0x0001, 0x0101, 0x2112A442


def answer_to(question: str) -> str:
    """What this installation alone answers: it shows that a question came to us."""
    return salted_hmac("lms.operations.outside", question).hexdigest()[:32]


# --- The public address ----------------------------------------------------------------


def look_at_address() -> Finding:
    """Whether PUBLIC_URL leads here, and its certificate is good for a while."""
    parts = urlsplit(settings.PUBLIC_URL)
    question = secrets.token_hex(16)
    step = _("Compare PUBLIC_URL with the name server, the proxy and its certificate.")
    try:
        status, said, ends_at = _fetch(f"{parts.path}/healthz?ask={question}")
    except ssl.SSLCertVerificationError as error:
        return bad(
            _("The certificate of %(url)s is not good: %(why)s.")
            % {"url": settings.PUBLIC_URL, "why": error.verify_message},
            _("Renew it in the proxy, or have the proxy read the renewed one."),
        )
    except (OSError, HTTPException) as error:
        return bad(
            _("%(url)s does not answer: %(why)s.")
            % {"url": settings.PUBLIC_URL, "why": first_line(error)},
            step,
        )
    if status != 200:
        return bad(
            _("%(url)s/healthz answers %(status)s.")
            % {"url": settings.PUBLIC_URL, "status": status},
            step,
        )
    if not constant_time_compare(said, f"ok {answer_to(question)}"):
        return bad(
            _("%s leads to another installation, or to one with another SECRET_KEY.")
            % settings.PUBLIC_URL,
            step,
        )
    return _of_certificate(ends_at)


def _of_certificate(ends_at: datetime | None) -> Finding:
    url = settings.PUBLIC_URL
    if ends_at is None:
        return good(_("%s leads here, without TLS.") % url)
    left = ends_at - now()
    words = _("%(url)s leads here; its certificate is good for %(days)s more days.") % {
        "url": url,
        "days": left.days,
    }
    if left < RENEWED_BEFORE:
        return warn(words, _("It should have been renewed: see to the proxy's log."))
    return good(words)


def _fetch(path: str) -> tuple[int, str, datetime | None]:
    """Status and text of a page at PUBLIC_URL, and when its certificate ends."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = str(parts.hostname)
    asked: HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        asked = HTTPSConnection(
            host, parts.port, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        asked = HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
    with closing(asked):
        asked.connect()
        ends_at = None
        if isinstance(asked.sock, ssl.SSLSocket):
            certificate = asked.sock.getpeercert() or {}
            seconds = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
            ends_at = datetime.fromtimestamp(seconds, UTC)
        asked.request("GET", path)
        response = asked.getresponse()
        said = response.read(_MOST_BYTES).decode("ascii", "replace").strip()
        return response.status, said, ends_at


# --- The mail server -------------------------------------------------------------------


def look_at_mail_server() -> Finding:
    """Whether the mail server lets us in, so far as can be told without a mail."""
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        words = _("Mail goes to the console and a folder, and to nobody else.")
        step = _("Set EMAIL_URL to your mail server.")
        return good(words) if settings.DEBUG else bad(words, step)
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with SmtpBackend(timeout=TIMEOUT_SECONDS) as server:
            code = server.connection.noop()[0] if server.connection else 0
    except (SMTPException, OSError) as error:
        return bad(
            _("The mail server %(where)s does not let us in: %(why)s.")
            % {"where": where, "why": type(error).__name__},
            _("Compare EMAIL_URL with what it asks for: host, port, TLS, password."),
        )
    if code != 250:
        return bad(
            _("The mail server %(where)s answers %(code)s.")
            % {"where": where, "code": code},
            _("Read its log."),
        )
    return good(_("The mail server %s lets us in.") % where)


# --- The relay -------------------------------------------------------------------------


def look_at_relay() -> Finding:
    """Whether each relay for calls answers."""
    if not settings.TURN_URLS:
        words = _("No relay is set: calls between two networks mostly fail.")
        step = _("Run coturn (docs/coturn.conf) and set TURN_URL and TURN_SECRET.")
        return good(words) if settings.DEBUG else warn(words, step)
    for url in settings.TURN_URLS:
        try:
            answers = _answers(url)
        except (OSError, ValueError) as error:
            answers, why = False, first_line(error)
        else:
            why = _("its answer makes no sense")
        if not answers:
            return bad(
                _("The relay %(url)s does not answer: %(why)s.")
                % {"url": url, "why": why},
                _("See to coturn, and to the firewall before it."),
            )
    return good(_("The relay answers: %s.") % ", ".join(settings.TURN_URLS))


def _answers(url: str) -> bool:
    """Ask a relay what our address is (STUN, RFC 8489), which it tells everybody."""
    scheme, _colon, rest = url.partition(":")
    place, _mark, query = rest.partition("?")
    host, port = _host_and_port(place, 5349 if scheme == "turns" else 3478)
    question = secrets.token_bytes(12)
    asked = struct.pack("!HHI", _BINDING, 0, _MAGIC) + question
    if scheme == "turn" and "transport=tcp" not in query:
        said = _by_datagram(host, port, asked)
    else:
        with socket.create_connection((host, port), TIMEOUT_SECONDS) as plain:
            if scheme != "turns":
                plain.sendall(asked)
                said = plain.recv(_MOST_BYTES)
            else:
                context = ssl.create_default_context()
                with context.wrap_socket(plain, server_hostname=host) as hidden:
                    hidden.sendall(asked)
                    said = hidden.recv(_MOST_BYTES)
    return said[:2] == struct.pack("!H", _ANSWERED) and said[8:20] == question


def _by_datagram(host: str, port: int, asked: bytes) -> bytes:
    family, kind, *_more, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind) as own:
        own.settimeout(TIMEOUT_SECONDS / 5)
        own.connect(address)
        for _try in range(4):  # one may be lost
            own.send(asked)
            try:
                return own.recv(_MOST_BYTES)
            except TimeoutError:
                continue
        raise TimeoutError(_("nothing came back"))


def _host_and_port(place: str, usual: int) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        return place.strip("[]"), usual
    return host.strip("[]"), int(port)
