"""The chain of the log: what was changed since can be told, whoever did it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from threading import Event as Signal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils.timezone import now

from lms.audit import chain
from lms.audit.log import erase_values, record
from lms.audit.models import Event, EventValues, Link
from tests.factories import EventFactory, EventValuesFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.constraints]


def numbers() -> list[int | None]:
    """The link of each event, by the event's id."""
    return list(Event.objects.order_by("pk").values_list("link", flat=True))


def test_each_event_comes_into_one_link() -> None:
    EventFactory.create_batch(2)
    first = chain.add_link()
    EventFactory()
    second = chain.add_link()

    assert numbers() == [1, 1, 2]
    assert [link and link.count for link in (first, second)] == [2, 1]
    assert chain.add_link() is None


def test_many_events_come_into_several_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 2)
    EventFactory.create_batch(5)

    assert chain.carry_on() == 3
    assert numbers() == [1, 1, 2, 2, 3]
    assert chain.carry_on() == 0


def test_a_round_makes_no_more_links_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain, "BATCH", 1)
    monkeypatch.setattr(chain, "AT_ONCE", 2)
    EventFactory.create_batch(3)

    assert chain.carry_on() == 2
    assert numbers() == [1, 2, None]


def test_a_link_is_of_all_that_an_event_says_but_what_an_erasure_empties() -> None:
    fields = {field.name for field in Event._meta.local_concrete_fields}

    chained = {"id" if name == "pk" else name for name in chain._CHAINED}

    assert fields - chained == {"address", "agent", "link"}


def test_an_empty_log_is_in_order() -> None:
    found = chain.check()

    assert (found.fault, found.links, found.newest) == ("", 0, None)


@pytest.mark.parametrize("in_memory", [1, 2, 1000])
def test_the_check_finds_all_in_order(
    monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(chain, "_IN_MEMORY", in_memory)
    for _n in range(3):
        EventFactory.create_batch(2, ids={"b": [1, 2], "a": None, "ä": "ü"})
        chain.add_link()
    EventFactory()

    found = chain.check()

    assert (found.fault, found.links, found.events, found.waiting) == ("", 3, 6, 1)
    assert found.newest == Link.objects.get(number=3)


def test_an_erasure_breaks_nothing() -> None:
    person = UserFactory()
    EventValuesFactory(
        event__actor=person, event__about=person, event__address="192.0.2.1"
    )
    chain.add_link()

    erase_values(person)

    assert chain.check().fault == ""
    assert EventValues.objects.get().after == ""


@contextmanager
def unguarded() -> Iterator[Callable[[str], None]]:
    """Write as somebody who has taken the database's guards away."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            for table in ("event", "link"):
                for what in ("update", "delete"):
                    cursor.execute(f"DROP TRIGGER {table}_append_only_{what}")
        yield cursor.execute
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE audit_event SET verb = 'x' WHERE id = {third}", "An event of link 2"),
        ("UPDATE audit_event SET ids = '[]' WHERE id = {third}", "An event of link 2"),
        ("UPDATE audit_event SET actor_id = NULL WHERE id = {third}", "An event of"),
        (
            "DELETE FROM audit_event WHERE id = {third}",
            "over 2 events, and 1 are there",
        ),
        (
            "UPDATE audit_event SET link_id = 3 WHERE id = {third}",
            "over 2 events, and 1 are there",
        ),
        ("UPDATE audit_event SET link_id = NULL WHERE id = {third}", "2 events, and 1"),
        ("UPDATE audit_link SET count = 3 WHERE number = 2", "Link 2 itself"),
        ("UPDATE audit_link SET digest = '' WHERE number = 2", "Link 2 itself"),
        (
            "UPDATE audit_event SET link_id = NULL WHERE link_id = 2;"
            "DELETE FROM audit_link WHERE number = 2",
            "Link 2 is missing: 3 comes next.",
        ),
    ],
)
def test_the_check_names_the_first_break(sql: str, fault: str) -> None:
    pks = []
    for _n in range(3):
        pks += [event.pk for event in EventFactory.create_batch(2)]
        chain.add_link()

    with unguarded() as execute:
        for statement in sql.format(third=pks[2]).split(";"):
            execute(statement)
    found = chain.check()

    assert fault in found.fault
    assert found.links == 1
    with pytest.raises(CommandError, match="The 1 links before it"):
        call_command("log_check")


def test_a_chain_made_anew_lacks_the_digest_that_was_noted() -> None:
    EventFactory.create_batch(2)
    chain.add_link()
    noted = Link.objects.get().digest
    call_command("log_check", noted=noted.upper(), stdout=StringIO())

    with unguarded() as execute:
        execute("UPDATE audit_event SET link_id = NULL, verb = 'x'")
        execute("DELETE FROM audit_link")
        chain.add_link()

    assert chain.check().fault == ""
    with pytest.raises(CommandError, match="is not in the chain"):
        call_command("log_check", noted=noted)


def test_the_command_says_what_it_found() -> None:
    EventFactory.create_batch(2)
    chain.add_link()
    EventFactory(at=now() - timedelta(hours=2))
    out = StringIO()

    call_command("log_check", stdout=out)

    link = Link.objects.get()
    assert out.getvalue().splitlines() == [
        "The log is as it was written: 2 events in 1 links. 1 wait for their link.",
        "Some events wait for more than an hour: does the clock run?",
        f"Newest: link 1, {link.at:%Y-%m-%d %H:%M} UTC, {link.digest}",
    ]


@pytest.mark.parametrize("links", [1, 3])
def test_the_check_asks_as_often_for_many_links(
    django_assert_num_queries: Any, links: int
) -> None:
    for _n in range(links):
        EventFactory()
        chain.add_link()

    with django_assert_num_queries(5):  # links, events, no more links; what waits
        chain.check()


@pytest.mark.parametrize(
    "change",
    [
        lambda: Link.objects.update(digest="other"),
        lambda: Link.objects.all()._raw_delete("default"),
    ],
    ids=["update", "delete"],
)
def test_a_link_is_neither_changed_nor_deleted(change: Callable[[], object]) -> None:
    EventFactory()
    chain.add_link()

    with pytest.raises(DatabaseError), transaction.atomic():
        change()

    assert chain.check().fault == ""


def test_an_event_never_changes_its_link() -> None:
    EventFactory.create_batch(2)
    chain.add_link()
    EventFactory()
    chain.add_link()

    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.filter(link=1).update(link=2)


def test_the_newest_digest_is_noted_in_the_servers_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain.note_newest()
    EventFactory()
    link = chain.add_link()

    with caplog.at_level("INFO"):
        chain.note_newest()

    assert link
    assert [each.getMessage() for each in caplog.records] == [
        f"The log's newest link: 1 {link.digest}"
    ]


# --- Several at once ------------------------------------------------------------


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_two_clocks_at_once_make_one_link(run_at_once: Any) -> None:
    EventFactory()

    made = run_at_once(chain.add_link, chain.add_link)

    assert sorted(link is None for link in made) == [False, True]
    assert Link.objects.count() == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_comes_into_the_next_link(run_at_once: Any) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one transaction write at a time.")
    person = UserFactory()
    is_written, is_linked = Signal(), Signal()

    def write_and_wait() -> int:
        with transaction.atomic():
            event = record(person, "changed", person)
            is_written.set()
            assert is_linked.wait(20)
        return int(event.pk)

    def overtake() -> int:
        assert is_written.wait(20)
        event = record(person, "changed", person)
        chain.add_link()
        is_linked.set()
        return int(event.pk)

    late, early = run_at_once(write_and_wait, overtake)
    chain.add_link()

    assert late < early  # its id was taken first
    assert dict(Event.objects.values_list("pk", "link")) == {early: 1, late: 2}
    assert chain.check().fault == ""


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_writers_and_clocks_at_once_leave_no_event_out(run_at_once: Any) -> None:
    person = UserFactory()

    def write() -> None:
        for n in range(20):
            with transaction.atomic():
                for _m in range(n % 3 + 1):
                    record(person, "changed", person)
                transaction.set_rollback(n % 5 == 0)

    def link() -> None:
        for _n in range(20):
            chain.add_link()

    assert run_at_once(write, write, write, link, link) == [None] * 5
    chain.carry_on()

    kept = sum(n % 3 + 1 for n in range(20) if n % 5)
    found = chain.check()
    assert (found.fault, found.events, found.waiting) == ("", 3 * kept, 0)
