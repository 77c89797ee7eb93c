"""Tests of the functions and the request templates."""
