"""Files in the private storage: whole, or not called stored; its trouble in words."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO
from hashlib import sha256
from io import UnsupportedOperation

from certificates.models import private_storage
from lms.people.names import one_line

logger = logging.getLogger(__name__)


class CannotStore(Exception):
    """The storage failed: the text says how, for staff."""


@contextmanager
def told() -> Iterator[None]:
    """Raise CannotStore for whatever a storage raises, in its own words.

    Each kind has errors of its own: those of a service are no OSError. Nothing but a
    storage may be asked within.
    """
    try:
        yield
    except OSError as error:
        raise CannotStore(error.strerror or _words(error)) from error
    except Exception as error:
        logger.exception("The storage failed")
        raise CannotStore(_words(error)) from error


def require_whole(name: str, digest: str) -> None:
    """Read it back: a file that was cut short must never be called ready."""
    with private_storage().open(name) as file:
        if sha256(file.read()).hexdigest() != digest:
            raise OSError(EIO, os.strerror(EIO))
        with suppress(AttributeError, UnsupportedOperation):  # it lies in no folder
            os.fsync(file.fileno())


def delete(names: Iterable[str]) -> None:
    """Take files away, where the storage lets: they are in nobody's way."""
    for name in names:
        with suppress(CannotStore), told():
            private_storage().delete(name)


def delete_others(folder: str, *, but: str) -> None:
    """Take away what else is in a folder, where the storage lets."""
    with suppress(CannotStore), told():
        there = [f"{folder}/{each}" for each in private_storage().listdir(folder)[1]]
        delete(each for each in there if each != but)


def _words(error: Exception) -> str:
    return one_line(str(error)).rstrip(".") or type(error).__name__
