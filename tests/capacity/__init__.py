"""Tests of the cost model, the quotas, the simulation, and their document."""
