from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.kept import kept
from courses.bodies import TOKEN_MARK, make_texts, texts_of
from courses.models import TopicPage
from tests.factories import (
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    HandbookPageFactory,
    ProgrammePageFactory,
    TopicPageFactory,
)

# Whether what is kept holds; session, person, memberships; whom to ask; enrolment,
# evidence, booked call, place.
QUERIES = 9


def linking(page, blocks):
    """So many blocks, every third a text with a link to the page."""
    text = f'<p>See <a linktype="page" id="{page.pk}">the other page</a>.</p>'
    each = [("heading", "A part"), ("text", text), ("hole", "To be written")]
    return (each * blocks)[:blocks] if blocks > 1 else [("text", text)]


@pytest.fixture
def linked(db):
    return HandbookPageFactory(title="Other", slug="other")


def topic_with(blocks, **fields):
    programme = ProgrammePageFactory()
    topic = TopicPageFactory(parent=programme, body=blocks, **fields)
    return topic, EnrolmentFactory(edition=EditionFactory(programme=programme))


@pytest.mark.parametrize("blocks", [1, 30])
def test_topic_takes_nine_queries_for_any_number_of_blocks(
    client, linked, django_assert_num_queries, blocks
):
    topic, enrolment = topic_with(linking(linked, blocks))
    client.force_login(enrolment.member.user)
    client.get(topic.url)

    with django_assert_num_queries(QUERIES):
        response = client.get(topic.url)

    assert response.text.count("the other page") == max(1, blocks // 3)


def test_change_by_an_editor_is_seen_at_once(client, linked):
    topic, enrolment = topic_with([("text", "<p>The old text</p>")])
    client.force_login(enrolment.member.user)
    assert "The old text" in client.get(topic.url).text

    topic.body = [("text", "<p>The new text</p>")]
    topic.save_revision()
    assert "The old text" in client.get(topic.url).text

    topic.get_latest_revision().publish()
    page = client.get(topic.url).text

    assert "The new text" in page
    assert "The old text" not in page


def test_new_address_of_a_linked_page_is_seen_at_once(client, linked):
    topic, enrolment = topic_with(linking(linked, 1))
    client.force_login(enrolment.member.user)
    assert 'href="/other/"' in client.get(topic.url).text

    linked.slug = "elsewhere"
    linked.save_revision().publish()

    page = client.get(topic.url).text
    assert 'href="/elsewhere/"' in page
    assert 'href="/other/"' not in page


def test_moved_page_is_linked_where_it_stands(client, linked):
    topic, enrolment = topic_with(linking(linked, 1))
    client.force_login(enrolment.member.user)
    client.get(topic.url)

    linked.move(HandbookPageFactory(slug="above"), pos="first-child")

    assert 'href="/above/other/"' in client.get(topic.url).text


def read_the_text(pk):
    return texts_of(TopicPage.objects.get(pk=pk), None).lead


def test_another_process_shows_what_this_one_published(run_in_processes):
    topic, _ = topic_with([("text", "<p>The old text</p>")])

    def publish_or_read(number, barrier):
        before = read_the_text(topic.pk)  # both keep it
        barrier.wait()
        if number == 0:
            page = TopicPage.objects.get(pk=topic.pk)
            page.body = [("text", "<p>The new text</p>")]
            page.save_revision().publish()
        barrier.wait()
        return before, read_the_text(topic.pk)

    shown = run_in_processes(2, publish_or_read)

    assert ["old" in before and "new" in after for before, after in shown] == [True] * 2


def test_preview_shows_the_draft_and_keeps_nothing(client, linked):
    topic, enrolment = topic_with([("text", "<p>Published</p>")])
    topic.body = [("text", "<p>Not yet</p>")]
    topic.save_revision()
    draft = topic.get_latest_revision_as_object()

    preview = draft.make_preview_request(original_request=None, preview_mode="")
    client.force_login(enrolment.member.user)
    page = client.get(topic.url).text

    assert "Not yet" in preview.render().content.decode()
    assert "Published" in page
    assert "Not yet" not in page


def test_form_in_a_text_gets_its_readers_token(db, rf):
    page, _ = topic_with([("text", "<p>Text</p>")])
    request = rf.get("/")
    key = ("topic", page.pk, page.live_revision_id, page.last_published_at, True)
    form = replace(make_texts(page), lead=f"<form>{TOKEN_MARK}</form>")
    kept(request, key, lambda: form)

    texts = texts_of(page, request)

    assert TOKEN_MARK not in texts.lead
    assert texts.lead.count('name="csrfmiddlewaretoken"') == 1
    assert texts_of(page, None).lead == form.lead  # what is kept has no token


def test_texts_of_one_cost_nothing_where_they_are_kept(db, rf, linked):
    topic, _ = topic_with(linking(linked, 30))
    page = TopicPage.objects.get(pk=topic.pk)
    request = rf.get("/")
    request.META["CSRF_COOKIE"] = "x" * 32
    texts_of(page, request)

    with CaptureQueriesContext(connection) as queries:
        texts = texts_of(page, request)

    assert len(queries) == 0
    assert texts.minutes == 1


def test_minutes_count_words_and_name_a_video(db):
    topic, _ = topic_with([("text", f"<p>{'word ' * 401}</p>")])

    texts = make_texts(topic)

    assert (texts.minutes, texts.has_video) == (3, False)


@pytest.mark.parametrize("needs_call", [True, False])
def test_hole_names_the_trainer_only_where_a_call_covers_it(client, db, needs_call):
    programme = ProgrammePageFactory()
    hole = [("hole", "Fill me in")]
    topic = TopicPageFactory(parent=programme, body=hole, agenda=hole)
    edition = EditionFactory(programme=programme, topics=[])
    EditionTopicFactory(edition=edition, topic=topic, needs_call=needs_call)
    client.force_login(EnrolmentFactory(edition=edition).member.user)

    page = client.get(topic.url).text

    trainer = "Your trainer goes through this in the call."
    assert page.count(trainer) == (2 if needs_call else 0)
    assert page.count("This part is still being written.") == (0 if needs_call else 2)


def test_each_block_has_an_anchor(client, db):
    topic, enrolment = topic_with([("heading", "One"), ("heading", "Two")])
    client.force_login(enrolment.member.user)

    page = client.get(topic.url).text

    for block in TopicPage.objects.get(pk=topic.pk).body:
        assert f'id="b-{block.id}"' in page
