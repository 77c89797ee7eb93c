"""Tests of the webhook destination."""
