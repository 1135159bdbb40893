import re

from django.conf import settings
from wagtail import blocks, hooks

from lms import states

SPRITE = (settings.BASE_DIR / "lms/static/lms/icons.svg").read_text()
ICONS = set(re.findall(r'<symbol id="([a-z-]+)"', SPRITE))


def test_every_icon_a_template_names_is_drawn():
    texts = [
        template.read_text()
        for template in (settings.BASE_DIR / "templates").rglob("*.html")
    ]
    named = {
        name
        for text in texts
        if "wagtailadmin_tags" not in text  # which has a tag `icon` of its own
        for name in re.findall(r'{% icon "([a-z-]+)"', text)
    }

    assert named
    assert named - ICONS == set()


def test_every_state_has_its_icon():
    assert {state.icon for state in states.STATES} - ICONS == set()


def test_cms_draws_the_icon_of_every_block_of_ours():
    drawn = {
        path.rpartition("/")[2].removesuffix(".svg")
        for add_to in hooks.get_hooks("register_icons")
        for path in add_to([])
    }
    ours = {
        block.__name__: block._meta_class.icon
        for block in below(blocks.Block)
        if block.__module__.startswith(("content.", "courses."))
    }

    assert ours
    assert {name: icon for name, icon in ours.items() if icon not in drawn} == {}


def below(kind):
    return {kind}.union(*(below(each) for each in kind.__subclasses__()))
