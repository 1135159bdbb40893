"""Files in the private storage: whole, or not called stored."""

from __future__ import annotations

import os
from errno import EIO
from hashlib import sha256

from certificates.models import private_storage


def require_whole(name: str, digest: str) -> None:
    """Read it back: a file that was cut short must never be called ready."""
    with private_storage().open(name) as file:
        if sha256(file.read()).hexdigest() != digest:
            raise OSError(EIO, os.strerror(EIO))
        if hasattr(file, "fileno"):
            os.fsync(file.fileno())
