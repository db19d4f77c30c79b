"""Clients that vanish or do not read, signals, ports, descriptors: other streams and the state are undisturbed.

TTT_LONG_SECONDS makes the loads longer: `./test.sh --long` sets it.
"""

import json
import os
import pathlib
import random
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from serving import Server, TOOL, small_model

LONG = float(os.environ.get("TTT_LONG_SECONDS", "0"))


class Reader(threading.Thread):
    """Streams one answer after the other and compares each with the first."""

    def __init__(self, server, tokens=60, **more):
        super().__init__(daemon=True)
        self.more = more
        self.server, self.tokens, self.ended, self.answers, self.problem = server, tokens, False, 0, None

    def run(self):
        try:
            first = None
            while not self.ended:
                events, _ = self.server.events("/v1/completions", {"prompt": "undisturbed", "max_tokens": self.tokens,
                                                                   "temperature": 0, "ignore_eos": True, **self.more})
                text = "".join(e["choices"][0]["text"] for e in events[:-1])
                first = first or text
                if text != first or events[-1] != "[DONE]":
                    raise AssertionError(f"{text!r} is not {first!r}")
                self.answers += 1
        except Exception as e:  # told to the test
            self.problem = e

    def __enter__(self):
        self.start()
        while self.answers == 0 and self.problem is None:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.ended = True
        self.join(60)
        if self.problem:
            raise self.problem


def idle(server):
    """Nothing runs, nothing waits, no page is used."""
    for name in ("ttt_num_requests_running", "ttt_num_requests_waiting", "ttt_kv_cache_used_pages"):
        server.wait_metric(name, 0)


class Clients(unittest.TestCase):
    def test_91_vanishing_clients(self):
        count = int(1000 + 20 * LONG)
        generator = random.Random(5)
        with Server("--max-num-seqs", 8, "--max-queue", 64) as server:
            with Reader(server) as reader:
                before = reader.answers
                for i in range(count):
                    body = {"prompt": [generator.randrange(5, 800) for _ in range(generator.choice((1, 100, 450)))],
                            "max_tokens": 60, "stream": bool(i % 2), "n": 1 + i % 3 // 2}
                    s = server.open_stream(body)
                    if i % 5 == 0:  # while the answer is written
                        s.recv(1)
                    if i % 3 == 0:  # with a reset
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if i % 7 == 0:
                        time.sleep(0.005)
                    s.close()
                self.assertIsNone(reader.problem)
            self.assertGreater(reader.answers, before)
            idle(server)
            server.wait_metric("ttt_http_connections", 1)
            self.assertGreater(server.metric("ttt_requests_cancelled_total"), count / 10)
            self.assertEqual(server.complete().status, 200)

    def test_78_malformed_requests(self):
        count = int(10000 + 200 * LONG)
        generator = random.Random(9)
        seeds = [b'{"prompt": "abc", "max_tokens": 2, "temperature": 0.5}',
                 b'{"prompt": [1, 2, 3], "stop": ["a"], "n": 2}',
                 b'{"messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "logit_bias": {"5": 1}}']
        paths = ["/v1/completions", "/v1/chat/completions", "/v1/responses", "/tokenize", "/detokenize",
                 "/apply-template", "/v1/embeddings", "/v1/rerank"]
        with Server("--max-num-seqs", 8) as server:
            with Reader(server) as reader:
                connection = server.connect()
                for _ in range(count):
                    body = bytearray(generator.choice(seeds))
                    for _ in range(generator.randrange(1, 6)):
                        at = generator.randrange(len(body))
                        what = generator.randrange(4)
                        if what == 0:
                            body[at] = generator.randrange(256)
                        elif what == 1:
                            del body[at:at + generator.randrange(1, 8)]
                        elif what == 2:
                            body[at:at] = generator.choice((b"null", b"-1", b"1e999", b"[[", b'"', b"{}", b"\\ud800"))
                        else:
                            body += body[at:at + 9]
                        if not body:
                            body = bytearray(b" ")
                    answer = server.post(generator.choice(paths), bytes(body), connection=connection)
                    self.assertIn(answer.status, (200, 400, 404, 501), (bytes(body), answer.body))
                    if answer.status != 200:
                        self.assertTrue(answer.error["message"])
                connection.close()
            self.assertIsNone(reader.problem)
            idle(server)

    def test_92_slow_readers(self):
        count = 500 if LONG else 150
        limits = (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits), limits[1]))
        with Server("--write-timeout", 3, "--max-num-seqs", 16, "--max-queue", 600) as server:
            with Reader(server, 30, priority=-1):  # before those that wait
                # Log-probabilities make an answer larger than what the sockets take.
                slow = [server.open_stream({"prompt": "abc", "max_tokens": 400, "logprobs": 20, "stream": True,
                                            "ignore_eos": True}, receive_buffer=2048) for _ in range(count)]
                server.wait_metric("ttt_http_connections", 2, 300)
                idle(server)
            for s in slow:
                s.close()
            self.assertGreater(server.metric("ttt_http_slow_readers_total"), 0)

    def test_93_full_queue(self):
        with Server("--max-num-seqs", 1, "--max-queue", 2) as server:
            streams = [server.open_stream(max_tokens=500) for _ in range(40)]
            heads = []
            for s in streams:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += s.recv(65536)
                heads.append(head.decode(errors="replace"))
                s.close()
            refused = [head for head in heads if head.startswith("HTTP/1.1 429 ")]
            self.assertGreater(len(refused), 0)
            self.assertGreaterEqual(len([head for head in heads if head.startswith("HTTP/1.1 200 ")]), 3)
            self.assertEqual(len(refused), server.metrics()['ttt_requests_rejected_total{reason="overloaded"}'])
            for head in refused:
                self.assertIn("\r\nRetry-After: 1\r\n", head)
            idle(server)
            self.assertEqual(server.complete().status, 200)

    def test_94_more_than_the_state(self):
        with Server("--max-num-seqs", 4, "--kv-cache-bytes", 300000) as server:
            pages = server.metric("ttt_kv_cache_pages")
            self.assertLess(pages, 16)  # of one context
            answer = server.complete([5] * 400, 100)
            self.assertEqual(answer.status, 400)
            with Reader(server):
                answers = []
                threads = [threading.Thread(target=lambda: answers.append(server.complete([7] * 60, 40).status))
                           for _ in range(8)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
                self.assertEqual(answers, [200] * 8)
            idle(server)

    @unittest.skipUnless(LONG, "a long one: ./test.sh --long")
    def test_soak(self):
        generator = random.Random(3)
        with Server("--max-num-seqs", 8) as server:
            sizes = []
            end = time.monotonic() + LONG
            with Reader(server):
                while time.monotonic() < end:
                    for i in range(200):
                        s = server.open_stream({"prompt": [generator.randrange(5, 800) for _ in range(200)],
                                                "max_tokens": 20, "stream": True, "ignore_eos": True})
                        if i % 2:
                            while part := s.recv(65536):
                                if part.endswith(b"0\r\n\r\n"):
                                    break
                        s.close()
                    sizes.append(server.metric("process_resident_memory_bytes"))
            idle(server)
            early, late = sorted(sizes[len(sizes) // 5:][:5])[2], sorted(sizes[-5:])[2]
            self.assertLess(late, early * 1.05 + 1e6, sizes)


class Process(unittest.TestCase):
    def test_100_port_in_use(self):
        with Server() as server:
            begin = time.monotonic()
            other = subprocess.run([TOOL, "serve", "-m", small_model(), "--port", str(server.port)],
                                   capture_output=True, text=True, check=False)
            self.assertEqual(other.returncode, 4)
            self.assertIn(f"127.0.0.1:{server.port}", other.stderr)
            self.assertLess(time.monotonic() - begin, 10)
        other = subprocess.run([TOOL, "serve", "-m", "nowhere", "--host", "no.such.host.invalid"], capture_output=True,
                               text=True, check=False)
        self.assertEqual(other.returncode, 4)
        self.assertIn("no.such.host.invalid", other.stderr)
        with socket.socket() as s:  # bound before the model is looked at
            s.bind(("127.0.0.1", 0))
            s.listen()
            other = subprocess.run([TOOL, "serve", "-m", "nowhere", "--port", str(s.getsockname()[1])],
                                   capture_output=True, text=True, check=False)
            self.assertEqual(other.returncode, 4)
            self.assertIn("cannot bind", other.stderr)

    def test_options(self):
        for arguments in (["--port", "70000"], ["--max-num-seqs", "0"], ["--log-format", "xml"], ["--drain", "-1"]):
            other = subprocess.run([TOOL, "serve", "-m", small_model(), *arguments], capture_output=True, text=True,
                                   check=False)
            self.assertEqual(other.returncode, 2, other.stderr)
        with Server(environment={"TTT_SERVED_MODEL_NAME": "from-environment", "TTT_MAX_NUM_SEQS": "3"}) as server:
            self.assertEqual(server.get("/v1/models").json()["data"][0]["id"], "from-environment")
        with Server("--host", "0.0.0.0") as server:
            server.wait_for("warning: anyone who reaches")

    def test_101_descriptors(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))

        with Server(limits=few) as server:
            stream = server.open_stream()
            text = stream.recv(4096)
            held = []
            for _ in range(60):
                s = socket.socket()
                s.settimeout(5)
                s.connect(("127.0.0.1", server.port))
                held.append(s)
            server.wait_for("connections cannot be accepted")
            time.sleep(2.2)
            self.assertLessEqual(len([line for line in server.log() if "cannot be accepted" in line]), 5)
            while b"[DONE]" not in text:
                text += stream.recv(65536)
            stream.close()
            for s in held:
                s.close()
            self.assertEqual(server.complete().status, 200)

    def test_115_116_drain(self):
        for sign in (signal.SIGTERM, signal.SIGINT):
            server = Server("--drain", 20)
            stream = server.open_stream()
            text = stream.recv(4096)
            connection = server.connect()
            server.get("/health", connection=connection)
            server.process.send_signal(sign)
            server.wait_for("stopping: ")
            answer = server.get("/health", connection=connection)
            self.assertEqual((answer.status, answer.error["code"]), (503, "shutting_down"))
            answer = server.complete()
            self.assertEqual(answer.status, 503)
            self.assertIn("retry-after", answer.headers)
            while not text.endswith(b"0\r\n\r\n"):
                text += stream.recv(65536)
            self.assertIn(b"[DONE]", text)
            stream.close()
            connection.close()
            self.assertEqual(server.stop(sign=0), 0)

    def test_115_end_of_the_drain(self):
        server = Server("--drain", 0.2, "--max-num-seqs", 1)
        streams = [server.open_stream(max_tokens=500) for _ in range(30)]
        texts = [streams[0].recv(4096)]
        server.process.send_signal(signal.SIGTERM)
        for s in streams:
            text = b"" if s is not streams[0] else texts[0]
            while part := s.recv(65536):
                text += part
            texts.append(text)
            s.close()
        self.assertTrue(any(b'"shutting_down"' in t for t in texts))
        self.assertFalse(any(b'"error"' in t and b"[DONE]" in t for t in texts))  # 95
        self.assertEqual(server.stop(sign=0), 0)

    def test_115_second_signal(self):
        server = Server("--drain", 60, "--max-num-seqs", 1)
        streams = [server.open_stream(max_tokens=500) for _ in range(50)]
        streams[0].recv(1)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping: ")
        begin = time.monotonic()
        status = server.stop(sign=signal.SIGTERM)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertIn(status, (143, -15))
        for s in streams:
            s.close()

    def test_signals_while_loading(self):
        server = Server(wait=False)
        server.process.send_signal(signal.SIGTERM)
        self.assertIn(server.stop(sign=0), (143, -15, 0))

    def test_kill_and_restart(self):
        with Server() as server:
            text = server.complete().json()["choices"][0]["text"]
            port = server.port
            stream = server.open_stream()
            stream.recv(1)
            server.process.kill()
            server.process.wait()
            stream.close()
            again = Server(command=[TOOL, "serve", "-m", str(small_model()), "--port", str(port), "-t", "1"])
            self.assertEqual(again.complete().json()["choices"][0]["text"], text)
            self.assertEqual(again.stop(), 0)

    def test_114_closed_stderr(self):
        reader, writer = os.pipe()
        process = subprocess.Popen([TOOL, "serve", "-m", str(small_model()), "--port", "0", "-t", "1"], stderr=writer,
                                   text=True)
        os.close(writer)
        line = b""
        while b"serving" not in line:
            line += os.read(reader, 4096)
        port = int(line.split(b"serving")[1].split(b"\n")[0].rsplit(b":", 1)[1])
        os.close(reader)
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), 10) as s:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertIn(b"200 OK", s.recv(4096))
        process.terminate()
        self.assertEqual(process.wait(30), 0)

    def test_116_stop_and_continue(self):
        with Server("--head-timeout", 2) as server:
            stream = server.open_stream()
            text = stream.recv(4096)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(3)
            server.process.send_signal(signal.SIGCONT)
            while not text.endswith(b"0\r\n\r\n"):
                text += stream.recv(65536)
            self.assertIn(b"[DONE]", text)
            stream.close()
            self.assertEqual(server.complete().status, 200)

    def test_notify(self):
        with tempfile.TemporaryDirectory() as directory:
            path = str(pathlib.Path(directory) / "notify")
            manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            manager.bind(path)
            manager.settimeout(60)
            server = Server(environment={"NOTIFY_SOCKET": path})
            self.assertEqual(manager.recv(100), b"READY=1")
            self.assertEqual(server.stop(), 0)
            self.assertEqual(manager.recv(100), b"STOPPING=1")
            manager.close()

    def test_loading_is_said(self):
        # The port is there before the model; whoever asks meanwhile is told to come again.
        with Server() as server:
            port = server.port
        server = Server(wait=False, command=[TOOL, "serve", "-m", str(small_model()), "--port", str(port), "-t", "1"])
        seen = set()
        while server.port is None:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as s:
                    s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while part := s.recv(4096):
                        answer += part
                    seen.add(answer.split(b" ")[1])
                    if b"503" in answer:
                        self.assertEqual(json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"], "loading")
            except OSError:
                pass
        self.assertLessEqual(seen, {b"503", b"200"})
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
