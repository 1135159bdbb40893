"""The log: one line for each request, by ids alone, found together by its number."""

from __future__ import annotations

import json
import logging
from io import StringIO
from uuid import uuid4

import pytest
from django.conf import settings as read
from django.contrib.auth.decorators import login_required
from django.core import mail
from django.core.management import call_command
from django.urls import include, path, reverse
from django.utils.module_loading import import_string
from django_tasks_db.models import DBTaskResult

from lms.audit.models import Event
from lms.mail.models import Message
from lms.mail.tasks import deliver
from lms.operations import lines
from lms.people.models import InviteDraft
from sessions.booking import ready_topics
from sessions.models import Booking
from tests.factories import MemberFactory
from tests.sessions.conftest import enrolment, monday, trainer  # noqa: F401  # fixtures

MARK = "Zwetschgendatschi"
ADDRESS = f"{MARK.lower()}@example.com"
PASSWORD = f"{MARK}-{MARK}"


@login_required
def breaks(request):
    raise ValueError(f"{request.user.email} is not {request.user.full_name}")


urlpatterns = [path("breaks/", breaks, name="breaks"), path("", include("lms.urls"))]
handler404, handler500 = (
    "django.views.defaults.page_not_found",
    "django.views.defaults.server_error",
)


@pytest.fixture
def log():
    """What the console gets, as JSON."""
    console = read.LOGGING["handlers"]["console"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(lines.Json())
    for name in console["filters"]:
        handler.addFilter(import_string(read.LOGGING["filters"][name]["()"])())
    root, requests = logging.getLogger(), logging.getLogger("lms.requests")
    before = root.level, requests.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    requests.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before[0])
    requests.setLevel(before[1])


def of_requests(log):
    return [line for line in log() if line["logger"] == "lms.requests"]


@pytest.mark.django_db
def test_a_request_is_one_line_of_ids_and_figures(client, log):
    member = MemberFactory(is_manager=True)
    client.force_login(member.user)

    response = client.get(f"/team/{member.pk}/?q=anna@example.com")

    [line] = of_requests(log)
    assert line["at"].endswith("+00:00")
    assert line["ms"] >= 0
    assert line["queries"] > 3
    assert {name: line[name] for name in ("view", "method", "status", "user")} == {
        "view": "dashboards:person",
        "method": "GET",
        "status": 200,
        "user": member.user_id,
    }
    assert line["request"] == response["X-Request-ID"]
    assert "anna" not in json.dumps(log())


def test_programs_that_ask_all_the_time_fill_no_log(client, log):
    client.get("/healthz")

    assert log() == []


@pytest.mark.django_db
def test_what_nobody_answers_has_no_name(client, log):
    client.get(f"/{MARK}/")

    assert MARK not in json.dumps(log())
    assert of_requests(log)[-1]["status"] == 404


@pytest.mark.django_db
def test_a_proxys_number_is_taken_where_there_is_one(client, settings):
    given = {"headers": {"x-request-id": "0123456789abcdef"}}
    assert client.get("/", **given)["X-Request-ID"] != "0123456789abcdef"

    settings.BEHIND_PROXY = True

    assert client.get("/", **given)["X-Request-ID"] == "0123456789abcdef"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given", ["", "short", "x" * 33, "two words", 'a"b"c"d"e', "é" * 9]
)
def test_a_proxys_number_that_is_none_is_not_taken(client, settings, given):
    settings.BEHIND_PROXY = True

    answered = client.get("/", headers={"x-request-id": given})["X-Request-ID"]

    assert answered != given
    assert len(answered) == 16


@pytest.mark.django_db(transaction=True)
def test_a_number_goes_through_web_log_worker_and_mail(client, log):
    manager = MemberFactory(is_manager=True)
    client.force_login(manager.user)
    client.post(
        reverse("people:invite"),
        {"text": ADDRESS, "reseller": manager.reseller.pk, "engagement": "employee"},
    )
    draft = InviteDraft.objects.get()
    response = client.post(
        reverse("people:invite_list", args=[draft.pk]), sent_list(draft)
    )
    number = response["X-Request-ID"]
    assert Message.objects.get(to=ADDRESS).request == number
    assert DBTaskResult.objects.filter(args_kwargs__request=number).exists()
    assert Event.objects.filter(request=number).exists()

    call_command("worker", "--batch", "--no-startup-delay", verbosity=0)

    assert {line["logger"] for line in log() if line.get("request") == number} >= {
        "lms.requests",
        "lms.work",
    }
    [sent] = [each for each in mail.outbox if each.to == [ADDRESS]]
    assert sent.extra_headers["X-Request-ID"] == number


def sent_list(draft):
    words = {"line": [], "do": "send"}
    for number, *typed in draft.lines:
        words["line"].append(number)
        names = ["email", "name", "teams", "company", "engagement", "until"]
        words |= {
            f"{name}-{number}": cell for name, cell in zip(names, typed, strict=True)
        }
    return words


@pytest.mark.django_db(transaction=True)
def test_nobody_is_named_in_the_log(client, log, settings, enrolment, trainer):  # noqa: F811
    """Sign-in, invitation, booking and an error, all by somebody of a marked name."""
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    person = enrolment.member.user
    person.full_name, person.email = f"Anna {MARK}", ADDRESS
    person.set_password(PASSWORD)
    person.save()
    person.emailaddress_set.update(email=ADDRESS)
    wrong = {"login": ADDRESS, "password": f"not {MARK}"}
    client.post("/accounts/login/", wrong)
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})
    assert client.get("/my/").status_code == 200

    client.post(
        reverse("sessions:book", args=[enrolment.pk]),
        {
            "picked": "1",
            "topics": [ready_topics(enrolment)[0].pk],
            "start": "2026-06-03T09:00Z",
            "request_key": str(uuid4()),
        },
    )
    assert Booking.objects.filter(trainee=person).exists()
    assert client.get("/breaks/").status_code == 500
    client.get(f"/search/?q={MARK}")
    client.get(f"/join/{MARK}/")
    client.get(f"/{MARK}/")
    manager = MemberFactory(is_manager=True, user__full_name=f"Bea {MARK}")
    client.force_login(manager.user)
    client.post(
        reverse("people:invite"),
        {
            "text": f"Zoe {MARK} <zoe.{ADDRESS}>",
            "reseller": manager.reseller.pk,
            "engagement": "employee",
        },
    )
    draft = InviteDraft.objects.get()
    client.post(reverse("people:invite_list", args=[draft.pk]), sent_list(draft))
    call_command("worker", "--batch", "--no-startup-delay", verbosity=0)

    written = json.dumps(log()).lower()
    assert MARK.lower() not in written
    [failed] = [
        line
        for line in log()
        if line["logger"] == "django.request" and line["level"] == "error"
    ]
    assert failed["message"] == "Internal Server Error: breaks"
    assert failed["error"][-1] == "builtins.ValueError"
    assert failed["error"][-2].endswith("in breaks")


def test_an_error_tells_where_and_what_led_to_it_but_no_words():
    try:
        try:
            int(MARK)
        except ValueError as error:
            raise RuntimeError(MARK) from error
    except RuntimeError as error:
        told = lines.told(error)

    assert MARK not in "".join(told)
    assert [each for each in told if " in " not in each] == [
        "builtins.ValueError",
        "which led to",
        "builtins.RuntimeError",
    ]


def test_gunicorns_own_lines_tell_nobodys_address():
    record = logging.LogRecord(
        "gunicorn.error", logging.WARNING, "", 0,
        "Invalid request from ip=%s: %s", ("203.0.113.9", "bad"), None,
    )  # fmt: skip
    lines.OfGunicorn().filter(record)
    assert record.getMessage() == "Invalid request from ip=…: bad"

    record = logging.LogRecord(
        "gunicorn.error", logging.ERROR, "", 0,
        "Error handling request %s", ("/join/secret/",), None,
    )  # fmt: skip
    lines.OfGunicorn().filter(record)
    assert record.getMessage() == "Error handling request"


def test_people_read_the_same_as_text():
    record = logging.LogRecord("lms.mail", logging.WARNING, "", 0, "Not sent", (), None)
    record.request_id = "0123456789abcdef"

    assert lines.Text().format(record) == (
        "WARNING lms.mail: Not sent [0123456789abcdef]"
    )


@pytest.mark.django_db(transaction=True)
def test_work_that_failed_keeps_places_and_kinds_but_no_words():
    deliver.enqueue(MARK)  # which is no number of a mail, as the error says

    call_command("worker", "--batch", "--no-startup-delay", verbosity=0)

    failed = DBTaskResult.objects.get()
    assert (failed.status, failed.exception_class_path) == (
        "FAILED",
        "builtins.ValueError",
    )
    assert MARK not in failed.traceback
    assert "lms/mail/outbox.py:" in failed.traceback
    assert failed.traceback.endswith("builtins.ValueError")
