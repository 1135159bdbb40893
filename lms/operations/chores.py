"""What the clock is to do, each in its time: what is due, and what fails.

A job counts as done once it came to its end. So what a clock was killed in, and what it
had not begun, is due in the next round; what fails is tried again, ever more slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from lms.operations.models import ClockJob

Job = Callable[[], object]

SLOWEST = timedelta(hours=1)  # between two tries of what fails


def name_of(job: Job) -> str:
    """Where it is written: "courses.renewing.carry_on"."""
    return f"{job.__module__}.{job.__name__}"


class Chores:
    """What is known of all jobs; one query."""

    def __init__(self) -> None:
        self.known = {each.name: each for each in ClockJob.objects.all()}

    def is_due(self, job: Job, every: timedelta, at: datetime) -> bool:
        """Whether it is to be done at this time, `every` so often; 0 is in each round."""
        known = self.known.get(name_of(job))
        if known is None:
            return True
        if known.again_at:
            return known.again_at <= at
        return known.done_at is None or known.done_at <= at - every

    def note_done(self, job: Job, every: timedelta, at: datetime) -> None:
        """Write that it was done in the round of this time.

        Of what each round does it is written only where it failed before.
        """
        known = self.known.get(name_of(job))
        if every or (known and known.tries):
            ClockJob.objects.update_or_create(
                name=name_of(job),
                defaults={"done_at": at, "tries": 0, "again_at": None, "error": ""},
            )

    def note_failed(
        self, job: Job, every: timedelta, at: datetime, error: Exception
    ) -> None:
        """Write that it failed: to be tried in 2, 4, 8 minutes and so on, then hourly."""
        known = self.known.get(name_of(job))
        tries = 1 + (known.tries if known else 0)
        pause = min(timedelta(minutes=2 ** min(tries, 6)), every, SLOWEST)
        ClockJob.objects.update_or_create(
            name=name_of(job),
            defaults={
                "tries": tries,
                "again_at": at + pause,
                "error": type(error).__name__[:60],
            },
        )
