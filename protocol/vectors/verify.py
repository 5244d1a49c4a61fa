#!/usr/bin/env python3
"""Checks the vectors in this folder by FORMAT.md alone, with cbor2, cryptography and pyrage (see requirements.txt).

Prints one line a vector; ends with status 1 at any mismatch.
"""

import hashlib
import hmac
import json
import pathlib
import sys
from io import BytesIO

import cbor2
import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FOLDER = pathlib.Path(__file__).resolve().parent
SIGNED_LIMIT = 65 * 1024
NESTING_LIMIT = 16
# The y (Ed25519) and u (X25519) coordinates of small order, little end first: no key may be one of them.
SMALL_ORDER_Y = {
    (1).to_bytes(32, "little"),
    (0).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
}
SMALL_ORDER_U = {
    (0).to_bytes(32, "little"),
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
}


class Refused(Exception):
    """What a reader refuses."""


def refuse(condition, why):
    if condition:
        raise Refused(why)


def depth(value):
    if isinstance(value, cbor2.CBORTag):
        return 1 + depth(value.value)
    if hasattr(value, "values"):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, (list, tuple)):
        return 1 + max(map(depth, value), default=0)
    return 0


def decode(data):
    """One item of deterministic CBOR: encoding it again gives the same bytes."""
    stream = BytesIO(data)
    try:
        value = cbor2.load(stream)
    except Exception as error:  # the library raises several kinds
        raise Refused(f"no CBOR: {error}") from error
    refuse(stream.tell() != len(data), "more bytes follow")
    refuse(depth(value) > NESTING_LIMIT, "nested too deep")
    refuse(cbor2.dumps(value, canonical=True) != data, "not deterministic")
    return value


def verify(kind, data, key_of):
    """The payload of a signed document; key_of gives the signer's public key for the payload and the id of a key."""
    refuse(len(data) > SIGNED_LIMIT, "too long")
    document = decode(data)
    refuse(not isinstance(document, cbor2.CBORTag) or document.tag != 18, "no COSE_Sign1")
    refuse(len(document.value) != 4, "no COSE_Sign1")
    protected, unprotected, payload, signature = document.value
    header = decode(protected)
    refuse(set(header) != {1, 4, 16} or header[1] != -8, "wrong header")
    refuse(header[16] != f"application/igain-{kind}", "wrong type")
    refuse(len(unprotected) != 0, "something outside the signature")
    content = decode(payload)
    refuse(content.get(0) != 2, "unknown version")
    key = key_of(content, header[4])
    refuse(key in SMALL_ORDER_Y, "weak key")
    refuse(header[4] != hashlib.sha256(key).digest()[:8], "another key")
    message = cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Refused("wrong signature") from error
    return content


def read_card(data):
    card = verify("card", data, lambda card, _: card[6])
    refuse(card[7] in SMALL_ORDER_U, "weak sealing key")
    message = b"igain transport 1" + card[1].encode().ljust(8, b"\0") + card[6]
    try:
        Ed25519PublicKey.from_public_bytes(card[8]).verify(card[12], message)
    except (InvalidSignature, ValueError) as error:
        raise Refused("no proof of the transport key") from error
    former = card.get(13, [])
    refuse(13 in card and not 1 <= len(former) <= 16, "former keys without end")
    keys = [key for key, _ in former] + [card[6]]
    refuse(len({*keys, card[8]}) != len(keys) + 1, "a key twice")
    for (key, signature), following in zip(former, keys[1:], strict=True):
        message = b"igain succession 1" + card[1].encode().ljust(8, b"\0") + following
        refuse(key in SMALL_ORDER_Y, "weak key")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise Refused("a key that its predecessor has not signed") from error
    return card


def key_of(card, kid):
    """The key of a bureau that a document names."""
    keys = [key for key, _ in card.get(13, [])]
    return next((key for key in keys if hashlib.sha256(key).digest()[:8] == kid), card[6])


def plain(value):
    """A decoded value as the vectors' JSON writes it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def expect(found, wanted, what):
    if plain(found) != wanted:
        raise Refused(f"{what} is {plain(found)!r}, not {wanted!r}")


def compare(content, wanted, names):
    for key, name in names.items():
        expect(content.get(key), wanted[name], name)


def check_card(vector):
    card = read_card(bytes.fromhex(vector["bytes"]))
    names = "bureau name serial not_before_ms not_after_ms signing sealing transport addresses languages".split()
    compare(card, vector["input"], dict(enumerate(names, 1)))
    for contact, wanted in zip(card[11], vector["input"]["contacts"], strict=True):
        compare(contact, wanted, {0: "role", 1: "name", 2: "email", 3: "phone"})
    fingerprint = hashlib.sha256(card[6]).hexdigest()
    expect(fingerprint, vector["keys"]["fingerprint"].replace(" ", "").lower(), "fingerprint")


def check_refused(vector):
    for case in vector["cases"]:
        try:
            read_card(bytes.fromhex(case["bytes"]))
        except Refused:
            continue
        raise Refused(f"{case['name']} was accepted: {case['description']}")


def signer(vector):
    return lambda *_: bytes.fromhex(vector["keys"]["signing_public"])


def check_charter(vector):
    charter = verify("charter", bytes.fromhex(vector["bytes"]), signer(vector))
    names = "name purpose crime_area scope manager serial opened_ms closes_days kinds categories members".split()
    compare(charter, vector["input"], dict(enumerate(names, 2)))
    expect(charter[1], vector["input"]["id"].replace("-", ""), "id")
    expect(charter[14], vector["input"]["nonce"], "nonce")
    name = charter[6].encode().ljust(8, b"\0")
    digest = bytearray(hashlib.sha256(b"igain file 1" + name + charter[14]).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    refuse(charter[1] != bytes(digest), "an id that is not its manager's")


def check_acceptance(vector):
    acceptance = verify("acceptance", bytes.fromhex(vector["bytes"]), signer(vector))
    compare(acceptance, vector["input"], {2: "bureau", 3: "charter_serial", 4: "serial", 5: "state", 7: "at_ms"})
    expect(acceptance[6], list(vector["input"]["only"][name] for name in ("kinds", "crime_areas", "owners")), "only")


def check_receipt(vector):
    receipt = verify("receipt", bytes.fromhex(vector["bytes"]), signer(vector))
    compare(receipt, vector["input"], dict(enumerate("from to at_ms upto refused".split(), 1)))


def check_parcel(vector):
    identity = pyrage.x25519.Identity.from_str(vector["keys"]["sealing_identity"])
    signed = pyrage.decrypt(bytes.fromhex(vector["bytes"]), [identity])
    expect(signed, vector["signed"], "signed")
    parcel = verify("parcel", signed, signer(vector))
    compare(parcel, vector["input"], {1: "from", 2: "to", 3: "created_ms", 4: "items"})


RECORD_LIMIT = 56 * 1024
HEAD = {1: "id", 2: "revision", 3: "owner", 7: "modified_ms", 8: "retain_until_days"}
LABEL = dict(enumerate("kind cafs tlp pap handling note category crime_area audience".split())) | {10: "age_group"}
GRADING = {0: "reliability", 1: "accuracy", 2: "admiralty"}


def draw(seed, what, index):
    """A salt or a decoy of the record with this seed."""
    return hmac.digest(seed, bytes([what]) + index.to_bytes(4, "big"), "sha256")


def read_record(data, key_of):
    """What is signed, the disclosed fields of a record, and whether anything may be withheld."""
    refuse(len(data) > RECORD_LIMIT, "too long")
    record = decode(data)
    refuse(not isinstance(record, (list, tuple)) or len(record) != 6, "no record")
    kid, label, head, signature, parts, rest = record
    if isinstance(rest, bytes):
        refuse(len(rest) != 16, "no seed")
        salted = [draw(rest, 0, index)[:16] + part for index, part in enumerate(parts)]
        withheld = [draw(rest, 1, index) for index in range(-len(parts) % 8 if parts else 8)]
    else:
        salted, withheld = parts, rest
        refuse(any(len(part) <= 16 for part in parts), "no salt")
        refuse(any(len(digest) != 32 for digest in withheld), "no digest")
        refuse(list(withheld) != sorted(withheld), "digests out of order")
    digests = sorted([*withheld, *(hashlib.sha256(part).digest() for part in salted)])
    refuse(len(set(digests)) != len(digests), "a digest twice")
    refuse(not digests or len(digests) % 8 != 0, "another number of digests")
    entries = decode(head)
    refuse(any(key > 21 for key in entries), "no head")
    entries = {**entries, 22: label, 23: hashlib.sha256(b"".join(digests)).digest()}
    protected = cbor2.dumps({1: -8, 4: kid, 16: "application/igain-record"}, canonical=True)
    payload = cbor2.dumps(entries, canonical=True)
    document = cbor2.CBORTag(18, [protected, {}, payload, signature])
    content = verify("record", cbor2.dumps(document, canonical=True), key_of)
    fields = []
    for part in salted:
        part = decode(part[16:])
        refuse(len(part) == 0 or len(part) % 2 != 0, "no part")
        fields += [list(field) for field in zip(part[::2], part[1::2], strict=True)]
    return content, fields, not isinstance(rest, bytes)


def check_record(vector):
    head, fields, redacted = read_record(bytes.fromhex(vector["bytes"]), signer(vector))
    compare(head, vector["input"], HEAD)
    expect(head.get(6, head[7]), vector["input"]["created_ms"], "created_ms")
    compare(head[22], vector["input"]["label"], LABEL)
    compare(head[22][9], vector["input"]["label"]["grading"], GRADING)
    expect(fields, vector["input"]["fields"], "fields")
    expect(redacted, vector["redacted"], "redacted")


def check_fields(vector):
    for kind in vector["kinds"]:
        numbers = [field["number"] for field in kind["fields"]]
        refuse(len(set(numbers)) != len(numbers), f"two fields of {kind['name']} with one number")


def check_refused_records(vector):
    for case in vector["cases"]:
        try:
            read_record(bytes.fromhex(case["bytes"]), signer(vector))
        except Refused:
            continue
        raise Refused(f"{case['name']} was accepted: {case['description']}")


def check_tombstone(vector):
    tombstone = verify("tombstone", bytes.fromhex(vector["bytes"]), signer(vector))
    compare(tombstone, vector["input"], {1: "id", 2: "owner", 3: "at_ms", 4: "reason"})


CHECKS = {
    "card": check_card,
    "refused": check_refused,
    "charter": check_charter,
    "acceptance": check_acceptance,
    "receipt": check_receipt,
    "parcel": check_parcel,
    "record": check_record,
    "redacted": check_record,
    "refused-records": check_refused_records,
    "fields": check_fields,
    "tombstone": check_tombstone,
}


def main():
    failed, missing = False, set(CHECKS)
    for path in sorted(FOLDER.glob("*.json")):
        vector = json.loads(path.read_text(encoding="utf-8"))
        name = vector["name"] if vector["name"] in CHECKS else vector["name"].split("-")[0]
        missing.discard(name)
        try:
            CHECKS[name](vector)
        except (Refused, KeyError, TypeError, ValueError, AttributeError, pyrage.DecryptError) as error:
            print(f"{path.name}: FAILED: {type(error).__name__}: {error}")
            failed = True
        else:
            print(f"{path.name}: ok")
    for name in sorted(missing):
        print(f"{name}: FAILED: no vector")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
