"""The benchmark, the cost model and the simulation."""
