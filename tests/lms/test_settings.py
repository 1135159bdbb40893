import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from lms.people.models import User

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r'(?:_value|_flag|_secret|env\.\w+)\(\s*"([A-Z_]+)"')

SECRET = re.compile(
    r'_secret\("([A-Z_]+)"\)'
    r'|_value\(\s*"([A-Z_]+)"(?:[^()]|\([^()]*\)|\((?:[^()]|\([^()]*\))*\))*?secret=True'
)
KEY = "0123456789abcdefghijklmnopqrstuvwxyz" * 2
PRODUCTION = {"PUBLIC_URL": "https://q.example.com", "SECRET_KEY": KEY}


def start_with(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import lms.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"DEBUG": "maybe"},
        {"DEBUG": "1", "DEMO": "perhaps"},
        {"DEBUG": "1", "PORT": "eighty"},
        {"DEBUG": "1", "PORT": "70000"},
        {"DEBUG": "1", "PUBLIC_URL": "qualifications.example.com"},
        {"DEBUG": "1", "HOME_TIME_ZONE": "Mars/Olympus"},
        {"DEBUG": "1", "SIGN_OFF_UNDO_MINUTES": "-1"},
        {"DEBUG": "1", "EMAIL_URL": "carrier-pigeon://roof"},
        {"DEBUG": "1", "DATABASE_URL": "mysql://localhost/lms"},
        {"DEBUG": "1", "DATABASE_URL": "nonsense"},
        {"DEBUG": "1", "STUN_URL": "https://stun.example.com"},
        {"DEBUG": "1", "TURN_URL": "turn:"},
        {"DEBUG": "1", "TURN_URL": "turn:a.example.com,turn:user@b.example.com"},
        {"DEBUG": "1", "TURN_SECRET_FILE": "/nowhere/secret"},
        {"DEBUG": "1", "PUBLIC_URL": "https://q.example.com/training"},
        {"DEBUG": "1", "PUBLIC_URL": "https://me:word@q.example.com"},
        {"DEBUG": "1", "REHEARSAL": "perhaps"},
        {"DEBUG": "1", "SECURITY_CONTACT": "security@q.example.com"},
        {"DEBUG": "1", "DATABASE_URL_FILE": "/nowhere/secret"},
        {"DEBUG": "1", "REDIS_URL": "memcached://localhost"},
        {"DEBUG": "1", "REDIS_URL": "redis:///0"},
        {"DEBUG": "1", "S3_URL": "https://s3.example.com/bucket"},
        {"DEBUG": "1", "S3_URL": "https://a:b@s3.example.com/bucket/folder"},
        {"SECRET_KEY": "short"},
        {"SECRET_KEY": KEY, "PUBLIC_URL": "https://localhost"},
        {"SECRET_KEY": KEY, "PUBLIC_URL": "http://q.example.com"},
        {**PRODUCTION, "SECRET_KEY_FALLBACKS": "short"},
    ],
    ids=lambda variables: " ".join(f"{k}={v}" for k, v in variables.items()),
)
def test_bad_value_stops_the_start_with_one_sentence(variables):
    refused = start_with(**variables)

    name = list(variables)[-1]
    assert refused.returncode == 1
    assert refused.stderr.startswith(name)
    assert len(refused.stderr.splitlines()) == 1


def test_secret_address_is_not_repeated():
    refused = start_with(DEBUG="1", REDIS_URL="http://:a-password@localhost")

    assert refused.returncode == 1
    assert "a-password" not in refused.stderr


def test_demo_is_refused_without_debug():
    refused = start_with(DEMO="1", **PRODUCTION)

    assert refused.returncode == 1
    assert refused.stderr.startswith("DEMO is on while DEBUG is off")


def test_production_needs_a_secret_and_an_address_and_nothing_else():
    assert start_with().stderr.startswith("SECRET_KEY is unset")
    assert start_with(SECRET_KEY=KEY).stderr.startswith("PUBLIC_URL is unset")
    assert start_with(**PRODUCTION).returncode == 0


def test_only_a_rehearsal_goes_without_an_address():
    assert start_with(SECRET_KEY=KEY, REHEARSAL="1").returncode == 0
    assert start_with(SECRET_KEY="short", REHEARSAL="1").returncode == 1


# --- Secrets ---------------------------------------------------------------------


def secrets() -> set[str]:
    text = (ROOT / "lms/settings.py").read_text()
    return {name for names in SECRET.findall(text) for name in names if name}


def read_setting(what: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from lms.settings import {what}; print({what})"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEBUG": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "setting"),
    [
        ("SECRET_KEY", KEY, "SECRET_KEY"),
        ("SECRET_KEY_FALLBACKS", f"{KEY},{KEY[::-1]}\n", "SECRET_KEY_FALLBACKS"),
        ("DATABASE_URL", "postgresql://me:word@db.example.com/q", "DATABASES"),
        ("EMAIL_URL", "smtp+tls://me:word@mail.example.com:587", "EMAIL_HOST_PASSWORD"),
        ("TURN_SECRET", "s" * 20, "TURN_SECRET"),
    ],
)
def test_secret_is_read_from_a_file_as_from_a_variable(tmp_path, name, value, setting):
    (tmp_path / "secret").write_text(f"{value}\n")

    from_file = read_setting(setting, **{f"{name}_FILE": str(tmp_path / "secret")})

    assert from_file.returncode == 0
    assert from_file.stdout == read_setting(setting, **{name: value}).stdout
    assert from_file.stdout != read_setting(setting).stdout


@pytest.mark.parametrize("name", sorted(secrets()))
def test_secret_file_that_is_not_there_stops_the_start(name):
    refused = start_with(DEBUG="1", **{f"{name}_FILE": "/nowhere/secret"})

    assert refused.returncode == 1
    assert refused.stderr == (
        f"{name}_FILE is '/nowhere/secret': it must name a file that can be read "
        "and holds the secret.\n"
    )


def test_secret_is_never_repeated_by_a_refusal():
    refused = start_with(DEBUG="1", DATABASE_URL="mysql://me:hush@localhost/lms")

    assert refused.returncode == 1
    assert "hush" not in refused.stderr


def test_readme_marks_every_secret_and_nothing_else():
    section = (ROOT / "README.md").read_text().partition("## Settings")[2]
    marked = re.findall(r"^\| `([A-Z_]+)` 🔑", section, re.MULTILINE)

    assert set(marked) == secrets()


def test_readme_lists_every_setting_and_no_other():
    settings = (ROOT / "lms/settings.py").read_text()
    read = set(READ.findall(settings))
    read |= set(re.findall(r"\$([A-Z_]+)", (ROOT / "Procfile").read_text()))
    section = (ROOT / "README.md").read_text().partition("## Settings")[2]
    table = section.partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))

    assert listed == read


def test_readme_lists_every_command_and_no_other():
    places = ("*/management/commands", "lms/*/management/commands")
    ours = {file.stem for place in places for file in ROOT.glob(f"{place}/[a-z]*.py")}
    section = (ROOT / "README.md").read_text().partition("## Commands")[2]
    table = section.partition("\n## ")[0]
    lines = re.findall(r"^\| (`.*?`) \| ", table, re.MULTILINE)

    assert {line.strip("`").split()[0] for line in lines} == ours


def read_database(address: str, what: str) -> Any:
    """Return what the settings make of a database's address."""
    read = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json;"
            "from lms.settings import DATABASES;"
            f"print(json.dumps(DATABASES['default'].get('{what}')))",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEBUG": "1", "DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(read.stdout)


@pytest.mark.parametrize(
    ("address", "seconds"),
    [
        ("", 60),  # SQLite: whoever closes the last waits for the disk
        ("sqlite:////tmp/q.sqlite3?conn_max_age=0", 0),
        ("postgresql://u:p@host/name", 600),
        ("postgresql://u:p@host/name?conn_max_age=0", 0),
    ],
)
def test_connections_are_kept(address, seconds):
    assert read_database(address, "CONN_MAX_AGE") == seconds


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {"server_side_binding": True, "prepare_threshold": 5}),
        (  # behind a pooler that gives each transaction another connection
            "?server_side_binding=false&sslmode=require",
            {
                "server_side_binding": "false",
                "prepare_threshold": 5,
                "sslmode": "require",
            },
        ),
    ],
)
def test_connections_to_postgresql_keep_plans_unless_told_not_to(query, options):
    assert read_database(f"postgresql://u:p@host/name{query}", "OPTIONS") == options


@pytest.mark.skipif(connection.vendor != "postgresql", reason="It has the plans.")
@pytest.mark.django_db
def test_postgresql_plans_once_what_is_asked_often():
    for number in range(7):
        User.objects.filter(pk=number).exists()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ 'people_user'"
        )
        assert cursor.fetchone() == (1,)
