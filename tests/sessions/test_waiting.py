from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from sessions.models import FreedTime
from sessions.waiting import note_freed
from tests.factories import TrainerFactory

MONDAY = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
def monday(db):
    with time_machine.travel(MONDAY, tick=False):
        yield


def test_note_freed_keeps_the_time_and_asks_the_worker_on_commit(
    monday, django_capture_on_commit_callbacks
):
    trainer, start = TrainerFactory(), MONDAY + timedelta(hours=4)

    with django_capture_on_commit_callbacks() as asked:
        freed = note_freed(trainer, start, start + timedelta(minutes=20))

    assert list(FreedTime.objects.all()) == [freed]
    assert (freed.trainer, freed.starts_at, freed.closed_at) == (trainer, start, None)
    assert len(asked) == 1


@pytest.mark.parametrize(("minutes", "noted"), [(-60, 0), (180, 0), (181, 1)])
def test_note_freed_leaves_what_is_too_near_to_offer(monday, minutes, noted):
    start = MONDAY + timedelta(minutes=minutes)

    note_freed(TrainerFactory(), start, start + timedelta(minutes=20))

    assert FreedTime.objects.count() == noted
