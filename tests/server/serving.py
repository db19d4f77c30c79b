"""Starts `ttt serve` on a small model and speaks HTTP with it, with the standard library alone."""

import array
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = os.environ.get("TTT_TOOL", str(ROOT / "build/bin/ttt"))
VOCAB, BEGIN, END = 904, 900, 901  # of tests/golden/tokenizers/llama3, and two ids beyond it that are no tokens

TEMPLATE = ("{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>\n{% endfor %}"
            "{% if tools %}{{ tools | tojson }} <tool_call>{% endif %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}")


def write_model(directory, template=TEMPLATE, context=512):
    """A llama with random weights."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    hidden, ffn, layers, heads = 64, 96, 2, 4
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": VOCAB, "hidden_size": hidden,
              "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": heads,
              "num_key_value_heads": heads, "max_position_embeddings": context, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "float32",
              "bos_token_id": BEGIN, "eos_token_id": END}
    shapes = {"model.embed_tokens.weight": [VOCAB, hidden], "lm_head.weight": [VOCAB, hidden],
              "model.norm.weight": [hidden]}
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {layer + "input_layernorm.weight": [hidden], layer + "post_attention_layernorm.weight": [hidden],
                   layer + "mlp.gate_proj.weight": [ffn, hidden], layer + "mlp.up_proj.weight": [ffn, hidden],
                   layer + "mlp.down_proj.weight": [hidden, ffn]}
        shapes |= {f"{layer}self_attn.{p}_proj.weight": [hidden, hidden] for p in "qkvo"}
    generator = random.Random(7)
    header, data = {}, bytearray()
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        centre, amplitude = (0, 0.3) if len(shape) > 1 else (1, 0.1)
        values = array.array("f", (centre + generator.uniform(-amplitude, amplitude) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += values.tobytes()
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
    shutil.copy(ROOT / "tests/golden/tokenizers/llama3/tokenizer.json", directory / "tokenizer.json")
    if template is not None:
        (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return directory


_models = tempfile.TemporaryDirectory(prefix="ttt-serve-")


def small_model():
    directory = pathlib.Path(_models.name) / "small"
    return directory if directory.exists() else write_model(directory)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]


class Server:
    def __init__(self, *arguments, model=None, environment=None, wait=True, limits=None, command=None):
        self.model = model or small_model()
        command = command or [TOOL, "serve", "-m", str(self.model), "--port", "0", "-t", "1", *map(str, arguments)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        errors="replace", env={**os.environ, **(environment or {})},
                                        preexec_fn=limits)
        self.lines, self.port = [], None
        self._known = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.wait_for("serving ")

    def _read(self):
        for line in self.process.stderr:
            with self._known:
                self.lines.append(line.rstrip("\n"))
                found = re.search(r"serving .* on http://[^ ]*:(\d+)", line)
                if found:
                    self.port = int(found.group(1))
                self._known.notify_all()
        with self._known:
            self.lines.append(None)
            self._known.notify_all()

    def wait_for(self, text, seconds=120):
        end = time.monotonic() + seconds
        with self._known:
            while not any(line and text in line for line in self.lines):
                if self.lines and self.lines[-1] is None:
                    raise AssertionError("the server ended: " + "\n".join(filter(None, self.lines)))
                if not self._known.wait(end - time.monotonic()):
                    raise AssertionError(f"no {text!r} in: " + "\n".join(filter(None, self.lines)))
            return next(line for line in self.lines if line and text in line)

    def log(self):
        with self._known:
            return [line for line in self.lines if line]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, sign=signal.SIGTERM, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not end: " + "\n".join(self.log()))
        finally:
            self._reader.join(10)
            self.process.stdout.close()
            self.process.stderr.close()
        return status

    # ---- HTTP -------------------------------------------------------------------------------------------------------
    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None):
        own = connection is None
        connection = connection or self.connect()
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None and not any(h.lower() == "content-type" for h in headers):
            headers["Content-Type"] = "application/json"
        if isinstance(body, str):
            body = body.encode()
        connection.request(method, path, body, headers)
        answer = Answer(connection.getresponse())
        if own:
            connection.close()
        return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)

    def complete(self, prompt="abc", max_tokens=8, **more):
        return self.post("/v1/completions", {"prompt": prompt, "max_tokens": max_tokens, "temperature": 0,
                                             "ignore_eos": True, **more})

    def chat(self, text="abc", **more):
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more})

    def raw(self, data, timeout=20):
        """Sends bytes and returns all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            if data:
                s.sendall(data)
            received = b""
            try:
                while part := s.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
            return received

    def open_stream(self, body=None, path="/v1/completions", receive_buffer=None, **more):
        """A socket on which a stream was asked for."""
        body = json.dumps(body or {"prompt": "abc", "max_tokens": 400, "temperature": 0, "ignore_eos": True,
                                   "stream": True, **more}).encode()
        s = socket.socket()
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(60)
        s.connect(("127.0.0.1", self.port))
        s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                  % (path.encode(), len(body)) + body)
        return s

    def events(self, path, body):
        """The data of the events of a stream, "[DONE]" as text, and the answer's headers."""
        connection = self.connect(timeout=300)
        connection.request("POST", path, json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status == 200, text
        assert text.endswith("\n\n"), text
        data = []
        for frame in text.removesuffix("\n\n").split("\n\n"):
            lines = dict(line.split(": ", 1) for line in frame.split("\n"))
            data.append(lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"]))
        return data, dict(response.getheaders())

    def metrics(self):
        """Values by name. A server that has no room for another connection answers 503 and is asked again."""
        end = time.monotonic() + 10
        while (response := self.get("/metrics")).status == 503 and time.monotonic() < end:
            time.sleep(0.02)
        values = {}
        for line in response.body.decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def metric(self, name):
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)

    def wait_metric(self, name, value, seconds=30):
        end = time.monotonic() + seconds
        while self.metric(name) != value:
            if time.monotonic() > end:
                raise AssertionError(f"{name} wanted {value}, got {self.metric(name)}")
            time.sleep(0.02)
