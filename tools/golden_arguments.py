"""The arguments of the scripts that write folders of tests/golden."""
import argparse
import pathlib

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"


def golden_parser(doc, folder):
    """A parser that knows --output, which is tests/golden/FOLDER where it is not given."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=GOLDEN / folder)
    return parser


def write_each(doc, folder, names, write):
    """Calls write(name, its folder) for all names, or for those that --only lists."""
    parser = golden_parser(doc, folder)
    parser.add_argument("--only", nargs="*", choices=list(names), default=list(names))
    args = parser.parse_args()
    for name in args.only:
        write(name, args.output / name)
