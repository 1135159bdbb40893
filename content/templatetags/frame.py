"""The parts of every page's frame that are the same for everybody, and its icons."""

from __future__ import annotations

from functools import cache

from django import template
from django.template import Context, Node, NodeList
from django.template.base import Parser, Token
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


class Fixed(Node):
    """What is between the tags, made once in this process for each language.

    It is made without a context: nothing of a reader can get into it.
    """

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist
        self.made: dict[str | None, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        language = get_language()
        if language not in self.made:
            empty = Context()
            empty.template = context.template
            self.made[language] = self.nodelist.render(empty)
        return self.made[language]


@register.tag
def fixed(parser: Parser, token: Token) -> Fixed:
    """`{% fixed %}<a href="/">Home</a>{% endfixed %}`."""
    nodelist = parser.parse(("endfixed",))
    parser.delete_first_token()
    return Fixed(nodelist)


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """`{% icon "check" %}`, `{% icon state.icon "icon-l" %}`: from `icons.svg`.

    Always decoration: the words stand beside it. Loaded in every template.
    """
    return _drawn(name, f" {classes}" if classes else "")


@cache
def _drawn(name: str, classes: str) -> SafeString:
    return format_html(
        '\n<svg class="icon{}" aria-hidden="true" focusable="false">'
        '<use href="{}#{}" /></svg>\n',  # parted from the words on either side
        classes,
        static("lms/icons.svg"),
        name,
    )
