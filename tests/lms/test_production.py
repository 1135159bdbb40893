"""What production refuses, case by case: in one sentence, before anything is set up."""

import os
import subprocess
from pathlib import Path

import pytest

from lms.production import Unfit, is_local, require_production

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdefghijklmnopqrstuvwxyz" * 2
FIT = {
    "PUBLIC_URL": "https://qualifications.example.com",
    "SECRET_KEY": KEY,
    "BEHIND_PROXY": "1",
}
REFUSED = {
    "DEBUG on": {"DEBUG": "1"},
    "DEBUG on, by a word": {"DEBUG": "True"},
    "DEMO on": {"DEMO": "1"},
    "REHEARSAL on": {"REHEARSAL": "1"},
    "no SECRET_KEY": {"SECRET_KEY": ""},
    "short SECRET_KEY": {"SECRET_KEY": KEY[:49]},
    "SECRET_KEY of one letter": {"SECRET_KEY": "x" * 60},
    "SECRET_KEY as Django makes it": {"SECRET_KEY": f"django-insecure-{KEY}"},
    "SECRET_KEY of a file that is not there": {
        "SECRET_KEY": "",
        "SECRET_KEY_FILE": "/nowhere",
    },
    "SECRET_KEY twice": {"SECRET_KEY_FILE": "/nowhere"},
    "no PUBLIC_URL": {"PUBLIC_URL": ""},
    "PUBLIC_URL by http": {"PUBLIC_URL": "http://qualifications.example.com"},
    "local PUBLIC_URL": {"PUBLIC_URL": "https://localhost:8000"},
    "no proxy": {"BEHIND_PROXY": "0"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_production_is_refused_in_one_sentence_with(case):
    with pytest.raises(Unfit) as refused:
        require_production(FIT | REFUSED[case])

    assert str(refused.value).startswith(next(iter(REFUSED[case])))
    assert "\n" not in str(refused.value)
    assert KEY not in str(refused.value)


def test_production_starts_with_an_address_a_secret_and_a_proxy(tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    in_a_file = FIT | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "key")}

    require_production(FIT)
    require_production(in_a_file)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "app.localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "10.0.0.7",
        "172.16.0.1",
        "192.168.1.20",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fd00::1",
        "server",
        "server.local",
        "server.lan",
        "server.home.arpa",
        "server.internal",
        "server.test",
        "",
    ],
)
def test_host_of_one_machine_or_network_is_local(host):
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "qualifications.example.com",
        "local.example.com",
        "mylocal.com",
        "lan.de",
        "8.8.8.8",
        "2a00:1450:4001:80b::200e",
        "xn--bcher-kva.example.org",
    ],
)
def test_host_of_the_open_net_is_not_local(host):
    assert not is_local(host)


@pytest.mark.parametrize("goal", ["serve", "install"])
@pytest.mark.parametrize("case", ["DEBUG on", "short SECRET_KEY", "local PUBLIC_URL"])
def test_make_refuses_before_it_sets_anything_up(tmp_path, goal, case):
    data = tmp_path / "data"
    asked = subprocess.run(
        ["/usr/bin/make", "--no-print-directory", goal],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(data),
            **FIT,
            **REFUSED[case],
        },
        capture_output=True,
        text=True,
        check=False,
    )

    said = [line for line in asked.stderr.splitlines() if not line.startswith("make")]
    assert asked.returncode != 0
    assert len(said) == 1
    assert said[0].startswith(next(iter(REFUSED[case])))
    assert not data.exists()
