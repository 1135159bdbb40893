import pytest

from lms.people.names import one_line


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Mara\t Lindqvist\n", "Mara Lindqvist"),
        ("Mara\x07 \x00 Lindqvist", "Mara Lindqvist"),
        ("\u202eMara\u202c \u2067Lindqvist\u2069", "Mara Lindqvist"),
        ("\u202e \u2066 ", ""),
        ("گُل\u200cمحمدی", "گُل\u200cمحمدی"),  # the joiner belongs to the name
        ("= <b>Mara</b>", "= <b>Mara</b>"),
    ],
)
def test_a_name_is_one_line_of_what_can_be_seen(typed, kept):
    assert one_line(typed) == kept
