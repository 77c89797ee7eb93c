"""Tests of destinations: one suite for all of them, and a folder for each."""
