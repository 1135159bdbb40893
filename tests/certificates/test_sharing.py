import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.models import Certificate
from certificates.sharing import (
    NO_NAME,
    hide_name,
    initials,
    is_same_name,
    public_form,
    show_name,
)
from lms.audit.models import Event
from tests.factories import CertificateFactory


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mara Lindqvist", "M. L."),
        ("mara van der Berg", "m. v. d. B."),
        ("Jean-Luc O’Neil", "J. O."),
        ("Suharto", "S."),
        ("Łukasz Żak", "Ł. Ż."),
        ("E\u0301mile Zola", "E\u0301. Z."),  # the accent by itself
        ("Дина Петрова", "Д. П."),
        ("محمد علي", "م. ع."),
        ("נועה כהן", "נ. כ."),
        ("मीरा श्रीवास्तव", "मी. श."),  # with its vowel, without the sign of none
        ("เกียรติ ใจดี", "เกี. ใจ."),  # a vowel written before its consonant
        ("高橋さくら", "高."),
        ("김민준", "김."),
        ("(Bob) “Zed”", "B. Z."),
        ("\u202eabc\u202c def", "a. d."),
        ("👩‍💻 Ada", "A."),
        ("a@example.com", "a."),
        ("X", NO_NAME),
        ("X Y", NO_NAME),
        ("", NO_NAME),
        ("– …", NO_NAME),
    ],
)
def test_initials_are_each_words_first_letter(name, expected):
    assert initials(name) == expected


@given(st.text(max_size=60))
def test_initials_never_give_a_whole_word_away(name):
    shown = initials(name)

    parts = shown.replace(".", " ").split()
    wholes = [word for word in name.split() if len(word) > 12 and word in parts]
    assert wholes == []
    assert len(shown) <= 2 * len(name) + 1


@pytest.mark.parametrize(
    "typed",
    [
        "Mara Łukasik",
        "mara lukasik",
        "  MARA   ŁUKASIK ",
        "MaraŁukasik",
        "Łukasik, Mara",
        "Mara\u200b Lukasik",
    ],
)
def test_a_name_is_the_same_however_it_is_typed(typed):
    assert is_same_name(typed, "Mara Łukasik")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Mara", "Mara Łukasik"),
        ("M. Ł.", "Mara Łukasik"),
        ("", "Mara Łukasik"),
        ("\u200b", ""),
        ("…", "– …"),
        ("मारा", "मीरा"),  # another vowel is another name
        ("かき", "がき"),
    ],
)
def test_another_name_is_another(typed, name):
    assert not is_same_name(typed, name)


@given(st.text(min_size=1, max_size=40))
def test_every_name_with_a_letter_is_the_same_as_itself(name):
    if any(sign.isalnum() for sign in name):
        assert is_same_name(name, name)
        assert is_same_name(f" {name.upper()} ", name.upper())


@pytest.mark.django_db
def test_the_switch_changes_what_is_public_and_is_logged_once():
    certificate = CertificateFactory()
    holder = certificate.enrolment.member.user
    name = public_form(certificate)["name"]

    hide_name(certificate, by=holder)
    hide_name(Certificate.objects.get(), by=holder)
    hidden = public_form(Certificate.objects.get())["name"]
    show_name(certificate, by=holder)

    assert hidden == initials(name) != name
    assert public_form(Certificate.objects.get())["name"] == name
    assert list(Event.objects.order_by("pk").values_list("verb", flat=True)) == [
        "certificate_name_hidden",
        "certificate_name_shown",
    ]
