"""Capacity and costs on AWS: prices, quotas and a simulation, from which docs/capacity.md is made.

Nothing here measures: what the function takes in CPU is a number in :mod:`capacity.model`, which
``benchmarks/RESULTS.md`` is the source of. ``make capacity`` brings the document up to date.
"""
