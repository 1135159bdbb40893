"""Many tabs of one person at the same moment: one is in the room, the others know it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine

from lms.audit.models import Event
from sessions.models import CallMessage, Ended, Presence, Signal
from sessions.room_words import Line, Poll, Told
from sessions.signalling import exchange, write_message
from tests.factories import BookingFactory
from tests.processes import run_in_processes

pytestmark = pytest.mark.races

TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # in London
PROCESSES = 4
ROUNDS = 3


@pytest.fixture
def call(transactional_db):
    with time_machine.travel(TEN):
        yield BookingFactory(starts_at=TEN)


def poll(tab, **more):
    said = {"seen": 0, "messages": 0, "signals": [], "state": {}, "quality": None}
    return Poll(tab=tab, ice=False, **said | more)


def test_of_many_tabs_at_once_one_is_there_and_the_others_are_told(call):
    def come_in(number, barrier):
        tab, answers = uuid4(), []
        for _n in range(ROUNDS):
            barrier.wait()
            answers.append(exchange(call.ref, call.trainee, poll(tab)).get("over"))
        return tab, answers

    came = run_in_processes(PROCESSES, come_in)

    live = Presence.objects.live().get(booking=call, user=call.trainee)
    assert {answers[-1] for tab, answers in came if tab != live.tab} == {"replaced"}
    assert {answers[-1] for tab, answers in came if tab == live.tab} == {None}
    stays = Presence.objects.filter(booking=call)
    assert stays.count() == PROCESSES  # none came again by itself
    assert stays.filter(ended=Ended.REPLACED).count() == PROCESSES - 1
    assert Event.objects.filter(verb="joined").count() == 1


def test_signals_of_one_tab_are_read_whole_however_they_come_in(call):
    """A number that is read later than a higher one would be lost for the reader."""
    mine, theirs = uuid4(), uuid4()
    exchange(call.ref, call.trainee, poll(mine))
    exchange(call.ref, call.trainer.user, poll(theirs))

    def tell_or_read(number, barrier):
        barrier.wait()
        got, seen = [], 0
        for _n in range(40):
            if number:
                told = Told(to=theirs, key=uuid4(), body='{"candidate":null}')
                exchange(call.ref, call.trainee, poll(mine, signals=[told]))
                continue
            answer = exchange(call.ref, call.trainer.user, poll(theirs, seen=seen))
            got += [each["id"] for each in answer["signals"]]
            seen = max([seen, *got])
        return got

    read = run_in_processes(4, tell_or_read)[0]

    rest = exchange(call.ref, call.trainer.user, poll(theirs, seen=max([0, *read])))[
        "signals"
    ]
    kept = Signal.objects.order_by("pk").values_list("pk", flat=True)
    assert read + [each["id"] for each in rest] == list(kept)
    assert len(kept) == 3 * 40


def test_messages_of_both_are_read_whole_and_once(call):
    key = uuid4()

    def write(number, barrier):
        barrier.wait()
        by = call.trainee if number % 2 else call.trainer.user
        ids = [write_message(call, by, Line(uuid4(), "Hello"))["id"] for _n in range(5)]
        same = write_message(call, call.trainee, Line(key, "Once"))["id"]
        return ids, same

    wrote = run_in_processes(4, write)

    assert len({same for _ids, same in wrote}) == 1
    assert CallMessage.objects.count() == 4 * 5 + 1
