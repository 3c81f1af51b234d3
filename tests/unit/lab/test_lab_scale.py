# SPDX-License-Identifier: Apache-2.0
"""Ten thousand endpoints in one lab."""
import re
import urllib.parse

import lab_support

COUNT = 10000


class Scale(lab_support.LabCase):
    options = ("--endpoints", str(COUNT), "--operation-time", "0s", "--seed", "3")

    def resident_mib(self):
        with open("/proc/%d/status" % self.lab.process.pid, encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) / 1024

    def test_all_are_listed_once_and_have_keys_of_their_own(self):
        names, target, version = [], self.lab.endpoints + "?count=1000", "2024-04-01"
        while target:
            body = self.lab.arm("GET", target, version=version, timeout=60).json()
            names += [endpoint["name"] for endpoint in body["value"]]
            link = urllib.parse.urlsplit(body.get("nextLink", ""))
            target, version = (link.path + "?" + link.query if link.path else None), None
        self.assertEqual((len(names), len(set(names))), (COUNT, COUNT))
        keys = [key for keys in self.lab.control("GET", "/keys").json().values() for key in keys.values()]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertGreaterEqual(len(keys), 2 * COUNT)

    def test_any_of_them_is_regenerated(self):
        for name in ("ep-0001", "ep-5000", "ep-%d" % COUNT):
            before = self.lab.endpoint("POST", "/listKeys", name=name).json()
            self.assertEqual(self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Secondary"}, name=name).status, 202)
            after = self.lab.endpoint("POST", "/listKeys", name=name).json()
            self.assertEqual([slot for slot in before if before[slot] != after[slot]], ["secondaryKey"])

    def test_zz_it_never_needed_100_mib(self):
        """Last by its name: after what the others did, and with everything it keeps of requests and events."""
        for _ in range(500):
            self.lab.endpoint("POST", "/listKeys", name="ep-0002")
        with open(lab_support.PROGRAM, "rb") as file:
            is_sanitized = b"__asan_init" in file.read()
        # AddressSanitizer keeps what was freed, and its shadow.
        self.assertLess(self.resident_mib(), 1000 if is_sanitized else 100)


if __name__ == "__main__":
    lab_support.main()
