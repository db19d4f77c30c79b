"""docs/serving.md names every option, every path and every metric."""

import re
import subprocess
import unittest

from serving import ROOT, TOOL, Server

PAGE = (ROOT / "docs" / "serving.md").read_text()
README = (ROOT / "README.md").read_text()


def named(name, text):
    return re.search(rf"{re.escape(name)}(?![\w-])", text) is not None


class Documentation(unittest.TestCase):
    def test_options(self):
        shown = subprocess.run([TOOL, "serve", "--help"], capture_output=True, text=True, check=True).stdout
        options = set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", shown, re.M)) - {"--help"}
        self.assertGreater(len(options), 30)
        self.assertEqual([o for o in sorted(options) if not named(o, PAGE) and not named(o, README)], [])
        own = set(re.findall(r"`(--[a-z-]+)", PAGE[PAGE.index("\n## Options"):PAGE.index("\n## Signals")]))
        self.assertEqual(sorted(own - options), [])

    def test_paths_and_metrics(self):
        with Server() as server:
            paths = server.get("/openapi.json").json()["paths"]
            server.chat("abc", max_tokens=2)
            server.get("/nothing")
            families = re.findall(r"^# TYPE (\S+)", server.get("/metrics").body.decode(), re.M)
        self.assertGreater(len(paths), 12)
        self.assertEqual([p for p in paths if not named(p.replace("{model}", "NAME"), PAGE)], [])
        self.assertGreater(len(families), 30)
        self.assertEqual([f for f in families if not named(f, PAGE)], [])
        described = set(re.findall(r"`((?:ttt|process)_\w+)", PAGE[PAGE.index("\n## Metrics"):PAGE.index("\n## As a service")]))
        self.assertEqual(sorted(described - set(families)), [])


if __name__ == "__main__":
    unittest.main()
