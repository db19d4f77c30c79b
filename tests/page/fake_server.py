"""A server that speaks the API of `ttt serve` without a model: for the tests of the page, and to look at it by hand.

Usage: fake_server.py [--port N] [--key KEY]

The last message decides what happens: "/markdown", "/hostile", "/think", "/slow", "/long", "/empty", "/status N",
"/full", "/cut" (the connection ends in the middle), "/broken" (an error in the stream), else an echo. It serves the page from
server/page/ under the policy of server/page.h.
"""

import argparse
import http.server
import json
import pathlib
import re
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "server" / "page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
CONTEXT = 512

MARKDOWN = """## A plan

Three steps, *in order*, with **one** `detail` and a [link](https://example.org/a_(b)):

1. Read the file
   - with `open()`
   - or with `mmap`
2. Count ~~words~~ tokens
3. Print

| Name | Count | Share |
|:-----|:-----:|------:|
| a    | 12    | 0.40  |
| b\\|c | 18    | 0.60  |

> A quote of
> two lines

```python
def count(text: str) -> int:
    # One for each word.
    return len(text.split())  # "words", not tokens
```

- [x] done
- [ ] to do

---

The end.
"""

HOSTILE = """<script>window.attacked = 1</script>

<img src=x onerror="window.attacked = 2"> and ![x](javascript:window.attacked=3)

[click](javascript:window.attacked=4) [data](data:text/html,<script>window.attacked=5</script>) [vb](vbscript:x)
[upper](JaVaScRiPt:window.attacked=6) [tab](java\tscript:window.attacked=7) <javascript:window.attacked=8>
[quote](https://example.org/"onmouseover="window.attacked=9) [rel](//example.org/x) [file](file:///etc/passwd)

<iframe srcdoc="<script>parent.attacked=10</script>"></iframe><svg onload="window.attacked=11">

```html"><img src=x onerror=window.attacked=12>
</code></pre><script>window.attacked = 13</script>
```

| <img src=x onerror=window.attacked=14> | `<b>` |
|---|---|
| <style>*{display:none}</style> | &lt;script&gt;window.attacked=15&lt;/script&gt; |

Fine: https://example.org/ok
"""

THOUGHTS = "The user wants an answer. " * 6 + "\n\nFirst, I **consider** the question."


def security_policy():
    """The value of page_security_policy in server/page.h."""
    return "".join(re.findall(r'^ +"(.*)"', (ROOT / "server" / "page.h").read_text(), re.M))


def tokens_of(text):
    return re.findall(r"\s*\S+|\s+", text)


class State:
    def __init__(self, key):
        self.key = key
        self.lock = threading.Lock()
        self.requests = []  # bodies of /v1/chat/completions
        self.running = 0
        self.cancelled = 0
        self.generated = 0
        self.prompt = 0
        self.first = []  # seconds until the first token
        self.model_fields = {}  # more of what /v1/models says
        self.down = False  # answer 503 to everything of the API


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def state(self):
        return self.server.state

    def handle_one_request(self):
        super().handle_one_request()
        if self.server.stopped:
            self.close_connection = True

    def parse_request(self):
        # Connections that were kept do not outlive the server.
        return not self.server.stopped and super().parse_request()

    def send_bytes(self, status, content_type, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status, value, headers=()):
        self.send_bytes(status, "application/json", json.dumps(value).encode(), headers)

    def send_error_json(self, status, message, code=None, headers=()):
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.send_json(status, {"error": error}, headers)

    def allowed(self):
        if self.state.down:
            self.send_error_json(503, "The model is being loaded.", "loading", [("Retry-After", "1")])
            return False
        if self.state.key and self.headers.get("Authorization") != f"Bearer {self.state.key}":
            self.send_error_json(401, "The API key is missing or wrong.", "invalid_api_key")
            return False
        return True

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/v1/models":
            if self.allowed():
                model = {"id": "fake-1b", "object": "model", "created": 1, "owned_by": "ttt", "max_model_len": CONTEXT,
                         **self.state.model_fields}
                self.send_json(200, {"object": "list", "data": [model]})
        elif path == "/metrics":
            if self.allowed():
                self.send_bytes(200, "text/plain; version=0.0.4; charset=utf-8", metrics(self.state).encode())
        else:
            self.send_page(path)

    def send_page(self, path):
        name = {"/": "index.html", "/dashboard": "dashboard.html"}.get(path, path.removeprefix("/page/"))
        file = PAGE / name
        if "/" in name or not file.is_file():
            self.send_error_json(404, f"There is nothing at {path}.")
            return
        self.send_bytes(200, TYPES[file.suffix], file.read_bytes(),
                        [("Content-Security-Policy", security_policy()), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache")])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path != "/v1/chat/completions":
            self.send_error_json(404, f"There is nothing at {self.path}.")
            return
        if not self.allowed():
            return
        request = json.loads(body)
        with self.state.lock:
            self.state.requests.append(request)
        last = request["messages"][-1]["content"]
        if last.startswith("/status"):
            status = int(last.split()[1])
            self.send_error_json(status, f"Status {status} was asked for.", headers=[("Retry-After", "1")] if status == 503 else ())
        elif last.startswith("/full"):
            self.send_error_json(400, f"The prompt has 600 tokens, and the context {CONTEXT}.", "context_length_exceeded")
        else:
            self.stream(request, last)

    def stream(self, request, last):
        thoughts, text, delay = "", f"You said: {last}", 0.01
        if request.get("continue_final_message"):
            text = " and so on."
        if last.startswith("/markdown"):
            text = MARKDOWN
        elif last.startswith("/hostile"):
            text = HOSTILE
        elif last.startswith("/think"):
            thoughts, text = THOUGHTS, "The answer is **42**."
        elif last.startswith("/slow"):
            text, delay = "word " * 400, 0.05
        elif last.startswith("/long"):
            text = "A paragraph of some words that fills a line or two of the page, again.\n\n" * 30
            delay = 0.002
        elif last.startswith("/empty"):
            text = ""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        prompt = sum(len(tokens_of(m["content"])) + 4 for m in request["messages"])
        state = self.state
        began = time.monotonic()
        with state.lock:
            state.running += 1
            state.prompt += prompt
        try:
            time.sleep(0.05)
            state.first.append(time.monotonic() - began)
            self.send_chunk({"delta": {"role": "assistant", "content": ""}})
            count = 0
            for field, whole in (("reasoning_content", thoughts), ("content", text)):
                for token in tokens_of(whole):
                    if last.startswith("/cut") and count == 3:
                        return
                    if last.startswith("/broken") and count == 3:
                        self.send_event({"error": {"message": "The engine has failed.", "type": "server_error", "code": "internal"}})
                        return
                    self.send_chunk({"delta": {field: token}})
                    count += 1
                    state.generated += 1
                    time.sleep(delay)
            limit = request.get("max_completion_tokens")
            self.send_chunk({"delta": {}, "finish_reason": "length" if limit and count > limit else "stop"})
            usage = {"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + count}
            self.send_event({**self.envelope(), "choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            with state.lock:
                state.cancelled += 1
        finally:
            with state.lock:
                state.running -= 1

    def envelope(self):
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake-1b"}

    def send_chunk(self, choice):
        self.send_event({**self.envelope(), "choices": [{"index": 0, "finish_reason": None, **choice}], "usage": None})

    def send_event(self, value):
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()


def metrics(state):
    bounds = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
    lines = ["# HELP ttt_num_requests_running Requests that run.", "# TYPE ttt_num_requests_running gauge",
             f"ttt_num_requests_running {state.running}", "# TYPE ttt_num_requests_waiting gauge", "ttt_num_requests_waiting 0",
             "# TYPE ttt_kv_cache_usage_perc gauge", f"ttt_kv_cache_usage_ratio {min(1, state.running / 8)}",
             "# TYPE ttt_prompt_tokens_total counter", f"ttt_prompt_tokens_total {state.prompt}",
             "# TYPE ttt_generation_tokens_total counter", f"ttt_generation_tokens_total {state.generated}",
             "# TYPE ttt_time_to_first_token_seconds histogram"]
    for bound in bounds:
        lines.append(f'ttt_time_to_first_token_seconds_bucket{{le="{bound}"}} {sum(s <= bound for s in state.first)}')
    lines += [f'ttt_time_to_first_token_seconds_bucket{{le="+Inf"}} {len(state.first)}',
              f"ttt_time_to_first_token_seconds_sum {sum(state.first)}", f"ttt_time_to_first_token_seconds_count {len(state.first)}"]
    return "\n".join(lines) + "\n"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0, key=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.state = State(key)
        self.stopped = False
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # a client that went away

    def stop(self):
        self.stopped = True
        self.shutdown()
        self.server_close()

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--key")
    arguments = parser.parse_args()
    server = Server(arguments.port, arguments.key)
    print(server.address, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
