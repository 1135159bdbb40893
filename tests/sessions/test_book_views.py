import re
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lms.people.confirming import confirm
from sessions.booking import ready_topics
from sessions.cancelling import cancel_call
from sessions.load import tell_of_missing_times
from sessions.models import Booking
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
    ProgrammePageFactory,
    TimeRequestFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
START = "2026-06-03T09:00Z"  # Wednesday 10:00 in London


def book_url(enrolment):
    return reverse("sessions:book", args=[enrolment.pk])


def confirmed(enrolment, **more):
    """What the confirm line sends, for the first topic."""
    return {
        "picked": "1",
        "topics": [ready_topics(enrolment)[0].pk],
        "start": START,
        "request_key": str(uuid4()),
    } | more


def test_book_shows_the_soonest_three_and_a_week_of_times(
    client, enrolment, trainer, trainee
):
    response = client.get(book_url(enrolment))

    times = response.context["times"]
    assert [slot.at for slot in times.soonest] == [
        datetime(2026, 6, 2, 8, minute, tzinfo=UTC) for minute in (0, 15, 30)
    ]
    assert [day.label for day in times.days] == [
        "Tuesday 2 June",
        "Wednesday 3 June",
        "Thursday 4 June",
        "Friday 5 June",
        "Monday 8 June",
    ]
    assert response.context["minutes"] == 80


def test_book_shows_times_in_the_readers_zone_or_the_one_asked(
    client, enrolment, trainer, trainee
):
    usual = client.get(book_url(enrolment))
    tokyo = client.get(book_url(enrolment), {"zone": "Asia/Tokyo"})

    assert usual.context["times"].soonest[0].label == "Tue 2 Jun, 09:00"
    assert tokyo.context["times"].soonest[0].label == "Tue 2 Jun, 17:00"


def test_book_takes_three_clicks(client, enrolment, trainer, trainee):
    page = client.get(book_url(enrolment))
    wednesday = page.context["times"].days[1].slots[4]
    confirm = client.get(wednesday.url.partition("#")[0])
    form = {
        "picked": "1",
        "topics": [topic.pk for topic in confirm.context["chosen"]],
        "start": confirm.context["confirm"]["value"],
        "request_key": confirm.context["request_key"],
    }

    response = client.post(book_url(enrolment), form)

    booking = Booking.objects.get()
    assert booking.starts_at == datetime(2026, 6, 3, 9, tzinfo=UTC)
    assert response.url == booking.get_absolute_url()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({}, "Tuesday 2 June"),
        ({"start": "2026-06-05T09:00Z"}, "Tuesday 2 June"),  # does not jump
        ({"start": "2026-06-10T09:00Z"}, "Wednesday 10 June"),
        ({"day": "2026-06-10"}, "Wednesday 10 June"),
        ({"day": "2020-01-01"}, "Tuesday 2 June"),
    ],
)
def test_book_shows_the_days_around_what_was_asked(
    client, enrolment, trainer, trainee, query, first
):
    response = client.get(book_url(enrolment), query)

    assert response.context["times"].days[0].label == first


def test_book_leads_a_week_on_and_back(client, enrolment, trainer, trainee):
    first = client.get(book_url(enrolment)).context["times"]
    second = client.get(first.later_url.partition("#")[0]).context["times"]
    again = client.get(second.earlier_url.partition("#")[0]).context["times"]

    assert first.earlier_url == ""
    assert second.days[0].label == "Tuesday 9 June"
    assert again.days[0].label == "Tuesday 2 June"


def test_book_names_both_zones_before_it_books(client, enrolment, trainee):
    TrainerFactory(programmes=[enrolment.programme], time_zone="Europe/Madrid")

    response = client.get(book_url(enrolment), {"start": START})

    assert "Wed 3 Jun, 10:00–11:20 (London)" in response.text
    assert "Wed 3 Jun, 11:00 (Madrid)" in response.text


def test_book_twice_with_one_key_books_once(client, enrolment, trainer, trainee):
    form = confirmed(enrolment)

    first = client.post(book_url(enrolment), form)
    again = client.post(book_url(enrolment), form)

    assert first.url == again.url
    assert Booking.objects.count() == 1


def test_book_again_what_was_cancelled_since_says_so(
    client, enrolment, trainer, trainee
):
    form = confirmed(enrolment)
    client.post(book_url(enrolment), form)
    cancel_call(Booking.objects.get(), by=trainee, reason="Ill")
    client.get(reverse("sessions:agenda"))  # shows what was said before

    again = client.post(book_url(enrolment), form, follow=True)

    assert [str(one) for one in again.context["messages"]] == [
        "You booked this before, and it is cancelled since."
    ]
    assert Booking.objects.count() == 1


def test_book_what_was_taken_offers_the_three_nearest(
    client, enrolment, trainer, trainee
):
    BookingFactory(trainer=trainer, starts_at=datetime(2026, 6, 3, 9, tzinfo=UTC))
    form = confirmed(enrolment, zone="Asia/Tokyo")

    response = client.post(book_url(enrolment), form)

    assert response.status_code == 409
    assert [slot.label for slot in response.context["times"].soonest] == [
        "Wed 3 Jun, 17:15",  # until 17:35, and ten minutes of rest
        "Wed 3 Jun, 17:30",
        "Wed 3 Jun, 18:30",
    ]
    assert response.context["minutes"] == 20
    assert "not free" in response.text


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"topics": ["999999"]}, 422),
        ({"topics": ["x"]}, 422),
        ({"topics": []}, 422),
        ({"start": ""}, 422),
        ({"start": "soon"}, 422),
        ({"start": "9999-12-31T23:59Z"}, 422),
        ({"start": "0001-01-01T00:00+14:00"}, 422),
        ({"start": "2026-06-03T09:01Z"}, 409),  # off the grid
        ({"start": "2026-05-27T09:00Z"}, 409),  # past
        ({"start": "2026-06-03T22:00Z"}, 409),  # nobody offers it
        ({"start": "2026-06-01T10:00Z"}, 409),  # inside the notice
        ({"start": "2028-06-01T10:00Z"}, 409),  # beyond the horizon
        ({"request_key": "x"}, 422),
        ({"request_key": ""}, 422),
        ({"trainer": "999999"}, 422),
        ({"zone": "Mars/Olympus"}, 422),
        ({"topics": ["1\x00"]}, 422),
        ({"zone": "Europe/London\x00"}, 422),
    ],
)
def test_book_answers_bad_input_in_words(
    client, enrolment, trainer, trainee, wrong, status
):
    response = client.post(book_url(enrolment), confirmed(enrolment, **wrong))

    assert response.status_code == status
    assert "error-summary" in response.text
    assert not Booking.objects.exists()


def test_book_refuses_a_topic_of_somebody_elses_programme(
    client, enrolment, trainer, trainee
):
    theirs = EnrolmentFactory().edition.topics.first()

    response = client.post(
        book_url(enrolment), confirmed(enrolment, topics=[theirs.pk])
    )

    assert response.status_code == 422
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        {"zone": "Mars/Olympus"},
        {"zone": "../../etc/passwd"},
        {"topics": "x", "picked": "1"},
        {"day": "0001-01-01"},
        {"day": "9999-12-31"},
        {"day": "x"},
        {"start": "x"},
        {"start": START, "trainer": "x"},
        {"trainer": "'"},
    ],
)
def test_book_opens_whatever_the_address_says(
    client, enrolment, trainer, trainee, query
):
    assert client.get(book_url(enrolment), query).status_code == 200


def test_book_says_so_when_there_is_no_free_time(client, enrolment, trainee):
    response = client.get(book_url(enrolment))

    assert "No free times for this call just now" in response.text


def test_book_of_a_stranger_is_not_found(client, enrolment, trainer):
    client.force_login(EnrolmentFactory().member.user)

    assert client.get(book_url(enrolment)).status_code == 404
    assert client.post(book_url(enrolment), confirmed(enrolment)).status_code == 404


def test_book_is_for_the_trainee_not_for_their_manager(client, enrolment, trainer):
    manager = MemberFactory(reseller=enrolment.member.reseller, is_manager=True)
    client.force_login(manager.user)

    assert client.get(book_url(enrolment)).status_code == 404


def queries(client, url):
    """How many the page takes, once what is cached is cached."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- More than one call -----------------------------------------------------------------


@pytest.fixture
def long(db, monday):
    """Six topics of 20 minutes: a call of 80, and one of 40."""
    programme = ProgrammePageFactory()
    TopicPageFactory.create_batch(6, parent=programme)
    enrolment = EnrolmentFactory(edition=EditionFactory(programme=programme))
    TrainerFactory(programmes=[programme])
    return enrolment


@pytest.fixture
def learner(client, long):
    client.force_login(long.member.user)
    return long.member.user


def both(enrolment, *starts, **more):
    return {
        "picked": "1",
        "topics": [topic.pk for topic in ready_topics(enrolment)],
        "start": starts,
        "request_key": str(uuid4()),
    } | more


def follow(client, url):
    return client.get(url.partition("#")[0])


def test_book_parts_more_than_90_minutes_into_calls(client, long, learner):
    response = client.get(book_url(long))

    calls = response.context["calls"]
    assert [call.minutes for call in calls] == [80, 40]
    assert [len(call.topics) for call in calls] == [4, 2]
    assert [call.is_open for call in calls] == [True, False]
    assert [len(call.times.soonest) for call in calls] == [3, 3]
    assert "Call 1: 80 minutes" in " ".join(response.text.split())


def test_book_two_calls_takes_four_clicks(client, long, learner):
    page = client.get(book_url(long))  # the first click
    page = follow(client, page.context["times"].soonest[0].url)
    page = follow(client, page.context["times"].soonest[0].url)
    form = both(long, *page.context["confirm"]["starts"])

    response = client.post(book_url(long), form)

    first, second = Booking.objects.order_by("starts_at")
    assert response.url == reverse("sessions:agenda")
    assert (first.topics.count(), second.topics.count()) == (4, 2)
    assert second.starts_at == datetime(2026, 6, 2, 9, 30, tzinfo=UTC)  # after a rest


def test_book_offers_for_the_second_call_what_the_first_leaves(client, long, learner):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)

    response = client.get(book_url(long), both(long, "", "2026-06-03T10:00Z"))

    free = {slot.starts_at for slot in response.context["calls"][0].slots}
    before = start - timedelta(minutes=80 + 10)
    assert before in free
    assert before + timedelta(minutes=15) not in free
    assert start + timedelta(minutes=45) not in free
    assert start + timedelta(minutes=60) in free


def test_book_may_take_one_of_two_calls_alone(client, long, learner):
    form = both(long, "", START, only="1")

    response = client.post(book_url(long), form)

    booking = Booking.objects.get()
    assert booking.topics.count() == 2
    assert response.url == booking.get_absolute_url()


def test_book_two_calls_of_which_one_is_taken_keeps_the_other(client, long, learner):
    trainer = long.programme.trainers.get()
    BookingFactory(trainer=trainer, starts_at=datetime(2026, 6, 4, 9, tzinfo=UTC))
    form = both(long, START, "2026-06-04T09:00Z", zone="Asia/Tokyo")

    response = client.post(book_url(long), form)

    first, second = response.context["calls"]
    assert response.status_code == 409
    assert "Call 2: That time is not free" in response.text
    assert first.slot.starts_at == datetime(2026, 6, 3, 9, tzinfo=UTC)
    assert second.is_open
    assert [slot.label for slot in second.times.soonest] == [
        "Thu 4 Jun, 17:00",
        "Thu 4 Jun, 18:30",
        "Thu 4 Jun, 18:45",
    ]
    assert response.context["times_zone"] == "Asia/Tokyo"
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    "starts",
    [
        [START],
        [START, ""],
        [START, START],
        [START, "2026-06-03T09:15Z"],
        [START, "2026-06-04T09:00Z", "2026-06-05T09:00Z"],
        [START, "soon"],
        ["", ""],
    ],
)
def test_book_two_calls_takes_both_or_none(client, long, learner, starts):
    response = client.post(book_url(long), both(long, *starts))

    assert response.status_code in (409, 422)
    assert "error-summary" in response.text
    assert not Booking.objects.exists()


def test_book_two_calls_twice_with_one_key_books_once(client, long, learner):
    form = both(long, START, "2026-06-04T09:00Z")

    client.post(book_url(long), form)
    again = client.post(book_url(long), form)

    assert again.status_code == 302
    assert Booking.objects.count() == 2


# --- Language -----------------------------------------------------------------------------


@pytest.fixture
def german(enrolment, trainer):
    return TrainerFactory(
        programmes=[enrolment.programme],
        languages=["de"],
        weekly_hours=[(4, 9 * 60, 17 * 60)],
    )


@pytest.mark.parametrize(
    ("own", "asked", "language", "day"),
    [
        ("en-gb", {}, "en", "Tuesday 2 June"),
        ("de", {}, "de", "Friday 5 June"),
        ("fr", {}, "", "Tuesday 2 June"),  # nobody speaks it
        ("en-gb", {"language": "de"}, "de", "Friday 5 June"),
        ("de", {"language": ""}, "", "Tuesday 2 June"),
        ("de", {"language": "xx"}, "", "Tuesday 2 June"),
    ],
)
def test_book_offers_trainers_of_the_own_language_first(
    client, enrolment, german, trainee, own, asked, language, day
):
    trainee.language = own
    trainee.save()
    topics = [topic.pk for topic in ready_topics(enrolment)]
    query = {"picked": "1", "topics": topics, **asked} if asked else {}

    response = client.get(book_url(enrolment), query)

    assert response.context["spoken"] == language
    assert response.context["times"].days[0].label == day


def test_book_asks_for_no_language_where_there_is_one(
    client, enrolment, trainer, trainee
):
    response = client.get(book_url(enrolment))

    assert response.context["languages"] == []


def test_book_takes_a_trainer_of_the_language_asked(client, enrolment, german, trainee):
    friday = "2026-06-05T09:00Z"

    client.post(book_url(enrolment), confirmed(enrolment, start=friday, language="de"))

    assert Booking.objects.get().trainer == german


def test_book_refuses_a_language_nobody_speaks(client, enrolment, german, trainee):
    response = client.post(book_url(enrolment), confirmed(enrolment, language="xx"))

    assert response.status_code == 422
    assert "None of the trainers speaks that language." in response.text


def test_book_offers_no_time_in_the_night_among_the_soonest(client, enrolment, trainee):
    TrainerFactory(programmes=[enrolment.programme], time_zone="Asia/Tokyo")

    times = client.get(book_url(enrolment)).context["times"]

    assert [slot.label for slot in times.soonest] == [
        "Wed 3 Jun, 06:00",
        "Wed 3 Jun, 06:15",
        "Wed 3 Jun, 06:30",
    ]
    assert [part.label for part in times.days[1].parts] == ["Night", "Morning"]
    assert times.days[1].slots[0].label == "01:00"


# --- No free time -------------------------------------------------------------------------


def test_book_says_until_when_there_is_no_free_time(client, enrolment, trainee):
    TrainerFactory(programmes=[enrolment.programme], notice_hours=0, horizon_days=1)
    with time_machine.travel(datetime(2026, 6, 5, 17, tzinfo=UTC), tick=False):
        client.force_login(trainee)
        response = client.get(book_url(enrolment))  # a Friday evening

    words = " ".join(response.text.split())
    assert "No free times until" in words
    assert ">Mon 8 Jun</time>" in words
    assert reverse("sessions:ask", args=[enrolment.pk]) in words
    assert "has been told" not in words


def test_book_offers_any_trainer_where_the_one_by_name_has_no_time(
    client, enrolment, trainer, trainee
):
    busy = TrainerFactory(programmes=[enrolment.programme], weekly_hours=[])

    response = client.get(
        book_url(enrolment),
        {"trainer": busy.pk, "picked": "1", "topics": topics_of(enrolment)},
    )

    words = " ".join(response.text.split())
    assert f"{busy} has no free times for this call" in words
    anybody = client.get(response.context["any_trainer_url"].partition("#")[0])
    assert anybody.context["trainer"] is None
    assert len(anybody.context["times"].soonest) == 3


def topics_of(enrolment):
    return [topic.pk for topic in ready_topics(enrolment)]


def test_book_says_that_the_team_has_been_told(client, enrolment, trainee):
    UserFactory(is_staff=True)
    tell_of_missing_times()

    response = client.get(book_url(enrolment))

    assert "The training team has been told." in response.text


def test_book_shows_what_was_asked_for(client, enrolment, trainer, trainee):
    TimeRequestFactory(enrolment=enrolment)

    response = client.get(book_url(enrolment))

    assert "You asked for a time on" in response.text


def test_book_shows_what_is_proposed_first(client, enrolment, trainer, trainee):
    proposal = BookingFactory(
        enrolment=enrolment, trainer=trainer, state="proposed", offer=uuid4()
    )

    response = client.get(book_url(enrolment))

    assert reverse("sessions:offer", args=[proposal.offer]) in response.text


# --- Forged, or no longer so --------------------------------------------------------------


@pytest.mark.parametrize("why", ["left", "not qualified", "account closed", "oneself"])
def test_book_refuses_a_trainer_who_cannot_take_it(
    client, enrolment, trainer, trainee, why
):
    programmes = [enrolment.programme]
    wrong = {
        "left": lambda: TrainerFactory(programmes=programmes, is_active=False),
        "not qualified": TrainerFactory,
        "account closed": lambda: TrainerFactory(
            programmes=programmes, user__is_active=False
        ),
        "oneself": lambda: TrainerFactory(programmes=programmes, user=trainee),
    }[why]()

    response = client.post(book_url(enrolment), confirmed(enrolment, trainer=wrong.pk))

    assert response.status_code in (409, 422)
    assert "error-summary" in response.text
    assert not Booking.objects.exists()


@pytest.mark.parametrize("cap", ["day_cap", "week_cap"])
def test_book_refuses_what_is_across_the_caps(client, enrolment, trainee, cap):
    full = TrainerFactory(programmes=[enrolment.programme], **{cap: 1})
    BookingFactory(trainer=full, starts_at=datetime(2026, 6, 3, 13, tzinfo=UTC))

    response = client.post(book_url(enrolment), confirmed(enrolment))

    assert response.status_code == 409
    assert Booking.objects.count() == 1


def test_book_refuses_when_one_has_another_call_then(
    client, enrolment, trainer, trainee
):
    BookingFactory(
        enrolment=EnrolmentFactory(member=enrolment.member),
        starts_at=datetime(2026, 6, 3, 9, tzinfo=UTC),
    )

    response = client.post(book_url(enrolment), confirmed(enrolment))

    assert response.status_code == 409
    assert "You have another call then" in response.text


# --- Clock changes, clicks, queries ---------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "monday", "kolkata"),
    [
        (datetime(2026, 10, 22, 8, tzinfo=UTC), "2026-10-26", "14:30"),
        (datetime(2027, 3, 25, 9, tzinfo=UTC), "2027-03-29", "13:30"),
    ],
)
def test_book_offers_the_trainers_hours_over_a_clock_change(
    client, db, today, monday, kolkata
):
    """Nine in London on the Monday after, for somebody whose clock does not change."""
    with time_machine.travel(today, tick=False):
        enrolment = EnrolmentFactory(member__user__time_zone="Asia/Kolkata")
        TrainerFactory(programmes=[enrolment.programme])
        client.force_login(enrolment.member.user)

        page = client.get(book_url(enrolment), {"day": monday})

    assert page.context["times"].days[0].slots[0].label == kolkata


def test_book_takes_three_clicks_from_my_learning(client, enrolment, trainer, trainee):
    for topic in enrolment.edition.topics.all():
        EvidenceFactory(enrolment=enrolment, topic=topic.topic)
    my = client.get(reverse("dashboards:my"))
    assert book_url(enrolment) in my.text

    page = client.get(book_url(enrolment))  # one: find a time
    page = follow(client, page.context["times"].soonest[0].url)  # two: a time
    form = re.findall(r'name="(\w+)" value="([^"]*)"', confirm_form(page.text))
    sent = client.post(book_url(enrolment), multi(form))  # three: book it

    assert sent.url == Booking.objects.get().get_absolute_url()


def confirm_form(text):
    """What stands in the form of the confirm line, as a browser would send it."""
    inside = text.partition('id="confirm"')[2].partition("</form>")[0]
    return " ".join(inside.split())


def multi(pairs):
    data = {}
    for name, value in pairs:
        data.setdefault(name, []).append(value)
    return data


@pytest.mark.parametrize("trainers", [1, 3])
def test_book_takes_as_many_queries_for_three_trainers(
    client, enrolment, trainee, trainers
):
    for _n in range(trainers):
        BookingFactory(trainer=TrainerFactory(programmes=[enrolment.programme]))
    confirm(enrolment.member.user, enrolment.member.user.full_name)

    assert queries(client, book_url(enrolment)) == 19


def test_book_takes_three_more_queries_until_the_name_is_confirmed(
    client, enrolment, trainee
):
    TrainerFactory(programmes=[enrolment.programme])

    assert queries(client, book_url(enrolment)) == 22


@pytest.mark.parametrize("trainers", [1, 3])
def test_book_two_calls_takes_four_more_queries(client, long, learner, trainers):
    for _n in range(trainers - 1):
        TrainerFactory(programmes=[long.programme])
    confirm(long.member.user, long.member.user.full_name)

    assert queries(client, book_url(long)) == 23


def days_shown(client, enrolment, **query):
    times = client.get(book_url(enrolment), query).context["times"]
    return {slot.at.date() for day in times.days for slot in day.slots}


def test_book_looks_at_some_of_very_many_trainers(
    client, enrolment, trainee, monkeypatch
):
    """The same each time; a time that was chosen is asked of all."""
    monkeypatch.setattr("sessions.book_page.ENOUGH", 1)
    for weekday in (1, 2):  # one is there on Tuesdays, the other on Wednesdays
        TrainerFactory(
            programmes=[enrolment.programme], weekly_hours=[(weekday, 540, 1020)]
        )
    tuesday, wednesday = date(2026, 6, 2), date(2026, 6, 3)

    (shown,) = days_shown(client, enrolment)
    (again,) = days_shown(client, enrolment)

    other = wednesday if shown == tuesday else tuesday
    start = f"{other:%Y-%m-%d}T10:00Z"
    page = client.get(
        book_url(enrolment), {"start": start, "picked": "1"} | all_of(enrolment)
    )
    assert shown == again
    assert (page.context["errors"], page.context["confirm"]["value"]) == ([], start)


def all_of(enrolment):
    return {"topics": [topic.pk for topic in ready_topics(enrolment)]}


def test_book_looks_at_all_where_the_some_have_no_time(
    client, enrolment, trainee, monkeypatch
):
    monkeypatch.setattr("sessions.book_page.ENOUGH", 1)
    for windows in ([], [(1, 540, 1020)], []):
        TrainerFactory(programmes=[enrolment.programme], weekly_hours=windows)

    assert days_shown(client, enrolment) == {date(2026, 6, 2)}
