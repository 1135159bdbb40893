"""The commands of the Makefile: what they refuse in words, what they leave behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from tools import walls
from tools.checks import Step, run_lanes
from tools.setup import Stop, missing_packages, require_folder

ROOT = Path(__file__).resolve().parent.parent


def make(goal: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/make", "--no-print-directory", goal],
        cwd=ROOT,
        env=os.environ | {"MAKEFLAGS": ""} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of the refusal, without make's own."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- Refused with one sentence -------------------------------------------------


def test_run_without_a_new_enough_python_says_so(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    done = make("run", PATH=str(tmp_path))

    assert done.returncode != 0
    assert said(done) == [
        "Python 3.11 or newer is needed and none was found here; "
        "on Debian 12 or Ubuntu 24.04 please run: sudo apt-get install -y python3"
    ]


def test_run_on_a_taken_port_says_so(taken_port):
    done = make("run", PORT=str(taken_port))

    assert done.returncode != 0
    assert said(done) == [
        f"Port {taken_port} is taken by another program: please choose another, "
        f"such as: make run PORT={taken_port + 1}"
    ]


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_run_on_a_port_that_is_none_says_so(port):
    done = make("run", PORT=port)

    assert done.returncode != 0
    assert said(done) == [
        f"PORT is '{port}': it must be a port number from 1 to 65535."
    ]


def test_run_in_a_folder_that_cannot_be_written_to_says_so(free_port):
    done = make("run", PORT=str(free_port), DATA_DIR="/proc/data")

    assert done.returncode != 0
    assert said(done) == [
        "The folder /proc/data cannot be written to (No such file or directory): "
        "please choose another place, or free some disk."
    ]


def test_a_disk_with_less_room_than_needed_is_refused(tmp_path):
    free = shutil.disk_usage(tmp_path).free // 2**20

    require_folder(tmp_path, free_mebibytes=free // 2)
    with pytest.raises(Stop, match=f"and {free * 2} MB are needed"):
        require_folder(tmp_path, free_mebibytes=free * 2)


def test_missing_system_packages_are_named_to_who_may_not_install_them(tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import setup\n"
        "try: setup.install_packages(['libpango-1.0-0', 'qpdf'])\n"
        "except setup.Stop as stop: print(stop)"
    )
    shutil.copy(ROOT / "tools" / "setup.py", tmp_path)
    for folder in [tmp_path, *tmp_path.parents]:
        if "pytest" in str(folder):  # made for this run, closed to others
            folder.chmod(0o755)

    done = subprocess.run(
        ["/usr/bin/env", "python3", "-I", "-c", program, str(tmp_path)],
        user="nobody" if os.geteuid() == 0 else None,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == (
        "Some system packages are missing; please run: "
        "sudo apt-get install -y --no-install-recommends libpango-1.0-0 qpdf\n"
    )


def test_only_the_checks_ask_for_a_relay_and_networks(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_args, **_more: None)  # nothing is here

    run, tests, check = (
        set(missing_packages(goal)) for goal in ("run", "tests", "check")
    )

    assert "chromium" in tests - run
    servers = {"caddy", "coturn", "haproxy", "pgbouncer", "redis-server"}
    assert check - tests == {"iproute2", *servers}


# --- Every process ends --------------------------------------------------------


def descendants(pid: int) -> set[int]:
    """Return the pid of every process that this one started, and theirs."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    parents = [tuple(map(int, line.split())) for line in table.stdout.splitlines()]
    found, last = {pid}, 0
    while len(found) > last:
        last = len(found)
        found |= {child for child, parent in parents if parent in found}
    return found - {pid}


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextmanager
def served(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Serve a house of three processes: make, then tools/serve.py in its place."""
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "serve.py", folder / "tools")
    (folder / "healthz").touch()
    (folder / "Procfile").write_text(
        f"web: exec {sys.executable} -m http.server --bind 127.0.0.1 $PORT\n"
        "worker: sleep 1000; true\n"
        "clock: exec sleep 1000\n"
    )
    (folder / "Makefile").write_text(
        f"run:\n\t@exec {sys.executable} tools/serve.py 'Sign in as tess@example.com'\n"
    )
    process = subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env=os.environ | {"PORT": str(port), "MAKEFLAGS": "", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    too_long = Timer(60, process.terminate)
    too_long.start()
    try:
        yield process
    finally:
        too_long.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)


def read_until(process: subprocess.Popen[str], last: str) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == last:
            break
    return lines


@pytest.mark.parametrize("ending", ["TERM", "HUP", "INT"])
def test_serving_tells_where_and_a_signal_ends_every_process(
    tmp_path, free_port, ending
):
    with served(tmp_path, free_port) as process:
        lines = read_until(process, "Sign in as tess@example.com")
        started = descendants(process.pid)
        assert f"Open http://localhost:{free_port}/ (Ctrl-C ends it)" in lines
        assert len(started) >= 5  # serve.py, web, worker with its shell, clock

        if ending == "TERM":
            process.terminate()  # make alone, which passes it on
        else:  # a terminal tells all of them
            os.killpg(process.pid, getattr(signal, f"SIG{ending}"))
        process.communicate(timeout=20)

        assert [pid for pid in started if is_alive(pid)] == []


def test_a_process_that_ends_by_itself_takes_the_others_along(tmp_path, free_port):
    with served(tmp_path, free_port) as process:
        read_until(process, "Sign in as tess@example.com")
        started = descendants(process.pid)
        web = subprocess.run(
            ["pgrep", "-f", f"http.server --bind 127.0.0.1 {free_port}"],
            capture_output=True,
            text=True,
            check=True,
        )

        os.kill(int(web.stdout.split()[0]), signal.SIGKILL)
        process.communicate(timeout=20)

        assert process.returncode != 0
        assert [pid for pid in started if is_alive(pid)] == []


# --- The checks ----------------------------------------------------------------


def test_checks_run_on_after_a_failure_and_name_what_failed(capsys):
    lanes = [
        [Step("bad", ["sh", "-c", "echo why; exit 3"]), Step("good", ["true"])],
        [Step("worse", ["false"])],
    ]

    failed = run_lanes(lanes)

    printed = capsys.readouterr().out.splitlines()
    assert failed == ["bad", "worse"]
    assert sorted(line.split()[0] for line in printed) == ["FAIL", "FAIL", "ok", "why"]


@pytest.mark.parametrize(("test", "check"), [("false", "true"), ("true", "false")])
def test_ci_fails_when_either_command_fails(tmp_path, test, check):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    (tmp_path / "Makefile").write_text(f"test:\n\t{test}\ncheck:\n\t{check}\n")

    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode != 0


# --- The walls -----------------------------------------------------------------


def test_each_wall_is_found():
    source = (
        "é = Call.objects.visible_to(access).filter(\n"
        "    pk=1\n"
        ")\n"
        "rows = (\n"
        "    Member.objects.live()\n"
        "    .managed_by(\n"
        "        access,\n"
        "    )\n"
        "    .first()\n"
        ")\n"
        "def visible_to(access): ...\n"
    )

    found = walls.walls_in(source, "some.py")

    assert {str(wall): wall.last for wall in found} == {"some.py:1": 1, "some.py:6": 8}


def test_a_wall_lets_everything_through_once_it_is_gone(monkeypatch):
    class Rows:
        @walls.listening
        def visible_to(self, access):
            return "few"

        def all(self):
            return "everything"

    here = walls.Wall("tests/test_house.py", 1, 999)
    monkeypatch.setattr(walls, "wall_at", lambda path, line: here)

    assert Rows().visible_to("access") == "few"
    assert here in walls.now.passed
    monkeypatch.setattr(walls.now, "gone", here)
    assert Rows().visible_to("access") == "everything"
    walls.now.passed.clear()


def test_help_lists_every_command():
    makefile = (ROOT / "Makefile").read_text()
    phony = next(x for x in makefile.splitlines() if x.startswith(".PHONY:"))

    listed = [line.split()[1] for line in make("help").stdout.splitlines()]

    assert listed == phony.split()[1:]
