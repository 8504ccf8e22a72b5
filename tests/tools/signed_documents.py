"""Documents signed by other people's tools: PDFs by pyHanko, CMS and S/MIME by openssl."""

import asyncio
import io
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from asn1crypto import cms
from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore
from tools.signing_authority import Holder, SigningAuthority


def fill_trust_folder(folder: Path, authority: SigningAuthority) -> Path:
    """Let a folder of `perdure signatures` believe an authority, and know its revocations; returns it."""
    for part, octets in (("anchors", authority.root.pem), ("crls", authority.crl())):
        (folder / part).mkdir(parents=True)
        (folder / part / "one").write_bytes(octets)
    return folder


def plain_pdf(text: str = "Charter party", size: int = 0) -> bytes:
    """A PDF of one page, by reportlab; ``size`` bytes are hidden in it at least."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=0)
    canvas.drawString(72, 720, text)
    for count in range(size // 90):
        canvas.drawString(72, 700, f"{count:>80}")
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def sign_pdf(
    pdf: bytes,
    authority: SigningAuthority,
    holder: Holder,
    *,
    at: datetime | None = None,
    stamped_by: Holder | None = None,
    field: str = "Signature1",
    md: str = "sha256",
    pades: bool = True,
    certify: bool = False,
    permission: fields.MDPPerm = fields.MDPPerm.FILL_FORMS,
) -> bytes:
    """``pdf`` with one signature more, by pyHanko: B-B, or with ``stamped_by`` B-T; ``permission`` is what a certification allows."""
    at = at or authority.now
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    signer = signers.SimpleSigner(
        signing_cert=asn1_certificate(holder),
        signing_key=asn1_key(holder),
        cert_registry=_store(authority),
    )
    metadata = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm=md,
        subfilter=SigSeedSubFilter.PADES if pades else SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
        certify=certify,
        docmdp_permissions=permission,
    )
    stamper = None if stamped_by is None else clock(authority, stamped_by, at)
    pdf_signer = signers.PdfSigner(metadata, signer, timestamper=stamper)
    session = pdf_signer.init_signing_session(writer)
    session.system_time = at
    return asyncio.run(_signed(session))


async def _signed(session: Any) -> bytes:
    """As pyHanko's own `sign_pdf`, but with a clock that was told."""
    tbs = session.prepare_tbs_document(validation_info=None, bytes_reserved=32768)
    digest, output = tbs.digest_tbs_document(output=io.BytesIO())
    signed = await tbs.perform_signature(
        document_digest=digest.document_digest,
        pdf_cms_signed_attrs=PdfCMSSignedAttributes(signing_time=session.system_time),
    )
    await signed.post_signature_processing(output)
    return output.getvalue()  # type: ignore[no-any-return]


def add_store(pdf: bytes, certificates: list[bytes], crls: list[bytes], ocsps: list[bytes]) -> bytes:
    """``pdf`` with a document security store more: B-T becomes B-LT."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[asn1_x509.Certificate.load(each) for each in certificates],
        crls=[asn1_crl.CertificateList.load(each) for each in crls],
        ocsps=[asn1_ocsp.OCSPResponse.load(each) for each in ocsps],
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def stamp_pdf(
    pdf: bytes, authority: SigningAuthority, holder: Holder, at: datetime, field: str = "Stamp1"
) -> bytes:
    """``pdf`` with a document time stamp more: B-LT becomes B-LTA."""
    out = io.BytesIO()
    PdfTimeStamper(clock(authority, holder, at), field_name=field).timestamp_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False), "sha256", bytes_reserved=32768, output=out
    )
    return out.getvalue()


def change_page(pdf: bytes, text: str = "And one clause more") -> bytes:
    """``pdf`` with an incremental update that changes what its page shows."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    stream = generic.StreamObject(stream_data=f"BT /F1 12 Tf 72 600 Td ({text}) Tj ET".encode())
    writer.add_stream_to_page(0, writer.add_object(stream))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def sign_digest(authority: SigningAuthority, holder: Holder, digest: bytes) -> bytes:
    """A detached CMS signature of what has this SHA-256, by pyHanko."""
    signer = signers.SimpleSigner(
        signing_cert=asn1_certificate(holder), signing_key=asn1_key(holder), cert_registry=_store(authority)
    )
    signed: bytes = asyncio.run(signer.async_sign(data_digest=digest, digest_algorithm="sha256")).dump()
    return signed


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def cms_files(
    folder: Path, authority: SigningAuthority, holder: Holder, name: str = "signer"
) -> tuple[Path, Path, Path]:
    """Certificate, key and intermediate as openssl wants them."""
    paths = folder / f"{name}.pem", folder / f"{name}.key", folder / "intermediate.pem"
    for path, octets in zip(paths, (holder.pem, holder.key_pem, authority.intermediate.pem), strict=True):
        path.write_bytes(octets)
    return paths


def sign_cms(
    document: Path,
    authority: SigningAuthority,
    holder: Holder,
    *options: str,
    out: Path | None = None,
    tool: str = "cms",
) -> Path:
    """A signature by `openssl cms -sign`: detached in DER unless ``options`` say otherwise."""
    certificate, key, chain = cms_files(document.parent, authority, holder)
    out = out or document.with_name(f"{document.name}.p7s")
    openssl(
        tool,
        "-sign",
        "-in",
        document,
        "-signer",
        certificate,
        "-inkey",
        key,
        "-certfile",
        chain,
        "-out",
        out,
        *options,
    )
    return out


def stamp_cms(signature: Path, authority: SigningAuthority, holder: Holder, digest: str) -> None:
    """Put a time stamp by `openssl ts` into a signature; its imprint is made with ``digest``."""
    folder = signature.parent
    certificate, key, chain = cms_files(folder, authority, holder, "clock")
    settings, value, query, token = (folder / name for name in ("ts.cnf", "value", "query.tsq", "token.tst"))
    settings.write_text(
        f"[tsa]\ndefault_tsa=here\n[here]\nserial={folder}/serial\nsigner_cert={certificate}\ncerts={chain}\n"
        f"signer_key={key}\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=md5,sha1,sha256,sha512\n"
    )
    (folder / "serial").write_text("01\n")
    info = cms.ContentInfo.load(signature.read_bytes())
    (signer_info,) = info["content"]["signer_infos"]
    value.write_bytes(signer_info["signature"].native)
    openssl("ts", "-query", "-data", value, f"-{digest}", "-cert", "-out", query)
    openssl("ts", "-reply", "-config", settings, "-queryfile", query, "-token_out", "-out", token)
    signer_info["unsigned_attrs"] = cms.CMSAttributes(
        [
            cms.CMSAttribute(
                {
                    "type": "signature_time_stamp_token",
                    "values": [cms.ContentInfo.load(token.read_bytes())],
                }
            )
        ]
    )
    signature.write_bytes(info.dump())


def clock(authority: SigningAuthority, holder: Holder, at: datetime) -> timestamps.TimeStamper:
    """A time-stamping authority whose clock stands still."""
    return timestamps.DummyTimeStamper(
        tsa_cert=asn1_certificate(holder),
        tsa_key=asn1_key(holder),
        certs_to_embed=_store(authority),
        fixed_dt=at,
    )


def asn1_certificate(holder: Holder) -> Any:
    """A certificate as pyHanko takes it."""
    return asn1_x509.Certificate.load(holder.der)


def asn1_key(holder: Holder) -> Any:
    """A key as pyHanko takes it."""
    return asn1_keys.PrivateKeyInfo.load(
        holder.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _store(authority: SigningAuthority) -> Any:
    return SimpleCertificateStore.from_certs([asn1_certificate(authority.intermediate)])
