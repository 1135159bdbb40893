"""A disk that is full: what can be read is read, what cannot be saved is told so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse

from courses.models import Source
from tests.factories import EnrolmentFactory, TrainerFactory
from tests.operations.house import House, Visitor, copied_database, until

SIZE = "24M"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("A disk can be mounted by root alone.")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_in_words_and_nothing_is_harmed(
    build: Callable[..., House], disk: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's disk is its own.")
    enrolment = EnrolmentFactory(source=Source.MANAGER)  # the calendar leaves it
    TrainerFactory(programmes=[enrolment.programme], time_zone="UTC")
    house = build(folder=disk)
    trainee = Visitor(house.url, enrolment.member.user)
    house.serve(copied_database(disk))
    house.start()
    house.mind()
    page = reverse("dashboards:my")
    assert trainee.get(page).status == 200
    wednesday = datetime.now(UTC) + timedelta(days=7)
    wednesday += timedelta(days=(2 - wednesday.weekday()) % 7)
    form = {
        "picked": "1",
        "topics": [enrolment.edition.topics.first().pk],
        "start": f"{wednesday:%Y-%m-%d}T10:00Z",
        "request_key": str(uuid4()),
    }
    book = reverse("sessions:book", args=[enrolment.pk])

    fill(disk)
    answers = [trainee.post(book, form) for _n in range(3)]
    read = [trainee.get(path).status for path in (page, book, "/readyz", "/healthz")]
    (disk / "filling").unlink()
    again = trainee.post(book, form)

    assert [answer.status for answer in answers] == [507] * 3
    assert "no room left" in answers[0].text
    assert read == [200] * 4
    assert (again.status, again.location[:7]) == (302, "/calls/")
    until(lambda: len(house.mails()) == 2, "both are told of the call")
    house.close()
    said = house.manage("shell", "-c", LOOK)
    assert said.strip().endswith("[('ok',)] 1")


LOOK = """
from django.db import connection
from sessions.models import Booking
with connection.cursor() as cursor:
    cursor.execute("PRAGMA integrity_check")
    print(cursor.fetchall(), Booking.objects.count())
"""


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "filling").open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            while shutil.disk_usage(disk).free:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break
