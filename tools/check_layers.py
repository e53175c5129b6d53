#!/usr/bin/env python3
"""Checks who includes whom: the folders of the source tree are layers, and a layer includes only what LAYERS grants it.

usage: check_layers.py [ROOT]     prints one line per violation; exit code 1 when there is one
"""
import re
import sys
from pathlib import Path

# Layer (a folder or a file, the longest match counts) -> layers it may include besides itself.
VOCABULARY = "vocabulary"  # the two public headers everything may name: element types and errors
PUBLIC = "runtime/include/octet"
MODEL_ACCESS = "model-access"  # the graph behind a model
CPU_MACHINE = "cpu-machine"  # what the processor can do, the thread pool, and how threads wait
ALIASES = {
    "runtime/include/octet/element_type.hpp": VOCABULARY,
    "runtime/include/octet/error.hpp": VOCABULARY,
    "runtime/src/model_access.hpp": MODEL_ACCESS,
    "runtime/model_graph.hpp": MODEL_ACCESS,
    "plugins/cpu/machine.hpp": CPU_MACHINE,
    "plugins/cpu/machine.cpp": CPU_MACHINE,
    "plugins/cpu/barrier.hpp": CPU_MACHINE,
    "plugins/cpu/pool.hpp": CPU_MACHINE,
    "plugins/cpu/pool.cpp": CPU_MACHINE,
    "plugins/cpu/spin.hpp": CPU_MACHINE,
}
TRANSFORMATIONS = [
    "transformations", "transformations/rewrite", "transformations/common", "transformations/low_precision",
]
PLUGIN = ["ir", "ir/eval", *TRANSFORMATIONS, "runtime/plugin.hpp", PUBLIC, VOCABULARY]
TOOLS = ["ir", "ir/eval", "ir/xml", *TRANSFORMATIONS, "runtime", "quantization", "samples", MODEL_ACCESS, PUBLIC, VOCABULARY]
LAYERS = {
    VOCABULARY: [],
    PUBLIC: [VOCABULARY],
    "ir": [VOCABULARY],
    "ir/eval": ["ir", VOCABULARY],
    "ir/xml": ["ir", VOCABULARY],
    "transformations/rewrite": ["ir", "ir/eval", VOCABULARY],
    "transformations/common": ["ir", "ir/eval", "transformations/rewrite", VOCABULARY],
    "transformations/low_precision": ["ir", "ir/eval", "transformations/rewrite", "transformations/common", VOCABULARY],
    "transformations": ["ir", "ir/eval", *TRANSFORMATIONS, VOCABULARY],
    "runtime/plugin.hpp": ["ir", PUBLIC, VOCABULARY],
    "runtime": ["ir", "ir/xml", "runtime/plugin.hpp", MODEL_ACCESS, PUBLIC, VOCABULARY],
    "runtime/registry.cpp": ["runtime/plugin.hpp", "plugins/reference", "plugins/cpu"],
    MODEL_ACCESS: ["ir", PUBLIC, VOCABULARY],
    "plugins/reference": PLUGIN,
    "plugins/gpu": PLUGIN,
    "plugins/cpu": [*PLUGIN, "plugins/cpu/kernels", CPU_MACHINE],
    "plugins/cpu/kernels": [CPU_MACHINE, VOCABULARY],
    CPU_MACHINE: [VOCABULARY],
    "quantization": ["ir", *TRANSFORMATIONS, PUBLIC, VOCABULARY],
    "samples": [PUBLIC, VOCABULARY],
    # What the component octet::transformations installs; all other samples do with the public headers.
    "samples/extend_transformations": ["ir", "ir/eval", *TRANSFORMATIONS, MODEL_ACCESS, PUBLIC, VOCABULARY],
    "tools": TOOLS,
    "tools/octet/dump.cpp": [*TOOLS, "tools", "plugins/cpu"],  # the last step of a model's way is a plugin's
}
UNCHECKED = {"tests", "docs", "build", "cmake", "scripts"}

# Third-party header -> the folders that may include it. A header not listed belongs to the standard library or the system.
THIRD_PARTY = {
    r"(oneapi/)?dnnl": ["plugins/cpu/kernels/onednn"],
    r"xbyak/": ["plugins/cpu/kernels/x64", "plugins/cpu/machine.cpp"],
    r"CL/": ["plugins/gpu"],
    r"pugixml": ["ir/xml"],
    r"CLI/": ["tools"],
    r"gflags/": ["samples"],
    r"stb(/|_)": ["samples", "tools"],
    r"nlohmann/": ["runtime/src", "samples", "tools", "quantization", "plugins"],
    r"gtest/|gmock/|benchmark/": [],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".hpp", ".cpp", ".h", ".inl"}


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def layer_of(path):
    """The layer of a path relative to the root, or None where no layer is declared."""
    if path in ALIASES:
        return ALIASES[path]
    found = [layer for layer in LAYERS if inside(path, layer)]
    return max(found, key=len, default=None)


def check_include(root, path, layer, bracket, header):
    """The reason why `path` may not include `header`, or None."""
    if bracket == "<" and not header.startswith("octet/"):
        for pattern, folders in THIRD_PARTY.items():
            if re.match(pattern, header) and not any(inside(path, folder) for folder in folders):
                return f"only {' and '.join(folders) or 'tests'} may include <{header}>"
        return None
    target = f"runtime/include/{header}" if header.startswith("octet/") else header
    if not (root / target).is_file():
        return f'"{header}" is not spelled from the root of the repository'
    if bracket == '"' and target != header:
        return f'"{header}" is a public header, spelled <{header}>'
    wanted = layer_of(target)
    if wanted is None:
        return f'"{header}" is in no layer of tools/check_layers.py'
    if wanted != layer and wanted not in LAYERS[layer]:
        return f'{layer} may not include "{header}", which is in {wanted}'
    return None


def sources(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.suffix in SUFFIXES and relative.parts[0] not in UNCHECKED and not relative.parts[0].startswith("."):
            yield path, relative.as_posix()


def violations(root):
    for path, relative in sources(root):
        layer = layer_of(relative)
        text = path.read_text(encoding="utf-8")
        if layer is None:
            yield f"{relative}: is in no layer of tools/check_layers.py"
            continue
        for match in INCLUDE.finditer(text):
            reason = check_include(root, relative, layer, match[1], match[2])
            if reason:
                line = text.count("\n", 0, match.start(1)) + 1
                yield f"{relative}:{line}: {reason}"


def main(arguments):
    root = Path(arguments[0] if arguments else ".").resolve()
    found = list(violations(root))
    for violation in found:
        print(violation)
    checked = sum(1 for _ in sources(root))
    print(f"{checked} files checked, {len(found)} violations")
    if checked == 0:
        print("no source files found, which cannot be right")
    return 1 if found or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
