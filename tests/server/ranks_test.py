"""The first of several ranks serves, and the others run their part of the model. Skipped without mpirun."""

import os
import pathlib
import shutil
import signal
import time
import unittest

from serving import Server, TOOL, small_model

MPIRUN = shutil.which("mpirun")
# MPI's libraries leave memory behind, which the address sanitiser would report.
ALLOWED = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def start(ranks, *arguments):
    return Server(environment=ALLOWED, command=[MPIRUN, "-n", str(ranks), "--oversubscribe", TOOL, "serve", "-m",
                                                str(small_model()), "--port", "0", "-t", "1", *arguments])


def children_of(parent):
    children = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            children.append(int(stat.parent.name))
    return sorted(children)


@unittest.skipUnless(MPIRUN, "mpirun is not installed")
class Ranks(unittest.TestCase):
    def test_answers_are_those_of_one_rank(self):
        with Server() as server:
            alone = server.complete(max_tokens=12, logprobs=1).json()["choices"][0]
        server = start(2)
        together = server.complete(max_tokens=12, logprobs=1).json()["choices"][0]
        self.assertEqual(together["text"], alone["text"])
        for a, b in zip(together["logprobs"]["token_logprobs"], alone["logprobs"]["token_logprobs"]):
            self.assertAlmostEqual(a, b, places=3)
        server.complete(max_tokens=40)
        for rank in "01":
            self.assertRegex(server.get("/metrics").body.decode(),
                             r'ttt_rank_exchange_seconds_total\{model_name="[^"]*",rank="%s"\} [0-9.e-]+\n' % rank)
        stream = server.open_stream(max_tokens=60)
        text = stream.recv(1000)
        # To the first rank: mpirun, on SIGTERM, ends all ranks after a second.
        os.kill(children_of(server.process.pid)[0], signal.SIGTERM)
        while not text.endswith(b"0\r\n\r\n"):
            text += stream.recv(65536)
        self.assertIn(b"[DONE]", text)
        stream.close()
        self.assertEqual(server.stop(sign=0), 0, server.log())

    def test_126_a_lost_rank(self):
        server = start(2)
        stream = server.open_stream(max_tokens=500)
        text = stream.recv(1000)
        begin = time.monotonic()
        os.kill(children_of(server.process.pid)[-1], signal.SIGKILL)
        try:
            while part := stream.recv(65536):
                text += part
        except ConnectionResetError:
            pass
        stream.close()
        self.assertNotIn(b"[DONE]", text)
        self.assertNotEqual(server.stop(sign=0), 0)
        self.assertLess(time.monotonic() - begin, 20)


if __name__ == "__main__":
    unittest.main()
