"""The addresses of static files in production: by their hash, found out once."""

from __future__ import annotations

from typing import Any

from whitenoise.storage import (  # type: ignore[import-untyped]
    CompressedManifestStaticFilesStorage,
)


class StaticFiles(CompressedManifestStaticFilesStorage):
    """WhiteNoise's, but for remembering: a page names its icons thirty times.

    What our scripts import has its hash too: else a new one could meet an old one. (Of
    all scripts Django would do so: a package's example imports what is not there.)
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "lms/js/*.js",
            (
                (r"""(?P<matched>from "(?P<url>\./[^"]+)";)""", 'from "%(url)s";'),
                (
                    r"""(?P<matched>new URL\("(?P<url>\./[^"]+)",)""",
                    'new URL("%(url)s",',
                ),
            ),
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[str, str] = {}

    def url(self, name: str, force: bool = False) -> str:
        if force:
            return str(super().url(name, force))
        if name not in self.known:
            self.known[name] = str(super().url(name))
        return self.known[name]
