"""Follow docs/operations.md line by line on an empty Debian that is started for it.

The commands are the page's own: each block marked `sh`, in order, by a shell that ends
at the first failure. A comment right above a block says why it is left out (`not tried:
why`) or with which code it ends here (`ends with 1 here: why`). The Debian is a fresh
debootstrap, booted with its own systemd by systemd-nspawn; its network is this
machine's, so only what listens on loopback is tried. Run it as root: `make follow`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operations.md"
SUITE = "bookworm"
EMPTY = ROOT / ".cache" / f"{SUITE}.tar"
TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"}
# A server has these, a minimal debootstrap has not.
OF_A_SERVER = "systemd,systemd-sysv,dbus"
REPOSITORY = "/opt/elsewhere/qualifications.git"  # where it is cloned from
LONGEST_BLOCK_SECONDS = 300
# By what this machine trusts a package registry, if by something of its own.
TRUST = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

FENCE = re.compile(
    r"^(?P<heading>#{2,3} [^\n]+)$"
    r"|(?:^<!-- (?P<comment>[^>]*?) -->\n)?^```sh\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """Commands that the page gives, and what it says of them for this trial."""

    chapter: str
    text: str
    left_out: str = ""  # why, if it is
    ends_with: int = 0


def read_page(page: str) -> Iterator[Block]:
    """Yield the page's commands, in order."""
    chapter = ""
    for found in FENCE.finditer(page):
        if found["heading"]:
            chapter = found["heading"].lstrip("# ")
            continue
        comment = " ".join((found["comment"] or "").split())
        said = re.match(r"(?:not tried: (.+)|ends with (\d+) here: .+)$", comment)
        left_out, code = said.groups() if said else (None, None)
        yield Block(chapter, found["text"], left_out or "", int(code or 0))


# --- An empty Debian -------------------------------------------------------------


def make_empty() -> None:
    """Make the empty Debian once; it is unpacked for each trial."""
    missing = [package for name, package in TOOLS.items() if not shutil.which(name)]
    if missing:
        sys.exit(f"Please run first: apt-get install -y {' '.join(missing)}")
    if EMPTY.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        include = f"--include={OF_A_SERVER}"
        subprocess.run(
            ["debootstrap", "--variant=minbase", include, SUITE, folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        part = EMPTY.with_suffix(".part")
        subprocess.run(["tar", "-C", folder, "-cf", part, "."], check=True)
        part.rename(EMPTY)


def bring_in(machine: Path) -> Mapping[str, str]:
    """Put what is elsewhere in real life into the machine; return its environment."""
    for name in ("etc/resolv.conf", "etc/hosts"):
        shutil.copy(f"/{name}", machine / name)
    for setting in Path("/etc/apt/apt.conf.d").glob("99*"):
        shutil.copy(setting, machine / "etc/apt/apt.conf.d")
    repository = machine / REPOSITORY[1:]
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--no-local", str(ROOT), str(repository)],
        check=True,
    )
    head = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout
    for command in (
        ["update-ref", "refs/heads/main", commit.strip()],
        ["symbolic-ref", "HEAD", "refs/heads/main"],
    ):
        subprocess.run(["git", "-C", str(repository), *command], check=True)
    (machine / "etc/gitconfig").write_text(f"[safe]\n\tdirectory = {REPOSITORY}\n")

    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "REPOSITORY": f"file://{REPOSITORY}",
    }
    trusted = os.environ.get(TRUST[0])
    if trusted:
        shutil.copy(trusted, machine / "etc/trusted-here.pem")
        environment |= dict.fromkeys(TRUST, "/etc/trusted-here.pem")
    return environment


class Machine:
    """A Debian that runs."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.process = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
                *("--resolv-conf=off", "--timezone=off", "--console=pipe"),
                *("--boot", "--directory", str(folder)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run the commands in it as root; the first that fails ends them."""
        return subprocess.run(
            [
                *("nsenter", "--all", f"--target={self._first_process()}", "env", "-i"),
                *(f"{name}={value}" for name, value in self.environment.items()),
                *("sh", "-e", "-c", f"cd /root\n{text}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST_BLOCK_SECONDS,
            check=False,
        )

    def wait_until_started(self) -> None:
        for _ in range(120):
            time.sleep(0.5)
            if self._first_process():
                said = self.run("systemctl is-system-running --wait").stdout
                if said.strip() in ("running", "degraded"):
                    return
        raise TimeoutError("The machine did not start.")

    def _first_process(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int((children.read_text().split() or ["0"])[-1])

    def end(self) -> None:
        """Turn it off, and if it will not, take its first process and so all of it."""
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            first = self._first_process()
            self.run("systemctl poweroff")
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.kill(first, signal.SIGKILL)
        self.process.wait(20)


@contextmanager
def started() -> Iterator[Machine]:
    make_empty()
    with tempfile.TemporaryDirectory(prefix="qualifications-") as place:
        folder = Path(place) / "machine"
        folder.mkdir()
        subprocess.run(["tar", "-C", folder, "-xf", EMPTY], check=True)
        folder.chmod(0o755)  # as everybody's root is
        machine = Machine(folder, bring_in(folder))
        try:
            machine.wait_until_started()
            yield machine
        finally:
            machine.end()


# --- The trial -------------------------------------------------------------------

NEWER = (  # in real life somebody else's work
    f"cd {REPOSITORY} && new=$(git -c user.name=Somebody -c user.email=s@example.com "
    "commit-tree -p main -m 'A newer release' 'main^{tree}') "
    "&& git update-ref refs/heads/main $new"
)


def follow(blocks: Sequence[Block]) -> int:
    """Follow the page; return the count of blocks that did not end as it says."""
    start = time.monotonic()
    with started() as machine:
        print(f"{time.monotonic() - start:6.1f} s  an empty Debian is up", flush=True)
        is_old = True
        for block in blocks:
            first = block.text.strip().splitlines()[0]
            if block.left_out:
                print(f"     not  {block.chapter}: {first}  ({block.left_out})")
                continue
            if is_old and "qualifications upgrade" in block.text:
                machine.run(NEWER).check_returncode()
                is_old = False
            begun = time.monotonic()
            done = machine.run(block.text)
            took = time.monotonic() - begun
            print(f"{took:6.1f} s  {block.chapter}: {first}", flush=True)
            if os.environ.get("VERBOSE"):
                print(done.stdout)
            if done.returncode != block.ends_with:
                print(done.stdout.rstrip(), file=sys.stderr)
                logs = "journalctl --no-pager --lines=40 --unit='qualifications*'"
                print(machine.run(logs).stdout, file=sys.stderr)
                print(
                    f"It ended with {done.returncode}:\n{block.text}", file=sys.stderr
                )
                return 1
    print(f"docs/operations.md was followed in {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and nothing is left
    if os.geteuid():
        sys.exit("Please run this as root: it starts a machine in a folder.")
    told = list(read_page(PAGE.read_text()))
    if until := os.environ.get("UNTIL"):  # the last chapter of a shorter trial
        last = max(at for at, block in enumerate(told) if block.chapter == until)
        told = told[: last + 1]
    sys.exit(follow(told))
