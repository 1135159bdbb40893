"""A trainer's other calendars: named, read by the worker, and blocking."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.tasks import deliver
from sessions import (
    outside,
    outside_fetch,
    outside_file,
    outside_reader,
    outside_spans,
    tasks,
)
from sessions.hours import RULES, set_rules, set_zone
from sessions.models import OutsideBusy, OutsideCalendar
from sessions.outside import (
    EVERY,
    LONGEST_WAIT,
    MOST_CALENDARS,
    STALE_AFTER,
    WORDS,
    add_calendar,
    enqueue_stale,
    read_calendar,
    read_now,
    remove_calendar,
    shown,
)
from sessions.slots import Search, find
from tests.factories import (
    EditionFactory,
    OutsideBusyFactory,
    OutsideCalendarFactory,
    TrainerFactory,
)
from tests.sessions.calendar_server import NAME, make_certificate, send, serve

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
URL = f"https://{NAME}/private/ann.ics"


def file(*times: str, end: str = "END:VCALENDAR") -> bytes:
    """A calendar that is busy for an hour from each of these times in London."""
    events = "".join(
        f"BEGIN:VEVENT\nUID:{n}\nSUMMARY:A secret\nDTSTART:{at}00\nDURATION:PT1H\n"
        "END:VEVENT\n"
        for n, at in enumerate(times)
    )
    return f"BEGIN:VCALENDAR\n{events}{end}\n".encode()


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture
def at_address(certificate, monkeypatch):
    """What the address answers, to be set; what it was asked, to be seen."""
    answers = []
    with serve(lambda handler: answers[-1](handler), *certificate) as server:
        server.say = lambda status=200, body=b"", **headers: answers.append(
            lambda handler: send(handler, status, body, **headers)
        )
        server.do = answers.append
        monkeypatch.setattr(outside, "READER", server.reader)
        server.say(200, file("20261124T1000"))
        yield server


@pytest.fixture
def calendar():
    return OutsideCalendarFactory(url=URL, read_at=MONDAY - EVERY)


def busy_times(calendar) -> list[str]:
    return [
        f"{busy.starts_at:%d %H:%M}-{busy.ends_at:%H:%M}"
        for busy in calendar.busy.all()
    ]


def queued() -> list[int]:
    return [call.args_kwargs["args"][0] for call in DBTaskResult.objects.all()]


# --- Naming one --------------------------------------------------------------------


def test_calendar_is_added_and_read_as_soon_as_may_be(
    django_capture_on_commit_callbacks,
):
    trainer = TrainerFactory()

    with django_capture_on_commit_callbacks(execute=True):
        calendar = add_calendar(
            trainer,
            name="Private",
            url=f"webcal://{NAME.upper()}/a.ics#x",
            by=trainer.user,
        )

    assert calendar.url == f"https://{NAME}/a.ics"
    assert queued() == [calendar.pk]
    told = Event.objects.get(verb="add_outside_calendar")
    assert told.actor == trainer.user
    assert told.ids == {"calendar": calendar.pk}  # and not the address


def test_same_address_again_changes_its_name_alone():
    trainer = TrainerFactory()
    first = add_calendar(trainer, name="Private", url=URL, by=trainer.user)

    again = add_calendar(trainer, name="Home", url=URL, by=trainer.user)

    assert again == first
    assert OutsideCalendar.objects.get().name == "Home"


def test_same_address_may_be_of_two_trainers():
    for trainer in TrainerFactory.create_batch(2):
        add_calendar(trainer, name="Rota", url=URL, by=trainer.user)

    assert OutsideCalendar.objects.count() == 2


def test_sixth_calendar_is_refused():
    trainer = TrainerFactory()
    OutsideCalendarFactory(trainer=TrainerFactory())  # another's does not count
    for n in range(MOST_CALENDARS):
        add_calendar(trainer, name=str(n), url=f"{URL}?{n}", by=trainer.user)

    with pytest.raises(Refused, match="5 calendars"):
        add_calendar(trainer, name="x", url=URL, by=trainer.user)

    assert trainer.outside_calendars.count() == MOST_CALENDARS


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://calendar.example.com/", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("https://me:secret@calendar.example.com/", "user name or password"),
        ("https://127.0.0.1/", "name its server"),
        ("https://2130706433/", "name its server"),
        ("https://[::1]/", "name its server"),
        ("https://localhost/", "private network"),
        ("https://calendar.example.com:22/", "unusual port"),
        ("https://calls.example.com/calendar/x.ics", "your calls here"),
        (f"https://{NAME}/{'x' * 2000}", "not an address"),
    ],
)
def test_address_that_is_no_good_is_refused_in_words(settings, url, words):
    settings.PUBLIC_URL = "https://calls.example.com"
    trainer = TrainerFactory()

    with pytest.raises(Refused, match=words):
        add_calendar(trainer, name="x", url=url, by=trainer.user)

    assert not OutsideCalendar.objects.exists()


def test_removed_calendar_blocks_no_longer(calendar):
    OutsideBusyFactory(calendar=calendar)
    other = OutsideBusyFactory()

    remove_calendar(calendar, by=calendar.trainer.user)

    assert list(OutsideBusy.objects.all()) == [other]
    assert Event.objects.latest("pk").verb == "remove_outside_calendar"


# --- Reading -----------------------------------------------------------------------


def test_what_is_read_blocks_and_of_what_is_not_kept(at_address, calendar):
    programme = EditionFactory().programme
    calendar.trainer.programmes.add(programme)
    search = Search(
        programme.pk,
        timedelta(minutes=60),
        after=MONDAY + timedelta(days=1),
        before=MONDAY + timedelta(days=1, hours=8),
        any_notice=True,
    )
    before = {f"{slot.starts_at:%H:%M}" for slot in find(search)}

    read_calendar(calendar.pk)

    after = {f"{slot.starts_at:%H:%M}" for slot in find(search)}
    assert before - after == {
        "09:15",
        "09:30",
        "09:45",
        "10:00",
        "10:15",
        "10:30",
        "10:45",
    }
    calendar.refresh_from_db()
    assert (calendar.error, calendar.read_at, calendar.tried_at) == ("", MONDAY, MONDAY)
    kept = [
        str(value)
        for model in (OutsideCalendar, OutsideBusy)
        for row in model.objects.values_list()
        for value in row
    ]
    assert not any("secret" in value for value in kept)


def test_own_calls_do_not_block_through_a_calendar_that_shows_them(
    at_address, calendar, settings
):
    own = file("20261124T1000").replace(b"UID:0", f"UID:0@{settings.UID_HOST}".encode())
    at_address.say(200, own)

    read_calendar(calendar.pk)

    assert busy_times(calendar) == []


def test_reading_again_writes_only_what_changed(at_address, calendar):
    at_address.say(200, file("20261124T1000", "20261125T1000"))
    read_calendar(calendar.pk)
    kept, gone = calendar.busy.values_list("pk", flat=True)
    at_address.say(200, file("20261124T1000", "20261126T1000"))

    read_calendar(calendar.pk)

    pks = list(calendar.busy.values_list("pk", flat=True))
    assert busy_times(calendar) == ["24 10:00-11:00", "26 10:00-11:00"]
    assert kept in pks
    assert gone not in pks


def test_unchanged_calendar_writes_no_busy_times(
    at_address, calendar, django_assert_num_queries
):
    at_address.say(200, file("20261124T1000"), ETag='"1"')
    read_calendar(calendar.pk)
    at_address.say(304)

    with django_assert_num_queries(6):  # it, tried, savepoint, lock, save, release
        read_calendar(calendar.pk)

    assert at_address.asked[-1][1]["If-None-Match"] == '"1"'
    assert busy_times(calendar) == ["24 10:00-11:00"]


def test_same_file_sent_again_writes_no_busy_times(
    at_address, calendar, django_assert_num_queries
):
    read_calendar(calendar.pk)
    pks = list(calendar.busy.values_list("pk", flat=True))

    with django_assert_num_queries(7):  # as above, and those that are known
        read_calendar(calendar.pk)

    assert list(calendar.busy.values_list("pk", flat=True)) == pks


def test_first_reading_of_a_day_asks_for_all_of_it(at_address, calendar, frozen):
    """What repeats goes on past the end of what was read, though the file is the same."""
    at_address.say(200, file("20261124T1000"), ETag='"1"')
    read_calendar(calendar.pk)
    frozen.shift(timedelta(days=1))

    read_calendar(calendar.pk)

    assert "If-None-Match" not in at_address.asked[-1][1]


def test_reading_goes_a_week_past_the_horizon(at_address, calendar):
    last = MONDAY + timedelta(days=calendar.trainer.horizon_days + 7)
    days = [last, last + timedelta(days=1)]
    at_address.say(200, file(*(f"{day:%Y%m%d}T1000" for day in days)))

    read_calendar(calendar.pk)

    assert busy_times(calendar) == [f"{last:%d} 10:00-11:00"]


def new_zone(trainer):
    set_zone(trainer, "Asia/Tokyo")


def new_horizon(trainer):
    rules = {name: getattr(trainer, name) for name in [*RULES, "languages"]}
    set_rules(trainer, **(rules | {"horizon_days": 90}), by=trainer.user)


@pytest.mark.parametrize("change", [new_zone, new_horizon])
def test_new_zone_or_horizon_asks_for_all_of_it(at_address, calendar, change):
    at_address.say(200, file("20261124T1000"), ETag='"1"')
    read_calendar(calendar.pk)

    change(calendar.trainer)
    read_calendar(calendar.pk)

    assert "If-None-Match" not in at_address.asked[-1][1]


def test_entries_without_readable_times_are_told(at_address, calendar):
    at_address.say(200, file("20261124T1000", "nonsense"), ETag='"1"')

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert busy_times(calendar) == ["24 10:00-11:00"]
    assert calendar.error == "some_unread"
    at_address.say(304)
    read_calendar(calendar.pk)
    calendar.refresh_from_db()
    assert calendar.error == "some_unread"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 404}, "gone"),
        ({"status": 503}, "failing"),
        ({"status": 302, "Location": "https://127.0.0.1/"}, "not_a_name"),
        ({"body": b"<html>"}, "no_calendar"),
        ({"body": file("20261124T1000", end="")}, "malformed"),
        ({"body": b"x" * 5 * 2**20}, "too_large"),
        ({"body": b"x", "Content_Encoding": "gzip"}, "compressed"),
    ],
)
def test_failed_reading_keeps_the_last_and_says_why(at_address, calendar, answer, why):
    kept = OutsideBusyFactory(calendar=calendar)
    at_address.say(**answer)

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert (calendar.error, calendar.read_at) == (why, MONDAY - EVERY)
    assert list(calendar.busy.all()) == [kept]


def test_reading_that_succeeds_again_says_no_more(at_address, calendar):
    calendar.error = "gone"
    calendar.save()
    OutsideBusyFactory(calendar=calendar)

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert (calendar.error, calendar.read_at) == ("", MONDAY)
    assert busy_times(calendar) == ["24 10:00-11:00"]


def test_every_reason_has_its_words():
    sources = (
        "".join(
            Path(module.__file__).read_text()
            for module in (outside_fetch, outside_file, outside_spans, outside_reader)
        )
        + Path(outside.__file__).read_text().partition("# --- Reading")[2]
    )

    reasons = re.findall(r'(?:CannotRead\(|return |"why": |else )"([a-z_]+)"', sources)

    assert len(set(reasons)) > 15
    assert set(reasons) <= set(WORDS)


def test_rule_that_would_never_end_is_stopped(at_address, calendar):
    never = b"RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\n" * 20
    endless = file("20261124T1000").replace(b"DURATION", never + b"DURATION")
    at_address.say(200, endless)
    began = time.process_time()

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert calendar.error == "too_much"
    assert time.process_time() - began < 2  # of ours


def test_server_that_drips_is_left(at_address, calendar, monkeypatch):
    monkeypatch.setattr(outside, "MOST_SECONDS", 2)

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"B")
            time.sleep(0.1)

    at_address.do(drip)

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert calendar.error == "too_slow"


def test_calendar_that_was_removed_meanwhile_is_not_read(at_address, calendar):
    pk = calendar.pk
    calendar.delete()

    read_calendar(pk)

    assert at_address.asked == []


def test_name_that_cannot_be_looked_up_fails_in_words(calendar, settings):
    """The real process, which has no server to ask here."""
    calendar.url = "https://no-such-name.invalid/a.ics"
    calendar.save()

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert calendar.error == "no_server"


def test_process_that_reads_knows_nothing_of_ours(at_address, calendar, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("SECRET_KEY", "x" * 50)

    read_calendar(calendar.pk)

    calendar.refresh_from_db()
    assert calendar.error == ""


@pytest.mark.parametrize("who", ["trainer", "user"])
def test_calendar_of_one_who_left_is_not_read(at_address, calendar, who):
    row = calendar.trainer if who == "trainer" else calendar.trainer.user
    row.is_active = False
    row.save()

    read_calendar(calendar.pk)
    enqueue_stale()

    assert at_address.asked == []
    assert queued() == []


# --- When ----------------------------------------------------------------------------


def test_clock_asks_for_each_calendar_once_it_is_due(frozen):
    new = OutsideCalendarFactory()
    old = OutsideCalendarFactory(tried_at=MONDAY - EVERY)
    OutsideCalendarFactory(tried_at=MONDAY - EVERY + timedelta(seconds=1))

    enqueue_stale()
    enqueue_stale()

    assert queued() == [new.pk, old.pk]


@pytest.mark.parametrize(
    ("failing_for", "wait"),
    [
        (timedelta(0), EVERY),
        (timedelta(hours=2), timedelta(hours=1)),
        (timedelta(days=9), LONGEST_WAIT),
    ],
)
def test_calendar_that_fails_is_tried_ever_less_often(failing_for, wait, frozen):
    OutsideCalendarFactory(error="gone", tried_at=MONDAY, read_at=MONDAY - failing_for)

    frozen.move_to(MONDAY + wait - timedelta(seconds=1))
    enqueue_stale()
    assert queued() == []

    frozen.move_to(MONDAY + wait)
    enqueue_stale()
    assert len(queued()) == 1


@pytest.mark.parametrize("calendars", [1, 3])
def test_clock_asks_in_two_queries_when_nothing_is_new(
    django_assert_num_queries, calendars
):
    OutsideCalendarFactory.create_batch(calendars)
    enqueue_stale()

    with django_assert_num_queries(2):  # the calendars, what is queued
        enqueue_stale()


def test_worker_reads_it_after_the_mail(at_address, calendar):
    tasks.read_outside_calendar.call(calendar.pk)

    assert tasks.read_outside_calendar.priority < deliver.priority
    assert busy_times(calendar) == ["24 10:00-11:00"]


def test_reading_now_asks_for_all_of_it_but_not_twice_a_minute(
    calendar, frozen, django_capture_on_commit_callbacks
):
    calendar.etag = '"1"'
    calendar.save()
    with django_capture_on_commit_callbacks(execute=True):
        read_now(calendar)
    calendar.refresh_from_db()
    assert calendar.etag == ""
    assert queued() == [calendar.pk]

    calendar.tried_at = MONDAY
    frozen.shift(timedelta(seconds=59))
    with pytest.raises(Refused, match="a moment ago"):
        read_now(calendar)

    frozen.shift(timedelta(seconds=1))
    read_now(calendar)


# --- What the trainer sees -----------------------------------------------------------


@pytest.mark.parametrize("calendars", [1, 3])
def test_page_lists_own_calendars_in_one_query(django_assert_num_queries, calendars):
    trainer = TrainerFactory()
    own = OutsideCalendarFactory.create_batch(calendars, trainer=trainer)
    OutsideCalendarFactory()  # a stranger's: it must not leak

    with django_assert_num_queries(1):
        listed = shown(trainer)

    assert {each.calendar for each in listed} == set(own)
    assert len(listed) == calendars


@pytest.mark.parametrize(("older", "is_stale"), [(0, False), (1, True)])
def test_calendar_not_read_for_a_day_is_out_of_date(calendar, older, is_stale):
    calendar.read_at = MONDAY - STALE_AFTER - timedelta(seconds=older)
    calendar.save()

    (seen,) = shown(calendar.trainer)

    assert seen.is_stale == is_stale


def test_page_shows_the_server_and_never_the_address(client, calendar):
    calendar.error, calendar.read_at = "gone", MONDAY - timedelta(days=2)
    calendar.save()
    client.force_login(calendar.trainer.user)

    for name in ("sessions:hours", "sessions:calendars"):
        page = client.get(reverse(name)).content.decode()

        assert f"{NAME}/…" in page
        assert "ann.ics" not in page
        assert "Sat 21 Nov, 06:00 (London)" in page
        assert "Out of date." in page
        assert str(WORDS["gone"]) in page


def test_trainer_adds_a_calendar(client):
    trainer = TrainerFactory()
    client.force_login(trainer.user)

    answer = client.post(
        reverse("sessions:calendars"), {"name": "Private", "url": URL}, follow=True
    )

    assert answer.redirect_chain == [("/trainer/hours/#calendars", 302)]
    assert "“Private” is added." in answer.content.decode()
    assert trainer.outside_calendars.get().url == URL


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ({"name": "", "url": URL}, 422, "Give it a name"),
        ({"name": "Home", "url": ""}, 422, "Paste the calendar"),
        ({"name": "Home", "url": "https://localhost/"}, 409, "private network"),
    ],
)
def test_refused_calendar_leaves_what_was_typed(client, words, status, said):
    trainer = TrainerFactory()
    client.force_login(trainer.user)

    answer = client.post(reverse("sessions:calendars"), words)

    page = answer.content.decode()
    assert answer.status_code == status
    assert said in page
    for value in filter(None, words.values()):
        assert f'value="{value}"' in page
    assert not OutsideCalendar.objects.exists()


def test_trainer_reads_and_removes_a_calendar(client, calendar):
    client.force_login(calendar.trainer.user)

    read = client.post(
        reverse("sessions:read_calendar", args=[calendar.pk]), follow=True
    )
    removed = client.post(
        reverse("sessions:remove_calendar", args=[calendar.pk]), follow=True
    )

    assert "is being read" in read.content.decode()
    assert "is removed" in removed.content.decode()
    assert not OutsideCalendar.objects.exists()


def test_another_trainers_calendar_is_not_there(client, calendar):
    client.force_login(TrainerFactory().user)

    for name in ("read_calendar", "remove_calendar"):
        answer = client.post(reverse(f"sessions:{name}", args=[calendar.pk]))
        assert answer.status_code == 404

    assert OutsideCalendar.objects.exists()


def test_page_offers_no_sixth_calendar(client):
    trainer = TrainerFactory()
    OutsideCalendarFactory.create_batch(MOST_CALENDARS, trainer=trainer)
    client.force_login(trainer.user)

    page = client.get(reverse("sessions:calendars")).content.decode()

    assert "5 calendars is the most" in page
    assert "Add calendar" not in page
