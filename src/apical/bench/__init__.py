"""Benchmark of devices (`apical bench`): cases, a worker process for each, a figure.

Imports `devices` and `plotting`. To add a case, add it to `benchmarks.cases`.
"""
