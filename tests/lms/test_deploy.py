"""What starts the product elsewhere: made from the Procfile, and fit to be used."""

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lms.production import require_production
from tools import deploy

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROCESSES = deploy.processes()


def read_unit(name: str) -> dict[str, dict[str, str]]:
    """Return a unit's sections; of a key that stands twice, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as systemd reads
    parser.read(DEPLOY / "systemd" / name)
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_what_is_committed_is_what_is_made():
    made = deploy.files()
    units = {f"systemd/{path.name}" for path in (DEPLOY / "systemd").iterdir()}

    assert {name: (DEPLOY / name).read_text() for name in made} == dict(made)
    assert units == {name for name in made if name.startswith("systemd/")}


def test_every_process_has_its_unit_and_its_container(compose):
    target = read_unit("qualifications.target")["Unit"]["Wants"].split()

    for name, command in PROCESSES.items():
        unit = read_unit(f"qualifications-{name}.service")
        shell, flag, words = shlex.split(unit["Service"]["ExecStart"])
        assert (shell, flag) == ("/bin/sh", "-c")
        assert words.replace("$$", "$").endswith(f" && {command}")
        assert unit["Service"]["Restart"] == "always"
        assert unit["Unit"]["StartLimitIntervalSec"] == "0"
        assert f"qualifications-{name}.service" in target
        container = compose["services"][name]["command"]
        assert [word.replace("$$", "$") for word in container] == ["sh", "-c", command]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here.")
def test_systemd_finds_no_fault_with_the_units():
    units = sorted(str(path) for path in (DEPLOY / "systemd").iterdir())

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in checked.stderr.splitlines() if "qualifications" in line]
    assert ours == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here.")
@pytest.mark.parametrize("name", PROCESSES)
def test_process_may_do_little_on_its_machine(name):
    """systemd's own measure: from 0, nothing is open, to 10."""
    unit = DEPLOY / "systemd" / f"qualifications-{name}.service"

    asked = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit]
    checked = subprocess.run(asked, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout[-200:]


def test_container_runs_as_nobody_on_a_folder_it_cannot_change(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    image = (DEPLOY / "Dockerfile").read_text()
    assert f"\nUSER {deploy.USER_ID}:{deploy.USER_ID}\n" in image
    assert "--require-hashes" in image
    assert "uv sync --frozen --no-dev" in image


def test_only_the_proxy_and_the_relay_are_reached_from_outside(compose):
    open_to_all = {
        name
        for name, service in compose["services"].items()
        if "ports" in service or service.get("network_mode")
    }

    assert open_to_all == {"proxy", "relay"}
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("database", "cache"):
        assert compose["services"][name]["networks"] == ["inside"]


def test_secrets_are_files_and_in_no_environment(compose):
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert name.endswith("_FILE") or not any(
                word in name for word in ("SECRET", "PASSWORD", "URL", "KEY")
            )
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"]


@pytest.fixture
def made_secrets(tmp_path) -> Path:
    for name in ("deploy/make-secrets", "docs/coturn.conf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    make_secrets(tmp_path)
    return tmp_path / "deploy" / "secrets"


def make_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "deploy/make-secrets", "q.example.com", "198.51.100.7"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_secrets_made_are_those_the_containers_read_and_start_with(
    made_secrets, compose
):
    wanted = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    lines = (made_secrets / "env").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines if line[0] != "#")
    environment |= compose["services"]["web"]["environment"]
    in_place = {
        name: value.replace("/run/secrets", str(made_secrets))
        for name, value in environment.items()
    }

    require_production(in_place | {"BEHIND_PROXY": "1"})
    assert {path.name for path in made_secrets.iterdir()} == wanted | {"env"}
    assert made_secrets.stat().st_mode & 0o777 == 0o700
    assert not set("<>") & set(
        "".join(
            line
            for line in (made_secrets / "turnserver.conf").read_text().splitlines()
            if not line.startswith("#")
        )
    )


def test_secrets_are_made_once(made_secrets):
    before = (made_secrets / "secret_key").read_text()

    again = make_secrets(made_secrets.parent.parent)

    assert again.returncode == 1
    assert again.stderr == "secrets/ is there already: nothing was changed.\n"
    assert (made_secrets / "secret_key").read_text() == before


@pytest.mark.skipif(not shutil.which("caddy"), reason="Caddy is not here.")
def test_caddy_finds_no_fault_with_its_file():
    checked = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", "Caddyfile"],
        cwd=DEPLOY,
        env={"PUBLIC_URL": "https://q.example.com", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


def test_hadolint_finds_no_fault_with_the_dockerfile():
    """But that Debian's packages have no version: an old one is soon gone from there."""
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run(
        [hadolint, "--no-color", "--ignore", "DL3008", DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("promtool"), reason="Prometheus is not here.")
def test_prometheus_finds_no_fault_with_the_alerts():
    checked = subprocess.run(
        ["promtool", "check", "rules", DEPLOY / "alerts.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
    assert "8 rules found" in checked.stdout
