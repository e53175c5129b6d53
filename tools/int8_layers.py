#!/usr/bin/env python3
"""Writes docs/int8-layers.md: for each quantized model how many convolutions and matrix products run on integers.

    python3 tools/int8_layers.py [--octet build/release/bin/octet] [--shared ../shared] [--out docs/int8-layers.md]

Fails where OpenVINO has more of them than Octet.
"""
import argparse
import json
import pathlib
import subprocess
import sys

PRODUCTS = {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul"}

HEAD = """# Layers on integers

Convolutions, grouped and backward convolutions and matrix products of the quantized models, as `octet explain` counts them on {device},
and as OpenVINO 2026.4 executed them in its default run (`golden.json`, counted after its fusions). "Octet" has the property
LOW_PRECISION_PLAN=INTEGERS: by default layers that a machine computes faster in float are float on it. "upstream":
LOW_PRECISION_PLAN=UPSTREAM. Written by `tools/int8_layers.py`.

| model | layers | Octet | upstream | OpenVINO |
|---|---:|---:|---:|---:|
"""


def explain(octet, model, *options):
    run = subprocess.run([octet, "explain", model, "--json", *options], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"octet explain {model}: {run.stderr.strip()}")
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--octet", default="build/release/bin/octet")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/int8-layers.md"))
    args = parser.parse_args()

    rows, floats, behind = [], [], []
    device = ""
    for golden in sorted((args.shared / "goldens" / "int8").glob("*/golden.json")):
        name = golden.parent.name
        theirs = json.loads(golden.read_text()).get("executed")
        model = next((args.shared / "models" / "int8" / name).glob("*.xml"), None)
        if theirs is None or model is None:
            continue
        report = explain(args.octet, model, "--plan", "integers")
        device = report["summary"]["device"]
        layers = [layer for layer in report["layers"] if layer["type"] in PRODUCTS]
        ours = sum(layer["int8"] for layer in layers)
        upstream = sum(layer["int8"] for layer in explain(args.octet, model, "--plan", "upstream")["layers"]
                       if layer["type"] in PRODUCTS)
        rows.append(f"| {name} | {len(layers)} | {ours} | {upstream} | {theirs['mac_int8']} |\n")
        reasons = {}
        for layer in layers:
            if not layer["int8"]:
                reasons.setdefault(layer["code"], []).append(layer["name"])
        for code, names in sorted(reasons.items()):
            shown = ", ".join(f"`{n}`" for n in names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            floats.append(f"- {name}: {len(names)} x {code}: {shown}\n")
        if ours < theirs["mac_int8"]:
            behind.append(name)

    text = HEAD.format(device=device) + "".join(rows)
    text += "\n## In float\n\nNO_ACT_FQ: the file does not quantize the layer's data.\n\n" + "".join(floats)
    args.out.write_text(text)
    if behind:
        sys.exit("OpenVINO has more layers on integers in " + ", ".join(behind))


if __name__ == "__main__":
    main()
