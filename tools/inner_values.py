#!/usr/bin/env python3
"""Writes docs/inner-values.md: how far the first FakeQuantize of the quantized models are from the reference.

    python3 tools/inner_values.py [--octet build/release/bin/octet] [--shared ../shared] [--out docs/inner-values.md] [--only TEXT]

Needs numpy. Fails where one of them is below 80 dB and more than 3 dB below both the floor and what REFERENCE gives in float.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

RECORDED = 5  # of each model: the 1st, 2nd, 3rd, 5th and 9th FakeQuantize on activations
ENOUGH, NEAR = 80.0, 3.0  # dB

HEAD = """# Inner values

Signal to quantization noise in dB at the 1st, 2nd, 3rd, 5th and 9th FakeQuantize on activations of the quantized models, for a photo:
Octet on {device} / OpenVINO 2026.4 in its default run / floor. The reference is the file's float arithmetic; the floor is what a second
order of the same float operations, or double precision, gives (200: identical). Wanted of Octet is at least the floor less {near:g} dB,
or {enough:g} dB; bold is what misses it, and is listed below the table. Written by `tools/inner_values.py`.

| model | Octet / OpenVINO / floor |
|---|---|
"""
BELOW = """
## Below the floor

At most 4096 values of a layer are recorded. Where a float sum of another order falls on the other side of a rounding step, a code of a
later FakeQuantize changes by one; a single such value among the recorded ones is 40 to 60 dB. REFERENCE, which computes these models in
float as the file says, differs from the recorded values in the same way.

"""


def values(octet, device, model, doc, check, shared):
    """(recorded row, what the device gives at it), of the last case of the model."""
    inner = doc["cases"][-1]["inner"][:RECORDED]
    outputs = [{"role": "tap", "layer": row["layer"], "port": row["port"]} for row in inner]
    case = {**doc["cases"][-1], "outputs": outputs}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        feed = check.write_feed({**doc, "cases": [case]}, shared / "goldens" / "images", folder)
        if feed is None:
            sys.exit(f"{doc['model']}: the generated input differs from its checksum")
        command = [octet, "run", model, "-d", device, "--feed", feed, "--output-dir", folder / "out"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"octet run {model}: {run.stderr.strip()}")
        answer = json.loads((folder / "out" / "outputs.json").read_text())["calls"][0]
        files = {(o["layer"], o["port"]): o["file"] for o in answer}
        arrays = [check.np.load(folder / "out" / files[row["layer"], row["port"]]) for row in inner]
        return [(row, array.ravel()[::row["stride"]].astype("float32")) for row, array in zip(inner, arrays)]


def other_codes(recorded, got, np):
    """How many values are not those recorded: a step apart at least, where rounding of floats is not what differs."""
    return int((np.abs(recorded - got) > 1e-4 * np.abs(recorded).max()).sum())


def explain_misses(name, missed, reference, golden, check):
    """A line for each row that misses the floor, and whether float arithmetic in another order does as well."""
    lines, fails = [], []
    for index, (row, got, ours, floor) in missed.items():
        recorded, same = check.stored(row, golden.parent), reference[index][1]
        theirs = check.compare(recorded, same)["sqnr_db"]
        counts = [other_codes(recorded, values_of, check.np) for values_of in (got, same)]
        lines.append(f"- {name}: `{row['layer']}`: {ours:.1f} dB, floor {floor:.1f}, REFERENCE in float {theirs:.1f}; {counts[0]} of "
                     f"{len(recorded)} recorded values have another code, {counts[1]} with REFERENCE\n")
        if ours < min(floor, theirs) - NEAR:
            fails.append(lines[-1].strip())
    return lines, fails


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--octet", default="build/release/bin/octet")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/inner-values.md"))
    parser.add_argument("--only", default="", help="models whose name contains this; they are printed, no file is written")
    args = parser.parse_args()
    sys.path.insert(0, str(args.shared / "tools" / "golden"))
    import check  # pylint: disable=import-outside-toplevel,import-error

    rows, lines, fails, device = [], [], [], ""
    for golden in sorted((args.shared / "goldens" / "int8").glob(f"*{args.only}*/golden.json")):
        doc, name = json.loads(golden.read_text()), golden.parent.name
        model = args.shared / "models" / doc["model"] / doc["xml"]
        cells, missed = [], {}
        for index, (row, got) in enumerate(values(args.octet, "CPU", model, doc, check, args.shared)):
            ours, floor = check.compare(check.stored(row, golden.parent), got)["sqnr_db"], check.floor(row)
            cells.append(f"{ours:.0f} / {row['int8']['sqnr_db']:.0f} / {floor:.0f}")
            if ours < min(ENOUGH, floor - NEAR):
                cells[-1] = f"**{cells[-1]}**"
                missed[index] = row, got, ours, floor
        rows.append(f"| {name} | {' · '.join(cells)} |\n")
        print(rows[-1], end="", flush=True)
        if missed:
            reference = values(args.octet, "REFERENCE", model, doc, check, args.shared)
            for whole, part in zip((lines, fails), explain_misses(name, missed, reference, golden, check)):
                whole += part
        if not device:
            explain = subprocess.run([args.octet, "explain", model, "--json"], capture_output=True, text=True, check=True)
            device = json.loads(explain.stdout)["summary"]["device"]
    if not args.only:
        args.out.write_text(HEAD.format(device=device, near=NEAR, enough=ENOUGH) + "".join(rows) + BELOW + "".join(lines))
    if fails:
        sys.exit("\n".join(fails))


if __name__ == "__main__":
    main()
