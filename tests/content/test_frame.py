from django.template import engines
from django.test import RequestFactory
from django.utils import translation

from tests.factories import UserFactory

TEMPLATES = engines["django"]


def shown(text, **context):
    return TEMPLATES.from_string(text).render(context)


def test_icon_is_one_of_the_file():
    svg = shown('{% icon "check" %}')

    assert svg.strip() == (
        '<svg class="icon" aria-hidden="true" focusable="false">'
        '<use href="/static/lms/icons.svg#check" /></svg>'
    )


def test_icon_may_have_further_classes_and_takes_no_markup():
    svg = shown("{% icon name classes %}", name='"><b>', classes="icon-l")

    assert 'class="icon icon-l"' in svg
    assert "#&quot;&gt;&lt;b&gt;" in svg


def test_what_is_fixed_is_made_once():
    template = TEMPLATES.from_string(
        "{% fixed %}{% now 'u' %}{% endfixed %}{{ number }}"
    )

    first, second = (template.render({"number": number}) for number in (1, 2))

    assert (first[-1], second[-1]) == ("1", "2")
    assert first[:-1] == second[:-1]


def test_what_is_fixed_knows_nothing_of_its_reader(db):
    request = RequestFactory().get("/")
    request.user = UserFactory(full_name="Nina Holm")
    template = TEMPLATES.from_string(
        "{% fixed %}<{{ name }}{{ request.path }}{{ user }}{{ csrf_token }}"
        "{% csrf_token %}>{% endfixed %}"
    )

    assert template.render({"name": "Nina"}, request) == "<>"


def test_what_is_fixed_speaks_each_language():
    template = TEMPLATES.from_string(
        '{% load i18n %}{% fixed %}{% translate "Yes" %}{% endfixed %}'
    )

    words = []
    for language in ("en-gb", "de", "en-gb"):
        with translation.override(language):
            words.append(template.render())

    assert words == ["Yes", "Ja", "Yes"]
