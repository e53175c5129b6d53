#!/usr/bin/env python3
"""Flips `*` and `/`, `+` and `-` in the arithmetic of a family of rules, one at a time, and reports which flips no test notices.

    tools/mutate.py                          every family, every flip
    tools/mutate.py movement --sample 10     ten flips of one family
    tools/mutate.py --list                   where the flips are

Nothing in the source tree or the build folder changes: the changed file is compiled and put into a copy of the archive, and copies of
the test programs are linked with it. The programs must have been built. A flip that does not compile or makes a test fail, crash or run
too long is noticed.
"""
import argparse
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = {
    "weighted": ["low_precision/rules/weighted.cpp", "low_precision/weighted.cpp", "low_precision/parts.cpp",
                 "low_precision/weights_zero_point.cpp", "low_precision/zero_point_correction.cpp"],
    "movement": ["low_precision/rules/movement.cpp", "low_precision/rules/gather.cpp", "low_precision/dequantization.cpp"],
    "quantize": ["low_precision/fake_quantize.cpp", "low_precision/decompose.cpp", "low_precision/rules/quantize_weights.cpp"],
    "common": ["common/activation.cpp", "common/scale_shift.cpp", "common/dequantize.cpp", "common/attention.cpp"],
}
TESTS = ["rules_test", "passes_test", "random_graphs_test"]
ARCHIVE = "lib/liboctet_transformations.a"
FLIP = {"*": "/", "/": "*", "+": "-", "-": "+"}
OPERATOR = re.compile(r"(?<=\S )([*/+-])(=?)(?= \S)")
NOT_CODE = re.compile(r'"(?:\\.|[^"\\])*"|//.*')
TEST_SECONDS = 120


def places(path: Path):
    """(offset, line number) of each binary operator, which the formatter puts between spaces."""
    text = path.read_text()
    offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        hidden = [m.span() for m in NOT_CODE.finditer(line)]
        for m in OPERATOR.finditer(line):
            if not any(begin <= m.start() < end for begin, end in hidden):
                yield offset + m.start(), number
        offset += len(line)


def compile_command(build: Path, source: Path):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"] == str(source):
            words = shlex.split(entry["command"])
            at = words.index("-o")
            return words, words[at + 1]
    sys.exit(f"{source} is not compiled in {build}")


def link_command(build: Path, test: str):
    lines = subprocess.run(["ninja", "-C", str(build), "-t", "commands", f"bin/{test}"], check=True, capture_output=True, text=True).stdout
    command = [line for line in lines.splitlines() if f"-o bin/{test}" in line]
    if not command:
        sys.exit(f"{test} is not linked in {build}")
    return command[-1]


class Workshop:
    def __init__(self, build: Path, folder: Path):
        self.build, self.folder = build, folder
        self.links = {test: link_command(build, test) for test in TESTS}

    def run(self, command, **options):
        return subprocess.run(command, cwd=self.build, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **options)

    def noticed_by(self, source: Path, text: str):
        """The first test that fails, "the compiler", or nothing."""
        words, made = compile_command(self.build, source)
        changed, made_here = self.folder / source.name, self.folder / Path(made).name
        changed.write_text(text)
        words[words.index("-o") + 1] = str(made_here)
        words[words.index(str(source))] = str(changed)
        if self.run(words).returncode != 0:
            return "the compiler"
        archive = self.folder / Path(ARCHIVE).name
        shutil.copy(self.build / ARCHIVE, archive)
        self.run(["ar", "r", str(archive), str(made_here)])
        for test in TESTS:
            program = self.folder / test
            link = self.links[test].replace(ARCHIVE, str(archive)).replace(f"-o bin/{test}", f"-o {program}")
            if self.run(link, shell=True).returncode != 0:
                return "the linker"
            try:
                status = subprocess.run([str(program), "--gtest_brief=1", "--gtest_break_on_failure=0", "--gtest_filter=-*Speed*:*Scale*"],
                                        cwd=ROOT, timeout=TEST_SECONDS, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "OCTET_RANDOM_GRAPHS": "400"}).returncode
            except subprocess.TimeoutExpired:
                return test
            if status != 0:
                return test
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--sample", type=int, help="so many flips, chosen at random")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further flip after this time")
    parser.add_argument("--survivors", type=int, default=None, help="fail when more flips than this are not noticed")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown family {', '.join(sorted(unknown))}, wanted {', '.join(FAMILIES)}")

    flips = [(ROOT / "transformations" / name, offset, line) for family in options.families or FAMILIES
             for name in FAMILIES[family] for offset, line in places(ROOT / "transformations" / name)]
    if options.list:
        for path, offset, line in flips:
            print(f"{path.relative_to(ROOT)}:{line}: {path.read_text()[offset]}")
        return 0
    if options.sample and options.sample < len(flips):
        flips = sorted(random.Random(options.seed).sample(flips, options.sample))
    begin, tried, survivors = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(options.build.resolve(), Path(folder))
        for path, offset, line in flips:
            if time.monotonic() - begin > options.seconds:
                break
            text = path.read_text()
            operator = text[offset]
            by = workshop.noticed_by(path, text[:offset] + FLIP[operator] + text[offset + 1:])
            tried += by not in ("the compiler", "the linker")
            place = f"{path.relative_to(ROOT)}:{line}: {operator} -> {FLIP[operator]}"
            print(f"{place}: {'noticed by ' + by if by else 'SURVIVES: ' + text.splitlines()[line - 1].strip()}", flush=True)
            if not by:
                survivors.append(place)
    print(f"{tried - len(survivors)} of {tried} flips noticed" + (f", of {len(flips)}" if tried < len(flips) else ""))
    return int(options.survivors is not None and len(survivors) > options.survivors)


if __name__ == "__main__":
    sys.exit(main())
