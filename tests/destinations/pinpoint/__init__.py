"""Tests of the Pinpoint destination."""
