"""How many clicks a manager's work takes, from the team's page on."""

from datetime import timedelta
from hashlib import sha256
from urllib.parse import urljoin

import pytest
from bs4 import BeautifulSoup
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import CertificateState, private_storage
from lms.mail.models import Nudge
from lms.people.models import Member
from tests.factories import CertificateFactory, EnrolmentFactory, MemberFactory

pytestmark = pytest.mark.django_db


class Visitor:
    """Clicks what stands on a page: only links and buttons there, counted."""

    def __init__(self, client, url):
        self.client, self.clicks = client, 0
        self._open(client.get(url), url)

    def _open(self, answer, url):
        assert answer.status_code == 200, (answer.status_code, url)
        self.answer, self.url = answer, url
        is_page = answer.headers["Content-Type"].startswith("text/html")
        self.page = BeautifulSoup(answer.text if is_page else "", "html.parser")

    def click(self, words):
        """Follow the link or press the button that says this; text boxes stay."""
        texts = {
            each: " ".join(each.get_text().split())
            for each in self.page.main.find_all(["a", "button"])
        }
        saying = [each for each, text in texts.items() if words in text]
        exact = [each for each in saying if texts[each] == words]
        found = (exact or saying)[0]
        closed = found.find_parent("details", open=None)
        self.clicks += 2 if closed else 1  # a menu has to be opened first
        if found.name == "a":
            url = urljoin(self.url, found["href"])
            return self._open(self.client.get(url), url)
        form = found.find_parent("form")
        data = {
            each["name"]: each.get("value", "")
            for each in form.find_all("input")
            if each.get("name")
        }
        if found.get("name"):
            data[found["name"]] = found["value"]
        url = urljoin(self.url, form.get("action") or self.url)
        return self._open(self.client.post(url, data, follow=True), url)


@pytest.fixture
def manager(client):
    manager = MemberFactory(is_manager=True)
    client.force_login(manager.user)
    return manager


@pytest.fixture
def visitor(client, manager):
    """On the team's page, with somebody qualified and somebody late in the team."""
    facts = {"member__reseller": manager.reseller}
    late = EnrolmentFactory(
        **facts,
        member__user__full_name="Olga Late",
        due_on=now().date() - timedelta(days=2),
    )
    CertificateFactory(
        enrolment=EnrolmentFactory(**facts, edition=late.edition, completed=True),
        state=CertificateState.READY,
        pdf=private_storage().save("certificates/one.pdf", ContentFile(b"%PDF")),
        pdf_sha256=sha256(b"%PDF").hexdigest(),
    )
    return Visitor(client, reverse("dashboards:team"))


def test_who_is_not_qualified_is_seen_without_a_click(visitor):
    (row,) = (row for row in visitor.page.find_all("tr") if "Olga" in row.get_text())

    assert "Overdue" in row.get_text()
    assert visitor.clicks == 0


def test_certificates_of_a_team_take_two_clicks_at_most(visitor):
    visitor.click("Download all certificates")

    assert visitor.answer.headers["Content-Type"] == "application/zip"
    assert visitor.clicks <= 2


def test_each_of_the_other_lists_is_two_clicks_away(client, visitor):
    for words in ("Team calls", "Certificates", "Invitations", "Handbook"):
        way = Visitor(client, reverse("dashboards:team"))

        way.click(words)

        assert way.clicks == 2, words


def test_reminding_all_who_are_late_takes_two_clicks_at_most(visitor):
    visitor.click("who is late")

    assert Nudge.objects.get().member.user.full_name == "Olga Late"
    assert visitor.clicks <= 2


def test_removing_a_leaver_takes_three_clicks(visitor):
    visitor.click("Olga Late")
    visitor.click("Has left")
    visitor.click("Mark as left")

    assert not Member.objects.live().filter(user__full_name="Olga Late").exists()
    assert visitor.clicks == 3
