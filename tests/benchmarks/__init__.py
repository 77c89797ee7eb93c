"""Tests of the cost model and of the simulation."""
