"""What WeasyPrint leaves to be added to a page before it can be sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import md5
from typing import TYPE_CHECKING, Any

from pydyf import PDF, Array, Dictionary, Stream, String

if TYPE_CHECKING:
    from certificates.render import Attached

FIELD = "Seal"
_FIELD_LABEL = "Digital seal"
_INVISIBLE = 132  # print, locked
_SIGNED_FOR_GOOD = 3  # it holds signatures, and is only ever appended to

# PDF/UA's mark, and what PDF/A asks for besides: the schema of that property.
_ACCESSIBLE = b"""\
<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" \
xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" rdf:about="" pdfuaid:part="1"/>\
<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" \
xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" \
xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" \
xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#" rdf:about="">\
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">\
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>\
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>\
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">\
<pdfaProperty:name>part</pdfaProperty:name>\
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>\
<pdfaProperty:category>internal</pdfaProperty:category>\
<pdfaProperty:description>Part of ISO 14289 that it follows</pdfaProperty:description>\
</rdf:li></rdf:Seq></pdfaSchema:property>\
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"""


def claim_accessible(pdf: PDF) -> None:
    """Claim PDF/UA-1 beside PDF/A: WeasyPrint claims one of them alone."""
    stream = _object(pdf, pdf.catalog["Metadata"])
    head, end, foot = b"".join(stream.stream).rpartition(b"</rdf:RDF>")
    stream.stream = [head + _ACCESSIBLE + end + foot]


def speak(pdf: PDF) -> None:
    """Write into the tags what the glyphs of a text do not say by themselves."""
    root = _object(pdf, pdf.catalog["StructTreeRoot"])
    numbers = _object(pdf, root["ParentTree"])["Nums"]
    elements_of = dict(zip(numbers[::2], numbers[1::2], strict=True))
    for number, reference in enumerate(pdf.page_references):
        contents = _object(pdf, _object(pdf, reference)["Contents"])
        for mark, text in contents.spoken.items():
            element = _object(pdf, elements_of[number][mark])
            if element["S"] == "/Span":  # a text of its own
                element["ActualText"] = String(text)


def head_tables(pdf: PDF) -> None:
    """Say of each header cell what it heads: its column at the top, else its row."""
    for cell in pdf.objects:
        if isinstance(cell, Dictionary) and cell.get("S") == "/TH":
            rows = _object(pdf, _object(pdf, cell["P"])["P"])
            is_at_the_top = rows["S"] == "/THead"
            cell["A"]["Scope"] = "/Column" if is_at_the_top else "/Row"


def attach(pdf: PDF, files: Sequence[Attached], at: datetime) -> None:
    """Embed files as the data behind the page: PDF/A-3's associated files."""
    if not files:
        return
    date = String(at.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ"))
    names, references = Array(), Array()
    for file in sorted(files, key=lambda file: file.name):
        specification = _embedded(pdf, file, date)
        names.extend([String(file.name), specification.reference])
        references.append(specification.reference)
    tree = Dictionary({"Names": names})
    pdf.add_object(tree)
    pdf.catalog.setdefault("Names", Dictionary())["EmbeddedFiles"] = tree.reference
    pdf.catalog["AF"] = references


def _embedded(pdf: PDF, file: Attached, date: String) -> Dictionary:
    checksum = md5(file.content, usedforsecurity=False).hexdigest()
    content = Stream(
        [file.content],
        {
            "Type": "/EmbeddedFile",
            "Subtype": f"/{file.mime.replace('/', '#2F').replace('+', '#2B')}",
            "Params": Dictionary(
                {
                    "Size": len(file.content),
                    "CheckSum": f"<{checksum}>",
                    "CreationDate": date,
                    "ModDate": date,
                }
            ),
        },
        compress=True,
    )
    pdf.add_object(content)
    specification = Dictionary(
        {
            "Type": "/Filespec",
            "F": String(file.name),
            "UF": String(file.name),
            "EF": Dictionary({"F": content.reference, "UF": content.reference}),
            "Desc": String(file.description),
            "AFRelationship": "/Data",
        }
    )
    pdf.add_object(specification)
    return specification


def add_signature_field(pdf: PDF) -> None:
    """Add the empty field that the seal fills: unseen, named, and in the tag tree.

    A field made while signing would have no label and stand outside the tags, which
    PDF/UA forbids.
    """
    root = _object(pdf, pdf.catalog["StructTreeRoot"])
    parents = _object(pdf, root["ParentTree"])
    page_reference = pdf.page_references[0]
    place = max(parents["Nums"][::2]) + 1
    field = Dictionary(
        {
            "Type": "/Annot",
            "Subtype": "/Widget",
            "FT": "/Sig",
            "T": String(FIELD),
            "TU": String(_FIELD_LABEL),
            "Rect": Array([0, 0, 0, 0]),
            "F": _INVISIBLE,
            "P": page_reference,
            "StructParent": place,
        }
    )
    pdf.add_object(field)
    reference = Dictionary(
        {"Type": "/OBJR", "Obj": field.reference, "Pg": page_reference}
    )
    pdf.add_object(reference)
    document = _object(pdf, root["K"][0])
    element = Dictionary(
        {
            "Type": "/StructElem",
            "S": "/Form",
            "Alt": String(_FIELD_LABEL),
            "K": Array([reference.reference]),
            "Pg": page_reference,
            "P": document.reference,
        }
    )
    pdf.add_object(element)
    document["K"].append(element.reference)
    parents["Nums"].extend([place, element.reference])
    page = _object(pdf, page_reference)
    page.setdefault("Annots", Array()).append(field.reference)
    pdf.catalog["AcroForm"] = Dictionary(
        {"Fields": Array([field.reference]), "SigFlags": _SIGNED_FOR_GOOD}
    )


def _object(pdf: PDF, reference: bytes) -> Any:
    return pdf.objects[int(reference.split()[0])]
