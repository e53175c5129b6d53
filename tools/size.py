#!/usr/bin/env python3
"""Prints how many lines each folder has, and holds files and functions to their limits.

usage: size.py [ROOT]     exit code 1 when a file has more than 800 lines or a function outside of tests more than 60

Functions are found by their braces, not by a parser: a body that begins outside of any other function.
"""
import re
import sys
from collections import Counter
from pathlib import Path

FILE_FAILS = 800
FILE_WARNS = 400
FUNCTION_FAILS = 60
SUFFIXES = {".hpp", ".cpp", ".h", ".inl", ".cl", ".py"}
CPP = SUFFIXES - {".py"}
LEFT_OUT = {"build"}

# What braces must not be searched in: comments, literals, preprocessor lines.
OPAQUE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
    r"|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
NOT_A_FUNCTION = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def without_opaque(text):
    return OPAQUE.sub(lambda match: "\n" * match[0].count("\n"), text)


def is_function(head):
    """Whether the text between the last ; { or } and an opening brace begins a function body."""
    if "(" not in head or head.endswith(("=", ",", "(", "return")):
        return False
    before_parameters = head[: head.index("(")]
    return not (NOT_A_FUNCTION.search(before_parameters) and "operator" not in before_parameters and ")" not in head[-40:])


def functions(text):
    """(first line, number of lines, name) of every function body, outermost only."""
    text = without_opaque(text)
    line, begin, head, depth = 1, 1, "", 0
    function = None
    for character in text:
        if character == "\n":
            line += 1
        if character == "{":
            if function is None and is_function(head.strip()):
                function = (depth, begin, head.strip())
            depth += 1
        elif character == "}":
            depth -= 1
            if function and depth == function[0]:
                yield function[1], line - function[1] + 1, name_of(function[2])
                function = None
        if character in "{};":
            head = ""
        else:
            if not head.strip() and not character.isspace():
                begin = line
            head += character


def name_of(head):
    found = re.search(r"([\w~:<>]+(?:\s*operator\s*\S+?)?)\s*\(", head)
    return found[1] if found else "a function"


def sources(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.suffix in SUFFIXES and relative.parts[0] not in LEFT_OUT and not relative.parts[0].startswith("."):
            yield path, relative


def main(arguments):
    root = Path(arguments[0] if arguments else ".").resolve()
    lines, files, failures, warnings = Counter(), Counter(), [], []
    for path, relative in sources(root):
        text = path.read_text(encoding="utf-8")
        count = text.count("\n")
        folder = relative.parent.as_posix()
        lines[folder] += count
        files[folder] += 1
        if count > FILE_FAILS:
            failures.append(f"{relative}: {count} lines, the limit is {FILE_FAILS}")
        elif count > FILE_WARNS:
            warnings.append(f"{relative}: {count} lines, aim below {FILE_WARNS}")
        if path.suffix in CPP:
            in_tests = relative.parts[0] == "tests"
            for first, length, name in functions(text):
                if length > FUNCTION_FAILS:
                    found = f"{relative}:{first}: {name} has {length} lines, the limit is {FUNCTION_FAILS}"
                    (warnings if in_tests else failures).append(found)

    for folder in sorted(lines):
        print(f"{lines[folder]:7d} lines {files[folder]:4d} files  {folder}")
    print(f"{sum(lines.values()):7d} lines {sum(files.values()):4d} files  in all")
    for warning in warnings:
        print(f"warning: {warning}")
    for failure in failures:
        print(f"error: {failure}")
    if not files:
        print("error: no source files found")
    return 1 if failures or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
