"""Transports by hand: plain sockets, and nothing of anybody's WAMP or WebSocket library."""

import base64
import hashlib
import os
import socket
import struct

# Longer than what the router itself waits for, such as the answer to a GOODBYE, and that on a busy machine.
TIMEOUT_S = 15
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):
    """The router ended the connection; `code` is the WebSocket close code, if there was one."""

    def __init__(self, code=None):
        super().__init__(f"closed by the router, code {code}")
        self.code = code


class Socket:
    """A TCP connection that reads exact amounts and notices the end."""

    def __init__(self, port: int):
        self.raw = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, octets: bytes):
        try:
            self.raw.sendall(octets)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def read(self, count: int, timeout_s: float = TIMEOUT_S) -> bytes:
        self.raw.settimeout(timeout_s)
        parts = []
        while count:
            try:
                part = self.raw.recv(min(count, 1 << 20))
            except ConnectionResetError as error:
                raise Closed from error
            if not part:
                raise Closed
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.read(1)
        return line[:-2]

    def expect_end(self, timeout_s: float = TIMEOUT_S) -> bytes:
        """Reads until the router closes, and returns what came before."""
        octets = b""
        try:
            while True:
                octets += self.read(1, timeout_s)
        except Closed:
            return octets

    def reset(self):
        """Ends the connection with a reset, as a crashed peer would."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.close()

    def close(self):
        self.raw.close()


class RawSocketLink:
    """RawSocket, from the handshake to whole frames."""

    SERIALIZERS = {"json": 1, "msgpack": 2, "cbor": 3, "ubjson": 4}

    def __init__(self, port: int, serializer: str, length_exponent: int = 15):
        self.socket = Socket(port)
        self.socket.write(bytes([0x7F, length_exponent << 4 | self.SERIALIZERS[serializer], 0, 0]))
        self.handshake = self.socket.read(4)

    def send(self, octets: bytes):
        self.send_frame(0, octets)

    def send_frame(self, kind: int, octets: bytes):
        self.socket.write(self.prefix(kind, len(octets)) + octets)

    @staticmethod
    def prefix(kind: int, length: int) -> bytes:
        extended = length == 1 << 24
        return bytes([kind | extended << 3]) + (0 if extended else length).to_bytes(3, "big")

    def receive_frame(self, timeout_s: float = TIMEOUT_S):
        """The prefix and the payload of the next frame."""
        prefix = self.socket.read(4, timeout_s)
        length = int.from_bytes(prefix[1:], "big") or (1 << 24 if prefix[0] & 8 else 0)
        return prefix, self.socket.read(length, timeout_s)

    def receive(self, timeout_s: float = TIMEOUT_S) -> bytes:
        """The payload of the next WAMP frame; PINGs are answered on the way."""
        while True:
            prefix, payload = self.receive_frame(timeout_s)
            if prefix[0] & 7 == 0:
                return payload
            if prefix[0] & 7 == 1:
                self.send_frame(2, payload)


class WebSocketLink:
    """WebSocket, from the opening handshake to whole messages; the pieces are there to be misused."""

    def __init__(self, port: int, subprotocols: str, path: str = "/ws", headers: str = ""):
        self.socket = Socket(port)
        key = base64.b64encode(os.urandom(16))
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\n"
            + (f"Sec-WebSocket-Protocol: {subprotocols}\r\n" if subprotocols else "")
            + headers
            + "\r\n"
        )
        self.socket.write(request.encode())
        self.status = int(self.socket.read_line().split()[1])
        self.headers = {}
        while line := self.socket.read_line():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()
        if self.status == 101:
            expected = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
            assert self.headers["sec-websocket-accept"] == expected
        self.subprotocol = self.headers.get("sec-websocket-protocol")
        self.opcode = TEXT if ".json" in (self.subprotocol or "") else BINARY
        self.received_opcodes = []

    def send(self, octets: bytes):
        self.send_frame(self.opcode, octets)

    def send_frame(self, opcode: int, octets: bytes, *, last: bool = True, masked: bool = True, reserved: int = 0):
        head = bytes([last << 7 | reserved << 4 | opcode])
        length = len(octets)
        mark = masked << 7
        if length < 126:
            head += bytes([mark | length])
        elif length < 1 << 16:
            head += bytes([mark | 126]) + length.to_bytes(2, "big")
        else:
            head += bytes([mark | 127]) + length.to_bytes(8, "big")
        if masked:
            mask = os.urandom(4)
            repeated = mask * (length // 4 + 1)
            body = (int.from_bytes(octets, "big") ^ int.from_bytes(repeated[:length], "big")).to_bytes(length, "big")
            self.socket.write(head + mask + body)
        else:
            self.socket.write(head + octets)

    def receive_frame(self, timeout_s: float = TIMEOUT_S):
        """Opcode, the last-frame bit and payload of the next frame."""
        first, second = self.socket.read(2, timeout_s)
        assert not second & 0x80, "a server's frame is not masked"
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self.socket.read(2, timeout_s), "big")
        elif length == 127:
            length = int.from_bytes(self.socket.read(8, timeout_s), "big")
        return first & 0x0F, bool(first & 0x80), self.socket.read(length, timeout_s)

    def receive(self, timeout_s: float = TIMEOUT_S) -> bytes:
        """The next message; PINGs are answered on the way, and a CLOSE raises `Closed`."""
        message = b""
        while True:
            opcode, last, payload = self.receive_frame(timeout_s)
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big") if payload else None)
            elif opcode != PONG:
                if opcode:
                    self.received_opcodes.append(opcode)
                message += payload
                if last:
                    return message
