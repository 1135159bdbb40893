"""Statements of standing: frozen, made once, for their company, and for everybody."""

import json
import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from io import BytesIO

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult
from pyhanko.pdf_utils.reader import PdfFileReader

from certificates import keys, serials, standstill, statements
from certificates.checking import NOT_KEPT, check
from certificates.claims import canonical
from certificates.designing import keep
from certificates.keyfiles import KeyTrouble
from certificates.models import Certificate, Standstill, Statement
from certificates.pictures import LOGO_BOX, printable
from certificates.render import CannotRender, Design
from certificates.seal import Fault, findings, serial_of
from certificates.statement_page import page, render
from certificates.statements import ask, carry_on, make, withdraw
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.models import Reseller
from tests.certificates.pictures import logo
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    StatementFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
    first_design,
)

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 9, 30, 15, tzinfo=UTC)


@pytest.fixture
def manager():
    return MemberFactory(
        is_manager=True, reseller__name="Northwind", user__full_name="Mara Lind"
    )


@pytest.fixture
def team():
    return TeamFactory(name="Support")


@pytest.fixture
def edition(team):
    return EditionFactory(
        audience=[team], topics=[], title="User Support", section="1.3"
    )


@pytest.fixture
def person(manager, team, edition):
    """One of theirs, qualified until some day."""
    member = MemberFactory(reseller=manager.reseller, user__full_name="Ben Okoro")
    TeamMembershipFactory(member=member, team=team)
    begun = datetime(2026, 1, 1, 12, tzinfo=UTC)
    EnrolmentFactory(
        member=member,
        edition=edition,
        enrolled_at=begun,
        completed_at=begun,
        valid_from=begun.date(),
        valid_until=date(2030, 1, 1),
    )
    return member


def asked(manager):
    return ask(manager.reseller, by=manager.user)


def made(manager):
    statement = asked(manager)
    assert make(statement.pk)
    statement.refresh_from_db()
    return statement


def bytes_of(statement):
    with statement.pdf.open("rb") as file:
        return file.read()


# --- What it says ------------------------------------------------------------------


def test_claim_is_frozen_and_names_nobody(manager, person):
    with time_machine.travel(START, tick=False):
        statement = asked(manager)
    Reseller.objects.filter(pk=manager.reseller_id).update(name="Renamed")
    person.enrolments.update(counts_until=date(2026, 1, 2))
    statement.refresh_from_db()

    assert statement.claim == {
        "version": 1,
        "kind": "standing",
        "language": "en-gb",
        "serial": statement.serial,
        "issuer": "ByteKast",
        "policy": "Reseller Support & Qualification Policy",
        "reseller": "Northwind",
        "companies": 1,
        "day": "2026-03-02",
        "asked_at": "2026-03-02T09:30:15+00:00",
        "programmes": [
            {
                "title": "User Support",
                "section": "1.3",
                "edition": 1,
                "need": "Everyone in Support",
                "at_least": None,
                "is_met": True,
                "qualified": 1,
                "counted": 1,
                "in_training": 0,
                "away": 0,
                "until": "2030-01-01",
            }
        ],
    }
    assert statement.sha256 == sha256(canonical(statement.claim)).hexdigest()
    assert serials.is_valid(statement.serial)
    words = json.dumps(statement.claim)
    assert person.user.full_name not in words
    assert manager.user.full_name not in words


def test_database_lets_nobody_rewrite_it(manager):
    statement = asked(manager)

    for change in ({"claim": {}}, {"day": date(2020, 1, 1)}, {"sha256": "0" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Statement.objects.filter(pk=statement.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.filter(pk=statement.pk).delete()


def test_second_click_is_the_same_statement_and_a_change_is_another(manager, person):
    with time_machine.travel(START, tick=False) as clock:
        first = asked(manager)
        clock.shift(timedelta(hours=5))
        same = asked(manager)
        person.enrolments.update(counts_until=date(2026, 1, 2))
        changed = asked(manager)
        clock.shift(timedelta(days=1))
        next_day = asked(manager)

    assert first == same
    assert len({first.pk, changed.pk, next_day.pk}) == 3
    assert changed.claim["programmes"][0]["is_met"] is False


def test_withdrawn_one_is_not_handed_out_again(manager):
    first = asked(manager)
    withdraw(first, by=manager.user)

    assert asked(manager) != first


def test_ten_in_a_day_are_enough(manager):
    with time_machine.travel(START, tick=False) as clock:
        for _number in range(statements.A_DAY):
            withdraw(asked(manager), by=manager.user)
        with pytest.raises(Refused):
            asked(manager)
        clock.shift(timedelta(days=1))

        assert asked(manager)


@pytest.mark.parametrize("field", ["ended_on", "approved_on"])
def test_company_not_approved_today_gets_none(manager, field):
    day = now().date() + timedelta(days=0 if field == "ended_on" else 1)
    Reseller.objects.filter(pk=manager.reseller_id).update(**{field: day})

    with pytest.raises(Refused):
        asked(manager)


# --- Made --------------------------------------------------------------------------


def test_file_is_sealed_says_the_claim_and_no_certificates_serial(manager, person):
    statement = made(manager)
    pdf = bytes_of(statement)
    text = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()
    attached = PdfFileReader(BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    said = attached[1].get_object()["/EF"]["/F"].get_object().data

    assert findings(pdf) == []
    assert serial_of(pdf) is None
    assert findings(pdf + b" ")[0].fault == Fault.ADDED_TO
    assert said == canonical(statement.claim)
    assert sha256(said).hexdigest() == statement.sha256
    assert sha256(pdf).hexdigest() == statement.pdf_sha256
    for words in ("Northwind", "User Support", "Everyone in Support", "Met", "1 of 1"):
        assert words in text
    assert "1 January 2030" in text
    assert serials.shown(statement.serial) in text
    assert person.user.full_name not in text
    mail = Message.objects.get(key=f"statement:{statement.serial}")
    assert statement.get_absolute_url() in mail.body


def test_command_says_what_it_is_and_calls_it_no_certificate(manager):
    statement = made(manager)
    checked = check(bytes_of(statement))

    assert checked.outcome is NOT_KEPT
    assert any(serials.shown(statement.serial) in words for words in checked.says)
    assert checked.certificate is None


def test_same_claim_gives_the_same_bytes():
    claim, url = StatementFactory.build(reseller__name="A").claim, "https://x.test/c"

    assert render(claim, first_design(), url) == render(claim, first_design(), url)


@pytest.mark.parametrize("programmes", [0, 1, 5, 6, 16])
def test_any_number_of_programmes_stays_on_its_page(programmes):
    claim = StatementFactory.build(reseller__name="Gesellschaft " * 9).claim
    one = {
        "title": "Data Privacy & Analytics",
        "section": "1.4",
        "edition": 1,
        "need": "At least one person in Analysts or Administrators",
        "at_least": 1,
        "is_met": None,
        "qualified": 0,
        "counted": 0,
        "in_training": 2,
        "away": 1,
        "until": None,
    }
    claim["programmes"] = [one] * programmes
    pdf = render(claim, first_design(), "https://learn.example.com/c/statement/X")
    boxes = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()
    ends = [
        float(y) for y in re.findall(r'yMax="([\d.]+)">(?:changed|afterwards)', boxes)
    ]

    assert ends
    assert max(ends) < 165 / 25.4 * 72  # above the serial, the seal and the code


def test_too_many_programmes_for_a_page_are_refused_in_words():
    claim = StatementFactory.build(reseller__name="A").claim
    claim["programmes"] = [{"title": "B", "need": "x"}] * 17

    with pytest.raises(CannotRender, match="too many programmes"):
        render(claim, first_design(), "https://x.test/c")


def test_logo_of_the_design_stands_on_it():
    picture = printable(BytesIO(logo()), LOGO_BOX)
    claim = StatementFactory.build(reseller__name="A").claim
    plain = render(claim, keep(Design(ink="#101010")), "https://x.test/c")
    with_logo = render(claim, keep(Design(logo=picture)), "https://x.test/c")
    images = [
        subprocess.run(
            ["pdfimages", "-list", "-"], input=pdf, capture_output=True, check=True
        ).stdout.decode()
        for pdf in (plain, with_logo)
    ]

    assert "rgb" not in images[0]
    assert "rgb" in images[1]


def test_page_writes_markup_as_text():
    claim = StatementFactory.build(reseller__name="<b>&'\"").claim

    assert "&lt;b&gt;&amp;" in page(claim, "https://x.test/c")


def test_letter_that_no_font_has_is_told_and_nothing_is_made(manager):
    Reseller.objects.filter(pk=manager.reseller_id).update(name="ꙮ Ltd")
    UserFactory(is_staff=True)
    statement = asked(manager)

    assert not make(statement.pk)
    statement.refresh_from_db()
    assert "ꙮ" in statement.trouble
    assert statement.made_at is None
    assert Message.objects.filter(key__startswith="statement-trouble:").exists()


def test_killed_worker_is_taken_over_and_the_first_file_stays(manager):
    statement = asked(manager)
    Statement.objects.update(done=1, beat_at=now() - timedelta(hours=2))
    DBTaskResult.objects.all().delete()
    with time_machine.travel(now() + timedelta(minutes=2)):
        carry_on()
        carry_on()

    assert DBTaskResult.objects.count() == 1
    assert make(statement.pk)
    assert not make(statement.pk)
    assert Message.objects.filter(key=f"statement:{statement.serial}").count() == 1


def test_trouble_with_keys_waits_and_mends_itself(manager, monkeypatch):
    def no_key():
        raise KeyTrouble("the seal key is gone")

    statement = asked(manager)
    with monkeypatch.context() as patch:
        patch.setattr(keys, "seal_key", no_key)
        assert not make(statement.pk)
    statement.refresh_from_db()
    trouble = statement.trouble
    resting = make(statement.pk)
    with time_machine.travel(now() + timedelta(hours=2)):
        mended = make(statement.pk)

    assert "the seal key is gone" in trouble
    assert (resting, mended) == (False, True)
    assert not Standstill.objects.exists()
    assert standstill.current() is None


def test_two_workers_keep_one_file(manager):
    statement = asked(manager)
    other = Statement.objects.get(pk=statement.pk)

    assert statements._store(statement, b"%PDF-1.7 first")
    assert not statements._store(other, b"%PDF-1.7 second")
    statement.refresh_from_db()
    storage = statement.pdf.storage
    assert bytes_of(statement) == b"%PDF-1.7 first"
    assert len(storage.listdir(statement.folder)[1]) == 1


# --- For its company ---------------------------------------------------------------


def test_manager_makes_watches_and_fetches_it(client, manager, person):
    client.force_login(manager.user)
    url = reverse("certificates:statements")

    shown = client.get(url)
    sent = client.post(url, {"reseller": manager.reseller_id})
    waiting = client.get(sent["Location"])
    statement = Statement.objects.get()
    make(statement.pk)
    ready = client.get(sent["Location"])
    fetched = client.get(reverse("certificates:statement_file", args=[statement]))

    assert b"Need met" in shown.content
    assert sent["Location"] == statement.get_absolute_url()
    assert b"Waiting to be made" in waiting.content
    assert b"Download the PDF" in ready.content
    statement.refresh_from_db()
    body = b"".join(fetched.streaming_content)
    assert sha256(body).hexdigest() == statement.pdf_sha256


@pytest.mark.parametrize("name", ["statement", "statement_file"])
def test_another_companys_manager_finds_nothing(client, manager, name):
    statement = made(manager)
    other = MemberFactory(is_manager=True)
    client.force_login(other.user)

    theirs = client.get(reverse(f"certificates:{name}", args=[statement]))
    taken = client.post(
        reverse("certificates:statements"), {"reseller": manager.reseller_id}
    )
    ended = client.post(reverse("certificates:statement_withdraw", args=[statement]))

    assert theirs.status_code == ended.status_code == 404
    assert taken.status_code == 422
    assert Statement.objects.filter(withdrawn_at=None).count() == 1


def test_manager_above_makes_one_of_a_subsidiary(client, manager):
    below = ResellerFactory(parent=manager.reseller)
    client.force_login(manager.user)

    sent = client.post(reverse("certificates:statements"), {"reseller": below.pk})

    assert sent.status_code == 302
    assert Statement.objects.get().reseller == below


def test_channel_team_comes_from_a_companys_page(client, manager):
    ResellerFactory(name="Another, first in the list")
    client.force_login(UserFactory(is_staff=True))
    link = f"{reverse('certificates:statements')}?reseller={manager.reseller_id}"

    page = client.get(reverse("dashboards:reseller", args=[manager.reseller_id]))
    response = client.get(link)

    assert f'href="{link}"' in page.content.decode()
    assert response.context["shown"] == manager.reseller
    assert response.context["form"].initial == {"reseller": manager.reseller}


def test_refusal_is_409_with_the_page_again(client, manager):
    Reseller.objects.filter(pk=manager.reseller_id).update(ended_on=now().date())
    client.force_login(manager.user)

    response = client.post(
        reverse("certificates:statements"), {"reseller": manager.reseller_id}
    )

    assert response.status_code == 409
    assert response.context["form"].errors


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_as_many_queries_for_any_number(
    client, manager, django_assert_num_queries, count
):
    StatementFactory.create_batch(count, reseller=manager.reseller)
    StatementFactory()  # another company's
    client.force_login(manager.user)
    client.get(reverse("certificates:statements"))

    with django_assert_num_queries(13):
        response = client.get(reverse("certificates:statements"))

    assert len(response.context["page"].object_list) == count


# --- For everybody -----------------------------------------------------------------


def public(client, statement, **more):
    return client.get(reverse("statement", args=[statement.serial]), **more)


def test_anybody_reads_what_it_said_and_of_which_day(client, manager, person):
    with time_machine.travel(START, tick=False):
        statement = made(manager)
        of_the_day = public(client, statement)
    later = public(client, statement)

    for response in (of_the_day, later):
        text = response.content.decode()
        assert response.status_code == 200
        assert response["X-Robots-Tag"] == "noindex"
        assert response["Cache-Control"] == "no-store"
        assert "<h1>Genuine</h1>" in text
        assert "Everyone in Support" in text
        assert statement.pdf_sha256 in text
        assert manager.user.full_name not in text
        assert person.user.full_name not in text
    assert "says nothing of today" not in of_the_day.content.decode()
    assert "It spoke for 2 March 2026" in later.content.decode()


def test_withdrawn_one_says_so_first(client, manager):
    statement = made(manager)
    withdraw(statement, by=manager.user)
    withdraw(statement, by=manager.user)

    text = public(client, statement).content.decode()
    said = public(client, statement, HTTP_ACCEPT="application/json").json()

    assert "It no longer counts" in text
    assert "<h1>Genuine</h1>" not in text
    assert said["status"] == "withdrawn"


def test_programs_read_its_claim(client, manager, person):
    statement = made(manager)

    said = public(client, statement, HTTP_ACCEPT="application/json").json()

    assert said["status"] == "statement"
    assert said["certificate"] is None
    assert said["statement"]["programmes"] == statement.claim["programmes"]
    assert said["statement"]["sha256"] == statement.sha256
    assert said["statement"]["file"]["sha256"] == statement.pdf_sha256


def test_one_without_a_file_is_as_unknown_as_any(client, manager):
    unmade = asked(manager)
    nobodys = serials.new_serial()

    answers = [
        client.get(reverse("statement", args=[serial]))
        for serial in (unmade.serial, nobodys)
    ]

    assert [each.status_code for each in answers] == [404, 404]
    texts = [
        re.sub(
            r'"X-CSRFToken": "\w+"',
            "",
            each.content.decode().replace(serials.shown(serial), ""),
        )
        for each, serial in zip(answers, (unmade.serial, nobodys), strict=True)
    ]
    assert texts[0] == texts[1]


def test_wrong_check_symbol_never_reaches_the_database(
    client, django_assert_num_queries
):
    serial = serials.new_serial()
    wrong = serial[:-1] + ("0" if serial[-1] != "0" else "1")

    with django_assert_num_queries(0):
        response = client.get(
            reverse("statement", args=[wrong]), HTTP_ACCEPT="application/json"
        )

    assert response.status_code == 404


def test_guessing_is_stopped(client):
    for _number in range(20):
        client.get(reverse("statement", args=[serials.new_serial()]))

    response = client.get(reverse("statement", args=[serials.new_serial()]))

    assert response.status_code == 429


def test_statement_is_found_where_certificates_are_checked(client, manager):
    statement = made(manager)

    by_serial = client.get(reverse("verify", args=[statement.serial]))
    by_hash = client.get(reverse("by_hash", args=[statement.pdf_sha256])).json()

    assert by_serial.status_code == 302
    assert by_serial["Location"] == reverse(
        "statement", args=[serials.shown(statement.serial)]
    )
    assert by_hash["status"] == "statement"
    assert by_hash["certificate"] is None
    assert not Certificate.objects.exists()


def test_page_of_a_made_one_takes_as_few_queries(
    client, manager, django_assert_num_queries
):
    statement = StatementFactory(reseller=manager.reseller)
    Statement.objects.filter(pk=statement.pk).update(
        pdf="x.pdf", pdf_sha256="0" * 64, made_at=now()
    )
    public(client, statement)

    with django_assert_num_queries(3):  # limits, statement, branding
        public(client, statement)


def test_statement_that_the_storage_has_lost_is_told_in_words(client, manager):
    statement = made(manager)
    statement.pdf.storage.delete(statement.pdf.name)
    client.force_login(manager.user)

    url = reverse("certificates:statement_file", args=[statement.serial])
    response = client.get(url, follow=True)

    assert response.redirect_chain == [(statement.get_absolute_url(), 302)]
    assert "cannot be read just now" in response.text
