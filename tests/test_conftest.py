"""The ground the other tests stand on."""

import socket
from threading import get_ident

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from pytest_socket import SocketBlockedError, SocketConnectBlockedError
from wagtail.models import Page, Site


@pytest.mark.parametrize("turn", ["first", "second"])
def test_transactional_test_leaves_no_trace(transactional_db, turn):
    assert Page.objects.filter(depth=1).count() == 1
    assert Site.objects.count() == 1
    assert not ContentType.objects.filter(app_label="trial").exists()
    assert "trial_trace" not in connection.introspection.table_names()

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE trial_trace (id integer)")
        cursor.execute("DELETE FROM wagtailcore_site")
        cursor.execute("UPDATE wagtailcore_page SET depth = 9")
    ContentType.objects.create(app_label="trial", model="trace")


@pytest.mark.filterwarnings("ignore:A test tried to")
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.com"])
def test_network_is_blocked(host):
    with pytest.raises((SocketBlockedError, SocketConnectBlockedError)):
        socket.create_connection((host, 80), timeout=1)


def test_own_machine_is_reachable():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()


@pytest.mark.races
def test_run_at_once_returns_results_and_errors_in_order(run_at_once):
    def own_connection() -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 7")
            return get_ident(), cursor.fetchone()[0]

    def fail() -> None:
        raise ValueError("no")

    first, error, last = run_at_once(own_connection, fail, own_connection)

    assert first[0] != last[0]
    assert (first[1], last[1]) == (7, 7)
    assert isinstance(error, ValueError)
