"""Run by hand, in order, what deploy/Dockerfile tells: no container can be started here.

Each RUN on an empty Debian (a debootstrap, where a builder would take Debian's slim
image), each COPY, and then what compose.yaml starts from it, as it starts it: as the
image's user without any right, on a root that cannot be written to, in a network of its
own. Run it as root: `make image`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.try_operations import EMPTY, TRUST, make_empty

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IGNORED = ROOT / "deploy" / "Dockerfile.dockerignore"
CONTAINER = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe")
TRUSTED = "etc/trusted-here.pem"
# What compose.yaml gives, but for the database: SQLite is enough to see it start.
SETTINGS = {
    "PUBLIC_URL": "https://qualifications.example.com",
    "SECRET_KEY_FILE": "/data/secret_key",
}
# The set-up, the web process until it is healthy, the others for a while.
START = """
set -e
cd /srv/qualifications
if touch here 2>/dev/null; then echo "The root can be written to."; exit 1; fi
python tools/prepare.py
({web}) & ({worker}) & ({clock}) &
for second in $(seq 60); do
  if {health}; then echo "web is healthy after $second s"; break; fi
  sleep 1
done
{health}
for turn in $(seq 12); do  # the worker's first work takes a minute
  sleep 10
  if python manage.py doctor --only database migrations web worker clock; then exit; fi
done
exit 1
"""


def read_dockerfile(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction with what it says."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    for line in filter(None, whole.splitlines()):
        instruction, _, said = line.partition(" ")
        yield instruction, said


class Stage:
    """One stage of the image: a folder, and what has been said of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.place = "/"
        folder.mkdir()
        subprocess.run(["tar", "-C", folder, "-xf", str(EMPTY)], check=True)
        folder.chmod(0o755)
        for setting in Path("/etc/apt/apt.conf.d").glob("99*"):
            shutil.copy(setting, folder / "etc/apt/apt.conf.d")
        if trusted := os.environ.get(TRUST[0]):
            shutil.copy(trusted, folder / TRUSTED)

    def start(
        self, text: str, *options: str, more: Mapping[str, str] | None = None
    ) -> None:
        environment = self.environment | dict(more or {})
        subprocess.run(
            [
                *CONTAINER,
                *options,
                *(f"--setenv={name}={value}" for name, value in environment.items()),
                *(f"--chdir={self.place}", f"--directory={self.folder}"),
                *("sh", "-c", text),
            ],
            stdin=subprocess.DEVNULL,
            check=True,
        )

    def run(self, text: str) -> None:
        trust = dict.fromkeys(TRUST, f"/{TRUSTED}") if TRUST[0] in os.environ else {}
        self.start(text, "--resolv-conf=copy-host", more=trust)

    def inside(self, path: str) -> Path:
        return self.folder / Path(self.place, path).relative_to("/")


def copy_here(stage: Stage, sources: Sequence[str], target: str) -> None:
    """Copy what is committed, and of all of it what is not ignored."""
    if sources == ["."]:
        kept = [
            line[1:] for line in IGNORED.read_text().splitlines() if line[:1] == "!"
        ]
        sources = kept
        stage.inside(target).mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(
        ["git", "archive", "HEAD", *sources], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(
        ["tar", "-C", stage.inside("."), "-x"], input=archive.stdout, check=True
    )


def build(folder: Path) -> tuple[Stage, dict[str, str]]:
    """Follow the Dockerfile; return the last stage and what it says of its start."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    said: dict[str, str] = {}
    for instruction, words in read_dockerfile(DOCKERFILE.read_text()):
        begun = time.monotonic()
        if instruction == "FROM":
            name = words.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(folder / name)
            said = {}
        assert stage  # noqa: S101 - FROM comes first
        if instruction == "RUN":
            stage.run(words)
        elif instruction == "ENV":
            pairs = (pair.split("=", 1) for pair in shlex.split(words))
            stage.environment |= dict(pairs)
        elif instruction == "WORKDIR":
            stage.place = words
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY" and words.startswith("--from="):
            option, source, target = words.split()
            of = stages[option.removeprefix("--from=")]
            whole = ["cp", "-a", of.inside(source), stage.inside(target)]
            subprocess.run([str(word) for word in whole], check=True)
        elif instruction == "COPY":
            *sources, target = words.split()
            copy_here(stage, sources, target)
        else:
            said[instruction] = words
        print(
            f"{time.monotonic() - begun:6.1f} s  {instruction} {words[:70]}", flush=True
        )
    assert stage  # noqa: S101
    return stage, said


def as_shell(command: str) -> str:
    """Return a command that stands as a list in JSON, in the words of a shell."""
    return shlex.join(json.loads(command))


def begin(stage: Stage, said: Mapping[str, str], data: Path) -> None:
    """Start from the image what compose.yaml starts."""
    user = int(said["USER"].partition(":")[0])
    data.mkdir()
    (data / "secret_key").write_text(os.urandom(32).hex())
    for path in (data, data / "secret_key"):
        os.chown(path, user, user)
    procfile = (ROOT / "Procfile").read_text().splitlines()
    commands = {line.partition(": ")[0]: line.partition(": ")[2] for line in procfile}
    health = as_shell(said["HEALTHCHECK"].partition("CMD ")[2])
    text = START.format(
        web=as_shell(said["CMD"]),
        worker=commands["worker"],
        clock=commands["clock"],
        health=health,
    )
    stage.start(
        text,
        *("--user=qualifications", "--read-only", "--tmpfs=/tmp:mode=1777"),
        *("--private-network", "--drop-capability=all", "--no-new-privileges=yes"),
        f"--bind={data}:/data",
        more=SETTINGS,
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and nothing is left
    if os.geteuid():
        sys.exit("Please run this as root: it starts machines in folders.")
    make_empty()
    with tempfile.TemporaryDirectory(
        prefix="qualifications-", ignore_cleanup_errors=True
    ) as place:
        image, how = build(Path(place))
        begin(image, how, Path(place) / "data")
    print("deploy/Dockerfile was followed, and what it makes starts.")
