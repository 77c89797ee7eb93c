"""Tests of the EventBridge destination."""
