"""Installs the build into a folder, moves the folder, and uses it as a stranger would: programs and find_package."""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CONSUMER = """cmake_minimum_required(VERSION 3.25)
project(consumer CXX)
find_package(octet 0.1 REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE octet::runtime)
"""


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{result.stdout}{result.stderr}")
    return result.stdout


def readme_example(source):
    example = re.search(r"^```cpp\n(.*?)^```", (source / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    if example is None:
        sys.exit("README.md has no example in C++")
    return example[1]


def check_extension(source, prefix, folder, cmake, compiler):
    """The component octet::transformations: the sample that extends them, built outside of the source tree."""
    sample = folder / "extend_transformations"
    shutil.copytree(source / "samples/extend_transformations", sample)
    run(cmake, "-G", "Ninja", "-S", sample, "-B", sample / "build", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}",
        "-DCMAKE_BUILD_TYPE=Release")
    run(cmake, "--build", sample / "build")
    model = folder / "tiny.xml"
    run(prefix / "bin/octet", "example-model", "tiny", "-o", model)
    output = run(sample / "build/extend_transformations", model)
    for wanted in ("conv1: PLUGIN_VETO: 'conv1' reads an image", "conv2: yes\n", "layers in int8 on CPU\n"):
        if wanted not in output:
            sys.exit(f"the sample that extends transformations printed {output!r}, wanted {wanted!r} in it")


def main(source, build, cmake, compiler):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(cmake, "--install", build, "--prefix", folder / "first")
        prefix = (folder / "first").rename(folder / "moved")

        model = folder / "model.xml"
        run(prefix / "bin/octet", "example-model", "resnet50", "-o", model)

        consumer = folder / "consumer"
        consumer.mkdir()
        (consumer / "CMakeLists.txt").write_text(CONSUMER, encoding="utf-8")
        (consumer / "main.cpp").write_text(readme_example(source), encoding="utf-8")
        run(cmake, "-G", "Ninja", "-S", consumer, "-B", consumer / "build", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}",
            "-DCMAKE_BUILD_TYPE=Release")
        run(cmake, "--build", consumer / "build")
        output = run(consumer / "build/consumer", model)
        check_extension(source, prefix, folder, cmake, compiler)
        if not re.fullmatch(r"first score: [-+.e\d]+\n", output):
            sys.exit(f"the README's example printed {output!r}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
