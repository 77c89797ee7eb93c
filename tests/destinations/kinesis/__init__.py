"""Tests of the Kinesis destination."""
