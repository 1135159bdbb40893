"""Letters of a name that cannot be printed: said wherever it is typed, never refused."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from lms.mail.models import Message
from lms.people import accounts, inviting, printing
from lms.people.forms import TypedNameForm
from lms.people.models import Engagement, Invitation, User
from tests.factories import ResellerFactory, UserFactory

THAI = "Anna สมส"
WORDS = (
    "Our certificates cannot print these letters yet: ม ส. You can go on: we add them."
)
PASSWORD = {"password": "correct horse battery", "time_zone": "Europe/London"}


def seen(page: str) -> str:
    """What is read on a page, without its markup."""
    text = re.sub(r"<[^>]+>", "", page).replace("&nbsp;", " ")
    return " ".join(text.split()).replace(" .", ".")


def told(response) -> list[str]:
    return [str(each) for each in response.context["messages"]]


def test_letters_are_named_in_order_each_once():
    assert printing.unprinted(THAI) == ["ม", "ส"]
    assert printing.unprinted_words(THAI) == WORDS


def test_a_mark_alone_stands_upon_a_circle():
    assert printing.unprinted("\u0e33Anna\u1885") == ["\u0e33", "\u25cc\u1885"]


def test_a_name_that_can_be_printed_says_nothing():
    assert printing.unprinted("Zażółć Gęślą") == []
    assert printing.unprinted_words("Zażółć Gęślą") == ""


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "\u202e\u2066",
        "\x00\x07",
        "<br>",
        "<script></script>",
        "< ><",
        "=1+1",
        "007",
        "!?-",
        "\u3164\u3164",  # letters to Unicode that show nothing
        "\u0301",
        "x" * 121,
    ],
)
def test_what_is_no_name_is_refused_in_words(typed):
    form = TypedNameForm({"full_name": typed})

    assert not form.is_valid()
    assert form.errors["full_name"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Mara\u202e  Lind\x07qvist", "Mara Lindqvist"),
        ("<b>Mara</b>", "<b>Mara</b>"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("x" * 120, "x" * 120),
        ("李", "李"),
        ("ส", "ส"),
    ],
)
def test_what_is_a_name_is_kept_as_text(typed, kept):
    form = TypedNameForm({"full_name": typed})

    assert form.is_valid()
    assert form.cleaned_data["full_name"] == kept


@pytest.mark.django_db
def test_letters_are_told_while_they_are_typed_to_anybody(client: Client):
    url = reverse("people:letters")

    assert seen(client.post(url, {"full_name": THAI}).content.decode()) == WORDS
    for printed in ("Mara", "", "x" * 5000 + "ส", "<br>"):
        assert client.post(url, {"full_name": printed}).content.strip() == b""
    assert client.get(url, {"full_name": THAI}).status_code == 405


@pytest.mark.django_db
def test_what_is_typed_is_escaped(client: Client):
    page = client.post(reverse("people:letters"), {"full_name": "<b>ส🙂"})

    assert "<b>" not in page.content.decode()


@pytest.mark.django_db
def test_whoever_accepts_goes_on_and_is_told(client: Client):
    inviting.invite(
        "ann@example.com",
        "Anna",
        ResellerFactory(),
        teams=[],
        engagement=Engagement.EMPLOYEE,
        is_manager=False,
        by=None,
    )
    link = re.search(r"/join/\S+/", Message.objects.get().body)[0]

    page = client.get(link).content.decode()
    wrong = client.post(link, PASSWORD | {"full_name": THAI, "password": "short"})
    done = client.post(link, PASSWORD | {"full_name": THAI}, follow=True)

    assert WORDS not in seen(page)
    assert 'hx-params="full_name"' in page  # never the password
    assert WORDS in seen(wrong.content.decode())
    assert Invitation.objects.get().accepted_by.full_name == THAI
    assert told(done) == [WORDS]


@pytest.mark.django_db
def test_whoever_is_welcomed_goes_on_and_is_told(client: Client):
    person = accounts.make_person("ann@example.com", "Ann")
    path = accounts.welcome_link(person).split("/", 3)[3]

    done = client.post(f"/{path}", PASSWORD | {"full_name": THAI}, follow=True)

    assert told(done) == [WORDS]


@pytest.mark.django_db
def test_settings_say_it_beside_the_name_for_as_long_as_it_is_so(client: Client):
    user = UserFactory(full_name="")
    client.force_login(user)
    url = reverse("people:settings")

    before = client.get(url).content.decode()
    words = {"full_name": THAI, "time_zone": "Europe/London"}
    after = client.post(url, words, follow=True).content.decode()

    user.refresh_from_db()
    assert WORDS not in seen(before)
    assert WORDS in seen(after)
    assert user.full_name == THAI


@pytest.mark.django_db
def test_staff_are_told_in_the_cms(cms: Client):
    user: User = UserFactory()
    url = reverse("wagtailusers_users:edit", args=[user.pk])

    page = cms.post(url, {"full_name": THAI, "is_active": "on"}, follow=True)

    assert WORDS in seen(page.content.decode())
    assert User.objects.get(pk=user.pk).full_name == THAI


@pytest.mark.django_db
def test_staff_who_invite_are_told(cms: Client):
    words = {
        "full_name": THAI,
        "email": "ann@example.com",
        "reseller": ResellerFactory().pk,
        "engagement": Engagement.EMPLOYEE,
    }

    page = cms.post(reverse("invitation:add"), words, follow=True)

    assert WORDS in seen(page.content.decode())
    assert Invitation.objects.get().full_name == THAI
