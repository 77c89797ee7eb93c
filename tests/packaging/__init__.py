"""Tests of the wheel, the source distribution, documents and workflows."""
