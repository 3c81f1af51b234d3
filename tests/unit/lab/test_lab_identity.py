# SPDX-License-Identifier: Apache-2.0
"""How clients prove who they are to the lab's Entra, in every form that the libraries of four languages use."""
import base64
import hashlib
import os
import ssl
import subprocess
import tempfile
import time
import urllib.parse

import lab_support
from lab_support import base64url, claims_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ARM = "https://management.azure.com/.default"


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def der_of(path):
    return openssl("x509", "-in", path, "-outform", "DER")


def body_codes(answer):
    return answer.status, answer.json()["error_codes"]


class IdentityCase(lab_support.LabCase):
    shares_lab = True

    def token_path(self, what="oauth2/v2.0/token"):
        return "/%s/%s" % (self.lab.facts["tenant"], what)

    def with_assertion(self, assertion, **changes):
        return self.lab.ask_token(client_secret=None, client_assertion=assertion, client_assertion_type=ASSERTION_TYPE, **changes)

    def assertTaken(self, answer):
        self.assertEqual(answer.status, 200, answer.body)
        token = {"Authorization": "Bearer " + answer.json()["access_token"]}
        self.assertEqual(self.lab.endpoint("GET", headers=token).status, 200)


class Discovery(IdentityCase):
    WELL_KNOWN = "v2.0/.well-known/openid-configuration"

    def test_a_bare_question_mark_changes_nothing(self):
        plain = self.lab.call("authority", "GET", self.token_path(self.WELL_KNOWN))
        bare = self.lab.call("authority", "GET", self.token_path(self.WELL_KNOWN) + "?")
        self.assertEqual((bare.status, bare.json()), (200, plain.json()))
        self.assertTrue(bare.headers["Content-Type"].startswith("application/json"))

    def test_the_issuer_has_the_scheme_host_and_port_that_were_asked(self):
        port = urllib.parse.urlsplit(self.lab.facts["authority_url"]).port
        for host in ("localhost", "127.0.0.1"):
            base = "https://%s:%d" % (host, port)
            document = self.lab.call(base, "GET", self.token_path(self.WELL_KNOWN)).json()
            self.assertEqual(document["issuer"], base + self.token_path("v2.0"))
            self.assertEqual(document["token_endpoint"], base + self.token_path())

    def test_an_unknown_tenant_is_told_at_once_and_in_full(self):
        answer = self.lab.call("authority", "GET", "/11111111-0000-0000-0000-000000000000/" + self.WELL_KNOWN)
        self.assertEqual(body_codes(answer), (400, [90002]))
        answer = self.lab.call("authority", "GET", "/a%20b/" + self.WELL_KNOWN)
        self.assertEqual(body_codes(answer), (400, [900023]))

    def test_the_published_key_verifies_the_tokens(self):
        document = self.lab.call("authority", "GET", self.token_path(self.WELL_KNOWN)).json()
        keys = self.lab.call("authority", "GET", urllib.parse.urlsplit(document["jwks_uri"]).path).json()["keys"]
        lab_support.verify_jwt(self, self.lab.ask_token().json()["access_token"], keys)


class Refusals(IdentityCase):
    def test_a_refusal_has_every_member_of_the_contract(self):
        asked = "b8fcb9b3-3b87-4f6d-9a6e-5e2d3d8f1c11"
        answer = self.lab.call("authority", "POST", self.token_path(), "grant_type=password",
                               {"Content-Type": "application/x-www-form-urlencoded", "client-request-id": asked})
        body = answer.json()
        self.assertEqual(set(body), {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id",
                                     "error_uri"})
        self.assertEqual(body["error_codes"], [70003])
        self.assertEqual(body["correlation_id"], asked)
        self.assertEqual(body["error_description"].partition(" Trace ID: ")[2],
                         "%s Correlation ID: %s Timestamp: %s" % (body["trace_id"], asked, body["timestamp"]))
        self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$")

    def test_a_secret_that_has_expired_is_told_from_a_wrong_one(self):
        answer = self.lab.ask_token(client_secret=self.lab.facts["expired_client_secret"])
        self.assertEqual(body_codes(answer), (401, [7000222]))
        answer = self.lab.ask_token(client_secret=self.lab.facts["client_secret"] + "x")
        self.assertEqual(body_codes(answer), (401, [7000215]))
        self.assertNotIn(self.lab.facts["client_secret"].encode(), answer.body)

    def test_what_is_not_a_form_has_no_parameters(self):
        answer = self.lab.call("authority", "POST", self.token_path(), {"grant_type": "client_credentials"},
                               {"Content-Type": "application/json"})
        self.assertEqual(body_codes(answer), (400, [900144]))

    def test_bytes_that_are_no_text_are_refused_like_any_other(self):
        self.assertEqual(body_codes(self.lab.ask_token(client_id=b"\xff\xfe")), (400, [700016]))


class Scopes(IdentityCase):
    def test_every_name_of_resource_manager_is_an_audience(self):
        for audience in ("https://management.azure.com", "https://management.azure.com/", "https://management.core.windows.net/",
                         self.lab.facts["arm_url"], self.lab.facts["arm_url"].replace("127.0.0.1", "localhost")):
            with self.subTest(audience=audience):
                answer = self.lab.ask_token(scope=audience + "/.default")
                self.assertEqual(claims_of(answer.json()["access_token"])["aud"], audience)
                self.assertTaken(answer)

    def test_what_libraries_add_is_dropped(self):
        for scope in (ARM + " openid offline_access profile", "openid " + ARM, "OpenID profile  " + ARM):
            self.assertTaken(self.lab.ask_token(scope=scope))

    def test_exactly_one_scope_is_left(self):
        for scope, code in (("openid profile", 70011), ("/.default", 70011), (" ", 70011),
                            (ARM + " https://graph.microsoft.com/.default", 70011),
                            ("https://management.azure.com/user_impersonation", 1002012),
                            ("https://vault.azure.net/.default", 500011)):
            with self.subTest(scope=scope):
                self.assertEqual(body_codes(self.lab.ask_token(scope=scope)), (400, [code]))

    def test_a_token_for_another_audience_is_nothing_to_resource_manager(self):
        token = self.lab.ask_token(scope="https://ml.azure.com/.default").json()["access_token"]
        answer = self.lab.endpoint("GET", headers={"Authorization": "Bearer " + token})
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (401, "InvalidAuthenticationToken"))

    def test_fields_that_some_libraries_send_are_ignored(self):
        self.assertTaken(self.lab.ask_token(**{"client_info": "1", "x-client-SKU": "msal.js.node", "x-client-VER": "5",
                                               "x-ms-lib-capability": "retry-after, h429", "client-request-id": "1",
                                               "claims": '{"access_token":{"xms_cc":{"values":["CP1"]}}}'}))


class Tokens(IdentityCase):
    def test_a_token_says_who_and_for_how_long(self):
        answer = self.lab.ask_token().json()
        claims = claims_of(answer["access_token"])
        self.assertEqual((answer["token_type"], answer["expires_in"]), ("Bearer", 3599))
        self.assertNotIn("refresh_in", answer)
        self.assertEqual(claims["exp"] - claims["iat"], 3599)
        self.assertLessEqual(claims["nbf"], claims["iat"])
        self.assertEqual((claims["tid"], claims["appid"]), (self.lab.facts["tenant"], self.lab.facts["client_id"]))
        self.assertTrue(claims["oid"])

    def test_a_client_that_understands_challenges_is_marked_in_either_case(self):
        for word in ("cp1", "CP1"):
            claims = '{"access_token":{"xms_cc":{"values":["%s"]}}}' % word
            self.assertEqual(claims_of(self.lab.ask_token(claims=claims).json()["access_token"])["xms_cc"], ["CP1"])
        self.assertNotIn("xms_cc", claims_of(self.lab.ask_token().json()["access_token"]))
        self.assertEqual(body_codes(self.lab.ask_token(claims="{")), (400, [90023]))


class LongTokens(IdentityCase):
    options = ("--token-lifetime", "24h")

    def test_a_long_token_is_to_be_renewed_halfway(self):
        answer = self.lab.ask_token().json()
        self.assertEqual((answer["expires_in"], answer["refresh_in"]), (86400, 43200))


class ShortTokens(IdentityCase):
    options = ("--token-lifetime", "1s")

    def test_a_token_is_refused_once_it_has_expired(self):
        token = self.lab.ask_token().json()["access_token"]
        expires_at = claims_of(token)["exp"]
        while time.time() <= expires_at:
            time.sleep(0.05)
        answer = self.lab.endpoint("GET", headers={"Authorization": "Bearer " + token})
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (401, "ExpiredAuthenticationToken"))
        self.assertIn('error="invalid_token"', answer.headers["WWW-Authenticate"])


class CertificateAssertions(IdentityCase):
    def setUp(self):
        super().setUp()
        self.file = self.lab.facts["client_cert_file"]
        self.der = der_of(self.file)
        self.thumbprint = hashlib.sha256(self.der).digest()

    def assertion(self, header=None, alg="PS256", key=None, **changes):
        now = int(time.time())
        claims = {"aud": self.lab.facts["authority_url"] + self.token_path(), "iss": self.lab.facts["client_id"],
                  "sub": self.lab.facts["client_id"], "jti": "c4a8a5a2-0b6e-4e2b-8a53-1d8a0f3b7e10", "nbf": now, "iat": now,
                  "exp": now + 600}
        claims.update(changes)
        claims = {name: value for name, value in claims.items() if value is not None}
        all_headers = {"alg": alg, "typ": "JWT"}
        all_headers.update({"x5t#S256": base64url(self.thumbprint)} if header is None else header)
        return lab_support.sign_jwt(all_headers, claims, key or self.file)

    def assertRefused(self, assertion, code, status=401):
        self.assertEqual(body_codes(self.with_assertion(assertion)), (status, [code]))

    def test_both_algorithms_are_taken(self):
        for alg in ("PS256", "RS256"):
            self.assertTaken(self.with_assertion(self.assertion(alg=alg)))

    def test_the_thumbprint_comes_in_four_forms_and_two_digests(self):
        for name, digest in (("x5t#S256", self.thumbprint), ("x5t", hashlib.sha1(self.der).digest())):
            for alphabet in (base64.urlsafe_b64encode, base64.b64encode):
                padded = alphabet(digest).decode()
                for text in (padded, padded.rstrip("=")):
                    with self.subTest(name=name, text=text):
                        self.assertTaken(self.with_assertion(self.assertion({name: text})))

    def test_times_may_have_fractions(self):
        now = time.time()
        self.assertTaken(self.with_assertion(self.assertion(exp=now + 600.47, iat=now + 0.25, nbf=None)))
        self.assertTaken(self.with_assertion(self.assertion(exp=now + 600, nbf=now + 0.5)))

    def test_nbf_and_iat_may_be_absent_but_exp_may_not(self):
        self.assertTaken(self.with_assertion(self.assertion(nbf=None, iat=None)))
        self.assertRefused(self.assertion(exp=None), 700024)
        self.assertRefused(self.assertion(exp="soon"), 700024)

    def test_five_minutes_of_skew_are_allowed_and_no_more(self):
        now = time.time()
        self.assertTaken(self.with_assertion(self.assertion(exp=now - 240, nbf=now - 900)))
        self.assertTaken(self.with_assertion(self.assertion(nbf=now + 240)))
        self.assertRefused(self.assertion(exp=now - 360, nbf=now - 900), 700024)
        self.assertRefused(self.assertion(nbf=now + 600, exp=now + 1200), 700024)

    def test_a_certificate_that_is_not_registered_is_refused(self):
        self.assertRefused(self.assertion({"x5t#S256": base64url(b"x" * 32)}), 700027)
        self.assertRefused(self.assertion({}), 700027)
        self.assertRefused(self.assertion({"x5t#S256": base64url(self.thumbprint), "x5t": base64url(b"x" * 20)}), 700027)

    def test_a_signature_of_another_key_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            key = os.path.join(directory, "other.pem")
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
            self.assertRefused(self.assertion(key=key), 700027)

    def test_an_algorithm_that_is_not_offered_is_refused(self):
        for alg in ("none", "HS256", "RS512"):
            header, claims, signature = self.assertion().split(".")
            header = base64url(b'{"alg":"%s","x5t#S256":"%s"}' % (alg.encode(), base64url(self.thumbprint).encode()))
            self.assertRefused(".".join((header, claims, signature)), 700027)

    def test_it_must_be_meant_for_this_tenant_and_this_client(self):
        self.assertRefused(self.assertion(aud="https://login.microsoftonline.com/other/oauth2/v2.0/token"), 700023)
        self.assertRefused(self.assertion(sub="11111111-0000-0000-0000-000000000000"), 700021)

    def test_what_is_no_token_is_told_so(self):
        for text in ("", "a.b", "a.b.c", "e30.e30.!", self.assertion() + ".x"):
            with self.subTest(text=text[:10]):
                self.assertEqual(self.with_assertion(text).json()["error_codes"], [50027])

    def test_the_chain_option_leaves_the_thumbprint_in_place(self):
        header = {"x5t#S256": base64url(self.thumbprint), "x5c": [base64.b64encode(self.der).decode()]}
        self.assertTaken(self.with_assertion(self.assertion(header)))

    def test_a_certificate_registered_by_its_subject_name_and_issuer_needs_its_chain(self):
        named = self.lab.facts["client_named_cert_file"]
        der = der_of(named)
        chain = [base64.b64encode(der).decode(), base64.b64encode(der_of(self.lab.facts["ca_file"])).decode()]
        header = {"x5t": base64url(hashlib.sha1(der).digest())}
        self.assertRefused(self.assertion(header, key=named), 700027)
        self.assertTaken(self.with_assertion(self.assertion({**header, "x5c": chain}, key=named)))
        self.assertTaken(self.with_assertion(self.assertion({**header, "x5c": chain[0]}, key=named)))

    def test_the_same_name_from_another_issuer_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            key, certificate = os.path.join(directory, "k.pem"), os.path.join(directory, "c.pem")
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/O=keydrift-lab/CN=keydrift.lab.example")
            der = der_of(certificate)
            header = {"x5t#S256": base64url(hashlib.sha256(der).digest()), "x5c": [base64.b64encode(der).decode()]}
            self.assertRefused(self.assertion(header, key=key), 700027)

    def test_the_pkcs12_file_holds_the_same_key_and_certificate(self):
        password = "pass:" + self.lab.facts["client_p12_password"]
        pem = openssl("pkcs12", "-in", self.lab.facts["client_p12_file"], "-passin", password, "-nodes")
        self.assertEqual(openssl("x509", "-outform", "DER", data=pem), self.der)
        self.assertIn(b"PRIVATE KEY", pem)


class FederatedAssertions(IdentityCase):
    def token(self, **wish):
        return self.lab.control("POST", "/federated-token", wish).json()["token"]

    def test_the_file_is_taken_with_and_without_its_last_newline(self):
        with open(self.lab.facts["federated_token_file"], encoding="ascii") as file:
            token = file.read()
        for text in (token, token + "\n", token + "\r\n"):
            self.assertTaken(self.with_assertion(text))

    def test_the_issuer_publishes_what_verifies_its_tokens(self):
        token = self.token()
        issuer = claims_of(token)["iss"]
        self.assertEqual(issuer, self.lab.facts["federation_issuer"])
        base, path = issuer.rsplit("/", 1)
        document = self.lab.call(base, "GET", "/" + path + "/.well-known/openid-configuration").json()
        self.assertEqual(document["issuer"], issuer)
        keys = self.lab.call(base, "GET", urllib.parse.urlsplit(document["jwks_uri"]).path).json()["keys"]
        lab_support.verify_jwt(self, token, keys)

    def test_each_thing_that_is_wrong_has_its_number(self):
        good = self.token()
        header, claims, _ = good.split(".")
        other = self.token(subject="system:serviceaccount:default:other")
        for text, code in ((self.token(expires_in=-600), 700024), (other, 70021), (self.token(audience="api://other"), 70021),
                           (".".join((header, claims, other.split(".")[2])), 50013), ("not a token", 50027)):
            with self.subTest(code=code):
                self.assertEqual(self.with_assertion(text).json()["error_codes"], [code])

    def test_a_token_that_expired_a_moment_ago_is_within_the_skew(self):
        self.assertTaken(self.with_assertion(self.token(expires_in=-120)))

    def test_the_type_of_the_assertion_must_be_said(self):
        answer = self.lab.ask_token(client_secret=None, client_assertion=self.token())
        self.assertEqual(body_codes(answer), (400, [50027]))


class Certificates(IdentityCase):
    def extensions(self, pem):
        return openssl("x509", "-noout", "-text", data=pem).decode()

    def test_the_authority_has_the_identifiers_that_strict_verifiers_want(self):
        with open(self.lab.facts["ca_file"], "rb") as file:
            text = self.extensions(file.read())
        for part in ("Subject Key Identifier", "Key Usage: critical", "Certificate Sign", "CA:TRUE"):
            self.assertIn(part, text)

    def test_every_listener_passes_a_strict_verifier_by_either_name(self):
        context = ssl.create_default_context(cafile=self.lab.facts["ca_file"])
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        self.lab.tls = context
        for service in ("authority", "arm", "vault", "scoring"):
            port = urllib.parse.urlsplit(self.lab.facts[service + "_url"]).port
            for host in ("localhost", "127.0.0.1"):
                self.assertGreater(self.lab.call("https://%s:%d" % (host, port), "GET", "/").status, 0)

    def test_the_server_certificate_names_its_authority_key(self):
        address = urllib.parse.urlsplit(self.lab.facts["arm_url"])
        text = self.extensions(ssl.get_server_certificate((address.hostname, address.port)).encode())
        for part in ("Authority Key Identifier", "Subject Key Identifier", "DNS:localhost", "IP Address:127.0.0.1"):
            self.assertIn(part, text)


if __name__ == "__main__":
    lab_support.main()
