"""A server of calendars that answers as it is told, over TLS, on this machine.

Run as a program (`python -m tests.sessions.calendar_server PORT CERTIFICATE`) it is
the process that reads a calendar, for which all names lead to that server.
"""

from __future__ import annotations

import datetime
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3 import HTTPSConnectionPool, Timeout

from sessions import outside_reader
from sessions.outside_fetch import Net

NAME = "calendar.example.com"
PUBLIC = "93.184.215.14"  # what every name stands for, as far as the reader knows

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """What it was asked, and how to reach it."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.certificate = certificate
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.opened: list[tuple[str, int, str]] = []
        self.looked_up: list[tuple[str, int]] = []

    def net(self, addresses: dict[str, list[str]] | None = None) -> Net:
        """Names as `addresses` says, else public; each connection ends here."""

        def look_up(host: str, port: int) -> list[str]:
            self.looked_up.append((host, port))
            return (addresses or {}).get(host, [PUBLIC])

        def open_pool(address: str, port: int, host: str) -> HTTPSConnectionPool:
            self.opened.append((address, port, host))
            return pool(self.port, self.certificate, host)

        return Net(look_up, open_pool)

    @property
    def reader(self) -> tuple[str, ...]:
        """The command of a process whose every connection ends here."""
        module = "tests.sessions.calendar_server"
        return (sys.executable, "-m", module, str(self.port), str(self.certificate))


def pool(port: int, certificate: Path, host: str) -> HTTPSConnectionPool:
    return HTTPSConnectionPool(
        "127.0.0.1",
        port,
        server_hostname=host,
        assert_hostname=host,
        ssl_context=ssl.create_default_context(cafile=str(certificate)),
        timeout=Timeout(connect=5, read=5),
        retries=False,
    )


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a certificate that signs itself, for these names; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key_file


@contextmanager
def serve(answer: Answer, certificate: Path, key: Path) -> Iterator[Server]:
    """Serve until the end of the block, a thread for each connection."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, dict(self.headers)))
            answer(self)

        def log_message(self, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *args: Any) -> None:
            pass  # the reader hung up, as it should

    listening = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening.socket = context.wrap_socket(
        listening.socket, server_side=True, do_handshake_on_connect=False
    )
    server = Server(listening.server_address[1], certificate)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    yield server
    listening.shutdown()
    thread.join()
    listening.server_close()


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str
) -> None:
    """Answer; a header's _ is written as -."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


if __name__ == "__main__":
    here, trusted = int(sys.argv[1]), Path(sys.argv[2])
    outside_reader.main(
        Net(lambda *_: [PUBLIC], lambda _ip, _port, host: pool(here, trusted, host)),
        cpu_seconds=2,
    )
