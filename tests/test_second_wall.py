"""A screen reads records about people through `visible_to`, or says why not."""

import pytest

from lms.people.access import Access
from lms.walls import unscoped
from tests.factories import (
    EnrolmentDatesFactory,
    OutsideBusyFactory,
    TeamMembershipFactory,
    WaitingFactory,
)
from tests.second_wall import (
    LEADS_ON,
    NO_SCREEN,
    ROOT,
    Reader,
    faults_of,
    faults_of_template,
    screens,
    walled,
)
from tests.test_access import make_world

IMPORTS = """
from courses.models import Enrolment
from courses.models import Enrolment as Row
from django.contrib.auth import get_user_model
from sessions.models import Booking, BookingTopic

WHY = "the trainer's own calls"
NOTHING = ""
Person = get_user_model()
"""


def test_screens_read_people_through_the_wall_or_say_why_not():
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in screens()
        for line, what in sorted(Reader(path.read_text()).faults())
    ]

    assert faults == []  # scope it by visible_to(access), or unscoped(rows, "why")


def test_templates_read_nobodys_rows_from_an_open_record():
    faults = {
        str(path.relative_to(ROOT)): found
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if (found := faults_of_template(path.read_text()))
    }

    assert faults == {}


@pytest.mark.django_db
def test_who_sees_a_record_sees_what_hangs_on_it():
    """So that `LEADS_ON` may let a screen go on from the one to the other."""
    world = make_world()
    WaitingFactory(booking=world.booking)
    EnrolmentDatesFactory(enrolment=world.enrolment)
    TeamMembershipFactory(member=world.member)
    OutsideBusyFactory(calendar=world.calendar)
    people = [Access(person) for person in world.people.values() if person]
    hidden, reached = set(), set()

    for owner, name in LEADS_ON:
        (model,) = (each for each in walled() if each.__name__ == owner)
        for access in people:
            for row in model.objects.visible_to(access):
                for below in (rows := getattr(row, name)).all():
                    reached.add((owner, name))
                    if not rows.visible_to(access).filter(pk=below.pk).exists():
                        hidden.add((owner, name))

    assert reached == LEADS_ON.keys()
    assert hidden == set()


def test_every_module_that_answers_a_request_is_read():
    read = {str(path.relative_to(ROOT)) for path in screens()}

    assert len(read) > 100
    assert {
        "lms/people/cms_logins.py",
        "lms/dashboards/team.py",
        "sessions/templatetags/calls.py",
        "sessions/call_page.py",  # named as nothing else is, but takes a request
        "courses/reading.py",
    } <= read
    assert all((ROOT / each).is_file() for each in NO_SCREEN)


@pytest.mark.parametrize(
    "bad",
    [
        "Booking.objects.get(pk=pk)",
        "Booking.objects.filter(trainer=trainer).for_agenda()",
        "Booking._base_manager.all()",
        "Booking._default_manager.all()",
        "models.Booking.objects.all()",
        "Row.objects.all()",
        "Person.objects.all()",
        "get_user_model().objects.all()",
        "type(call).objects.all()",
        "apps.get_model('people.User').objects.all()",
        "self.model.objects.all()",
        "get_object_or_404(Booking, pk=pk)",
        "shortcuts.get_object_or_404(Booking, pk=pk)",
        "get_list_or_404(Row)",
        "BookingQuerySet(Booking)",
        "programme.enrolments.all()",
        "edition.enrolments.count()",
        "topic.evidence.filter(by=user)",
        "group.user_set.all()",
        "reseller.members.live()",
        "trainer.bookings.all()",
        "somebody.memberships.first()",
        "Page.objects.raw('SELECT 1')",
        "connection.cursor()",
        "Page.objects.extra(tables=['people_user'])",
        "ProgrammePage.objects.values('enrolments__member__user__email')",
        "ProgrammePage.objects.annotate(count=Count('enrolments'))",
        "Team.objects.prefetch_related('memberships')",
        "Booking.objects.visible_to(access) | Booking.objects.all()",
        "Booking.objects.visible_to()",
        "print(Booking.objects.all())",
        "unscoped(Booking.objects)",
        "unscoped(Booking.objects, '')",
        "unscoped(Booking.objects, 'because')",
        "unscoped(Booking.objects, NOTHING)",
        "unscoped(Booking.objects, f'{pk} is one of ours')",
        "unscoped(list(Booking.objects.all()), 'it is their own')",
        "Page.objects.annotate(x=Subquery(Booking.objects.values('reason')))",
        "class List(generic.ListView):\n    model = Booking",
        "class Bookings(ModelViewSet):\n    model = Booking",
        "class Form(Form):\n    call = ModelChoiceField(Booking.objects.all())",
    ],
)
def test_a_fetch_past_the_wall_is_found(bad):
    assert len(faults_of(IMPORTS + bad)) == 1


@pytest.mark.parametrize(
    "good",
    [
        "Booking.objects.visible_to(request.access).get(pk=pk)",
        "Booking.objects.coming().visible_to(access).for_agenda()",
        "get_object_or_404(Row.objects.managed_by(request.access), pk=pk)",
        "get_object_or_404(unscoped(Booking, 'the person has its secret'), ref=ref)",
        "unscoped(Booking.objects, WHY).filter(trainer=trainer)",
        "unscoped(Booking.objects.coming(), 'of the trainer who asks')",
        "Booking.objects.none()",
        "pages.filter(enrolments__in=Row.objects.all())",
        "pages.exclude(Exists(Row.objects.filter(member=member)))",
        "call.topics.all()",
        "call.enrolment.evidence.all()",
        "request.user.memberships.all()",
        "Page.objects.filter(pk=pk)",
        "Booking.DoesNotExist",
        "class Bookings(ModelViewSet):\n    model = unscoped(Booking, 'for the team')",
        "class Form(ModelForm):\n    class Meta:\n        model = Booking",
    ],
)
def test_a_fetch_through_the_wall_is_let_be(good):
    assert faults_of(IMPORTS + good) == []


def test_a_template_that_reads_past_the_wall_is_found():
    bad = "{% for row in programme.enrolments.all %}{{ call.topics.all }}{% endfor %}"

    assert faults_of_template(bad) == ["programme.enrolments.all"]


def test_unscoped_changes_nothing():
    rows = [1]

    assert unscoped(rows, "what this test gives it") is rows
