"""An S3 server of a test's own on loopback: SeaweedFS, which checks each signature."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import urllib3

from lms.s3 import Bucket, Place, read_place

LONGEST_SECONDS = 60.0


class S3Server:
    """One server with a bucket, a key and a folder of its own."""

    KEY, SECRET = "the-key", "a/secret+with=signs"

    def __init__(self, *, bind: str = "127.0.0.1") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="s3-"))
        self.bind = bind
        self.process: subprocess.Popen[bytes] | None = None
        self.ports = _free_ports(4)
        self.config = self.folder / "s3.json"
        who = {
            "name": "us",
            "credentials": [{"accessKey": self.KEY, "secretKey": self.SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        self.config.write_text(json.dumps({"identities": [who]}))

    @property
    def endpoint(self) -> str:
        return f"http://{self.bind}:{self.ports[3]}"

    @property
    def url(self) -> str:
        """What S3_URL is set to."""
        who = f"{self.KEY}:{quote(self.SECRET, safe='')}"
        return f"http://{who}@{self.bind}:{self.ports[3]}/files"

    @property
    def place(self) -> Place:
        return read_place(self.url)

    def start(self) -> S3Server:
        master, volume, filer, s3 = self.ports
        words = (
            f"server -dir {self.folder} -ip {self.bind} -ip.bind {self.bind} "
            f"-master.port {master} -master.port.grpc {master + 10000} "
            f"-volume.port {volume} -volume.port.grpc {volume + 10000} -volume.max 20 "
            f"-filer -filer.port {filer} -filer.port.grpc {filer + 10000} "
            f"-s3 -s3.port {s3} -s3.port.grpc {s3 + 10000} -s3.config {self.config} "
            "-s3.port.iceberg 0 -s3.port.lance 0 -master.volumeSizeLimitMB 100"
        )
        weed = Path(sys.executable).with_name("weed")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", weed, *words.split()],
                stdout=log,
                stderr=log,
            )
        self._make_bucket()
        return self

    def _make_bucket(self) -> None:
        """Make the bucket, as soon as the server is there."""
        bucket, end = Bucket(self.place), time.monotonic() + LONGEST_SECONDS
        path = f"/{self.place.bucket}"
        pool = urllib3.PoolManager(retries=False, timeout=5)
        digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        while True:
            try:
                signed = bucket._signed("PUT", path, "", digest)
                answer = pool.request("PUT", f"{self.endpoint}{path}", headers=signed)
                if answer.status in (200, 409):
                    return
            except urllib3.exceptions.HTTPError:
                pass
            if time.monotonic() > end:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    """Ports that are free, as are those 10,000 above: it wants pairs."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port > 55000 or port in found:
                continue
            try:
                above.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
            found.append(port)
    return found
