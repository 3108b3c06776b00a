"""PostgreSQL's protocol, message by message, as scripts write it.

A line is what is sent at once, its messages separated by ` ~ `; then everything is read until
PostgreSQL has said as often as it has to that it is ready, or waits for COPY data.

    Q SQL               P STATEMENT SQL          B PORTAL STATEMENT VALUES (\\N is NULL)
    D S STATEMENT       D P PORTAL               E PORTAL [ROWS]       C S STATEMENT, C P PORTAL
    S  H  X             d DATA   c   f REASON    raw TAG HEX           - is the empty name

<https://www.postgresql.org/docs/current/protocol-message-formats.html>
"""

import base64
import hashlib
import hmac
import os
import socket
import struct

SECONDS_MAX = 60
# What ends the answer to each message of the extended protocol.
COMPLETIONS = b"123nTCsI"
# Where in PostgreSQL's source an error is raised: another minor version, another line.
SOURCE_FIELDS = "FLR"


class Connection:
    def __init__(self, address, parameters, password):
        host, port = address["host"], address["port"]
        self.socket = socket.create_connection((host, port), SECONDS_MAX)
        self.stream = self.socket.makefile("rb")
        words = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
        body = struct.pack("!i", 196608) + words + b"\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.parameters = {}
        self.refusal = self._log_in(password)

    def _log_in(self, password):
        """Until it is ready; what it says when it is not going to be."""
        while True:
            tag, body = self.read()
            if tag == b"E":
                return shown(tag, body)
            if tag == b"S":
                name, value = body.decode().split("\0")[:2]
                self.parameters[name] = value
            elif tag == b"R":
                self._prove(body, password)
            elif tag == b"Z":
                return None

    def _prove(self, body, password):
        """SCRAM-SHA-256, RFC 5802 and RFC 7677."""
        (kind,) = struct.unpack_from("!i", body)
        if kind == 3:
            self.send(b"p", password.encode() + b"\0")
        elif kind == 10:
            self.first = f"n=,r={base64.b64encode(os.urandom(18)).decode()}"
            text = f"n,,{self.first}".encode()
            self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(text)) + text)
        elif kind == 11:
            server = body[4:].decode()
            said = dict(part.split("=", 1) for part in server.split(","))
            salt, rounds = base64.b64decode(said["s"]), int(said["i"])
            salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
            client = hmac.digest(salted, b"Client Key", "sha256")
            bare = f"c=biws,r={said['r']}"
            proven = f"{self.first},{server},{bare}".encode()
            mark = hmac.digest(hashlib.sha256(client).digest(), proven, "sha256")
            proof = bytes(a ^ b for a, b in zip(client, mark))
            self.send(b"p", f"{bare},p={base64.b64encode(proof).decode()}".encode())

    def send(self, tag, body):
        self.socket.sendall(message(tag, body))

    def read(self):
        """The next message; none when the other side has closed."""
        try:
            head = self.stream.read(5)
        except ConnectionError:
            head = b""
        if len(head) < 5:
            return b"", b""
        tag, length = head[:1], struct.unpack("!i", head[1:])[0]
        return tag, self.stream.read(length - 4)

    def say(self, line):
        """Sends a line, and gives what is answered, each message as a text."""
        sent = [encode(text) for text in line.split(" ~ ")]
        try:
            self.socket.sendall(b"".join(sent))
        except ConnectionError:
            return ["closed"]
        tags = [text[:1] for text in sent]
        ready = sum(tag in (b"Q", b"S", b"F") for tag in tags)
        copying = any(tag in (b"d", b"c", b"f") for tag in tags)
        ready += not ready and tags[-1] in (b"c", b"f")
        answers = sum(tag in b"PBDEC" for tag in tags) if not ready else None
        heard = []
        if tags == [b"d"]:
            return heard
        while ready or answers:
            tag, body = self.read()
            heard.append(shown(tag, body))
            ready -= tag == b"Z" if ready else 0
            answers = answers and (0 if tag == b"E" else answers - (tag in COMPLETIONS))
            if not tag or (tag == b"G" and not copying):
                break
        return [text for text in heard if text]

    def close(self):
        self.stream.close()
        self.socket.close()


def message(tag, body):
    return tag + struct.pack("!i", len(body) + 4) + body


def encode(text):
    verb, _, rest = text.partition(" ")
    name = lambda word: b"\0" if word == "-" else word.encode() + b"\0"
    if verb in "Qf" and verb:
        return message(verb.encode(), rest.encode() + b"\0")
    if verb == "P":
        statement, _, sql = rest.partition(" ")
        return message(b"P", name(statement) + sql.encode() + b"\0\0\0")
    if verb == "B":
        portal, statement, *values = rest.split(" ")
        body = name(portal) + name(statement) + struct.pack("!hh", 0, len(values))
        for value in values:
            data = value.encode()
            body += struct.pack("!i", -1) if value == "\\N" else struct.pack("!i", len(data)) + data
        return message(b"B", body + struct.pack("!h", 0))
    if verb in ("D", "C"):
        kind, named = rest.split(" ")
        return message(verb.encode(), kind.encode() + name(named))
    if verb == "E":
        portal, _, rows = rest.partition(" ")
        return message(b"E", name(portal) + struct.pack("!i", int(rows or 0)))
    if verb == "d":
        return message(b"d", rest.encode().decode("unicode_escape").encode("latin-1"))
    if verb in ("S", "H", "X", "c"):
        return message(verb.encode(), b"")
    if verb == "raw":
        tag, _, data = rest.partition(" ")
        return message(tag.encode(), bytes.fromhex(data))
    raise ValueError(f"not a message: {text}")


def shown(tag, body):
    """A message as a text, without what differs from run to run."""
    if not tag:
        return "closed"
    if tag in b"EN":
        fields = [part for part in body.split(b"\0") if part]
        kept = (part.decode() for part in fields if chr(part[0]) not in SOURCE_FIELDS)
        return f"{tag.decode()} " + " | ".join(kept)
    if tag == b"A":
        return f"A {body[4:]!r}"
    if tag == b"T":
        # The table's number is another one wherever the schema is made anew.
        return f"T {columns(body)}"
    return f"{tag.decode()} {body!r}"


def columns(body):
    (count,), at, found = struct.unpack_from("!h", body), 2, []
    for _ in range(count):
        end = body.index(b"\0", at)
        found.append((body[at:end].decode(), *struct.unpack_from("!hihih", body, end + 5)))
        at = end + 19
    return found
