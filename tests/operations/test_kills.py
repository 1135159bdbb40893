"""`kill -9` at random moments of booking, signing off and issuing.

KILLS=200 for more of them (`make faults`), SEED=… for the same moments once more.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from statistics import median

from django.db.models import F
from django.utils.timezone import now
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from lms.dashboards.models import Beat
from lms.operations.models import ClockJob
from tests.operations.house import House, MailServer, Program, until
from tests.operations.work import (
    People,
    deeds_for,
    expect_each_mail_once,
    expect_whole,
    is_settled,
    pass_the_lease,
)

KILLS = int(os.environ.get("KILLS", "16"))
SEED = int(os.environ.get("SEED", "0")) or Random().randrange(1, 10**6)
VICTIMS = ("web", "web child", "web child", "worker", "worker", "clock")
UP_AGAIN_SECONDS = 10


def test_nothing_is_lost_or_half_done_when_processes_are_killed(
    build: Callable[..., House], mail_server: MailServer
) -> None:
    random = Random(SEED)
    house = build(EMAIL_URL=mail_server.url)
    people = People(deeds_for(house, 3 * KILLS, random), random, may_do=4)
    house.start()
    house.mind()

    killed: Counter[str] = Counter()
    with people.at_work() as heard:
        while killed.total() < KILLS:
            time.sleep(random.uniform(0, 1))
            if victim := kill_one(house, random):
                killed[victim] += 1
                people.may_do(4 + 4 * killed.total())
                if killed.total() % 50 == 0:
                    print(f"{killed.total()} kills, SEED={SEED}", flush=True)
        people.may_do(None)
        up_again = [seconds_until_up_again(house) for _n in range(1 + KILLS // 20)]
        people.finish(120 + KILLS)
    cut_tasks = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING).count()
    wait_for_the_worker()
    pass_the_lease()
    until(is_settled, f"all is sent and made, SEED={SEED}")
    house.close()

    expect_whole(house, heard)
    twice = expect_each_mail_once(mail_server, killed.total())
    print(
        f"\nSEED={SEED}: {killed.total()} kills {dict(killed)}; "
        f"{len(heard.acknowledged)} deeds acknowledged, {heard.cut} requests cut "
        f"and {heard.away} to nobody, "
        f"{cut_tasks} tasks cut, {len(mail_server.taken)} mails, {twice} twice; "
        f"up again in {median(up_again):.1f} s, at most {max(up_again):.1f}, of "
        f"{len(up_again)}; answers {dict(heard.pages)}"
    )
    assert set(heard.pages) == {302}, heard.refused
    assert max(up_again) <= UP_AGAIN_SECONDS


def wait_for_the_worker() -> None:
    """Wait until all that is asked for is done, for as long as it gets on with it."""
    tasks = DBTaskResult.objects
    while tasks.ready().exists():
        ended = tasks.finished().count()
        until(
            lambda count=ended: tasks.finished().count() != count,  # type: ignore[misc]
            f"the worker gets on, SEED={SEED}",
        )


def kill_one(house: House, random: Random) -> str | None:
    """Kill one that is up and has had time to begin something; None where none is."""
    victim = random.choice(VICTIMS)
    if victim.startswith("web"):
        if not house.is_ready():
            return None
        web = house.programs["web"]
        if victim == "web child":
            return victim if web.kill_one_child(random.choice) else None
        web.kill()
        return victim
    program = house.programs[victim]
    if not program.is_running or not has_begun(victim, program):
        return None
    time.sleep(random.uniform(0, 0.5))
    program.kill()
    if victim == "clock":  # an hour passes, for its next round to do all there is
        an_hour = timedelta(hours=1)
        Beat.objects.update(at=F("at") - an_hour)
        ClockJob.objects.update(done_at=F("done_at") - an_hour, again_at=None)
    return victim


def has_begun(name: str, program: Program) -> bool:
    """Whether it has begun to work since it was started."""
    since = now() - timedelta(seconds=program.seconds_up())
    if name == "clock":
        return Beat.objects.filter(name="clock", at__gt=since).exists()
    return DBTaskResult.objects.filter(started_at__gt=since).exists()


def seconds_until_up_again(house: House) -> float:
    """All killed at once: how long until the page is served and each process runs.

    As on a machine that does nothing else: what others take of it does not count.
    """
    before = slowness()
    start = time.monotonic()
    house.kill()
    house.wait_until_ready()
    until(
        lambda: all(program.is_running for program in house.programs.values()),
        "each process runs",
    )
    seconds = time.monotonic() - start
    return seconds / max(1, (before + slowness()) / 2)


def slowness() -> float:
    """How many times longer than the processor's time the same work takes just now."""
    start, begun = time.monotonic(), time.thread_time()
    while time.thread_time() < begun + 0.2:
        sum(range(1000))
    return (time.monotonic() - start) / (time.thread_time() - begun)
