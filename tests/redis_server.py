"""A Redis of a test's own, on loopback: started, frozen, killed, brought back."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

LONGEST_SECONDS = 20.0


class RedisServer:
    """One server with a port, a password and a folder of its own."""

    PASSWORD = "a,word@of/the:test"
    _WRITTEN = "a%2Cword%40of%2Fthe%3Atest"

    def __init__(self, *, bind: str = "127.0.0.1") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.bind = bind
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._WRITTEN}@{self.bind}:{self.port}/0"

    def start(self) -> RedisServer:
        command = f"setpriv --pdeathsig KILL redis-server --bind {self.bind} --port {self.port} --save 3600 1000"
        self.process = subprocess.Popen(
            [*command.split(), "--dir", self.folder, "--requirepass", self.PASSWORD],
            stdout=subprocess.DEVNULL,
        )
        self.wait()
        return self

    def wait(self) -> None:
        end = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                self.ask("PING")
            except redis.RedisError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                return

    def ask(self, *command: str | bytes) -> Any:
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            return client.execute_command(*command)

    def freeze(self) -> None:
        """Let it take connections, and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once: what it had not written to its disk is lost."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
