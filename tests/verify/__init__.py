"""Tests of verify, in which each question gets the assumed answer and a different one."""
