"""Measures the function, the endpoint and the app."""
