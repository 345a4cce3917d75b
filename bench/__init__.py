"""Benchmarks: ratios against references measured in the same run (see `docs/benchmarks.md`).

Each module prints one table and one line of JSON: `python -m bench`, or `python -m bench callbacks`.
"""
