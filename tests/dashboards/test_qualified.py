"""Who is qualified is said alike wherever it is asked: by what was completed."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.http import QueryDict

from certificates.auditing import lines_on
from certificates.correcting import end_for, issue_anew
from certificates.issuing import replace
from certificates.models import Certificate, CertificateState, End
from courses.dates import set_counts_until
from courses.duties import duties_on, qualified_on
from courses.enrolling import enrol
from courses.models import Enrolment, EvidenceKind, Source
from courses.progress import record_evidence, void_evidence
from courses.renewing import renew
from courses.standing import standing
from lms import states
from lms.dashboards.matrix import HELD, cell_words, matrix_of
from lms.dashboards.standing import lines
from lms.people.models import Member, Reseller
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
ENDS = date(2026, 2, 5)  # a month from the start


def by_each_way(programme, reseller, day):
    """The names of those who are qualified, by each way to ask."""
    members = list(Member.objects.select_related("user", "reseller"))
    audit = lines_on(members, day)
    matrix = matrix_of(Member.objects.all(), Reseller.objects.all(), QueryDict())
    held = QueryDict(f"state={HELD}")
    listed = matrix_of(Member.objects.all(), Reseller.objects.all(), held).rows()
    ways = {
        "rows": [row.member for row in Enrolment.objects.qualified()],
        "matrix": [
            row.member
            for row in matrix.rows()
            for cell in row.cells
            if cell.is_qualified
        ],
        "matrix, those who hold it": [row.member for row in listed],
        "duties": [
            duty.member for duty in duties_on(members, day) if duty.is_qualified
        ],
        "days": [row.member for row in qualified_on(members, day).values()],
        "audit, then": [line.member for line in audit if line.then.qualified_by],
        "audit, today": [line.member for line in audit if line.today.qualified_by],
    }
    (line,) = lines([reseller], [programme], day)
    counts = {len(line.cells[0].standing.qualified), matrix.figures()[1].value}
    names = {
        way: {each.user.full_name for each in found} for way, found in ways.items()
    }
    (stands,) = standing([reseller], day)[reseller.pk]
    names["standing"] = {someone.name for someone in stands.qualified}
    return names, counts


def test_every_screen_and_file_names_the_same_people():
    team, staff = TeamFactory(), UserFactory(is_staff=True)
    edition = EditionFactory(
        audience=[team], validity_months=1, effective_on=START.date()
    )
    reseller, programme = ResellerFactory(), edition.programme
    (first, *_others) = edition.topics.all()

    def show_all(enrolment, *steps):
        for row in edition.topics.all():
            for kind in steps or (EvidenceKind.READ, EvidenceKind.CALL):
                record_evidence(enrolment, row.topic, kind, by=None)
        return enrolment

    def somebody(name, *steps):
        member = MemberFactory(
            reseller=reseller,
            user__full_name=name,
            joined_on=START.date(),
            recorded_at=START,
        )
        TeamMembershipFactory(member=member, team=team, from_on=START.date())
        enrolment = enrol(member, programme, source=Source.TEAM, by=None)
        return show_all(enrolment, *steps)

    def certificate_of(enrolment):
        return Certificate.objects.standing().get(enrolment=enrolment)

    def revoke(enrolment):
        certificate = certificate_of(enrolment)
        end_for(certificate, End.REVOKED, reason="deceit", why="", by=staff)
        return certificate

    with time_machine.travel(START, tick=False) as clock:
        done = {
            name: somebody(name)
            for name in (
                *("Pending", "Letters", "Revoked", "Withdrawn", "Anew", "Renamed"),
                *("Annulled", "Renewed", "Shortened"),
            )
        }
        somebody("Halfway", EvidenceKind.READ)
        clock.shift(DAY)
        Certificate.objects.filter(enrolment=done["Letters"]).update(
            state=CertificateState.WAITING, missing_letters="高"
        )
        revoke(done["Revoked"])
        end_for(
            certificate_of(done["Withdrawn"]),
            End.WITHDRAWN,
            reason="other",
            why="",
            by=staff,
        )
        issue_anew(revoke(done["Anew"]), by=staff)
        replace(certificate_of(done["Renamed"]), why="A name", by=staff)
        shown = done["Annulled"].evidence.filter(topic=first.topic)
        void_evidence(shown.first(), by=staff, why="A mistake")
        set_counts_until(done["Shortened"], ENDS - 3 * DAY)
        show_all(renew(done["Renewed"]))

        everybody = set(done) - {"Annulled"}
        for day, expected in (
            (START.date() + DAY, everybody),
            (ENDS - 4 * DAY, everybody),
            (ENDS - 3 * DAY, everybody - {"Shortened"}),
            (ENDS - DAY, everybody - {"Shortened"}),
            (ENDS, {"Renewed"}),
        ):
            clock.move_to(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
            names, counts = by_each_way(programme, reseller, day)
            assert names == dict.fromkeys(names, expected), day
            assert counts == {len(expected)}, day


def test_revoked_certificate_is_told_beside_the_qualification_that_stands():
    certificate = CertificateFactory()
    end_for(
        certificate, End.REVOKED, reason="deceit", why="", by=UserFactory(is_staff=True)
    )

    matrix = matrix_of(Member.objects.all(), Reseller.objects.all(), QueryDict())

    (row,) = matrix.rows()
    (cell,) = row.cells
    assert (cell.state, cell.is_qualified) == (states.REVOKED, True)
    assert cell_words(cell, "UTC") == "the certificate; qualified still"
    assert row.needs_attention
