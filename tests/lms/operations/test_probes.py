"""What programs are answered: lives, and may get traffic."""

import pytest
from django.db import connection

from lms.operations import probes
from lms.operations.outside import answer_to


@pytest.fixture(autouse=True)
def nothing_looked_at(monkeypatch):
    monkeypatch.setattr(probes, "_looked", {})


def test_a_process_says_that_it_lives_without_the_database(client):
    response = client.get("/healthz")

    assert (response.status_code, response.text) == (200, "ok")


@pytest.mark.parametrize(
    "question", ["", "x", "0" * 31, "0" * 33, "A" * 32, "0" * 9999]
)
def test_only_a_question_of_ours_is_answered(client, question):
    assert client.get("/healthz", {"ask": question}).text == "ok"


def test_the_answer_is_this_installations_alone(client, settings):
    question = "0123456789abcdef" * 2
    own = client.get("/healthz", {"ask": question}).text
    assert own == f"ok {answer_to(question)}"

    settings.SECRET_KEY = "another" * 10

    assert client.get("/healthz", {"ask": question}).text != own


@pytest.mark.django_db
def test_once_ready_it_costs_two_queries(client, django_assert_num_queries):
    assert client.get("/readyz").json() == {
        "database": "ok",
        "migrations": "ok",
        "cache": "ok",
    }

    with django_assert_num_queries(2):  # the database, the cache
        assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_no_traffic_before_the_migrations(client, django_assert_num_queries):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'operations'")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "missing"
    with django_assert_num_queries(2):  # it is not looked again at once
        assert client.get("/readyz").status_code == 503


@pytest.mark.django_db
def test_a_cache_that_is_away_is_said_and_stops_nothing(client):
    with connection.cursor() as cursor:
        cursor.execute('DROP TABLE "cache"')

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["cache"] == "away"
