"""Publishing asks the same of a page in each way; and who may approve what."""

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.urls import reverse
from wagtail.models import Page, Workflow

from content.models import HandbookPage
from content.permissions import grant_channel_team
from content.whole import is_whole
from courses.models import ProgrammeIndexPage, ProgrammePage, TopicPage
from lms.people.accounts import CHANNEL_TEAM, set_channel_team
from tests.factories import (
    HandbookPageFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    UserFactory,
    home_page,
    programme_index,
)

pytestmark = pytest.mark.django_db

RIGHT = {"text": "Right", "is_right": True}
WRONG = {"text": "Wrong", "is_right": False}


def question(*options):
    return ("single", {"text": "Which?", "options": list(options), "reason": "So."})


@pytest.fixture
def staff():
    """One of the channel team, who publishes."""
    user = UserFactory()
    set_channel_team(user, True, by=None)
    grant_channel_team(Group.objects.get(name=CHANNEL_TEAM))
    return user


@pytest.fixture
def editor(staff):
    """One who writes, and may not publish."""
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name="Editors"))
    return user


def said_by(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def form_of(page, **words):
    return {
        "title": page.title,
        "slug": page.slug,
        "section": "",
        "due_days": "30",
        "is_acknowledged": "on",
        "last_edited_on": "",
        "tags": "",
        "body-count": "1",
        "body-0-deleted": "",
        "body-0-order": "0",
        "body-0-type": "heading",
        "body-0-id": "",
        "body-0-value": "New words",
        "comments-TOTAL_FORMS": "0",
        "comments-INITIAL_FORMS": "0",
    } | words


def edit(page):
    return reverse("wagtailadmin_pages:edit", args=[page.pk])


def bulk_publish(*pages):
    url = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "publish"])
    return f"{url}?{'&'.join(f'id={page.pk}' for page in pages)}"


# --- The workflow -------------------------------------------------------------------


def submit(client, editor, page, **words):
    client.force_login(editor)
    words = form_of(page, **words) | {"action-submit": "1"}
    return client.post(edit(page), words)


def approve(client, staff, page):
    client.force_login(staff)
    page.refresh_from_db()
    task = page.current_workflow_task_state
    args = [page.pk, "approve", task.pk]
    return client.post(reverse("wagtailadmin_pages:workflow_action", args=args), {})


def test_editor_submits_and_the_channel_team_publishes(client, staff, editor):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)

    client.force_login(editor)
    client.post(edit(page), form_of(page) | {"action-publish": "1"})
    page.refresh_from_db()
    assert (page.live_revision, page.versions.count()) == (None, 0)

    assert submit(client, editor, page).status_code == 302
    approve(client, staff, page)

    page.refresh_from_db()
    assert [str(block.value) for block in page.body] == ["New words"]
    assert page.versions.get().number == 1  # as by the button


def test_raise_of_a_version_comes_with_the_approval(client, staff, editor):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    page.save_revision().publish()

    submit(client, editor, page, asks_again="yes")
    page.refresh_from_db()
    assert page.version == 1
    approve(client, staff, page)

    page.refresh_from_db()
    assert page.version == 2
    assert page.versions.count() == 2


def test_what_waits_for_approval_is_saved_whole_or_not_at_all(client, staff, editor):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    submit(client, editor, page)
    client.force_login(staff)

    unfinished = client.post(edit(page), form_of(page, **{"body-0-value": ""}))
    approve(client, staff, page)

    assert unfinished.status_code == 200
    assert unfinished.context["form"].errors
    page.refresh_from_db()
    assert [str(block.value) for block in page.body] == ["New words"]


def test_draft_may_be_saved_unfinished(client, staff):
    page = HandbookPageFactory(title="Scope")
    client.force_login(staff)

    answer = client.post(edit(page), form_of(page, **{"body-0-value": ""}))

    assert answer.status_code == 302


def test_granting_again_makes_no_second_workflow(staff):
    before = Workflow.objects.count()

    grant_channel_team(Group.objects.get(name=CHANNEL_TEAM))

    assert Workflow.objects.count() == before
    assert Page.get_first_root_node().get_workflow().name == "the channel team"


# --- Many at once -------------------------------------------------------------------


def test_unfinished_pages_are_not_published_among_many(client, staff):
    programme = ProgrammePageFactory()
    whole = TopicPageFactory(
        parent=programme, live=False, questions=[question(RIGHT, WRONG)]
    )
    unfinished = TopicPageFactory(
        parent=programme, title="Half", live=False, questions=[question(WRONG, WRONG)]
    )
    client.force_login(staff)

    refused = client.post(bulk_publish(whole, unfinished))
    below = client.post(bulk_publish(programme), {"include_descendants": "on"})
    assert "“Half” cannot be published yet" in said_by(refused)
    assert "“Half” cannot be published yet" in said_by(below)
    assert not TopicPage.objects.live().exists()

    client.post(bulk_publish(whole))
    assert list(TopicPage.objects.live()) == [whole]
    assert not is_whole(unfinished)


# --- Where pages stand --------------------------------------------------------------


def test_page_types_stand_where_they_belong():
    home = home_page()
    index = programme_index()
    programme = ProgrammePageFactory()
    topic, part = TopicPageFactory(parent=programme), HandbookPageFactory()
    root = Page.get_first_root_node()
    types = [type(home), ProgrammeIndexPage, ProgrammePage, TopicPage, HandbookPage]

    def below(page):
        return [each for each in types if each.can_create_at(page)]

    assert below(root) == []  # the home page is there already, and there is one
    assert below(home) == [HandbookPage]  # the index of programmes too
    assert below(index) == [ProgrammePage]
    assert below(programme) == [TopicPage]
    assert below(topic) == []
    assert below(part) == [HandbookPage]
    assert [each for each in types if each.can_exist_under(root)] == [type(home)]


@pytest.mark.parametrize("kind", [HandbookPage, ProgrammePage, TopicPage, "home"])
def test_every_field_of_a_page_says_what_it_is_for(client, staff, kind):
    page = {
        HandbookPage: HandbookPageFactory,
        ProgrammePage: ProgrammePageFactory,
        TopicPage: TopicPageFactory,
        "home": home_page,
    }[kind]()
    client.force_login(staff)

    form = client.get(edit(page)).context["form"]

    silent = [
        name
        for name, field in form.fields.items()
        if not field.help_text and name != "comment_notifications"
    ]
    assert silent == []


@pytest.mark.parametrize("kind", ["topic", "handbook"])
def test_two_revisions_can_be_compared(client, staff, kind):
    blocks = [("heading", "One"), ("text", "<p>Two</p>")]
    make = TopicPageFactory if kind == "topic" else HandbookPageFactory
    page = make(body=blocks)
    first = page.save_revision()
    page.body = [("heading", "Other"), ("quote", {"text": "Q", "source": "S"})]
    if kind == "topic":
        page.questions = [question(RIGHT, WRONG)]
    second = page.save_revision()
    client.force_login(staff)
    args = [page.pk, first.pk, second.pk]

    shown = client.get(reverse("wagtailadmin_pages:revisions_compare", args=args))

    assert shown.status_code == 200
    assert "Other" in shown.content.decode()


# --- The menu, and the tags ---------------------------------------------------------


def test_menu_has_what_editors_work_with(client, staff):
    programme_index()
    HandbookPageFactory()
    client.force_login(staff)

    menu = client.get("/cms/").content.decode()

    for word in (
        "Programmes",
        "Handbook",
        "People",
        "Certificates",
        "Standing",
        "Tags",
    ):
        assert f'"label": "{word}"' in menu
    for word in ("What's new", "Aging pages", "Page types usage", "Workflow tasks"):
        assert word not in menu


def test_tags_are_kept_in_one_list(client, staff):
    client.force_login(staff)

    client.post(reverse("tag:add"), {"name": "  Price   lists "})
    twice = client.post(reverse("tag:add"), {"name": "price LISTS"})
    names = client.get("/cms/tag/").content.decode()

    assert "There is a tag of this name already." in twice.content.decode()
    assert names.count("Price lists") >= 1


def test_no_tag_is_made_by_mistyping_it(client, staff):
    page = HandbookPageFactory(title="Scope")
    page.tags.add("Support")
    page.save()
    client.force_login(staff)

    words = form_of(page, tags="Support, Suport", **{"action-publish": "1"})
    client.post(edit(page), words)

    page.refresh_from_db()
    assert [tag.name for tag in page.tags.all()] == ["Support"]
