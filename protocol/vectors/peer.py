#!/usr/bin/env python3
"""Follows another bureau's node by FORMAT.md alone, and prints what it discloses. It changes nothing there and keeps nothing.

    peer.py card KEYS --bureau BR > br.card     draw keys (once), and print a card to be enrolled at the other node
    peer.py pull KEYS OTHER.card [HOST:PORT]    pull both feeds, and print a line of JSON for each entry

It speaks TCP with TLS 1.3, yamux and multistream-select, with cbor2, cryptography and pyrage (see requirements.txt). It leaves
out: QUIC; being connected to; answering letters; receipts; going on from a cursor; what a node does with records. KEYS is a
file of throw-away keys in clear: it is for trying the format, and for nothing else.
"""

import argparse
import base64
import datetime
import hashlib
import json
import os
import pathlib
import secrets
import socket
import ssl
import struct
import sys
import tempfile
import time

import cbor2
import pyrage
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID, ObjectIdentifier

import verify
from verify import Refused, refuse

TIMEOUT_S = 30
FRAME_LIMIT = 163_840
BUDGET, WINDOW = 64 << 20, 4
PULL, DELIVERY, END, NOTIFY, TAKEN, CARD = range(6)
ZEROS = bytes(16)


def raw(key):
    """The 32 bytes of a public key."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


# Keys and cards


def bech32(prefix, data):
    """BIP 173, as age writes its keys."""
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

    def polymod(values):
        check = 1
        for value in values:
            top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
            for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                check ^= generator if top >> bit & 1 else 0
        return check

    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    values = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    head = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(head + values + [0] * 6) ^ 1
    values += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return prefix + "1" + "".join(charset[value] for value in values)


class Keys:
    """The keys of a bureau that does not exist."""

    def __init__(self, path, bureau=None):
        if bureau is not None and not path.exists():
            drawn = {name: secrets.token_hex(32) for name in ("signing", "sealing", "transport")}
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"bureau": bureau} | drawn, file)
        stored = json.loads(path.read_text())
        self.bureau = stored["bureau"]
        self.signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(stored["signing"]))
        self.transport = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(stored["transport"]))
        sealing = bytes.fromhex(stored["sealing"])
        self.sealing = raw(X25519PrivateKey.from_private_bytes(sealing).public_key())
        self.identity = pyrage.x25519.Identity.from_str(bech32("age-secret-key-", sealing).upper())


def sign(kind, payload, key):
    kid = hashlib.sha256(raw(key.public_key())).digest()[:8]
    protected = cbor2.dumps({1: -8, 4: kid, 16: f"application/igain-{kind}"}, canonical=True)
    payload = cbor2.dumps(payload, canonical=True)
    signature = key.sign(cbor2.dumps(["Signature1", protected, b"", payload], canonical=True))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]), canonical=True)


def make_card(keys):
    now = time.time_ns() // 1_000_000
    signing = raw(keys.signing.public_key())
    possession = b"igain transport 1" + keys.bureau.encode().ljust(8, b"\0") + signing
    card = {
        0: 2,
        1: keys.bureau,
        2: f"A reader of the format for {keys.bureau}",
        3: now,
        4: now - 60_000,
        5: now + 86_400_000,
        6: signing,
        7: keys.sealing,
        8: raw(keys.transport.public_key()),
        9: ["/ip4/127.0.0.1/tcp/9"],
        10: ["en"],
        11: [],
        12: keys.transport.sign(possession),
    }
    text = base64.b64encode(sign("card", card, keys.signing)).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN IGAIN CARD-----", *lines, "-----END IGAIN CARD-----", ""])


def read_armour(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    refuse(lines[0] != "-----BEGIN IGAIN CARD-----" or lines[-1] != "-----END IGAIN CARD-----", "no card")
    return verify.read_card(base64.b64decode("".join(lines[1:-1]), validate=True))


# Transport: TLS with the certificates of libp2p, yamux, multistream-select

LIBP2P = ObjectIdentifier("1.3.6.1.4.1.53594.1.1")
PREFIX = b"libp2p-tls-handshake:"


def libp2p_key(public):
    """The protobuf of an Ed25519 key."""
    return b"\x08\x01\x12\x20" + public


def octets(data):
    refuse(len(data) > 127, "longer than this writes")
    return bytes([4, len(data)]) + data


def certificate(transport):
    """A self-signed certificate that carries the transport key, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = octets(libp2p_key(raw(transport.public_key()))) + octets(transport.sign(PREFIX + spki))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "igain")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.UnrecognizedExtension(LIBP2P, bytes([0x30, len(signed)]) + signed), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM) + private


def check_certificate(data, transport):
    """Whether a certificate is that of the holder of the transport key."""
    found = x509.load_der_x509_certificate(data)
    signed = found.extensions.get_extension_for_oid(LIBP2P).value.value
    spki = found.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = octets(libp2p_key(transport))
    refuse(signed[2 : 2 + len(key)] != key, "the node has another transport key than the card")
    signature = signed[2 + len(key) + 2 :]
    verify.Ed25519PublicKey.from_public_bytes(transport).verify(signature, PREFIX + spki)


def negotiate(stream, protocol):
    """multistream-select: whoever dials proposes one protocol."""
    for line in ("/multistream/1.0.0", protocol):
        data = line.encode() + b"\n"
        stream.send(bytes([len(data)]) + data)
    for line in ("/multistream/1.0.0", protocol):
        found = stream.read(stream.read(1)[0])
        refuse(found != line.encode() + b"\n", f"{protocol} is refused: {found!r}")


class Plain:
    """A socket, read to the wanted length."""

    def __init__(self, connection):
        self.connection = connection
        self.send = connection.sendall

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.connection.recv(count - len(data))
            refuse(not more, "the connection ended")
            data += more
        return data


class Yamux:
    """One stream of a yamux connection; streams of the other side are refused."""

    DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
    SYN, ACK, FIN, RST = 1, 2, 4, 8
    WINDOW = 256 << 10
    STREAM = 1

    def __init__(self, below):
        self.below, self.buffer, self.ended = below, b"", False
        self.frame(self.WINDOW_UPDATE, self.SYN, self.STREAM, 0)

    def frame(self, kind, flags, stream, length, data=b""):
        self.below.send(struct.pack(">BBHII", 0, kind, flags, stream, length) + data)

    def send(self, data):
        # What this side sends is far below the first window.
        self.frame(self.DATA, 0, self.STREAM, len(data), data)

    def read(self, count):
        while len(self.buffer) < count:
            refuse(self.ended, "the stream ended")
            self.step()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def step(self):
        version, kind, flags, stream, length = struct.unpack(">BBHII", self.below.read(12))
        refuse(version != 0, "another version of yamux")
        if kind == self.PING:
            if flags & self.SYN:
                self.frame(self.PING, self.ACK, 0, length)
            return
        refuse(kind == self.GO_AWAY, "the node ended the connection")
        data = self.below.read(length) if kind == self.DATA else b""
        if stream != self.STREAM:
            if flags & self.SYN:
                self.frame(self.WINDOW_UPDATE, self.RST, stream, 0)
            return
        self.buffer += data
        self.ended |= flags & (self.FIN | self.RST) != 0
        if data:
            self.frame(self.WINDOW_UPDATE, 0, self.STREAM, len(data))


def connect(address, transport, keys):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), TIMEOUT_S)
    negotiate(Plain(connection), "/tls/1.0.0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["libp2p"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate(keys.transport))
        file.flush()
        context.load_cert_chain(file.name)
    secured = context.wrap_socket(connection)
    check_certificate(secured.getpeercert(binary_form=True), transport)
    below = Plain(secured)
    negotiate(below, "/yamux/1.0.0")
    stream = Yamux(below)
    negotiate(stream, "/igain/sync/3")
    return stream


# Replication


def send(stream, kind, body):
    message = cbor2.dumps([3, kind, body], canonical=True)
    stream.send(struct.pack(">I", len(message)) + message)


def receive(stream):
    (length,) = struct.unpack(">I", stream.read(4))
    refuse(length > FRAME_LIMIT, "a frame that is too long")
    version, kind, body, *_ = verify.decode(stream.read(length))
    refuse(version != 3, "a frame of another version")
    return kind, body


class Feed:
    """How far one feed was followed."""

    def __init__(self):
        self.generation, self.count, self.head = 0, 0, ZEROS

    def cursor(self):
        return [self.generation, self.count, self.head]

    def run(self, generation, count, head, written):
        """Whether a run of entries follows; what repeats is passed over."""
        if generation < self.generation or (generation == self.generation and count < self.count):
            return False
        refuse([generation, count, head] != self.cursor(), "a gap in the feed")
        entries = b"".join(written)
        self.head = hashlib.sha256(b"igain run 2" + self.head + entries).digest()[:16]
        self.count += len(written)
        return True


def lengthened(record, before):
    """A record with its key and label, which it may leave out where they are those of the one before."""
    pieces = verify.decode(record)
    if len(pieces) == 4:
        refuse(before is None, "a record that leaves out what none before it says")
        pieces = [*before, *pieces]
    return cbor2.dumps(pieces, canonical=True), pieces[:2]


def fields_of(kind):
    path = pathlib.Path(__file__).resolve().parent / "fields.json"
    kinds = json.loads(path.read_text(encoding="utf-8"))["kinds"]
    return {field["number"]: field["name"] for row in kinds if row["number"] == kind for field in row["fields"]}


class Reader:
    """What a provider tells, opened and verified."""

    def __init__(self, keys, card):
        self.keys, self.card, self.feeds = keys, card, [Feed(), Feed()]

    def parcel(self, sealed):
        signed = pyrage.decrypt(sealed, [self.keys.identity])
        parcel = verify.verify("parcel", signed, lambda *_: self.card[6])
        refuse(parcel[1] != self.card[1] or parcel[2] != self.keys.bureau, "a parcel of others")
        for item in parcel[4]:
            yield from self.item(verify.decode(item))

    def item(self, item):
        if item[0] == 0 and item[1] in (0, 1):
            feed = self.feeds[item[1]]
            if item[2] > feed.generation:
                feed.generation, feed.count, feed.head = item[2], 0, ZEROS
                yield {"began": item[1], "generation": item[2]}
        elif item[0] == 1 and item[1] in (0, 1):
            _, feed, generation, count, head, entries = item
            # They are deterministic, so that encoding them again gives what came.
            written = [cbor2.dumps(entry, canonical=True) for entry in entries]
            if self.feeds[feed].run(generation, count, head, written):
                yield from self.entries(feed, entries)

    def entries(self, feed, entries):
        before = None
        for entry in entries:
            if entry[0] == 5 and len(entry) == 3:
                refuse(feed != 0, "a letter among records")
                yield {"letter": ("charter", "acceptance", "receipt")[entry[1]] if entry[1] < 3 else entry[1]}
                continue
            refuse(feed != 1 and entry[0] < 5, "a record among letters")
            if entry[0] == 0:
                whole, before = lengthened(entry[2], before)
                yield self.record(entry[1], whole)
            elif entry[0] == 1:
                stone = verify.verify("tombstone", entry[1], self.key_of)
                yield {"withdrawn": stone[1].hex()}
            elif entry[0] in (2, 3):
                yield {("gone", "recalled")[entry[0] - 2]: entry[1].hex()}
            elif entry[0] == 4:
                yield {"complete": True}
            else:
                yield {"of a later version": entry[0]}

    def key_of(self, _, kid):
        return verify.key_of(self.card, kid)

    def renew(self, data):
        """Takes the node's newer card."""
        card = verify.read_card(data)
        before, now = ([*(key for key, _ in one.get(13, [])), one[6]] for one in (self.card, card))
        refuse(card[1] != self.card[1] or now[: len(before)] != before, "the card of another")
        refuse(card[3] <= self.card[3], "no newer card")
        self.card = card
        return {"card": card[3]}

    def record(self, groups, data):
        head, fields, redacted = verify.read_record(data, self.key_of)
        refuse(head[3] != self.card[1], "another owner's record")
        names = fields_of(head[22][0])
        told = [[names.get(number, number), verify.plain(value)] for number, value in fields]
        return {
            "record": head[1].hex(),
            "revision": head[2],
            "tlp": head[22][2],
            "groups": groups,
            "redacted": redacted,
            "fields": told,
        }

    def pull(self, stream, serial):
        """One answer; whether there is more."""
        letters, records = (feed.cursor() for feed in self.feeds)
        mirror = b"".join(struct.pack(">QQ", 0, 0) + ZEROS for _ in self.feeds)
        mirror = hashlib.sha256(b"igain cursors 2" + mirror).digest()[:16]
        send(stream, PULL, [serial, letters, records, BUDGET, WINDOW, mirror, False, [2, 0, self.card[3]]])
        parcels = 0
        while True:
            kind, body = receive(stream)
            if kind == DELIVERY:
                for told in self.parcel(body):
                    print(json.dumps(told, ensure_ascii=False))
                parcels += 1
                send(stream, TAKEN, [serial, parcels])
            elif kind == CARD:
                print(json.dumps(self.renew(body)))
            elif kind == END:
                return body[0]


def tcp_address(card):
    for address in card[9]:
        parts = address.split("/")
        if parts[1] == "ip4" and parts[3] == "tcp":
            return f"{parts[2]}:{parts[4]}"
    raise Refused("the card has no address for TCP over IPv4: give one")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    card = commands.add_parser("card", help="draw keys and print a card")
    pull = commands.add_parser("pull", help="print what a node discloses")
    for command in (card, pull):
        command.add_argument("keys", type=pathlib.Path)
    card.add_argument("--bureau", required=True)
    pull.add_argument("other", type=pathlib.Path)
    pull.add_argument("address", nargs="?")
    given = parser.parse_args()
    if given.command == "card":
        keys = Keys(given.keys, given.bureau)
        print(make_card(keys), end="")
        fingerprint = hashlib.sha256(raw(keys.signing.public_key())).hexdigest().upper()
        print("Fingerprint:", *(fingerprint[at : at + 4] for at in range(0, 64, 4)), file=sys.stderr)
        return 0
    keys, other = Keys(given.keys), read_armour(given.other.read_text())
    try:
        stream = connect(given.address or tcp_address(other), other[8], keys)
        reader, serial = Reader(keys, other), time.time_ns() // 1_000_000
        while reader.pull(stream, serial):
            serial += 1
    except (Refused, OSError, ValueError, pyrage.DecryptError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
