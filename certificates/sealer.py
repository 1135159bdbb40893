"""pyHanko, loaded once: import this where something is sealed, only."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from io import BytesIO

from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import now
from django.utils.translation import gettext as _
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from certificates import keys
from certificates.claims import ISSUER
from certificates.seal import FIELD, CannotSeal

_BESIDE_CERTIFICATES = 1536  # bytes: the signature, of whatever kind, and its frame
_TRUSTED_TIME = 8192  # the server's own chain among it
_PATIENCE = Timeout(connect=5, read=10)
_LONGEST_ANSWER = 64 * 1024


def put_on(pdf: bytes) -> bytes:
    """See `certificates.seal.seal`."""
    key = keys.seal_key()
    _require_in_force(key)
    timestamper = TimeServer(settings.TSA_URL) if settings.TSA_URL else None
    certificates = [key.certificate, *key.chain]
    room = _BESIDE_CERTIFICATES + sum(len(_der(each)) for each in certificates)
    if timestamper:
        room += _TRUSTED_TIME
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        name=ISSUER,
    )
    signer = PdfSigner(metadata, signer=signer_of(key), timestamper=timestamper)
    try:
        sealed: BytesIO = signer.sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf)),
            existing_fields_only=True,
            bytes_reserved=2 * room,  # in hex; else it signs once more to measure
        )
    except TimestampRequestError as error:
        raise CannotSeal(
            _("The time server (TSA_URL) gives no trusted time: %(reason)s.")
            % {"reason": error}
        ) from None
    except SigningError as error:
        raise CannotSeal(
            _("The file cannot be sealed: %(reason)s") % {"reason": error}
        ) from None
    return sealed.getvalue()


def signer_of(key: keys.SealKey) -> SimpleSigner:
    """The seal, for pyHanko."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(asn1.Certificate.load(_der(each)) for each in key.chain)
    private = key.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return SimpleSigner(
        signing_cert=asn1.Certificate.load(_der(key.certificate)),
        signing_key=asn1_keys.PrivateKeyInfo.load(private),
        cert_registry=store,
    )


class TimeServer(TimeStamper):
    """Asks a time-stamp authority (RFC 3161) over HTTP, and believes no long answer."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.url = url

    async def async_request_tsa_response(
        self, req: tsp.TimeStampReq
    ) -> tsp.TimeStampResp:
        return await asyncio.to_thread(self._ask, req.dump())

    def _ask(self, question: bytes) -> tsp.TimeStampResp:
        try:
            with PoolManager(retries=False, timeout=_PATIENCE) as pool:
                answer = pool.request(
                    "POST",
                    self.url,
                    body=question,
                    headers={
                        "Content-Type": "application/timestamp-query",
                        "Accept": "application/timestamp-reply",
                    },
                    redirect=False,
                    preload_content=False,
                )
                content = answer.read(_LONGEST_ANSWER)
                answer.release_conn()
        except HTTPError as error:
            raise TimestampRequestError(type(error).__name__) from None
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status != 200 or kind != "application/timestamp-reply":
            raise TimestampRequestError(f"{answer.status} {kind}")
        try:
            response = tsp.TimeStampResp.load(content)
            if response["status"]["status"].native == "granted":
                token = response["time_stamp_token"]["content"]
                token["encap_content_info"]["content"].parsed["nonce"].native  # noqa: B018  read it
        except (ValueError, TypeError, KeyError):
            raise TimestampRequestError("its answer cannot be read") from None
        return response


def _require_in_force(key: keys.SealKey) -> None:
    """Refuse to seal before or after the certificate's time."""
    first = key.certificate.not_valid_before_utc
    last = key.certificate.not_valid_after_utc
    if now() >= last - timedelta(minutes=1):
        raise CannotSeal(
            _(
                "The seal’s certificate ended on %(day)s: `manage.py seal rotate seal` "
                "makes one of our own, `manage.py seal import` takes in a bought one."
            )
            % {"day": date_format(last, "j F Y")}
        )
    if now() < first:
        raise CannotSeal(
            _("The seal’s certificate begins on %(day)s.")
            % {"day": date_format(first, "j F Y")}
        )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
