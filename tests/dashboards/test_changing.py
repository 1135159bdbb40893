from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from certificates.serials import shown
from courses.adding import add
from courses.exempting import exempt
from courses.models import Enrolment, Evidence, EvidenceKind
from courses.progress import record_evidence
from lms.people.accounts import set_channel_team
from lms.people.approving import decide
from lms.people.membership import set_teams
from lms.people.models import Approval
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
TODAY = now().date()


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, user__full_name="Anna Berg")


@pytest.fixture
def member(manager):
    return MemberFactory(reseller=manager.reseller, user__full_name="Liam O'Connor")


@pytest.fixture
def staff():
    user = UserFactory()
    set_channel_team(user, True, by=None)
    return user


@pytest.fixture
def programme():
    return EditionFactory().programme


def url(name, row):
    return reverse(f"dashboards:{name}", args=[row.pk])


def text_of(response):
    return " ".join(response.text.split())


# --- Teams -------------------------------------------------------------------------


def test_manager_changes_teams_and_reads_the_way_back(client, manager, member):
    support, sales = TeamFactory(name="Support"), TeamFactory(name="Sales")
    EditionFactory(audience=[support])
    set_teams(member, [support], by=manager.user)
    client.force_login(manager.user)

    answer = client.post(url("teams", member), {"teams": [sales.pk]}, follow=True)

    assert "They are in Sales now." in text_of(answer)
    assert "Liam O&#x27;Connor is no longer in Support" in text_of(answer)
    undo = url("undo", Enrolment.objects.get())
    back = client.post(undo, follow=True)
    assert "is back in" in text_of(back)
    assert {row.team for row in member.team_memberships.live()} == {support, sales}


def test_teams_show_since_when_and_until_when(client, manager, member):
    TeamMembershipFactory(member=member, team__name="Support", until_on=TODAY)
    client.force_login(manager.user)

    answer = client.get(url("teams", member))

    assert "From 1 January 2020" in _words(answer)
    assert "(that day no longer)" in _words(answer)


def _words(response):
    """What is read, without the elements around times."""
    text = response.text
    for mark in ("<time", "</time"):
        text = "".join(
            part.partition(">")[2] if number else part
            for number, part in enumerate(text.split(mark))
        )
    return " ".join(text.split())


@pytest.mark.parametrize("teams", [["x"], [10**9], ["9" * 25]])
def test_unknown_team_is_a_422_and_changes_nothing(client, manager, member, teams):
    client.force_login(manager.user)

    assert client.post(url("teams", member), {"teams": teams}).status_code == 422
    assert not member.team_memberships.exists()


def test_teams_of_who_left_are_a_409(client, manager, member):
    team = TeamFactory()
    member.left_on = TODAY
    member.save(update_fields=["left_on"])
    client.force_login(manager.user)

    answer = client.post(url("teams", member), {"teams": [team.pk]})

    assert answer.status_code == 409
    assert answer.context["form"]["teams"].data == [str(team.pk)]


@pytest.mark.parametrize("rows", [1, 3])
def test_teams_take_14_queries(
    client, manager, member, django_assert_num_queries, rows
):
    for _ in range(rows):
        TeamMembershipFactory(member=member, until_on=TODAY)
    client.force_login(manager.user)

    with django_assert_num_queries(14):
        assert client.get(url("teams", member)).status_code == 200


# --- Adding --------------------------------------------------------------------------


def test_several_are_added_at_once_with_a_due_date(client, manager, member, programme):
    other = MemberFactory(reseller=manager.reseller)
    there = EnrolmentFactory(
        edition=programme.edition_on(), member__reseller=manager.reseller
    ).member
    due_on = TODAY + timedelta(days=5)
    client.force_login(manager.user)
    people = [member.pk, other.pk, there.pk]
    page = client.get(reverse("dashboards:add"), {"members": people})
    assert {each.pk for each in page.context["people"]} == set(people)

    answer = client.post(
        reverse("dashboards:add"),
        {"members": people, "programme": programme.pk, "due_on": due_on},
        follow=True,
    )

    assert "2 people were added" in text_of(answer)
    assert "already:" in text_of(answer)
    made = Enrolment.objects.exclude(member=there)
    assert [row.due_on for row in made] == [due_on, due_on]


@pytest.mark.parametrize("key", ["0", "-1", "x", "2147483648", "9" * 5000])
def test_key_of_nobody_chooses_nobody(client, manager, member, key):
    client.force_login(manager.user)

    page = client.get(reverse("dashboards:add"), {"members": [key, member.pk]})

    assert page.context["people"] == [member]


def test_strangers_are_not_added(client, manager, programme):
    stranger = MemberFactory()
    client.force_login(manager.user)

    page = client.get(reverse("dashboards:add"), {"members": [stranger.pk]})
    answer = client.post(
        reverse("dashboards:add"),
        {"members": [stranger.pk], "programme": programme.pk},
    )

    assert page.context["people"] == []
    assert answer.status_code == 422
    assert not Enrolment.objects.exists()


def test_what_is_refused_is_a_409_with_the_form_again(
    client, manager, member, programme
):
    client.force_login(manager.user)
    gone = TODAY - timedelta(days=1)

    answer = client.post(
        reverse("dashboards:add"),
        {"members": [member.pk], "programme": programme.pk, "due_on": gone},
    )

    assert answer.status_code == 409
    assert "That day has passed" in text_of(answer)
    assert answer.context["form"]["due_on"].data == f"{gone}"


@pytest.mark.parametrize("people", [1, 3])
def test_page_to_add_people_takes_9_queries(
    client, manager, programme, django_assert_num_queries, people
):
    rows = MemberFactory.create_batch(people, reseller=manager.reseller)
    client.force_login(manager.user)

    with django_assert_num_queries(9):
        answer = client.get(
            reverse("dashboards:add"), {"members": [row.pk for row in rows]}
        )

    assert len(answer.context["people"]) == people


# --- One programme of a person -------------------------------------------------------


def test_record_says_who_added_them(client, manager, member, programme):
    add(member, programme, by=manager.user)
    client.force_login(member.user)

    own = client.get(url("person", member))

    assert "Added by Anna Berg on" in text_of(own)
    assert url("enrolment", Enrolment.objects.get()) not in own.text


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"do": "due", "due_on": f"{TODAY}"}, 302),
        ({"do": "due", "due_on": f"{TODAY - timedelta(days=1)}"}, 409),
        ({"do": "due", "due_on": "soon"}, 422),
        ({"do": "remove", "why": "No longer needed"}, 302),
        ({"do": "remove", "why": ""}, 422),
        ({"do": "exempt", "why": "A favour", "whole": "on"}, 403),
        ({"do": "nothing"}, 302),
    ],
)
def test_manager_changes_what_is_theirs(
    client, manager, member, programme, words, status
):
    enrolment = add(member, programme, by=manager.user)
    client.force_login(manager.user)

    answer = client.post(url("enrolment", enrolment), words)

    enrolment.refresh_from_db()
    assert answer.status_code == status
    assert (enrolment.due_on == TODAY) == (status == 302 and words["do"] == "due")
    assert bool(enrolment.withdrawn_at) == (status == 302 and words["do"] == "remove")
    assert not Evidence.objects.exists()


def test_manager_does_not_see_the_evidence_and_its_reasons(
    client, manager, member, staff
):
    enrolment = EnrolmentFactory(member=member)
    topic = enrolment.edition.topics.first().topic
    exempt(enrolment, [topic], by=staff, why="Wrote the guide")
    texts = {}

    for name, user in [("manager", manager.user), ("staff", staff)]:
        client.force_login(user)
        texts[name] = client.get(url("enrolment", enrolment)).text
    client.force_login(member.user)
    own = client.get(url("person", member)).text

    assert "Wrote the guide" in texts["staff"]
    assert "Wrote the guide" not in texts["manager"]
    assert "Wrote the guide" not in own
    assert "Exempt, by ByteKast" in own


@pytest.mark.parametrize("whole", [False, True])
def test_staff_exempt_from_some_topics_or_all(client, member, staff, whole):
    enrolment = EnrolmentFactory(member=member)
    first = enrolment.edition.topics.first()
    client.force_login(staff)
    words = {"do": "exempt", "why": "Wrote it"}

    assert client.post(url("enrolment", enrolment), words).status_code == 422
    words |= {"whole": "on"} if whole else {"topics": [first.pk]}
    other = UserFactory(is_staff=True)
    client.post(url("enrolment", enrolment), words)
    assert not Evidence.objects.exists()
    decide(Approval.objects.get(), True, by=other)

    assert Evidence.objects.count() == (4 if whole else 1)
    assert Enrolment.objects.qualified().exists() == whole


@pytest.mark.parametrize("pieces", [1, 3])
def test_programme_of_a_person_takes_16_queries(
    client, staff, django_assert_num_queries, pieces
):
    enrolment = EnrolmentFactory()
    for row in enrolment.edition.topics.all()[:pieces]:
        record_evidence(enrolment, row.topic, EvidenceKind.READ, by=staff)
    client.force_login(staff)

    with django_assert_num_queries(16):  # two of them: the look is logged
        answer = client.get(url("enrolment", enrolment))

    assert len(answer.context["evidence"]) == pieces


# --- Mistakes ------------------------------------------------------------------------


def test_consequences_stand_above_the_button(client, staff):
    enrolment = EnrolmentFactory()
    topics = [row.topic for row in enrolment.edition.topics.all()]
    evidence = exempt(enrolment, topics, by=staff, why="Taught it")[0]
    serial = shown(enrolment.certificates.get().serial)
    client.force_login(staff)

    page = client.get(url("void", evidence))
    empty = client.post(url("void", evidence), {"why": ""})
    done = client.post(url("void", evidence), {"why": "Another Liam"}, follow=True)

    assert f"This ends the certificate <strong>{serial}</strong>" in text_of(page)
    assert "They begin again with the rest" in text_of(page)
    assert empty.status_code == 422
    assert "“Another Liam”" in text_of(done)
    enrolment.refresh_from_db()
    assert enrolment.annulled_at
    assert enrolment.certificates.get().ended_as
    again = client.get(url("void", evidence), follow=True)
    assert "taken back already" in text_of(again)
