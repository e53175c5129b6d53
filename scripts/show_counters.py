#!/usr/bin/env python3
"""Shows a counters report of benchmark_app as a table: one row per layer that ran, then the time per precision."""
import csv
import sys

COLUMNS = ("layerName", "execStatus", "layerType", "execType", "realTime (ms)")


def column(header, name):
    for i, title in enumerate(header):
        if title.split(" ")[0] == name.split(" ")[0]:
            return i
    sys.exit(f"show_counters: no column '{name}' in the report, its columns are {header}")


def main(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file, delimiter=";") if row]
    if not rows:
        sys.exit(f"show_counters: '{path}' is empty")
    header = rows[0]
    picks = [column(header, name) for name in COLUMNS]
    layers = [[row[i] for i in picks] for row in rows[1:] if len(row) > max(picks) and row[0] != "Total"]
    widths = [max(len(row[i]) for row in layers + [list(COLUMNS)]) for i in range(len(COLUMNS))]
    for row in [list(COLUMNS)] + layers:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths)]
        print("  ".join(cells), row[-1].rjust(widths[-1]))

    precisions = {}
    for _, status, _, kernel, time in layers:
        if status == "EXECUTED":
            layer_count, total = precisions.get(kernel.rsplit("_", 1)[-1], (0, 0.0))
            precisions[kernel.rsplit("_", 1)[-1]] = (layer_count + 1, total + float(time))
    print()
    for precision, (layer_count, total) in sorted(precisions.items(), key=lambda item: -item[1][1]):
        print(f"{precision}: {layer_count} layers, {total:.3f} ms")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: show_counters.py REPORT.csv")
    main(sys.argv[1])
