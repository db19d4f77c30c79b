"""No instruction beyond the amd64 baseline stands outside the namespaces of kernels that are chosen at run time.

Usage: isa_of_symbols.py FILE...   (executables, libraries, archives)

A symbol may hold VEX- or EVEX-encoded code only if its mangled name contains one of the namespaces in LEVELS. Shared
inline functions (std::min, say) would be merged by the linker into one copy for all levels: this finds them.
"""

import re
import subprocess
import sys

LEVELS = ("avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx")
IN_LEVEL = re.compile(r"(?<!\d)(?:" + "|".join(f"{len(name)}{name}" for name in LEVELS) + ")")
SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\t([a-z0-9]+)")
# All VEX and EVEX vector instructions begin with v; the rest are mask registers, tiles and the BMI groups. tzcnt is not among
# them: "rep bsf", which baseline code uses, disassembles as that.
NOT_VEX = re.compile(r"v(err|erw|mcall|mlaunch|mresume|mptr.*|mread|mwrite|mxo.*|mfunc|mclear|mmcall|mrun|mload|msave)$")
BEYOND = re.compile(r"(v[a-z]|k(mov|and|andn|or|xor|xnor|not|shift[lr]|add|test|ortest|unpck)[bwdq]|"
                    r"((ld|st)tilecfg|tile(loaddt?1?|stored|zero|release)|tdp[a-z0-9]+)$|"
                    r"(andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt)[lqw]?$)")


def main(paths):
    wrong, seen, in_levels = {}, 0, 0
    for path in paths:
        lines = subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", path], stdout=subprocess.PIPE, text=True)
        symbol, allowed = "", False
        for line in lines.stdout:
            header = SYMBOL.match(line)
            if header:
                symbol = header.group(1)
                allowed = bool(IN_LEVEL.search(symbol))
                seen += 1
                continue
            found = INSTRUCTION.match(line)
            if not found or not BEYOND.match(found.group(1)) or NOT_VEX.match(found.group(1)):
                continue
            in_levels += allowed
            if not allowed:
                wrong.setdefault((path, symbol), line.strip())
        if lines.wait() != 0:
            sys.exit(f"objdump failed on {path}")
    for (path, symbol), line in sorted(wrong.items()):
        print(f"{path}: {symbol}: {line}")
    print(f"{seen} symbols, {in_levels} instructions beyond the baseline in kernels, {len(wrong)} symbols wrong")
    if not seen or not in_levels:
        sys.exit("nothing was disassembled: this test tests nothing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
