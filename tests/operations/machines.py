"""Several machines, in network namespaces; a pooler and a proxy in the midst of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.browser.rooms import Net
from tests.operations.house import House, free_port, own_database

SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"
LONGEST_SECONDS = 30.0


def _program(name: str) -> str:
    found = shutil.which(name, path=SBIN)
    assert found, f"{name} is missing: `make check` installs it."
    return found


def _start(command: Sequence[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdout=log, stderr=log
        )


@dataclass
class Pooler:
    """pgbouncer before the tests' own PostgreSQL: each transaction another connection."""

    folder: Path
    bind: str = "127.0.0.1"
    connections: int = 4
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.port = free_port(self.bind)
        parts = urlsplit(own_database())
        (place,) = parse_qs(parts.query)["host"]
        self.name, self.user = parts.path.strip("/"), str(parts.username)
        # Only its owner reaches the server's socket, and pgbouncer is never root.
        self.owner = Path(place).owner() if os.geteuid() == 0 else ""
        (self.folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host={place}\n"
            "[pgbouncer]\n"
            f"listen_addr = {self.bind}\nlisten_port = {self.port}\n"
            f"unix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\nmax_client_conn = 200\n"
            f"default_pool_size = {self.connections}\n"
            "server_lifetime = 5\n"
        )
        # With auth_type any, the database says who we are.
        text = (self.folder / "pgbouncer.ini").read_text()
        text = text.replace(f"host={place}", f"host={place} user={self.user}")
        (self.folder / "pgbouncer.ini").write_text(text)
        for each in (self.folder, *self.folder.parents):
            if each == Path("/tmp"):
                break
            each.chmod(each.stat().st_mode | 0o011)

    @property
    def url(self) -> str:
        return (
            f"postgresql://{self.user}@{self.bind}:{self.port}/{self.name}"
            "?server_side_binding=false"
        )

    def start(self) -> Pooler:
        as_owner = [f"--reuid={self.owner}", "--clear-groups"] if self.owner else []
        program = [_program("pgbouncer"), self.folder / "pgbouncer.ini"]
        log = self.folder / "log"
        log.touch()
        if self.owner:
            for each in (log, self.folder / "pgbouncer.ini"):
                shutil.chown(each, self.owner)
        self.process = _start(["setpriv", *as_owner, *program], self.folder)
        end = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                psycopg.connect(self.url.partition("?")[0], connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise AssertionError(log.read_text()) from None
                time.sleep(0.05)
            else:
                return self

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@dataclass
class Machine:
    """One of several: a network, a folder and processes of its own."""

    net: Net
    house: House
    names: tuple[str, ...] = field(default=("web", "worker"))

    def start(self) -> None:
        for name in self.names:
            self.house.programs[name].start()

    @classmethod
    def put_in(cls, net: Net, house: House) -> Machine:
        """Let a house's processes run in the network; they listen at its address."""
        for program in house.programs.values():
            program.environment = house.variables()
            words = [f"{k}={v}" for k, v in program.environment.items()]
            inside = [*net.as_root, net.ip, "netns", "exec", net.name]
            if net.as_root:
                who = [f"--reuid={os.getuid()}", f"--regid={os.getgid()}"]
                inside += ["setpriv", *who, "--init-groups", "env", *words]
            program.command = [*inside, *program.command]
        return cls(net, house)


@dataclass
class Proxy:
    """haproxy before the machines: each request to the next that is well."""

    folder: Path
    machines: dict[str, str]  # by name, an address and a port
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        servers = "".join(
            f"  server {name} {place} check inter 500ms fall 2 rise 1\n"
            for name, place in self.machines.items()
        )
        config = self.folder / "haproxy.cfg"
        config.write_text(
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 60s\n"
            "  timeout server 30s\n  retries 3\n  option redispatch 1\n"
            "  option forwardfor\n"
            f"frontend all\n  bind 127.0.0.1:{self.port}\n  default_backend machines\n"
            "backend machines\n  balance roundrobin\n"
            f"  option httpchk\n  http-check send meth GET uri /healthz hdr Host localhost\n"
            "  http-response set-header X-Machine %s\n"
            f"{servers}"
        )
        self.process = _start([_program("haproxy"), "-db", "-f", config], self.folder)

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
