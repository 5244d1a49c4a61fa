#!/usr/bin/env python3
"""Checks the vectors in this folder by FORMAT.md alone, with cbor2, cryptography and pyrage (see requirements.txt).

Prints one line a vector; ends with status 1 at any mismatch.
"""

import hashlib
import hmac
import json
import pathlib
import re
import sys
import unicodedata
from io import BytesIO

import cbor2
import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FOLDER = pathlib.Path(__file__).resolve().parent
SIGNED_LIMIT = 65 * 1024
NESTING_LIMIT = 16
# Embeddings, overrides and isolates of UAX 9.
BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
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
        return 1 + max(map(depth, [*value.keys(), *value.values()]), default=0)
    if isinstance(value, (list, tuple)):
        return 1 + max(map(depth, value), default=0)
    refuse(not isinstance(value, (bool, int, str, bytes, type(None))), "something that is not used")
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


def verify(kind, data, key_of, versions=(2,)):
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
    refuse(not isinstance(content, dict) or content.get(0) not in versions, "unknown version")
    key = key_of(content, header[4])
    refuse(not isinstance(key, bytes) or len(key) != 32, "no key")
    refuse(key in SMALL_ORDER_Y, "weak key")
    refuse(header[4] != hashlib.sha256(key).digest()[:8], "another key")
    message = cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Refused("wrong signature") from error
    return content


def bureau(value):
    refuse(not isinstance(value, str) or not re.fullmatch("[A-Z]{2}(-[A-Z0-9]{1,5})?", value), "no bureau")


def whole(most, least=0):
    def check(value):
        refuse(type(value) is not int or not least <= value <= most, "no such number")

    return check


def raw(length):
    def check(value):
        refuse(not isinstance(value, bytes) or len(value) != length, f"not {length} bytes")

    return check


def text(limit, lines=False):
    def check(value):
        refuse(not isinstance(value, str) or not value.strip(), "no text")
        refuse(len(value.encode()) > limit, "too long")
        allowed = "\n\t\r" if lines else ""
        bad = (unicodedata.category(sign) in ("Cc", "Zl", "Zp") and sign not in allowed for sign in value)
        refuse(any(bad) or any(sign in BIDIRECTIONAL for sign in value), "a sign that is not shown")

    return check


def like(pattern):
    def check(value):
        text(256)(value)
        refuse(not re.fullmatch(pattern, value), "not written as it must be")

    return check


def array(most, rule, distinct=False, least=0):
    def check(value):
        refuse(not isinstance(value, (list, tuple)) or not least <= len(value) <= most, "no such list")
        for item in value:
            rule(item)
        refuse(distinct and len({repr(item) for item in value}) != len(value), "something twice")

    return check


def parts(*rules):
    def check(value):
        refuse(not isinstance(value, (list, tuple)) or len(value) != len(rules), "another number of parts")
        for item, rule in zip(value, rules, strict=True):
            rule(item)

    return check


def entries(rules):
    """Rules for the entries of a map; those of optional ones come in a list."""

    def check(value):
        refuse(not isinstance(value, dict), "no map")
        for key, rule in rules.items():
            optional = isinstance(rule, list)
            if key in value:
                (rule[0] if optional else rule)(value[key])
            else:
                refuse(not optional, f"no entry {key}")

    return check


INSTANT, DAY, SERIAL, CODE = whole(253_402_128_000_000), whole(2_932_895), whole(2**64 - 1), whole(255)
CONTACT = {0: text(256), 1: text(256), 2: [like(r"\S+@\S+")], 3: [like(r"\+[1-9][0-9]{6,14}")]}
SUBTAGS = "[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"
RULES = {
    "card": {
        1: bureau, 2: text(256), 3: SERIAL, 4: INSTANT, 5: INSTANT, 6: raw(32), 7: raw(32), 8: raw(32),
        9: array(16, like(r"/[!-~]+")), 10: array(16, like(SUBTAGS)), 11: array(16, entries(CONTACT)), 12: raw(64),
        13: [array(16, parts(raw(32), raw(64)), least=1)],
    },
    "charter": {
        1: raw(16), 2: text(256), 3: CODE, 4: CODE, 5: text(4096, lines=True), 6: bureau, 7: SERIAL, 8: INSTANT, 9: DAY,
        10: array(256, CODE, True), 11: array(256, CODE, True), 12: array(256, parts(bureau, whole(2)), True),
        13: [INSTANT], 14: raw(16),
    },
    "acceptance": {
        1: raw(16), 2: bureau, 3: SERIAL, 4: SERIAL, 5: whole(2),
        6: parts(array(256, CODE, True), array(256, CODE, True), array(256, bureau, True)), 7: INSTANT,
    },
    "receipt": {
        1: bureau, 2: bureau, 3: INSTANT, 4: parts(SERIAL, SERIAL, raw(16)),
        5: array(64, parts(raw(16), whole(2**32 - 1), text(64))),
    },
    "parcel": {1: bureau, 2: bureau, 3: INSTANT, 4: array(4096, lambda _: None)},
    "tombstone": {1: raw(16), 2: bureau, 3: INSTANT, 4: CODE},
}


def plain_signed(kind, data, key_of):
    """The payload of a signed document that keeps the rules of its kind."""
    content = verify(kind, data, key_of)
    entries(RULES[kind])(content)
    return content


def file_id(manager, nonce):
    made = bytearray(hashlib.sha256(b"igain file 1" + manager.encode().ljust(8, b"\0") + nonce).digest()[:16])
    made[6], made[8] = made[6] & 0x0F | 0x80, made[8] & 0x3F | 0x80
    return bytes(made)


def read_charter(data, key_of):
    charter = plain_signed("charter", data, key_of)
    refuse(file_id(charter[6], charter[14]) != charter[1], "an id of another file")
    members = [member for member, _ in charter[12]]
    refuse(len(set(members)) != len(members), "a member twice")
    refuse(any(member == charter[6] and role != 0 for member, role in charter[12]), "a manager that does not lead")
    return charter


def read_parcel(data, sender, receiver, key_of):
    refuse(len(data) > SIGNED_LIMIT, "too long")
    parcel = plain_signed("parcel", data, key_of)
    refuse(parcel[1] != sender or parcel[2] != receiver or sender == receiver, "a parcel of others")
    return parcel


def read_card(data):
    card = plain_signed("card", data, lambda card, _: card.get(6, b""))
    refuse(card[5] <= card[4], "it ends before it begins")
    refuse(card[6] == card[8], "one key for two uses")
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
    charter = read_charter(bytes.fromhex(vector["bytes"]), signer(vector))
    names = "name purpose crime_area scope manager serial opened_ms closes_days kinds categories members".split()
    compare(charter, vector["input"], dict(enumerate(names, 2)))
    expect(charter[1], vector["input"]["id"].replace("-", ""), "id")
    expect(charter[14], vector["input"]["nonce"], "nonce")
    name = charter[6].encode().ljust(8, b"\0")
    digest = bytearray(hashlib.sha256(b"igain file 1" + name + charter[14]).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    refuse(charter[1] != bytes(digest), "an id that is not its manager's")


def check_acceptance(vector):
    acceptance = plain_signed("acceptance", bytes.fromhex(vector["bytes"]), signer(vector))
    compare(acceptance, vector["input"], {2: "bureau", 3: "charter_serial", 4: "serial", 5: "state", 7: "at_ms"})
    expect(acceptance[6], list(vector["input"]["only"][name] for name in ("kinds", "crime_areas", "owners")), "only")


def check_receipt(vector):
    receipt = plain_signed("receipt", bytes.fromhex(vector["bytes"]), signer(vector))
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


def pieces(data, key_of, versions=(2,)):
    """What is signed of a record, its parts with their salts, its label, and whether anything may be withheld."""
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
    content = verify("record", cbor2.dumps(document, canonical=True), key_of, versions)
    return content, salted, label, not isinstance(rest, bytes)


def read_sealed(data, key_of):
    """The head and the label of a record that is of a later version, or may be."""
    content, _, label, _ = pieces(data, key_of, range(2, 2**32))
    check_order(label)
    return content, label


def check_order(label):
    for key, what in ((1, "files"), (4, "handling codes"), (8, "audience")):
        listed = label.get(key, [])
        refuse(any(one >= other for one, other in zip(listed, listed[1:])), f"{what} out of order")


def check_label(label):
    """Where it breaks one of these alone, its record may be of a later version."""
    refuse(len(label.get(1, [])) > 8, "too many files")
    refuse(len(label.get(8, [])) > 256, "too many recipients")
    note = label.get(5)
    refuse((note is not None) != (3 in label.get(4, [])), "a note without H3, or H3 without a note")
    refuse(note is not None and ("\n" in note or len(note.encode()) > 2048), "no line")
    refuse(10 in label and label[0] != 0, "an age group of what is no person")


def read_record(data, key_of):
    """What is signed, the disclosed fields of a record, and whether anything may be withheld."""
    content, salted, label, redacted = pieces(data, key_of)
    check_order(label)
    check_label(label)
    fields = []
    for part in salted:
        part = decode(part[16:])
        refuse(len(part) == 0 or len(part) % 2 != 0, "no part")
        fields += [list(field) for field in zip(part[::2], part[1::2], strict=True)]
    return content, fields, redacted


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
    tombstone = plain_signed("tombstone", bytes.fromhex(vector["bytes"]), signer(vector))
    compare(tombstone, vector["input"], {1: "id", 2: "owner", 3: "at_ms", 4: "reason"})


def read_end(data, key_of):
    """A withdrawal, of which only the record and its owner count."""
    content = verify("tombstone", data, key_of, range(2, 2**32))
    entries({key: RULES["tombstone"][key] for key in (1, 2)})(content)
    return content


def of_signers(vector):
    """The key of the bureau that a document of these vectors must be by."""
    by = {"charter": 6, "acceptance": 2, "receipt": 1, "tombstone": 2, "parcel": 1}

    def read(case):
        kind, data = case["type"], bytes.fromhex(case["bytes"])

        def key_of(content, _):
            return bytes.fromhex(vector["signers"].get(content.get(by[kind]), ""))

        if kind == "card":
            return read_card(data)
        if kind == "charter":
            return read_charter(data, key_of)
        if kind == "tombstone":
            return read_end(data, key_of)
        if kind == "parcel":
            return read_parcel(data, "KE", "FR", key_of)
        content = plain_signed(kind, data, key_of)
        refuse(kind == "receipt" and (content[1], content[2]) != ("FR", "KE"), "a receipt of others")
        return content

    return read


def check_rules(vector):
    read = of_signers(vector)
    for case in vector["cases"]:
        try:
            read(case)
        except Refused:
            continue
        raise Refused(f"{case['type']} {case['name']} was accepted: {case['description']}")


def check_passed(vector):
    read = of_signers(vector)
    for case in vector["cases"]:
        read(case)


def check_tomorrow(vector):
    for case in vector["cases"]:
        data = bytes.fromhex(case["bytes"])
        head, label = read_sealed(data, signer(vector))
        expect(head[1].hex(), case["id"], "id")
        expect(head[2], case["revision"], "revision")
        digest = hashlib.sha256(b"igain label 1" + cbor2.dumps(label, canonical=True)).digest()[:16]
        expect(digest.hex(), case["label_digest"], "label")


def follow(feeds, parcel):
    """What the items of a parcel are, in order, and where the feeds are behind them."""
    told = []
    for item in parcel[4]:
        item = decode(item)
        if item[0] == 0:
            feeds[item[1]] = [item[2], 0, bytes(16)]
        elif item[0] == 1:
            generation, count, head, entries = item[2:]
            refuse(feeds[item[1]] != [generation, count, head], "a run that does not follow")
            written = b"".join(cbor2.dumps(entry, canonical=True) for entry in entries)
            head = hashlib.sha256(b"igain run 2" + head + written).digest()[:16]
            feeds[item[1]] = [generation, count + len(entries), head]
            names = ("put", "withdraw", "gone", "recall", "complete", "letter")
            told += [names[entry[0]] if entry[0] < len(names) else "other" for entry in entries]
    return told


def check_items(vector):
    check_parcel(vector)
    feeds = {}
    told = follow(feeds, verify("parcel", bytes.fromhex(vector["signed"]), signer(vector)))
    expect(told, vector["entries"], "entries")
    expect(plain([feeds[0], feeds[1]]), [vector["letters"], vector["records"]], "places")


def check_exchange(vector):
    identity, feeds = pyrage.x25519.Identity.from_str(vector["keys"]["sealing_identity"]), {}
    for frame in vector["frames"]:
        data = bytes.fromhex(frame["bytes"])
        expect(int(frame["length"], 16), len(data), "length")
        version, kind, body = decode(data)
        expect(version, 3, "version")
        expect(("pull", "delivery", "end", "notify", "taken", "card")[kind], frame["message"], "message")
        if kind == 5:
            read_card(body)
        if kind == 1:
            follow(feeds, verify("parcel", pyrage.decrypt(body, [identity]), signer(vector)))
        if kind == 0 and feeds:
            expect(plain(body[1:3]), [vector["letters"], vector["records"]], "cursors")
    expect(plain([feeds[0], feeds[1]]), [vector["letters"], vector["records"]], "places")


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
    "refused-labels": check_refused_records,
    "fields": check_fields,
    "tombstone": check_tombstone,
    "refused-rules": check_rules,
    "passed": check_passed,
    "tomorrow": check_tomorrow,
    "parcel-items": check_items,
    "exchange": check_exchange,
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
