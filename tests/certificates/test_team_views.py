import csv
import io
import tracemalloc
from datetime import date, timedelta
from hashlib import sha256
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils.timezone import now
from openpyxl import load_workbook

from certificates import serials
from certificates.models import Certificate, CertificateState, End
from certificates.packs import pack
from certificates.verdict import STATES, in_state, state_of
from courses.models import Enrolment
from lms.mail.times import on_day
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamMembershipFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return MemberFactory(user__full_name="Mara Łukasik")


@pytest.fixture
def manager(member):
    return MemberFactory(reseller=member.reseller, is_manager=True)


def made_for(member, *, content=b"%PDF-1.7 one", **fields):
    """A certificate of the member, ready, with this as its file."""
    certificate = CertificateFactory(
        enrolment=EnrolmentFactory(member=member, completed=True),
        state=CertificateState.READY,
        pdf=ContentFile(content, name="certificates/of-a-test.pdf"),
        pdf_sha256=sha256(content).hexdigest(),
        **fields,
    )
    certificate.refresh_from_db()
    return certificate


def unreleased(member, **fields):
    return made_for(member, release_at=now() + timedelta(minutes=15), **fields)


def body_of(response):
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("people", [1, 3])
def test_team_lists_own_people_in_eleven_queries(
    client, member, manager, django_assert_num_queries, people
):
    theirs = [made_for(member) for _ in range(people)]
    made_for(MemberFactory())  # another reseller's
    unreleased(member)
    old = made_for(member, ended_as=End.REPLACED, ended_at=now())
    client.force_login(manager.user)
    client.get(reverse("certificates:team"))  # what is cached is cached

    # session, user, memberships; how many, the page, how many with a file; programmes,
    # teams and companies to choose among; whom to ask, and what is cached of the frame
    with django_assert_num_queries(11):
        response = client.get(reverse("certificates:team"))

    assert [each for each, *_ in response.context["lines"]] == [old, *theirs[::-1]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "ukasik"}, 1),
        ({"q": "nobody"}, 0),
        ({"q": "\x00'\""}, 2),  # a bad value shows all, and is told
        ({"programme": "0"}, 2),
        ({"programme": "9" * 50}, 2),
        ({"reseller": "9" * 50}, 2),
        ({"state": "gold"}, 2),
        ({"until": "soon"}, 2),
        ({"sort": "' or 1"}, 2),
        ({"page": "no"}, 2),
    ],
)
def test_team_is_filtered_by_the_address(client, member, manager, query, expected):
    made_for(member)
    made_for(manager)
    client.force_login(manager.user)

    response = client.get(reverse("certificates:team"), query)

    assert len(response.context["lines"]) == expected


def test_team_is_for_managers_and_staff(client, member):
    client.force_login(member.user)

    assert client.get(reverse("certificates:team")).status_code == 403


def test_pack_holds_the_files_of_ones_people_and_an_index(client, member, manager):
    first, second = made_for(member), made_for(manager, content=b"%PDF-1.7 two")
    made_for(MemberFactory())  # another reseller's
    unreleased(member)
    CertificateFactory(enrolment__member=member)  # without a file
    made_for(member, ended_as=End.REVOKED, ended_at=now())
    client.force_login(manager.user)

    response = client.get(reverse("certificates:pack"))

    archive = ZipFile(io.BytesIO(body_of(response)))
    content = {name.split(" – ")[-1]: archive.read(name) for name in archive.namelist()}
    table = content.pop("index.csv").decode("utf-8-sig").splitlines()
    assert archive.testzip() is None
    assert content == {
        f"{serials.shown(first.serial)}.pdf": b"%PDF-1.7 one",
        f"{serials.shown(second.serial)}.pdf": b"%PDF-1.7 two",
    }
    assert len(table) == 3
    assert serials.shown(second.serial) in table[1]


def test_pack_of_those_selected_leaves_strangers_out(client, member, manager):
    chosen, strangers = made_for(member), made_for(MemberFactory())
    made_for(member)
    client.force_login(manager.user)

    response = client.post(
        reverse("certificates:pack"), {"serial": [chosen.serial, strangers.serial]}
    )

    names = ZipFile(io.BytesIO(body_of(response))).namelist()
    assert [name.split(" – ")[-1] for name in names] == [
        f"{serials.shown(chosen.serial)}.pdf",
        "index.csv",
    ]


def test_pack_of_nothing_says_so(client, member, manager):
    client.force_login(manager.user)

    response = client.get(reverse("certificates:pack"), follow=True)

    assert response.redirect_chain == [(reverse("certificates:team"), 302)]
    assert b"no certificate to download" in response.content


def test_pack_of_one_without_people_is_ones_own(client, member):
    made_for(MemberFactory(reseller=member.reseller))
    own = made_for(member)
    client.force_login(member.user)

    response = client.get(reverse("certificates:pack"))

    names = ZipFile(io.BytesIO(body_of(response))).namelist()
    assert [name.split(" – ")[-1] for name in names] == [
        f"{serials.shown(own.serial)}.pdf",
        "index.csv",
    ]


# --- Filters and order -------------------------------------------------------------


def listed(client, **query):
    response = client.get(reverse("certificates:team"), query)
    assert response.status_code == 200
    return [each for each, *_ in response.context["lines"]]


def test_team_is_filtered_by_programme_team_company_and_what_was_printed(
    client, member, manager
):
    below = MemberFactory(reseller=ResellerFactory(parent=member.reseller))
    renamed = MemberFactory(reseller=member.reseller, user__full_name="Mara Once")
    one, two, three = made_for(member), made_for(below), made_for(renamed)
    type(renamed.user).objects.filter(pk=renamed.user_id).update(full_name="Mira Now")
    team = TeamMembershipFactory(member=member).team
    TeamMembershipFactory(member=below, team=team, until_on=now().date())  # was in it
    client.force_login(manager.user)

    assert listed(client, programme=one.enrolment.programme_id) == [one]
    assert listed(client, team=team.slug) == [one]
    assert listed(client, reseller=below.reseller_id) == [two]
    assert listed(client, q="Mara Once") == listed(client, q="mira now") == [three]


@pytest.mark.parametrize(("days", "found"), [(-1, True), (0, False)])
def test_team_shows_what_expires_before_a_day(client, member, manager, days, found):
    day = now().date() + timedelta(days=40)
    made_for(member)  # does not expire
    enrolment = EnrolmentFactory(
        member=member, completed=True, valid_until=day + timedelta(days=days)
    )
    expiring = CertificateFactory(enrolment=enrolment)
    client.force_login(manager.user)

    assert listed(client, until=day.isoformat()) == [expiring] * found


def test_team_is_sorted_as_the_address_asks_with_what_never_expires_last(
    client, member, manager
):
    days = [None, date(2030, 1, 1), date(2029, 1, 1)]
    never, later, sooner = (
        CertificateFactory(
            enrolment=EnrolmentFactory(
                member__reseller=member.reseller,
                member__user__full_name=name,
                completed=True,
                valid_until=day,
            )
        )
        for name, day in zip("bca", days, strict=True)
    )
    client.force_login(manager.user)

    assert listed(client, sort="until") == [sooner, later, never]
    assert listed(client, sort="-until") == [later, sooner, never]
    assert listed(client, sort="name") == [sooner, never, later]
    assert listed(client, sort="-name") == [later, never, sooner]


def test_heads_sort_and_keep_the_filter(client, member, manager):
    made_for(member)
    client.force_login(manager.user)

    response = client.get(
        reverse("certificates:team"), {"q": "Mara", "sort": "name", "page": "1"}
    )

    heads = {column["label"]: column for column in response.context["columns"]}
    assert heads["Name"]["sort"] == "ascending"
    assert heads["Name"]["url"] == "?q=Mara&sort=-name"
    assert heads["Issued"]["url"] == "?q=Mara&sort=issued"
    assert "url" not in heads["State"]


def test_empty_list_says_what_to_do(client, manager):
    client.force_login(manager.user)

    page = client.get(reverse("certificates:team")).content.decode()

    assert "No certificates here" in page


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_list_as_a_file_is_what_is_shown(client, member, manager, file_type):
    made_for(member)
    made_for(manager)
    client.force_login(manager.user)

    response = client.get(
        reverse("certificates:team"), {"q": "Mara", "format": file_type}
    )

    if file_type == "csv":
        rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    else:
        sheet = load_workbook(io.BytesIO(response.content)).active
        rows = [[cell.value or "" for cell in row] for row in sheet]
    assert len(rows) == 2
    facts = dict(zip(*rows, strict=True))
    assert facts["Name"] == "Mara Łukasik"
    assert facts["State"] == "Valid"
    assert facts["Issued"] == on_day(now().date())


def test_state_of_is_what_the_database_filters_by(member):
    """Each way to end, each state of the file, each side of the last day."""
    today = now().date()
    ends = [("", None), *((end, now()) for end in End)]
    days = [None, *(today + timedelta(days=days) for days in (-1, 0, 1))]
    begins = [today, today + timedelta(days=1)]
    for (ended_as, ended_at), state, day, begin in product(
        ends, CertificateState, days, begins
    ):
        enrolment = EnrolmentFactory(
            member=member, completed=True, valid_from=begin, valid_until=day
        )
        CertificateFactory(
            enrolment=enrolment,
            state=state,
            pdf_sha256="0" * 64 if state == CertificateState.READY else "",
            ended_as=ended_as,
            ended_at=ended_at,
        )
    released = Certificate.objects.released()

    found = {state.key: set(in_state(released, state.key)) for state in STATES}

    told = {state.key: set() for state in STATES}
    for certificate in released:
        told[state_of(certificate).key].add(certificate)
    assert found == told
    assert all(found.values())


# --- The ZIP -----------------------------------------------------------------------


def names_of(response):
    return ZipFile(io.BytesIO(body_of(response))).namelist()


def test_pack_tells_two_of_one_name_apart(client, member, manager):
    title = made_for(member).enrolment.edition.title
    again = EnrolmentFactory(member=member, completed=True, edition__title=title)
    CertificateFactory(
        enrolment=again,
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-1.7 two", name="certificates/of-a-test.pdf"),
        pdf_sha256=sha256(b"%PDF-1.7 two").hexdigest(),
    )
    client.force_login(manager.user)

    first, second, _index = names_of(client.get(reverse("certificates:pack")))

    assert first != second
    assert first.startswith(f"{title} – Mara Łukasik – ")
    assert second.startswith(f"{title} – Mara Łukasik – ")


@pytest.mark.parametrize("what", ["lost", "changed"])
def test_pack_says_which_file_it_could_not_read(client, member, manager, caplog, what):
    lost, kept = made_for(member), made_for(manager, content=b"%PDF-1.7 two")
    if what == "lost":
        lost.pdf.storage.delete(lost.pdf.name)
    else:
        Path(lost.pdf.path).write_bytes(b"%PDF-1.7 another")
    client.force_login(manager.user)

    response = client.get(reverse("certificates:pack"))

    archive = ZipFile(io.BytesIO(body_of(response)))
    table = archive.read("index.csv").decode("utf-8-sig")
    rows = {row["Serial"]: row for row in csv.DictReader(io.StringIO(table))}
    assert archive.namelist() == [rows[serials.shown(kept.serial)]["File"], "index.csv"]
    assert "Could not be read" in rows[serials.shown(lost.serial)]["File"]
    assert f"certificate {lost.pk} " in caplog.text


def test_pack_shows_managers_the_names_hidden_in_public(client, member, manager):
    made_for(member, is_name_hidden=True)
    client.force_login(manager.user)

    name, _index = names_of(client.get(reverse("certificates:pack")))

    assert "Mara Łukasik" in name


def test_pack_follows_the_filter_of_the_list(client, member, manager):
    made_for(member)
    made_for(manager)
    client.force_login(manager.user)

    names = names_of(client.get(reverse("certificates:pack"), {"q": "Mara"}))

    assert len(names) == 2


def test_pack_of_ten_times_as_many_takes_no_more_memory(member, usual_collector):
    """Each of 100 kB: together they would be five and fifty megabytes."""
    content = b"%PDF-1.7 " + bytes(100_000)
    stored = Certificate._meta.get_field("pdf").storage.save(
        "certificates/of-a-test.pdf", ContentFile(content)
    )
    programme = EditionFactory(topics=[])
    enrolments = Enrolment.objects.bulk_create(
        EnrolmentFactory.build(
            member=member,
            edition=programme,
            programme=programme.programme,
            cycle=cycle,
            completed=True,
        )
        for cycle in range(500)
    )
    Certificate.objects.bulk_create(
        CertificateFactory.build(
            enrolment=enrolment,
            state=CertificateState.READY,
            pdf=stored,
            pdf_sha256=sha256(content).hexdigest(),
        )
        for enrolment in enrolments
    )
    ready = Certificate.objects.ready().order_by("pk")

    def peak(found):
        tracemalloc.start()
        for _piece in pack(found):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(ready[:2])  # what is loaded once is loaded
    few, many = peak(ready[:50]), peak(ready[:500])

    assert many < few + 1_000_000  # the index on its way to the disk among it
    assert many < 6_000_000
