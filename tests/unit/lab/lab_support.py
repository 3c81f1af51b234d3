# SPDX-License-Identifier: Apache-2.0
"""Starts a lab, speaks to it with nothing but Python's standard library, and prints TAP.

A test file defines unittest cases and ends with lab_support.main(); its argument is the lab. Without one, the
cases that say so run against the real Vault server in OPENBAO_ADDR: lab and server must agree.
"""
import base64
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.parse


# The program under test; without it, the server that OPENBAO_ADDR names takes the lab's place.
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else None
IS_REAL_VAULT = PROGRAM is None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Lab:
    """One running keydrift-lab in a directory of its own."""

    def __init__(self, *options):
        self.directory = tempfile.mkdtemp(prefix="kdlab-")
        self.process = subprocess.Popen([PROGRAM, "--dir", self.directory, *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != "lab ready\n":
            raise RuntimeError("the lab did not start: " + self.process.communicate()[1])
        with open(os.path.join(self.directory, "lab.json"), encoding="utf-8") as file:
            self.facts = json.load(file)
        self.tls = ssl.create_default_context(cafile=self.facts["ca_file"])
        self.tls.verify_flags |= ssl.VERIFY_X509_STRICT
        self.arm_prefix = "/subscriptions/{subscription}".format(**self.facts)
        self.endpoints = (self.arm_prefix + "/resourceGroups/{resource_group}/providers/Microsoft.MachineLearningServices"
                          "/workspaces/{workspace}/onlineEndpoints".format(**self.facts))
        self.token = None
        self.on_sent = None  # called with each connection once its request is out

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=10)
        shutil.rmtree(self.directory)
        if errors:
            raise RuntimeError(errors)
        return self.process.returncode

    def call(self, service, method, target, body=None, headers=None, timeout=10):
        """One request on a connection of its own; `service` is a member of lab.json or a whole URL."""
        url = urllib.parse.urlsplit(self.facts.get(service + "_url", service))
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=self.tls, timeout=timeout)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, target, body=body, headers=headers)
            if self.on_sent:
                self.on_sent(connection)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def ask_token(self, **changes):
        form = {"grant_type": "client_credentials", "client_id": self.facts["client_id"],
                "client_secret": self.facts["client_secret"], "scope": self.facts["arm_url"] + "/.default"}
        form.update(changes)
        form = {name: value for name, value in form.items() if value is not None}
        return self.call("authority", "POST", "/" + self.facts["tenant"] + "/oauth2/v2.0/token",
                         urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})

    def managed_identity(self, path="/metadata/identity/oauth2/token", headers=None, timeout=10, **changes):
        query = {"api-version": "2018-02-01", "resource": "https://management.azure.com/"}
        query.update(changes)
        query = {name: value for name, value in query.items() if value is not None}
        return self.call("imds", "GET", path + "?" + urllib.parse.urlencode(query),
                         headers={"Metadata": "true"} if headers is None else headers, timeout=timeout)

    def arm(self, method, target, body=None, headers=None, version="2024-04-01", timeout=10):
        """`target` below the subscription's host; the token and the api-version are added."""
        if not self.token:
            self.token = self.ask_token().json()["access_token"]
        all_headers = {"Authorization": "Bearer " + self.token}
        all_headers.update(headers or {})
        if version:
            target += ("&" if "?" in target else "?") + "api-version=" + version
        return self.call("arm", method, target, body, all_headers, timeout)

    def endpoint(self, method, rest="", body=None, name=None, **more):
        return self.arm(method, self.endpoints + "/" + (name or self.facts["endpoint"]) + rest, body, **more)

    def vault(self, method, path, body=None, token=None, headers=None, **more):
        all_headers = {"X-Vault-Token": self.facts["vault_token"] if token is None else token}
        all_headers.update(headers or {})
        return self.call("vault", method, "/v1/" + path, body, all_headers, **more)

    def score(self, key, path="/score", **more):
        return self.call("scoring", "POST", path, "{}", {"Authorization": "Bearer " + key}, **more)

    def control(self, method, target, body=None):
        return self.call("control", method, target, body)

    def keys(self, name=None):
        name = name or self.facts["endpoint"]
        return next(keys for resource, keys in self.control("GET", "/keys").json().items()
                    if resource.endswith("/" + name))

    def fault(self, **wish):
        return self.control("POST", "/fault", wish)

    def requests(self, since=0):
        return self.control("GET", "/requests?since=%d" % since).json()["requests"]


class RealVault(Lab):
    """The OpenBao server that tests/support/with_openbao.py started, in the lab's place."""

    def __init__(self):
        self.on_sent = None
        self.facts = {"vault_url": os.environ["OPENBAO_ADDR"], "vault_token": os.environ["OPENBAO_ROOT_TOKEN"],
                      "approle_role_id": os.environ["OPENBAO_ROLE_ID"], "approle_secret_id": os.environ["OPENBAO_SECRET_ID"]}
        self.tls = ssl.create_default_context(cafile=os.environ["OPENBAO_CACERT"])

    def stop(self, number=signal.SIGTERM):
        return 0

    def control(self, method, target, body=None):
        pass


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _padding(alg):
    return ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if alg == "PS256" else []


def sign_jwt(header, claims, key_file):
    """By the algorithm that the header names: PS256 or RS256."""
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key_file, *_padding(header["alg"])],
                               input=text.encode(), capture_output=True, check=True).stdout
    return text + "." + base64url(signature)


def _der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 255])
    return bytes([tag]) + length + content


def verify_jwt(case, token, keys):
    """Fails unless one of the JSON Web Keys made the RS256 signature."""
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    key = next(key for key in keys if key["kid"] == header["kid"])
    numbers = [base64.urlsafe_b64decode(key[name] + "=" * (-len(key[name]) % 4)) for name in ("n", "e")]
    sequence = _der(0x30, b"".join(_der(2, (b"\0" if number[0] & 0x80 else b"") + number) for number in numbers))
    text, _, signature = token.rpartition(".")
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in ("key", "signature")]
        for path, content in zip(paths, (sequence, base64.urlsafe_b64decode(signature + "=="))):
            with open(path, "wb") as file:
                file.write(content)
        pem = subprocess.run(["openssl", "rsa", "-RSAPublicKey_in", "-inform", "DER", "-in", paths[0], "-pubout"],
                             capture_output=True, check=True).stdout
        with open(paths[0], "wb") as file:
            file.write(pem)
        result = subprocess.run(["openssl", "dgst", "-sha256", "-verify", paths[0], "-signature", paths[1]],
                                input=text.encode(), capture_output=True, check=False)
    case.assertEqual(result.returncode, 0, result.stderr)


def stop(lab):
    if lab.stop() != 0:
        raise RuntimeError("the lab did not end cleanly")


class LabCase(unittest.TestCase):
    """Cases that share one lab, which behaves at the beginning of each."""
    options = ()
    is_for_real_vault_too = False
    # Whether other classes may use the same lab: for those that leave it as it was.
    shares_lab = False
    shared = {}

    @classmethod
    def setUpClass(cls):
        if IS_REAL_VAULT:
            cls.lab = RealVault()
        elif cls.shares_lab:
            cls.lab = cls.shared.get(cls.options) or cls.shared.setdefault(cls.options, Lab(*cls.options))
        else:
            cls.lab = Lab(*cls.options)

    @classmethod
    def tearDownClass(cls):
        if not cls.shares_lab:
            stop(cls.lab)

    def setUp(self):
        self.lab.control("DELETE", "/fault")


class TapResult(unittest.TestResult):
    count = 0

    def _tell(self, word, name):
        self.count += 1
        print(word, self.count, "-", name, flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._tell("ok", test.id())

    def _fail(self, test, error):
        self._tell("not ok", test.id())
        for line in self._exc_info_to_string(error, test).splitlines():
            print("#", line, flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._fail(subtest, err)


def main():
    result = TapResult()
    chosen = unittest.TestSuite()
    for suite in unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]):
        case = next(iter(suite), None)
        if case and (not IS_REAL_VAULT or getattr(case, "is_for_real_vault_too", False)):
            chosen.addTest(suite)
    try:
        chosen.run(result)
    finally:
        for lab in LabCase.shared.values():
            stop(lab)
    print("1..%d" % result.count)
    sys.exit(0 if result.wasSuccessful() else 1)

