"""What the doctor says of the world outside; asked for real, on this machine."""

from __future__ import annotations

import socket
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils.timezone import now

from lms.operations.findings import Level
from lms.operations.outside import (
    RENEWED_BEFORE,
    answer_to,
    look_at_address,
    look_at_mail_server,
    look_at_relay,
)
from tests.operations.house import MailServer, free_port


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


# --- The public address --------------------------------------------------------------


class OwnPage(BaseHTTPRequestHandler):
    """Answers as this installation does."""

    def do_GET(self) -> None:
        question = self.path.partition("ask=")[2]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"ok {answer_to(question)}".encode())

    def log_message(self, *_: object) -> None:
        pass


class AnothersPage(OwnPage):
    """Answers as any installation does that has another secret key."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok 0123456789abcdef0123456789abcdef")


class BrokenPage(OwnPage):
    def do_GET(self) -> None:
        self.send_error(502)


def web(page):
    return ThreadingHTTPServer(("127.0.0.1", 0), page)


def test_an_address_that_leads_here_is_well(settings):
    with served(web(OwnPage)) as port:
        settings.PUBLIC_URL = f"http://127.0.0.1:{port}"

        found = look_at_address()

    assert found.words == f"http://127.0.0.1:{port} leads here, without TLS."
    assert found.level is Level.OK


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (AnothersPage, "leads to another installation, or to one with another"),
        (BrokenPage, "/healthz answers 502."),
    ],
)
def test_an_address_that_leads_elsewhere_is_told(settings, page, words):
    with served(web(page)) as port:
        settings.PUBLIC_URL = f"http://127.0.0.1:{port}"

        found = look_at_address()

    assert words in found.words
    assert found.level is Level.BAD


def test_an_address_where_nobody_answers_is_told(settings):
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"

    assert "does not answer" in look_at_address().words


@pytest.fixture
def certified(tmp_path, monkeypatch):
    """Return a function: a TLS server whose certificate is good for so long."""

    def make(life: timedelta, *, known: bool) -> ThreadingHTTPServer:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - timedelta(days=400))
            .not_valid_after(now() + life)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        pem = tmp_path / "both.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        if known:
            monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        server = web(OwnPage)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    return make


@pytest.mark.parametrize(
    ("life", "level", "words"),
    [
        (RENEWED_BEFORE + timedelta(minutes=1), Level.OK, "for 14 more days."),
        (RENEWED_BEFORE - timedelta(minutes=1), Level.WARN, "for 13 more days."),
        (-timedelta(minutes=1), Level.BAD, "certificate has expired"),
    ],
)
def test_days_of_a_certificate_are_counted(settings, certified, life, level, words):
    with served(certified(life, known=True)) as port:
        settings.PUBLIC_URL = f"https://localhost:{port}"

        found = look_at_address()

    assert words in found.words
    assert found.level is level


def test_a_certificate_that_nobody_vouches_for_is_told(settings, certified):
    with served(certified(timedelta(days=90), known=False)) as port:
        settings.PUBLIC_URL = f"https://localhost:{port}"

        found = look_at_address()

    assert "is not good: self-signed certificate" in found.words


# --- The mail server -----------------------------------------------------------------


@pytest.fixture
def by_smtp(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_PORT = free_port()


def test_a_mail_server_that_answers_is_well_and_gets_no_mail(by_smtp, settings):
    server = MailServer()
    settings.EMAIL_PORT = server.server_address[1]
    try:
        found = look_at_mail_server()
    finally:
        server.close()

    assert found.level is Level.OK
    assert server.taken == []


def test_a_mail_server_that_is_away_is_told(by_smtp):
    found = look_at_mail_server()

    assert found.level is Level.BAD
    assert found.words.endswith("does not let us in: ConnectionRefusedError.")


@pytest.mark.parametrize(("debug", "level"), [(True, Level.OK), (False, Level.BAD)])
def test_mail_to_the_console_is_for_trying_out(settings, debug, level):
    settings.EMAIL_BACKEND, settings.DEBUG = "lms.mail.backends.ConsoleAndFolder", debug

    assert look_at_mail_server().level is level


# --- The relay -----------------------------------------------------------------------


class Relay(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        asked, answer = self.request
        answer.sendto(b"\x01\x01\0\0" + asked[4:20], self.client_address)


class NoRelay(Relay):
    def handle(self) -> None:
        self.request[1].sendto(b"go away, please, who", self.client_address)


class StreamRelay(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        asked = self.request.recv(100)
        self.request.sendall(b"\x01\x01\0\0" + asked[4:20])


def test_a_relay_that_answers_is_well(settings):
    with (
        served(socketserver.UDPServer(("127.0.0.1", 0), Relay)) as first,
        served(socketserver.TCPServer(("127.0.0.1", 0), StreamRelay)) as second,
    ):
        settings.TURN_URLS = [
            f"turn:127.0.0.1:{first}",
            f"turn:127.0.0.1:{second}?transport=tcp",
        ]

        assert look_at_relay().level is Level.OK


def test_something_else_in_the_relays_place_is_told(settings):
    with served(socketserver.UDPServer(("127.0.0.1", 0), NoRelay)) as port:
        settings.TURN_URLS = [f"turn:127.0.0.1:{port}"]

        assert look_at_relay().words.endswith("its answer makes no sense.")


def test_a_relay_that_is_away_is_told(settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.TURN_URLS = [f"turn:127.0.0.1:{taken.getsockname()[1]}?transport=tcp"]

        assert look_at_relay().level is Level.BAD


@pytest.mark.parametrize(("debug", "level"), [(True, Level.OK), (False, Level.WARN)])
def test_no_relay_is_for_trying_out(settings, debug, level):
    settings.TURN_URLS, settings.DEBUG = [], debug

    assert look_at_relay().level is level
