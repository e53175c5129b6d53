#!/usr/bin/env python3
"""Checks that every header compiles alone.

usage: check_headers.py ROOT [--leave-out=FOLDER]... COMPILER [FLAG]...

A header that its own source file includes first is checked by the build already; the others are compiled here, in parallel.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FIRST_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
UNCHECKED = {"build", "docs"}


def spelled(relative):
    return relative.removeprefix("runtime/include/")


def headers(root, left_out):
    for path in sorted(root.rglob("*.hpp")):
        relative = path.relative_to(root)
        if relative.parts[0] in UNCHECKED or relative.parts[0].startswith("."):
            continue
        if not any(relative.is_relative_to(folder) for folder in left_out):
            yield path, relative.as_posix()


def checked_by_build(path, relative):
    source = path.with_suffix(".cpp")
    if not source.is_file():
        return False
    first = FIRST_INCLUDE.search(source.read_text(encoding="utf-8"))
    return first is not None and first[1] == spelled(relative)


def compile_alone(relative, command):
    result = subprocess.run([*command, "-x", "c++", "-fsyntax-only", "-"], input=f'#include "{spelled(relative)}"\n',
                            capture_output=True, text=True, check=False)
    return relative, result.returncode, result.stderr


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    option = "--leave-out="
    left_out = [argument.removeprefix(option) for argument in arguments if argument.startswith(option)]
    root, *command = [argument for argument in arguments if not argument.startswith(option)]
    root = Path(root).resolve()
    command += [f"-I{root}", f"-I{root / 'runtime/include'}"]
    found = list(headers(root, left_out))
    alone = [relative for path, relative in found if not checked_by_build(path, relative)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda relative: compile_alone(relative, command), alone))
    failures = [(relative, output) for relative, code, output in results if code != 0]
    for relative, output in failures:
        print(f"{relative} does not compile alone:\n{output}")
    print(f"{len(found)} headers, {len(alone)} compiled alone, {len(failures)} failures")
    return 1 if failures or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
