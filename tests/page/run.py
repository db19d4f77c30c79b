#!/usr/bin/env python3
"""The chat page and the dashboard in Chromium without a window.

Usage: run.py [NAME...]      names as unittest takes them, such as conversation_cases.Conversation

TTT_TOOL names the tool, for the tests against `ttt serve`; without it they are left out, and the others use fake_server.py.
With TTT_PAGE_SCREENSHOTS a folder gets a picture of how each test ended. Where there is no Chromium exits 77, skipped; with CI
set that is a failure.
"""

import os
import pathlib
import sys
import unittest

import browser
import case

MODULES = ["conversation_cases", "failure_cases", "markdown_cases", "look_cases", "server_cases"]


def main(names):
    if not browser.find_chromium():
        print(f"no Chromium was found (looked for {', '.join(browser.NAMES)}; TTT_CHROMIUM can name one)")
        return 1 if os.environ.get("CI") else 77
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    case.start_browser()
    try:
        suite = unittest.defaultTestLoader.loadTestsFromNames(names or MODULES)
        result = unittest.TextTestRunner(verbosity=1).run(suite)
    finally:
        case.stop_browser()
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
