"""What the logs must not tell: links that open by themselves."""

import logging

from lms.addresses import SECRET_PATH


class HideSecrets(logging.Filter):
    """Take the secret part out of addresses, which Django logs when it answers 4xx."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = SECRET_PATH.sub(r"/\1/…", record.getMessage())
        record.args = ()
        return True
