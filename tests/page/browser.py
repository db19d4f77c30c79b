"""Chromium without a window, driven over the DevTools protocol, with the standard library alone."""

import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome")


def find_chromium():
    """The path of a Chromium, or None."""
    names = [os.environ["TTT_CHROMIUM"]] if os.environ.get("TTT_CHROMIUM") else NAMES
    return next((path for path in map(shutil.which, names) if path), None)


class WebSocket:
    """A client's side of RFC 6455, for text messages."""

    def __init__(self, host, port, path):
        self.socket = socket.create_connection((host, port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def fill(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the browser closed the connection")
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send(self, text, opcode=1):
        data = text.encode() if isinstance(text, str) else text
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        # A mask of zeros is a mask, and leaves the data as it is.
        self.socket.sendall(head + b"\0\0\0\0" + data)

    def receive(self, timeout):
        """The next text message; TimeoutError if none begins in time."""
        whole = b""
        while True:
            self.socket.settimeout(timeout)
            first, second = self.take(2)
            self.socket.settimeout(60)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack("!H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.take(8))[0]
            data = self.take(length)
            opcode = first & 0x0F
            if opcode == 8:
                raise ConnectionError("the browser closed the connection")
            if opcode == 9:
                self.send(data, opcode=10)
                continue
            if opcode == 10:
                continue
            whole += data
            if first & 0x80:
                return whole.decode()


class Browser:
    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="ttt-page-")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-extensions", "--disable-background-networking", "--disable-sync", "--mute-audio",
                 "--force-color-profile=srgb", "--remote-debugging-port=0", f"--user-data-dir={self.folder}"]
        self.process = subprocess.Popen([program, *flags, "about:blank"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = pathlib.Path(self.folder) / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().count("\n") >= 1):
            if self.process.poll() is not None:
                raise RuntimeError(f"{program} ended with {self.process.returncode}")
            if time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"{program} did not start")
            time.sleep(0.05)
        self.port = int(port_file.read_text().splitlines()[0])

    def tab(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            target = json.load(answer)
        return Tab(target["webSocketDebuggerUrl"])

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


KEYS = {"Enter": (13, "\r"), "Escape": (27, None), "ArrowUp": (38, None), "Tab": (9, None), "k": (75, None)}


class Tab:
    def __init__(self, url):
        host, path = url.removeprefix("ws://").split("/", 1)
        name, port = host.split(":")
        self.socket = WebSocket(name, int(port), f"/{path}")
        self.count = 0
        self.complaints = []  # errors of scripts, violations of the policy, failed requests
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.count += 1
        number = self.count
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.receive(60))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.take_event(message)

    def take_event(self, message):
        what, details = message.get("method"), message.get("params", {})
        if what == "Runtime.exceptionThrown":
            thrown = details["exceptionDetails"]
            self.complaints.append(thrown.get("exception", {}).get("description") or thrown["text"])
        elif what == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.complaints.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")
        elif what == "Runtime.consoleAPICalled" and details["type"] in ("error", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in details["args"]))

    def evaluate(self, expression):
        """The value of a JavaScript expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            thrown = result["exceptionDetails"]
            raise RuntimeError(f"{expression}: {thrown.get('exception', {}).get('description', thrown['text'])}")
        return result["result"].get("value")

    def wait_for(self, expression, seconds=30):
        """Waits until the expression is true, or an element, and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = self.evaluate(expression)
                if value not in (None, False, 0, "", []):  # an element is {}
                    return value
            except RuntimeError as error:  # the page is being replaced
                value = error
            if time.monotonic() > deadline:
                raise AssertionError(f"not true within {seconds} s: {expression} (last: {value})")
            time.sleep(0.05)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    def reload(self):
        self.evaluate("window.beforeReload = true")
        self.call("Page.reload")
        self.wait_for("!window.beforeReload && document.readyState === 'complete'")

    def key(self, name, ctrl=False, shift=False):
        code, text = KEYS[name]
        modifiers = (2 if ctrl else 0) | (8 if shift else 0)
        event = {"key": name, "code": f"Key{name.upper()}" if len(name) == 1 else name, "windowsVirtualKeyCode": code,
                 "modifiers": modifiers}
        down = {"type": "keyDown", "text": text} if text and not ctrl else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **event, **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        """Moves the mouse to the middle of the element and clicks, as a person would: what lies above it gets the click."""
        quoted = json.dumps(selector)
        box = self.wait_for(f"(() => {{ const e = document.querySelector({quoted}); if (!e) return null;"
                            "e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
                            "return b.width ? [b.x + b.width / 2, b.y + b.height / 2] : null; })()")
        point = {"x": box[0], "y": box[1]}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **point)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **point)

    def size(self, width, height, phone=False, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def colours(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        self.call("Page.close")
