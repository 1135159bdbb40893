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
READ = re.compile(r'(?:_value|_flag|env\.\w+)\(\s*"([A-Z_]+)"')


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
        {"SECRET_KEY": "short"},
    ],
    ids=lambda variables: " ".join(f"{k}={v}" for k, v in variables.items()),
)
def test_bad_value_stops_the_start_with_one_sentence(variables):
    refused = start_with(**variables)

    name = list(variables)[-1]
    assert refused.returncode == 1
    assert refused.stderr.startswith(name)
    assert len(refused.stderr.splitlines()) == 1


def test_demo_is_refused_without_debug():
    refused = start_with(DEMO="1", SECRET_KEY="x" * 50)

    assert refused.returncode == 1
    assert refused.stderr.startswith("DEMO is on while DEBUG is off")


def test_production_needs_a_secret_and_nothing_else():
    assert start_with().stderr.startswith("SECRET_KEY is unset")
    assert start_with(SECRET_KEY="x" * 50).returncode == 0


def test_readme_lists_every_setting_and_no_other():
    read = set(READ.findall((ROOT / "lms/settings.py").read_text()))
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
        ("", None),  # SQLite: opened anew for each request
        ("postgresql://u:p@host/name", 600),
        ("postgresql://u:p@host/name?conn_max_age=0", 0),
    ],
)
def test_connections_to_postgresql_are_kept(address, seconds):
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
