"""Secrets of second factors and of companies' sign-ins, encrypted in the database.

The key is made of `SECRET_KEY`, so that a copy of the database alone shows no app's
secret and no recovery code. What was encrypted under a key of `SECRET_KEY_FALLBACKS` is
still read, and once a day encrypted anew under the first one: then the old key can go.
What was kept plain before is read too, and encrypted by the same round.
"""

from __future__ import annotations

import base64
import hmac

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from lms.people.models import IdentityProvider

PREFIX = "encrypted:"
_SALT = b"lms.people.at_rest"
_SECRETS = ("secret", "seed")  # of an app; of recovery codes


def _box(key: str) -> Fernet:
    made = hmac.digest(key.encode(), _SALT, "sha256")
    return Fernet(base64.urlsafe_b64encode(made))


def encrypt(text: str) -> str:
    return PREFIX + _box(settings.SECRET_KEY).encrypt(text.encode()).decode()


def decrypt(kept: str) -> str:
    """The secret; raise ValidationError where no key of ours opens it."""
    if not kept.startswith(PREFIX):
        return kept
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    boxes = MultiFernet([_box(key) for key in keys])
    try:
        return boxes.decrypt(kept.removeprefix(PREFIX).encode()).decode()
    except InvalidToken:
        raise ValidationError(
            _("This cannot be checked any more. Ask the training team for a way in.")
        ) from None


def _is_under_first_key(kept: str) -> bool:
    if not kept.startswith(PREFIX):
        return False
    try:
        _box(settings.SECRET_KEY).decrypt(kept.removeprefix(PREFIX).encode())
    except InvalidToken:
        return False
    return True


def encrypt_anew() -> int:
    """Encrypt what is plain or under an older key; tell how many there were."""
    count = 0
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    keys = Authenticator.objects.filter(type__in=kinds).values_list("pk", flat=True)
    for pk in keys:
        with transaction.atomic():
            count += _encrypt_one_anew(pk)
    return count + sum(map(_encrypt_company_anew, IdentityProvider.objects.all()))


def _encrypt_company_anew(provider: IdentityProvider) -> bool:
    """A company's own secret, unless it was changed at the same moment."""
    kept = provider.sealed_secret
    if _is_under_first_key(kept):
        return False
    try:
        fresh = encrypt(decrypt(kept))
    except ValidationError:
        return False
    same = IdentityProvider.objects.filter(pk=provider.pk, sealed_secret=kept)
    return bool(same.update(sealed_secret=fresh))


def _encrypt_one_anew(pk: int) -> bool:
    """Under a lock: a recovery code may be used up at the same moment."""
    found = Authenticator.objects.select_for_update().filter(pk=pk).first()
    if found is None:
        return False
    fresh = {}
    for name in _SECRETS:
        kept = found.data.get(name)
        if kept is None or _is_under_first_key(kept):
            continue
        try:
            fresh[name] = encrypt(decrypt(kept))
        except ValidationError:  # the key is lost, and nothing is made worse
            continue
    if fresh:
        found.data |= fresh
        found.save(update_fields=["data"])
    return bool(fresh)
