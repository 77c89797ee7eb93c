"""Tests of the Firehose destination."""
