#!/usr/bin/env python3
"""Writes docs/pass-times.md: the time of all graph passes of Octet, beside that of OpenVINO's own passes on the same models.

    python3 tools/pass_times.py MODEL.xml ... [--octet build/release/bin/octet] [--rounds 5] [--out docs/pass-times.md]

To the models a chain of 10,000 nodes is added. Needs openvino; run it on a quiet machine. Fails where Octet takes more than a third.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

THEIRS = ("Plugin:CPU", "CPU:LPT", "CPU:PostLPT")
SHARE = 1 / 3
COMPILE = "import openvino, sys; openvino.Core().compile_model(sys.argv[1], 'CPU')"

HEAD = """# Time of the passes

Milliseconds from the graph as it was read to the one whose kernels are chosen: all steps that `octet bench --load` lists before
`partition`, and what OpenVINO {version} reports for {theirs} with `OV_ENABLE_PROFILE_PASS=1`;
the best of {rounds} runs in turn, each in a process of its own. Written by `tools/pass_times.py`.

| model | nodes | Octet | OpenVINO | share |
|---|---:|---:|---:|---:|
"""


def chain(nodes):
    """FakeQuantize, convolution by quantized weights, bias, relu, one after the other; each block has its own constants, as files do."""
    import numpy as np  # pylint: disable=import-outside-toplevel
    import openvino as ov
    from openvino import opset13 as ops

    def constants(*numbers):
        return [ops.constant(np.float32(n)) for n in numbers]

    random = np.random.default_rng(1)
    x = ops.parameter([1, 4, 4, 4], np.float32, name="x")
    value, made = x, 2
    while made < nodes:
        step = 0.25 + 0.001 * (made % 100)
        value = ops.fake_quantize(value, *constants(0, 255 * step, 0, 255 * step), 256)
        weights = ops.constant(random.normal(size=(4, 4, 1, 1)).astype(np.float32))
        weights = ops.fake_quantize(weights, *constants(-1, 1, -1, 1), 255)
        value = ops.convolution(value, weights, [1, 1], [0, 0], [0, 0], [1, 1])
        value = ops.relu(ops.add(value, ops.constant(random.normal(size=(1, 4, 1, 1)).astype(np.float32))))
        made += 15
    return ov.Model([ops.result(value)], [x], "chain")


def run(command, **variables):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **variables})
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def ours(octet, model):
    rows = re.findall(r"^(.*\S) +([0-9.]+) ms$", run([octet, "bench", model, "--load"]), re.MULTILINE)
    names = [name for name, _ in rows]
    return sum(float(ms) for _, ms in rows[names.index("read the file") + 1 : names.index("partition")])


def theirs(model):
    text = run([sys.executable, "-c", COMPILE, model], OV_ENABLE_PROFILE_PASS="1")
    found = re.findall(r"^PassManager finished: +(\S+) +([0-9]+)ms", text, re.MULTILINE)
    times = {name: sum(int(ms) for other, ms in found if other == name) for name in THEIRS}
    if not times[THEIRS[0]]:
        sys.exit("OpenVINO reports no times of its passes")
    return sum(times.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="+", metavar="MODEL.xml")
    parser.add_argument("--octet", default="build/release/bin/octet")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/pass-times.md"))
    args = parser.parse_args()
    import openvino as ov  # pylint: disable=import-outside-toplevel

    rows, behind = [], []
    with tempfile.TemporaryDirectory() as folder:
        large = pathlib.Path(folder) / "chain of convolutions.xml"
        ov.save_model(chain(10_000), large, compress_to_fp16=False)
        for model in [*args.models, large]:
            nodes = len(ov.Core().read_model(model).get_ops())
            times = [(ours(args.octet, model), theirs(model)) for _ in range(args.rounds)]
            mine, other = (min(column) for column in zip(*times))
            rows.append(f"| {model.stem} | {nodes} | {mine:.1f} | {other} | {mine / other:.3f} |\n")
            print(rows[-1], end="", flush=True)
            if mine > SHARE * other:
                behind.append(model.stem)
    version = ov.get_version().split("-")[0]
    args.out.write_text(HEAD.format(version=version, theirs=", ".join(f"`{name}`" for name in THEIRS), rounds=args.rounds) + "".join(rows))
    if behind:
        sys.exit("Octet takes more than a third of OpenVINO's time on " + ", ".join(behind))


if __name__ == "__main__":
    main()
