#!/usr/bin/env python3
"""Measures Octet beside OpenVINO and ONNX Runtime and writes docs/performance.md. One command for all of it:

    PYTHON tools/performance.py --peers DIR --models DIR       (a Python that has openvino, onnxruntime and numpy)

--peers holds bench.py and nets.py, --models what make_models.py wrote (NAME.int8.xml, NAME.int8.onnx, ...). Raw results, one JSON object a
line, go to --raw and are kept: --parts measures only some again, --parts none only writes the page. --real holds models as they are in
the world, quantized ones in int8/NAME and others in float/NAME. The machine should do nothing else.
"""
import argparse
import collections
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

PARTS = ["peers", "real", "real-floats", "floats", "caps", "load", "scaling", "layers", "nodes", "shared"]
NAMES = ["resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "ssd_mobilenet", "yolo_v5s", "unet_small", "bert_base",
         "vit_b16", "lstm2", "squeezenet1_1"]
TIME_FIRST = {"lstm2"}  # the first dimension of their data is no batch
OPENVINO = ["ov-int8", "ov-int8-f32hint"]
OPENVINO_FLOAT = {"default": "ov-f32", "f32": "ov-f32-f32hint"}
# Below a cap of the instruction set: the others' engines, and ours beside "octet", with their options.
CAPS = {"AVX2": (["ov-f32-f32hint", "ov-int8-f32hint"], {"octet-saturating": "--property INT8_SATURATION=YES"}),
        "AVX2_VNNI": (["ov-int8-f32hint", "ort-int8"], {})}
# Reads, compiles and runs once with a cache; prints the milliseconds of the first two.
OPENVINO_LOAD = """
import sys, time, openvino as ov
core = ov.Core()
core.set_property({"CACHE_DIR": sys.argv[2]})
core.get_property("CPU", "FULL_DEVICE_NAME")
start = time.perf_counter()
model = core.compile_model(sys.argv[1], "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})
print((time.perf_counter() - start) * 1e3)
"""


class Failed(Exception):
    pass


def run(command, env=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
    return done.stdout


class Measurements:
    """What was measured, by part; every part is a file of its own."""

    def __init__(self, args):
        self.args = args
        self.raw = args.raw
        self.raw.mkdir(parents=True, exist_ok=True)

    def program(self, name):
        return self.args.build / "bin" / name

    def models(self):
        return [n for n in self.args.names or NAMES if (self.args.models / f"{n}.int8.xml").exists()]

    def xml(self, name):
        return self.args.models / f"{name}.int8.xml"

    def records(self, part):
        path = self.raw / f"{part}.jsonl"
        return [json.loads(line) for line in path.open()] if path.exists() else []

    def write(self, part, records):
        (self.raw / f"{part}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))

    def engine(self, name, model, options=""):
        return (f"{name}={self.program('octet').resolve()} bench {{{model}}} --threads {{threads}} --streams {{streams}} "
                f"--seconds {{seconds}} --json {options}")

    def bench(self, part, models, engines, ours, *options, env=None):
        run([sys.executable, self.args.peers / "bench.py", *options, "--models", models, "--engines", ",".join(engines),
             *[text for engine in ours for text in ("--engine", engine)], "--rounds", self.args.rounds, "--seconds",
             self.args.seconds, "--out", self.raw / part], env)

    def peers(self):
        self.bench("peers", self.args.models, [*OPENVINO, "ort-int8"], [self.engine("octet", "model")], *self.models())

    def real(self):
        self.of_the_world("real", "int8", OPENVINO, [self.engine("octet", "model")])

    def real_floats(self):
        self.of_the_world("real-floats", "float", OPENVINO_FLOAT.values(), self.float_engines("model"))

    def of_the_world(self, part, folder, theirs, ours):
        if self.args.real.exists():
            self.bench(part, self.args.real / folder, theirs, ours, "--glob", "*/*.xml", "--metrics", "lat1,lat2")

    # As each runs them by itself and held to f32.
    def float_engines(self, file):
        return [self.engine("octet-default", file), self.engine("octet-f32", file, "--property INFERENCE_PRECISION_HINT=f32")]

    def floats(self):
        ours = [self.engine("octet", "model"), *self.float_engines("f32")]
        self.bench("floats", self.args.models, OPENVINO_FLOAT.values(), ours, *self.models(), "--metrics", "lat1,lat2")

    def caps(self):
        for isa, (theirs, ours) in CAPS.items():
            engines = [self.engine("octet", "model"), *(self.engine(name, "model", options) for name, options in ours.items())]
            self.bench(f"caps-{isa}", self.args.models, theirs, engines, *self.models(), "--metrics", "lat1,lat2",
                       env={"OCTET_MAX_CPU_ISA": isa, "ONEDNN_MAX_CPU_ISA": isa})

    # Each load is a process of its own; the first fills the cache.
    def load(self):
        records = []
        for name in self.models():
            with tempfile.TemporaryDirectory() as folder:
                for turn in range(self.args.rounds + 1):
                    bench = [self.program("octet"), "bench", self.xml(name), "--threads", 1, "--seconds", 0.01, "--json"]
                    cold = json.loads(run(bench).splitlines()[-1])
                    warm = json.loads(run([*bench, "--cache_dir", f"{folder}/octet"]).splitlines()[-1])
                    theirs = float(run([sys.executable, "-c", OPENVINO_LOAD, self.xml(name), f"{folder}/openvino"]))
                    records.append({"model": name, "round": turn, "octet_cold": cold["load_ms"], "octet_first": cold["first_ms"],
                                    "octet": warm["load_ms"], "octet_cached_first": warm["first_ms"], "openvino": theirs})
        self.write("load", records)

    def scaling(self):
        records = []
        for name in self.models():
            batches = (1,) if name in TIME_FIRST else (1, 4, 16, 64)
            settings = [(batch, 1, threads) for batch in batches for threads in (1, 2)]
            settings += [(1, streams, streams) for streams in (2, 4) if streams <= 2 * os.cpu_count()]
            for batch, streams, threads in settings:
                record = {"model": name, "batch": batch, "streams": streams, "threads": threads}
                command = [self.program("benchmark_app"), "-m", self.xml(name), "-d", "CPU", "-hint", "none", "-nstreams", streams,
                           "-nthreads", threads, "-nireq", streams, "-t", self.args.seconds]
                try:
                    out = run(command + (["-b", batch] if batch > 1 else []))
                    record["fps"] = float(re.search(r"Throughput: +([\d.]+) FPS", out).group(1))
                except Failed as failure:
                    if batch == 1:
                        raise
                    record["error"] = str(failure)  # of a file that reshapes to a fixed batch
                records.append(record)
        self.write("scaling", records)

    def layers(self):
        records = []
        for name in self.models():
            report = json.loads(run([self.program("octet"), "explain", self.xml(name), "--json", "--time"]))
            for row in report["layers"] + report.get("added", []):
                if row.get("kernel") and row.get("time_us"):
                    records.append({"model": name, "layer": row["name"], "kernel": row["kernel"], "us": row["time_us"]})
        self.write("layers", records)

    def nodes(self):
        out = json.loads(run([self.program("infer_benchmark"), "--benchmark_format=json"]))
        self.write("nodes", [{"name": b["name"], "ns": b["per node"] * 1e9} for b in out["benchmarks"]])

    # Two processes that run one model, with and without a cache: their shares of the memory they have.
    def shared(self):
        records = []
        for name in [n for n in self.models() if n in ("resnet50", "bert_base")]:
            with tempfile.TemporaryDirectory() as folder:
                for options in ([], ["--cache_dir", folder]):
                    bench = [self.program("octet"), "bench", self.xml(name), "--threads", 1, "--seconds"]
                    run([*map(str, bench), "0.1", *options])
                    pair = [subprocess.Popen([*map(str, bench), "4", *options], stdout=subprocess.DEVNULL) for _ in range(2)]
                    time.sleep(3)
                    pss = [sum_of(process.pid, "Pss") for process in pair]
                    for process in pair:
                        process.wait()
                    records.append({"model": name, "cache": bool(options), "pss_mb": statistics.mean(pss)})
        self.write("shared", records)


def sum_of(pid, key):
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def machine(args):
    info = collections.OrderedDict()
    info["processor"] = processor_name()
    info["cores"] = len(os.sched_getaffinity(0))
    flags = set(re.search(r"^flags\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M).group(1).split())
    info["instruction sets"] = ", ".join(f for f in ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8") if f in flags)
    info["system"] = " ".join([platform.system(), *platform.libc_ver()])
    info["octet"] = run(["git", "describe", "--always", "--dirty", "--tags"]).strip()
    code = "import openvino, onnxruntime; print(openvino.__version__); print(onnxruntime.__version__)"
    info["OpenVINO"], info["ONNX Runtime"] = run([sys.executable, "-c", code]).splitlines()
    info["date"] = datetime.date.today().isoformat()
    return info


def processor_name():
    match = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return match.group(1) if match else platform.machine()


# -- the page -------------------------------------------------------------
def number(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def by(records, *keys):
    groups = collections.OrderedDict()
    for r in records:
        groups.setdefault(tuple(r[k] for k in keys), []).append(r)
    return groups


def mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


class Peers:
    def __init__(self, records):
        self.good = [r for r in records if "error" not in r]
        self.models = list(by(self.good, "model"))

    def median(self, model, engine, metric, key):
        values = [r[key] for r in self.good if (r["model"], r["engine"], r["metric"]) == (model, engine, metric) and key in r]
        return statistics.median(values) if values else None

    # `pick`: of the values of several engines the better one.
    def row(self, model, metric, key, pick):
        theirs = [v for v in (self.median(model, e, metric, key) for e in OPENVINO) if v is not None]
        return [self.median(model, "octet", metric, key), pick(theirs) if theirs else None,
                self.median(model, "ort-int8", metric, key)]

    def speed(self):
        rows, ratios = [], collections.defaultdict(list)
        for (model,) in self.models:
            cells = [model]
            for metric, key, pick in (("lat1", "median_ms", min), ("lat2", "median_ms", min), ("thr", "throughput", max)):
                ours, openvino, ort = self.row(model, metric, key, pick)
                best = pick([v for v in (openvino, ort) if v is not None], default=None)
                cells.append(" / ".join(map(number, (ours, openvino, ort))))
                ratio = None if ours is None or best is None else best / ours if pick is min else ours / best
                if ratio:
                    ratios[metric].append(ratio)
                cells.append(number(ratio))
            rows.append(cells)
        if rows:
            rows.append(["geometric mean"] + [c for m in ("lat1", "lat2", "thr")
                                              for c in ("", number(mean(ratios[m])) if ratios[m] else "-")])
        return table(["model", "1 thread, ms", "ratio", "2 threads, ms", "ratio", "2 streams, 1/s", "ratio"], rows)

    def memory(self):
        rows = []
        for (model,) in self.models:
            values = self.row(model, "lat1", "rss_mb", min)
            leaner = min([v for v in values[1:] if v is not None], default=None)
            rows.append([model, *map(number, values), number(values[0] / leaner) if leaner and values[0] else "-"])
        return table(["model", "Octet", "OpenVINO", "ONNX Runtime", "of the leaner"], rows)


# Times of one engine over those of another.
def ratio_cells(peers, model, metric, ours, theirs):
    times = [peers.median(model, engine, metric, "median_ms") for engine in (ours, theirs)]
    ratio = times[1] / times[0] if all(times) else None
    return [" / ".join(map(number, times)), number(ratio)], ratio


def real_table(peers):
    rows, ratios = [], collections.defaultdict(list)
    for (model,) in peers.models:
        cells = [model.split("/")[0]]
        for metric in ("lat1", "lat2"):
            ours, openvino, _ = peers.row(model, metric, "median_ms", min)
            ratio = openvino / ours if ours and openvino else None
            ratios[metric] += [ratio] if ratio else []
            cells += [" / ".join(map(number, (ours, openvino))), number(ratio)]
        rows.append(cells)
    rows.append(["geometric mean", "", number(mean(ratios["lat1"])), "", number(mean(ratios["lat2"]))])
    return table(["model", "1 thread, ms", "ratio", "2 threads, ms", "ratio"], rows)


def float_table(peers, int8):
    rows, ratios = [], collections.defaultdict(list)
    for (model,) in peers.models:
        cells = [model.split("/")[0]]
        for metric in ("lat1", "lat2"):
            for hint, theirs in OPENVINO_FLOAT.items():
                texts, ratio = ratio_cells(peers, model, metric, f"octet-{hint}", theirs)
                ratios[metric, hint] += [ratio] if ratio else []
                cells += texts
        rows.append(cells + [ratio_cells(peers, model, "lat1", "octet", "octet-default")[0][1]] * int8)
    rows.append(["geometric mean", *[c for k in ratios for c in ("", number(mean(ratios[k])))]] + [""] * int8)
    header = ["model", *[c for threads in ("1 thread, ms", "2 threads, ms") for c in (threads, "ratio", "held to f32, ms", "ratio")]]
    return table(header + ["int8 over float, 1 thread"] * int8, rows)


# `pairs`: header of the ratio, our engine, theirs.
def caps_table(peers, pairs):
    rows, ratios = [], collections.defaultdict(list)
    for (model,) in peers.models:
        cells = [model]
        for metric in ("lat1", "lat2"):
            for pair in pairs:
                texts, ratio = ratio_cells(peers, model, metric, *pair[1:])
                ratios[metric, pair] += [ratio] if ratio else []
                cells += texts
        rows.append(cells)
    rows.append(["geometric mean", *[c for k in ratios for c in ("", number(mean(ratios[k])))]])
    header = [c for threads in ("1 thread", "2 threads") for name, *_ in pairs for c in (f"{threads}, {name}, ms", "ratio")]
    return table(["model", *header], rows)


def caps_text(m):
    text = []
    if (avx2 := Peers(m.records("caps-AVX2"))).models:
        text += ["## AVX2\n", "Under caps (OCTET_MAX_CPU_ISA, ONEDNN_MAX_CPU_ISA): exact int8 beside OpenVINO's f32, and with INT8_SATURATION "
                 "beside its int8, whose sums saturate, too.\n",
                 caps_table(avx2, [("exact", "octet", "ov-f32-f32hint"), ("saturating", "octet-saturating", "ov-int8-f32hint")])]
    if (vnni := Peers(m.records("caps-AVX2_VNNI"))).models:
        text += ["## AVX2-VNNI\n", "Under the cap AVX2_VNNI, beside OpenVINO's int8 under the same, which on processors that have only AVX-512's "
                 "encoding of the dot product is AVX2; and beside ONNX Runtime, which knows no cap.\n",
                 caps_table(vnni, [("OpenVINO", "octet", "ov-int8-f32hint"), ("ONNX Runtime", "octet", "ort-int8")])]
    return text


def load_table(loads, peers):
    rows = []
    for (model,), records in by(loads, "model").items():
        first, later = records[0], records[1:] or records
        median = lambda key: statistics.median(r[key] for r in later)
        ort = peers.median(model, "ort-int8", "lat1", "load_ms")
        theirs = [v for v in (peers.median(model, e, "lat1", "load_ms") for e in OPENVINO) if v]
        openvino = min(theirs, default=first["openvino"])
        rows.append([model, number(median("octet_cold")), number(median("octet")), number(openvino), number(median("openvino")),
                     number(ort), number(median("octet") / openvino)])
    return table(["model", "Octet", "cached", "OpenVINO", "cached", "ONNX Runtime", "cached / OpenVINO"], rows)


def scaling_table(records):
    rows = []
    for (model,), of_model in by(records, "model").items():
        at = {(r["batch"], r["streams"], r["threads"]): r.get("fps") for r in of_model}
        columns = [(b, 1, t) for t in (1, 2) for b in (1, 4, 16, 64)] + [(1, 2, 2), (1, 4, 4)]
        rows.append([model, *(number(at.get(c)) for c in columns)])
    header = [f"{t} thread{'s' * (t > 1)}, batch {b}" for t in (1, 2) for b in (1, 4, 16, 64)]
    return table(["model", *header, "2 streams", "4 streams"], rows)


def layer_table(records):
    rows = []
    for (model,), of_model in by(records, "model").items():
        total = sum(r["us"] for r in of_model)
        kernels = collections.Counter()
        for r in of_model:
            kernels[r["kernel"]] += r["us"]
        most = max(of_model, key=lambda r: r["us"])
        shares = ", ".join(f"{k} {100 * us / total:.0f}%" for k, us in kernels.most_common(4))
        rows.append([model, number(total / 1e3), str(len(of_model)), shares, f"{most['layer']} {100 * most['us'] / total:.0f}%"])
    return table(["model", "ms", "steps", "kernels with the largest shares", "largest step"], rows)


def page(m, info):
    peers = Peers(m.records("peers"))
    rounds = len({r["round"] for r in peers.good})
    text = ["# Performance\n", "Written by `tools/performance.py` from raw results; int8 models with random weights, batch 1 where not said.\n",
            table(["", ""], [[k, str(v)] for k, v in info.items()])]
    if peers.models:
        text += ["## Speed\n", f"Octet / OpenVINO (its default or with f32 hint, the better) / ONNX Runtime; medians of {rounds} interleaved "
                 "rounds. Ratio: to the faster of the two, above 1 is faster.\n", peers.speed(),
                 "## Memory\n", "Peak growth from before loading to the end, MB, 1 thread.\n", peers.memory()]
    if (real := Peers(m.records("real"))).models:
        text += ["## Models of the world\n", "Quantized files as they are, with f16 tensors and zero points. Octet / OpenVINO (the better of its "
                 "default and f32 hint).\n", real_table(real)]
    if (real_floats := Peers(m.records("real-floats"))).models:
        text += ["Float files as they are, Octet / OpenVINO: each with its own choice of precision (bf16 where the machine is faster with it), "
                 "and held to f32.\n", float_table(real_floats, int8=False)]
    if (floats := Peers(m.records("floats"))).models:
        text += ["## Float models\n", "The same networks before quantization, Octet / OpenVINO: each with its own choice of precision (bf16 where "
                 "the machine is faster with it), and held to f32.\n", float_table(floats, int8=True)]
    text += caps_text(m)
    if loads := m.records("load"):
        text += ["## Load\n", "Reading and compiling, ms, 1 thread. Cached: the same with CACHE_DIR, in another process.\n",
                 load_table(loads, peers)]
    if shared := m.records("shared"):
        text += ["## Shared memory\n", "Proportional share (PSS) of each of two processes that run the same model, MB.\n",
                 table(["model", "without cache", "with cache"],
                       [[model, *(number(next((r["pss_mb"] for r in rs if r["cache"] == c), None)) for c in (False, True))]
                        for (model,), rs in by(shared, "model").items()])]
    if scaling := m.records("scaling"):
        text += ["## Scaling\n", "Images (sequences; of lstm2 time steps) a second; streams have one thread each. -: the file fixes the "
                 "batch.\n", scaling_table(scaling)]
    if layers := m.records("layers"):
        text += ["## Layers\n", "Where the time of an inference goes, all threads of the machine.\n", layer_table(layers)]
    if nodes := m.records("nodes"):
        text += ["## Cost of a node\n", "10,000 nodes that do next to nothing (`infer_benchmark`), ns a node.\n",
                 table(["", "ns"], [[r["name"], number(r["ns"])] for r in nodes])]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models; default: all there are")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path("../shared/tools/peers"))
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    parser.add_argument("--real", type=pathlib.Path, default=pathlib.Path("../shared/models"))
    parser.add_argument("--raw", type=pathlib.Path, default=pathlib.Path("build/performance"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/performance.md"))
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, of {', '.join(PARTS)}, or none")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    args = parser.parse_args()
    measurements = Measurements(args)
    parts = [] if args.parts == "none" else args.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}, only {', '.join(PARTS)}")
    for part in parts:
        print(part, flush=True)
        try:
            getattr(measurements, part.replace("-", "_"))()
        except Failed as failure:
            sys.exit(str(failure))
    machine_file = args.raw / "machine.json"
    if parts:
        machine_file.write_text(json.dumps(machine(args)))
    args.out.write_text(page(measurements, json.loads(machine_file.read_text())))


if __name__ == "__main__":
    main()
