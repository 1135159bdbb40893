"""Follow docs/operations.md line by line on empty Debians that are started for it.

The commands are the page's own: each block marked `sh`, in order, by a shell that ends
at the first failure. A comment right above a block says what is to know of it here:

    not tried: why              it is left out, and told at the end
    ends with 1 here: why       it does not end with 0
    on turn.example.com         on that machine, not on the site's
    PostgreSQL, SQLite          only where that is the database: `make follow ENGINE=…`

Each Debian is a fresh debootstrap, booted with its own systemd by systemd-nspawn, in a
network of its own; `elsewhere.py` is what else answers there. As root: `make follow`.
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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.elsewhere import NAME_SERVER, Elsewhere, Net, elsewhere
from tools.elsewhere import TOOLS as TOOLS_ELSEWHERE

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operations.md"
SUITE = "bookworm"
EMPTY = ROOT / ".cache" / f"{SUITE}.tar"
TOOLS = {
    "age-keygen": "age",
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
}
# A server has these, a minimal debootstrap has not.
OF_A_SERVER = "systemd,systemd-sysv,dbus"
REPOSITORY = "/opt/elsewhere/qualifications.git"  # where it is cloned from
SITE, RELAY = "qualifications.example.com", "turn.example.com"  # the page's names
ENGINES = ("SQLite", "PostgreSQL")
LONGEST_BLOCK_SECONDS = 900  # more than one that does what it should ever takes
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
    machine: str = SITE
    engine: str = ""  # the only database for which it is

    @property
    def first_line(self) -> str:
        return self.text.strip().splitlines()[0]


def read_page(page: str) -> Iterator[Block]:
    """Yield the page's commands, in order."""
    chapter = ""
    for found in FENCE.finditer(page):
        if found["heading"]:
            chapter = found["heading"].lstrip("# ")
            continue
        comment = " ".join((found["comment"] or "").split())
        yield Block(chapter, found["text"], **read_comment(comment))


def read_comment(comment: str) -> dict[str, Any]:
    """Return what it says of its block; ValueError where it says nothing known."""
    if not comment:
        return {}
    if said := re.fullmatch(r"not tried: (.+)", comment):
        return {"left_out": said[1]}
    if said := re.fullmatch(r"ends with (\d+) here: .+", comment):
        return {"ends_with": int(said[1])}
    if said := re.fullmatch(r"on (\S+)", comment):
        return {"machine": said[1]}
    if comment in ENGINES:
        return {"engine": comment}
    raise ValueError(f"Nothing is known of a block that is {comment!r}.")


# --- An empty Debian -------------------------------------------------------------


def make_empty() -> None:
    """Make the empty Debian once; it is unpacked for each trial."""
    tools = TOOLS | TOOLS_ELSEWHERE
    missing = [package for name, package in tools.items() if not shutil.which(name)]
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


def bring_in(machine: Path, others: Elsewhere) -> dict[str, str]:
    """Put what is elsewhere in real life into the machine; return its environment."""
    (machine / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
    (machine / "etc/hosts").write_text(others.hosts)
    believed = machine / "usr/local/share/ca-certificates/of-a-trial.crt"
    believed.parent.mkdir(parents=True, exist_ok=True)
    believed.write_text(others.root)
    shutil.copy(ROOT / "docs/coturn.conf", machine / "root")  # the page says so
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
    }
    if trusted := os.environ.get(TRUST[0]):
        both = Path(trusted).read_text() + others.root
        (machine / "etc/trusted-here.pem").write_text(both)
        environment |= dict.fromkeys(TRUST, "/etc/trusted-here.pem")
    return environment


class Machine:
    """A Debian that runs."""

    def __init__(self, folder: Path, net: Net, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.process = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
                *("--resolv-conf=off", "--timezone=off", "--console=pipe"),
                f"--network-namespace-path={net.path}",
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
def started(names: Sequence[str]) -> Iterator[tuple[dict[str, Machine], Elsewhere]]:
    """Start a machine for each name, and what else they ask."""
    make_empty()
    made = subprocess.run(
        ["age-keygen"], check=True, capture_output=True, text=True
    ).stdout
    words = {  # what the page's reader sets
        "REPOSITORY": f"file://{REPOSITORY}",
        "BEFORE": "/srv/qualifications-first",
        "RELAY_SECRET": os.urandom(32).hex(),
        "RECIPIENT": re.findall(r"age1\w+", made)[0],
    }
    with ExitStack() as stack:
        others = stack.enter_context(elsewhere(names))
        place = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="qualifications-")
        )
        machines = {}
        for name, net in others.nets.items():
            folder = Path(place) / name.partition(".")[0]
            folder.mkdir()
            subprocess.run(["tar", "-C", folder, "-xf", EMPTY], check=True)
            folder.chmod(0o755)  # as everybody's root is
            environment = bring_in(folder, others)
            own = {"ADDRESS": net.address}
            machines[name] = machine = Machine(folder, net, environment | words | own)
            stack.callback(machine.end)
        for machine in machines.values():
            machine.wait_until_started()
        yield machines, others


# --- The trial -------------------------------------------------------------------

NEWER = (  # in real life somebody else's work
    f"cd {REPOSITORY} && new=$(git -c user.name=Somebody -c user.email=s@example.com "
    "commit-tree -p main -m 'A newer release' 'main^{tree}') "
    "&& git update-ref refs/heads/main $new"
)


UNTIL_ALL_LIVE = (  # a person takes longer to type the next line than they to start
    "until qualifications doctor --only web worker clock; do sleep 1; done"
)


def follow(blocks: Sequence[Block]) -> int:
    """Follow the page; return the count of blocks that did not end as it says."""
    start = time.monotonic()
    names = sorted({block.machine for block in blocks} | {SITE})
    with started(names) as (machines, others):
        took = time.monotonic() - start
        print(f"{took:6.1f} s  up, and empty: {', '.join(machines)}", flush=True)
        is_old = True
        for block in blocks:
            machine = machines[block.machine]
            if block.left_out:
                continue
            if is_old and "qualifications upgrade" in block.text:
                machine.run(NEWER).check_returncode()
                is_old = False
            if block.first_line.startswith("qualifications doctor"):
                machine.run(UNTIL_ALL_LIVE).check_returncode()
            begun = time.monotonic()
            done = machine.run(block.text)
            took = time.monotonic() - begun
            print(f"{took:6.1f} s  {block.chapter}: {block.first_line}", flush=True)
            if os.environ.get("VERBOSE"):
                print(done.stdout, flush=True)
            has_looked = "qualifications doctor" in block.text
            for line in done.stdout.splitlines() if has_looked else ():
                if line.startswith(("look", "BAD")):
                    print(f"            {line}", flush=True)
            if done.returncode != block.ends_with or (
                has_looked and "Database:" not in done.stdout
            ):
                print(done.stdout.rstrip(), file=sys.stderr)
                logs = "journalctl --no-pager --lines=60 --priority=info"
                print(machine.run(logs).stdout, file=sys.stderr)
                print(
                    f"It ended with {done.returncode}:\n{block.text}", file=sys.stderr
                )
                return 1
            if "doctor --mail" in block.text:  # whoever reads that inbox
                others.press_button_of_mail(SITE)
    for block in blocks:
        if block.left_out:
            print(f"not tried  {block.chapter}: {block.first_line} ({block.left_out})")
    print(f"docs/operations.md was followed in {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and nothing is left
    if os.geteuid():
        sys.exit("Please run this as root: it starts a machine in a folder.")
    engine = os.environ.get("ENGINE", ENGINES[0])
    if engine not in ENGINES:
        sys.exit(f"ENGINE is {engine!r}: it must be one of {', '.join(ENGINES)}.")
    told = [
        block for block in read_page(PAGE.read_text()) if block.engine in ("", engine)
    ]
    if until := os.environ.get("UNTIL"):  # the last chapter of a shorter trial
        last = max(at for at, block in enumerate(told) if block.chapter == until)
        told = told[: last + 1]
    sys.exit(follow(told))
