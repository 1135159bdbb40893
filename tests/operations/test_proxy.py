"""Our Caddyfile, by a real Caddy: what BEHIND_PROXY believes is Caddy's own word."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import socket
from threading import Thread, Timer

import pytest

from tests.operations.house import free_port, until

ROOT = Path(__file__).resolve().parents[2]
# A test listens on loopback alone, and takes no certificate.
HERE = "{\n\tdefault_bind 127.0.0.1\n\tadmin off\n}\n"


class Echo(BaseHTTPRequestHandler):
    """Stands where the web process does, and answers with the headers it got."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): self.headers[name] for name in self.headers})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        return


def serve(port: int) -> HTTPServer:
    server = HTTPServer(("127.0.0.1", port), Echo)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class Proxy:
    def __init__(self, folder: Path) -> None:
        self.port, self.web_port = free_port(), free_port()
        self.log = folder / "log"
        file = folder / "Caddyfile"
        file.write_text(HERE + (ROOT / "deploy" / "Caddyfile").read_text())
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "PUBLIC_URL": f"http://q.example.com:{self.port}",
                    "UPSTREAM": f"127.0.0.1:{self.web_port}",
                },
                stdout=log,
                stderr=log,
            )

    def is_up(self) -> bool:
        with socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def get(self, path: str = "/", **headers: str) -> tuple[int, dict[str, str]]:
        asked = HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked.request(
            "GET", path, headers={"Host": f"q.example.com:{self.port}"} | named
        )
        answer = asked.getresponse()
        body = answer.read()
        asked.close()
        return answer.status, json.loads(body) if answer.status == 200 else {}


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path)
    try:
        until(proxy.is_up, "Caddy answers")
        yield proxy
    finally:
        proxy.process.terminate()
        proxy.process.wait(20)


def test_what_a_visitor_says_of_where_they_come_from_is_dropped(proxy: Proxy) -> None:
    web = serve(proxy.web_port)

    status, got = proxy.get(
        X_Forwarded_For="198.51.100.1",
        X_Forwarded_Proto="https",
        Forwarded="for=198.51.100.1;proto=https",
    )
    web.shutdown()
    web.server_close()

    assert status == 200
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-proto"] == "http"
    assert "forwarded" not in got
    assert got["host"] == f"q.example.com:{proxy.port}"


def test_who_asks_while_the_web_process_is_started_anew_waits(proxy: Proxy) -> None:
    starting = Timer(1.5, lambda: started.append(serve(proxy.web_port)))
    started: list[HTTPServer] = []
    starting.start()

    status, _ = proxy.get()
    starting.join()
    for web in started:
        web.shutdown()
        web.server_close()

    assert status == 200


def test_no_address_is_written_down_for_links_open_by_themselves(proxy: Proxy) -> None:
    web = serve(proxy.web_port)

    proxy.get("/welcome/a-link-that-opens-by-itself/", Cookie="__Host-sessionid=hush")
    until(lambda: '"status":200' in proxy.log.read_text(), "a line in the log")
    web.shutdown()
    web.server_close()

    assert "opens-by-itself" not in proxy.log.read_text()
    assert "hush" not in proxy.log.read_text()
