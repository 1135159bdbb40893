import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.serials import (
    ALPHABET,
    LENGTH,
    check_symbol,
    is_valid,
    new_serial,
    normalise,
    shown,
    suggestions,
)

bodies = st.text(ALPHABET, min_size=LENGTH - 1, max_size=LENGTH - 1)
serials = bodies.map(lambda body: body + check_symbol(body))


def test_new_serials_are_valid_and_differ():
    made = {new_serial() for _ in range(500)}

    assert len(made) == 500
    assert all(is_valid(serial) for serial in made)


def test_check_symbol_of_a_known_body():
    # By hand: 12·2 + 11 + 10·2 + 9 + … + 2·2 + 1 = 120, and 120 + 8 is 4 · 32.
    assert check_symbol("123456789ABC") == "8"


@given(serials)
def test_shown_has_dashes_and_reads_back(serial):
    text = shown(serial)

    assert [len(group) for group in text.split("-")] == [4, 4, 4, 1]
    assert normalise(text) == serial


@given(serials)
def test_normalise_reads_what_people_type(serial):
    typed = shown(serial).lower().replace("0", "o").replace("1", "l")

    assert normalise(f"  {typed.replace('-', ' – ')} ") == serial
    assert normalise(serial.replace("1", "i")) == serial


@given(st.text())
def test_any_text_is_normalised_and_judged_without_error(text):
    assert is_valid(normalise(text)) in {True, False}
    assert suggestions(text) == [s for s in suggestions(text) if is_valid(s)]


@given(serials, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_symbol_is_always_noticed(serial, at, other):
    wrong = serial[:at] + other + serial[at + 1 :]

    assert is_valid(wrong) == (wrong == serial)


@given(serials, st.integers(0, LENGTH - 2))
def test_swapped_neighbours_are_noticed_but_for_zero_and_z(serial, at):
    one, two = serial[at], serial[at + 1]
    wrong = serial[:at] + two + one + serial[at + 2 :]

    assert is_valid(wrong) == (one == two or {one, two} == {"0", "Z"})


@pytest.mark.parametrize(
    "text", ["", "0", "U" * LENGTH, "0" * (LENGTH + 1), "É000-0000-0000-0", "\x00" * 13]
)
def test_what_is_no_serial_is_not_valid(text):
    assert not is_valid(normalise(text))


@given(serials, st.integers(0, LENGTH - 1))
def test_suggestions_find_a_look_alike(serial, at):
    look_alike = {"5": "S", "S": "5", "8": "B", "B": "8", "2": "Z", "Z": "2"}
    wrong = serial[:at] + look_alike.get(serial[at], serial[at]) + serial[at + 1 :]

    assert suggestions(serial) == []
    assert (serial in suggestions(wrong)) == (wrong != serial)
