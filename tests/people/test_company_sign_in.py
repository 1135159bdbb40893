"""Signing in by one's company: against a real server, honest and not."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine as clocks
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from content.permissions import grant_channel_team
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.people import accounts, at_rest, company_sign_in, oidc
from lms.people.inviting import accept, invite, send_again, withdraw
from lms.people.membership import leave
from lms.people.models import CompanyIdentity, IdentityProvider, Invitation, User
from tests.factories import (
    CompanyIdentityFactory,
    IdentityProviderFactory,
    MemberFactory,
    ResellerFactory,
    UserFactory,
)
from tests.oidc_server import OTHER_KEY, OidcServer, oidc_server

pytestmark = pytest.mark.django_db
SETTINGS = "/settings/company-sign-in/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def server() -> Iterator[OidcServer]:
    with oidc_server() as running:
        yield running


@pytest.fixture
def provider(server: OidcServer) -> IdentityProvider:
    made: IdentityProvider = IdentityProviderFactory(issuer=server.issuer)
    return made


@pytest.fixture
def ann(provider: IdentityProvider, server: OidcServer) -> User:
    """A member who has linked her account."""
    user: User = MemberFactory(reseller=provider.reseller).user
    CompanyIdentityFactory(provider=provider, user=user, subject=server.subject)
    return user


def login_url(provider: IdentityProvider) -> str:
    return reverse("people:company_go", args=[provider.slug])


def start(client: Client, provider: IdentityProvider, server: OidcServer) -> str:
    """Go there and sign in; returns the address to come back to."""
    response = client.get(login_url(provider))
    assert response.status_code == 302, response.content.decode()
    return path_of(server.authorize(response["Location"]))


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def sign_in(client: Client, provider: IdentityProvider, server: OidcServer) -> Any:
    return client.get(start(client, provider, server))


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def whys() -> list[str]:
    refused = Event.objects.filter(verb="refused company sign-in").order_by("pk")
    return [event.ids["why"] for event in refused]


# --- Coming in -------------------------------------------------------------------


def test_linked_member_comes_in(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    response = sign_in(client, provider, server)

    assert response["Location"] == "/start/"
    assert client.session["_auth_user_id"] == str(ann.pk)
    verbs = (
        Event.objects.filter(actor=ann).order_by("pk").values_list("verb", flat=True)
    )
    assert list(verbs) == ["shown by company sign-in", "signed in"]
    assert client.get("/my/").status_code == 200


def test_subsidiarys_people_use_their_parents(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    below = ResellerFactory(parent=provider.reseller)
    user = MemberFactory(reseller=below).user
    CompanyIdentityFactory(provider=provider, user=user, subject=server.subject)

    sign_in(client, provider, server)

    assert is_in(client)


def test_parents_people_do_not_use_a_subsidiarys(
    client: Client, server: OidcServer
) -> None:
    parent = ResellerFactory()
    provider = IdentityProviderFactory(
        reseller=ResellerFactory(parent=parent), issuer=server.issuer
    )
    user = MemberFactory(reseller=parent).user
    CompanyIdentityFactory(provider=provider, user=user, subject=server.subject)

    assert sign_in(client, provider, server).status_code == 403
    assert not is_in(client)


def test_second_factor_is_still_asked_for(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    TOTP.activate(ann, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(ann)

    response = sign_in(client, provider, server)

    assert response["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)


def test_manager_without_a_second_factor_is_led_to_set_one_up(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    manager = MemberFactory(reseller=provider.reseller, is_manager=True).user
    CompanyIdentityFactory(provider=provider, user=manager, subject=server.subject)

    sign_in(client, provider, server)

    assert is_in(client)
    assert client.get("/team/")["Location"].startswith("/settings/sign-in/second-fac")


# --- Not coming in ---------------------------------------------------------------


def test_unknown_subject_makes_no_account_even_at_a_known_address(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    server.subject = "somebody else"
    server.claims = {"email": ann.email, "email_verified": True}
    before = User.objects.count()

    page = sign_in(client, provider, server)

    assert page.status_code == 403
    assert "Ask your manager for an invitation" in page.content.decode()
    assert not is_in(client)
    assert (User.objects.count(), CompanyIdentity.objects.count()) == (before, 1)
    assert whys() == ["unknown"]


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"claims": {"iss": "https://elsewhere.example.com"}},
    "another audience": {"claims": {"aud": "another client"}},
    "no audience": {"claims": {"aud": None}},
    "two audiences, for neither": {"claims": {"aud": ["qualifications", "b"]}},
    "for another party": {"claims": {"azp": "b"}},
    "another nonce": {"claims": {"nonce": "another"}},
    "no nonce": {"claims": {"nonce": None}},
    "run out": {"claims": {"exp": int(time.time()) - 3600}},
    "without an end": {"claims": {"exp": None}},
    "not yet": {"claims": {"nbf": int(time.time()) + 3600}},
    "no subject": {"claims": {"sub": None}},
    "empty subject": {"claims": {"sub": ""}},
    "unsigned": {"signing": (None, "none")},
    "unsigned, no key named": {"signing": (None, "none"), "headers": {}},
    "signed by our secret": {"signing": ("s" * 40, "HS256")},
    "signed by another": {"signing": (OTHER_KEY, "RS256")},
    "signed otherwise": {"signing": (OTHER_KEY, "RS512")},
    "another key": {"headers": {"kid": "key-2"}},
}


@pytest.mark.parametrize("lie", LIES)
def test_token_that_does_not_hold_lets_nobody_in(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer, lie: str
) -> None:
    for name, value in LIES[lie].items():
        setattr(server, name, value)

    page = sign_in(client, provider, server)

    assert page.status_code == 403
    assert "does not hold" in page.content.decode()
    assert not is_in(client)
    assert whys() == ["untrue"]


def test_public_key_is_no_shared_secret(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    """Signed by HS256 with the public key as if that were a secret."""
    public = server.jwks()["keys"][0]["n"]
    server.signing = (public, "HS256")

    assert sign_in(client, provider, server).status_code == 403
    assert not is_in(client)


def test_server_of_another_name_is_not_asked(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    server.discovered = {"issuer": "https://elsewhere.example.com"}

    assert client.get(login_url(provider)).status_code == 503


def test_answer_from_another_issuer_is_refused(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server)

    assert client.get(f"{back}&iss=https://b.example.com").status_code == 403
    assert not is_in(client)


def test_state_is_good_once(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server)
    client.get(back)
    client.post(reverse("account_logout"))

    assert client.get(back).status_code == 400
    assert not is_in(client)


@pytest.mark.parametrize("query", ["", "?code=a", "?code=a&state=b", "?error=denied"])
def test_answer_that_was_not_asked_for(
    client: Client, provider: IdentityProvider, query: str
) -> None:
    back = reverse("people:company_callback", args=[provider.slug])

    assert client.get(back + query).status_code == 400


def test_answer_in_another_browser(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server)
    other = Client()
    other.get(login_url(provider))

    assert other.get(back).status_code == 400
    assert not is_in(other)


def test_answer_too_late(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server)

    with clocks.travel(now() + timedelta(seconds=600), tick=False):
        assert client.get(back).status_code == 400


def test_refusal_there_is_said_in_words(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server).replace("code=", "error=")

    assert client.get(back).status_code == 403


def test_another_resellers_answer_and_subject(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    """The same subject of another company is somebody else, or nobody."""
    other = IdentityProviderFactory(issuer=server.issuer)

    assert sign_in(client, other, server).status_code == 403
    assert whys() == ["unknown"]
    back = start(client, provider, server)
    ours = reverse("people:company_callback", args=[provider.slug])
    theirs = reverse("people:company_callback", args=[other.slug])
    assert client.get(back.replace(ours, theirs)).status_code == 400
    assert not is_in(client)


def test_linked_to_a_company_one_does_not_belong_to(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    stranger = MemberFactory().user
    CompanyIdentityFactory(provider=provider, user=stranger, subject=server.subject)

    assert sign_in(client, provider, server).status_code == 403
    assert whys() == ["may not"]


def test_who_left_comes_in_no_more(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    leave(ann.memberships.get(), on=now().date(), by=None)

    page = sign_in(client, provider, server)

    assert page.status_code == 403
    assert "your own address" in page.content.decode()
    assert not is_in(client)


def test_disabled_account(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    accounts.set_active(ann, False, by=None)

    page = sign_in(client, provider, server)

    assert page.status_code == 403
    assert "turned off" in page.content.decode()
    assert not is_in(client)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_provider_away_at_the_start(
    client: Client, provider: IdentityProvider, server: OidcServer, status: int
) -> None:
    server.status = status

    page = client.get(login_url(provider))

    assert page.status_code == 503
    assert "does not answer" in page.content.decode()


def test_provider_away_at_the_end(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server)
    server.status = 500

    assert client.get(back).status_code == 503
    assert not is_in(client)


def test_nobody_listens(client: Client) -> None:
    provider = IdentityProviderFactory(issuer="http://127.0.0.1:9")

    assert client.get(login_url(provider)).status_code == 503


def test_turned_off_or_ended_is_not_there(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    back = start(client, provider, server)
    IdentityProvider.objects.update(is_enabled=False)
    assert client.get(login_url(provider)).status_code == 404
    assert client.get(back).status_code == 404

    IdentityProvider.objects.update(is_enabled=True)
    provider.reseller.ended_on = now().date()
    provider.reseller.save()
    assert client.get(login_url(provider)).status_code == 404
    assert not is_in(client)


# --- Addresses -------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://sign-in.example.com",
        "http://10.0.0.1",
        "ftp://sign-in.example.com",
        "https://a:b@sign-in.example.com",
        "https://",
        "https://exa mple.com",
        "https://[",
        "https://a.example.com:99999",
        "",
    ],
)
def test_bad_issuer_is_refused(url: str) -> None:
    assert not oidc.is_good_address(url)


def test_loopback_is_for_trials_alone(settings: Any) -> None:
    assert oidc.is_good_address("http://127.0.0.1:8000")
    settings.OIDC_ON_LOOPBACK = False
    assert not oidc.is_good_address("http://127.0.0.1:8000")
    assert oidc.is_good_address("https://login.example.com/tenant")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]"])
def test_private_network_is_not_entered(host: str) -> None:
    with pytest.raises(oidc.Away):
        oidc.discover(f"https://{host}")


# --- Accepting an invitation -----------------------------------------------------


def invited(provider: IdentityProvider, **said: Any) -> tuple[Invitation, str]:
    """An invitation into the company, and the address of its link."""
    invitation = invite(
        "new@acme.example.com",
        "New Person",
        said.get("reseller", provider.reseller),
        teams=[],
        engagement="employee",
        is_manager=said.get("is_manager", False),
        by=None,
    )
    body = Message.objects.latest("pk").body
    return invitation, urlsplit(re.findall(r"https?://\S+/join/\S+", body)[0]).path


def press(
    client: Client, url: str, provider: IdentityProvider, name: str = "Ann"
) -> Any:
    """Press the company's button on the page of the link."""
    words = {"full_name": name, "time_zone": "Europe/Berlin", "company": provider.pk}
    return client.post(url, words)


def test_invited_accepts_by_their_company(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    invitation, url = invited(provider)
    assert f"Sign in by {provider.reseller}" in " ".join(
        client.get(url).content.decode().split()
    )

    page = press(client, url, provider)
    assert not User.objects.filter(email=invitation.email).exists()
    response = client.get(path_of(server.authorize(page.context["url"])))

    person = User.objects.get(email=invitation.email)
    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(person.pk)
    assert (person.full_name, person.time_zone) == ("Ann", "Europe/Berlin")
    assert not person.has_usable_password()
    assert person.memberships.get().reseller == provider.reseller
    phone = Client()
    sign_in(phone, provider, server)
    assert phone.session["_auth_user_id"] == str(person.pk)


def test_invited_to_a_subsidiary_comes_in_by_its_parent_alone(
    client: Client, provider: IdentityProvider, server: OidcServer
) -> None:
    below = ResellerFactory(parent=provider.reseller)
    other = IdentityProviderFactory(issuer=server.issuer)
    _, url = invited(provider, reseller=below)

    assert list(client.get(url).context["form"].companies) == [provider]
    assert press(client, url, other).status_code == 422
    assert press(client, url, provider).status_code == 200


def test_name_is_asked_for_before_the_company(
    client: Client, provider: IdentityProvider
) -> None:
    _, url = invited(provider)
    page = press(client, url, provider, name="")
    assert (page.status_code, "company_sign_in" in client.session) == (422, False)


@pytest.mark.parametrize("what", ["withdrawn", "sent again", "used", "signed in"])
def test_invitation_changes_on_the_way(
    client: Client, provider: IdentityProvider, server: OidcServer, what: str
) -> None:
    invitation, url = invited(provider)
    page = press(client, url, provider)
    back = path_of(server.authorize(page.context["url"]))
    if what == "withdrawn":
        withdraw(invitation, by=None)
    elif what == "sent again":
        send_again(invitation, by=None)
    elif what == "used":
        accept(invitation, full_name="B", password="x", time_zone="UTC")
    else:
        kept = client.session["company_sign_in"]
        client.force_login(MemberFactory().user)
        session = client.session
        session["company_sign_in"] = kept
        session.save()
    people = User.objects.count()

    assert client.get(back).status_code == (400 if what == "signed in" else 403)
    assert (User.objects.count(), CompanyIdentity.objects.count()) == (people, 0)


def test_anothers_subject_makes_no_account(
    client: Client, ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    invitation, url = invited(provider)
    page = press(client, url, provider)

    assert client.get(path_of(server.authorize(page.context["url"]))).status_code == 403
    assert not User.objects.filter(email=invitation.email).exists()
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


# --- Linking ---------------------------------------------------------------------


def begin_link(client: Client, provider: IdentityProvider, server: OidcServer) -> str:
    page = client.post(SETTINGS, {"provider": provider.pk, "do": "link"})
    assert page.status_code == 200
    return path_of(server.authorize(page.context["url"]))


def test_member_links_and_comes_in_and_unlinks(
    provider: IdentityProvider, server: OidcServer
) -> None:
    ben, here = MemberFactory(reseller=provider.reseller).user, Client()
    here.force_login(ben)
    assert SETTINGS in here.get("/settings/").content.decode()

    response = here.get(begin_link(here, provider, server))

    assert response["Location"] == SETTINGS
    assert "Linked" in here.get(SETTINGS).content.decode()
    phone = Client()
    sign_in(phone, provider, server)
    assert phone.session["_auth_user_id"] == str(ben.pk)

    here.post(SETTINGS, {"provider": provider.pk, "do": "unlink"})
    assert sign_in(Client(), provider, server).status_code == 403
    verbs = set(Event.objects.filter(about=ben).values_list("verb", flat=True))
    assert {"linked company sign-in", "unlinked company sign-in"} <= verbs


def test_link_comes_back_to_who_asked(
    provider: IdentityProvider, server: OidcServer
) -> None:
    client = Client()
    client.force_login(MemberFactory(reseller=provider.reseller).user)
    back = begin_link(client, provider, server)
    kept = client.session["company_sign_in"]
    client.force_login(MemberFactory(reseller=provider.reseller).user)
    session = client.session
    session["company_sign_in"] = kept
    session.save()

    assert client.get(back).status_code == 400
    assert not CompanyIdentity.objects.exists()


def test_anothers_subject_is_not_taken(
    ann: User, provider: IdentityProvider, server: OidcServer
) -> None:
    client = Client()
    client.force_login(MemberFactory(reseller=provider.reseller).user)

    page = client.get(begin_link(client, provider, server))

    assert page.status_code == 403
    assert CompanyIdentity.objects.get().user == ann


def test_linking_twice_keeps_one(ann: User, provider: IdentityProvider) -> None:
    company_sign_in.link(ann, provider, "subject-of-ann")
    with pytest.raises(Refused):
        company_sign_in.link(ann, provider, "another")

    assert CompanyIdentity.objects.count() == 1


def test_another_companys_cannot_be_linked(provider: IdentityProvider) -> None:
    client = Client()
    client.force_login(MemberFactory().user)

    for do in ("link", "unlink", "x"):
        form = {"provider": provider.pk, "do": do}
        assert client.post(SETTINGS, form).status_code == 404
    assert SETTINGS not in client.get("/settings/").content.decode()


# --- What staff set up -----------------------------------------------------------


def words(provider: IdentityProvider, **changed: Any) -> dict[str, Any]:
    return {
        "reseller": provider.reseller,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "client_secret": "",
        "is_enabled": True,
        "by": UserFactory(),
    } | changed


def test_secret_is_sealed_and_stays() -> None:
    reseller = ResellerFactory()
    form = {"issuer": "https://a.example.com", "client_id": "us", "is_enabled": False}
    made = company_sign_in.set_up(
        None, reseller=reseller, client_secret="very secret", by=UserFactory(), **form
    )

    assert "very secret" not in made.sealed_secret
    made = company_sign_in.set_up(made, **words(made, is_enabled=False))
    assert company_sign_in.secret_of(made) == "very secret"
    with pytest.raises(Refused, match="already"):
        company_sign_in.set_up(None, **words(made, client_secret="b"))


def test_secret_does_not_open_with_another_key(
    provider: IdentityProvider, settings: Any
) -> None:
    settings.SECRET_KEY = "another"

    with pytest.raises(oidc.Away):
        company_sign_in.secret_of(provider)


def test_secret_is_encrypted_anew(provider: IdentityProvider, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"

    assert at_rest.encrypt_anew() == 1
    settings.SECRET_KEY_FALLBACKS = []
    provider.refresh_from_db()
    assert company_sign_in.secret_of(provider) == "secret"
    assert at_rest.encrypt_anew() == 0


@pytest.mark.parametrize("field", ["issuer", "client_id"])
def test_another_server_ends_all_links(
    ann: User, provider: IdentityProvider, field: str
) -> None:
    company_sign_in.set_up(provider, **words(provider))
    assert CompanyIdentity.objects.exists()

    company_sign_in.set_up(provider, **words(provider, **{field: "https://b.example"}))

    assert not CompanyIdentity.objects.exists()


def test_staff_set_it_up_in_the_cms(cms: Client) -> None:
    reseller = ResellerFactory()
    form = {
        "reseller": reseller.pk,
        "issuer": "https://login.example.com",
        "client_id": "us",
        "client_secret": "very secret",
    }
    bad = cms.post("/cms/identityprovider/new/", form | {"issuer": "http://a.example"})
    assert bad.status_code == 200
    assert not IdentityProvider.objects.exists()

    cms.post("/cms/identityprovider/new/", form)

    made = IdentityProvider.objects.get()
    assert not made.is_enabled
    page = cms.get(f"/cms/identityprovider/edit/{made.pk}/").content.decode()
    assert "very secret" not in page
    assert made.sealed_secret not in page
    assert made.slug in cms.get("/cms/identityprovider/").content.decode()
    cms.post(
        f"/cms/identityprovider/edit/{made.pk}/",
        form | {"client_secret": "", "is_enabled": "on"},
    )
    made.refresh_from_db()
    assert made.is_enabled
    assert company_sign_in.secret_of(made) == "very secret"


def test_others_do_not_set_it_up(provider: IdentityProvider) -> None:
    reader = UserFactory()
    accounts.set_channel_team(reader, True, by=None, content=True, people=False)
    grant_channel_team(reader.groups.get())
    client = Client()
    client.force_login(reader)

    url = f"/cms/identityprovider/edit/{provider.pk}/"
    assert client.get("/cms/identityprovider/").status_code == 200
    assert client.get(url).status_code == 302
    assert client.post(url, {"client_id": "b"}).status_code == 302
    provider.refresh_from_db()
    assert provider.client_id == "qualifications"
