"""The screens of inviting: paste, look, mend, send; and those sent."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from openpyxl import load_workbook

from lms.audit.models import Event, EventValues
from lms.mail.models import Message
from lms.people import invitation_views, inviting
from lms.people.models import Engagement, Invitation, InviteDraft, Member
from tests.factories import (
    InvitationFactory,
    InviteDraftFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client) -> Member:
    member: Member = MemberFactory(is_manager=True, reseller__name="North")
    client.force_login(member.user)
    return member


def paste(client: Client, manager: Member, text: str, **changes: Any) -> Any:
    words = {
        "text": text,
        "reseller": manager.reseller.pk,
        "engagement": Engagement.EMPLOYEE,
    }
    return client.post(reverse("people:invite"), words | changes)


def cells(draft: InviteDraft, **changes: str) -> dict[str, Any]:
    """What the page of a list sends, some of it mended."""
    words: dict[str, Any] = {"line": []}
    for number, *typed in draft.lines:
        words["line"].append(number)
        names = ["email", "name", "teams", "company", "engagement", "until"]
        words |= {
            f"{name}-{number}": cell for name, cell in zip(names, typed, strict=True)
        }
    return words | {name.replace("_", "-"): text for name, text in changes.items()}


def test_paste_look_and_send(client: Client, manager: Member) -> None:
    support = TeamFactory(name="Support")

    seen = client.get(
        paste(client, manager, "Ann <ann@example.com>\nbob@", teams=[support.pk]).url
    )
    draft = InviteDraft.objects.get()
    sent = client.post(
        reverse("people:invite_list", args=[draft.pk]), cells(draft) | {"do": "send"}
    )

    assert [row.guest.word.key for row in seen.context["rows"]] == [
        "bad-address",
        "new",
    ]
    assert b"Send 1 invitation\n" in seen.content
    assert sent.url == reverse("people:invite_list", args=[draft.pk])
    invitation = Invitation.objects.get()
    assert (invitation.email, list(invitation.teams.all())) == (
        "ann@example.com",
        [support],
    )


def test_a_line_is_mended_in_place_and_sent_by_one_click(
    client: Client, manager: Member
) -> None:
    draft = InviteDraftFactory(member=manager, lines=[[1, "bob@", "", "", "", "", ""]])

    response = client.post(
        reverse("people:invite_list", args=[draft.pk]),
        cells(draft, email_1="bob@example.com", name_1="Bob Ray") | {"do": "send"},
    )
    again = client.post(
        reverse("people:invite_list", args=[draft.pk]), cells(draft) | {"do": "send"}
    )

    assert response.url == again.url == reverse("people:invitations")
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.full_name) == ("bob@example.com", "Bob Ray")


def test_what_is_typed_stays_when_other_lines_are_shown(
    client: Client, manager: Member
) -> None:
    lines = [[number, "x@", "", "", "", "", ""] for number in range(1, 61)]
    draft = InviteDraftFactory(member=manager, lines=lines)
    url = reverse("people:invite_list", args=[draft.pk])

    response = client.post(
        url, {"line": [1], "email-1": "ann@example.com", "go": "fix:2"}
    )

    assert response.url == f"{url}?show=fix&page=2"
    draft.refresh_from_db()
    assert draft.lines[0][1] == "ann@example.com"
    page = client.get(response.url).context["page"]
    assert (page.number, page.paginator.count) == (2, 59)


def test_leaving_out_tidying_and_throwing_away(client: Client, manager: Member) -> None:
    here = MemberFactory(reseller=manager.reseller).user
    draft = InviteDraftFactory(
        member=manager,
        lines=[
            [1, here.email, "", "", "", "", ""],
            [2, "bob@", "", "", "", "", ""],
            [3, "ann@example.com", "", "", "", "", ""],
        ],
    )
    url = reverse("people:invite_list", args=[draft.pk])

    client.post(url, {"do": "look", "out": [3]})
    client.post(url, {"do": "tidy"})
    draft.refresh_from_db()
    assert [line[0] for line in draft.lines] == [2]

    client.post(url, {"do": "throw away"})
    assert not InviteDraft.objects.exists()


def test_defaults_are_changed_beside_the_list(client: Client, manager: Member) -> None:
    iberia = ResellerFactory(parent=manager.reseller)
    draft = InviteDraftFactory(member=manager)
    words = {"all-reseller": iberia.pk, "all-engagement": "contractor"}
    url = reverse("people:invite_list", args=[draft.pk])

    fine = client.post(url, words | {"do": "look"})
    wrong = client.post(url, words | {"all-until_on": "2020-01-01", "do": "send"})

    assert (fine.status_code, wrong.status_code) == (302, 422)
    draft.refresh_from_db()
    assert (draft.reseller, draft.engagement) == (iberia, "contractor")
    assert not Invitation.objects.exists()


def test_a_file_is_read_beside_the_text(client: Client, manager: Member) -> None:
    file = SimpleUploadedFile("people.txt", b"Name;Email\nBob;bob@example.com")

    paste(client, manager, "ann@example.com", file=file)

    lines = InviteDraft.objects.get().lines
    assert [line[1:3] for line in lines] == [
        ["ann@example.com", ""],
        ["bob@example.com", "Bob"],
    ]


@pytest.mark.parametrize(
    ("text", "file", "status", "words"),
    [
        ("", None, 422, "Paste the people"),
        (";;", None, 409, "nobody in this list"),
        ("ann@example.com\n" * 10_001, None, 409, "10001 lines"),
        ("ann@example.com", b"PK\x03\x04", 409, "cannot be read"),
        ("ann@example.com", b"\x89PNG\x00", 409, "no CSV and no XLSX"),
        ("ann@example.com", b"x" * (5 * 1024 * 1024 + 1), 422, "larger than 5 MB"),
    ],
)
def test_a_list_that_cannot_be_read_is_said_and_the_text_stays(
    client: Client,
    manager: Member,
    text: str,
    file: bytes | None,
    status: int,
    words: str,
) -> None:
    changes = {"file": SimpleUploadedFile("a.xlsx", file)} if file else {}

    response = paste(client, manager, text, **changes)

    assert response.status_code == status
    assert words in response.content.decode()
    assert response.context["form"]["text"].value() == text
    assert not InviteDraft.objects.exists()


def test_what_is_pasted_is_never_cut_in_silence(
    client: Client, manager: Member
) -> None:
    page = client.get(reverse("people:invite")).content.decode()
    much = paste(client, manager, "x" * 2_100_000)
    more = paste(client, manager, "x" * 3_000_000)  # more than is read of any form

    assert "maxlength" not in page.partition("<textarea")[2].partition(">")[0]
    assert "Choose a file." in much.content.decode()
    assert (much.status_code, more.status_code) == (422, 400)


def test_a_foreign_company_or_team_is_refused(client: Client, manager: Member) -> None:
    foreign = ResellerFactory()

    company = paste(client, manager, "ann@example.com", reseller=foreign.pk)
    team = paste(client, manager, "ann@example.com", teams=[10**25])
    correction = client.post(
        reverse(
            "people:invitation", args=[InvitationFactory(reseller=manager.reseller).pk]
        ),
        {
            "do": "correct",
            "email": "x@example.com",
            "reseller": foreign.pk,
            "engagement": "employee",
        },
    )

    statuses = {each.status_code for each in (company, team, correction)}
    assert statuses == {422}
    assert not InviteDraft.objects.exists()
    assert not Invitation.objects.filter(reseller=foreign).exists()


def test_ten_thousand_lines_are_looked_at_and_left_to_the_worker(
    client: Client, manager: Member
) -> None:
    text = "\n".join(f"p{number}@example.com" for number in range(10_000))

    seen = client.get(paste(client, manager, text).url)
    draft = InviteDraft.objects.get()
    client.post(reverse("people:invite_list", args=[draft.pk]), {"do": "send"})
    sending = client.get(reverse("people:invite_list", args=[draft.pk]))

    assert b"Send 10000 invitations" in seen.content
    assert len(seen.context["rows"]) == 50
    assert b"0 of 10000 invitations" in sending.content


def test_the_channel_team_invites_into_any_reseller(client: Client) -> None:
    reseller = ResellerFactory()
    staff = UserFactory(is_staff=True, may_change_people=True)
    client.force_login(staff)

    client.post(
        reverse("people:invite"),
        {"text": "ann@example.com", "reseller": reseller.pk, "engagement": "employee"},
    )
    draft = InviteDraft.objects.get()
    client.post(reverse("people:invite_list", args=[draft.pk]), {"do": "send"})

    assert Invitation.objects.get().reseller == reseller


def test_the_company_that_staff_come_from_is_chosen(client: Client) -> None:
    reseller = ResellerFactory()
    client.force_login(UserFactory(is_staff=True, may_change_people=True))

    response = client.get(reverse("people:invite"), {"reseller": reseller.pk})

    assert f'value="{reseller.pk}" selected' in response.content.decode()


def test_a_manager_is_shown_no_other_company(client: Client, manager: Member) -> None:
    ResellerFactory(name="South", parent=manager.reseller)
    other = ResellerFactory(name="Elsewhere")
    draft = InviteDraftFactory(member=manager)

    for url in (
        reverse("people:invite") + f"?reseller={other.pk}",
        reverse("people:invite_list", args=[draft.pk]),
        reverse("people:invitations"),
    ):
        page = client.get(url).content.decode()
        assert "South" in page
        assert "Elsewhere" not in page


def test_who_may_only_read_invites_nobody(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True, may_change_people=False))

    one = reverse("people:invitation", args=[InvitationFactory().pk])
    every = reverse("people:invitations")
    seen = [client.get(url).status_code for url in (every, one)]
    sent = [client.post(url, {"do": "withdraw"}) for url in (every, one)]

    assert client.get(reverse("people:invite")).status_code == 403
    assert seen == [200, 200]
    assert [response.status_code for response in sent] == [403, 403]
    assert "Withdraw" not in client.get(one).content.decode()
    assert not Invitation.objects.exclude(withdrawn_at=None).exists()


# --- Those sent -----------------------------------------------------------------------


def invited(manager: Member, email: str = "ann@example.com") -> Invitation:
    return inviting.invite(
        email,
        "Ann Lee",
        manager.reseller,
        teams=[],
        engagement=Engagement.EMPLOYEE,
        is_manager=False,
        by=manager.user,
    )


def states(client: Client, **asked: str) -> dict[str, str]:
    response = client.get(reverse("people:invitations"), asked)
    return {line.invitation.email: line.state.key for line in response.context["lines"]}


@pytest.fixture
def one_of_each(manager: Member) -> dict[str, str]:
    """An invitation in each state, and a stranger's that could leak."""
    reseller, at = manager.reseller, now()
    failed = invited(manager, "failed@example.com")
    Message.objects.update(tries=3, error="SMTPServerDisconnected")
    invited(manager, "sent@example.com")
    InvitationFactory(reseller=reseller, email="ran@example.com", expires_at=at)
    InvitationFactory(
        reseller=reseller,
        email="accepted@example.com",
        accepted_at=at,
        accepted_by=UserFactory(),
    )
    InvitationFactory(reseller=reseller, email="withdrawn@example.com", withdrawn_at=at)
    InvitationFactory(email="stranger@example.com")
    return {
        failed.email: "failed",
        "sent@example.com": "sent",
        "ran@example.com": "ran-out",
        "accepted@example.com": "accepted",
        "withdrawn@example.com": "withdrawn",
    }


def test_the_list_says_what_became_of_each(
    client: Client, one_of_each: dict[str, str]
) -> None:
    response = client.get(reverse("people:invitations"))

    assert states(client) == one_of_each
    assert [figure["value"] for figure in response.context["figures"]] == [1] * 5
    for email, state in one_of_each.items():
        assert states(client, state=state) == {email: state}


def test_a_refused_address_has_failed_at_the_first_try(
    client: Client, manager: Member
) -> None:
    invited(manager)
    Message.objects.update(tries=1, error="SMTPRecipientsRefused")

    assert states(client) == {"ann@example.com": "failed"}


def test_the_list_is_filtered_sorted_and_paged_by_its_address(
    client: Client, manager: Member
) -> None:
    below = ResellerFactory(parent=manager.reseller)
    for number in range(51):
        InvitationFactory(reseller=manager.reseller, email=f"p{number:02}@example.com")
    InvitationFactory(reseller=below, email="below@example.com", full_name="Zoe")

    assert list(states(client, sort="email", page="2")) == [
        "p49@example.com",
        "p50@example.com",
    ]
    assert list(states(client, q="zoe")) == ["below@example.com"]
    assert list(states(client, reseller=f"{below.pk}")) == ["below@example.com"]
    assert len(states(client, sort="x", state="x", reseller="x", page="x")) == 50


def test_the_list_as_a_file_is_what_is_shown(
    client: Client, manager: Member, one_of_each: dict[str, str]
) -> None:
    InvitationFactory(reseller=manager.reseller, full_name="=1+1", email="z@x.com")

    url = reverse("people:invitations")
    text = client.get(url, {"format": "csv", "state": "sent"}).content.decode()
    book = load_workbook(BytesIO(client.get(url, {"format": "xlsx"}).content))

    assert "sent@example.com" in text
    assert "'=1+1" in text
    assert "failed@example.com" not in text
    assert "stranger@example.com" not in text
    assert book.active.max_row == 7


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_of_invitations_takes_eleven_queries(
    client: Client, manager: Member, django_assert_num_queries: Any, count: int
) -> None:
    for number in range(count):
        invited(manager, f"p{number}@example.com")
    client.get(reverse("people:invitations"))

    with django_assert_num_queries(11):
        response = client.get(reverse("people:invitations"))

    assert len(response.context["lines"]) == count


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_to_send_takes_sixteen_queries(
    client: Client, manager: Member, django_assert_num_queries: Any, count: int
) -> None:
    lines = [[n, f"p{n}@example.com", "", "", "", "", ""] for n in range(count)]
    draft = InviteDraftFactory(member=manager, lines=lines)
    url = reverse("people:invite_list", args=[draft.pk])
    client.get(url)

    with django_assert_num_queries(16):
        response = client.get(url)

    assert len(response.context["rows"]) == count


def act(client: Client, do: str, *chosen: Invitation, **more: Any) -> Any:
    words = {"do": do, "invitations": [each.pk for each in chosen]}
    return client.post(reverse("people:invitations"), words | more)


def test_many_are_sent_again_once(client: Client, manager: Member) -> None:
    chosen = [invited(manager, f"p{number}@example.com") for number in range(3)]
    Message.objects.update(created_at=now() - timedelta(minutes=2), sent_at=now())
    before = set(Invitation.objects.values_list("token_hash", flat=True))

    act(client, "again", *chosen)
    after = set(Invitation.objects.values_list("token_hash", flat=True))
    act(client, "again", *chosen)  # a second click

    assert before.isdisjoint(after)
    assert set(Invitation.objects.values_list("token_hash", flat=True)) == after
    assert Message.objects.count() == 6


def test_many_are_withdrawn_and_their_mails_do_not_leave(
    client: Client, manager: Member
) -> None:
    chosen = [invited(manager, f"p{number}@example.com") for number in range(3)]
    stranger = InvitationFactory()

    act(client, "withdraw", *chosen[:2], stranger)
    act(client, "withdraw", *chosen[:2])

    assert Invitation.objects.exclude(withdrawn_at=None).count() == 2
    assert Message.objects.exclude(dropped_at=None).count() == 2
    stranger.refresh_from_db()
    assert stranger.withdrawn_at is None


def test_all_that_the_filter_shows_are_withdrawn(
    client: Client, manager: Member
) -> None:
    for number in range(3):
        invited(manager, f"p{number}@example.com")
    client.post(
        reverse("people:invitations") + "?q=p1", {"do": "withdraw", "all": "on"}
    )

    withdrawn = Invitation.objects.exclude(withdrawn_at=None)
    assert [each.email for each in withdrawn] == ["p1@example.com"]


def test_more_than_can_be_done_at_once_is_refused_whole(
    client: Client, manager: Member, monkeypatch: Any
) -> None:
    monkeypatch.setattr(invitation_views, "AT_ONCE", 2)
    for number in range(3):
        invited(manager, f"p{number}@example.com")

    response = client.post(
        reverse("people:invitations"), {"do": "withdraw", "all": "on"}, follow=True
    )

    assert "more than 2 at once" in response.content.decode()
    assert not Invitation.objects.exclude(withdrawn_at=None).exists()


def correct(client: Client, invitation: Invitation, **changes: Any) -> Any:
    words = {
        "do": "correct",
        "email": invitation.email,
        "full_name": invitation.full_name,
        "reseller": invitation.reseller.pk,
        "engagement": invitation.engagement,
    }
    url = reverse("people:invitation", args=[invitation.pk])
    return client.post(url, words | changes)


def test_another_address_gets_a_new_link_and_the_old_one_dies(
    client: Client, manager: Member
) -> None:
    invitation = invited(manager, "an@example.com")
    before = invitation.token_hash

    correct(client, invitation, email="Ann@Example.com")

    invitation.refresh_from_db()
    assert invitation.email == "ann@example.com"
    assert invitation.token_hash != before
    assert Event.objects.get(verb="corrected").ids == {"fields": ["email"]}
    assert not EventValues.objects.exists()
    old, new = Message.objects.order_by("pk")
    assert old.dropped_at
    assert new.to == "ann@example.com"


def test_name_and_teams_are_corrected_without_a_new_link(
    client: Client, manager: Member
) -> None:
    invitation, team = invited(manager), TeamFactory()
    before = invitation.token_hash

    correct(client, invitation, full_name="Ann Leigh", teams=[team.pk])
    correct(client, invitation, full_name="Ann Leigh", teams=[team.pk])

    invitation.refresh_from_db()
    assert (invitation.full_name, list(invitation.teams.all())) == ("Ann Leigh", [team])
    assert invitation.token_hash == before
    assert Message.objects.count() == 1


def test_a_correction_to_somebody_invited_already_is_refused(
    client: Client, manager: Member
) -> None:
    invited(manager, "bob@example.com")
    invitation = invited(manager)

    response = correct(client, invitation, email="bob@example.com", full_name="Bob")

    assert response.status_code == 409
    assert response.context["form"]["full_name"].value() == "Bob"
    invitation.refresh_from_db()
    assert (invitation.email, invitation.full_name) == ("ann@example.com", "Ann Lee")


def test_a_planned_end_is_corrected_to_a_day_to_come(
    client: Client, manager: Member
) -> None:
    invitation = invited(manager)
    later = now().date() + timedelta(days=30)

    past = correct(client, invitation, until_on="2020-01-01")
    fine = correct(client, invitation, until_on=f"{later}")

    assert (past.status_code, fine.status_code) == (422, 302)
    invitation.refresh_from_db()
    assert invitation.until_on == later


def test_one_accepted_is_shown_with_the_person_and_nothing_to_change(
    client: Client, manager: Member
) -> None:
    invitation = invited(manager)
    person = inviting.accept(
        invitation,
        full_name="Ann Lee",
        password="correct horse battery",
        time_zone="Europe/Paris",
    )

    url = reverse("people:invitation", args=[invitation.pk])
    response = client.get(url)
    client.post(url, {"do": "withdraw"})

    assert response.context["member"] == person
    assert b"Correct it" not in response.content
    invitation.refresh_from_db()
    assert invitation.withdrawn_at is None
