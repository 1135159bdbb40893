"""Real processes, for the tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

pytest.register_assert_rewrite("tests.operations.house", "tests.operations.work")

from tests.operations.house import (  # noqa: E402  once their asserts tell more
    House,
    MailServer,
    collect_static,
    own_database,
)

DISKS = {"sqlite": "24M", "postgresql": "256M"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """Show with a failure what each process said last."""
    report = yield
    if report.failed:
        for house in getattr(item, "houses", []):
            report.sections.append(("the processes", house.said()))
    return report


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collect_static(tmp_path_factory.mktemp("static"))


@pytest.fixture
def build(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    static: Path,
    settings: Any,
    transactional_db: None,
) -> Iterator[Callable[..., House]]:
    """Return a function that builds a house, not started, and takes it down at the end.

    It serves the test's own database unless it is told another, so that factories
    prepare it and the ORM looks into it; sessions made here are known there.
    """
    houses: list[House] = []
    request.node.houses = houses

    def build_one(
        folder: Path | None = None, database: str | None = None, **environment: str
    ) -> House:
        folder = folder or tmp_path / f"house{len(houses)}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "keys").exists():  # those that the tests' database knows
            shutil.copytree(Path(django_settings.DATA_DIR) / "keys", folder / "keys")
        house = House(folder, database or own_database(), environment, static=static)
        if houses:
            house.secret = houses[0].secret
            for program in house.programs.values():
                program.environment = house.variables()
        settings.SECRET_KEY = house.secret
        houses.append(house)
        return house

    yield build_one
    for house in houses:
        house.close()


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    """Web, worker and clock on the test's own database, running."""
    house = build()
    house.start()
    return house


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def disk(tmp_path: Path, transactional_db: None) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = DISKS[connection.vendor]
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("A disk can be mounted by root alone.")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
