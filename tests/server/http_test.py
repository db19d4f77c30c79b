"""HTTP: limits, broken requests, keys. Numbers are those of the list of bad inputs in docs/serving.md."""

import json
import socket
import time
import unittest

from serving import Server

HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def error_of(answer):
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--head-timeout", 1, "--max-body-bytes", 100000, "--min-byte-rate", 100000,
                            "--idle-timeout", 2, "--max-connections", 40)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def tearDown(self):  # whatever came, the next request is answered
        self.assertEqual(self.server.complete().status, 200)

    def refused(self, data, status, code=None):
        answer = self.server.raw(data)
        self.assertEqual(status_of(answer), status, answer)
        error = error_of(answer)
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        if code:
            self.assertEqual(error["code"], code)

    def test_78_not_json(self):
        for body in (b"", b"{", b'{"prompt": "a",}', b"[" * 100000, b'{"prompt": "a", "prompt": "b"}', b"nul",
                     b'"\xff"', b"{} {}", b'{"prompt": "\x01"}'):
            begin = time.monotonic()
            answer = self.server.post("/v1/completions", body)
            self.assertEqual(answer.status, 400, body[:40])
            self.assertEqual(answer.error["type"], "invalid_request_error")
            self.assertLess(time.monotonic() - begin, 1)

    def test_84_paths_and_methods(self):
        self.assertEqual(self.server.get("/nothing").error["code"], "not_found")
        for path in ("/%zz", "/v1/models/", "//", "/v1/chat/completions/"):
            self.assertIn(self.server.get(path).status, (400, 404))
        answer = self.server.get("/v1/completions")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))
        self.assertEqual(self.server.request("DELETE", "/health").headers["allow"], "GET, HEAD")
        answer = self.server.post("/v1/completions", "prompt=a",
                                  headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(answer.status, 415)
        head = self.server.request("HEAD", "/health")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_86_limits(self):
        self.refused(b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431, "headers_too_large")
        self.refused(b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 20000 + b"\r\n\r\n", 431, "headers_too_large")
        self.refused(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long")
        self.refused(b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long")
        self.refused(HEAD + b"Content-Length: 100001\r\n\r\n", 413, "request_too_large")
        chunk = b"%x\r\n" % 60000 + b" " * 60000 + b"\r\n"
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2, 413)

    def test_87_slow_requests(self):
        begin = time.monotonic()
        self.refused(b"GET /health HTTP/1.1\r\nHost: x\r\n", 408)  # headers that never end
        self.assertLess(time.monotonic() - begin, 5)
        self.refused(HEAD + b"Content-Length: 50\r\n\r\n{", 408)  # a body that never ends
        self.refused(b"A" * 70000, 414)                           # no line end
        with socket.create_connection(("127.0.0.1", self.server.port), 10) as s:  # a byte now and then
            begin = time.monotonic()
            received = b""
            s.settimeout(0.1)
            while not received and time.monotonic() < begin + 10:
                try:
                    s.send(b"G")
                    received = s.recv(1000)
                except TimeoutError:
                    pass
            self.assertEqual(status_of(received), 408)
        begin = time.monotonic()
        self.assertEqual(self.server.raw(b""), b"")  # nothing at all
        self.assertLess(time.monotonic() - begin, 5)

    def test_88_idle_connections(self):
        stream = self.server.open_stream()
        first = stream.recv(4096)
        idle = [socket.create_connection(("127.0.0.1", self.server.port), 10) for _ in range(60)]
        time.sleep(0.2)
        refused = self.server.raw(b"")  # whether it is the 41st or the 100th
        self.assertEqual(status_of(refused), 503)
        text = first
        while not text.endswith(b"0\r\n\r\n"):
            text += stream.recv(65536)
        self.assertIn(b"[DONE]", text)
        for s in idle:
            s.close()
        self.server.wait_metric("ttt_http_connections", 2)  # the stream's, and the one that asks
        stream.close()

    def test_89_lengths(self):
        ok = b'{"prompt": "a"}'
        for lengths in (b"", b"Content-Length: -1\r\n", b"Content-Length: 15\r\nContent-Length: 16\r\n",
                        b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 15, 15\r\n",
                        b"Content-Length: 0x0f\r\n", b"Content-Length: +15\r\n",
                        b"Content-Length: 99999999999999999999\r\n",
                        b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: identity\r\n"):
            answer = self.server.raw(HEAD + lengths + b"\r\n" + ok)
            self.assertEqual(status_of(answer), 400, lengths)
            self.assertIn(b"Connection: close", answer)
        for bad in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET /health\r\n\r\n", b"GET /health HTTP/3.0\r\nHost: x\r\n\r\n",
                    b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                    b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n", b"GET health HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
                    b"GET /health\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"):
            answer = self.server.raw(bad)
            self.assertIn(status_of(answer), (400, 408, None), (bad, answer))

    def test_90_compressed(self):
        self.refused(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415)

    def test_keep_alive_and_pipelining(self):
        connection = self.server.connect()
        for _ in range(3):
            self.assertEqual(self.server.get("/health", connection=connection).status, 200)
            self.assertEqual(self.server.post("/v1/completions", b"{", connection=connection).status, 400)
        connection.close()
        one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.server.raw(one * 20 + last).count(b"HTTP/1.1 200 OK"), 21)

    def test_chunked_and_expected_bodies(self):
        body = json.dumps({"prompt": "a", "max_tokens": 1}).encode()
        chunks = b"".join(b"%x\r\n%c\r\n" % (1, c) for c in body) + b"0\r\n\r\n"
        answer = self.server.raw(HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        self.assertEqual(status_of(answer), 200, answer)
        answer = self.server.raw(HEAD + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
                                 % len(body) + body)
        self.assertIn(b"HTTP/1.1 200 OK", answer)
        self.assertEqual(status_of(self.server.raw(b"GET /health HTTP/1.0\r\n\r\n")), 200)

    def test_request_ids(self):
        answer = self.server.get("/health", headers={"X-Request-Id": "mine-1"})
        self.assertEqual(answer.headers["x-request-id"], "mine-1")
        other = self.server.get("/health", headers={"X-Request-Id": "a b"})
        self.assertNotEqual(other.headers["x-request-id"], "a b")


class Keys(unittest.TestCase):
    def test_85_keys(self):
        import pathlib
        import signal
        import tempfile
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "keys"
            file.write_text("# ours\nsecret-1\n\nsecret-2\n")
            with Server("--api-key-file", file) as server:
                self.assertEqual(server.get("/health").status, 200)
                bodies = set()
                for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret-1"},
                                {"Authorization": "Bearer secret-"}, {"Authorization": "secret-1"},
                                {"Authorization": "Bearer "}):
                    for path in ("/v1/models", "/metrics", "/version", "/openapi.json", "/nothing"):
                        answer = server.get(path, headers=headers)
                        self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, "Bearer"))
                        bodies.add(answer.body)
                    for path in ("/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/embeddings",
                                 "/v1/rerank", "/tokenize", "/detokenize", "/apply-template"):
                        self.assertEqual(server.post(path, {}, headers=headers).status, 401)
                self.assertEqual(len(bodies), 1)
                for key in ("secret-1", "secret-2"):
                    self.assertEqual(server.get("/v1/models", headers={"Authorization": "bearer " + key}).status, 200)
                file.write_text("secret-3\n")
                server.process.send_signal(signal.SIGHUP)  # 116: read again
                server.wait_for("the keys were read again")
                self.assertEqual(server.get("/v1/models", headers={"Authorization": "Bearer secret-1"}).status, 401)
                self.assertEqual(server.get("/v1/models", headers={"Authorization": "Bearer secret-3"}).status, 200)
                file.write_text("")
                server.process.send_signal(signal.SIGHUP)
                server.wait_for("the keys stay as they were")
                self.assertEqual(server.get("/v1/models", headers={"Authorization": "Bearer secret-3"}).status, 200)
                self.assertFalse([line for line in server.log() if "secret" in line])


class Partitions(unittest.TestCase):
    def test_102_prefixes_are_kept_apart_by_key(self):
        import pathlib
        import tempfile
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "keys"
            file.write_text("secret-1\nsecret-2\n")
            with Server("--api-key-file", file) as server:
                def cached(key, **more):
                    answer = server.post("/v1/completions", {"prompt": [5] * 200, "max_tokens": 1, **more},
                                         headers={"Authorization": "Bearer " + key, "Content-Type": "application/json"})
                    return answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"]

                self.assertEqual(cached("secret-1"), 0)
                self.assertGreater(cached("secret-1"), 0)
                self.assertEqual(cached("secret-2"), 0)
                self.assertEqual(cached("secret-1", cache_salt="a"), 0)
                self.assertGreater(cached("secret-1", cache_salt="a"), 0)


if __name__ == "__main__":
    unittest.main()
