import re

import pytest
from django.conf import settings
from django.template import Context, Template
from wagtail import blocks, hooks

from lms import states
from sessions.room_phrases import phrases
from tests.icons import ICONS

# By the tag, handed to a component, as what a tag falls back on, or by the file.
NAMED = re.compile(
    r'{% icon (?:name=)?"(?P<tag>[\w-]+)"|icon="(?P<handed>[\w-]+)"'
    r'|icon\|default:"(?P<default>[\w-]+)"|icons\.svg" %}#(?P<file>[\w-]+)'
)
ICONS_OF_A_SCRIPT = re.compile(r"const ICONS = {(.*?)}", re.DOTALL)


def named(*, by_the_cms: bool) -> dict[str, set[str]]:
    """The icons that templates name, by the way they do it; the CMS has its own."""
    found: dict[str, set[str]] = {way: set() for way in NAMED.groupindex}
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        text = template.read_text()
        if by_the_cms == ("wagtailadmin" in text):
            for match in NAMED.finditer(text):
                found[match.lastgroup].add(match[match.lastgroup])
    return found


def test_every_icon_a_template_names_is_drawn():
    found = named(by_the_cms=False)

    assert all(found.values())
    assert set.union(*found.values()) - ICONS == set()


def test_an_icon_that_nothing_draws_fails_the_test_that_shows_it():
    """So each name that a template is handed is looked at, wherever it comes from."""
    page = Template("{% icon state.icon %}")

    with pytest.raises(AssertionError, match=r"icons\.svg draws no 'chek'"):
        page.render(Context({"state": {"icon": "chek"}}))
    assert "#check" in page.render(Context({"state": {"icon": "check"}}))


def test_every_icon_a_script_names_is_drawn():
    words = phrases("Tess")
    names = {icon for icon, *_words in words["states"].values()}
    names |= {icon for icon, *_words in words["over"].values()}
    for button in words["buttons"].values():
        names |= set(button["icons"])
    lists = [
        found
        for script in (settings.BASE_DIR / "lms/static/lms/js").rglob("*.js")
        for found in ICONS_OF_A_SCRIPT.findall(script.read_text())
    ]
    names |= {name for found in lists for name in re.findall(r'"([\w-]+)"', found)}

    assert lists
    assert names - ICONS == set()


def test_every_state_has_its_icon():
    assert {state.icon for state in states.STATES} - ICONS == set()


def drawn_by_the_cms() -> set[str]:
    return {
        path.rpartition("/")[2].removesuffix(".svg")
        for add_to in hooks.get_hooks("register_icons")
        for path in add_to([])
    }


def test_every_icon_a_template_of_the_cms_names_is_drawn_there():
    found = set.union(*named(by_the_cms=True).values())

    assert found
    assert found - drawn_by_the_cms() - ICONS == set()  # a preview of ours is one too


def test_cms_draws_the_icon_of_every_block_of_ours():
    drawn = drawn_by_the_cms()
    ours = {
        block.__name__: block._meta_class.icon
        for block in below(blocks.Block)
        if block.__module__.startswith(("content.", "courses."))
    }

    assert ours
    assert {name: icon for name, icon in ours.items() if icon not in drawn} == {}


def below(kind):
    return {kind}.union(*(below(each) for each in kind.__subclasses__()))
