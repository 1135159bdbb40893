"""Set up what `make run`, `make serve` or `make test` needs; run by the machine's own Python.

Standard library only: nothing is installed yet. Doing it again takes a second,
for what is there already is left alone. What is missing is said in one sentence.
"""

import ctypes
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
UV = ROOT / "tools" / "uv.txt"  # one release of uv, by its hash
MEBIBYTE = 2**20
PRODUCT = {"run", "serve", "install"}  # the goals that test nothing

# Where venv's own pip lies, from the standard library: Python's place, Debian's.
CARRIED_PIPS = ("ensurepip/_bundled/pip-*.whl", "../../share/python-wheels/pip-*.whl")

# What WeasyPrint loads at run time, by the Debian package that brings it.
LIBRARIES = {
    "libpango-1.0-0": "libpango-1.0.so.0",
    "libpangoft2-1.0-0": "libpangoft2-1.0.so.0",
    "libharfbuzz-subset0": "libharfbuzz-subset.so.0",
}
# What the tests start, by the Debian package that brings it.
PROGRAMS = {
    "chromium": "chromium",
    "libnss3-tools": "certutil",
    "poppler-utils": "pdfinfo",
    "qpdf": "qpdf",
    "zbar-tools": "zbarimg",
}
# And what those of `make check` start besides: a proxy, a relay, networks to cut, a
# cache.
PROGRAMS_TO_CHECK = {
    "caddy": "caddy",
    "coturn": "turnserver",
    "iproute2": "ip",
    "haproxy": "haproxy",
    "pgbouncer": "pgbouncer",
    "redis-server": "redis-server",
}


class Stop(Exception):
    """The one sentence that tells why it cannot go on, and what to do."""


def require_folder(folder: Path, *, free_mebibytes: int) -> None:
    """Stop unless `folder` can be written to and its disk has that much room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Stop(
            f"The folder {folder} cannot be written to ({error.strerror}): "
            "please choose another place, or free some disk."
        ) from None
    free = shutil.disk_usage(folder).free // MEBIBYTE
    if free < free_mebibytes:
        raise Stop(
            f"The disk with {folder} has {free} MB free and {free_mebibytes} MB "
            "are needed: please make room, then run this again."
        )


def require_port(port: str, address: str) -> None:
    """Stop unless the port is a number and nobody listens on it."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise Stop(f"PORT is {port!r}: it must be a port number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, int(port)))
        except PermissionError:
            raise Stop(
                f"Port {port} is only for root: please choose one from 1024 on, "
                "such as: make run PORT=8001"
            ) from None
        except OSError:
            raise Stop(
                f"Port {port} is taken by another program: please choose another, "
                f"such as: make run PORT={int(port) % 65535 + 1}"
            ) from None


@contextmanager
def told(step: str) -> Iterator[None]:
    """Print the step with the seconds it took."""
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:6.1f} s  {step}", flush=True)


def run(command: Sequence[str], *, failing: str) -> str:
    """Run the command and return its output; Stop with the end of it if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-25:])
        raise Stop(f"{end}\n{failing}")
    return done.stdout


def environment() -> Mapping[str, str]:
    """Return our environment with uv aimed at .venv and the machine's Python."""
    ours = {
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_USER": "0",
        "PYTHONUNBUFFERED": "1",
    }
    # A virtual environment that happens to be active is not the one meant, and
    # without bytecode every later start would take seconds longer.
    left_out = {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}
    return {k: v for k, v in os.environ.items() if k not in left_out} | ours


# --- Debian's packages ---------------------------------------------------------


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _can_fetch_uv() -> bool:
    names = ("pip", "ensurepip")  # Debian parts both from Python
    return (CACHE / "uv").is_dir() or any(importlib.util.find_spec(n) for n in names)


def missing_packages(goal: str) -> list[str]:
    """Return the Debian packages that the goal needs and that are not here."""
    packages = [] if _can_fetch_uv() else ["python3-venv"]
    packages += [name for name, library in LIBRARIES.items() if not _loads(library)]
    programs = {} if goal in PRODUCT else PROGRAMS
    if goal == "check":
        programs = programs | PROGRAMS_TO_CHECK
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"  # in few people's, and there
    found = (
        name for name, here in programs.items() if not shutil.which(here, path=path)
    )
    return [*packages, *found]


def _as_root() -> list[str] | None:
    """Return what to put before a command to run it as root; None if we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages, or Stop with the line to type."""
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    sentence = f"Some system packages are missing; please run: sudo {line}"
    as_root = _as_root()
    if as_root is None or not shutil.which("apt-get"):
        raise Stop(sentence)
    apt = [
        *as_root,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "DPkg::Lock::Timeout=60",
    ]
    install = [*apt, *line.split()[1:]]
    with told(f"System packages: {' '.join(packages)}"):
        try:
            run(install, failing=sentence)
        except Stop:  # most often: no package lists yet, or old ones
            run([*apt, "update"], failing=sentence)
            run(install, failing=sentence)
        if shutil.which("systemctl"):
            # Debian starts these at once, some open to the network: the tests start
            # their own.
            for service in PROGRAMS_TO_CHECK.keys() & set(packages):
                stop = [*as_root, "systemctl", "disable", "--now", service]
                subprocess.run(stop, capture_output=True, check=False)


# --- Python's packages ---------------------------------------------------------


def _pip() -> list[str]:
    """Return the command of some pip: the machine's, or the one venv carries.

    Making a virtual environment only to have pip would take seconds longer.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for pattern in CARRIED_PIPS:
        for wheel in sorted(Path(sysconfig.get_path("stdlib")).glob(pattern)):
            return [sys.executable, str(wheel / "pip")]
    raise Stop("Python has no pip; please run: sudo apt-get install -y python3-pip")


def _uv() -> str:
    """Return the path of the project's own uv, fetched if it is not there yet."""
    folder = CACHE / "uv"
    uv = folder / "bin" / "uv"
    if not uv.exists():
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
        run(
            [
                *_pip(),
                "install",
                *quiet,
                *("--target", str(folder)),
                *("--require-hashes", "--only-binary", ":all:"),
                *("--requirement", str(UV)),
            ],
            failing="uv could not be fetched from the Python package index: "
            "please look at the network, then run this again.",
        )
    return str(uv)


def install_python_packages(goal: str) -> None:
    """Bring .venv to what uv.lock says; what only tests need is never taken away."""
    with told("Python packages"):
        wanted = ["--no-dev", "--inexact"] if goal in PRODUCT else ["--group", "dev"]
        wanted += [f"--extra={x}" for x in os.environ.get("EXTRAS", "").split()]
        sync = ["sync", "--quiet", "--frozen", "--python", sys.executable]
        run(
            [_uv(), *sync, *wanted],
            failing="The Python packages could not be installed: "
            "please look at the network and the disk, then run this again.",
        )


def install_npm_packages() -> None:
    """Bring .cache/npm to what the tests' package-lock.json says, by the npm of .venv.

    Debian's own npm would bring hundreds of packages with it.
    """
    folder = CACHE / "npm"
    locked = {
        name: (ROOT / "tests" / "node" / name).read_bytes()
        for name in ("package.json", "package-lock.json")
    }
    stamp = folder / "installed.sha256"
    fingerprint = hashlib.sha256(b"".join(locked.values())).hexdigest()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in locked.items():
        (folder / name).write_bytes(text)
    with told("npm's packages"):
        quiet = ["--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund"]
        run(
            [
                str(VENV / "bin" / "npm"),
                "ci",
                *quiet,
                "--prefix",
                str(folder.resolve()),
            ],
            failing="The npm packages could not be installed: "
            "please look at the network and the disk, then run this again.",
        )
    stamp.write_text(fingerprint)


def install(goal: str) -> None:
    """Install what is missing, Debian's and Python's packages at the same time."""
    packages = missing_packages(goal)
    with ThreadPoolExecutor(max_workers=1) as beside:
        system = beside.submit(install_packages, packages) if packages else None
        if system and "python3-venv" in packages:
            system.result()
        install_python_packages(goal)
        if goal not in PRODUCT:
            install_npm_packages()
        if system:
            system.result()


# --- The database --------------------------------------------------------------


def _fingerprint() -> str:
    """Return a hash of all that a migrated and seeded database depends on."""
    files = [ROOT / "uv.lock", *ROOT.glob("*/migrations/*.py")]
    files += [*ROOT.glob("lms/*/migrations/*.py")]
    files += [path for path in (ROOT / "lms" / "seed").rglob("*") if path.is_file()]
    seen = hashlib.sha256()
    for path in sorted(files):
        if path.suffix != ".pyc":
            seen.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    seen.update(os.environ["DEMO"].encode())
    seen.update(str(datetime.now(UTC).date()).encode())  # the demo's dates are today's
    return seen.hexdigest()


def prepare_database(data: Path) -> str:
    """Migrate and seed; return how to sign in to the demo.

    Where something is tried out, only if something changed.
    """
    stamp = data / "prepared.json"
    elsewhere = os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")
    ours = not elsewhere and os.environ["DEBUG"] != "0"  # of others we know nothing
    fingerprint = _fingerprint()
    if ours and stamp.exists() and (data / "db.sqlite3").exists():
        last = json.loads(stamp.read_text())
        if last["fingerprint"] == fingerprint:
            return str(last["sign_ins"])
    with told("Database and seed"):
        sign_ins = run(
            [str(VENV / "bin" / "python"), str(ROOT / "tools" / "prepare.py")],
            failing="The database could not be prepared: the lines above say why.",
        )
    if ours:
        text = json.dumps({"fingerprint": fingerprint, "sign_ins": sign_ins})
        stamp.write_text(text)
    return sign_ins


# --- The goals -----------------------------------------------------------------


def set_up_to_run() -> list[str]:
    """Set up what the product needs; return the demo's sign-ins."""
    debug = os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("DEMO", debug)
    port = os.environ.setdefault("PORT", "8000")
    require_port(port, os.environ.setdefault("LISTEN", "127.0.0.1"))
    return set_up_product("run")


def set_up_product(goal: str) -> list[str]:
    data = Path(os.environ.get("DATA_DIR") or ROOT / "var")
    require_folder(CACHE, free_mebibytes=50 if VENV.exists() else 500)
    require_folder(data, free_mebibytes=50)
    install(goal)
    return [prepare_database(data)]


def require_production() -> None:
    """Stop where the settings are for trying out, or lack what people depend on."""
    os.environ["DEBUG"] = os.environ.get("DEBUG") or "0"
    os.environ["DEMO"] = os.environ.get("DEMO") or "0"
    asked = [sys.executable, "-m", "lms.production"]
    said = subprocess.run(
        asked, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False
    )
    if said.returncode:
        raise Stop(said.stderr.strip())


def set_up_to_install() -> list[str]:
    """Set up what production needs, for systemd to serve it."""
    require_production()
    return set_up_product("install")


def set_up_to_serve() -> list[str]:
    """Set up what production needs, to serve it from here."""
    require_production()
    port = os.environ.setdefault("PORT", "8000")
    require_port(port, os.environ.setdefault("LISTEN", "127.0.0.1"))
    return set_up_product("serve")


def set_up_to_test(goal: str) -> list[str]:
    """Set up what the tests need."""
    require_folder(CACHE, free_mebibytes=200 if VENV.exists() else 1500)
    install(goal)
    return []


SET_UP = {
    "run": set_up_to_run,
    "serve": set_up_to_serve,
    "install": set_up_to_install,
}


def main(goal: str, *program: str) -> NoReturn:
    """Set up for the goal, then become the program, in our Python."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        more = SET_UP[goal]() if goal in SET_UP else set_up_to_test(goal)
    except Stop as stop:
        sys.exit(str(stop))
    except KeyboardInterrupt:
        sys.exit(130)
    if not program:  # all that was asked for is done
        sys.exit()
    os.chdir(ROOT)
    python = str(VENV / "bin" / "python")
    os.execve(python, [python, *program, *more], environment())  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(*sys.argv[1:])
