# SPDX-License-Identifier: Apache-2.0
"""Knows every secret of a test run and looks for it in whatever the run produced.

A secret is looked for as it is, in base64 (at each of the three alignments), in hex, percent-encoded and
JSON-escaped, so that a leak in passing is a leak all the same.
"""
import base64
import json
import re
import threading
import urllib.parse

SHORTEST = 12  # anything shorter would be found by chance


def _base64_forms(value):
    """What of the base64 text does not depend on the bytes before and behind the value."""
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + value)
        first = (0, 2, 3)[offset]
        last = len(text) - (0, 4, 4)[(offset + len(value)) % 3]
        if last - first >= SHORTEST:
            yield text[first:last]
            yield text[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def forms_of(value):
    forms = {value, value.hex().encode(), value.hex().upper().encode()}
    quoted = urllib.parse.quote_from_bytes(value, safe="").encode()
    forms |= {quoted, re.sub(rb"%..", lambda match: match.group().lower(), quoted)}
    forms |= set(_base64_forms(value))
    try:
        escaped = json.dumps(value.decode())[1:-1]
        forms |= {escaped.encode(), escaped.replace("/", "\\/").encode()}
    except UnicodeDecodeError:
        pass
    return {form for form in forms if len(form) >= SHORTEST}


class Secrets:
    """Thread-safe: what is learnt while something is recorded is still found in it later."""

    def __init__(self):
        self._lock = threading.Lock()
        self._names = {}  # form -> what it is
        self._records = []

    def learn(self, name, value):
        value = value.encode() if isinstance(value, str) else value
        if len(value) < SHORTEST:
            raise ValueError("too short to look for: " + name)
        with self._lock:
            for form in forms_of(value):
                self._names.setdefault(form, name)

    def record(self, where, data):
        """Something that was produced; scan() will look into it."""
        data = data.encode() if isinstance(data, str) else data
        if data:
            with self._lock:
                self._records.append((where, data))

    def leaks_in(self, data):
        with self._lock:
            names = dict(self._names)
        if not names:
            return []
        pattern = re.compile(b"|".join(re.escape(form) for form in names))
        return sorted({names[match.group()] for match in pattern.finditer(data)})

    def scan_records(self):
        """[(where, [secret, ...]), ...] of everything recorded."""
        with self._lock:
            records = list(self._records)
        found = [(where, self.leaks_in(data)) for where, data in records]
        return [(where, leaks) for where, leaks in found if leaks]

    def records(self):
        with self._lock:
            return [where for where, _ in self._records]
