# SPDX-License-Identifier: Apache-2.0
"""A server that passes requests on to a good one, except those it is told to answer badly."""
import socket
import ssl
import subprocess
import threading

import harness

HTML = b"<!DOCTYPE html>\n<html><head><title>Welcome to Hotel WLAN</title></head>\n<body>Please log in</body></html>\n"
MEBIBYTE = b" " * (1 << 20)


def answer(body, head="HTTP/1.1 200 OK", kind="application/json", size=None):
    return ("%s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" %
            (head, kind, len(body) if size is None else size)).encode() + body


class BadServer:
    """`bad(method, path, sent)` gives None, bytes to send as they are, or a function that is given the connection;
    `sent` is all of the request. TLS with a certificate that is its own authority, in `ca_file`."""

    def __init__(self, place, url, ca_file):
        self.good = harness.Service(url, ca_file)
        self.bad, self.sent = None, 0
        directory = place.another_directory()
        self.ca_file, key = str(directory / "cert.pem"), str(directory / "bad-server.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=bad", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", self.ca_file], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.ca_file, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "https://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        place.on_close(self.socket.close)

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.settimeout(10)
            with self.tls.wrap_socket(connection, server_side=True) as stream:
                self._answer(stream)
        except (OSError, ValueError):
            pass  # the client went away, or did not trust us

    def _answer(self, stream):
        head = b""
        while b"\r\n\r\n" not in head:
            part = stream.recv(65536)
            if not part:
                return
            head += part
        head, body = head.split(b"\r\n\r\n", 1)
        sent = head
        lines = head.decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        length = int(next((value for name, value in headers.items() if name.lower() == "content-length"), 0))
        while len(body) < length:
            body += stream.recv(65536)
        headers = {name: value for name, value in headers.items()
                   if name.lower() not in ("host", "content-length", "connection", "expect", "accept-encoding")}
        bad = self.bad(method, path, (sent + body).decode()) if self.bad else None
        if bad is None:
            status, text = self.good.call(method, path, body, headers)
            stream.sendall(answer(text.encode(), "HTTP/1.1 %d Status" % status))
        elif callable(bad):
            bad(stream)
        else:
            stream.sendall(bad)
        try:
            stream.unwrap()
        except OSError:
            pass

    # -- answers that are more than bytes --

    def flood(self, stream):
        """100 MiB, until the client has had enough."""
        stream.sendall(answer(b"{", size=100 << 20))
        for _ in range(100):
            stream.sendall(MEBIBYTE)
            self.sent += len(MEBIBYTE)

    def flood_in_chunks(self, stream):
        """The same without saying so beforehand."""
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        for _ in range(100):
            stream.sendall(b"100000\r\n" + MEBIBYTE + b"\r\n")
            self.sent += len(MEBIBYTE)
