"""The first C++ example of README.md is examples/hello_block.cpp, word for word, and at most 30 lines long."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
shown = re.findall(r"^```cpp\n(.*?)^```$", (root / "README.md").read_text(), re.M | re.S)
source = (root / "examples/hello_block.cpp").read_text()
if not shown or shown[0] != source:
    sys.exit("README.md shows another example than examples/hello_block.cpp")
if source.count("\n") > 30:
    sys.exit(f"examples/hello_block.cpp wanted at most 30 lines, got {source.count(chr(10))}")
