"""Who had to be and was qualified on a day, as known then and as known today."""

import csv
import io
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from zipfile import ZipFile

import pikepdf
import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates import auditing
from certificates.auditing import ask, carry_on, lines_on, make
from certificates.issuing import end
from certificates.models import AuditPack, Certificate, End
from certificates.seal import findings
from courses.dates import set_counts_until
from courses.enrolling import enrol, withdraw
from courses.models import Enrolment, EvidenceKind, Source
from courses.progress import record_evidence, void_evidence
from courses.signals import enrolment_closed, programme_completed
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.access import Access
from lms.people.membership import join, leave, set_teams
from lms.people.models import Member
from lms.people.resellers import change_reseller
from tests.factories import (
    EditionFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAYS = 60
FOREVER = date.max


# --- The oracle: a notebook kept by hand, and read from its start -------------------


@dataclass
class Notebook:
    """What somebody would write down as it happens, with when they did."""

    notes: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)

    def write(self, what: str, **facts: Any) -> None:
        self.notes.append((now(), what, facts))

    def answer(self, day: date, known_by: datetime | None) -> tuple[set, set]:
        """Who had to, and who was qualified, as (member, programme)."""
        notes = [
            (what, facts)
            for at, what, facts in self.notes
            if known_by is None or at < known_by
        ]
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
        people, reseller, editions, in_team, added, held = {}, {}, [], [], [], {}
        for what, facts in notes:
            if what == "joined":
                people[facts["member"]] = [facts["on"], FOREVER, facts["reseller"]]
            elif what == "left":
                people[facts["member"]][1] = facts["on"]
                for stay in in_team:
                    if stay[0] == facts["member"] and stay[3] == FOREVER:
                        stay[3] = max(facts["on"], stay[2])
            elif what == "reseller":
                reseller[facts["reseller"]] = (facts["from_on"], facts["until"])
            elif what == "edition":
                editions.append(facts)
            elif what == "in team":
                in_team.append([facts["member"], facts["team"], facts["on"], FOREVER])
            elif what == "out of team":
                for stay in in_team:
                    ours = stay[0] == facts["member"] and stay[1] == facts["team"]
                    if ours and stay[3] == FOREVER:
                        stay[3] = facts["on"]
            elif what == "added":
                added.append([facts, facts["at"], datetime.max.replace(tzinfo=UTC)])
            elif what == "closed":
                for row in added:
                    if row[0]["enrolment"] == facts["enrolment"]:
                        row[2] = facts["at"]
                if facts["annulled"]:
                    held.pop(facts["enrolment"])
            elif what == "completed":
                held[facts["enrolment"]] = dict(facts, counts=FOREVER)
            elif what == "counts until":
                held[facts["enrolment"]]["counts"] = facts["on"]

        def there(member):
            if member not in people:
                return False
            came, went, company = people[member]
            begins, ends = reseller[company]
            return came <= day < went and begins <= day < ends

        had_to = set()
        asked = {}
        for edition in editions:
            if edition["from_on"] <= day:
                asked[edition["programme"]] = edition["teams"]
        for programme, teams in asked.items():
            for member, team, begins, ends in in_team:
                if team in teams and begins <= day < ends and there(member):
                    had_to.add((member, programme))
            for facts, begins, ends in added:
                is_in = facts["programme"] == programme and begins < midnight <= ends
                if is_in and there(facts["member"]):
                    had_to.add((facts["member"], programme))
        qualified = {
            (row["member"], row["programme"])
            for row in held.values()
            if row["begins"] <= day < min(row["ends"], row["counts"])
            and there(row["member"])
        }
        return had_to, qualified


class World:
    """People to whom chance happens, by our rules, while the notebook is kept."""

    def __init__(self, seed: int, clock: Any) -> None:
        self.random, self.clock, self.book = Random(seed), clock, Notebook()
        self.teams = TeamFactory.create_batch(2)
        self.resellers = [ResellerFactory(approved_on=date(2020, 1, 1))]
        self.resellers.append(ResellerFactory(approved_on=date(2020, 1, 1)))
        for reseller in self.resellers:
            self.book.write(
                "reseller",
                reseller=reseller.pk,
                from_on=date(2020, 1, 1),
                until=FOREVER,
            )
        self.programmes = []
        for teams in (self.teams[:1], self.teams[1:]):
            edition = EditionFactory(
                audience=teams, topics=[], validity_months=1, effective_on=now().date()
            )
            page = TopicPageFactory(parent=edition.programme)
            edition.topics.create(
                topic=page,
                order=1,
                title=page.title,
                needs_read=True,
                needs_call=False,
                call_minutes=20,
            )
            self.programmes.append(edition.programme)
            self.note_edition(edition, teams)
        self.users = UserFactory.create_batch(5)
        programme_completed.connect(self.hear_completed)
        enrolment_closed.connect(self.hear_closed)

    def note_edition(self, edition, teams):
        self.book.write(
            "edition",
            programme=edition.programme_id,
            from_on=edition.effective_on,
            teams=[team.pk for team in teams],
        )

    def hear_completed(self, sender, enrolment, **more):
        self.book.write(
            "completed",
            enrolment=enrolment.pk,
            member=enrolment.member_id,
            programme=enrolment.programme_id,
            begins=enrolment.valid_from,
            ends=enrolment.valid_until or FOREVER,
        )

    def hear_closed(self, sender, enrolment, **more):
        self.book.write(
            "closed",
            enrolment=enrolment.pk,
            annulled=enrolment.annulled_at is not None,
            at=now(),
        )

    def close(self):
        programme_completed.disconnect(self.hear_completed)
        enrolment_closed.disconnect(self.hear_closed)

    def members(self):
        return list(Member.objects.filter(left_on=None).select_related("user"))

    def step(self):
        self.random.choices(
            [
                self.join,
                self.move,
                self.leave,
                self.read,
                self.void,
                self.revoke,
                self.add,
                self.take_out,
                self.end_or_mend_reseller,
                self.shorten,
                self.publish,
            ],
            weights=[6, 6, 2, 10, 3, 1, 3, 1, 1, 2, 1],
        )[0]()
        self.clock.shift(timedelta(hours=self.random.randint(3, 40)))

    def join(self):
        reseller = self.random.choice(self.resellers)
        free = [
            user
            for user in self.users
            if not Member.objects.filter(user=user, left_on=None).exists()
        ]
        if not free:
            return
        on = now().date() - self.random.choice([0, 0, 5, 20]) * DAY
        teams = self.random.sample(self.teams, self.random.randint(0, 2))
        try:
            # told first: the rule itself says, within, what follows from it
            member = join(
                self.random.choice(free),
                reseller,
                teams=teams,
                engagement="employee",
                is_manager=False,
                by=None,
                on=on,
            )
        except Refused:
            return
        self.book.write("joined", member=member.pk, on=on, reseller=reseller.pk)
        for team in teams:
            self.book.write("in team", member=member.pk, team=team.pk, on=on)

    def move(self):
        if members := self.members():
            member = self.random.choice(members)
            today = now().date()
            before = set(
                member.team_memberships.filter(until_on=None).values_list(
                    "team", flat=True
                )
            )
            teams = self.random.sample(self.teams, self.random.randint(0, 2))
            set_teams(member, teams, by=None)
            after = {team.pk for team in teams}
            for team in before - after:
                self.book.write("out of team", member=member.pk, team=team, on=today)
            for team in after - before:
                self.book.write("in team", member=member.pk, team=team, on=today)

    def leave(self):
        if members := self.members():
            member = self.random.choice(members)
            on = now().date() - self.random.choice([0, 3, 12]) * DAY
            on = max(on, member.joined_on)
            self.book.write("left", member=member.pk, on=on)
            leave(member, on=on, by=None)

    def read(self):
        still_open = list(Enrolment.objects.open().order_by("pk"))
        if still_open:
            enrolment = self.random.choice(still_open)
            topic = enrolment.edition.topics.get().topic
            record_evidence(enrolment, topic, EvidenceKind.READ, by=None)

    def live_evidence(self):
        done = Enrolment.objects.standing().filter(completed_at__isnull=False)
        return [
            row.evidence.filter(voided_at=None).first() for row in done.order_by("pk")
        ]

    def void(self):
        if rows := list(filter(None, self.live_evidence())):
            void_evidence(self.random.choice(rows), by=None, why="A mistake")

    def revoke(self):
        if standing := list(Certificate.objects.standing().order_by("pk")):
            certificate = self.random.choice(standing)
            end(certificate, End.REVOKED, why="Chance", by=None)

    def add(self):
        if members := self.members():
            member = self.random.choice(members)
            programme = self.random.choice(self.programmes)
            before = set(Enrolment.objects.values_list("pk", flat=True))
            at = now()
            enrolment = enrol(member, programme, source=Source.MANAGER, by=None)
            if enrolment.pk not in before:
                self.book.write(
                    "added",
                    enrolment=enrolment.pk,
                    member=member.pk,
                    programme=programme.pk,
                    at=at,
                )

    def take_out(self):
        rows = list(Enrolment.objects.open().filter(source=Source.MANAGER))
        if rows:
            withdraw(self.random.choice(rows), by=None, why="Chance")

    def end_or_mend_reseller(self):
        reseller = self.random.choice(self.resellers)
        reseller.refresh_from_db()
        ended_on = None
        if reseller.ended_on is None:
            ended_on = now().date() - self.random.choice([0, 4]) * DAY
        change_reseller(
            reseller,
            name=reseller.name,
            parent=None,
            approved_on=reseller.approved_on,
            ended_on=ended_on,
            by=None,
        )
        self.book.write(
            "reseller",
            reseller=reseller.pk,
            from_on=reseller.approved_on,
            until=ended_on or FOREVER,
        )

    def shorten(self):
        rows = list(Enrolment.objects.qualified().order_by("pk"))
        if rows:
            enrolment = self.random.choice(rows)
            on = now().date() + self.random.choice([-3, 0, 9]) * DAY
            set_counts_until(enrolment, on)
            self.book.write("counts until", enrolment=enrolment.pk, on=on)

    def publish(self):
        """An edition that asks other teams, dated back a little."""
        programme = self.random.choice(self.programmes)
        teams = self.random.sample(self.teams, self.random.randint(1, 2))
        last = programme.editions.order_by("number").last()
        edition = EditionFactory(
            programme=programme,
            topics=[programme.topics().get()],
            audience=teams,
            validity_months=1,
            effective_on=max(
                last.effective_on, now().date() - self.random.choice([0, 6]) * DAY
            ),
        )
        self.note_edition(edition, teams)


def told(lines):
    """What the lines say, as the notebook says it."""
    sets = []
    for name in ("then", "today"):
        had_to, qualified = set(), set()
        for line in lines:
            view = getattr(line, name)
            if view.duty:
                had_to.add((line.member.pk, view.duty.edition.programme_id))
            if view.qualified_by:
                row = view.qualified_by
                qualified.add((line.member.pk, row.programme_id))
        sets.append((had_to, qualified))
    return sets


@pytest.mark.parametrize("seed", range(2))
def test_ten_drawn_dates_are_as_a_notebook_kept_by_hand_says(seed):
    with time_machine.travel(START, tick=False) as clock:
        world = World(seed, clock)
        try:
            while now() < START + DAYS * DAY:
                world.step()
        finally:
            world.close()
        members = list(Member.objects.select_related("reseller", "user"))
        draw = Random(seed)
        days = [START.date() + draw.randint(0, DAYS - 1) * DAY for _ in range(10)]
        differing = 0
        for day in days:
            then, today = told(lines_on(members, day))
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY

            assert then == world.book.answer(day, midnight), (day, "then")
            assert today == world.book.answer(day, None), (day, "today")
            differing += then != today

    assert differing  # else the histories asked nothing of the difference


# --- The pack ----------------------------------------------------------------------


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, recorded_at=None)


@pytest.fixture
def certificate(manager):
    """Somebody of theirs, qualified today, and their certificate."""
    team = TeamFactory()
    edition = EditionFactory(audience=[team])
    member = MemberFactory(reseller=manager.reseller, user__full_name="Mara 高橋")
    TeamMembershipFactory(member=member, team=team)
    enrolment = enrol(member, edition.programme, source=Source.TEAM, by=None)
    for row in edition.topics.all():
        for kind in (EvidenceKind.READ, EvidenceKind.CALL):
            record_evidence(enrolment, row.topic, kind, by=None)
    certificate = Certificate.objects.get()
    content = b"%PDF-1.7 one"
    certificate.pdf.save("certificates/one.pdf", io.BytesIO(content), save=False)
    certificate.pdf_sha256 = sha256(content).hexdigest()
    certificate.state = "ready"
    certificate.save(update_fields=["pdf", "pdf_sha256", "state"])
    return certificate


def asked(manager, day=None, top=None):
    return ask(Access(manager.user), day or now().date(), top)


def made(manager):
    pack = asked(manager)
    assert make(pack.pk)
    pack.refresh_from_db()
    return pack


def content_of(pack):
    with pack.file.open("rb") as file:
        return file.read()


def test_pack_holds_the_answer_opened_by_a_sealed_page(manager, certificate):
    stranger = MemberFactory(user__full_name="Stranger")
    pack = made(manager)

    archive = ZipFile(io.BytesIO(content_of(pack)))
    content = {name: archive.read(name) for name in archive.namelist()}
    cover = content.pop("0 Read first.pdf")
    sums = content.pop("SHA256SUMS.txt").decode()
    lines = dict(reversed(line.split("  ", 1)) for line in sums.splitlines())
    matrix = list(
        csv.DictReader(io.StringIO(content["matrix.csv"].decode("utf-8-sig")))
    )
    evidence = content["evidence.csv"].decode("utf-8-sig").splitlines()
    assert findings(cover) == []
    assert lines == {name: sha256(body).hexdigest() for name, body in content.items()}
    assert [name for name in content if name.startswith("certificates/")]
    assert [row["As known then: qualified"] for row in matrix] == ["Yes"]
    assert matrix[0]["Name"] == "Mara 高橋"
    assert len(evidence) == 9
    assert all(f" {now():%Y}, " in line for line in evidence[1:])
    assert stranger.user.full_name not in content["matrix.csv"].decode()
    assert pack.sha256 == sha256(content_of(pack)).hexdigest()
    assert Message.objects.filter(key=f"audit-pack:{pack.key}").count() == 1


@pytest.mark.parametrize("printed", [300, 2])
def test_cover_has_the_hash_of_each_file_under_its_seal(
    manager, certificate, monkeypatch, printed
):
    monkeypatch.setattr(auditing, "PRINTED", printed)
    archive = ZipFile(io.BytesIO(content_of(made(manager))))

    cover = archive.read("0 Read first.pdf")
    with pikepdf.open(io.BytesIO(cover)) as pdf:
        inside = pdf.attachments["SHA256SUMS.txt"].get_file().read_bytes()
    text = subprocess.run(
        ["pdftotext", "-raw", "-", "-"], input=cover, capture_output=True, check=True
    ).stdout.decode()

    assert inside == archive.read("SHA256SUMS.txt")
    assert findings(cover) == []
    assert ("1 more file" in text or "One more file" in text) == (printed == 2)
    assert text.count(sha256(archive.read("matrix.csv")).hexdigest()[:16]) == 1


def test_revoked_certificate_is_named_and_takes_no_qualification_away(
    manager, certificate
):
    end(certificate, End.REVOKED, why="A matter", by=None)
    pack = made(manager)

    archive = ZipFile(io.BytesIO(content_of(pack)))
    matrix = archive.read("matrix.csv").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(matrix))
    assert row["As known today: qualified"] == "Yes"
    assert "Revoked" in row["Certificates, as they are today"]


def test_day_to_come_is_refused(manager):
    with pytest.raises(Refused):
        asked(manager, now().date() + DAY)


def test_asking_again_within_a_minute_is_the_same_pack(manager):
    with time_machine.travel(START, tick=False) as clock:
        first = asked(manager)
        clock.shift(timedelta(seconds=59))
        same = asked(manager)
        clock.shift(timedelta(seconds=1))
        other = asked(manager)

    assert first == same
    assert first != other


def test_killed_worker_is_taken_over_and_the_first_file_stays(manager, certificate):
    pack = asked(manager)
    AuditPack.objects.update(
        done=1,
        beat_at=now() - timedelta(minutes=2),
        asked_at=now() - timedelta(hours=1),
    )
    before = DBTaskResult.objects.count()

    carry_on()
    carry_on()

    assert DBTaskResult.objects.count() == before + 1
    assert make(pack.pk)
    assert not make(pack.pk)
    assert Message.objects.filter(key=f"audit-pack:{pack.key}").count() == 1


def test_file_is_removed_after_its_day(manager, certificate):
    with time_machine.travel(START, tick=False) as clock:
        pack = made(manager)
        storage, name = pack.file.storage, pack.file.name
        clock.shift(DAY - timedelta(seconds=1))
        carry_on()
        assert storage.exists(name)
        clock.shift(timedelta(seconds=1))
        carry_on()

    pack.refresh_from_db()
    assert not storage.exists(name)
    assert not pack.file
    assert not pack.is_there


def test_link_is_for_who_asked_and_for_what_they_still_see(
    client, manager, certificate
):
    pack = made(manager)
    url = reverse("certificates:audit_file", args=[pack.key])
    colleague = MemberFactory(reseller=manager.reseller, is_manager=True)

    client.force_login(manager.user)
    response = client.get(url)
    fetched = b"".join(response.streaming_content)
    client.force_login(colleague.user)
    to_another = client.get(url)
    client.force_login(UserFactory(is_staff=True))
    to_staff = client.get(url)
    client.force_login(manager.user)
    Member.objects.filter(pk=manager.pk).update(reseller=ResellerFactory())
    moved_on = client.get(url)

    assert sha256(fetched).hexdigest() == pack.sha256
    assert to_another.status_code == to_staff.status_code == 404
    assert moved_on.status_code == 404


def test_pack_that_the_storage_has_lost_is_told_in_words(client, manager, certificate):
    pack = made(manager)
    pack.file.storage.delete(pack.file.name)
    client.force_login(manager.user)

    url = reverse("certificates:audit_file", args=[pack.key])
    response = client.get(url, follow=True)

    assert response.redirect_chain == [(pack.get_absolute_url(), 302)]
    assert "cannot be read just now" in response.text


def test_page_asks_shows_progress_and_gives_the_file(client, manager, certificate):
    client.force_login(manager.user)

    form = client.get(reverse("certificates:audits"))
    sent = client.post(reverse("certificates:audits"), {"day": now().date()})
    waiting = client.get(sent["Location"])
    make(AuditPack.objects.get().pk)
    ready = client.get(sent["Location"])

    assert form.status_code == 200
    assert b"You can leave this page" in waiting.content
    assert b"Waiting to be made" in waiting.content
    assert b"Download the pack" in ready.content


@pytest.mark.parametrize(
    ("data", "status"),
    [({"day": "2999-01-01"}, 409), ({"day": "soon"}, 422), ({}, 422)],
)
def test_bad_question_is_answered_in_words(client, manager, data, status):
    client.force_login(manager.user)

    response = client.post(reverse("certificates:audits"), data)

    assert response.status_code == status
    assert response.context["form"].errors
    assert not AuditPack.objects.exists()


@pytest.mark.django_db
def test_pack_without_a_company_is_of_those_one_sees():
    ResellerFactory()
    manager = MemberFactory(is_manager=True)

    pack = ask(Access(manager.user), now().date(), None)

    assert pack.resellers == [manager.reseller_id]


@pytest.mark.django_db
def test_the_same_question_of_somebody_else_is_a_pack_of_their_own():
    first = MemberFactory(is_manager=True)
    second = MemberFactory(is_manager=True, reseller=first.reseller)

    packs = [
        ask(Access(each.user), now().date(), first.reseller)
        for each in (first, second, second)
    ]

    assert [pack.asked_by for pack in packs] == [first.user, second.user, second.user]
    assert packs[1] == packs[2]
