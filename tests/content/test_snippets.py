"""Snippets: words around a hit, escaped, marked, and never broken by any text."""

from hypothesis import given
from hypothesis import strategies as st

from content.snippets import LONGEST, highlight, snippet


def test_beginnings_of_words_are_marked_and_not_their_middle():
    assert highlight("Tickets and a ticket, unticketed", "ticket") == (
        "<mark>Tickets</mark> and a <mark>ticket</mark>, unticketed"
    )


def test_text_is_escaped():
    assert highlight("<b>&", "b") == "&lt;<mark>b</mark>&gt;&amp;"
    assert snippet("<script>", "") == "&lt;script&gt;"


def test_beginning_is_shown_where_no_word_stands():
    assert snippet("One two three", "xyz") == "One two three"
    assert snippet("", "xyz") == ""


@given(st.text(), st.text())
def test_any_text_gives_a_short_piece(text, query):
    piece = snippet(text, query)

    bare = piece.replace("<mark>", "").replace("</mark>", "")
    assert "<" not in bare
    assert len(bare) <= 6 * LONGEST + 2
