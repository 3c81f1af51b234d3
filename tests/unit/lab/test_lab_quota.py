# SPDX-License-Identifier: Apache-2.0
"""ARM's quota: a bucket for each kind of request, the headers on every answer, and 429 when one is empty."""
import lab_support

KINDS = {"GET": "reads", "POST": "writes", "DELETE": "deletes"}


class Quota(lab_support.LabCase):
    options = ("--operation-time", "0s")

    def setUp(self):
        super().setUp()
        self.quota(reset=True)

    def quota(self, **order):
        answer = self.lab.control("POST", "/quota", order)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def ask(self, method):
        target = {"GET": "", "POST": "/listKeys", "DELETE": ""}[method]
        return self.lab.endpoint(method, target, name="no-such-endpoint" if method == "DELETE" else None)

    def remaining(self, answer, kind):
        return tuple(int(answer.headers["x-ms-ratelimit-remaining-subscription-" + scope + kind]) for scope in ("", "global-"))

    def test_every_answer_tells_what_is_left_of_its_kind(self):
        for method, left in (("GET", (249, 3749)), ("POST", (199, 2999)), ("DELETE", (199, 2999))):
            answer = self.ask(method)
            self.assertEqual(self.remaining(answer, KINDS[method]), left)
            self.assertEqual(len([name for name in answer.headers if "ratelimit" in name]), 2)
        self.assertEqual(self.remaining(self.lab.endpoint("GET", name="no-such"), "reads"), (249, 3749))

    def test_nothing_is_refused_before_the_quota_is_enforced(self):
        self.assertEqual(self.quota(refill=0)["enforced"], False)
        for _ in range(260):
            self.assertEqual(self.ask("POST").status, 200)

    def test_an_empty_bucket_answers_429_with_the_time_to_wait(self):
        for method, kind in KINDS.items():
            with self.subTest(kind=kind):
                self.quota(reset=True)
                self.quota(refill=0.01, **{kind: 2})
                self.assertEqual([self.ask(method).status < 300 for _ in range(2)], [True, True])
                answer = self.ask(method)
                self.assertEqual((answer.status, answer.json()["error"]["code"]), (429, "SubscriptionRequestsThrottled"))
                wait = answer.headers["Retry-After"]
                self.assertIn(int(wait), range(1, 101))
                self.assertIn("Number of '%s' requests" % kind[:-1], answer.json()["error"]["message"])
                self.assertIn("Please try again after '%s' seconds." % wait, answer.json()["error"]["message"])
                self.assertEqual(self.remaining(answer, kind)[0], 0)

    def test_kinds_have_buckets_of_their_own(self):
        self.quota(refill=0, writes=1)
        self.ask("POST")
        self.assertEqual([self.ask(method).status for method in ("POST", "GET", "DELETE")], [429, 200, 204])

    def test_what_was_refused_is_not_done(self):
        self.quota(refill=0, writes=1)
        self.ask("POST")
        before = self.lab.keys()
        self.assertEqual(self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"}).status, 429)
        self.assertEqual(self.lab.keys(), before)

    def test_the_bucket_fills_with_time(self):
        self.quota(refill=0.001, writes=3)
        for _ in range(3):
            self.ask("POST")
        self.assertEqual(self.ask("POST").status, 429)
        self.quota(advance_ms=1000000)
        self.assertEqual([self.ask("POST").status for _ in range(2)], [200, 429])
        self.quota(advance_ms=1000000000)
        self.assertEqual([self.ask("POST").status for _ in range(4)], [200, 200, 200, 429])

    def test_the_sizes_are_azures(self):
        state = self.quota(enforce=True)
        self.assertEqual([state[name] for name in ("enforced", "reads", "writes", "deletes")], [True, 250, 200, 200])

    def test_orders_that_make_no_sense_are_refused(self):
        for order in ({"reads": 0}, {"writes": "many"}, {"refill": -1}, {"advance_ms": "x"}):
            self.assertEqual(self.lab.control("POST", "/quota", order).status, 400)


if __name__ == "__main__":
    lab_support.main()
