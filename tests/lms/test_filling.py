"""What `make scale` fills a house with obeys its rules, and is looked at as any other."""

import pytest
from django.db import connection
from django.db.models import Count

from certificates.models import Certificate
from certificates.serials import is_valid
from courses.models import Enrolment
from lms.people.models import Member, Reseller
from sessions.models import Booking
from tests.benchmarks.asking import House, Plans
from tests.benchmarks.filling import fill
from tests.factories import EditionFactory, TeamFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="it is filled on PostgreSQL alone"
    ),
]
PEOPLE = 300


@pytest.fixture
def filled() -> None:
    for order in range(0, 6, 2):  # three programmes, of two teams each
        audience = [TeamFactory(order=order), TeamFactory(order=order + 1)]
        EditionFactory(audience=audience)
    fill(PEOPLE)


def test_filled_house_obeys_the_rules_and_answers(filled):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # each foreign key is asked

    assert Member.objects.filter(is_manager=True).count() == 9
    assert Reseller.find_problems() == ([], [], [], [], [])
    assert all(is_valid(each.serial) for each in Certificate.objects.all())
    completed = Enrolment.objects.filter(completed_at__isnull=False)
    assert completed.count() == Certificate.objects.count() > PEOPLE / 2
    topics = completed.annotate(done=Count("completions"))
    assert set(topics.values_list("done", flat=True)) == {4}
    states = set(Booking.objects.values_list("state", flat=True))
    assert states == {"booked", "done", "cancelled"}

    house = House()
    for looks in house.pages().values():
        house.open(looks[0])  # raises for what is not answered well


def test_plan_that_reads_a_large_table_whole_is_told(filled):
    plans = Plans(connection, many=PEOPLE // 2)

    whole = plans.faults("SELECT * FROM people_user WHERE full_name = %s", ["x"])
    found = plans.faults("SELECT * FROM people_user WHERE id = %s", [1])

    assert (whole, found) == (["reads people_user whole"], [])
